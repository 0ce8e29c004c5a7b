#include "wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wait wait;
static struct json *report;

/* One look at jobs given as the text between [ and ]. */
static bool look(const char *jobs, int64_t ticks_ms)
{
    struct buf text;
    struct err e = {0};
    buf_init(&text, 1 << 16);
    buf_printf(&text, "[%s]", jobs);
    json_free(report);
    report = json_parse(buf_slice(&text), &e);
    buf_free(&text);
    if (!report)
        fail_msg("%s", e.text);
    struct rows rows = {0};
    rows_add_all(&rows, report);
    bool over = wait_look(&wait, &rows, ticks_ms);
    rows_free(&rows);
    return over;
}

static int fresh(void **state)
{
    (void)state;
    wait_free(&wait);
    wait_init(&wait);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    wait_free(&wait);
    json_free(report);
    report = NULL;
    return 0;
}

#define JOB(id, state, result, verdict, online)                                                              \
    "{\"job\":\"" id "\",\"state\":\"" state "\",\"result\":\"" result "\",\"verdict\":\"" verdict           \
    "\",\"online\":" online "}"

static void waits_for_the_verdict_too(void **state)
{
    (void)state;
    assert_false(look(JOB("1", "queued", "", "", "true"), 1000));
    assert_false(look(JOB("1", "running", "", "", "true"), 2000));
    assert_false(look(JOB("1", "verifying", "done", "", "true"), 3000));
    assert_true(look(JOB("1", "done", "done", "fixed", "true"), 4000));
    assert_int_equal(wait_exit(&wait, false), CLI_OK);
}

static void pending_verdict_is_the_last_word_for_now(void **state)
{
    (void)state;
    assert_true(look(JOB("1", "verifying", "done", "pending", "true"), 1000));
    assert_int_equal(wait_exit(&wait, false), CLI_OK);
}

static void unknown_verdict_alone_is_no_failure(void **state)
{
    (void)state;
    assert_true(
        look(JOB("1", "done", "done", "unknown", "true") "," JOB("2", "done", "done", "same", "true"), 1000));
    assert_int_equal(wait_exit(&wait, false), CLI_OK);
}

static void anything_but_done_is_some_failed(void **state)
{
    (void)state;
    static const char *const ends[] = {
        JOB("2", "done", "failed", "", "true"),
        JOB("2", "done", "refused", "", "true"),
        JOB("2", "done", "not_applicable", "", "true"),
        JOB("2", "cancelled", "", "", "true"),
        JOB("2", "expired", "", "", "true"),
        JOB("2", "superseded", "", "", "true"),
        JOB("2", "waiting", "deferred", "", "true"),
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct buf both;
        buf_init(&both, 4096);
        buf_printf(&both, "%s,%s", JOB("1", "done", "done", "fixed", "true"), ends[i]);
        fresh(NULL);
        if (!look(buf_text(&both), 1000))
            fail_msg("waits on after %s", ends[i]);
        assert_int_equal(wait_exit(&wait, false), CLI_SOME_FAILED);
        buf_free(&both);
    }
}

static void offline_machine_ends_the_wait_once_it_stays_offline(void **state)
{
    (void)state;
    const char *away = JOB("1", "done", "done", "fixed", "true") "," JOB("2", "queued", "", "", "false");
    assert_false(look(away, 1000));
    assert_false(look(away, 1000 + WAIT_OFFLINE_MS - 1));
    assert_true(look(away, 1000 + WAIT_OFFLINE_MS));
    assert_int_equal(wait_exit(&wait, false), CLI_SOME_FAILED);
    assert_int_equal(wait.offline, 1);
}

static void machine_that_comes_back_is_waited_for_anew(void **state)
{
    (void)state;
    assert_false(look(JOB("1", "queued", "", "", "false"), 1000));
    assert_false(look(JOB("1", "running", "", "", "true"), 3500));
    assert_false(look(JOB("1", "running", "", "", "false"), 3600));
    assert_false(look(JOB("1", "running", "", "", "false"), 3600 + WAIT_OFFLINE_MS - 1));
    assert_true(look(JOB("1", "running", "", "", "false"), 3600 + WAIT_OFFLINE_MS));
}

static void jobs_are_told_apart_when_their_order_changes(void **state)
{
    (void)state;
    assert_false(look(JOB("1", "queued", "", "", "false") "," JOB("2", "queued", "", "", "true"), 1000));
    assert_false(
        look(JOB("2", "queued", "", "", "false") "," JOB("1", "done", "done", "fixed", "true"), 3900));
    assert_false(
        look(JOB("1", "done", "done", "fixed", "true") "," JOB("2", "queued", "", "", "false"), 4100));
    assert_true(
        look(JOB("1", "done", "done", "fixed", "true") "," JOB("2", "queued", "", "", "false"), 6900));
}

static void after_a_restart_of_the_server_machines_get_time_to_return(void **state)
{
    (void)state;
    wait_note_restart(&wait);
    assert_false(look(JOB("1", "running", "", "", "false"), 1000));
    assert_false(look(JOB("1", "running", "", "", "false"), 60000));
    assert_true(look(JOB("1", "running", "", "", "false"), 1000 + WAIT_OFFLINE_AFTER_RESTART_MS));
}

static void result_of_an_offline_machine_counts(void **state)
{
    (void)state;
    assert_true(look(JOB("1", "done", "done", "fixed", "false"), 1000));
    assert_int_equal(wait_exit(&wait, false), CLI_OK);
    assert_int_equal(wait.offline, 0);
}

static void time_out_has_its_own_exit_code(void **state)
{
    (void)state;
    assert_false(look(JOB("1", "running", "", "", "true"), 1000));
    assert_int_equal(wait_exit(&wait, true), CLI_TIMED_OUT);
    assert_int_equal(wait_exit(&wait, false), CLI_SOME_FAILED);
}

static void progress_counts_what_is_going_on(void **state)
{
    (void)state;
    struct arena a = {0};
    look(JOB("1", "done", "done", "fixed", "true") "," JOB("2", "verifying", "done", "",
                                                           "true") "," JOB("3", "queued", "", "", "false"),
         1000);
    assert_string_equal(wait_text(&wait, &a), "1 of 3 ended, 1 running, 1 offline");
    arena_free(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waits_for_the_verdict_too),
        TEST(pending_verdict_is_the_last_word_for_now),
        TEST(unknown_verdict_alone_is_no_failure),
        TEST(anything_but_done_is_some_failed),
        TEST(offline_machine_ends_the_wait_once_it_stays_offline),
        TEST(machine_that_comes_back_is_waited_for_anew),
        TEST(jobs_are_told_apart_when_their_order_changes),
        TEST(after_a_restart_of_the_server_machines_get_time_to_return),
        TEST(result_of_an_offline_machine_counts),
        TEST(time_out_has_its_own_exit_code),
        TEST(progress_counts_what_is_going_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
