/* Loops over every field of every message of wire.def: a new field is tested by being listed. */
#include "code.h"
#include "mem.h"
#include "wire.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum kind { STRING_FIELD, WORD_FIELD, INT_FIELD, BOOL_FIELD, CODE_FIELD, STRINGS_FIELD, PAIRS_FIELD, OBJECT_FIELD, LIST_FIELD, RAWS_FIELD };
enum need { OPTIONAL, REQUIRED };

struct field {
    const char *name;
    enum kind kind;
    enum need need;
    size_t at, size, count_at;
    int64_t min, max;
    size_t count;
    const char *const *words;
    const struct field *(*sub)(void);
};

#define FIELD(field, k, n, ...)                                                                              \
    {.name = #field, .kind = k, .need = n, .at = offsetof(M, field), .size = sizeof(((M *)0)->field), __VA_ARGS__},
#define COUNTED(field, k, n, most, ...)                                                                      \
    FIELD(field, k, n, .count = most, .count_at = offsetof(M, field##_count), __VA_ARGS__)
#define STRING(name, need, most)         FIELD(name, STRING_FIELD, need, .max = most)
#define WORD(name, need, list, n)        FIELD(name, WORD_FIELD, need, .max = n, .words = list)
#define INT(name, need, least, most)     FIELD(name, INT_FIELD, need, .min = least, .max = most)
#define BOOL(name, need)                 FIELD(name, BOOL_FIELD, need, .max = 1)
#define CODE(name, need)                 FIELD(name, CODE_FIELD, need, .max = 1)
#define STRINGS(name, need, n, most)     COUNTED(name, STRINGS_FIELD, need, n, .max = most)
#define PAIRS(name, need, n, most)       COUNTED(name, PAIRS_FIELD, need, n, .max = most)
#define RAWS(name, need, n, most)        COUNTED(name, RAWS_FIELD, need, n, .max = most)
#define LIST(name, need, message, n)     COUNTED(name, LIST_FIELD, need, n, .sub = fields_##message)
#define OBJECT(name, need, message)      FIELD(name, OBJECT_FIELD, need, .sub = fields_##message)
#define MESSAGE(name)                                                                                        \
    static const struct field *fields_##name(void)                                                           \
    {                                                                                                        \
        typedef struct wire_##name M;                                                                        \
        static const struct field rows[] = {
#define END(name)                                                                                            \
    {0}                                                                                                      \
    }                                                                                                        \
    ;                                                                                                        \
    return rows;                                                                                             \
    }
#include "wire.def"
#include "wire_undef.h"

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
#define END(name)

#define MESSAGE(name)                                                                                        \
    static bool decode_##name(struct slice text, struct arena *a, void *msg, struct err *e)                  \
    {                                                                                                        \
        return wire_decode_##name(text, a, msg, e);                                                          \
    }                                                                                                        \
    static void encode_##name(const void *msg, struct buf *out)                                              \
    {                                                                                                        \
        wire_encode_##name(msg, out);                                                                        \
    }
#include "wire.def"
#undef MESSAGE

union any {
#define MESSAGE(name) struct wire_##name name;
#include "wire.def"
#undef MESSAGE
};

struct message {
    const char *name;
    const struct field *(*fields)(void);
    bool (*decode)(struct slice, struct arena *, void *, struct err *);
    void (*encode)(const void *, struct buf *);
};

static const struct message messages[] = {
#define MESSAGE(name) {#name, fields_##name, decode_##name, encode_##name},
#include "wire.def"
#undef MESSAGE
};
#include "wire_undef.h"

/* ---- texts to decode, written without the code under test but for the JSON writer ---- */

enum fill { MINIMAL, FULL };

enum { TEXT_MAX = 4 * 1024 * 1024 };

struct special {
    const struct field *field; /* this one gets ... */
    const char *value;         /* ... this JSON text, or is left out when NULL */
};

static void write_message(const struct field *fields, struct json_writer *w, enum fill fill, struct special special);

static void write_value(const struct field *f, struct json_writer *w, enum fill fill)
{
    static const struct special none;
    switch (f->kind) {
    case STRING_FIELD:
        json_put_slice(w, slice_make(f->name, strlen(f->name) < (size_t)f->max ? strlen(f->name) : (size_t)f->max));
        break;
    case WORD_FIELD:
        json_put_string(w, f->words[f->max - 1]);
        break;
    case INT_FIELD:
        json_put_int(w, f->max);
        break;
    case BOOL_FIELD:
        json_put_bool(w, true);
        break;
    case CODE_FIELD:
        json_put_string(w, "0x8024002E");
        break;
    case STRINGS_FIELD:
        json_put_raw(w, slice_of("[\"a\",\"b\\n\xC3\xA4\"]"));
        break;
    case PAIRS_FIELD:
        json_put_raw(w, slice_of("{\"k\":\"v\",\"l\":\"\"}"));
        break;
    case OBJECT_FIELD:
        write_message(f->sub(), w, fill, none);
        break;
    case LIST_FIELD:
        json_begin(w, '[');
        write_message(f->sub(), w, fill, none);
        write_message(f->sub(), w, MINIMAL, none);
        json_end(w, ']');
        break;
    case RAWS_FIELD:
        json_put_raw(w, slice_of("[{\"payload\":\"eA==\"},{\"n\":[1,-2,true,null,0.25,\"s\"],\"o\":{}}]"));
        break;
    }
}

static void write_message(const struct field *fields, struct json_writer *w, enum fill fill, struct special special)
{
    json_begin(w, '{');
    for (const struct field *f = fields; f->name; f++) {
        bool chosen = f == special.field;
        if (chosen ? !special.value : fill == MINIMAL && f->need == OPTIONAL)
            continue;
        json_put_key(w, f->name);
        if (chosen)
            json_put_raw(w, slice_of(special.value));
        else
            write_value(f, w, fill);
    }
    json_end(w, '}');
}

static char *text_of(const struct message *m, enum fill fill, struct special special)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    struct json_writer w = {.out = &b};
    write_message(m->fields(), &w, fill, special);
    assert_true(buf_check(&b, m->name, NULL));
    return buf_take(&b);
}

static char *encoded(const struct message *m, const union any *msg)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    m->encode(msg, &b);
    assert_true(buf_check(&b, m->name, NULL));
    return buf_take(&b);
}

/* ---- the loops ---- */

static void assert_comes_back(const struct message *m, enum fill fill)
{
    struct arena a = {0};
    struct err e = {0};
    union any msg;
    char *text = text_of(m, fill, (struct special){0});
    if (!m->decode(slice_of(text), &a, &msg, &e))
        fail_msg("%s: %s", m->name, e.text);
    char *again = encoded(m, &msg);
    assert_string_equal(again, text);
    mem_free(text);
    mem_free(again);
    arena_free(&a);
}

static void every_message_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++) {
        assert_comes_back(&messages[i], FULL);
        assert_comes_back(&messages[i], MINIMAL);
    }
}

