/* The parsers of Windows' logs.
 *
 * tests/golden/synthetic_cbs_0x800f0831.log is synthetic: written for this test after Microsoft's description of
 * the signature, no machine logged it. The logs in the corpus are real; where the corpus is absent, the tests
 * that need it are skipped. */
#include "buf.h"
#include "code.h"
#include "event_json.h"
#include "json.h"
#include "log_parser.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CORPUS "../shared/corpus/"
#define SYNTHETIC "tests/golden/synthetic_cbs_0x800f0831.log"

enum { EVENTS_MAX = 8192, FILE_MAX = 16 * 1024 * 1024 };

struct seen {
    struct event v[EVENTS_MAX];
    size_t n;
};

static struct seen seen, other;

static void collect(void *ctx, const struct event *ev)
{
    struct seen *s = ctx;
    assert_true(s->n < EVENTS_MAX);
    s->v[s->n++] = *ev;
}

static size_t count(const struct seen *s, enum event_outcome outcome)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->v[i].outcome == outcome;
    return n;
}

static const struct event *only_failure(const struct seen *s)
{
    assert_int_equal(count(s, EVENT_FAILED), 1);
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].outcome == EVENT_FAILED)
            return &s->v[i];
    return NULL;
}

static void parse_into(struct seen *s, const struct log_options *options, struct slice bytes, size_t chunk)
{
    struct log_parser *p = log_parser_new(options, collect, s);
    for (size_t at = 0; at < bytes.n; at += chunk) {
        size_t n = bytes.n - at < chunk ? bytes.n - at : chunk;
        char *copy = mem_alloc(n); /* so that a sanitizer sees a read beyond the chunk */
        memcpy(copy, bytes.p + at, n);
        log_parser_feed(p, slice_make(copy, n));
        mem_free(copy);
    }
    log_parser_end(p);
    log_parser_free(p);
}

static void parse(struct slice bytes, bool all)
{
    seen.n = 0;
    parse_into(&seen, &(struct log_options){.all = all}, bytes, bytes.n ? bytes.n : 1);
}

static void parse_text(const char *text)
{
    parse(slice_of(text), false);
}

static bool read_file(const char *path, struct buf *out)
{
    char chunk[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    buf_init(out, FILE_MAX);
    if (!f)
        return false;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        assert_true(buf_append(out, chunk, n));
    fclose(f);
    return true;
}

static void read_corpus(const char *name, struct buf *out)
{
    char path[256];
    snprintf(path, sizeof path, CORPUS "%.100s", name);
    if (read_file(path, out))
        return;
    print_message("no corpus at " CORPUS ": skipped\n");
    buf_free(out);
    skip();
}

static void same_events(const struct seen *a, const struct seen *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        assert_memory_equal(&a->v[i], &b->v[i], sizeof a->v[i]);
}

/* ---- the corpus -------------------------------------------------------------------------------------- */

/* EXPECTED.csv's name of a context, and the contexts it counts. */
static const struct {
    const char *expected, *contexts[2];
} context_names[] = {
    {"B_cbs_HRESULT", {"hresult", ""}},      {"B_dism_hr", {"hr", ""}},          {"B_column8", {"column8", ""}},
    {"B_result_or_hr", {"result", "hr"}},    {"C_setup_gle", {"gle", ""}},       {"B_wu_FAILED_bracket", {"failed", ""}},
    {"C_wu_exit_code", {"exit_code", ""}},   {"D_wu_hr_or_error", {"error", ""}},
};

static bool in_context(const struct event *ev, const char *expected)
{
    for (size_t i = 0; i < sizeof context_names / sizeof context_names[0]; i++)
        if (strcmp(context_names[i].expected, expected) == 0)
            return strcmp(ev->context, context_names[i].contexts[0]) == 0 ||
                   strcmp(ev->context, context_names[i].contexts[1]) == 0;
    fail_msg("EXPECTED.csv has the unknown context %s", expected);
    return false;
}

struct expected_row {
    char file[64], context[32];
    uint32_t code;
    size_t count;
};

static size_t read_expected(struct expected_row *rows, size_t max)
{
    struct buf csv;
    size_t n = 0;
    read_corpus("EXPECTED.csv", &csv);
    const char *at = strchr(buf_text(&csv), '\n');
    for (; at && at[1]; at = strchr(at + 1, '\n')) {
        assert_true(n < max);
        struct expected_row *row = &rows[n];
        assert_int_equal(sscanf(at + 1, "%63[^,],%31[^,],0x%" SCNx32 ",%zu", row->file, row->context, &row->code,
                                &row->count),
                         4);
        n++;
    }
    buf_free(&csv);
    return n;
}

static void check_file(const struct expected_row *rows, size_t n, const char *file)
{
    struct buf log;
    read_corpus(file, &log);
    parse(buf_slice(&log), true);
    buf_free(&log);
    const char *context = "";
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].file, file) != 0)
            continue;
        size_t found = 0, in_all = 0, expected = 0;
        context = rows[i].context;
        for (size_t k = 0; k < seen.n; k++) {
            found += in_context(&seen.v[k], context) && seen.v[k].code == rows[i].code;
            in_all += in_context(&seen.v[k], context);
        }
        if (found != rows[i].count)
            fail_msg("%s %s 0x%08" PRIX32 ": %zu instead of %zu", file, context, rows[i].code, found, rows[i].count);
        for (size_t k = 0; k < n; k++)
            expected += strcmp(rows[k].file, file) == 0 && strcmp(rows[k].context, context) == 0 ? rows[k].count : 0;
        if (in_all != expected)
            fail_msg("%s %s: %zu codes instead of %zu", file, context, in_all, expected);
    }
}

