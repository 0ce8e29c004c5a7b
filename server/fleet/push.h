/* Shared by the acts that make or end jobs; private to the domain. */
#ifndef FLEETMEND_PUSH_H
#define FLEETMEND_PUSH_H

#include "fleet.h"

/* Bits of enum role in message.h, which the domain does not include. */
enum { FLEET_ROLE_OPERATOR = 8, FLEET_ROLE_APPROVER = 16, FLEET_ROLE_ADMIN = 32 };

/* {"job","machine","machine_id","repair","state","result","verdict","reason"} */
void job_brief(struct json_writer *, const struct job_row *);
/* A job row with every string set and a new id. */
struct job_row job_blank(struct arena *);
bool audit_act(struct act *, struct store *, const char *action, const char *object, const char *detail_json,
               struct err *e);

#endif
