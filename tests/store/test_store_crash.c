/* The writing process is killed without warning, again and again: what it had answered is there, whole. */
#include "report_work.h"
#include "temp_dir.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { WORKS = 4000 };

struct report {
    struct work work;
    int64_t seq;
    int pipe;
};

/* The child's end: answers go into a pipe, which outlives the child. */
static bool run_report(struct work *w, struct store *s, struct err *e)
{
    return report_store(s, ((struct report *)(void *)w)->seq, "text", e);
}

static void done_report(struct work *w, bool ok, const struct err *e)
{
    struct report *r = (struct report *)(void *)w;
    if (!ok) {
        fprintf(stderr, "report %" PRId64 ": %s\n", r->seq, e->text);
        _exit(1);
    }
    if (write(r->pipe, &r->seq, sizeof r->seq) != (ssize_t)sizeof r->seq)
        _exit(1);
}

struct kill_at {
    const char *point;
    int left;
};

static void kill_here(void *ctx, const char *point)
{
    struct kill_at *k = ctx;
    if (strcmp(point, k->point) == 0 && --k->left == 0)
        kill(getpid(), SIGKILL);
}

static void child(const char *url, int pipe, struct kill_at *at)
{
    struct err e = {0};
    struct report_state before;
    struct store *s = store_open(url, DB_WRITER, &e);
    struct writer *w = s && report_state_read(s, &before, &e) ? writer_start(s, 100, &e) : NULL;
    if (!w) {
        fprintf(stderr, "%s\n", e.text);
        _exit(1);
    }
    if (at->point)
        writer_set_hook(w, kill_here, at);
    static struct report reports[WORKS];
    for (int i = 0; i < WORKS; i++) {
        reports[i] = (struct report){{.run = run_report, .done = done_report}, before.have + 1 + i, pipe};
        while (!writer_submit(w, &reports[i].work))
            sched_yield();
    }
    writer_stop(w);
    store_close(s);
    _exit(0);
}

/* Starts a child, kills it after `answers` answers or lets it kill itself; the highest sequence number
 * answered. */
static int64_t run_and_kill(const char *url, int answers, struct kill_at *at)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child(url, ends[1], at);
    }
    close(ends[1]);
    int64_t seq, highest = 0;
    for (int n = 0; read(ends[0], &seq, sizeof seq) == (ssize_t)sizeof seq;) {
        if (seq > highest)
            highest = seq;
        if (++n == answers && !at->point)
            kill(pid, SIGKILL);
    }
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("the child was not killed, it ended with %d", WEXITSTATUS(status));
    return highest;
}

static void open_and_check(const char *url, int64_t answered)
{
    struct err e = {0};
    struct report_state now = {0};
    struct store *s = store_open(url, DB_WRITER, &e);
    if (!s || !report_state_read(s, &now, &e))
        fail_msg("%s", e.text);
    if (!report_state_whole(&now))
        fail_msg("torn: events %" PRId64 ", distinct %" PRId64 ", newest %" PRId64 ", counted %" PRId64
                 ", have %" PRId64 ", audited %" PRId64,
                 now.events, now.distinct, now.newest, now.counted, now.have, now.audited);
    if (now.events < answered)
        fail_msg("%" PRId64 " were answered, %" PRId64 " are there", answered, now.events);
    store_close(s);
}

static void new_database(char url[200], const char *name)
{
    struct err e = {0};
    snprintf(url, 200, "sqlite:%s/%s.db", temp_dir(), name);
    struct store *s = store_open(url, DB_WRITER, &e);
    if (!s || !report_machine_put(s, &e))
        fail_msg("%s", e.text);
    store_close(s);
}

static void what_was_answered_survives_a_kill_at_any_time(void **state)
{
    (void)state;
    char url[200];
    new_database(url, "random");
    srand(7);
    int64_t total = 0;
    for (int i = 0; i < 20; i++) {
        struct kill_at nowhere = {0};
        int64_t answered = run_and_kill(url, 1 + rand() % 900, &nowhere);
        assert_true(answered > 0);
        open_and_check(url, answered);
        total = answered > total ? answered : total;
    }
    assert_true(total >= 20);
}

static void what_was_answered_survives_a_kill_at_the_commit(void **state)
{
    static const char *const points[] = {"before_commit", "after_commit"};
    (void)state;
    char url[200];
    new_database(url, "points");
    for (int i = 0; i < 12; i++) {
        struct kill_at at = {points[i % 2], 1 + i / 2};
        open_and_check(url, run_and_kill(url, 0, &at));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_answered_survives_a_kill_at_any_time),
        cmocka_unit_test(what_was_answered_survives_a_kill_at_the_commit),
    };
    return cmocka_run_group_tests_name("store_crash", tests, NULL, NULL);
}
