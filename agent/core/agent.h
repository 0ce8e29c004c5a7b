/* The agent core: (state, event) -> actions. No thread, no socket, no clock of its own.
 *
 *      ┌────────┐ signed time ┌─────────┐ machine id ┌─────────┐ ticket ┌──────┐
 *      │  TIME  ├────────────►│ ENROLL  ├───────────►│ SESSION ├───────►│ SYNC │──┐ long poll
 *      └───▲────┘ enrolled?   └─────────┘            └────▲────┘        └─┬──▲─┘  │ and work
 *          │       └────────────────────────────────►────┘               │  └────┘
 *          └── every hour, after a wrong answer, ticket lost (401) ◄──────┘
 *
 * The host loop (daemon, Windows service, swarm, test):
 *   agent_want(a, &w);           what to send, or until when to wait
 *   ... the host sends w and calls agent_answer(); meanwhile it calls agent_work() when its time has come ...
 * While a request is under way the core may ask to abort it (w.abort): news should not wait for a long poll.
 */
#ifndef FLEETMEND_AGENT_H
#define FLEETMEND_AGENT_H

#include "config.h"
#include "machine.h"

enum agent_phase { AGENT_TIME, AGENT_ENROLL, AGENT_SESSION, AGENT_SYNC, AGENT_STOPPED };

/* How to look at the server's certificate for this request. */
enum agent_trust {
    AGENT_TRUST_CA, /* chain and name by the CA of the configuration (or the system's, or a configured pin) */
    AGENT_TRUST_NONE, /* only for /agent/v1/time after the certificate looked expired or not yet valid */
    AGENT_TRUST_PIN,  /* by the TLS pins that a signed time answer brought */
};

struct agent_want {
    bool send;        /* a request is to be sent (false: one is under way, or it is too early) */
    bool abort;       /* end the request under way now, without agent_answer(), and ask agent_want() again */
    const char *path; /* "/agent/v1/sync?wait=50" */
    const char *ticket; /* NULL or the bearer ticket */
    struct slice body;  /* body, path and ticket are valid until the answer is given or the request aborted */
    int limit_s;        /* client time-out */
    enum agent_trust trust;
    const char *const *pins; /* "sha256//...", for AGENT_TRUST_PIN */
    size_t pin_count;
    int server;            /* index into config.server_urls */
    int64_t wake_ticks_ms; /* call agent_want() again then at the latest */
};

enum agent_failure {
    AGENT_ANSWERED,    /* an HTTP answer came */
    AGENT_UNREACHABLE, /* no connection, cut, time-out */
    AGENT_CERT_TIME,   /* the certificate looks expired or not yet valid; nothing else is known to be wrong */
    AGENT_CERT_WRONG,  /* unknown CA, wrong name, wrong pin */
};

struct agent_reply {
    enum agent_failure failure;
    int status;
    struct slice body;
    int retry_after_s; /* 0 when the server said nothing */
    const char *error; /* in words, when failure is not AGENT_ANSWERED */
};

struct agent;

struct agent_options {
    const struct machine *machine;
    const struct agent_config *config;
    uint64_t seed; /* of the jitter; 0: from the system's randomness */
    int64_t speed; /* see runner.h; 1 for real machines */
    const uint8_t *
        key_secret; /* 32 bytes: the simulated fleet derives its keys; NULL: made and sealed on the machine */
};

/* Opens spool, journal and identity. NULL on failure. */
struct agent *agent_open(const struct agent_options *, struct err *e);
void agent_close(struct agent *);

void agent_want(struct agent *, struct agent_want *out);
void agent_answer(struct agent *, const struct agent_reply *);
/* Local work: log following, the runner. Returns the ticks at which it wants to be called again. */
int64_t agent_work(struct agent *);
/* Something may have changed (a registry notification, a log was written): look soon. After this and after
 * agent_work() the host asks agent_want() again: there may be news. */
void agent_nudge(struct agent *);

enum agent_phase agent_phase(const struct agent *);
/* Trusted server time T: signed time plus ticks since; 0 before the first signed time of this boot. */
int64_t agent_server_now_ms(const struct agent *);
/* Wall clock minus T; *known false before the first signed time. */
int64_t agent_skew_ms(const struct agent *, bool *known);
const char *agent_machine_id(const struct agent *); /* "" before enrolment */
struct runner;
struct spool;
struct runner *agent_runner(struct agent *);
struct spool *agent_spool(struct agent *);

/* JSON for `fleetmend-agent status`: phase, server, machine id, how the order key was pinned, skew, spool,
 * running jobs, last error in words. */
void agent_status(const struct agent *, struct buf *out);

#endif
