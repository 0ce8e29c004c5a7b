/* What a database driver offers, for db.c alone. A second database is one more file and one row in db.c. */
#ifndef FLEETMEND_DB_DRIVER_H
#define FLEETMEND_DB_DRIVER_H

#include "db.h"

struct db_driver {
    const char *scheme;      /* of the URL, without the colon */
    const char *id_types[3]; /* by enum db_id */
    /* `rest` is the URL after "SCHEME:". The driver's own struct begins with a struct db. */
    struct db *(*open)(const char *rest, enum db_mode mode, struct err *e);
    void (*close)(struct db *);
    bool (*begin)(struct db *, struct err *e);
    bool (*commit)(struct db *, struct err *e);
    void (*rollback)(struct db *);
    bool (*exec)(struct db *, enum db_statement s, const struct db_value *values, int n, int64_t *changes,
                 struct err *e);
    bool (*exec_batch)(struct db *, enum db_statement s, const struct db_value *values, int n, size_t rows,
                       struct err *e);
    bool (*query)(struct db *, enum db_statement s, const struct db_value *values, int n, db_row_fn *fn,
                  void *ctx, struct err *e);
    bool (*query_text)(struct db *, const char *sql, const struct db_value *values, int n, db_row_fn *fn,
                       void *ctx, struct err *e);
    bool (*script)(struct db *, const char *sql, struct err *e);
    bool (*backup)(struct db *, const char *path, struct err *e);
    int64_t (*row_int)(const struct db_row *, int column);
    struct slice (*row_text)(const struct db_row *, int column);
    bool (*row_null)(const struct db_row *, int column);
};

struct db {
    const struct db_driver *driver;
};

struct db_row {
    const struct db_driver *driver;
    void *cursor; /* the driver's */
};

/* The shared texts; a driver that needs another wording keeps its own for that id. */
extern const char *const db_statement_text[SQL_COUNT];
extern const char *const db_statement_name[SQL_COUNT];

extern const struct db_driver db_driver_sqlite;

#endif
