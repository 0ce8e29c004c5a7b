#include "accounts.h"
#include "crypto.h"
#include "mem.h"

#include "../store/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { VIEWER = 4, OPERATOR = 8, APPROVER = 16, ADMIN = 32, ALL = VIEWER | OPERATOR | APPROVER | ADMIN };
enum { NOW = 1000 };

static int setup(void **state)
{
    *state = accounts_new();
    return 0;
}

static int teardown(void **state)
{
    accounts_free(*state);
    return 0;
}

static void user(struct accounts *a, int64_t id, unsigned roles, bool disabled)
{
    accounts_put_user(a, &(struct user_row){.id = id, .name = "ada", .roles = roles, .disabled = disabled});
}

static void token(struct accounts *a, const char *id, const char *secret, int64_t owner, unsigned roles, int64_t expires_ms)
{
    char digest[65];
    sha256_hex(slice_of(secret), digest);
    accounts_put_token(a, &(struct token_row){.id = id, .kind = "api", .sha256 = digest, .name = "n", .user_id = owner,
                                              .roles = roles, .expires_ms = expires_ms});
}

/* The roles of whoever bears this secret; 0 when it is denied. */
static unsigned roles_of(struct accounts *a, const char *secret, int64_t now_ms)
{
    struct actor who = {0};
    struct err e = {0};
    if (accounts_check(a, secret, now_ms, &who, &e)) {
        assert_string_equal(who.name, "ada");
        return who.roles;
    }
    assert_int_equal(e.kind, ERR_DENIED);
    assert_int_equal(who.roles, 0);
    assert_int_equal(who.user_id, 0);
    return 0;
}

static void a_token_may_do_its_scope_within_its_owners_roles(void **state)
{
    struct accounts *a = *state;
    static const struct {
        unsigned owner, scope, expected;
    } cases[] = {{ALL, ALL, ALL},
                 {ALL, VIEWER, VIEWER},
                 {VIEWER, ALL, VIEWER},
                 {VIEWER | OPERATOR, OPERATOR | ADMIN, OPERATOR},
                 {ADMIN, VIEWER, 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[10], secret[10];
        snprintf(id, sizeof id, "t%zu", i);
        snprintf(secret, sizeof secret, "s%zu", i);
        user(a, 1, cases[i].owner, false);
        token(a, id, secret, 1, cases[i].scope, 2000);
        assert_int_equal(roles_of(a, secret, NOW), cases[i].expected);
    }
}

static void a_change_of_the_owner_counts_at_once(void **state)
{
    struct accounts *a = *state;
    user(a, 1, ALL, false);
    user(a, 2, ALL, false);
    token(a, "t", "secret", 1, ALL, 2000);
    assert_int_equal(roles_of(a, "secret", NOW), ALL);
    user(a, 1, VIEWER, false);
    assert_int_equal(roles_of(a, "secret", NOW), VIEWER);
    user(a, 1, ALL, true);
    assert_int_equal(roles_of(a, "secret", NOW), 0);
    user(a, 1, ALL, false);
    assert_int_equal(roles_of(a, "secret", NOW), ALL);
}

static void a_token_ends_at_its_time(void **state)
{
    struct accounts *a = *state;
    user(a, 1, ALL, false);
    token(a, "t", "secret", 1, ALL, 2000);
    assert_int_equal(roles_of(a, "secret", 1999), ALL);
    assert_int_equal(roles_of(a, "secret", 2000), 0);
}

static void only_the_secret_itself_is_accepted(void **state)
{
    struct accounts *a = *state;
    user(a, 1, ALL, false);
    token(a, "t", "secret", 1, ALL, 2000);
    char digest[65];
    sha256_hex(slice_of("secret"), digest);
    static const char *const others[] = {"", "secret ", "Secret", "secre", "t", "ada"};
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(roles_of(a, others[i], NOW), 0);
    assert_int_equal(roles_of(a, digest, NOW), 0); /* what the database holds opens nothing */
}

static void a_dropped_token_is_over(void **state)
{
    struct accounts *a = *state;
    user(a, 1, ALL, false);
    token(a, "t1", "one", 1, ALL, 2000);
    token(a, "t2", "two", 1, ALL, 2000);
    token(a, "t3", "three", 1, ALL, 2000);
    accounts_drop_token(a, "t2");
    accounts_drop_token(a, "no such");
    assert_int_equal(roles_of(a, "one", NOW), ALL);
    assert_int_equal(roles_of(a, "two", NOW), 0);
    assert_int_equal(roles_of(a, "three", NOW), ALL);
}

static void a_token_without_an_owner_is_denied(void **state)
{
    token(*state, "t", "secret", 77, ALL, 2000);
    assert_int_equal(roles_of(*state, "secret", NOW), 0);
}

static void the_actor_is_named_for_the_audit(void **state)
{
    struct actor who = {0};
    user(*state, 5, ALL, false);
    token(*state, "token-id", "secret", 5, OPERATOR, 2000);
    assert_true(accounts_check(*state, "secret", NOW, &who, NULL));
    assert_int_equal(who.user_id, 5);
    assert_string_equal(who.name, "ada");
    assert_string_equal(who.token, "token-id");
}

static void all_is_loaded_from_the_database(void **state)
{
    struct err e = {0};
    char url[200], digest[65];
    int64_t id = 0;
    snprintf(url, sizeof url, "sqlite:%s/accounts.db", temp_dir());
    struct store *s = store_open(url, DB_WRITER, &e);
    if (!s)
        fail_msg("%s", e.text);
    struct user_row row = {.name = "ada", .password_hash = "", .roles = VIEWER | ADMIN};
    assert_true(store_user_add(s, &row, &id, &e));
    sha256_hex(slice_of("kept"), digest);
    struct token_row kept = {.id = "t1", .kind = "api", .sha256 = digest, .name = "n", .user_id = id, .roles = ALL, .expires_ms = 2000};
    assert_true(store_token_add(s, &kept, &e));
    if (!accounts_load(*state, s, NOW, &e))
        fail_msg("%s", e.text);
    assert_int_equal(roles_of(*state, "kept", NOW), VIEWER | ADMIN);
    store_close(s);
}

/* ---- roles ---- */

static void roles_are_words(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        unsigned roles;
    } cases[] = {{"viewer", VIEWER}, {"admin,viewer", VIEWER | ADMIN}, {"viewer,operator,approver,admin", ALL},
                 {"approver,approver", APPROVER}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned roles = 0;
        assert_true(roles_parse(cases[i].words, &roles, NULL));
        assert_int_equal(roles, cases[i].roles);
    }
    for (unsigned set = VIEWER; set <= ALL; set += VIEWER) {
        char text[64];
        unsigned back = 0;
        roles_print(set, text);
        assert_true(roles_parse(text, &back, NULL));
        assert_int_equal(back, set);
    }
    char text[64];
    roles_print(0, text);
    assert_string_equal(text, "");
}

