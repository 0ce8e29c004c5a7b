#include "entity.h"
#include "json_copy.h"
#include "screen_text.h"
#include "show.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct terminal plain = {0}, coloured = {.out = true, .colour = true, .columns = 80};
static struct buf out;
static struct arena arena;

static int fresh(void **state)
{
    (void)state;
    buf_free(&out);
    buf_init(&out, 1 << 20);
    arena_free(&arena);
    return 0;
}

static void three_columns(struct table *t)
{
    table_init(t);
    table_column(t, "NAME", false);
    table_column(t, "N", true);
    table_column(t, "WHY", false);
}

static void add(struct table *t, const char *a, const char *b, const char *c)
{
    struct table_cell row[] = {{a, COLOUR_NONE}, {b, COLOUR_NONE}, {c, COLOUR_BAD}};
    table_add(t, row);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    struct table t;
    three_columns(&t);
    add(&t, "PC-1", "7", "x");
    add(&t, "PC-1000", "12345", "");
    table_print(&t, 0, &plain, &out);
    assert_string_equal(buf_text(&out), "NAME         N  WHY\n"
                                        "PC-1         7  x\n"
                                        "PC-1000  12345\n");
    table_free(&t);
}

static void width_is_counted_in_columns_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(screen_width(slice_of("Zürich")), 6);
    assert_int_equal(screen_width(slice_of("日本")), 4);
    assert_int_equal(screen_width(slice_of("e\xCC\x81")), 1); /* e and a combining accent */
    struct table t;
    three_columns(&t);
    add(&t, "Zürich", "1", "a");
    add(&t, "日本", "1", "b");
    table_print(&t, 0, &plain, &out);
    assert_string_equal(buf_text(&out), "NAME    N  WHY\n"
                                        "Zürich  1  a\n"
                                        "日本    1  b\n");
    table_free(&t);
}

static void only_the_widest_column_is_cut_to_fit(void **state)
{
    (void)state;
    struct table t;
    three_columns(&t);
    add(&t, "PC-1", "7", "waits because a restart is pending");
    table_print(&t, 30, &plain, &out);
    assert_string_equal(buf_text(&out), "NAME  N  WHY\n"
                                        "PC-1  7  waits because a rest\xE2\x80\xA6\n");
    for (const char *line = buf_text(&out); *line; line = strchr(line, '\n') + 1)
        assert_true(screen_width(slice_make(line, strcspn(line, "\n"))) <= 30);
    table_free(&t);
}

static void a_wide_character_is_not_cut_in_half(void **state)
{
    (void)state;
    struct table t;
    table_init(&t);
    table_column(&t, "X", false);
    table_add(&t, &(struct table_cell){"日本日本日本", COLOUR_NONE});
    table_print(&t, 8, &plain, &out);
    assert_string_equal(buf_text(&out), "X\n日本日\xE2\x80\xA6\n");
    table_free(&t);
}

static void nothing_is_cut_when_piped(void **state)
{
    (void)state;
    struct table t;
    char longest[501];
    memset(longest, 'a', 500);
    longest[500] = '\0';
    three_columns(&t);
    add(&t, longest, "1", longest);
    table_print(&t, 0, &plain, &out);
    assert_true(out.n > 1000);
    assert_null(strstr(buf_text(&out), "\xE2\x80\xA6"));
    table_free(&t);
}

static void colours_are_for_terminals_and_take_no_room(void **state)
{
    (void)state;
    struct table t;
    three_columns(&t);
    add(&t, "PC-1", "7", "failing");
    table_print(&t, 80, &coloured, &out);
    assert_non_null(strstr(buf_text(&out), "\033[31mfailing\033[0m"));
    buf_clear(&out);
    table_print(&t, 80, &plain, &out);
    assert_null(strchr(buf_text(&out), '\033'));
    table_free(&t);
}

static void what_a_terminal_might_obey_becomes_a_question_mark(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"a\033[31mb", "a?[31mb"},
        {"a\rb\nc\td", "a?b?c?d"},
        {"\xC2\x9B"
         "31m",
         "?31m"}, /* CSI as one character of the second control range */
        {"a\x7F", "a?"},
        {"x\xFFy", "x?y"}, /* not UTF-8 */
        {"\xE2\x80\xAE"
         "exe",
         "?exe"}, /* right-to-left override */
        {"Zürich 日本", "Zürich 日本"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_clear(&out);
        screen_clean(&out, slice_of(rows[i].text), false);
        assert_string_equal(buf_text(&out), rows[i].shown);
    }
    buf_clear(&out);
    screen_clean(&out, slice_of("a\n\tb\r"), true);
    assert_string_equal(buf_text(&out), "a\n\tb?");
}

