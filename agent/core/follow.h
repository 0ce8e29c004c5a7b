/* Follows the machine's logs: reads what was added since the bookmark, turns it into events, spools them.
 *
 * Every occurrence is reported exactly once: the bookmarks are notes of the spool and reach the disk in one
 * write with the events before them. A file that was replaced (cache_reset removes ReportingEvents.log) is
 * read from its start; one that Windows trimmed goes on after the last bytes that were read. On first contact
 * failures older than 14 days are marked `history`, and of CBS.log and dism.log only the last 5 MB are read.
 *
 * Few events leave: of the same failure repeated in one reading only one, with a count; of one that two logs
 * tell within two minutes only the first; successes only where a failure was reported before them, and one
 * clean scan an hour. Bounded work: about FOLLOW_SLICE_BYTES a call; no memory kept between calls but for a
 * few kB. */
#ifndef FLEETMEND_FOLLOW_H
#define FLEETMEND_FOLLOW_H

#include "machine.h"
#include "spool.h"

enum { FOLLOW_SLICE_BYTES = 1 << 20 };

struct follow;

typedef void follow_event_fn(void *ctx, const struct wire_event *ev);

struct follow *follow_open(const struct machine *m, struct spool *s, follow_event_fn *saw, void *ctx,
                           struct err *e);
void follow_close(struct follow *);
/* Trusted server time now, or 0: tells the age of entries where the machine's own clock is wrong. */
void follow_set_server_time(struct follow *, int64_t server_now_ms);
/* Reads one slice of whatever has grown. Returns the ticks of the next look (soon while more is waiting). */
int64_t follow_step(struct follow *);
/* True when all logs were read to their end at least once since opening. */
bool follow_caught_up(const struct follow *);

#endif
