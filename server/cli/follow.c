#include "follow.h"

enum { POLL_FIRST_MS = 200, POLL_LAST_MS = 2000, AWAY_LIMIT_MS = 30000 };

void follow_free(struct follow *f)
{
    answer_free(&f->answer);
    rows_free(&f->jobs);
    wait_free(&f->wait);
}

static void take(struct follow *f, struct answer *fresh)
{
    answer_free(&f->answer);
    rows_free(&f->jobs);
    f->answer = *fresh;
    *fresh = (struct answer){0};
    rows_add_all(&f->jobs, json_get(f->answer.json, "jobs"));
}

/* A restart of the server or a lost connection must not end a wait of an hour. */
static bool passes_by(const struct answer *a, enum cli_exit exit, const struct err *e)
{
    return (exit == CLI_UNREACHABLE && e->kind != ERR_TLS) || a->status == 429 || a->status == 500;
}

static bool is_over(struct cli *c, struct follow *f, bool until_done)
{
    struct slice state = {0};
    bool settled = wait_look(&f->wait, &f->jobs, clock_ticks_ms(c->clock));
    json_string(json_get(f->answer.json, "state"), &state);
    if (until_done)
        return f->wait.ended == f->wait.total && !slice_eqz(state, "approval");
    return settled;
}

/* What a report makes in the arena goes with it: a watch may last for days. */
static void report(struct cli *c, follow_fn *fn, void *ctx, struct follow *f)
{
    struct arena kept = c->arena;
    c->arena = (struct arena){0};
    fn(ctx, c, f);
    arena_free(&c->arena);
    c->arena = kept;
}

/* CLI_OK: go on, or over. */
static int poll_once(struct cli *c, const char *path, int64_t *away_since_ms, bool until_done, follow_fn *fn,
                     void *ctx, struct follow *f)
{
    struct answer fresh;
    struct err e = {0};
    enum cli_exit exit = api_call(c, "GET", path, NULL, &fresh, &e);
    int64_t now = clock_ticks_ms(c->clock);
    if (exit == CLI_OK) {
        *away_since_ms = 0;
        take(f, &fresh);
        f->over = is_over(c, f, until_done);
        if (fn)
            report(c, fn, ctx, f);
        return CLI_OK;
    }
    bool wait_for_it = passes_by(&fresh, exit, &e);
    answer_free(&fresh);
    if (!*away_since_ms)
        *away_since_ms = now ? now : 1;
    if (!wait_for_it || now - *away_since_ms >= AWAY_LIMIT_MS)
        return cli_fail(c, exit, &e);
    wait_note_restart(&f->wait);
    return CLI_OK;
}

int follow_run(struct cli *c, const char *rollout, int64_t limit_ms, bool until_done, follow_fn *fn,
               void *ctx, struct follow *f)
{
    const char *path = api_path(c, "rollouts", rollout, "");
    int64_t start = clock_ticks_ms(c->clock), away_since_ms = 0;
    int pause_ms = POLL_FIRST_MS;
    *f = (struct follow){0};
    wait_init(&f->wait);
    terminal_catch_interrupt();
    for (;;) {
        int exit = poll_once(c, path, &away_since_ms, until_done, fn, ctx, f);
        if (exit != CLI_OK)
            return exit;
        int64_t spent = clock_ticks_ms(c->clock) - start;
        f->interrupted = terminal_interrupted();
        f->timed_out = !f->over && limit_ms && spent >= limit_ms;
        if (f->over || f->interrupted || f->timed_out)
            return wait_exit(&f->wait, f->timed_out);
        int64_t left = limit_ms ? limit_ms - spent : pause_ms;
        terminal_sleep(left < pause_ms ? (int)left : pause_ms);
        pause_ms = pause_ms * 5 / 4 < POLL_LAST_MS ? pause_ms * 5 / 4 : POLL_LAST_MS;
    }
}
