#include "runner_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static struct rig rig; /* too big for a stack */

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

static struct fake_backup *old_folder(struct rig *g)
{
    return fake_machine_backup(&g->fm, PLACE_SOFTWARE_DISTRIBUTION);
}

static int place_in_trace(struct rig *g, const char *text)
{
    const char *at = strstr(buf_text(&g->fm.trace), text);
    return at ? (int)(at - buf_text(&g->fm.trace)) : -1;
}

static void moves_the_folder_aside_and_leaves_services_as_found(void **state)
{
    struct rig *g = *state;
    rig_event(g, "failed", 0x80070002, "scan", NULL);
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    rig_assert_verdict(g, JOB_VERDICT_FIXED);
    rig_assert_as_found(g, false);
    assert_non_null(old_folder(g));
    assert_int_equal(old_folder(g)->content, g->places[PLACE_SOFTWARE_DISTRIBUTION].content);
    assert_string_equal(old_folder(g)->tag, "20260801T080000-00000000");
    assert_true(g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].exists);
    assert_true(rig_result(g)->undoable);
    assert_int_equal(fake_machine_traced(&g->fm, "SERVICE_SET_START"), 0);
}

static void exports_evidence_first_and_stops_in_the_order_that_works(void **state)
{
    struct rig *g = *state;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    int evidence = place_in_trace(g, "EVIDENCE_EXPORT"), orchestrator = place_in_trace(g, "SERVICE_STOP UsoSvc"),
        update = place_in_trace(g, "SERVICE_STOP wuauserv"), delivery = place_in_trace(g, "SERVICE_STOP DoSvc"),
        move = place_in_trace(g, "PLACE_MOVE_ASIDE");
    assert_true(0 <= evidence && evidence < orchestrator && orchestrator < update && update < delivery && delivery < move);
    assert_int_equal(fake_machine_traced(&g->fm, "bits"), 0); /* it did not run */
}

static void services_windows_lacks_are_skipped(void **state)
{
    struct rig *g = *state;
    g->fm.services[SERVICE_USOSVC] = g->fm.services[SERVICE_DOSVC] = (struct fake_service){.absent = true};
    rig_note(g);
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_non_null(strstr(rig_result(g)->output, "UsoSvc: not on this Windows"));
    assert_int_equal(fake_machine_traced(&g->fm, "UsoSvc"), 0);
}

static void reports_running_then_verifying_then_done(void **state)
{
    struct rig *g = *state;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    assert_int_equal(g->spool.count, 3);
    assert_int_equal(g->spool.reports[0].state, JOB_RUNNING);
    assert_int_equal(g->spool.reports[1].state, JOB_VERIFYING);
    assert_int_equal(g->spool.reports[1].result, JOB_RESULT_DONE);
    assert_int_equal(g->spool.reports[2].state, JOB_DONE);
    assert_true(g->spool.reports[0].rev < g->spool.reports[1].rev && g->spool.reports[1].rev < g->spool.reports[2].rev);
}

static void busy_folder_is_tried_again_without_touching_start_types(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_times = 5;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_int_equal(fake_machine_traced(&g->fm, "PLACE_MOVE_ASIDE SoftwareDistribution: busy"), 5);
    assert_int_equal(fake_machine_traced(&g->fm, "SERVICE_SET_START"), 0);
}

static void second_attempt_holds_services_disabled_and_restores_them(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_until_held = true;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_int_equal(fake_machine_traced(&g->fm, "SERVICE_SET_START wuauserv disabled: ok"), 1);
    assert_int_equal(fake_machine_traced(&g->fm, "SERVICE_SET_START UsoSvc disabled: ok"), 1);
    assert_int_equal(fake_machine_traced(&g->fm, "SERVICE_SET_START wuauserv manual: ok"), 1);
    rig_assert_as_found(g, false);
}

static void service_with_protected_configuration_is_not_held(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_until_held = true;
    g->fm.services[SERVICE_USOSVC].protected_config = true;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_int_equal(fake_machine_traced(&g->fm, "SERVICE_SET_START UsoSvc disabled: denied"), 1);
    rig_assert_as_found(g, false);
}

