/* The audit: a chain of hashes, so that no row changes or leaves without a trace. */
#include "crypto.h"
#include "rows.h"
#include "store_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { HASH_TEXT = 2 * SHA256_BYTES + 1, HASHED_MAX_BYTES = 1 << 20 };

static const char head_key[] = "audit_head";
static const char first_hash[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* Each field with its length: no two different rows give the same bytes. */
static bool hash_row(const struct audit_row *row, char out[HASH_TEXT], struct err *e)
{
    char time[24];
    snprintf(time, sizeof time, "%" PRId64, row->time_ms);
    const char *fields[] = {row->prev_hash, time, row->actor, row->action, row->object, row->detail};
    struct buf text;
    buf_init(&text, HASHED_MAX_BYTES);
    for (int i = 0; i < COUNT_OF(fields); i++)
        buf_printf(&text, "%zu:%s", strlen(fields[i]), fields[i]);
    bool ok = buf_check(&text, "audit row", e);
    if (ok)
        sha256_hex(buf_slice(&text), out);
    buf_free(&text);
    return ok;
}

bool store_audit_add(struct store *s, int64_t now_ms, const char *actor, const char *action,
                     const char *object, const char *detail_json, struct err *e)
{
    struct arena a = {0};
    struct audit_row row = {
        .time_ms = now_ms, .actor = actor, .action = action, .object = object, .detail = detail_json};
    char hash[HASH_TEXT];
    bool ok = store_meta_get(s, &a, head_key, &row.prev_hash, e);
    if (ok && !*row.prev_hash)
        row.prev_hash = first_hash;
    ok = ok && hash_row(&row, hash, e);
    if (ok) {
        const struct db_value values[] = {db_int(now_ms),  db_text(actor),       db_text(action),
                                          db_text(object), db_text(detail_json), db_text(row.prev_hash),
                                          db_text(hash)};
        ok = db_exec(s->db, SQL_AUDIT_ADD, values, COUNT_OF(values), NULL, e) &&
             store_meta_set(s, head_key, hash, e);
    }
    arena_free(&a);
    return ok;
}

struct audit_list {
    store_audit_fn *fn;
    void *ctx;
};

static bool give_audit(void *ctx, const struct db_row *db_row)
{
    struct audit_list *l = ctx;
    struct row_reader r = {.row = db_row};
    struct audit_row row = {0};
    row.id = read_int(&r);
    row.time_ms = read_int(&r);
    row.actor = read_text(&r);
    row.action = read_text(&r);
    row.object = read_text(&r);
    row.detail = read_text(&r);
    row.prev_hash = read_text(&r);
    row.hash = read_text(&r);
    return l->fn(l->ctx, &row);
}

bool store_audit(struct store *s, int64_t limit, store_audit_fn *fn, void *ctx, struct err *e)
{
    struct audit_list l = {fn, ctx};
    return db_query(s->db, SQL_AUDIT_NEWEST, VALUES(db_int(limit)), 1, give_audit, &l, e);
}

struct verifying {
    int64_t rows, broken_id; /* broken_id 0: all well so far */
    char hash[HASH_TEXT];
};

static bool verify_row(void *ctx, const struct audit_row *row)
{
    struct verifying *v = ctx;
    char hash[HASH_TEXT] = "";
    bool follows = strcmp(row->prev_hash, v->hash) == 0;
    if (!follows || !hash_row(row, hash, NULL) || strcmp(hash, row->hash) != 0) {
        v->broken_id = row->id;
        return false;
    }
    memcpy(v->hash, hash, sizeof hash);
    v->rows++;
    return true;
}

bool store_audit_verify(struct store *s, int64_t *rows, struct err *e)
{
    struct verifying v = {0};
    memcpy(v.hash, first_hash, sizeof v.hash);
    struct audit_list l = {verify_row, &v};
    struct arena a = {0};
    const char *head = "";
    bool ok = db_query(s->db, SQL_AUDIT_ALL, NULL, 0, give_audit, &l, e) &&
              store_meta_get(s, &a, head_key, &head, e);
    *rows = v.rows;
    if (ok && v.broken_id)
        ok = err_set(
            e, ERR_CONFLICT,
            "audit row %" PRId64
            " does not follow from the one before: it or its neighbour was changed, or rows are missing",
            v.broken_id);
    else if (ok && strcmp(*head ? head : first_hash, v.hash) != 0)
        ok = err_set(e, ERR_CONFLICT, "rows are missing at the end of the audit, after %" PRId64 " good ones",
                     v.rows);
    arena_free(&a);
    return ok;
}
