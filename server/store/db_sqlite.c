/* SQLite: write-ahead log, every commit synced, one writing connection.
 *
 * Only the writer checkpoints: two connections doing so at once can lose committed pages (SQLite 3.7.0
 * to 3.51.2). */
#include "db_driver.h"
#include "mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct sqlite_db {
    struct db db; /* first: what the rest of the store sees */
    sqlite3 *handle;
    char *path;
    sqlite3_stmt *cached[SQL_COUNT];
};

static struct sqlite_db *self(struct db *db)
{
    return (struct sqlite_db *)(void *)db;
}

static bool fail(const struct sqlite_db *s, const char *what, struct err *e)
{
    int extended = sqlite3_extended_errcode(s->handle);
    const char *reason = sqlite3_errmsg(s->handle);
    switch (extended & 0xff) {
    case SQLITE_FULL:
        return err_set(e, ERR_LIMIT, "disk full: %s cannot grow (%s)", s->path, what);
    case SQLITE_CONSTRAINT:
        if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY)
            return err_set(e, ERR_CONFLICT, "there is such a row already: %s (%s)", reason, what);
        return err_set(e, ERR_INVALID, "%s (%s)", reason, what);
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
        return err_set(e, ERR_INTERNAL, "%s (%s)", reason, what);
    default:
        return err_set(e, ERR_IO, "%s: %s, SQLite code %d (%s)", s->path, reason, extended, what);
    }
}

/* ---- statements ---- */

/* SQLite numbers $n by first appearance, whatever n is. Texts are written so that both agree, which lets
 * values be bound by position; a text that breaks the rule is found at its first use. */
static bool check_numbering(sqlite3_stmt *stmt, const char *what, struct err *e)
{
    int count = sqlite3_bind_parameter_count(stmt);
    for (int i = 1; i <= count; i++) {
        char name[16];
        snprintf(name, sizeof name, "$%d", i);
        if (sqlite3_bind_parameter_index(stmt, name) != i)
            return err_set(e, ERR_INTERNAL, "%s: parameters are not numbered in order of first appearance",
                           what);
    }
    return true;
}

static sqlite3_stmt *prepare(struct sqlite_db *s, const char *sql, unsigned flags, const char *what,
                             struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v3(s->handle, sql, -1, flags, &stmt, NULL) != SQLITE_OK) {
        fail(s, what, e);
        return NULL;
    }
    if (!check_numbering(stmt, what, e)) {
        sqlite3_finalize(stmt);
        return NULL;
    }
    return stmt;
}

/* A statement in the middle of its rows can't be used again: a callback that asks for it gets one of its own.
 */
static sqlite3_stmt *take(struct sqlite_db *s, enum db_statement id, struct err *e)
{
    sqlite3_stmt *cached = s->cached[id];
    if (cached && !sqlite3_stmt_busy(cached))
        return cached;
    sqlite3_stmt *stmt =
        prepare(s, db_statement_text[id], cached ? 0 : SQLITE_PREPARE_PERSISTENT, db_statement_name[id], e);
    if (!cached)
        s->cached[id] = stmt;
    return stmt;
}

static void give_back(struct sqlite_db *s, enum db_statement id, sqlite3_stmt *stmt)
{
    if (stmt == s->cached[id])
        sqlite3_reset(stmt);
    else
        sqlite3_finalize(stmt);
}

/* Values outlive the step, and every one of them is bound anew before the next: no copies, no clearing. */
static bool bind(struct sqlite_db *s, sqlite3_stmt *stmt, const struct db_value *values, int n,
                 const char *what, struct err *e)
{
    assert(sqlite3_bind_parameter_count(stmt) == n);
    for (int i = 0; i < n; i++) {
        const struct db_value *v = &values[i];
        int rc = SQLITE_OK;
        if (v->type == DB_INT)
            rc = sqlite3_bind_int64(stmt, i + 1, v->i);
        else if (v->type == DB_TEXT)
            rc = sqlite3_bind_text64(stmt, i + 1, v->text.n ? v->text.p : "", v->text.n, SQLITE_STATIC,
                                     SQLITE_UTF8);
        else
            rc = sqlite3_bind_null(stmt, i + 1);
        if (rc != SQLITE_OK)
            return fail(s, what, e);
    }
    return true;
}

