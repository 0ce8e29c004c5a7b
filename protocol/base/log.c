#include "log.h"

#include "clock.h"
#include "times.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 2000 };

static enum log_level max_level = LOG_INFO;
static log_sink *sink_fn;
static void *sink_ctx;

void log_to(log_sink *sink, void *ctx)
{
    sink_fn = sink;
    sink_ctx = ctx;
}

void log_set_level(enum log_level level)
{
    max_level = level;
}

static void write_stderr(enum log_level level, const char *line)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char when[TIME_TEXT_MAX];
    time_print(clock_wall_ms(&clock_system), when);
    /* One call, so lines of several threads do not mix. */
    fprintf(stderr, "%s %s %s\n", when, names[level], line);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level > max_level)
        return;
    char line[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    if (sink_fn)
        sink_fn(sink_ctx, level, line);
    else
        write_stderr(level, line);
}
