/* The spool's file format: batches of lines. Private to the spool.
 *
 *   #B 00000123 0123456789abcdef      length of the body and the start of its SHA-256, both in hex
 *   E 17 1700000000000 f {...}        an event: number, wall clock when it was stored, class, JSON
 *   N bookmark_cbs {...}              a note
 *   A 17 0 18                         acknowledged mark, dropped so far, next number
 *   H 0123...ef 17 0 18               the same with the stream's name: first line of a file
 *   Z                                 closed in order: no number was given out that is not in the file
 *   R 0 1700000000000 {...}           (spool.results) acknowledged?, when, JSON
 *
 * A batch counts whole or not at all: what a crash or a full disk tore is skipped, and the next batch is
 * found by its first characters, which no line of JSON can begin with. */
#ifndef FLEETMEND_SPOOL_FILE_H
#define FLEETMEND_SPOOL_FILE_H

#include "buf.h"

#include <stdint.h>

enum { BATCH_HEAD_BYTES = 29, BATCH_GOOD_BYTES = 64 * 1024 };

struct batch_reader {
    struct slice text;
    size_t at;
    size_t skipped; /* bytes that belong to no whole batch */
};

/* The next whole batch's lines. */
bool batch_next(struct batch_reader *, struct slice *body);
void batch_write(struct buf *out, struct slice body);

struct record {
    char type;
    int64_t seq, wall_ms;        /* E; R: wall_ms */
    char class;                  /* E: 'f' failed, 's' succeeded, 'n' other */
    bool acked;                  /* R */
    int64_t mark, dropped, next; /* A, H */
    struct slice name;           /* H: stream, N: key */
    struct slice text;           /* E, R: JSON, N: the note */
    struct slice line;           /* all of it, with its line end */
};

/* The next line of a body that can be understood. */
bool record_next(struct slice *body, struct record *out);

#endif
