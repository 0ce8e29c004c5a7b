#include "args.h"
#include "cli.h"
#include "run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;
static struct args args;
static struct err error;

#define PARSE(...) parse((char *[]){"fleetmend", __VA_ARGS__, NULL})

static bool parse(char **argv)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    arena_free(&arena);
    err_clear(&error);
    return args_parse(argc, argv, &arena, &args, &error);
}

static void assert_refused_with(bool parsed, const char *part)
{
    assert_false(parsed);
    assert_int_equal(error.kind, ERR_INVALID);
    if (!strstr(error.text, part))
        fail_msg("the error does not say '%s': %s", part, error.text);
}

static void every_row_is_complete(void **state)
{
    (void)state;
    size_t count;
    const struct command *table = command_table(&count);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(table[i].run);
        assert_true(*table[i].title);
        assert_true(table[i].max == -1 || table[i].max >= table[i].min);
        assert_int_equal(table[i].min > 0,
                         *table[i].arguments && table[i].arguments[0] != '[' && table[i].max != 0);
        struct buf page;
        buf_init(&page, 1 << 16);
        help_print(&table[i], &page);
        assert_non_null(strstr(buf_text(&page), table[i].title));
        assert_non_null(strstr(buf_text(&page), "-h, --help"));
        for (int o = 1; o < OPT_COUNT; o++) {
            char name[40];
            snprintf(name, sizeof name, "--%s", option_row((enum option_id)o)->name);
            const char *at = strstr(buf_text(&page), "\noptions:");
            bool shown = at && strstr(at, name);
            if ((table[i].options & 1u << o) && !shown)
                fail_msg("help of %s does not show %s", table[i].name, name);
        }
        assert_false(page.full);
        buf_free(&page);
    }
}

static void every_command_is_found_by_its_own_name(void **state)
{
    (void)state;
    size_t count;
    const struct command *table = command_table(&count);
    for (size_t i = 0; i < count; i++) {
        char first[32];
        size_t used, n = strcspn(table[i].name, " ");
        snprintf(first, sizeof first, "%.*s", (int)n, table[i].name);
        const char *words[] = {first, table[i].name[n] ? table[i].name + n + 1 : "argument"};
        assert_ptr_equal(command_find(words, 2, &used), &table[i]);
    }
}

static void every_command_is_in_the_main_help(void **state)
{
    (void)state;
    size_t count;
    const struct command *table = command_table(&count);
    struct buf page;
    buf_init(&page, 1 << 16);
    help_print(NULL, &page);
    for (size_t i = 0; i < count; i++)
        assert_non_null(strstr(buf_text(&page), table[i].title));
    assert_non_null(strstr(buf_text(&page), "8  some machines failed"));
    buf_free(&page);
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    assert_true(PARSE("-o", "json", "get", "--limit=5", "machines", "state=failing", "--sort", "-last_seen"));
    assert_string_equal(args.command->name, "get");
    assert_int_equal(args.words.n, 2);
    assert_string_equal(args.words.v[1], "state=failing");
    assert_string_equal(args_text(&args, OPT_OUTPUT, ""), "json");
    assert_string_equal(args_text(&args, OPT_SORT, ""), "-last_seen");
    assert_true(PARSE("get", "jobs", "-ocsv"));
    assert_string_equal(args_text(&args, OPT_OUTPUT, ""), "csv");
}

static void negative_number_is_a_code_not_an_option(void **state)
{
    (void)state;
    assert_true(PARSE("explain", "-2147024894"));
    assert_string_equal(args.words.v[0], "-2147024894");
}

static void nothing_is_an_option_after_two_dashes(void **state)
{
    (void)state;
    assert_true(PARSE("describe", "machine", "--", "--help"));
    assert_string_equal(args.words.v[0], "--help");
    assert_false(args_has(&args, OPT_HELP));
}

static void options_may_be_repeated(void **state)
{
    (void)state;
    assert_true(PARSE("push", "cache_reset", "--machine", "A", "--machine", "B", "--set", "keep=none"));
    assert_int_equal(args.options[OPT_MACHINE].n, 2);
    assert_string_equal(args.options[OPT_MACHINE].v[1], "B");
}

static void two_word_command_wins_over_one_word(void **state)
{
    (void)state;
    assert_true(PARSE("approve", "0123"));
    assert_string_equal(args.command->name, "approve");
    assert_true(PARSE("approve", "machine", "PC1"));
    assert_string_equal(args.command->name, "approve machine");
    assert_refused_with(PARSE("approve", "machine"), "needs NAME");
}

