/* Private to native: what the agent on Linux gives to agent_main(). */
#ifndef FLEETMEND_NATIVE_H
#define FLEETMEND_NATIVE_H

#include "commands.h"

/* Makes the folder and takes its lock until the process ends. */
bool state_lock(const char *dir, struct err *e);

extern const struct arg_flag simulated_flags[];
extern const char *const simulated_flag_names[];
struct machine *simulated_open(struct program *, const char *state_dir, struct err *e);
void simulated_close(struct machine *);

#endif
