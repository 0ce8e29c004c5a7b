#include "migrations.h"

#include "store.h"

#include <inttypes.h>
#include <stdio.h>

/* @KEY_ID@, @ROW_ID@ and @GIVEN_ID@ stand for the database's own spelling of a primary key; see enum db_id.
 */
static const struct migration {
    int64_t version;
    const char *program; /* the first that knows this schema */
    const char *sql;
} migrations[] = {
    {
        1,
        "0.1.0",
#include "schema_1.inc"
    },
};

enum { MIGRATION_COUNT = sizeof migrations / sizeof migrations[0], SCRIPT_MAX_BYTES = 65536 };

struct standing {
    int64_t version;
    char program[40];
};

static bool read_standing(void *ctx, const struct db_row *row)
{
    struct standing *s = ctx;
    s->version = db_row_int(row, 0);
    snprintf(s->program, sizeof s->program, "%s", db_row_text(row, 1).p);
    return false;
}

static bool check_newer(const struct standing *s, struct err *e)
{
    if (s->version <= STORE_SCHEMA)
        return true;
    return err_set(
        e, ERR_CONFLICT,
        "the database has schema %" PRId64 ", which fleetmend-server %s or newer reads; this is version %s, "
        "which knows schema %d and older. Install version %s, or restore a backup made before the upgrade",
        s->version, s->program, FLEETMEND_VERSION, STORE_SCHEMA, s->program);
}

static void expand(struct buf *out, const struct db *db, const char *sql)
{
    const struct {
        const char *token, *text;
    } words[] = {{"@KEY_ID@", db_id_type(db, DB_ID_KEY)},
                 {"@ROW_ID@", db_id_type(db, DB_ID_ROW)},
                 {"@GIVEN_ID@", db_id_type(db, DB_ID_GIVEN)}};
    while (*sql) {
        size_t skip = 0;
        for (size_t i = 0; !skip && i < sizeof words / sizeof words[0]; i++) {
            size_t n = strlen(words[i].token);
            if (strncmp(sql, words[i].token, n) == 0) {
                buf_puts(out, words[i].text);
                skip = n;
            }
        }
        if (!skip)
            buf_putc(out, *sql);
        sql += skip ? skip : 1;
    }
}

static bool run_one(struct db *db, const struct migration *m, struct err *e)
{
    struct buf script;
    buf_init(&script, SCRIPT_MAX_BYTES);
    expand(&script, db, m->sql);
    const struct db_value row[] = {db_int(m->version), db_text(m->program)};
    bool ok = buf_check(&script, "migration", e) && db_begin(db, e);
    if (ok) {
        ok = db_script(db, buf_text(&script), e) && db_exec(db, SQL_SCHEMA_ADD, row, 2, NULL, e) &&
             db_commit(db, e);
        if (!ok)
            db_rollback(db);
    }
    buf_free(&script);
    return ok || err_wrap(e, "migration to schema %" PRId64, m->version);
}

bool migrations_run(struct db *db, struct err *e)
{
    struct standing s = {0};
    if (!db_script(
            db,
            "CREATE TABLE IF NOT EXISTS schema_history (version BIGINT PRIMARY KEY, program TEXT NOT NULL)",
            e) ||
        !db_query(db, SQL_SCHEMA_NEWEST, NULL, 0, read_standing, &s, e) || !check_newer(&s, e))
        return false;
    for (int i = 0; i < MIGRATION_COUNT; i++)
        if (migrations[i].version > s.version && !run_one(db, &migrations[i], e))
            return false;
    return true;
}

bool migrations_check(struct db *db, struct err *e)
{
    struct standing s = {0};
    if (!db_query(db, SQL_SCHEMA_NEWEST, NULL, 0, read_standing, &s, e))
        return err_wrap(e, "this is not a Fleetmend database, or it was never opened by its server");
    if (!check_newer(&s, e))
        return false;
    if (s.version < STORE_SCHEMA)
        return err_set(e, ERR_CONFLICT,
                       "the database has schema %" PRId64 "; the server must bring it to %d first", s.version,
                       STORE_SCHEMA);
    return true;
}
