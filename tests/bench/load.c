// Load for a unary gRPC method over HTTP/2 on this machine, cleartext or TLS: so many callers, each waiting for its answer.
//
// Closed loop: a caller sends its next request once it has the answer to the last. With -q the calls are due at a fixed
// rate whether or not earlier ones are answered, and time counts from when a call was due. A call is good only with
// :status 200, grpc-status 0 and one whole message. One pushed back (RESOURCE_EXHAUSTED or UNAVAILABLE with
// grpc-retry-pushback-ms) is sent again, the same bytes, after the time it was told; its time counts from the first.
//
// With TLS (-A) every connection is made before the warm-up begins: what counts is the calls, not the handshakes.
//
// gcc -O2 -o load load.c -lnghttp2 -lssl -lcrypto
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const char *USAGE =
    "load -p PORT -P /package.Service/Method -b FILE -n CALLERS -d SECONDS [options]\n"
    "  -b FILE             the request message, protobuf without gRPC's five bytes\n"
    "  -n CALLERS          calls that may wait for an answer at once\n"
    "  -c CONNECTIONS      connections they share (default 1)\n"
    "  -w SECONDS          warm-up before the timed window (default 1)\n"
    "  -u OFFSET           where in the message a UUID of 36 characters is patched in, another for each request\n"
    "  -m OFFSET           where in the message 25 digits of a message id are patched in, others for each request\n"
    "  -s SERIAL           number of the first UUID (default 0); the report's `next` continues\n"
    "  -r OFFSET:LEN:FIRST:COUNT  where a decimal number is patched in, drawn from COUNT numbers from FIRST on\n"
    "  -a VALUE            the metadata `authorization` of each call (default none)\n"
    "  -A FILE             TLS: the root that the server's certificate must lead to, PEM\n"
    "  -C FILE             with it, the certificate that is shown to the server, PEM\n"
    "  -Y FILE             its key, PEM\n"
    "  -t SECONDS          deadline each call states (default none)\n"
    "  -q RATE             calls a second that fall due, instead of a closed loop\n"
    "  -k PID,PID          the server: CPU of these processes and all their children over the timed window\n"
    "  -K PID,PID          the same for its database\n"
    "Prints one JSON object.\n";

enum {
    PREFIX = 5,                 // gRPC's flag and length before a message
    LARGEST = 1 << 16,          // bytes of a request
    STATUSES = 17,              // grpc-status 0 to 16
    RESOURCE_EXHAUSTED = 8,
    UNAVAILABLE = 14,
    DRAIN_S = 5,                // how long answers are awaited after the window
};
#define SECOND 1000000000LL

typedef struct Connection {
    int fd;
    SSL *tls;                   // NULL if it is cleartext
    nghttp2_session *session;
    const uint8_t *pending;     // given by nghttp2, not yet in the buffer
    size_t pending_size;
    uint8_t buffer[1 << 16];    // many small frames become one write
    size_t filled, written;
    bool waits_to_write;
} Connection;

typedef enum { IDLE, ASKING, PUSHED_BACK } State;

typedef struct Caller {
    Connection *connection;
    State state;
    uint8_t *request;           // prefix and message
    size_t sent;
    int64_t asked_at;           // when this request was first sent, or due
    int64_t again_at;           // when one that was pushed back is sent again
    bool http_ok;               // the answer to it, as far as it has come:
    int grpc_status;
    int64_t pushback_ms;
    uint8_t reply_prefix[PREFIX];
    size_t reply_size;
} Caller;

// What was asked for on the command line.
static struct {
    int port, callers, connections;
    const char *method, *server_pids, *database_pids, *authorization, *root, *certificate, *key;
    double warm_s, timed_s, deadline_s, rate;
    int id_at, msgid_at;
    int person_at, person_digits;
    uint64_t person_first, person_count, serial;
} wanted = {.connections = 1, .method = "", .server_pids = "", .database_pids = "", .warm_s = 1, .timed_s = 3,
            .id_at = -1, .msgid_at = -1, .person_at = -1, .person_count = 1};

