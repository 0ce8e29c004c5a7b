#include "follow.h"

#include "fake_machine.h"
#include "mem.h"
#include "times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define UPDATE_A "{11111111-2222-3333-4444-555555555555}"
#define UPDATE_B "{99999999-2222-3333-4444-555555555555}"
#define SERVICE  "{9482F4B4-E343-43B6-B170-9A65BC822C77}"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
/* 2026-03-10T12:00:00Z */
static const int64_t now_ms = INT64_C(1773144000000);

struct world {
    struct fake_machine fake;
    struct spool *spool;
    struct follow *follow;
    int64_t server_ms;
    int saw;
    int64_t saw_last;
};

static int set_up(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    fake_machine_init(&w->fake);
    w->fake.clock.wall = now_ms;
    w->fake.crash_mask = w->fake.fail_mask = FAKE_FILE_WRITES;
    *state = w;
    return 0;
}

static void close_all(struct world *w)
{
    follow_close(w->follow);
    spool_close(w->spool);
    w->follow = NULL;
    w->spool = NULL;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    close_all(w);
    fake_machine_free(&w->fake);
    mem_free(w);
    return 0;
}

static void saw(void *ctx, const struct wire_event *ev)
{
    struct world *w = ctx;
    w->saw++;
    w->saw_last = ev->seq;
}

static bool try_open(struct world *w)
{
    close_all(w);
    w->spool = spool_open(&w->fake.machine, NULL, NULL);
    if (!w->spool)
        return false;
    w->follow = follow_open(&w->fake.machine, w->spool, saw, w, NULL);
    if (w->follow && w->server_ms)
        follow_set_server_time(w->follow, w->server_ms);
    return w->follow;
}

static void open_all(struct world *w)
{
    assert_true(try_open(w));
}

static void read_all(struct world *w)
{
    for (int i = 0; i < 200; i++)
        if (follow_step(w->follow) > w->fake.clock.ticks)
            return;
    fail_msg("no end of reading");
}

static struct wire_sync sent(struct world *w, struct arena *a)
{
    struct wire_sync msg = {0};
    spool_fill(w->spool, a, &msg, 1 << 20);
    return msg;
}

static size_t sent_count(struct world *w)
{
    struct arena a = {0};
    size_t n = sent(w, &a).events_count;
    arena_free(&a);
    return n;
}

static void put_utf16(struct buf *out, const char *text)
{
    if (!out->n)
        buf_append(out, "\xFF\xFE", 2);
    for (; *text; text++) {
        buf_putc(out, *text);
        buf_putc(out, '\0');
    }
}

/* One line of ReportingEvents.log. */
static void report(struct world *w, int64_t utc_ms, const char *name, const char *update, const char *code,
                   const char *result, const char *category, const char *text)
{
    static int n;
    char when[TIME_TEXT_MAX], line[600];
    struct fake_log *log = &w->fake.logs[MACHINE_LOG_REPORTING_EVENTS];
    time_print(utc_ms, when);
    when[10] = ' ';
    when[19] = ':';
    when[23] = '\0';
    snprintf(line, sizeof line,
             "{%08X-0000-0000-0000-000000000000}\t%s+0000\t1\t%s\t101\t%s\t200\t%s\tUpdateOrchestrator\t%s\t%"
             "s\t%s\tcv.1\r\n",
             (unsigned)++n, when, name, update, code, result, category, text);
    log->exists = true;
    put_utf16(&log->bytes, line);
}

static void install_failed(struct world *w, int64_t utc_ms, const char *update, const char *code)
{
    report(
        w, utc_ms, "182 [AGENT_INSTALLING_FAILED]", update, code, "Failure", "Content Install",
        "Installation Failure: Windows failed to install the following update with error: Update KB5032381");
}

static void install_worked(struct world *w, int64_t utc_ms, const char *update)
{
    report(w, utc_ms, "183 [AGENT_INSTALLING_SUCCEEDED]", update, "0", "Success", "Content Install",
           "Installation Successful: Windows successfully installed the following update: Update KB5032381");
}

static void scan_worked(struct world *w, int64_t utc_ms)
{
    report(w, utc_ms, "147 [AGENT_DETECTION_FINISHED]", SERVICE, "0", "Success", "Software Synchronization",
           "Windows Update Client successfully detected 5 updates.");
}

static void scan_failed(struct world *w, int64_t utc_ms, const char *code)
{
    report(w, utc_ms, "148 [AGENT_DETECTION_FAILED]", SERVICE, code, "Failure", "Software Synchronization",
           "Windows Update Client failed to detect with error.");
}

