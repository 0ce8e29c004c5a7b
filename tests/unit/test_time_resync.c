#include "runner_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static struct rig rig;

static int set_up(void **state)
{
    rig_init(&rig);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_assert_revs_rise(*state);
    rig_free(*state);
    return 0;
}

static void skew(struct rig *g, int64_t ms)
{
    g->fm.clock.wall += ms;
    g->fm.skew_ms += ms;
}

static void service(struct rig *g, enum service_state state, enum service_start start)
{
    g->fm.services[SERVICE_W32TIME].state = state;
    g->fm.services[SERVICE_W32TIME].start = start;
    rig_note(g);
}

static void exits(struct rig *g, uint32_t first, uint32_t second)
{
    g->fm.programs[PROGRAM_W32TM_RESYNC_REDISCOVER].ends[0] =
        (struct fake_program_end){.exit_code = first, .takes_ms = 1000, .output = "said something"};
    g->fm.programs[PROGRAM_W32TM_RESYNC].ends[0] =
        (struct fake_program_end){.exit_code = second, .takes_ms = 1000, .corrects_clock = second == 0};
}

static void push_and_run(struct rig *g, const char *pairs)
{
    rig_push(g, "time_resync", pairs);
    rig_run(g, HOUR);
}

static void stopped_service_is_started_and_the_clock_corrected(void **state)
{
    struct rig *g = *state;
    skew(g, 10 * MINUTE);
    rig_event(g, "failed", 0x80072F8F, "scan", NULL);
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_DONE);
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
    assert_true(g->fm.skew_ms == 0);
    assert_non_null(strstr(rig_result(g)->output, "the clock is 10 minutes ahead"));
    assert_non_null(strstr(rig_result(g)->output, "the clock is now 0 seconds ahead"));
    assert_int_equal(g->fm.services[SERVICE_W32TIME].state, SERVICE_STATE_RUNNING);
    assert_int_equal(fake_machine_traced(&g->fm, "SERVICE_SET_START"), 0);
    assert_int_equal(fake_machine_traced(&g->fm, "CLOCK_SET"), 0);
}

static void right_clock_with_a_running_service_needs_nothing(void **state)
{
    struct rig *g = *state;
    service(g, SERVICE_STATE_RUNNING, SERVICE_START_MANUAL);
    skew(g, -119000);
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_NOT_APPLICABLE);
    assert_int_equal(strncmp(rig_result(g)->reason, "not needed", 10), 0);
    assert_int_equal(g->fm.acting_calls, 0);
    assert_true(rig_result(g)->skew_ms == -119000);
}

static void right_clock_with_a_stopped_service_is_resynchronised(void **state)
{
    struct rig *g = *state;
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_int_equal(fake_machine_traced(&g->fm, "PROGRAM_START w32tm.exe /resync /rediscover: ok"), 1);
}

static void disabled_service_is_lent_a_start_type_and_disabled_again(void **state)
{
    struct rig *g = *state;
    service(g, SERVICE_STATE_STOPPED, SERVICE_START_DISABLED);
    skew(g, -HOUR);
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_true(g->fm.skew_ms == 0);
    assert_int_equal(fake_machine_traced(&g->fm, "SERVICE_SET_START W32Time manual: ok"), 1);
    rig_assert_as_found(g, true);
    assert_true(rig_result(g)->undoable);
}

static void server_time_unknown_goes_on_and_says_so(void **state)
{
    struct rig *g = *state;
    char job[JOB_ID_MAX];
    struct err e = {0};
    g->time_known = false;
    assert_true(runner_local(g->runner, "run", "time_resync", NULL, NULL, false, job, &e));
    rig_run(g, HOUR);
    const struct wire_result *r = runner_result(g->runner, job);
    assert_int_equal(r->result, JOB_RESULT_DONE);
    assert_string_equal(r->origin, "local");
    assert_non_null(strstr(r->output, "server's time is not known"));
}

static void missing_service_is_not_available(void **state)
{
    struct rig *g = *state;
    g->fm.services[SERVICE_W32TIME].absent = true;
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_NOT_AVAILABLE);
    assert_non_null(strstr(rig_result(g)->reason, "no Windows Time service"));
}

static void missing_tool_is_told_apart_from_a_failure(void **state)
{
    struct rig *g = *state;
    service(g, SERVICE_STATE_STOPPED, SERVICE_START_DISABLED);
    g->fm.programs[PROGRAM_W32TM_RESYNC_REDISCOVER].absent = true;
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_NOT_AVAILABLE);
    assert_string_equal(rig_result(g)->reason, "w32tm.exe is missing on this machine");
    rig_assert_as_found(g, true);
}

