/* Machines as the agent protocol sees them: enrolled with keys of their own, then known by their tickets.
 *
 * bench_enrol makes them and writes a file; the measuring programs read it, so that each measures one thing.
 * A program speaks for its machines with new streams, as agents do after their spool was lost. */
#ifndef FLEETMEND_BENCH_FLEET_H
#define FLEETMEND_BENCH_FLEET_H

#include "bench_client.h"
#include "wire.h"

struct machine {
    char id[65];
    char *ticket; /* good for an hour */
    char stream[33];
    int64_t seq;       /* of its last event */
    struct link *link; /* its long poll; NULL until parked */
    struct fleet *fleet;
    char job[33]; /* given last */
    int64_t delivered_ns;
    bool reporting; /* the request under way brings a result */
};

struct fleet {
    struct machine *machines;
    size_t count;
    char boot_id[33];
    struct client *client; /* of parked machines */
    /* A parked machine was given its first order: the answer's last byte came at machine->delivered_ns. */
    void (*ordered)(void *ctx, struct machine *);
    /* The result of that order is stored: the server has said so. */
    void (*stored)(void *ctx, struct machine *);
    void *ctx;
    size_t failed; /* polls that ended without a good answer */
};

/* Enrols `count` machines over `links` connections: key, signed enrolment, signed session. */
struct fleet *fleet_enrol(struct client *, const char *token, size_t count, size_t links);
void fleet_save(const struct fleet *, const char *path);
/* At most `max` of the file's machines. Ends the process when there are fewer. */
struct fleet *fleet_load(const char *path, size_t max);
void fleet_free(struct fleet *);

/* A sync with one event, a failed download seen again, of about 400 bytes. */
void fleet_report(const struct fleet *, struct machine *, struct buf *out);

/* Every machine opens a connection of its own and a long poll; when one is answered, the next begins. Orders
 * are taken and answered by the result `done`. Returns when all polls are under way. */
void fleet_park(struct fleet *, struct client *);

/* A token of the API. The password is the first line of the file. */
char *fleet_login(struct client *, const char *user, const char *password_file);

#endif
