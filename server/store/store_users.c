/* Users, their tokens and sessions, and the tokens machines enrol with. */
#include "rows.h"
#include "store_internal.h"

#include <inttypes.h>

static bool take_id(void *ctx, const struct db_row *row)
{
    *(int64_t *)ctx = db_row_int(row, 0);
    return true;
}

bool store_user_add(struct store *s, const struct user_row *u, int64_t *id, struct err *e)
{
    const struct db_value values[] = {db_text(u->name), db_text(u->password_hash), db_int(u->roles),
                                      db_int(u->created_ms), db_int(u->disabled)};
    struct err reason = {0};
    if (db_query(s->db, SQL_USER_ADD, values, COUNT_OF(values), take_id, id, &reason))
        return true;
    if (reason.kind == ERR_CONFLICT)
        return err_set(e, ERR_CONFLICT, "there is a user %s already", u->name);
    return err_set(e, reason.kind, "%s", reason.text);
}

bool store_user_update(struct store *s, const struct user_row *u, struct err *e)
{
    return store_change_one(
        s, SQL_USER_UPDATE,
        VALUES(db_text(u->password_hash), db_int(u->roles), db_int(u->disabled), db_int(u->id)), 4, "user",
        u->name ? u->name : "with that id", e);
}

struct user_list {
    struct arena *arena;
    store_user_fn *fn;
    void *ctx;
};

static void read_user(struct row_reader *r, struct user_row *out)
{
    out->id = read_int(r);
    out->name = read_text(r);
    out->password_hash = read_text(r);
    out->roles = (unsigned)read_int(r);
    out->created_ms = read_int(r);
    out->disabled = read_flag(r);
}

static bool give_user(void *ctx, const struct db_row *row)
{
    struct user_list *l = ctx;
    struct row_reader r = {.row = row, .arena = l->arena};
    struct user_row user = {0};
    read_user(&r, &user);
    return l->fn(l->ctx, &user);
}

static bool take_user(void *ctx, const struct user_row *user)
{
    *(struct user_row *)ctx = *user;
    return false;
}

bool store_user_by_name(struct store *s, struct arena *a, const char *name, struct user_row *out,
                        struct err *e)
{
    *out = (struct user_row){0};
    struct user_list l = {a, take_user, out};
    if (!db_query(s->db, SQL_USER_BY_NAME, VALUES(db_text(name)), 1, give_user, &l, e))
        return false;
    return out->name || err_set(e, ERR_NOT_FOUND, "there is no user %s", name);
}

bool store_users(struct store *s, store_user_fn *fn, void *ctx, struct err *e)
{
    struct user_list l = {NULL, fn, ctx};
    return db_query(s->db, SQL_USERS, NULL, 0, give_user, &l, e);
}

/* ---- API tokens and sessions ---- */

bool store_token_add(struct store *s, const struct token_row *t, struct err *e)
{
    const struct db_value values[] = {db_text(t->id),        db_text(t->kind),      db_text(t->sha256),
                                      db_text(t->name),      db_int(t->user_id),    db_int(t->roles),
                                      db_int(t->created_ms), db_int(t->expires_ms), db_int(t->last_used_ms)};
    return db_exec(s->db, SQL_TOKEN_ADD, values, COUNT_OF(values), NULL, e);
}

bool store_token_used(struct store *s, const char *id, int64_t now_ms, struct err *e)
{
    return db_exec(s->db, SQL_TOKEN_USED, VALUES(db_int(now_ms), db_text(id)), 2, NULL, e);
}

bool store_token_delete(struct store *s, const char *id, struct err *e)
{
    return store_change_one(s, SQL_TOKEN_DELETE, VALUES(db_text(id)), 1, "token", id, e);
}

bool store_enroll_token_delete(struct store *s, const char *id, struct err *e)
{
    return store_change_one(s, SQL_ENROLL_DELETE, VALUES(db_text(id)), 1, "token", id, e);
}

