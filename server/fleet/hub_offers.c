/* What is on offer to each machine, what it has accepted, and what was taken back. */
#include "hub_private.h"

#include "mem.h"
#include "repair.h"

#include <stdio.h>

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
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, true);
    struct waiter *w = NULL;
    bool known = find_offer(m, o->job);
    if (!known) {
        struct offer **end = &m->offers;
        while (*end)
            end = &(*end)->next;
        o->next = NULL;
        *end = o;
        if (!o->held)
            w = hub_take(h, m);
    }
    pthread_mutex_unlock(&s->lock);
    if (known)
        offer_free(o);
    hub_answer(h, w, id);
}

void hub_offer_release(struct hub *h, const char *id, const char *job)
{
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, false);
    struct offer **o = find_offer(m, job);
    struct waiter *w = NULL;
    if (o) {
        (*o)->held = false;
        w = hub_take(h, m);
    }
    pthread_mutex_unlock(&s->lock);
    hub_answer(h, w, id);
}

void hub_offer_drop(struct hub *h, const char *id, const char *job, bool *accepted)
{
    struct shard *s = hub_lock(h, id);
    struct offer **o = find_offer(hub_entry(s, id, false), job);
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
    struct shard *s = hub_lock(h, id);
    struct offer **o = find_offer(hub_entry(s, id, false), job);
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
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, true);
    struct waiter *w = NULL;
    bool told = is_cancelled(m, job);
    if (!told) {
        c->next = m->cancelled;
        m->cancelled = c;
        w = hub_take(h, m);
    }
    pthread_mutex_unlock(&s->lock);
    if (told)
        mem_free(c);
    hub_answer(h, w, id);
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
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, true);
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

bool hub_to_hand_out(const struct offer *o)
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
    struct shard *s = hub_lock(h, id);
    struct machine_entry *m = hub_entry(s, id, false);
    size_t n = 0, c = 0;
    for (struct offer *o = m ? m->offers : NULL; o && n < max; o = o->next)
        if (hub_to_hand_out(o)) {
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
