#include "spool.h"

#include "fake_machine.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MESSAGE = 48 * 1024 };

struct world {
    struct fake_machine fake;
    struct spool_options options;
    struct spool *spool;
};

static int set_up(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    fake_machine_init(&w->fake);
    w->fake.crash_mask = w->fake.fail_mask = FAKE_FILE_WRITES;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    spool_close(w->spool);
    fake_machine_free(&w->fake);
    mem_free(w);
    return 0;
}

static void reopen(struct world *w)
{
    struct err e;
    spool_close(w->spool);
    w->spool = spool_open(&w->fake.machine, &w->options, &e);
    if (!w->spool)
        fail_msg("%s", e.text);
}

static void crash(struct world *w)
{
    w->fake.crashed = true;
    spool_close(w->spool);
    w->spool = NULL;
    fake_machine_restart(&w->fake, false);
    w->fake.crash_at = 0;
    reopen(w);
}

static bool append(struct world *w, const char *outcome, const char *title, int64_t *seq)
{
    struct wire_event ev = {.outcome = outcome, .code = 0x80070002, .phase = "scan", .title = title};
    bool ok = spool_append_event(w->spool, &ev, NULL);
    if (ok && seq)
        *seq = ev.seq;
    return ok;
}

static int64_t must_append(struct world *w, const char *outcome, const char *title)
{
    int64_t seq = 0;
    assert_true(append(w, outcome, title, &seq));
    return seq;
}

static void must_sync(struct world *w)
{
    struct err e;
    if (!spool_sync(w->spool, &e))
        fail_msg("%s", e.text);
}

static struct wire_sync fill(struct world *w, struct arena *a, size_t bytes)
{
    struct wire_sync msg = {0};
    spool_fill(w->spool, a, &msg, bytes);
    return msg;
}

static char *job_id(int n)
{
    static char ids[8][33];
    char *id = ids[n % 8];
    snprintf(id, 33, "%032d", n);
    return id;
}

static bool put_result(struct world *w, int job, int64_t rev, const char *output)
{
    struct wire_result r = {.job = job_id(job), .rev = rev, .state = JOB_RUNNING, .output = output};
    return spool_put_result(w->spool, &r, NULL);
}

