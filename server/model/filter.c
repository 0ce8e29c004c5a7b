#include "filter.h"

#include "code.h"
#include "model.h"
#include "repair.h"
#include "text.h"

#include <string.h>

enum kind {
    KIND_TEXT,
    KIND_NUMBER,
    KIND_STATE,
    KIND_RESULT,
    KIND_VERDICT,
    KIND_REPAIR,
    KIND_FLAG,
    KIND_CODE,
    KIND_AGE
};

enum { ALL = FILTER_MACHINES | FILTER_FAILURES | FILTER_JOBS, ERROR_WORDS_MAX = 400 };

static const struct field {
    const char *name;
    unsigned entities;
    enum kind kind;
} fields[FIELD_COUNT] = {
    [FIELD_ID] = {"id", ALL, KIND_TEXT},
    [FIELD_NAME] = {"name", FILTER_MACHINES, KIND_TEXT},
    [FIELD_STATE] = {"state", ALL, KIND_STATE},
    [FIELD_OS] = {"os", ALL, KIND_TEXT},
    [FIELD_BUILD] = {"build", ALL, KIND_TEXT},
    [FIELD_ROLE] = {"role", ALL, KIND_TEXT},
    [FIELD_UPDATE_MANAGER] = {"update_manager", ALL, KIND_TEXT},
    [FIELD_UPDATE_SERVER] = {"update_server", ALL, KIND_TEXT},
    [FIELD_DOMAIN] = {"domain", ALL, KIND_TEXT},
    [FIELD_OU] = {"ou", ALL, KIND_TEXT},
    [FIELD_SITE] = {"site", ALL, KIND_TEXT},
    [FIELD_MODEL] = {"model", ALL, KIND_TEXT},
    [FIELD_TAG] = {"tag", ALL, KIND_TEXT},
    [FIELD_LAST_SEEN] = {"last_seen", FILTER_MACHINES | FILTER_FAILURES, KIND_AGE},
    [FIELD_CODE] = {"code", ALL, KIND_CODE},
    [FIELD_PHASE] = {"phase", ALL, KIND_TEXT},
    [FIELD_KB] = {"kb", FILTER_FAILURES, KIND_TEXT},
    [FIELD_MACHINE] = {"machine", FILTER_FAILURES | FILTER_JOBS, KIND_TEXT},
    [FIELD_REPAIR] = {"repair", FILTER_JOBS, KIND_REPAIR},
    [FIELD_RESULT] = {"result", FILTER_JOBS, KIND_RESULT},
    [FIELD_VERDICT] = {"verdict", FILTER_JOBS, KIND_VERDICT},
    [FIELD_ROLLOUT] = {"rollout", FILTER_JOBS, KIND_TEXT},
    [FIELD_SIMULATED] = {"simulated", ALL, KIND_FLAG},
};

static const struct {
    const char *text;
    enum filter_op op;
} ops[] = {
    {"!=", FILTER_NE}, {"=", FILTER_EQ}, {"~", FILTER_CONTAINS}, {"<", FILTER_LESS}, {">", FILTER_GREATER}};

#define OP(o) (1u << FILTER_##o)

static const struct {
    unsigned ops;
    const char *allowed; /* for the error */
} kinds[] = {
    [KIND_TEXT] = {OP(EQ) | OP(NE) | OP(CONTAINS), "=, != and ~"},
    [KIND_NUMBER] = {OP(EQ) | OP(NE), "= and !="},
    [KIND_STATE] = {OP(EQ) | OP(NE), "= and !="},
    [KIND_RESULT] = {OP(EQ) | OP(NE), "= and !="},
    [KIND_VERDICT] = {OP(EQ) | OP(NE), "= and !="},
    [KIND_REPAIR] = {OP(EQ) | OP(NE), "= and !="},
    [KIND_FLAG] = {OP(EQ) | OP(NE), "= and !="},
    [KIND_CODE] = {OP(EQ) | OP(NE), "= and !="},
    [KIND_AGE] = {OP(LESS) | OP(GREATER), "< and > with an age, as in last_seen<7d"},
};

/* The text that is being read, and where. */
struct reader {
    const char *p, *end;
    enum filter_entity entity;
    struct arena *arena;
};

const char *filter_field_name(enum filter_field f)
{
    return fields[f].name;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && is_blank(*r->p))
        r->p++;
}

static const char *entity_name(enum filter_entity entity)
{
    return entity == FILTER_MACHINES ? "machines" : entity == FILTER_FAILURES ? "failures" : "jobs";
}

static void add_word(struct buf *list, const char *word)
{
    if (*word)
        buf_printf(list, "%s%s", list->n ? ", " : "", word);
}

