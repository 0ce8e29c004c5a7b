/* Where a service's messages go: to agent.log in the state folder, at most about 1 MB; the one before it is
 * kept as agent.log.1. Errors and warnings go to Windows' Application log too. */
#ifndef FLEETMEND_SERVICE_LOG_H
#define FLEETMEND_SERVICE_LOG_H

#include "err.h"

bool service_log_open(const char *state_dir, struct err *e);

#endif
