/* Private to transport: waiting for the sockets of a curl multi handle. */
#ifndef FLEETMEND_HTTP_WAIT_H
#define FLEETMEND_HTTP_WAIT_H

#include "err.h"

#include <curl/curl.h>

struct http_wait;

/* The multi handle must outlive it. NULL on failure. */
struct http_wait *http_wait_new(CURLM *multi, struct err *e);
void http_wait_free(struct http_wait *);
/* Waits for network activity, a timer of curl's or http_wait_wake(), at most wait_ms, and lets curl act on it. */
void http_wait_step(struct http_wait *, int wait_ms);
void http_wait_wake(struct http_wait *);

#endif
