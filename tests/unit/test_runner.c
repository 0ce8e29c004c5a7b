#include "runner_rig.h"

#include "mem.h"

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

static void push_and_run(struct rig *g, const char *repair)
{
    rig_push(g, repair, NULL);
    rig_run(g, HOUR);
}

static void assert_waits(struct rig *g, const char *reason)
{
    const struct wire_result *r = rig_result(g);
    assert_int_equal(r->state, JOB_WAITING);
    assert_int_equal(r->result, JOB_RESULT_DEFERRED);
    if (!strstr(r->reason, reason))
        fail_msg("waits because of \"%s\", expected \"%s\"", r->reason, reason);
}

static void assert_refused(struct rig *g, const char *reason)
{
    rig_assert_result(g, JOB_RESULT_REFUSED);
    if (!strstr(rig_result(g)->reason, reason))
        fail_msg("refused because of \"%s\", expected \"%s\"", rig_result(g)->reason, reason);
}

/* ---- orders that lie ---- */

static void forged_orders_are_refused_and_touch_nothing(void **state)
{
    static const struct {
        const char *op, *repair, *pairs;
        int class_off;
        int64_t from_ms, to_ms; /* relative to server time */
        const char *reason;
    } rows[] = {
        {"run", "format_disk", NULL, 0, 0, DAY, "no repair"},
        {"delete", "cache_reset", NULL, 0, 0, DAY, "no operation"},
        {"run", "cache_reset", "keep=..\\..\\windows", 0, 0, DAY, "not allowed"},
        {"run", "cache_reset", "folder=C:", 0, 0, DAY, "no parameter"},
        {"run", "cache_reset", "keep=none;keep=verify", 0, 0, DAY, "given twice"},
        {"run", "time_resync", "allow_step=yes", 0, 0, DAY, "not allowed"},
        {"run", "install_package", "kb=KB5032381", 0, 0, DAY, "needs the parameter source"},
        {"run", "cache_reset", NULL, -1, 0, DAY, "says class 0"},
        {"run", "update_scan", NULL, 1, 0, DAY, "says class 1"},
        {"run", "cache_reset", NULL, 0, -2 * DAY, -DAY, "expired"},
        {"run", "cache_reset", NULL, 0, DAY, 2 * DAY, "not valid yet"},
        {"run", "cache_reset", NULL, 0, 0, 30 * DAY, "longer than 14 days"},
        {"run", "cache_reset", NULL, 0, DAY, -DAY, "ends before it begins"},
        {"undo", "cache_reset", NULL, 0, 0, DAY, "exactly one parameter"},
        {"undo", "cache_reset", "job=../../x", 0, 0, DAY, "exactly one parameter"},
    };
    struct rig *g = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire_pair p[REPAIR_PARAMS_MAX];
        struct wire_order o = rig_order(g, rows[i].op, rows[i].repair, p, rows[i].pairs);
        int64_t now = fake_machine_true_ms(&g->fm);
        o.class += rows[i].class_off;
        o.not_before = now + rows[i].from_ms;
        o.not_after = now + rows[i].to_ms;
        rig_take(g, &o);
        rig_run(g, MINUTE);
        assert_refused(g, rows[i].reason);
        assert_int_equal(g->spool.reports[g->spool.count - 1].result, JOB_RESULT_REFUSED);
    }
    assert_int_equal(g->fm.acting_calls, 0);
}

static void order_without_a_valid_id_is_ignored(void **state)
{
    struct rig *g = *state;
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", "cache_reset", p, NULL);
    o.id = "../journal";
    rig_take(g, &o);
    rig_run(g, HOUR);
    assert_int_equal(g->spool.count, 0);
    assert_int_equal(g->fm.acting_calls, 0);
}

static void repairs_of_a_later_version_are_not_available(void **state)
{
    struct rig *g = *state;
    for (int i = 0; i < REPAIR_COUNT; i++) {
        const struct repair *r = repair_get((enum repair_id)i);
        bool implemented = i == REPAIR_TIME_RESYNC || i == REPAIR_CACHE_RESET || i == REPAIR_UPDATE_SCAN;
        if (implemented || r->params[0].name)
            continue;
        push_and_run(g, r->name);
        rig_assert_result(g, JOB_RESULT_NOT_AVAILABLE);
        assert_non_null(strstr(rig_result(g)->reason, "this agent version cannot run"));
    }
    assert_int_equal(g->fm.acting_calls, 0);
}

