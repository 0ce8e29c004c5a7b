#include "body.h"

#include <stdio.h>

static bool is_known(const char *key, const char *const known[])
{
    for (; *known; known++)
        if (strcmp(*known, key) == 0)
            return true;
    return false;
}

static bool check_members(const struct json *j, const char *const known[], struct err *e)
{
    if (json_type(j) != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "body: a JSON object expected");
    for (const struct json *m = json_first(j); m; m = json_next(m))
        if (!is_known(json_key(m), known)) {
            char list[300] = "";
            size_t n = 0;
            for (const char *const *k = known; *k && n < sizeof list - 40; k++)
                n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", *k);
            return err_set(e, ERR_INVALID, "body: unknown member \"%.40s\"; known are %s", json_key(m), list);
        }
    return true;
}

struct json *body_parse(struct slice body, const char *const known[], struct err *e)
{
    struct json *j = json_parse(body.n ? body : slice_of("{}"), e);
    if (j && !check_members(j, known, e)) {
        json_free(j);
        return NULL;
    }
    return j;
}

static bool absent(const struct json *v)
{
    return json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL;
}

static bool copy_text(const struct json *v, const char *key, size_t max, struct arena *a, const char **out,
                      struct err *e)
{
    struct slice s;
    if (!json_string(v, &s))
        return err_set(e, ERR_INVALID, "%s: a string expected", key);
    if (s.n > max)
        return err_set(e, ERR_INVALID, "%s: at most %zu bytes", key, max);
    *out = arena_strndup(a, s.p, s.n);
    return true;
}

bool body_string(const struct json *j, const char *key, size_t max, struct arena *a, const char **out,
                 struct err *e)
{
    const struct json *v = json_get(j, key);
    return absent(v) || copy_text(v, key, max, a, out, e);
}

bool body_int(const struct json *j, const char *key, int64_t *out, struct err *e)
{
    const struct json *v = json_get(j, key);
    return absent(v) || json_int(v, out) || err_set(e, ERR_INVALID, "%s: an integer expected", key);
}

bool body_bool(const struct json *j, const char *key, bool *out, struct err *e)
{
    const struct json *v = json_get(j, key);
    return absent(v) || json_bool(v, out) || err_set(e, ERR_INVALID, "%s: true or false expected", key);
}

bool body_strings(const struct json *j, const char *key, size_t max, struct arena *a, const char ***out,
                  size_t *n, struct err *e)
{
    const struct json *v = json_get(j, key);
    if (absent(v))
        return true;
    if (json_type(v) != JSON_ARRAY)
        return err_set(e, ERR_INVALID, "%s: an array of strings expected", key);
    *out = arena_alloc(a, (json_count(v) + 1) * sizeof **out);
    for (const struct json *k = json_first(v); k; k = json_next(k))
        if (!copy_text(k, key, max, a, &(*out)[(*n)++], e))
            return false;
    return true;
}

bool body_pairs(const struct json *j, const char *key, size_t max, struct arena *a, struct wire_pair **out,
                size_t *n, struct err *e)
{
    const struct json *v = json_get(j, key);
    if (absent(v))
        return true;
    if (json_type(v) != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "%s: an object of strings expected", key);
    *out = arena_alloc(a, (json_count(v) + 1) * sizeof **out);
    for (const struct json *k = json_first(v); k; k = json_next(k)) {
        struct wire_pair *p = &(*out)[(*n)++];
        p->key = arena_strdup(a, json_key(k));
        if (!copy_text(k, p->key, max, a, &p->value, e))
            return false;
    }
    return true;
}
