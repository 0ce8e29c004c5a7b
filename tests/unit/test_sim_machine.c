/* The simulated Windows: what it logs, what holds its folders, what heals it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena.h"
#include "log_parser.h"
#include "sim_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MS INT64_C(1790000000000)
#define HOUR_MS  INT64_C(3600000)

static struct clock_fake fake;

static struct sim_machine *machine_of(const struct world_group *g, const char *dir)
{
    struct err e = {0};
    struct sim_options o = {.group = g, .name = "PC-0001", .seed = 3, .clock = &fake.clock, .speed = 1, .state_dir = dir};
    struct sim_machine *m = sim_machine_new(&o, &e);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

static struct world_group faulty(enum event_phase phase, uint32_t code, enum repair_id healer)
{
    struct world_group g = {.name = "PC", .count = 1, .domain = true, .has_fault = true, .role = "client"};
    g.fault = (struct world_fault){.phase = phase, .code = code, .kb = "KB5003791", .heals = 1u << healer, .chance = 1};
    return g;
}

static void let_pass(struct sim_machine *m, int64_t ms)
{
    for (int64_t step = 100; ms > 0; ms -= step) {
        clock_fake_advance(&fake, step);
        sim_machine_step(m);
    }
}

static const struct machine_ops *ops_of(struct sim_machine *m)
{
    return sim_machine_of(m)->ops;
}

/* ---- logs, read by the agent's own parsers ---- */

struct seen {
    int failed, succeeded;
    struct event last_failure;
};

static void on_event(void *ctx, const struct event *ev)
{
    struct seen *s = ctx;
    s->failed += ev->outcome == EVENT_FAILED;
    s->succeeded += ev->outcome == EVENT_SUCCEEDED;
    if (ev->outcome == EVENT_FAILED)
        s->last_failure = *ev;
}

static struct seen read_log(struct sim_machine *m, enum machine_log log, enum log_kind kind)
{
    struct seen s = {0};
    struct log_options o = {.kind = kind};
    struct log_parser *p = log_parser_new(&o, on_event, &s);
    char part[500];
    size_t got = 0;
    for (int64_t at = 0; ops_of(m)->log_read(m, log, at, part, sizeof part, &got, NULL) == MACHINE_OK && got; at += (int64_t)got)
        log_parser_feed(p, slice_make(part, got));
    log_parser_end(p);
    log_parser_free(p);
    return s;
}

static struct seen reports(struct sim_machine *m)
{
    return read_log(m, MACHINE_LOG_REPORTING_EVENTS, LOG_KIND_REPORTING_EVENTS);
}

static void a_fault_shows_within_five_seconds(void **state)
{
    (void)state;
    static const struct {
        enum event_phase phase;
        uint32_t code;
    } cases[] = {{EVENT_PHASE_SCAN, 0x80070002}, {EVENT_PHASE_DOWNLOAD, 0x80240034}, {EVENT_PHASE_INSTALL, 0x80070643},
                 {EVENT_PHASE_SCAN, 0x80070422}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clock_fake_init(&fake, START_MS, 1000);
        struct world_group g = faulty(cases[i].phase, cases[i].code, REPAIR_REBOOT);
        struct sim_machine *m = machine_of(&g, NULL);
        let_pass(m, 5000);
        struct seen s = reports(m);
        assert_int_equal(s.failed, 1);
        assert_int_equal(s.last_failure.code, cases[i].code);
        assert_int_equal(s.last_failure.phase, cases[i].phase);
        assert_in_range(s.last_failure.time_ms, START_MS, START_MS + 5000);
        assert_true(sim_machine_has_logged(m));
        assert_false(sim_machine_has_logged(m));
        sim_machine_free(m);
    }
}

static void a_healthy_machine_reports_no_failure(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = {.name = "PC", .count = 1};
    struct sim_machine *m = machine_of(&g, NULL);
    for (int i = 0; i < 200; i++) {
        clock_fake_advance(&fake, HOUR_MS);
        sim_machine_step(m);
    }
    assert_in_range(sim_machine_attempts(m), 7, 15); /* about every 22 h in 200 h */
    assert_int_equal(reports(m).failed, 0);
    sim_machine_free(m);
}

