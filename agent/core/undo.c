#include "undo.h"

#include "log.h"
#include "verify.h"

#include <stdio.h>

#define DAY_MS         INT64_C(86400000)
#define KEEP_MS        (14 * DAY_MS)
#define LOW_DISK_BYTES (INT64_C(1) << 30)

/* ---- who may be undone ---- */

bool undo_is_possible(const struct job *j)
{
    const struct repair_steps *rows = steps_of(j->repair);
    return rows && rows->undo && j->started && !j->undo && !j->undone && !j->dry_run && rows->is_undoable(j);
}

/* Jobs of one repair start in the order they stand in the journal. */
static const struct job *newest_undoable(const struct journal *jl, const struct repair *r)
{
    const struct job *newest = NULL;
    for (const struct job *j = jl->first; j; j = j->next)
        if (j->repair == r && j->stage == STAGE_ENDED && undo_is_possible(j))
            newest = j;
    return newest;
}

const struct job *undo_target(const struct journal *jl, const struct job *undo, enum job_result *result, struct err *e)
{
    const struct job *t = journal_find(jl, undo->target);
    *result = JOB_RESULT_REFUSED;
    if (!t) {
        *result = JOB_RESULT_NOT_AVAILABLE;
        err_set(e, ERR_NOT_FOUND, "this machine's journal has no job %s", undo->target);
    } else if (t->repair != undo->repair || t->undo) {
        err_set(e, ERR_INVALID, "job %s is no %s", t->id, undo->repair_name);
    } else if (t->undone) {
        err_set(e, ERR_CONFLICT, "job %s was undone already", t->id);
    } else if (t->stage != STAGE_ENDED) {
        err_set(e, ERR_CONFLICT, "job %s has not ended", t->id);
    } else if (!undo_is_possible(t)) {
        *result = JOB_RESULT_NOT_AVAILABLE;
        err_set(e, ERR_UNAVAILABLE, "nothing of job %s is left to undo: %s", t->id,
                t->repair->undo == UNDO_YES ? "it changed nothing that lasts, or its old folder was removed"
                                            : t->repair->undo_help);
    } else if (newest_undoable(jl, t->repair) != t) {
        err_set(e, ERR_CONFLICT, "only the newest %s can be undone, and %s is not", t->repair->name, t->id);
    } else if (t->moved_mask && jl->last_install_seq > t->start_seq) {
        err_set(e, ERR_CONFLICT, "an update was installed since; the old folder no longer fits this Windows");
    } else {
        return t;
    }
    return NULL;
}

void undo_done(struct journal *jl, const struct job *undo)
{
    struct job *t = journal_find(jl, undo->target);
    if (!t)
        return;
    t->undone = true;
    t->undoable = false;
    t->moved_mask = 0;
    t->watched = false;
    t->dirty = true;
}

/* ---- tidying ---- */

static bool restore_held(struct job *j, struct run *r)
{
    for (int s = 0; s < SERVICE_COUNT; s++) {
        enum machine_status status;
        if (!(j->held_mask >> s & 1))
            continue;
        status = r->machine->ops->service_set_start(r->machine->ctx, (enum machine_service)s, j->found[s].start,
                                                    j->found[s].delayed, NULL);
        if (status != MACHINE_OK && status != MACHINE_ABSENT)
            continue;
        j->held_mask &= ~(1u << s);
        j->dirty = true;
        log_info("runner.start_type_restored service=%s job=%s", machine_service_name((enum machine_service)s), j->id);
        return true;
    }
    return false;
}

static bool is_due(const struct job *j, const struct run *r, int64_t free_bytes)
{
    bool helped = j->verdict == JOB_VERDICT_FIXED || j->undone || j->undo;
    return job_age_ms(j, &r->now) >= KEEP_MS / r->speed || (free_bytes < LOW_DISK_BYTES && helped);
}

static bool remove_one(struct run *r, struct job *j, unsigned *mask, const char *tag)
{
    for (int p = 0; p < PLACE_COUNT; p++) {
        if (!(*mask >> p & 1))
            continue;
        enum machine_status status =
            r->machine->ops->backup_remove(r->machine->ctx, (enum machine_place)p, tag, NULL);
        if (status == MACHINE_PENDING)
            return true;
        if (status != MACHINE_OK && status != MACHINE_ABSENT)
            continue;
        *mask &= ~(1u << p);
        j->dirty = true;
        return true;
    }
    return false;
}

static bool remove_folders(struct job *j, struct run *r)
{
    char new_tag[TAG_MAX + 4];
    snprintf(new_tag, sizeof new_tag, "%s-new", j->tag);
    bool more = remove_one(r, j, &j->moved_mask, j->tag) || remove_one(r, j, &j->left_mask, new_tag);
    if (j->undoable && !undo_is_possible(j)) {
        j->undoable = false;
        j->rev++;
        j->dirty = true;
    }
    return more;
}

static bool give_up_watching(struct job *j, struct run *r)
{
    if (!j->watched || job_age_ms(j, &r->now) < VERIFY_WATCH_DAYS * DAY_MS / r->speed)
        return false;
    j->watched = false;
    j->rev++;
    verify_unknown(j, "the update was neither installed nor failed again within 14 days");
    return true;
}

bool undo_tidy(struct journal *jl, struct run *r)
{
    struct machine_conditions c = {.free_disk_bytes = INT64_MAX};
    r->machine->ops->conditions(r->machine->ctx, &c);
    for (struct job *j = jl->first; j; j = j->next) {
        if (j->stage != STAGE_ENDED || !j->started)
            continue;
        if (restore_held(j, r) || give_up_watching(j, r))
            return true;
        if ((j->moved_mask || j->left_mask) && is_due(j, r, c.free_disk_bytes) && remove_folders(j, r))
            return true;
    }
    journal_prune(jl, r->now.t_ms);
    return false;
}