static void last_attempt_moves_the_sub_folders(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_always = true;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_null(old_folder(g));
    assert_non_null(fake_machine_backup(&g->fm, PLACE_SD_DATASTORE));
    assert_non_null(fake_machine_backup(&g->fm, PLACE_SD_DOWNLOAD));
    rig_assert_as_found(g, false);
}

static void folder_that_never_moves_is_a_clear_failure_with_services_as_found(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_always = g->fm.places[PLACE_SD_DOWNLOAD].busy_always = true;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_FAILED);
    rig_assert_verdict(g, JOB_VERDICT_NONE);
    assert_non_null(strstr(rig_result(g)->reason, "in use by another program"));
    rig_assert_as_found(g, true);
    assert_false(rig_result(g)->undoable);
}

/* The longest the start types may stay changed, whatever happens. */
static void services_are_held_for_two_minutes_at_most(void **state)
{
    struct rig *g = *state;
    int64_t held_since = 0, longest = 0;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_always = g->fm.places[PLACE_SD_DOWNLOAD].busy_always = true;
    rig_push(g, "cache_reset", NULL);
    for (int i = 0; i < 3000 && !runner_idle(g->runner); i++) {
        int64_t wake = runner_step(g->runner, fake_machine_true_ms(&g->fm)), now = g->fm.clock.ticks;
        bool held = g->fm.services[SERVICE_WUAUSERV].start == SERVICE_START_DISABLED;
        held_since = held ? (held_since ? held_since : now) : 0;
        longest = held && now - held_since > longest ? now - held_since : longest;
        fake_machine_advance(&g->fm, wake > now ? wake - now : 0);
    }
    assert_in_range(longest, 1000, 120000);
}

static void security_product_makes_it_refused_and_never_retried(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].denied = true;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_REFUSED);
    assert_int_equal(fake_machine_traced(&g->fm, "PLACE_MOVE_ASIDE"), 1);
    rig_assert_as_found(g, true);
}

static void link_is_refused_before_anything_is_touched(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].reparse_point = true;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_REFUSED);
    assert_int_equal(g->fm.acting_calls, 0);
}

static void missing_folder_is_not_applicable(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].exists = false;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_NOT_APPLICABLE);
    assert_int_equal(g->fm.acting_calls, 0);
}

static void service_that_never_stops_fails_and_is_left_running(void **state)
{
    struct rig *g = *state;
    g->fm.services[SERVICE_WUAUSERV].stuck = true;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_FAILED);
    assert_non_null(strstr(rig_result(g)->reason, "wuauserv did not stop within 120 s"));
    assert_int_equal(g->fm.services[SERVICE_USOSVC].state, SERVICE_STATE_RUNNING);
}

static void keep_none_removes_the_old_folder(void **state)
{
    struct rig *g = *state;
    g->fm.remove_slices = 7;
    rig_push(g, "cache_reset", "keep=none");
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    assert_null(old_folder(g));
    assert_false(rig_result(g)->undoable);
}

static void kept_folder_goes_after_14_days(void **state)
{
    struct rig *g = *state;
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    fake_machine_advance(&g->fm, 13 * DAY);
    rig_run(g, MINUTE);
    assert_non_null(old_folder(g));
    rig_restart(g, true); /* ages survive a restart */
    fake_machine_advance(&g->fm, 2 * DAY);
    rig_run(g, HOUR);
    assert_null(old_folder(g));
    assert_false(rig_result(g)->undoable);
}

/* ---- undo ---- */

static void undo_moves_the_old_folder_back(void **state)
{
    struct rig *g = *state;
    char reset[JOB_ID_MAX];
    snprintf(reset, sizeof reset, "%s", rig_push(g, "cache_reset", NULL));
    rig_run(g, HOUR);
    rig_undo(g, "cache_reset", reset);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    rig_assert_as_found(g, false);
    assert_int_equal(g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].content, g->places[PLACE_SOFTWARE_DISTRIBUTION].content);
    assert_false(runner_result(g->runner, reset)->undoable);
    assert_true(g->fm.scans_started >= 2); /* it is verified like a repair */

    rig_undo(g, "cache_reset", reset);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_REFUSED);
    assert_non_null(strstr(rig_result(g)->reason, "undone already"));
}

