#include "runner_internal.h"

#include "log.h"
#include "undo.h"
#include "verify.h"
#include "vetoes.h"

#include <stdio.h>

enum { RESUMES_MAX = 3, SCAN_TRIES = 3, SCAN_PAUSE_MS = 30000 };

void runner_set_active(struct runner *r, struct job *j)
{
    r->active = j;
    r->run.job = j;
    r->run.target = j && j->undo ? journal_find(&r->journal, j->target) : NULL;
    r->run.have_scan = false;
    run_reset(&r->run);
}

/* ---- ends of stages ---- */

static void end_active(struct runner *r)
{
    struct job *j = r->active;
    j->undoable = undo_is_possible(j);
    job_end(j, r->run.now.wall_ms);
    log_info("runner.ended job=%s repair=%s result=%s verdict=%s reason=%s", j->id, j->repair_name,
             job_result_name(j->result), job_verdict_name(j->verdict), j->reason);
    runner_set_active(r, NULL);
    r->tidy_ticks = r->run.now.ticks_ms;
}

static void end_running(struct runner *r)
{
    struct job *j = r->active;
    j->result = JOB_RESULT_DONE;
    if (j->undo)
        undo_done(&r->journal, j);
    j->undoable = undo_is_possible(j);
    if (j->repair->verify == VERIFY_NONE) {
        end_active(r);
        return;
    }
    j->stage = STAGE_VERIFYING;
    j->state = JOB_VERIFYING;
    j->step = j->resumes = 0;
    run_reset(&r->run);
    job_report(j);
}

static void begin_restoring(struct runner *r)
{
    struct job *j = r->active;
    j->stage = STAGE_RESTORING;
    j->step = 0;
    j->dirty = true;
    run_reset(&r->run);
}

/* ---- work ---- */

static int64_t work_step(struct runner *r)
{
    struct job *j = r->active;
    const struct step *st = &steps_now(j)[j->step];
    if (!st->name) {
        if (j->stage == STAGE_RESTORING)
            end_active(r);
        else
            end_running(r);
        return 0;
    }
    enum step_end end = st->run(&r->run, st);
    if (end == STEP_AGAIN)
        return r->run.wait_ms;
    if (end == STEP_STOP) {
        begin_restoring(r);
        return 0;
    }
    j->step++;
    j->dirty = true;
    run_reset(&r->run);
    return 0;
}

static int64_t work_verify(struct runner *r)
{
    struct run *run = &r->run;
    struct err e = {0};
    char words[REASON_MAX];
    enum machine_status status = run->have_scan ? MACHINE_OK : scan_work(run, &e);
    if (status == MACHINE_PENDING)
        return run->wait_ms;
    if (status == MACHINE_OK) {
        verify_judge(r->active, &run->scan);
    } else if (status != MACHINE_ABSENT && ++run->tries < SCAN_TRIES) {
        return run_scaled(run, SCAN_PAUSE_MS);
    } else {
        snprintf(words, sizeof words, "%s: %.300s",
                 status == MACHINE_ABSENT ? "this system offers no update scan" : "no scan could be made", e.text);
        verify_unknown(r->active, words);
    }
    end_active(r);
    return 0;
}

int64_t runner_work(struct runner *r)
{
    return r->active->stage == STAGE_VERIFYING ? work_verify(r) : work_step(r);
}

/* ---- after a crash ---- */

static int step_index(const struct step *steps, const char *name)
{
    int i = 0;
    while (steps[i].name && (!name || strcmp(steps[i].name, name) != 0))
        i++;
    return i;
}

/* Whether the steps that are done make going on better than going back. Undoing always goes on. */
static bool goes_on(struct runner *r, struct job *j)
{
    const struct repair_steps *rows = steps_of(j->repair);
    if (!rows || j->resumes > RESUMES_MAX)
        return false;
    if (j->undo)
        return true;
    int at = step_index(rows->steps, rows->resume_at);
    if (!rows->resume_at || j->step < at || (j->step == at && !rows->is_past(&r->run)))
        return false;
    j->step = j->step == at ? at + 1 : j->step;
    return true;
}

void runner_recover(struct runner *r, struct job *j)
{
    const struct step *st = &steps_now(j)[j->step];
    const char *name = j->stage == STAGE_VERIFYING ? "verify" : st->name ? st->name : "the end";
    runner_set_active(r, j);
    j->resumes++;
    j->dirty = true;
    run_say(&r->run, "cut off at \"%s\" by a crash or restart", name);
    if (j->stage == STAGE_RUNNING && !goes_on(r, j)) {
        j->result = JOB_RESULT_INTERRUPTED;
        snprintf(j->reason, sizeof j->reason, "cut off at \"%s\" by a crash or restart; what was changed was put back", name);
        begin_restoring(r);
    } else if (j->stage == STAGE_VERIFYING && j->resumes > RESUMES_MAX) {
        verify_unknown(j, "the agent was cut off again and again while it looked for evidence");
        end_active(r);
    } else if (j->stage == STAGE_RESTORING && j->resumes > 2 * RESUMES_MAX) {
        /* Start types still held are restored by the tidying. */
        snprintf(j->reason, sizeof j->reason, "cut off again and again while putting back what was changed");
        end_active(r);
    }
    log_warn("runner.recovered job=%s repair=%s step=%s result=%s", j->id, j->repair_name, name,
             job_result_name(j->result));
}

/* ---- describing ---- */

static void describe_obstacles(struct runner *r, const struct job *j, struct buf *out)
{
    struct machine_conditions c = {0};
    struct err e = {0};
    char text[REASON_MAX];
    r->machine->ops->conditions(r->machine->ctx, &c);
    unsigned mask = vetoes_now(j->repair, &c);
    vetoes_text(mask, &c, text, sizeof text);
    if (mask & VETO_LASTING)
        buf_printf(out, "it would be refused now: %s\n", text);
    else if (mask)
        buf_printf(out, "it would wait now: %s\n", text);
    if (!j->undo && !limits_allow(&r->journal, j, &r->run.now, r->speed, &e))
        buf_printf(out, "it would be refused now: %s\n", e.text);
}

void runner_describe_job(struct runner *r, struct job *j, struct buf *out)
{
    const struct repair_steps *rows = steps_of(j->repair);
    int i = 0;
    for (const struct step *st = j->undo ? rows->undo : rows->steps; st->name; st++) {
        buf_printf(out, "%d. %s\n", ++i, st->name);
        if (st->describe)
            st->describe(&r->run, st, out);
    }
    if (j->repair->verify == VERIFY_SCAN && j->repair->id != REPAIR_UPDATE_SCAN)
        buf_printf(out, "%d. scan for updates as evidence\n", ++i);
    describe_obstacles(r, j, out);
}