static void cbs_log_names_the_missing_package(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_INSTALL, 0x800F0831, REPAIR_INSTALL_PACKAGE);
    struct sim_machine *m = machine_of(&g, NULL);
    let_pass(m, 5000);
    struct seen s = read_log(m, MACHINE_LOG_CBS, LOG_KIND_CBS);
    assert_true(s.failed >= 1);
    assert_int_equal(s.last_failure.code, 0x800F0831);
    assert_string_equal(s.last_failure.kb, "KB5003791");
    s = reports(m);
    assert_int_equal(s.last_failure.code, 0x800F0831);
    assert_string_not_equal(s.last_failure.kb, "KB5003791"); /* the update that failed is another */
    sim_machine_free(m);
}

static void the_past_is_in_the_log(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = {.name = "PC", .count = 1, .history_count = 1};
    g.history[0] = (struct world_past){.age_d = 20, .phase = EVENT_PHASE_SCAN, .code = 0x80072EE2};
    struct sim_machine *m = machine_of(&g, NULL);
    let_pass(m, 5000);
    struct seen s = reports(m);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.last_failure.time_ms / (24 * HOUR_MS), START_MS / (24 * HOUR_MS) - 20);
    sim_machine_free(m);
}

/* ---- services and folders ---- */

static enum service_state state_of(struct sim_machine *m, enum machine_service s)
{
    struct service_info info;
    assert_int_equal(ops_of(m)->service_query(m, s, &info, NULL), MACHINE_OK);
    return info.state;
}

static void stop(struct sim_machine *m, enum machine_service s)
{
    assert_int_equal(ops_of(m)->service_stop(m, s, NULL), MACHINE_OK);
    assert_int_equal(state_of(m, s), SERVICE_STATE_STOPPING); /* it takes its time */
    for (int i = 0; i < 100 && state_of(m, s) != SERVICE_STATE_STOPPED; i++)
        let_pass(m, 100);
    assert_int_equal(state_of(m, s), SERVICE_STATE_STOPPED);
}

static void start(struct sim_machine *m, enum machine_service s)
{
    assert_int_equal(ops_of(m)->service_start(m, s, NULL), MACHINE_OK);
    for (int i = 0; i < 100 && state_of(m, s) != SERVICE_STATE_RUNNING; i++)
        let_pass(m, 100);
    assert_int_equal(state_of(m, s), SERVICE_STATE_RUNNING);
}

static void wuauserv_comes_back_while_usosvc_runs(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = {.name = "PC", .count = 1};
    struct sim_machine *m = machine_of(&g, NULL);
    stop(m, SERVICE_WUAUSERV);
    let_pass(m, 15000);
    assert_int_equal(state_of(m, SERVICE_WUAUSERV), SERVICE_STATE_RUNNING);
    stop(m, SERVICE_USOSVC);
    stop(m, SERVICE_WUAUSERV);
    let_pass(m, 60000);
    assert_int_equal(state_of(m, SERVICE_WUAUSERV), SERVICE_STATE_STOPPED);
    assert_int_equal(ops_of(m)->service_set_start(m, SERVICE_WUAUSERV, SERVICE_START_DISABLED, false, NULL), MACHINE_OK);
    assert_int_equal(ops_of(m)->service_start(m, SERVICE_WUAUSERV, NULL), MACHINE_FAILED);
    sim_machine_free(m);
}

static enum machine_status move_aside(struct sim_machine *m)
{
    return ops_of(m)->place_move_aside(m, PLACE_SOFTWARE_DISTRIBUTION, "t1", NULL);
}

static void stop_update_services(struct sim_machine *m)
{
    stop(m, SERVICE_USOSVC);
    stop(m, SERVICE_WUAUSERV);
    stop(m, SERVICE_BITS);
    stop(m, SERVICE_DOSVC);
}

