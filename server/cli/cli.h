/* What every command gets: where to print, what the terminal can do, which server, and its exit codes.
 *
 * Data goes to `out`, everything said to a person goes to `err`: a script may read `out` without looking. */
#ifndef FLEETMEND_CLI_H
#define FLEETMEND_CLI_H

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "terminal.h"

#include <stdio.h>

/* X(id, code, help): printed by `fleetmend help`. */
#define CLI_EXITS(X)                                                                                         \
    X(OK, 0, "done")                                                                                         \
    X(ERROR, 1, "an error that none of the others names")                                                    \
    X(USAGE, 2, "the command line is wrong")                                                                 \
    X(NOT_FOUND, 3, "there is no such thing, or no machine matched")                                         \
    X(DENIED, 4, "not logged in, or the role is missing")                                                    \
    X(CONFLICT, 5, "the state does not allow it, or an approval is needed first")                            \
    X(UNREACHABLE, 6, "the server can't be reached or is not trusted")                                       \
    X(TIMED_OUT, 7, "the time to wait ran out")                                                              \
    X(SOME_FAILED, 8, "some machines failed, wait or are offline")

enum cli_exit {
#define X(id, code, help) CLI_##id = (code),
    CLI_EXITS(X)
#undef X
};

/* Ended by Ctrl-C, as shells say it. */
enum { CLI_EXIT_INTERRUPTED = 130 };

struct api;

struct cli {
    FILE *out, *err;
    struct terminal terminal;
    const struct clock *clock;
    struct arena arena; /* for strings that live as long as the command */
    struct config_place place;
    struct api *api; /* opened by the first call; see api.h */
};

/* Runs one command line and returns its exit code. argv[0] is not looked at. */
int cli_main(struct cli *, int argc, char **argv);

/* Says "fleetmend: TEXT" on err and returns `exit`. Control characters in the text do not reach the terminal.
 */
int cli_fail(struct cli *, enum cli_exit exit, const struct err *e);
/* A usage error: the sentence, and where the help is. */
int cli_usage(struct cli *, const char *command, const char *fmt, ...) FORMAT_PRINTF(3, 4);
/* One line for a person, cleaned. */
void cli_say(struct cli *, const char *fmt, ...) FORMAT_PRINTF(2, 3);

enum cli_exit cli_exit_of_status(int http_status);
enum cli_exit cli_exit_of_error(enum err_kind kind);

#endif
