#include "filter_terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define JOIN(...) join((const char *const[]){__VA_ARGS__, NULL})

static struct buf out;
static struct err error;

static bool join(const char *const *words)
{
    size_t n = 0;
    while (words[n])
        n++;
    buf_free(&out);
    buf_init(&out, 16 * 1024);
    err_clear(&error);
    return filter_terms_join(words, n, &out, &error);
}

static void assert_joined(bool ok, const char *expected)
{
    if (!ok)
        fail_msg("refused: %s", error.text);
    assert_string_equal(buf_text(&out), expected);
}

static void one_argument_is_one_term(void **state)
{
    (void)state;
    assert_joined(JOIN("state=failing"), "state=failing");
    assert_joined(JOIN("state=failing", "code=0x80070002"), "state=failing code=0x80070002");
    assert_joined(JOIN("os~Windows 10"), "os~\"Windows 10\"");
    /* Not two terms: the second would widen or narrow what the first was meant to say. */
    assert_joined(JOIN("state=failing code=1"), "state=\"failing code=1\"");
}

static void operators_keep_their_length(void **state)
{
    (void)state;
    assert_joined(JOIN("state!=healthy"), "state!=healthy");
    assert_joined(JOIN("last_seen<7d"), "last_seen<7d");
    assert_joined(JOIN("last_seen>7d"), "last_seen>7d");
    assert_joined(JOIN("ou=OU=Sales,DC=corp"), "ou=OU=Sales,DC=corp");
    assert_joined(JOIN("name=="), "name==");
}

static void quotes_and_backslashes_are_escaped(void **state)
{
    (void)state;
    assert_joined(JOIN("model=24\" screen"), "model=\"24\\\" screen\"");
    assert_joined(JOIN("ou=a\\b c"), "ou=\"a\\\\b c\"");
    assert_joined(JOIN("ou=a\\b"), "ou=a\\b"); /* bare: a backslash is itself */
    assert_joined(JOIN("site="), "site=\"\"");
    assert_joined(JOIN("name=a\tb"), "name=\"a\tb\"");
}

static void quotes_the_user_wrote_stay(void **state)
{
    (void)state;
    assert_joined(JOIN("os~\"Windows 10\""), "os~\"Windows 10\"");
    assert_joined(JOIN("os~\"a \\\" b\""), "os~\"a \\\" b\"");
    /* What only looks quoted must not end the value early and smuggle in a term. */
    assert_joined(JOIN("os~\"a\" state=x\""), "os~\"\\\"a\\\" state=x\\\"\"");
    assert_joined(JOIN("os~\"a"), "os~\"\\\"a\"");
    assert_joined(JOIN("os~\"a\\\""), "os~\"\\\"a\\\\\\\"\"");
}

static void and_may_be_written(void **state)
{
    (void)state;
    assert_joined(JOIN("state=failing", "and", "tag=pilot"), "state=failing tag=pilot");
    assert_joined(JOIN("and"), "");
}

static void what_is_no_term_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"PC-1", "", " ", "=x", "7d", "state failing", "-x=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (JOIN("state=failing", bad[i]))
            fail_msg("'%s' was accepted as %s", bad[i], buf_text(&out));
        assert_int_equal(error.kind, ERR_INVALID);
        assert_false(filter_term_is(bad[i]));
    }
    assert_true(filter_term_is("state=failing"));
}

static int forget(void **state)
{
    (void)state;
    buf_free(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_argument_is_one_term),
        cmocka_unit_test(operators_keep_their_length),
        cmocka_unit_test(quotes_and_backslashes_are_escaped),
        cmocka_unit_test(quotes_the_user_wrote_stay),
        cmocka_unit_test(and_may_be_written),
        cmocka_unit_test(what_is_no_term_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
