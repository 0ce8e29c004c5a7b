/* The HTTPS server: libevent's evhttp over OpenSSL behind message.h.
 *
 * Event loops run on threads of their own and share the listening ports (SO_REUSEPORT). Handlers run on loop
 * threads and must not block; they hand long work elsewhere and reply from there.
 *
 * What it refuses before any handler: bad framing (400), unknown path (404), wrong method (405 with Allow),
 * bodies over the route's limit (413), chunked bodies (411), headers over 8 kB or 64 lines (431), missing or wrong
 * credentials (401, 403), too many requests (429 with Retry-After). Over the limit of connections a client is told so
 * (503 with Retry-After); far over it, and with too many TLS handshakes under way, it is closed unheard.
 *
 * A connection is cut that has not brought a whole request 15 s after it was accepted, has not begun the next one
 * 75 s after an answer or not ended it 15 s after its first byte, or takes more than 75 s, or 15 s without any
 * progress, to receive an answer. While an answer is owed nothing is read and no deadline runs.
 *
 * Ignores SIGPIPE for the process, unless the program has decided otherwise. */
#ifndef FLEETMEND_HTTP_SERVER_H
#define FLEETMEND_HTTP_SERVER_H

#include "clock.h"
#include "message.h"

/* Decides whether the exchange may use its route, and fills x->who. On refusal sets *status (401 or 403) and
 * the reason. Runs on the loop thread: memory only. */
typedef bool http_authorise_fn(void *app, struct exchange *x, int *status, struct err *reason);

/* Called on each loop thread about four times a second. */
typedef void http_tick_fn(void *app, int loop);

struct http_options {
    const char *listen;          /* "HOST:PORT", IPv6 as "[::1]:8443"; port 0 picks one */
    const char *agent_listen;    /* NULL: none; serves only routes marked agent_listener */
    const char *cert_file;       /* PEM chain */
    const char *key_file;        /* PEM, ECDSA P-256 */
    int loops;                   /* 1 to 16 */
    uint32_t connections_max;    /* 0: derived from the process's file limit */
    const struct route *routes;
    size_t route_count;
    void *app;                   /* handed to handlers, authoriser, tick */
    http_authorise_fn *authorise;
    http_tick_fn *tick;
    const struct clock *clock;
};

struct http_server;

/* Binds and prepares; nothing is served before http_server_run(). A route without exactly one role, a
 * duplicate path or a missing help text is ERR_INTERNAL. Port in use, unreadable certificate: the error names it. */
struct http_server *http_server_new(const struct http_options *, struct err *e);

/* The ports really bound (for port 0); the agents' is 0 when there is no agent_listen. */
int http_server_port(const struct http_server *);
int http_server_agent_port(const struct http_server *);

/* Runs loop 0 on this thread and the others on theirs, until http_server_stop(). */
bool http_server_run(struct http_server *, struct err *e);

/* From any thread or a signal handler: stop accepting, close idle connections, ask watched exchanges back by their
 * `gone` and answer them 503, wait up to 3 s for answers others owe, return from run. */
void http_server_stop(struct http_server *);
/* After run has returned, or instead of it. Frees every exchange, so nobody may hold or answer one any more. */
void http_server_free(struct http_server *);

/* Runs fn(ctx) on the thread of that loop soon, in the order of the calls; not at all once the server has stopped. Thread-safe. */
void http_server_post(struct http_server *, int loop, void (*fn)(void *ctx), void *ctx);
int http_server_loops(const struct http_server *);
/* The number of the loop whose thread this is; -1 elsewhere. */
int http_server_this_loop(const struct http_server *);

struct http_stats {
    uint64_t connections_now, connections_total, requests, refused, handshake_failures, cut_by_deadline;
};
void http_server_stats(const struct http_server *, struct http_stats *out);

#endif
