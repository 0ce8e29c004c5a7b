#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "err.h"
#include "log.h"
#include "mem.h"
#include "text.h"
#include "times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- err ---- */

static void err_set_is_false_and_keeps_kind_and_text(void **state)
{
    (void)state;
    struct err e = {0};
    assert_false(err_set(&e, ERR_LIMIT, "%d apples", 3));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_string_equal(e.text, "3 apples");
    assert_false(err_set(NULL, ERR_LIMIT, "nobody listens"));
    assert_false(err_wrap(NULL, "nobody listens"));
    err_clear(&e);
    err_clear(NULL);
    assert_int_equal(e.kind, ERR_NONE);
    assert_string_equal(e.text, "");
}

static void err_wrap_puts_context_in_front(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, ERR_IO, "disk full");
    assert_false(err_wrap(&e, "file %s", "a.txt"));
    assert_int_equal(e.kind, ERR_IO);
    assert_string_equal(e.text, "file a.txt: disk full");
}

static void a_long_error_is_cut_between_characters(void **state)
{
    (void)state;
    char text[ERR_TEXT_MAX + 10];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        size_t n = shift;
        for (; n + 3 < sizeof text; n += 3)
            memcpy(text + n, "\xE2\x82\xAC", 3); /* the euro sign */
        text[n] = '\0';
        struct err e = {0};
        err_set(&e, ERR_IO, "%s", text);
        assert_true(strlen(e.text) >= ERR_TEXT_MAX - 4);
        assert_int_equal(utf8_valid_prefix(slice_of(e.text)), strlen(e.text));
        err_wrap(&e, "x");
        assert_int_equal(strncmp(e.text, "x: ", 3), 0);
        assert_int_equal(utf8_valid_prefix(slice_of(e.text)), strlen(e.text));
        err_wrap(&e, "%s", text);
        assert_int_equal(utf8_valid_prefix(slice_of(e.text)), strlen(e.text));
    }
}

static void a_context_that_fills_the_text_is_kept_whole(void **state)
{
    (void)state;
    for (int width = ERR_TEXT_MAX - 6; width < ERR_TEXT_MAX + 3; width++) {
        struct err e = {0};
        err_set(&e, ERR_IO, "why");
        err_wrap(&e, "%0*d", width, 7);
        assert_true(strlen(e.text) < ERR_TEXT_MAX);
        assert_true(strlen(e.text) >= (size_t)ERR_TEXT_MAX - 6);
        assert_int_equal(e.text[0], '0');
    }
}

static void an_error_may_quote_itself(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, ERR_IO, "inner");
    err_set(&e, ERR_DENIED, "outer (%s)", e.text);
    assert_int_equal(e.kind, ERR_DENIED);
    assert_string_equal(e.text, "outer (inner)");
}

static void an_error_is_never_without_words(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, ERR_TIMEOUT, "%s", "");
    assert_string_equal(e.text, "timeout");
}

static void every_kind_has_its_own_word(void **state)
{
    (void)state;
    for (int a = ERR_NONE; a <= ERR_INTERNAL; a++) {
        assert_non_null(err_kind_name((enum err_kind)a));
        for (int b = ERR_NONE; b < a; b++)
            assert_string_not_equal(err_kind_name((enum err_kind)a), err_kind_name((enum err_kind)b));
    }
}

/* ---- buf ---- */

static void buf_holds_what_was_appended(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_slice(&b).n, 0);
    assert_true(buf_append(&b, NULL, 0));
    assert_true(buf_puts(&b, "one"));
    assert_true(buf_putc(&b, ' '));
    assert_true(buf_append_slice(&b, slice_of("two")));
    assert_true(buf_printf(&b, " %d", 3));
    assert_true(buf_append(&b, "\0z", 2));
    assert_int_equal(b.n, 11);
    assert_memory_equal(b.p, "one two 3\0z", 12);
    buf_free(&b);
    assert_int_equal(b.max, 1000);
    assert_true(buf_puts(&b, "again"));
    buf_free(&b);
}