/* ---- at most once ---- */

static void repeated_order_starts_once_and_reports_again(void **state)
{
    struct rig *g = *state;
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", "cache_reset", p, NULL);
    rig_take(g, &o);
    rig_take(g, &o);
    rig_run(g, HOUR);
    int reports = g->spool.count;
    rig_take(g, &o);
    rig_restart(g, true);
    rig_take(g, &o);
    rig_run(g, HOUR);
    assert_int_equal(fake_machine_traced(&g->fm, "PLACE_MOVE_ASIDE"), 1);
    assert_true(g->spool.count > reports);
    assert_int_equal(g->spool.reports[g->spool.count - 1].state, JOB_DONE);
}

static void nothing_starts_while_the_journal_can_not_be_written(void **state)
{
    struct rig *g = *state;
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", "cache_reset", p, NULL);
    struct err e = {0};
    g->fm.fail_mask = FAKE_FILE_WRITES;
    g->fm.fail_at = 2; /* the order is taken, then the disk is full */
    g->fm.fail_on = true;
    assert_true(runner_take(g->runner, &o, fake_machine_true_ms(&g->fm), &e));
    rig_run(g, MINUTE);
    assert_int_equal(g->fm.acting_calls, 0);
    g->fm.fail_at = 0;
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
}

static void order_that_can_not_be_written_is_not_taken(void **state)
{
    struct rig *g = *state;
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", "cache_reset", p, NULL);
    struct err e = {0};
    g->fm.fail_mask = FAKE_FILE_WRITES;
    g->fm.fail_at = 1;
    assert_false(runner_take(g->runner, &o, fake_machine_true_ms(&g->fm), &e));
    assert_null(rig_result(g));
    assert_true(runner_idle(g->runner));
    rig_take(g, &o); /* offered again */
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
}

static void report_the_spool_can_not_store_is_kept(void **state)
{
    struct rig *g = *state;
    g->spool.fail_puts = 30;
    push_and_run(g, "update_scan");
    rig_run(g, HOUR);
    assert_int_equal(g->spool.fail_puts, 0);
    assert_int_equal(g->spool.reports[g->spool.count - 1].state, JOB_DONE);
}

static void report_lost_in_a_crash_is_made_again(void **state)
{
    struct rig *g = *state;
    g->spool.fail_puts = 100000;
    push_and_run(g, "update_scan");
    rig_restart(g, true);
    g->spool.fail_puts = 0;
    rig_run(g, HOUR);
    assert_int_equal(g->spool.count, 1);
    assert_int_equal(g->spool.reports[0].result, JOB_RESULT_DONE);
}

/* ---- limits ---- */

static void cache_reset_runs_once_in_seven_days(void **state)
{
    struct rig *g = *state;
    push_and_run(g, "cache_reset");
    rig_assert_result(g, JOB_RESULT_DONE);
    fake_machine_advance(&g->fm, 2 * DAY);
    push_and_run(g, "cache_reset");
    assert_refused(g, "cache_reset ran 2 days ago; at most 1 in 7 days");
    fake_machine_advance(&g->fm, 5 * DAY);
    push_and_run(g, "cache_reset");
    rig_assert_result(g, JOB_RESULT_DONE);
}

static void limit_survives_restart_and_wall_clock_jumps(void **state)
{
    static const int64_t jumps[] = {0, 400 * DAY, -4000 * DAY};
    struct rig *g = &rig;
    (void)state;
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++)
        for (int reboot = 0; reboot < 2; reboot++) {
            rig_init(g);
            push_and_run(g, "cache_reset");
            g->fm.clock.wall += jumps[i];
            g->fm.skew_ms += jumps[i];
            rig_restart(g, reboot);
            fake_machine_advance(&g->fm, 3 * DAY);
            push_and_run(g, "cache_reset");
            assert_refused(g, "at most 1 in 7 days");
            fake_machine_advance(&g->fm, 4 * DAY + HOUR);
            push_and_run(g, "cache_reset");
            rig_assert_result(g, JOB_RESULT_DONE);
            rig_free(g);
        }
}