static void finds_every_code_of_the_corpus_and_no_other(void **state)
{
    (void)state;
    static struct expected_row rows[256];
    size_t n = read_expected(rows, sizeof rows / sizeof rows[0]);
    assert_true(n > 80);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(rows[i].file, rows[i - 1].file) != 0)
            check_file(rows, n, rows[i].file);
}

static void parse_corpus(const char *file)
{
    struct buf log;
    read_corpus(file, &log);
    parse(buf_slice(&log), false);
    buf_free(&log);
}

static void reports_the_one_failed_scan_of_a_machine_with_ten_cancelled_downloads(void **state)
{
    (void)state;
    parse_corpus("reportingevents_win10.log");
    const struct event *ev = only_failure(&seen);
    assert_int_equal(ev->code, 0x80240438);
    assert_int_equal(ev->phase, EVENT_PHASE_SCAN);
    assert_string_equal(ev->update_id, ""); /* column 6 is the service */
    assert_int_equal(ev->line, 112);
    assert_false(ev->time_is_local);
    assert_true(ev->has_time && ev->time_ms == INT64_C(1687914945293)); /* 2023-06-28 01:15:45.293 UTC */
    assert_int_equal(count(&seen, EVENT_SUCCEEDED), 684 + 1 + 1);       /* scans, a download, an install */
}

static void finds_no_failure_in_healthy_logs(void **state)
{
    (void)state;
    static const char *const healthy[] = {"cbs_win7_loghub_2k.log", "windowsupdate_win7_text_rkudache.log",
                                          "cbs_win10_romi.log"};
    for (size_t i = 0; i < sizeof healthy / sizeof healthy[0]; i++) {
        parse_corpus(healthy[i]);
        assert_int_equal(count(&seen, EVENT_FAILED), 0);
    }
}

static void reports_a_failing_dism_once_per_operation(void **state)
{
    (void)state;
    parse_corpus("dism_win11_appostarsi.log");
    assert_int_equal(seen.n, 2); /* RestoreHealth was run twice; the Appx failures before are no updates */
    for (size_t i = 0; i < seen.n; i++) {
        assert_int_equal(seen.v[i].code, 0x800F081F);
        assert_non_null(strstr(seen.v[i].text, "Failed while processing command cleanup-image"));
    }
}

static void reports_what_setup_died_of(void **state)
{
    (void)state;
    parse_corpus("setupact_upgrade_ricka.log");
    const struct event *ev = only_failure(&seen);
    assert_int_equal(ev->code, 0x80070032);
    assert_int_equal(ev->phase, EVENT_PHASE_UPGRADE);
    assert_true(ev->time_is_local);
}

/* ---- bytes to lines ---------------------------------------------------------------------------------- */

static const char *const chunk_files[] = {SYNTHETIC, CORPUS "setuperr_win10_baslr.log", CORPUS "cbs_win10_romi.log",
                                          CORPUS "reportingevents_win10.log",
                                          CORPUS "windowsupdate_win7_text_karthik.log"};

static void reads_the_same_however_the_bytes_come(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 2, 3, 7, 4096};
    for (size_t f = 0; f < sizeof chunk_files / sizeof chunk_files[0]; f++) {
        struct buf log;
        if (!read_file(chunk_files[f], &log)) {
            print_message("%s is absent: not tried\n", chunk_files[f]);
            continue;
        }
        parse(buf_slice(&log), true);
        assert_true(seen.n > 0);
        for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            other.n = 0;
            parse_into(&other, &(struct log_options){.all = true}, buf_slice(&log), chunks[c]);
            same_events(&seen, &other);
        }
        buf_free(&log);
    }
}

#define CBS_LINE "2024-01-15 03:10:0%d, Error                 CBS    Failed to do it [HRESULT = 0x8007000%d]\r\n"

