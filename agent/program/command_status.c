/* status: from the running agent's file when there is one, else by opening its state. */
#include "command_list.h"

#include "json.h"

#include <inttypes.h>
#include <stdio.h>

enum { STATUS_MAX_BYTES = 64 * 1024 };

static void print_value(const struct json *v)
{
    struct slice text;
    int64_t number;
    bool yes;
    if (json_string(v, &text))
        printf("%.*s", SLICE_ARG(text));
    else if (json_int(v, &number))
        printf("%" PRId64, number);
    else if (json_bool(v, &yes))
        printf("%s", yes ? "yes" : "no");
    else if (json_type(v) == JSON_NULL)
        printf("-");
    else if (json_count(v) == 0)
        printf("none");
    for (const struct json *m = json_first(v); m; m = json_next(m)) {
        printf("%s%s%s", json_key(m), json_key(m)[0] ? "=" : "", "");
        print_value(m);
        printf("%s", json_next(m) ? " " : "");
    }
}

void status_print(struct slice text, bool as_json)
{
    struct json *j = as_json ? NULL : json_parse(text, NULL);
    if (!j)
        printf("%.*s\n", SLICE_ARG(text));
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        printf("%-16s ", json_key(m));
        print_value(m);
        printf("\n");
    }
    json_free(j);
}

static int print_file(struct program *p, const char *dir)
{
    struct err e = {0};
    struct buf text;
    buf_init(&text, STATUS_MAX_BYTES);
    struct machine *m = p->platform->machine_open(p, dir, &e);
    bool ok = m && m->ops->file_read(m->ctx, HOST_STATUS_FILE, &text, &e) == MACHINE_OK;
    if (ok)
        status_print(buf_slice(&text), args_has(&p->args, "json"));
    else
        err_set(&e, ERR_UNAVAILABLE, "an agent runs here, and has not written its status yet");
    if (m)
        p->platform->machine_close(m);
    buf_free(&text);
    return ok ? EXIT_OK : program_fail(&e);
}

int command_status(struct program *p)
{
    struct session s;
    struct err e = {0};
    const char *dir = program_state_dir(p, &e);
    if (!dir)
        return program_fail(&e);
    if (!session_open(&s, p, SESSION_OFFLINE, &e))
        return e.kind == ERR_CONFLICT ? print_file(p, dir) : program_fail(&e);
    struct buf text;
    buf_init(&text, STATUS_MAX_BYTES);
    agent_status(host_agent(s.host), &text);
    status_print(buf_slice(&text), args_has(&p->args, "json"));
    buf_free(&text);
    session_close(&s);
    return EXIT_OK;
}
