#include "steps.h"

#include "code.h"
#include "times.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { RESYNC_LIMIT_S = 60, TRIES = 3, POLL_MS = 250 };

#define NOT_NEEDED_MS   INT64_C(120000)
#define GOOD_ENOUGH_MS  INT64_C(60000)
#define STILL_WRONG_MS  INT64_C(300000)  /* smaller rests are slewed away by the service */
#define MAX_RESYNC_MS   INT64_C(54000000) /* 15 h: what a machine outside a domain lets Windows Time correct */
/* 2026-01-01: no machine runs this agent before it was built. */
#define BUILD_YEAR_MS INT64_C(1767225600000)

static bool has_time_service(const struct job *j)
{
    return j->found_mask >> SERVICE_W32TIME & 1;
}

static void skew_text(int64_t skew_ms, char out[60])
{
    char length[40];
    duration_text(skew_ms, length);
    snprintf(out, 60, "%s %s", length, skew_ms < 0 ? "behind" : "ahead");
}

static bool measure(struct run *r)
{
    if (!r->now.t_ms)
        return false;
    r->job->skew_ms = r->now.wall_ms - r->now.t_ms;
    r->job->dirty = true;
    return true;
}

static bool is_off_by(const struct job *j, int64_t ms)
{
    return llabs(j->skew_ms) >= ms;
}

static enum service_state time_state(struct run *r)
{
    return r->job->found[SERVICE_W32TIME].state;
}

/* ---- before ---- */

enum step_end step_measure_clock(struct run *r, const struct step *st)
{
    char skew[60];
    (void)st;
    if (!has_time_service(r->job))
        return run_fail(r, JOB_RESULT_NOT_AVAILABLE, "this Windows has no Windows Time service");
    if (!measure(r)) {
        run_say(r, "the clock can't be measured: the server's time is not known yet");
        return STEP_NEXT;
    }
    skew_text(r->job->skew_ms, skew);
    if (!is_off_by(r->job, NOT_NEEDED_MS) && time_state(r) == SERVICE_STATE_RUNNING)
        return run_fail(r, JOB_RESULT_NOT_APPLICABLE, "not needed: the clock is %s and Windows Time is running", skew);
    run_say(r, "the clock is %s of the server's time", skew);
    return STEP_NEXT;
}

void describe_clock(struct run *r, const struct step *st, struct buf *out)
{
    char skew[60];
    (void)st;
    skew_text(r->now.wall_ms - r->now.t_ms, skew);
    if (r->now.t_ms)
        buf_printf(out, "  now: the clock is %s of the server's time\n", skew);
    else
        buf_printf(out, "  now: the server's time is not known, so the clock can't be measured\n");
}

enum step_end step_enable_time(struct run *r, const struct step *st)
{
    (void)st;
    if (r->job->found[SERVICE_W32TIME].start != SERVICE_START_DISABLED)
        return STEP_NEXT;
    return service_hold(r, SERVICE_W32TIME, SERVICE_START_MANUAL);
}

/* ---- setting the clock ---- */

/* NULL when the clock may be set by us, else why not. */
static const char *why_not_set(const struct run *r, const struct machine_conditions *c)
{
    const char *allow = repair_value(&r->job->values, "allow_step");
    bool asked = (allow && strcmp(allow, "true") == 0) || c->allow_clock_step;
    bool impossible = r->now.wall_ms < BUILD_YEAR_MS;
    if (strcmp(c->role, "dc") == 0)
        return "a domain controller's clock is never set";
    if (c->domain_member)
        return "a domain member's clock is its domain's business";
    return asked || impossible ? NULL : "neither allow_step=true nor the policy AllowClockStep was given";
}

enum step_end step_set_clock(struct run *r, const struct step *st)
{
    struct machine_conditions c = {0};
    struct err e = {0};
    char before[TIME_TEXT_MAX], after[TIME_TEXT_MAX];
    (void)st;
    if (!measure(r) || !is_off_by(r->job, MAX_RESYNC_MS))
        return STEP_NEXT;
    r->machine->ops->conditions(r->machine->ctx, &c);
    const char *why_not = why_not_set(r, &c);
    if (why_not) {
        run_say(r, "the clock was not set by us: %s", why_not);
        return STEP_NEXT;
    }
    if (!r->job->clock_set) {
        r->job->clock_set = true;
        return run_save(r);
    }
    time_print(r->now.wall_ms, before);
    time_print(r->now.t_ms, after);
    enum machine_status status = r->machine->ops->clock_set(r->machine->ctx, r->now.t_ms, &e);
    if (status != MACHINE_OK)
        return run_retry(r, TRIES, status, "the clock could not be set", &e);
    run_say(r, "the clock was set from %s to %s, the server's signed time", before, after);
    r->now.wall_ms = r->now.t_ms;
    return STEP_NEXT;
}

/* ---- resynchronising ---- */

/* Programs end with an HRESULT or with a plain Windows error number. */
static uint32_t exit_to_code(uint32_t exit_code)
{
    return exit_code && exit_code < 0x10000 ? 0x80070000 | exit_code : exit_code;
}

