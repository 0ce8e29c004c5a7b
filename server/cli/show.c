#include "show.h"

#include "json_copy.h"
#include "screen_text.h"
#include "times.h"

#include <inttypes.h>

enum { VALUE_MAX_BYTES = 64 * 1024, SECOND_MS = 1000 };

static const struct unit {
    int64_t ms;
    const char *name;
} units[] = {{86400 * SECOND_MS, "d"}, {3600 * SECOND_MS, "h"}, {60 * SECOND_MS, "m"}, {SECOND_MS, "s"}};
enum { UNITS = sizeof units / sizeof *units };

const char *show_age(int64_t time_ms, int64_t now_ms, struct arena *a)
{
    if (!time_ms)
        return "";
    int64_t age_ms = now_ms - time_ms;
    bool ahead = age_ms < -SECOND_MS;
    age_ms = age_ms < 0 ? -age_ms : age_ms;
    size_t i = 0;
    while (i < UNITS - 1 && age_ms < units[i].ms)
        i++;
    return arena_printf(a, ahead ? "in %" PRId64 " %s" : "%" PRId64 " %s ago", age_ms / units[i].ms,
                        units[i].name);
}

const char *show_span(int64_t ms, struct arena *a)
{
    for (size_t i = 0; i < UNITS; i++) {
        if (ms < units[i].ms)
            continue;
        int64_t rest = i + 1 < UNITS ? ms % units[i].ms / units[i + 1].ms : 0;
        return rest ? arena_printf(a, "%" PRId64 " %s %" PRId64 " %s", ms / units[i].ms, units[i].name, rest,
                                   units[i + 1].name)
                    : arena_printf(a, "%" PRId64 " %s", ms / units[i].ms, units[i].name);
    }
    return arena_printf(a, "%" PRId64 " ms", ms);
}

enum colour show_state_colour(const char *word)
{
    static const struct {
        const char *word;
        enum colour colour;
    } rows[] = {
        {"healthy", COLOUR_GOOD},        {"fixed", COLOUR_GOOD},        {"done", COLOUR_GOOD},
        {"failing", COLOUR_BAD},         {"needs_hands", COLOUR_BAD},   {"open", COLOUR_BAD},
        {"failed", COLOUR_BAD},          {"refused", COLOUR_BAD},       {"same", COLOUR_BAD},
        {"interrupted", COLOUR_BAD},     {"expired", COLOUR_BAD},       {"different", COLOUR_BAD},
        {"repairing", COLOUR_BUSY},      {"waiting", COLOUR_BUSY},      {"queued", COLOUR_BUSY},
        {"offered", COLOUR_BUSY},        {"running", COLOUR_BUSY},      {"verifying", COLOUR_BUSY},
        {"pending", COLOUR_BUSY},        {"needs_reboot", COLOUR_BUSY}, {"approval", COLOUR_BUSY},
        {"held", COLOUR_BUSY},           {"deferred", COLOUR_BUSY},     {"silent", COLOUR_FAINT},
        {"never_scanned", COLOUR_FAINT}, {"unserviced", COLOUR_FAINT},  {"left", COLOUR_FAINT},
        {"retired", COLOUR_FAINT},       {"cancelled", COLOUR_FAINT},   {"superseded", COLOUR_FAINT},
        {"gone", COLOUR_FAINT},          {"accepted", COLOUR_FAINT},    {"unknown", COLOUR_FAINT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].word, word) == 0)
            return rows[i].colour;
    return COLOUR_NONE;
}

/* ---- values ---- */

static void put_plain(const struct json *j, struct buf *out)
{
    struct slice s;
    struct json_writer w = {.out = out};
    if (json_string(j, &s))
        buf_append_slice(out, s);
    else if (json_type(j) > JSON_NULL)
        json_copy(&w, j);
}

static void put_list(const struct json *j, struct buf *out)
{
    if (json_type(j) != JSON_ARRAY) {
        put_plain(j, out);
        return;
    }
    for (const struct json *v = json_first(j); v; v = json_next(v)) {
        if (v != json_first(j))
            buf_putc(out, ',');
        put_plain(v, out);
    }
}

static void put_time(const struct json *j, struct buf *out)
{
    char text[TIME_TEXT_MAX];
    int64_t ms;
    if (!json_int(j, &ms)) {
        put_plain(j, out);
    } else if (ms) {
        time_print(ms, text);
        buf_puts(out, text);
    }
}

static void put_exact(const struct json *j, enum show_kind kind, struct buf *out)
{
    switch (kind) {
    case SHOW_AGE:
    case SHOW_TIME:
        put_time(j, out);
        break;
    case SHOW_LIST:
        put_list(j, out);
        break;
    case SHOW_TEXT:
    case SHOW_STATE:
    case SHOW_NUMBER:
    case SHOW_FLAG:
    case SHOW_SYMBOL:
        put_plain(j, out);
        break;
    }
}

const char *show_exact(const struct json *j, enum show_kind kind, struct arena *a)
{
    struct buf out;
    buf_init(&out, VALUE_MAX_BYTES);
    put_exact(j, kind, &out);
    const char *text = arena_strndup(a, buf_text(&out), out.n);
    buf_free(&out);
    return text;
}

static const char *clean(const char *text, struct arena *a)
{
    struct buf out;
    buf_init(&out, VALUE_MAX_BYTES);
    screen_clean(&out, slice_of(text), false);
    const char *kept = arena_strdup(a, buf_text(&out));
    buf_free(&out);
    return kept;
}

const char *show_value(const struct json *j, enum show_kind kind, int64_t now_ms, struct arena *a)
{
    int64_t ms;
    bool yes;
    if (kind == SHOW_AGE && json_int(j, &ms))
        return show_age(ms, now_ms, a);
    if (kind == SHOW_FLAG && json_bool(j, &yes))
        return yes ? "yes" : "";
    const char *text = show_exact(j, kind, a);
    if (kind == SHOW_TIME && json_int(j, &ms) && strlen(text) > 16) /* to the minute, with a blank */
        return arena_printf(a, "%.10s %.5s", text, text + 11);
    return clean(kind == SHOW_SYMBOL ? arena_strndup(a, text, strcspn(text, "|")) : text, a);
}

const char *raw_member(const struct json *object, const char *key, struct arena *a)
{
    return show_exact(json_get(object, key), SHOW_TEXT, a);
}

const char *show_member(const struct json *object, const char *key, struct arena *a)
{
    return clean(raw_member(object, key, a), a);
}

int64_t int_member(const struct json *object, const char *key)
{
    int64_t v = 0;
    return json_int(json_get(object, key), &v) ? v : 0;
}

bool bool_member(const struct json *object, const char *key, bool fallback)
{
    bool v;
    return json_bool(json_get(object, key), &v) ? v : fallback;
}