static bool all_zero(const char *p, size_t n)
{
    while (n--)
        if (*p++)
            return false;
    return true;
}

static void absent_optional_fields_are_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++) {
        const struct message *m = &messages[i];
        struct arena a = {0};
        union any msg;
        memset(&msg, 0xAA, sizeof msg);
        char *text = text_of(m, MINIMAL, (struct special){0});
        assert_true(m->decode(slice_of(text), &a, &msg, NULL));
        for (const struct field *f = m->fields(); f->name; f++) {
            bool zero = all_zero((char *)&msg + f->at, f->size);
            if (f->count_at)
                zero = zero && all_zero((char *)&msg + f->count_at, sizeof(size_t));
            if (zero != (f->need == OPTIONAL))
                fail_msg("%s.%s", m->name, f->name);
        }
        mem_free(text);
        arena_free(&a);
    }
}

/* Decodes the full message with this one field changed. */
static bool decodes(const struct message *m, const struct field *f, const char *value, struct err *e)
{
    struct arena a = {0};
    union any msg;
    char *text = text_of(m, MINIMAL, (struct special){f, value});
    *e = (struct err){0};
    bool ok = m->decode(slice_of(text), &a, &msg, e);
    assert_int_equal(m->decode(slice_of(text), &a, &msg, NULL), ok);
    mem_free(text);
    arena_free(&a);
    return ok;
}

