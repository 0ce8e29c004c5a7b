/* Time is injected: whoever needs it holds a `struct clock`.
 *
 * Wall time may jump (this product exists to repair that); ticks never go back within one boot. Deadlines,
 * intervals and evidence use ticks; wall time is for people and for the other side. */
#ifndef FLEETMEND_BASE_CLOCK_H
#define FLEETMEND_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *ctx);  /* UTC milliseconds since 1970-01-01 */
    int64_t (*ticks_ms)(void *ctx); /* milliseconds since some fixed point of this boot */
    void *ctx;
};

extern const struct clock clock_system; /* the real one */

static inline int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c->ctx);
}

static inline int64_t clock_ticks_ms(const struct clock *c)
{
    return c->ticks_ms(c->ctx);
}

/* A clock a test moves by hand. `&fake.clock` is what the code under test gets. */
struct clock_fake {
    struct clock clock;
    int64_t wall, ticks;
};

void clock_fake_init(struct clock_fake *, int64_t wall_ms, int64_t ticks_ms);
void clock_fake_advance(struct clock_fake *, int64_t ms); /* moves both */

#endif
