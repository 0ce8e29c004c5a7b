/* When a push is over for whoever waits for it: pure decisions on the jobs the server reports. */
#ifndef FLEETMEND_WAIT_H
#define FLEETMEND_WAIT_H

#include "job.h"
#include "rows.h"

enum wait_end {
    WAIT_OPEN,    /* something is still to come */
    WAIT_SETTLED, /* result and verdict are there, or the job ended without a start */
    WAIT_OFFLINE, /* nothing can come: the machine is away */
};

/* A verdict "pending" is the last word for now: its proof may take weeks. So is a result "deferred". */
enum wait_end wait_end_of(const struct json *job);

/* Being offline must hold for a while before it counts: a machine comes back from a restart, and after a
 * restart of the server all of them are away at first. */
enum { WAIT_OFFLINE_MS = 3000, WAIT_OFFLINE_AFTER_RESTART_MS = 90000 };

struct wait_seen {
    char job[JOB_ID_MAX];
    int64_t offline_since_ms; /* ticks; 0: online */
};

struct wait {
    struct wait_seen *seen;
    size_t count, room;
    bool looked; /* once at least: then jobs may stand in another place than before */
    int64_t offline_limit_ms;
    /* what the last look found */
    size_t total, ended, result_done, running, offline, undecided;
};

void wait_init(struct wait *);
void wait_free(struct wait *);
/* Takes one report. True when nothing is left to wait for. */
bool wait_look(struct wait *, const struct rows *jobs, int64_t ticks_ms);
/* The server was away: machines need time to come back to it. */
void wait_note_restart(struct wait *);

/* CLI_OK when all results are `done`; else CLI_TIMED_OUT when the time ran out, or CLI_SOME_FAILED. */
enum cli_exit wait_exit(const struct wait *, bool timed_out);

/* "12 of 37 ended, 3 running, 2 offline". From the arena. */
const char *wait_text(const struct wait *, struct arena *);

#endif
