#include "outcome.h"

#include "code.h"
#include "log.h"
#include "repair.h"

static const char *text(const char *z)
{
    return z ? z : "";
}

/* A repair somebody ran on the machine by hand is a job too, so the timeline is whole. */
static bool make_local_job(struct store *s, const char *machine_id, const struct wire_result *r,
                           int64_t now_ms, struct err *e)
{
    const struct repair *repair = repair_find(text(r->repair));
    if (!job_id_valid(r->job) || !repair)
        return err_set(e, ERR_INVALID, "job: no job of that id, and not a local one of a known repair");
    struct job_row row = {.id = r->job,
                          .rollout_id = "",
                          .machine_id = machine_id,
                          .machine = "",
                          .repair = repair->name,
                          .op = text(r->op)[0] ? r->op : "run",
                          .params = "{}",
                          .origin = text(r->origin)[0] ? r->origin : "lost",
                          .repair_class = repair->class,
                          .state = JOB_QUEUED,
                          .reason = "",
                          .verdict_reason = "",
                          .output = "",
                          .undo_of = "",
                          .phase = "",
                          .update_key = "",
                          .created_ms = now_ms,
                          .expires_ms = now_ms};
    return store_jobs_add(s, &row, 1, e);
}

struct consequence {
    enum failure_state to;
    bool applies;
    const char *why;
};

/* What the failures become: only evidence closes one. */
static struct consequence consequence_of(const struct wire_result *r, struct arena *a, const char *repair)
{
    if (r->state == JOB_RUNNING)
        return (struct consequence){FAILURE_REPAIRING, true, arena_printf(a, "%s is running", repair)};
    if (r->state == JOB_VERIFYING)
        return (struct consequence){FAILURE_VERIFYING, true,
                                    arena_printf(a, "%s ended; looking for evidence", repair)};
    if (r->state == JOB_WAITING)
        return (struct consequence){FAILURE_WAITING, true,
                                    arena_printf(a, "%s waits: %s", repair, text(r->reason))};
    switch ((enum job_verdict)r->verdict) {
    case JOB_VERDICT_FIXED:
        return (struct consequence){FAILURE_FIXED, true,
                                    arena_printf(a, "%s: %s", repair, text(r->verdict_reason))};
    case JOB_VERDICT_PENDING:
        return (struct consequence){FAILURE_VERIFYING, true, text(r->verdict_reason)};
    case JOB_VERDICT_NONE:
        return (struct consequence){FAILURE_OPEN, true,
                                    arena_printf(a, "%s: %s, %s", repair,
                                                 job_result_name((enum job_result)r->result),
                                                 text(r->reason))};
    default:
        return (struct consequence){FAILURE_OPEN, true,
                                    arena_printf(a, "%s: %s, %s", repair,
                                                 job_verdict_name((enum job_verdict)r->verdict),
                                                 text(r->verdict_reason))};
    }
}

/* A job that names a failure moves that one. A job that names none proves, by a clean scan, scan failures
 * only. */
static bool move_failures(struct store *s, struct arena *a, const char *machine_id, const struct job_row *job,
                          const struct wire_result *r, int64_t now_ms, struct err *e)
{
    bool undo = strcmp(job->op, "undo") == 0;
    struct consequence c =
        consequence_of(r, a, undo ? arena_printf(a, "undo of %s", job->repair) : job->repair);
    int64_t changed;
    if (!job->code) {
        if (r->verdict != JOB_VERDICT_FIXED)
            return true;
        return store_failures_move(s, machine_id, "scan", NULL, 0, FAILURE_FIXED, c.why, now_ms, &changed, e);
    }
    return store_failures_move(s, machine_id, job->phase, job->update_key, job->code, c.to, c.why, now_ms,
                               &changed, e);
}

/* A verdict can also come from an install or a download that failed again while the agent looked: its event has
 * opened or counted that failure. *told: so it was. */
