/* Acts on what was pushed: undo, cancel, approve. */
#include "push.h"

#include "repair.h"

static bool rollout_of(struct act *a, struct store *s, const char *id, const char *state,
                       struct rollout_row *out, struct err *e)
{
    if (!store_rollout_get(s, &a->arena, id, out, e))
        return err_wrap(e, "rollout %.40s", id);
    if (state && strcmp(out->state, state) != 0)
        return err_set(e, ERR_CONFLICT, "rollout %s is %s, not waiting for approval", id, out->state);
    return true;
}

static char *one_target_digest(struct act *a, const char *machine_id)
{
    char *digest = arena_alloc(&a->arena, 65);
    sha256_hex(slice_of(arena_printf(&a->arena, "%s\n", machine_id)), digest);
    return digest;
}

bool act_undo(struct act *a, struct store *s, struct err *e)
{
    struct job_input *in = a->input;
    int64_t now = clock_wall_ms(a->fleet->clock);
    struct job_row newest;
    if (!store_job_get(s, &a->arena, in->id, &in->job, e))
        return err_wrap(e, "job %.40s", in->id);
    const struct repair *r = repair_find(in->job.repair);
    if (!r || r->undo != UNDO_YES)
        return err_set(e, ERR_CONFLICT, "%s can't be undone: %s", in->job.repair,
                       r ? r->undo_help : "unknown repair");
    if (!in->job.undoable)
        return err_set(e, ERR_CONFLICT, "job %s left nothing to undo (result %s)", in->job.id,
                       in->job.result ? job_result_name(in->job.result) : "none yet");
    if (!store_job_newest_undoable(s, &a->arena, in->job.machine_id, in->job.repair, &newest, e))
        return e->kind == ERR_NOT_FOUND ? err_set(e, ERR_CONFLICT, "job %s was undone already", in->job.id)
                                        : false;
    if (strcmp(newest.id, in->job.id) != 0)
        return err_set(e, ERR_CONFLICT, "only the newest %s of a machine can be undone: that is job %s",
                       in->job.repair, newest.id);
    in->rollout = (struct rollout_row){.id = arena_strdup(&a->arena, job_blank(&a->arena).id),
                                       .repair = in->job.repair,
                                       .params = "{}",
                                       .filter = "",
                                       .reason = in->reason,
                                       .created_by = a->who.name,
                                       .targets_sha256 = one_target_digest(a, in->job.machine_id),
                                       .state = "running",
                                       .created_ms = now,
                                       .matched = 1};
    struct job_row *j = &in->made;
    *j = job_blank(&a->arena);
    j->rollout_id = in->rollout.id;
    j->machine_id = in->job.machine_id;
    j->machine = in->job.machine;
    j->repair = in->job.repair;
    j->repair_class = in->job.repair_class;
    j->op = "undo";
    j->params = arena_printf(&a->arena, "{\"job\":\"%s\"}", in->job.id);
    j->undo_of = in->job.id;
    j->code = in->job.code;
    j->phase = in->job.phase;
    j->update_key = in->job.update_key;
    j->created_ms = now;
    j->expires_ms = now + a->fleet->settings.job_life_ms;
    if (!store_rollout_add(s, &in->rollout, e) || !store_jobs_add(s, j, 1, e) ||
        !store_machine_refresh(s, j->machine_id, now, e) ||
        !audit_act(a, s, "job.undo", in->job.id, j->params, e))
        return false;
    struct json_writer w = {.out = &a->out};
    json_begin(&w, '{');
    json_member_string(&w, "rollout", in->rollout.id);
    json_member_int(&w, "matched", 1);
    json_member_string(&w, "job", j->id);
    json_member_string(&w, "state", "running");
    json_put_key(&w, "jobs");
    json_begin(&w, '[');
    job_brief(&w, j);
    json_end(&w, ']');
    json_end(&w, '}');
    a->status = 201;
    return true;
}

void act_undo_committed(struct act *a)
{
    struct job_input *in = a->input;
    struct offer *o = offer_new(&in->made, in->rollout.targets_sha256, in->rollout.reason);
    if (o)
        hub_offer(a->fleet->hub, in->made.machine_id, o);
}

static void answer_ok(struct act *a, const char *key, const char *id, const char *state)
{
    struct json_writer w = {.out = &a->out};
    json_begin(&w, '{');
    json_member_string(&w, key, id);
    json_member_string(&w, "state", state);
    json_end(&w, '}');
}

static bool cancel_one(struct act *a, struct store *s, const struct job_row *j, struct err *e)
{
    int64_t now = clock_wall_ms(a->fleet->clock), moved;
    const char *why = arena_printf(&a->arena, "cancelled by %s", a->who.name);
    if (!store_job_move(s, j->id, j->state, JOB_CANCELLED, why, now, e))
        return false;
    if (j->code && !store_failures_move(s, j->machine_id, j->phase, j->update_key, j->code, FAILURE_OPEN, "",
                                        now, &moved, e))
        return false;
    return store_rollout_settle(s, j->rollout_id, e) && store_machine_refresh(s, j->machine_id, now, e);
}

bool act_job_cancel(struct act *a, struct store *s, struct err *e)
{
    struct job_input *in = a->input;
    if (!store_job_get(s, &a->arena, in->id, &in->job, e))
        return err_wrap(e, "job %.40s", in->id);
    if (!job_move_allowed(in->job.state, JOB_CANCELLED))
        return err_set(e, ERR_CONFLICT, "job %s is %s and can't be cancelled any more", in->job.id,
                       job_state_name(in->job.state));
    answer_ok(a, "job", in->job.id, "cancelled");
    return cancel_one(a, s, &in->job, e) && audit_act(a, s, "job.cancel", in->job.id, "{}", e);
}

