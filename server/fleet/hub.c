#include "hub.h"

#include "mem.h"
#include "repair.h"

#include <pthread.h>
#include <stdio.h>

enum { SHARDS = 64, BUCKETS_MIN = 256, REPLACE_WAIT_MS = 5000, CONNECTED_MS = 70 * 1000, LOOPS_MAX = 16 };

struct waiter {
    struct waiter *prev, *next; /* the loop's list, oldest deadline not first: waits differ by a few seconds only */
    struct machine_entry *machine;
    void *token;
    int loop;
    int64_t deadline;
};

struct cancelled {
    struct cancelled *next;
    char job[JOB_ID_MAX];
};

struct machine_entry {
    struct machine_entry *next;
    char id[65];
    bool seen_dirty;
    int64_t seen_ms;
    struct hub_known known;
    struct offer *offers;
    struct cancelled *cancelled;
    struct waiter *waiter;
};

struct shard {
    pthread_mutex_t lock; /* guards everything in this shard */
    struct machine_entry **buckets;
    size_t bucket_count, count;
};

struct loop_list {
    pthread_mutex_t lock; /* guards the list only; taken after a shard's lock, never before */
    struct waiter head;
    size_t count;
};

struct hub {
    struct shard shards[SHARDS];
    struct loop_list loops[LOOPS_MAX];
    int loop_count;
    const struct clock *clock;
    hub_answer_fn *answer;
    void *ctx;
};

struct offer *offer_new(const struct job_row *j, const char *targets_sha256, const char *reason)
{
    const struct repair *r = repair_find(j->repair);
    if (!r)
        return NULL;
    struct offer *o = mem_zalloc(sizeof *o);
    snprintf(o->job, sizeof o->job, "%s", j->id);
    snprintf(o->rollout, sizeof o->rollout, "%s", j->rollout_id);
    o->op = strcmp(j->op, "undo") == 0 ? "undo" : "run";
    o->repair = r->name;
    o->params = mem_strdup(j->params);
    o->repair_class = j->repair_class;
    snprintf(o->targets_sha256, sizeof o->targets_sha256, "%s", targets_sha256);
    o->created_ms = j->created_ms;
    o->expires_ms = j->expires_ms;
    o->dry_run = j->dry_run;
    o->code = j->code;
    snprintf(o->phase, sizeof o->phase, "%s", j->phase);
    snprintf(o->update_key, sizeof o->update_key, "%s", j->update_key);
    snprintf(o->reason, sizeof o->reason, "%s", reason);
    o->held = j->state == JOB_WAITING && !j->started_ms && !j->rev;
    o->accepted = j->rev > 0; /* the machine has reported on it */
    return o;
}

void offer_free(struct offer *o)
{
    if (o)
        mem_free(o->params);
    mem_free(o);
}

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
        h->loops[i].head.prev = h->loops[i].head.next = &h->loops[i].head;
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

/* Machine ids are SHA-256 in hex, so a few of their digits would do; hashing keeps other texts from piling up. */
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

static struct shard *shard_lock(struct hub *h, const char *id)
{
    struct shard *s = &h->shards[hash_id(id) % SHARDS];
    pthread_mutex_lock(&s->lock);
    return s;
}

/* With the shard's lock held. */
static struct machine_entry *entry(struct shard *s, const char *id, bool make)
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
static struct waiter *take(struct hub *h, struct machine_entry *m)
{
    struct waiter *w = m->waiter;
    if (w) {
        m->waiter = NULL;
        list_remove(h, w);
    }
    return w;
}

static void answer(struct hub *h, struct waiter *w, const char *machine_id)
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
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, false);
    *out = m ? m->known : (struct hub_known){0};
    pthread_mutex_unlock(&s->lock);
}

void hub_known_set(struct hub *h, const char *id, const struct hub_known *known)
{
    struct shard *s = shard_lock(h, id);
    entry(s, id, true)->known = *known;
    pthread_mutex_unlock(&s->lock);
}