struct token_list {
    store_token_fn *fn;
    void *ctx;
};

static bool give_token(void *ctx, const struct db_row *row)
{
    struct token_list *l = ctx;
    struct row_reader r = {.row = row};
    struct token_row token = {0};
    token.id = read_text(&r);
    token.kind = read_text(&r);
    token.sha256 = read_text(&r);
    token.name = read_text(&r);
    token.user_id = read_int(&r);
    token.roles = (unsigned)read_int(&r);
    token.created_ms = read_int(&r);
    token.expires_ms = read_int(&r);
    token.last_used_ms = read_int(&r);
    return l->fn(l->ctx, &token);
}

bool store_tokens(struct store *s, int64_t now_ms, store_token_fn *fn, void *ctx, struct err *e)
{
    struct token_list l = {fn, ctx};
    return db_query(s->db, SQL_TOKENS, VALUES(db_int(now_ms)), 1, give_token, &l, e);
}

/* ---- enrolment tokens ---- */

bool store_enroll_token_add(struct store *s, const struct enroll_token_row *t, struct err *e)
{
    const struct db_value values[] = {db_text(t->id),      db_text(t->sha256),    db_text(t->name),
                                      db_text(t->tags),    db_int(t->created_ms), db_int(t->expires_ms),
                                      db_int(t->uses_max), db_int(t->uses),       db_int(t->approval)};
    return db_exec(s->db, SQL_ENROLL_ADD, values, COUNT_OF(values), NULL, e);
}

struct take_enroll {
    struct arena *arena;
    struct enroll_token_row *out;
    bool found;
};

static void read_enroll(struct row_reader *r, struct enroll_token_row *out)
{
    out->id = read_text(r);
    out->sha256 = read_text(r);
    out->name = read_text(r);
    out->tags = read_text(r);
    out->created_ms = read_int(r);
    out->expires_ms = read_int(r);
    out->uses_max = read_int(r);
    out->uses = read_int(r);
    out->approval = read_flag(r);
}

static bool take_enroll(void *ctx, const struct db_row *row)
{
    struct take_enroll *t = ctx;
    struct row_reader r = {.row = row, .arena = t->arena};
    t->found = true;
    read_enroll(&r, t->out);
    return false;
}

struct enroll_list {
    store_enroll_token_fn *fn;
    void *ctx;
};

static bool give_enroll(void *ctx, const struct db_row *row)
{
    struct enroll_list *l = ctx;
    struct arena a = {0};
    struct row_reader r = {.row = row, .arena = &a};
    struct enroll_token_row out;
    read_enroll(&r, &out);
    bool more = l->fn(l->ctx, &out);
    arena_free(&a);
    return more;
}

bool store_enroll_tokens(struct store *s, store_enroll_token_fn *fn, void *ctx, struct err *e)
{
    struct enroll_list l = {fn, ctx};
    return db_query(s->db, SQL_ENROLL_LIST, NULL, 0, give_enroll, &l, e);
}

bool store_enroll_token_use(struct store *s, struct arena *a, const char *sha256, int64_t now_ms,
                            struct enroll_token_row *out, struct err *e)
{
    struct take_enroll t = {.arena = a, .out = out};
    if (!db_query(s->db, SQL_ENROLL_GET, VALUES(db_text(sha256)), 1, take_enroll, &t, e))
        return false;
    if (!t.found)
        return err_set(e, ERR_DENIED, "this enrolment token is not known here");
    if (out->expires_ms <= now_ms)
        return err_set(e, ERR_DENIED, "the enrolment token \"%s\" has expired", out->name);
    int64_t changes = 0;
    if (!db_exec(s->db, SQL_ENROLL_USE, VALUES(db_text(out->id)), 1, &changes, e))
        return false;
    if (!changes)
        return err_set(e, ERR_DENIED,
                       "the enrolment token \"%s\" has been used %" PRId64 " times, which is all it allows",
                       out->name, out->uses);
    out->uses++;
    return true;
}
