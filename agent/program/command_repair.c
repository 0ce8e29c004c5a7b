/* repair, undo: one job by hand, with no server needed. */
#include "command_list.h"

#include "repair.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

enum { PLAN_MAX_BYTES = 64 * 1024, READS_MAX = 10000 };

struct hand_job {
    char id[JOB_ID_MAX];
    bool done;
};

static bool until_done(void *ctx, struct host *h)
{
    struct hand_job *j = ctx;
    const struct wire_result *r = runner_result(agent_runner(host_agent(h)), j->id);
    j->done = r && r->state == JOB_DONE;
    return j->done;
}

static void say(const char *what, const char *word, const char *why)
{
    bool has_why = why && why[0];
    printf("%s %s%s%s\n", what, word, has_why ? ": " : "", has_why ? why : "");
}

static int say_result(const struct wire_result *r)
{
    printf("job %s\n", r->job);
    say("result", job_result_name((enum job_result)r->result), r->reason);
    if (r->verdict != JOB_VERDICT_NONE)
        say("verdict", job_verdict_name((enum job_verdict)r->verdict), r->verdict_reason);
    if (r->output && r->output[0])
        printf("\n%s", r->output);
    return r->result == JOB_RESULT_DONE ? EXIT_OK : EXIT_ERROR;
}

static int run_to_end(struct session *s, struct hand_job *j)
{
    agent_nudge(host_agent(s->host)); /* the runner has work now */
    host_run(s->host, until_done, j);
    const struct wire_result *r = runner_result(agent_runner(host_agent(s->host)), j->id);
    if (j->done && r)
        return say_result(r);
    printf("job %s\nnot ended; the agent goes on with it when it runs\n", j->id);
    return EXIT_ERROR;
}

static bool read_values(const struct program *p, const struct repair *r, struct repair_values *v, struct err *e)
{
    const char *given;
    for (int i = 0; (given = args_nth(&p->args, "set", i)); i++) {
        char name[32];
        size_t n = strcspn(given, "=");
        if (given[n] != '=' || n == 0 || n >= sizeof name)
            return err_set(e, ERR_INVALID, "--set %.60s: NAME=VALUE expected", given);
        snprintf(name, sizeof name, "%.*s", (int)n, given);
        if (!repair_value_set(r, v, name, given + n + 1, e))
            return err_wrap(e, "--set");
    }
    return repair_values_complete(r, v, e);
}

static int describe(struct session *s, const struct repair *r, const struct repair_values *v)
{
    struct buf plan;
    struct err e = {0};
    buf_init(&plan, PLAN_MAX_BYTES);
    bool ok = runner_describe(agent_runner(host_agent(s->host)), r->name, v, &plan, &e);
    if (ok)
        printf("%s\n", buf_text(&plan));
    buf_free(&plan);
    return ok ? EXIT_OK : program_fail(&e);
}

/* Reads what the logs tell so far: a verdict needs to know what failed before. */
static void read_logs(struct session *s)
{
    struct agent *a = host_agent(s->host);
    for (int i = 0; i < READS_MAX; i++)
        if (agent_work(a) > clock_ticks_ms(s->machine->clock))
            return;
}

static int repair_with(struct session *s, const struct repair *r, const struct repair_values *v)
{
    struct hand_job j = {0};
    struct err e = {0};
    if (args_has(&s->program->args, "dry-run"))
        return describe(s, r, v);
    read_logs(s);
    if (!runner_local(agent_runner(host_agent(s->host)), "run", r->name, v, NULL, false, j.id, &e))
        return program_fail(&e);
    return run_to_end(s, &j);
}

int command_repair(struct program *p)
{
    struct session s;
    struct err e = {0};
    struct repair_values v = {0};
    const struct repair *r = repair_find(p->args.operands[0]);
    if (!r) {
        err_set(&e, ERR_INVALID, "%.40s: no such repair", p->args.operands[0]);
        return program_fail(&e);
    }
    if (!read_values(p, r, &v, &e) || !session_open(&s, p, SESSION_OFFLINE, &e))
        return program_fail(&e);
    int code = repair_with(&s, r, &v);
    session_close(&s);
    return code;
}

/* Which repair a job was, as undo names it. */
static const char *repair_of(struct session *s, const char *job)
{
    const struct wire_result *r = runner_result(agent_runner(host_agent(s->host)), job);
    return r && r->repair ? r->repair : NULL;
}

static int undo_with(struct session *s, const char *job)
{
    struct hand_job j = {0};
    struct err e = {0};
    struct repair_values none = {0};
    const char *repair = repair_of(s, job);
    if (!repair)
        err_set(&e, ERR_NOT_FOUND, "%.40s: this machine knows no such job", job);
    if (!repair || !runner_local(agent_runner(host_agent(s->host)), "undo", repair, &none, job, false, j.id, &e))
        return program_fail(&e);
    return run_to_end(s, &j);
}

int command_undo(struct program *p)
{
    struct session s;
    struct err e = {0};
    if (!job_id_valid(p->args.operands[0])) {
        err_set(&e, ERR_INVALID, "%.40s: a job's id is 32 digits of 0-9 a-f", p->args.operands[0]);
        return program_fail(&e);
    }
    if (!session_open(&s, p, SESSION_OFFLINE, &e))
        return program_fail(&e);
    int code = undo_with(&s, p->args.operands[0]);
    session_close(&s);
    return code;
}
