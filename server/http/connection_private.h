/* The inside of a connection, for connection.c (accept, head, deadlines), owing.c (from request to answer)
 * and refusal.c (the end in our own words). */
#ifndef FLEETMEND_HTTP_CONNECTION_PRIVATE_H
#define FLEETMEND_HTTP_CONNECTION_PRIVATE_H

#include "connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event_struct.h>

/* With libevent's chain header just under 4 kB; more would cost 8 kB a read. */
enum { READ_MARK = 4000 };

/* A low-water mark no buffer reaches: evhttp's read callback is not called. */
#define HOLD (SIZE_MAX / 2)

enum phase {
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_OWED,
    PHASE_ANSWER,
    PHASE_REFUSING,
    PHASE_LINGER,
    PHASE_LEFT,   /* owed, and the client was seen leaving where nothing could be freed */
    PHASE_DOOMED, /* over the limits: to be closed unheard */
    PHASE_CLOSED, /* by us; libevent frees it soon */
};

struct conn {
    struct door *door;
    struct bufferevent *bev;
    struct conn *next, **link; /* loop->conns */
    struct event timer;
    enum phase phase;
    bool handshaken, overload, begun, first;
    struct box *owed;
    struct evhttp_connection *evcon; /* while the callbacks are not evhttp's, which hold it otherwise */
    const char *reason;              /* of the refusal */
    unsigned allow;
    short status;
    bool no_body;
};

static inline struct http_server *conn_server(const struct conn *c)
{
    return c->door->loop->server;
}

struct conn *conn_of(struct bufferevent *);
/* evhttp's object for this connection; NULL once evhttp has freed it. */
struct evhttp_connection *conn_evcon(struct conn *);
/* NULL: none. */
void conn_set_deadline(struct conn *, const struct timeval *);
/* Does the rest from the loop, because where we are nothing may be freed. */
void conn_continue_later(struct conn *, enum phase);
void conn_close(struct conn *);

enum gate { GATE_WAIT, GATE_OPEN, GATE_REFUSE };

/* Looks at what has come of a head, and opens the way for evhttp when it is whole and good. */
enum gate conn_check_head(struct conn *, struct evbuffer *in);

/* Takes the connection over from evhttp and sends c->status with c->reason. */
void conn_send_refusal(struct conn *);

/* The client left or talked while it was to wait. */
void conn_client_left(struct conn *);

#endif