void hub_forget(struct hub *h, const char *id)
{
    hub_known_set(h, id, &(struct hub_known){0});
}

void hub_seen(struct hub *h, const char *id, int64_t wall_ms)
{
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, true);
    m->seen_ms = wall_ms;
    m->seen_dirty = true;
    pthread_mutex_unlock(&s->lock);
}

int64_t hub_last_seen(struct hub *h, const char *id)
{
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, false);
    int64_t seen = m ? m->seen_ms : 0;
    pthread_mutex_unlock(&s->lock);
    return seen;
}

bool hub_connected(struct hub *h, const char *id)
{
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, false);
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

static struct offer **find_offer(struct machine_entry *m, const char *job)
{
    if (m)
        for (struct offer **o = &m->offers; *o; o = &(*o)->next)
            if (strcmp((*o)->job, job) == 0)
                return o;
    return NULL;
}

void hub_offer(struct hub *h, const char *id, struct offer *o)
{
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, true);
    struct waiter *w = NULL;
    bool known = find_offer(m, o->job);
    if (!known) {
        struct offer **end = &m->offers;
        while (*end)
            end = &(*end)->next;
        o->next = NULL;
        *end = o;
        if (!o->held)
            w = take(h, m);
    }
    pthread_mutex_unlock(&s->lock);
    if (known)
        offer_free(o);
    answer(h, w, id);
}

void hub_offer_release(struct hub *h, const char *id, const char *job)
{
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, false);
    struct offer **o = find_offer(m, job);
    struct waiter *w = NULL;
    if (o) {
        (*o)->held = false;
        w = take(h, m);
    }
    pthread_mutex_unlock(&s->lock);
    answer(h, w, id);
}

void hub_offer_drop(struct hub *h, const char *id, const char *job, bool *accepted)
{
    struct shard *s = shard_lock(h, id);
    struct offer **o = find_offer(entry(s, id, false), job);
    struct offer *gone = o ? *o : NULL;
    if (gone)
        *o = gone->next;
    pthread_mutex_unlock(&s->lock);
    if (accepted)
        *accepted = gone && gone->accepted;
    offer_free(gone);
}

enum job_state hub_job_state(struct hub *h, const char *id, const char *job, enum job_state stored)
{
    if (stored != JOB_QUEUED)
        return stored;
    struct shard *s = shard_lock(h, id);
    struct offer **o = find_offer(entry(s, id, false), job);
    bool handed = o && (*o)->handed;
    pthread_mutex_unlock(&s->lock);
    return handed ? JOB_OFFERED : stored;
}

static bool is_cancelled(const struct machine_entry *m, const char *job)
{
    for (const struct cancelled *c = m->cancelled; c; c = c->next)
        if (strcmp(c->job, job) == 0)
            return true;
    return false;
}

void hub_cancel(struct hub *h, const char *id, const char *job)
{
    struct cancelled *c = mem_zalloc(sizeof *c);
    snprintf(c->job, sizeof c->job, "%s", job);
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, true);
    struct waiter *w = NULL;
    bool told = is_cancelled(m, job);
    if (!told) {
        c->next = m->cancelled;
        m->cancelled = c;
        w = take(h, m);
    }
    pthread_mutex_unlock(&s->lock);
    if (told)
        mem_free(c);
    answer(h, w, id);
}

static bool is_listed(const char *const *jobs, size_t n, const char *job)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(jobs[i], job) == 0)
            return true;
    return false;
}

