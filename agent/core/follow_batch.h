/* What one reading of the logs found, made fewer: repeats counted, twins from two logs merged, successes that
 * prove nothing left out. Private to follow. */
#ifndef FLEETMEND_FOLLOW_BATCH_H
#define FLEETMEND_FOLLOW_BATCH_H

#include "event.h"
#include "machine.h"

enum { RECENT_MAX = 64, OPEN_MAX = 128, OPEN_TEXT_MAX = OPEN_MAX * 17 + 1 };

struct follow_item {
    struct event ev;
    int64_t utc_ms, first_utc_ms; /* of the last and the first occurrence */
    uint32_t count;
    bool history, dropped;
    bool closed;     /* a success came after it: a later failure is a new one */
    bool clean_scan; /* sent as a sign of life only */
};

/* A failure that was reported, to know its twin from another log. */
struct follow_recent {
    uint64_t update; /* hash of id and revision */
    uint32_t code;
    enum event_phase phase;
    enum event_source source;
    int64_t utc_ms;
};

struct follow_batch {
    struct follow_item *items;
    size_t count, room;
    struct follow_recent recent[RECENT_MAX];
    size_t recent_next;
    uint64_t open[OPEN_MAX]; /* failures reported and not yet followed by success; 0: free */
    size_t open_next;
    bool open_changed;
    int64_t clean_scan_ticks; /* when the last sign of life left; 0: never */
};

/* Adds an event that is no noise. */
void follow_batch_add(struct follow_batch *, const struct event *ev, int64_t utc_ms, bool history,
                      int64_t ticks_ms);
/* The items were reported: remembers them and gives the memory back. */
void follow_batch_done(struct follow_batch *, int64_t ticks_ms);
void follow_batch_free(struct follow_batch *);

/* The open failures as text for a note, and back. */
void follow_open_print(const struct follow_batch *, char out[OPEN_TEXT_MAX]);
void follow_open_read(struct follow_batch *, const char *text);

#endif
