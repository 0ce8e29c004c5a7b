#include "rate.h"

#include "mem.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

enum { SETS = 1024, WAYS = 8 };

struct bucket {
    uint64_t id; /* 0: free */
    int64_t at_ms;
    double tokens;
};

struct rate {
    pthread_mutex_t lock; /* guards sets */
    uint64_t seed;        /* unknown outside, so nobody can aim at somebody's set */
    struct bucket sets[SETS][WAYS];
};

struct rate *rate_new(void)
{
    struct rate *r = mem_zalloc(sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    /* A seed of 0 after a failure would only make the table's order guessable. */
    if (getrandom(&r->seed, sizeof r->seed, 0) != (ssize_t)sizeof r->seed)
        r->seed = (uint64_t)(uintptr_t)r;
    return r;
}

void rate_free(struct rate *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

/* The finaliser of MurmurHash3 mixes every input bit into every output bit. */
static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static uint64_t bucket_id(const struct rate *r, size_t key, const char *peer)
{
    unsigned char v6[16];
    uint32_t v4 = 0;
    uint64_t address = 0;
    if (inet_pton(AF_INET, peer, &v4) == 1)
        address = v4;
    else if (inet_pton(AF_INET6, peer, v6) == 1)
        memcpy(&address, v6, sizeof address);
    uint64_t id = mix(mix(address ^ r->seed) + mix(key ^ r->seed));
    return id ? id : 1;
}

static struct bucket *find_bucket(struct rate *r, uint64_t id, uint32_t per_minute, int64_t now_ms)
{
    struct bucket *set = r->sets[id % SETS], *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].id == id)
            return &set[i];
        if (!set[i].id || (oldest->id && set[i].at_ms < oldest->at_ms))
            oldest = &set[i];
    }
    *oldest = (struct bucket){.id = id, .at_ms = now_ms, .tokens = per_minute};
    return oldest;
}

bool rate_take(struct rate *r, size_t key, const char *peer, uint32_t per_minute, int64_t now_ms,
               unsigned *retry_after_s)
{
    uint64_t id = bucket_id(r, key, peer);
    double per_ms = per_minute / 60000.0;
    pthread_mutex_lock(&r->lock);
    struct bucket *b = find_bucket(r, id, per_minute, now_ms);
    if (now_ms > b->at_ms) {
        b->tokens += (double)(now_ms - b->at_ms) * per_ms;
        b->at_ms = now_ms;
    }
    if (b->tokens > per_minute)
        b->tokens = per_minute;
    bool ok = b->tokens >= 1;
    if (ok)
        b->tokens -= 1;
    else
        *retry_after_s = 1 + (unsigned)((1 - b->tokens) / per_ms / 1000);
    pthread_mutex_unlock(&r->lock);
    return ok;
}
