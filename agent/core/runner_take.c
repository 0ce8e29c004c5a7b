#include "runner_internal.h"

#include "crypto.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_MS           INT64_C(86400000)
#define ORDER_MAX_MS     (14 * DAY_MS + 3600000) /* as long as orders may live, and an hour for clocks */
#define EARLY_MS         INT64_C(300000)         /* an order from the future this near just waits */

/* ---- checking ---- */

/* A parameter can raise the class: what the server said must fit what the job would do. */
static int class_of(const struct repair *r, const struct repair_values *values)
{
    const char *zone = repair_value(values, "timezone");
    return r->id == REPAIR_TIME_RESYNC && zone && *zone ? 2 : r->class;
}

static bool check_undo_params(const struct wire_order *o, struct err *e)
{
    return (o->params_count == 1 && strcmp(o->params[0].key, "job") == 0 && job_id_valid(o->params[0].value)) ||
           err_set(e, ERR_INVALID, "undo takes exactly one parameter: job, the id of the job to undo");
}

static bool check_params(const struct repair *r, const struct wire_order *o, struct repair_values *values, struct err *e)
{
    for (size_t i = 0; i < o->params_count; i++)
        if (!repair_value_set(r, values, o->params[i].key, o->params[i].value, e))
            return false;
    return repair_values_complete(r, values, e);
}

static bool check_times(const struct wire_order *o, int64_t now_t, struct err *e)
{
    if (o->not_after < o->not_before)
        return err_set(e, ERR_INVALID, "the order ends before it begins");
    if (!now_t)
        return true;
    if (o->not_after < now_t)
        return err_set(e, ERR_INVALID, "the order has expired");
    if (o->not_before > now_t + EARLY_MS)
        return err_set(e, ERR_INVALID, "the order is not valid yet");
    return o->not_after <= now_t + ORDER_MAX_MS || err_set(e, ERR_INVALID, "the order would live longer than 14 days");
}

static bool check_order(const struct wire_order *o, struct repair_values *values, struct err *e)
{
    const struct repair *r = repair_find(o->repair);
    bool undo = strcmp(o->op, "undo") == 0;
    if (!undo && strcmp(o->op, "run") != 0)
        return err_set(e, ERR_INVALID, "there is no operation \"%.10s\"", o->op);
    if (!r)
        return err_set(e, ERR_INVALID, "there is no repair \"%.40s\"", o->repair);
    if (undo ? !check_undo_params(o, e) : !check_params(r, o, values, e))
        return false;
    int class = class_of(r, values);
    return o->class == class ||
           err_set(e, ERR_INVALID, "the order says class %d, but this is class %d", (int)o->class, class);
}

/* ---- taking ---- */

static void fill_job(struct job *j, const struct wire_order *o, bool local)
{
    j->undo = strcmp(o->op, "undo") == 0;
    j->dry_run = o->dry_run;
    j->local = local;
    j->not_before = o->not_before;
    j->not_after = o->not_after;
    j->aim.code = o->code;
    snprintf(j->aim.phase, sizeof j->aim.phase, "%s", o->phase ? o->phase : "");
    /* What names the update may be a KB, when no id is known. */
    bool kb = o->update_id && strncmp(o->update_id, "KB", 2) == 0;
    snprintf(j->aim.update_id, sizeof j->aim.update_id, "%s", o->update_id && !kb ? o->update_id : "");
    snprintf(j->aim.kb, sizeof j->aim.kb, "%.15s", kb ? o->update_id : "");
    if (j->undo && o->params_count == 1)
        snprintf(j->target, sizeof j->target, "%s", o->params[0].value);
    j->dirty = true;
}

static bool take(struct runner *r, const struct wire_order *o, int64_t now_t, bool local, struct err *e)
{
    struct repair_values values = {.count = 0};
    struct err why = {0};
    struct job *j = journal_add(&r->journal, o->id, o->repair, e);
    if (!j)
        return false;
    fill_job(j, o, local);
    if (check_order(o, &values, &why) && (local || check_times(o, now_t, &why)))
        j->values = values;
    else
        job_end_with(j, clock_wall_ms(r->machine->clock), JOB_RESULT_REFUSED, why.text);
    if (!journal_save(&r->journal, j, e)) {
        journal_remove(&r->journal, j);
        return false;
    }
    log_info("runner.taken job=%s repair=%s op=%s result=%s reason=%s", j->id, j->repair_name, o->op,
             job_result_name(j->result), j->reason);
    runner_flush(r, NULL);
    return true;
}

bool runner_take(struct runner *r, const struct wire_order *o, int64_t now_ms, struct err *e)
{
    if (!job_id_valid(o->id)) {
        log_warn("runner.order_ignored reason=no valid id");
        return true;
    }
    struct job *known = journal_find(&r->journal, o->id);
    if (!known)
        return take(r, o, now_ms, false, e);
    /* A server that offers it again has lost the report. */
    if (known->stage == STAGE_ENDED && known->told_rev == known->rev)
        known->told_rev = known->rev - 1;
    runner_flush(r, NULL);
    return true;
}

bool runner_cancel(struct runner *r, const char *const *jobs, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        struct job *j = journal_find(&r->journal, jobs[i]);
        if (j && j->stage == STAGE_TAKEN)
            job_end_with(j, clock_wall_ms(r->machine->clock), JOB_RESULT_REFUSED,
                         "taken back by the server before it started");
    }
    return runner_flush(r, e);
}

void runner_freeze(struct runner *r, bool frozen)
{
    r->frozen = frozen;
}

/* ---- by hand ---- */

bool runner_local(struct runner *r, const char *op, const char *repair, const struct repair_values *values,
                  const char *undo_job, bool dry_run, char job[JOB_ID_MAX], struct err *e)
{
    struct wire_pair pairs[REPAIR_PARAMS_MAX];
    struct wire_order o = {.id = job, .op = op, .repair = repair, .params = pairs, .dry_run = dry_run};
    struct repair_values checked = {.count = 0};
    if (undo_job)
        pairs[o.params_count++] = (struct wire_pair){"job", undo_job};
    for (int i = 0; !undo_job && values && i < values->count; i++)
        pairs[o.params_count++] = (struct wire_pair){values->v[i].name, values->v[i].value};
    random_hex((JOB_ID_MAX - 1) / 2, job);
    const struct repair *row = repair_find(repair);
    if (row)
        o.class = class_of(row, values ? values : &checked);
    /* Whoever typed it is told at once what is wrong with it. */
    return check_order(&o, &checked, e) && take(r, &o, 0, true, e);
}
