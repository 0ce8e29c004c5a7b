/* One thing seen on a machine: an update operation that failed or succeeded. */
#ifndef FLEETMEND_EVENT_H
#define FLEETMEND_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/* X(id, word): the phases; the words stand in JSON. NONE: the source does not say. */
#define EVENT_PHASES(X)                                                                                      \
    X(NONE, "")                                                                                              \
    X(SCAN, "scan")                                                                                          \
    X(DOWNLOAD, "download")                                                                                  \
    X(INSTALL, "install")                                                                                    \
    X(UNINSTALL, "uninstall")                                                                                \
    X(UPGRADE, "upgrade")                                                                                    \
    X(DRIVER, "driver")

enum event_phase {
#define X(id, word) EVENT_PHASE_##id,
    EVENT_PHASES(X)
#undef X
        EVENT_PHASE_COUNT
};

/* X(id, word): where a code was read. */
#define EVENT_SOURCES(X)                                                                                     \
    X(NONE, "")                                                                                              \
    X(REPORTING_EVENTS, "reporting_events")                                                                  \
    X(CBS_LOG, "cbs_log")                                                                                    \
    X(DISM_LOG, "dism_log")                                                                                  \
    X(WINDOWS_UPDATE_LOG, "windows_update_log")                                                              \
    X(SETUP_LOG, "setup_log")                                                                                \
    X(HISTORY, "history")                                                                                    \
    X(EVENT_LOG, "event_log")                                                                                \
    X(API_SCAN, "api_scan")

enum event_source {
#define X(id, word) EVENT_SOURCE_##id,
    EVENT_SOURCES(X)
#undef X
        EVENT_SOURCE_COUNT
};

enum event_outcome { EVENT_FAILED, EVENT_SUCCEEDED, EVENT_NOISE };

enum { EVENT_UPDATE_ID_MAX = 40, EVENT_KB_MAX = 16, EVENT_TITLE_MAX = 200, EVENT_TEXT_MAX = 600 };

/* Strings are UTF-8, "" when unknown, cut at their maximum. */
struct event {
    enum event_outcome
        outcome; /* NOISE: a code in a valid context that is no failure of an update operation */
    uint32_t code;
    uint32_t extend; /* second number of `0xC1900101 - 0x30018`, 0 when none */
    enum event_phase phase;
    enum event_source source;
    const char *context; /* "column8", "hresult", ...; static */
    bool has_time;
    bool time_is_local; /* the source gives local time without a zone */
    int64_t time_ms;    /* UTC, or local time read as if it were UTC when time_is_local */
    char
        update_id[EVENT_UPDATE_ID_MAX]; /* lower-case GUID without braces, of an update, never of a service */
    uint32_t revision;
    char kb[EVENT_KB_MAX]; /* "KB5032381": the update, or for 0x800F0831 the missing one */
    char title[EVENT_TITLE_MAX];
    uint64_t line;             /* 1-based in its file */
    char text[EVENT_TEXT_MAX]; /* the line, cleaned, cut */
};

const char *event_phase_name(enum event_phase);
const char *event_source_name(enum event_source);
bool event_phase_parse(const char *word, enum event_phase *out);

#endif
