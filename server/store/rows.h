/* From result rows to the structs of model.h, column by column in the order of columns.h. */
#ifndef FLEETMEND_STORE_ROWS_H
#define FLEETMEND_STORE_ROWS_H

#include "arena.h"
#include "db.h"
#include "model.h"

/* Where the next column is read. Texts are copied into the arena; without one they are borrowed from the row.
 */
struct row_reader {
    const struct db_row *row;
    int column;
    struct arena *arena;
};

const char *read_text(struct row_reader *);
int64_t read_int(struct row_reader *);
bool read_flag(struct row_reader *);
uint32_t read_code(struct row_reader *);
/* The index of the word; 0 for a word that is not in the list. */
int read_word(struct row_reader *, const char *const *words, int count);

/* details: the row goes on with MACHINE_DETAIL_COLUMNS. */
void read_machine(struct row_reader *, struct machine_row *out, bool details);
void read_failure(struct row_reader *, struct failure_row *out);
void read_event(struct row_reader *, struct event_row *out);
/* output: the row goes on with the output. */
void read_job(struct row_reader *, struct job_row *out, bool output);

#endif
