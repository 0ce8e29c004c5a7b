/* A simulated Windows behind machine.h, for the agent core to run on.
 *
 * It has services that take their time, folders that can be moved while nobody holds them, a clock that may be wrong,
 * Windows Update logs in their real format, and at most one hidden fault (world.h). Windows Update tries by itself
 * and logs what happened; the agent learns of the fault from those logs and from scans alone. What heals the fault is
 * what a repair really did here: the folder moved, the clock right, the service enabled again.
 *
 * The same options and the same clock give the same machine. One thread. */
#ifndef FLEETMEND_SIM_MACHINE_H
#define FLEETMEND_SIM_MACHINE_H

#include "machine.h"
#include "world.h"

struct sim_machine;

struct sim_options {
    const struct world_group *group;  /* must outlive the machine */
    const char *name;
    uint64_t seed;                    /* of the fleet */
    int64_t index;                    /* of this machine in the fleet */
    const struct clock *clock;        /* the real or a virtual one; the machine's own wall clock may differ from it */
    int64_t speed;                    /* divides whatever takes time here; at least 1 */
    int64_t attempt_every_ms;         /* Windows Update's own tries, before speed; 0: 22 hours as on Windows */
    const char *state_dir;            /* NULL: all in memory; else DIR/ for the agent, DIR/windows/ for the system */
};

/* NULL when a saved state can't be read. Writes nothing. */
struct sim_machine *sim_machine_new(const struct sim_options *, struct err *e);
void sim_machine_free(struct sim_machine *);
/* Lives as long as the simulated machine. */
struct machine *sim_machine_of(struct sim_machine *);
const struct sim_machine *sim_machine_from(const struct machine *);

/* Lets Windows do what is due. Returns the ticks of the next thing. All calls behind machine.h do this first. */
int64_t sim_machine_step(struct sim_machine *);
/* True once after each line Windows logged: time to nudge the agent. */
bool sim_machine_has_logged(struct sim_machine *);

/* The hidden truth. */
bool sim_machine_is_faulty(const struct sim_machine *);
/* Whether it has network now. */
bool sim_machine_is_online(const struct sim_machine *);
/* Windows Update works by itself this many times so far. */
int64_t sim_machine_attempts(const struct sim_machine *);

/* The process of the agent dies: what it writes from now on, closing its files, does not happen. Then the core is
 * closed and opened again: sim_machine_revive() first. In memory only. */
void sim_machine_kill_agent(struct sim_machine *);
void sim_machine_revive_agent(struct sim_machine *);

#endif
