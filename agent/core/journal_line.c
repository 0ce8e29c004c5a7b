#include "journal.h"

#include <stddef.h>
#include <stdio.h>

/* Which fields of a job go into its S line. */
enum field_type { F_INT, F_UINT, F_CODE, F_INT64, F_BOOL, F_TEXT };

struct field {
    const char *name;
    enum field_type type;
    size_t at, size;
};

#define FIELD(kind, field) {#field, kind, offsetof(struct job, field), sizeof(((struct job *)0)->field)}

static const struct field state_fields[] = {
    FIELD(F_UINT, stage),         FIELD(F_BOOL, started),     FIELD(F_INT64, start_t),  FIELD(F_INT64, start_ticks),
    FIELD(F_TEXT, start_boot),    FIELD(F_INT, step),         FIELD(F_INT, resumes),    FIELD(F_UINT, found_mask),
    FIELD(F_UINT, held_mask),     FIELD(F_UINT, moved_mask),  FIELD(F_UINT, left_mask), FIELD(F_TEXT, tag),
    FIELD(F_BOOL, clock_set),
    FIELD(F_BOOL, undone),        FIELD(F_BOOL, watched),     FIELD(F_INT, rev),        FIELD(F_INT, told_rev),
    FIELD(F_UINT, state),         FIELD(F_UINT, result),      FIELD(F_UINT, verdict),   FIELD(F_TEXT, reason),
    FIELD(F_TEXT, verdict_reason), FIELD(F_CODE, verdict_code), FIELD(F_INT64, start_seq), FIELD(F_INT64, started_ms),
    FIELD(F_INT64, ended_ms),     FIELD(F_INT64, skew_ms),    FIELD(F_BOOL, undoable),  FIELD(F_BOOL, reduced),
    FIELD(F_CODE, aim.code),      FIELD(F_TEXT, aim.phase),   FIELD(F_TEXT, aim.update_id), FIELD(F_TEXT, aim.kb),
};

