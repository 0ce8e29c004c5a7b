/* Command lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "args.h"

#include <string.h>

static const struct arg_flag flags[] = {
    {"name", "N", false, ""}, {"tag", "T", true, ""}, {"quiet", NULL, false, ""}, {0}};

static bool parse(struct args *a, struct err *e, int argc, const char *const *argv)
{
    return args_parse(a, flags, argc, (char *const *)(uintptr_t)argv, e);
}

#define PARSE(a, e, ...)                                                                                     \
    parse(a, e, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

static void takes_values_in_both_spellings(void **state)
{
    (void)state;
    struct args a;
    struct err e = {0};
    assert_true(PARSE(&a, &e, "--name", "x", "op", "--tag=a=b", "--tag", "c", "--quiet", "--", "--name"));
    assert_string_equal(args_get(&a, "name"), "x");
    assert_string_equal(args_nth(&a, "tag", 0), "a=b");
    assert_string_equal(args_nth(&a, "tag", 1), "c");
    assert_null(args_nth(&a, "tag", 2));
    assert_true(args_has(&a, "quiet"));
    assert_int_equal(a.operand_count, 2);
    assert_string_equal(a.operands[1], "--name");
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *argv[3];
        int argc;
        const char *said;
    } cases[] = {
        {{"--nmae", "x"}, 2, "--nmae"},
        {{"--name"}, 1, "needs a value"},
        {{"--quiet=1"}, 1, "takes no value"},
        {{"--name=a", "--name=b"}, 2, "given twice"},
        {{"-n"}, 1, "two dashes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct args a;
        struct err e = {0};
        assert_false(parse(&a, &e, cases[i].argc, cases[i].argv));
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, cases[i].said));
    }
}

static void reads_whole_numbers_within_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } cases[] = {{"5", true}, {"10", true}, {"11", false}, {"-1", false}, {"5x", false}, {"", false}, {" 5", false},
                 {"99999999999999999999", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct args a;
        struct err e = {0};
        int64_t v = 0;
        assert_true(PARSE(&a, &e, "--name", cases[i].text));
        assert_int_equal(args_int(&a, "name", 0, 10, 3, &v, &e), cases[i].good);
    }
    struct args none = {0};
    int64_t v = 0;
    assert_true(args_int(&none, "name", 0, 10, 3, &v, NULL));
    assert_int_equal(v, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_values_in_both_spellings),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(reads_whole_numbers_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
