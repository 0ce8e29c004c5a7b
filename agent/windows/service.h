/* The agent as the Windows service FleetmendAgent, and how either form of it is told to stop. */
#ifndef FLEETMEND_SERVICE_H
#define FLEETMEND_SERVICE_H

#include "commands.h"

#define SERVICE_NAME L"FleetmendAgent"

/* `fleetmend-agent service`: what the service manager starts. Without configuration it waits for policy; when
 * policy changes the agent is begun anew with it. */
int service_command(struct program *);

/* For program_platform.stop_by: the host that a stop request, or Ctrl-C in the foreground, ends. NULL: none.
 */
void service_stop_by(struct host *);

#endif
