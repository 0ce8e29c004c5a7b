/* Private to sources: finds out which log the first lines belong to.
 *
 * Some lines fit several logs (setup logs may begin with CSI or DISM lines), so lines that only may be of a
 * kind are held, at most LOG_HELD_MAX bytes of them, until a line decides; then they are read, in order. */
#ifndef FLEETMEND_LOG_DETECT_H
#define FLEETMEND_LOG_DETECT_H

#include "line_parser.h"

#include "buf.h"

enum { LOG_HELD_MAX = 64 * 1024, LOG_DETECT_LINES_MAX = 2000 };

struct log_detect {
    struct buf held; /* line number, length, bytes; again and again */
    const struct line_parser *likely;
    uint64_t lines; /* asked so far */
};

void log_detect_init(struct log_detect *);
void log_detect_free(struct log_detect *);

/* Looks at one more line. When the kind is clear, st->parser is set and all held lines, this one included,
 * are read. After LOG_DETECT_LINES_MAX lines nothing is recognised any more. */
void log_detect_line(struct log_detect *, struct log_state *st, struct slice line);
/* No more lines: what is likely is taken. */
void log_detect_end(struct log_detect *, struct log_state *st);

#endif
