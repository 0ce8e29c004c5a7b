/* An exchange with its private parts. Belongs to its loop's list from box_new() to box_free(). */
#ifndef FLEETMEND_HTTP_EXCHANGE_H
#define FLEETMEND_HTTP_EXCHANGE_H

#include "router.h"
#include "server.h"

struct reply_header {
    struct reply_header *next;
    const char *name, *value;
};

struct box {
    struct exchange x; /* first: the handlers' pointer is ours */
    struct mail mail;
    struct loop *loop;
    struct conn *conn;              /* NULL: the client has left */
    struct evhttp_request *request; /* NULL when it went with the connection */
    struct box *next, **link;       /* loop->boxes */
    exchange_gone_fn *gone;
    void *gone_ctx;
    struct reply_header *headers; /* in x.arena */
    char *body;                   /* of the answer */
    size_t body_n;
    const char *type;
    int status;
    bool close;  /* end the connection after this answer */
    char data[]; /* the request's target and body, each with a NUL: they outlive the connection */
};

/* Copies target and body out of the request, so that its buffers can be given back while it waits. */
struct box *box_new(struct loop *, struct evhttp_request *);
void box_free(struct box *);

/* Decodes the holes into x.params. False when one is not valid UTF-8 or has control characters. */
bool box_set_params(struct box *, const struct route_match *);

/* Answers now, on the loop's thread, and frees the box. */
void box_deliver(struct box *);

/* The client has left, its connection is about to be freed. */
void box_gone(struct box *);
/* The server stops: true when the exchange could be taken back from wherever it waited; then it is answered
 * 503. */
bool box_recall(struct box *);

/* Every answer has them; the first one a handler may override. */
enum { COMMON_HEADERS = 3 };
extern const char *const common_headers[COMMON_HEADERS][2];

#endif
