/* The strict reading of a request's head, before evhttp sees a byte of it.
 *
 * evhttp forgives a lot (bare LF, folded lines, a blank before the colon, two lengths, a NUL that ends a
 * line). A proxy in front may read the same bytes otherwise, and that is how requests are smuggled. So a head
 * passes only when there is one way to read it; everything else is refused and the connection closed. */
#ifndef FLEETMEND_HTTP_FRAMING_H
#define FLEETMEND_HTTP_FRAMING_H

#include "message.h"

enum { HEAD_BYTES_MAX = 8192, HEAD_LINES_MAX = 64 };

enum head_verdict { HEAD_INCOMPLETE, HEAD_GOOD, HEAD_BAD };

struct head {
    size_t bytes;            /* of the whole head, with the empty line */
    unsigned method;         /* one enum http_method; 0: known to HTTP, served nowhere (HEAD, OPTIONS, ...) */
    bool no_body;            /* it was HEAD: the answer must not have a body */
    struct slice path;       /* points into the input */
    uint64_t content_length; /* 0 when absent */
    int status;              /* HEAD_BAD: what to answer */
    const char *reason;      /* HEAD_BAD: one static sentence */
};

/* `in` starts with a request line. Looks at no more than HEAD_BYTES_MAX bytes. */
enum head_verdict head_read(struct slice in, struct head *out);

/* A path a route may match: absolute, visible ASCII, whole %XX escapes, no empty or dot segment in the
 * middle, and no escape that hides a NUL, a slash or a backslash. */
bool path_is_plain(struct slice path);

#endif
