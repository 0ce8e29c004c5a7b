#include "config.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static struct arena arena;
static struct err error;

static const struct config sample = {"https://fleet:8443", "-----BEGIN CERTIFICATE-----\nx\n", "secret",
                                     "anna", INT64_C(1769846400000)};

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fleetmend-config-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    arena_free(&arena);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in_folder(const char *name)
{
    return arena_printf(&arena, "%s/%s", folder, name);
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void written_file_is_for_its_owner_alone(void **state)
{
    (void)state;
    mode_t before = umask(0);
    const char *path = in_folder("a/b/config.json");
    assert_true(config_write(path, &sample, &error));
    umask(before);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(in_folder("a")), 0700);
    assert_int_equal(mode_of(in_folder("a/b")), 0700);
}

static void what_was_written_is_read_again(void **state)
{
    (void)state;
    const char *path = in_folder("config.json");
    struct config c;
    bool was_open;
    assert_true(config_write(path, &sample, &error));
    assert_true(config_read(path, &arena, &c, &was_open, &error));
    assert_false(was_open);
    assert_string_equal(c.url, sample.url);
    assert_string_equal(c.ca, sample.ca);
    assert_string_equal(c.token, sample.token);
    assert_string_equal(c.user, sample.user);
    assert_int_equal(c.expires_ms, sample.expires_ms);
}

static void replacing_leaves_no_other_file(void **state)
{
    (void)state;
    const char *path = in_folder("config.json");
    for (int i = 0; i < 3; i++)
        assert_true(config_write(path, &sample, &error));
    DIR *d = opendir(folder);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(d));)
        files += entry->d_name[0] != '.';
    closedir(d);
    assert_int_equal(files, 1);
}

static void file_open_to_others_is_closed_and_told(void **state)
{
    (void)state;
    const char *path = in_folder("config.json");
    struct config c;
    bool was_open;
    assert_true(config_write(path, &sample, &error));
    static const mode_t open_modes[] = {0640, 0604, 0620, 0644};
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        assert_int_equal(chmod(path, open_modes[i]), 0);
        assert_true(config_read(path, &arena, &c, &was_open, &error));
        assert_true(was_open);
        assert_int_equal(mode_of(path), 0600);
    }
    assert_true(config_read(path, &arena, &c, &was_open, &error));
    assert_false(was_open);
}

static void missing_file_is_an_empty_configuration(void **state)
{
    (void)state;
    struct config c;
    bool was_open;
    assert_true(config_read(in_folder("none"), &arena, &c, &was_open, &error));
    assert_string_equal(c.url, "");
    assert_string_equal(c.token, "");
}

static void damaged_file_is_an_error_that_names_it(void **state)
{
    (void)state;
    const char *path = in_folder("config.json");
    struct config c;
    bool was_open;
    write_text(path, "{\"url\":");
    assert_int_equal(chmod(path, 0600), 0);
    assert_false(config_read(path, &arena, &c, &was_open, &error));
    assert_non_null(strstr(error.text, path));
    assert_false(config_read(folder, &arena, &c, &was_open, &error)); /* a folder is no file */
}

static void path_follows_the_environment(void **state)
{
    (void)state;
    struct config_place p = {.home = "/home/anna"};
    assert_string_equal(config_path(&p, &arena, &error), "/home/anna/.config/fleetmend/config.json");
    p.xdg_config_home = "/xdg";
    assert_string_equal(config_path(&p, &arena, &error), "/xdg/fleetmend/config.json");
    p.xdg_config_home = "relative";
    assert_string_equal(config_path(&p, &arena, &error), "/home/anna/.config/fleetmend/config.json");
    p.config_file = "/other/file";
    assert_string_equal(config_path(&p, &arena, &error), "/other/file");
    assert_null(config_path(&(struct config_place){0}, &arena, &error));
}

static void environment_stands_above_the_file(void **state)
{
    (void)state;
    const char *path = in_folder("config.json");
    struct config c;
    bool was_open;
    assert_true(config_write(path, &sample, &error));
    struct config_place p = {.config_file = path, .token = "other"};
    assert_true(config_effective(&p, &arena, &c, &was_open, &error));
    assert_string_equal(c.url, sample.url);
    assert_string_equal(c.ca, sample.ca);
    assert_string_equal(c.token, "other");
    write_text(in_folder("ca.pem"), "-----BEGIN CERTIFICATE-----\nother\n");
    p.ca_file = in_folder("ca.pem");
    assert_true(config_effective(&p, &arena, &c, &was_open, &error));
    assert_non_null(strstr(c.ca, "other"));
}

static void token_of_one_server_is_not_sent_to_another(void **state)
{
    (void)state;
    const char *path = in_folder("config.json");
    struct config c;
    bool was_open;
    assert_true(config_write(path, &sample, &error));
    struct config_place p = {.config_file = path, .url = "https://elsewhere"};
    assert_true(config_effective(&p, &arena, &c, &was_open, &error));
    assert_string_equal(c.url, "https://elsewhere");
    assert_string_equal(c.token, "");
    assert_string_equal(c.ca, "");
    p.url = "https://fleet:8443/"; /* the same one, spelled differently */
    assert_true(config_effective(&p, &arena, &c, &was_open, &error));
    assert_string_equal(c.token, "secret");
}

static void token_that_would_break_a_header_is_refused(void **state)
{
    (void)state;
    struct config c;
    bool was_open;
    struct config_place p = {.url = "https://a", .token = "x\r\nHost: y"};
    assert_false(config_effective(&p, &arena, &c, &was_open, &error));
    p.token = "abc";
    assert_true(config_effective(&p, &arena, &c, &was_open, &error)); /* no home needed */
}

static void addresses_are_https_and_nothing_more(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *url;
    } good[] = {{"https://fleet:8443", "https://fleet:8443"},
                {"https://fleet:8443/", "https://fleet:8443"},
                {"fleet.example:8443", "https://fleet.example:8443"},
                {"https://[::1]:8443", "https://[::1]:8443"}};
    static const char *const bad[] = {"http://fleet",      "ftp://fleet",        "",           "https://",
                                      "https://a/b",       "https://u:p@fleet",  "a b",        "https://a?x",
                                      "https://a\r\nX: y", "file:///etc/passwd", "https://a#b"};
    const char *url;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(config_url(good[i].typed, &arena, &url, &error));
        assert_string_equal(url, good[i].url);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (config_url(bad[i], &arena, &url, &error))
            fail_msg("'%s' was taken for %s", bad[i], url);
}

static void ca_file_must_hold_a_certificate(void **state)
{
    (void)state;
    const char *pem;
    write_text(in_folder("key.pem"), "-----BEGIN PRIVATE KEY-----\n");
    assert_false(config_ca(in_folder("key.pem"), &arena, &pem, &error));
    assert_non_null(strstr(error.text, "tls/ca.pem"));
    assert_false(config_ca(in_folder("none.pem"), &arena, &pem, &error));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(written_file_is_for_its_owner_alone),
        TEST(what_was_written_is_read_again),
        TEST(replacing_leaves_no_other_file),
        TEST(file_open_to_others_is_closed_and_told),
        TEST(missing_file_is_an_empty_configuration),
        TEST(damaged_file_is_an_error_that_names_it),
        TEST(path_follows_the_environment),
        TEST(environment_stands_above_the_file),
        TEST(token_of_one_server_is_not_sent_to_another),
        TEST(token_that_would_break_a_header_is_refused),
        TEST(addresses_are_https_and_nothing_more),
        TEST(ca_file_must_hold_a_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
