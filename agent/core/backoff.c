#include "backoff.h"

#include "crypto.h"

void backoff_init(struct backoff *b, uint64_t seed)
{
    if (!seed)
        random_bytes(&seed, sizeof seed);
    *b = (struct backoff){.random = seed};
}

void backoff_reset(struct backoff *b)
{
    b->failures = 0;
}

/* SplitMix64: every seed is a good one, neighbours too. */
static uint64_t random_next(struct backoff *b)
{
    uint64_t z = b->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t backoff_jitter(struct backoff *b, int64_t max_ms)
{
    return max_ms <= 0 ? 0 : (int64_t)(random_next(b) % ((uint64_t)max_ms + 1));
}

int64_t backoff_next(struct backoff *b, int retry_after_s)
{
    int64_t window = BACKOFF_BASE_MS;
    for (int i = 0; i < b->failures && window < BACKOFF_MAX_MS; i++)
        window *= 2;
    if (window >= BACKOFF_MAX_MS)
        window = BACKOFF_MAX_MS;
    else
        b->failures++;

    if (retry_after_s <= 0) {
        int64_t wait = backoff_jitter(b, window);
        return wait < BACKOFF_LEAST_MS ? BACKOFF_LEAST_MS : wait;
    }
    int64_t told_ms =
        (int64_t)(retry_after_s < BACKOFF_TOLD_MAX_S ? retry_after_s : BACKOFF_TOLD_MAX_S) * 1000;
    int64_t spread = told_ms / 2 > window ? told_ms / 2 : window;
    return told_ms + backoff_jitter(b, spread);
}
