#include "log.h"

#include "clock.h"
#include "text.h"
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

/* U+0080 to U+009F too: two bytes in UTF-8, and some terminals obey them. */
static void replace_controls(char *line)
{
    for (unsigned char *c = (unsigned char *)line; *c; c++) {
        bool c1 = c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0;
        if (c1)
            *c++ = '?';
        if (c1 || *c < 0x20 || *c == 0x7F)
            *c = '?';
    }
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level > max_level)
        return;
    char line[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof line)
        line[utf8_whole(slice_make(line, sizeof line - 1))] = '\0';
    replace_controls(line);
    if (sink_fn)
        sink_fn(sink_ctx, level, line);
    else
        write_stderr(level, line);
}
