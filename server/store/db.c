/* Chooses the driver by the URL and hands every call to it. */
#include "db.h"

#include "columns.h"
#include "db_driver.h"

#include <string.h>

const char *const db_statement_text[SQL_COUNT] = {
#define STATEMENT(id, sql) [SQL_##id] = sql,
#include "statements.def"
#undef STATEMENT
};

const char *const db_statement_name[SQL_COUNT] = {
#define STATEMENT(id, sql) [SQL_##id] = #id,
#include "statements.def"
#undef STATEMENT
};

static const struct db_driver *const drivers[] = {&db_driver_sqlite};

struct db *db_open(const char *url, enum db_mode mode, struct err *e)
{
    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
        size_t n = strlen(drivers[i]->scheme);
        if (strncmp(url, drivers[i]->scheme, n) == 0 && url[n] == ':')
            return drivers[i]->open(url + n + 1, mode, e);
    }
    struct buf known;
    buf_init(&known, 200);
    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
        buf_printf(&known, "%s%s:", i ? ", " : "", drivers[i]->scheme);
    /* Only the scheme is repeated: the rest of such a URL may hold a password. */
    size_t scheme = strcspn(url, ":");
    err_set(e, ERR_INVALID, "database URL \"%.*s...\": it must begin with one of %s",
            (int)(scheme < 40 ? scheme : 40), url, buf_text(&known));
    buf_free(&known);
    return NULL;
}

void db_close(struct db *db)
{
    if (db)
        db->driver->close(db);
}

bool db_begin(struct db *db, struct err *e)
{
    return db->driver->begin(db, e);
}

bool db_commit(struct db *db, struct err *e)
{
    return db->driver->commit(db, e);
}

void db_rollback(struct db *db)
{
    db->driver->rollback(db);
}

bool db_exec(struct db *db, enum db_statement s, const struct db_value *values, int n, int64_t *changes,
             struct err *e)
{
    return db->driver->exec(db, s, values, n, changes, e);
}

bool db_exec_batch(struct db *db, enum db_statement s, const struct db_value *values, int n, size_t rows,
                   struct err *e)
{
    return db->driver->exec_batch(db, s, values, n, rows, e);
}

bool db_query(struct db *db, enum db_statement s, const struct db_value *values, int n, db_row_fn *fn,
              void *ctx, struct err *e)
{
    return db->driver->query(db, s, values, n, fn, ctx, e);
}

bool db_query_text(struct db *db, const char *sql, const struct db_value *values, int n, db_row_fn *fn,
                   void *ctx, struct err *e)
{
    return db->driver->query_text(db, sql, values, n, fn, ctx, e);
}

bool db_script(struct db *db, const char *sql, struct err *e)
{
    return db->driver->script(db, sql, e);
}

const char *db_id_type(const struct db *db, enum db_id id)
{
    return db->driver->id_types[id];
}

bool db_backup(struct db *db, const char *path, struct err *e)
{
    return db->driver->backup(db, path, e);
}

int64_t db_row_int(const struct db_row *row, int column)
{
    return row->driver->row_int(row, column);
}

struct slice db_row_text(const struct db_row *row, int column)
{
    return row->driver->row_text(row, column);
}

bool db_row_null(const struct db_row *row, int column)
{
    return row->driver->row_null(row, column);
}
