#ifndef FLEETMEND_HTTP_DISPATCH_H
#define FLEETMEND_HTTP_DISPATCH_H

struct evhttp_request;

/* evhttp's callback for a whole request; ctx is the door. Finds the route, checks rate and role, calls the
 * handler. */
void dispatch(struct evhttp_request *, void *door);

#endif