static void reports_what_was_added_since(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    install_failed(w, now_ms - 1000, UPDATE_A, "80070643");
    open_all(w);
    assert_false(follow_caught_up(w->follow));
    read_all(w);
    assert_true(follow_caught_up(w->follow));
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 1);
    assert_string_equal(msg.events[0].outcome, "failed");
    assert_int_equal(msg.events[0].code, 0x80070643);
    assert_string_equal(msg.events[0].phase, "install");
    assert_string_equal(msg.events[0].source, "reporting_events");
    assert_string_equal(msg.events[0].update_id, "11111111-2222-3333-4444-555555555555");
    assert_int_equal(msg.events[0].revision, 200);
    assert_int_equal(msg.events[0].time, now_ms - 1000);
    assert_false(msg.events[0].history);
    assert_int_equal(w->saw, 1);
    assert_int_equal(w->saw_last, 1);
    read_all(w);
    assert_int_equal(sent_count(w), 1);
    open_all(w);
    read_all(w);
    assert_int_equal(sent_count(w), 1);
    install_failed(w, now_ms, UPDATE_B, "80070002");
    read_all(w);
    assert_int_equal(sent_count(w), 2);
    arena_free(&a);
}

static void a_line_without_its_end_waits(void **state)
{
    struct world *w = *state;
    open_all(w);
    install_failed(w, now_ms, UPDATE_A, "80070643");
    struct buf *bytes = &w->fake.logs[MACHINE_LOG_REPORTING_EVENTS].bytes;
    size_t whole = bytes->n;
    bytes->n -= 50;
    read_all(w);
    assert_int_equal(sent_count(w), 0);
    open_all(w);
    read_all(w);
    bytes->n = whole;
    read_all(w);
    assert_int_equal(sent_count(w), 1);
}

static void marks_old_failures_on_first_contact(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    install_failed(w, now_ms - 15 * day_ms, UPDATE_A, "80070643");
    install_failed(w, now_ms - 13 * day_ms, UPDATE_B, "80070643");
    open_all(w);
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 2);
    assert_true(msg.events[0].history);
    assert_false(msg.events[1].history);
    /* Later nothing is history: it is news, however late. */
    install_failed(w, now_ms - 15 * day_ms, UPDATE_A, "80070002");
    read_all(w);
    msg = sent(w, &a);
    assert_int_equal(msg.events_count, 3);
    assert_false(msg.events[2].history);
    arena_free(&a);
}

static void check_age(struct world *w, int64_t wall_ms, int64_t server_ms, int64_t stamp_ms, bool history)
{
    struct arena a = {0};
    close_all(w);
    fake_machine_free(&w->fake);
    fake_machine_init(&w->fake);
    w->fake.clock.wall = wall_ms;
    w->server_ms = server_ms;
    install_failed(w, stamp_ms, UPDATE_A, "80070643");
    open_all(w);
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 1);
    if (msg.events[0].history != history)
        fail_msg("wall %lld server %lld stamp %lld", (long long)wall_ms, (long long)server_ms,
                 (long long)stamp_ms);
    arena_free(&a);
}

static void a_wrong_clock_makes_no_history(void **state)
{
    struct world *w = *state;
    const int64_t far_ms = INT64_C(4102444800000); /* 2100 */
    check_age(w, 1000, 0, now_ms - 100 * day_ms, false);
    check_age(w, 1000, now_ms, now_ms - 100 * day_ms, true);
    check_age(w, 1000, now_ms, 500, false);
    check_age(w, far_ms, now_ms, now_ms - day_ms, false);
    check_age(w, far_ms, now_ms, now_ms - 20 * day_ms, true);
    check_age(w, now_ms, now_ms, now_ms - 20 * day_ms, true);
}

static void counts_repeats_of_one_reading(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    for (int i = 0; i < 7; i++)
        install_failed(w, now_ms - 10000 + i, UPDATE_A, "80070643");
    install_failed(w, now_ms, UPDATE_A, "80070002");
    open_all(w);
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 2);
    assert_int_equal(msg.events[0].count, 7);
    assert_int_equal(msg.events[0].time, now_ms - 10000 + 6);
    assert_int_equal(msg.events[1].count, 0);
    arena_free(&a);
}

static void a_success_between_keeps_failures_apart(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    install_failed(w, now_ms - 3000, UPDATE_A, "80070643");
    install_worked(w, now_ms - 2000, UPDATE_A);
    install_failed(w, now_ms - 1000, UPDATE_A, "80070643");
    open_all(w);
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 3);
    assert_string_equal(msg.events[1].outcome, "succeeded");
    assert_string_equal(msg.events[2].outcome, "failed");
    arena_free(&a);
}

