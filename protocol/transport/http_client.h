/* HTTPS requests that do not block: curl's multi interface, alone in knowing curl.
 *
 * One client drives any number of peers from one thread; a peer is one keep-alive connection's worth of
 * state (a machine of a fleet, or the one of a real agent), with at most one request under way. */
#ifndef FLEETMEND_HTTP_CLIENT_H
#define FLEETMEND_HTTP_CLIENT_H

#include "buf.h"
#include "err.h"

#include <stdint.h>

struct http_client;
struct http_peer;

enum http_trust {
    HTTP_TRUST_CA,     /* chain and host name against ca_pem, or the system's store when ca_pem is NULL */
    HTTP_TRUST_PINS,   /* the server's public key is one of pins; chain, name and dates are not looked at */
    HTTP_TRUST_NONE,   /* unchecked: only for what is signed apart from TLS */
};

enum http_failure {
    HTTP_ANSWERED,
    HTTP_UNREACHABLE,  /* name, connect, cut, time-out, too large an answer */
    HTTP_CERT_TIME,    /* the chain leads to the CA, but a date in it does not hold for this machine's clock */
    HTTP_CERT_WRONG,   /* any other doubt about the certificate, or no pin matched */
};

struct http_call {
    const char *method;            /* "GET", "POST", ... */
    const char *url;
    const char *bearer;            /* NULL: no Authorization header */
    const char *content_type;      /* of the body; NULL: application/json */
    struct slice body;             /* must live until done; sent when n > 0 or method is POST */
    int limit_s;                   /* whole request */
    int connect_limit_s;           /* 0: 15 */
    size_t answer_max_bytes;
    enum http_trust trust;
    const char *ca_pem;
    const char *const *pins;       /* "sha256//BASE64" */
    size_t pin_count;
    const char *proxy;             /* NULL or "none": no proxy, whatever the environment says; "system": what the
                                      environment says; else its URL */
    const char *const *headers;    /* further "Name: value", ended by NULL; may be NULL */
};

struct http_answer {
    enum http_failure failure;
    int status;
    struct slice body;             /* valid during the callback */
    int retry_after_s;             /* 0: none */
    char content_type[80];
    char error[300];               /* in words, when failure is not HTTP_ANSWERED */
};

typedef void http_done_fn(void *ctx, const struct http_answer *);

/* peers_max: connections kept open at once. On POSIX the process ignores SIGPIPE from now on. NULL on failure. */
struct http_client *http_client_new(size_t peers_max, struct err *e);
void http_client_free(struct http_client *); /* after all its peers */

struct http_peer *http_peer_new(struct http_client *);
/* Ends a request under way without its callback. Allowed inside a callback. NULL is allowed. */
void http_peer_free(struct http_peer *);

/* Starts a request; `done` is called once from http_client_step(), never from inside this call. Strings of
 * `call` are copied, the body is not. It is a bug to start a second one. */
void http_peer_start(struct http_peer *, const struct http_call *call, http_done_fn *done, void *ctx);
bool http_peer_busy(const struct http_peer *);
/* Ends the request under way; its callback is not called. The connection is closed. */
void http_peer_abort(struct http_peer *);

/* Does what is due, waits for network activity at most wait_ms, calls callbacks. */
void http_client_step(struct http_client *, int wait_ms);
/* Makes a waiting (or else the next) http_client_step() return; from any thread, and from a signal handler. */
void http_client_wake(struct http_client *);

/* For tools: start and step until the answer is there. body is copied into `out`. False with a sentence when the
 * server could not be reached (ERR_UNREACHABLE) or is not trusted (ERR_TLS); any HTTP status is true. */
bool http_call_wait(struct http_client *, struct http_peer *, const struct http_call *call, int *status,
                    struct buf *out, struct err *e);

#endif
