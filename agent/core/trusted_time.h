/* T: what time the server signed, plus the ticks since. The agent takes no decision of trust by the machine's
 * wall clock, which may say 1970 or 2100.
 *
 * T never goes back: not within one boot, and not below the floor, the greatest T ever seen, kept on disk. So
 * an old order does not become valid again when a server's clock is set back. Only a signed `time_epoch`
 * higher than the stored one, raised by an admin on the server, lowers the floor. While the server's time is
 * below the floor T stands still. */
#ifndef FLEETMEND_TRUSTED_TIME_H
#define FLEETMEND_TRUSTED_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* No machine on which this agent runs has a right clock that shows less: 2025-01-01. */
#define CLOCK_IMPOSSIBLE_BEFORE_MS INT64_C(1735689600000)

struct trusted_time {
    bool known;                     /* a signed time came in this boot */
    int64_t signed_ms, at_ticks_ms; /* the newest one, and when it came */
    int64_t floor_ms, epoch;        /* to be stored */
};

void trusted_time_init(struct trusted_time *, int64_t floor_ms, int64_t epoch);
/* Takes a signed time whose signature and nonce were checked. */
void trusted_time_take(struct trusted_time *, int64_t signed_ms, int64_t epoch, int64_t ticks_ms);
/* T, and raises the floor to it; 0 while unknown. */
int64_t trusted_time_advance(struct trusted_time *, int64_t ticks_ms);
/* T; 0 while unknown. */
int64_t trusted_time_now(const struct trusted_time *, int64_t ticks_ms);
/* How far the server's signed time is behind the floor; 0: not at all. */
int64_t trusted_time_behind_ms(const struct trusted_time *, int64_t ticks_ms);

#endif
