#include "json.h"
#include "mem.h"
#include "text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A copy on the heap of exactly its length: the sanitizer sees a read beyond it. */
static struct json *parse(const char *text, size_t n, struct err *e)
{
    char *copy = mem_alloc(n);
    memcpy(copy, text, n);
    struct json *j = json_parse(slice_make(copy, n), e);
    mem_free(copy);
    return j;
}

static void assert_accepted(const char *text)
{
    struct err e = {0};
    struct json *j = parse(text, strlen(text), &e);
    if (!j)
        fail_msg("%.80s was refused: %s", text, e.text);
    json_free(j);
}

static void assert_refused(const char *text, size_t n, const char *words)
{
    struct err e = {0};
    struct json *j = parse(text, n, &e);
    if (j)
        fail_msg("%.80s was accepted", text);
    assert_int_equal(e.kind, ERR_INVALID);
    if (!strstr(e.text, words))
        fail_msg("%.80s: the error does not say \"%s\": %s", text, words, e.text);
    assert_null(parse(text, n, NULL));
}

static void accepts_what_is_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null", "true", "false", "0", "-0", "1", "-1", "1.5", "1e5", "1E+5", "1.25e-5", "\"\"", "[]", "{}",
        " \t\r\n{ \"a\" : [ 1 , 2 ] } \r\n", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"", "\"\\ud83d\\ude00\"",
        "\"\xF0\x9F\x98\x80\"", "\"\x7F\"", "9007199254740992", "-9007199254740992", "1e300", "1e-400",
        "[[[[[[[[1]]]]]]]]", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}",
        "{\"a\":1,\"A\":2}", "{\"\":1}",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_accepted(texts[i]);
}

static void refuses_what_the_header_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        /* something after the value */
        {"1 2", "follows"}, {"{}}", "follows"}, {"[],", "follows"}, {"null x", "follows"}, {"{} //", "follows"},
        {"01", "follows"}, {"-01", "follows"}, {"0x10", "follows"}, {"truee", "follows"},
        /* duplicate keys, however they are spelt */
        {"{\"a\":1,\"a\":1}", "\"a\" stands twice"}, {"{\"a\":1,\"b\":2,\"\\u0061\":3}", "\"a\" stands twice"},
        {"{\"/\":1,\"\\/\":2}", "stands twice"}, {"[{\"x\":[{\"k\":1,\"k\":2}]}]", "\"k\" stands twice"},
        {"{\"\":1,\"\":2}", "stands twice"}, {"{\"\xC3\xA4\":1,\"\\u00E4\":2}", "stands twice"},
        /* NUL and control characters */
        {"\"\\u0000\"", "\\u0000"}, {"{\"a\\u0000b\":1}", "\\u0000"}, {"\"a\nb\"", "control"}, {"\"\t\"", "control"},
        {"\"\x1F\"", "control"}, {"{\"\x01\":1}", "control"},
        /* lone surrogates */
        {"\"\\ud800\"", "surrogate"}, {"\"\\udc00\"", "surrogate"}, {"\"\\ud800x\"", "surrogate"},
        {"\"\\ud800\\n\"", "surrogate"}, {"\"\\ud800\\ud800\"", "surrogate"}, {"\"\\ud800\\u0041\"", "surrogate"},
        {"\"\\udbff\"", "surrogate"}, {"\"\\udfff\\ud800\"", "surrogate"}, {"\"\\uD800\\uE000\"", "surrogate"},
        /* bad UTF-8 */
        {"\"\xFF\"", "UTF-8"}, {"\"\xC0\x80\"", "UTF-8"}, {"\"\xED\xA0\x80\"", "UTF-8"}, {"\"\xE2\x82\"", "UTF-8"},
        {"\"\xF4\x90\x80\x80\"", "UTF-8"}, {"{\"\x80\":1}", "UTF-8"}, {"\xFF", "UTF-8"},
        /* depth */
        {"[[[[[[[[[1]]]]]]]]]", "too deep"}, {"[{\"a\":[{\"a\":[{\"a\":[{\"a\":[]}]}]}]}]", "too deep"},
        /* numbers */
        {"1e999", "out of range"}, {"-1e999", "out of range"}, {"[1e309]", "out of range"},
        {"9007199254740993", "out of range"}, {"-9007199254740993", "out of range"},
        {"9007199254740994", "out of range"}, {"18446744073709551616", "out of range"},
        {"1111111111222222222233333333334444444444555555555566666666667777", "number too long"},
        {"1.", "digit"}, {".5", "value expected"}, {"-", "digit"}, {"+1", "value expected"}, {"1e", "digit"}, {"1e+", "digit"},
        {"- 1", "digit"}, {"NaN", "value expected"}, {"Infinity", "value expected"}, {"-Infinity", "digit"},
        /* what is no JSON at all */
        {"", "value expected"}, {" ", "value expected"}, {"[1,]", "value expected"}, {"[,1]", "value expected"},
        {"{\"a\":1,}", "key expected"}, {"{a:1}", "key expected"}, {"{'a':1}", "key expected"}, {"{\"a\" 1}", "':'"},
        {"{\"a\":}", "value expected"}, {"[1 2]", "','"}, {"[1}", "','"}, {"{\"a\":1]", "','"}, {"[", "value expected"},
        {"{", "key expected"}, {"[1", "','"}, {"\"abc", "without end"}, {"\"abc\\\"", "without end"}, {"\"\\", "unknown escape"},
        {"\"\\x41\"", "unknown escape"}, {"\"\\u12\"", "four hex"}, {"\"\\u12g4\"", "four hex"}, {"\"\\u123", "four hex"},
        {"\"\\ud800\\u12g4\"", "four hex"}, {"True", "value expected"}, {"nul", "value expected"}, {"\xEF\xBB\xBF{}", "value expected"},
        {"\v1", "value expected"}, {"\f1", "value expected"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i].text, strlen(cases[i].text), cases[i].words);
}

