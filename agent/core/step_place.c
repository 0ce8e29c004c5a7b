#include "steps.h"

#include <inttypes.h>
#include <stdio.h>

enum { HOLD_LIMIT_S = 120, TRIES = 3, BACKUP_SLICE_MS = 50 };

#define HAS(mask, p) ((mask) >> (p)&1)

/* Pauses between tries while somebody holds a file in the folder. */
static const int backoff_s[] = {1, 2, 4, 8, 8};
enum { BACKOFFS = sizeof backoff_s / sizeof *backoff_s };

static const enum machine_place whole[] = {PLACE_SOFTWARE_DISTRIBUTION, PLACE_COUNT};
static const enum machine_place parts[] = {PLACE_SD_DATASTORE, PLACE_SD_DOWNLOAD, PLACE_COUNT};

/* Gentle first. Only the second attempt keeps the services from being triggered again; the third takes the two
 * sub-folders that matter, which is what Microsoft's own instructions rename. */
static const struct plan {
    bool held;
    const enum machine_place *places;
    int retries;
    const char *words;
} plans[] = {
    {false, whole, BACKOFFS, ""},
    {true, whole, BACKOFFS, "still in use; trying with wuauserv and UsoSvc held disabled"},
    {true, parts, 1, "still in use; trying its sub-folders DataStore and Download"},
};
enum { PLANS = sizeof plans / sizeof *plans };

static const enum machine_service held_services[] = {SERVICE_USOSVC, SERVICE_WUAUSERV, SERVICE_COUNT};

/* ---- looking ---- */

enum step_end step_look_place(struct run *r, const struct step *st)
{
    const char *name = machine_place_name(st->place);
    struct place_info info = {0};
    struct err e = {0};
    enum machine_status status = r->machine->ops->place_query(r->machine->ctx, st->place, &info, &e);
    if (status == MACHINE_ABSENT || (status == MACHINE_OK && !info.exists))
        return run_fail(r, JOB_RESULT_NOT_APPLICABLE, "there is no %s folder", name);
    if (status != MACHINE_OK)
        return run_retry(r, TRIES, status, name, &e);
    if (info.reparse_point)
        return run_fail(r, JOB_RESULT_REFUSED, "%s is a link to another folder; links are never followed or moved", name);
    if (info.size_bytes >= 0)
        run_say(r, "%s: %" PRId64 " MB", name, info.size_bytes >> 20);
    return STEP_NEXT;
}

void describe_place(struct run *r, const struct step *st, struct buf *out)
{
    const char *name = machine_place_name(st->place);
    struct place_info info = {0};
    struct err e = {0};
    enum machine_status status = r->machine->ops->place_query(r->machine->ctx, st->place, &info, &e);
    if (status != MACHINE_OK && status != MACHINE_ABSENT)
        buf_printf(out, "  now: %s: %s\n", name, e.text);
    else if (status == MACHINE_ABSENT || !info.exists)
        buf_printf(out, "  now: there is no %s folder; the repair would end here\n", name);
    else if (info.reparse_point)
        buf_printf(out, "  now: %s is a link; the repair would be refused\n", name);
    else if (info.size_bytes >= 0)
        buf_printf(out, "  now: %s holds %" PRId64 " MB\n", name, info.size_bytes >> 20);
    else
        buf_printf(out, "  now: %s is there\n", name);
}

/* ---- evidence ---- */

enum step_end step_export_evidence(struct run *r, const struct step *st)
{
    char what[200] = "";
    struct err e = {0};
    enum machine_status status = r->machine->ops->evidence_export(r->machine->ctx, r->job->tag, what, &e);
    (void)st;
    if (status == MACHINE_PENDING)
        return run_again(r, 250);
    if (status == MACHINE_ABSENT)
        run_say(r, "there was no evidence to keep");
    else if (status != MACHINE_OK)
        return run_retry(r, TRIES, status, "the evidence could not be exported", &e);
    else
        run_say(r, "kept as evidence: %s", what);
    return STEP_NEXT;
}

/* ---- moving aside ---- */

