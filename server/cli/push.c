/* fleetmend push and undo. */
#include "follow.h"
#include "push_body.h"

#include "json_copy.h"
#include "run.h"

enum { BODY_MAX_BYTES = 1 << 20, WAIT_LIMIT_MS = 10 * 60 * 1000 };

#define OUTPUT_MAX_BYTES ((size_t)1 << 32)

/* ---- printing ---- */

static void put_jobs(struct json_writer *w, const struct rows *jobs)
{
    static const char *const keys[] = {"job", "machine", "repair", "state", "result", "verdict", "reason"};
    json_put_key(w, "jobs");
    json_begin(w, '[');
    for (size_t i = 0; i < jobs->n; i++) {
        json_begin(w, '{');
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            const struct json *v = json_get(jobs->v[i], keys[k]);
            json_put_key(w, keys[k]);
            if (json_type(v) > JSON_NULL)
                json_copy(w, v);
            else
                json_put_string(w, "");
        }
        json_end(w, '}');
    }
    json_end(w, ']');
}

static void print_json(struct cli *c, const char *rollout, int64_t matched, const struct rows *jobs)
{
    struct buf out;
    buf_init(&out, OUTPUT_MAX_BYTES);
    struct json_writer w = {.out = &out};
    json_begin(&w, '{');
    json_put_key(&w, "rollout");
    if (*rollout)
        json_put_string(&w, rollout);
    else
        json_put_null(&w);
    json_member_int(&w, "matched", matched);
    put_jobs(&w, jobs);
    json_end(&w, '}');
    json_print(c->out, buf_slice(&out));
    buf_free(&out);
}

/* -o json is {"rollout","matched","jobs":[{"job","machine","repair","state","result","verdict","reason"}]}.
 */
static void push_print(struct cli *c, const struct args *args, const char *rollout, int64_t matched,
                       const struct rows *jobs, int64_t now_ms)
{
    const char *format = args_text(args, OPT_OUTPUT, "table");
    if (strcmp(format, "json") == 0)
        print_json(c, rollout, matched, jobs);
    else
        rows_print(c, &entity_push, jobs, now_ms, format);
    fflush(c->out);
}

/* ---- waiting ---- */

static void show_progress(void *ctx, struct cli *c, struct follow *f)
{
    bool *shown = ctx;
    if (!c->terminal.err || !c->terminal.moves)
        return;
    fprintf(c->err, "\r%s\033[K", wait_text(&f->wait, &c->arena));
    fflush(c->err);
    *shown = true;
}

static void say_end(struct cli *c, const struct follow *f, const char *rollout)
{
    const char *text = wait_text(&f->wait, &c->arena);
    if (f->interrupted)
        cli_say(c, "You stopped waiting (%s); the jobs go on. See: fleetmend watch %s", text, rollout);
    else if (f->timed_out)
        cli_say(c, "The time to wait ran out (%s); the jobs go on. See: fleetmend watch %s", text, rollout);
    else
        cli_say(c, "Rollout %s: %s, %zu with result \"done\".", rollout, text, f->wait.result_done);
}

/* A push has "matched" and "jobs"; an undo may answer with its one job alone. */
static void pushed_jobs(const struct answer *pushed, struct rows *out)
{
    const struct json *jobs = json_get(pushed->json, "jobs");
    if (json_type(jobs) == JSON_ARRAY)
        rows_add_all(out, jobs);
    else
        rows_add(out, pushed->json);
}

static int64_t pushed_count(const struct answer *pushed)
{
    return json_get(pushed->json, "matched") ? int_member(pushed->json, "matched") : 1;
}

static int wait_and_print(struct cli *c, const struct args *args, const char *rollout,
                          const struct answer *pushed)
{
    struct follow f;
    struct err e = {0};
    int64_t limit_ms;
    bool shown = false;
    args_span(args, OPT_TIMEOUT, WAIT_LIMIT_MS, &limit_ms, &e); /* checked before the push */
    int exit = follow_run(c, rollout, limit_ms, false, show_progress, &shown, &f);
    if (shown)
        fputs("\r\033[K", c->err);
    bool reported = f.answer.json != NULL;
    if (!reported) /* the push stands all the same, and its jobs have ids */
        pushed_jobs(pushed, &f.jobs);
    push_print(c, args, rollout, pushed_count(pushed), &f.jobs, now_of(c, f.answer.json));
    if (reported)
        say_end(c, &f, rollout);
    if (f.interrupted && !f.over)
        exit = CLI_EXIT_INTERRUPTED;
    follow_free(&f);
    return exit;
}

