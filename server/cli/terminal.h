/* What stands at the other end of stdin, stdout and stderr, and the few things only a terminal can do. */
#ifndef FLEETMEND_TERMINAL_H
#define FLEETMEND_TERMINAL_H

#include "err.h"

#include <stddef.h>

struct terminal {
    bool in, out, err;    /* is a terminal */
    bool colour;          /* on stdout */
    bool moves;           /* the cursor may be moved (TERM is not dumb) */
    size_t columns, rows; /* of stdout's terminal; 0 when it is none */
};

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_BUSY, COLOUR_FAINT, COLOUR_TITLE };

void terminal_look(struct terminal *);
/* "" when the terminal wants no colours. */
const char *colour_on(const struct terminal *, enum colour);
const char *colour_off(const struct terminal *, enum colour);

/* Reads one line from stdin after printing `prompt` on stderr; without echo when `secret`. The line end is
 * cut. ERR_UNAVAILABLE at the end of input, ERR_LIMIT when it does not fit. An interrupt restores the echo.
 */
bool terminal_ask(const char *prompt, bool secret, char *out, size_t size, struct err *e);

/* From now on the first Ctrl-C only sets a flag, the second ends the program. */
void terminal_catch_interrupt(void);
bool terminal_interrupted(void);
/* Sleeps, less when interrupted. */
void terminal_sleep(int ms);

#endif
