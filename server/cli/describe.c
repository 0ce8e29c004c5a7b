/* fleetmend describe: rollout, job, code. The machine's page has a file of its own. */
#include "code.h"
#include "job.h"
#include "page.h"
#include "run.h"

/* ---- rollout ---- */

static void fill_rollout(struct page *p)
{
    static const struct fact facts[] = {
        {"repair", "repair", SHOW_TEXT},      {"state", "state", SHOW_STATE},
        {"machines", "matched", SHOW_NUMBER}, {"filter", "filter", SHOW_TEXT},
        {"reason", "reason", SHOW_TEXT},      {"pushed by", "created_by", SHOW_TEXT},
        {"pushed", "created", SHOW_AGE},      {0},
    };
    struct arena *a = &p->cli->arena;
    page_title(p, arena_printf(a, "Rollout %s", show_member(p->json, "id", a)));
    page_facts(p, p->json, facts);
    if (strcmp(show_member(p->json, "state", a), "approval") == 0)
        page_text(p, arena_printf(a, "Waits for approval by somebody else: fleetmend approve %s",
                                  show_member(p->json, "id", a)));
    page_title(p, "Jobs");
    page_rows(p, "jobs", json_get(p->json, "jobs"), "none");
}

int run_describe_rollout(struct cli *c, const struct args *args)
{
    return page_run(c, args, api_path(c, "rollouts", args->words.v[0], ""), fill_rollout);
}

/* ---- job ---- */

static void put_code(struct page *p, const char *label, const char *text)
{
    uint32_t code;
    if (*text && code_parse(slice_of(text), &code, NULL))
        page_fact(p, label, arena_printf(&p->cli->arena, "%s  %s", text, code_text(code)));
}

static void put_verdict(struct page *p)
{
    struct arena *a = &p->cli->arena;
    const char *word = show_member(p->json, "verdict", a);
    enum job_verdict verdict;
    page_title(p, "Verdict");
    if (!*word) {
        page_text(p, "none yet, or none is owed");
        return;
    }
    bool known = job_verdict_parse(word, &verdict);
    page_text(p, known ? arena_printf(a, "%s: %s", word, job_verdict_help(verdict)) : word);
    page_fact(p, "evidence", raw_member(p->json, "verdict_reason", a));
    put_code(p, "code seen", show_member(p->json, "verdict_code", a));
}

static void fill_job(struct page *p)
{
    static const struct fact facts[] = {
        {"machine", "machine", SHOW_TEXT},
        {"repair", "repair", SHOW_TEXT},
        {"action", "op", SHOW_TEXT},
        {"undoes job", "undo_of", SHOW_TEXT},
        {"parameters", "params", SHOW_TEXT},
        {"rollout", "rollout", SHOW_TEXT},
        {"state", "state", SHOW_STATE},
        {"result", "result", SHOW_STATE},
        {"reason", "reason", SHOW_TEXT},
        {"phase", "phase", SHOW_TEXT},
        {"created", "created", SHOW_AGE},
        {"started", "started", SHOW_AGE},
        {"ended", "ended", SHOW_AGE},
        {"expires", "expires", SHOW_AGE},
        {"can be undone", "undoable", SHOW_FLAG},
        {0},
    };
    struct arena *a = &p->cli->arena;
    page_title(p, arena_printf(a, "Job %s", show_member(p->json, "job", a)));
    page_facts(p, p->json, facts);
    put_code(p, "for the code", show_member(p->json, "code", a));
    page_title(p, "Steps");
    const char *output = raw_member(p->json, "output", a);
    page_text(p, *output ? output : "no output yet");
    put_verdict(p);
}

int run_describe_job(struct cli *c, const struct args *args)
{
    return page_run(c, args, api_path(c, "jobs", args->words.v[0], ""), fill_job);
}

/* ---- code ---- */

static void fill_code(struct page *p)
{
    static const struct fact facts[] = {
        {"machines", "machines", SHOW_NUMBER},
        {"open failures", "failures", SHOW_NUMBER},
        {"last seen", "last_seen", SHOW_AGE},
        {"repairs", "ladder", SHOW_LIST},
        {0},
    };
    uint32_t code;
    if (code_parse(slice_of(show_member(p->json, "code", &p->cli->arena)), &code, NULL))
        code_explain(code, &p->out);
    page_title(p, "In the fleet now");
    page_facts(p, p->json, facts);
}

int run_describe_code(struct cli *c, const struct args *args)
{
    uint32_t code;
    char text[CODE_TEXT_MAX];
    struct err e = {0};
    if (!code_parse(slice_of(args->words.v[0]), &code, &e))
        return cli_usage(c, "describe code", "%s", e.text);
    code_print(code, text);
    return page_run(c, args, api_path(c, "codes", text, ""), fill_code);
}
