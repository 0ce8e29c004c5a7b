#include "config.h"

#include <stdlib.h>

enum { CA_MAX_BYTES = 512 * 1024 };

/* RFC 6750; a line break in a token would start another header. */
static const char token_characters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=";

static const char *from_environment(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

void config_place_look(struct config_place *p)
{
    *p = (struct config_place){.url = from_environment("FLEETMEND_URL"),
                               .token = from_environment("FLEETMEND_TOKEN"),
                               .ca_file = from_environment("FLEETMEND_CA"),
                               .config_file = from_environment("FLEETMEND_CONFIG"),
                               .xdg_config_home = from_environment("XDG_CONFIG_HOME"),
                               .home = from_environment("HOME")};
}

const char *config_path(const struct config_place *p, struct arena *a, struct err *e)
{
    if (p->config_file)
        return p->config_file;
    if (p->xdg_config_home &&
        p->xdg_config_home[0] == '/') /* the XDG rules: a relative path is to be ignored */
        return arena_printf(a, "%s/fleetmend/config.json", p->xdg_config_home);
    if (p->home)
        return arena_printf(a, "%s/.config/fleetmend/config.json", p->home);
    err_set(e, ERR_UNAVAILABLE, "HOME is not set: name a file for the login by FLEETMEND_CONFIG");
    return NULL;
}

static bool plain_host_and_port(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
    size_t n = strspn(host, allowed);
    return n > 0 && (host[n] == '\0' || strcmp(host + n, "/") == 0);
}

bool config_url(const char *typed, struct arena *a, const char **url, struct err *e)
{
    const char *scheme_end = strstr(typed, "://");
    const char *host = scheme_end ? scheme_end + 3 : typed;
    if (scheme_end && !slice_eqz(slice_make(typed, (size_t)(scheme_end - typed)), "https"))
        return err_set(e, ERR_INVALID, "%s: only https:// is spoken", typed);
    if (!plain_host_and_port(host))
        return err_set(e, ERR_INVALID, "%s is not the address of a server; write https://NAME[:PORT]", typed);
    *url = arena_printf(a, "https://%.*s", (int)strcspn(host, "/"), host);
    return true;
}

bool config_ca(const char *path, struct arena *a, const char **pem, struct err *e)
{
    struct buf text;
    bool ok = config_slurp(path, CA_MAX_BYTES, &text, e);
    if (!ok)
        err_wrap(e, "the CA file");
    else if (!strstr(buf_text(&text), "-----BEGIN CERTIFICATE-----"))
        ok = err_set(e, ERR_INVALID,
                     "%s holds no PEM certificate; the server's stands in its data folder: tls/ca.pem", path);
    if (ok)
        *pem = arena_strndup(a, text.p, text.n);
    buf_free(&text);
    return ok;
}

static bool override_url(const struct config_place *p, struct arena *a, struct config *c, struct err *e)
{
    const char *url;
    if (!p->url)
        return true;
    if (!config_url(p->url, a, &url, e))
        return err_wrap(e, "FLEETMEND_URL");
    if (strcmp(url, c->url) != 0)
        *c = (struct config){"", "", "", "", 0};
    c->url = url;
    return true;
}

bool config_effective(const struct config_place *p, struct arena *a, struct config *out, bool *was_open,
                      struct err *e)
{
    *out = (struct config){"", "", "", "", 0};
    *was_open = false;
    const char *path = config_path(p, a, e);
    /* With URL and token from the environment, as in a container, there need not be a home. */
    if (path ? !config_read(path, a, out, was_open, e) : !(p->url && p->token))
        return false;
    err_clear(e);
    if (!override_url(p, a, out, e))
        return false;
    if (p->token) {
        if (p->token[strspn(p->token, token_characters)])
            return err_set(e, ERR_INVALID, "FLEETMEND_TOKEN holds characters that no token has");
        out->token = p->token;
        out->user = "";
        out->expires_ms = 0;
    }
    return !p->ca_file || config_ca(p->ca_file, a, &out->ca, e) || err_wrap(e, "FLEETMEND_CA");
}
