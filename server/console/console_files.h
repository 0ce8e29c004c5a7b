/* The generated table; private to the console. */
#ifndef FLEETMEND_CONSOLE_FILES_H
#define FLEETMEND_CONSOLE_FILES_H

#include "console.h"

extern const struct console_file console_files[];
extern const size_t console_file_count;

#endif
