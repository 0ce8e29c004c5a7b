#include "runner_internal.h"

#include "log.h"
#include "times.h"
#include "undo.h"
#include "verify.h"
#include "vetoes.h"

#include <stdio.h>

enum { REV_SPARE = 900 }; /* of 1000 revisions the last are for the result and the verdict */

/* ---- ending and waiting ---- */

static void end_with(struct runner *r, struct job *j, enum job_result result, const char *reason)
{
    job_end_with(j, r->run.now.wall_ms, result, reason);
    log_info("runner.ended job=%s repair=%s result=%s reason=%s", j->id, j->repair_name, job_result_name(result), reason);
}

static void keep_waiting(struct runner *r, struct job *j, const char *reason)
{
    /* A person waits at the console: no is a better answer than some day. */
    if (j->local) {
        end_with(r, j, JOB_RESULT_REFUSED, reason);
        return;
    }
    if (j->result == JOB_RESULT_DEFERRED && strcmp(j->reason, reason) == 0)
        return;
    j->state = JOB_WAITING;
    j->result = JOB_RESULT_DEFERRED;
    snprintf(j->reason, sizeof j->reason, "%s", reason);
    j->dirty = true;
    if (j->rev < REV_SPARE)
        job_report(j);
}

/* ---- may it start? ---- */

/* Each check ends the job, lets it wait, or says nothing. */
typedef void check_fn(struct runner *r, struct job *j, const struct machine_conditions *c, bool *wait);

static void check_frozen(struct runner *r, struct job *j, const struct machine_conditions *c, bool *wait)
{
    (void)c;
    if (r->frozen && !j->dry_run) {
        keep_waiting(r, j, "the fleet is frozen: no repair starts");
        *wait = true;
    }
}

static void check_time(struct runner *r, struct job *j, const struct machine_conditions *c, bool *wait)
{
    int64_t t = r->run.now.t_ms;
    char reason[REASON_MAX];
    (void)c;
    if (j->local)
        return;
    *wait = !t || t < j->not_before;
    if (!t || t <= j->not_after)
        return;
    snprintf(reason, sizeof reason, "expired while waiting: %.300s", j->reason);
    if (j->result == JOB_RESULT_DEFERRED)
        end_with(r, j, JOB_RESULT_DEFERRED, reason);
    else
        end_with(r, j, JOB_RESULT_REFUSED, "the order expired before it could start");
}

static void check_known(struct runner *r, struct job *j, const struct machine_conditions *c, bool *wait)
{
    const struct repair_steps *rows = steps_of(j->repair);
    const char *zone = repair_value(&j->values, "timezone");
    char reason[REASON_MAX];
    (void)c, (void)wait;
    if (!rows)
        snprintf(reason, sizeof reason, "this agent version cannot run %s yet", j->repair_name);
    else if (j->undo && !rows->undo)
        snprintf(reason, sizeof reason, "%s can't be undone: %s", j->repair_name, j->repair->undo_help);
    else if (zone && *zone)
        snprintf(reason, sizeof reason, "this agent version cannot set the time zone yet");
    else
        return;
    end_with(r, j, JOB_RESULT_NOT_AVAILABLE, reason);
}

static void check_lasting_vetoes(struct runner *r, struct job *j, const struct machine_conditions *c, bool *wait)
{
    char reason[REASON_MAX];
    unsigned mask = vetoes_now(j->repair, c) & VETO_LASTING;
    (void)wait;
    vetoes_text(mask, c, reason, sizeof reason);
    if (mask && !j->dry_run)
        end_with(r, j, JOB_RESULT_REFUSED, reason);
}

static void check_undo(struct runner *r, struct job *j, const struct machine_conditions *c, bool *wait)
{
    enum job_result result;
    struct err e = {0};
    (void)c, (void)wait;
    if (j->undo && !undo_target(&r->journal, j, &result, &e))
        end_with(r, j, result, e.text);
}

