/* Times and numbers that only a test wants other than they are. */
#ifndef FLEETMEND_HTTP_LIMITS_H
#define FLEETMEND_HTTP_LIMITS_H

#include "http_server.h"

struct http_limits {
    int request_ms;     /* TLS handshake and first whole request; a later request, from its first byte */
    int idle_ms;        /* from an answer to the first byte of the next request */
    int answer_ms;      /* for the whole answer to leave */
    int stall_ms;       /* of an answer that makes no progress */
    int linger_ms;      /* for a refused client to read why */
    int stop_ms;        /* for owed answers at the end */
    int handshakes_max; /* in flight, per loop */
};

extern const struct http_limits http_limits_default;

struct http_server *http_server_new_limited(const struct http_options *, const struct http_limits *,
                                            struct err *e);

#endif
