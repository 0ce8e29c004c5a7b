/* The program `fleetmend-agent`: subcommands as a table, the same on every platform; what differs is a struct
 * program_platform that main() gives. Text is UTF-8 throughout; a Windows main converts its arguments. */
#ifndef FLEETMEND_COMMANDS_H
#define FLEETMEND_COMMANDS_H

#include "args.h"
#include "config.h"
#include "host_loop.h"

enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 }; /* of commands */

struct program;

struct program_command {
    const char *name;
    const char *operands;     /* "ID", "" for none; for the usage line and the count check below */
    int operands_min, operands_max;
    const char *const *flags; /* names of the flags it takes, ended by NULL; --help is always there */
    const char *help;         /* one line */
    const char *more;         /* further lines of its --help, or NULL */
    int (*run)(struct program *);
    int (*raw)(int argc, char **argv); /* instead of run: parses by itself, argv[0] is its name */
};

struct program_platform {
    const char *about;             /* first lines of --help */
    const char *notice;            /* written to stderr by every command that opens the machine; NULL: nothing */
    const char *default_state_dir; /* without --state; NULL: --state is required */
    const struct arg_flag *flags;  /* of this platform, beside the common ones; may be NULL */
    const char *const *machine_flags; /* names of those that belong to opening the machine; may be NULL */
    const struct program_command *commands; /* install, uninstall, service ...; ended by name NULL; may be NULL */
    /* Settings from policy; called first, flags then win. May be NULL. */
    bool (*config_read)(struct agent_config *, struct err *e);
    /* Takes the lock of the state folder, made when missing. ERR_CONFLICT when another agent has it. Held until the process ends. */
    bool (*state_lock)(const char *state_dir, struct err *e);
    /* The machine whose agent files are in state_dir. Writes nothing: `status` opens it beside a running agent. NULL on failure. */
    struct machine *(*machine_open)(struct program *, const char *state_dir, struct err *e);
    void (*machine_close)(struct machine *);
    /* Have SIGINT/SIGTERM (or their like) call host_stop(host); host NULL: no longer. */
    void (*stop_by)(struct host *);
    /* A whole file named on the command line; NULL: C's fopen(). */
    bool (*file_read)(const char *path, struct buf *out, struct err *e);
};

struct program {
    const struct program_platform *platform;
    const struct program_command *command;
    struct args args;
    struct agent_config config; /* filled and checked by program_config() */
    int64_t speed;              /* of a simulated machine, set by machine_open(); else 0 */
    char version[40];
};

/* The whole program: finds the subcommand, parses, runs. argv[0] is the program. Returns the exit code. */
int agent_main(int argc, char **argv, const struct program_platform *platform);

/* For platform commands: settings from policy and flags, checked. */
bool program_config(struct program *, struct err *e);
const char *program_state_dir(const struct program *, struct err *e); /* NULL: none given */
/* Prints "fleetmend-agent: TEXT" on stderr; returns EXIT_ERROR, for ERR_INVALID EXIT_USAGE. */
int program_fail(const struct err *e);
/* What `run` does once configuration is there: lock, machine, core, loop until stopped. `host` is shown to `started`
 * (may be NULL) before the loop. For the Windows service. */
int program_serve(struct program *, void (*started)(void *ctx, struct host *), void *ctx);

#endif
