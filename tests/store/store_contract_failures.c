#include "store_contract.h"

#include <string.h>

struct failures {
    int count;
    struct failure_row last;
    char states[200];
};

static bool add(void *ctx, const struct failure_row *f)
{
    struct failures *l = ctx;
    l->count++;
    l->last = *f;
    strncat(l->states, failure_state_words[f->state], sizeof l->states - strlen(l->states) - 1);
    strncat(l->states, " ", sizeof l->states - strlen(l->states) - 1);
    return true;
}

/* Oldest first. */
static struct failures all(struct contract *c, const char *filter, bool open_only)
{
    struct failures l = {0};
    struct filter f = filter_of(c, FILTER_FAILURES, filter);
    struct store_page page = {.cursor = "", .sort = "id", .now_ms = NOW};
    char next[200];
    assert_ok(c, store_failures(c->store, &f, open_only, &page, add, &l, next, &c->e));
    int64_t count = -1;
    assert_ok(c, store_failures_count(c->store, &f, open_only, NOW, &count, &c->e));
    assert_int_equal(count, l.count);
    return l;
}

static int64_t move(struct contract *c, const char *phase, const char *update, uint32_t code,
                    enum failure_state to)
{
    int64_t changed = -1;
    assert_ok(c,
              store_failures_move(c->store, "a", phase, update, code, to, "why", NOW + 5, &changed, &c->e));
    return changed;
}

static void counts_a_repeated_failure_on_one_row(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    put_machine(c, "b");
    struct failure_row f = failure_of("a", 0xC1900101, "install", "KB1");
    f.title = "Update";
    seen(c, &f, true);
    f.count = 3;
    f.last_seen_ms = NOW + 1000;
    f.text = "newer";
    seen(c, &f, false);
    f.last_seen_ms = NOW + 500;
    f.count = 0;
    seen(c, &f, false);
    struct failures l = all(c, "", true);
    assert_int_equal(l.count, 1);
    struct failure_row out;
    assert_ok(c, store_failure_for_job(c->store, &c->arena, "a", 0, &out, &c->e));
    assert_int_equal(out.count, 5);
    assert_int_equal(out.code, 0xC1900101);
    assert_int_equal(out.first_seen_ms, NOW);
    assert_int_equal(out.last_seen_ms, NOW + 1000);
    assert_string_equal(out.title, "Update");
    /* Another update, phase, code or machine is another failure. */
    f = failure_of("a", 0xC1900101, "install", "KB2");
    seen(c, &f, true);
    f = failure_of("a", 0xC1900101, "download", "KB1");
    seen(c, &f, true);
    f = failure_of("a", 0x80070002, "install", "KB1");
    seen(c, &f, true);
    f = failure_of("b", 0xC1900101, "install", "KB1");
    seen(c, &f, true);
    assert_int_equal(all(c, "", true).count, 5);
}

static void a_closed_failure_opens_as_a_new_row(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct failure_row f = failure_of("a", 0x80070002, "scan", "");
    static const enum failure_state closed[] = {FAILURE_FIXED, FAILURE_SUPERSEDED, FAILURE_GONE};
    for (int i = 0; i < 3; i++) {
        seen(c, &f, true);
        assert_int_equal(move(c, "", NULL, 0, closed[i]), 1);
        assert_int_equal(move(c, "", NULL, 0, FAILURE_FIXED), 0);
    }
    seen(c, &f, true);
    assert_string_equal(all(c, "", false).states, "fixed superseded gone open ");
    assert_string_equal(all(c, "", true).states, "open ");
    assert_string_equal(all(c, "state=gone", false).states, "gone ");
}

static void an_accepted_failure_is_counted_but_not_opened(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct failure_row f = failure_of("a", 0x80070002, "scan", "");
    seen(c, &f, true);
    move(c, "", NULL, 0, FAILURE_ACCEPTED);
    seen(c, &f, false);
    assert_string_equal(all(c, "", false).states, "accepted ");
    assert_int_equal(all(c, "", true).count, 0);
    assert_int_equal(move(c, "", NULL, 0, FAILURE_REPAIRING), 0);
    assert_int_equal(move(c, "", NULL, 0, FAILURE_OPEN), 1);
    assert_int_equal(all(c, "", true).count, 1);
}

