#include "hub_private.h"

#include "mem.h"

#include <stdio.h>

struct hub *hub_new(int loops, const struct clock *clock, hub_answer_fn *answer, void *ctx)
{
    struct hub *h = mem_zalloc(sizeof *h);
    h->loop_count = loops < LOOPS_MAX ? loops : LOOPS_MAX;
    h->clock = clock;
    h->answer = answer;
    h->ctx = ctx;
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&h->shards[i].lock, NULL);
        h->shards[i].bucket_count = BUCKETS_MIN;
        h->shards[i].buckets = mem_zalloc(BUCKETS_MIN * sizeof(struct machine_entry *));
    }
    for (int i = 0; i < LOOPS_MAX; i++) {
        pthread_mutex_init(&h->loops[i].lock, NULL);
        for (int k = 0; k < SLOTS; k++)
            h->loops[i].slots[k].prev = h->loops[i].slots[k].next = &h->loops[i].slots[k];
    }
    return h;
}

static void entry_free(struct machine_entry *m)
{
    while (m->offers) {
        struct offer *next = m->offers->next;
        offer_free(m->offers);
        m->offers = next;
    }
    while (m->cancelled) {
        struct cancelled *next = m->cancelled->next;
        mem_free(m->cancelled);
        m->cancelled = next;
    }
    mem_free(m->waiter);
    mem_free(m);
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &h->shards[i];
        for (size_t b = 0; b < s->bucket_count; b++)
            while (s->buckets[b]) {
                struct machine_entry *next = s->buckets[b]->next;
                entry_free(s->buckets[b]);
                s->buckets[b] = next;
            }
        mem_free(s->buckets);
        pthread_mutex_destroy(&s->lock);
    }
    for (int i = 0; i < LOOPS_MAX; i++)
        pthread_mutex_destroy(&h->loops[i].lock);
    mem_free(h);
}

/* Machine ids are SHA-256 in hex, so a few of their digits would do; hashing keeps other texts from piling
 * up. */
static uint64_t hash_id(const char *id)
{
    uint64_t h = 1469598103934665603u;
    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 1099511628211u;
    return h ^ h >> 29;
}

static void shard_grow(struct shard *s)
{
    size_t n = s->bucket_count * 2;
    struct machine_entry **fresh = mem_zalloc(n * sizeof *fresh);
    for (size_t b = 0; b < s->bucket_count; b++)
        while (s->buckets[b]) {
            struct machine_entry *m = s->buckets[b];
            s->buckets[b] = m->next;
            size_t at = (size_t)(hash_id(m->id) / SHARDS) & (n - 1);
            m->next = fresh[at];
            fresh[at] = m;
        }
    mem_free(s->buckets);
    s->buckets = fresh;
    s->bucket_count = n;
}

struct shard *hub_lock(struct hub *h, const char *id)
{
    struct shard *s = &h->shards[hash_id(id) % SHARDS];
    pthread_mutex_lock(&s->lock);
    return s;
}

/* With the shard's lock held. */
struct machine_entry *hub_entry(struct shard *s, const char *id, bool make)
{
    size_t at = (size_t)(hash_id(id) / SHARDS) & (s->bucket_count - 1);
    for (struct machine_entry *m = s->buckets[at]; m; m = m->next)
        if (strcmp(m->id, id) == 0)
            return m;
    if (!make)
        return NULL;
    if (s->count++ > s->bucket_count) {
        shard_grow(s);
        at = (size_t)(hash_id(id) / SHARDS) & (s->bucket_count - 1);
    }
    struct machine_entry *m = mem_zalloc(sizeof *m);
    snprintf(m->id, sizeof m->id, "%s", id);
    m->next = s->buckets[at];
    s->buckets[at] = m;
    return m;
}

static void list_add(struct hub *h, struct waiter *w)
{
    struct loop_list *l = &h->loops[w->loop];
    pthread_mutex_lock(&l->lock);
    /* One that is overdue already goes where the next look begins. */
    int64_t second = w->deadline / SLOT_MS > l->looked_at ? w->deadline / SLOT_MS : l->looked_at;
    struct waiter *head = &l->slots[second % SLOTS];
    w->prev = head->prev;
    w->next = head;
    w->prev->next = w->next->prev = w;
    l->count++;
    pthread_mutex_unlock(&l->lock);
}

static void list_remove(struct hub *h, struct waiter *w)
{
    struct loop_list *l = &h->loops[w->loop];
    pthread_mutex_lock(&l->lock);
    w->prev->next = w->next;
    w->next->prev = w->prev;
    l->count--;
    pthread_mutex_unlock(&l->lock);
}

/* With the shard's lock held: the waiter belongs to the caller then. */
struct waiter *hub_take(struct hub *h, struct machine_entry *m)
{
    struct waiter *w = m->waiter;
    if (w) {
        m->waiter = NULL;
        list_remove(h, w);
    }
    return w;
}

void hub_answer(struct hub *h, struct waiter *w, const char *machine_id)
{
    if (!w)
        return;
    void *token = w->token;
    int loop = w->loop;
    mem_free(w);
    h->answer(h->ctx, loop, token, machine_id);
}

void hub_known_get(struct hub *h, const char *id, struct hub_known *out)
{
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, false);
    *out = m ? m->known : (struct hub_known){0};
    pthread_mutex_unlock(&s->lock);
}