/* True when `word` is one of the words; else the error lists them. */
static bool check_word(const struct field *f, const char *word, const char *const *words, int count,
                       struct err *e)
{
    struct buf list;
    buf_init(&list, ERROR_WORDS_MAX);
    bool found = false;
    for (int i = 0; i < count; i++) {
        found = found || strcmp(words[i], word) == 0;
        add_word(&list, words[i]);
    }
    if (!found)
        err_set(e, ERR_INVALID, "there is no %s \"%s\"; it is one of %s", f->name, word, buf_text(&list));
    buf_free(&list);
    return found;
}

static bool check_state(const struct field *f, enum filter_entity entity, const char *word, struct err *e)
{
    if (entity == FILTER_MACHINES)
        return check_word(f, word, machine_state_words, MACHINE_STATE_COUNT, e);
    if (entity == FILTER_FAILURES)
        return check_word(f, word, failure_state_words, FAILURE_STATE_COUNT, e);
    return check_word(f, word, job_state_words, JOB_STATE_COUNT, e);
}

static bool check_repair(const struct field *f, const char *word, struct err *e)
{
    static const char *const names[] = {
#define X(id, name) name,
        REPAIRS(X)
#undef X
    };
    return check_word(f, word, names, REPAIR_COUNT, e);
}

static bool parse_age(const struct field *f, const char *text, int64_t *ms, struct err *e)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    size_t digits = strspn(text, "0123456789");
    if (digits >= 1 && digits <= 6 && text[digits] && !text[digits + 1]) {
        int64_t n = 0;
        for (size_t i = 0; i < digits; i++)
            n = n * 10 + (text[i] - '0');
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
            if (units[i].unit == text[digits]) {
                *ms = n * units[i].ms;
                return true;
            }
    }
    return err_set(e, ERR_INVALID, "%s takes an age: a whole number and s, m, h, d or w, as in 30m, 12h, 7d",
                   f->name);
}

static bool check_number(const struct field *f, const char *text, struct err *e)
{
    size_t digits = strspn(text, "0123456789");
    if (digits >= 1 && digits <= 18 && !text[digits])
        return true;
    return err_set(e, ERR_INVALID, "%s is a whole number here, not \"%s\"", f->name, text);
}

static bool check_value(struct filter_term *t, enum kind kind, enum filter_entity entity, struct err *e)
{
    static const char *const flags[] = {"true", "false"};
    const struct field *f = &fields[t->field];
    switch (kind) {
    case KIND_TEXT:
        return true;
    case KIND_NUMBER:
        return check_number(f, t->text, e);
    case KIND_STATE:
        return check_state(f, entity, t->text, e);
    case KIND_RESULT:
        return check_word(f, t->text, job_result_words, JOB_RESULT_COUNT, e);
    case KIND_VERDICT:
        return check_word(f, t->text, job_verdict_words, JOB_VERDICT_COUNT, e);
    case KIND_REPAIR:
        return check_repair(f, t->text, e);
    case KIND_FLAG:
        return check_word(f, t->text, flags, 2, e);
    case KIND_CODE:
        return code_parse(slice_of(t->text), &t->code, e);
    case KIND_AGE:
        return parse_age(f, t->text, &t->age_ms, e);
    }
    return false;
}

static bool unknown_field(struct slice name, enum filter_entity entity, struct err *e)
{
    struct buf list;
    buf_init(&list, ERROR_WORDS_MAX);
    for (int i = 0; i < FIELD_COUNT; i++)
        if (fields[i].entities & entity)
            add_word(&list, fields[i].name);
    err_set(e, ERR_INVALID, "%s have no field \"%.*s\"; they have %s", entity_name(entity), SLICE_ARG(name),
            buf_text(&list));
    buf_free(&list);
    return false;
}

static bool read_field(struct reader *r, struct filter_term *t, struct err *e)
{
    const char *start = r->p;
    while (r->p < r->end && ((*r->p >= 'a' && *r->p <= 'z') || *r->p == '_'))
        r->p++;
    struct slice name = slice_make(start, (size_t)(r->p - start));
    for (int i = 0; i < FIELD_COUNT; i++)
        if ((fields[i].entities & r->entity) && slice_eqz(name, fields[i].name)) {
            t->field = (enum filter_field)i;
            return true;
        }
    /* In "Name=x" or "@" the name as people see it goes up to the operator. */
    while (r->p < r->end && !is_blank(*r->p) && !memchr("=!~<>", *r->p, 5))
        r->p++;
    return unknown_field(slice_make(start, (size_t)(r->p - start)), r->entity, e);
}

