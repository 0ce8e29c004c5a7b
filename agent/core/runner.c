#include "runner_internal.h"

#include "log.h"
#include "mem.h"
#include "undo.h"
#include "verify.h"

#include <stdio.h>

enum { RETRY_MS = 5000, WAIT_MS = 60000, TIDY_MS = 3600000, TIDY_SLICE_MS = 50, REV_MAX = 1000 };

/* ---- reports ---- */

void job_report(struct job *j)
{
    j->rev += j->rev < REV_MAX;
    j->dirty = true;
}

void job_end(struct job *j, int64_t wall_ms)
{
    j->stage = STAGE_ENDED;
    j->state = JOB_DONE;
    j->ended_ms = wall_ms;
    job_report(j);
}

void job_end_with(struct job *j, int64_t wall_ms, enum job_result result, const char *reason)
{
    char text[REASON_MAX]; /* the reason may be the job's own */
    snprintf(text, sizeof text, "%s", reason);
    j->result = result;
    snprintf(j->reason, sizeof j->reason, "%s", text);
    job_end(j, wall_ms);
}

void job_fill_result(const struct job *j, struct wire_result *out)
{
    *out = (struct wire_result){
        .job = j->id,
        .rev = j->rev > 0 ? j->rev : 1,
        .repair = j->repair_name, /* a restored server may not know the job */
        .origin = j->local ? "local" : NULL,
        .op = j->undo ? "undo" : "run",
        .state = (int)j->state,
        .result = (int)j->result,
        .reason = j->reason,
        .verdict = (int)j->verdict,
        .verdict_reason = j->verdict_reason,
        .verdict_code = j->verdict_code,
        .start_seq = j->start_seq,
        .started = j->started_ms,
        .ended = j->ended_ms,
        .skew_ms = j->skew_ms,
        .undoable = j->undoable,
        .output = buf_text(&j->output),
    };
}

static void tell(struct runner *r, struct job *j)
{
    struct wire_result result;
    struct err e = {0};
    job_fill_result(j, &result);
    if (!spool_put_result(r->spool, &result, &e)) {
        log_error("runner.report_kept job=%s error=%s", j->id, e.text);
        return;
    }
    j->told_rev = j->rev;
    journal_note_told(&r->journal, j);
}

bool runner_flush(struct runner *r, struct err *e)
{
    for (struct job *j = r->journal.first; j; j = j->next)
        if (j->dirty && !journal_save(&r->journal, j, e))
            return false;
    for (struct job *j = r->journal.first; j; j = j->next)
        if (j->told_rev < j->rev)
            tell(r, j);
    return true;
}

/* ---- opening ---- */

void runner_look_at_time(struct runner *r, int64_t server_now_ms)
{
    r->run.now = (struct now){.t_ms = server_now_ms,
                              .ticks_ms = clock_ticks_ms(r->machine->clock),
                              .wall_ms = clock_wall_ms(r->machine->clock),
                              .boot = r->boot};
}

static struct job *find_cut_off(struct runner *r)
{
    for (struct job *j = r->journal.first; j; j = j->next)
        if (j->stage == STAGE_RUNNING || j->stage == STAGE_RESTORING || j->stage == STAGE_VERIFYING)
            return j;
    return NULL;
}

struct runner *runner_open(const struct runner_options *o, struct err *e)
{
    struct runner *r = mem_zalloc(sizeof *r);
    r->machine = o->machine;
    r->spool = o->spool;
    r->speed = o->speed > 0 ? o->speed : 1;
    r->run.machine = o->machine;
    r->run.speed = r->speed;
    if (!journal_open(&r->journal, o->machine, e)) {
        runner_close(r);
        return NULL;
    }
    r->machine->ops->boot_id(r->machine->ctx, r->boot);
    runner_look_at_time(r, 0);
    r->tidy_ticks = r->run.now.ticks_ms;
    struct job *j = find_cut_off(r);
    if (j)
        runner_recover(r, j);
    return r;
}

void runner_close(struct runner *r)
{
    if (!r)
        return;
    journal_close(&r->journal);
    mem_free(r);
}

