/* Users, tokens, audit, meta, overview, transactions. */
#include "store_contract.h"

#include <stdio.h>
#include <string.h>

static void users_are_known_by_name(void **state)
{
    struct contract *c = *state;
    struct user_row in = {.name = "anna", .password_hash = "$argon2id$", .roles = 60, .created_ms = NOW}, out;
    int64_t id = 0, second = 0;
    assert_ok(c, store_user_add(c->store, &in, &id, &c->e));
    assert_err(c, ERR_CONFLICT, store_user_add(c->store, &in, &second, &c->e));
    assert_string_equal(c->e.text, "there is a user anna already");
    assert_ok(c, store_user_by_name(c->store, &c->arena, "anna", &out, &c->e));
    assert_true(out.id == id && out.roles == 60 && !out.disabled);
    out.disabled = true;
    assert_ok(c, store_user_update(c->store, &out, &c->e));
    assert_ok(c, store_user_by_name(c->store, &c->arena, "anna", &out, &c->e));
    assert_true(out.disabled);
    assert_err(c, ERR_NOT_FOUND, store_user_by_name(c->store, &c->arena, "Anna", &out, &c->e));
}

static bool add_token(void *ctx, const struct token_row *t)
{
    return buf_printf(ctx, "%s:%s:%d ", t->id, t->kind, (int)(t->last_used_ms - NOW));
}

static void expired_tokens_are_not_listed(void **state)
{
    struct contract *c = *state;
    struct user_row u = {.name = "anna"};
    struct token_row t = {
        .id = "t1", .kind = "api", .sha256 = "aa", .expires_ms = NOW + 10, .created_ms = NOW};
    assert_ok(c, store_user_add(c->store, &u, &t.user_id, &c->e));
    assert_ok(c, store_token_add(c->store, &t, &c->e));
    t = (struct token_row){.id = "t2",
                           .kind = "session",
                           .sha256 = "bb",
                           .expires_ms = NOW + 20,
                           .user_id = t.user_id,
                           .created_ms = NOW + 1};
    assert_ok(c, store_token_add(c->store, &t, &c->e));
    assert_ok(c, store_token_used(c->store, "t2", NOW + 7, &c->e));
    struct buf text;
    buf_init(&text, 200);
    assert_ok(c, store_tokens(c->store, NOW + 10, add_token, &text, &c->e));
    assert_string_equal(buf_text(&text), "t2:session:7 ");
    buf_free(&text);
    assert_ok(c, store_token_delete(c->store, "t2", &c->e));
    assert_err(c, ERR_NOT_FOUND, store_token_delete(c->store, "t2", &c->e));
}

static void an_enrolment_token_has_an_end_and_a_count(void **state)
{
    struct contract *c = *state;
    struct enroll_token_row t = {.id = "e1",
                                 .sha256 = "aa",
                                 .name = "kit",
                                 .tags = ",a,",
                                 .expires_ms = NOW + 10,
                                 .uses_max = 2,
                                 .approval = true},
                            out;
    assert_ok(c, store_enroll_token_add(c->store, &t, &c->e));
    for (int i = 1; i <= 2; i++) {
        assert_ok(c, store_enroll_token_use(c->store, &c->arena, "aa", NOW, &out, &c->e));
        assert_int_equal(out.uses, i);
    }
    assert_true(out.approval);
    assert_string_equal(out.tags, ",a,");
    assert_err(c, ERR_DENIED, store_enroll_token_use(c->store, &c->arena, "aa", NOW, &out, &c->e));
    assert_non_null(strstr(c->e.text, "used 2 times"));
    assert_err(c, ERR_DENIED, store_enroll_token_use(c->store, &c->arena, "zz", NOW, &out, &c->e));
    t = (struct enroll_token_row){.id = "e2", .sha256 = "bb", .name = "free", .expires_ms = NOW + 10};
    assert_ok(c, store_enroll_token_add(c->store, &t, &c->e));
    for (int i = 0; i < 5; i++)
        assert_ok(c, store_enroll_token_use(c->store, &c->arena, "bb", NOW, &out, &c->e));
    assert_err(c, ERR_DENIED, store_enroll_token_use(c->store, &c->arena, "bb", NOW + 10, &out, &c->e));
    assert_non_null(strstr(c->e.text, "expired"));
}

