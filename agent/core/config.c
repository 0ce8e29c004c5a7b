#include "config.h"

#include "mem.h"
#include "text.h"

#include <ctype.h>

enum { URL_MAX = 300, TOKEN_MAX = 128, TAG_MAX = 60, CA_MAX = 256 * 1024, PIN_DIGEST_BYTES = 32 };

static const char pin_start[] = "sha256//";

/* Letters, digits, dots and hyphens, or an address in brackets. Returns what follows, NULL when it is no
 * host. */
static const char *skip_host(const char *z)
{
    const char *start = z;
    if (*z == '[') {
        for (z++; isxdigit((unsigned char)*z) || *z == ':' || *z == '.'; z++)
            ;
        return *z == ']' && z - start > 3 ? z + 1 : NULL;
    }
    for (; isalnum((unsigned char)*z) || *z == '.' || *z == '-'; z++)
        ;
    return z > start && *start != '.' && *start != '-' ? z : NULL;
}

/* ":1" to ":65535". Returns what follows, NULL when it is no port. */
static const char *skip_port(const char *z)
{
    int port = 0;
    const char *start = ++z;
    for (; isdigit((unsigned char)*z) && z - start < 5; z++)
        port = port * 10 + (*z - '0');
    return z > start && port >= 1 && port <= 65535 ? z : NULL;
}

/* "SCHEMEhost[:port]" and at most one closing slash, which is cut off. */
static bool url_check(char *url, const char *scheme)
{
    size_t n = strlen(scheme);
    if (strlen(url) > URL_MAX || strncmp(url, scheme, n) != 0)
        return false;
    const char *rest = skip_host(url + n);
    if (rest && *rest == ':')
        rest = skip_port(rest);
    if (!rest)
        return false;
    if (strcmp(rest, "/") == 0)
        url[rest - url] = '\0';
    return url[rest - url] == '\0';
}

static bool servers_check(struct agent_config *c, struct err *e)
{
    if (c->server_count < 1)
        return err_set(e, ERR_INVALID,
                       "--server (ServerUrl): missing; https://NAME[:PORT] of the Fleetmend server expected");
    if (c->server_count > CONFIG_LIST_MAX)
        return err_set(e, ERR_INVALID, "--server (ServerUrl): at most %d addresses allowed", CONFIG_LIST_MAX);
    for (int i = 0; i < c->server_count; i++)
        if (!url_check(c->server_urls[i], "https://"))
            return err_set(e, ERR_INVALID,
                           "--server (ServerUrl): '%.100s' is not of the form https://NAME[:PORT]",
                           c->server_urls[i]);
    return true;
}

static bool printable(const char *z)
{
    for (; *z; z++)
        if (*z <= ' ' || *z > '~')
            return false;
    return true;
}

static bool token_check(const struct agent_config *c, struct err *e)
{
    if (!c->enroll_token)
        return true;
    size_t n = strlen(c->enroll_token);
    if (n < 1 || n > TOKEN_MAX || !printable(c->enroll_token))
        return err_set(e, ERR_INVALID,
                       "--token (EnrollToken): 1 to %d printable characters without blanks expected",
                       TOKEN_MAX);
    return true;
}

static bool pin_check(const char *pin)
{
    size_t n = sizeof pin_start - 1;
    if (strncmp(pin, pin_start, n) != 0)
        return false;
    struct buf digest;
    buf_init(&digest, 64);
    bool ok = base64_decode(slice_of(pin + n), &digest, NULL) && digest.n == PIN_DIGEST_BYTES;
    buf_free(&digest);
    return ok;
}

static bool pins_check(char *const *pins, int count, const char *what, struct err *e)
{
    if (count < 0 || count > CONFIG_LIST_MAX)
        return err_set(e, ERR_INVALID, "%s: at most %d keys allowed", what, CONFIG_LIST_MAX);
    for (int i = 0; i < count; i++)
        if (!pin_check(pins[i]))
            return err_set(e, ERR_INVALID,
                           "%s: '%.80s' is not of the form sha256//BASE64 with 44 characters of base64", what,
                           pins[i]);
    return true;
}

static bool ca_check(const struct agent_config *c, struct err *e)
{
    if (!c->ca_pem)
        return true;
    if (strlen(c->ca_pem) > CA_MAX)
        return err_set(e, ERR_INVALID, "--ca (CaPem): longer than %d bytes", CA_MAX);
    const char *begin = strstr(c->ca_pem, "-----BEGIN CERTIFICATE-----");
    if (!begin || !strstr(begin, "-----END CERTIFICATE-----"))
        return err_set(e, ERR_INVALID,
                       "--ca (CaPem): no certificate in it; PEM text from BEGIN CERTIFICATE to END "
                       "CERTIFICATE expected");
    return true;
}

static bool proxy_check(struct agent_config *c, struct err *e)
{
    if (!c->proxy || strcmp(c->proxy, "none") == 0 || strcmp(c->proxy, "system") == 0)
        return true;
    if (url_check(c->proxy, "http://") || url_check(c->proxy, "https://"))
        return true;
    return err_set(e, ERR_INVALID, "--proxy (Proxy): '%.100s' is none of: none, system, http://HOST[:PORT]",
                   c->proxy);
}

static bool tag_check(const char *tag)
{
    size_t n = strlen(tag);
    return n >= 1 && n <= TAG_MAX && printable(tag) && !strchr(tag, ',') && !strchr(tag, '"');
}

static bool tags_check(const struct agent_config *c, struct err *e)
{
    const int most = (int)(sizeof c->tags / sizeof c->tags[0]);
    if (c->tag_count < 0 || c->tag_count > most)
        return err_set(e, ERR_INVALID, "--tag (Tags): at most %d tags allowed", most);
    for (int i = 0; i < c->tag_count; i++)
        if (!tag_check(c->tags[i]))
            return err_set(e, ERR_INVALID,
                           "--tag (Tags): '%.80s': 1 to %d printable characters without blanks, commas and "
                           "quotes expected",
                           c->tags[i], TAG_MAX);
    return true;
}

bool agent_config_check(struct agent_config *c, struct err *e)
{
    if (!servers_check(c, e) || !token_check(c, e) || !ca_check(c, e) || !proxy_check(c, e) ||
        !tags_check(c, e))
        return false;
    if (!pins_check(c->order_keys, c->order_key_count, "--order-key (OrderKey)", e) ||
        !pins_check(c->tls_pins, c->tls_pin_count, "--tls-pin (TlsPins)", e))
        return false;
    c->tls_mode = c->ca_pem ? TLS_MODE_CA : c->tls_pin_count ? TLS_MODE_PIN : TLS_MODE_SYSTEM;
    return true;
}

static void list_free(char **list, int count)
{
    for (int i = 0; i < count; i++)
        mem_free(list[i]);
}

void agent_config_free(struct agent_config *c)
{
    list_free(c->server_urls, c->server_count);
    list_free(c->order_keys, c->order_key_count);
    list_free(c->tls_pins, c->tls_pin_count);
    list_free(c->tags, c->tag_count);
    mem_free(c->enroll_token);
    mem_free(c->ca_pem);
    mem_free(c->proxy);
    *c = (struct agent_config){0};
}
