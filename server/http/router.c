#include "router.h"

#include <stdio.h>

static const struct {
    enum http_method method;
    const char *name;
} method_names[] = {
    {HTTP_GET, "GET"}, {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"}, {HTTP_DELETE, "DELETE"}, {HTTP_PATCH, "PATCH"},
};

static bool one_bit(unsigned v)
{
    return v && !(v & (v - 1));
}

/* Takes the next segment off a path that begins with '/'. */
static struct slice take_segment(struct slice *rest)
{
    const char *start = rest->p + 1;
    const char *end = memchr(start, '/', rest->n - 1);
    if (!end)
        end = rest->p + rest->n;
    struct slice segment = slice_make(start, (size_t)(end - start));
    *rest = slice_make(end, rest->n - segment.n - 1);
    return segment;
}

static bool is_hole(struct slice segment)
{
    return segment.n >= 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

/* True when `path` fits the pattern; *literal says which segments were literal, the first in the highest bit,
 * so that of two fitting patterns the larger number is the better one. */
static bool fits(const char *pattern, struct slice path, struct slice params[ROUTE_PARAMS_MAX],
                 uint64_t *literal)
{
    struct slice left = slice_of(pattern);
    size_t holes = 0;
    *literal = 0;
    for (unsigned bit = 63; left.n && path.n; bit--) {
        struct slice want = take_segment(&left), have = take_segment(&path);
        if (is_hole(want)) {
            if (!have.n || holes == ROUTE_PARAMS_MAX)
                return false;
            params[holes++] = have;
        } else if (slice_eq(want, have)) {
            *literal |= UINT64_C(1) << bit;
        } else {
            return false;
        }
    }
    return !left.n && !path.n;
}

void route_find(const struct route *rows, size_t count, unsigned method, struct slice path, bool agents_only,
                struct route_match *out)
{
    *out = (struct route_match){0};
    uint64_t best = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice params[ROUTE_PARAMS_MAX] = {{0}};
        uint64_t literal;
        if ((agents_only && !rows[i].agent_listener) || !fits(rows[i].path, path, params, &literal))
            continue;
        out->allow |= rows[i].method;
        if (rows[i].method != method || (out->route && literal <= best))
            continue;
        out->route = &rows[i];
        memcpy(out->params, params, sizeof params);
        best = literal;
    }
}

static bool path_check(const struct route *row, struct err *e)
{
    struct slice rest = slice_of(row->path);
    size_t holes = 0, segments = 0;
    if (!rest.n || rest.p[0] != '/')
        return err_set(e, ERR_INTERNAL, "route %s: the path must begin with '/'",
                       row->path ? row->path : "?");
    for (; rest.n; segments++) {
        struct slice segment = take_segment(&rest);
        if (is_hole(segment))
            holes++;
        else if (memchr(segment.p, '{', segment.n) || memchr(segment.p, '}', segment.n))
            return err_set(e, ERR_INTERNAL, "route %s: a hole is a whole segment", row->path);
    }
    if (holes > ROUTE_PARAMS_MAX || segments > 60)
        return err_set(e, ERR_INTERNAL, "route %s: too many holes or segments", row->path);
    return true;
}

/* The same path but for the names of the holes. */
static bool same_shape(const char *a, const char *b)
{
    struct slice left = slice_of(a), right = slice_of(b);
    while (left.n && right.n) {
        struct slice x = take_segment(&left), y = take_segment(&right);
        if (is_hole(x) != is_hole(y) || (!is_hole(x) && !slice_eq(x, y)))
            return false;
    }
    return !left.n && !right.n;
}

bool routes_check(const struct route *rows, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        const struct route *row = &rows[i];
        if (!path_check(row, e))
            return false;
        if (!one_bit(row->role) || row->role > ROLE_ADMIN)
            return err_set(e, ERR_INTERNAL, "route %s: exactly one role expected", row->path);
        if (!one_bit(row->method) || row->method > HTTP_PATCH)
            return err_set(e, ERR_INTERNAL, "route %s: exactly one method expected", row->path);
        if (!row->handler || !row->help || !row->help[0])
            return err_set(e, ERR_INTERNAL, "route %s: handler and help text expected", row->path);
        for (size_t k = 0; k < i; k++)
            if (rows[k].method == row->method && same_shape(rows[k].path, row->path))
                return err_set(e, ERR_INTERNAL, "route %s: the same method and path twice", row->path);
    }
    return true;
}

void allow_print(unsigned methods, char out[48])
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof method_names / sizeof *method_names; i++)
        if (methods & method_names[i].method)
            n += (size_t)snprintf(out + n, 48 - n, "%s%s", n ? ", " : "", method_names[i].name);
}
