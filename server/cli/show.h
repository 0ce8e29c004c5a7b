/* Values of the API as people and spreadsheets read them. */
#ifndef FLEETMEND_SHOW_H
#define FLEETMEND_SHOW_H

#include "arena.h"
#include "json.h"
#include "terminal.h"

enum show_kind {
    SHOW_TEXT,
    SHOW_STATE, /* a word with a colour */
    SHOW_NUMBER,
    SHOW_AGE,    /* a time in ms, as "3 m ago" */
    SHOW_TIME,   /* a time in ms, as 2026-01-31 08:00 */
    SHOW_FLAG,   /* "yes" or "" */
    SHOW_LIST,   /* an array, joined by commas */
    SHOW_SYMBOL, /* several names of one code, "A|B": the first is enough for a table */
};

/* "12 s ago", "3 m ago", "5 h ago", "2 d ago"; "in 3 d" when it lies ahead; "" for 0. */
const char *show_age(int64_t time_ms, int64_t now_ms, struct arena *);
/* "850 ms", "12 s", "3 m 20 s", "2 h 5 m". */
const char *show_span(int64_t ms, struct arena *);

/* For a table cell: one line, safe on a terminal, "" when absent or null. From the arena. */
const char *show_value(const struct json *, enum show_kind, int64_t now_ms, struct arena *);
/* For a CSV cell: the exact value, times as 2026-01-31T08:00:00.000Z, not made safe. */
const char *show_exact(const struct json *, enum show_kind, struct arena *);
/* Member `key` as clean text, "" when absent. */
const char *show_member(const struct json *object, const char *key, struct arena *);
/* The member as it is, "" when absent or no text. Not made safe. */
const char *raw_member(const struct json *object, const char *key, struct arena *);
int64_t int_member(const struct json *object, const char *key);
bool bool_member(const struct json *object, const char *key, bool fallback);

enum colour show_state_colour(const char *word);

#endif
