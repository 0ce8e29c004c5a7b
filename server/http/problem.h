/* RFC 9457 problem details: what every refusal looks like. */
#ifndef FLEETMEND_HTTP_PROBLEM_H
#define FLEETMEND_HTTP_PROBLEM_H

#include "message.h"

#define PROBLEM_TYPE "application/problem+json"

enum { PROBLEM_BYTES_MAX = 8192 };

/* "Not Found" for 404; "Unknown" for a status this server does not use. */
const char *status_title(int status);

/* {"type":"about:blank","title":...,"status":...,"detail":...}; no detail when it is "". */
void problem_print(struct buf *out, int status, const char *detail);

#endif
