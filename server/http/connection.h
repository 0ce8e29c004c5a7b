/* One TLS connection and what evhttp does not do for it: strict heads, total deadlines, refusals in our own
 * words, and seeing a client leave while it waits for an answer.
 *
 *             head is good          evhttp has all        reply            answer has left
 *   HEAD ──────────────────► BODY ────────────────► OWED ───────► ANSWER ─────────────────► HEAD ...
 *     │ head is bad                                   │ client leaves
 *     ▼                                               ▼
 *   REFUSING ──► LINGER ──► closed                  closed
 *
 * HEAD: evhttp is held back by a low-water mark no buffer reaches, so it never sees an unchecked byte.
 * Deadline: `request` for the first one; later `idle`, and `request` from the first byte. BODY: the same
 * deadline runs on. OWED: none, and nothing is read. ANSWER: `answer` in total, `stall` without progress. All
 * on the loop's thread. */
#ifndef FLEETMEND_HTTP_CONNECTION_H
#define FLEETMEND_HTTP_CONNECTION_H

#include "server.h"

#include <event2/bufferevent.h>

/* For evhttp_set_bevcb(); ctx is the door. Never NULL: evhttp would go on without TLS. */
struct bufferevent *conn_accept(struct event_base *, void *door);

/* For tls_context_new(): counts handshakes. */
void conn_tls_info(const SSL *, int where, int ret);

/* From now on the connection of this request owes it an answer, and box->conn is set. False when the request
 * did not come through the check of its head: the caller must not serve it. */
bool conn_owe(struct evhttp_request *, struct box *);

/* False once the client has left. */
bool conn_is_open(const struct conn *);

/* While the answer is owed: call box_gone() when the client leaves or talks. */
void conn_watch(struct conn *, struct evhttp_request *);

/* Just before evhttp_send_reply(). */
void conn_answer(struct conn *, struct evhttp_request *);

/* The server stops: closes what is idle, asks for parked exchanges back and answers them 503. */
void conn_stop(struct conn *);
/* True while an answer is owed or on its way. */
bool conn_is_busy(const struct conn *);
struct conn *conn_next(const struct conn *);

#endif