static void server_time_that_jumps_does_not_lift_a_limit_within_a_boot(void **state)
{
    struct rig *g = *state;
    push_and_run(g, "cache_reset");
    g->fm.skew_ms -= 30 * DAY; /* the server now says it is a month later */
    push_and_run(g, "cache_reset");
    assert_refused(g, "at most 1 in 7 days");
}

/* Started by hand before any contact: no server time is known, and the machine restarts. */
static void start_without_server_time_counts_after_a_restart(void **state)
{
    struct rig *g = *state;
    char job[JOB_ID_MAX];
    g->time_known = false;
    assert_true(runner_local(g->runner, "run", "cache_reset", NULL, NULL, false, job, NULL));
    rig_run(g, HOUR);
    rig_restart(g, true);
    g->time_known = true;
    push_and_run(g, "cache_reset");
    assert_refused(g, "at most 1 in 7 days");
    fake_machine_advance(&g->fm, 7 * DAY);
    push_and_run(g, "cache_reset");
    rig_assert_result(g, JOB_RESULT_DONE);
}

static void simulated_machines_have_shorter_windows(void **state)
{
    struct rig *g = &rig;
    (void)state;
    rig_init(g);
    for (int i = 0; i < SERVICE_COUNT; i++)
        g->fm.services[i].takes_ms = 1;
    runner_close(g->runner);
    struct runner_options o = {.machine = &g->fm.machine, .spool = &g->spool, .speed = 1000};
    g->runner = runner_open(&o, NULL);
    push_and_run(g, "cache_reset");
    fake_machine_advance(&g->fm, 7 * DAY / 1000 + 1);
    push_and_run(g, "cache_reset");
    rig_assert_result(g, JOB_RESULT_DONE);
    rig_free(g);
}

static void undo_scan_and_dry_run_count_for_no_limit(void **state)
{
    struct rig *g = *state;
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", "cache_reset", p, NULL);
    o.dry_run = true;
    rig_take(g, &o);
    rig_run(g, HOUR);
    for (int i = 0; i < 10; i++)
        push_and_run(g, "update_scan");
    push_and_run(g, "cache_reset");
    rig_assert_result(g, JOB_RESULT_DONE);
}

/* ---- vetoes ---- */

static void set_reboot(struct machine_conditions *c)
{
    c->reboot_pending = true;
}

static void set_battery(struct machine_conditions *c)
{
    c->on_battery = true;
    c->battery_percent = 59;
}

static void set_disk(struct machine_conditions *c)
{
    c->free_disk_bytes = (INT64_C(1) << 30) - 1;
}

static void set_busy(struct machine_conditions *c)
{
    c->update_busy = true;
}

static void veto_defers_until_it_passes_but_never_what_would_lift_it(void **state)
{
    static const struct {
        void (*set)(struct machine_conditions *);
        const char *reason;
    } rows[] = {
        {set_reboot, "a restart is pending"},
        {set_battery, "on battery below 60 %"},
        {set_disk, "too little free space"},
        {set_busy, "an update installation is running"},
    };
    struct rig *g = &rig;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig_init(g);
        struct machine_conditions fine = g->fm.conditions;
        rows[i].set(&g->fm.conditions);
        push_and_run(g, "cache_reset");
        assert_waits(g, rows[i].reason);
        assert_int_equal(g->spool.count, 1); /* said once, not on every try */
        char waiting[JOB_ID_MAX];
        memcpy(waiting, g->job, sizeof waiting);
        push_and_run(g, "time_resync"); /* nothing stops these */
        rig_assert_result(g, JOB_RESULT_DONE);
        push_and_run(g, "update_scan");
        rig_assert_result(g, JOB_RESULT_DONE);
        g->fm.conditions = fine;
        rig_run(g, HOUR);
        assert_int_equal(runner_result(g->runner, waiting)->result, JOB_RESULT_DONE);
        rig_free(g);
    }
}

static void battery_with_60_percent_is_enough_for_class_1(void **state)
{
    struct rig *g = *state;
    g->fm.conditions.on_battery = true;
    g->fm.conditions.battery_percent = 60;
    push_and_run(g, "cache_reset");
    rig_assert_result(g, JOB_RESULT_DONE);
}