static const struct field order_fields[] = {
    FIELD(F_TEXT, id),           FIELD(F_TEXT, repair_name), FIELD(F_BOOL, undo),      FIELD(F_BOOL, dry_run),
    FIELD(F_BOOL, local),        FIELD(F_INT64, not_before), FIELD(F_INT64, not_after), FIELD(F_TEXT, target),
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

_Static_assert(sizeof(enum job_stage) == sizeof(unsigned), "enums are written as unsigned");

static void put_field(struct json_writer *w, const struct field *f, const char *at)
{
    int64_t n = 0;
    switch (f->type) {
    case F_TEXT:
        if (*at)
            json_member_string(w, f->name, at);
        return;
    case F_INT:
        n = *(const int *)(const void *)at;
        break;
    case F_UINT:
        n = *(const unsigned *)(const void *)at;
        break;
    case F_CODE:
        n = *(const uint32_t *)(const void *)at;
        break;
    case F_INT64:
        n = *(const int64_t *)(const void *)at;
        break;
    case F_BOOL:
        n = *(const bool *)(const void *)at;
        break;
    }
    if (n)
        json_member_int(w, f->name, n);
}

/* Absent means empty or 0: so that a field that went back to 0 is read as that. */
static void get_field(const struct json *o, const struct field *f, char *at)
{
    const struct json *v = json_get(o, f->name);
    struct slice text = {"", 0};
    int64_t n = 0;
    json_string(v, &text);
    json_int(v, &n);
    switch (f->type) {
    case F_TEXT:
        snprintf(at, f->size, "%.*s", SLICE_ARG(text));
        break;
    case F_INT:
        *(int *)(void *)at = (int)n;
        break;
    case F_UINT:
        *(unsigned *)(void *)at = (unsigned)n;
        break;
    case F_CODE:
        *(uint32_t *)(void *)at = (uint32_t)n;
        break;
    case F_INT64:
        *(int64_t *)(void *)at = n;
        break;
    case F_BOOL:
        *(bool *)(void *)at = n != 0;
        break;
    }
}

static void put_fields(struct json_writer *w, const struct field *f, size_t count, const struct job *j)
{
    for (size_t i = 0; i < count; i++)
        put_field(w, &f[i], (const char *)j + f[i].at);
}

static void get_fields(const struct json *o, const struct field *f, size_t count, struct job *j)
{
    for (size_t i = 0; i < count; i++)
        get_field(o, &f[i], (char *)j + f[i].at);
}

static void put_found(struct json_writer *w, const struct job *j)
{
    json_put_key(w, "found");
    json_begin(w, '{');
    for (int s = 0; s < SERVICE_COUNT; s++) {
        if (!(j->found_mask >> s & 1))
            continue;
        json_put_key(w, machine_service_name((enum machine_service)s));
        json_begin(w, '[');
        json_put_int(w, j->found[s].state);
        json_put_int(w, j->found[s].start);
        json_put_int(w, j->found[s].delayed);
        json_end(w, ']');
    }
    json_end(w, '}');
}

static void get_found(const struct json *o, struct job *j)
{
    const struct json *found = json_get(o, "found");
    for (int s = 0; s < SERVICE_COUNT; s++) {
        int64_t n[3] = {0, SERVICE_START_MANUAL, 0};
        const struct json *v = json_first(json_get(found, machine_service_name((enum machine_service)s)));
        for (int i = 0; v && i < 3; v = json_next(v), i++)
            json_int(v, &n[i]);
        j->found[s] = (struct service_info){(enum service_state)n[0], (enum service_start)n[1], n[2] != 0};
    }
}

void job_encode(const struct job *j, bool whole, struct buf *out)
{
    struct json_writer w = {.out = out};
    size_t from = whole ? 0 : j->output_written;
    json_begin(&w, '{');
    json_member_string(&w, "id", j->id);
    put_fields(&w, state_fields, COUNT(state_fields), j);
    if (j->found_mask)
        put_found(&w, j);
    if (j->output.n > from) {
        json_put_key(&w, whole ? "output" : "said");
        json_put_slice(&w, slice_make(j->output.p + from, j->output.n - from));
    }
    json_end(&w, '}');
}

/* Numbers out of a damaged file must not become enum values that don't exist. */
static bool ranges_hold(const struct job *j)
{
    return (unsigned)j->stage <= STAGE_ENDED && (unsigned)j->state < JOB_STATE_COUNT &&
           (unsigned)j->result < JOB_RESULT_COUNT && (unsigned)j->verdict < JOB_VERDICT_COUNT && j->step >= 0 &&
           j->step < 64 && !(j->found_mask >> SERVICE_COUNT) && !(j->held_mask >> SERVICE_COUNT) &&
           !(j->moved_mask >> PLACE_COUNT) && !(j->left_mask >> PLACE_COUNT);
}

bool job_decode(struct job *j, struct slice text, struct err *e)
{
    struct json *o = json_parse(text, e);
    struct slice said;
    if (!o)
        return false;
    get_fields(o, state_fields, COUNT(state_fields), j);
    get_found(o, j);
    if (json_string(json_get(o, "output"), &said)) {
        buf_clear(&j->output);
        buf_append_slice(&j->output, said);
    }
    if (json_string(json_get(o, "said"), &said))
        buf_append_slice(&j->output, said);
    json_free(o);
    if (!ranges_hold(j))
        return err_set(e, ERR_INVALID, "job %s: a number in the journal is out of range", j->id);
    return true;
}

void job_encode_order(const struct job *j, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    put_fields(&w, order_fields, COUNT(order_fields), j);
    if (j->values.count) {
        json_put_key(&w, "values");
        json_begin(&w, '{');
        for (int i = 0; i < j->values.count; i++)
            json_member_string(&w, j->values.v[i].name, j->values.v[i].value);
        json_end(&w, '}');
    }
    json_end(&w, '}');
}

bool job_decode_order(struct job *j, struct slice text, struct err *e)
{
    struct json *o = json_parse(text, e);
    if (!o)
        return false;
    get_fields(o, order_fields, COUNT(order_fields), j);
    j->repair = repair_find(j->repair_name);
    j->values.count = 0;
    bool ok = job_id_valid(j->id) || err_set(e, ERR_INVALID, "a job of the journal has no valid id");
    for (const struct json *v = json_first(json_get(o, "values")); ok && j->repair && v; v = json_next(v)) {
        char value[REPAIR_VALUE_MAX] = "";
        struct slice s = {"", 0};
        json_string(v, &s);
        snprintf(value, sizeof value, "%.*s", SLICE_ARG(s));
        ok = repair_value_set(j->repair, &j->values, json_key(v), value, e);
    }
    json_free(o);
    return ok;
}

void failure_encode(const struct failure *f, int64_t last_install_seq, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    json_member_string(&w, "phase", f->phase);
    json_member_int(&w, "code", f->code);
    json_member_string(&w, "update_id", f->update_id);
    json_member_string(&w, "kb", f->kb);
    json_member_int(&w, "seq", f->seq);
    json_member_int(&w, "last_install_seq", last_install_seq);
    json_end(&w, '}');
}

bool failure_decode(struct slice text, struct failure *out, int64_t *last_install_seq)
{
    struct json *o = json_parse(text, NULL);
    struct slice phase = {"", 0}, update_id = {"", 0}, kb = {"", 0};
    int64_t code = 0;
    *out = (struct failure){0};
    json_string(json_get(o, "phase"), &phase);
    json_string(json_get(o, "update_id"), &update_id);
    json_string(json_get(o, "kb"), &kb);
    json_int(json_get(o, "code"), &code);
    json_int(json_get(o, "last_install_seq"), last_install_seq);
    bool ok = json_int(json_get(o, "seq"), &out->seq);
    out->code = (uint32_t)code;
    snprintf(out->phase, sizeof out->phase, "%.*s", SLICE_ARG(phase));
    snprintf(out->update_id, sizeof out->update_id, "%.*s", SLICE_ARG(update_id));
    snprintf(out->kb, sizeof out->kb, "%.*s", SLICE_ARG(kb));
    json_free(o);
    return ok;
}
