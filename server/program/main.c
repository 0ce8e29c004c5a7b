#include "program.h"

#include <stdio.h>

static int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("fleetmend-server %s\n", FLEETMEND_VERSION);
    return 0;
}

/* `skip`: how many words of the command line are the command's name and not for it to see. */
static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    int skip;
    const char *usage, *help;
} commands[] = {
    {"init", command_init, 1,
     "--data DIR [--listen HOST:PORT] [--agent-listen HOST:PORT] [--url https://NAME[:PORT]] --admin NAME "
     "--password-file F "
     "[--lab] [--json]",
     "makes a new server: database, certificates, keys, first admin, first enrolment token"},
    {"serve", command_serve, 1, "--data DIR",
     "runs it; prints `ready url=URL pid=PID`; SIGTERM ends it cleanly"},
    {"user", command_control, 0, "add --data DIR --name NAME --roles ROLES --password-file F", "adds a user"},
    {"token", command_control, 0, "--data DIR [--name NAME]", "makes an enrolment token"},
    {"clock", command_control, 0, "accept --data DIR", "accepts the clock after a jump of more than an hour"},
    {"check", command_control, 0, "--data DIR", "verifies the audit chain"},
    {"backup", command_backup, 1, "--data DIR --to FILE", "copies the database while the server runs"},
    {"restore", command_restore, 1, "--data DIR --from FILE",
     "puts a copy back; agents send again what it lacks"},
    {"migrate", command_migrate, 1, "--data DIR",
     "brings the database to this version's schema (serve does so too)"},
    {"version", command_version, 1, "", "prints the version"},
};

static void usage(FILE *out)
{
    fprintf(out, "fleetmend-server: the central server of Fleetmend\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %s %s\n      %s\n", commands[i].name, commands[i].usage, commands[i].help);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 1 - commands[i].skip, argv + 1 + commands[i].skip);
    if (*name)
        fprintf(stderr, "fleetmend-server: unknown command \"%s\"\n\n", name);
    usage(stderr);
    return 2;
}