static void buf_takes_exactly_its_maximum(void **state)
{
    (void)state;
    struct err e = {0};
    struct buf b;
    buf_init(&b, 5);
    assert_true(buf_puts(&b, "12345"));
    assert_true(buf_check(&b, "list", &e));
    assert_false(buf_putc(&b, '6'));
    assert_string_equal(buf_text(&b), "12345");
    assert_false(buf_check(&b, "list", &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_string_equal(e.text, "list: larger than the limit of 5 bytes");
    buf_free(&b);
}

static void a_full_buf_stays_as_it_was_until_cleared(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    assert_true(buf_puts(&b, "123"));
    assert_false(buf_printf(&b, "%s", "456"));
    assert_false(buf_putc(&b, '4')); /* it would fit, but what came before it is missing */
    assert_string_equal(buf_text(&b), "123");
    buf_clear(&b);
    assert_string_equal(buf_text(&b), "");
    assert_true(buf_puts(&b, "54321"));
    buf_free(&b);
}

static void buf_drops_from_the_front(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_drop(&b, 3);
    buf_puts(&b, "abcdef");
    buf_drop(&b, 2);
    assert_string_equal(buf_text(&b), "cdef");
    buf_drop(&b, 99);
    assert_string_equal(buf_text(&b), "");
    assert_true(buf_puts(&b, "0123456789"));
    buf_free(&b);
}

static void taken_memory_is_the_callers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    char *empty = buf_take(&b);
    assert_string_equal(empty, "");
    mem_free(empty);
    buf_puts(&b, "mine");
    char *taken = buf_take(&b);
    assert_int_equal(b.n, 0);
    buf_puts(&b, "next");
    assert_string_equal(taken, "mine");
    assert_string_equal(buf_text(&b), "next");
    mem_free(taken);
    buf_free(&b);
}

/* ---- arena ---- */

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 16, 3999, 4000, 4001, 0, 20000, 33, 1};
    struct arena a = {0};
    unsigned char *parts[COUNT(sizes)];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        parts[i] = arena_alloc(&a, sizes[i]);
        assert_int_equal((uintptr_t)parts[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(parts[i][k], 0);
        memset(parts[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(parts[i][k], i + 1);
    arena_free(&a);
    assert_null(a.head);
    arena_free(&a);
}

static void arena_texts_end_in_nul(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_string_equal(arena_strdup(&a, "copy"), "copy");
    assert_string_equal(arena_strndup(&a, "copy", 2), "co");
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 5), "x-5");
    char *longer = arena_printf(&a, "%05000d", 1);
    assert_int_equal(strlen(longer), 5000);
    arena_free(&a);
}

/* ---- times ---- */

static const struct {
    int64_t ms;
    const char *text;
} points[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {951868799999, "2000-02-29T23:59:59.999Z"},
    {951868800000, "2000-03-01T00:00:00.000Z"},
    {1769846400123, "2026-01-31T08:00:00.123Z"},
    {4107542399000, "2100-02-28T23:59:59.000Z"}, /* 2100 is no leap year */
    {4107542400000, "2100-03-01T00:00:00.000Z"},
    {-11644473600000, "1601-01-01T00:00:00.000Z"}, /* where Windows counts from */
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {-62135596800000, "0001-01-01T00:00:00.000Z"},
};

static void points_in_time_print_and_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(points); i++) {
        char text[TIME_TEXT_MAX];
        int64_t back = 42;
        time_print(points[i].ms, text);
        assert_string_equal(text, points[i].text);
        assert_true(time_parse(slice_of(text), &back));
        assert_int_equal(back, points[i].ms);
    }
}

static void every_number_prints_within_the_room(void **state)
{
    (void)state;
    static const int64_t far[] = {INT64_MIN, INT64_MIN + 1, -999999999999999, 999999999999999, INT64_MAX};
    for (size_t i = 0; i < COUNT(far); i++) {
        char text[TIME_TEXT_MAX];
        time_print(far[i], text);
        assert_int_equal(text[strlen(text) - 1], 'Z');
    }
}

static void a_fraction_is_optional_when_parsing(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_true(time_parse(slice_of("2026-01-31T08:00:00Z"), &ms));
    assert_int_equal(ms, 1769846400000);
}

