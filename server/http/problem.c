#include "problem.h"

#include "json.h"
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    int status;
    const char *title;
} titles[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *status_title(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Unknown";
}

void problem_print(struct buf *out, int status, const char *detail)
{
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    json_member_string(&w, "type", "about:blank");
    json_member_string(&w, "title", status_title(status));
    json_member_int(&w, "status", status);
    if (detail[0])
        json_member_string(&w, "detail", detail);
    json_end(&w, '}');
}

void exchange_problem(struct exchange *x, int status, const char *fmt, ...)
{
    char detail[ERR_TEXT_MAX * 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    struct buf body;
    buf_init(&body, PROBLEM_BYTES_MAX);
    problem_print(&body, status, detail);
    exchange_reply(x, status, PROBLEM_TYPE, buf_slice(&body));
    buf_free(&body);
}

static const int status_of_kind[] = {
    [ERR_INVALID] = 400,  [ERR_NOT_FOUND] = 404, [ERR_DENIED] = 403,
    [ERR_CONFLICT] = 409, [ERR_LIMIT] = 429,     [ERR_UNAVAILABLE] = 503,
};

void exchange_problem_err(struct exchange *x, const struct err *e)
{
    size_t kind = e->kind;
    int status = kind < sizeof status_of_kind / sizeof *status_of_kind ? status_of_kind[kind] : 0;
    if (status) {
        exchange_problem(x, status, "%s", e->text);
        return;
    }
    log_error("http.handler_failed path=%.*s reason=\"%s\"", SLICE_ARG(x->path), e->text);
    exchange_problem(x, 500, "the server failed; its log says why");
}
