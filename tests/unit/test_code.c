#include "code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct slice z(const char *text)
{
    return slice_of(text);
}

static void assert_parses(const char *text, uint32_t expected)
{
    uint32_t code = ~expected;
    struct err e = {0};
    if (!code_parse(z(text), &code, &e))
        fail_msg("'%s' was refused: %s", text, e.text);
    if (code != expected)
        fail_msg("'%s' was read as 0x%08X, not 0x%08X", text, code, expected);
}

static void assert_refused(const char *text)
{
    uint32_t code = 0x12345678;
    struct err e = {0};
    if (code_parse(z(text), &code, &e))
        fail_msg("'%s' was read as 0x%08X", text, code);
    assert_int_equal(code, 0x12345678);
    assert_int_equal(e.kind, ERR_INVALID);
    static const char *const accepted[] = {"0x80070002", " 80070002", "-2147024894", "2147942402"};
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        if (!strstr(e.text, accepted[i]))
            fail_msg("the error for '%s' does not name %s: %s", text, accepted[i], e.text);
}

static void reads_every_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t code;
    } cases[] = {
        {"0x80070002", 0x80070002},
        {"0X80070057", 0x80070057},
        {"80070002", 0x80070002},
        {"80072ee2", 0x80072EE2},
        {"c1900101", 0xC1900101},
        {"0xC1900101", 0xC1900101},
        {"-2147024894", 0x80070002},
        {"2147942402", 0x80070002},
        {"-2145124329", 0x80240017},
        {"3247440129", 0xC1900101},
        {"0x240006", 0x00240006},
        {"0x0", 0},
        {"0x00000000", 0},
        {"00000000", 0},
        {"  0x80070002\r\n", 0x80070002},
        {"\t-2147024894 ", 0x80070002},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_parses(cases[i].text, cases[i].code);
}

static void reads_the_borders(void **state)
{
    (void)state;
    assert_parses("0xFFFFFFFF", 0xFFFFFFFF);
    assert_parses("ffffffff", 0xFFFFFFFF);
    assert_parses("-1", 0xFFFFFFFF);
    assert_parses("4294967295", 0xFFFFFFFF);
    assert_parses("-2147483648", 0x80000000);
    assert_parses("-0000000000002147483648", 0x80000000);
    assert_parses("2147483648", 0x80000000);
    assert_parses("2147483647", 0x7FFFFFFF);
    assert_parses("999999999", 0x3B9AC9FF); /* nine digits: decimal */
    assert_parses("99999999", 0x99999999);  /* eight: hex */
    assert_parses("0xf", 0xF);
}

static void refuses_other_text_and_names_the_spellings(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "0x",
        "0X",
        "x80070002",
        "0x80070002h",
        "0x800700020",
        "0x-1",
        "0x 80070002",
        "80070002h",
        "8007000g",
        "80070",
        "240006",
        "2359302",
        "-",
        "--1",
        "-0x80070002",
        "-2147483649",
        "-99999999999999999999999999",
        "- 1",
        "-80072ee2",
        "+2147942402",
        "4294967296",
        "9999999999",
        "42949672950",
        "21474836.8",
        "80072ee20",
        "0x80070002 0x80070003",
        "ERROR_FILE_NOT_FOUND",
        "80248007-1234",
        "\xC3\xA4",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused(cases[i]);
}

static void refuses_a_nul_and_shows_no_control_characters(void **state)
{
    (void)state;
    uint32_t code = 0;
    struct err e = {0};
    assert_false(code_parse(slice_make("80070002\0", 9), &code, &e));
    assert_false(code_parse(z("\x1b[31mred\x01"), &code, &e));
    for (const char *p = e.text; *p; p++)
        assert_true((unsigned char)*p >= 0x20);
    assert_non_null(strstr(e.text, "[31mred"));
    assert_false(code_parse(slice_make(NULL, 0), &code, NULL));
}

static void keeps_the_error_short_for_long_input(void **state)
{
    (void)state;
    char text[4000];
    memset(text, 'a', sizeof text);
    uint32_t code;
    struct err e = {0};
    assert_false(code_parse(slice_make(text, sizeof text), &code, &e));
    assert_non_null(strstr(e.text, "at most 4294967295)"));
}

static void reads_fields_with_lost_zeros(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t code;
    } good[] = {{"0", 0},
                {"240010", 0x240010},
                {"80240438", 0x80240438},
                {"8024000b", 0x8024000B},
                {"FFFFFFFF", 0xFFFFFFFF}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint32_t code = 1;
        assert_true(code_parse_field(z(good[i].text), &code));
        assert_int_equal(code, good[i].code);
    }
    static const char *const bad[] = {"", "0x240010", "800700020", " 240010", "24001g", "-1", "000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t code = 1;
        assert_false(code_parse_field(z(bad[i]), &code));
        assert_int_equal(code, 1);
    }
}

static void prints_eight_upper_case_digits(void **state)
{
    (void)state;
    char text[CODE_TEXT_MAX];
    code_print(0x80072ee2, text);
    assert_string_equal(text, "0x80072EE2");
    code_print(0x240006, text);
    assert_string_equal(text, "0x00240006");
    code_print(0, text);
    assert_string_equal(text, "0x00000000");
    code_print(0xFFFFFFFF, text);
    assert_string_equal(text, "0xFFFFFFFF");
}

