/* fleetmend approve, cancel and watch. */
#include "follow.h"
#include "mem.h"
#include "run.h"

enum { SCREEN_MAX_BYTES = 1 << 24, LINE_MAX_BYTES = 1024, LINES_BESIDES_ROWS = 4 };

static int act(struct cli *c, const char *path, const char *done, const char *id)
{
    struct answer a;
    int exit = api_call_or_say(c, "POST", path, NULL, &a);
    if (exit == CLI_OK)
        cli_say(c, "%s %s.", done, id);
    answer_free(&a);
    return exit;
}

int run_approve(struct cli *c, const struct args *args)
{
    const char *id = args->words.v[0];
    return act(c, api_path(c, "rollouts", id, "approve"), "Approved: rollout", id);
}

int run_approve_machine(struct cli *c, const struct args *args)
{
    const char *name = args->words.v[0];
    return act(c, api_path(c, "machines", name, "approve"), "Approved: machine", name);
}

/* Ids of rollouts and jobs look alike; the server knows which it is. */
int run_cancel(struct cli *c, const struct args *args)
{
    const char *id = args->words.v[0];
    struct answer a;
    struct err e = {0};
    enum cli_exit exit = api_call(c, "POST", api_path(c, "rollouts", id, "cancel"), NULL, &a, &e);
    bool is_job = exit == CLI_NOT_FOUND;
    answer_free(&a);
    if (is_job) {
        exit = api_call(c, "POST", api_path(c, "jobs", id, "cancel"), NULL, &a, &e);
        answer_free(&a);
    }
    if (exit == CLI_NOT_FOUND)
        err_set(&e, ERR_NOT_FOUND, "there is no rollout and no job %s", id);
    if (exit != CLI_OK)
        return cli_fail(c, exit, &e);
    cli_say(c, "Cancelled: %s %s.", is_job ? "job" : "rollout", id);
    return CLI_OK;
}

/* ---- watch ---- */

struct watched {
    char **said; /* per job: the line last printed */
    size_t count;
    size_t lines_up; /* lines of the last picture */
    bool approval_said;
};

static const char *job_line(struct cli *c, const struct json *job)
{
    static const char *const keys[] = {"machine", "state", "result", "verdict", "reason", "verdict_reason"};
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = show_member(job, keys[i], &c->arena);
        if (*value)
            buf_printf(&line, "%s%s", i ? "  " : "", value);
    }
    const char *text = arena_strdup(&c->arena, buf_text(&line));
    buf_free(&line);
    return text;
}

/* For logs and pipes: what has changed, a line for each job. */
static void print_changes(struct cli *c, struct watched *w, const struct follow *f)
{
    if (w->count < f->jobs.n) {
        w->said = mem_resize(w->said, f->jobs.n, sizeof *w->said);
        while (w->count < f->jobs.n)
            w->said[w->count++] = mem_strdup("");
    }
    for (size_t i = 0; i < f->jobs.n; i++) {
        const char *line = job_line(c, f->jobs.v[i]);
        if (strcmp(line, w->said[i]) == 0)
            continue;
        fprintf(c->out, "%s\n", line);
        mem_free(w->said[i]);
        w->said[i] = mem_strdup(line);
    }
    fflush(c->out);
}

static size_t count_lines(const struct buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < text->n; i++)
        n += text->p[i] == '\n';
    return n;
}

/* Those that still move first, then as many of the ended ones as the screen has room for. */
static size_t choose_rows(const struct follow *f, size_t room, struct rows *out)
{
    for (int ended = 0; ended < 2; ended++)
        for (size_t i = 0; i < f->jobs.n && out->n < room; i++)
            if ((wait_end_of(f->jobs.v[i]) == WAIT_SETTLED) == (ended == 1))
                rows_add(out, f->jobs.v[i]);
    return f->jobs.n - out->n;
}

/* Draws over the last picture. */
static void repaint(struct cli *c, struct watched *w, const struct follow *f)
{
    struct rows shown = {0};
    struct buf out;
    buf_init(&out, SCREEN_MAX_BYTES);
    terminal_look(&c->terminal); /* the window may have changed */
    size_t room = c->terminal.rows > LINES_BESIDES_ROWS ? c->terminal.rows - LINES_BESIDES_ROWS : 1;
    size_t more = choose_rows(f, f->over ? f->jobs.n : room, &shown);
    rows_table(c, &entity_push, &shown, now_of(c, f->answer.json), false, &out);
    if (more)
        buf_printf(&out, "... and %zu more\n", more);
    buf_printf(&out, "%s, %s\n", show_member(f->answer.json, "state", &c->arena),
               wait_text(&f->wait, &c->arena));
    if (w->lines_up)
        fprintf(c->out, "\033[%zuA\r\033[J", w->lines_up);
    fwrite(out.p, 1, out.n, c->out);
    fflush(c->out);
    w->lines_up = count_lines(&out);
    rows_free(&shown);
    buf_free(&out);
}

static void on_report(void *ctx, struct cli *c, struct follow *f)
{
    struct watched *w = ctx;
    bool held = strcmp(show_member(f->answer.json, "state", &c->arena), "approval") == 0;
    if (c->terminal.out && c->terminal.moves)
        repaint(c, w, f);
    else
        print_changes(c, w, f);
    if (held && !w->approval_said) {
        cli_say(c, "This rollout waits for approval.");
        w->lines_up = 0;
        w->approval_said = true;
    }
}

int run_watch(struct cli *c, const struct args *args)
{
    struct watched w = {0};
    struct follow f;
    int exit = follow_run(c, args->words.v[0], 0, true, on_report, &w, &f);
    if (f.interrupted && !f.over)
        exit = CLI_EXIT_INTERRUPTED;
    else if (f.over)
        cli_say(c, "%s, %zu with result \"done\".", wait_text(&f.wait, &c->arena), f.wait.result_done);
    follow_free(&f);
    for (size_t i = 0; i < w.count; i++)
        mem_free(w.said[i]);
    mem_free(w.said);
    return exit;
}
