#include "fake_machine.h"
#include "journal.h"
#include "repair_limits.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define DAY INT64_C(86400000)

struct fixture {
    struct fake_machine fm;
    struct journal jl;
};

static struct fixture fixture;

static int set_up(void **state)
{
    fake_machine_init(&fixture.fm);
    *state = &fixture;
    return journal_open(&fixture.jl, &fixture.fm.machine, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    journal_close(&f->jl);
    fake_machine_free(&f->fm);
    return 0;
}

static void reopen(struct fixture *f)
{
    struct err e = {0};
    journal_close(&f->jl);
    fake_machine_restart(&f->fm, true);
    if (!journal_open(&f->jl, &f->fm.machine, &e))
        fail_msg("journal_open: %s", e.text);
}

static struct job *add(struct fixture *f, int n)
{
    char id[JOB_ID_MAX];
    snprintf(id, sizeof id, "%032x", n);
    return journal_add(&f->jl, id, "cache_reset", NULL);
}

static void save(struct fixture *f, struct job *j)
{
    struct err e = {0};
    if (!journal_save(&f->jl, j, &e))
        fail_msg("journal_save: %s", e.text);
}

/* Every field away from its default. */
static struct job *add_full(struct fixture *f, int n)
{
    struct job *j = add(f, n);
    assert_true(repair_value_set(j->repair, &j->values, "keep", "none", NULL));
    j->local = j->started = j->clock_set = j->watched = j->undoable = true;
    j->not_before = 1;
    j->not_after = 100 * DAY;
    j->aim = (struct failure){.code = 0x80070002, .phase = "install", .update_id = "u-1", .kb = "KB5032381"};
    j->stage = STAGE_RUNNING;
    j->start_t = DAY;
    j->start_ticks = 5;
    snprintf(j->start_boot, sizeof j->start_boot, "boot-1");
    j->step = 4;
    j->resumes = 2;
    j->found_mask = 1u << SERVICE_WUAUSERV | 1u << SERVICE_USOSVC;
    j->found[SERVICE_WUAUSERV] = (struct service_info){SERVICE_STATE_RUNNING, SERVICE_START_MANUAL, false};
    j->found[SERVICE_USOSVC] = (struct service_info){SERVICE_STATE_STOPPED, SERVICE_START_AUTO, true};
    j->held_mask = 1u << SERVICE_WUAUSERV;
    j->moved_mask = 1u << PLACE_SD_DATASTORE;
    j->left_mask = 1u << PLACE_SD_DOWNLOAD;
    snprintf(j->tag, sizeof j->tag, "tag-1");
    j->rev = 3;
    j->told_rev = 2;
    j->state = JOB_RUNNING;
    j->result = JOB_RESULT_FAILED;
    j->verdict = JOB_VERDICT_SAME;
    snprintf(j->reason, sizeof j->reason, "a \"reason\"\n");
    snprintf(j->verdict_reason, sizeof j->verdict_reason, "another");
    j->verdict_code = 0x80240438;
    j->start_seq = 77;
    j->started_ms = -5;
    j->ended_ms = 6;
    j->skew_ms = -7;
    buf_puts(&j->output, "first line\n");
    return j;
}

static void assert_full(const struct job *j)
{
    assert_non_null(j);
    assert_string_equal(repair_value(&j->values, "keep"), "none");
    assert_true(j->local && j->started && j->clock_set && j->watched && j->undoable && !j->undo && !j->dry_run);
    assert_true(j->not_before == 1 && j->not_after == 100 * DAY);
    assert_true(j->aim.code == 0x80070002);
    assert_string_equal(j->aim.phase, "install");
    assert_string_equal(j->aim.update_id, "u-1");
    assert_string_equal(j->aim.kb, "KB5032381");
    assert_true(j->stage == STAGE_RUNNING && j->start_t == DAY && j->start_ticks == 5 && j->step == 4 && j->resumes == 2);
    assert_string_equal(j->start_boot, "boot-1");
    assert_true(j->found_mask == (1u << SERVICE_WUAUSERV | 1u << SERVICE_USOSVC));
    assert_true(j->found[SERVICE_WUAUSERV].state == SERVICE_STATE_RUNNING && j->found[SERVICE_USOSVC].delayed &&
                j->found[SERVICE_USOSVC].start == SERVICE_START_AUTO);
    assert_true(j->held_mask == 1u << SERVICE_WUAUSERV && j->moved_mask == 1u << PLACE_SD_DATASTORE &&
                j->left_mask == 1u << PLACE_SD_DOWNLOAD);
    assert_string_equal(j->tag, "tag-1");
    assert_true(j->rev == 3 && j->told_rev == 2 && j->state == JOB_RUNNING && j->result == JOB_RESULT_FAILED);
    assert_true(j->verdict == JOB_VERDICT_SAME && j->verdict_code == 0x80240438);
    assert_string_equal(j->reason, "a \"reason\"\n");
    assert_string_equal(j->verdict_reason, "another");
    assert_true(j->start_seq == 77 && j->started_ms == -5 && j->ended_ms == 6 && j->skew_ms == -7);
}

static void every_field_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct job *j = add_full(f, 1);
    save(f, j);
    buf_puts(&j->output, "second line\n");
    save(f, j);
    for (int i = 0; i < 2; i++) {
        reopen(f);
        j = journal_find(&f->jl, "00000000000000000000000000000001");
        assert_full(j);
        assert_string_equal(buf_text(&j->output), "first line\nsecond line\n");
        assert_true(j->repair == repair_find("cache_reset"));
        f->jl.torn = true; /* and a rewritten file says the same */
        save(f, j);
    }
}

