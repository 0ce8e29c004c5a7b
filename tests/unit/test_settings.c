#include "mem.h"
#include "program.h"

#include "../store/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- server.conf ---- */

static bool parse(const char *text, struct settings *s, struct err *e)
{
    settings_default(s);
    return settings_parse(slice_of(text), s, e);
}

static void defaults_are_those_of_the_manual(void **state)
{
    (void)state;
    struct settings s;
    assert_true(parse("", &s, NULL));
    assert_string_equal(s.listen, "0.0.0.0:8443");
    assert_string_equal(s.agent_listen, "");
    assert_string_equal(s.database, "sqlite:fleetmend.db");
    assert_int_equal(s.wait_s, 50);
    assert_int_equal(s.class1_approval_above, 500);
    assert_int_equal(s.soak_min, 30);
    assert_int_equal(s.job_days, 14);
    assert_int_equal(s.silent_days, 3);
    assert_true(s.pace);
    assert_false(s.lab);
}

static void lines_may_be_commented_spaced_and_end_anyhow(void **state)
{
    (void)state;
    struct settings s;
    struct err e = {0};
    if (!parse("# a comment\r\n\r\n  wait_s=60\r\n\tsoak_min =\t0 \n# pace = maybe\nurl = https://x/#a=b\nlab = true\npace=false", &s, &e))
        fail_msg("%s", e.text);
    assert_int_equal(s.wait_s, 60);
    assert_int_equal(s.soak_min, 0);
    assert_string_equal(s.url, "https://x/#a=b");
    assert_true(s.lab);
    assert_false(s.pace);
}

static void a_wrong_line_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words[3];
    } cases[] = {
        {"wait_s = 50\nwiat_s = 60\n", {"line 2: ", "unknown key \"wiat_s\"", "wait_s"}},
        {"\n\n# c\nWait_s = 60", {"line 4: ", "unknown key", "agent_listen"}},
        {"= 5", {"line 1: ", "unknown key \"\"", ""}},
        {"wait_s = 50\r\nlab = true\r\nwait_s = 50\r\n", {"line 3: ", "wait_s", "twice"}},
        {"just words", {"line 1: ", "key = value", ""}},
        {"lab = yes", {"line 1: ", "lab: true or false", "yes"}},
        {"lab =", {"line 1: ", "lab: true or false", ""}},
        {"wait_s =", {"line 1: ", "wait_s: a number from 5 to 110", ""}},
        {"wait_s = 4", {"line 1: ", "from 5 to 110", "\"4\""}},
        {"wait_s = 111", {"line 1: ", "from 5 to 110", ""}},
        {"wait_s = 50s", {"line 1: ", "from 5 to 110", "50s"}},
        {"wait_s = 5 0", {"line 1: ", "from 5 to 110", ""}},
        {"wait_s = 0x20", {"line 1: ", "from 5 to 110", ""}},
        {"wait_s = +50", {"line 1: ", "from 5 to 110", ""}},
        {"wait_s = 99999999999999999999", {"line 1: ", "from 5 to 110", ""}},
        {"loops = 0", {"line 1: ", "from 1 to 16", ""}},
        {"loops = 17", {"line 1: ", "from 1 to 16", ""}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct settings s;
        struct err e = {0};
        if (parse(cases[i].text, &s, &e))
            fail_msg("case %zu was accepted", i);
        assert_int_equal(e.kind, ERR_INVALID);
        for (size_t k = 0; k < 3; k++)
            if (!strstr(e.text, cases[i].words[k]))
                fail_msg("case %zu: the error does not say \"%s\": %s", i, cases[i].words[k], e.text);
    }
}

static void limits_are_inclusive(void **state)
{
    (void)state;
    static const char *const texts[] = {"wait_s = 5", "wait_s = 110", "loops = 1", "loops = 16", "job_days = 90", "soak_min = 0"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct settings s;
        assert_true(parse(texts[i], &s, NULL));
    }
}

