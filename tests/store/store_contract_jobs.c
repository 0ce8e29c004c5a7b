#include "store_contract.h"

#include <string.h>

static void add_job(struct contract *c, struct job_row j)
{
    assert_ok(c, store_jobs_add(c->store, &j, 1, &c->e));
}

static void keeps_every_column_of_a_job(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct job_row in = {.id = "j",
                         .rollout_id = "r",
                         .machine_id = "a",
                         .repair = "reboot",
                         .op = "undo",
                         .params = "{\"k\":\"v\"}",
                         .origin = "local",
                         .repair_class = 2,
                         .state = JOB_DONE,
                         .result = JOB_RESULT_REFUSED,
                         .verdict = JOB_VERDICT_SAME,
                         .reason = "re",
                         .verdict_reason = "vr",
                         .output = "out",
                         .undo_of = "u",
                         .code = 0xFFFFFFFE,
                         .verdict_code = 0x80240022,
                         .phase = "ph",
                         .update_key = "uk",
                         .dry_run = true,
                         .undoable = true,
                         .late = true,
                         .rev = 3,
                         .start_seq = 4,
                         .created_ms = 5,
                         .started_ms = 6,
                         .ended_ms = 7,
                         .expires_ms = 8};
    add_job(c, in);
    struct job_row out = job(c, "j");
    const char *const pairs[][2] = {
        {in.rollout_id, out.rollout_id}, {"a", out.machine_id},     {"PC-a", out.machine},
        {in.repair, out.repair},         {in.op, out.op},           {in.params, out.params},
        {in.origin, out.origin},         {in.reason, out.reason},   {in.verdict_reason, out.verdict_reason},
        {in.output, out.output},         {in.undo_of, out.undo_of}, {in.phase, out.phase},
        {in.update_key, out.update_key}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_string_equal(pairs[i][0], pairs[i][1]);
    assert_int_equal(out.state, JOB_DONE);
    assert_int_equal(out.result, JOB_RESULT_REFUSED);
    assert_int_equal(out.verdict, JOB_VERDICT_SAME);
    assert_int_equal(out.code, 0xFFFFFFFE);
    assert_int_equal(out.verdict_code, 0x80240022);
    assert_true(out.dry_run && out.undoable && out.late && out.repair_class == 2);
    assert_true(out.rev == 3 && out.start_seq == 4 && out.created_ms == 5);
    assert_true(out.started_ms == 6 && out.ended_ms == 7 && out.expires_ms == 8);
    assert_err(c, ERR_CONFLICT, store_jobs_add(c->store, &in, 1, &c->e));
    assert_err(c, ERR_NOT_FOUND, store_job_get(c->store, &c->arena, "none", &out, &c->e));
}

static void moves_by_compare_and_set(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    add_job(c, job_of("j", "a"));
    assert_ok(c, store_job_move(c->store, "j", JOB_QUEUED, JOB_WAITING, "window", NOW, &c->e));
    assert_err(c, ERR_CONFLICT, store_job_move(c->store, "j", JOB_QUEUED, JOB_OFFERED, "", NOW, &c->e));
    assert_non_null(strstr(c->e.text, "is waiting, not queued"));
    assert_int_equal(job(c, "j").state, JOB_WAITING);
    assert_string_equal(job(c, "j").reason, "window");
    assert_ok(c, store_job_move(c->store, "j", JOB_WAITING, JOB_CANCELLED, "by anna", NOW + 9, &c->e));
    assert_int_equal(job(c, "j").ended_ms, NOW + 9);
    assert_err(c, ERR_CONFLICT, store_job_move(c->store, "j", JOB_CANCELLED, JOB_QUEUED, "", NOW, &c->e));
    assert_err(c, ERR_NOT_FOUND, store_job_move(c->store, "none", JOB_QUEUED, JOB_OFFERED, "", NOW, &c->e));
}

static bool report(struct contract *c, enum job_state to, enum job_result result, int64_t rev)
{
    struct job_row r = {.id = "j",
                        .state = to,
                        .result = result,
                        .rev = rev,
                        .reason = "said",
                        .output = "steps",
                        .started_ms = NOW + 1,
                        .undoable = true,
                        .start_seq = 12};
    bool applied = false;
    assert_ok(c, store_job_report(c->store, &r, &applied, &c->e));
    return applied;
}

static void a_report_counts_once(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    add_job(c, job_of("j", "a"));
    assert_true(report(c, JOB_RUNNING, JOB_RESULT_NONE, 1));
    assert_false(report(c, JOB_RUNNING, JOB_RESULT_NONE, 1));
    assert_true(report(c, JOB_DONE, JOB_RESULT_DONE, 3));
    assert_false(report(c, JOB_VERIFYING, JOB_RESULT_DONE, 2));
    struct job_row j = job(c, "j");
    assert_int_equal(j.state, JOB_DONE);
    assert_int_equal(j.result, JOB_RESULT_DONE);
    assert_int_equal(j.rev, 3);
    assert_int_equal(j.started_ms, NOW + 1);
    assert_int_equal(j.start_seq, 12);
    assert_string_equal(j.output, "steps");
    assert_true(j.undoable);
    assert_false(j.late);
    struct job_row unknown = {.id = "none", .rev = 1};
    bool applied;
    assert_err(c, ERR_NOT_FOUND, store_job_report(c->store, &unknown, &applied, &c->e));
}

static void a_later_verdict_of_a_done_job_is_kept(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    add_job(c, job_of("j", "a"));
    assert_true(report(c, JOB_DONE, JOB_RESULT_DONE, 1));
    struct job_row r = {
        .id = "j", .state = JOB_DONE, .result = JOB_RESULT_DONE, .verdict = JOB_VERDICT_FIXED, .rev = 2};
    bool applied = false;
    assert_ok(c, store_job_report(c->store, &r, &applied, &c->e));
    assert_true(applied);
    assert_int_equal(job(c, "j").verdict, JOB_VERDICT_FIXED);
    assert_false(job(c, "j").late);
    assert_int_equal(job(c, "j").started_ms, NOW + 1);
}

static void a_result_after_the_end_is_kept_as_late(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    static const enum job_state ends[] = {JOB_CANCELLED, JOB_EXPIRED, JOB_SUPERSEDED};
    for (size_t i = 0; i < 3; i++) {
        add_job(c, job_of("j", "a"));
        assert_ok(c, store_job_move(c->store, "j", JOB_QUEUED, ends[i], "", NOW, &c->e));
        assert_true(report(c, JOB_DONE, JOB_RESULT_FAILED, 1));
        struct job_row j = job(c, "j");
        assert_int_equal(j.state, ends[i]);
        assert_int_equal(j.result, JOB_RESULT_FAILED);
        assert_true(j.late);
        sql(c, "DELETE FROM jobs");
    }
}

static bool add_id(void *ctx, const char *id, const char *name)
{
    return buf_printf(ctx, "%s@%s ", id, name);
}

static bool add_row(void *ctx, const struct job_row *j)
{
    return buf_printf(ctx, "%s:%s ", j->id, job_state_name(j->state));
}

static void a_newer_push_supersedes_what_has_not_started(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    put_machine(c, "b");
    static const char *const ids[] = {"q", "w", "o", "r", "new"};
    static const enum job_state states[] = {JOB_QUEUED, JOB_WAITING, JOB_OFFERED, JOB_RUNNING, JOB_QUEUED};
    for (int i = 0; i < 5; i++) {
        struct job_row j = job_of(ids[i], "a");
        j.state = states[i];
        add_job(c, j);
    }
    add_job(c, job_of("elsewhere", "b"));
    struct job_row other = job_of("other", "a");
    other.repair = "reboot";
    add_job(c, other);
    struct buf text;
    buf_init(&text, 400);
    assert_ok(c, store_jobs_supersede(c->store, "a", "cache_reset", "new", NOW, add_id, &text, &c->e));
    assert_string_equal(buf_text(&text), "q@PC-a w@PC-a o@PC-a ");
    assert_int_equal(job(c, "w").state, JOB_SUPERSEDED);
    assert_string_equal(job(c, "w").reason, "replaced by job new");
    buf_clear(&text);
    assert_ok(c, store_jobs_open(c->store, add_row, &text, &c->e));
    assert_string_equal(buf_text(&text), "r:running new:queued elsewhere:queued other:queued ");
    buf_free(&text);
}

static void what_ran_out_of_time_expires(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct job_row j = job_of("q", "a");
    add_job(c, j);
    j = job_of("r", "a");
    j.state = JOB_RUNNING;
    add_job(c, j);
    j = job_of("local", "a");
    j.state = JOB_RUNNING;
    j.expires_ms = 0;
    add_job(c, j);
    j = job_of("later", "a");
    j.expires_ms = NOW + 2 * DAY;
    add_job(c, j);
    struct buf text;
    buf_init(&text, 400);
    assert_ok(c, store_jobs_expire(c->store, NOW + DAY - 1, add_row, &text, &c->e));
    assert_string_equal(buf_text(&text), "");
    assert_ok(c, store_jobs_expire(c->store, NOW + DAY, add_row, &text, &c->e));
    assert_string_equal(buf_text(&text), "q:queued ");
    assert_int_equal(job(c, "q").state, JOB_EXPIRED);
    buf_clear(&text);
    assert_ok(c, store_jobs_expire(c->store, NOW + DAY + STORE_STARTED_GRACE_MS, add_row, &text, &c->e));
    assert_string_equal(buf_text(&text), "r:running later:queued ");
    assert_int_equal(job(c, "local").state, JOB_RUNNING);
    buf_free(&text);
}

static void undoes_the_newest_that_was_not_undone(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct job_row out, j = job_of("j1", "a");
    assert_err(c, ERR_NOT_FOUND,
               store_job_newest_undoable(c->store, &c->arena, "a", "cache_reset", &out, &c->e));
    j.undoable = true;
    add_job(c, j);
    j.id = "j2";
    add_job(c, j);
    assert_ok(c, store_job_newest_undoable(c->store, &c->arena, "a", "cache_reset", &out, &c->e));
    assert_string_equal(out.id, "j2");
    struct job_row undo = job_of("u", "a");
    undo.op = "undo";
    undo.undo_of = "j2";
    undo.result = JOB_RESULT_FAILED;
    add_job(c, undo);
    assert_ok(c, store_job_newest_undoable(c->store, &c->arena, "a", "cache_reset", &out, &c->e));
    assert_string_equal(out.id, "j2");
    undo.id = "u2";
    undo.result = JOB_RESULT_DONE;
    add_job(c, undo);
    assert_ok(c, store_job_newest_undoable(c->store, &c->arena, "a", "cache_reset", &out, &c->e));
    assert_string_equal(out.id, "j1");
}

static void rollouts_move_by_compare_and_set(void **state)
{
    struct contract *c = *state;
    struct rollout_row in = {.id = "r",
                             .repair = "reboot",
                             .params = "{}",
                             .filter = "state=failing",
                             .reason = "why",
                             .created_by = "anna",
                             .targets_sha256 = "ff",
                             .state = "running",
                             .created_ms = NOW,
                             .matched = 3,
                             .dry_run = true},
                       out;
    assert_ok(c, store_rollout_add(c->store, &in, &c->e));
    assert_ok(c, store_rollout_get(c->store, &c->arena, "r", &out, &c->e));
    assert_string_equal(out.filter, "state=failing");
    assert_string_equal(out.targets_sha256, "ff");
    assert_true(out.dry_run && out.matched == 3 && out.created_ms == NOW);
    assert_ok(c, store_rollout_move(c->store, "r", "running", "cancelled", &c->e));
    assert_err(c, ERR_CONFLICT, store_rollout_move(c->store, "r", "running", "done", &c->e));
    assert_err(c, ERR_NOT_FOUND, store_rollout_get(c->store, &c->arena, "none", &out, &c->e));
}

const struct CMUnitTest contract_jobs[] = {
    cmocka_unit_test(keeps_every_column_of_a_job),
    cmocka_unit_test(moves_by_compare_and_set),
    cmocka_unit_test(a_report_counts_once),
    cmocka_unit_test(a_later_verdict_of_a_done_job_is_kept),
    cmocka_unit_test(a_result_after_the_end_is_kept_as_late),
    cmocka_unit_test(a_newer_push_supersedes_what_has_not_started),
    cmocka_unit_test(what_ran_out_of_time_expires),
    cmocka_unit_test(undoes_the_newest_that_was_not_undone),
    cmocka_unit_test(rollouts_move_by_compare_and_set),
    {0},
};
