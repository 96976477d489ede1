// Preloaded into a server, makes each fsync and fdatasync take SLOW_US microseconds longer, as an ordinary disk does.
//
// gcc -O2 -shared -fPIC -o slowflush.so slowflush.c -ldl;  LD_PRELOAD=./slowflush.so SLOW_US=2000 …
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_as_told(void) {
    static long us = -1;
    if (us < 0) us = getenv("SLOW_US") ? atol(getenv("SLOW_US")) : 0;
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_as_told();
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_as_told();
    return real(fd);
}