static void keeps_order_across_a_restart(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    reopen(w);
    char stream[40];
    snprintf(stream, sizeof stream, "%s", spool_stream(w->spool));
    assert_int_equal(strlen(stream), 32);
    assert_false(spool_has_news(w->spool));
    for (int i = 1; i <= 5; i++)
        assert_int_equal(must_append(w, "failed", "x"), i);
    must_sync(w);
    reopen(w);
    assert_string_equal(spool_stream(w->spool), stream);
    assert_int_equal(spool_last_seq(w->spool), 5);
    struct wire_sync msg = fill(w, &a, MESSAGE);
    assert_int_equal(msg.events_count, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(msg.events[i].seq, i + 1);
    assert_string_equal(msg.events[0].outcome, "failed");
    arena_free(&a);
}

static void hands_out_only_what_is_on_disk(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    reopen(w);
    must_append(w, "failed", "x");
    assert_false(spool_has_news(w->spool));
    assert_int_equal(fill(w, &a, MESSAGE).events_count, 0);
    must_sync(w);
    assert_true(spool_has_news(w->spool));
    assert_int_equal(fill(w, &a, MESSAGE).events_count, 1);
    arena_free(&a);
}

static void a_number_is_never_used_twice(void **state)
{
    struct world *w = *state;
    reopen(w);
    must_append(w, "failed", "x");
    must_sync(w);
    int64_t greatest = 0;
    for (int round = 0; round < 4; round++) {
        int64_t seq = 0;
        for (int i = 0; i < 3 * round; i++)
            seq = must_append(w, "failed", "lost");
        crash(w);
        greatest = seq > greatest ? seq : greatest;
        assert_true(must_append(w, "failed", "y") > greatest);
        greatest = spool_last_seq(w->spool);
        crash(w);
    }
}

static void a_clean_end_leaves_no_gap(void **state)
{
    struct world *w = *state;
    reopen(w);
    must_append(w, "failed", "x");
    reopen(w);
    reopen(w);
    assert_int_equal(must_append(w, "failed", "x"), 2);
}

/* What a run promised before it was cut. */
struct promise {
    int64_t synced[64], given;
    size_t synced_count;
    int64_t acked;
    char note[20];
    int64_t result_rev;
};

static void run_until_cut(struct world *w, struct promise *p)
{
    for (int i = 0; i < 6; i++) {
        int64_t seqs[3];
        char note[20];
        bool ok = true;
        for (int k = 0; k < 3; k++) {
            ok = append(w, k ? "failed" : "succeeded", "some title", &seqs[k]) && ok;
            p->given = ok ? seqs[k] : p->given;
        }
        snprintf(note, sizeof note, "at %d", i);
        spool_set_note(w->spool, "bookmark", note);
        if (spool_sync(w->spool, NULL) && ok && !w->fake.crashed) {
            memcpy(&p->synced[p->synced_count], seqs, sizeof seqs);
            p->synced_count += 3;
            memcpy(p->note, note, sizeof note);
        }
        if (put_result(w, 1, i + 1, "done so far") && !w->fake.crashed)
            p->result_rev = i + 1;
        if (i == 3 && p->synced_count)
            spool_ack(w->spool, p->synced[1], NULL, 0, NULL);
        if (w->fake.crashed)
            return;
    }
}

static bool holds(const struct wire_sync *msg, int64_t seq)
{
    for (size_t i = 0; i < msg->events_count; i++)
        if (msg->events[i].seq == seq)
            return true;
    return false;
}

static void check_promise(struct world *w, const struct promise *p, int k)
{
    struct arena a = {0};
    /* Everything again, as for a restored server. */
    spool_ack(w->spool, 0, NULL, 0, NULL);
    struct wire_sync msg = fill(w, &a, MESSAGE);
    for (size_t i = 0; i < p->synced_count; i++)
        if (!holds(&msg, p->synced[i]))
            fail_msg("cut %d: event %d is lost", k, (int)p->synced[i]);
    for (size_t i = 1; i < msg.events_count; i++)
        if (msg.events[i].seq <= msg.events[i - 1].seq)
            fail_msg("cut %d: order", k);
    if (p->result_rev && (!msg.results_count || msg.results[0].rev < p->result_rev))
        fail_msg("cut %d: report is lost", k);
    /* A note never gets ahead of its events, nor behind them. */
    const char *note = spool_note(w->spool, "bookmark");
    size_t expected = note ? ((size_t)(note[3] - '0') + 1) * 3 : 0;
    if (msg.events_count != expected)
        fail_msg("cut %d: note '%s' and %zu events", k, note ? note : "", msg.events_count);
    assert_true(must_append(w, "failed", "next") > p->given);
    arena_free(&a);
}

static void survives_a_cut_at_every_write(void **state)
{
    struct world *w = *state;
    static const enum fake_tear tears[] = {FAKE_TEAR_LOSE, FAKE_TEAR_HALF, FAKE_TEAR_KEEP};
    int cuts = 0;
    for (size_t t = 0; t < 3; t++)
        for (int after = 0; after < 2; after++)
            for (int k = 1;; k++) {
                struct promise p = {0};
                spool_close(w->spool);
                w->spool = NULL;
                fake_machine_free(&w->fake);
                fake_machine_init(&w->fake);
                w->fake.crash_mask = FAKE_FILE_WRITES;
                w->fake.tear = tears[t];
                w->fake.crash_after = after;
                w->fake.crash_at = k;
                w->spool = spool_open(&w->fake.machine, &w->options, NULL);
                if (w->spool)
                    run_until_cut(w, &p);
                bool cut = w->fake.crashed;
                if (!cut)
                    break;
                crash(w);
                check_promise(w, &p, k);
                cuts++;
            }
    assert_true(cuts > 60);
}

static void a_failed_write_loses_and_doubles_nothing(void **state)
{
    struct world *w = *state;
    static const enum fake_tear tears[] = {FAKE_TEAR_LOSE, FAKE_TEAR_HALF};
    for (size_t t = 0; t < 2; t++)
        for (int k = 1; k < 12; k++) {
            struct arena a = {0};
            spool_close(w->spool);
            w->spool = NULL;
            fake_machine_free(&w->fake);
            fake_machine_init(&w->fake);
            w->fake.fail_mask = FAKE_FILE_WRITES;
            w->fake.tear = tears[t];
            reopen(w);
            w->fake.fail_at = k;
            int64_t count = 0;
            for (int i = 0; i < 5; i++) {
                must_append(w, "failed", "x");
                count++;
                bool ok = spool_sync(w->spool, NULL) || spool_sync(w->spool, NULL);
                assert_true(ok);
            }
            struct wire_sync msg = fill(w, &a, MESSAGE);
            assert_int_equal(msg.events_count, count);
            reopen(w);
            msg = fill(w, &a, MESSAGE);
            assert_int_equal(msg.events_count, count);
            arena_free(&a);
        }
}

static void stays_within_its_size_and_drops_failures_last(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    w->options.max_bytes = 20000;
    reopen(w);
    for (int i = 0; i < 40; i++) {
        must_append(w, "failed", "a failure that matters");
        must_append(w, "succeeded", "a success");
        must_append(w, "noise", "noise");
        must_sync(w);
    }
    for (int i = 0; i < 400; i++) {
        must_append(w, i % 2 ? "noise" : "succeeded", "more");
        must_sync(w);
        assert_true(fake_machine_file(&w->fake, "spool.events")->n <= 20000);
        assert_int_equal(fake_machine_file(&w->fake, "spool.events")->n, spool_bytes(w->spool));
    }
    struct wire_sync msg = fill(w, &a, MESSAGE);
    int failures = 0;
    for (size_t i = 0; i < msg.events_count; i++)
        failures += strcmp(msg.events[i].outcome, "failed") == 0;
    assert_int_equal(failures, 40);
    assert_int_equal(spool_dropped(w->spool) + (int64_t)msg.events_count, 520);
    int64_t dropped = spool_dropped(w->spool);
    reopen(w);
    assert_int_equal(spool_dropped(w->spool), dropped);
    for (int i = 0; i < 400; i++) {
        must_append(w, "failed", "f");
        must_sync(w);
        assert_true(spool_bytes(w->spool) <= 20000);
    }
    assert_true(spool_dropped(w->spool) > dropped);
    assert_int_equal(spool_last_seq(w->spool), 920);
    arena_free(&a);
}

static void a_spool_that_lost_everything_does_not_begin_at_one(void **state)
{
    struct world *w = *state;
    w->options.max_bytes = 4000;
    reopen(w);
    for (int i = 0; i < 100; i++) {
        must_append(w, "noise", "n");
        must_sync(w);
    }
    crash(w);
    assert_true(must_append(w, "failed", "x") > 100);
}

static void fills_by_bytes_and_by_count(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    reopen(w);
    for (int i = 0; i < 500; i++) {
        must_append(w, "failed", "t");
        if (i % 50 == 0)
            must_sync(w);
    }
    must_sync(w);
    struct wire_sync msg = fill(w, &a, MESSAGE);
    assert_int_equal(msg.events_count, 200);
    msg = fill(w, &a, 1000);
    assert_true(msg.events_count > 3 && msg.events_count < 15);
    struct buf text;
    buf_init(&text, MESSAGE);
    struct wire_agent agent = {.version = "1", .boot_id = "b"};
    msg.agent = &agent;
    msg.stream = "s";
    wire_encode_sync(&msg, &text);
    assert_true(text.n < 1000 + 100);
    buf_free(&text);
    int64_t seen = 0;
    while (spool_has_news(w->spool)) {
        msg = fill(w, &a, 5000);
        assert_true(msg.events_count > 0);
        assert_int_equal(msg.events[0].seq, seen + 1);
        seen = msg.events[msg.events_count - 1].seq;
        assert_true(spool_ack(w->spool, seen, NULL, 0, NULL));
    }
    assert_int_equal(seen, 500);
    arena_free(&a);
}

static void sends_again_to_a_restored_server(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    reopen(w);
    for (int i = 0; i < 10; i++)
        must_append(w, "failed", "x");
    must_sync(w);
    assert_true(put_result(w, 1, 3, "out"));
    fill(w, &a, MESSAGE);
    const char *jobs[] = {job_id(1)};
    assert_true(spool_ack(w->spool, 10, jobs, 1, NULL));
    assert_false(spool_has_news(w->spool));
    reopen(w);
    assert_false(spool_has_news(w->spool));
    assert_true(spool_ack(w->spool, 4, NULL, 0, NULL));
    assert_true(spool_has_news(w->spool));
    struct wire_sync msg = fill(w, &a, MESSAGE);
    assert_int_equal(msg.events_count, 6);
    assert_int_equal(msg.events[0].seq, 5);
    assert_int_equal(msg.results_count, 1);
    arena_free(&a);
}

static void begins_a_new_stream_when_this_machine_was_restored(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    reopen(w);
    for (int i = 0; i < 5; i++)
        must_append(w, "failed", "x");
    must_sync(w);
    assert_true(spool_ack(w->spool, 3, NULL, 0, NULL));
    char stream[40];
    snprintf(stream, sizeof stream, "%s", spool_stream(w->spool));
    assert_true(spool_ack(w->spool, 700, NULL, 0, NULL));
    assert_string_not_equal(spool_stream(w->spool), stream);
    struct wire_sync msg = fill(w, &a, MESSAGE);
    assert_int_equal(msg.events_count, 2);
    /* The new stream is empty on the server: what it had of the old one does not come twice. */
    assert_true(spool_ack(w->spool, 0, NULL, 0, NULL));
    assert_int_equal(fill(w, &a, MESSAGE).events_count, 2);
    snprintf(stream, sizeof stream, "%s", spool_stream(w->spool));
    reopen(w);
    assert_string_equal(spool_stream(w->spool), stream);
    arena_free(&a);
}

static void forgets_acknowledged_events_after_a_while(void **state)
{
    struct world *w = *state;
    w->options.acked_max_bytes = 4000;
    reopen(w);
    for (int i = 0; i < 3000; i++) {
        int64_t seq = must_append(w, "failed", "x");
        must_sync(w);
        assert_true(spool_ack(w->spool, seq, NULL, 0, NULL));
        fake_machine_advance(&w->fake, 60000);
    }
    assert_true(spool_bytes(w->spool) < 300 * 1024);
    assert_int_equal(spool_dropped(w->spool), 0);
}

static void a_report_is_acknowledged_at_the_revision_that_was_sent(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    const char *jobs[] = {job_id(1)};
    reopen(w);
    assert_true(put_result(w, 1, 1, "one"));
    assert_int_equal(fill(w, &a, MESSAGE).results_count, 1);
    assert_true(put_result(w, 1, 2, "two"));
    assert_true(spool_ack(w->spool, 0, jobs, 1, NULL));
    assert_true(spool_has_news(w->spool));
    struct wire_sync msg = fill(w, &a, MESSAGE);
    assert_int_equal(msg.results[0].rev, 2);
    assert_string_equal(msg.results[0].output, "two");
    assert_true(spool_ack(w->spool, 0, jobs, 1, NULL));
    assert_false(spool_has_news(w->spool));
    reopen(w);
    assert_false(spool_has_news(w->spool));
    arena_free(&a);
}

static void a_report_that_is_too_long_loses_its_middle(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    char *output = mem_alloc(16384 + 1);
    memset(output, 1, 16384); /* six bytes of JSON each */
    memcpy(output, "begin", 5);
    memcpy(output + 16384 - 3, "end", 4);
    reopen(w);
    assert_true(put_result(w, 1, 1, output));
    struct wire_sync msg = fill(w, &a, MESSAGE);
    assert_int_equal(msg.results_count, 1);
    assert_memory_equal(msg.results[0].output, "begin", 5);
    assert_non_null(strstr(msg.results[0].output, "[...]"));
    assert_non_null(strstr(msg.results[0].output, "end"));
    mem_free(output);
    arena_free(&a);
}

static void damage_in_the_middle_costs_one_batch_only(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    reopen(w);
    for (int i = 0; i < 5; i++) {
        must_append(w, "failed", i == 2 ? "victim" : "x");
        must_sync(w);
    }
    spool_close(w->spool);
    w->spool = NULL;
    struct buf *file = fake_machine_file(&w->fake, "spool.events");
    char *at = strstr(file->p, "victim");
    assert_non_null(at);
    *at = '#';
    reopen(w);
    struct wire_sync msg = fill(w, &a, MESSAGE);
    assert_int_equal(msg.events_count, 4);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(keeps_order_across_a_restart),
        TEST(hands_out_only_what_is_on_disk),
        TEST(a_number_is_never_used_twice),
        TEST(a_clean_end_leaves_no_gap),
        TEST(survives_a_cut_at_every_write),
        TEST(a_failed_write_loses_and_doubles_nothing),
        TEST(stays_within_its_size_and_drops_failures_last),
        TEST(a_spool_that_lost_everything_does_not_begin_at_one),
        TEST(fills_by_bytes_and_by_count),
        TEST(sends_again_to_a_restored_server),
        TEST(begins_a_new_stream_when_this_machine_was_restored),
        TEST(forgets_acknowledged_events_after_a_while),
        TEST(a_report_is_acknowledged_at_the_revision_that_was_sent),
        TEST(a_report_that_is_too_long_loses_its_middle),
        TEST(damage_in_the_middle_costs_one_batch_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
