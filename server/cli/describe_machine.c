/* fleetmend describe machine: what it is, why it is not healthy yet, what failed, what was done. */
#include "code.h"
#include "page.h"
#include "run.h"

static void put_why(struct page *p)
{
    const char *why = raw_member(p->json, "why", &p->cli->arena);
    page_title(p, "Why not yet");
    page_text(p, *why ? why : "nothing is known against it");
}

static void put_failure(struct page *p, const struct json *f)
{
    struct arena *a = &p->cli->arena;
    uint32_t code;
    const char *text = show_member(f, "code", a), *why = raw_member(f, "why", a);
    const char *update = show_member(f, "title", a);
    if (!*update)
        update = show_member(f, "update", a);
    page_text(p, arena_printf(a, "%s  %s  %s%s%s", text, show_value(json_get(f, "symbol"), SHOW_SYMBOL, 0, a),
                              show_member(f, "phase", a), *update ? " of " : "", update));
    if (code_parse(slice_of(text), &code, NULL))
        page_text(p, arena_printf(a, "  %s", code_text(code)));
    page_text(p, arena_printf(a, "  %s, seen %lld times, last %s", show_member(f, "state", a),
                              (long long)int_member(f, "count"),
                              show_age(int_member(f, "last_seen"), p->now_ms, a)));
    if (*why)
        page_text(p, arena_printf(a, "  %s", why));
}

static bool is_closed(const struct json *failure)
{
    static const char *const closed[] = {"fixed", "superseded", "gone", "accepted"};
    struct slice state = {0};
    json_string(json_get(failure, "state"), &state);
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        if (slice_eqz(state, closed[i]))
            return true;
    return false;
}

static void put_failures(struct page *p)
{
    const struct json *failures = json_get(p->json, "failures");
    struct rows closed = {0};
    page_title(p, "Open failures");
    size_t before = p->out.n;
    for (const struct json *f = json_first(failures); f; f = json_next(f))
        if (is_closed(f))
            rows_add(&closed, f);
        else
            put_failure(p, f);
    if (p->out.n == before)
        page_text(p, "none");
    if (closed.n) {
        page_title(p, "Closed failures");
        rows_table(p->cli, entity_find("failures"), &closed, p->now_ms, false, &p->out);
    }
    rows_free(&closed);
}

static void put_jobs(struct page *p)
{
    const struct json *jobs = json_get(p->json, "jobs");
    page_title(p, "Jobs");
    page_rows(p, "jobs", jobs, "none");
    for (const struct json *j = json_first(jobs); j; j = json_next(j)) {
        const char *reason = show_member(j, "verdict_reason", &p->cli->arena);
        if (*reason)
            page_text(p, arena_printf(&p->cli->arena, "%s %s: %s", show_member(j, "repair", &p->cli->arena),
                                      show_member(j, "verdict", &p->cli->arena), reason));
    }
}

static const char *fact_text(struct page *p, const struct json *m)
{
    /* Times are ms everywhere in the protocol, and named so. */
    size_t n = strlen(json_key(m));
    bool is_time = n >= 5 && strcmp(json_key(m) + n - 5, "_time") == 0;
    return show_exact(m, is_time ? SHOW_TIME : SHOW_LIST, &p->cli->arena);
}

/* What the agent says of the machine, as it says it; objects inside get dotted names. */
static void put_object(struct page *p, const char *before, const struct json *object)
{
    struct arena *a = &p->cli->arena;
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        const char *label = arena_printf(a, "%s%s%s", before, *before ? "." : "", json_key(m));
        if (json_type(m) == JSON_OBJECT)
            put_object(p, label, m);
        else
            page_fact(p, label, fact_text(p, m));
    }
}

static void fill_machine(struct page *p)
{
    static const struct fact facts[] = {
        {"state", "state", SHOW_STATE},
        {"Windows", "os", SHOW_TEXT},
        {"build", "build", SHOW_TEXT},
        {"role", "role", SHOW_TEXT},
        {"updates by", "update_manager", SHOW_TEXT},
        {"last seen", "last_seen", SHOW_AGE},
        {"connected", "connected", SHOW_FLAG},
        {"newest error", "last_error", SHOW_TEXT},
        {"site", "site", SHOW_TEXT},
        {"domain", "domain", SHOW_TEXT},
        {"ou", "ou", SHOW_TEXT},
        {"model", "model", SHOW_TEXT},
        {"tags", "tags", SHOW_LIST},
        {"agent", "agent_version", SHOW_TEXT},
        {"enrolled", "enrolled", SHOW_AGE},
        {"simulated", "simulated", SHOW_FLAG},
        {"id", "id", SHOW_TEXT},
        {0},
    };
    struct arena *a = &p->cli->arena;
    page_title(p, show_member(p->json, "name", a));
    page_facts(p, p->json, facts);
    int64_t skew_ms = int_member(p->json, "skew_ms");
    if (skew_ms)
        page_fact(p, "clock",
                  arena_printf(a, "%s %s the server's", show_span(skew_ms < 0 ? -skew_ms : skew_ms, a),
                               skew_ms < 0 ? "behind" : "ahead of"));
    put_why(p);
    put_failures(p);
    put_jobs(p);
    if (json_count(json_get(p->json, "facts"))) {
        page_title(p, "Facts");
        put_object(p, "", json_get(p->json, "facts"));
    }
}

int run_describe_machine(struct cli *c, const struct args *args)
{
    return page_run(c, args, api_path(c, "machines", args->words.v[0], ""), fill_machine);
}