static void a_success_is_sent_where_a_failure_was(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    open_all(w);
    install_worked(w, now_ms, UPDATE_A);
    read_all(w);
    assert_int_equal(sent_count(w), 0);
    install_failed(w, now_ms, UPDATE_A, "80070643");
    read_all(w);
    /* Known after a restart too. */
    open_all(w);
    install_worked(w, now_ms + 5000, UPDATE_A);
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 2);
    assert_string_equal(msg.events[1].outcome, "succeeded");
    install_worked(w, now_ms + 6000, UPDATE_A);
    read_all(w);
    assert_int_equal(sent_count(w), 2);
    arena_free(&a);
}

static void one_clean_scan_an_hour_is_enough(void **state)
{
    struct world *w = *state;
    open_all(w);
    for (int i = 0; i < 12; i++) {
        scan_worked(w, w->fake.clock.wall);
        scan_worked(w, w->fake.clock.wall);
        read_all(w);
        fake_machine_advance(&w->fake, 10 * 60 * 1000);
    }
    assert_int_equal(sent_count(w), 2);
    scan_failed(w, w->fake.clock.wall, "80072ee2");
    scan_worked(w, w->fake.clock.wall);
    read_all(w);
    assert_int_equal(sent_count(w), 4);
}

static void two_logs_telling_one_failure_make_one_event(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    open_all(w);
    scan_failed(w, now_ms, "8024402c");
    char line[300], when[TIME_TEXT_MAX];
    time_print(now_ms + 30000, when);
    snprintf(line, sizeof line,
             "%.10s %.8s.1234567 1000  2000  Agent           * END * Finding updates CallerId = x  Id = 1 "
             "[0x8024402C]\r\n",
             when, when + 11);
    for (char *c = line; c < line + 10; c++)
        if (*c == '-')
            *c = '/';
    fake_machine_log(&w->fake, MACHINE_LOG_WINDOWS_UPDATE, line);
    snprintf(line, sizeof line,
             "%.4s/%.2s/%.2s %.8s.2234567 1000  2000  Agent           Exit code = 0x8024402C\r\n", when,
             when + 5, when + 8, when + 11);
    fake_machine_log(&w->fake, MACHINE_LOG_WINDOWS_UPDATE, line);
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 1);
    assert_string_equal(msg.events[0].source, "reporting_events");
    arena_free(&a);
}

static void cbs_log_adds_the_missing_kb_to_the_update_that_failed(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    open_all(w);
    install_failed(w, now_ms, UPDATE_A, "800f0831");
    fake_machine_log(&w->fake, MACHINE_LOG_CBS,
                     "2026-03-10 12:00:01, Error                 CBS    Store corruption, manifest missing for package: "
                     "Package_2_for_KB5031356~31bf3856ad364e35~amd64~~19041.3570.1.0\r\n"
                     "2026-03-10 12:00:01, Error                 CBS    Failed to resolve package 'x' "
                     "[HRESULT = 0x800f0831 - CBS_E_STORE_CORRUPTION]\r\n");
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 1);
    assert_string_equal(msg.events[0].source, "reporting_events");
    assert_non_null(msg.events[0].update_id);
    assert_string_equal(msg.events[0].kb, "KB5031356");
    arena_free(&a);
}

static void a_replaced_log_is_read_from_its_start(void **state)
{
    struct world *w = *state;
    struct fake_log *log = &w->fake.logs[MACHINE_LOG_REPORTING_EVENTS];
    install_failed(w, now_ms, UPDATE_A, "80070643");
    open_all(w);
    read_all(w);
    buf_clear(&log->bytes);
    log->identity++;
    install_failed(w, now_ms + 1000, UPDATE_A, "80070002");
    install_failed(w, now_ms + 1000, UPDATE_A, "80070003");
    read_all(w);
    assert_int_equal(sent_count(w), 3);
    /* Replaced with the same size and identity, as file system tunnelling may do. */
    open_all(w);
    buf_clear(&log->bytes);
    install_failed(w, now_ms + 2000, UPDATE_B, "80070004");
    install_failed(w, now_ms + 2000, UPDATE_B, "80070005");
    read_all(w);
    assert_int_equal(sent_count(w), 5);
    /* Gone, and back. */
    log->exists = false;
    read_all(w);
    buf_clear(&log->bytes);
    log->identity++;
    install_failed(w, now_ms + 3000, UPDATE_B, "80070006");
    read_all(w);
    assert_int_equal(sent_count(w), 6);
}