static void a_text_of_any_length_is_taken_or_refused_whole(void **state)
{
    (void)state;
    for (size_t n = SETTING_TEXT_MAX - 2; n < SETTING_TEXT_MAX + 200; n++) {
        struct settings s;
        struct err e = {0};
        char *text = mem_zalloc(n + 10);
        snprintf(text, 10, "url = ");
        memset(text + 6, 'u', n);
        assert_int_equal(parse(text, &s, &e), n < SETTING_TEXT_MAX);
        if (n < SETTING_TEXT_MAX)
            assert_int_equal(strlen(s.url), n);
        else
            assert_non_null(strstr(e.text, "line 1: "));
        mem_free(text);
    }
}

static void a_nul_byte_hides_nothing(void **state)
{
    (void)state;
    struct settings s;
    struct err e = {0};
    settings_default(&s);
    assert_false(settings_parse(slice_make("lab = true\nsoak_min = 5\0junk\n", 29), &s, &e));
    assert_non_null(strstr(e.text, "line 2: "));
}

static void what_is_printed_reads_the_same(void **state)
{
    (void)state;
    struct settings s, back;
    struct buf text;
    buf_init(&text, 10000);
    /* Padding is compared too, so both start as zero. */
    memset(&s, 0, sizeof s);
    memset(&back, 0, sizeof back);
    assert_true(parse("listen = [::1]:1\nagent_listen = a:2\nurl = https://u\ndatabase = sqlite:x\nloops = 3\nconnections_max = 4\n"
                      "wait_s = 7\nclass1_approval_above = 8\njob_days = 9\nsilent_days = 10\nsoak_min = 11\npace = false\nlab = true",
                      &s, NULL));
    settings_print(&s, &text);
    assert_true(buf_check(&text, "settings", NULL));
    assert_true(parse(buf_text(&text), &back, NULL));
    assert_string_equal(back.listen, s.listen);
    assert_string_equal(back.agent_listen, s.agent_listen);
    assert_string_equal(back.url, s.url);
    assert_string_equal(back.database, s.database);
    assert_memory_equal(&back.loops, &s.loops, sizeof s - offsetof(struct settings, loops));
    buf_free(&text);
}

static void a_file_is_named_in_its_errors(void **state)
{
    (void)state;
    struct settings s;
    struct err e = {0};
    char path[300];
    snprintf(path, sizeof path, "%s/server.conf", temp_dir());
    assert_false(settings_load(path, &s, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, path));
    FILE *f = fopen(path, "w");
    fputs("soak_min = 1\nnonsense = 1\n", f);
    fclose(f);
    err_clear(&e);
    assert_false(settings_load(path, &s, &e));
    assert_int_equal(strncmp(e.text, path, strlen(path)), 0);
    assert_non_null(strstr(e.text, "line 2: "));
    f = fopen(path, "w");
    fputs("soak_min = 1\n", f);
    fclose(f);
    assert_true(settings_load(path, &s, &e));
    assert_int_equal(s.soak_min, 1);
    assert_int_equal(s.wait_s, 50);
}

/* ---- addresses ---- */

static void addresses_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
    } cases[] = {{"0.0.0.0:8443", "0.0.0.0", 8443}, {"[::1]:8443", "::1", 8443}, {"[::]:0", "::", 0}, {"name.example:65535", "name.example", 65535},
                 {"h:1", "h", 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char host[256] = "";
        int port = -1;
        assert_true(address_split(cases[i].text, host, &port, NULL));
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void wrong_addresses_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", ":", ":8443", "host", "host:", "host:x", "host:80x", "host:65536", "host:-1", "host:99999999999999",
                                        "::1:8443", "[::1]", "[::1]:", "[]:80", "[::1:8443", "[::1]x:80", "host: 80", "host:+80", "host]:80", "ho[st:80"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        char host[256];
        int port;
        struct err e = {0};
        if (address_split(texts[i], host, &port, &e))
            fail_msg("\"%s\" was read as %s port %d", texts[i], host, port);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, "HOST:PORT"));
    }
    char longest[400], host[256];
    int port;
    memset(longest, 'h', sizeof longest);
    snprintf(longest + 255, 10, ":80");
    assert_true(address_split(longest, host, &port, NULL));
    memset(longest, 'h', sizeof longest);
    snprintf(longest + 256, 10, ":80");
    assert_false(address_split(longest, host, &port, NULL));
}