static bool step_rows(struct sqlite_db *s, sqlite3_stmt *stmt, db_row_fn *fn, void *ctx, const char *what,
                      struct err *e)
{
    struct db_row row = {.driver = &db_driver_sqlite, .cursor = stmt};
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        if (fn && !fn(ctx, &row))
            return true;
    return rc == SQLITE_DONE || fail(s, what, e);
}

static bool sqlite_exec_batch(struct db *db, enum db_statement id, const struct db_value *values, int n,
                              size_t rows, struct err *e)
{
    struct sqlite_db *s = self(db);
    const char *what = db_statement_name[id];
    sqlite3_stmt *stmt = take(s, id, e);
    if (!stmt)
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < rows; i++) {
        ok = bind(s, stmt, values + i * (size_t)n, n, what, e) && step_rows(s, stmt, NULL, NULL, what, e);
        sqlite3_reset(stmt);
    }
    give_back(s, id, stmt);
    return ok;
}

static bool sqlite_exec(struct db *db, enum db_statement id, const struct db_value *values, int n,
                        int64_t *changes, struct err *e)
{
    bool ok = sqlite_exec_batch(db, id, values, n, 1, e);
    if (ok && changes)
        *changes = sqlite3_changes64(self(db)->handle);
    return ok;
}

static bool sqlite_query(struct db *db, enum db_statement id, const struct db_value *values, int n,
                         db_row_fn *fn, void *ctx, struct err *e)
{
    struct sqlite_db *s = self(db);
    const char *what = db_statement_name[id];
    sqlite3_stmt *stmt = take(s, id, e);
    if (!stmt)
        return false;
    bool ok = bind(s, stmt, values, n, what, e) && step_rows(s, stmt, fn, ctx, what, e);
    give_back(s, id, stmt);
    return ok;
}

static bool sqlite_query_text(struct db *db, const char *sql, const struct db_value *values, int n,
                              db_row_fn *fn, void *ctx, struct err *e)
{
    struct sqlite_db *s = self(db);
    sqlite3_stmt *stmt = prepare(s, sql, 0, "list", e);
    if (!stmt)
        return false;
    bool ok = bind(s, stmt, values, n, "list", e) && step_rows(s, stmt, fn, ctx, "list", e);
    sqlite3_finalize(stmt);
    return ok;
}

static int64_t sqlite_row_int(const struct db_row *row, int column)
{
    return sqlite3_column_int64(row->cursor, column);
}

static struct slice sqlite_row_text(const struct db_row *row, int column)
{
    const void *p = sqlite3_column_text(row->cursor, column);
    return slice_make(p ? p : "", (size_t)sqlite3_column_bytes(row->cursor, column));
}

static bool sqlite_row_null(const struct db_row *row, int column)
{
    return sqlite3_column_type(row->cursor, column) == SQLITE_NULL;
}

/* ---- transactions ---- */

static bool sqlite_script(struct db *db, const char *sql, struct err *e)
{
    struct sqlite_db *s = self(db);
    return sqlite3_exec(s->handle, sql, NULL, NULL, NULL) == SQLITE_OK || fail(s, "script", e);
}

static bool sqlite_begin(struct db *db, struct err *e)
{
    bool reader = sqlite3_db_readonly(self(db)->handle, "main") == 1;
    return sqlite_script(db, reader ? "BEGIN" : "BEGIN IMMEDIATE", e);
}

static void sqlite_rollback(struct db *db)
{
    /* SQLite rolls back by itself after some errors; then there is nothing to do. */
    if (!sqlite3_get_autocommit(self(db)->handle))
        sqlite_script(db, "ROLLBACK", NULL);
}

static bool sqlite_commit(struct db *db, struct err *e)
{
    struct sqlite_db *s = self(db);
    struct err reason = {0};
    if (sqlite3_get_autocommit(s->handle))
        return err_set(e, ERR_INTERNAL, "%s: an earlier error has rolled the transaction back", s->path);
    if (sqlite_script(db, "COMMIT", &reason))
        return true;
    sqlite_rollback(db);
    return err_set(e, reason.kind == ERR_LIMIT ? ERR_LIMIT : ERR_IO, "%s", reason.text);
}

/* ---- opening, closing, copying ---- */

/* The file holds machine names and password hashes: its owner's alone, and SQLite gives its log the same
 * mode. Never for a file that exists: closing it would drop SQLite's locks on it in this process. */
