/* Calls to the server's /api/v1. The first call reads the configuration and opens the connection. */
#ifndef FLEETMEND_API_H
#define FLEETMEND_API_H

#include "cli.h"
#include "json.h"

struct answer {
    int status; /* 0 when there was none */
    struct buf text;
    struct json *json; /* NULL when the body is empty or no JSON */
};

/* Sends one request; `body` is JSON, NULL for none. Returns the exit code: CLI_OK for 2xx, else `e` holds the
 * sentence with the remedy. A 2xx answer with a body that is no JSON is an error too. answer_free() in every
 * case. */
enum cli_exit api_call(struct cli *, const char *method, const char *path, const struct buf *body,
                       struct answer *, struct err *e);
void answer_free(struct answer *);

/* The same, and says what went wrong. */
int api_call_or_say(struct cli *, const char *method, const char *path, const struct buf *body,
                    struct answer *);

/* A call with this configuration instead of the stored one, as login makes it. */
enum cli_exit api_call_as(struct cli *, const struct config *, const char *method, const char *path,
                          const struct buf *body, struct answer *, struct err *e);

/* Where calls go; NULL (and `e`) when no server is known. */
const struct config *api_config(struct cli *, struct err *e);
void api_close(struct cli *);

/* "/api/v1/" and up to three parts, "" for none, each percent-encoded. From the arena. */
const char *api_path(struct cli *, const char *collection, const char *id, const char *verb);
/* Appends `?name=value` or `&name=value`, percent-encoded. */
void api_query(struct buf *path, const char *name, const char *value);

#endif