static void assert_field_refused(const struct message *m, const struct field *f, const char *value, const char *words)
{
    struct err e;
    if (decodes(m, f, value, &e))
        fail_msg("%s.%s: %.60s was accepted", m->name, f->name, value ? value : "nothing");
    assert_int_equal(e.kind, ERR_INVALID);
    if (strncmp(e.text, f->name, strlen(f->name)) != 0 || !strstr(e.text, words))
        fail_msg("%s.%s = %.60s: the error does not name field and reason: %s", m->name, f->name, value ? value : "nothing",
                 e.text);
}

static void assert_field_accepted(const struct message *m, const struct field *f, const char *value)
{
    struct err e;
    if (!decodes(m, f, value, &e))
        fail_msg("%s.%s: %.60s was refused: %s", m->name, f->name, value ? value : "nothing", e.text);
}

static void a_missing_required_field_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++)
        for (const struct field *f = messages[i].fields(); f->name; f++)
            if (f->need == REQUIRED) {
                assert_field_refused(&messages[i], f, NULL, "missing");
                assert_field_refused(&messages[i], f, "null", "missing");
            } else
                assert_field_accepted(&messages[i], f, "null");
}

static void a_wrong_type_is_named_with_its_field(void **state)
{
    (void)state;
    static const char *const wrong[][9] = {
        [STRING_FIELD] = {"1", "true", "[]", "{}", "[\"x\"]"},
        [WORD_FIELD] = {"1", "true", "[]", "{}"},
        [INT_FIELD] = {"\"1\"", "true", "[]", "{}", "1.5", "[1]", "\"\""},
        [BOOL_FIELD] = {"0", "1", "\"true\"", "[]", "{}"},
        [CODE_FIELD] = {"1", "2147942402", "true", "[]", "{}", "\"\"", "\"no code\"", "\"0x800700020\""},
        [STRINGS_FIELD] = {"\"a\"", "1", "{}", "true", "[1]", "[\"a\",null]", "[[]]"},
        [PAIRS_FIELD] = {"\"a\"", "1", "[]", "true", "{\"k\":1}", "{\"k\":null}", "{\"k\":{}}"},
        [OBJECT_FIELD] = {"\"a\"", "1", "[]", "true", "[{}]"},
        [LIST_FIELD] = {"\"a\"", "1", "{}", "true", "[1]", "[null]", "[[]]", "[\"a\"]"},
        [RAWS_FIELD] = {"\"a\"", "1", "{}", "true", "[1]", "[\"{}\"]", "[[]]", "[null]"},
    };
    for (size_t i = 0; i < COUNT(messages); i++)
        for (const struct field *f = messages[i].fields(); f->name; f++)
            for (size_t k = 0; k < COUNT(wrong[0]) && wrong[f->kind][k]; k++)
                assert_field_refused(&messages[i], f, wrong[f->kind][k], "expected");
}

/* JSON text of `count` elements of which the first is `bytes` long; key_bytes for the keys of an object. */
static char *sized(const struct field *f, size_t count, size_t bytes, size_t key_bytes)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    struct json_writer w = {.out = &b};
    char *filler = mem_alloc(bytes + 20000);
    memset(filler, 'x', bytes + 20000);
    bool object = f->kind == PAIRS_FIELD;
    json_begin(&w, object ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        if (object) {
            char key[200];
            snprintf(key, sizeof key, "%0*zu", (int)key_bytes, i);
            json_put_key(&w, key);
        }
        if (f->kind == LIST_FIELD)
            write_message(f->sub(), &w, MINIMAL, (struct special){0});
        else if (f->kind == RAWS_FIELD) {
            json_begin(&w, '{');
            json_put_key(&w, "k");
            json_put_slice(&w, slice_make(filler, i == 0 && bytes > 8 ? bytes - 8 : 0)); /* {"k":""} is 8 bytes */
            json_end(&w, '}');
        } else
            json_put_slice(&w, slice_make(filler, i == 0 ? bytes : 1));
    }
    json_end(&w, object ? '}' : ']');
    mem_free(filler);
    return buf_take(&b);
}

