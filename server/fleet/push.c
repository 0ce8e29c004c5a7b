#include "push.h"

#include "filter.h"
#include "mem.h"
#include "repair.h"

#include <stdio.h>
#include <stdlib.h>

struct job_row job_blank(struct arena *a)
{
    char *id = arena_alloc(a, JOB_ID_MAX);
    fleet_new_id(id);
    return (struct job_row){.id = id,
                            .rollout_id = "",
                            .machine_id = "",
                            .machine = "",
                            .repair = "",
                            .op = "run",
                            .params = "{}",
                            .origin = "push",
                            .reason = "",
                            .verdict_reason = "",
                            .output = "",
                            .undo_of = "",
                            .phase = "",
                            .update_key = "",
                            .state = JOB_QUEUED};
}

void job_brief(struct json_writer *w, const struct job_row *j)
{
    json_begin(w, '{');
    json_member_string(w, "job", j->id);
    json_member_string(w, "machine", j->machine);
    json_member_string(w, "machine_id", j->machine_id);
    json_member_string(w, "repair", j->repair);
    json_member_string(w, "state", *j->id ? job_state_name(j->state) : "");
    json_member_string(w, "result", job_result_name(j->result));
    json_member_string(w, "verdict", job_verdict_name(j->verdict));
    json_member_string(w, "reason", j->reason);
    json_end(w, '}');
}

bool audit_act(struct act *a, struct store *s, const char *action, const char *object, const char *detail,
               struct err *e)
{
    return store_audit_add(s, clock_wall_ms(a->fleet->clock), a->who.name, action, object, detail, e);
}

/* ---- whom ---- */

static struct job_row *add_target(struct act *a, const char *id, const char *name)
{
    struct push_input *in = a->input;
    if (in->job_count == in->job_room) {
        size_t room = in->job_room ? in->job_room * 2 : 64;
        struct job_row *more = arena_alloc(&a->arena, room * sizeof *more);
        if (in->job_count)
            memcpy(more, in->jobs, in->job_count * sizeof *more);
        in->jobs = more;
        in->job_room = room;
    }
    struct job_row *j = &in->jobs[in->job_count++];
    *j = job_blank(&a->arena);
    j->machine_id = arena_strdup(&a->arena, id);
    j->machine = arena_strdup(&a->arena, name);
    return j;
}

static bool add_matched(void *ctx, const char *id, const char *name)
{
    add_target(ctx, id, name);
    return true;
}

static int by_machine(const void *a, const void *b)
{
    return strcmp(((const struct job_row *)a)->machine_id, ((const struct job_row *)b)->machine_id);
}

static void drop_repeats(struct push_input *in)
{
    qsort(in->jobs, in->job_count, sizeof *in->jobs, by_machine);
    size_t kept = 0;
    for (size_t i = 0; i < in->job_count; i++)
        if (!kept || strcmp(in->jobs[kept - 1].machine_id, in->jobs[i].machine_id) != 0)
            in->jobs[kept++] = in->jobs[i];
    in->job_count = kept;
}

static bool find_targets(struct act *a, struct store *s, const struct filter *filter, int64_t now,
                         struct err *e)
{
    struct push_input *in = a->input;
    in->job_count = 0;
    for (size_t i = 0; i < in->machine_count; i++) {
        struct machine_row m;
        if (!store_machine_find(s, &a->arena, in->machines[i], &m, e))
            return err_wrap(e, "machine %s", in->machines[i]);
        if (!m.approved)
            return err_set(e, ERR_CONFLICT,
                           "machine %s waits for approval of its enrolment: it takes no jobs", m.name);
        add_target(a, m.id, m.name);
    }
    if (filter->count && !store_machine_ids(s, filter, now, add_matched, a, e))
        return false;
    drop_repeats(in);
    return true;
}

/* The digest every order of this push carries: SHA-256 over the sorted machine ids, one a line. */
static char *targets_digest(struct act *a)
{
    struct push_input *in = a->input;
    struct buf ids;
    buf_init(&ids, in->job_count * 66 + 1);
    for (size_t i = 0; i < in->job_count; i++)
        buf_printf(&ids, "%s\n", in->jobs[i].machine_id);
    char *digest = arena_alloc(&a->arena, 65);
    sha256_hex(buf_slice(&ids), digest);
    buf_free(&ids);
    return digest;
}

/* ---- what ---- */

