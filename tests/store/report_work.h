/* One report as a sync stores it: event, failure, high-water, audit. For the tests that kill and break. */
#ifndef FLEETMEND_REPORT_WORK_H
#define FLEETMEND_REPORT_WORK_H

#include "writer.h"

#include <inttypes.h>
#include <stdio.h>

enum { REPORT_TIME_MS = 1000 };

static inline bool report_store(struct store *s, int64_t seq, const char *text, struct err *e)
{
    struct event_row event = {.machine_id = "m",
                              .stream = "s",
                              .seq = seq,
                              .failed = true,
                              .code = 0x80070002,
                              .phase = "scan",
                              .text = text,
                              .count = 1};
    struct failure_row failure = {
        .machine_id = "m", .code = 0x80070002, .phase = "scan", .last_seen_ms = REPORT_TIME_MS, .count = 1};
    struct machine_row touch = {.id = "m", .stream = "s", .stream_have = seq, .last_seen_ms = REPORT_TIME_MS};
    bool opened;
    int64_t id;
    return store_events_add(s, &event, 1, e) && store_failure_seen(s, &failure, &opened, &id, e) &&
           store_machine_touch(s, &touch, e) &&
           store_audit_add(s, REPORT_TIME_MS, "m", "report", "", "{}", e);
}

static inline bool report_machine_put(struct store *s, struct err *e)
{
    return store_machine_put(
        s, &(struct machine_row){.id = "m", .name = "M", .stream = "s", .approved = true}, e);
}

struct report_state {
    int64_t events, distinct, newest, counted, have, audited;
};

static inline bool report_read_numbers(void *ctx, const struct db_row *row)
{
    struct report_state *r = ctx;
    r->events = db_row_int(row, 0);
    r->distinct = db_row_int(row, 1);
    r->newest = db_row_int(row, 2);
    r->counted = db_row_int(row, 3);
    return false;
}

/* What the database holds, read with its own eyes: the four kinds of rows must agree. */
static inline bool report_state_read(struct store *s, struct report_state *r, struct err *e)
{
    *r = (struct report_state){0};
    return db_query_text(store_db(s),
                         "SELECT COUNT(*), COUNT(DISTINCT seq), COALESCE(MAX(seq), 0), "
                         "COALESCE((SELECT SUM(count) FROM failures), 0) FROM events",
                         NULL, 0, report_read_numbers, r, e) &&
           store_stream_have(s, "m", "s", &r->have, e) && store_audit_verify(s, &r->audited, e);
}

/* Sequence numbers run from 1 without a gap, so one number says it all. */
static inline bool report_state_whole(const struct report_state *r)
{
    return r->events == r->distinct && r->events == r->newest && r->events == r->counted &&
           r->events == r->have && r->events == r->audited;
}

#endif
