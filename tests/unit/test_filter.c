#include "filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void reads_and_prints_the_normal_spelling(void **state)
{
    static const struct {
        enum filter_entity entity;
        const char *text, *normal;
    } cases[] = {
        {FILTER_MACHINES, "", ""},
        {FILTER_MACHINES, "  \t\n ", ""},
        {FILTER_MACHINES, "state=failing", "state=failing"},
        {FILTER_MACHINES, " state=failing   code=80070002 ", "state=failing code=0x80070002"},
        {FILTER_MACHINES, "state=failing and code!=-2147024894", "state=failing code!=0x80070002"},
        {FILTER_MACHINES, "os~\"Windows 10\" ou=\"OU=Sales,DC=corp\"",
         "os~\"Windows 10\" ou=OU=Sales,DC=corp"},
        {FILTER_MACHINES, "last_seen<7d last_seen>30m", "last_seen<7d last_seen>30m"},
        {FILTER_MACHINES, "tag=pilot tag!=and name=and", "tag=pilot tag!=and name=and"},
        {FILTER_MACHINES, "site=\"\"", "site=\"\""},
        {FILTER_MACHINES, "site=", "site=\"\""},
        {FILTER_MACHINES, "name=\"a\\\"b\"", "name=\"a\\\"b\""},
        {FILTER_MACHINES, "ou=\"OU=Sales\\, EMEA\"", "ou=\"OU=Sales\\\\, EMEA\""},
        {FILTER_MACHINES, "ou=\"OU=Sales\\\\, EMEA\"", "ou=\"OU=Sales\\\\, EMEA\""},
        {FILTER_MACHINES, "model~Büro simulated=true id=ab", "model~Büro simulated=true id=ab"},
        {FILTER_FAILURES, "id=12 kb=KB5034441 machine~pc state=verifying last_seen<1w",
         "id=12 kb=KB5034441 machine~pc state=verifying last_seen<1w"},
        {FILTER_JOBS, "verdict=", "verdict=\"\""},
        {FILTER_JOBS, "repair=cache_reset result=done verdict=needs_reboot state=queued rollout=ff",
         "repair=cache_reset result=done verdict=needs_reboot state=queued rollout=ff"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena a = {0};
        struct filter f, again;
        struct err e = {0};
        struct buf out;
        buf_init(&out, 1000);
        if (!filter_parse(slice_of(cases[i].text), cases[i].entity, &a, &f, &e))
            fail_msg("%s: %s", cases[i].text, e.text);
        filter_print(&f, &out);
        assert_string_equal(buf_text(&out), cases[i].normal);
        assert_true(filter_parse(buf_slice(&out), cases[i].entity, &a, &again, &e));
        assert_int_equal(again.count, f.count);
        for (int t = 0; t < f.count; t++) {
            assert_string_equal(again.terms[t].text,
                                f.terms[t].field == FIELD_CODE ? again.terms[t].text : f.terms[t].text);
            assert_int_equal(again.terms[t].code, f.terms[t].code);
        }
        buf_free(&out);
        arena_free(&a);
    }
}

static void says_what_is_wrong_and_what_is_allowed(void **state)
{
    static const struct {
        enum filter_entity entity;
        const char *text, *say[3];
    } cases[] = {
        {FILTER_MACHINES,
         "colour=red",
         {"term 1, colour=red", "machines have no field \"colour\"", "id, name, state, os"}},
        {FILTER_MACHINES, "state=failing Name=x", {"term 2, Name=x", "no field \"Name\""}},
        {FILTER_FAILURES, "name=x", {"failures have no field \"name\"", "machine"}},
        {FILTER_MACHINES, "repair=reboot", {"machines have no field \"repair\""}},
        {FILTER_MACHINES, "state=sick", {"no state \"sick\"", "healthy, failing, repairing", "retired"}},
        {FILTER_FAILURES, "state=healthy", {"open, repairing, waiting, verifying, fixed"}},
        {FILTER_JOBS, "state=open", {"queued, waiting, offered"}},
        {FILTER_JOBS, "result=open", {"no result \"open\"", "done, failed"}},
        {FILTER_JOBS, "verdict=none", {"fixed, same"}},
        {FILTER_JOBS, "repair=format_disk", {"no repair \"format_disk\"", "cache_reset"}},
        {FILTER_MACHINES, "state", {"one of = != ~ < > must follow"}},
        {FILTER_MACHINES, "state = failing", {"without a blank"}},
        {FILTER_MACHINES, "state~fail", {"state takes = and !="}},
        {FILTER_MACHINES, "name<7", {"name takes =, != and ~"}},
        {FILTER_MACHINES, "last_seen=7d", {"last_seen takes < and > with an age"}},
        {FILTER_MACHINES, "last_seen<7", {"30m, 12h, 7d"}},
        {FILTER_MACHINES, "last_seen<d", {"30m, 12h, 7d"}},
        {FILTER_MACHINES, "last_seen<-1d", {"30m, 12h, 7d"}},
        {FILTER_MACHINES, "last_seen<99999999999999999999d", {"30m, 12h, 7d"}},
        {FILTER_MACHINES, "last_seen<7days", {"30m, 12h, 7d"}},
        {FILTER_MACHINES, "code=foo", {"term 1, code=foo", "0x80070002"}},
        {FILTER_MACHINES, "code~8007", {"code takes = and !="}},
        {FILTER_MACHINES, "simulated=yes", {"true, false"}},
        {FILTER_FAILURES, "id=x12", {"a whole number"}},
        {FILTER_MACHINES, "os=\"Windows", {"the closing quote is missing"}},
        {FILTER_MACHINES, "os=\"Windows\\", {"the closing quote is missing"}},
        {FILTER_MACHINES, "os=\"a\"b", {"a blank must follow the closing quote"}},
        {FILTER_MACHINES, "and state=failing", {"no field \"and\""}},
        {FILTER_MACHINES, "state=failing and", {"a term must follow \"and\""}},
        {FILTER_MACHINES, "state=failing and and id=x", {"no field \"and\""}},
        {FILTER_MACHINES, "state=failing or id=x", {"no field \"or\""}},
        {FILTER_MACHINES, "=x", {"no field \"\""}},
        {FILTER_MACHINES, "name=\xff", {"not UTF-8"}},
        {FILTER_MACHINES,
         "name=a name=a name=a name=a name=a name=a name=a name=a name=a name=a name=a name=a name=a name=a "
         "name=a "
         "name=a name=a",
         {"more than 16 terms"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena a = {0};
        struct filter f;
        struct err e = {0};
        if (filter_parse(slice_of(cases[i].text), cases[i].entity, &a, &f, &e))
            fail_msg("%s was accepted", cases[i].text);
        assert_int_equal(e.kind, ERR_INVALID);
        for (int s = 0; s < 3 && cases[i].say[s]; s++)
            if (!strstr(e.text, cases[i].say[s]))
                fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, e.text, cases[i].say[s]);
        arena_free(&a);
    }
}

static void a_value_has_a_maximum(void **state)
{
    (void)state;
    for (int n = FILTER_VALUE_MAX; n <= FILTER_VALUE_MAX + 1; n++) {
        char text[FILTER_VALUE_MAX + 20] = "ou=";
        memset(text + 3, 'x', (size_t)n);
        struct arena a = {0};
        struct filter f;
        struct err e = {0};
        assert_int_equal(filter_parse(slice_of(text), FILTER_MACHINES, &a, &f, &e), n == FILTER_VALUE_MAX);
        arena_free(&a);
    }
}

static void a_nul_does_not_end_a_value(void **state)
{
    (void)state;
    struct arena a = {0};
    struct filter f;
    struct err e = {0};
    assert_false(filter_parse(slice_make("name=a\0b", 8), FILTER_MACHINES, &a, &f, &e));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_prints_the_normal_spelling),
        cmocka_unit_test(says_what_is_wrong_and_what_is_allowed),
        cmocka_unit_test(a_value_has_a_maximum),
        cmocka_unit_test(a_nul_does_not_end_a_value),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