// What happened: `sent` and `acknowledged` from the first call to the last, the rest within the timed window.
static struct {
    uint64_t sent, acknowledged;
    uint64_t good, failed, pushed_back, statuses[STATUSES], no_status, reply_bytes;
    uint32_t *latencies_us;
    size_t latencies, room;
} counted;

static uint8_t template[PREFIX + LARGEST];
static size_t template_size;
static Caller *callers;
static Connection *connections;
static char authority[64], deadline[32];
static int64_t window_begins, window_ends, due_at;
static bool stopping;
static int epoll, timer, asking;
static SSL_CTX *trust;

static void die(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(2);
}

static void die_of(const char *what) {
    perror(what);
    exit(2);
}

static void die_of_tls(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

// ---- the request: a template, an id and a person patched into it

// splitmix64's finaliser: another number for each number, spread over all 64 bits.
static uint64_t mixed(uint64_t x) {
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

// Ids look as random ones do: a server must not profit from ids that come in order.
static void patch_id(uint8_t *at, uint64_t serial) {
    uint64_t high = mixed(serial), low = mixed(~serial);
    char text[37];
    snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
             (unsigned)(high & 0xfff), (unsigned)(0x8000 | (low >> 48 & 0x3fff)),
             (unsigned long long)(low & 0xffffffffffffULL));
    memcpy(at, text, 36);
}

static void patch_number(uint8_t *at, int digits, uint64_t number) {
    for (int i = digits - 1; i >= 0; i--, number /= 10) at[i] = '0' + number % 10;
}

static void compose(Caller *caller) {
    uint8_t *message = caller->request + PREFIX;
    uint64_t serial = wanted.serial++;
    if (wanted.id_at >= 0) patch_id(message + wanted.id_at, serial);
    if (wanted.msgid_at >= 0) patch_number(message + wanted.msgid_at, 25, serial);
    if (wanted.person_at >= 0) {
        uint64_t drawn = mixed(serial ^ 0x5bd1e995) % wanted.person_count;
        patch_number(message + wanted.person_at, wanted.person_digits, wanted.person_first + drawn);
    }
}

static void read_template(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die_of(path);
    size_t size = fread(template + PREFIX, 1, LARGEST, file);
    fclose(file);
    uint8_t prefix[PREFIX] = {0, size >> 24, size >> 16, size >> 8, size};
    memcpy(template, prefix, PREFIX);
    template_size = PREFIX + size;
}

// ---- sending

static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
    (void)session, (void)id, (void)user;
    Caller *caller = source->ptr;
    size_t size = template_size - caller->sent;
    if (size > room) size = room;
    memcpy(buffer, caller->request + caller->sent, size);
    caller->sent += size;
    if (caller->sent == template_size) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return size;
}

