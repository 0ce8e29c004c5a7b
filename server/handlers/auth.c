#include "app.h"

#include <stdio.h>

static const char *bearer_of(const struct exchange *x)
{
    const char *h = exchange_header(x, "Authorization");
    return h && strncmp(h, "Bearer ", 7) == 0 ? h + 7 : NULL;
}

static const char *role_word(enum role r)
{
    static const struct {
        enum role role;
        const char *word;
    } words[] = {{ROLE_VIEWER, "viewer"},
                 {ROLE_OPERATOR, "operator"},
                 {ROLE_APPROVER, "approver"},
                 {ROLE_ADMIN, "admin"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].role == r)
            return words[i].word;
    return "agent";
}

static bool authorise_admin(struct app *app, struct exchange *x, const char *secret, int *status,
                            struct err *reason)
{
    struct actor actor;
    *status = 401;
    if (!accounts_check(app->fleet->accounts, secret, clock_wall_ms(app->fleet->clock), &actor, reason))
        return false;
    x->who.user_id = actor.user_id;
    x->who.roles = actor.roles;
    snprintf(x->who.name, sizeof x->who.name, "%s", actor.name);
    snprintf(x->who.token, sizeof x->who.token, "%s", actor.token);
    *status = 403;
    return actor.roles & x->route->role ||
           err_set(reason, ERR_DENIED, "this needs the role %s", role_word(x->route->role));
}

bool app_authorise(void *ctx, struct exchange *x, int *status, struct err *reason)
{
    struct app *app = ctx;
    const char *secret = bearer_of(x);
    *status = 401;
    if (!secret)
        return err_set(reason, ERR_DENIED, "credentials are missing: Authorization: Bearer TOKEN");
    if (x->route->role == ROLE_AGENT)
        return fleet_ticket_check(app->fleet, secret, x->who.machine_id, reason);
    return authorise_admin(app, x, secret, status, reason);
}
