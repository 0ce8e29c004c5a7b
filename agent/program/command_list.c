#include "command_list.h"

#include "scan_command.h"

#include <stdio.h>

#define CONNECTION "server", "ca", "token", "order-key", "tls-pin", "proxy", "tag"
static const char *const connected[] = {CONNECTION, "state", "debug", NULL};
static const char *const repairing[] = {"set", "dry-run", "state", "debug", NULL};
static const char *const local[] = {"state", "debug", NULL};
static const char *const reading[] = {"json", "state", "debug", NULL};
static const char *const none[] = {NULL};

const struct program_command common_commands[] = {
    {"run", "", 0, 0, connected, "run until told to stop", NULL, command_run, NULL},
    {"once", "", 0, 0, connected, "enrol if needed, report, run waiting jobs, leave",
     "Leaves when everything is reported and no job is left.", command_once, NULL},
    {"enroll", "", 0, 0, connected, "make this machine known to the server, leave", NULL, command_enroll, NULL},
    {"scan", "PATH...", 1, ARGS_OPERANDS_MAX, none, "find update failures in log files", NULL, NULL, scan_command},
    {"repair", "REPAIR", 1, 1, repairing, "run one repair of the catalogue here and now",
     "It is reported to the server as a job of local origin when the agent next runs.", command_repair, NULL},
    {"undo", "JOB", 1, 1, local, "take back what a job changed", NULL, command_undo, NULL},
    {"status", "", 0, 0, reading, "what the agent knows and does", NULL, command_status, NULL},
    {"version", "", 0, 0, none, "print the version", NULL, command_version, NULL},
    {0},
};

int command_version(struct program *p)
{
    printf("fleetmend-agent %s\n", p->version);
    return EXIT_OK;
}