/* Two failures with `filler` times n in one line between them. */
static void with_filler(struct buf *out, const char *filler, size_t n)
{
    buf_init(out, (size_t)64 << 20);
    buf_printf(out, CBS_LINE, 1, 2);
    for (size_t i = 0; i < n; i++)
        buf_puts(out, filler);
    buf_printf(out, "\n" CBS_LINE, 2, 3);
    assert_false(out->full);
}

static void to_utf16(const struct buf *in, struct buf *out)
{
    buf_init(out, in->n * 2 + 2);
    buf_append(out, "\xFF\xFE", 2);
    for (size_t i = 0; i < in->n; i++) {
        buf_putc(out, in->p[i]);
        buf_putc(out, '\0');
    }
    assert_false(out->full);
}

static void check_neighbours(struct slice bytes, size_t chunk)
{
    seen.n = 0;
    parse_into(&seen, &(struct log_options){0}, bytes, chunk);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.v[0].code, 0x80070002);
    assert_int_equal(seen.v[1].code, 0x80070003);
    assert_int_equal(seen.v[0].line, 1);
    assert_int_equal(seen.v[1].line, 3);
}

static void keeps_the_neighbours_of_a_line_of_50_mb(void **state)
{
    (void)state;
    struct buf log, wide;
    with_filler(&log, "0123456789abcdef0x80070005 [HRES", 50 * 1000 * 1000 / 32);
    check_neighbours(buf_slice(&log), log.n);
    check_neighbours(buf_slice(&log), 4093);
    buf_free(&log);
    with_filler(&log, "0123456789abcdef0x80070005 [HRES", 100 * 1000);
    to_utf16(&log, &wide);
    check_neighbours(buf_slice(&wide), wide.n);
    check_neighbours(buf_slice(&wide), 4093);
    buf_free(&wide);
    buf_free(&log);
}

static void reads_marks_in_mid_file_and_mid_line(void **state)
{
    (void)state;
    struct buf log;
    buf_init(&log, 4096);
    buf_printf(&log, "\xEF\xBB\xBF" CBS_LINE, 1, 2);
    buf_printf(&log, "\xEF\xBB\xBF" CBS_LINE, 2, 3);
    buf_puts(&log, "the file before ended without a line end\xEF\xBB\xBF");
    buf_printf(&log, CBS_LINE, 3, 5);
    parse(buf_slice(&log), false);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.v[2].code, 0x80070005);
    assert_int_equal(seen.v[2].line, 3);
    assert_true(seen.v[2].has_time);
    buf_free(&log);
}

static void takes_a_stray_cr_for_a_blank(void **state)
{
    (void)state;
    parse_text("2024-01-15 03:10:01, Error                 CBS    a\rb [HRESULT = 0x80070002\r] \xFF end\r\r\n");
    assert_string_equal(only_failure(&seen)->text, "2024-01-15 03:10:01, Error                 CBS    a b [HRESULT = "
                                                   "0x80070002 ] \xEF\xBF\xBD end ");
}

static void reads_a_last_line_without_line_end(void **state)
{
    (void)state;
    struct buf log;
    buf_init(&log, 4096);
    buf_printf(&log, CBS_LINE "2024-01-15 03:10:02, Error                 CBS    x [HRESULT = 0x80070003", 1, 2);
    struct log_parser *p = log_parser_new(&(struct log_options){0}, collect, &seen);
    seen.n = 0;
    log_parser_feed(p, buf_slice(&log));
    log_parser_end(p);
    assert_int_equal(seen.n, 2);
    assert_int_equal(log_parser_lines(p), 1);
    assert_int_equal(log_parser_resume_offset(p), strchr(buf_text(&log), '\n') + 1 - buf_text(&log));
    log_parser_free(p);
    buf_free(&log);
}

static void gets_nothing_out_of_junk(void **state)
{
    (void)state;
    static char junk[1 << 20];
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < sizeof junk; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        junk[i] = (char)x;
    }
    for (enum log_kind kind = LOG_KIND_UNKNOWN; kind <= LOG_KIND_SETUP; kind++) {
        seen.n = 0;
        parse_into(&seen, &(struct log_options){.kind = kind, .all = true}, slice_make(junk, sizeof junk), 4096);
        parse_into(&seen, &(struct log_options){.kind = kind, .all = true, .utf16 = true},
                   slice_make(junk, sizeof junk), 4095);
        assert_int_equal(seen.n, 0);
    }
    parse(slice_make("", 0), true);
    assert_int_equal(seen.n, 0);
}

/* Reads up to `cut`, then goes on in a second run as an agent does after a restart. */
static void parse_in_two_runs(struct slice log, size_t cut)
{
    other.n = 0;
    struct log_parser *p = log_parser_new(&(struct log_options){.all = true}, collect, &other);
    log_parser_feed(p, slice_make(log.p, cut));
    uint64_t offset = log_parser_resume_offset(p), lines = log_parser_lines(p);
    struct log_options options = {
        .all = true, .kind = log_parser_kind(p), .utf16 = log_parser_utf16(p), .first_line = lines};
    log_parser_free(p); /* without end: the rest of the line is read by the next run */
    assert_true(offset <= cut);
    parse_into(&other, &options, slice_make(log.p + offset, log.n - (size_t)offset), log.n);
}

