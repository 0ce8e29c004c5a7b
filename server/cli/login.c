/* fleetmend login and logout. */
#include "api.h"
#include "mem.h"
#include "run.h"
#include "show.h"

enum { SECRET_MAX_BYTES = 1024, BODY_MAX_BYTES = 16 * 1024 };

/* One line end is cut: an editor's, not a part of the password. */
static void cut_line_end(struct buf *b)
{
    if (b->n && b->p[b->n - 1] == '\n')
        b->p[--b->n] = '\0';
    if (b->n && b->p[b->n - 1] == '\r')
        b->p[--b->n] = '\0';
}

static bool read_password(struct cli *c, const struct args *args, struct buf *out, struct err *e)
{
    const char *file = args_text(args, OPT_PASSWORD_FILE, NULL);
    buf_init(out, SECRET_MAX_BYTES);
    if (file) {
        bool ok = config_slurp(strcmp(file, "-") == 0 ? "/dev/stdin" : file, SECRET_MAX_BYTES, out, e);
        cut_line_end(out);
        return ok || err_wrap(e, "the password");
    }
    if (!c->terminal.in)
        return err_set(e, ERR_INVALID,
                       "there is no terminal to ask on: give the password by --password-file FILE");
    char line[SECRET_MAX_BYTES];
    bool ok = terminal_ask("Password: ", true, line, sizeof line, e) && buf_puts(out, line);
    mem_wipe(line, sizeof line);
    return ok;
}

static bool read_user(struct cli *c, const struct args *args, const char **user, struct err *e)
{
    char line[256];
    *user = args_text(args, OPT_USER, NULL);
    if (*user)
        return **user || err_set(e, ERR_INVALID, "--user: the name is empty");
    if (!c->terminal.in)
        return err_set(e, ERR_INVALID, "there is no terminal to ask on: give the name by --user NAME");
    if (!terminal_ask("User: ", false, line, sizeof line, e))
        return false;
    *user = arena_strdup(&c->arena, line);
    return **user || err_set(e, ERR_INVALID, "a user name is needed");
}

/* Which CA: the one given, else the one this server was trusted by before. */
static bool read_target(struct cli *c, const struct args *args, const char *path, struct config *out,
                        struct err *e)
{
    struct config before;
    bool was_open;
    const char *url, *file = args_text(args, OPT_CA, c->place.ca_file);
    if (!config_url(args->words.v[0], &c->arena, &url, e))
        return false;
    if (!config_read(path, &c->arena, &before, &was_open, e)) /* damaged: about to be replaced */
        before = (struct config){"", "", "", "", 0};
    err_clear(e);
    *out = (struct config){url, strcmp(before.url, url) == 0 ? before.ca : "", "", "", 0};
    return !file || config_ca(file, &c->arena, &out->ca, e);
}

static void put_login(const char *user, const struct buf *password, struct buf *body)
{
    struct json_writer w = {.out = body};
    json_begin(&w, '{');
    json_member_string(&w, "user", user);
    json_put_key(&w, "password");
    json_put_slice(&w, buf_slice(password));
    json_end(&w, '}');
}

static int send_login(struct cli *c, const struct config *config, const char *user,
                      const struct buf *password, struct answer *a)
{
    struct buf body;
    struct err e = {0};
    buf_init(&body, BODY_MAX_BYTES);
    put_login(user, password, &body);
    enum cli_exit exit = api_call_as(c, config, "POST", "/api/v1/login", &body, a, &e);
    if (a->status == 401)
        err_set(&e, ERR_DENIED, "%s does not know this user and password together", config->url);
    if (a->status == 429)
        err_set(&e, ERR_LIMIT, "%s: too many logins have failed; try again in some minutes", config->url);
    mem_wipe(body.p, body.n);
    buf_free(&body);
    return exit == CLI_OK ? CLI_OK : cli_fail(c, exit, &e);
}

static int store_login(struct cli *c, const char *path, struct config *config, const char *user,
                       const struct answer *a)
{
    struct err e = {0};
    config->token = raw_member(a->json, "token", &c->arena);
    config->user = user;
    config->expires_ms = int_member(a->json, "expires");
    if (!*config->token) {
        err_set(&e, ERR_INTERNAL, "%s sent no token; is it a Fleetmend server?", config->url);
        return cli_fail(c, CLI_ERROR, &e);
    }
    if (!config_write(path, config, &e))
        return cli_fail(c, CLI_ERROR, &e);
    const char *roles = show_value(json_get(a->json, "roles"), SHOW_LIST, 0, &c->arena);
    const char *ends = show_age(config->expires_ms, clock_wall_ms(c->clock), &c->arena);
    cli_say(c, "Logged in to %s as %s%s%s%s%s.", config->url, user, *roles ? ", with the roles " : "", roles,
            *ends ? "; it ends " : "", ends);
    if (c->place.token || c->place.url)
        cli_say(c, "Mind that FLEETMEND_%s is set and stands above this login.",
                c->place.token ? "TOKEN" : "URL");
    return CLI_OK;
}

int run_login(struct cli *c, const struct args *args)
{
    struct config config;
    struct err e = {0};
    struct buf password = {0};
    struct answer a = {0};
    const char *user, *path = config_path(&c->place, &c->arena, &e);
    int exit;
    if (!path)
        return cli_fail(c, CLI_ERROR, &e);
    if (!read_target(c, args, path, &config, &e) || !read_user(c, args, &user, &e) ||
        !read_password(c, args, &password, &e)) {
        exit = e.kind == ERR_INVALID ? cli_usage(c, "login", "%s", e.text) : cli_fail(c, CLI_ERROR, &e);
    } else {
        exit = send_login(c, &config, user, &password, &a);
        if (exit == CLI_OK)
            exit = store_login(c, path, &config, user, &a);
    }
    if (password.p)
        mem_wipe(password.p, password.n);
    buf_free(&password);
    answer_free(&a);
    return exit;
}

/* The file's login ends, whatever stands above it in the environment. Here it is forgotten in every case; the
 * exit code says whether the server has ended it too. */
int run_logout(struct cli *c, const struct args *args)
{
    (void)args;
    struct config config;
    struct err e = {0};
    bool was_open;
    const char *path = config_path(&c->place, &c->arena, &e);
    if (!path || !config_read(path, &c->arena, &config, &was_open, &e))
        return cli_fail(c, CLI_ERROR, &e);
    if (!*config.token) {
        cli_say(c, "You are not logged in.");
        return CLI_OK;
    }
    struct answer a;
    enum cli_exit exit = api_call_as(c, &config, "POST", "/api/v1/logout", NULL, &a, &e);
    bool ended = exit == CLI_OK || a.status == 401; /* 401: it had ended already */
    answer_free(&a);
    struct err why = e;
    struct config kept = {config.url, config.ca, "", "", 0};
    if (!config_write(path, &kept, &e))
        return cli_fail(c, CLI_ERROR, &e);
    if (ended) {
        cli_say(c, "Logged out of %s.", config.url);
        return CLI_OK;
    }
    cli_say(c, "The login is forgotten here, but the server did not end it; it ends by itself in time.");
    return cli_fail(c, exit, &why);
}
