#include "world.h"

#include "code.h"
#include "json.h"
#include "mem.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

enum field_kind {
    FIELD_TEXT,
    FIELD_BOOL,
    FIELD_INT,
    FIELD_NUMBER,
    FIELD_CODE,
    FIELD_PHASE,
    FIELD_REPAIR,  /* sets goes_silent too */
    FIELD_REPAIRS, /* bits */
    FIELD_SPELLS,
    FIELD_FAULT,
    FIELD_HISTORY,
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset, size; /* size: of texts */
    double min, max;     /* of numbers */
};

#define TEXT(type, name)             {#name, FIELD_TEXT, offsetof(struct type, name), sizeof((struct type *)0)->name, 0, 0}
#define OTHER(type, name, kind)      {#name, kind, offsetof(struct type, name), 0, 0, 0}
#define BOUND(type, name, k, lo, hi) {#name, k, offsetof(struct type, name), 0, lo, hi}

static const struct field fault_fields[] = {
    OTHER(world_fault, phase, FIELD_PHASE),
    OTHER(world_fault, code, FIELD_CODE),
    TEXT(world_fault, kb),
    OTHER(world_fault, heals, FIELD_REPAIRS),
    BOUND(world_fault, chance, FIELD_NUMBER, 0, 1),
    BOUND(world_fault, from_h, FIELD_NUMBER, 0, 1e6),
    BOUND(world_fault, to_h, FIELD_NUMBER, 0, 1e6),
    {0},
};
static const struct field past_fields[] = {
    BOUND(world_past, age_d, FIELD_NUMBER, 0, 4000),
    OTHER(world_past, code, FIELD_CODE),
    OTHER(world_past, phase, FIELD_PHASE),
    TEXT(world_past, kb),
    {0},
};
static const struct field group_fields[] = {
    TEXT(world_group, name),
    BOUND(world_group, count, FIELD_INT, 1, WORLD_MACHINES_MAX),
    TEXT(world_group, os),
    TEXT(world_group, build),
    TEXT(world_group, role),
    OTHER(world_group, domain, FIELD_BOOL),
    TEXT(world_group, update_server),
    TEXT(world_group, update_manager),
    TEXT(world_group, site),
    TEXT(world_group, model),
    OTHER(world_group, fault, FIELD_FAULT),
    BOUND(world_group, clock_offset_s, FIELD_INT, -4e9, 4e9),
    OTHER(world_group, offline, FIELD_SPELLS),
    OTHER(world_group, reboot_pending, FIELD_BOOL),
    OTHER(world_group, silent_after, FIELD_REPAIR),
    OTHER(world_group, pin_boot, FIELD_BOOL),
    OTHER(world_group, history, FIELD_HISTORY),
    {0},
};

static bool expected(const char *field, const char *what, const struct json *v, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s: %s expected, not %s", field, what, json_type_name(json_type(v)));
}

