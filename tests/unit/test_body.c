#include "body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const known[] = {"text", "number", "flag", "list", "pairs", NULL};

/* Everything a body can hold, read at once. */
struct members {
    const char *text;
    int64_t number;
    bool flag;
    const char **list;
    size_t list_count;
    struct wire_pair *pairs;
    size_t pair_count;
};

static bool read_body(const char *body, struct arena *a, struct members *m, struct err *e)
{
    struct json *j = body_parse(slice_of(body), known, e);
    bool ok = j && body_string(j, "text", 5, a, &m->text, e) && body_int(j, "number", &m->number, e) &&
              body_bool(j, "flag", &m->flag, e) && body_strings(j, "list", 3, a, &m->list, &m->list_count, e) &&
              body_pairs(j, "pairs", 3, a, &m->pairs, &m->pair_count, e);
    json_free(j);
    return ok;
}

static void members_are_read_by_their_type(void **state)
{
    (void)state;
    struct arena a = {0};
    struct members m = {0};
    struct err e = {0};
    if (!read_body("{\"text\":\"12345\",\"number\":-7,\"flag\":true,\"list\":[\"a\",\"bcd\"],\"pairs\":{\"k\":\"v\",\"l\":\"\"}}", &a, &m, &e))
        fail_msg("%s", e.text);
    assert_string_equal(m.text, "12345");
    assert_int_equal(m.number, -7);
    assert_true(m.flag);
    assert_int_equal(m.list_count, 2);
    assert_string_equal(m.list[1], "bcd");
    assert_int_equal(m.pair_count, 2);
    assert_string_equal(m.pairs[0].key, "k");
    assert_string_equal(m.pairs[0].value, "v");
    assert_string_equal(m.pairs[1].value, "");
    arena_free(&a);
}

static void absent_members_keep_what_was_there(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "{}", " { } ", "{\"text\":null,\"number\":null,\"flag\":null,\"list\":null,\"pairs\":null}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct arena a = {0};
        struct members m = {.text = "before", .number = 5, .flag = true};
        struct err e = {0};
        if (!read_body(bodies[i], &a, &m, &e))
            fail_msg("%s: %s", bodies[i], e.text);
        assert_string_equal(m.text, "before");
        assert_int_equal(m.number, 5);
        assert_true(m.flag);
        assert_int_equal(m.list_count + m.pair_count, 0);
        arena_free(&a);
    }
}

static void a_complaint_names_the_member_and_what_is_expected(void **state)
{
    (void)state;
    static const struct {
        const char *body, *text;
    } cases[] = {
        {"{\"txt\":\"x\"}", "body: unknown member \"txt\"; known are text, number, flag, list, pairs"},
        {"{\"Text\":\"x\"}", "body: unknown member \"Text\"; known are text, number, flag, list, pairs"},
        {"{\"\":1}", "body: unknown member \"\"; known are text, number, flag, list, pairs"},
        {"[]", "body: a JSON object expected"},
        {"null", "body: a JSON object expected"},
        {"\"text\"", "body: a JSON object expected"},
        {"{\"text\":5}", "text: a string expected"},
        {"{\"text\":\"123456\"}", "text: at most 5 bytes"},
        {"{\"number\":\"5\"}", "number: an integer expected"},
        {"{\"number\":1.5}", "number: an integer expected"},
        {"{\"number\":true}", "number: an integer expected"},
        {"{\"flag\":1}", "flag: true or false expected"},
        {"{\"flag\":\"true\"}", "flag: true or false expected"},
        {"{\"list\":\"a\"}", "list: an array of strings expected"},
        {"{\"list\":{}}", "list: an array of strings expected"},
        {"{\"list\":[\"a\",5]}", "list: a string expected"},
        {"{\"list\":[null]}", "list: a string expected"},
        {"{\"list\":[\"abcd\"]}", "list: at most 3 bytes"},
        {"{\"pairs\":[]}", "pairs: an object of strings expected"},
        {"{\"pairs\":{\"k\":5}}", "k: a string expected"},
        {"{\"pairs\":{\"k\":\"abcd\"}}", "k: at most 3 bytes"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena a = {0};
        struct members m = {0};
        struct err e = {0};
        if (read_body(cases[i].body, &a, &m, &e))
            fail_msg("%s was accepted", cases[i].body);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_string_equal(e.text, cases[i].text);
        arena_free(&a);
    }
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{", "text=1", "{\"text\":\"a\",\"text\":\"b\"}", "{} {}", " ", "{\"text\":\"\\u0000\"}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct err e = {0};
        assert_null(body_parse(slice_of(bodies[i]), known, &e));
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(strncmp(e.text, "JSON", 4), 0);
    }
}

static void many_known_names_do_not_overflow_the_complaint(void **state)
{
    (void)state;
    static const char *const many[] = {
        "a_name_of_about_forty_characters_in_all1", "a_name_of_about_forty_characters_in_all2",
        "a_name_of_about_forty_characters_in_all3", "a_name_of_about_forty_characters_in_all4",
        "a_name_of_about_forty_characters_in_all5", "a_name_of_about_forty_characters_in_all6",
        "a_name_of_about_forty_characters_in_all7", "a_name_of_about_forty_characters_in_all8",
        "a_name_of_about_forty_characters_in_all9", NULL};
    struct err e = {0};
    assert_null(body_parse(slice_of("{\"x\":1}"), many, &e));
    assert_non_null(strstr(e.text, many[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read_by_their_type),
        cmocka_unit_test(absent_members_keep_what_was_there),
        cmocka_unit_test(a_complaint_names_the_member_and_what_is_expected),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(many_known_names_do_not_overflow_the_complaint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
