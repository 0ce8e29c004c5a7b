/* A child process that can neither hang us, nor outlive us, nor find its way to a foreign program.
 *
 * Started by full path, with its own quoting, a clean environment, the Windows folder as working directory,
 * only its standard handles inherited (input from NUL, output and errors into one pipe). It lives in a job
 * object: it and all it starts end at the limit, and when the agent ends. Its output is read while it runs,
 * and kept up to a maximum. No threads: child_poll() looks. */
#ifndef FLEETMEND_CHILD_H
#define FLEETMEND_CHILD_H

#include "wide.h"

struct child;

struct child_options {
    const wchar_t *exe;              /* full path */
    const wchar_t *const *arguments; /* ended by NULL; without the program's name */
    int limit_s;                     /* of time the machine was awake */
    int processes_max;               /* it and its descendants at once */
    size_t memory_max_bytes;         /* of all of them; 0: no limit */
    size_t output_max_bytes;
};

struct child_end {
    uint32_t exit_code;
    bool timed_out;
    struct slice output; /* raw bytes, cut; valid until child_free() */
};

/* ABSENT when there is no such program. */
enum machine_status child_start(const struct child_options *, struct child **out, struct err *e);
/* PENDING while it runs, OK with `end` filled when it has ended. */
enum machine_status child_poll(struct child *, struct child_end *end, struct err *e);
/* Ends it when it still runs. */
void child_free(struct child *);

/* A command line that CommandLineToArgvW() and the C library take apart into the same arguments; for
 * mem_free(). */
wchar_t *child_command_line(const wchar_t *exe, const wchar_t *const *arguments);

/* What a console program wrote, as clean UTF-8 with \n line ends: UTF-16 when it looks like that, else the
 * machine's OEM code page. */
void console_text(struct slice raw, struct buf *out);

#endif