static void check_resume(struct slice log)
{
    parse(log, true);
    assert_true(seen.n > 100);
    for (size_t cut = 0; cut < log.n; cut += 997) {
        parse_in_two_runs(log, cut);
        same_events(&seen, &other);
    }
}

static void resumes_anywhere(void **state)
{
    (void)state;
    struct buf log, wide;
    buf_init(&log, 1 << 20);
    for (int i = 0; i < 120; i++)
        buf_printf(&log,
                   "{F4F1A379-22F9-4CD1-A1D3-E59183217591}\t2023-06-27 02:14:23:666+0300\t1\t147 [AGENT_DETECTION_"
                   "FINISHED]\t101\t{9482F4B4-E343-43B6-B170-9A65BC822C77}\t0\t%d\tx\tSuccess\tSoftware "
                   "Synchronization\tUpdates: %d\tcv\r\n",
                   i, i);
    check_resume(buf_slice(&log));
    to_utf16(&log, &wide);
    check_resume(buf_slice(&wide));
    buf_free(&wide);
    buf_free(&log);
}

/* ---- what lines mean ---------------------------------------------------------------------------------- */

static void names_the_kb_whose_manifest_is_missing(void **state)
{
    (void)state;
    struct buf log;
    assert_true(read_file(SYNTHETIC, &log));
    parse(buf_slice(&log), false);
    const struct event *ev = only_failure(&seen);
    assert_int_equal(ev->code, 0x800F0831);
    assert_string_equal(ev->kb, "KB5031356"); /* not KB5032189, which was being installed */
    assert_int_equal(ev->phase, EVENT_PHASE_INSTALL);
    assert_int_equal(ev->line, 6);
    parse(buf_slice(&log), true);
    assert_int_equal(count(&seen, EVENT_FAILED), 1);
    assert_int_equal(count(&seen, EVENT_NOISE), 8);
    buf_free(&log);
}

static void takes_cbs_failures_only_from_lines_that_tell_a_result(void **state)
{
    (void)state;
    static const struct {
        const char *rest;
        uint32_t code; /* 0: no failure */
        enum event_phase phase;
    } lines[] = {
        {"Info                  CBS    Failed to open it [HRESULT = 0x80070002]", 0, EVENT_PHASE_NONE},
        {"Warning               CBS    Failed to open it [HRESULT = 0x80070002]", 0, EVENT_PHASE_NONE},
        {"Error                 CBS    Failed to open it [HRESULT = 0x80070002]", 0x80070002, EVENT_PHASE_INSTALL},
        {"Error      [0x018003] CBS    Failed to open it [HRESULT = 0x80070002]", 0x80070002, EVENT_PHASE_INSTALL},
        {"Error                 CSI    (F) marked corrupt[gle=0x80004005]", 0, EVENT_PHASE_NONE},
        {"Info                  CBS    Exec: Processing complete, session: 1 [HRESULT = 0x80073712]", 0x80073712,
         EVENT_PHASE_INSTALL},
        {"Info                  CBS    Exec: Processing complete, session: 1 [HRESULT = 0x00000000 - S_OK]", 0,
         EVENT_PHASE_NONE},
        {"Info                  CBS    Session: 1 finalized. Reboot required: yes [HRESULT = 0x800f0922]", 0x800F0922,
         EVENT_PHASE_INSTALL},
        {"Info                  CBS    Session: 1 initialized [HRESULT = 0x800f0922]", 0, EVENT_PHASE_NONE},
        {"Info                  CBS    WER: Generating failure report for package: P, status: 0x800f0922, x",
         0x800F0922, EVENT_PHASE_INSTALL},
        {"Info                  CBS    Setting original failure status: 0x80070bc9, last", 0x80070BC9,
         EVENT_PHASE_INSTALL},
        {"Info                  CBS    Startup: Failed to process [HRESULT = 0x80004005]", 0x80004005,
         EVENT_PHASE_INSTALL},
        {"Info                  CBS    Doqe: Failed installing driver updates [HRESULT = 0x80070002]", 0x80070002,
         EVENT_PHASE_DRIVER},
        {"Info                  CBS    Failed to resolve package 'P' [HRESULT = 0x800f0831]", 0x800F0831,
         EVENT_PHASE_INSTALL},
        {"Info                  CBS    Failed to resolve package 'P' [HRESULT = 0x80070002]", 0, EVENT_PHASE_NONE},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "2024-01-15 03:10:01, Info                  CBS    start\r\n2024-01-15 03:10:01, %s\r\n",
                 lines[i].rest);
        parse_text(text);
        if ((count(&seen, EVENT_FAILED) == 1) != (lines[i].code != 0))
            fail_msg("%s", lines[i].rest);
        if (lines[i].code) {
            assert_int_equal(only_failure(&seen)->code, lines[i].code);
            assert_int_equal(only_failure(&seen)->phase, lines[i].phase);
        }
    }
}