static bool check_params(struct act *a, const struct repair *r, struct buf *json, int *repair_class,
                         struct err *e)
{
    const struct push_input *in = a->input;
    struct repair_values values = {.count = 0};
    for (size_t i = 0; i < in->param_count; i++)
        if (!repair_value_set(r, &values, in->params[i].key, in->params[i].value, e))
            return false;
    if (!repair_values_complete(r, &values, e))
        return false;
    struct json_writer w = {.out = json};
    json_begin(&w, '{');
    for (int i = 0; i < values.count; i++)
        json_member_string(&w, values.v[i].name, values.v[i].value);
    json_end(&w, '}');
    /* A time zone is a lasting change to what users see. */
    *repair_class = repair_value(&values, "timezone") ? 2 : r->class;
    return true;
}

static uint32_t code_of(const struct filter *f)
{
    for (int i = 0; i < f->count; i++)
        if (f->terms[i].field == FIELD_CODE && f->terms[i].op == FILTER_EQ)
            return f->terms[i].code;
    return 0;
}

/* The failure a job is meant for: the verdict is about that one. Machines without one get the job all the
 * same. */
static bool name_failure(struct act *a, struct store *s, struct job_row *j, uint32_t code, struct err *e)
{
    struct failure_row failure;
    struct err why = {0};
    if (!store_failure_for_job(s, &a->arena, j->machine_id, code, &failure, &why))
        return why.kind == ERR_NOT_FOUND || err_set(e, why.kind, "%s", why.text);
    j->code = failure.code;
    j->phase = failure.phase;
    j->update_key = failure.update_key;
    return true;
}

struct superseding {
    struct act *act;
    const char *machine_id;
};

/* The store gives the machine's name; the hub knows machines by id. */
static bool note_superseded(void *ctx, const char *job, const char *machine_name)
{
    const struct superseding *by = ctx;
    struct act *a = by->act;
    struct push_input *in = a->input;
    (void)machine_name;
    if (in->superseded_count == in->superseded_room) {
        size_t room = in->superseded_room ? in->superseded_room * 2 : 64;
        const char **jobs = arena_alloc(&a->arena, room * sizeof *jobs);
        const char **machines = arena_alloc(&a->arena, room * sizeof *machines);
        for (size_t i = 0; i < in->superseded_count; i++) {
            jobs[i] = in->superseded[i];
            machines[i] = in->superseded_machine[i];
        }
        in->superseded = jobs;
        in->superseded_machine = machines;
        in->superseded_room = room;
    }
    in->superseded[in->superseded_count] = arena_strdup(&a->arena, job);
    in->superseded_machine[in->superseded_count++] = by->machine_id;
    return true;
}

static bool needs_approval(const struct fleet *f, int repair_class, size_t machines)
{
    return repair_class == 2 || (repair_class == 1 && (int64_t)machines > f->settings.class1_approval_above);
}

static bool fill_jobs(struct act *a, struct store *s, const struct repair *r, int repair_class,
                      const char *params, uint32_t code, int64_t now, bool held, struct err *e)
{
    struct push_input *in = a->input;
    for (size_t i = 0; i < in->job_count; i++) {
        struct job_row *j = &in->jobs[i];
        j->rollout_id = in->rollout.id;
        j->repair = r->name;
        j->params = params;
        j->repair_class = repair_class;
        j->dry_run = in->dry_run;
        j->created_ms = now;
        j->expires_ms = now + a->fleet->settings.job_life_ms;
        j->state = held ? JOB_WAITING : JOB_QUEUED;
        j->reason = held ? "waits for approval" : "";
        struct superseding by = {a, j->machine_id};
        if (!name_failure(a, s, j, code, e) ||
            !store_jobs_supersede(s, j->machine_id, j->repair, j->id, now, note_superseded, &by, e))
            return false;
    }
    if (!store_jobs_add(s, in->jobs, in->job_count, e))
        return false;
    for (size_t i = 0; i < in->job_count; i++) {
        const struct job_row *j = &in->jobs[i];
        int64_t moved;
        const char *why = arena_printf(&a->arena, "%s is queued", j->repair);
        if (j->code && !j->dry_run &&
            !store_failures_move(s, j->machine_id, j->phase, j->update_key, j->code, FAILURE_WAITING, why,
                                 now, &moved, e))
            return false;
        if (!store_machine_refresh(s, j->machine_id, now, e))
            return false;
    }
    return true;
}

static void answer(struct act *a)
{
    const struct push_input *in = a->input;
    struct json_writer w = {.out = &a->out};
    json_begin(&w, '{');
    json_put_key(&w, "rollout");
    if (in->preview)
        json_put_null(&w);
    else
        json_put_string(&w, in->rollout.id);
    json_member_string(&w, "state", in->preview ? "" : in->rollout.state);
    json_member_int(&w, "matched", (int64_t)in->job_count);
    json_put_key(&w, "jobs");
    json_begin(&w, '[');
    for (size_t i = 0; i < in->job_count; i++) {
        struct job_row j = in->jobs[i];
        if (in->preview)
            j.id = "";
        job_brief(&w, &j);
    }
    json_end(&w, ']');
    json_end(&w, '}');
}

