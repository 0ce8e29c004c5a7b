/* The disk is full or broken at every write and sync of an operation: it fails whole, and later ones work. */
#include "broken_disk.h"
#include "report_work.h"
#include "temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { EVENTS = 12 };

static char text[3000];

static struct store *reopen(const char *url)
{
    struct err e = {0};
    struct store *s = store_open(url, DB_WRITER, &e);
    /* Little memory makes pages go to disk before the commit, so a statement meets the fault too. */
    if (!s || !db_script(store_db(s), "PRAGMA cache_size = 5", &e))
        fail_msg("%s", e.text);
    return s;
}

static struct store *new_store(char url[200])
{
    static int n;
    struct err e = {0};
    memset(text, 'x', sizeof text - 1);
    snprintf(url, 200, "sqlite:%s/faults-%d.db", temp_dir(), n++);
    struct store *s = reopen(url);
    if (!report_machine_put(s, &e) || !report_store(s, 1, "", &e))
        fail_msg("%s", e.text);
    return s;
}

/* One operation of many pages. */
static bool operate(struct store *s, struct err *e)
{
    struct report_state now;
    if (!report_state_read(s, &now, e) || !db_begin(store_db(s), e))
        return false;
    bool ok = true;
    for (int i = 1; ok && i <= EVENTS; i++)
        ok = report_store(s, now.have + i, text, e);
    ok = ok && db_commit(store_db(s), e);
    if (!ok)
        db_rollback(store_db(s));
    return ok;
}

static int64_t events(struct store *s)
{
    struct err e = {0};
    struct report_state now;
    if (!report_state_read(s, &now, &e))
        fail_msg("%s", e.text);
    if (!report_state_whole(&now))
        fail_msg("torn: events %" PRId64 ", counted %" PRId64 ", have %" PRId64 ", audited %" PRId64,
                 now.events, now.counted, now.have, now.audited);
    return now.events;
}

/* Fails at the k-th write for every k the operation has; the number of them. */
static int fail_at_every_write(enum disk_fault fault, enum err_kind want, bool restart)
{
    char url[200];
    struct store *s = new_store(url);
    int k = 0;
    for (bool hit = true; hit;) {
        struct err e = {0};
        int64_t before = events(s);
        broken_disk_fail(fault, ++k);
        bool ok = operate(s, &e);
        hit = broken_disk_mend();
        if (restart && !ok) { /* a process that does not know what is on disk ends; the next one reads it */
            store_close(s);
            s = reopen(url);
        }
        if (ok && hit)
            fail_msg("the operation succeeded though write %d failed", k);
        if (!ok && e.kind != want)
            fail_msg("write %d: %s: %s", k, err_kind_name(e.kind), e.text);
        int64_t after = events(s);
        if (ok || !restart)
            assert_int_equal(after, before + (ok ? EVENTS : 0));
        else
            assert_true(after == before || after == before + EVENTS);
        e = (struct err){0};
        if (!operate(s, &e))
            fail_msg("after the fault at write %d: %s", k, e.text);
        assert_int_equal(events(s), after + EVENTS);
    }
    store_close(s);
    return k - 1;
}

static void a_full_disk_undoes_the_operation_and_is_survived(void **state)
{
    (void)state;
    assert_true(fail_at_every_write(DISK_FULL, ERR_LIMIT, false) > 10);
    assert_true(fail_at_every_write(DISK_FULL_ONCE, ERR_LIMIT, false) > 10);
}

static void a_write_error_tears_nothing(void **state)
{
    (void)state;
    assert_true(fail_at_every_write(DISK_WRITE_ERROR, ERR_IO, true) > 10);
}

static void a_sync_error_tears_nothing(void **state)
{
    (void)state;
    assert_true(fail_at_every_write(DISK_SYNC_ERROR, ERR_IO, true) >= 1);
}

/* ---- through the writer ---- */

struct waiting {
    struct work work;
    int pipe;
};

static bool run_report(struct work *w, struct store *s, struct err *e)
{
    (void)w;
    return report_store(s, 2, "", e);
}

