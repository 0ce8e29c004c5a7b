#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

static bool parse_port(const char *text, int *port)
{
    size_t n = strlen(text);
    if (n < 1 || n > 5 || strspn(text, "0123456789") != n)
        return false;
    *port = (int)strtol(text, NULL, 10);
    return *port <= 65535;
}

bool address_split(const char *text, char host[256], int *port, struct err *e)
{
    bool bracket = text[0] == '[';
    const char *start = text + bracket, *end = start + strcspn(start, bracket ? "]" : ":[]");
    const char *colon = bracket && *end ? end + 1 : end;
    if (end == start || end - start >= 256 || *colon != ':' || !parse_port(colon + 1, port))
        return err_set(e, ERR_INVALID, "\"%.60s\": HOST:PORT expected, e.g. 0.0.0.0:8443 or [::1]:8443",
                       text);
    snprintf(host, 256, "%.*s", (int)(end - start), start);
    return true;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcasecmp(host, "localhost") == 0;
}

void default_url(const char *host, int port, char out[SETTING_TEXT_MAX])
{
    char name[256] = "localhost";
    if (!is_loopback(host) && gethostname(name, sizeof name) != 0)
        snprintf(name, sizeof name, "localhost");
    snprintf(out, SETTING_TEXT_MAX, "https://%s:%d", name, port);
}

bool url_host(const char *url, char host[256], struct err *e)
{
    const char *start = strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;
    size_t n = start ? strcspn(start, ":/") : 0;
    if (start && *start == '[') {
        start++;
        n = strchr(start, ']') ? strcspn(start, "]") : 0;
    }
    if (!start || !n || n >= 256)
        return err_set(e, ERR_INVALID, "--url \"%.60s\": https://NAME[:PORT] expected", url);
    snprintf(host, 256, "%.*s", (int)n, start);
    return true;
}