static bool audit_push(struct act *a, struct store *s, struct err *e)
{
    const struct push_input *in = a->input;
    struct buf detail;
    buf_init(&detail, 8192);
    struct json_writer w = {.out = &detail};
    json_begin(&w, '{');
    json_member_string(&w, "repair", in->rollout.repair);
    json_put_key(&w, "params");
    json_put_raw(&w, slice_of(in->rollout.params));
    json_member_string(&w, "filter", in->rollout.filter);
    json_member_int(&w, "machines", (int64_t)in->job_count);
    json_member_string(&w, "targets_sha256", in->rollout.targets_sha256);
    json_member_string(&w, "reason", in->rollout.reason);
    json_member_bool(&w, "dry_run", in->dry_run);
    json_end(&w, '}');
    bool ok = audit_act(a, s, "rollout.create", in->rollout.id, buf_text(&detail), e);
    buf_free(&detail);
    return ok;
}

static bool push(struct act *a, struct store *s, const struct repair *r, const struct filter *filter,
                 const char *params, int repair_class, struct err *e)
{
    struct push_input *in = a->input;
    int64_t now = clock_wall_ms(a->fleet->clock);
    bool held = !in->dry_run && needs_approval(a->fleet, repair_class, in->job_count);
    char *id = arena_alloc(&a->arena, JOB_ID_MAX);
    fleet_new_id(id);
    struct buf spelled;
    buf_init(&spelled, 4096);
    filter_print(filter, &spelled);
    in->rollout = (struct rollout_row){.id = id,
                                       .repair = r->name,
                                       .params = params,
                                       .filter = arena_strdup(&a->arena, buf_text(&spelled)),
                                       .reason = in->reason,
                                       .created_by = a->who.name,
                                       .targets_sha256 = targets_digest(a),
                                       .state = held ? "approval" : "running",
                                       .created_ms = now,
                                       .matched = (int64_t)in->job_count,
                                       .dry_run = in->dry_run};
    buf_free(&spelled);
    a->status = 201;
    return store_rollout_add(s, &in->rollout, e) &&
           fill_jobs(a, s, r, repair_class, params, code_of(filter), now, held, e) && audit_push(a, s, e);
}

bool act_push(struct act *a, struct store *s, struct err *e)
{
    struct push_input *in = a->input;
    in->superseded_count = 0;
    const struct repair *r = repair_find(in->repair);
    if (!r)
        return err_set(e, ERR_INVALID,
                       "repair: \"%.40s\" is not in the catalogue; `fleetmend get repairs` lists it",
                       in->repair);
    if (!in->filter[0] && !in->machine_count)
        return err_set(e, ERR_INVALID,
                       "filter: empty; name machines by a filter (state=failing) or by `machines`");
    struct filter filter;
    struct buf params;
    buf_init(&params, 2000);
    int repair_class = r->class;
    bool ok = filter_parse(slice_of(in->filter), FILTER_MACHINES, &a->arena, &filter, e) &&
              check_params(a, r, &params, &repair_class, e);
    const char *params_json = arena_strdup(&a->arena, buf_text(&params));
    buf_free(&params);
    if (!ok || !find_targets(a, s, &filter, clock_wall_ms(a->fleet->clock), e))
        return false;
    if (in->preview || !in->job_count)
        for (size_t i = 0; i < in->job_count; i++)
            in->jobs[i].repair = r->name;
    else if (!push(a, s, r, &filter, params_json, repair_class, e))
        return false;
    if (!in->job_count)
        in->preview = true; /* nobody matched: nothing was made */
    answer(a);
    return true;
}

void act_push_committed(struct act *a)
{
    struct push_input *in = a->input;
    if (in->preview)
        return;
    for (size_t i = 0; i < in->superseded_count; i++) {
        hub_offer_drop(a->fleet->hub, in->superseded_machine[i], in->superseded[i], NULL);
        hub_cancel(a->fleet->hub, in->superseded_machine[i], in->superseded[i]);
    }
    for (size_t i = 0; i < in->job_count; i++) {
        struct offer *o = offer_new(&in->jobs[i], in->rollout.targets_sha256, in->rollout.reason);
        if (o)
            hub_offer(a->fleet->hub, in->jobs[i].machine_id, o);
    }
}
