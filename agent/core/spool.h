/* The spool: every event the agent saw and every report on a job, on disk until the server has it.
 *
 * Events carry a sequence number of one stream (a random name made with the spool), rising and never used
 * twice, also not after a crash that lost some. Acknowledged events are kept 7 days or 4 MB, to be sent again
 * when a restored server has less. The spool never passes max_bytes: then the oldest noise goes first,
 * successes next, failures last, and dropped() counts them; a gap in the numbers (a drop, a crash) is no
 * error for the server. Reports (struct wire_result) are keyed by job: a newer revision replaces the older;
 * they are never dropped before they are acknowledged, and kept a while after. Notes are small named texts
 * that reach the disk in the same write as the events before them: a bookmark in a note can't get ahead of
 * its events, nor stay behind them.
 *
 * One owner, one thread. Files: spool.events (appended, synced; compacted by replacement), spool.results. */
#ifndef FLEETMEND_SPOOL_H
#define FLEETMEND_SPOOL_H

#include "machine.h"

struct spool;

struct spool_options {
    size_t max_bytes;         /* 8 MB by default when 0 */
    size_t acked_max_bytes;   /* 4 MB when 0 */
    int64_t acked_max_age_ms; /* 7 days when 0 */
};

/* Opens or creates. A torn tail of a crash is cut off. `o` may be NULL. NULL on failure. */
struct spool *spool_open(const struct machine *m, const struct spool_options *o, struct err *e);
/* Writes what was appended and not synced. */
void spool_close(struct spool *);

const char *spool_stream(const struct spool *);
int64_t spool_last_seq(const struct spool *); /* the newest number given out; 0: none yet */
int64_t spool_dropped(const struct spool *);
size_t spool_bytes(const struct spool *);  /* of spool.events on disk */
bool spool_has_news(const struct spool *); /* events on disk or results not yet acknowledged */

/* Sets ev->seq and keeps it in memory: not on disk before spool_sync(). On failure nothing was taken. */
bool spool_append_event(struct spool *, struct wire_event *ev, struct err *e);
/* One line of text under a key of [a-z0-9_]{1,31}; written with the next spool_sync(). */
void spool_set_note(struct spool *, const char *key, const char *text);
/* NULL when there is none; valid until the next spool_set_note() of that key. */
const char *spool_note(const struct spool *, const char *key);
/* One write for all events and notes since the last: all of them are on disk, or none. What could not be
 * written stays in memory, and the next call tries again. */
bool spool_sync(struct spool *, struct err *e);

/* Stores at once, synced. An output too long for one message loses its middle. */
bool spool_put_result(struct spool *, const struct wire_result *r, struct err *e);

/* Fills events after the acknowledged mark and unacknowledged results, as many as fit into max_bytes of JSON
 * and the limits of wire.def. Only what is on disk leaves. Strings live in the arena. */
void spool_fill(struct spool *, struct arena *a, struct wire_sync *msg, size_t max_bytes);
/* The server has every event up to `have`: smaller than before means it was restored, and those events and
 * all kept results are sent again; more than was ever sent means this machine was restored, and a new stream
 * begins. Results: acknowledged by job id at the revision that spool_fill() handed out last. */
bool spool_ack(struct spool *, int64_t have, const char *const *jobs, size_t job_count, struct err *e);
/* The server was restored from a backup: kept results are sent again. (Events follow from `have`.) */
bool spool_resend_results(struct spool *, struct err *e);

#endif