static void done_report(struct work *w, bool ok, const struct err *e)
{
    char answer = ok ? '+' : e->kind == ERR_LIMIT ? 'f' : '-';
    if (write(((struct waiting *)(void *)w)->pipe, &answer, 1) != 1)
        _exit(1);
}

/* What the one who waits is told, and how the process ends. */
static char ask_writer(enum disk_fault fault, int *status)
{
    char url[200];
    int ends[2];
    store_close(new_store(url));
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = {0};
        close(ends[0]);
        struct store *s = store_open(url, DB_WRITER, &e);
        struct writer *w = s ? writer_start(s, 10, &e) : NULL;
        struct waiting waiting = {{.run = run_report, .done = done_report}, ends[1]};
        broken_disk_fail(fault, 1);
        if (!w || !writer_submit(w, &waiting.work))
            _exit(1);
        writer_stop(w);
        broken_disk_mend();
        store_close(s);
        _exit(0);
    }
    close(ends[1]);
    char answer = 0;
    if (read(ends[0], &answer, 1) != 1)
        answer = 0;
    close(ends[0]);
    assert_int_equal(waitpid(pid, status, 0), pid);
    struct store *s = reopen(url);
    events(s);
    store_close(s);
    return answer;
}

static void nobody_is_told_done_when_a_sync_fails_and_the_process_ends(void **state)
{
    (void)state;
    int status = 0;
    assert_int_equal(ask_writer(DISK_SYNC_ERROR, &status), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
}

static void a_full_disk_is_told_and_the_process_goes_on(void **state)
{
    (void)state;
    int status = 0;
    assert_int_equal(ask_writer(DISK_FULL, &status), 'f');
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_backup_is_whole_and_refuses_to_overwrite(void **state)
{
    (void)state;
    char url[200], path[300], copy_url[320];
    struct err e = {0};
    struct store *s = new_store(url);
    if (!operate(s, &e))
        fail_msg("%s", e.text);
    snprintf(path, sizeof path, "%s.copy", url + strlen("sqlite:"));
    snprintf(copy_url, sizeof copy_url, "sqlite:%s", path);
    struct store *reader = store_open(url, DB_READER, &e);
    if (!reader || !db_backup(store_db(reader), path, &e))
        fail_msg("%s", e.text);
    int64_t then = events(s);
    if (!operate(s, &e))
        fail_msg("%s", e.text);
    struct store *copy = reopen(copy_url);
    assert_int_equal(events(copy), then);
    store_close(copy);
    assert_false(db_backup(store_db(reader), path, &e));
    assert_non_null(strstr(e.text, "exists"));
    char full[320];
    snprintf(full, sizeof full, "%s2", path);
    broken_disk_fail(DISK_FULL, 3);
    assert_false(db_backup(store_db(reader), full, &e));
    broken_disk_mend();
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(access(full, F_OK), -1);
    store_close(reader);
    store_close(s);
}

static void a_database_that_cannot_be_opened_says_which_and_why(void **state)
{
    static const struct {
        const char *url, *say[2];
    } cases[] = {
        {"sqlite:/nowhere/x.db", {"/nowhere/x.db", "No such file"}},
        {"mysql:host=x;password=secret", {"\"mysql...\"", "one of sqlite:"}},
        {"x.db", {"one of sqlite:", "\"x.db...\""}},
        {"sqlite:/proc/version", {"/proc/version", "database"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        assert_null(store_open(cases[i].url, DB_WRITER, &e));
        for (int k = 0; k < 2; k++)
            if (!strstr(e.text, cases[i].say[k]))
                fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].url, e.text, cases[i].say[k]);
        assert_null(strstr(e.text, "secret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_undoes_the_operation_and_is_survived),
        cmocka_unit_test(a_write_error_tears_nothing),
        cmocka_unit_test(a_sync_error_tears_nothing),
        cmocka_unit_test(nobody_is_told_done_when_a_sync_fails_and_the_process_ends),
        cmocka_unit_test(a_full_disk_is_told_and_the_process_goes_on),
        cmocka_unit_test(a_backup_is_whole_and_refuses_to_overwrite),
        cmocka_unit_test(a_database_that_cannot_be_opened_says_which_and_why),
    };
    broken_disk_install();
    return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