static uint32_t scan(struct sim_machine *m)
{
    struct scan_end end = {0};
    enum machine_status status;
    assert_int_equal(ops_of(m)->scan_start(m, 3600, NULL), MACHINE_OK);
    assert_int_equal(ops_of(m)->scan_start(m, 3600, NULL), MACHINE_BUSY);
    for (int i = 0; i < 1000 && (status = ops_of(m)->scan_poll(m, &end, NULL)) == MACHINE_PENDING; i++)
        let_pass(m, 100);
    assert_int_equal(ops_of(m)->scan_poll(m, &end, NULL), MACHINE_FAILED); /* over */
    return end.code;
}

static void a_held_folder_does_not_move(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = {.name = "PC", .count = 1};
    struct sim_machine *m = machine_of(&g, NULL);
    assert_int_equal(move_aside(m), MACHINE_BUSY);
    stop(m, SERVICE_USOSVC);
    stop(m, SERVICE_WUAUSERV);
    stop(m, SERVICE_BITS);
    assert_int_equal(move_aside(m), MACHINE_BUSY); /* Delivery Optimization holds files */
    stop(m, SERVICE_DOSVC);
    assert_int_equal(move_aside(m), MACHINE_OK);
    assert_int_equal(move_aside(m), MACHINE_ABSENT);
    sim_machine_free(m);
}

static void moving_the_cache_heals_and_takes_the_log_along(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_SCAN, 0x80070002, REPAIR_CACHE_RESET);
    struct sim_machine *m = machine_of(&g, NULL);
    struct log_stat before, after;
    let_pass(m, 5000);
    assert_int_equal(scan(m), 0x80070002);
    assert_int_equal(ops_of(m)->log_stat(m, MACHINE_LOG_REPORTING_EVENTS, &before, NULL), MACHINE_OK);
    stop_update_services(m);
    assert_int_equal(move_aside(m), MACHINE_OK);
    assert_int_equal(ops_of(m)->log_stat(m, MACHINE_LOG_REPORTING_EVENTS, &after, NULL), MACHINE_ABSENT);
    start(m, SERVICE_WUAUSERV);
    let_pass(m, 25000); /* Windows tries again soon, and begins a new log */
    assert_int_equal(ops_of(m)->log_stat(m, MACHINE_LOG_REPORTING_EVENTS, &after, NULL), MACHINE_OK);
    assert_true(after.identity != before.identity);
    assert_int_equal(reports(m).failed, 0);
    assert_int_equal(scan(m), 0);
    assert_false(sim_machine_is_faulty(m));
    sim_machine_free(m);
}

static void moving_it_back_brings_the_fault_back(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_SCAN, 0x80070002, REPAIR_CACHE_RESET);
    struct sim_machine *m = machine_of(&g, NULL);
    struct place_info info;
    let_pass(m, 5000);
    stop_update_services(m);
    assert_int_equal(move_aside(m), MACHINE_OK);
    assert_int_equal(ops_of(m)->backup_query(m, PLACE_SOFTWARE_DISTRIBUTION, "t1", &info, NULL), MACHINE_OK);
    assert_int_equal(ops_of(m)->backup_query(m, PLACE_SOFTWARE_DISTRIBUTION, "t2", &info, NULL), MACHINE_ABSENT);
    assert_int_equal(ops_of(m)->place_restore(m, PLACE_SOFTWARE_DISTRIBUTION, "t1", NULL), MACHINE_OK);
    assert_int_equal(ops_of(m)->place_restore(m, PLACE_SOFTWARE_DISTRIBUTION, "t1", NULL), MACHINE_ABSENT);
    assert_true(sim_machine_is_faulty(m));
    assert_int_equal(reports(m).failed, 1); /* the old log is back */
    sim_machine_free(m);
}

static void the_wrong_repair_heals_nothing(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_SCAN, 0x80072EE2, REPAIR_PROXY_RESET);
    struct sim_machine *m = machine_of(&g, NULL);
    stop_update_services(m);
    assert_int_equal(move_aside(m), MACHINE_OK);
    assert_true(sim_machine_is_faulty(m));
    sim_machine_free(m);
}

