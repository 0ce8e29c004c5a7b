/* The console's files, compiled in, and the OpenAPI document, printed from the route table. */
#include "app.h"

#include "console.h"
#include "json.h"

static const char csp[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

void console_page(void *app, struct exchange *x)
{
    (void)app;
    char name[64] = "index.html";
    if (x->params[0].n && x->params[0].n < sizeof name) {
        memcpy(name, x->params[0].p, x->params[0].n);
        name[x->params[0].n] = '\0';
    }
    const struct console_file *f = console_find(name);
    if (!f) {
        exchange_problem(x, 404, "no such page");
        return;
    }
    exchange_set_header(x, "Content-Security-Policy", csp);
    exchange_set_header(x, "X-Frame-Options", "DENY");
    exchange_reply(x, 200, f->type, f->content);
}

static const struct {
    enum http_method method;
    const char *word;
} methods[] = {{HTTP_GET, "get"},
               {HTTP_POST, "post"},
               {HTTP_PUT, "put"},
               {HTTP_DELETE, "delete"},
               {HTTP_PATCH, "patch"}};

static const char *method_word(enum http_method m)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (methods[i].method == m)
            return methods[i].word;
    return "get";
}

static const char *role_name(enum role r)
{
    static const struct {
        enum role role;
        const char *word;
    } roles[] = {{ROLE_PUBLIC, "public"},     {ROLE_AGENT, "agent"},       {ROLE_VIEWER, "viewer"},
                 {ROLE_OPERATOR, "operator"}, {ROLE_APPROVER, "approver"}, {ROLE_ADMIN, "admin"}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (roles[i].role == r)
            return roles[i].word;
    return "";
}

static void parameters(struct json_writer *w, const char *path)
{
    json_put_key(w, "parameters");
    json_begin(w, '[');
    for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
        json_begin(w, '{');
        json_put_key(w, "name");
        json_put_slice(w, slice_make(open + 1, strcspn(open + 1, "}")));
        json_member_string(w, "in", "path");
        json_member_bool(w, "required", true);
        json_put_key(w, "schema");
        json_put_raw(w, slice_of("{\"type\":\"string\"}"));
        json_end(w, '}');
    }
    json_end(w, ']');
}

static void operation(struct json_writer *w, const struct route *r)
{
    json_put_key(w, method_word(r->method));
    json_begin(w, '{');
    json_member_string(w, "summary", r->help);
    json_member_string(w, "x-role", role_name(r->role));
    parameters(w, r->path);
    json_put_key(w, "responses");
    json_put_raw(w, slice_of("{\"default\":{\"description\":\"JSON, or RFC 9457 problem details\"}}"));
    json_end(w, '}');
}

static bool first_of_path(size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(app_routes[i].path, app_routes[at].path) == 0)
            return false;
    return true;
}

void openapi_document(void *app, struct exchange *x)
{
    (void)app;
    struct buf out;
    buf_init(&out, 64 * 1024);
    struct json_writer w = {.out = &out};
    json_begin(&w, '{');
    json_member_string(&w, "openapi", "3.1.0");
    json_put_key(&w, "info");
    json_put_raw(&w, slice_of("{\"title\":\"Fleetmend\",\"version\":\"" FLEETMEND_VERSION "\"}"));
    json_put_key(&w, "paths");
    json_begin(&w, '{');
    for (size_t i = 0; i < app_route_count; i++) {
        if (!first_of_path(i))
            continue;
        json_put_key(&w, app_routes[i].path);
        json_begin(&w, '{');
        for (size_t k = i; k < app_route_count; k++)
            if (strcmp(app_routes[k].path, app_routes[i].path) == 0)
                operation(&w, &app_routes[k]);
        json_end(&w, '}');
    }
    json_end(&w, '}');
    json_end(&w, '}');
    reply_json(x, 200, &out);
    buf_free(&out);
}
