/* Finds the row of the route table a request means. Pure. */
#ifndef FLEETMEND_HTTP_ROUTER_H
#define FLEETMEND_HTTP_ROUTER_H

#include "message.h"

struct route_match {
    const struct route *route;             /* NULL: none */
    unsigned allow;                        /* methods the path has; 0: the path is unknown */
    struct slice params[ROUTE_PARAMS_MAX]; /* as sent, not decoded; point into the path */
};

/* ERR_INTERNAL naming the row: no or several roles or methods, no handler, no help, a path not beginning with
 * '/', broken or too many holes, the same method and path twice. */
bool routes_check(const struct route *rows, size_t count, struct err *e);

/* A literal segment is preferred to a hole. With `agents_only`, rows not marked agent_listener do not exist.
 */
void route_find(const struct route *rows, size_t count, unsigned method, struct slice path, bool agents_only,
                struct route_match *out);

/* "GET, POST": the value of Allow. */
void allow_print(unsigned methods, char out[48]);

#endif
