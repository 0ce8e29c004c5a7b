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

/* An order that names the failure it is meant for. */
static void push_for(struct rig *g, const char *repair, uint32_t code, const char *phase, const char *update_id)
{
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", repair, p, NULL);
    o.code = code;
    o.phase = phase;
    o.update_id = update_id;
    rig_take(g, &o);
    rig_run(g, 2 * HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
}

static void scan_decides_by_the_failure_the_order_names(void **state)
{
    static const struct {
        const char *phase;
        uint32_t failed, scan;
        bool reboot;
        enum job_verdict verdict;
    } rows[] = {
        {"scan", 0x80070002, 0, false, JOB_VERDICT_FIXED},
        {"scan", 0x80070002, 0x80070002, false, JOB_VERDICT_SAME},
        {"scan", 0x80070002, 0x80240438, false, JOB_VERDICT_DIFFERENT},
        {"scan", 0x80070002, 0x80070002, true, JOB_VERDICT_NEEDS_REBOOT},
        {"scan", 0x80070002, 0x00240001, false, JOB_VERDICT_FIXED}, /* a success that is not 0 */
        {"download", 0x80240034, 0, false, JOB_VERDICT_PENDING},
        {"install", 0x80070002, 0, false, JOB_VERDICT_PENDING},
        {"upgrade", 0xC1900101, 0, false, JOB_VERDICT_PENDING},
        {"driver", 0x800F0217, 0, false, JOB_VERDICT_PENDING},
        {"uninstall", 0x80070002, 0, false, JOB_VERDICT_PENDING},
        {"install", 0x80070002, 0x80070002, false, JOB_VERDICT_SAME},
        {NULL, 0, 0, false, JOB_VERDICT_UNKNOWN},
        {NULL, 0, 0x80240438, false, JOB_VERDICT_DIFFERENT},
    };
    struct rig *g = &rig;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig_init(g);
        fake_machine_add_scan(&g->fm, rows[i].scan);
        g->fm.scans[0].end.reboot_required = rows[i].reboot;
        push_for(g, "update_scan", rows[i].failed, rows[i].phase, NULL);
        const struct wire_result *r = rig_result(g);
        if (r->verdict != (int)rows[i].verdict)
            fail_msg("row %zu: verdict %s (%s), expected %s", i, job_verdict_name((enum job_verdict)r->verdict),
                     r->verdict_reason, job_verdict_name(rows[i].verdict));
        assert_true(r->verdict_reason[0]);
        assert_true(rows[i].scan >> 31 ? r->verdict_code == rows[i].scan : r->verdict_code == 0);
        rig_free(g);
    }
}