static void failing_exit_code_is_tried_plainly_once_then_explained(void **state)
{
    struct rig *g = *state;
    exits(g, 0x80070426, 0x80070426);
    g->fm.conditions.time_nosync = true;
    push_and_run(g, NULL);
    assert_non_null(strstr(rig_result(g)->reason, "Type=NoSync"));
    rig_assert_result(g, JOB_RESULT_FAILED);
    assert_non_null(strstr(rig_result(g)->reason, "0x80070426"));
    assert_non_null(strstr(rig_result(g)->output, "said something"));
    assert_int_equal(fake_machine_traced(&g->fm, "PROGRAM_START"), 2);
}

static void plain_resync_may_help_where_rediscovering_does_not(void **state)
{
    struct rig *g = *state;
    skew(g, HOUR);
    exits(g, 1, 0);
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_true(g->fm.skew_ms == 0);
}

static void program_that_hangs_fails_with_its_limit(void **state)
{
    struct rig *g = *state;
    g->fm.programs[PROGRAM_W32TM_RESYNC_REDISCOVER].ends[0] =
        (struct fake_program_end){.takes_ms = 60000, .timed_out = true};
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_FAILED);
    assert_non_null(strstr(rig_result(g)->reason, "did not end within 60 s"));
}

static void service_that_does_not_start_fails_after_30_s(void **state)
{
    struct rig *g = *state;
    service(g, SERVICE_STATE_STOPPED, SERVICE_START_DISABLED);
    g->fm.services[SERVICE_W32TIME].stuck = true;
    rig_push(g, "time_resync", NULL);
    rig_run(g, 5 * MINUTE);
    rig_assert_result(g, JOB_RESULT_FAILED);
    assert_non_null(strstr(rig_result(g)->reason, "did not start within 30 s"));
    assert_int_equal(g->fm.services[SERVICE_W32TIME].start, SERVICE_START_DISABLED);
}

static void success_without_effect_is_a_failure(void **state)
{
    struct rig *g = *state;
    skew(g, 2 * HOUR);
    g->fm.programs[PROGRAM_W32TM_RESYNC_REDISCOVER].ends[0].corrects_clock = false;
    g->fm.conditions.domain_member = true;
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_FAILED);
    assert_non_null(strstr(rig_result(g)->reason, "still 2 hours ahead"));
    assert_non_null(strstr(rig_result(g)->reason, "domain controllers"));
}

/* ---- setting the clock ---- */

enum clock_case { SETS, LEAVES };

static void clock_is_set_only_where_that_is_allowed(void **state)
{
    static const struct {
        int64_t skew_ms;
        const char *pairs, *role;
        bool policy, domain;
        enum clock_case expected;
    } rows[] = {
        {20 * DAY, NULL, "client", false, false, LEAVES},
        {20 * DAY, "allow_step=true", "client", false, false, SETS},
        {20 * DAY, NULL, "client", true, false, SETS},
        {20 * DAY, "allow_step=true", "client", true, true, LEAVES},
        {20 * DAY, "allow_step=true", "dc", true, false, LEAVES},
        {14 * HOUR, "allow_step=true", "client", true, false, LEAVES},
        {16 * HOUR, "allow_step=true", "client", false, false, SETS},
        {-16 * HOUR, "allow_step=true", "client", false, false, SETS},
        {-4000 * DAY, NULL, "client", false, false, SETS}, /* 2015: a dead battery, no word needed */
        {-4000 * DAY, NULL, "dc", false, false, LEAVES},
        {-4000 * DAY, NULL, "client", false, true, LEAVES},
    };
    struct rig *g = &rig;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig_init(g);
        g->fm.conditions.domain_member = rows[i].domain;
        g->fm.conditions.allow_clock_step = rows[i].policy;
        snprintf(g->fm.conditions.role, sizeof g->fm.conditions.role, "%s", rows[i].role);
        skew(g, rows[i].skew_ms);
        push_and_run(g, rows[i].pairs);
        rig_assert_result(g, JOB_RESULT_DONE);
        if (fake_machine_traced(&g->fm, "CLOCK_SET") != (rows[i].expected == SETS))
            fail_msg("row %zu: clock set or not against the rule", i);
        rig_free(g);
    }
}

static void clock_set_by_us_counts_when_the_service_can_not(void **state)
{
    struct rig *g = *state;
    skew(g, -4000 * DAY);
    exits(g, 0x800705B4, 0x800705B4);
    push_and_run(g, NULL);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_non_null(strstr(rig_result(g)->reason, "the clock was set from the server's time"));
    assert_true(g->fm.skew_ms == 0);
}