static void assert_sized(const struct message *m, const struct field *f, size_t count, size_t bytes, size_t key_bytes, bool ok)
{
    char *value = sized(f, count, bytes, key_bytes);
    if (ok)
        assert_field_accepted(m, f, value);
    else
        assert_field_refused(m, f, value, "");
    mem_free(value);
}

static void assert_count_limits(const struct message *m, const struct field *f)
{
    size_t max = (size_t)f->max;
    bool list = f->kind == LIST_FIELD;
    assert_sized(m, f, 0, 0, 1, true);
    assert_sized(m, f, f->count, list ? 0 : max, 1, true);
    assert_sized(m, f, f->count + 1, 1, 1, false);
    if (!list)
        assert_sized(m, f, 1, max + 1, 1, false);
    if (f->kind == PAIRS_FIELD) {
        assert_sized(m, f, 1, 1, max, true);
        assert_sized(m, f, 1, 1, max + 1, false);
    }
}

static void assert_int_limits(const struct message *m, const struct field *f)
{
    char text[40];
    const struct {
        int64_t v;
        bool ok;
    } cases[] = {{f->min, true}, {f->max, true}, {f->min - 1, false}, {f->max + 1, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, "%" PRId64, cases[i].v);
        if (cases[i].ok)
            assert_field_accepted(m, f, text);
        else if (cases[i].v >= -JSON_INT_MAX && cases[i].v <= JSON_INT_MAX) /* beyond, it is no JSON of ours */
            assert_field_refused(m, f, text, "outside");
    }
}

static void assert_text_limit(const struct message *m, const struct field *f)
{
    char *text = mem_zalloc((size_t)f->max + 4);
    memset(text, 'x', (size_t)f->max + 3);
    text[0] = text[f->max + 1] = '"';
    text[f->max + 2] = '\0';
    assert_field_accepted(m, f, text);
    text[f->max + 1] = 'x';
    text[f->max + 2] = '"';
    assert_field_refused(m, f, text, "at most");
    mem_free(text);
}

static void assert_words(const struct message *m, const struct field *f)
{
    char text[60];
    for (int64_t i = 0; i < f->max; i++) {
        snprintf(text, sizeof text, "\"%s\"", f->words[i]);
        assert_field_accepted(m, f, text);
    }
    assert_field_refused(m, f, "\"no_such_word\"", "not a known word");
}

static void limits_hold_to_the_last_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++)
        for (const struct field *f = messages[i].fields(); f->name; f++) {
            if (f->count)
                assert_count_limits(&messages[i], f);
            else if (f->kind == STRING_FIELD)
                assert_text_limit(&messages[i], f);
            else if (f->kind == INT_FIELD)
                assert_int_limits(&messages[i], f);
            else if (f->kind == WORD_FIELD)
                assert_words(&messages[i], f);
        }
}

static void unknown_fields_are_ignored(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++) {
        const struct message *m = &messages[i];
        struct arena a = {0};
        struct err e = {0};
        union any msg;
        struct buf more;
        char *text = text_of(m, FULL, (struct special){0});
        buf_init(&more, TEXT_MAX);
        buf_printf(&more, "{\"from_the_future\":{\"deep\":[1,{\"x\":null}]},%.*s,\"later\":\"x\"}", (int)strlen(text) - 2, text + 1);
        if (!m->decode(buf_slice(&more), &a, &msg, &e))
            fail_msg("%s: %s", m->name, e.text);
        char *again = encoded(m, &msg);
        assert_string_equal(again, text);
        mem_free(text);
        mem_free(again);
        buf_free(&more);
        arena_free(&a);
    }
}