static enum step_end next_plan(struct run *r)
{
    if (r->phase + 1 == PLANS)
        return run_fail(r, JOB_RESULT_FAILED, "SoftwareDistribution is in use by another program and could not be moved");
    r->cursor = 0;
    r->tries = 0;
    r->phase++;
    run_say(r, "%s", plans[r->phase].words);
    return run_again(r, 0);
}

static enum step_end give_up_place(struct run *r, enum machine_place p, enum machine_status status, const struct err *e)
{
    r->job->moved_mask &= ~(1u << p);
    r->job->dirty = true;
    if (status == MACHINE_DENIED)
        return run_fail(r, JOB_RESULT_REFUSED, "%s may not be moved (a security product or permissions): %s",
                        machine_place_name(p), e->text);
    if (status == MACHINE_ABSENT && p == PLACE_SOFTWARE_DISTRIBUTION)
        return run_fail(r, JOB_RESULT_NOT_APPLICABLE, "there is no %s folder", machine_place_name(p));
    if (status == MACHINE_ABSENT) {
        run_say(r, "%s is not there", machine_place_name(p));
        r->cursor++;
        return run_again(r, 0);
    }
    return run_fail(r, JOB_RESULT_FAILED, "%s could not be moved: %s", machine_place_name(p), e->text);
}

static enum step_end try_move(struct run *r, const struct plan *plan, enum machine_place p)
{
    struct err e = {0};
    if (!HAS(r->job->moved_mask, p)) {
        r->job->moved_mask |= 1u << p;
        return run_save(r);
    }
    enum machine_status status = r->machine->ops->place_move_aside(r->machine->ctx, p, r->job->tag, &e);
    if (status == MACHINE_OK) {
        run_say(r, "%s moved to %s.%s", machine_place_name(p), machine_place_name(p), r->job->tag);
        r->cursor++;
        r->tries = 0;
        return run_again(r, 0);
    }
    if (status != MACHINE_BUSY)
        return give_up_place(r, p, status, &e);
    if (r->tries < plan->retries)
        return run_again(r, backoff_s[r->tries++] * 1000);
    r->job->moved_mask &= ~(1u << p);
    return next_plan(r);
}

static bool is_disabled(struct run *r, enum machine_service s)
{
    struct service_info info;
    return r->machine->ops->service_query(r->machine->ctx, s, &info, NULL) == MACHINE_OK &&
           info.start == SERVICE_START_DISABLED;
}

/* STEP_NEXT when both are held; since_ticks is then the time of the first hold. A bit of held_mask says only that it was
 * about to be set, so the machine is asked. */
static enum step_end hold_services(struct run *r)
{
    for (int i = 0; held_services[i] != SERVICE_COUNT; i++) {
        enum machine_service s = held_services[i];
        if (!r->job->held_mask)
            r->since_ticks = r->now.ticks_ms;
        if (!HAS(r->job->found_mask, s) || HAS(r->skipped, s) || (HAS(r->job->held_mask, s) && is_disabled(r, s)))
            continue;
        enum step_end end = service_hold(r, s, SERVICE_START_DISABLED);
        if (end != STEP_NEXT)
            return end;
    }
    return STEP_NEXT;
}

enum step_end step_move_aside(struct run *r, const struct step *st)
{
    const struct plan *plan = &plans[r->phase];
    if (plan->places[r->cursor] == PLACE_COUNT)
        return STEP_NEXT;
    if (plan->held && run_is_late(r, HOLD_LIMIT_S) && r->job->held_mask)
        return run_fail(r, JOB_RESULT_FAILED, "SoftwareDistribution was still in use after the services were held for %d s",
                        HOLD_LIMIT_S);
    enum step_end end = plan->held ? hold_services(r) : STEP_NEXT;
    if (end != STEP_NEXT)
        return end;
    services_stop_again(r, st->services);
    return try_move(r, plan, plan->places[r->cursor]);
}

static bool backup_exists(struct run *r, enum machine_place p)
{
    struct place_info info = {0};
    return HAS(r->job->moved_mask, p) &&
           r->machine->ops->backup_query(r->machine->ctx, p, r->job->tag, &info, NULL) == MACHINE_OK && info.exists;
}