static void reports_two_missing_packages_as_two_failures(void **state)
{
    (void)state;
    parse_text("2024-01-15 03:10:01, Info                  CBS    Store corruption, manifest missing for package: "
               "Package_1_for_KB5000001~31bf3856ad364e35~amd64~~1.0.0.0\n"
               "2024-01-15 03:10:01, Info                  CBS    Failed to resolve package 'x' [HRESULT = 0x800f0831]\n"
               "2024-01-15 03:10:01, Info                  CBS    Store corruption, manifest missing for package: "
               "Package_1_for_KB5000002~31bf3856ad364e35~amd64~~1.0.0.0\n"
               "2024-01-15 03:10:01, Info                  CBS    Failed to resolve package 'y' [HRESULT = 0x800f0831]\n");
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.v[0].kb, "KB5000001");
    assert_string_equal(seen.v[1].kb, "KB5000002");
}

static void reads_checksur_of_windows_7(void **state)
{
    (void)state;
    parse(slice_of("Checking System Update Readiness.\r\nBinary Version 6.1.7601.21645\r\n"
                   "(f)\tCBS MUM Corrupt\t0x800F0900\tservicing\\Packages\\Package_for_KB978601~x.mum\r\n"),
          true);
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.v[0].context, "checksur");
    assert_int_equal(seen.v[0].code, 0x800F0900);
    assert_int_equal(seen.v[0].outcome, EVENT_NOISE);
}

#define GUID "{772A1DF7-E997-4D89-BF3D-ED9C187EA2CF}"
#define UPDATE "{C7B927C8-6B48-4E6D-8C0B-8F0DA7ED9959}"

static void judges_reporting_events_by_name_and_result(void **state)
{
    (void)state;
    static const struct {
        const char *time, *name, *code, *result, *category, *text;
        enum event_outcome outcome;
        enum event_phase phase;
        const char *kb, *title;
    } rows[] = {
        {"2023-06-28 04:15:45:293+0300", "182 [AGENT_INSTALLING_FAILED]", "80070643", "Failure", "Content Install",
         "Installation Failure: Windows failed to install the following update with error 0x80070643: 2023-06 "
         "Cumulative Update: all (KB5027215)",
         EVENT_FAILED, EVENT_PHASE_INSTALL, "KB5027215", "2023-06 Cumulative Update: all (KB5027215)"},
        {"2023-06-28 04:15:45:293-0130", "182 [AGENT_INSTALLING_FAILED]", "80073d02", "Failure", "Content Install",
         "Installation Failure: Windows failed to install the following update with error 0x80073D02: "
         "9NBLGGH4LS1F-Microsoft.StorePurchaseApp",
         EVENT_NOISE, EVENT_PHASE_INSTALL, "", "9NBLGGH4LS1F-Microsoft.StorePurchaseApp"},
        {"2023-06-28 04:15:45:293+0300", "161 [AGENT_DOWNLOAD_FAILED]", "80d03805", "Failure", "Content Download",
         "Error: Download failed.", EVENT_FAILED, EVENT_PHASE_DOWNLOAD, "", ""},
        {"2023-06-28 04:15:45:293+0300", "163 [AGENT_DOWNLOAD_CANCELED]", "8024000b", "Success", "Content Download",
         "Download canceled.", EVENT_NOISE, EVENT_PHASE_DOWNLOAD, "", ""},
        {"2023-06-28 04:15:45:293+0300", "183 [AGENT_INSTALLING_SUCCEEDED]", "0", "Success", "Content Install",
         "Installation Successful: Windows successfully installed the following update: X (KB5027215)",
         EVENT_SUCCEEDED, EVENT_PHASE_INSTALL, "KB5027215", "X (KB5027215)"},
        {"2023-06-28 04:15:45:293+0300", "183 [AGENT_INSTALLING_SUCCEEDED]", "240005", "Success", "Content Install",
         "Installed.", EVENT_SUCCEEDED, EVENT_PHASE_INSTALL, "", ""},
        {"2023-06-28 04:15:45:293+0300", "181 [AGENT_INSTALLING_STARTED]", "0", "Success", "Content Install",
         "Started.", EVENT_NOISE, EVENT_PHASE_INSTALL, "", ""},
        {"2023-06-28 04:15:45:293+0300", "190 [AGENT_UNINSTALLING_FAILED]", "800f0825", "Failure",
         "Content Uninstall", "Failed.", EVENT_FAILED, EVENT_PHASE_UNINSTALL, "", ""},
        {"2023-06-28 04:15:45:293", "999 [(null)]", "80070005", "Failure", "Content Install", "?", EVENT_FAILED,
         EVENT_PHASE_INSTALL, "", ""},
    };
    static const int64_t utc_ms = INT64_C(1687914945293);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[1024];
        snprintf(line, sizeof line, GUID "\t%s\t1\t%s\t101\t" UPDATE "\t201\t%s\tWho\t%s\t%s\t%s%s\r\n", rows[i].time,
                 rows[i].name, rows[i].code, rows[i].result, rows[i].category, rows[i].text, i % 2 ? "\tcv.1" : "");
        parse(slice_of(line), true);
        assert_int_equal(seen.n, 1);
        const struct event *ev = &seen.v[0];
        assert_int_equal(ev->outcome, rows[i].outcome);
        assert_int_equal(ev->phase, rows[i].phase);
        assert_string_equal(ev->kb, rows[i].kb);
        assert_string_equal(ev->title, rows[i].title);
        assert_string_equal(ev->update_id, "c7b927c8-6b48-4e6d-8c0b-8f0da7ed9959");
        assert_int_equal(ev->revision, 201);
        char zone = rows[i].time[23];
        int64_t offset_min = zone == '+' ? 0 : zone == '-' ? 180 + 90 : 180; /* against +03:00 */
        assert_true(ev->has_time && ev->time_ms == utc_ms + offset_min * 60000);
        assert_int_equal(ev->time_is_local, zone == '\0');
    }
}

