#include "settings.h"

#include "files.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum setting_type { SETTING_TEXT, SETTING_NUMBER, SETTING_FLAG };

struct setting {
    const char *key;
    enum setting_type type;
    size_t at;
    const char *text; /* defaults */
    int64_t number, min, max;
    const char *help;
};

#define TEXT(key, fallback, help)                                                                            \
    {                                                                                                        \
#key, SETTING_TEXT, offsetof(struct settings, key), fallback, 0, 0, 0, help                          \
    }
#define NUMBER(key, fallback, min, max, help)                                                                \
    {                                                                                                        \
#key, SETTING_NUMBER, offsetof(struct settings, key), "", fallback, min, max, help                   \
    }
#define FLAG(key, fallback, help)                                                                            \
    {                                                                                                        \
#key, SETTING_FLAG, offsetof(struct settings, key), "", fallback, 0, 1, help                         \
    }

static const struct setting table[] = {
    TEXT(listen, "0.0.0.0:8443", "address and port of console, API and agents"),
    TEXT(agent_listen, "", "a further address that serves agents alone; empty: none"),
    TEXT(url, "", "how agents and admins reach this server"),
    TEXT(database, "sqlite:fleetmend.db", "sqlite:FILE in the data folder"),
    NUMBER(loops, 2, 1, 16, "event loops, one thread each"),
    NUMBER(connections_max, 0, 0, 1000000, "0: as many as the process may open files"),
    NUMBER(wait_s, 50, 5, 110, "length of an agent's long poll; proxies often cut at 60 s"),
    NUMBER(class1_approval_above, 500, 0, 1000000,
           "a push of class 1 to more machines waits for an approver"),
    NUMBER(job_days, 14, 1, 90, "a job that has not started by then expires"),
    NUMBER(silent_days, 3, 1, 90, "a machine not heard of for so long is silent"),
    NUMBER(soak_min, 30, 0, 10080, "rest between the waves of a rollout"),
    FLAG(pace, true, "at most 60 cache resets an hour for each update server"),
    FLAG(lab, false, "made with --lab: no soak, no pace"),
};

enum { SETTING_COUNT = sizeof table / sizeof *table };

static void set_default(const struct setting *s, struct settings *out)
{
    char *at = (char *)out + s->at;
    if (s->type == SETTING_TEXT)
        snprintf(at, SETTING_TEXT_MAX, "%s", s->text);
    else if (s->type == SETTING_NUMBER)
        *(int64_t *)at = s->number;
    else
        *(bool *)at = s->number != 0;
}

void settings_default(struct settings *out)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        set_default(&table[i], out);
}

static bool set_number(const struct setting *s, const char *value, int64_t *out, struct err *e)
{
    bool digits = *value && !value[strspn(value, "0123456789")];
    int64_t v = digits ? strtoll(value, NULL, 10) : 0; /* too large a number becomes INT64_MAX */
    if (!digits || v < s->min || v > s->max)
        return err_set(e, ERR_INVALID, "%s: a number from %" PRId64 " to %" PRId64 " expected, not \"%.40s\"",
                       s->key, s->min, s->max, value);
    *out = v;
    return true;
}

static bool set_value(const struct setting *s, const char *value, struct settings *out, struct err *e)
{
    char *at = (char *)out + s->at;
    if (s->type == SETTING_NUMBER)
        return set_number(s, value, (int64_t *)at, e);
    if (s->type == SETTING_FLAG) {
        *(bool *)at = strcmp(value, "true") == 0;
        return *(bool *)at || strcmp(value, "false") == 0 ||
               err_set(e, ERR_INVALID, "%s: true or false expected, not \"%.40s\"", s->key, value);
    }
    if (strlen(value) >= SETTING_TEXT_MAX)
        return err_set(e, ERR_INVALID, "%s: longer than %d bytes", s->key, SETTING_TEXT_MAX - 1);
    snprintf(at, SETTING_TEXT_MAX, "%s", value);
    return true;
}

static char *trim(char *z)
{
    while (*z == ' ' || *z == '\t')
        z++;
    size_t n = strlen(z);
    while (n && strchr(" \t\r", z[n - 1]))
        z[--n] = '\0';
    return z;
}

static bool parse_line(char *line, bool *seen, struct settings *out, struct err *e)
{
    char *text = trim(line);
    if (!*text || *text == '#')
        return true;
    char *equals = strchr(text, '=');
    if (!equals)
        return err_set(e, ERR_INVALID, "`key = value` expected");
    *equals = '\0';
    const char *key = trim(text), *value = trim(equals + 1);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(table[i].key, key) != 0)
            continue;
        if (seen[i])
            return err_set(e, ERR_INVALID, "%s: given twice", key);
        seen[i] = true;
        return set_value(&table[i], value, out, e);
    }
    char known[400] = "";
    size_t n = 0;
    for (size_t i = 0; i < SETTING_COUNT && n < sizeof known - 30; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", table[i].key);
    return err_set(e, ERR_INVALID, "unknown key \"%.40s\"; known are %s", key, known);
}

bool settings_parse(struct slice text, struct settings *out, struct err *e)
{
    bool seen[SETTING_COUNT] = {false};
    size_t number = 0;
    for (size_t at = 0; at < text.n;) {
        const char *start = text.p + at, *end = memchr(start, '\n', text.n - at);
        size_t n = end ? (size_t)(end - start) : text.n - at;
        char line[SETTING_TEXT_MAX + 64];
        number++;
        if (n >= sizeof line || memchr(start, '\0', n))
            return err_set(e, ERR_INVALID, "line %zu: %s", number,
                           n >= sizeof line ? "too long" : "a NUL byte");
        memcpy(line, start, n);
        line[n] = '\0';
        if (!parse_line(line, seen, out, e))
            return err_wrap(e, "line %zu", number);
        at += n + 1;
    }
    return true;
}

bool settings_load(const char *path, struct settings *out, struct err *e)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    settings_default(out);
    bool ok =
        file_load(path, &text, e) && (settings_parse(buf_slice(&text), out, e) || err_wrap(e, "%s", path));
    buf_free(&text);
    return ok;
}

void settings_print(const struct settings *s, struct buf *out)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *at = (const char *)s + table[i].at;
        buf_printf(out, "# %s\n%s = ", table[i].help, table[i].key);
        if (table[i].type == SETTING_TEXT)
            buf_puts(out, at);
        else if (table[i].type == SETTING_NUMBER)
            buf_printf(out, "%" PRId64, *(const int64_t *)at);
        else
            buf_puts(out, *(const bool *)at ? "true" : "false");
        buf_puts(out, "\n\n");
    }
}