static bool create_file(const char *path, bool may_exist, struct err *e)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return close(fd) == 0 || err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (errno == EEXIST && may_exist)
        return true;
    return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

static bool read_word(void *ctx, const struct db_row *row)
{
    struct slice text = db_row_text(row, 0);
    *(bool *)ctx = slice_eqz(text, "wal");
    return false;
}

static bool set_up_writer(struct sqlite_db *s, struct err *e)
{
    bool wal = false;
    if (!sqlite_query_text(&s->db, "PRAGMA journal_mode = WAL", NULL, 0, read_word, &wal, e))
        return false;
    if (!wal)
        return err_set(e, ERR_IO, "%s: this file system does not let SQLite keep a write-ahead log", s->path);
    return sqlite_script(&s->db,
                         "PRAGMA synchronous = FULL;"
                         "PRAGMA foreign_keys = ON;"
                         "PRAGMA wal_autocheckpoint = 4000;"
                         "PRAGMA journal_size_limit = 67108864;"
                         "PRAGMA cache_size = -65536;"
                         "PRAGMA temp_store = MEMORY;",
                         e);
}

static bool set_up_reader(struct sqlite_db *s, struct err *e)
{
    sqlite3_db_config(s->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    return sqlite_script(&s->db,
                         "PRAGMA query_only = ON;"
                         "PRAGMA wal_autocheckpoint = 0;"
                         "PRAGMA cache_size = -16384;"
                         "PRAGMA temp_store = MEMORY;",
                         e);
}

static void sqlite_close(struct db *db)
{
    struct sqlite_db *s = self(db);
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(s->cached[i]);
    sqlite3_close(s->handle);
    mem_free(s->path);
    mem_free(s);
}

/* Counting its memory takes SQLite a lock at every allocation, and nobody asks for the count. */
static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static struct db *sqlite_open(const char *path, enum db_mode mode, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_once);
    enum { BUSY_LIMIT_MS = 5000 };
    bool writer = mode == DB_WRITER;
    if (writer && !create_file(path, true, e)) {
        err_wrap(e, "database");
        return NULL;
    }
    struct sqlite_db *s = mem_zalloc(sizeof *s);
    s->db.driver = &db_driver_sqlite;
    s->path = mem_strdup(path);
    int flags = (writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    bool ok = sqlite3_open_v2(path, &s->handle, flags, NULL) == SQLITE_OK || fail(s, "opening", e);
    if (ok) {
        sqlite3_busy_timeout(s->handle, BUSY_LIMIT_MS);
        sqlite3_db_config(s->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
        ok = writer ? set_up_writer(s, e) : set_up_reader(s, e);
    }
    if (ok)
        return &s->db;
    err_wrap(e, "database");
    sqlite_close(&s->db);
    return NULL;
}

/* The backup API copies all pages within one read transaction: in WAL mode nobody waits for it. */
static bool sqlite_backup(struct db *db, const char *path, struct err *e)
{
    struct sqlite_db *s = self(db);
    if (!create_file(path, false, e))
        return err_wrap(e, "backup");
    struct sqlite_db copy = {.db.driver = &db_driver_sqlite, .path = (char *)path};
    bool ok =
        sqlite3_open_v2(path, &copy.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK;
    sqlite3_backup *b = ok ? sqlite3_backup_init(copy.handle, "main", s->handle, "main") : NULL;
    if (b) {
        sqlite3_backup_step(b, -1);
        ok = sqlite3_backup_finish(b) == SQLITE_OK;
    } else {
        ok = false;
    }
    if (!ok)
        fail(&copy, "backup", e);
    sqlite3_close(copy.handle);
    if (!ok)
        unlink(path);
    return ok;
}

const struct db_driver db_driver_sqlite = {
    .scheme = "sqlite",
    .id_types = {"INTEGER PRIMARY KEY AUTOINCREMENT", "INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY"},
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .exec = sqlite_exec,
    .exec_batch = sqlite_exec_batch,
    .query = sqlite_query,
    .query_text = sqlite_query_text,
    .script = sqlite_script,
    .backup = sqlite_backup,
    .row_int = sqlite_row_int,
    .row_text = sqlite_row_text,
    .row_null = sqlite_row_null,
};