static void what_time_print_never_writes_is_no_time(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "Z", "2026-01-31", "2026-01-31T08:00:00", "2026-01-31T08:00:00.123", "2026-01-31 08:00:00Z",
        "2026-01-31T08:00:00.12Z", "2026-01-31T08:00:00.1234Z", "2026-01-31T08:00:00.Z", "2026-01-31T08:00:00+01:00",
        "2026-1-31T08:00:00Z", "2026-01-31T8:00:00Z", "+026-01-31T08:00:00Z", " 2026-01-31T08:00:00Z",
        "2026-01-31T08:00: 1Z", "2026-01-31T08:00:00. 12Z", "2026-01-31T08:00:00.+12Z", "2026-01-31T08:00:00.-12Z",
        "2026-02-29T08:00:00Z", "2026-13-01T08:00:00Z", "2026-00-01T08:00:00Z", "2026-01-32T08:00:00Z",
        "2026-01-00T08:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T08:60:00Z", "2026-01-31T08:00:61Z",
        "0000-01-01T00:00:00Z", "2026-01-31T08:00:00ZZ", "2026-01-31T08:00:00Z ", "26-01-31T08:00:00Z",
    };
    int64_t ms = 42;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (time_parse(slice_of(texts[i]), &ms))
            fail_msg("\"%s\" was read as a time", texts[i]);
    assert_false(time_parse((struct slice){0}, &ms));
    assert_false(time_parse(slice_make("2026-01-31T08:00:00Z\0", 21), &ms));
    assert_int_equal(ms, 42);
}

static void civil_fields_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        int f[7];
        bool ok;
    } cases[] = {
        {{2024, 2, 29, 0, 0, 0, 0}, true},      {{2023, 2, 29, 0, 0, 0, 0}, false},
        {{1900, 2, 29, 0, 0, 0, 0}, false},     {{2000, 2, 29, 0, 0, 0, 0}, true},
        {{2023, 4, 31, 0, 0, 0, 0}, false},     {{2023, 12, 31, 23, 59, 60, 999}, true},
        {{2023, 12, 31, 23, 59, 61, 0}, false}, {{2023, 1, 1, 0, 0, 0, 1000}, false},
        {{2023, 1, 1, -1, 0, 0, 0}, false},     {{2023, 1, 1, 0, -1, 0, 0}, false},
        {{2023, 0, 1, 0, 0, 0, 0}, false},      {{2023, 13, 1, 0, 0, 0, 0}, false},
        {{2023, -2147483647, 1, 0, 0, 0, 0}, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const int *f = cases[i].f;
        int64_t ms;
        if (time_from_civil(f[0], f[1], f[2], f[3], f[4], f[5], f[6], &ms) != cases[i].ok)
            fail_msg("case %zu: %d-%d-%d", i, f[0], f[1], f[2]);
    }
}

static void every_day_of_four_centuries_follows_the_last(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected = 0, ms = 0;
    assert_true(time_from_civil(1800, 1, 1, 0, 0, 0, 0, &expected));
    for (int y = 1800; y < 2200; y++)
        for (int m = 1; m <= 12; m++) {
            bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
            for (int d = 1; d <= lengths[m - 1] + (m == 2 && leap); d++, expected += 86400000) {
                char text[TIME_TEXT_MAX], wanted[TIME_TEXT_MAX];
                assert_true(time_from_civil(y, m, d, 0, 0, 0, 0, &ms));
                assert_true(ms == expected);
                time_print(ms, text);
                snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT", y, m, d);
                assert_int_equal(strncmp(text, wanted, 11), 0);
            }
        }
}

/* ---- base64 ---- */

static void base64_meets_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},
                                           {"foo", "Zm9v"},  {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        buf_clear(&b);
        assert_true(base64_encode(slice_of(pairs[i][0]), &b));
        assert_string_equal(buf_text(&b), pairs[i][1]);
        buf_clear(&b);
        assert_true(base64_decode(slice_of(pairs[i][1]), &b, NULL));
        assert_string_equal(buf_text(&b), pairs[i][0]);
    }
    buf_free(&b);
}

