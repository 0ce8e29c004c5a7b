/* Tokens: made once, shown once, stored as SHA-256. */
#include "push.h"

#include <stdio.h>

enum { API_DAYS_MAX = 90, ENROLL_DAYS_MAX = 3650 };

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static bool make_enroll(struct act *a, struct store *s, const char *secret, const char *id, int64_t now,
                        struct err *e)
{
    const struct token_input *in = a->input;
    char digest[65];
    sha256_hex(slice_of(secret), digest);
    struct enroll_token_row row = {.id = id,
                                   .sha256 = digest,
                                   .name = in->name,
                                   .tags = in->tags,
                                   .created_ms = now,
                                   .expires_ms = now + in->days * DAY_MS,
                                   .uses_max = in->uses,
                                   .approval = in->approval};
    return store_enroll_token_add(s, &row, e);
}

static bool make_api(struct act *a, struct store *s, const char *secret, const char *id, int64_t now,
                     struct err *e)
{
    struct token_input *in = a->input;
    char *digest = arena_alloc(&a->arena, 65);
    sha256_hex(slice_of(secret), digest);
    in->made = (struct token_row){.id = id,
                                  .kind = "api",
                                  .sha256 = digest,
                                  .name = in->name,
                                  .user_id = a->who.user_id,
                                  .roles = in->roles ? in->roles & a->who.roles : a->who.roles,
                                  .created_ms = now,
                                  .expires_ms = now + in->days * DAY_MS};
    return store_token_add(s, &in->made, e);
}

bool act_token_create(struct act *a, struct store *s, struct err *e)
{
    struct token_input *in = a->input;
    bool enroll = strcmp(in->kind, "enroll") == 0;
    if (!enroll && strcmp(in->kind, "api") != 0)
        return err_set(e, ERR_INVALID, "kind: \"%.20s\"; one of api, enroll", in->kind);
    if (enroll && !(a->who.roles & FLEET_ROLE_ADMIN))
        return err_set(e, ERR_DENIED, "enrolment tokens are made by admins");
    int64_t most = enroll ? ENROLL_DAYS_MAX : API_DAYS_MAX;
    if (in->days < 1 || in->days > most)
        return err_set(e, ERR_INVALID, "days: 1 to %d", (int)most);
    if (!in->name[0])
        return err_set(e, ERR_INVALID, "name: say what the token is for");
    char secret[65], *id = arena_alloc(&a->arena, JOB_ID_MAX);
    random_hex(32, secret);
    fleet_new_id(id);
    int64_t now = clock_wall_ms(a->fleet->clock);
    if (!(enroll ? make_enroll(a, s, secret, id, now, e) : make_api(a, s, secret, id, now, e)) ||
        !audit_act(a, s, enroll ? "token.create_enroll" : "token.create_api", id, "{}", e))
        return false;
    struct json_writer w = {.out = &a->out};
    json_begin(&w, '{');
    json_member_string(&w, "id", id);
    json_member_string(&w, "token", secret);
    json_member_int(&w, "expires", now + in->days * DAY_MS);
    json_end(&w, '}');
    a->status = 201;
    return true;
}

void act_token_create_committed(struct act *a)
{
    struct token_input *in = a->input;
    if (in->made.id)
        accounts_put_token(a->fleet->accounts, &in->made);
}

bool act_token_delete(struct act *a, struct store *s, struct err *e)
{
    struct token_input *in = a->input;
    struct err why = {0};
    a->status = 204;
    if (!store_token_delete(s, in->id, &why) &&
        (why.kind != ERR_NOT_FOUND ? !err_set(e, why.kind, "%s", why.text)
                                   : !store_enroll_token_delete(s, in->id, e)))
        return false;
    return audit_act(a, s, "token.delete", in->id, "{}", e);
}

void act_token_delete_committed(struct act *a)
{
    accounts_drop_token(a->fleet->accounts, ((struct token_input *)a->input)->id);
}