static void waiting_job_expires_as_deferred_and_survives_restarts(void **state)
{
    struct rig *g = *state;
    set_reboot(&g->fm.conditions);
    push_and_run(g, "cache_reset");
    rig_restart(g, true);
    rig_run(g, HOUR);
    assert_waits(g, "a restart is pending");
    rig_run(g, 25 * HOUR);
    rig_assert_result(g, JOB_RESULT_DEFERRED);
    assert_non_null(strstr(rig_result(g)->reason, "a restart is pending"));
    assert_int_equal(g->fm.acting_calls, 0);
}

static void critical_roles_run_class_0_only(void **state)
{
    static const char *const roles[] = {"dc", "cluster", "hyperv"};
    struct rig *g = &rig;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        rig_init(g);
        snprintf(g->fm.conditions.role, sizeof g->fm.conditions.role, "%s", roles[i]);
        push_and_run(g, "cache_reset");
        assert_refused(g, "class 0 only");
        push_and_run(g, "update_scan");
        rig_assert_result(g, JOB_RESULT_DONE);
        g->fm.conditions.allow_critical_roles = true;
        push_and_run(g, "cache_reset");
        rig_assert_result(g, JOB_RESULT_DONE);
        rig_free(g);
    }
}

static void machine_that_only_reports_refuses_everything(void **state)
{
    struct rig *g = *state;
    g->fm.conditions.report_only = true;
    push_and_run(g, "update_scan");
    assert_refused(g, "only reports");
    assert_int_equal(g->fm.acting_calls, 0);
}

/* ---- order of things ---- */

static void clock_comes_first_then_first_come_first_served(void **state)
{
    struct rig *g = *state;
    rig_push(g, "cache_reset", NULL);
    rig_push(g, "update_scan", NULL);
    rig_push(g, "time_resync", NULL);
    rig_run(g, 2 * HOUR);
    const char *trace = buf_text(&g->fm.trace);
    const char *program = strstr(trace, "PROGRAM_START"), *stop = strstr(trace, "SERVICE_STOP"), *last = strstr(stop, "SCAN_START");
    assert_true(program && stop && program < stop);
    assert_int_equal(g->fm.scans_started, 3);
    assert_non_null(last);
    assert_true(runner_idle(g->runner));
}

static void freeze_lets_running_jobs_end_and_starts_none(void **state)
{
    struct rig *g = *state;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, 2000);
    runner_freeze(g->runner, true);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    push_and_run(g, "update_scan");
    assert_waits(g, "frozen");
    runner_freeze(g->runner, false);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
}

static void cancelled_job_never_starts_but_a_running_one_ends(void **state)
{
    struct rig *g = *state;
    char first[JOB_ID_MAX], second[JOB_ID_MAX];
    snprintf(first, sizeof first, "%s", rig_push(g, "cache_reset", NULL));
    rig_run(g, 1000);
    snprintf(second, sizeof second, "%s", rig_push(g, "update_scan", NULL));
    const char *const both[] = {first, second};
    assert_true(runner_cancel(g->runner, both, 2, NULL));
    rig_run(g, HOUR);
    assert_int_equal(runner_result(g->runner, first)->result, JOB_RESULT_DONE);
    assert_refused(g, "taken back");
    rig_restart(g, true);
    rig_run(g, HOUR);
    assert_refused(g, "taken back");
}

static void orders_wait_until_server_time_is_known(void **state)
{
    struct rig *g = *state;
    rig_push(g, "cache_reset", NULL);
    rig_restart(g, true);
    g->time_known = false;
    rig_run(g, HOUR);
    assert_int_equal(g->fm.acting_calls, 0);
    g->time_known = true;
    fake_machine_advance(&g->fm, 2 * DAY);
    rig_run(g, HOUR);
    assert_refused(g, "expired before it could start");
}

static void running_names_every_job_that_has_not_ended(void **state)
{
    struct rig *g = *state;
    struct arena a = {0};
    const char **ids = NULL;
    assert_int_equal(runner_running(g->runner, &a, &ids), 0);
    rig_push(g, "cache_reset", NULL);
    rig_push(g, "update_scan", NULL);
    rig_run(g, 1000);
    assert_int_equal(runner_running(g->runner, &a, &ids), 2);
    assert_string_equal(ids[1], g->job);
    rig_run(g, HOUR);
    assert_int_equal(runner_running(g->runner, &a, &ids), 0);
    arena_free(&a);
}

/* ---- by hand ---- */

