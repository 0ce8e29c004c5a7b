/* Private to the agent core's files. */
#ifndef FLEETMEND_AGENT_INTERNAL_H
#define FLEETMEND_AGENT_INTERNAL_H

#include "agent.h"
#include "backoff.h"
#include "envelope.h"
#include "follow.h"
#include "identity.h"
#include "runner.h"
#include "trusted_time.h"

enum {
    SERVER_PINS_MAX = 8,
    REQUEST_LIMIT_S = 30,
    POLL_GRACE_S = 15, /* client time-out of a long poll: its wait and this */
    POLL_WAIT_S = 50,
    POLL_WAIT_MAX_S = 110,
    POLL_WAIT_LEAST_S = 5,
    POLL_GAP_MS = 200, /* between two syncs with nothing to say */
    POLL_GAP_MAX_MS = 30 * 1000,
    POLL_QUICK_MS = 5000,           /* a long poll that is answered empty before that was not waited for */
    CHALLENGE_GOOD_MS = 100 * 1000, /* the server takes it for two minutes */
    SESSION_MAX_MS = 3600 * 1000,
    SLOW_RETRY_MS = 15 * 60 * 1000, /* what only a person can change */
    SKEW_GONE_MS = 60 * 1000,
    FACTS_LOOK_MS = 5 * 60 * 1000,
    ORDERS_SEEN_MAX = 32,
};

/* Orders lately handed out: to tell a repeat from another order under the same id. */
struct order_seen {
    char id[JOB_ID_MAX];
    uint8_t digest[8];
    bool refused;
};

struct agent {
    const struct machine *machine;
    const struct agent_config *config;
    struct identity *identity;
    struct spool *spool;
    struct runner *runner;
    struct follow *follow;
    struct trusted_time time;
    struct backoff backoff;
    enum agent_phase phase;
    int server; /* index of the address in use */

    /* the request under way */
    bool asked;
    enum agent_phase asked_phase;
    enum agent_trust asked_trust;
    int64_t asked_ticks;
    int asked_limit_s;
    char path[40];
    struct buf body;

    int64_t not_before_ticks; /* after a failure: nothing leaves earlier */
    int64_t idle_until_ticks; /* a sync with nothing to say waits until then */

    /* TIME */
    char nonce[33], challenge[201];
    int64_t challenge_ticks;
    char pins[SERVER_PINS_MAX][PIN_TEXT_MAX];
    const char *pin_list[SERVER_PINS_MAX];
    size_t pin_count;
    bool unchecked_next;       /* the next time request goes over unchecked TLS */
    bool pin_mode, pin_sticky; /* sticky: the certificate's dates are wrong by trusted time too */
    uint8_t first_key[PUBLIC_KEY_BYTES];
    bool has_first_key; /* an order key seen over verified TLS, to be pinned by the enrolment */

    /* SESSION */
    char ticket[401];
    int64_t renew_ticks;
    bool proved; /* a sync succeeded since this session or enrolment */

    /* SYNC */
    int server_wait_s, wait_limit_s, cut_polls, idle_answers;
    bool quiet; /* the sync under way said nothing, and waits */
    size_t asked_events, asked_results;
    int64_t have; /* what the server said last */
    uint64_t running_told, running_asked;
    uint8_t facts_told[SHA256_BYTES], facts_asked[SHA256_BYTES];
    bool facts_known, facts_due, facts_in_message;
    int64_t facts_look_ticks;
    char server_state[21];
    bool frozen;

    /* orders */
    struct order_seen seen[ORDERS_SEEN_MAX];
    size_t seen_next;
    int64_t refused_orders;

    /* local work */
    int64_t follow_ticks, runner_ticks;

    char last_error[ERR_TEXT_MAX];
    int64_t last_error_ticks;
};

/* Keeps the text for `status` and logs it. */
void agent_note_error(struct agent *, const char *text);
int64_t agent_ticks(const struct agent *);
/* The next request waits: by backoff, or 15 minutes. */
void agent_back_off(struct agent *, int retry_after_s);
void agent_back_off_slowly(struct agent *);
void agent_start_over(struct agent *); /* phase TIME */

/* Each phase builds its request, and takes the answer's body when the status was 200. False: error text in e.
 */
bool agent_time_ask(struct agent *, struct err *e);
bool agent_time_take(struct agent *, struct slice body, struct err *e);
bool agent_enroll_ask(struct agent *, struct err *e);
bool agent_enroll_take(struct agent *, struct slice body, struct err *e);
bool agent_session_ask(struct agent *, struct err *e);
bool agent_session_take(struct agent *, struct slice body, struct err *e);
bool agent_sync_ask(struct agent *, struct err *e);
bool agent_sync_take(struct agent *, struct slice body, struct err *e);

/* Something the server should hear now. */
bool agent_has_news(struct agent *);
/* Facts with the tags of the configuration. */
void agent_facts(struct agent *, struct arena *a, struct wire_facts *out);

/* agent_orders.c: how many orders were new. */
size_t agent_take_orders(struct agent *, const struct slice *envelopes, size_t count);

#endif