static void fields_that_went_back_to_zero_are_zero(void **state)
{
    struct fixture *f = *state;
    struct job *j = add_full(f, 1);
    save(f, j);
    j->held_mask = j->moved_mask = 0;
    j->reason[0] = '\0';
    j->watched = false;
    save(f, j);
    reopen(f);
    j = f->jl.first;
    assert_true(!j->held_mask && !j->moved_mask && !j->reason[0] && !j->watched);
}

/* The file is cut after every single byte: what was saved before the cut stands, nothing is invented. */
static void cut_anywhere_keeps_all_whole_lines(void **state)
{
    struct fixture *f = *state;
    struct job *a = add(f, 1);
    save(f, a);
    a->stage = STAGE_RUNNING;
    a->started = true;
    save(f, a);
    size_t started_at = fake_machine_file(&f->fm, "journal")->n;
    save(f, add(f, 2));
    a->stage = STAGE_ENDED;
    save(f, a);
    struct buf *file = fake_machine_file(&f->fm, "journal");
    char *whole = mem_strndup(file->p, file->n);
    size_t n = file->n;
    for (size_t cut = 0; cut <= n; cut++) {
        journal_close(&f->jl);
        struct slice left = {whole, cut};
        assert_int_equal(f->fm.machine.ops->file_replace(f->fm.machine.ctx, "journal", left, NULL), MACHINE_OK);
        assert_true(journal_open(&f->jl, &f->fm.machine, NULL));
        struct job *j = journal_find(&f->jl, "00000000000000000000000000000001");
        if (cut >= started_at)
            assert_true(j && j->started && j->stage >= STAGE_RUNNING);
        if (j)
            assert_true(j->stage != STAGE_ENDED || cut == n);
        /* What is added after the cut is found again. */
        save(f, add(f, 3));
        journal_close(&f->jl);
        assert_true(journal_open(&f->jl, &f->fm.machine, NULL));
        assert_non_null(journal_find(&f->jl, "00000000000000000000000000000003"));
    }
    mem_free(whole);
}

static void damaged_line_costs_only_itself(void **state)
{
    struct fixture *f = *state;
    for (int i = 1; i <= 3; i++)
        save(f, add(f, i));
    struct buf *file = fake_machine_file(&f->fm, "journal");
    char *second = strstr(file->p, "00000000000000000000000000000002");
    second[5] = '"';
    reopen(f);
    assert_non_null(journal_find(&f->jl, "00000000000000000000000000000001"));
    assert_null(journal_find(&f->jl, "00000000000000000000000000000002"));
    assert_non_null(journal_find(&f->jl, "00000000000000000000000000000003"));
}

static void wild_numbers_are_not_believed(void **state)
{
    static const char *const fields[] = {"\"stage\":9", "\"step\":-1", "\"step\":70", "\"result\":77", "\"held_mask\":4096", "\"moved_mask\":64"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct job *j = add(f, 1);
        char text[120];
        snprintf(text, sizeof text, "{\"id\":\"00000000000000000000000000000001\",%s}", fields[i]);
        assert_false(job_decode(j, slice_of(text), NULL));
        journal_remove(&f->jl, j);
    }
}

static void failed_append_is_repaired_by_the_next(void **state)
{
    struct fixture *f = *state;
    save(f, add(f, 1));
    struct job *j = add(f, 2);
    f->fm.fail_mask = FAKE_FILE_WRITES;
    f->fm.fail_at = 1; /* leaves half a line */
    assert_false(journal_save(&f->jl, j, NULL));
    save(f, j);
    reopen(f);
    assert_int_equal(f->jl.job_count, 2);
}

static void unreadable_journal_opens_nothing(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    save(f, add(f, 1));
    journal_close(&f->jl);
    f->fm.fail_mask = FAKE_BIT(FILE_READ);
    f->fm.fail_at = 1;
    assert_false(journal_open(&f->jl, &f->fm.machine, &e));
    assert_int_equal(strncmp(e.text, "journal", 7), 0);
}

static void file_stays_small_however_often_it_is_written(void **state)
{
    struct fixture *f = *state;
    struct job *j = add_full(f, 1);
    for (int i = 0; i < 5000; i++)
        save(f, j);
    assert_true(fake_machine_file(&f->fm, "journal")->n < 140 << 10);
    reopen(f);
    assert_full(f->jl.first);
}

static struct job *add_ended(struct fixture *f, int n, int64_t not_after, int64_t start_t)
{
    struct job *j = add(f, n);
    j->stage = STAGE_ENDED;
    j->not_after = not_after;
    j->started = start_t != 0;
    j->start_t = start_t;
    buf_puts(&j->output, "words\n");
    save(f, j);
    return j;
}