/* The service could not do it; when we set the clock ourselves, the machine is helped all the same. */
static enum step_end resync_failed(struct run *r, const char *text)
{
    if (r->job->clock_set && measure(r) && !is_off_by(r->job, GOOD_ENOUGH_MS)) {
        run_say(r, "%s", text);
        snprintf(r->job->reason, sizeof r->job->reason, "the clock was set from the server's time; %.300s", text);
        return STEP_NEXT;
    }
    struct machine_conditions c = {0};
    r->machine->ops->conditions(r->machine->ctx, &c);
    return run_fail(r, JOB_RESULT_FAILED, "%s%s", text,
                    c.time_nosync ? " Internet time is switched off on this machine (Type=NoSync)." : "");
}

static enum step_end resync_ended(struct run *r, enum machine_program p, const struct program_end *end)
{
    char text[REASON_MAX], code[CODE_TEXT_MAX];
    if (end->output[0])
        run_say(r, "%s said: %.400s", machine_program_text(p), end->output);
    if (end->timed_out) {
        snprintf(text, sizeof text, "%s did not end within %d s", machine_program_text(p), RESYNC_LIMIT_S);
        return resync_failed(r, text);
    }
    if (end->exit_code == 0) {
        run_say(r, "%s ended with 0", machine_program_text(p));
        return STEP_NEXT;
    }
    code_print(exit_to_code(end->exit_code), code);
    snprintf(text, sizeof text, "%s ended with exit code %" PRIu32 " (%s): %s", machine_program_text(p), end->exit_code,
             code, code_text(exit_to_code(end->exit_code)));
    if (p == PROGRAM_W32TM_RESYNC)
        return resync_failed(r, text);
    run_say(r, "%s", text);
    r->cursor++;
    run_phase(r, 0);
    return run_again(r, 0);
}

static enum step_end resync_start(struct run *r, enum machine_program p)
{
    struct err e = {0};
    enum machine_status status = r->machine->ops->program_start(r->machine->ctx, p, RESYNC_LIMIT_S, &e);
    if (status == MACHINE_OK) {
        run_phase(r, 1);
        return run_again(r, POLL_MS);
    }
    if (status == MACHINE_ABSENT)
        return run_fail(r, JOB_RESULT_NOT_AVAILABLE, "w32tm.exe is missing on this machine");
    return run_retry(r, TRIES, status, machine_program_text(p), &e);
}

enum step_end step_resync(struct run *r, const struct step *st)
{
    enum machine_program p = r->cursor ? PROGRAM_W32TM_RESYNC : PROGRAM_W32TM_RESYNC_REDISCOVER;
    struct program_end end = {0};
    struct err e = {0};
    (void)st;
    if (r->phase == 0)
        return resync_start(r, p);
    enum machine_status status = r->machine->ops->program_poll(r->machine->ctx, &end, &e);
    if (status == MACHINE_OK)
        return resync_ended(r, p, &end);
    /* The machine ends it at its limit; this only guards against one that never says so. */
    if (status == MACHINE_PENDING && !run_is_late(r, 2 * RESYNC_LIMIT_S))
        return run_again(r, POLL_MS);
    return run_fail(r, JOB_RESULT_FAILED, "%s: %s", machine_program_text(p),
                    status == MACHINE_PENDING ? "did not end" : e.text);
}

/* ---- after ---- */

enum step_end step_check_clock(struct run *r, const struct step *st)
{
    char skew[60];
    (void)st;
    if (!measure(r)) {
        run_say(r, "resynchronised; the server's time is not known, so the result can't be measured");
        return STEP_NEXT;
    }
    skew_text(r->job->skew_ms, skew);
    if (!is_off_by(r->job, STILL_WRONG_MS)) {
        run_say(r, "the clock is now %s of the server's time", skew);
        return STEP_NEXT;
    }
    struct machine_conditions c = {0};
    r->machine->ops->conditions(r->machine->ctx, &c);
    return run_fail(r, JOB_RESULT_FAILED, "Windows Time reports success, but the clock is still %s%s", skew,
                    c.domain_member ? "; the time of the domain controllers has to be looked at" : "");
}

/* ---- undo ---- */

enum step_end step_undo_time(struct run *r, const struct step *st)
{
    const struct service_info *before = r->target ? &r->target->found[SERVICE_W32TIME] : NULL;
    const struct service_info *found = &r->job->found[SERVICE_W32TIME];
    struct err e = {0};
    (void)st;
    if (!before || !has_time_service(r->job))
        return run_fail(r, JOB_RESULT_NOT_AVAILABLE, "this Windows has no Windows Time service");
    if (before->start == found->start && before->delayed == found->delayed) {
        run_say(r, "the start type is %s, as before the repair", service_start_text(found->start));
        return STEP_NEXT;
    }
    enum machine_status status = r->machine->ops->service_set_start(r->machine->ctx, SERVICE_W32TIME, before->start,
                                                                    before->delayed, &e);
    if (status != MACHINE_OK)
        return run_retry(r, TRIES, status, "the start type of W32Time could not be put back", &e);
    run_say(r, "W32Time: start type %s again", service_start_text(before->start));
    return STEP_NEXT;
}
