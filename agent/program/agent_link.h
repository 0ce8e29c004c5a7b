/* Joins one agent core to one HTTPS peer: asks the core what it wants, sends it, hands the answer back.
 *
 * No loop of its own: the host (host_loop.h) has one link, the swarm has thousands on one http_client. */
#ifndef FLEETMEND_AGENT_LINK_H
#define FLEETMEND_AGENT_LINK_H

#include "agent.h"
#include "http_client.h"

struct agent_link;

/* Called from http_client_step() after an answer was handed to the core: step the link now. */
typedef void agent_link_due_fn(void *ctx);
/* Sees every exchange before the core does; for counting. */
typedef void agent_link_exchanged_fn(void *ctx, const char *path, struct slice body, const struct agent_reply *);

/* All of these must outlive the link. */
struct agent_link_options {
    struct agent *agent;
    const struct agent_config *config;
    const struct clock *clock; /* the machine's */
    struct http_client *client;
    agent_link_due_fn *due;             /* may be NULL */
    agent_link_exchanged_fn *exchanged; /* may be NULL */
    void *ctx;
};

struct agent_link *agent_link_new(const struct agent_link_options *);
void agent_link_free(struct agent_link *); /* ends a request under way */

/* Local work that is due, then what the core wants to send or to abort. Returns the ticks at which it wants to
 * be called again at the latest. */
int64_t agent_link_step(struct agent_link *);
/* Offline: the request under way is cut and new ones fail at once, as on a machine without network. */
void agent_link_offline(struct agent_link *, bool offline);

struct agent_link_counts {
    int64_t requests;         /* sent */
    int64_t answered;         /* with a status of 2xx; the rest are errors */
    int64_t errors;
    int64_t syncs;            /* answered requests of /agent/v1/sync */
    int last_status;          /* of the last answer; 0: there was none */
    char last_error[300];     /* in words, "" after an answer */
};
const struct agent_link_counts *agent_link_counts(const struct agent_link *);

#endif
