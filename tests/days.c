/* Preloaded before libfaketime by tests/days.py: hands every wait for a span of time to the C library itself.
 *
 * libfaketime 0.9.10 leaves the monotonic clock as it is (DONT_FAKE_MONOTONIC) and yet shifts a sleep until a moment of
 * that clock: time.sleep ends in EINVAL. Faked too, that clock is another than the one sem_clockwait waits by, which
 * libfaketime does not know: a lock's timeout never comes. And while it waits it shows signal handlers the true date: a
 * timeout of PostgreSQL is put off to the faked one. A span of time needs no faking once the monotonic clock is true.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define UNFAKED(result, name, parameters, arguments)                    \
    static result(*real_##name) parameters;                             \
    __attribute__((constructor)) static void find_##name(void)          \
    {                                                                   \
        real_##name = dlsym(dlopen("libc.so.6", RTLD_LAZY), #name);     \
    }                                                                   \
    result name parameters                                              \
    {                                                                   \
        if (!real_##name) /* another library's constructor came first */ \
            find_##name();                                              \
        return real_##name arguments;                                   \
    }

UNFAKED(unsigned, alarm, (unsigned s), (s))
UNFAKED(unsigned, sleep, (unsigned s), (s))
UNFAKED(int, usleep, (useconds_t us), (us))
UNFAKED(int, nanosleep, (const struct timespec *t, struct timespec *left), (t, left))
UNFAKED(int, clock_nanosleep, (clockid_t c, int flags, const struct timespec *t, struct timespec *left),
        (c, flags, t, left))
UNFAKED(int, poll, (struct pollfd *f, nfds_t n, int ms), (f, n, ms))
UNFAKED(int, ppoll, (struct pollfd *f, nfds_t n, const struct timespec *t, const sigset_t *s), (f, n, t, s))
UNFAKED(int, epoll_wait, (int e, struct epoll_event *f, int n, int ms), (e, f, n, ms))
UNFAKED(int, epoll_pwait, (int e, struct epoll_event *f, int n, int ms, const sigset_t *s), (e, f, n, ms, s))
UNFAKED(int, select, (int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *t), (n, r, w, x, t))
UNFAKED(int, pselect, (int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *t, const sigset_t *s),
        (n, r, w, x, t, s))
