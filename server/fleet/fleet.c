#include "fleet.h"

#include "challenges.h"
#include "log.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Silence is a matter of days, and looking for it reads every machine. */
enum { SEEN_BATCH = 2000, CLOCK_JUMP_MS = 3600 * 1000, SILENCE_EVERY_MS = 10 * 1000 };

struct load {
    struct fleet *fleet;
    struct store *store;
    struct err *e;
    size_t jobs;
    bool ok;
};

static bool load_job(void *ctx, const struct job_row *j)
{
    struct load *l = ctx;
    struct arena a = {0};
    struct rollout_row r = {.targets_sha256 = "", .reason = ""};
    if (j->rollout_id[0])
        l->ok = store_rollout_get(l->store, &a, j->rollout_id, &r, l->e);
    struct offer *o = l->ok ? offer_new(j, r.targets_sha256, r.reason) : NULL;
    if (o)
        hub_offer(l->fleet->hub, j->machine_id, o);
    l->jobs += o != NULL;
    arena_free(&a);
    return l->ok;
}

bool fleet_load(struct fleet *f, struct store *s, struct err *e)
{
    struct load l = {f, s, e, 0, true};
    f->clock_wall_ms = clock_wall_ms(f->clock);
    f->clock_ticks_ms = clock_ticks_ms(f->clock);
    if (!accounts_load(f->accounts, s, f->clock_wall_ms, e) || !store_jobs_open(s, load_job, &l, e) || !l.ok)
        return err_wrap(e, "loading open jobs");
    if (l.jobs)
        log_info("fleet.loaded jobs=%zu", l.jobs);
    return true;
}

/* ---- sweep ---- */

struct sweep {
    struct work work;
    struct fleet *fleet;
    struct arena arena;
    const char **ids;
    int64_t *seen_ms;
    size_t seen;
    int64_t now_ms;
    bool looks_for_silence;
    struct job_row *expired; /* id and machine only */
    size_t expired_count;
};

static struct sweep *sweep_of(struct work *w)
{
    return (struct sweep *)((char *)w - offsetof(struct sweep, work));
}

enum { EXPIRED_MAX = 1000 };

static bool note_expired(void *ctx, const struct job_row *j)
{
    struct sweep *w = ctx;
    w->expired[w->expired_count++] = (struct job_row){.id = arena_strdup(&w->arena, j->id),
                                                      .machine_id = arena_strdup(&w->arena, j->machine_id),
                                                      .phase = arena_strdup(&w->arena, j->phase),
                                                      .update_key = arena_strdup(&w->arena, j->update_key),
                                                      .rollout_id = arena_strdup(&w->arena, j->rollout_id),
                                                      .code = j->code};
    return w->expired_count < EXPIRED_MAX;
}

static bool sweep_run(struct work *work, struct store *s, struct err *e)
{
    struct sweep *w = sweep_of(work);
    w->expired_count = 0;
    if ((w->seen && !store_machine_seen_batch(s, w->ids, w->seen_ms, w->seen, e)) ||
        (w->looks_for_silence &&
         !store_machines_mark_silent(s, w->now_ms - w->fleet->settings.silent_after_ms, e)) ||
        !store_jobs_expire(s, w->now_ms, note_expired, w, e))
        return false;
    for (size_t i = 0; i < w->expired_count; i++) {
        const struct job_row *j = &w->expired[i];
        int64_t moved;
        if (j->code &&
            !store_failures_move(s, j->machine_id, j->phase, j->update_key, j->code, FAILURE_OPEN,
                                 "a job for it expired before the machine came back", w->now_ms, &moved, e))
            return false;
        if (!store_rollout_settle(s, j->rollout_id, e) ||
            !store_machine_refresh(s, j->machine_id, w->now_ms, e))
            return false;
    }
    char clock[24];
    snprintf(clock, sizeof clock, "%" PRId64, w->now_ms);
    return w->fleet->clock_doubtful || store_meta_set(s, "clock", clock, e);
}

static void sweep_done(struct work *work, bool ok, const struct err *e)
{
    struct sweep *w = sweep_of(work);
    if (!ok)
        log_error("sweep.failed error=%s", e->text);
    for (size_t i = 0; ok && i < w->expired_count; i++)
        hub_offer_drop(w->fleet->hub, w->expired[i].machine_id, w->expired[i].id, NULL);
    arena_free(&w->arena);
    mem_free(w);
}

/* Wall time must move as ticks do. A jump would date every order wrong, so nothing is signed until a person
 * says that the new time is right. */
static void watch_clock(struct fleet *f)
{
    int64_t wall = clock_wall_ms(f->clock), ticks = clock_ticks_ms(f->clock);
    int64_t jump = (wall - f->clock_wall_ms) - (ticks - f->clock_ticks_ms);
    if (!f->clock_doubtful && llabs(jump) > CLOCK_JUMP_MS) {
        f->clock_doubtful = true;
        log_error("clock.jump ms=%" PRId64 " remedy=\"fleetmend-server clock accept\"", jump);
    }
    f->clock_wall_ms = wall;
    f->clock_ticks_ms = ticks;
}

void fleet_sweep(struct fleet *f)
{
    watch_clock(f);
    struct sweep *w = mem_zalloc(sizeof *w);
    w->fleet = f;
    w->now_ms = clock_wall_ms(f->clock);
    w->looks_for_silence = clock_ticks_ms(f->clock) >= f->silence_due_ticks_ms;
    if (w->looks_for_silence)
        f->silence_due_ticks_ms = clock_ticks_ms(f->clock) + SILENCE_EVERY_MS;
    w->ids = arena_alloc(&w->arena, SEEN_BATCH * sizeof *w->ids);
    w->seen_ms = arena_alloc(&w->arena, SEEN_BATCH * sizeof *w->seen_ms);
    w->expired = arena_alloc(&w->arena, EXPIRED_MAX * sizeof *w->expired);
    w->seen = hub_take_seen(f->hub, &w->arena, w->ids, w->seen_ms, SEEN_BATCH);
    w->work.run = sweep_run;
    w->work.done = sweep_done;
    if (writer_submit(f->writer, &w->work))
        return;
    arena_free(&w->arena);
    mem_free(w);
}