static void wrong_lines_are_refused_with_the_remedy(void **state)
{
    (void)state;
    assert_refused_with(PARSE("frobnicate"), "no command \"frobnicate\"");
    assert_refused_with(PARSE("apply", "-f", "x"), "no command \"apply\"");
    assert_refused_with(PARSE("create", "user", "x"), "create for: token");
    assert_refused_with(PARSE("describe"), "machine|rollout|job|code");
    assert_refused_with(PARSE("get", "planets"), "machines, failures");
    assert_refused_with(PARSE("get", "machines", "-o", "yaml"), "table, wide, json");
    assert_refused_with(PARSE("get", "machines", "--wait"), "has no option --wait");
    assert_refused_with(PARSE("get", "machines", "--bogus"), "no option --bogus");
    assert_refused_with(PARSE("get", "machines", "-x"), "no option -x");
    assert_refused_with(PARSE("get", "machines", "--limit"), "needs a value");
    assert_refused_with(PARSE("push", "cache_reset", "--wait=5"), "takes no value");
    assert_refused_with(PARSE("push", "format_disk", "a=b"), "does not know \"format_disk\"");
    assert_refused_with(PARSE("explain"), "needs CODE");
    assert_refused_with(PARSE("logout", "now"), "does not take \"now\"");
    assert_refused_with(parse((char *[]){"fleetmend", NULL}), "no command given");
}

static void help_is_understood_before_arguments_are_complete(void **state)
{
    (void)state;
    assert_true(PARSE("push", "--help"));
    assert_true(args_has(&args, OPT_HELP));
    assert_string_equal(args.command->name, "push");
    assert_true(PARSE("-h"));
    assert_null(args.command);
}

static void numbers_and_times_are_bounded(void **state)
{
    (void)state;
    int64_t v;
    assert_true(PARSE("get", "jobs", "--limit", "7"));
    assert_true(args_number(&args, OPT_LIMIT, 1, 10, 3, &v, &error));
    assert_int_equal(v, 7);
    assert_false(args_number(&args, OPT_LIMIT, 1, 6, 3, &v, &error));
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"90", 90000}, {"90s", 90000}, {"10m", 600000}, {"2h", 7200000}, {"1d", 86400000}, {"0", 0}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(PARSE("push", "reboot", "--timeout", (char *)(uintptr_t)good[i].text));
        assert_true(args_span(&args, OPT_TIMEOUT, 1, &v, &error));
        assert_int_equal(v, good[i].ms);
    }
    static const char *const bad[] = {"", "m", "10x", "-5m", "10 m", "99999999999999m", "1.5h"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(PARSE("push", "reboot", "--timeout", (char *)(uintptr_t)bad[i]));
        if (args_span(&args, OPT_TIMEOUT, 1, &v, &error))
            fail_msg("--timeout '%s' was accepted", bad[i]);
    }
}

static void statuses_become_the_promised_exit_codes(void **state)
{
    (void)state;
    static const struct {
        int status, exit;
    } rows[] = {{200, 0}, {201, 0}, {204, 0}, {301, 1}, {400, 2}, {401, 4}, {403, 4}, {404, 3},
                {409, 5}, {422, 2}, {429, 1}, {500, 1}, {502, 6}, {503, 6}, {504, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(cli_exit_of_status(rows[i].status), rows[i].exit);
    assert_int_equal(cli_exit_of_error(ERR_UNREACHABLE), 6);
    assert_int_equal(cli_exit_of_error(ERR_TLS), 6);
    assert_int_equal(cli_exit_of_error(ERR_INVALID), 2);
}

static void completion_knows_every_command_and_option(void **state)
{
    (void)state;
    size_t count;
    const struct command *table = command_table(&count);
    struct buf script;
    buf_init(&script, 1 << 16);
    completion_print("bash", &script);
    for (size_t i = 0; i < count; i++) {
        char first[32];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(table[i].name, " "), table[i].name);
        assert_non_null(strstr(buf_text(&script), first));
    }
    for (int o = 0; o < OPT_COUNT; o++)
        assert_non_null(strstr(buf_text(&script), option_row((enum option_id)o)->name));
    assert_non_null(strstr(buf_text(&script), "component_store_repair"));
    assert_false(script.full);
    buf_free(&script);
}

static int forget(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(every_command_is_found_by_its_own_name),
        cmocka_unit_test(every_command_is_in_the_main_help),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(negative_number_is_a_code_not_an_option),
        cmocka_unit_test(nothing_is_an_option_after_two_dashes),
        cmocka_unit_test(options_may_be_repeated),
        cmocka_unit_test(two_word_command_wins_over_one_word),
        cmocka_unit_test(wrong_lines_are_refused_with_the_remedy),
        cmocka_unit_test(help_is_understood_before_arguments_are_complete),
        cmocka_unit_test(numbers_and_times_are_bounded),
        cmocka_unit_test(statuses_become_the_promised_exit_codes),
        cmocka_unit_test(completion_knows_every_command_and_option),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
