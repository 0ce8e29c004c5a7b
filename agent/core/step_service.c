#include "steps.h"

#include "times.h"

#include <stdio.h>

enum { STOP_LIMIT_S = 120, START_LIMIT_S = 60, TIME_START_LIMIT_S = 30, POLL_MS = 250, START_TRIES = 3, RESTORE_TRIES = 5 };

#define HAS(mask, s) ((mask) >> (s)&1)

const char *service_start_text(enum service_start start)
{
    return start == SERVICE_START_AUTO ? "automatic" : start == SERVICE_START_MANUAL ? "manual" : "disabled";
}

static const char *state_text(enum service_state state)
{
    static const char *const words[] = {"stopped", "starting", "running", "stopping"};
    return words[state];
}

static enum machine_status query(struct run *r, enum machine_service s, struct service_info *info, struct err *e)
{
    return r->machine->ops->service_query(r->machine->ctx, s, info, e);
}

/* The next service of the step that is on this machine; SERVICE_COUNT at the end. */
static enum machine_service current(struct run *r, const struct step *st)
{
    while (st->services[r->cursor] != SERVICE_COUNT && !HAS(r->job->found_mask, st->services[r->cursor]))
        r->cursor++;
    return st->services[r->cursor];
}

static enum step_end next_service(struct run *r)
{
    r->cursor++;
    run_phase(r, 0);
    return run_again(r, 0);
}

/* A failure while putting back concerns one service; the others still get their turn. */
static enum step_end or_next_service(struct run *r, enum step_end end)
{
    return end == STEP_NEXT ? next_service(r) : end;
}

/* ---- looking ---- */

/* On its way somewhere: what it will be is what it is to be put back to. */
static void record(struct job *j, enum machine_service s, struct service_info info)
{
    if (info.state == SERVICE_STATE_STARTING)
        info.state = SERVICE_STATE_RUNNING;
    if (info.state == SERVICE_STATE_STOPPING)
        info.state = SERVICE_STATE_STOPPED;
    j->found[s] = info;
    j->found_mask |= 1u << s;
    j->dirty = true;
}

enum step_end step_look_services(struct run *r, const struct step *st)
{
    for (; st->services[r->cursor] != SERVICE_COUNT; r->cursor++) {
        enum machine_service s = st->services[r->cursor];
        struct service_info info;
        struct err e = {0};
        if (HAS(r->job->found_mask, s))
            continue;
        enum machine_status status = query(r, s, &info, &e);
        if (status == MACHINE_OK) {
            run_say(r, "%s: %s, start %s", machine_service_name(s), state_text(info.state), service_start_text(info.start));
            record(r->job, s, info);
        } else if (status == MACHINE_ABSENT)
            run_say(r, "%s: not on this Windows", machine_service_name(s));
        else
            return run_retry(r, START_TRIES, status, machine_service_name(s), &e);
    }
    return STEP_NEXT;
}

void describe_services(struct run *r, const struct step *st, struct buf *out)
{
    for (int i = 0; st->services[i] != SERVICE_COUNT; i++) {
        struct service_info info;
        struct err e = {0};
        enum machine_status status = query(r, st->services[i], &info, &e);
        const char *name = machine_service_name(st->services[i]);
        if (status == MACHINE_OK)
            buf_printf(out, "  now: %s is %s, start %s\n", name, state_text(info.state), service_start_text(info.start));
        else
            buf_printf(out, "  now: %s %s\n", name, status == MACHINE_ABSENT ? "is not on this Windows" : e.text);
    }
}

/* ---- stopping ---- */

static bool is_to_be_stopped(const struct run *r, const struct step *st, enum machine_service s)
{
    const struct service_info *found = &r->job->found[s];
    if (st->flags & STEP_STOP_IF_WAS_DISABLED)
        return found->state == SERVICE_STATE_STOPPED && found->start == SERVICE_START_DISABLED;
    /* Putting back needs still services only when a folder has to move. */
    return r->job->stage != STAGE_RESTORING || r->job->moved_mask;
}

static enum step_end ask_to_stop(struct run *r, enum machine_service s)
{
    struct err e = {0};
    char what[60];
    enum machine_status status = r->machine->ops->service_stop(r->machine->ctx, s, &e);
    snprintf(what, sizeof what, "%s could not be stopped", machine_service_name(s));
    if (status == MACHINE_OK) {
        run_phase(r, 1);
        return run_again(r, POLL_MS);
    }
    /* Delivery Optimization is protected on some versions; the folder can often be moved all the same. */
    if (status == MACHINE_DENIED && s != SERVICE_WUAUSERV) {
        run_say(r, "%s may not be stopped; going on", machine_service_name(s));
        return next_service(r);
    }
    return or_next_service(r, run_retry(r, START_TRIES, status, what, &e));
}

enum step_end step_stop_services(struct run *r, const struct step *st)
{
    enum machine_service s = current(r, st);
    struct service_info info;
    struct err e = {0};
    if (s == SERVICE_COUNT)
        return STEP_NEXT;
    if (!is_to_be_stopped(r, st, s))
        return next_service(r);
    enum machine_status status = query(r, s, &info, &e);
    if (status != MACHINE_OK)
        return or_next_service(r, run_retry(r, START_TRIES, status, machine_service_name(s), &e));
    if (info.state == SERVICE_STATE_STOPPED) {
        if (r->phase == 1)
            run_say(r, "%s stopped", machine_service_name(s));
        return next_service(r);
    }
    if (r->phase == 0)
        return ask_to_stop(r, s);
    if (run_is_late(r, STOP_LIMIT_S))
        return or_next_service(r, run_fail(r, JOB_RESULT_FAILED, "%s did not stop within %d s", machine_service_name(s),
                                           STOP_LIMIT_S));
    return run_again(r, POLL_MS);
}

