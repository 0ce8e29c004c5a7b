/* What the command line of a push sends. */
#ifndef FLEETMEND_PUSH_BODY_H
#define FLEETMEND_PUSH_BODY_H

#include "args.h"
#include "buf.h"

/* Builds the body of POST rollouts. ERR_INVALID: a usage error. */
bool push_body(const struct args *, bool preview, struct arena *, struct buf *out, struct err *e);

#endif