static nghttp2_nv header(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

// Sends the caller's request as it stands; the connection has to be flushed afterwards.
static void send_request(Caller *caller) {
    caller->state = ASKING;
    caller->sent = caller->reply_size = 0;
    caller->http_ok = false;
    caller->grpc_status = -1;
    caller->pushback_ms = -1;
    nghttp2_nv headers[9] = {
        header(":method", "POST"), header(":scheme", wanted.root ? "https" : "http"),
        header(":path", wanted.method), header(":authority", authority),
        header("content-type", "application/grpc"), header("te", "trailers"),
        header("user-agent", "gongji-bench"),
    };
    size_t count = 7;
    if (wanted.deadline_s) headers[count++] = header("grpc-timeout", deadline);
    if (wanted.authorization) headers[count++] = header("authorization", wanted.authorization);
    nghttp2_data_provider body = {.source.ptr = caller, .read_callback = give_body};
    if (nghttp2_submit_request(caller->connection->session, NULL, headers, count, &body, caller) < 0)
        die("nghttp2 would not take a request");
    counted.sent++;
    asking++;
}

static void ask(Caller *caller, int64_t since) {
    compose(caller);
    caller->asked_at = since;
    send_request(caller);
}

static void watch(Connection *connection, bool writing) {
    if (connection->waits_to_write == writing) return;
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
    connection->waits_to_write = writing;
}

// Fills the empty buffer with what nghttp2 has to say.
static void fill(Connection *c) {
    c->filled = c->written = 0;
    while (c->filled < sizeof c->buffer) {
        if (!c->pending_size) {
            ssize_t got = nghttp2_session_mem_send(c->session, &c->pending);
            if (got <= 0) return;
            c->pending_size = got;
        }
        size_t room = sizeof c->buffer - c->filled;
        size_t part = c->pending_size < room ? c->pending_size : room;
        memcpy(c->buffer + c->filled, c->pending, part);
        c->filled += part;
        c->pending += part;
        c->pending_size -= part;
    }
}

// As read() and write(), also through TLS; a renegotiation does not exist in what we speak (TLS 1.2 without it, 1.3).
static ssize_t moved(Connection *c, int done) {
    if (done > 0) return done;
    switch (SSL_get_error(c->tls, done)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
        case SSL_ERROR_ZERO_RETURN: return 0;
        default: die_of_tls("a connection failed"); return -1;
    }
}

static ssize_t send_some(Connection *c, const uint8_t *from, size_t size) {
    return c->tls ? moved(c, SSL_write(c->tls, from, size)) : write(c->fd, from, size);
}

static ssize_t receive_some(Connection *c, uint8_t *into, size_t room) {
    return c->tls ? moved(c, SSL_read(c->tls, into, room)) : read(c->fd, into, room);
}

// Writes until nothing is left, or until the socket takes no more; then the event loop comes back here.
static void flush(Connection *c) {
    for (;;) {
        if (c->written == c->filled) fill(c);
        if (!c->filled) return watch(c, false);
        ssize_t wrote = send_some(c, c->buffer + c->written, c->filled - c->written);
        if (wrote < 0 && errno == EAGAIN) return watch(c, true);
        if (wrote < 0) die_of("write");
        c->written += wrote;
    }
}

// ---- whose turn it is

static struct {
    Caller **ring;
    size_t first, count;
} idle;

static void rest(Caller *caller) {
    caller->state = IDLE;
    idle.ring[(idle.first + idle.count++) % wanted.callers] = caller;
}

// Open loop: gives each call that is due to whoever has been idle longest; with nobody idle it stays due.
static void ask_what_is_due(void) {
    while (!stopping && idle.count && due_at <= now()) {
        Caller *caller = idle.ring[idle.first];
        idle.first = (idle.first + 1) % wanted.callers;
        idle.count--;
        ask(caller, due_at);
        flush(caller->connection);
        due_at += SECOND / wanted.rate;
    }
}

// Sends again what was pushed back long enough ago; when the next of them is due, or never.
static int64_t ask_again(void) {
    int64_t next = INT64_MAX;
    for (Caller *caller = callers; caller < callers + wanted.callers; caller++) {
        if (caller->state != PUSHED_BACK) continue;
        if (caller->again_at <= now()) {
            send_request(caller);
            flush(caller->connection);
        } else if (caller->again_at < next) {
            next = caller->again_at;
        }
    }
    return next;
}

// ---- answers

static void record(int64_t ended, int64_t began) {
    if (counted.latencies == counted.room) {
        counted.room = counted.room ? counted.room * 2 : 1 << 16;
        counted.latencies_us = realloc(counted.latencies_us, counted.room * sizeof *counted.latencies_us);
        if (!counted.latencies_us) die("out of memory");
    }
    counted.latencies_us[counted.latencies++] = (ended - began) / 1000;
}

static bool whole_message(const Caller *caller) {
    const uint8_t *prefix = caller->reply_prefix;
    size_t size = (size_t)prefix[1] << 24 | prefix[2] << 16 | prefix[3] << 8 | prefix[4];
    return size > 0 && caller->reply_size == PREFIX + size;
}

static bool told_to_wait(const Caller *caller) {
    return caller->pushback_ms >= 0 &&
           (caller->grpc_status == RESOURCE_EXHAUSTED || caller->grpc_status == UNAVAILABLE);
}

static void count(const Caller *caller, bool good, bool again) {
    int64_t at = now();
    counted.acknowledged += good;
    if (at < window_begins || at >= window_ends) return;
    if (good) {
        counted.good++;
        counted.reply_bytes += caller->reply_size - PREFIX;
        record(at, caller->asked_at);
        return;
    }
    counted.pushed_back += again;
    counted.failed += !again;
    if (caller->grpc_status >= 0 && caller->grpc_status < STATUSES)
        counted.statuses[caller->grpc_status]++;
    else
        counted.no_status++;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *user) {
    (void)flags, (void)user;
    Caller *caller = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!caller) return 0;
    char text[16] = "";
    memcpy(text, value, value_size < sizeof text - 1 ? value_size : sizeof text - 1);
#define IS(literal) (name_size == sizeof literal - 1 && !memcmp(name, literal, sizeof literal - 1))
    if (IS(":status"))
        caller->http_ok = !strcmp(text, "200");
    else if (IS("grpc-status"))
        caller->grpc_status = atoi(text);
    else if (IS("grpc-retry-pushback-ms"))
        caller->pushback_ms = atoll(text);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *user) {
    (void)flags, (void)user;
    Caller *caller = nghttp2_session_get_stream_user_data(session, id);
    for (size_t i = 0; caller && i < size && caller->reply_size + i < PREFIX; i++)
        caller->reply_prefix[caller->reply_size + i] = data[i];
    if (caller) caller->reply_size += size;
    return 0;
}