static void a_trimmed_log_goes_on_where_it_was(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    struct fake_log *log = &w->fake.logs[MACHINE_LOG_REPORTING_EVENTS];
    install_failed(w, now_ms, UPDATE_A, "80070643");
    size_t first = log->bytes.n;
    install_failed(w, now_ms, UPDATE_A, "80070002");
    install_failed(w, now_ms, UPDATE_A, "80070003");
    open_all(w);
    read_all(w);
    assert_int_equal(sent_count(w), 3);
    memmove(log->bytes.p + 2, log->bytes.p + first, log->bytes.n - first);
    log->bytes.n -= first - 2;
    install_failed(w, now_ms + 1000, UPDATE_B, "80070004");
    install_failed(w, now_ms + 1000, UPDATE_B, "80070005");
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 5);
    assert_int_equal(msg.events[3].code, 0x80070004);
    arena_free(&a);
}

static void local_times_become_utc(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    w->fake.zone_offset_ms = 2 * 3600 * 1000;
    open_all(w);
    fake_machine_log(&w->fake, MACHINE_LOG_CBS,
                     "2026-03-10 14:00:00, Error                 CBS    Failed to resolve package 'x' "
                     "[HRESULT = 0x800f0831 - "
                     "CBS_E_STORE_CORRUPTION]\r\n");
    read_all(w);
    struct wire_sync msg = sent(w, &a);
    assert_int_equal(msg.events_count, 1);
    assert_int_equal(msg.events[0].time, now_ms);
    arena_free(&a);
}

static void one_failure_told_in_two_readings_is_one(void **state)
{
    struct world *w = *state;
    open_all(w);
    fake_machine_log(&w->fake, MACHINE_LOG_CBS,
                     "2026-03-10 12:00:00, Info                  CBS    Failed to resolve package 'x' "
                     "[HRESULT = 0x800f0831 - "
                     "CBS_E_STORE_CORRUPTION]\r\n");
    read_all(w);
    fake_machine_log(&w->fake, MACHINE_LOG_CBS,
                     "2026-03-10 12:00:02, Info                  CBS    Exec: Processing complete.  Session: "
                     "1_2, Package: x "
                     "[HRESULT = 0x800f0831 - CBS_E_STORE_CORRUPTION]\r\n");
    read_all(w);
    assert_int_equal(sent_count(w), 1);
    fake_machine_log(&w->fake, MACHINE_LOG_CBS,
                     "2026-03-10 13:00:02, Info                  CBS    Exec: Processing complete.  Session: "
                     "1_3, Package: x "
                     "[HRESULT = 0x800f0831 - CBS_E_STORE_CORRUPTION]\r\n");
    read_all(w);
    assert_int_equal(sent_count(w), 2);
}

static void reads_only_the_end_of_a_huge_cbs_log_at_first(void **state)
{
    struct world *w = *state;
    struct buf *bytes = &w->fake.logs[MACHINE_LOG_CBS].bytes;
    fake_machine_log(&w->fake, MACHINE_LOG_CBS,
                     "2026-03-10 11:00:00, Error                 CBS    Failed to resolve package 'x' "
                     "[HRESULT = 0x800f0831 - "
                     "CBS_E_STORE_CORRUPTION]\r\n");
    bytes->max = 16 << 20;
    while (bytes->n < 7 << 20)
        buf_puts(bytes, "2026-03-10 11:00:00, Info                  CBS    Nothing of interest here, only a "
                        "long line of text\r\n");
    fake_machine_log(&w->fake, MACHINE_LOG_CBS,
                     "2026-03-10 11:30:00, Error                 CBS    Failed to resolve package 'y' "
                     "[HRESULT = 0x800f0831 - "
                     "CBS_E_STORE_CORRUPTION]\r\n");
    open_all(w);
    unsigned reads = w->fake.calls[FAKE_LOG_READ];
    follow_step(w->follow);
    assert_true(w->fake.calls[FAKE_LOG_READ] - reads < 50); /* bounded work */
    read_all(w);
    assert_int_equal(sent_count(w), 1);
}

