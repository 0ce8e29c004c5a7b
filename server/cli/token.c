/* fleetmend create token, delete token, audit verify. */
#include "api.h"
#include "json_copy.h"
#include "run.h"
#include "show.h"

enum { BODY_MAX_BYTES = 16 * 1024, DAYS_DEFAULT = 30, DAYS_MAX = 3650 };

/* Options that belong to one kind of token only. */
static bool check_kind(const struct args *args, bool enroll, struct err *e)
{
    static const struct {
        enum option_id option;
        bool enroll;
    } rows[] = {{OPT_ROLES, false}, {OPT_USES, true}, {OPT_APPROVAL, true}, {OPT_TAG, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (args_has(args, rows[i].option) && rows[i].enroll != enroll)
            return err_set(e, ERR_INVALID, "--%s goes with --%s", option_row(rows[i].option)->name,
                           rows[i].enroll ? "enroll" : "api");
    return true;
}

/* "a,b" and repeated options alike. */
static void put_list(struct json_writer *w, const char *key, const struct arg_list *list)
{
    json_put_key(w, key);
    json_begin(w, '[');
    for (size_t i = 0; i < list->n; i++)
        for (const char *at = list->v[i]; *at; at += *at == ',') {
            size_t n = strcspn(at, ",");
            if (n)
                json_put_slice(w, slice_make(at, n));
            at += n;
        }
    json_end(w, ']');
}

static bool token_body(const struct args *args, struct buf *out, struct err *e)
{
    bool enroll = args_has(args, OPT_ENROLL);
    int64_t days, uses;
    if (enroll == args_has(args, OPT_API))
        return err_set(e, ERR_INVALID, "say which kind: --enroll for machines, or --api for scripts");
    if (!*args_text(args, OPT_NAME, ""))
        return err_set(e, ERR_INVALID, "--name NAME is needed: what the token is for");
    if (!check_kind(args, enroll, e) || !args_number(args, OPT_DAYS, 1, DAYS_MAX, DAYS_DEFAULT, &days, e) ||
        !args_number(args, OPT_USES, 1, INT32_MAX, 0, &uses, e))
        return false;
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    json_member_string(&w, "kind", enroll ? "enroll" : "api");
    json_member_string(&w, "name", args_text(args, OPT_NAME, ""));
    json_member_int(&w, "days", days);
    if (enroll) {
        json_member_int(&w, "uses", uses);
        json_member_bool(&w, "approval", args_has(args, OPT_APPROVAL));
        put_list(&w, "tags", &args->options[OPT_TAG]);
    } else if (args_has(args, OPT_ROLES)) {
        put_list(&w, "roles", &args->options[OPT_ROLES]);
    }
    json_end(&w, '}');
    return buf_check(out, "the token", e);
}

static void print_token(struct cli *c, const struct args *args, const struct answer *a)
{
    const char *format = args_text(args, OPT_OUTPUT, "table");
    if (strcmp(format, "json") == 0) {
        json_print(c->out, buf_slice(&a->text));
        return;
    }
    fprintf(c->out, "%s\n", show_member(a->json, "token", &c->arena));
    fflush(c->out);
    cli_say(c, "Token %s, it ends %s. It is shown this once.", show_member(a->json, "id", &c->arena),
            show_age(int_member(a->json, "expires"), clock_wall_ms(c->clock), &c->arena));
}

int run_create_token(struct cli *c, const struct args *args)
{
    struct buf body;
    struct answer a = {0};
    struct err e = {0};
    buf_init(&body, BODY_MAX_BYTES);
    int exit = token_body(args, &body, &e)
                   ? api_call_or_say(c, "POST", api_path(c, "tokens", "", ""), &body, &a)
                   : cli_usage(c, "create token", "%s", e.text);
    if (exit == CLI_OK)
        print_token(c, args, &a);
    answer_free(&a);
    buf_free(&body);
    return exit;
}

int run_delete_token(struct cli *c, const struct args *args)
{
    const char *id = args->words.v[0];
    struct answer a;
    int exit = api_call_or_say(c, "DELETE", api_path(c, "tokens", id, ""), NULL, &a);
    if (exit == CLI_OK)
        cli_say(c, "Token %s has ended.", id);
    answer_free(&a);
    return exit;
}

int run_audit_verify(struct cli *c, const struct args *args)
{
    (void)args;
    struct answer a;
    struct err e = {0};
    int exit = api_call_or_say(c, "GET", api_path(c, "audit", "verify", ""), NULL, &a);
    if (exit == CLI_OK && bool_member(a.json, "ok", false)) {
        fprintf(c->out, "The audit log is whole: %lld entries, each chained to the one before.\n",
                (long long)int_member(a.json, "rows"));
    } else if (exit == CLI_OK) {
        err_set(&e, ERR_CONFLICT, "the audit log is NOT whole: an entry was changed or removed");
        exit = cli_fail(c, CLI_CONFLICT, &e);
    }
    answer_free(&a);
    return exit;
}