#define SETUP_LINE "2022-07-06 08:19:3%d, Info                  MOUPG  %s\r\n"

static void keeps_the_extend_code_and_the_original_result(void **state)
{
    (void)state;
    char log[1024];
    int n = snprintf(log, sizeof log, SETUP_LINE SETUP_LINE SETUP_LINE SETUP_LINE, 1,
                     "CSetupManager: Reporting post reboot event -> [0xC1900101, 0x30018]", 2,
                     "Finalize: Remapping install error [0xC1900101] -> [0xC1900108] for telemetry.", 3,
                     "CSetupDiagnostics: Tracing Data [DWORD] -> [Setup360Result]=[0xC1900101]", 4,
                     "CSetupHost::Execute(433): Result = 0xC1900108");
    assert_in_range(n, 1, sizeof log - 1);
    parse_text(log);
    assert_int_equal(only_failure(&seen)->code, 0xC1900101);
    assert_int_equal(only_failure(&seen)->extend, 0x30018);
    snprintf(log, sizeof log, SETUP_LINE, 1, "CSetupHost::Execute(433): Result = 0xC1900101 - 0x20017");
    parse_text(log);
    assert_int_equal(only_failure(&seen)->extend, 0x20017);
}

static void takes_the_restart_into_a_newer_setup_for_no_failure(void **state)
{
    (void)state;
    char log[256];
    snprintf(log, sizeof log, SETUP_LINE, 1, "CSetupHost::Execute(433): Result = 0x800705BB");
    parse_text(log);
    assert_int_equal(seen.n, 0);
}

#define WU7 "2018-05-21\t20:27:4%d:556\t1008\t680\t"