static void check_limits(struct runner *r, struct job *j, const struct machine_conditions *c, bool *wait)
{
    struct err e = {0};
    (void)c, (void)wait;
    if (!j->undo && !j->dry_run && !limits_allow(&r->journal, j, &r->run.now, r->speed, &e))
        end_with(r, j, JOB_RESULT_REFUSED, e.text);
}

static void check_passing_vetoes(struct runner *r, struct job *j, const struct machine_conditions *c, bool *wait)
{
    char reason[REASON_MAX];
    /* Undoing needs no room on the disk. */
    unsigned lifted = VETO_LASTING | (j->undo ? VETO_LOW_DISK : 0u);
    unsigned mask = vetoes_now(j->repair, c) & ~lifted;
    if (!mask || j->dry_run)
        return;
    vetoes_text(mask, c, reason, sizeof reason);
    keep_waiting(r, j, reason);
    *wait = true;
}

static bool may_start(struct runner *r, struct job *j)
{
    static check_fn *const checks[] = {check_frozen,         check_time, check_known,  check_lasting_vetoes,
                                       check_undo,           check_limits, check_passing_vetoes};
    struct machine_conditions c = {0};
    bool wait = false;
    r->machine->ops->conditions(r->machine->ctx, &c);
    for (size_t i = 0; i < sizeof checks / sizeof *checks && !wait && j->stage == STAGE_TAKEN; i++)
        checks[i](r, j, &c, &wait);
    return !wait && j->stage == STAGE_TAKEN;
}

/* ---- starting ---- */

/* 20260131T080000-0f3a9c11: sorts by time, names the job, fits a file name. */
static void make_tag(struct job *j, int64_t utc_ms)
{
    char text[TIME_TEXT_MAX], digits[16];
    size_t n = 0;
    time_print(utc_ms, text);
    for (const char *p = text; *p && *p != '.' && n < sizeof digits - 1; p++)
        if (*p != '-' && *p != ':')
            digits[n++] = *p;
    digits[n] = '\0';
    snprintf(j->tag, sizeof j->tag, "%s-%.8s", digits, j->id);
}

static void start(struct runner *r, struct job *j)
{
    const struct now *now = &r->run.now;
    verify_aim(&r->journal, j);
    make_tag(j, now->t_ms ? now->t_ms : now->wall_ms);
    j->started = true;
    j->start_t = now->t_ms;
    j->start_ticks = now->ticks_ms;
    snprintf(j->start_boot, sizeof j->start_boot, "%s", now->boot);
    j->started_ms = now->wall_ms;
    j->start_seq = spool_last_seq(r->spool);
    j->stage = STAGE_RUNNING;
    j->state = JOB_RUNNING;
    j->result = JOB_RESULT_NONE;
    j->reason[0] = '\0';
    j->step = 0;
    job_report(j);
    log_info("runner.started job=%s repair=%s op=%s", j->id, j->repair_name, j->undo ? "undo" : "run");
}

static void end_dry_run(struct runner *r, struct job *j)
{
    runner_set_active(r, j);
    runner_describe_job(r, j, &j->output);
    runner_set_active(r, NULL);
    end_with(r, j, JOB_RESULT_DONE, "dry run: nothing was changed");
}

/* A right clock first: signatures and certificates of all else depend on it. */
static struct job *next_of(struct runner *r, bool time)
{
    for (struct job *j = r->journal.first; j; j = j->next) {
        bool is_time = j->repair && j->repair->id == REPAIR_TIME_RESYNC;
        if (j->stage != STAGE_TAKEN || is_time != time || !may_start(r, j))
            continue;
        if (!j->dry_run)
            return j;
        end_dry_run(r, j);
    }
    return NULL;
}

struct job *runner_start_next(struct runner *r)
{
    struct job *j = next_of(r, true);
    if (!j)
        j = next_of(r, false);
    if (j) {
        start(r, j);
        runner_set_active(r, j);
    }
    return j;
}
