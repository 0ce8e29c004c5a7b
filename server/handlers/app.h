/* What every handler is given: the domain and the HTTP server, wired by the program. */
#ifndef FLEETMEND_APP_H
#define FLEETMEND_APP_H

#include "fleet.h"
#include "message.h"

struct app {
    struct fleet *fleet;
    /* Runs fn(ctx) on that event loop's thread. */
    void (*post)(void *server, int loop, void (*fn)(void *ctx), void *ctx);
    int (*loop_now)(void *server);
    void *server;
};

extern const struct route app_routes[];
extern const size_t app_route_count;

/* For http_options. */
bool app_authorise(void *app, struct exchange *x, int *status, struct err *reason);
void app_tick(void *app, int loop);
/* The hub's callback: a waiting machine is to be answered. */
void app_answer_waiter(void *app, int loop, void *token, const char *machine_id);

/* routes, by file */
route_handler agent_time, agent_enroll, agent_session, agent_sync;
route_handler healthz, login, logout, overview;
route_handler list_route, show_route;
route_handler push_route, rollout_approve, rollout_cancel, job_undo, job_cancel, machine_approve,
    token_create, token_delete;
route_handler console_page, openapi_document;

/* Shared: 503 with Retry-After, the answer of a full queue. */
void reply_busy(struct exchange *);
void reply_json(struct exchange *, int status, const struct buf *json);

#endif
