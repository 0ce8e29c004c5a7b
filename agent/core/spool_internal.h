/* Private to the spool's files. */
#ifndef FLEETMEND_SPOOL_INTERNAL_H
#define FLEETMEND_SPOOL_INTERNAL_H

#include "spool.h"
#include "spool_file.h"

enum {
    PENDING_EVENTS_MAX = 1000, /* given out and not synced: how far the numbers jump after a crash */
    SPOOL_READ_MAX = 64 * 1024 * 1024,
    RESULT_JSON_MAX = 40 * 1024, /* one result must fit into one message with room for the rest */
    RESULTS_FILE_MAX = 16 * 1024 * 1024,
    RESULTS_KEPT_MAX = 64, /* acknowledged ones */
    RESULTS_KEPT_BYTES = 512 * 1024,
};

struct spool_note {
    char *key, *text;
};

struct spool_result {
    char job[33];
    int64_t rev, handed_rev, wall_ms;
    size_t bytes;
    bool acked;
};

struct spool {
    const struct machine *machine;
    struct spool_options o;
    char stream[33];
    int64_t next_seq, acked, dropped;
    int64_t live_last; /* number of the newest event on disk that was not dropped */
    size_t file_bytes, compact_at;
    bool stale;         /* a write failed: what is on disk must be looked at again */
    bool torn;          /* the file does not end with a line end */
    bool created;       /* by this process */
    bool mark_due;      /* to be written before the first number is given out */
    bool closed_well;   /* the last line on disk says so */
    struct buf pending; /* lines of the next batch */
    int pending_events;
    struct spool_note *notes;
    size_t note_count;
    struct spool_result *results;
    size_t result_count;
};

/* spool_store.c: the event file */
bool spool_load(struct spool *, struct err *e);
/* After a failed write: looks at the file again. */
bool spool_refresh(struct spool *, struct err *e);
bool spool_write_batch(struct spool *, struct slice body, bool sync, struct err *e);
/* Reads the whole file. */
bool spool_read(const struct spool *, const char *name, size_t max, struct buf *text, bool *absent,
                struct err *e);

/* spool_compact.c: writes the file anew without what may go, with room for need_bytes. new_stream: under
 * another name and without what is acknowledged. */
bool spool_compact(struct spool *, size_t need_bytes, bool new_stream, struct err *e);

/* spool_results.c */
bool spool_results_load(struct spool *, struct err *e);
bool spool_results_news(const struct spool *);
size_t spool_results_fill(struct spool *, struct arena *a, struct wire_sync *msg, size_t max_bytes);
bool spool_results_ack(struct spool *, const char *const *jobs, size_t job_count, struct err *e);

#endif