static void ids_are_kept_until_nothing_can_start_twice(void **state)
{
    struct fixture *f = *state;
    add_ended(f, 1, 10 * DAY, 0);
    add_ended(f, 2, 10 * DAY, 5 * DAY);
    journal_prune(&f->jl, 0);
    journal_prune(&f->jl, 24 * DAY);
    assert_int_equal(f->jl.job_count, 2);
    journal_prune(&f->jl, 24 * DAY + 1); /* 14 days after the order ended */
    assert_int_equal(f->jl.job_count, 1);
    journal_prune(&f->jl, 36 * DAY); /* a start counts for limits of 30 days */
    assert_int_equal(f->jl.job_count, 1);
    journal_prune(&f->jl, 36 * DAY + 1);
    assert_int_equal(f->jl.job_count, 0);
}

static void old_jobs_lose_their_words_but_not_their_id(void **state)
{
    struct fixture *f = *state;
    for (int i = 1; i <= JOURNAL_FULL_ENDED + 10; i++)
        add_ended(f, i, 10 * DAY, 5 * DAY);
    journal_prune(&f->jl, 6 * DAY);
    assert_int_equal(f->jl.job_count, JOURNAL_FULL_ENDED + 10);
    assert_true(f->jl.first->reduced && f->jl.first->output.n == 0);
    int whole = 0;
    for (const struct job *j = f->jl.first; j; j = j->next)
        whole += !j->reduced;
    assert_int_equal(whole, JOURNAL_FULL_ENDED);
}

static void journal_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    for (int i = 1; i <= JOURNAL_JOBS_MAX; i++)
        assert_non_null(add(f, i));
    assert_null(journal_add(&f->jl, "ffffffffffffffffffffffffffffffff", "cache_reset", &e));
    assert_int_equal(e.kind, ERR_LIMIT);
}

/* ---- ages, for limits ---- */

static void age_is_by_ticks_then_server_time_and_never_negative(void **state)
{
    struct fixture *f = *state;
    struct job *j = add(f, 1);
    j->started = true;
    j->start_t = 10 * DAY;
    j->start_ticks = 1000;
    snprintf(j->start_boot, sizeof j->start_boot, "boot-1");
    struct now same = {.t_ms = 90 * DAY, .ticks_ms = 1000 + DAY, .boot = "boot-1"};
    struct now other = {.t_ms = 12 * DAY, .ticks_ms = 5, .boot = "boot-2"};
    struct now unknown = {.ticks_ms = 99 * DAY, .boot = "boot-2"};
    struct now before = {.t_ms = 3 * DAY, .boot = "boot-2"};
    assert_true(job_age_ms(j, &same) == DAY);
    assert_true(job_age_ms(j, &other) == 2 * DAY);
    assert_true(job_age_ms(j, &unknown) == 0);
    assert_true(job_age_ms(j, &before) == 0);
}

static void seventh_repair_of_class_1_in_a_day_is_refused(void **state)
{
    struct fixture *f = *state;
    struct now now = {.t_ms = 100 * DAY, .ticks_ms = 50 * DAY, .boot = "boot-1"};
    struct err e = {0};
    for (int i = 1; i <= 7; i++) {
        char id[JOB_ID_MAX];
        snprintf(id, sizeof id, "%032x", i);
        struct job *j = journal_add(&f->jl, id, "wu_services_reset", NULL);
        if (i == 7) {
            assert_false(limits_allow(&f->jl, j, &now, 1, &e));
            assert_int_equal(e.kind, ERR_LIMIT);
            now.ticks_ms += DAY;
        }
        assert_true(limits_allow(&f->jl, j, &now, 1, &e));
        j->started = true;
        j->start_ticks = now.ticks_ms;
        snprintf(j->start_boot, sizeof j->start_boot, "boot-1");
    }
}

static void durations_read_like_words(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{2 * DAY, "2 days"},   {DAY, "1 day"},        {DAY + 5, "24 hours"},    {90 * 60000, "90 minutes"},
                {-3000, "3 seconds"}, {0, "0 seconds"},      {1000, "1 second"},       {7 * DAY, "7 days"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[40];
        duration_text(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_field_survives_a_restart),
        CASE(fields_that_went_back_to_zero_are_zero),
        CASE(cut_anywhere_keeps_all_whole_lines),
        CASE(damaged_line_costs_only_itself),
        CASE(wild_numbers_are_not_believed),
        CASE(failed_append_is_repaired_by_the_next),
        CASE(unreadable_journal_opens_nothing),
        CASE(file_stays_small_however_often_it_is_written),
        CASE(ids_are_kept_until_nothing_can_start_twice),
        CASE(old_jobs_lose_their_words_but_not_their_id),
        CASE(journal_is_bounded),
        CASE(age_is_by_ticks_then_server_time_and_never_negative),
        CASE(seventh_repair_of_class_1_in_a_day_is_refused),
        CASE(durations_read_like_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
