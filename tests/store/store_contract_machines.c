#include "store_contract.h"

#include <string.h>

static void keeps_every_column_of_a_machine(void **state)
{
    struct contract *c = *state;
    struct machine_row in = {.id = "m1",
                             .name = "Büro-7",
                             .public_key = "pk",
                             .instance = "inst",
                             .stream = "st",
                             .stream_have = 4,
                             .os = "os",
                             .build = "b",
                             .role = "client",
                             .update_manager = "wsus",
                             .update_server = "us",
                             .domain = "d",
                             .ou = "ou",
                             .site = "s",
                             .model = "mo",
                             .tags = ",a,b,",
                             .facts = "{\"x\":1}",
                             .agent_version = "1.2",
                             .boot_id = "bo",
                             .approved = true,
                             .simulated = true,
                             .reboot_pending = true,
                             .enrolled_ms = 5,
                             .last_seen_ms = 6,
                             .skew_ms = -7};
    assert_ok(c, store_machine_put(c->store, &in, &c->e));
    struct machine_row out = machine(c, "m1");
    const char *const pairs[][2] = {{in.id, out.id},
                                    {in.name, out.name},
                                    {in.public_key, out.public_key},
                                    {in.instance, out.instance},
                                    {in.stream, out.stream},
                                    {in.os, out.os},
                                    {in.build, out.build},
                                    {in.role, out.role},
                                    {in.update_manager, out.update_manager},
                                    {in.update_server, out.update_server},
                                    {in.domain, out.domain},
                                    {in.ou, out.ou},
                                    {in.site, out.site},
                                    {in.model, out.model},
                                    {in.tags, out.tags},
                                    {in.facts, out.facts},
                                    {in.agent_version, out.agent_version},
                                    {in.boot_id, out.boot_id}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_string_equal(pairs[i][0], pairs[i][1]);
    assert_true(out.approved && out.simulated && out.reboot_pending);
    assert_int_equal(out.stream_have, 4);
    assert_int_equal(out.enrolled_ms, 5);
    assert_int_equal(out.last_seen_ms, 6);
    assert_int_equal(out.skew_ms, -7);
    assert_int_equal(out.state, MACHINE_NEVER_SCANNED);
}

static void finds_by_id_and_by_name_without_case(void **state)
{
    struct contract *c = *state;
    struct machine_row m = {0};
    put_machine(c, "a1");
    put_machine(c, "a2");
    assert_ok(c, store_machine_find(c->store, &c->arena, "a1", &m, &c->e));
    assert_string_equal(m.id, "a1");
    assert_ok(c, store_machine_find(c->store, &c->arena, "pc-A2", &m, &c->e));
    assert_string_equal(m.id, "a2");
    assert_err(c, ERR_NOT_FOUND, store_machine_find(c->store, &c->arena, "pc-a3", &m, &c->e));
    struct machine_row twin = {.id = "a3", .name = "pc-A1", .approved = true};
    assert_ok(c, store_machine_put(c->store, &twin, &c->e));
    assert_err(c, ERR_CONFLICT, store_machine_find(c->store, &c->arena, "PC-a1", &m, &c->e));
    int64_t count = -1;
    assert_ok(c, store_machine_same_name(c->store, "PC-A1", "a3", &count, &c->e));
    assert_int_equal(count, 1);
    assert_ok(c, store_machine_set_state(c->store, "a3", MACHINE_RETIRED, "sold", &c->e));
    assert_ok(c, store_machine_find(c->store, &c->arena, "PC-a1", &m, &c->e));
    assert_string_equal(m.id, "a1");
    assert_ok(c, store_machine_same_name(c->store, "PC-A1", "a1", &count, &c->e));
    assert_int_equal(count, 0);
}

static void enrolling_again_keeps_history_and_brings_back_who_left(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct failure_row f = failure_of("a", 0x80070002, "scan", "");
    seen(c, &f, true);
    assert_ok(c, store_machine_set_state(c->store, "a", MACHINE_LEFT, "uninstalled", &c->e));
    refresh(c, "a");
    assert_int_equal(machine(c, "a").state, MACHINE_LEFT);
    assert_string_equal(machine(c, "a").why, "uninstalled");
    put_machine(c, "a");
    refresh(c, "a");
    assert_int_equal(machine(c, "a").state, MACHINE_FAILING);
    assert_ok(c, store_machine_set_state(c->store, "a", MACHINE_HELD, "audit week", &c->e));
    put_machine(c, "a");
    refresh(c, "a");
    assert_int_equal(machine(c, "a").state, MACHINE_HELD);
    assert_ok(c, store_machine_set_state(c->store, "a", MACHINE_HEALTHY, "", &c->e));
    refresh(c, "a");
    assert_int_equal(machine(c, "a").state, MACHINE_FAILING);
}

static void assert_state(struct contract *c, enum machine_state want, const char *why)
{
    refresh(c, "a");
    struct machine_row m = machine(c, "a");
    if (m.state != want || strcmp(m.why, why) != 0)
        fail_msg("is %s \"%s\", should be %s \"%s\"", machine_state_words[m.state], m.why,
                 machine_state_words[want], why);
}

static void derives_state_and_reason(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    assert_ok(c, store_machine_set_approved(c->store, "a", false, &c->e));
    assert_state(c, MACHINE_PENDING, "waits for approval of its enrolment");
    assert_ok(c, store_machine_set_approved(c->store, "a", true, &c->e));
    assert_state(c, MACHINE_NEVER_SCANNED, "no update scan was ever seen to succeed or fail");
    struct failure_row f = failure_of("a", 0x80070002, "scan", "");
    seen(c, &f, true);
    assert_state(c, MACHINE_FAILING, "0x80070002 in scan since 2027-01-15; no repair queued");
    assert_int_equal(machine(c, "a").last_error, 0x80070002);

    struct job_row j = job_of("j1", "a");
    assert_ok(c, store_jobs_add(c->store, &j, 1, &c->e));
    assert_state(c, MACHINE_WAITING, "cache_reset is queued");
    assert_ok(c, store_machine_refresh(c->store, "a", NOW + 3 * 3600000, &c->e));
    assert_string_equal(machine(c, "a").why,
                        "cache_reset waits: the machine was last seen 2027-01-15 08:00 UTC");
    assert_ok(c, store_job_move(c->store, "j1", JOB_QUEUED, JOB_WAITING, "outside its window", NOW, &c->e));
    assert_state(c, MACHINE_WAITING, "cache_reset waits: outside its window");
    assert_ok(c, store_job_move(c->store, "j1", JOB_WAITING, JOB_RUNNING, "", NOW, &c->e));
    assert_state(c, MACHINE_REPAIRING, "cache_reset is running");
    assert_ok(c, store_job_move(c->store, "j1", JOB_RUNNING, JOB_VERIFYING, "", NOW, &c->e));
    assert_state(c, MACHINE_REPAIRING, "cache_reset has run; whether it helped is being verified");
    assert_ok(c, store_job_move(c->store, "j1", JOB_VERIFYING, JOB_DONE, "", NOW, &c->e));
    assert_state(c, MACHINE_FAILING, "0x80070002 in scan since 2027-01-15; no repair queued");

    assert_ok(c, store_failures_move(c->store, "a", "scan", NULL, 0, FAILURE_NEEDS_HANDS,
                                     "the disk is failing", NOW, NULL, &c->e));
    assert_state(c, MACHINE_NEEDS_HANDS, "0x80070002 in scan since 2027-01-15; the disk is failing");
    assert_ok(
        c, store_failures_move(c->store, "a", "", NULL, 0, FAILURE_ACCEPTED, "until May", NOW, NULL, &c->e));
    assert_state(c, MACHINE_HEALTHY, "");
    assert_int_equal(machine(c, "a").last_error, 0);
}

static void a_dry_run_changes_no_state(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    assert_ok(c, store_machine_scan_ok(c->store, "a", NOW, &c->e));
    struct job_row j = job_of("j1", "a");
    j.dry_run = true;
    assert_ok(c, store_jobs_add(c->store, &j, 1, &c->e));
    assert_state(c, MACHINE_HEALTHY, "");
    assert_int_equal(machine(c, "a").last_scan_ok_ms, NOW);
}

static void falls_silent_and_comes_back(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    put_machine(c, "b");
    put_machine(c, "h");
    assert_ok(c, store_machine_set_state(c->store, "h", MACHINE_HELD, "by hand", &c->e));
    const char *ids[] = {"b"};
    const int64_t later[] = {NOW + 4 * DAY};
    assert_ok(c, store_machine_seen_batch(c->store, ids, later, 1, &c->e));
    assert_ok(c, store_machines_mark_silent(c->store, NOW + DAY, &c->e));
    assert_int_equal(machine(c, "a").state, MACHINE_SILENT);
    assert_string_equal(machine(c, "a").why, "not heard of since 2027-01-15 08:00 UTC");
    assert_int_equal(machine(c, "b").state, MACHINE_NEVER_SCANNED);
    assert_int_equal(machine(c, "h").state, MACHINE_HELD);
    assert_ok(c, store_machine_refresh(c->store, "a", NOW + 4 * DAY, &c->e));
    assert_int_equal(machine(c, "a").state, MACHINE_SILENT);
    ids[0] = "a";
    assert_ok(c, store_machine_seen_batch(c->store, ids, later, 1, &c->e));
    assert_ok(c, store_machines_mark_silent(c->store, NOW + DAY + 1, &c->e));
    assert_int_equal(machine(c, "a").state, MACHINE_NEVER_SCANNED);
}

static void touch(struct contract *c, const char *stream, int64_t have)
{
    struct machine_row m = {.id = "a",
                            .stream = stream,
                            .stream_have = have,
                            .last_seen_ms = NOW + have,
                            .agent_version = "2",
                            .boot_id = "b",
                            .skew_ms = 9};
    assert_ok(c, store_machine_touch(c->store, &m, &c->e));
}

static int64_t have(struct contract *c, const char *stream)
{
    int64_t value = -1;
    assert_ok(c, store_stream_have(c->store, "a", stream, &value, &c->e));
    return value;
}

static void remembers_the_high_water_of_each_stream(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    assert_int_equal(have(c, "s1"), 0);
    touch(c, "s1", 10);
    touch(c, "s1", 8);
    assert_int_equal(have(c, "s1"), 10);
    assert_int_equal(have(c, "other"), 0);
    touch(c, "s2", 3);
    assert_int_equal(have(c, "s1"), 10);
    assert_int_equal(have(c, "s2"), 3);
    touch(c, "s1", 4);
    assert_int_equal(have(c, "s1"), 10);
    assert_int_equal(have(c, "s2"), 3);
    assert_ok(c, store_stream_set(c->store, "a", "s3", 7, &c->e));
    assert_int_equal(have(c, "s3"), 7);
    struct machine_row m = machine(c, "a");
    assert_string_equal(m.stream, "s3");
    assert_string_equal(m.agent_version, "2");
    assert_int_equal(m.skew_ms, 9);
}

static void forgets_streams_beyond_the_newest(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    char name[8] = "x00";
    for (int i = 0; i < 30; i++) {
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        touch(c, name, i + 1);
    }
    assert_int_equal(have(c, "x29"), 30);
    assert_int_equal(have(c, "x21"), 22);
    assert_int_equal(have(c, "x20"), 0);
}

static void an_unknown_machine_is_said_to_be_unknown(void **state)
{
    struct contract *c = *state;
    struct machine_row m = {.id = "none"};
    assert_err(c, ERR_NOT_FOUND, store_machine_touch(c->store, &m, &c->e));
    assert_err(c, ERR_NOT_FOUND, store_machine_get(c->store, &c->arena, "none", &m, &c->e));
    assert_err(c, ERR_NOT_FOUND, store_machine_refresh(c->store, "none", NOW, &c->e));
    assert_err(c, ERR_NOT_FOUND, store_machine_set_approved(c->store, "none", true, &c->e));
    assert_err(c, ERR_NOT_FOUND, store_machine_set_facts(c->store, &m, &c->e));
    assert_err(c, ERR_NOT_FOUND, store_machine_set_state(c->store, "none", MACHINE_HELD, "", &c->e));
}

static void new_facts_replace_the_old_ones(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct machine_row m = {.id = "a",
                            .name = "New",
                            .os = "Windows 11 Pro",
                            .ou = "OU=X",
                            .tags = ",t,",
                            .facts = "{\"n\":2}",
                            .reboot_pending = true};
    assert_ok(c, store_machine_set_facts(c->store, &m, &c->e));
    m = machine(c, "a");
    assert_string_equal(m.name, "New");
    assert_string_equal(m.os, "Windows 11 Pro");
    assert_string_equal(m.facts, "{\"n\":2}");
    assert_string_equal(m.public_key, "key");
    assert_true(m.reboot_pending);
    assert_ok(c, store_machine_find(c->store, &c->arena, "NEW", &m, &c->e));
}

const struct CMUnitTest contract_machines[] = {
    cmocka_unit_test(keeps_every_column_of_a_machine),
    cmocka_unit_test(finds_by_id_and_by_name_without_case),
    cmocka_unit_test(enrolling_again_keeps_history_and_brings_back_who_left),
    cmocka_unit_test(derives_state_and_reason),
    cmocka_unit_test(a_dry_run_changes_no_state),
    cmocka_unit_test(falls_silent_and_comes_back),
    cmocka_unit_test(remembers_the_high_water_of_each_stream),
    cmocka_unit_test(forgets_streams_beyond_the_newest),
    cmocka_unit_test(an_unknown_machine_is_said_to_be_unknown),
    cmocka_unit_test(new_facts_replace_the_old_ones),
    {0},
};
