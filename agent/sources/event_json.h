/* Events as `fleetmend-agent scan` prints them: one JSON object a line. */
#ifndef FLEETMEND_EVENT_JSON_H
#define FLEETMEND_EVENT_JSON_H

#include "buf.h"
#include "event.h"

enum { EVENT_JSON_MAX = 32 * 1024 }; /* enough for any event with a file name of up to 4,096 bytes */

/* Appends the object and a line feed. What is unknown is "", 0 members of `update` are left out, and `time`
 * is null; a local time has no Z at its end. `noise` stands only in what is no failure. */
void event_json(const struct event *, const char *file, struct buf *out);

#endif
