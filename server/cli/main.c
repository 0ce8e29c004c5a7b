/* fleetmend: the admins' command line. */
#include "cli.h"

#include <signal.h>

int main(int argc, char **argv)
{
    struct cli c = {.out = stdout, .err = stderr, .clock = &clock_system};
    /* A server or a pager that goes away is an error to be told, not a death. */
    signal(SIGPIPE, SIG_IGN);
    terminal_look(&c.terminal);
    config_place_look(&c.place);
    int exit = cli_main(&c, argc, argv);
    arena_free(&c.arena);
    return exit;
}