static void folder_windows_made_meanwhile_goes_14_days_after_the_undo(void **state)
{
    struct rig *g = *state;
    char reset[JOB_ID_MAX];
    snprintf(reset, sizeof reset, "%s", rig_push(g, "cache_reset", NULL));
    rig_run(g, HOUR);
    rig_undo(g, "cache_reset", reset);
    rig_run(g, HOUR);
    assert_non_null(old_folder(g));
    assert_non_null(strstr(old_folder(g)->tag, "-new"));
    fake_machine_advance(&g->fm, 13 * DAY);
    rig_run(g, MINUTE);
    assert_non_null(old_folder(g));
    fake_machine_advance(&g->fm, 2 * DAY);
    rig_run(g, HOUR);
    assert_null(old_folder(g));
    assert_int_equal(g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].content, g->places[PLACE_SOFTWARE_DISTRIBUTION].content);
}

static void full_disk_takes_the_old_folder_early_once_the_repair_helped(void **state)
{
    struct rig *g = *state;
    for (int helped = 0; helped < 2; helped++) {
        rig_free(g);
        rig_init(g);
        if (helped)
            rig_event(g, "failed", 0x80070002, "scan", NULL);
        rig_push(g, "cache_reset", NULL);
        rig_run(g, HOUR);
        rig_assert_verdict(g, helped ? JOB_VERDICT_FIXED : JOB_VERDICT_UNKNOWN);
        g->fm.conditions.free_disk_bytes = 1000;
        rig_run(g, 3 * HOUR);
        assert_true((old_folder(g) == NULL) == helped);
    }
}

static void start_type_nobody_could_restore_is_restored_later(void **state)
{
    struct rig *g = *state;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_until_held = true;
    rig_push(g, "cache_reset", NULL);
    while (g->fm.services[SERVICE_WUAUSERV].start != SERVICE_START_DISABLED) {
        int64_t wake = runner_step(g->runner, fake_machine_true_ms(&g->fm)), now = g->fm.clock.ticks;
        fake_machine_advance(&g->fm, wake > now ? wake - now : 0);
    }
    g->fm.services[SERVICE_WUAUSERV].protected_config = true;
    for (int i = 0; i < 1000 && rig_result(g)->state != JOB_DONE; i++) {
        int64_t wake = runner_step(g->runner, fake_machine_true_ms(&g->fm)), now = g->fm.clock.ticks;
        fake_machine_advance(&g->fm, wake > now ? wake - now : 0);
    }
    assert_true(rig_result(g)->result != JOB_RESULT_DONE);
    assert_non_null(strstr(rig_result(g)->reason, "start type of wuauserv could not be put back"));
    g->fm.services[SERVICE_WUAUSERV].protected_config = false;
    rig_restart(g, false);
    rig_run(g, 2 * HOUR);
    assert_int_equal(g->fm.services[SERVICE_WUAUSERV].start, SERVICE_START_MANUAL);
}

static void undo_takes_only_the_newest(void **state)
{
    struct rig *g = *state;
    char first[JOB_ID_MAX];
    snprintf(first, sizeof first, "%s", rig_push(g, "cache_reset", NULL));
    rig_run(g, HOUR);
    fake_machine_advance(&g->fm, 8 * DAY);
    rig_push(g, "cache_reset", NULL);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_DONE);
    rig_undo(g, "cache_reset", first);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_REFUSED);
    assert_non_null(strstr(rig_result(g)->reason, "only the newest"));
}

static void undo_is_refused_after_a_later_install(void **state)
{
    struct rig *g = *state;
    char reset[JOB_ID_MAX];
    snprintf(reset, sizeof reset, "%s", rig_push(g, "cache_reset", NULL));
    rig_run(g, HOUR);
    rig_event(g, "succeeded", 0, "install", "u-1");
    rig_restart(g, false);
    rig_undo(g, "cache_reset", reset);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_REFUSED);
    assert_non_null(strstr(rig_result(g)->reason, "installed since"));
}

