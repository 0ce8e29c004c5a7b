/* Private to program: the subcommands every platform has. */
#ifndef FLEETMEND_COMMAND_LIST_H
#define FLEETMEND_COMMAND_LIST_H

#include "commands.h"

#include "log.h"

extern const struct program_command common_commands[]; /* ended by name NULL */

/* A machine and a core opened for one command. */
struct session {
    struct program *program;
    struct machine *machine;
    struct host *host;
};

enum session_need {
    SESSION_SERVER,  /* configuration with a server */
    SESSION_OFFLINE, /* the machine alone */
};

/* State folder, lock, machine, core. The error is for program_fail(). */
bool session_open(struct session *, struct program *, enum session_need, struct err *e);
void session_close(struct session *);

/* One line a fact, or the JSON as it is. */
void status_print(struct slice json, bool as_json);

int command_run(struct program *);
int command_once(struct program *);
int command_enroll(struct program *);
int command_repair(struct program *);
int command_undo(struct program *);
int command_status(struct program *);
int command_version(struct program *);

#endif