// The answer is whole: counts it and lets the caller go on.
static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    (void)error, (void)user;
    Caller *caller = nghttp2_session_get_stream_user_data(session, id);
    if (!caller) return 0;
    asking--;
    bool good = caller->http_ok && caller->grpc_status == 0 && whole_message(caller);
    bool again = !good && told_to_wait(caller);
    count(caller, good, again);
    if (stopping) {
        caller->state = IDLE;
    } else if (again) {
        caller->state = PUSHED_BACK;
        caller->again_at = now() + caller->pushback_ms * 1000000;
    } else if (wanted.rate) {
        rest(caller);
    } else {
        ask(caller, now());
    }
    return 0;
}

// ---- connections

static void read_trust(void) {
    trust = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(trust, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(trust, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_protos(trust, (const unsigned char *)"\x02h2", 3);
    if (!SSL_CTX_load_verify_locations(trust, wanted.root, NULL)) die_of_tls(wanted.root);
    if (!wanted.certificate) return;
    if (SSL_CTX_use_certificate_chain_file(trust, wanted.certificate) != 1) die_of_tls(wanted.certificate);
    if (!wanted.key || SSL_CTX_use_PrivateKey_file(trust, wanted.key, SSL_FILETYPE_PEM) != 1) die_of_tls("its key");
}

static SSL *shake_hands(int fd) {
    SSL *tls = SSL_new(trust);
    const unsigned char *protocol;
    unsigned size;
    SSL_set1_host(tls, "localhost");
    SSL_set_tlsext_host_name(tls, "localhost");
    SSL_set_fd(tls, fd);
    if (SSL_connect(tls) != 1) die_of_tls("the handshake failed");
    SSL_get0_alpn_selected(tls, &protocol, &size);
    if (size != 2) die("the server did not choose HTTP/2");
    return tls;
}

static int dial(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(wanted.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&server, sizeof server)) die_of("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void open_connection(Connection *connection, nghttp2_session_callbacks *callbacks) {
    connection->fd = dial();
    if (trust) connection->tls = shake_hands(connection->fd);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    nghttp2_session_client_new(&connection->session, callbacks, connection);
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20},
                                         {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, 1 << 24);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
    flush(connection);
}

static void open_all(void) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    connections = calloc(wanted.connections, sizeof *connections);
    callers = calloc(wanted.callers, sizeof *callers);
    idle.ring = calloc(wanted.callers, sizeof *idle.ring);
    if (!connections || !callers || !idle.ring) die("out of memory");
    for (int i = 0; i < wanted.connections; i++) open_connection(&connections[i], callbacks);
    for (int i = 0; i < wanted.callers; i++) {
        callers[i].connection = &connections[i % wanted.connections];
        callers[i].request = malloc(template_size);
        if (!callers[i].request) die("out of memory");
        memcpy(callers[i].request, template, template_size);
    }
}