static void undo_without_the_old_folder_is_not_available(void **state)
{
    struct rig *g = *state;
    char reset[JOB_ID_MAX];
    snprintf(reset, sizeof reset, "%s", rig_push(g, "cache_reset", NULL));
    rig_run(g, HOUR);
    old_folder(g)->used = false;
    rig_undo(g, "cache_reset", reset);
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_NOT_AVAILABLE);
    rig_assert_as_found(g, false);
    rig_undo(g, "cache_reset", "ffffffffffffffffffffffffffffffff");
    rig_run(g, HOUR);
    rig_assert_result(g, JOB_RESULT_NOT_AVAILABLE);
}

/* ---- faults ---- */

enum variant { PLAIN, HELD, PARTS, UNDO, VARIANTS };

/* A restart of Windows stops what is only started by triggers; so that all are comparable, none is. */
static void prepare(struct rig *g, enum variant v)
{
    rig_init(g);
    g->fm.services[SERVICE_WUAUSERV].start = SERVICE_START_AUTO;
    rig_note(g);
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_until_held = v == HELD;
    g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].busy_always = v == PARTS;
    if (v == UNDO) {
        char reset[JOB_ID_MAX];
        snprintf(reset, sizeof reset, "%s", rig_push(g, "cache_reset", NULL));
        rig_run(g, HOUR);
        rig_note(g);
        rig_undo(g, "cache_reset", reset);
    } else {
        rig_push(g, "cache_reset", NULL);
    }
}

static int backups(struct rig *g, bool new_ones)
{
    int n = 0;
    for (int i = 0; i < FAKE_BACKUPS_MAX; i++)
        n += g->fm.backups[i].used && (strstr(g->fm.backups[i].tag, "-new") != NULL) == new_ones;
    return n;
}

/* Whatever happened, the services are as found, and the folder either moved or did not, as the result says. */
static void assert_consistent(struct rig *g, enum variant v, const char *when)
{
    const struct wire_result *r = rig_result(g);
    if (!r || r->state != JOB_DONE || r->result == JOB_RESULT_NONE)
        fail_msg("variant %d, %s: no result; trace:\n%s", v, when, buf_text(&g->fm.trace));
    rig_assert_as_found(g, v != UNDO && r->result != JOB_RESULT_DONE);
    int old = backups(g, false), expected = r->result == JOB_RESULT_DONE ? (v == PARTS ? 2 : 1) : 0;
    if (v != UNDO && old != expected)
        fail_msg("variant %d, %s: result %s with %d old folders; trace:\n%s", v, when,
                 job_result_name((enum job_result)r->result), old, buf_text(&g->fm.trace));
    if (v == UNDO && r->result == JOB_RESULT_DONE && old != 0)
        fail_msg("%s: undone with %d old folders left", when, old);
    rig_assert_revs_rise(g);
}

static void any_one_failing_call_leaves_the_machine_as_the_result_says(void **state)
{
    struct rig *g = &rig;
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        bool reached = true;
        int k;
        for (k = 1; reached; k++) {
            char when[40];
            prepare(g, (enum variant)v);
            g->fm.fail_mask = FAKE_ALL_CALLS & ~FAKE_FILE_WRITES;
            g->fm.fail_at = k;
            rig_run(g, 3 * HOUR);
            reached = g->fm.fail_at == 0;
            snprintf(when, sizeof when, "call %d failed", k);
            assert_consistent(g, (enum variant)v, when);
            rig_free(g);
        }
        assert_in_range(k, 15, 400);
    }
}

/* Not a single slip but a primitive that never works any more. */
static void primitive_that_always_fails_leaves_the_machine_as_found(void **state)
{
    static const enum fake_call calls[] = {FAKE_EVIDENCE_EXPORT, FAKE_PLACE_MOVE_ASIDE, FAKE_SERVICE_STOP};
    struct rig *g = &rig;
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        prepare(g, PLAIN);
        g->fm.fail_mask = 1u << calls[i];
        g->fm.fail_at = 1;
        g->fm.fail_on = true;
        rig_run(g, 3 * HOUR);
        rig_assert_result(g, JOB_RESULT_FAILED);
        fake_machine_advance(&g->fm, MINUTE);
        rig_assert_as_found(g, true);
        rig_free(g);
    }
}

