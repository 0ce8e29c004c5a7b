/* What the product says and would do about a code: ladders, words, ranges, the page of `fleetmend explain`.
 */
#include "code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static bool word_is_repair(struct slice word)
{
    static const char *const repairs[] = {
        "time_resync",
        "troubleshooter",
        "troubleshooter_pack",
        "wu_services_reset",
        "cache_reset",
        "catroot2_reset",
        "component_store_repair",
        "install_package",
        "in_place_repair",
        "system_file_check",
        "proxy_reset",
        "winsock_reset",
        "free_disk_space",
        "allow_os_upgrade",
        "driver_update",
        "policy_reset",
        "reboot",
        "update_scan",
        "update_retry",
        "collect_logs",
    };
    for (size_t i = 0; i < sizeof repairs / sizeof repairs[0]; i++)
        if (slice_eqz(word, repairs[i]))
            return true;
    return false;
}

static void assert_ladder(uint32_t code, const char *ladder)
{
    while (*ladder) {
        size_t n = strcspn(ladder, ";");
        struct slice word = slice_make(ladder, n);
        if (!word_is_repair(word))
            fail_msg("0x%08X: '%.*s' is no repair", code, SLICE_ARG(word));
        if (slice_eqz(word, "proxy_reset") || slice_eqz(word, "winsock_reset") ||
            slice_eqz(word, "policy_reset"))
            fail_msg("0x%08X: '%.*s' must stand in no ladder", code, SLICE_ARG(word));
        ladder += n;
        if (*ladder && !*++ladder)
            fail_msg("0x%08X: the ladder ends with ';'", code);
    }
}

/* Passing conditions and successes are not repaired; what lies outside the machine is only diagnosed. */
static void assert_ladder_suits(const struct code_info *info)
{
    assert_ladder(info->code, info->ladder);
    if (info->kind != CODE_FAILURE && *info->ladder)
        fail_msg("0x%08X is no failure and has the ladder %s", info->code, info->ladder);
    bool outside = info->cause == CODE_CAUSE_NETWORK || info->cause == CODE_CAUSE_WSUS ||
                   info->cause == CODE_CAUSE_PROXY || info->cause == CODE_CAUSE_POLICY;
    if (outside && info->kind == CODE_FAILURE && strcmp(info->ladder, "troubleshooter") != 0)
        fail_msg("0x%08X: cause %s and the ladder %s", info->code, code_cause_name(info->cause),
                 info->ladder);
}

static void every_ladder_names_repairs_that_suit_the_cause(void **state)
{
    (void)state;
    size_t count;
    const struct code_info *rows = code_table(&count);
    for (size_t i = 0; i < count; i++)
        assert_ladder_suits(&rows[i]);
}

static void assert_sentence(uint32_t code, const char *text)
{
    size_t n = strlen(text);
    if (n < 30 || n > 200 || text[n - 1] != '.' || strstr(text, ". ") || strstr(text, "  "))
        fail_msg("0x%08X: not one sentence of 30 to 200 characters: %s", code, text);
}

static void common_codes_have_words_of_their_own(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *text;
    } words[] = {
#define WORDS(code, text) {code, text},
#include "code_words.inc"
#undef WORDS
    };
    size_t count = sizeof words / sizeof words[0], failures = 0;
    for (size_t i = 0; i < count; i++) {
        const struct code_info *row = code_find(words[i].code);
        if (!row)
            fail_msg("0x%08X has words but no row", words[i].code);
        if (i && words[i - 1].code >= words[i].code)
            fail_msg("0x%08X stands behind 0x%08X", words[i].code, words[i - 1].code);
        assert_sentence(words[i].code, words[i].text);
        assert_string_equal(code_text(words[i].code), words[i].text);
        failures += row->kind == CODE_FAILURE;
    }
    assert_true(count >= 150);
    assert_true(failures >= 150);
}

/* A range's sentence speaks of an error; for what is none, that would be wrong. */
static void what_is_no_failure_has_words_of_its_own(void **state)
{
    (void)state;
    size_t count;
    const struct code_info *rows = code_table(&count);
    static const uint32_t words[] = {
#define WORDS(code, text) code,
#include "code_words.inc"
#undef WORDS
    };
    for (size_t i = 0; i < count; i++) {
        bool found = rows[i].kind == CODE_FAILURE;
        for (size_t k = 0; k < sizeof words / sizeof words[0] && !found; k++)
            found = words[k] == rows[i].code;
        if (!found)
            fail_msg("0x%08X (%s) has no words", rows[i].code, rows[i].symbol);
    }
}