static void update_scan_scans_once_and_changes_nothing(void **state)
{
    struct rig *g = *state;
    rig_event(g, "failed", 0x80070002, "scan", NULL);
    rig_push(g, "update_scan", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
    assert_int_equal(g->fm.acting_calls, 1); /* the scan */
    assert_false(rig_result(g)->undoable);
}

static void system_without_scans_makes_update_scan_not_available(void **state)
{
    struct rig *g = *state;
    fake_machine_no_scan(&g->fm, "no update service here");
    rig_push(g, "update_scan", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_NOT_AVAILABLE);
    assert_non_null(strstr(rig_result(g)->reason, "no update service here"));
}

static void system_without_scans_makes_the_verdict_unknown(void **state)
{
    struct rig *g = *state;
    fake_machine_no_scan(&g->fm, "no update service here");
    push_for(g, "cache_reset", 0x80070002, "scan", NULL);
    rig_assert_verdict(g, JOB_VERDICT_UNKNOWN);
    assert_non_null(strstr(rig_result(g)->verdict_reason, "no update scan: no update service here"));
}

static void scan_that_never_ends_makes_the_verdict_unknown(void **state)
{
    struct rig *g = *state;
    fake_machine_add_scan(&g->fm, 0);
    g->fm.scans[0].takes_ms = 100 * DAY;
    push_for(g, "time_resync", 0x80072F8F, "scan", NULL);
    rig_run(g, 4 * HOUR);
    rig_assert_verdict(g, JOB_VERDICT_UNKNOWN);
}

static void newest_failure_is_the_aim_when_the_order_names_none(void **state)
{
    struct rig *g = *state;
    rig_event(g, "failed", 0x80070002, "install", "u-1");
    rig_event(g, "failed", 0x80240438, "scan", NULL);
    rig_event(g, "succeeded", 0, "scan", NULL); /* healed by itself */
    fake_machine_add_scan(&g->fm, 0);
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_verdict(g, JOB_VERDICT_PENDING);
}

static void transient_and_old_failures_are_no_aim(void **state)
{
    struct rig *g = *state;
    rig_event(g, "failed", 0x00240004, "scan", NULL);
    struct wire_event old = {.seq = ++g->spool.last_seq, .outcome = "failed", .code = 0x80070002, .phase = "scan", .history = true};
    runner_saw_event(g->runner, &old);
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_verdict(g, JOB_VERDICT_UNKNOWN);
}

static void aim_survives_a_restart(void **state)
{
    struct rig *g = *state;
    rig_event(g, "failed", 0x80070002, "scan", NULL);
    g->fm.tear = FAKE_TEAR_KEEP; /* the process ended, the machine did not */
    rig_restart(g, false);
    rig_push(g, "update_scan", NULL);
    rig_run(g, HOUR);
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
}

/* ---- pending until the update installs or fails again ---- */

static void pending(struct rig *g)
{
    push_for(g, "cache_reset", 0x80070002, "install", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_PENDING);
}

static void download_after_the_repair_proves_it(void **state)
{
    struct rig *g = *state;
    push_for(g, "cache_reset", 0x80240034, "download", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_PENDING);
    rig_event(g, "succeeded", 0, "download", "u-2"); /* another update */
    rig_event(g, "succeeded", 0, "scan", "");
    rig_assert_verdict(g, JOB_VERDICT_PENDING);
    rig_event(g, "succeeded", 0, "download", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
}

/* Windows goes on by itself once its services run again: it may be done before the verifying scan is. */
static void proof_seen_while_the_scan_runs_counts(void **state)
{
    struct rig *g = *state;
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", "cache_reset", p, NULL);
    o.code = 0x80240034;
    o.phase = "download";
    o.update_id = "u-1";
    rig_take(g, &o);
    while (rig_result(g)->state != JOB_VERIFYING || !g->fm.scans_started)
        rig_run(g, 100);
    rig_event(g, "succeeded", 0, "download", "u-1");
    rig_run(g, 2 * HOUR);
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
}

static void download_that_fails_again_says_same(void **state)
{
    struct rig *g = *state;
    push_for(g, "cache_reset", 0x80240034, "download", "u-1");
    rig_event(g, "failed", 0x80240034, "download", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_SAME);
}

static void download_proves_nothing_for_an_install(void **state)
{
    struct rig *g = *state;
    pending(g);
    rig_event(g, "succeeded", 0, "download", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_PENDING);
}

static void install_after_the_repair_proves_it(void **state)
{
    struct rig *g = *state;
    pending(g);
    int rev = (int)rig_result(g)->rev;
    rig_event(g, "succeeded", 0, "install", "u-2"); /* another update */
    rig_assert_verdict(g, JOB_VERDICT_PENDING);
    rig_restart(g, true);
    rig_event(g, "succeeded", 0, "install", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
    assert_true(rig_result(g)->rev > rev);
    assert_int_equal(g->spool.reports[g->spool.count - 1].verdict, JOB_VERDICT_FIXED);
    rig_event(g, "failed", 0x80070002, "install", "u-1"); /* a later failure is a new one */
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
}

static void same_update_failing_again_is_same_or_different(void **state)
{
    struct rig *g = *state;
    pending(g);
    rig_event(g, "failed", 0x80070002, "install", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_SAME);
    rig_free(g);
    rig_init(g);
    pending(g);
    rig_event(g, "failed", 0x800F0922, "install", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_DIFFERENT);
    assert_true(rig_result(g)->verdict_code == 0x800F0922);
}

static void events_from_before_the_start_prove_nothing(void **state)
{
    struct rig *g = *state;
    g->spool.last_seq = 50;
    pending(g);
    struct wire_event early = {.seq = 50, .outcome = "succeeded", .phase = "install", .update_id = "u-1"};
    runner_saw_event(g->runner, &early);
    rig_assert_verdict(g, JOB_VERDICT_PENDING);
    assert_true(rig_result(g)->start_seq == 50);
}

static void pending_ends_unknown_after_14_days(void **state)
{
    struct rig *g = *state;
    pending(g);
    fake_machine_advance(&g->fm, 13 * DAY);
    rig_run(g, 2 * MINUTE);
    rig_assert_verdict(g, JOB_VERDICT_PENDING);
    fake_machine_advance(&g->fm, 2 * DAY);
    rig_run(g, HOUR);
    rig_assert_verdict(g, JOB_VERDICT_UNKNOWN);
    rig_event(g, "succeeded", 0, "install", "u-1");
    rig_assert_verdict(g, JOB_VERDICT_UNKNOWN);
}

static void failed_repairs_get_no_verdict(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].denied = true;
    rig_event(g, "failed", 0x80070002, "scan", NULL);
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_verdict(g, JOB_VERDICT_NONE);
    assert_int_equal(g->fm.scans_started, 0);
}

static void agent_killed_while_verifying_scans_again(void **state)
{
    struct rig *g = *state;
    rig_event(g, "failed", 0x80070002, "scan", NULL);
    g->fm.crash_mask = FAKE_BIT(SCAN_POLL);
    g->fm.crash_at = 2;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    assert_true(g->fm.crashed);
    rig_restart(g, false);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
    assert_int_equal(fake_machine_traced(&g->fm, "PLACE_MOVE_ASIDE"), 1);
    assert_int_equal(g->fm.scans_started, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_decides_by_the_failure_the_order_names),
        CASE(update_scan_scans_once_and_changes_nothing),
        CASE(system_without_scans_makes_update_scan_not_available),
        CASE(system_without_scans_makes_the_verdict_unknown),
        CASE(scan_that_never_ends_makes_the_verdict_unknown),
        CASE(newest_failure_is_the_aim_when_the_order_names_none),
        CASE(transient_and_old_failures_are_no_aim),
        CASE(aim_survives_a_restart),
        CASE(download_after_the_repair_proves_it),
        CASE(proof_seen_while_the_scan_runs_counts),
        CASE(download_that_fails_again_says_same),
        CASE(download_proves_nothing_for_an_install),
        CASE(install_after_the_repair_proves_it),
        CASE(same_update_failing_again_is_same_or_different),
        CASE(events_from_before_the_start_prove_nothing),
        CASE(pending_ends_unknown_after_14_days),
        CASE(failed_repairs_get_no_verdict),
        CASE(agent_killed_while_verifying_scans_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