void services_stop_again(struct run *r, const enum machine_service *services)
{
    for (; *services != SERVICE_COUNT; services++) {
        struct service_info info;
        if (HAS(r->job->found_mask, *services) && query(r, *services, &info, NULL) == MACHINE_OK &&
            info.state == SERVICE_STATE_RUNNING)
            r->machine->ops->service_stop(r->machine->ctx, *services, NULL);
    }
}

/* ---- starting ---- */

static enum step_end ask_to_start(struct run *r, enum machine_service s)
{
    struct err e = {0};
    char what[60];
    enum machine_status status = r->machine->ops->service_start(r->machine->ctx, s, &e);
    if (status == MACHINE_OK) {
        r->phase = 1;
        r->since_ticks = r->now.ticks_ms;
        return run_again(r, POLL_MS);
    }
    snprintf(what, sizeof what, "%s could not be started", machine_service_name(s));
    return or_next_service(r, run_retry(r, START_TRIES, status, what, &e));
}

static enum step_end wait_for_start(struct run *r, const struct step *st, enum machine_service s, enum service_state state)
{
    int limit_s = st->flags & STEP_START_ALWAYS ? TIME_START_LIMIT_S : START_LIMIT_S;
    if (state == SERVICE_STATE_STOPPED && ++r->tries < START_TRIES) {
        r->phase = 0;
        return run_again(r, 1000);
    }
    if (state == SERVICE_STATE_STOPPED)
        return or_next_service(
            r, run_fail(r, JOB_RESULT_FAILED, "%s ends as soon as it is started", machine_service_name(s)));
    if (run_is_late(r, limit_s))
        return or_next_service(
            r, run_fail(r, JOB_RESULT_FAILED, "%s did not start within %d s", machine_service_name(s), limit_s));
    return run_again(r, POLL_MS);
}

enum step_end step_start_services(struct run *r, const struct step *st)
{
    enum machine_service s = current(r, st);
    struct service_info info;
    struct err e = {0};
    if (s == SERVICE_COUNT)
        return STEP_NEXT;
    if (!(st->flags & STEP_START_ALWAYS) && r->job->found[s].state != SERVICE_STATE_RUNNING)
        return next_service(r);
    enum machine_status status = query(r, s, &info, &e);
    if (status != MACHINE_OK)
        return or_next_service(r, run_retry(r, START_TRIES, status, machine_service_name(s), &e));
    if (info.state == SERVICE_STATE_RUNNING) {
        if (r->phase == 1)
            run_say(r, "%s started", machine_service_name(s));
        return next_service(r);
    }
    if (r->phase == 0 && info.state != SERVICE_STATE_STOPPING)
        return ask_to_start(r, s);
    return wait_for_start(r, st, s, r->phase ? info.state : SERVICE_STATE_STOPPING);
}

/* ---- start types ---- */

/* Some services protect their configuration; holding them is a help, not a need. */
enum step_end service_hold(struct run *r, enum machine_service s, enum service_start start)
{
    struct err e = {0};
    if (!HAS(r->job->found_mask, s) || r->job->found[s].start == start)
        return STEP_NEXT;
    if (!HAS(r->job->held_mask, s)) {
        r->job->held_mask |= 1u << s;
        return run_save(r);
    }
    enum machine_status status = r->machine->ops->service_set_start(r->machine->ctx, s, start, false, &e);
    if (status == MACHINE_OK) {
        run_say(r, "%s: start type set to %s for now", machine_service_name(s), service_start_text(start));
        return STEP_NEXT;
    }
    char what[80];
    snprintf(what, sizeof what, "the start type of %s could not be set", machine_service_name(s));
    if (status == MACHINE_DENIED && start == SERVICE_START_DISABLED) {
        run_say(r, "%s; going on", what);
        r->job->held_mask &= ~(1u << s);
        r->skipped |= 1u << s;
        return STEP_NEXT;
    }
    return run_retry(r, START_TRIES, status, what, &e);
}

static enum step_end restore_one(struct run *r, enum machine_service s)
{
    const struct service_info *found = &r->job->found[s];
    struct err e = {0};
    enum machine_status status =
        r->machine->ops->service_set_start(r->machine->ctx, s, found->start, found->delayed, &e);
    if (status != MACHINE_OK && status != MACHINE_ABSENT) {
        char what[100];
        snprintf(what, sizeof what, "the start type of %s could not be put back to %s", machine_service_name(s),
                 service_start_text(found->start));
        return or_next_service(r, run_retry(r, RESTORE_TRIES, status, what, &e));
    }
    r->job->held_mask &= ~(1u << s);
    run_say(r, "%s: start type %s again", machine_service_name(s), service_start_text(found->start));
    return next_service(r);
}

enum step_end step_restore_start_types(struct run *r, const struct step *st)
{
    enum machine_service s = current(r, st);
    if (s == SERVICE_COUNT)
        return STEP_NEXT;
    return HAS(r->job->held_mask, s) ? restore_one(r, s) : next_service(r);
}