/* One code that is not in the table, per range. */
static const struct {
    uint32_t code;
    enum code_kind kind;
    enum code_cause cause;
    const char *ladder, *says;
} range_cases[] = {
    {0x00000490, CODE_SUCCESS, CODE_CAUSE_UNKNOWN, "", "Win32"},
    {0x000F0899, CODE_SUCCESS, CODE_CAUSE_UNKNOWN, "", "servicing"},
    {0x00200099, CODE_SUCCESS, CODE_CAUSE_UNKNOWN, "", "BITS"},
    {0x00240099, CODE_SUCCESS, CODE_CAUSE_UNKNOWN, "", "update agent"},
    {0x7FFFFFFF, CODE_SUCCESS, CODE_CAUSE_UNKNOWN, "", "Not a failure"},
    {0x80240FF0, CODE_FAILURE, CODE_CAUSE_UNKNOWN,
     "troubleshooter;wu_services_reset;cache_reset;component_store_repair;system_file_check", "update agent"},
    {0x8024044F, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "web service"},
    {0x80241FF0, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "component_store_repair;system_file_check", "MSI"},
    {0x80242FF0, CODE_FAILURE, CODE_CAUSE_COMPONENT_STORE,
     "cache_reset;component_store_repair;system_file_check", "installers"},
    {0x80243FF0, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "wu_services_reset", "results"},
    {0x80244FF0, CODE_FAILURE, CODE_CAUSE_WSUS, "troubleshooter", "update server"},
    {0x80245FF0, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "services are"},
    {0x80246FF0, CODE_FAILURE, CODE_CAUSE_CACHE_CORRUPT, "wu_services_reset;cache_reset", "download manager"},
    {0x80247FF0, CODE_FAILURE, CODE_CAUSE_CACHE_CORRUPT, "time_resync;cache_reset", "offline scan"},
    {0x80248FF0, CODE_FAILURE, CODE_CAUSE_CACHE_CORRUPT,
     "wu_services_reset;cache_reset;component_store_repair", "database"},
    {0x80249FF0, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "wu_services_reset", "inventory"},
    {0x8024A105, CODE_FAILURE, CODE_CAUSE_SERVICE, "wu_services_reset;reboot", "utomatic updates"},
    {0x8024BFF0, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "wu_services_reset;reboot", "trust"},
    {0x8024CFF0, CODE_FAILURE, CODE_CAUSE_DRIVER, "driver_update", "driver"},
    {0x8024DFF0, CODE_FAILURE, CODE_CAUSE_SERVICE,
     "wu_services_reset;reboot;component_store_repair;system_file_check", "renewed itself"},
    {0x8024EFF0, CODE_FAILURE, CODE_CAUSE_CACHE_CORRUPT, "cache_reset;component_store_repair", "applies"},
    {0x8024FFF0, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "cache_reset", "reported"},
    {0x80072AF9, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "sockets"},
    {0x80072F9E, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "WinHTTP"},
    {0x8007FFF0, CODE_FAILURE, CODE_CAUSE_UNKNOWN,
     "troubleshooter;wu_services_reset;cache_reset;component_store_repair;system_file_check", "Win32"},
    {0x800F02FF, CODE_FAILURE, CODE_CAUSE_DRIVER, "driver_update;reboot;component_store_repair", "driver"},
    {0x800F08FF, CODE_FAILURE, CODE_CAUSE_COMPONENT_STORE, "component_store_repair;system_file_check;reboot",
     "CBS"},
    {0x800F095F, CODE_FAILURE, CODE_CAUSE_WSUS, "troubleshooter", "update server"},
    {0x800F099F, CODE_FAILURE, CODE_CAUSE_COMPONENT_STORE, "component_store_repair;system_file_check;reboot",
     "differences"},
    {0x800903FF, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "TLS"},
    {0x800901FF, CODE_FAILURE, CODE_CAUSE_COMPONENT_STORE, "catroot2_reset;component_store_repair",
     "cryptographic"},
    {0x800960FF, CODE_FAILURE, CODE_CAUSE_COMPONENT_STORE,
     "time_resync;catroot2_reset;component_store_repair", "signature"},
    {0x800B01FF, CODE_FAILURE, CODE_CAUSE_CLOCK,
     "time_resync;catroot2_reset;cache_reset;component_store_repair", "trust"},
    {0x8013FFFF, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "component_store_repair;reboot", ".NET"},
    {0x801901AD, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "from 400 to 499"},
    {0x80190200, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "from 500 to 599"},
    {0x80190002, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "HTTP status"},
    {0x8020FFFF, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "BITS"},
    {0x803DFFFF, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "web services"},
    {0x80D0FFFF, CODE_FAILURE, CODE_CAUSE_NETWORK, "troubleshooter", "Delivery Optimization"},
    {0xC142FFFF, CODE_FAILURE, CODE_CAUSE_COMPONENT_STORE, "component_store_repair;system_file_check;reboot",
     "WIM"},
    {0xC180FFFF, CODE_FAILURE, CODE_CAUSE_OS_UPGRADE, "cache_reset;reboot;component_store_repair", "upgrade"},
    {0xC190FFFF, CODE_FAILURE, CODE_CAUSE_OS_UPGRADE,
     "cache_reset;component_store_repair;driver_update;reboot", "Windows setup"},
    {0xC0000001, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "component_store_repair;reboot", "NTSTATUS"},
    {0xD0000001, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "troubleshooter", "kernel status"},
    {0x80888002, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "troubleshooter", "not part of"},
    {0xFFFFFFFF, CODE_FAILURE, CODE_CAUSE_UNKNOWN, "troubleshooter", "not part of"},
};