static void reads_the_end_of_calls_in_the_log_of_windows_7(void **state)
{
    (void)state;
    char log[2048];
    static const struct {
        const char *lines[3];
        uint32_t code;
        enum event_phase phase;
    } cases[] = {
        {{"Agent\t** START **  Agent: Finding updates [CallerId = x]", "Agent\t  * WARNING: Exit code = 0x80072EE2",
          "Agent\tWARNING: WU client failed Searching for update with error 0x80072ee2"},
         0x80072EE2,
         EVENT_PHASE_SCAN},
        {{"Agent\t** START **  Agent: Installing updates [CallerId = x]", "Agent\t  * WARNING: Exit code = 0x8024200D",
          "Agent\t**  END  **"},
         0x8024200D,
         EVENT_PHASE_INSTALL},
        {{"Handler\tFATAL: CBS called Error with 0x800f0831, ", "Handler\tx", "Handler\tx"},
         0x800F0831,
         EVENT_PHASE_INSTALL},
        {{"DnldMgr\tWARNING: Exit code = 0x80246007", "Misc\tx", "Misc\tx"}, 0x80246007, EVENT_PHASE_DOWNLOAD},
        {{"Agent\t  * WARNING: Exit code = 0x8024000B", "PT\tWARNING: SyncServerUpdatesInternal failed: 0x8024000b",
          "Service\t**  END  **  Service: Service exit [Exit code = 0x240001]"},
         0,
         EVENT_PHASE_NONE},
        {{"Agent\tWARNING: Failed to read the service id for re-registration 0x80070002",
          "Report\tWARNING: Failed to load reporting information from Win32_X with hr = 8004100a.",
          "Misc\tWARNING: Send failed with hr = 80072ee7."},
         0,
         EVENT_PHASE_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(log, sizeof log, WU7 "%s\n" WU7 "%s\n" WU7 "%s\n", 1, cases[i].lines[0], 2, cases[i].lines[1], 3,
                 cases[i].lines[2]);
        parse_text(log);
        if (!cases[i].code) {
            assert_int_equal(seen.n, 0);
            continue;
        }
        assert_int_equal(only_failure(&seen)->code, cases[i].code);
        assert_int_equal(only_failure(&seen)->phase, cases[i].phase);
        assert_true(only_failure(&seen)->has_time && only_failure(&seen)->time_is_local);
    }
}

static void learns_the_order_of_day_and_month(void **state)
{
    (void)state;
    static const char tail[] = " 08:16:48.1917317 7160  2680  Agent           * END * Finding updates CallerId = x, "
                               "Id = 1, Exit code = 0x80072EE2\r\n";
    static const struct {
        const char *first, *second;
        bool first_has_time, second_has_time;
        int64_t second_ms;
    } cases[] = {
        {"2023/05/22", "2023/05/06", true, true, INT64_C(1683361008191)},
        {"05/06/2023", "05/06/2023", false, false, 0},
        {"05/22/2023", "05/06/2023", true, true, INT64_C(1683361008191)},
        {"22.05.2023", "06.05.2023", true, true, INT64_C(1683361008191)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char log[512];
        snprintf(log, sizeof log, "%s%s%s%s", cases[i].first, tail, cases[i].second, tail);
        parse(slice_of(log), true);
        assert_int_equal(seen.n, 2);
        const struct event *first = &seen.v[seen.v[0].line == 1 ? 0 : 1], *second = &seen.v[seen.v[0].line == 1 ? 1 : 0];
        assert_int_equal(first->has_time, cases[i].first_has_time);
        assert_int_equal(second->has_time, cases[i].second_has_time);
        if (cases[i].second_has_time)
            assert_true(second->time_ms == cases[i].second_ms);
    }
}

static void reports_a_failure_before_the_success_that_follows_it(void **state)
{
    (void)state;
    parse_text("2023/05/22 08:16:48.1917317 7160  2680  Agent           * END * Finding updates CallerId = x, Id = 1, "
               "Exit code = 0x80072EE2\r\n"
               "2023/05/22 08:16:58.1917317 7160  2680  Agent           * END * Finding updates CallerId = x, Id = 2, "
               "Exit code = 0x00000000\r\n");
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.v[0].outcome, EVENT_FAILED);
    assert_int_equal(seen.v[1].outcome, EVENT_SUCCEEDED);
    assert_int_equal(seen.v[1].phase, EVENT_PHASE_SCAN);
}

static enum log_kind kind_of(const char *text)
{
    struct log_parser *p = log_parser_new(&(struct log_options){0}, collect, &seen);
    seen.n = 0;
    log_parser_feed(p, slice_of(text));
    log_parser_end(p);
    enum log_kind kind = log_parser_kind(p);
    log_parser_free(p);
    return kind;
}

static void recognises_logs_that_begin_with_lines_of_another(void **state)
{
    (void)state;
#define CSI "2021-05-18 04:20:14, Error                 CSI    00000001 (F) STATUS_OBJECT_NAME_NOT_FOUND[gle=0xd0000034]\r\n"
#define DISM "2021-05-18 04:20:14, Error                 DISM   DISM Manager: PID=1 x - F(hr:0x80040154)\r\n"
#define MOUPG "2021-05-18 04:20:20, Error                 MOUPG  CSetupHost::Execute(433): Result = 0x80070032\r\n"
    assert_int_equal(kind_of(CSI CSI MOUPG), LOG_KIND_SETUP);
    assert_int_equal(only_failure(&seen)->line, 3);
    assert_int_equal(kind_of(DISM CSI MOUPG), LOG_KIND_SETUP);
    assert_int_equal(kind_of(CSI CSI), LOG_KIND_CBS);
    assert_int_equal(kind_of(CSI DISM), LOG_KIND_DISM);
    assert_int_equal(kind_of("2024-01-15, Error\r\n<html>\r\n[HRESULT = 0x80070002]\r\n"), LOG_KIND_UNKNOWN);
    parse(slice_of(CSI CSI MOUPG), true); /* held lines are read too, with their own numbers */
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.v[1].line, 2);
    assert_string_equal(seen.v[1].context, "gle");
}

static void decides_when_it_has_held_enough(void **state)
{
    (void)state;
    struct buf log;
    buf_init(&log, 1 << 20);
    for (int i = 0; i < 2500; i++)
        buf_puts(&log, "2021-05-18 04:20:14, Info                  CSI    x [HRESULT = 0x80070002]\r\n");
    parse(buf_slice(&log), true);
    assert_int_equal(seen.n, 2500);
    for (size_t i = 0; i < seen.n; i++)
        assert_int_equal(seen.v[i].line, i + 1);
    buf_free(&log);
}

