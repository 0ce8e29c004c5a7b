/* The machine.h of a real Windows, 7 to 11 and the servers of their time.
 *
 * One thread owns it. It needs LocalSystem or an elevated administrator; without, calls answer DENIED. */
#ifndef FLEETMEND_MACHINE_WINDOWS_H
#define FLEETMEND_MACHINE_WINDOWS_H

#include "machine.h"

#include <wchar.h>

struct machine_windows_options {
    const char *state_dir;   /* UTF-8; made when missing, only for SYSTEM and Administrators */
    const wchar_t *scan_exe; /* the program whose `scan-child` looks for updates; NULL: this one */
};

/* NULL on failure. */
struct machine *machine_windows_open(const struct machine_windows_options *, struct err *e);
void machine_windows_close(struct machine *);

/* %ProgramData%\Fleetmend\Agent, as Windows has it in the registry, whatever the environment says. */
const char *machine_windows_state_dir(void);
/* Makes the folder when missing and holds a lock in it until the process ends. ERR_CONFLICT when another has
 * it. */
bool machine_windows_lock(const char *state_dir, struct err *e);

/* What `fleetmend-agent scan-child` does: asks the Windows Update API for what is missing, prints one line of
 * JSON, and returns the exit code. In a process of its own, because a scan has no time limit and may never
 * end. */
int scan_child_main(void);

#endif