static void agent_killed_anywhere_resumes_or_undoes_and_never_runs_twice(void **state)
{
    struct rig *g = &rig;
    int done = 0, interrupted = 0;
    (void)state;
    for (int v = 0; v < VARIANTS; v++)
        for (int mode = 0; mode < 4; mode++) {
            bool reached = true;
            for (int k = 1; reached; k++) {
                char when[60];
                prepare(g, (enum variant)v);
                g->fm.crash_mask = fake_acting_calls() | FAKE_FILE_WRITES;
                g->fm.crash_after = mode & 1;
                g->fm.crash_at = k;
                rig_run(g, 3 * HOUR);
                reached = g->fm.crashed;
                if (reached) {
                    rig_restart(g, mode & 2);
                    rig_run(g, 3 * HOUR);
                }
                snprintf(when, sizeof when, "killed %s call %d%s", mode & 1 ? "after" : "before", k,
                         mode & 2 ? ", rebooted" : "");
                assert_consistent(g, (enum variant)v, when);
                /* An undo goes on where it was cut off. */
                if (v == UNDO) {
                    rig_assert_result(g, JOB_RESULT_DONE);
                    assert_int_equal(g->fm.places[PLACE_SOFTWARE_DISTRIBUTION].content, 1);
                }
                if (v != UNDO)
                    assert_in_range(fake_machine_traced(&g->fm, "PLACE_MOVE_ASIDE SoftwareDistribution: ok"), 0, 1);
                done += rig_result(g)->result == JOB_RESULT_DONE;
                interrupted += rig_result(g)->result == JOB_RESULT_INTERRUPTED;
                rig_free(g);
            }
        }
    assert_true(done > 50 && interrupted > 50);
}

static void agent_killed_twice_still_ends_in_a_result(void **state)
{
    struct rig *g = &rig;
    (void)state;
    for (int k = 1; k < 40; k++)
        for (int n = 1; n < 12; n++) {
            prepare(g, HELD);
            g->fm.crash_mask = fake_acting_calls() | FAKE_FILE_WRITES;
            g->fm.crash_at = k;
            rig_run(g, 3 * HOUR);
            rig_restart(g, false);
            g->fm.crash_at = n;
            rig_run(g, 3 * HOUR);
            rig_restart(g, false);
            rig_run(g, 3 * HOUR);
            assert_consistent(g, HELD, "killed twice");
            rig_free(g);
        }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(moves_the_folder_aside_and_leaves_services_as_found),
        CASE(exports_evidence_first_and_stops_in_the_order_that_works),
        CASE(services_windows_lacks_are_skipped),
        CASE(reports_running_then_verifying_then_done),
        CASE(busy_folder_is_tried_again_without_touching_start_types),
        CASE(second_attempt_holds_services_disabled_and_restores_them),
        CASE(service_with_protected_configuration_is_not_held),
        CASE(last_attempt_moves_the_sub_folders),
        CASE(folder_that_never_moves_is_a_clear_failure_with_services_as_found),
        CASE(services_are_held_for_two_minutes_at_most),
        CASE(security_product_makes_it_refused_and_never_retried),
        CASE(link_is_refused_before_anything_is_touched),
        CASE(missing_folder_is_not_applicable),
        CASE(service_that_never_stops_fails_and_is_left_running),
        CASE(keep_none_removes_the_old_folder),
        CASE(kept_folder_goes_after_14_days),
        CASE(undo_moves_the_old_folder_back),
        CASE(folder_windows_made_meanwhile_goes_14_days_after_the_undo),
        CASE(full_disk_takes_the_old_folder_early_once_the_repair_helped),
        CASE(start_type_nobody_could_restore_is_restored_later),
        CASE(undo_takes_only_the_newest),
        CASE(undo_is_refused_after_a_later_install),
        CASE(undo_without_the_old_folder_is_not_available),
        cmocka_unit_test(any_one_failing_call_leaves_the_machine_as_the_result_says),
        cmocka_unit_test(primitive_that_always_fails_leaves_the_machine_as_found),
        cmocka_unit_test(agent_killed_anywhere_resumes_or_undoes_and_never_runs_twice),
        cmocka_unit_test(agent_killed_twice_still_ends_in_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
