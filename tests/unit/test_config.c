#include "config.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define GOOD_PIN "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static struct agent_config good(void)
{
    struct agent_config c = {0};
    c.server_urls[c.server_count++] = mem_strdup("https://updates.example.com:8443");
    return c;
}

static void takes_an_address_alone(void **state)
{
    (void)state;
    struct err e;
    struct agent_config c = good();
    assert_true(agent_config_check(&c, &e));
    assert_int_equal(c.tls_mode, TLS_MODE_SYSTEM);
    agent_config_free(&c);
}

static void knows_good_and_bad_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool ok;
    } rows[] = {
        {"https://a", true},
        {"https://a/", true},
        {"https://10.0.0.1:1", true},
        {"https://[::1]:8443", true},
        {"https://a-b.c:65535", true},
        {"http://a", false},
        {"a", false},
        {"", false},
        {"https://", false},
        {"https://a:0", false},
        {"https://a:65536", false},
        {"https://a:", false},
        {"https://a/path", false},
        {"https://user@a", false},
        {"https://a b", false},
        {"https://[::1", false},
        {"https://-a", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e;
        struct agent_config c = {0};
        c.server_urls[c.server_count++] = mem_strdup(rows[i].url);
        bool ok = agent_config_check(&c, &e);
        if (ok != rows[i].ok)
            fail_msg("'%s' was %s", rows[i].url, ok ? "taken" : "refused");
        if (!ok)
            assert_non_null(strstr(e.text, "ServerUrl"));
        agent_config_free(&c);
    }
}

static void cuts_the_closing_slash(void **state)
{
    (void)state;
    struct agent_config c = {0};
    c.server_urls[c.server_count++] = mem_strdup("https://a:1/");
    assert_true(agent_config_check(&c, NULL));
    assert_string_equal(c.server_urls[0], "https://a:1");
    agent_config_free(&c);
}

static void expect_named(struct agent_config *c, const char *name)
{
    struct err e;
    assert_false(agent_config_check(c, &e));
    assert_int_equal(e.kind, ERR_INVALID);
    if (!strstr(e.text, name))
        fail_msg("'%s' does not name %s", e.text, name);
    agent_config_free(c);
}

static void names_the_setting_that_is_wrong(void **state)
{
    (void)state;
    struct agent_config c = {0};
    expect_named(&c, "ServerUrl");

    c = good();
    c.enroll_token = mem_strdup("has blank");
    expect_named(&c, "EnrollToken");

    c = good();
    c.order_keys[c.order_key_count++] = mem_strdup("sha256//short");
    expect_named(&c, "OrderKey");

    c = good();
    c.tls_pins[c.tls_pin_count++] = mem_strdup("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    expect_named(&c, "TlsPins");

    c = good();
    c.ca_pem = mem_strdup("no certificate");
    expect_named(&c, "CaPem");

    c = good();
    c.proxy = mem_strdup("ftp://x");
    expect_named(&c, "Proxy");

    c = good();
    c.tags[c.tag_count++] = mem_strdup("a,b");
    expect_named(&c, "Tags");
}

static void chooses_the_tls_mode(void **state)
{
    (void)state;
    struct agent_config c = good();
    c.tls_pins[c.tls_pin_count++] = mem_strdup(GOOD_PIN);
    c.order_keys[c.order_key_count++] = mem_strdup(GOOD_PIN);
    assert_true(agent_config_check(&c, NULL));
    assert_int_equal(c.tls_mode, TLS_MODE_PIN);
    c.ca_pem = mem_strdup("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
    assert_true(agent_config_check(&c, NULL));
    assert_int_equal(c.tls_mode, TLS_MODE_CA);
    agent_config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_an_address_alone), cmocka_unit_test(knows_good_and_bad_addresses),
        cmocka_unit_test(cuts_the_closing_slash), cmocka_unit_test(names_the_setting_that_is_wrong),
        cmocka_unit_test(chooses_the_tls_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