void hub_known_set(struct hub *h, const char *id, const struct hub_known *known)
{
    struct shard *s = hub_lock(h, id);
    hub_entry(s, id, true)->known = *known;
    pthread_mutex_unlock(&s->lock);
}

void hub_forget(struct hub *h, const char *id)
{
    hub_known_set(h, id, &(struct hub_known){0});
}

void hub_seen(struct hub *h, const char *id, int64_t wall_ms)
{
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, true);
    m->seen_ms = wall_ms;
    m->seen_dirty = true;
    pthread_mutex_unlock(&s->lock);
}

int64_t hub_last_seen(struct hub *h, const char *id)
{
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, false);
    int64_t seen = m ? m->seen_ms : 0;
    pthread_mutex_unlock(&s->lock);
    return seen;
}

bool hub_connected(struct hub *h, const char *id)
{
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, false);
    bool connected = m && (m->waiter || (m->seen_ms && clock_wall_ms(h->clock) - m->seen_ms < CONNECTED_MS));
    pthread_mutex_unlock(&s->lock);
    return connected;
}

size_t hub_take_seen(struct hub *h, struct arena *a, const char **ids, int64_t *seen_ms, size_t max)
{
    size_t n = 0;
    for (int i = 0; i < SHARDS && n < max; i++) {
        struct shard *s = &h->shards[i];
        pthread_mutex_lock(&s->lock);
        for (size_t b = 0; b < s->bucket_count; b++)
            for (struct machine_entry *m = s->buckets[b]; m && n < max; m = m->next)
                if (m->seen_dirty) {
                    m->seen_dirty = false;
                    ids[n] = arena_strdup(a, m->id);
                    seen_ms[n++] = m->seen_ms;
                }
        pthread_mutex_unlock(&s->lock);
    }
    return n;
}

bool hub_wait(struct hub *h, const char *id, int loop, void *token, int64_t deadline, bool takes_jobs)
{
    struct waiter *w = mem_zalloc(sizeof *w);
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, true);
    bool something = m->cancelled != NULL;
    for (const struct offer *o = m->offers; o && takes_jobs && !something; o = o->next)
        something = hub_to_hand_out(o);
    struct waiter *older = NULL;
    if (!something) {
        older = hub_take(h, m);
        int64_t least = clock_ticks_ms(h->clock) + REPLACE_WAIT_MS;
        if (older && deadline < least)
            deadline = least;
        *w = (struct waiter){.machine = m, .token = token, .loop = loop, .deadline = deadline};
        m->waiter = w;
        list_add(h, w);
    }
    pthread_mutex_unlock(&s->lock);
    if (something)
        mem_free(w);
    hub_answer(h, older, id);
    return !something;
}

bool hub_leave(struct hub *h, const char *id, const void *token)
{
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, false);
    struct waiter *w = m && m->waiter && m->waiter->token == token ? hub_take(h, m) : NULL;
    pthread_mutex_unlock(&s->lock);
    mem_free(w);
    return w != NULL;
}

struct due {
    struct due *next;
    char id[65];
};

static struct due *due_of_slot(struct waiter *head, int64_t now_ticks_ms, struct arena *a, struct due *found)
{
    for (struct waiter *w = head->next; w != head; w = w->next) {
        if (w->deadline > now_ticks_ms)
            continue;
        struct due *d = arena_alloc(a, sizeof *d);
        snprintf(d->id, sizeof d->id, "%s", w->machine->id);
        d->next = found;
        found = d;
    }
    return found;
}

static struct due *due_of_loop(struct loop_list *l, int64_t now_ticks_ms, struct arena *a)
{
    struct due *found = NULL;
    pthread_mutex_lock(&l->lock);
    int64_t last = now_ticks_ms / SLOT_MS, slots = last - l->looked_at + 1;
    for (int64_t i = 0; i < slots && i < SLOTS; i++)
        found = due_of_slot(&l->slots[(last - i) % SLOTS], now_ticks_ms, a, found);
    if (now_ticks_ms != INT64_MAX) /* that is no time, and whoever comes after it has a deadline as usual */
        l->looked_at = last;
    pthread_mutex_unlock(&l->lock);
    return found;
}

/* The list's lock may not be held while a shard's is taken, so due machines are named first and taken one by
 * one. */
void hub_expire(struct hub *h, int loop, int64_t now_ticks_ms)
{
    struct arena a = {0};
    for (struct due *d = due_of_loop(&h->loops[loop], now_ticks_ms, &a); d; d = d->next) {
        struct shard *s = hub_lock(h, d->id);
        struct machine_entry *m = hub_entry(s, d->id, false);
        bool due = m && m->waiter && m->waiter->loop == loop && m->waiter->deadline <= now_ticks_ms;
        struct waiter *w = due ? hub_take(h, m) : NULL;
        pthread_mutex_unlock(&s->lock);
        hub_answer(h, w, d->id);
    }
    arena_free(&a);
}

size_t hub_waiting(struct hub *h)
{
    size_t n = 0;
    for (int i = 0; i < h->loop_count; i++) {
        pthread_mutex_lock(&h->loops[i].lock);
        n += h->loops[i].count;
        pthread_mutex_unlock(&h->loops[i].lock);
    }
    return n;
}
