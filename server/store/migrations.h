/* Numbered changes of the schema, each in a transaction of its own.
 *
 * A migration that was released is never edited: a new one follows it. The database keeps which program made
 * which step, so that an older program can say which one is needed. */
#ifndef FLEETMEND_MIGRATIONS_H
#define FLEETMEND_MIGRATIONS_H

#include "db.h"

/* Brings an empty or older database to the newest schema. ERR_CONFLICT, naming the program needed, for a
 * newer one. */
bool migrations_run(struct db *, struct err *e);
/* For readers, which change nothing: ERR_CONFLICT unless the schema is the newest. */
bool migrations_check(struct db *, struct err *e);

#endif