static void refuses_nul_bytes_anywhere(void **state)
{
    (void)state;
    assert_refused("\"a\0b\"", 5, "control");
    assert_refused("1\0", 2, "follows");
    assert_refused("\0", 1, "value expected");
    assert_refused("[\0]", 3, "value expected");
    assert_refused("\"\\\0\"", 4, "unknown escape");
    assert_null(json_parse((struct slice){0}, NULL));
}

static void an_error_names_the_byte(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(json_parse(slice_of("[1, 2, x]"), &e));
    assert_string_equal(e.text, "JSON, byte 7: value expected");
}

static void an_object_has_at_most_256_members(void **state)
{
    (void)state;
    for (int n = JSON_MEMBERS_MAX; n <= JSON_MEMBERS_MAX + 1; n++) {
        struct buf b;
        buf_init(&b, 10000);
        struct json_writer w = {.out = &b};
        json_begin(&w, '{');
        for (int i = 0; i < n; i++) {
            char key[20];
            snprintf(key, sizeof key, "k%d", i);
            json_member_int(&w, key, i);
        }
        json_end(&w, '}');
        if (n == JSON_MEMBERS_MAX)
            assert_accepted(buf_text(&b));
        else
            assert_refused(buf_text(&b), b.n, "256 members");
        buf_free(&b);
    }
}

static void an_array_may_be_longer_than_an_object(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10000);
    struct json_writer w = {.out = &b};
    json_begin(&w, '[');
    for (int i = 0; i < 1000; i++)
        json_put_int(&w, i);
    json_end(&w, ']');
    struct json *j = json_parse(buf_slice(&b), NULL);
    assert_int_equal(json_count(j), 1000);
    json_free(j);
    buf_free(&b);
}

static void every_prefix_of_a_document_is_refused(void **state)
{
    (void)state;
    static const char whole[] = "{\"a\":[1,-2.5e3,true,null],\"b\":{\"c\":\"x\\u00e4\\ud83d\\ude00\\n\"}}";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct json *j = parse(whole, n, NULL);
        if (j)
            fail_msg("the first %zu bytes were accepted", n);
    }
    assert_accepted(whole);
}