static void audit_some(struct contract *c, int n)
{
    for (int i = 0; i < n; i++)
        assert_ok(c, store_audit_add(c->store, NOW + i, "anna", "push", "r1", "{\"n\":1}", &c->e));
}

static void a_clean_audit_verifies(void **state)
{
    struct contract *c = *state;
    int64_t rows = -1;
    assert_ok(c, store_audit_verify(c->store, &rows, &c->e));
    assert_int_equal(rows, 0);
    audit_some(c, 5);
    assert_ok(c, store_audit_verify(c->store, &rows, &c->e));
    assert_int_equal(rows, 5);
}

static void tampering_with_the_audit_shows(void **state)
{
    static const struct {
        const char *change, *error;
    } cases[] = {
        {"UPDATE audit SET detail = '{\"n\":2}' WHERE id = 3", "audit row 3 "},
        {"UPDATE audit SET actor = 'bob' WHERE id = 1", "audit row 1 "},
        {"UPDATE audit SET actor = 'annap', action = 'ush' WHERE id = 2", "audit row 2 "},
        {"UPDATE audit SET time_ms = time_ms + 1 WHERE id = 4", "audit row 4 "},
        {"UPDATE audit SET hash = prev_hash WHERE id = 2", "audit row 2 "},
        {"DELETE FROM audit WHERE id = 1", "audit row 2 "},
        {"DELETE FROM audit WHERE id = 3", "audit row 4 "},
        {"DELETE FROM audit WHERE id = 5", "missing at the end"},
        {"DELETE FROM audit", "missing at the end"},
    };
    struct contract *c = *state;
    audit_some(c, 5);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t rows;
        assert_ok(c, db_begin(store_db(c->store), &c->e));
        sql(c, cases[i].change);
        assert_err(c, ERR_CONFLICT, store_audit_verify(c->store, &rows, &c->e));
        if (!strstr(c->e.text, cases[i].error))
            fail_msg("%s: %s", cases[i].change, c->e.text);
        db_rollback(store_db(c->store));
    }
}

static bool add_audit(void *ctx, const struct audit_row *r)
{
    return buf_printf(ctx, "%d:%s:%s:%s ", (int)(r->time_ms - NOW), r->actor, r->action, r->object);
}

static void the_newest_audit_rows_come_first(void **state)
{
    struct contract *c = *state;
    audit_some(c, 3);
    struct buf text;
    buf_init(&text, 200);
    assert_ok(c, store_audit(c->store, 2, add_audit, &text, &c->e));
    assert_string_equal(buf_text(&text), "2:anna:push:r1 1:anna:push:r1 ");
    buf_free(&text);
}

static void meta_values_are_replaced(void **state)
{
    struct contract *c = *state;
    const char *value;
    assert_ok(c, store_meta_get(c->store, &c->arena, "epoch", &value, &c->e));
    assert_string_equal(value, "");
    assert_ok(c, store_meta_set(c->store, "epoch", "one", &c->e));
    assert_ok(c, store_meta_set(c->store, "epoch", "two", &c->e));
    assert_ok(c, store_meta_get(c->store, &c->arena, "epoch", &value, &c->e));
    assert_string_equal(value, "two");
}