static void local_repair_is_told_at_once_what_is_wrong(void **state)
{
    struct rig *g = *state;
    char job[JOB_ID_MAX];
    struct err e = {0};
    assert_false(runner_local(g->runner, "run", "no_such", NULL, NULL, false, job, &e));
    assert_non_null(strstr(e.text, "no repair"));
    set_reboot(&g->fm.conditions);
    assert_true(runner_local(g->runner, "run", "cache_reset", NULL, NULL, false, job, &e));
    rig_run(g, MINUTE);
    assert_int_equal(runner_result(g->runner, job)->result, JOB_RESULT_REFUSED);
    assert_string_equal(runner_result(g->runner, job)->repair, "cache_reset");
}

static void dry_run_changes_nothing_and_tells_the_steps(void **state)
{
    struct rig *g = *state;
    struct wire_pair p[REPAIR_PARAMS_MAX];
    static const char *const repairs[] = {"cache_reset", "time_resync", "update_scan"};
    set_reboot(&g->fm.conditions);
    for (size_t i = 0; i < 3; i++) {
        struct wire_order o = rig_order(g, "run", repairs[i], p, NULL);
        o.dry_run = true;
        rig_take(g, &o);
        rig_run(g, HOUR);
        rig_assert_result(g, JOB_RESULT_DONE);
        rig_assert_verdict(g, JOB_VERDICT_NONE);
        assert_non_null(strstr(rig_result(g)->reason, "dry run"));
        assert_non_null(strstr(rig_result(g)->output, "1. "));
        assert_false(rig_result(g)->undoable);
    }
    assert_int_equal(g->fm.acting_calls, 0);
}

static void description_says_what_is_found_and_what_stands_in_the_way(void **state)
{
    struct rig *g = *state;
    struct buf out;
    struct err e = {0};
    buf_init(&out, 8000);
    set_busy(&g->fm.conditions);
    assert_true(runner_describe(g->runner, "cache_reset", NULL, &out, &e));
    assert_non_null(strstr(buf_text(&out), "now: SoftwareDistribution holds 4 MB"));
    assert_non_null(strstr(buf_text(&out), "now: wuauserv is running, start manual"));
    assert_non_null(strstr(buf_text(&out), "it would wait now: an update installation is running"));
    assert_false(runner_describe(g->runner, "reboot", NULL, &out, &e));
    assert_false(runner_describe(g->runner, "nonsense", NULL, &out, &e));
    assert_int_equal(g->fm.acting_calls, 0);
    buf_free(&out);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(forged_orders_are_refused_and_touch_nothing),
        CASE(order_without_a_valid_id_is_ignored),
        CASE(repairs_of_a_later_version_are_not_available),
        CASE(repeated_order_starts_once_and_reports_again),
        CASE(nothing_starts_while_the_journal_can_not_be_written),
        CASE(order_that_can_not_be_written_is_not_taken),
        CASE(report_the_spool_can_not_store_is_kept),
        CASE(report_lost_in_a_crash_is_made_again),
        CASE(cache_reset_runs_once_in_seven_days),
        cmocka_unit_test(limit_survives_restart_and_wall_clock_jumps),
        CASE(server_time_that_jumps_does_not_lift_a_limit_within_a_boot),
        CASE(start_without_server_time_counts_after_a_restart),
        cmocka_unit_test(simulated_machines_have_shorter_windows),
        CASE(undo_scan_and_dry_run_count_for_no_limit),
        cmocka_unit_test(veto_defers_until_it_passes_but_never_what_would_lift_it),
        CASE(battery_with_60_percent_is_enough_for_class_1),
        CASE(waiting_job_expires_as_deferred_and_survives_restarts),
        cmocka_unit_test(critical_roles_run_class_0_only),
        CASE(machine_that_only_reports_refuses_everything),
        CASE(clock_comes_first_then_first_come_first_served),
        CASE(freeze_lets_running_jobs_end_and_starts_none),
        CASE(cancelled_job_never_starts_but_a_running_one_ends),
        CASE(orders_wait_until_server_time_is_known),
        CASE(running_names_every_job_that_has_not_ended),
        CASE(local_repair_is_told_at_once_what_is_wrong),
        CASE(dry_run_changes_nothing_and_tells_the_steps),
        CASE(description_says_what_is_found_and_what_stands_in_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