static void required_fields_are_written_even_when_empty(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++) {
        union any msg;
        memset(&msg, 0, sizeof msg);
        char *text = encoded(&messages[i], &msg);
        struct json *j = json_parse(slice_of(text), NULL);
        assert_int_equal(json_type(j), JSON_OBJECT);
        for (const struct field *f = messages[i].fields(); f->name; f++)
            assert_int_equal(json_get(j, f->name) != NULL, f->need == REQUIRED && f->kind != OBJECT_FIELD);
        json_free(j);
        mem_free(text);
    }
}

static void a_message_is_one_json_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "[]", "null", "1", "\"{}\"", "{} {}", "{"};
    for (size_t i = 0; i < COUNT(messages); i++)
        for (size_t k = 0; k < COUNT(texts); k++) {
            struct arena a = {0};
            struct err e = {0};
            union any msg;
            assert_false(messages[i].decode(slice_of(texts[k]), &a, &msg, &e));
            assert_int_equal(e.kind, ERR_INVALID);
            assert_true(e.text[0] != '\0');
            arena_free(&a);
        }
}

static void an_error_leads_to_the_field_inside(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"{\"agent\":{\"version\":\"1\",\"boot_id\":\"b\"},\"stream\":\"s\",\"events\":[{\"seq\":1,\"outcome\":\"failed\","
         "\"code\":\"0x80070002\"},{\"seq\":2,\"outcome\":\"failed\",\"code\":7}]}",
         "events[1].code: a code such as \"0x80070002\" expected"},
        {"{\"agent\":{\"version\":\"1\"},\"stream\":\"s\"}", "agent.boot_id: missing"},
        {"{\"agent\":7,\"stream\":\"s\"}", "agent: an object expected"},
        {"{\"agent\":{\"version\":\"1\",\"boot_id\":\"b\"},\"stream\":\"s\",\"events\":[7]}", "events[0]: an object expected"},
        {"{\"agent\":{\"version\":\"1\",\"boot_id\":\"b\"},\"stream\":\"s\",\"facts\":{\"name\":\"n\",\"tags\":[\"a\",5]}}",
         "facts.tags[1]: a string expected"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena a = {0};
        struct err e = {0};
        struct wire_sync msg;
        assert_false(wire_decode_sync(slice_of(cases[i].text), &a, &msg, &e));
        assert_string_equal(e.text, cases[i].error);
        arena_free(&a);
    }
}

static void stated_limits_are_those_of_the_list(void **state)
{
    (void)state;
    for (const struct field *f = fields_sync(); f->name; f++)
        if (strcmp(f->name, "events") == 0)
            assert_int_equal(f->count, WIRE_EVENTS_MAX);
    for (const struct field *f = fields_result(); f->name; f++)
        if (strcmp(f->name, "output") == 0)
            assert_int_equal(f->max, WIRE_OUTPUT_MAX_BYTES);
}

static void codes_travel_in_one_spelling(void **state)
{
    (void)state;
    struct wire_event event = {.seq = 1, .outcome = "failed", .code = 0x80070002, .extend = 0xC1900101};
    struct buf b;
    buf_init(&b, 1000);
    wire_encode_event(&event, &b);
    assert_string_equal(buf_text(&b), "{\"seq\":1,\"outcome\":\"failed\",\"code\":\"0x80070002\",\"extend\":\"0xC1900101\"}");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_was),
        cmocka_unit_test(absent_optional_fields_are_zero),
        cmocka_unit_test(a_missing_required_field_is_named),
        cmocka_unit_test(a_wrong_type_is_named_with_its_field),
        cmocka_unit_test(limits_hold_to_the_last_byte),
        cmocka_unit_test(unknown_fields_are_ignored),
        cmocka_unit_test(required_fields_are_written_even_when_empty),
        cmocka_unit_test(a_message_is_one_json_object),
        cmocka_unit_test(an_error_leads_to_the_field_inside),
        cmocka_unit_test(stated_limits_are_those_of_the_list),
        cmocka_unit_test(codes_travel_in_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
