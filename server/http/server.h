/* What the files of this library share: the server and its loops. */
#ifndef FLEETMEND_HTTP_SERVER_PRIVATE_H
#define FLEETMEND_HTTP_SERVER_PRIVATE_H

#include "http_limits.h"
#include "http_server.h"

#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

struct box;
struct conn;
struct rate;

/* Something to do on a loop's thread. Embedded in what it is about; `run` owns it. */
struct mail {
    struct mail *next;
    void (*run)(struct mail *);
};

/* One listening socket of one loop: the main one, or that of agent_listen. */
struct door {
    struct loop *loop;
    struct evhttp *http; /* NULL: not used */
    struct evhttp_bound_socket *bound;
    int fd; /* -1 once the listener owns it */
    bool agents_only;
};

enum { DOORS_MAX = 2 };

/* The deadlines as libevent's common time-outs: one queue each instead of a heap of all connections. */
struct deadlines {
    const struct timeval *request, *idle, *answer, *linger;
};

struct loop {
    struct http_server *server;
    int number;
    pthread_t thread;
    struct event_base *base;
    struct door doors[DOORS_MAX];
    struct deadlines deadlines;
    struct event *wake, *tick, *stop_check;
    int wake_fd;
    pthread_mutex_t lock; /* guards mail_first, mail_last */
    struct mail *mail_first, *mail_last;
    /* only on the loop's thread from here on */
    struct conn *conns;
    struct box *boxes; /* every exchange not yet answered */
    int handshakes;    /* in flight */
    bool stopping;
    int64_t stop_at_ms;
};

struct http_server {
    struct http_options options;
    struct http_limits limits;
    uint32_t body_max; /* the largest of the routes */
    SSL_CTX *tls;
    struct rate *rate;
    struct loop *loops;
    int loop_count, port, agent_port;
    uint32_t connections_max;
    atomic_bool stop;
    _Atomic uint64_t connections_now, connections_total, requests, refused, handshake_failures,
        cut_by_deadline;
};

bool loop_init(struct loop *, struct http_server *, int number, const int fds[DOORS_MAX], struct err *e);
/* Serves until the server's stop flag is seen and everything owed was answered, or the time for that is over.
 */
void loop_run(struct loop *);
/* After loop_run(), or instead of it. Frees connections, exchanges and undelivered mail. */
void loop_free(struct loop *);
/* Thread-safe. */
void loop_mail(struct loop *, struct mail *);
void loop_wake(struct loop *);
/* The loop whose thread this is, NULL elsewhere. */
struct loop *loop_here(void);

#endif
