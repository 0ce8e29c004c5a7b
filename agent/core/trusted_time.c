#include "trusted_time.h"

void trusted_time_init(struct trusted_time *t, int64_t floor_ms, int64_t epoch)
{
    *t = (struct trusted_time){.floor_ms = floor_ms, .epoch = epoch};
}

static int64_t running_ms(const struct trusted_time *t, int64_t ticks_ms)
{
    return t->signed_ms + (ticks_ms - t->at_ticks_ms);
}

void trusted_time_take(struct trusted_time *t, int64_t signed_ms, int64_t epoch, int64_t ticks_ms)
{
    trusted_time_advance(t, ticks_ms);
    t->known = true;
    t->signed_ms = signed_ms;
    t->at_ticks_ms = ticks_ms;
    if (epoch > t->epoch) {
        t->epoch = epoch;
        t->floor_ms = signed_ms;
    }
    trusted_time_advance(t, ticks_ms);
}

int64_t trusted_time_now(const struct trusted_time *t, int64_t ticks_ms)
{
    if (!t->known)
        return 0;
    int64_t now_ms = running_ms(t, ticks_ms);
    return now_ms > t->floor_ms ? now_ms : t->floor_ms;
}

int64_t trusted_time_advance(struct trusted_time *t, int64_t ticks_ms)
{
    int64_t now_ms = trusted_time_now(t, ticks_ms);
    if (t->known)
        t->floor_ms = now_ms;
    return now_ms;
}

int64_t trusted_time_behind_ms(const struct trusted_time *t, int64_t ticks_ms)
{
    if (!t->known || running_ms(t, ticks_ms) >= t->floor_ms)
        return 0;
    return t->floor_ms - running_ms(t, ticks_ms);
}