/* ---- output ------------------------------------------------------------------------------------------- */

static void assert_member(const struct json *object, const char *key, const char *expected)
{
    struct slice value;
    assert_true(json_string(json_get(object, key), &value));
    assert_true(slice_eqz(value, expected));
}

static void prints_any_text_as_one_line_of_json(void **state)
{
    (void)state;
    struct buf out;
    struct err e = {0};
    buf_init(&out, EVENT_JSON_MAX);
    parse(slice_of("2021-05-18 04:20:20, Error                 MOUPG  \"\\\x01\x7F\t\xF0\x9F\x98\x80\xC3 CSetupHost::Execute(433): "
                   "Result = 0xC1900101 - 0x30018\r\n"),
          false);
    struct event ev = *only_failure(&seen);
    snprintf(ev.kb, sizeof ev.kb, "KB1");
    event_json(&ev, "C:\\a\nb\"\xFF", &out);
    assert_true(strchr(buf_text(&out), '\n') == out.p + out.n - 1);
    struct json *line = json_parse(slice_make(out.p, out.n - 1), &e);
    if (!line)
        fail_msg("%s", e.text);
    assert_member(line, "code", "0xC1900101");
    assert_member(line, "extend", "0x00030018");
    assert_member(line, "phase", "upgrade");
    assert_member(line, "source", "setup_log");
    assert_member(line, "context", "result");
    assert_member(line, "time", "2021-05-18T04:20:20.000");
    assert_member(line, "file", "C:\\a\nb\"\xEF\xBF\xBD");
    assert_member(line, "text", ev.text);
    assert_member(json_get(line, "update"), "kb", "KB1");
    assert_int_equal(json_type(json_get(line, "noise")), JSON_ABSENT);
    json_free(line);

    ev.outcome = EVENT_NOISE;
    ev.has_time = false;
    buf_clear(&out);
    event_json(&ev, "f", &out);
    line = json_parse(slice_make(out.p, out.n - 1), &e);
    bool noise = false;
    assert_true(json_bool(json_get(line, "noise"), &noise) && noise);
    assert_int_equal(json_type(json_get(line, "time")), JSON_NULL);
    json_free(line);
    buf_free(&out);
}

static void reads_every_phase_it_prints(void **state)
{
    (void)state;
    enum event_phase phase;
    for (int i = 0; i < EVENT_PHASE_COUNT; i++) {
        assert_true(event_phase_parse(event_phase_name((enum event_phase)i), &phase));
        assert_int_equal(phase, i);
    }
    assert_false(event_phase_parse("Scan", &phase));
    assert_string_equal(event_source_name(EVENT_SOURCE_REPORTING_EVENTS), "reporting_events");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_code_of_the_corpus_and_no_other),
        cmocka_unit_test(reports_the_one_failed_scan_of_a_machine_with_ten_cancelled_downloads),
        cmocka_unit_test(finds_no_failure_in_healthy_logs),
        cmocka_unit_test(reports_a_failing_dism_once_per_operation),
        cmocka_unit_test(reports_what_setup_died_of),
        cmocka_unit_test(reads_the_same_however_the_bytes_come),
        cmocka_unit_test(keeps_the_neighbours_of_a_line_of_50_mb),
        cmocka_unit_test(reads_marks_in_mid_file_and_mid_line),
        cmocka_unit_test(takes_a_stray_cr_for_a_blank),
        cmocka_unit_test(reads_a_last_line_without_line_end),
        cmocka_unit_test(gets_nothing_out_of_junk),
        cmocka_unit_test(resumes_anywhere),
        cmocka_unit_test(names_the_kb_whose_manifest_is_missing),
        cmocka_unit_test(takes_cbs_failures_only_from_lines_that_tell_a_result),
        cmocka_unit_test(reports_two_missing_packages_as_two_failures),
        cmocka_unit_test(reads_checksur_of_windows_7),
        cmocka_unit_test(judges_reporting_events_by_name_and_result),
        cmocka_unit_test(keeps_the_extend_code_and_the_original_result),
        cmocka_unit_test(takes_the_restart_into_a_newer_setup_for_no_failure),
        cmocka_unit_test(reads_the_end_of_calls_in_the_log_of_windows_7),
        cmocka_unit_test(learns_the_order_of_day_and_month),
        cmocka_unit_test(reports_a_failure_before_the_success_that_follows_it),
        cmocka_unit_test(recognises_logs_that_begin_with_lines_of_another),
        cmocka_unit_test(decides_when_it_has_held_enough),
        cmocka_unit_test(prints_any_text_as_one_line_of_json),
        cmocka_unit_test(reads_every_phase_it_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