/* ---- stepping ---- */

static int64_t tidy(struct runner *r)
{
    int64_t now = r->run.now.ticks_ms;
    if (now >= r->tidy_ticks)
        r->tidy_ticks = now + run_scaled(&r->run, undo_tidy(&r->journal, &r->run) ? TIDY_SLICE_MS : TIDY_MS);
    for (const struct job *j = r->journal.first; j; j = j->next)
        if (j->stage == STAGE_ENDED && (j->moved_mask || j->left_mask || j->held_mask || j->watched))
            return r->tidy_ticks;
    return INT64_MAX;
}

static bool has_waiting(const struct runner *r)
{
    for (const struct job *j = r->journal.first; j; j = j->next)
        if (j->stage == STAGE_TAKEN)
            return true;
    return false;
}

static int64_t rest(struct runner *r)
{
    int64_t wake = tidy(r), now = r->run.now.ticks_ms;
    if (!has_waiting(r))
        return wake;
    int64_t next = now + run_scaled(&r->run, r->run.now.t_ms ? WAIT_MS : RETRY_MS);
    return next < wake ? next : wake;
}

static bool all_told(const struct runner *r)
{
    for (const struct job *j = r->journal.first; j; j = j->next)
        if (j->told_rev < j->rev)
            return false;
    return true;
}

int64_t runner_step(struct runner *r, int64_t server_now_ms)
{
    struct err e = {0};
    runner_look_at_time(r, server_now_ms);
    limits_learn_time(&r->journal, &r->run.now);
    int64_t now = r->run.now.ticks_ms, wake = now;
    if (!runner_flush(r, &e))
        goto disk;
    if (!r->active)
        runner_start_next(r);
    else
        wake = now + runner_work(r);
    if (!r->active)
        wake = rest(r);
    if (!runner_flush(r, &e))
        goto disk;
    return all_told(r) || wake < now + RETRY_MS ? wake : now + RETRY_MS;
disk:
    log_error("runner.stopped error=%s", e.text);
    return now + RETRY_MS;
}

/* ---- evidence and questions ---- */

void runner_saw_event(struct runner *r, const struct wire_event *ev)
{
    bool changed = false;
    verify_note_event(&r->journal, ev);
    for (struct job *j = r->journal.first; j; j = j->next)
        if (verify_saw_event(j, ev)) {
            job_report(j);
            changed = true;
        }
    if (changed)
        runner_flush(r, NULL);
}

size_t runner_running(const struct runner *r, struct arena *a, const char ***ids)
{
    size_t n = 0;
    *ids = arena_alloc(a, (r->journal.job_count + 1) * sizeof **ids);
    for (const struct job *j = r->journal.first; j; j = j->next)
        if (j->stage != STAGE_ENDED)
            (*ids)[n++] = j->id;
    return n;
}

bool runner_idle(const struct runner *r)
{
    return !r->active && !has_waiting(r);
}

const struct wire_result *runner_result(const struct runner *r, const char *job)
{
    const struct job *j = journal_find(&r->journal, job);
    if (!j)
        return NULL;
    struct wire_result *shown = (struct wire_result *)&r->shown; /* scratch, not state */
    job_fill_result(j, shown);
    return shown;
}

bool runner_describe(struct runner *r, const char *repair, const struct repair_values *values, struct buf *out,
                     struct err *e)
{
    struct job j = {.repair = repair_find(repair)};
    if (!j.repair)
        return err_set(e, ERR_INVALID, "there is no repair \"%.40s\"", repair);
    if (!steps_of(j.repair))
        return err_set(e, ERR_UNAVAILABLE, "this agent version cannot run %s yet", repair);
    struct run run = r->run;
    j.values = values ? *values : j.values;
    r->run.job = &j;
    /* Server time goes on since the last step. */
    int64_t passed_ms = clock_ticks_ms(r->machine->clock) - run.now.ticks_ms;
    runner_look_at_time(r, run.now.t_ms ? run.now.t_ms + passed_ms : 0);
    runner_describe_job(r, &j, out);
    r->run = run;
    return buf_check(out, "the description", e);
}
