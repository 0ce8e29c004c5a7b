/* Opening, and the small named values. */
#include "store.h"

#include "mem.h"
#include "migrations.h"
#include "rows.h"
#include "store_internal.h"

struct store *store_open(const char *url, enum db_mode mode, struct err *e)
{
    struct db *db = db_open(url, mode, e);
    if (!db)
        return NULL;
    if (!(mode == DB_WRITER ? migrations_run(db, e) : migrations_check(db, e))) {
        db_close(db);
        return NULL;
    }
    struct store *s = mem_zalloc(sizeof *s);
    s->db = db;
    return s;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    db_close(s->db);
    mem_free(s);
}

struct db *store_db(struct store *s)
{
    return s->db;
}

const char *store_name_key(struct arena *a, const char *name)
{
    char *key = arena_strdup(a, name ? name : "");
    for (char *p = key; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return key;
}

bool store_change_one(struct store *s, enum db_statement id, const struct db_value *values, int n,
                      const char *what, const char *key, struct err *e)
{
    int64_t changes = 0;
    if (!db_exec(s->db, id, values, n, &changes, e))
        return false;
    return changes > 0 || err_set(e, ERR_NOT_FOUND, "there is no %s %s", what, key);
}

struct one_int {
    int64_t value;
    bool found;
};

static bool take_int(void *ctx, const struct db_row *row)
{
    *(struct one_int *)ctx = (struct one_int){db_row_int(row, 0), true};
    return false;
}

bool store_query_int(struct store *s, enum db_statement id, const struct db_value *values, int n,
                     int64_t *value, bool *found, struct err *e)
{
    struct one_int one = {0};
    bool ok = db_query(s->db, id, values, n, take_int, &one, e);
    *value = one.value;
    if (found)
        *found = one.found;
    return ok;
}

struct one_text {
    struct arena *arena;
    const char *text;
};

static bool take_text(void *ctx, const struct db_row *row)
{
    struct one_text *one = ctx;
    struct slice text = db_row_text(row, 0);
    one->text = arena_strndup(one->arena, text.p, text.n);
    return false;
}

bool store_meta_get(struct store *s, struct arena *a, const char *key, const char **value, struct err *e)
{
    struct one_text one = {.arena = a, .text = ""};
    bool ok = db_query(s->db, SQL_META_GET, VALUES(db_text(key)), 1, take_text, &one, e);
    *value = one.text;
    return ok;
}

bool store_meta_set(struct store *s, const char *key, const char *value, struct err *e)
{
    return db_exec(s->db, SQL_META_SET, VALUES(db_text(key), db_text(value)), 2, NULL, e);
}
