#include "wire.h"

#include "code.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

enum wire_type { T_STRING, T_WORD, T_INT, T_BOOL, T_CODE, T_STRINGS, T_PAIRS, T_OBJECT, T_LIST, T_RAWS };
enum wire_need { OPTIONAL, REQUIRED };

struct wire_message;

struct wire_field {
    const char *name;
    enum wire_type type;
    enum wire_need need;
    size_t at, count_at; /* offsets in the struct */
    int64_t min, max;    /* values, or bytes of a string */
    size_t count_max;
    const char *const *words;
    const struct wire_message *(*message)(void);
};

struct wire_message {
    size_t size;
    const struct wire_field *fields; /* ended by name NULL */
};

/* Each list becomes a function, so that its struct has one short name inside: M. */
#define FIELD(field, kind, needed, ...)                                                                      \
    {.name = #field, .type = kind, .need = needed, .at = offsetof(M, field), __VA_ARGS__},
#define STRING(name, need, most)     FIELD(name, T_STRING, need, .max = most)
#define WORD(name, need, list, n)    FIELD(name, T_WORD, need, .max = (n)-1, .words = list)
#define INT(name, need, least, most) FIELD(name, T_INT, need, .min = least, .max = most)
#define BOOL(name, need)             FIELD(name, T_BOOL, need, .max = 1)
#define CODE(name, need)             FIELD(name, T_CODE, need, .max = UINT32_MAX)
#define COUNTED(name, kind, need, n, ...)                                                                    \
    FIELD(name, kind, need, .count_at = offsetof(M, name##_count), .count_max = n, __VA_ARGS__)
#define STRINGS(name, need, n, most) COUNTED(name, T_STRINGS, need, n, .max = most)
#define PAIRS(name, need, n, most)   COUNTED(name, T_PAIRS, need, n, .max = most)
#define RAWS(name, need, n, most)    COUNTED(name, T_RAWS, need, n, .max = most)
#define LIST(name, need, msg, n)     COUNTED(name, T_LIST, need, n, .message = describe_##msg)
#define OBJECT(name, need, msg)      FIELD(name, T_OBJECT, need, .message = describe_##msg)
#define MESSAGE(name)                                                                                        \
    static const struct wire_message *describe_##name(void)                                                  \
    {                                                                                                        \
        typedef struct wire_##name M;                                                                        \
        static const struct wire_field fields[] = {
#define END(name)                                                                                            \
    {                                                                                                        \
        0                                                                                                    \
    }                                                                                                        \
    }                                                                                                        \
    ;                                                                                                        \
    static const struct wire_message message = {sizeof(M), fields};                                          \
    return &message;                                                                                         \
    }
#include "wire.def"
#include "wire_undef.h"

static void encode(const struct wire_message *m, const void *msg, struct json_writer *w);

static size_t count_of(const struct wire_field *f, const char *msg)
{
    return *(const size_t *)(msg + f->count_at);
}

static bool is_empty(const struct wire_field *f, const char *msg)
{
    const char *at = msg + f->at;
    switch (f->type) {
    case T_STRING: {
        const char *z = *(const char *const *)at;
        return !z || !*z;
    }
    case T_OBJECT:
        return !*(void *const *)at;
    case T_WORD:
        return *(const int *)at == 0;
    case T_INT:
        return *(const int64_t *)at == 0;
    case T_BOOL:
        return !*(const bool *)at;
    case T_CODE:
        return *(const uint32_t *)at == 0;
    default:
        return count_of(f, msg) == 0;
    }
}

static void encode_element(const struct wire_field *f, const void *array, size_t i, struct json_writer *w)
{
    switch (f->type) {
    case T_STRINGS:
        json_put_string(w, ((const char *const *)array)[i]);
        break;
    case T_RAWS:
        json_put_raw(w, ((const struct slice *)array)[i]);
        break;
    case T_PAIRS: {
        const struct wire_pair *p = (const struct wire_pair *)array + i;
        json_member_string(w, p->key, p->value);
        break;
    }
    default:
        encode(f->message(), (const char *)array + i * f->message()->size, w);
    }
}

static void encode_counted(const struct wire_field *f, const char *msg, struct json_writer *w)
{
    const void *array = *(void *const *)(msg + f->at);
    bool object = f->type == T_PAIRS;
    json_begin(w, object ? '{' : '[');
    for (size_t i = 0; i < count_of(f, msg); i++)
        encode_element(f, array, i, w);
    json_end(w, object ? '}' : ']');
}

static void encode_value(const struct wire_field *f, const char *msg, struct json_writer *w)
{
    const char *at = msg + f->at;
    char code[CODE_TEXT_MAX];
    switch (f->type) {
    case T_STRING: {
        const char *z = *(const char *const *)at;
        json_put_string(w, z ? z : "");
        break;
    }
    case T_WORD:
        json_put_string(w, f->words[*(const int *)at]);
        break;
    case T_INT:
        json_put_int(w, *(const int64_t *)at);
        break;
    case T_BOOL:
        json_put_bool(w, *(const bool *)at);
        break;
    case T_CODE:
        code_print(*(const uint32_t *)at, code);
        json_put_string(w, code);
        break;
    case T_OBJECT:
        encode(f->message(), *(void *const *)at, w);
        break;
    default:
        encode_counted(f, msg, w);
    }
}

static void encode(const struct wire_message *m, const void *msg, struct json_writer *w)
{
    json_begin(w, '{');
    for (const struct wire_field *f = m->fields; f->name; f++) {
        bool object_missing = f->type == T_OBJECT && is_empty(f, msg);
        if (object_missing || (f->need == OPTIONAL && is_empty(f, msg)))
            continue;
        json_put_key(w, f->name);
        encode_value(f, msg, w);
    }
    json_end(w, '}');
}

struct decoder {
    struct arena *arena;
    struct err *e;
};

static bool decode_fields(struct decoder *d, const struct wire_message *m, const struct json *j, char *msg);

static bool expected(struct decoder *d, const char *name, const char *what)
{
    return err_set(d->e, ERR_INVALID, "%s: %s expected", name, what);
}

static bool too_long(struct decoder *d, const char *name, int64_t max, size_t given)
{
    return err_set(d->e, ERR_INVALID, "%s: at most %" PRId64 " bytes allowed, %zu given", name, max, given);
}

/* An error inside leads there: "events[3]" and "code: ..." become "events[3].code: ...". */
static bool decode_object(struct decoder *d, const char *name, const struct wire_message *m,
                          const struct json *j, char *msg)
{
    if (json_type(j) != JSON_OBJECT)
        return expected(d, name, "an object");
    if (decode_fields(d, m, j, msg))
        return true;
    return d->e && err_set(d->e, d->e->kind, "%s.%s", name, d->e->text);
}

static bool decode_text(struct decoder *d, const char *name, int64_t max, const struct json *j,
                        const char **out)
{
    struct slice s;
    if (!json_string(j, &s))
        return expected(d, name, "a string");
    if (s.n > (size_t)max)
        return too_long(d, name, max, s.n);
    *out = arena_strndup(d->arena, s.p, s.n);
    return true;
}

static bool decode_word(struct decoder *d, const struct wire_field *f, const struct json *j, int *out)
{
    struct slice s;
    if (!json_string(j, &s))
        return expected(d, f->name, "a string");
    for (int i = 0; i <= (int)f->max; i++)
        if (slice_eqz(s, f->words[i])) {
            *out = i;
            return true;
        }
    return err_set(d->e, ERR_INVALID, "%s: \"%.*s\" is not a known word", f->name, (int)(s.n < 40 ? s.n : 40),
                   s.p);
}

static bool decode_int(struct decoder *d, const struct wire_field *f, const struct json *j, int64_t *out)
{
    if (!json_int(j, out))
        return expected(d, f->name, "an integer");
    if (*out < f->min || *out > f->max)
        return err_set(d->e, ERR_INVALID, "%s: %" PRId64 " is outside %" PRId64 " to %" PRId64, f->name, *out,
                       f->min, f->max);
    return true;
}

static bool decode_code(struct decoder *d, const struct wire_field *f, const struct json *j, uint32_t *out)
{
    struct slice s;
    if (!json_string(j, &s) || !code_parse(s, out, NULL))
        return expected(d, f->name, "a code such as \"0x80070002\"");
    return true;
}

static bool decode_pair(struct decoder *d, const struct wire_field *f, const struct json *j,
                        struct wire_pair *out)
{
    struct slice key = slice_of(json_key(j));
    if (key.n > (size_t)f->max)
        return too_long(d, f->name, f->max, key.n);
    out->key = arena_strndup(d->arena, key.p, key.n);
    return decode_text(d, f->name, f->max, j, &out->value);
}

/* The parsed tree has lost the bytes, so the object is written again; what matters in it (a DSSE payload) is
 * base64 inside a string and comes through unchanged. */
static void write_again(const struct json *j, struct json_writer *w)
{
    struct slice s;
    bool b;
    double v;
    int64_t i;
    bool object = json_type(j) == JSON_OBJECT;
    if (object || json_type(j) == JSON_ARRAY) {
        json_begin(w, object ? '{' : '[');
        for (const struct json *k = json_first(j); k; k = json_next(k)) {
            if (object)
                json_put_key(w, json_key(k));
            write_again(k, w);
        }
        json_end(w, object ? '}' : ']');
    } else if (json_string(j, &s))
        json_put_slice(w, s);
    else if (json_bool(j, &b))
        json_put_bool(w, b);
    else if (json_int(j, &i))
        json_put_int(w, i);
    else if (json_number(j, &v))
        json_put_number(w, v);
    else
        json_put_null(w);
}

static bool decode_raw(struct decoder *d, const char *name, int64_t max, const struct json *j,
                       struct slice *out)
{
    if (json_type(j) != JSON_OBJECT)
        return expected(d, name, "an object");
    struct buf text;
    buf_init(&text, (size_t)max);
    struct json_writer w = {.out = &text};
    write_again(j, &w);
    bool ok = !text.full || err_set(d->e, ERR_INVALID, "%s: at most %" PRId64 " bytes allowed", name, max);
    if (ok)
        *out = slice_make(arena_strndup(d->arena, buf_text(&text), text.n), text.n);
    buf_free(&text);
    return ok;
}

static bool decode_element(struct decoder *d, const struct wire_field *f, const struct json *j, char *array,
                           size_t i)
{
    char name[80];
    snprintf(name, sizeof name, "%s[%zu]", f->name, i);
    switch (f->type) {
    case T_STRINGS:
        return decode_text(d, name, f->max, j, (const char **)array + i);
    case T_RAWS:
        return decode_raw(d, name, f->max, j, (struct slice *)array + i);
    case T_PAIRS:
        return decode_pair(d, f, j, (struct wire_pair *)array + i);
    default:
        return decode_object(d, name, f->message(), j, array + i * f->message()->size);
    }
}

static size_t element_size(const struct wire_field *f)
{
    switch (f->type) {
    case T_STRINGS:
        return sizeof(const char *);
    case T_RAWS:
        return sizeof(struct slice);
    case T_PAIRS:
        return sizeof(struct wire_pair);
    default:
        return f->message()->size;
    }
}

static bool decode_counted(struct decoder *d, const struct wire_field *f, const struct json *j, char *msg)
{
    bool object = f->type == T_PAIRS;
    if (json_type(j) != (object ? JSON_OBJECT : JSON_ARRAY))
        return expected(d, f->name, object ? "an object" : "an array");
    size_t n = json_count(j);
    if (n > f->count_max)
        return err_set(d->e, ERR_INVALID, "%s: at most %zu elements allowed, %zu given", f->name,
                       f->count_max, n);
    char *array = arena_alloc(d->arena, n * element_size(f));
    size_t i = 0;
    for (const struct json *k = json_first(j); k; k = json_next(k), i++)
        if (!decode_element(d, f, k, array, i))
            return false;
    *(void **)(msg + f->at) = array;
    *(size_t *)(msg + f->count_at) = n;
    return true;
}

static bool decode_value(struct decoder *d, const struct wire_field *f, const struct json *j, char *msg)
{
    char *at = msg + f->at;
    switch (f->type) {
    case T_STRING:
        return decode_text(d, f->name, f->max, j, (const char **)at);
    case T_WORD:
        return decode_word(d, f, j, (int *)at);
    case T_INT:
        return decode_int(d, f, j, (int64_t *)at);
    case T_BOOL:
        return json_bool(j, (bool *)at) || expected(d, f->name, "true or false");
    case T_CODE:
        return decode_code(d, f, j, (uint32_t *)at);
    case T_OBJECT: {
        char *sub = arena_alloc(d->arena, f->message()->size);
        *(void **)at = sub;
        return decode_object(d, f->name, f->message(), j, sub);
    }
    default:
        return decode_counted(d, f, j, msg);
    }
}

static bool decode_fields(struct decoder *d, const struct wire_message *m, const struct json *j, char *msg)
{
    for (const struct wire_field *f = m->fields; f->name; f++) {
        const struct json *v = json_get(j, f->name);
        bool absent = json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL;
        if (absent && f->need == REQUIRED)
            return err_set(d->e, ERR_INVALID, "%s: missing", f->name);
        if (!absent && !decode_value(d, f, v, msg))
            return false;
    }
    return true;
}

static bool decode_message(struct slice text, struct arena *a, const struct wire_message *m, void *msg,
                           struct err *e)
{
    memset(msg, 0, m->size);
    struct json *j = json_parse(text, e);
    if (!j)
        return false;
    struct decoder d = {a, e};
    bool ok = json_type(j) == JSON_OBJECT ? decode_fields(&d, m, j, msg)
                                          : err_set(e, ERR_INVALID, "an object expected");
    json_free(j);
    return ok;
}

#define MESSAGE(name)                                                                                        \
    void wire_encode_##name(const struct wire_##name *msg, struct buf *out)                                  \
    {                                                                                                        \
        struct json_writer w = {.out = out};                                                                 \
        encode(describe_##name(), msg, &w);                                                                  \
    }                                                                                                        \
    bool wire_decode_##name(struct slice text, struct arena *a, struct wire_##name *msg, struct err *e)      \
    {                                                                                                        \
        return decode_message(text, a, describe_##name(), msg, e);                                           \
    }
#define END(name)
#define STRING(name, need, max)
#define WORD(name, need, words, n)
#define INT(name, need, min, max)
#define BOOL(name, need)
#define CODE(name, need)
#define STRINGS(name, need, count, max)
#define PAIRS(name, need, count, max)
#define OBJECT(name, need, message)
#define LIST(name, need, message, max)
#define RAWS(name, need, count, max)
#include "wire.def"
#include "wire_undef.h"
