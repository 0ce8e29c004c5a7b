#include "api.h"

#include "http_client.h"
#include "mem.h"

#include <ctype.h>

enum { ANSWER_MAX_BYTES = 64 << 20, CALL_LIMIT_S = 60, CONNECT_LIMIT_S = 10, DETAIL_MAX = 400 };

struct api {
    struct http_client *client;
    struct http_peer *peer;
    struct config config;
    bool configured;
};

static struct api *api_of(struct cli *c, struct err *e)
{
    if (c->api)
        return c->api;
    struct http_client *client = http_client_new(1, e);
    if (!client)
        return NULL;
    c->api = arena_alloc(&c->arena, sizeof *c->api);
    c->api->client = client;
    c->api->peer = http_peer_new(client);
    return c->api;
}

void api_close(struct cli *c)
{
    if (!c->api)
        return;
    http_peer_free(c->api->peer);
    http_client_free(c->api->client);
    c->api = NULL;
}

const struct config *api_config(struct cli *c, struct err *e)
{
    struct api *api = api_of(c, e);
    bool was_open = false;
    if (!api)
        return NULL;
    if (api->configured)
        return &api->config;
    if (!config_effective(&c->place, &c->arena, &api->config, &was_open, e))
        return NULL;
    if (was_open)
        cli_say(c, "fleetmend: the file with your login could be read by others; it is closed to them now");
    if (!*api->config.url) {
        err_set(e, ERR_DENIED, "no server is known; run: fleetmend login https://NAME:PORT --ca FILE");
        return NULL;
    }
    api->configured = true;
    return &api->config;
}

/* ---- paths ---- */

static void put_encoded(struct buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char b = (unsigned char)*text;
        if ((b < 0x80 && isalnum(b)) || strchr("-._~", b))
            buf_putc(out, *text);
        else
            buf_printf(out, "%%%02X", b);
    }
}

const char *api_path(struct cli *c, const char *collection, const char *id, const char *verb)
{
    struct buf path;
    buf_init(&path, 4096);
    buf_printf(&path, "/api/v1/%s", collection);
    const char *parts[] = {id, verb};
    for (size_t i = 0; i < 2; i++)
        if (*parts[i]) {
            buf_putc(&path, '/');
            /* A bare "." or ".." would be resolved away on its way to the server. */
            bool dots = strspn(parts[i], ".") == strlen(parts[i]);
            if (dots)
                for (const char *p = parts[i]; *p; p++)
                    buf_puts(&path, "%2E");
            else
                put_encoded(&path, parts[i]);
        }
    const char *text = arena_strdup(&c->arena, buf_text(&path));
    buf_free(&path);
    return text;
}

void api_query(struct buf *path, const char *name, const char *value)
{
    buf_putc(path, strchr(buf_text(path), '?') ? '&' : '?');
    buf_printf(path, "%s=", name);
    put_encoded(path, value);
}

/* ---- answers ---- */

void answer_free(struct answer *a)
{
    json_free(a->json);
    if (a->text.p)
        mem_wipe(a->text.p, a->text.n); /* it may hold a token */
    buf_free(&a->text);
    a->json = NULL;
}

/* The server's own sentence, or "" when it sent none. */
static struct slice detail_of(const struct answer *a)
{
    struct slice s = {"", 0};
    if (!json_string(json_get(a->json, "detail"), &s) || !s.n)
        json_string(json_get(a->json, "title"), &s);
    if (s.n > DETAIL_MAX)
        s.n = DETAIL_MAX;
    return s;
}

static void explain_status(const struct config *config, const struct answer *a, enum cli_exit exit,
                           struct err *e)
{
    struct slice detail = detail_of(a);
    const char *joint = detail.n ? ": " : "";
    enum err_kind kind = exit == CLI_DENIED ? ERR_DENIED : ERR_INTERNAL;
    if (a->status == 401)
        err_set(e, kind, "%s does not accept this login%s%.*s; run: fleetmend login %s", config->url, joint,
                SLICE_ARG(detail), config->url);
    else if (a->status >= 300 && a->status < 400)
        err_set(e, kind, "%s sends elsewhere (status %d), which is not followed; log in to the right address",
                config->url, a->status);
    else if (exit == CLI_UNREACHABLE)
        err_set(e, ERR_UNREACHABLE, "%s can't answer now (status %d)%s%.*s; try again later", config->url,
                a->status, joint, SLICE_ARG(detail));
    else if (detail.n)
        err_set(e, kind, "%.*s", SLICE_ARG(detail));
    else
        err_set(e, kind, "%s answered with status %d; is it a Fleetmend server?", config->url, a->status);
}

