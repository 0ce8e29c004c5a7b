/* The loop of a real agent: one core, one server connection, one thread.
 *
 *   host = host_open(&options, &e);   opens the core (spool, journal, identity)
 *   host_run(host, until, ctx);       steps core and network until told to stop
 *   host_close(host);
 *
 * Used by the daemon, the Windows service and the commands that do one thing and leave. */
#ifndef FLEETMEND_HOST_LOOP_H
#define FLEETMEND_HOST_LOOP_H

#include "agent_link.h"

struct host;

/* All of these must outlive the host. */
struct host_options {
    const struct machine *machine;
    const struct agent_config *config;
    int64_t speed;             /* see runner.h; 0 means 1 */
    const uint8_t *key_secret; /* see agent.h; NULL for real machines */
    bool offline;              /* never contacts a server: local repairs, status */
};

/* NULL on failure. */
struct host *host_open(const struct host_options *, struct err *e);
void host_close(struct host *);
struct agent *host_agent(struct host *);
const struct agent_link_counts *host_counts(const struct host *);

enum host_end { HOST_STOPPED, HOST_UNTIL };

/* Asked after every step; true ends the loop with HOST_UNTIL. */
typedef bool host_until_fn(void *ctx, struct host *);

/* Runs until host_stop(), or until `until` (may be NULL) says so. Writes status.json into the agent's folder, for
 * `status` beside a running agent. */
enum host_end host_run(struct host *, host_until_fn *until, void *ctx);
/* Makes host_run() return soon. From any thread, and from a signal handler. */
void host_stop(struct host *);
/* Something may have changed on the machine (a registry notification, resume from sleep): look now. From any thread. */
void host_nudge(struct host *);

/* Name of that file in the agent's folder. */
#define HOST_STATUS_FILE "status.json"

#endif
