#include "repair.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool is_word(const char *z)
{
    size_t n = strspn(z, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && z[n] == '\0';
}

static bool is_sentence(const char *z)
{
    return z && isupper((unsigned char)z[0]) && strlen(z) > 10 && z[strlen(z) - 1] == '.';
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < REPAIR_COUNT; i++) {
        const struct repair *r = repair_get((enum repair_id)i);
        if (!r->name || !is_word(r->name))
            fail_msg("row %d has no name", i);
        bool whole = r->id == (enum repair_id)i && repair_find(r->name) == r && r->class >= 0 && r->class <= 2 &&
                     r->params && r->title && isupper((unsigned char)r->title[0]) && is_sentence(r->help) &&
                     is_sentence(r->undo_help) && (r->per_machine > 0) == (r->window_s > 0);
        if (!whole)
            fail_msg("%s: the row is not whole", r->name);
    }
}

static void names_are_those_of_the_list_and_unique(void **state)
{
    static const char *const names[] = {
#define X(id, name) name,
        REPAIRS(X)
#undef X
    };
    (void)state;
    for (int i = 0; i < REPAIR_COUNT; i++) {
        assert_string_equal(repair_get((enum repair_id)i)->name, names[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
    assert_null(repair_find("cache_rese"));
    assert_null(repair_find(""));
}

static void every_parameter_has_one_type_and_a_fallback_it_accepts(void **state)
{
    (void)state;
    for (int i = 0; i < REPAIR_COUNT; i++) {
        const struct repair *r = repair_get((enum repair_id)i);
        int n = 0;
        for (const struct repair_param *p = r->params; p->name; p++, n++) {
            struct repair_values values = {.count = 0};
            struct err e = {0};
            if (!is_word(p->name) || !p->help || (p->words != NULL) == (p->pattern != NULL))
                fail_msg("%s.%s: neither words nor a pattern, or both, or no help", r->name, p->name);
            if (p->fallback && p->fallback[0] && !repair_value_set(r, &values, p->name, p->fallback, &e))
                fail_msg("%s: %s", r->name, e.text);
        }
        assert_in_range(n, 0, REPAIR_PARAMS_MAX);
    }
}

/* Nothing that is a path, a command or a link fits into any parameter of any repair. */
static void no_parameter_can_carry_a_path_or_a_command(void **state)
{
    static const char *const hostile[] = {
        "C:\\Windows",   "..\\..\\x",  "\\\\evil\\share", "/etc/passwd", "http://evil/x", "a;b", "a|b", "a&b",
        "$(reboot)",     "%windir%",   "\"quoted\"",      "a\nb",        "cmd.exe /c x",  "`x`", "a>b", "KB",
        "KB1234567890",  "verify|none",
    };
    (void)state;
    for (int i = 0; i < REPAIR_COUNT; i++) {
        const struct repair *r = repair_get((enum repair_id)i);
        for (const struct repair_param *p = r->params; p->name; p++)
            for (size_t k = 0; k < sizeof hostile / sizeof *hostile; k++) {
                struct repair_values values = {.count = 0};
                /* A Windows time zone id may hold any printable character; it is looked up, never run. */
                if (p->pattern && strcmp(p->pattern, "timezone") == 0)
                    continue;
                if (repair_value_set(r, &values, p->name, hostile[k], NULL))
                    fail_msg("%s.%s takes \"%s\"", r->name, p->name, hostile[k]);
            }
    }
}

static bool holds(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (; text && *text; text++) {
        size_t i = 0;
        while (i < n && text[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)word[i]))
            i++;
        if (i == n)
            return true;
    }
    return false;
}

/* What web pages recommend and what breaks machines has no name, no parameter and no value here. */
static void folklore_can_not_be_expressed(void **state)
{
    static const char *const words[] = {"pending.xml", "winsxs",    "resetbase", "sdset",    "susclientid", "regsvr32",
                                        "takeown",     "icacls",    "qmgr",      "bitsadmin", "chkdsk",     "wuauclt",
                                        "firewall",    "antivirus", "taskkill",  "powershell", "script"};
    (void)state;
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        assert_null(repair_find(words[k]));
        for (int i = 0; i < REPAIR_COUNT; i++) {
            const struct repair *r = repair_get((enum repair_id)i);
            if (holds(r->name, words[k]) || holds(r->help, words[k]) || holds(r->title, words[k]))
                fail_msg("%s speaks of %s", r->name, words[k]);
            for (const struct repair_param *p = r->params; p->name; p++)
                if (holds(p->name, words[k]) || holds(p->words, words[k]) || holds(p->help, words[k]))
                    fail_msg("%s.%s speaks of %s", r->name, p->name, words[k]);
        }
    }
}

static void rules_of_the_house_hold(void **state)
{
    /* Nothing stops what only looks, or what lifts a veto. */
    static const enum repair_id always[] = {REPAIR_TIME_RESYNC, REPAIR_TROUBLESHOOTER, REPAIR_UPDATE_SCAN, REPAIR_COLLECT_LOGS};
    (void)state;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        assert_true(repair_get(always[i])->vetoes == 0 && repair_get(always[i])->class == 0);
    assert_false(repair_get(REPAIR_REBOOT)->vetoes & VETO_REBOOT_PENDING);
    assert_false(repair_get(REPAIR_FREE_DISK_SPACE)->vetoes & VETO_LOW_DISK);
    for (int i = 0; i < REPAIR_COUNT; i++) {
        const struct repair *r = repair_get((enum repair_id)i);
        if (r->class >= 1 && !(r->vetoes & VETO_CRITICAL_ROLE))
            fail_msg("%s may run on a domain controller", r->name);
        if (r->class == 0 && r->counts_as_class1)
            fail_msg("%s counts as class 1", r->name);
    }
    static const struct {
        enum repair_id id;
        int per_machine, days;
    } limits[] = {{REPAIR_CACHE_RESET, 1, 7}, {REPAIR_CATROOT2_RESET, 1, 30}, {REPAIR_COMPONENT_STORE_REPAIR, 1, 1},
                  {REPAIR_REBOOT, 1, 1}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        assert_int_equal(repair_get(limits[i].id)->per_machine, limits[i].per_machine);
        assert_int_equal(repair_get(limits[i].id)->window_s, limits[i].days * 86400);
    }
}

static void values_are_completed_and_missing_ones_named(void **state)
{
    struct repair_values values = {.count = 0};
    struct err e = {0};
    (void)state;
    assert_true(repair_values_complete(repair_find("cache_reset"), &values, &e));
    assert_string_equal(repair_value(&values, "keep"), "verify");
    assert_null(repair_value(&values, "other"));
    values.count = 0;
    assert_false(repair_values_complete(repair_find("install_package"), &values, &e));
    assert_non_null(strstr(e.text, "kb"));
}

static void every_veto_has_words(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit <= VETO_LOCAL_ONLY; bit <<= 1)
        assert_string_not_equal(veto_text((enum veto)bit), "vetoed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(names_are_those_of_the_list_and_unique),
        cmocka_unit_test(every_parameter_has_one_type_and_a_fallback_it_accepts),
        cmocka_unit_test(no_parameter_can_carry_a_path_or_a_command),
        cmocka_unit_test(folklore_can_not_be_expressed),
        cmocka_unit_test(rules_of_the_house_hold),
        cmocka_unit_test(values_are_completed_and_missing_ones_named),
        cmocka_unit_test(every_veto_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