static void values_are_read_by_their_type_alone(void **state)
{
    (void)state;
    struct json *j = json_parse(slice_of("{\"n\":null,\"b\":true,\"f\":false,\"i\":-7,\"d\":1.5,\"s\":\"t\",\"a\":[1,2],"
                                         "\"o\":{\"k\":1},\"B\":3}"),
                                NULL);
    assert_non_null(j);
    static const struct {
        const char *key;
        enum json_type type;
        bool is_bool, is_int, is_number, is_string;
        size_t count;
    } rows[] = {
        {"n", JSON_NULL, false, false, false, false, 0},  {"b", JSON_BOOL, true, false, false, false, 0},
        {"f", JSON_BOOL, true, false, false, false, 0},   {"i", JSON_NUMBER, false, true, true, false, 0},
        {"d", JSON_NUMBER, false, false, true, false, 0}, {"s", JSON_STRING, false, false, false, true, 0},
        {"a", JSON_ARRAY, false, false, false, false, 2}, {"o", JSON_OBJECT, false, false, false, false, 1},
        {"x", JSON_ABSENT, false, false, false, false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct json *v = json_get(j, rows[i].key);
        bool b = false;
        int64_t n = 0;
        double d = 0;
        struct slice s = {0};
        assert_int_equal(json_type(v), rows[i].type);
        assert_non_null(json_type_name(json_type(v)));
        assert_int_equal(json_bool(v, &b), rows[i].is_bool);
        assert_int_equal(json_int(v, &n), rows[i].is_int);
        assert_int_equal(json_number(v, &d), rows[i].is_number);
        assert_int_equal(json_string(v, &s), rows[i].is_string);
        assert_int_equal(json_count(v), rows[i].count);
    }
    int64_t n = 0;
    assert_true(json_int(json_get(j, "B"), &n)); /* not "b" */
    assert_int_equal(n, 3);
    assert_null(json_get(json_get(j, "a"), "k"));
    json_free(j);
}

static void null_is_allowed_everywhere(void **state)
{
    (void)state;
    assert_int_equal(json_type(NULL), JSON_ABSENT);
    assert_null(json_get(NULL, "k"));
    assert_null(json_first(NULL));
    assert_null(json_next(NULL));
    assert_string_equal(json_key(NULL), "");
    assert_int_equal(json_count(NULL), 0);
    assert_false(json_string(NULL, &(struct slice){0}));
    assert_false(json_int(NULL, &(int64_t){0}));
    assert_false(json_number(NULL, &(double){0}));
    assert_false(json_bool(NULL, &(bool){0}));
    json_free(NULL);
}

static void members_come_in_order_with_their_keys(void **state)
{
    (void)state;
    struct json *j = json_parse(slice_of("{\"z\":[10,20],\"\\u0061\":2}"), NULL);
    const struct json *first = json_first(j), *second = json_next(first);
    assert_string_equal(json_key(first), "z");
    assert_string_equal(json_key(second), "a");
    assert_null(json_next(second));
    assert_string_equal(json_key(json_first(first)), "");
    json_free(j);
}

static void integers_are_exact_up_to_their_limit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {
        {"9007199254740992", true, JSON_INT_MAX}, {"-9007199254740992", true, -JSON_INT_MAX},
        {"9007199254740991", true, JSON_INT_MAX - 1}, {"0", true, 0}, {"-0", true, 0}, {"1.0", true, 1}, {"1e3", true, 1000},
        {"1.5", false, 0}, {"1e300", false, 0}, {"-1e300", false, 0}, {"1e-400", true, 0}, {"1e16", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json *j = json_parse(slice_of(cases[i].text), NULL);
        int64_t v = 0;
        if (json_int(j, &v) != cases[i].ok || v != cases[i].v)
            fail_msg("%s was read as %lld", cases[i].text, (long long)v);
        json_free(j);
    }
}

/* Writes {"k": s} and reads it again. */
static void assert_comes_back(struct slice s, const char *expected, size_t n)
{
    struct buf b;
    struct err e = {0};
    buf_init(&b, 10000);
    struct json_writer w = {.out = &b};
    json_begin(&w, '{');
    json_put_key(&w, "k");
    json_put_slice(&w, s);
    json_end(&w, '}');
    struct json *j = json_parse(buf_slice(&b), &e);
    if (!j)
        fail_msg("%s: %s", buf_text(&b), e.text);
    struct slice back = {0};
    assert_true(json_string(json_get(j, "k"), &back));
    assert_int_equal(back.n, n);
    assert_memory_equal(back.p, expected, n);
    json_free(j);
    buf_free(&b);
}

static void every_character_is_written_so_that_it_reads_the_same(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 0x80; c++) {
        char text[3] = {'a', (char)c, 'b'};
        assert_comes_back(slice_make(text, 3), text, 3);
    }
    static const char *const texts[] = {"", "\xC2\x80", "\xE2\x80\xA8", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", "\\u0041", "\"\\\"",
                                        "</script>"};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_comes_back(slice_of(texts[i]), texts[i], strlen(texts[i]));
}