/* What follows a push and an undo alike. */
static int push_finish(struct cli *c, const struct args *args, const struct answer *pushed)
{
    const char *rollout = show_member(pushed->json, "rollout", &c->arena);
    const char *machines = count_text(c, entity_find("machines"), pushed_count(pushed));
    bool held = strcmp(show_member(pushed->json, "state", &c->arena), "approval") == 0;
    if (args_has(args, OPT_WAIT) && !held && *rollout)
        return wait_and_print(c, args, rollout, pushed);
    struct rows jobs = {0};
    pushed_jobs(pushed, &jobs);
    push_print(c, args, rollout, pushed_count(pushed), &jobs, now_of(c, pushed->json));
    rows_free(&jobs);
    if (held) {
        cli_say(c, "fleetmend: rollout %s to %s waits for approval by somebody else: fleetmend approve %s",
                rollout, machines, rollout);
        return CLI_CONFLICT;
    }
    cli_say(c, "Rollout %s: queued for %s. See: fleetmend watch %s", rollout, machines, rollout);
    return CLI_OK;
}

/* ---- push ---- */

static int nobody(struct cli *c, const struct args *args)
{
    struct rows none = {0};
    push_print(c, args, "", 0, &none, 0);
    cli_say(c, "fleetmend: no machine matches, so nothing was pushed");
    return CLI_NOT_FOUND;
}

static int send_push(struct cli *c, const struct args *args, bool preview, struct answer *a)
{
    struct buf body;
    struct err e = {0};
    buf_init(&body, BODY_MAX_BYTES);
    *a = (struct answer){0};
    int exit = push_body(args, preview, &c->arena, &body, &e)
                   ? api_call_or_say(c, "POST", api_path(c, "rollouts", "", ""), &body, a)
                   : cli_usage(c, "push", "%s", e.text);
    buf_free(&body);
    return exit;
}

static int print_preview(struct cli *c, const struct args *args)
{
    struct answer a;
    struct rows jobs = {0};
    int exit = send_push(c, args, true, &a);
    int64_t matched = int_member(a.json, "matched");
    if (exit == CLI_OK && !matched) {
        exit = nobody(c, args);
    } else if (exit == CLI_OK) {
        rows_add_all(&jobs, json_get(a.json, "jobs"));
        push_print(c, args, "", matched, &jobs, now_of(c, a.json));
        cli_say(c, "%s would get %s; nothing was changed.", count_text(c, entity_find("machines"), matched),
                args->words.v[0]);
    }
    rows_free(&jobs);
    answer_free(&a);
    return exit;
}

static bool is_yes(const char *answer)
{
    return strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 || strcmp(answer, "yes") == 0;
}

/* CLI_OK: go. Only where somebody sits who can answer. */
static int confirm(struct cli *c, const struct args *args)
{
    char line[16] = "";
    struct answer a;
    struct err e = {0};
    if (args_has(args, OPT_YES) || !c->terminal.in || !c->terminal.err)
        return CLI_OK;
    int exit = send_push(c, args, true, &a);
    int64_t matched = int_member(a.json, "matched");
    answer_free(&a);
    if (exit != CLI_OK || matched == 1)
        return exit;
    if (!matched)
        return nobody(c, args);
    const char *question = arena_printf(&c->arena, "Push %s to %s? [y/N] ", args->words.v[0],
                                        count_text(c, entity_find("machines"), matched));
    if (terminal_ask(question, false, line, sizeof line, &e) && is_yes(line))
        return CLI_OK;
    cli_say(c, "Nothing was pushed.");
    return CLI_ERROR;
}

int run_push(struct cli *c, const struct args *args)
{
    struct err e = {0};
    int64_t limit_ms;
    if (!args_span(args, OPT_TIMEOUT, 0, &limit_ms, &e))
        return cli_usage(c, "push", "%s", e.text);
    if (args_has(args, OPT_DRY_RUN))
        return print_preview(c, args);
    int exit = confirm(c, args);
    if (exit != CLI_OK)
        return exit;
    struct answer a;
    exit = send_push(c, args, false, &a);
    if (exit == CLI_OK)
        exit = int_member(a.json, "matched") ? push_finish(c, args, &a) : nobody(c, args);
    answer_free(&a);
    return exit;
}

int run_undo(struct cli *c, const struct args *args)
{
    struct err e = {0};
    int64_t limit_ms;
    if (!args_span(args, OPT_TIMEOUT, 0, &limit_ms, &e))
        return cli_usage(c, "undo", "%s", e.text);
    struct buf body;
    buf_init(&body, BODY_MAX_BYTES);
    struct json_writer w = {.out = &body};
    json_begin(&w, '{');
    json_member_string(&w, "reason", args_text(args, OPT_REASON, ""));
    json_end(&w, '}');
    struct answer a;
    int exit = api_call_or_say(c, "POST", api_path(c, "jobs", args->words.v[0], "undo"), &body, &a);
    if (exit == CLI_OK)
        exit = push_finish(c, args, &a);
    answer_free(&a);
    buf_free(&body);
    return exit;
}