static void json_keeps_its_value_and_loses_its_teeth(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    json_print(f, slice_of("{\"a\":\"x\x7F\xC2\x9B\xC3\xBC\"}"));
    rewind(f);
    char text[100] = "";
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_string_equal(text, "{\"a\":\"x\\u007f\\u009b\xC3\xBC\"}\n");
}

static void csv_is_quoted_and_can_not_calculate(void **state)
{
    (void)state;
    const char *cells[] = {"plain", "a,b", "say \"hi\"", "two\nlines", "=1+1",  "+1",
                           "-1",    "@x",  "",           "x=1",        "=\"a\""};
    csv_record(cells, sizeof cells / sizeof *cells, &out);
    assert_string_equal(buf_text(&out),
                        "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",'=1+1,'+1,'-1,'@x,,x=1,"
                        "\"'=\"\"a\"\"\"\r\n");
}

static void csv_cells_hold_no_control_characters(void **state)
{
    (void)state;
    const char *cells[] = {"\033=x", "a\rb"};
    csv_record(cells, 2, &out);
    assert_string_equal(buf_text(&out), "?=x,a?b\r\n");
}

static void ages_are_one_number_and_one_unit(void **state)
{
    (void)state;
    int64_t now = INT64_C(1769846400000);
    static const struct {
        int64_t age_s;
        const char *text;
    } rows[] = {{0, "0 s ago"},    {59, "59 s ago"},    {60, "1 m ago"},    {200, "3 m ago"},
                {3600, "1 h ago"}, {86399, "23 h ago"}, {86400, "1 d ago"}, {864000, "10 d ago"},
                {-3600, "in 1 h"}, {-259200, "in 3 d"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(show_age(now - rows[i].age_s * 1000, now, &arena), rows[i].text);
    assert_string_equal(show_age(0, now, &arena), "");
    assert_string_equal(show_span(200000, &arena), "3 m 20 s");
    assert_string_equal(show_span(850, &arena), "850 ms");
}

static void values_are_shown_by_their_kind(void **state)
{
    (void)state;
    const char *text =
        "{\"t\":1769846400000,\"l\":[\"a\",\"b\"],\"f\":true,\"n\":12,\"s\":\"a\\u001bb\",\"z\":null}";
    struct json *j = json_parse(slice_of(text), NULL);
    assert_non_null(j);
    const struct json *t = json_get(j, "t");
    assert_string_equal(show_value(t, SHOW_TIME, 0, &arena), "2026-01-31 08:00");
    assert_string_equal(show_exact(t, SHOW_AGE, &arena), "2026-01-31T08:00:00.000Z");
    assert_string_equal(show_value(t, SHOW_AGE, INT64_C(1769846460000), &arena), "1 m ago");
    assert_string_equal(show_value(json_get(j, "l"), SHOW_LIST, 0, &arena), "a,b");
    assert_string_equal(show_value(json_get(j, "f"), SHOW_FLAG, 0, &arena), "yes");
    assert_string_equal(show_value(json_get(j, "n"), SHOW_NUMBER, 0, &arena), "12");
    assert_string_equal(show_value(json_get(j, "s"), SHOW_TEXT, 0, &arena), "a?b");
    assert_string_equal(show_value(json_get(j, "z"), SHOW_TEXT, 0, &arena), "");
    assert_string_equal(show_value(NULL, SHOW_AGE, 0, &arena), "");
    json_free(j);
}

static void every_list_has_columns_and_names(void **state)
{
    (void)state;
    static const char *const names[] = {"machines", "failures", "jobs",  "rollouts", "codes",
                                        "repairs",  "tokens",   "users", "audit"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct entity *e = entity_find(names[i]);
        assert_non_null(e);
        size_t n = 0;
        bool has_name = false;
        for (; e->columns[n].heading; n++)
            has_name = has_name || strcmp(e->columns[n].key, e->name_key) == 0;
        assert_true(has_name);
        assert_true(n <= TABLE_COLUMNS_MAX);
        assert_false(e->columns[0].wide);
    }
    assert_null(entity_find("planets"));
}

static int forget(void **state)
{
    (void)state;
    buf_free(&out);
    arena_free(&arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(columns_are_as_wide_as_their_widest_cell),
        TEST(width_is_counted_in_columns_not_bytes),
        TEST(only_the_widest_column_is_cut_to_fit),
        TEST(a_wide_character_is_not_cut_in_half),
        TEST(nothing_is_cut_when_piped),
        TEST(colours_are_for_terminals_and_take_no_room),
        TEST(what_a_terminal_might_obey_becomes_a_question_mark),
        TEST(json_keeps_its_value_and_loses_its_teeth),
        TEST(csv_is_quoted_and_can_not_calculate),
        TEST(csv_cells_hold_no_control_characters),
        TEST(ages_are_one_number_and_one_unit),
        TEST(values_are_shown_by_their_kind),
        TEST(every_list_has_columns_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