static void forget_job(struct act *a, const struct job_row *j)
{
    hub_offer_drop(a->fleet->hub, j->machine_id, j->id, NULL);
    hub_cancel(a->fleet->hub, j->machine_id, j->id);
}

void act_job_cancel_committed(struct act *a)
{
    forget_job(a, &((struct job_input *)a->input)->job);
}

/* ---- rollouts ---- */

static struct job_row job_copy(struct arena *a, const struct job_row *j)
{
    struct job_row c = *j;
    const char **strings[] = {&c.id,     &c.rollout_id, &c.machine_id, &c.machine,   &c.repair,
                              &c.op,     &c.params,     &c.origin,     &c.reason,    &c.verdict_reason,
                              &c.output, &c.undo_of,    &c.phase,      &c.update_key};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        *strings[i] = arena_strdup(a, *strings[i]);
    return c;
}

static bool collect(void *ctx, const struct job_row *j)
{
    struct act *a = ctx;
    struct rollout_input *in = a->input;
    if (job_state_final(j->state))
        return true;
    if (in->job_count == in->job_room) {
        size_t room = in->job_room ? in->job_room * 2 : 64;
        struct job_row *more = arena_alloc(&a->arena, room * sizeof *more);
        if (in->job_count)
            memcpy(more, in->jobs, in->job_count * sizeof *more);
        in->jobs = more;
        in->job_room = room;
    }
    in->jobs[in->job_count++] = job_copy(&a->arena, j);
    return true;
}

static bool jobs_of(struct act *a, struct store *s, const char *id, struct err *e)
{
    struct rollout_input *in = a->input;
    in->job_count = 0;
    struct filter f = {.count = 1, .terms = {{.field = FIELD_ROLLOUT, .op = FILTER_EQ, .text = id}}};
    struct store_page all = {.cursor = "", .sort = "", .now_ms = clock_wall_ms(a->fleet->clock)};
    char next[200];
    return store_jobs(s, &f, &all, collect, a, next, e);
}

bool act_rollout_approve(struct act *a, struct store *s, struct err *e)
{
    struct rollout_input *in = a->input;
    struct rollout_row r;
    int64_t now = clock_wall_ms(a->fleet->clock);
    if (!rollout_of(a, s, in->id, "approval", &r, e))
        return false;
    if (strcmp(r.created_by, a->who.name) == 0)
        return err_set(e, ERR_DENIED, "nobody approves a push of his own: another approver must do it");
    if (!jobs_of(a, s, r.id, e) || !store_rollout_move(s, r.id, "approval", "running", e))
        return false;
    for (size_t i = 0; i < in->job_count; i++)
        if (in->jobs[i].state == JOB_WAITING &&
            (!store_job_move(s, in->jobs[i].id, JOB_WAITING, JOB_QUEUED, "", now, e) ||
             !store_machine_refresh(s, in->jobs[i].machine_id, now, e)))
            return false;
    answer_ok(a, "rollout", r.id, "running");
    return audit_act(a, s, "rollout.approve", r.id, "{}", e);
}

void act_rollout_approve_committed(struct act *a)
{
    const struct rollout_input *in = a->input;
    for (size_t i = 0; i < in->job_count; i++)
        hub_offer_release(a->fleet->hub, in->jobs[i].machine_id, in->jobs[i].id);
}

bool act_rollout_cancel(struct act *a, struct store *s, struct err *e)
{
    struct rollout_input *in = a->input;
    struct rollout_row r;
    if (!rollout_of(a, s, in->id, NULL, &r, e))
        return false;
    if (strcmp(r.state, "cancelled") == 0)
        return err_set(e, ERR_CONFLICT, "rollout %s is cancelled already", r.id);
    if (!jobs_of(a, s, r.id, e) || !store_rollout_move(s, r.id, r.state, "cancelled", e))
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < in->job_count; i++)
        if (job_move_allowed(in->jobs[i].state, JOB_CANCELLED)) {
            if (!cancel_one(a, s, &in->jobs[i], e))
                return false;
            in->jobs[kept++] = in->jobs[i];
        }
    in->job_count = kept;
    answer_ok(a, "rollout", r.id, "cancelled");
    return audit_act(a, s, "rollout.cancel", r.id, "{}", e);
}

void act_rollout_cancel_committed(struct act *a)
{
    const struct rollout_input *in = a->input;
    for (size_t i = 0; i < in->job_count; i++)
        forget_job(a, &in->jobs[i]);
}

/* ---- machines ---- */

bool act_machine_approve(struct act *a, struct store *s, struct err *e)
{
    struct machine_input *in = a->input;
    struct machine_row m;
    int64_t now = clock_wall_ms(a->fleet->clock);
    if (!store_machine_find(s, &a->arena, in->id, &m, e))
        return err_wrap(e, "machine %.64s", in->id);
    if (m.approved)
        return err_set(e, ERR_CONFLICT, "machine %s is approved already", m.name);
    in->found_id = m.id;
    answer_ok(a, "machine", m.id, "active");
    return store_machine_set_approved(s, m.id, true, e) && store_machine_refresh(s, m.id, now, e) &&
           audit_act(a, s, "machine.approve", m.id, "{}", e);
}

void act_machine_approve_committed(struct act *a)
{
    hub_forget(a->fleet->hub, ((struct machine_input *)a->input)->found_id);
}