static void the_host_of_a_url_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host; /* NULL: refused */
    } cases[] = {{"https://a", "a"}, {"https://a.example:8443", "a.example"}, {"https://a/path", "a"}, {"https://[::1]:8443", "::1"},
                 {"https://[::1]", "::1"}, {"http://a", NULL}, {"https://", NULL}, {"https://:80", NULL}, {"https:///a", NULL}, {"a", NULL}, {"", NULL},
                 {"https://[]", NULL}, {"https://[::1", NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char host[256] = "";
        struct err e = {0};
        bool ok = url_host(cases[i].url, host, &e);
        if (ok != (cases[i].host != NULL))
            fail_msg("\"%s\": %s", cases[i].url, ok ? host : e.text);
        if (ok)
            assert_string_equal(host, cases[i].host);
        else
            assert_int_equal(e.kind, ERR_INVALID);
    }
}

static void a_loopback_server_is_called_localhost(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"};
    char url[SETTING_TEXT_MAX], name[256] = "", expected[SETTING_TEXT_MAX];
    for (size_t i = 0; i < COUNT(hosts); i++) {
        default_url(hosts[i], 8443, url);
        assert_string_equal(url, "https://localhost:8443");
    }
    default_url("0.0.0.0", 1, url);
    gethostname(name, sizeof name);
    snprintf(expected, sizeof expected, "https://%s:1", name);
    assert_string_equal(url, expected);
}

/* ---- options ---- */

struct parsed {
    const char *data, *days, *rest[2];
    bool json;
    int count;
};

static bool options(const char *const *argv, struct parsed *p, struct err *e)
{
    *p = (struct parsed){0};
    const struct option_row rows[] = {{"--data", &p->data, NULL, true, "the data folder"},
                                      {"--days", &p->days, NULL, false, ""},
                                      {"--json", NULL, &p->json, false, ""}};
    int argc = 0;
    while (argv[argc])
        argc++;
    return options_parse(rows, COUNT(rows), argc, (char **)(uintptr_t)argv, p->rest, 2, &p->count, e);
}

static void options_and_operands_come_in_any_order(void **state)
{
    (void)state;
    struct parsed p;
    struct err e = {0};
    if (!options((const char *const[]){"one", "--json", "--data", "d", "two", "--days", "-1", NULL}, &p, &e))
        fail_msg("%s", e.text);
    assert_string_equal(p.data, "d");
    assert_string_equal(p.days, "-1");
    assert_true(p.json);
    assert_int_equal(p.count, 2);
    assert_string_equal(p.rest[0], "one");
    assert_string_equal(p.rest[1], "two");
    assert_true(options((const char *const[]){"--data", "d", NULL}, &p, &e));
    assert_null(p.days);
    assert_false(p.json);
    assert_int_equal(p.count, 0);
}

static void a_usage_error_names_the_argument(void **state)
{
    (void)state;
    static const struct {
        const char *argv[6], *words;
    } cases[] = {
        {{"--data", "d", "--dta", "x"}, "unknown option --dta"},
        {{"--data", "d", "-"}, "unknown option -"},
        {{"--data"}, "--data needs a value"},
        {{"--json"}, "--data is missing: the data folder"},
        {{"--data", "d", "a", "b", "c"}, "\"c\" is one argument too many"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct parsed p;
        struct err e = {0};
        if (options(cases[i].argv, &p, &e))
            fail_msg("case %zu was accepted", i);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_string_equal(e.text, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_manual),
        cmocka_unit_test(lines_may_be_commented_spaced_and_end_anyhow),
        cmocka_unit_test(a_wrong_line_is_named),
        cmocka_unit_test(limits_are_inclusive),
        cmocka_unit_test(a_text_of_any_length_is_taken_or_refused_whole),
        cmocka_unit_test(a_nul_byte_hides_nothing),
        cmocka_unit_test(what_is_printed_reads_the_same),
        cmocka_unit_test(a_file_is_named_in_its_errors),
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(wrong_addresses_are_refused),
        cmocka_unit_test(the_host_of_a_url_is_found),
        cmocka_unit_test(a_loopback_server_is_called_localhost),
        cmocka_unit_test(options_and_operands_come_in_any_order),
        cmocka_unit_test(a_usage_error_names_the_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