enum { RANGE_CASES = sizeof range_cases / sizeof range_cases[0] };

static void unknown_codes_are_judged_by_their_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < RANGE_CASES; i++) {
        uint32_t code = range_cases[i].code;
        if (code_find(code))
            fail_msg("0x%08X is in the table: choose another code for its range", code);
        struct code_info info = code_lookup(code);
        assert_int_equal(info.code, code);
        assert_string_equal(info.symbol, "");
        assert_string_equal(info.hint, "");
        if (info.kind != range_cases[i].kind || info.cause != range_cases[i].cause ||
            strcmp(info.ladder, range_cases[i].ladder) != 0)
            fail_msg("0x%08X: kind %s, cause %s, ladder '%s'", code, code_kind_name(info.kind),
                     code_cause_name(info.cause), info.ladder);
        assert_ladder_suits(&info);
        if (!strstr(code_text(code), range_cases[i].says))
            fail_msg("0x%08X: '%s' does not say '%s'", code, code_text(code), range_cases[i].says);
    }
}

static void every_code_has_one_sentence_and_a_kind_by_its_top_bit(void **state)
{
    (void)state;
    /* A stride that is odd visits all facilities and low parts: 65,537 codes of the 4 billion. */
    uint32_t code = 0;
    for (size_t i = 0; i < 65537; i++, code += 0x00010FFF) {
        assert_sentence(code, code_text(code));
        struct code_info info = code_lookup(code);
        if (!code_find(code))
            assert_int_equal(info.kind, code_is_failure(code) ? CODE_FAILURE : CODE_SUCCESS);
        assert_ladder_suits(&info);
    }
    size_t count;
    const struct code_info *rows = code_table(&count);
    for (size_t i = 0; i < count; i++)
        assert_sentence(rows[i].code, code_text(rows[i].code));
}

static void table_rows_win_over_ranges(void **state)
{
    (void)state;
    struct code_info info = code_lookup(0x80248000);
    assert_string_equal(info.symbol, "WU_E_DS_SHUTDOWN");
    assert_int_equal(info.cause, CODE_CAUSE_SERVICE);
}

static size_t count_sentences(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += text[0] == '.' && (text[1] == ' ' || !text[1]);
    return n;
}

static void every_cause_is_explained_in_two_or_three_sentences(void **state)
{
    (void)state;
    for (int i = 0; i < CODE_CAUSE_COUNT; i++) {
        const char *text = code_cause_text((enum code_cause)i);
        size_t n = count_sentences(text);
        if (n < 2 || n > 3 || !strstr(text, i == CODE_CAUSE_DISK_SPACE ? "removes" : "Fleetmend"))
            fail_msg("%s: %s", code_cause_name((enum code_cause)i), text);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(text, code_cause_text((enum code_cause)k));
    }
}

/* Lines that fit a terminal, none empty or with blanks at its end; the page starts with the code. */
static void assert_page_fits(uint32_t code)
{
    struct buf page;
    buf_init(&page, 1 << 16);
    code_explain(code, &page);
    char shown[CODE_TEXT_MAX];
    code_print(code, shown);
    const char *p = buf_text(&page);
    if (strncmp(p, shown, strlen(shown)) != 0 || page.p[page.n - 1] != '\n')
        fail_msg("0x%08X: %s", code, p);
    size_t lines = 0;
    while (*p) {
        size_t n = strcspn(p, "\n");
        if (n == 0 || n > 80 || p[n - 1] == ' ')
            fail_msg("0x%08X: line of %u columns: '%.*s'", code, (unsigned)n, (int)n, p);
        p += n + 1;
        lines++;
    }
    if (lines > 20)
        fail_msg("0x%08X: %u lines\n%s", code, (unsigned)lines, buf_text(&page));
    assert_non_null(strstr(buf_text(&page), "What Fleetmend does: "));
    buf_free(&page);
}

