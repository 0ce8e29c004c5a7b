/* The web console's files, compiled into the server. */
#ifndef FLEETMEND_CONSOLE_H
#define FLEETMEND_CONSOLE_H

#include "slice.h"

struct console_file {
    const char *name, *type; /* "index.html", "text/html; charset=utf-8" */
    struct slice content;
};

/* NULL when there is no such file. */
const struct console_file *console_find(const char *name);

#endif