static void counts_the_front_page(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    put_machine(c, "b");
    put_machine(c, "d");
    struct failure_row f = failure_of("a", 1, "scan", "");
    seen(c, &f, true);
    f = failure_of("b", 1, "scan", "");
    seen(c, &f, true);
    assert_ok(c, store_failures_move(c->store, "b", "", NULL, 0, FAILURE_FIXED, "", NOW, NULL, &c->e));
    struct job_row j = job_of("j1", "a");
    assert_ok(c, store_jobs_add(c->store, &j, 1, &c->e));
    j = job_of("j2", "b");
    assert_ok(c, store_jobs_add(c->store, &j, 1, &c->e));
    assert_ok(c, store_job_move(c->store, "j2", JOB_QUEUED, JOB_DONE, "", NOW, &c->e));
    refresh(c, "a");
    refresh(c, "b");
    struct overview_counts o;
    assert_ok(c, store_overview(c->store, NOW + 1, &o, &c->e));
    assert_int_equal(o.machines, 3);
    assert_int_equal(o.by_state[MACHINE_WAITING], 1);
    assert_int_equal(o.by_state[MACHINE_HEALTHY], 1);
    assert_int_equal(o.by_state[MACHINE_NEVER_SCANNED], 1);
    assert_true(o.failures_open == 1 && o.fixed_24h == 1 && o.jobs_open == 1 && o.jobs_done_24h == 1);
    assert_ok(c, store_overview(c->store, NOW + DAY + 1, &o, &c->e));
    assert_true(o.fixed_24h == 0 && o.jobs_done_24h == 0);
}

static void what_is_rolled_back_never_was(void **state)
{
    struct contract *c = *state;
    struct machine_row m;
    assert_ok(c, db_begin(store_db(c->store), &c->e));
    put_machine(c, "a");
    db_rollback(store_db(c->store));
    assert_err(c, ERR_NOT_FOUND, store_machine_get(c->store, &c->arena, "a", &m, &c->e));
}

static void numbers_of_deleted_rows_never_come_again(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct failure_row f = failure_of("a", 1, "scan", ""), out;
    seen(c, &f, true);
    assert_ok(c, store_failure_for_job(c->store, &c->arena, "a", 0, &out, &c->e));
    int64_t first = out.id;
    sql(c, "DELETE FROM failures");
    seen(c, &f, true);
    assert_ok(c, store_failure_for_job(c->store, &c->arena, "a", 0, &out, &c->e));
    assert_true(out.id > first);
}

static void a_newer_schema_is_refused_and_says_what_is_needed(void **state)
{
    struct contract *c = *state;
    sql(c, "INSERT INTO schema_history (version, program) VALUES (7, '3.1.0')");
    store_close(c->store);
    c->store = NULL;
    assert_err(c, ERR_CONFLICT, store_open(c->url, DB_WRITER, &c->e));
    assert_non_null(strstr(c->e.text, "schema 7"));
    assert_non_null(strstr(c->e.text, "fleetmend-server 3.1.0 or newer"));
    assert_err(c, ERR_CONFLICT, store_open(c->url, DB_READER, &c->e));
}

static void every_statement_prepares(void **state)
{
    struct contract *c = *state;
    struct db_value values[40];
    for (int i = 0; i < 40; i++)
        values[i] = db_int(0);
    for (int s = 0; s < SQL_COUNT; s++) {
        static const char *const texts[] = {
#define STATEMENT(id, sql) sql,
#include "columns.h"
#include "statements.def"
#undef STATEMENT
        };
        int n = 0;
        char name[16];
        for (; snprintf(name, sizeof name, "$%d", n + 1), strstr(texts[s], name); n++)
            ;
        assert_ok(c, db_begin(store_db(c->store), &c->e));
        c->e = (struct err){0};
        db_query(store_db(c->store), (enum db_statement)s, values, n, NULL, NULL, &c->e);
        if (c->e.kind == ERR_INTERNAL)
            fail_msg("%s: %s", texts[s], c->e.text);
        db_rollback(store_db(c->store));
    }
}

const struct CMUnitTest contract_rest[] = {
    cmocka_unit_test(users_are_known_by_name),
    cmocka_unit_test(expired_tokens_are_not_listed),
    cmocka_unit_test(an_enrolment_token_has_an_end_and_a_count),
    cmocka_unit_test(a_clean_audit_verifies),
    cmocka_unit_test(tampering_with_the_audit_shows),
    cmocka_unit_test(the_newest_audit_rows_come_first),
    cmocka_unit_test(meta_values_are_replaced),
    cmocka_unit_test(counts_the_front_page),
    cmocka_unit_test(what_is_rolled_back_never_was),
    cmocka_unit_test(numbers_of_deleted_rows_never_come_again),
    cmocka_unit_test(a_newer_schema_is_refused_and_says_what_is_needed),
    cmocka_unit_test(every_statement_prepares),
    {0},
};
