/* How far one log was read. Private to follow. */
#ifndef FLEETMEND_FOLLOW_BOOKMARK_H
#define FLEETMEND_FOLLOW_BOOKMARK_H

#include "log_parser.h"
#include "machine.h"

enum { BOOKMARK_TAIL_MAX = 1024, BOOKMARK_DIGEST_BYTES = 16, BOOKMARK_TEXT_MAX = 256 };

struct bookmark {
    bool begun; /* false: this log was never seen */
    uint64_t identity;
    int64_t offset; /* where the next line begins */
    uint64_t lines; /* before it */
    bool utf16;
    enum log_kind kind;
    int64_t first_until; /* what lies before was there at first contact */
    size_t
        tail_bytes; /* so many bytes before `offset` have this digest: tells a grown file from another one */
    uint8_t tail[BOOKMARK_DIGEST_BYTES];
};

/* Text for a note, and back. */
void bookmark_print(const struct bookmark *, char out[BOOKMARK_TEXT_MAX]);
bool bookmark_read(struct bookmark *, const char *text);

/* Takes the digest of the bytes before `offset`. */
bool bookmark_take_tail(struct bookmark *, const struct machine *, enum machine_log, struct err *e);
/* Finds where to go on in a file that is `size` bytes long now: at the offset when the file only grew, after
 * the known bytes when it was trimmed, else at the start. */
bool bookmark_locate(struct bookmark *, const struct machine *, enum machine_log, const struct log_stat *stat,
                     struct err *e);

#endif