static void every_byte_survives_base64(void **state)
{
    (void)state;
    unsigned char all[256];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (unsigned char)i;
    struct buf text, back;
    buf_init(&text, 1000);
    buf_init(&back, 1000);
    for (size_t n = 0; n <= sizeof all; n++) {
        buf_clear(&text);
        buf_clear(&back);
        assert_true(base64_encode(slice_make(all + sizeof all - n, n), &text));
        assert_true(base64_decode(buf_slice(&text), &back, NULL));
        assert_true(slice_eq(buf_slice(&back), slice_make(all + sizeof all - n, n)));
    }
    buf_free(&text);
    buf_free(&back);
}

static void base64_refuses_all_but_one_spelling(void **state)
{
    (void)state;
    static const char *const texts[] = {"Z",        "Zg",       "Zg=",      "Zg===",     "Zh==",  "Zi==", "Zk==", "Zo==", "Zm9=", "Zm+=", "Zm8=Zm8=",
                                        "====",     "Z===",     "=Zg=",     "Zm9v\n",    "Zm 9",  "Zm9-", "Zm9_",
                                        "Zg==Zm9v", "Zm9v====", "Z=g=",     "\xC3\xA4==", "Zm9v Zm9v"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct buf b;
        buf_init(&b, 100);
        struct err e = {0};
        if (base64_decode(slice_of(texts[i]), &b, &e))
            fail_msg("\"%s\" was accepted", texts[i]);
        assert_int_equal(e.kind, ERR_INVALID);
        buf_free(&b);
    }
    struct buf b;
    buf_init(&b, 100);
    assert_false(base64_decode(slice_make("Zm\0v", 4), &b, NULL));
    buf_free(&b);
}