static void unknown_roles_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", ",", "root", "Viewer", "viewer, admin", "viewer,,admin", ",viewer", "viewer,", "view", "viewers"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        unsigned roles;
        struct err e = {0};
        if (roles_parse(texts[i], &roles, &e))
            fail_msg("\"%s\" was accepted", texts[i]);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, "approver"));
    }
}

/* ---- passwords ---- */

static void a_password_opens_only_its_own_hash(void **state)
{
    (void)state;
    struct err e = {0};
    char one[PASSWORD_HASH_MAX], two[PASSWORD_HASH_MAX];
    assert_true(password_hash("correct horse", one, &e));
    assert_true(password_hash("correct horse", two, &e));
    assert_string_not_equal(one, two);
    assert_int_equal(strncmp(one, "$argon2id$v=19$m=65536,t=2,", 27), 0);
    assert_true(password_matches(one, "correct horse"));
    assert_false(password_matches(one, "correct hors"));
    assert_false(password_matches(one, ""));
    assert_false(password_matches("", "correct horse"));
    assert_false(password_matches("not a hash", "correct horse"));
}

static void a_short_password_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    char hash[PASSWORD_HASH_MAX];
    assert_false(password_hash("1234567", hash, &e));
    assert_int_equal(e.kind, ERR_INVALID);
    assert_true(password_hash("12345678", hash, &e));
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(a_token_may_do_its_scope_within_its_owners_roles),
        RIGGED(a_change_of_the_owner_counts_at_once),
        RIGGED(a_token_ends_at_its_time),
        RIGGED(only_the_secret_itself_is_accepted),
        RIGGED(a_dropped_token_is_over),
        RIGGED(a_token_without_an_owner_is_denied),
        RIGGED(the_actor_is_named_for_the_audit),
        RIGGED(all_is_loaded_from_the_database),
        cmocka_unit_test(roles_are_words),
        cmocka_unit_test(unknown_roles_are_refused),
        cmocka_unit_test(a_password_opens_only_its_own_hash),
        cmocka_unit_test(a_short_password_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