static void a_line_without_any_end_does_not_hold_it_up(void **state)
{
    struct world *w = *state;
    struct buf *bytes = &w->fake.logs[MACHINE_LOG_CBS].bytes;
    open_all(w);
    fake_machine_log(&w->fake, MACHINE_LOG_CBS, "2026-03-10 11:00:00, Info                  CBS    ");
    bytes->max = 8 << 20;
    while (bytes->n < 3 << 20)
        buf_puts(bytes,
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    buf_puts(bytes, "\r\n");
    fake_machine_log(&w->fake, MACHINE_LOG_CBS,
                     "2026-03-10 11:30:00, Error                 CBS    Failed to resolve package 'y' "
                     "[HRESULT = 0x800f0831 - "
                     "CBS_E_STORE_CORRUPTION]\r\n");
    read_all(w);
    assert_int_equal(sent_count(w), 1);
}

/* Several readings with a different failure each; the run may be cut anywhere. */
static int run_rounds(struct world *w, int from)
{
    int round = from;
    for (; round < 8 && !w->fake.crashed; round++) {
        char code[12];
        snprintf(code, sizeof code, "8007%04x", 0x100 + round);
        install_failed(w, now_ms + round * 1000, UPDATE_A, code);
        follow_step(w->follow);
    }
    return round;
}

static void every_occurrence_once_whatever_is_cut(void **state)
{
    struct world *w = *state;
    static const enum fake_tear tears[] = {FAKE_TEAR_LOSE, FAKE_TEAR_HALF, FAKE_TEAR_KEEP};
    int cuts = 0;
    for (int t = 0; t < 3; t++)
        for (int after = 0; after < 2; after++)
            for (int k = 1;; k++) {
                struct arena a = {0};
                close_all(w);
                fake_machine_free(&w->fake);
                fake_machine_init(&w->fake);
                w->fake.clock.wall = now_ms;
                w->fake.crash_mask = FAKE_FILE_WRITES;
                w->fake.crash_after = after;
                w->fake.tear = tears[t];
                w->fake.crash_at = k;
                int round = try_open(w) ? run_rounds(w, 0) : 0;
                bool cut = w->fake.crashed;
                close_all(w);
                fake_machine_restart(&w->fake, false);
                w->fake.crash_at = 0;
                open_all(w);
                run_rounds(w, round);
                read_all(w);
                struct wire_sync msg = sent(w, &a);
                if (msg.events_count != 8)
                    fail_msg("cut %d: %zu events", k, msg.events_count);
                for (size_t i = 0; i < 8; i++)
                    assert_int_equal(msg.events[i].code, 0x80070100 + i);
                arena_free(&a);
                if (!cut)
                    break;
                cuts++;
            }
    assert_true(cuts > 30);
}

static void a_full_disk_loses_and_doubles_nothing(void **state)
{
    struct world *w = *state;
    for (int k = 1; k < 12; k++) {
        struct arena a = {0};
        close_all(w);
        fake_machine_free(&w->fake);
        fake_machine_init(&w->fake);
        w->fake.clock.wall = now_ms;
        w->fake.fail_mask = FAKE_FILE_WRITES;
        open_all(w);
        w->fake.fail_at = k;
        run_rounds(w, 0);
        read_all(w);
        read_all(w);
        struct wire_sync msg = sent(w, &a);
        assert_int_equal(msg.events_count, 8);
        arena_free(&a);
    }
}

static void reads_a_real_log_to_its_end_in_bounded_steps(void **state)
{
    struct world *w = *state;
    FILE *f = fopen("../shared/corpus/reportingevents_win10.log", "rb");
    if (!f) {
        print_message("no corpus beside the project: skipped\n");
        skip();
    }
    struct fake_log *log = &w->fake.logs[MACHINE_LOG_REPORTING_EVENTS];
    char chunk[4096];
    size_t n;
    log->exists = true;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_append(&log->bytes, chunk, n);
    fclose(f);
    open_all(w);
    read_all(w);
    size_t first = sent_count(w);
    assert_true(first > 0);
    open_all(w);
    read_all(w);
    assert_int_equal(sent_count(w), first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(reports_what_was_added_since),
        TEST(a_line_without_its_end_waits),
        TEST(marks_old_failures_on_first_contact),
        TEST(a_wrong_clock_makes_no_history),
        TEST(counts_repeats_of_one_reading),
        TEST(a_success_between_keeps_failures_apart),
        TEST(a_success_is_sent_where_a_failure_was),
        TEST(one_clean_scan_an_hour_is_enough),
        TEST(two_logs_telling_one_failure_make_one_event),
        TEST(cbs_log_adds_the_missing_kb_to_the_update_that_failed),
        TEST(a_replaced_log_is_read_from_its_start),
        TEST(a_trimmed_log_goes_on_where_it_was),
        TEST(local_times_become_utc),
        TEST(one_failure_told_in_two_readings_is_one),
        TEST(reads_only_the_end_of_a_huge_cbs_log_at_first),
        TEST(a_line_without_any_end_does_not_hold_it_up),
        TEST(every_occurrence_once_whatever_is_cut),
        TEST(a_full_disk_loses_and_doubles_nothing),
        TEST(reads_a_real_log_to_its_end_in_bounded_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