static void explain_failure(const struct config *config, struct err *e)
{
    char why[ERR_TEXT_MAX];
    snprintf(why, sizeof why, "%.350s", e->text);
    if (e->kind == ERR_TLS)
        err_set(
            e, ERR_TLS,
            "%s is not trusted (%s); run: fleetmend login %s --ca FILE, with tls/ca.pem from the server's "
            "data folder",
            config->url, why, config->url);
    else if (e->kind == ERR_UNREACHABLE)
        err_set(e, ERR_UNREACHABLE, "can't reach %s (%s); is the server running, and is the address right?",
                config->url, why);
}

/* Proxies are for far servers: what runs on this machine is reached directly. */
static const char *proxy_for(const char *url)
{
    static const char *const near[] = {"https://localhost", "https://127.", "https://[::1]"};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        if (strncmp(url, near[i], strlen(near[i])) == 0)
            return "none";
    return "system";
}

/* The transport puts the whole URL in front; with a long filter the reason would be cut off. */
static void drop_url(const char *url, struct err *e)
{
    size_t n = strlen(url);
    if (strncmp(e->text, url, n) == 0 && strncmp(e->text + n, ": ", 2) == 0)
        memmove(e->text, e->text + n + 2, strlen(e->text + n + 2) + 1);
}

static bool send_call(struct api *api, const struct config *config, const char *method, const char *path,
                      const struct buf *body, struct answer *a, struct err *e)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    struct buf url;
    buf_init(&url, 32 * 1024);
    buf_printf(&url, "%s%s", config->url, path);
    struct http_call call = {.method = method,
                             .url = buf_text(&url),
                             .bearer = *config->token ? config->token : NULL,
                             .body = body ? buf_slice(body) : slice_of(""),
                             .limit_s = CALL_LIMIT_S,
                             .connect_limit_s = CONNECT_LIMIT_S,
                             .answer_max_bytes = ANSWER_MAX_BYTES,
                             .trust = HTTP_TRUST_CA,
                             .ca_pem = *config->ca ? config->ca : NULL,
                             .proxy = proxy_for(config->url),
                             .headers = headers};
    bool ok = buf_check(&url, "the address", e) &&
              http_call_wait(api->client, api->peer, &call, &a->status, &a->text, e);
    if (!ok)
        drop_url(buf_text(&url), e);
    buf_free(&url);
    return ok;
}

enum cli_exit api_call_as(struct cli *c, const struct config *config, const char *method, const char *path,
                          const struct buf *body, struct answer *a, struct err *e)
{
    struct err no_json = {0};
    *a = (struct answer){0};
    buf_init(&a->text, ANSWER_MAX_BYTES);
    struct api *api = api_of(c, e);
    if (!api)
        return CLI_ERROR;
    if (!send_call(api, config, method, path, body, a, e)) {
        explain_failure(config, e);
        return cli_exit_of_error(e->kind);
    }
    if (a->text.n)
        a->json = json_parse(buf_slice(&a->text), &no_json);
    enum cli_exit exit = cli_exit_of_status(a->status);
    if (exit != CLI_OK) {
        explain_status(config, a, exit, e);
    } else if (a->text.n && !a->json) {
        err_set(e, ERR_INTERNAL, "%s%s: the answer is not what a Fleetmend server sends: %s", config->url,
                path, no_json.text);
        exit = CLI_ERROR;
    }
    return exit;
}

enum cli_exit api_call(struct cli *c, const char *method, const char *path, const struct buf *body,
                       struct answer *a, struct err *e)
{
    *a = (struct answer){0};
    const struct config *config = api_config(c, e);
    return config ? api_call_as(c, config, method, path, body, a, e) : cli_exit_of_error(e->kind);
}

int api_call_or_say(struct cli *c, const char *method, const char *path, const struct buf *body,
                    struct answer *a)
{
    struct err e = {0};
    enum cli_exit exit = api_call(c, method, path, body, a, &e);
    return exit == CLI_OK ? CLI_OK : cli_fail(c, exit, &e);
}