static void enabling_the_service_heals_a_disabled_one(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_SCAN, 0x80070422, REPAIR_WU_SERVICES_RESET);
    struct sim_machine *m = machine_of(&g, NULL);
    assert_int_equal(scan(m), 0x80070422);
    assert_int_equal(ops_of(m)->service_set_start(m, SERVICE_WUAUSERV, SERVICE_START_MANUAL, false, NULL), MACHINE_OK);
    assert_int_equal(scan(m), 0);
    sim_machine_free(m);
}

/* ---- the clock ---- */

static struct program_end resync(struct sim_machine *m)
{
    struct program_end end = {0};
    assert_int_equal(ops_of(m)->program_start(m, PROGRAM_W32TM_RESYNC, 60, NULL), MACHINE_OK);
    for (int i = 0; i < 1000 && ops_of(m)->program_poll(m, &end, NULL) == MACHINE_PENDING; i++)
        let_pass(m, 100);
    return end;
}

static int64_t skew_ms(struct sim_machine *m)
{
    return clock_wall_ms(sim_machine_of(m)->clock) - fake.wall;
}

static void windows_time_corrects_what_it_may(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_SCAN, 0x80072F8F, REPAIR_TIME_RESYNC);
    g.domain = false;
    g.clock_offset_s = 5 * 3600;
    struct sim_machine *m = machine_of(&g, NULL);
    assert_int_equal(skew_ms(m), 5 * HOUR_MS);
    assert_int_equal(resync(m).exit_code, 0x80070426); /* stopped on a workgroup machine */
    start(m, SERVICE_W32TIME);
    assert_int_equal(resync(m).exit_code, 0);
    assert_in_range(skew_ms(m) + 1000, 0, 2000);
    assert_false(sim_machine_is_faulty(m));
    sim_machine_free(m);
}

static void windows_time_refuses_more_than_15_hours_outside_a_domain(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_SCAN, 0x80072F8F, REPAIR_TIME_RESYNC);
    g.domain = false;
    g.clock_offset_s = -16 * 3600;
    struct sim_machine *m = machine_of(&g, NULL);
    start(m, SERVICE_W32TIME);
    assert_int_not_equal(resync(m).exit_code, 0);
    assert_int_equal(skew_ms(m), -16 * HOUR_MS);
    assert_int_equal(ops_of(m)->clock_set(m, fake.wall, NULL), MACHINE_OK);
    assert_int_equal(skew_ms(m), 0);
    assert_false(sim_machine_is_faulty(m));
    sim_machine_free(m);
    g.domain = true;
    m = machine_of(&g, NULL);
    assert_int_equal(resync(m).exit_code, 0); /* runs by itself on domain members, and has no such limit */
    assert_in_range(skew_ms(m) + 1000, 0, 2000);
    sim_machine_free(m);
}

/* ---- the rest of the contract ---- */

static void faults_and_spells_have_their_time(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_SCAN, 0x80070002, REPAIR_REBOOT);
    g.fault.from_h = 1;
    g.fault.to_h = 2;
    g.offline_count = 1;
    g.offline[0].from_h = 3;
    g.offline[0].to_h = 4;
    struct sim_machine *m = machine_of(&g, NULL);
    static const bool faulty_at[] = {false, true, false, false, false};
    int offline = 0;
    for (int half = 1; half < 10; half += 2) {
        fake.ticks = 1000 + half * HOUR_MS / 2;
        assert_int_equal(sim_machine_is_faulty(m), faulty_at[half / 2]);
        offline += half == 7 ? !sim_machine_is_online(m) : 0;
    }
    assert_int_equal(offline, 1);
    sim_machine_free(m);
}

static void facts_say_that_it_is_simulated(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = {.name = "PC", .count = 1, .domain = true, .os = "Windows 7 Professional", .role = "client"};
    struct sim_machine *m = machine_of(&g, NULL), *same = machine_of(&g, NULL);
    struct arena a = {0};
    struct wire_facts f, again;
    ops_of(m)->facts(m, &a, &f);
    ops_of(same)->facts(same, &a, &again);
    assert_true(f.simulated);
    assert_string_equal(f.name, "PC-0001");
    assert_string_equal(f.os, "Windows 7 Professional");
    assert_string_equal(f.instance, again.instance);
    assert_string_equal(f.site, again.site);
    arena_free(&a);
    sim_machine_free(m);
    sim_machine_free(same);
}

