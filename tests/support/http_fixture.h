/* An application of a dozen routes, and the HTTPS server that serves it over loopback with deadlines shorter
 * than in life. Each test has a server of its own. Assertions are only for the test's thread: handlers run on
 * others. */
#ifndef FLEETMEND_TEST_HTTP_FIXTURE_H
#define FLEETMEND_TEST_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_limits.h"
#include "mem.h"
#include "raw_client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PARKED_MAX = 64, BIG_BYTES = 16 << 20, ECHO_MAX = 20000 };

extern const struct http_limits quick;

/* The application behind the server. */
extern struct app {
    pthread_mutex_t lock; /* guards parked */
    struct exchange *parked[PARKED_MAX];
    atomic_int gone, gone_late, handled, ticks;
    _Atomic int64_t now_ms;
    char *big;
} app;

extern struct http_server *server;
extern pthread_t server_thread;
extern char cert_file[64], key_file[64];

/* Set-up and tear-down of the group, and of a test. stop() is fine with a server that has ended. */
int make_folder(void **state);
int remove_folder(void **state);
int start(void **state);
int stop(void **state);
#define SERVED(test)     cmocka_unit_test_setup_teardown(test, start, stop)
#define OWN_SERVER(test) cmocka_unit_test_teardown(test, stop)

struct http_options options(void);
void start_with(const struct http_options *, const struct http_limits *);
/* Joins a server that was told to stop, and frees it. */
void wait_for_end(void);
int port(void);
struct http_stats stats(void);
int64_t now_ms(void);

void handle_ping(void *app, struct exchange *);
/* Exchanges whose handler left them to the test. NULL when there is none. */
struct exchange *park_take(void);
int parked_count(void);
/* A connection whose GET /wait is parked. */
struct client *open_wait(void);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* One request on its own connection gets this status, and a problem document from 400 on. */
void expect(const char *request, int status);

/* What happens on another thread is waited for, at most 5 s. */
#define WAIT_UNTIL(condition)                                                                                \
    do {                                                                                                     \
        int64_t limit_ms = now_ms() + 5000;                                                                  \
        while (!(condition)) {                                                                               \
            if (now_ms() > limit_ms)                                                                         \
                fail_msg("never came true: %s", #condition);                                                 \
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);                                         \
        }                                                                                                    \
    } while (0)

#endif