static void escapes_are_the_short_ones(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    struct json_writer w = {.out = &b};
    json_put_string(&w, "\b\t\n\v\f\r\x01\x1F\"\\/\x7F");
    assert_string_equal(buf_text(&b), "\"\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\\\"\\\\/\x7F\"");
    buf_free(&b);
}

static void invalid_utf8_is_replaced_when_written(void **state)
{
    (void)state;
    assert_comes_back(slice_of("a\xFF" "b"), "a\xEF\xBF\xBD" "b", 5);
    assert_comes_back(slice_of("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD", 6);
    assert_comes_back(slice_of("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 9);
    assert_comes_back(slice_of("\x80"), "\xEF\xBF\xBD", 3);
    assert_comes_back((struct slice){0}, "", 0);
}

static void nul_bytes_are_written_so_that_readers_refuse_them(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    struct json_writer w = {.out = &b};
    json_put_slice(&w, slice_make("a\0b", 3));
    assert_string_equal(buf_text(&b), "\"a\\u0000b\"");
    buf_free(&b);
}

static void commas_stand_between_values_only(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 200);
    struct json_writer w = {.out = &b};
    json_begin(&w, '{');
    json_put_key(&w, "a");
    json_begin(&w, '[');
    json_end(&w, ']');
    json_put_key(&w, "b");
    json_begin(&w, '[');
    json_put_int(&w, -5);
    json_put_bool(&w, true);
    json_put_null(&w);
    json_put_number(&w, 0.5);
    json_put_number(&w, INFINITY);
    json_put_number(&w, NAN);
    json_put_raw(&w, slice_of("{\"r\":1}"));
    json_begin(&w, '{');
    json_end(&w, '}');
    json_end(&w, ']');
    json_member_string(&w, "c", "x");
    json_member_bool(&w, "d", false);
    json_member_int(&w, "e", JSON_INT_MAX);
    json_end(&w, '}');
    assert_string_equal(buf_text(&b), "{\"a\":[],\"b\":[-5,true,null,0.5,null,null,{\"r\":1},{}],\"c\":\"x\",\"d\":false,"
                                      "\"e\":9007199254740992}");
    assert_accepted(buf_text(&b));
    buf_free(&b);
}

static void numbers_come_back_as_they_were(void **state)
{
    (void)state;
    static const double values[] = {0.1, 1.0 / 3, 2.5e-300, 1e300, -123456789.123456789, 5e-324};
    for (size_t i = 0; i < COUNT(values); i++) {
        struct buf b;
        buf_init(&b, 100);
        struct json_writer w = {.out = &b};
        json_put_number(&w, values[i]);
        struct json *j = json_parse(buf_slice(&b), NULL);
        double back = 0;
        assert_true(json_number(j, &back));
        if (memcmp(&back, &values[i], sizeof back) != 0)
            fail_msg("%.17g was written as %s", values[i], buf_text(&b));
        json_free(j);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_is_json),
        cmocka_unit_test(refuses_what_the_header_lists),
        cmocka_unit_test(refuses_nul_bytes_anywhere),
        cmocka_unit_test(an_error_names_the_byte),
        cmocka_unit_test(an_object_has_at_most_256_members),
        cmocka_unit_test(an_array_may_be_longer_than_an_object),
        cmocka_unit_test(every_prefix_of_a_document_is_refused),
        cmocka_unit_test(values_are_read_by_their_type_alone),
        cmocka_unit_test(null_is_allowed_everywhere),
        cmocka_unit_test(members_come_in_order_with_their_keys),
        cmocka_unit_test(integers_are_exact_up_to_their_limit),
        cmocka_unit_test(every_character_is_written_so_that_it_reads_the_same),
        cmocka_unit_test(escapes_are_the_short_ones),
        cmocka_unit_test(invalid_utf8_is_replaced_when_written),
        cmocka_unit_test(nul_bytes_are_written_so_that_readers_refuse_them),
        cmocka_unit_test(commas_stand_between_values_only),
        cmocka_unit_test(numbers_come_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
