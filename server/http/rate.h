/* Requests a minute, by route and peer address: token buckets in a table of fixed size.
 *
 * IPv6 peers count by their /64, which is what one customer gets. When a set of the table is full the bucket
 * unused for longest makes room, so memory is bounded and somebody with very many addresses gains some
 * requests, never memory. Thread-safe. */
#ifndef FLEETMEND_HTTP_RATE_H
#define FLEETMEND_HTTP_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate;

struct rate *rate_new(void);
void rate_free(struct rate *);

/* Takes one token of (key, peer). False: *retry_after_s says when there is one again. A bucket holds
 * `per_minute`. */
bool rate_take(struct rate *, size_t key, const char *peer, uint32_t per_minute, int64_t now_ms,
               unsigned *retry_after_s);

#endif
