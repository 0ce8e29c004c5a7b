#include "json.h"

#include "json_check.h"
#include "text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const cJSON *node(const struct json *j)
{
    return (const cJSON *)j;
}

static const struct json *value(const cJSON *c)
{
    return (const struct json *)c;
}

static bool unique_keys(const cJSON *object, struct err *e)
{
    size_t count = 0;
    for (const cJSON *a = object->child; a; a = a->next) {
        if (++count > JSON_MEMBERS_MAX)
            return err_set(e, ERR_INVALID, "JSON: more than %d members in one object", JSON_MEMBERS_MAX);
        for (const cJSON *b = a->next; b; b = b->next)
            if (strcmp(a->string, b->string) == 0)
                return err_set(e, ERR_INVALID, "JSON: key \"%.60s\" stands twice", a->string);
    }
    return true;
}

/* Depth is bounded by json_check(), so recursion is too. */
static bool check_keys(const cJSON *c, struct err *e)
{
    if (cJSON_IsObject(c) && !unique_keys(c, e))
        return false;
    for (const cJSON *k = c->child; k; k = k->next)
        if (k->child && !check_keys(k, e))
            return false;
    return true;
}

struct json *json_parse(struct slice text, struct err *e)
{
    if (!json_check(text, e))
        return NULL;
    cJSON *c = cJSON_ParseWithLength(text.p, text.n);
    if (!c) {
        err_set(e, ERR_INVALID, "JSON: can't be parsed");
        return NULL;
    }
    if (!check_keys(c, e)) {
        cJSON_Delete(c);
        return NULL;
    }
    return (struct json *)c;
}

void json_free(struct json *j)
{
    cJSON_Delete((cJSON *)j);
}

enum json_type json_type(const struct json *j)
{
    if (!j)
        return JSON_ABSENT;
    switch (node(j)->type & 0xFF) {
    case cJSON_False:
    case cJSON_True:
        return JSON_BOOL;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = {"nothing",  "null",     "true or false", "a number",
                                        "a string", "an array", "an object"};
    return names[t];
}

const struct json *json_get(const struct json *object, const char *key)
{
    return json_type(object) == JSON_OBJECT ? value(cJSON_GetObjectItemCaseSensitive(node(object), key))
                                            : NULL;
}

const struct json *json_first(const struct json *j)
{
    return j ? value(node(j)->child) : NULL;
}

const struct json *json_next(const struct json *j)
{
    return j ? value(node(j)->next) : NULL;
}

const char *json_key(const struct json *member)
{
    return member && node(member)->string ? node(member)->string : "";
}

size_t json_count(const struct json *j)
{
    size_t n = 0;
    for (const struct json *k = json_first(j); k; k = json_next(k))
        n++;
    return n;
}

bool json_string(const struct json *j, struct slice *out)
{
    if (json_type(j) != JSON_STRING)
        return false;
    *out = slice_of(node(j)->valuestring);
    return true;
}

bool json_number(const struct json *j, double *out)
{
    if (json_type(j) != JSON_NUMBER)
        return false;
    *out = node(j)->valuedouble;
    return true;
}

bool json_int(const struct json *j, int64_t *out)
{
    double v;
    if (!json_number(j, &v) || v != floor(v) || fabs(v) > (double)JSON_INT_MAX)
        return false;
    *out = (int64_t)v;
    return true;
}

bool json_bool(const struct json *j, bool *out)
{
    if (json_type(j) != JSON_BOOL)
        return false;
    *out = cJSON_IsTrue(node(j));
    return true;
}

static void separate(struct json_writer *w)
{
    if (w->comma)
        buf_putc(w->out, ',');
    w->comma = true;
}

void json_begin(struct json_writer *w, char bracket)
{
    separate(w);
    buf_putc(w->out, bracket);
    w->comma = false;
}

void json_end(struct json_writer *w, char bracket)
{
    buf_putc(w->out, bracket);
    w->comma = true;
}

/* Runs of bytes that need no escape go out in one append. */
static void put_escaped(struct buf *out, struct slice s)
{
    static const char short_escape[] = "btn\0fr"; /* for 8 to 13; 11 has none */
    size_t start = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, s.p + start, i - start);
        start = i + 1;
        if (c >= 0x20)
            buf_printf(out, "\\%c", c);
        else if (c >= 8 && c <= 13 && c != 11)
            buf_printf(out, "\\%c", short_escape[c - 8]);
        else
            buf_printf(out, "\\u%04x", c);
    }
    buf_append(out, s.p + start, s.n - start);
}

void json_put_slice(struct json_writer *w, struct slice s)
{
    separate(w);
    buf_putc(w->out, '"');
    size_t good = utf8_valid_prefix(s);
    while (good < s.n) {
        put_escaped(w->out, slice_make(s.p, good));
        buf_puts(w->out, "\xEF\xBF\xBD");
        s = slice_make(s.p + good + 1, s.n - good - 1);
        good = utf8_valid_prefix(s);
    }
    put_escaped(w->out, s);
    buf_putc(w->out, '"');
}

void json_put_string(struct json_writer *w, const char *z)
{
    json_put_slice(w, slice_of(z));
}

void json_put_key(struct json_writer *w, const char *key)
{
    json_put_string(w, key);
    buf_putc(w->out, ':');
    w->comma = false;
}

void json_put_int(struct json_writer *w, int64_t v)
{
    separate(w);
    buf_printf(w->out, "%" PRId64, v);
}

void json_put_number(struct json_writer *w, double v)
{
    separate(w);
    char text[32] = "null";
    if (isfinite(v)) {
        snprintf(text, sizeof text, "%.15g", v); /* 0.1 stays 0.1 */
        if (strtod(text, NULL) != v)
            snprintf(text, sizeof text, "%.17g", v);
    }
    buf_puts(w->out, text);
}

void json_put_bool(struct json_writer *w, bool v)
{
    separate(w);
    buf_puts(w->out, v ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
    separate(w);
    buf_puts(w->out, "null");
}

void json_put_raw(struct json_writer *w, struct slice json)
{
    separate(w);
    buf_append_slice(w->out, json);
}

void json_member_string(struct json_writer *w, const char *key, const char *z)
{
    json_put_key(w, key);
    json_put_string(w, z);
}

void json_member_int(struct json_writer *w, const char *key, int64_t v)
{
    json_put_key(w, key);
    json_put_int(w, v);
}

void json_member_bool(struct json_writer *w, const char *key, bool v)
{
    json_put_key(w, key);
    json_put_bool(w, v);
}