static bool is_told_by_event(struct store *s, struct arena *a, const char *machine_id,
                             const struct wire_result *r, bool *told, struct err *e)
{
    struct failure_row known;
    struct err why = {0};
    bool found = store_failure_for_job(s, a, machine_id, r->verdict_code, &known, &why);
    *told = found && strcmp(known.phase, "scan") != 0;
    return found || why.kind == ERR_NOT_FOUND || err_set(e, why.kind, "%s", why.text);
}

/* The scan that looked for evidence failed: that is a failure seen, also where an earlier one was closed
 * meanwhile. Verdicts after `pending` come from events, which open and count by themselves. */
static bool note_failing_scan(struct store *s, struct arena *a, const char *machine_id,
                              enum job_verdict before, const struct wire_result *r, int64_t now_ms,
                              struct err *e)
{
    bool failing = r->verdict == JOB_VERDICT_SAME || r->verdict == JOB_VERDICT_DIFFERENT ||
                   r->verdict == JOB_VERDICT_NEEDS_REBOOT;
    if (!failing || before != JOB_VERDICT_NONE || code_lookup(r->verdict_code).kind != CODE_FAILURE)
        return true;
    bool told;
    if (!is_told_by_event(s, a, machine_id, r, &told, e))
        return false;
    if (told)
        return true;
    struct failure_row row = {.machine_id = machine_id,
                              .machine = "",
                              .code = r->verdict_code,
                              .phase = "scan",
                              .update_key = "",
                              .kb = "",
                              .title = "",
                              .text = "",
                              .why = "",
                              .state = FAILURE_OPEN,
                              .first_seen_ms = now_ms,
                              .last_seen_ms = now_ms,
                              .count = 1};
    bool opened;
    int64_t id;
    return store_failure_seen(s, &row, &opened, &id, e);
}

bool outcome_take(struct fleet *f, struct store *s, struct arena *a, const char *machine_id,
                  const struct wire_result *r, int64_t now_ms, bool *over, bool *changed, struct err *e)
{
    (void)f;
    struct job_row job;
    struct err why = {0};
    bool known = store_job_get(s, a, r->job, &job, &why);
    if (!known && why.kind != ERR_NOT_FOUND)
        return err_set(e, why.kind, "%s", why.text);
    if (known && strcmp(job.machine_id, machine_id) != 0) {
        /* Somebody else's job: said to be stored, so that it is not sent for ever, and ignored. */
        *over = true;
        return true;
    }
    if (!known) {
        struct err bad = {0};
        if (!make_local_job(s, machine_id, r, now_ms, &bad)) {
            /* A refused forgery with an id of its own making: there is no job to record it under. */
            log_warn("result.unknown_job machine=%s job=%s result=%s reason=\"%s\"", machine_id, r->job,
                     job_result_name((enum job_result)r->result), text(r->reason));
            *over = true;
            return bad.kind == ERR_INVALID || err_set(e, bad.kind, "%s", bad.text);
        }
        if (!store_job_get(s, a, r->job, &job, e))
            return false;
    }
    const enum job_verdict before = job.verdict;
    job.rev = r->rev;
    job.state = (enum job_state)r->state;
    job.result = (enum job_result)r->result;
    job.reason = text(r->reason);
    job.verdict = (enum job_verdict)r->verdict;
    job.verdict_reason = text(r->verdict_reason);
    job.verdict_code = r->verdict_code;
    job.output = text(r->output);
    job.undoable = r->undoable;
    job.start_seq = r->start_seq;
    if (r->started && !job.started_ms)
        job.started_ms = now_ms; /* the server's time: the machine's own clock may be wrong */
    job.ended_ms = r->state == JOB_DONE ? now_ms : 0;
    bool applied = false;
    if (!store_job_report(s, &job, &applied, e))
        return false;
    *over = r->state == JOB_DONE;
    if (applied && *over && job.rollout_id[0] && !store_rollout_settle(s, job.rollout_id, e))
        return false;
    *changed |= applied;
    if (!applied || job.dry_run)
        return true;
    if (r->verdict == JOB_VERDICT_FIXED && !store_machine_scan_ok(s, machine_id, now_ms, e))
        return false;
    return note_failing_scan(s, a, machine_id, before, r, now_ms, e) &&
           move_failures(s, a, machine_id, &job, r, now_ms, e);
}
