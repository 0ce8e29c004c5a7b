/* What every database driver must keep, as cases run on a fresh database each. */
#ifndef FLEETMEND_STORE_CONTRACT_H
#define FLEETMEND_STORE_CONTRACT_H

#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct contract_driver {
    const char *name;
    /* The URL of an empty database; valid until the next call. */
    const char *(*fresh_url)(void);
};

/* What a case works on: `void case(void **state)`, *state is one of these. */
struct contract {
    const char *url;
    struct store *store;
    struct arena arena;
    struct err e;
};

/* Runs every case of store_contract_*.c; the number that failed. */
int store_contract_run(const struct contract_driver *);

/* The lists of cases, ended by a row without a name. */
extern const struct CMUnitTest contract_machines[], contract_failures[], contract_jobs[], contract_rest[],
    contract_lists[];

/* Fails the case with the error's text. */
#define assert_ok(c, call)                                                                                   \
    do {                                                                                                     \
        (c)->e = (struct err){0};                                                                            \
        if (!(call))                                                                                         \
            fail_msg("%s: %s", #call, (c)->e.text);                                                          \
    } while (0)
#define assert_err(c, want, call)                                                                            \
    do {                                                                                                     \
        (c)->e = (struct err){0};                                                                            \
        if (call)                                                                                            \
            fail_msg("%s: succeeded", #call);                                                                \
        if ((c)->e.kind != (want))                                                                           \
            fail_msg("%s: %s: %s", #call, err_kind_name((c)->e.kind), (c)->e.text);                          \
    } while (0)

enum { T0 = 1800000000 }; /* in seconds: 2027-01-15 08:00 UTC */
#define NOW ((int64_t)T0 * 1000)
#define DAY INT64_C(86400000)

/* An approved machine "pc-<id>" that was seen at NOW. */
void put_machine(struct contract *c, const char *id);
struct failure_row failure_of(const char *machine, uint32_t code, const char *phase, const char *update);
/* A queued cache_reset that expires in a day. */
struct job_row job_of(const char *id, const char *machine);
void seen(struct contract *c, const struct failure_row *f, bool opened);
struct machine_row machine(struct contract *c, const char *id);
struct job_row job(struct contract *c, const char *id);
void refresh(struct contract *c, const char *id);
/* Runs one statement that is not the store's. */
void sql(struct contract *c, const char *text);
struct filter filter_of(struct contract *c, enum filter_entity entity, const char *text);

#endif