static void moves_only_what_matches(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct failure_row f = failure_of("a", 1, "scan", "");
    seen(c, &f, true);
    f = failure_of("a", 2, "scan", "KB1");
    seen(c, &f, true);
    f = failure_of("a", 2, "install", "KB1");
    seen(c, &f, true);
    assert_int_equal(move(c, "scan", NULL, 2, FAILURE_WAITING), 1);
    assert_string_equal(all(c, "", false).states, "open waiting open ");
    assert_int_equal(move(c, "", "KB1", 0, FAILURE_VERIFYING), 2);
    assert_int_equal(move(c, "", "", 0, FAILURE_FIXED), 1);
    assert_string_equal(all(c, "", false).states, "fixed verifying verifying ");
    int64_t closed = -1;
    sql(c, "DELETE FROM failures WHERE closed_ms = 0");
    struct filter none = {0};
    assert_ok(c, store_failures_count(c->store, &none, false, NOW, &closed, &c->e));
    assert_int_equal(closed, 1);
}

static void a_job_names_the_newest_or_the_asked_for(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    struct failure_row f = failure_of("a", 1, "scan", ""), out;
    assert_err(c, ERR_NOT_FOUND, store_failure_for_job(c->store, &c->arena, "a", 0, &out, &c->e));
    f.last_seen_ms = NOW + 10;
    seen(c, &f, true);
    f = failure_of("a", 0xFFFFFFFF, "install", "");
    seen(c, &f, true);
    assert_ok(c, store_failure_for_job(c->store, &c->arena, "a", 0, &out, &c->e));
    assert_int_equal(out.code, 1);
    assert_ok(c, store_failure_for_job(c->store, &c->arena, "a", 0xFFFFFFFF, &out, &c->e));
    assert_string_equal(out.phase, "install");
    assert_err(c, ERR_NOT_FOUND, store_failure_for_job(c->store, &c->arena, "a", 7, &out, &c->e));
}

static bool add_code(void *ctx, const struct code_row *row)
{
    struct buf *b = ctx;
    return buf_printf(b, "%x:%d/%d ", row->code, (int)row->machines, (int)row->failures);
}

static void codes_come_with_most_machines_first(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    put_machine(c, "b");
    struct failure_row rows[] = {failure_of("a", 1, "scan", "x"), failure_of("a", 1, "scan", "y"),
                                 failure_of("a", 1, "scan", "z"), failure_of("a", 2, "scan", ""),
                                 failure_of("b", 2, "scan", ""),  failure_of("b", 3, "scan", "")};
    for (size_t i = 0; i < 6; i++)
        seen(c, &rows[i], true);
    assert_ok(c, store_failures_move(c->store, "b", "", NULL, 3, FAILURE_FIXED, "", NOW, NULL, &c->e));
    struct buf text;
    buf_init(&text, 200);
    assert_ok(c, store_codes(c->store, add_code, &text, &c->e));
    assert_string_equal(buf_text(&text), "2:2/2 1:1/3 ");
    buf_free(&text);
}

static bool add_event(void *ctx, const struct event_row *row)
{
    struct buf *b = ctx;
    return buf_printf(b, "%d:%s:%x:%s ", (int)row->seq, row->stream, row->code, row->text);
}

static void events_come_back_newest_first(void **state)
{
    struct contract *c = *state;
    put_machine(c, "a");
    put_machine(c, "b");
    struct event_row rows[5] = {0};
    for (int i = 0; i < 5; i++)
        rows[i] = (struct event_row){.machine_id = i == 3 ? "b" : "a",
                                     .stream = "s",
                                     .seq = i,
                                     .failed = true,
                                     .code = 0x80070000u + (uint32_t)i,
                                     .text = "héllo"};
    assert_ok(c, store_events_add(c->store, rows, 4, &c->e));
    assert_ok(c, store_events_add(c->store, rows + 4, 1, &c->e));
    struct buf text;
    buf_init(&text, 400);
    assert_ok(c, store_events_of(c->store, "a", 3, add_event, &text, &c->e));
    assert_string_equal(buf_text(&text), "4:s:80070004:héllo 2:s:80070002:héllo 1:s:80070001:héllo ");
    buf_free(&text);
    rows[0].machine_id = "nobody";
    assert_err(c, ERR_NOT_FOUND, store_events_add(c->store, rows, 1, &c->e));
}

const struct CMUnitTest contract_failures[] = {
    cmocka_unit_test(counts_a_repeated_failure_on_one_row),
    cmocka_unit_test(a_closed_failure_opens_as_a_new_row),
    cmocka_unit_test(an_accepted_failure_is_counted_but_not_opened),
    cmocka_unit_test(moves_only_what_matches),
    cmocka_unit_test(a_job_names_the_newest_or_the_asked_for),
    cmocka_unit_test(codes_come_with_most_machines_first),
    cmocka_unit_test(events_come_back_newest_first),
    {0},
};