static void reads_back_what_it_prints(void **state)
{
    (void)state;
    size_t count;
    const struct code_info *rows = code_table(&count);
    for (size_t i = 0; i < count; i++) {
        char text[CODE_TEXT_MAX];
        code_print(rows[i].code, text);
        assert_parses(text, rows[i].code);
        assert_parses(text + 2, rows[i].code);
    }
}

static void table_is_ordered_unique_and_complete(void **state)
{
    (void)state;
    size_t count;
    const struct code_info *rows = code_table(&count);
    assert_int_equal(count, 2456);
    for (size_t i = 0; i < count; i++) {
        if (i && rows[i - 1].code >= rows[i].code)
            fail_msg("0x%08X stands behind 0x%08X", rows[i].code, rows[i - 1].code);
        assert_ptr_equal(code_find(rows[i].code), &rows[i]);
        assert_true(rows[i].symbol[0] != '\0');
        assert_true((size_t)rows[i].cause < CODE_CAUSE_COUNT);
    }
    assert_int_equal(rows[0].code, 0);
    assert_int_equal(rows[count - 1].code, 0xD0000034);
}

/* Counted once in the reviewed list of codes, so that a row lost or changed by hand shows. */
static void table_keeps_its_totals(void **state)
{
    (void)state;
    static const size_t expected_causes[CODE_CAUSE_COUNT] = {
        [CODE_CAUSE_UNKNOWN] = 728,   [CODE_CAUSE_COMPONENT_STORE] = 591,
        [CODE_CAUSE_NETWORK] = 457,   [CODE_CAUSE_SERVICE] = 168,
        [CODE_CAUSE_DRIVER] = 107,    [CODE_CAUSE_CACHE_CORRUPT] = 105,
        [CODE_CAUSE_CLOCK] = 80,      [CODE_CAUSE_WSUS] = 74,
        [CODE_CAUSE_OS_UPGRADE] = 67, [CODE_CAUSE_AUTH] = 32,
        [CODE_CAUSE_POLICY] = 20,     [CODE_CAUSE_PROXY] = 14,
        [CODE_CAUSE_DISK_SPACE] = 13,
    };
    size_t kinds[3] = {0}, causes[CODE_CAUSE_COUNT] = {0}, count;
    const struct code_info *rows = code_table(&count);
    for (size_t i = 0; i < count; i++) {
        kinds[rows[i].kind]++;
        causes[rows[i].cause]++;
    }
    assert_int_equal(kinds[CODE_FAILURE], 2383);
    assert_int_equal(kinds[CODE_TRANSIENT], 44);
    assert_int_equal(kinds[CODE_SUCCESS], 29);
    assert_memory_equal(causes, expected_causes, sizeof causes);
}

static void rows_carry_all_columns(void **state)
{
    (void)state;
    const struct code_info *row = code_find(0x80070002);
    assert_string_equal(row->symbol, "ERROR_FILE_NOT_FOUND");
    assert_int_equal(row->kind, CODE_FAILURE);
    assert_int_equal(row->cause, CODE_CAUSE_CACHE_CORRUPT);
    assert_string_equal(row->ladder, "time_resync;cache_reset;troubleshooter;allow_os_upgrade;driver_update;"
                                     "component_store_repair;system_file_check");
    assert_string_equal(row->hint, "");
    assert_string_equal(code_find(0x80070643)->hint, "decide by KB: WinRE partition, .NET, Defender");
    assert_string_equal(code_find(0xC1800118)->symbol, "(WSUS, name not verified)");
    assert_int_equal(code_find(0xC1800118)->cause, CODE_CAUSE_WSUS);
    assert_int_equal(code_find(0x80070BC2)->kind, CODE_SUCCESS);
    assert_int_equal(code_find(0x8024000B)->kind, CODE_TRANSIENT);
}

static void does_not_find_codes_beside_rows(void **state)
{
    (void)state;
    static const uint32_t codes[] = {1,          0x80060004, 0x80888002, 0x8024FFFE,
                                     0xD0000033, 0xD0000035, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        assert_null(code_find(codes[i]));
}

static void names_kinds_and_causes(void **state)
{
    (void)state;
    assert_string_equal(code_kind_name(CODE_FAILURE), "failure");
    assert_string_equal(code_kind_name(CODE_TRANSIENT), "transient");
    assert_string_equal(code_kind_name(CODE_SUCCESS), "success");
    assert_string_equal(code_cause_name(CODE_CAUSE_UNKNOWN), "unknown");
    assert_string_equal(code_cause_name(CODE_CAUSE_CACHE_CORRUPT), "cache_corrupt");
    assert_string_equal(code_cause_name(CODE_CAUSE_DISK_SPACE), "disk_space");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_spelling),
        cmocka_unit_test(reads_the_borders),
        cmocka_unit_test(refuses_other_text_and_names_the_spellings),
        cmocka_unit_test(refuses_a_nul_and_shows_no_control_characters),
        cmocka_unit_test(keeps_the_error_short_for_long_input),
        cmocka_unit_test(reads_fields_with_lost_zeros),
        cmocka_unit_test(prints_eight_upper_case_digits),
        cmocka_unit_test(reads_back_what_it_prints),
        cmocka_unit_test(table_is_ordered_unique_and_complete),
        cmocka_unit_test(table_keeps_its_totals),
        cmocka_unit_test(rows_carry_all_columns),
        cmocka_unit_test(does_not_find_codes_beside_rows),
        cmocka_unit_test(names_kinds_and_causes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
