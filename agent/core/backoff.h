/* How long to wait before the next try: full jitter, so that a fleet that lost its server together does not
 * come back together. Base 1 s, doubled by each failure, at most 300 s. */
#ifndef FLEETMEND_BACKOFF_H
#define FLEETMEND_BACKOFF_H

#include <stdint.h>

enum {
    BACKOFF_BASE_MS = 1000,
    BACKOFF_MAX_MS = 300 * 1000,
    BACKOFF_LEAST_MS = 100,
    BACKOFF_TOLD_MAX_S = 3600
};

struct backoff {
    uint64_t random; /* state of the generator; not for secrets */
    int failures;
};

/* seed 0: from the system's randomness. */
void backoff_init(struct backoff *, uint64_t seed);
void backoff_reset(struct backoff *);
/* The wait after one more failure, in ms. What the server told (Retry-After, 0: nothing) is the least, with
 * jitter on top; more than an hour is not believed. */
int64_t backoff_next(struct backoff *, int retry_after_s);
/* Evenly from 0 to max_ms, both included. */
int64_t backoff_jitter(struct backoff *, int64_t max_ms);

#endif