// Reads all there is. A server that hangs up in the middle has failed the run.
static void hear(Connection *connection) {
    static uint8_t buffer[1 << 18];
    ssize_t got;
    while ((got = receive_some(connection, buffer, sizeof buffer)) > 0) {
        ssize_t taken = nghttp2_session_mem_recv(connection->session, buffer, got);
        if (taken < 0) die(nghttp2_strerror(taken));
        // TLS gives a record at a time, and the socket does not say what it holds beside.
        if (!connection->tls && got < (ssize_t)sizeof buffer) break;
    }
    if (got < 0 && errno != EAGAIN) die_of("read");
    if (got == 0) die("the server closed a connection");
    flush(connection);
}

// ---- processor time

// CPU seconds of one process, all its threads.
static double cpu_of(const char *pid) {
    char path[64], line[1024];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fgets(line, sizeof line, file))  // the name in brackets may hold anything
        sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    fclose(file);
    return (user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

// CPU seconds of a process and of its children, theirs included; each thread lists the children it made.
static double cpu_of_tree(const char *pid) {
    double sum = cpu_of(pid);
    char path[300], child[32];
    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *threads = opendir(path);
    for (struct dirent *thread; threads && (thread = readdir(threads));) {
        if (thread->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%s/task/%s/children", pid, thread->d_name);
        FILE *file = fopen(path, "r");
        while (file && fscanf(file, "%31s", child) == 1) sum += cpu_of_tree(child);
        if (file) fclose(file);
    }
    if (threads) closedir(threads);
    return sum;
}

static double cpu_of_all(const char *pids) {
    double sum = 0;
    char *list = strdup(pids), *rest = list;
    for (char *pid; (pid = strsep(&rest, ","));)
        if (*pid) sum += cpu_of_tree(pid);
    free(list);
    return sum;
}

// CPU seconds the whole machine has spent on anything: shows whether somebody else was at work.
static double cpu_of_machine(void) {
    unsigned long long user = 0, nice = 0, kernel = 0, irq = 0, softirq = 0, stolen = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (!file) return 0;
    int read = fscanf(file, "cpu %llu %llu %llu %*u %*u %llu %llu %llu", &user, &nice, &kernel, &irq, &softirq, &stolen);
    fclose(file);
    return read == 6 ? (user + nice + kernel + irq + softirq + stolen) / (double)sysconf(_SC_CLK_TCK) : 0;
}

typedef struct Cpu {
    double server, database, machine, client;
} Cpu;

static Cpu cpu_now(void) {
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    double client = own.ru_utime.tv_sec + own.ru_stime.tv_sec + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
    return (Cpu){cpu_of_all(wanted.server_pids), cpu_of_all(wanted.database_pids), cpu_of_machine(), client};
}

// ---- the run

static void wake_at(int64_t when) {
    struct itimerspec once = {.it_value = {.tv_sec = when / SECOND, .tv_nsec = when % SECOND}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &once, NULL);
}

static int64_t earliest(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// Lets the callers work until an instant.
static void run_until(int64_t end) {
    struct epoll_event events[64];
    while (now() < end && !(stopping && !asking)) {
        int64_t wake = end;
        if (!stopping) wake = earliest(wake, ask_again());
        if (wanted.rate) ask_what_is_due();
        if (wanted.rate && !stopping && idle.count) wake = earliest(wake, due_at);
        wake_at(wake);
        int count = epoll_wait(epoll, events, 64, 1000);
        for (int i = 0; i < count; i++) {
            Connection *connection = events[i].data.ptr;
            uint64_t ticks;
            if (!connection)
                (void)!read(timer, &ticks, sizeof ticks);
            else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                hear(connection);
            else
                flush(connection);
        }
    }
}

static void begin(void) {
    epoll = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    open_all();
    window_begins = now() + (int64_t)(wanted.warm_s * SECOND);
    window_ends = window_begins + (int64_t)(wanted.timed_s * SECOND);
    due_at = now();
    for (int i = 0; i < wanted.callers; i++) {
        if (wanted.rate)
            rest(&callers[i]);
        else
            ask(&callers[i], now());
    }
    for (int i = 0; i < wanted.connections; i++) flush(&connections[i]);
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile_ms(double share) {
    return counted.latencies ? counted.latencies_us[(size_t)((counted.latencies - 1) * share)] / 1000.0 : 0;
}

static void report(Cpu before, Cpu after) {
    double good = counted.good ? counted.good : 1;
    double server = after.server - before.server, database = after.database - before.database;
    qsort(counted.latencies_us, counted.latencies, sizeof *counted.latencies_us, by_size);
    printf("{\"callers\":%d,\"connections\":%d,\"seconds\":%g,", wanted.callers, wanted.connections, wanted.timed_s);
    printf("\"calls_per_s\":%.1f,\"good\":%lu,", counted.good / wanted.timed_s, counted.good);
    printf("\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,", quantile_ms(.5), quantile_ms(.99), quantile_ms(1));
    printf("\"server_us\":%.1f,\"database_us\":%.1f,", server * 1e6 / good, database * 1e6 / good);
    printf("\"server_cores\":%.3f,\"database_cores\":%.3f,", server / wanted.timed_s, database / wanted.timed_s);
    printf("\"client_cores\":%.3f,", (after.client - before.client) / wanted.timed_s);
    printf("\"machine_cores\":%.3f,", (after.machine - before.machine) / wanted.timed_s);
    printf("\"failed\":%lu,\"pushed_back\":%lu,\"no_status\":%lu,", counted.failed, counted.pushed_back, counted.no_status);
    printf("\"statuses\":{");
    const char *comma = "";
    for (int status = 0; status < STATUSES; status++) {
        if (!counted.statuses[status]) continue;
        printf("%s\"%d\":%lu", comma, status, counted.statuses[status]);
        comma = ",";
    }
    printf("},\"reply_bytes\":%.0f,\"sent\":%lu,", counted.reply_bytes / good, counted.sent);
    printf("\"acknowledged\":%lu,\"unanswered\":%d,\"next\":%lu}\n", counted.acknowledged, asking, wanted.serial);
}

static void read_options(int argc, char **argv) {
    const char *body = NULL;
    for (int option; (option = getopt(argc, argv, "a:A:C:Y:p:P:b:n:c:d:w:u:s:r:t:q:k:K:m:")) != -1;) switch (option) {
        case 'a': wanted.authorization = optarg; break;
        case 'A': wanted.root = optarg; break;
        case 'C': wanted.certificate = optarg; break;
        case 'Y': wanted.key = optarg; break;
        case 'p': wanted.port = atoi(optarg); break;
        case 'P': wanted.method = optarg; break;
        case 'b': body = optarg; break;
        case 'n': wanted.callers = atoi(optarg); break;
        case 'c': wanted.connections = atoi(optarg); break;
        case 'd': wanted.timed_s = atof(optarg); break;
        case 'w': wanted.warm_s = atof(optarg); break;
        case 'u': wanted.id_at = atoi(optarg); break;
        case 'm': wanted.msgid_at = atoi(optarg); break;
        case 's': wanted.serial = strtoull(optarg, NULL, 10); break;
        case 'r': sscanf(optarg, "%d:%d:%lu:%lu", &wanted.person_at, &wanted.person_digits, &wanted.person_first,
                         &wanted.person_count); break;
        case 't': wanted.deadline_s = atof(optarg); break;
        case 'q': wanted.rate = atof(optarg); break;
        case 'k': wanted.server_pids = optarg; break;
        case 'K': wanted.database_pids = optarg; break;
        default: die(USAGE);
    }
    if (!body || !wanted.port || wanted.callers < 1 || wanted.connections < 1 || wanted.timed_s <= 0) die(USAGE);
    snprintf(authority, sizeof authority, "127.0.0.1:%d", wanted.port);
    snprintf(deadline, sizeof deadline, "%dm", (int)(wanted.deadline_s * 1000));
    read_template(body);
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    if (wanted.root) read_trust();
    begin();
    run_until(window_begins);
    Cpu before = cpu_now();
    run_until(window_ends);
    Cpu after = cpu_now();
    stopping = true;
    run_until(window_ends + DRAIN_S * SECOND);
    report(before, after);
    return 0;
}