static bool read_op(struct reader *r, struct filter_term *t, struct err *e)
{
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        size_t n = strlen(ops[i].text);
        if ((size_t)(r->end - r->p) >= n && memcmp(r->p, ops[i].text, n) == 0) {
            t->op = ops[i].op;
            r->p += n;
            return true;
        }
    }
    return err_set(e, ERR_INVALID, "one of = != ~ < > must follow the field, without a blank");
}

static bool read_quoted(struct reader *r, struct buf *out, struct err *e)
{
    for (r->p++; r->p < r->end && *r->p != '"'; r->p++) {
        if (*r->p == '\\' && r->end - r->p > 1 && (r->p[1] == '"' || r->p[1] == '\\'))
            r->p++;
        buf_putc(out, *r->p);
    }
    if (r->p == r->end)
        return err_set(e, ERR_INVALID, "the closing quote is missing");
    r->p++;
    if (r->p < r->end && !is_blank(*r->p))
        return err_set(e, ERR_INVALID, "a blank must follow the closing quote");
    return true;
}

static bool read_value(struct reader *r, struct filter_term *t, struct err *e)
{
    struct buf value;
    buf_init(&value, FILTER_VALUE_MAX);
    bool ok = true;
    if (r->p < r->end && *r->p == '"')
        ok = read_quoted(r, &value, e);
    else
        while (r->p < r->end && !is_blank(*r->p))
            buf_putc(&value, *r->p++);
    ok = ok && buf_check(&value, "the value", e);
    if (ok && (memchr(buf_text(&value), 0, value.n) || utf8_valid_prefix(buf_slice(&value)) != value.n))
        ok = err_set(e, ERR_INVALID, "the value is not UTF-8 text");
    if (ok)
        t->text = arena_strndup(r->arena, value.p, value.n);
    buf_free(&value);
    return ok;
}

static bool read_term(struct reader *r, struct filter_term *t, struct err *e)
{
    if (!read_field(r, t, e) || !read_op(r, t, e))
        return false;
    enum kind kind = fields[t->field].kind;
    if (t->field == FIELD_ID && r->entity == FILTER_FAILURES)
        kind = KIND_NUMBER;
    if (!(kinds[kind].ops & 1u << t->op))
        return err_set(e, ERR_INVALID, "%s takes %s", fields[t->field].name, kinds[kind].allowed);
    return read_value(r, t, e) && check_value(t, kind, r->entity, e);
}

static bool skip_and(struct reader *r)
{
    size_t left = (size_t)(r->end - r->p);
    if (left < 3 || memcmp(r->p, "and", 3) != 0 || (left > 3 && !is_blank(r->p[3])))
        return false;
    r->p += 3;
    skip_blanks(r);
    return true;
}

bool filter_parse(struct slice text, enum filter_entity entity, struct arena *a, struct filter *out,
                  struct err *e)
{
    *out = (struct filter){0};
    if (!text.n)
        return true;
    struct reader r = {.p = text.p, .end = text.p + text.n, .entity = entity, .arena = a};
    skip_blanks(&r);
    while (r.p < r.end) {
        const char *start = r.p;
        if (out->count == FILTER_TERMS_MAX)
            return err_set(e, ERR_INVALID, "filter: more than %d terms", FILTER_TERMS_MAX);
        if (!read_term(&r, &out->terms[out->count], e)) {
            const char *stop = start;
            while (stop < r.end && stop - start < 60 && !is_blank(*stop))
                stop++;
            return err_wrap(e, "filter term %d, %.*s", out->count + 1, (int)(stop - start), start);
        }
        out->count++;
        skip_blanks(&r);
        if (skip_and(&r) && r.p == r.end)
            return err_set(e, ERR_INVALID, "filter: a term must follow \"and\"");
    }
    return true;
}

static void print_value(const char *text, struct buf *out)
{
    if (*text && !strpbrk(text, " \t\r\n\"")) {
        buf_puts(out, text);
        return;
    }
    buf_putc(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *text);
    }
    buf_putc(out, '"');
}

void filter_print(const struct filter *f, struct buf *out)
{
    for (int i = 0; i < f->count; i++) {
        const struct filter_term *t = &f->terms[i];
        buf_printf(out, "%s%s", i ? " " : "", fields[t->field].name);
        for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
            if (ops[k].op == t->op)
                buf_puts(out, ops[k].text);
        if (t->field == FIELD_CODE) {
            char code[CODE_TEXT_MAX];
            code_print(t->code, code);
            buf_puts(out, code);
        } else {
            print_value(t->text, out);
        }
    }
}
