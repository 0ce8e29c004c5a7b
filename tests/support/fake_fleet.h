/* The smallest server that agents can live with: signs the time, enrols whoever has the token, keeps what they report,
 * and orders one repair for each machine that reports a failure of one code. */
#ifndef FLEETMEND_TEST_FAKE_FLEET_H
#define FLEETMEND_TEST_FAKE_FLEET_H

#include "tls_server.h"

struct fake_fleet;

/* code 0: orders nothing. */
struct fake_fleet *fake_fleet_new(const char *token, uint32_t code, const char *repair);
void fake_fleet_free(struct fake_fleet *);
const char *fake_fleet_url(const struct fake_fleet *);
const char *fake_fleet_ca(const struct fake_fleet *);

struct fake_fleet_seen {
    int enrolled;          /* different keys */
    int enrolments;        /* enrol requests taken */
    int events, failures;  /* each counted once */
    int ordered;           /* machines that got an order */
    int done;              /* of them: result "done" */
    int interrupted;
    int fixed;             /* verdict "fixed" */
    int started_twice;     /* a job reported by two different starts: never */
};
struct fake_fleet_seen fake_fleet_seen(struct fake_fleet *);

#endif