void hub_listed(struct hub *h, const char *id, const char *const *jobs, size_t n, bool *unknown)
{
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, true);
    *unknown = false;
    for (size_t i = 0; i < n; i++) {
        struct offer **o = find_offer(m, jobs[i]);
        if (o)
            (*o)->accepted = true;
        else
            *unknown = true;
    }
    for (struct cancelled **c = &m->cancelled; *c;) {
        struct cancelled *gone = *c;
        if (is_listed(jobs, n, gone->job)) {
            c = &gone->next;
            continue;
        }
        *c = gone->next;
        mem_free(gone);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool to_hand_out(const struct offer *o)
{
    return !o->held && !o->accepted;
}

static struct offer *offer_copy(struct arena *a, const struct offer *o)
{
    struct offer *copy = arena_alloc(a, sizeof *copy);
    *copy = *o;
    copy->params = arena_strdup(a, o->params);
    copy->next = NULL;
    return copy;
}

size_t hub_hand_out(struct hub *h, const char *id, struct arena *a, size_t max, struct offer **out,
                    const char ***cancelled, size_t *cancelled_count)
{
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, false);
    size_t n = 0, c = 0;
    for (struct offer *o = m ? m->offers : NULL; o && n < max; o = o->next)
        if (to_hand_out(o)) {
            o->handed = true;
            out[n++] = offer_copy(a, o);
        }
    for (struct cancelled *k = m ? m->cancelled : NULL; k; k = k->next)
        c++;
    *cancelled = arena_alloc(a, c * sizeof(char *));
    *cancelled_count = c;
    for (struct cancelled *k = m ? m->cancelled : NULL; k; k = k->next)
        (*cancelled)[--c] = arena_strdup(a, k->job);
    pthread_mutex_unlock(&s->lock);
    return n;
}

bool hub_wait(struct hub *h, const char *id, int loop, void *token, int64_t deadline, bool takes_jobs)
{
    struct waiter *w = mem_zalloc(sizeof *w);
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, true);
    bool something = m->cancelled != NULL;
    for (const struct offer *o = m->offers; o && takes_jobs && !something; o = o->next)
        something = to_hand_out(o);
    struct waiter *older = NULL;
    if (!something) {
        older = take(h, m);
        int64_t least = clock_ticks_ms(h->clock) + REPLACE_WAIT_MS;
        if (older && deadline < least)
            deadline = least;
        *w = (struct waiter){.machine = m, .token = token, .loop = loop, .deadline = deadline};
        m->waiter = w;
        struct loop_list *l = &h->loops[loop];
        pthread_mutex_lock(&l->lock);
        w->prev = l->head.prev;
        w->next = &l->head;
        w->prev->next = w->next->prev = w;
        l->count++;
        pthread_mutex_unlock(&l->lock);
    }
    pthread_mutex_unlock(&s->lock);
    if (something)
        mem_free(w);
    answer(h, older, id);
    return !something;
}

bool hub_leave(struct hub *h, const char *id, const void *token)
{
    struct shard *s = shard_lock(h, id);
    struct machine_entry *m = entry(s, id, false);
    struct waiter *w = m && m->waiter && m->waiter->token == token ? take(h, m) : NULL;
    pthread_mutex_unlock(&s->lock);
    mem_free(w);
    return w != NULL;
}

/* The list's lock may not be held while a shard's is taken, so due machines are named first and taken one by one. */
void hub_expire(struct hub *h, int loop, int64_t now_ticks_ms)
{
    struct arena a = {0};
    struct loop_list *l = &h->loops[loop];
    pthread_mutex_lock(&l->lock);
    const char **ids = arena_alloc(&a, (l->count + 1) * sizeof *ids);
    size_t n = 0;
    for (struct waiter *w = l->head.next; w != &l->head; w = w->next)
        if (w->deadline <= now_ticks_ms)
            ids[n++] = arena_strdup(&a, w->machine->id);
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < n; i++) {
        struct shard *s = shard_lock(h, ids[i]);
        struct machine_entry *m = entry(s, ids[i], false);
        bool due = m && m->waiter && m->waiter->loop == loop && m->waiter->deadline <= now_ticks_ms;
        struct waiter *w = due ? take(h, m) : NULL;
        pthread_mutex_unlock(&s->lock);
        answer(h, w, ids[i]);
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