static void every_page_fits_the_terminal(void **state)
{
    (void)state;
    size_t count;
    const struct code_info *rows = code_table(&count);
    for (size_t i = 0; i < count; i++)
        assert_page_fits(rows[i].code);
    for (size_t i = 0; i < RANGE_CASES; i++)
        assert_page_fits(range_cases[i].code);
}

/* The page as one line, so that tests do not depend on where lines break. */
static const char *flat_page(uint32_t code, struct buf *page)
{
    buf_clear(page);
    code_explain(code, page);
    size_t n = 0;
    for (size_t i = 0; i < page->n; i++)
        if (page->p[i] != '\n')
            page->p[n++] = page->p[i];
        else if (page->p[i + 1] != ' ')
            page->p[n++] = ' ';
        else
            i++;
    page->p[n] = '\0';
    page->n = n;
    return buf_text(page);
}

static void assert_page_says(uint32_t code, struct buf *page, const char *words)
{
    if (!strstr(flat_page(code, page), words))
        fail_msg("0x%08X does not say '%s': %s", code, words, buf_text(page));
}

static void pages_tell_cause_and_plan(void **state)
{
    (void)state;
    struct buf page;
    buf_init(&page, 1 << 16);
    assert_page_says(0x80070002, &page, "0x80070002  ERROR_FILE_NOT_FOUND");
    assert_page_says(0x80070002, &page, "Cause: update cache damaged (cache_corrupt). ");
    assert_page_says(
        0x80070002, &page,
        "first a plain new try. If that fails: time_resync, then cache_reset, then troubleshooter, then "
        "allow_os_upgrade, then driver_update, then component_store_repair, then system_file_check; each "
        "followed by a new try, until one works.");
    assert_page_says(0x80070422, &page, "If that fails: wu_services_reset, followed by a new try.");
    assert_page_says(0x80072EE2, &page, "Also named ERROR_INTERNET_TIMEOUT, WININET_E_TIMEOUT");
    assert_page_says(0x80072EE2, &page, "troubleshooter, which changes nothing");
    assert_page_says(0x80072EE2, &page,
                     "never run by itself: proxy_reset, winsock_reset, wu_services_reset.");
    assert_page_says(0x80070643, &page,
                     "never run by itself: decide by KB: WinRE partition, .NET, Defender.");
    assert_page_says(0x8024FFFE, &page, "0x8024FFFE  (not in the table; judged by its range)");
    buf_free(&page);
}

static void pages_say_when_no_repair_fits(void **state)
{
    (void)state;
    struct buf page;
    buf_init(&page, 1 << 16);
    assert_page_says(0x8024000B, &page, "What Fleetmend does: nothing. This passes by itself");
    assert_null(strstr(buf_text(&page), "Cause:"));
    assert_page_says(0x80D03805, &page, "Cause: network connection (network). ");
    assert_page_says(0x00240006, &page, "What Fleetmend does: nothing. This is not a failure");
    assert_null(strstr(buf_text(&page), "Cause:"));
    assert_page_says(0x800F0823, &page, "What Fleetmend does: no repair fits.");
    buf_free(&page);
}

static void a_page_that_does_not_fit_its_buffer_is_noticed(void **state)
{
    (void)state;
    struct buf page;
    buf_init(&page, 100);
    code_explain(0x80070002, &page);
    struct err e = {0};
    assert_false(buf_check(&page, "page", &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ladder_names_repairs_that_suit_the_cause),
        cmocka_unit_test(common_codes_have_words_of_their_own),
        cmocka_unit_test(what_is_no_failure_has_words_of_its_own),
        cmocka_unit_test(unknown_codes_are_judged_by_their_range),
        cmocka_unit_test(every_code_has_one_sentence_and_a_kind_by_its_top_bit),
        cmocka_unit_test(table_rows_win_over_ranges),
        cmocka_unit_test(every_cause_is_explained_in_two_or_three_sentences),
        cmocka_unit_test(every_page_fits_the_terminal),
        cmocka_unit_test(pages_tell_cause_and_plan),
        cmocka_unit_test(pages_say_when_no_repair_fits),
        cmocka_unit_test(a_page_that_does_not_fit_its_buffer_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
