/* One event, one line: a stable name, then facts as key=value.
 *
 *   log_info("job.leased job=%s machine=%s limit_s=%u", ...);
 *
 * A line goes to stderr as `2026-01-31T08:00:00.123Z info job.leased job=...`. Line breaks and other control
 * characters inside values are replaced: what an agent sends can't forge a line. No secrets, no whole
 * messages. Thread-safe. */
#ifndef FLEETMEND_BASE_LOG_H
#define FLEETMEND_BASE_LOG_H

#include "err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Where lines go instead of stderr, e.g. the Windows event log or a test. NULL: back to stderr. */
typedef void log_sink(void *ctx, enum log_level level, const char *line);

void log_to(log_sink *sink, void *ctx);
void log_set_level(enum log_level level); /* LOG_INFO at start */
void log_line(enum log_level level, const char *fmt, ...) FORMAT_PRINTF(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