static void what_was_not_synced_dies_with_the_agent(void **state)
{
    (void)state;
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = {.name = "PC", .count = 1};
    struct sim_machine *m = machine_of(&g, NULL);
    char big[1000];
    struct buf text;
    memset(big, 'x', sizeof big);
    buf_init(&text, 5000);
    assert_int_equal(ops_of(m)->file_append(m, "j", slice_of("kept"), true, NULL), MACHINE_OK);
    assert_int_equal(ops_of(m)->file_append(m, "j", slice_make(big, sizeof big), false, NULL), MACHINE_OK);
    sim_machine_kill_agent(m);
    assert_int_equal(ops_of(m)->file_replace(m, "j", slice_of("too late"), NULL), MACHINE_OK);
    sim_machine_revive_agent(m);
    assert_int_equal(ops_of(m)->file_read(m, "j", &text, NULL), MACHINE_OK);
    assert_true(text.n >= 4 && text.n <= 44); /* the synced part, and at most a torn tail */
    assert_memory_equal(text.p, "kept", 4);
    buf_free(&text);
    sim_machine_free(m);
}

static void a_machine_on_disk_comes_back_as_it_was(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_sim_XXXXXX";
    char command[100];
    struct place_info info;
    struct buf text;
    struct err e = {0};
    assert_non_null(mkdtemp(dir));
    clock_fake_init(&fake, START_MS, 1000);
    struct world_group g = faulty(EVENT_PHASE_SCAN, 0x80070002, REPAIR_CACHE_RESET);
    struct sim_machine *m = machine_of(&g, dir);
    stop_update_services(m);
    assert_int_equal(move_aside(m), MACHINE_OK);
    assert_int_equal(ops_of(m)->service_set_start(m, SERVICE_BITS, SERVICE_START_DISABLED, true, NULL), MACHINE_OK);
    assert_int_equal(ops_of(m)->file_append(m, "journal", slice_of("line\n"), true, &e), MACHINE_OK);
    sim_machine_free(m);
    m = machine_of(&g, dir);
    assert_false(sim_machine_is_faulty(m));
    assert_int_equal(ops_of(m)->backup_query(m, PLACE_SOFTWARE_DISTRIBUTION, "t1", &info, NULL), MACHINE_OK);
    struct service_info service;
    ops_of(m)->service_query(m, SERVICE_BITS, &service, NULL);
    assert_int_equal(service.start, SERVICE_START_DISABLED);
    buf_init(&text, 100);
    assert_int_equal(ops_of(m)->file_read(m, "journal", &text, NULL), MACHINE_OK);
    assert_string_equal(buf_text(&text), "line\n");
    buf_free(&text);
    sim_machine_free(m);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_shows_within_five_seconds),
        cmocka_unit_test(a_healthy_machine_reports_no_failure),
        cmocka_unit_test(cbs_log_names_the_missing_package),
        cmocka_unit_test(the_past_is_in_the_log),
        cmocka_unit_test(wuauserv_comes_back_while_usosvc_runs),
        cmocka_unit_test(a_held_folder_does_not_move),
        cmocka_unit_test(moving_the_cache_heals_and_takes_the_log_along),
        cmocka_unit_test(moving_it_back_brings_the_fault_back),
        cmocka_unit_test(the_wrong_repair_heals_nothing),
        cmocka_unit_test(enabling_the_service_heals_a_disabled_one),
        cmocka_unit_test(windows_time_corrects_what_it_may),
        cmocka_unit_test(windows_time_refuses_more_than_15_hours_outside_a_domain),
        cmocka_unit_test(faults_and_spells_have_their_time),
        cmocka_unit_test(facts_say_that_it_is_simulated),
        cmocka_unit_test(what_was_not_synced_dies_with_the_agent),
        cmocka_unit_test(a_machine_on_disk_comes_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