static void time_zone_is_not_pretended(void **state)
{
    struct rig *g = *state;
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", "time_resync", p, "timezone=W. Europe Standard Time");
    o.class = 2;
    rig_take(g, &o);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_NOT_AVAILABLE);
    assert_int_equal(g->fm.acting_calls, 0);
    rig_push(g, "time_resync", "timezone=W. Europe Standard Time"); /* as class 0: a lie about what it does */
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_REFUSED);
}

static void undo_puts_the_start_type_back(void **state)
{
    struct rig *g = *state;
    char resync[JOB_ID_MAX];
    service(g, SERVICE_STATE_STOPPED, SERVICE_START_DISABLED);
    snprintf(resync, sizeof resync, "%s", rig_push(g, "time_resync", NULL));
    rig_run(g, HOUR);
    g->fm.services[SERVICE_W32TIME].start = SERVICE_START_AUTO; /* somebody changed it since */
    rig_undo(g, "time_resync", resync);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_int_equal(g->fm.services[SERVICE_W32TIME].start, SERVICE_START_DISABLED);
}

/* ---- faults ---- */

static void prepare(struct rig *g, bool set_clock)
{
    rig_init(g);
    g->fm.services[SERVICE_WUAUSERV].start = SERVICE_START_AUTO; /* runs again after a boot */
    service(g, SERVICE_STATE_STOPPED, SERVICE_START_DISABLED);
    skew(g, set_clock ? -4000 * DAY : HOUR);
    rig_push(g, "time_resync", NULL);
}

static void assert_ended(struct rig *g, int k, const char *what)
{
    const struct wire_result *r = rig_result(g);
    if (!r || r->state != JOB_DONE || r->result == JOB_RESULT_NONE)
        fail_msg("%s call %d: no result", what, k);
    rig_assert_as_found(g, true);
}

static void any_one_failing_call_leaves_the_service_as_found(void **state)
{
    struct rig *g = &rig;
    (void)state;
    for (int set_clock = 0; set_clock < 2; set_clock++) {
        bool reached = true;
        int k;
        for (k = 1; reached; k++) {
            prepare(g, set_clock);
            g->fm.fail_mask = FAKE_ALL_CALLS & ~FAKE_FILE_WRITES;
            g->fm.fail_at = k;
            rig_run(g, 3 * HOUR);
            reached = g->fm.fail_at == 0;
            assert_ended(g, k, "failed");
            rig_free(g);
        }
        assert_in_range(k, 15, 400);
    }
}

static void agent_killed_anywhere_restores_the_start_type(void **state)
{
    struct rig *g = &rig;
    int interrupted = 0;
    (void)state;
    for (int mode = 0; mode < 8; mode++) {
        bool reached = true;
        for (int k = 1; reached; k++) {
            prepare(g, mode & 4);
            g->fm.crash_mask = fake_acting_calls() | FAKE_FILE_WRITES;
            g->fm.crash_after = mode & 1;
            g->fm.crash_at = k;
            rig_run(g, 3 * HOUR);
            reached = g->fm.crashed;
            if (reached) {
                rig_restart(g, mode & 2);
                rig_run(g, 3 * HOUR);
            }
            assert_ended(g, k, "killed at");
            assert_in_range(fake_machine_traced(&g->fm, "PROGRAM_START"), 0, 1);
            assert_in_range(fake_machine_traced(&g->fm, "CLOCK_SET"), 0, 1);
            interrupted += rig_result(g)->result == JOB_RESULT_INTERRUPTED;
            rig_free(g);
        }
    }
    assert_true(interrupted > 30);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(stopped_service_is_started_and_the_clock_corrected),
        CASE(right_clock_with_a_running_service_needs_nothing),
        CASE(right_clock_with_a_stopped_service_is_resynchronised),
        CASE(disabled_service_is_lent_a_start_type_and_disabled_again),
        CASE(server_time_unknown_goes_on_and_says_so),
        CASE(missing_service_is_not_available),
        CASE(missing_tool_is_told_apart_from_a_failure),
        CASE(failing_exit_code_is_tried_plainly_once_then_explained),
        CASE(plain_resync_may_help_where_rediscovering_does_not),
        CASE(program_that_hangs_fails_with_its_limit),
        CASE(service_that_does_not_start_fails_after_30_s),
        CASE(success_without_effect_is_a_failure),
        cmocka_unit_test(clock_is_set_only_where_that_is_allowed),
        CASE(clock_set_by_us_counts_when_the_service_can_not),
        CASE(time_zone_is_not_pretended),
        CASE(undo_puts_the_start_type_back),
        cmocka_unit_test(any_one_failing_call_leaves_the_service_as_found),
        cmocka_unit_test(agent_killed_anywhere_restores_the_start_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
