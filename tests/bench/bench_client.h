/* A client of thousands of connections: HTTP/1.1 with keep-alive over TLS, all on one epoll and one thread.
 *
 * A link is one connection and carries one request at a time. It connects when its first request is made, a
 * bounded number at once (the server caps handshakes). A link that fails tells its request so with status 0
 * and connects anew for the next one. */
#ifndef FLEETMEND_BENCH_CLIENT_H
#define FLEETMEND_BENCH_CLIENT_H

#include "buf.h"

#include <stdint.h>

struct client;
struct link;

struct answer {
    int status; /* 0: no answer, the connection failed */
    struct slice head, body;
    int64_t at_ns; /* CLOCK_MONOTONIC, when its last byte had come */
};
/* May make the next request of the link at once; head and body are borrowed for the call. */
typedef void answer_fn(void *ctx, struct link *, const struct answer *);

struct request {
    const char *method, *path;
    const char *bearer; /* NULL: none */
    struct slice body;
};

/* url: https://HOST:PORT. The server's certificate is checked against ca_file. Ends the process on failure.
 */
struct client *client_new(const char *url, const char *ca_file);
/* Closes all links at once, without their requests being told. */
void client_free(struct client *);
struct link *link_new(struct client *);
void link_request(struct link *, const struct request *, answer_fn *, void *ctx);
/* One round of events. */
void client_step(struct client *, int wait_ms);
/* Rounds until *left is 0; ends the process when nothing at all happens for a minute. */
void client_run_until_zero(struct client *, const size_t *left);
/* Requests that wait for their connection. */
size_t client_unsent(const struct client *);
/* Rounds for so long. */
void client_run_for(struct client *, int64_t ms);

/* One request on a link of its own; ends the process unless the status is 200 to 299. */
void client_ask(struct client *, const struct request *, struct buf *body);

/* The value of an answer's header; n is 0 when absent. */
struct slice answer_header(const struct answer *, const char *name);

#endif
