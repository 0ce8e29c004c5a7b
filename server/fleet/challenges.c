#include "challenges.h"

#include "crypto.h"
#include "mem.h"
#include "slice.h"

#include <pthread.h>

enum { WAYS = 8 };

struct slot {
    uint64_t key;
    int64_t until;
};

struct challenges {
    pthread_mutex_t lock; /* guards slots */
    uint32_t mask;
    char run[CHALLENGES_RUN_MAX];
    struct slot slots[];
};

struct challenges *challenges_new(uint32_t slots)
{
    struct challenges *c = mem_zalloc(sizeof *c + (size_t)slots * WAYS * sizeof(struct slot));
    pthread_mutex_init(&c->lock, NULL);
    c->mask = slots - 1;
    random_hex(8, c->run);
    return c;
}

const char *challenges_run(const struct challenges *c)
{
    return c->run;
}

void challenges_free(struct challenges *c)
{
    if (c)
        pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

bool challenges_use(struct challenges *c, const char *unique, int64_t now, int64_t life_ms)
{
    uint8_t digest[SHA256_BYTES];
    sha256(slice_of(unique), digest);
    uint64_t key;
    memcpy(&key, digest, sizeof key);
    struct slot *set = &c->slots[(size_t)(key & c->mask) * WAYS], *room = NULL;
    bool used = false;
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < WAYS; i++) {
        bool alive = set[i].until > now;
        used |= alive && set[i].key == key;
        if (!alive)
            room = &set[i];
    }
    bool ok = !used && room;
    if (ok)
        *room = (struct slot){key, now + life_ms};
    pthread_mutex_unlock(&c->lock);
    return ok;
}
