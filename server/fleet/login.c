#include "fleet.h"

#include "mem.h"

#include <stdio.h>

#define SESSION_LIFE_MS (INT64_C(12) * 3600 * 1000)

/* Verified when the user does not exist, so that the time taken does not tell which names do. */
static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
                             "4mWSsJ6fMSRIJwWKSmVlYqRL0qR0tYbTrGLMMO2tHVA";

static struct login_call *call_of(struct work *w)
{
    return (struct login_call *)((char *)w - offsetof(struct login_call, work));
}

struct login_call *fleet_login_new(struct fleet *f)
{
    struct login_call *c = mem_zalloc(sizeof *c);
    c->fleet = f;
    return c;
}

void fleet_login_free(struct login_call *c)
{
    if (c)
        arena_free(&c->arena);
    mem_free(c);
}

static bool check_password(struct work *w, struct store *s, struct err *e)
{
    struct login_call *c = call_of(w);
    struct err why = {0};
    bool known = store_user_by_name(s, &c->arena, c->user, &c->found, &why);
    if (!known && why.kind != ERR_NOT_FOUND)
        return err_set(e, why.kind, "%s", why.text);
    bool right = password_matches(known ? c->found.password_hash : nobody, c->password);
    c->matches = known && right && !c->found.disabled;
    return true;
}

static bool make_session(struct work *w, struct store *s, struct err *e)
{
    struct login_call *c = call_of(w);
    int64_t now = clock_wall_ms(c->fleet->clock);
    if (!c->matches)
        return store_audit_add(s, now, c->user, "login.refused", "", "{}", e);
    random_hex(32, c->secret);
    char *digest = arena_alloc(&c->arena, 65), *id = arena_alloc(&c->arena, JOB_ID_MAX);
    sha256_hex(slice_of(c->secret), digest);
    fleet_new_id(id);
    c->token = (struct token_row){.id = id,
                                  .kind = "session",
                                  .sha256 = digest,
                                  .name = "login",
                                  .user_id = c->found.id,
                                  .roles = c->found.roles,
                                  .created_ms = now,
                                  .expires_ms = now + SESSION_LIFE_MS};
    return store_token_add(s, &c->token, e) && store_audit_add(s, now, c->found.name, "login", id, "{}", e);
}

static void session_made(struct work *w, bool ok, const struct err *e)
{
    struct login_call *c = call_of(w);
    if (ok && c->matches)
        accounts_put_token(c->fleet->accounts, &c->token);
    c->done(c->ctx, c, ok, e);
}

static void password_checked(struct work *w, bool ok, const struct err *e)
{
    struct login_call *c = call_of(w);
    w->run = make_session;
    w->done = session_made;
    if (!ok || !writer_submit(c->fleet->writer, w)) {
        struct err full = {ERR_UNAVAILABLE, "the server is busy; try again"};
        c->done(c->ctx, c, false, ok ? &full : e);
    }
}

bool fleet_login_submit(struct login_call *c)
{
    c->work.run = check_password;
    c->work.done = password_checked;
    return pool_submit(c->fleet->login_pool, &c->work);
}