static const struct field *field_find(const struct field *fields, const char *name)
{
    for (const struct field *f = fields; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static bool read_object(const struct field *fields, const struct json *v, void *out, struct err *e);

/* ---- one reader a kind; all have the same form ---- */

static bool read_text(const struct field *f, const struct json *v, void *out, struct err *e)
{
    struct slice s;
    if (!json_string(v, &s))
        return expected(f->name, "a string", v, e);
    if (s.n >= f->size)
        return err_set(e, ERR_INVALID, "%s: at most %zu bytes", f->name, f->size - 1);
    snprintf((char *)out + f->offset, f->size, "%.*s", SLICE_ARG(s));
    return true;
}

static bool read_bool(const struct field *f, const struct json *v, void *out, struct err *e)
{
    return json_bool(v, (bool *)(void *)((char *)out + f->offset)) || expected(f->name, "true or false", v, e);
}

static bool within(const struct field *f, double v, struct err *e)
{
    return (v >= f->min && v <= f->max) ||
           err_set(e, ERR_INVALID, "%s: from %.15g to %.15g expected, not %.15g", f->name, f->min, f->max, v);
}

static bool read_int(const struct field *f, const struct json *v, void *out, struct err *e)
{
    int64_t n;
    if (!json_int(v, &n))
        return expected(f->name, "a whole number", v, e);
    *(int64_t *)(void *)((char *)out + f->offset) = n;
    return within(f, (double)n, e);
}

static bool read_number(const struct field *f, const struct json *v, void *out, struct err *e)
{
    double n;
    if (!json_number(v, &n))
        return expected(f->name, "a number", v, e);
    *(double *)(void *)((char *)out + f->offset) = n;
    return within(f, n, e);
}

static bool read_code(const struct field *f, const struct json *v, void *out, struct err *e)
{
    struct slice s;
    uint32_t *code = (uint32_t *)(void *)((char *)out + f->offset);
    if (!json_string(v, &s))
        return expected(f->name, "a code such as \"0x80070002\"", v, e);
    return code_parse(s, code, e) || err_wrap(e, "%s", f->name);
}

static bool read_phase(const struct field *f, const struct json *v, void *out, struct err *e)
{
    struct slice s = {0};
    char word[20];
    enum event_phase *phase = (enum event_phase *)(void *)((char *)out + f->offset);
    bool text = json_string(v, &s) && s.n < sizeof word;
    snprintf(word, sizeof word, "%.*s", text ? (int)s.n : 0, text ? s.p : "");
    if (!text || !event_phase_parse(word, phase) ||
        (*phase != EVENT_PHASE_SCAN && *phase != EVENT_PHASE_DOWNLOAD && *phase != EVENT_PHASE_INSTALL))
        return err_set(e, ERR_INVALID, "%s: \"scan\", \"download\" or \"install\" expected", f->name);
    return true;
}

static bool repair_of(const struct field *f, const struct json *v, enum repair_id *out, struct err *e)
{
    struct slice s;
    char name[40];
    if (!json_string(v, &s))
        return expected(f->name, "the name of a repair", v, e);
    snprintf(name, sizeof name, "%.*s", SLICE_ARG(s));
    const struct repair *r = repair_find(name);
    if (!r)
        return err_set(e, ERR_INVALID, "%s: \"%s\" is no repair", f->name, name);
    *out = r->id;
    return true;
}

static bool read_repair(const struct field *f, const struct json *v, void *out, struct err *e)
{
    struct world_group *g = out;
    g->goes_silent = true;
    return repair_of(f, v, &g->silent_after, e);
}

static bool read_repairs(const struct field *f, const struct json *v, void *out, struct err *e)
{
    if (json_type(v) != JSON_ARRAY)
        return expected(f->name, "an array of repairs", v, e);
    for (const struct json *r = json_first(v); r; r = json_next(r)) {
        enum repair_id id;
        if (!repair_of(f, r, &id, e))
            return false;
        *(unsigned *)(void *)((char *)out + f->offset) |= 1u << id;
    }
    return true;
}

static bool read_spells(const struct field *f, const struct json *v, void *out, struct err *e)
{
    struct world_group *g = out;
    if (json_type(v) != JSON_ARRAY || json_count(v) > WORLD_SPELLS_MAX)
        return err_set(e, ERR_INVALID, "%s: an array of at most %d pairs expected", f->name, WORLD_SPELLS_MAX);
    for (const struct json *s = json_first(v); s; s = json_next(s)) {
        double from, to;
        const struct json *first = json_first(s), *second = json_next(first);
        if (json_type(s) != JSON_ARRAY || json_count(s) != 2 || !json_number(first, &from) ||
            !json_number(second, &to) || from < 0 || to <= from)
            return err_set(e, ERR_INVALID, "%s: [from_h, to_h] with 0 <= from_h < to_h expected", f->name);
        g->offline[g->offline_count].from_h = from;
        g->offline[g->offline_count++].to_h = to;
    }
    return true;
}

static bool read_fault(const struct field *f, const struct json *v, void *out, struct err *e)
{
    struct world_group *g = out;
    g->has_fault = true;
    g->fault.chance = 1;
    if (json_type(v) != JSON_OBJECT)
        return expected(f->name, "an object", v, e);
    if (!read_object(fault_fields, v, &g->fault, e))
        return err_wrap(e, "%s", f->name);
    if (!g->fault.phase || !code_is_failure(g->fault.code))
        return err_set(e, ERR_INVALID, "%s: needs a phase, and a code that is a failure", f->name);
    return true;
}

static bool read_history(const struct field *f, const struct json *v, void *out, struct err *e)
{
    struct world_group *g = out;
    if (json_type(v) != JSON_ARRAY || json_count(v) > WORLD_HISTORY_MAX)
        return err_set(e, ERR_INVALID, "%s: an array of at most %d expected", f->name, WORLD_HISTORY_MAX);
    for (const struct json *p = json_first(v); p; p = json_next(p)) {
        struct world_past *past = &g->history[g->history_count];
        if (!read_object(past_fields, p, past, e))
            return err_wrap(e, "%s[%d]", f->name, g->history_count);
        if (!past->phase || !past->code)
            return err_set(e, ERR_INVALID, "%s[%d]: needs code and phase", f->name, g->history_count);
        g->history_count++;
    }
    return true;
}

static bool (*const readers[])(const struct field *, const struct json *, void *, struct err *) = {
    [FIELD_TEXT] = read_text,       [FIELD_BOOL] = read_bool,       [FIELD_INT] = read_int,
    [FIELD_NUMBER] = read_number,   [FIELD_CODE] = read_code,       [FIELD_PHASE] = read_phase,
    [FIELD_REPAIR] = read_repair,   [FIELD_REPAIRS] = read_repairs, [FIELD_SPELLS] = read_spells,
    [FIELD_FAULT] = read_fault,     [FIELD_HISTORY] = read_history,
};

static bool read_object(const struct field *fields, const struct json *v, void *out, struct err *e)
{
    if (json_type(v) != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "an object expected, not %s", json_type_name(json_type(v)));
    for (const struct json *m = json_first(v); m; m = json_next(m)) {
        const struct field *f = field_find(fields, json_key(m));
        if (!f)
            return err_set(e, ERR_INVALID, "%.40s: no such field", json_key(m));
        if (!readers[f->kind](f, m, out, e))
            return false;
    }
    return true;
}

static bool read_group(struct world_group *g, const struct json *v, struct err *e)
{
    g->domain = true;
    if (!read_object(group_fields, v, g, e))
        return false;
    if (!g->name[0])
        return err_set(e, ERR_INVALID, "name: required");
    if (g->count == 0)
        return err_set(e, ERR_INVALID, "count: required");
    if (!g->role[0])
        snprintf(g->role, sizeof g->role, "client");
    if (!g->update_manager[0])
        snprintf(g->update_manager, sizeof g->update_manager, "%s", g->update_server[0] ? "wsus" : "none");
    return true;
}

static bool names_differ(const struct world *w, struct err *e)
{
    for (size_t i = 0; i < w->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(w->groups[i].name, w->groups[j].name) == 0)
                return err_set(e, ERR_INVALID, "groups[%zu] \"%s\": name: given to groups[%zu] too", i,
                               w->groups[i].name, j);
    return true;
}

static bool read_groups(struct world *w, const struct json *groups, struct err *e)
{
    if (json_type(groups) != JSON_ARRAY || json_count(groups) == 0 || json_count(groups) > WORLD_GROUPS_MAX)
        return err_set(e, ERR_INVALID, "groups: an array of 1 to %d groups expected", WORLD_GROUPS_MAX);
    w->groups = mem_resize(NULL, json_count(groups), sizeof *w->groups);
    for (const struct json *g = json_first(groups); g; g = json_next(g)) {
        struct world_group *group = &w->groups[w->count];
        *group = (struct world_group){0};
        if (!read_group(group, g, e))
            return err_wrap(e, "groups[%zu] \"%s\"", w->count, group->name);
        w->count++;
        w->machines += group->count;
    }
    if (w->machines > WORLD_MACHINES_MAX)
        return err_set(e, ERR_INVALID, "groups: more than %d machines", WORLD_MACHINES_MAX);
    return names_differ(w, e);
}

bool world_read(struct world *w, struct slice text, struct err *e)
{
    *w = (struct world){0};
    struct json *doc = json_parse(text, e);
    bool ok = false;
    if (!doc)
        return false;
    if (json_type(doc) != JSON_OBJECT) {
        err_set(e, ERR_INVALID, "{\"groups\": [...]} expected");
        goto out;
    }
    for (const struct json *m = json_first(doc); m; m = json_next(m))
        if (strcmp(json_key(m), "groups") != 0) {
            err_set(e, ERR_INVALID, "%.40s: no such field; \"groups\" alone is known", json_key(m));
            goto out;
        }
    ok = read_groups(w, json_get(doc, "groups"), e);
out:
    json_free(doc);
    if (!ok)
        world_free(w);
    return ok;
}

void world_free(struct world *w)
{
    mem_free(w->groups);
    *w = (struct world){0};
}

/* A prime larger than any fleet: index * prime mod n visits each of n once. */
#define MIXING_PRIME INT64_C(2654435761)

const struct world_group *world_group_of(const struct world *w, int64_t index, int64_t *number)
{
    int64_t place = index;
    if (w->mixed)
        index = index * MIXING_PRIME % w->machines;
    for (size_t i = 0; i < w->count; i++) {
        if (index < w->groups[i].count) {
            *number = (w->mixed ? place : index) + 1;
            return &w->groups[i];
        }
        index -= w->groups[i].count;
    }
    return NULL;
}