static void base64_keeps_the_maximum_of_its_buf(void **state)
{
    (void)state;
    struct err e = {0};
    struct buf b;
    buf_init(&b, 5);
    assert_false(base64_encode(slice_of("foob"), &b));
    buf_clear(&b);
    assert_false(base64_decode(slice_of("Zm9vYmFy"), &b, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_free(&b);
}

/* ---- hex ---- */

static void every_byte_survives_hex(void **state)
{
    (void)state;
    unsigned char all[256], back[256];
    char text[513];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (unsigned char)i;
    hex_encode(all, sizeof all, text);
    assert_int_equal(strlen(text), 512);
    assert_int_equal(strspn(text, "0123456789abcdef"), 512);
    assert_true(hex_decode(slice_of(text), back, sizeof back));
    assert_memory_equal(all, back, sizeof all);
    assert_true(hex_decode(slice_of("aBCdeF"), back, 3));
    assert_memory_equal(back, "\xAB\xCD\xEF", 3);
    hex_encode(all, 0, text);
    assert_string_equal(text, "");
}

static void hex_takes_exactly_its_digits(void **state)
{
    (void)state;
    unsigned char out[4];
    static const char *const texts[] = {"0", "000", "00000", "0g00", "0x00", " 000", "-001", "@000", "`000", "00\xC3\xA4"};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_false(hex_decode(slice_of(texts[i]), out, 2));
}

/* ---- UTF-8 ---- */

static void utf8_ranges_are_those_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t prefix; /* bytes of it that are valid */
    } cases[] = {
        {"", 0},
        {"plain", 5},
        {"\x7F", 1},
        {"a\x80", 1},                         /* continuation alone */
        {"\xC2\x80", 2},                      /* U+0080 */
        {"\xC0\x80", 0}, {"\xC1\xBF", 0},     /* overlong */
        {"\xDF\xBF", 2},
        {"\xE0\xA0\x80", 3}, {"\xE0\x9F\xBF", 0},
        {"\xED\x9F\xBF", 3}, {"\xED\xA0\x80", 0}, {"\xED\xBF\xBF", 0}, /* surrogates */
        {"\xEE\x80\x80", 3}, {"\xEF\xBF\xBF", 3},
        {"\xF0\x90\x80\x80", 4}, {"\xF0\x8F\xBF\xBF", 0},
        {"\xF4\x8F\xBF\xBF", 4}, {"\xF4\x90\x80\x80", 0}, /* U+10FFFF and beyond */
        {"\xF5\x80\x80\x80", 0}, {"\xFF", 0}, {"\xFE", 0},
        {"ok\xE2\x82", 2},                    /* cut */
        {"ok\xE2\x28\xA1", 2}, {"ok\xE2\x82\x28", 2}, {"\xF0\x90\x28\x80", 0},
        {"\xE2\x82\xAC!", 4},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (utf8_valid_prefix(slice_of(cases[i].text)) != cases[i].prefix)
            fail_msg("case %zu: %zu bytes", i, utf8_valid_prefix(slice_of(cases[i].text)));
    assert_int_equal(utf8_valid_prefix((struct slice){0}), 0);
    /* Not one byte beyond the slice decides. */
    assert_int_equal(utf8_valid_prefix(slice_make("\xE2\x82\xAC", 2)), 0);
}

static void clean_text_has_no_control_characters(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"a\tb", "a\tb"},
        {"a\nb\x7F", "a\xEF\xBF\xBD" "b\xEF\xBF\xBD"},
        {"\x1B[31m", "\xEF\xBF\xBD[31m"},
        {"\xE2\x82\xAC", "\xE2\x82\xAC"},
        {"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"x\xFFy", "x\xEF\xBF\xBDy"},
        {"\xC2\x9B" "31m", "\xEF\xBF\xBD" "31m"}, /* U+009B does what ESC [ does */
        {"\xC2\xA0", "\xC2\xA0"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b;
        buf_init(&b, 100);
        utf8_append_clean(&b, slice_of(cases[i].in), 100);
        assert_string_equal(buf_text(&b), cases[i].out);
        buf_free(&b);
    }
}

static void clean_text_is_cut_between_characters(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    utf8_append_clean(&b, slice_of("ab\xE2\x82\xAC" "cd"), 4);
    assert_string_equal(buf_text(&b), "ab");
    utf8_append_clean(&b, slice_of("ab\xE2\x82\xAC" "cd"), 5);
    assert_string_equal(buf_text(&b), "abab\xE2\x82\xAC");
    utf8_append_clean(&b, slice_of("x"), 0);
    assert_int_equal(b.n, 7);
    assert_true(buf_check(&b, "text", NULL));
    buf_free(&b);
}

/* ---- clock and log ---- */

static void a_fake_clock_moves_by_hand_alone(void **state)
{
    (void)state;
    struct clock_fake f;
    clock_fake_init(&f, 1000, 50);
    assert_int_equal(clock_wall_ms(&f.clock), 1000);
    assert_int_equal(clock_ticks_ms(&f.clock), 50);
    clock_fake_advance(&f, 7);
    assert_int_equal(clock_wall_ms(&f.clock), 1007);
    assert_int_equal(clock_ticks_ms(&f.clock), 57);
    f.wall -= 500; /* the wall jumps, ticks do not */
    assert_int_equal(clock_wall_ms(&f.clock), 507);
    assert_int_equal(clock_ticks_ms(&f.clock), 57);
}

static void the_real_clock_counts_milliseconds_of_this_era(void **state)
{
    (void)state;
    int64_t first = clock_ticks_ms(&clock_system);
    assert_true(first >= 0);
    assert_true(clock_ticks_ms(&clock_system) >= first);
    assert_true(clock_wall_ms(&clock_system) > INT64_C(1577836800000));  /* 2020 */
    assert_true(clock_wall_ms(&clock_system) < INT64_C(32503680000000)); /* 3000 */
}

struct seen {
    enum log_level level;
    int lines;
    char line[4000];
};

static void remember(void *ctx, enum log_level level, const char *line)
{
    struct seen *s = ctx;
    s->level = level;
    s->lines++;
    snprintf(s->line, sizeof s->line, "%s", line);
}

static void a_value_cannot_forge_a_log_line(void **state)
{
    (void)state;
    struct seen s = {0};
    log_to(remember, &s);
    log_warn("job.refused host=%s", "a\nerror forged\r\x1B[2K\x7F\xC2\x9B" "2K\xE2\x82\xAC");
    log_to(NULL, NULL);
    assert_int_equal(s.lines, 1);
    assert_int_equal(s.level, LOG_WARN);
    assert_string_equal(s.line, "job.refused host=a?error forged??[2K???2K\xE2\x82\xAC");
}

static void levels_beyond_the_limit_are_not_written(void **state)
{
    (void)state;
    struct seen s = {0};
    log_to(remember, &s);
    log_debug("not.seen");
    assert_int_equal(s.lines, 0);
    log_set_level(LOG_DEBUG);
    log_debug("seen");
    assert_int_equal(s.lines, 1);
    log_set_level(LOG_ERROR);
    log_warn("not.seen");
    assert_int_equal(s.lines, 1);
    log_error("seen");
    assert_int_equal(s.lines, 2);
    log_set_level(LOG_INFO);
    log_to(NULL, NULL);
}

static void a_long_log_line_is_cut_between_characters(void **state)
{
    (void)state;
    struct seen s = {0};
    char text[3001];
    for (size_t i = 0; i < 3000; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 3);
    text[3000] = '\0';
    log_to(remember, &s);
    for (int shift = 0; shift < 3; shift++) {
        log_info("%.*s%s", shift, "ab", text);
        assert_in_range(strlen(s.line), 1990, 2000);
        assert_int_equal(utf8_valid_prefix(slice_of(s.line)), strlen(s.line));
    }
    log_to(NULL, NULL);
}

/* ---- mem ---- */

static void memory_is_given_whole(void **state)
{
    (void)state;
    unsigned char *p = mem_zalloc(100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    memset(p, 7, 100);
    p = mem_resize(p, 20, 10);
    assert_int_equal(p[99], 7);
    mem_wipe(p, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    mem_free(p);
    mem_free(NULL);
    char *copy = mem_strndup("abcdef", 3);
    assert_string_equal(copy, "abc");
    mem_free(copy);
    void *nothing = mem_alloc(0);
    assert_non_null(nothing);
    mem_free(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_set_is_false_and_keeps_kind_and_text),
        cmocka_unit_test(err_wrap_puts_context_in_front),
        cmocka_unit_test(a_long_error_is_cut_between_characters),
        cmocka_unit_test(a_context_that_fills_the_text_is_kept_whole),
        cmocka_unit_test(an_error_may_quote_itself),
        cmocka_unit_test(an_error_is_never_without_words),
        cmocka_unit_test(every_kind_has_its_own_word),
        cmocka_unit_test(buf_holds_what_was_appended),
        cmocka_unit_test(buf_takes_exactly_its_maximum),
        cmocka_unit_test(a_full_buf_stays_as_it_was_until_cleared),
        cmocka_unit_test(buf_drops_from_the_front),
        cmocka_unit_test(taken_memory_is_the_callers),
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_texts_end_in_nul),
        cmocka_unit_test(points_in_time_print_and_parse),
        cmocka_unit_test(every_number_prints_within_the_room),
        cmocka_unit_test(a_fraction_is_optional_when_parsing),
        cmocka_unit_test(what_time_print_never_writes_is_no_time),
        cmocka_unit_test(civil_fields_out_of_range_are_refused),
        cmocka_unit_test(every_day_of_four_centuries_follows_the_last),
        cmocka_unit_test(base64_meets_the_vectors_of_rfc_4648),
        cmocka_unit_test(every_byte_survives_base64),
        cmocka_unit_test(base64_refuses_all_but_one_spelling),
        cmocka_unit_test(base64_keeps_the_maximum_of_its_buf),
        cmocka_unit_test(every_byte_survives_hex),
        cmocka_unit_test(hex_takes_exactly_its_digits),
        cmocka_unit_test(utf8_ranges_are_those_of_the_standard),
        cmocka_unit_test(clean_text_has_no_control_characters),
        cmocka_unit_test(clean_text_is_cut_between_characters),
        cmocka_unit_test(a_fake_clock_moves_by_hand_alone),
        cmocka_unit_test(the_real_clock_counts_milliseconds_of_this_era),
        cmocka_unit_test(a_value_cannot_forge_a_log_line),
        cmocka_unit_test(levels_beyond_the_limit_are_not_written),
        cmocka_unit_test(a_long_log_line_is_cut_between_characters),
        cmocka_unit_test(memory_is_given_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
