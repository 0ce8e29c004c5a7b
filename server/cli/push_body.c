/* What the command line of a push says, as the body of POST /api/v1/rollouts. */
#include "push_body.h"

#include "filter_terms.h"
#include "json.h"
#include "repair.h"

enum { FILTER_MAX_BYTES = 16 * 1024 };

static bool check_canary(const char *share, struct err *e)
{
    size_t digits = strspn(share, "0123456789");
    bool ok = digits >= 1 && digits <= 3 && strcmp(share + digits, "%") == 0 && share[0] != '0' &&
              (digits < 3 || strcmp(share, "100%") == 0);
    return ok || err_set(e, ERR_INVALID, "--canary %s: a share from 1%% to 100%%", share);
}

/* The agent has the same catalogue: what it would refuse need not travel. */
static bool read_params(const struct args *args, struct arena *a, struct repair_values *values, struct err *e)
{
    const struct repair *r = repair_find(args->words.v[0]);
    const struct arg_list *set = &args->options[OPT_SET];
    for (size_t i = 0; i < set->n; i++) {
        const char *equals = strchr(set->v[i], '=');
        if (!equals || equals == set->v[i])
            return err_set(e, ERR_INVALID, "--set %s: write NAME=VALUE", set->v[i]);
        const char *name = arena_strndup(a, set->v[i], (size_t)(equals - set->v[i]));
        if (!repair_value_set(r, values, name, equals + 1, e))
            return err_wrap(e, "--set");
    }
    struct repair_values complete = *values;
    return repair_values_complete(r, &complete, e) || err_wrap(e, "%s needs --set", r->name);
}

/* `--machine PC1 PC2`: what follows and is no filter term is one more name. */
static bool read_machines(const struct args *args, struct arena *a, struct arg_list *out, struct err *e)
{
    const struct arg_list *named = &args->options[OPT_MACHINE];
    out->v = arena_alloc(a, (named->n + args->words.n) * sizeof *out->v);
    for (size_t i = 0; i < named->n; i++)
        out->v[out->n++] = named->v[i];
    for (size_t i = 1; i < args->words.n; i++) {
        if (filter_term_is(args->words.v[i]))
            return err_set(e, ERR_INVALID, "name machines either by --machine or by a filter (%s), not both",
                           args->words.v[i]);
        out->v[out->n++] = args->words.v[i];
    }
    for (size_t i = 0; i < out->n; i++)
        if (!*out->v[i])
            return err_set(e, ERR_INVALID, "--machine: a name is empty");
    return true;
}

static bool read_targets(const struct args *args, struct arena *a, struct buf *filter,
                         struct arg_list *machines, struct err *e)
{
    if (args_has(args, OPT_MACHINE))
        return read_machines(args, a, machines, e);
    if (!filter_terms_join(args->words.v + 1, args->words.n - 1, filter, e))
        return false;
    return filter->n || err_set(e, ERR_INVALID,
                                "say which machines: by a filter, as in state=failing, or by --machine NAME");
}

static void put_strings(struct json_writer *w, const char *key, const struct arg_list *list)
{
    json_put_key(w, key);
    json_begin(w, '[');
    for (size_t i = 0; i < list->n; i++)
        json_put_string(w, list->v[i]);
    json_end(w, ']');
}

static void put_body(const struct args *args, const struct repair_values *values, const struct buf *filter,
                     const struct arg_list *machines, bool preview, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    json_member_string(&w, "repair", args->words.v[0]);
    json_put_key(&w, "params");
    json_begin(&w, '{');
    for (int i = 0; i < values->count; i++)
        json_member_string(&w, values->v[i].name, values->v[i].value);
    json_end(&w, '}');
    if (machines->n)
        put_strings(&w, "machines", machines);
    else
        json_member_string(&w, "filter", buf_text(filter));
    if (args_has(args, OPT_CANARY))
        json_member_string(&w, "canary", args_text(args, OPT_CANARY, ""));
    json_member_string(&w, "reason", args_text(args, OPT_REASON, ""));
    json_member_bool(&w, "preview", preview);
    json_end(&w, '}');
}

bool push_body(const struct args *args, bool preview, struct arena *a, struct buf *out, struct err *e)
{
    struct repair_values values = {.count = 0};
    struct arg_list machines = {0};
    struct buf filter;
    buf_init(&filter, FILTER_MAX_BYTES);
    bool ok = read_params(args, a, &values, e) && read_targets(args, a, &filter, &machines, e) &&
              (!args_has(args, OPT_CANARY) || check_canary(args_text(args, OPT_CANARY, ""), e));
    if (ok)
        put_body(args, &values, &filter, &machines, preview, out);
    buf_free(&filter);
    return ok && buf_check(out, "the push", e);
}