bool places_are_moved(struct run *r)
{
    return backup_exists(r, PLACE_SOFTWARE_DISTRIBUTION) ||
           (backup_exists(r, PLACE_SD_DATASTORE) && backup_exists(r, PLACE_SD_DOWNLOAD));
}

/* ---- moving back ---- */

static enum step_end next_place(struct run *r)
{
    r->cursor++;
    r->tries = 0;
    return run_again(r, 0);
}

static enum step_end is_back(struct run *r, enum machine_place p, const char *words)
{
    run_say(r, "%s %s", machine_place_name(p), words);
    if (!r->job->undo)
        r->job->moved_mask &= ~(1u << p);
    r->job->dirty = true;
    return next_place(r);
}

static enum step_end move_back(struct run *r, enum machine_place p, const char *tag)
{
    struct err e = {0};
    char what[100];
    if (!HAS(r->job->left_mask, p)) {
        r->job->left_mask |= 1u << p;
        snprintf(r->job->tag, sizeof r->job->tag, "%s", tag);
        return run_save(r);
    }
    enum machine_status status = r->machine->ops->place_restore(r->machine->ctx, p, tag, &e);
    if (status == MACHINE_OK)
        return is_back(r, p, "moved back");
    if (status == MACHINE_BUSY && r->tries < BACKOFFS)
        return run_again(r, backoff_s[r->tries++] * 1000);
    snprintf(what, sizeof what, "%s.%s could not be moved back", machine_place_name(p), tag);
    enum step_end end = run_retry(r, status == MACHINE_BUSY ? 0 : TRIES, status, what, &e);
    return end == STEP_NEXT ? next_place(r) : end;
}

/* Of an undo: the folders of its target. While putting back: the job's own. */
enum step_end step_move_back(struct run *r, const struct step *st)
{
    const struct job *owner = r->job->undo ? r->target : r->job;
    struct place_info info = {0};
    struct err e = {0};
    (void)st;
    while (r->cursor < PLACE_COUNT && !(owner && HAS(owner->moved_mask, r->cursor)))
        r->cursor++;
    if (r->cursor == PLACE_COUNT)
        return STEP_NEXT;
    enum machine_place p = (enum machine_place)r->cursor;
    char tag[TAG_MAX];
    snprintf(tag, sizeof tag, "%s", owner->tag);
    enum machine_status status = r->machine->ops->backup_query(r->machine->ctx, p, tag, &info, &e);
    if (status == MACHINE_OK && info.exists)
        return move_back(r, p, tag);
    if (status != MACHINE_OK && status != MACHINE_ABSENT) {
        enum step_end end = run_retry(r, TRIES, status, "the old folder could not be looked for", &e);
        return end == STEP_NEXT ? next_place(r) : end;
    }
    /* Gone: moved back before a crash, or never moved at all, unless nobody of us touched it. */
    if (r->job->undo && !HAS(r->job->left_mask, p))
        return run_fail(r, JOB_RESULT_NOT_AVAILABLE, "%s.%s is gone", machine_place_name(p), tag);
    return is_back(r, p, "is in its place");
}

/* ---- removing ---- */

enum step_end step_drop_backup(struct run *r, const struct step *st)
{
    const char *keep = repair_value(&r->job->values, "keep");
    struct err e = {0};
    (void)st;
    while (r->cursor < PLACE_COUNT && !HAS(r->job->moved_mask, r->cursor))
        r->cursor++;
    if (!keep || strcmp(keep, "none") != 0 || r->cursor == PLACE_COUNT)
        return STEP_NEXT;
    enum machine_place p = (enum machine_place)r->cursor;
    enum machine_status status = r->machine->ops->backup_remove(r->machine->ctx, p, r->job->tag, &e);
    if (status == MACHINE_PENDING)
        return run_again(r, BACKUP_SLICE_MS);
    if (status == MACHINE_OK || status == MACHINE_ABSENT) {
        run_say(r, "%s.%s removed", machine_place_name(p), r->job->tag);
        r->job->moved_mask &= ~(1u << p);
        return next_place(r);
    }
    /* The repair itself is done; the copy is removed later, by its age. */
    run_say(r, "%s.%s could not be removed now: %s", machine_place_name(p), r->job->tag, e.text);
    return next_place(r);
}
