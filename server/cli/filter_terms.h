/* From arguments to the text of a filter. The shell has taken the quotes away, so one argument is one term
 * and its value reaches to the end: `os~Windows 10` becomes os~"Windows 10". A value that still has its
 * quotes keeps them. */
#ifndef FLEETMEND_FILTER_TERMS_H
#define FLEETMEND_FILTER_TERMS_H

#include "buf.h"
#include "err.h"

/* Appends one filter for all `count` arguments; "and" between them may be written. ERR_INVALID names the
 * argument that is no term. An empty argument is none: it comes from an unset variable, and must not mean
 * "everything". */
bool filter_terms_join(const char *const *args, size_t count, struct buf *out, struct err *e);

/* Whether it looks like FIELD OP VALUE. */
bool filter_term_is(const char *arg);

#endif
