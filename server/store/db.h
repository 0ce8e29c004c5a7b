/* A database connection: statements and rows, nothing of machines or jobs.
 *
 * Drivers are chosen by URL: "sqlite:PATH" now; "postgres://..." follows behind the same struct. SQL lives in
 * statements.def in the dialect both share ($1, $2, ... numbered in order of first appearance; no driver
 * functions; upserts by ON CONFLICT). A connection belongs to one thread at a time. */
#ifndef FLEETMEND_DB_H
#define FLEETMEND_DB_H

#include "buf.h"
#include "err.h"

#include <stdint.h>

enum db_type { DB_NULL, DB_INT, DB_TEXT };

struct db_value {
    enum db_type type;
    int64_t i;
    struct slice text;
};

static inline struct db_value db_int(int64_t v)
{
    return (struct db_value){DB_INT, v, {0}};
}

static inline struct db_value db_slice(struct slice s)
{
    return (struct db_value){DB_TEXT, 0, s};
}

/* NULL becomes "". */
static inline struct db_value db_text(const char *z)
{
    return db_slice(slice_of(z ? z : ""));
}

enum db_mode { DB_WRITER, DB_READER };

struct db;
struct db_row;

/* Called per row; values are valid during the call, and a text is followed by a NUL. False stops the query without
 * error. A callback may run other statements, and the same one, on this connection. */
typedef bool db_row_fn(void *ctx, const struct db_row *row);
int64_t db_row_int(const struct db_row *, int column);
struct slice db_row_text(const struct db_row *, int column);
bool db_row_null(const struct db_row *, int column);

/* The rows of statements.def. */
enum db_statement {
#define STATEMENT(id, sql) SQL_##id,
#include "statements.def"
#undef STATEMENT
    SQL_COUNT
};

/* Opens (a writer creates) the database. Exactly one connection of a process writes, and nothing else opens the file for
 * writing. ERR_IO with the path and the system's reason. */
struct db *db_open(const char *url, enum db_mode mode, struct err *e);
void db_close(struct db *);
bool db_begin(struct db *, struct err *e);
/* ERR_IO: nothing is known about what is on disk; the caller ends the process. Any other kind (ERR_LIMIT: the disk is
 * full): the transaction has been rolled back. */
bool db_commit(struct db *, struct err *e);
void db_rollback(struct db *);
/* changes: rows changed, may be NULL. ERR_CONFLICT for a unique violation, ERR_LIMIT for a full disk, ERR_IO else. */
bool db_exec(struct db *, enum db_statement s, const struct db_value *values, int n, int64_t *changes, struct err *e);
/* The same statement for many rows: n values each, `rows` times. */
bool db_exec_batch(struct db *, enum db_statement s, const struct db_value *values, int n, size_t rows, struct err *e);
bool db_query(struct db *, enum db_statement s, const struct db_value *values, int n, db_row_fn *fn, void *ctx,
              struct err *e);
/* For lists: text put together from fixed fragments of the store, values bound as ever. Not cached. */
bool db_query_text(struct db *, const char *sql, const struct db_value *values, int n, db_row_fn *fn, void *ctx,
                   struct err *e);
/* One script of the migrations, already in this database's words. */
bool db_script(struct db *, const char *sql, struct err *e);
/* How this database spells a primary key of numbers, for migrations. */
enum db_id {
    DB_ID_KEY,   /* numbered by the database; a number is never used again, not even after its row was deleted */
    DB_ID_ROW,   /* numbered by the database; the number of a deleted newest row may come again */
    DB_ID_GIVEN, /* the number is given */
};
const char *db_id_type(const struct db *, enum db_id);
/* A consistent copy while others write. `path` must not exist; it is readable by its owner alone. */
bool db_backup(struct db *, const char *path, struct err *e);

#endif
