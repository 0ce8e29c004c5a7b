#include "framing.h"

#include <strings.h>

/* The header lines that decide how a request is read or who asks; all others pass unseen. */
enum line { LINE_HOST, LINE_LENGTH, LINE_ENCODING, LINE_EXPECT, LINE_AUTHORIZATION, LINE_COUNT };

static const char *const line_names[LINE_COUNT] = {
    [LINE_HOST] = "host",     [LINE_LENGTH] = "content-length",       [LINE_ENCODING] = "transfer-encoding",
    [LINE_EXPECT] = "expect", [LINE_AUTHORIZATION] = "authorization",
};

static const struct {
    const char *name;
    unsigned method;
} methods[] = {
    {"GET", HTTP_GET}, {"POST", HTTP_POST}, {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"PATCH", HTTP_PATCH},
    {"HEAD", 0},       {"OPTIONS", 0},      {"TRACE", 0},      {"CONNECT", 0},
};

struct reading {
    struct head *out;
    bool http_1_0;
    unsigned seen[LINE_COUNT];
};

static enum head_verdict bad(struct head *out, int status, const char *reason)
{
    out->status = status;
    out->reason = reason;
    return HEAD_BAD;
}

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char(s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_visible(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7F)
            return false;
    return s.n > 0;
}

static bool same_word(struct slice s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads one character at p, undoing an escape; returns its length, 0 when the escape is broken. */
static size_t path_char(struct slice s, size_t at, char *out)
{
    *out = s.p[at];
    if (*out != '%')
        return 1;
    int high = at + 2 < s.n ? hex_digit(s.p[at + 1]) : -1;
    int low = at + 2 < s.n ? hex_digit(s.p[at + 2]) : -1;
    if (high < 0 || low < 0)
        return 0;
    *out = (char)(high << 4 | low);
    return 3;
}

bool path_is_plain(struct slice path)
{
    if (!is_visible(path) || path.p[0] != '/')
        return false;
    size_t length = 0, dots = 0; /* of the segment so far */
    for (size_t i = 1, step; i < path.n; i += step) {
        char c;
        step = path_char(path, i, &c);
        if (!step || c == '\0' || c == '\\' || (step == 3 && c == '/'))
            return false;
        if (c == '/') {
            if (dots == length && length <= 2) /* "", "." or ".." */
                return false;
            length = dots = 0;
            continue;
        }
        length++;
        dots += c == '.';
    }
    return length == 0 || dots != length || length > 2;
}

/* Finds the end of the head. Every line must end in CR LF, and no other control character but tab may occur.
 */
static enum head_verdict find_end(struct slice in, struct head *out)
{
    size_t limit = in.n < HEAD_BYTES_MAX ? in.n : HEAD_BYTES_MAX;
    for (size_t i = 0; i < limit; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if (c == '\n' && (i == 0 || in.p[i - 1] != '\r'))
            return bad(out, 400, "a line ends without CR");
        if (c != '\n' && i > 0 && in.p[i - 1] == '\r')
            return bad(out, 400, "CR inside a line");
        if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7F)
            return bad(out, 400, "a control character in the head");
        if (c == '\n' && i >= 3 && in.p[i - 2] == '\n') {
            out->bytes = i + 1;
            return HEAD_GOOD;
        }
    }
    if (in.n >= HEAD_BYTES_MAX)
        return bad(out, 431, "the request line and headers are larger than 8192 bytes");
    return HEAD_INCOMPLETE;
}

/* Cuts the next line, without its end, off `rest`. */
static struct slice take_line(struct slice *rest)
{
    const char *end = memchr(rest->p, '\r', rest->n);
    struct slice line = slice_make(rest->p, (size_t)(end - rest->p));
    *rest = slice_make(end + 2, rest->n - line.n - 2);
    return line;
}

static bool cut_at(struct slice *rest, char mark, struct slice *first)
{
    const char *at = memchr(rest->p, mark, rest->n);
    if (!at)
        return false;
    *first = slice_make(rest->p, (size_t)(at - rest->p));
    *rest = slice_make(at + 1, rest->n - first->n - 1);
    return true;
}

static enum head_verdict read_request_line(struct reading *r, struct slice line)
{
    struct slice method, target;
    if (!cut_at(&line, ' ', &method) || !cut_at(&line, ' ', &target) || !is_token(method) ||
        !is_visible(target))
        return bad(r->out, 400, "the request line is not METHOD SP TARGET SP VERSION");
    r->http_1_0 = slice_eqz(line, "HTTP/1.0");
    if (!r->http_1_0 && !slice_eqz(line, "HTTP/1.1"))
        return bad(r->out, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    size_t row = 0;
    while (row < sizeof methods / sizeof *methods && !slice_eqz(method, methods[row].name))
        row++;
    if (row == sizeof methods / sizeof *methods)
        return bad(r->out, 501, "unknown method");
    r->out->method = methods[row].method;
    r->out->no_body = slice_eqz(method, "HEAD");
    struct slice path = target;
    cut_at(&target, '?', &path);
    r->out->path = path;
    if (!path_is_plain(path) || memchr(target.p, '#', target.n))
        return bad(r->out, 400, "the request target must be a plain absolute path");
    return HEAD_GOOD;
}

static enum head_verdict read_length(struct reading *r, struct slice value)
{
    uint64_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return bad(r->out, 400, "Content-Length: only digits are allowed");
        n = n * 10 + (uint64_t)(value.p[i] - '0');
    }
    if (value.n == 0 || value.n > 15)
        return bad(r->out, value.n ? 413 : 400, "Content-Length: 1 to 15 digits expected");
    r->out->content_length = n;
    return HEAD_GOOD;
}

static enum head_verdict read_header(struct reading *r, struct slice line)
{
    struct slice name;
    if (!cut_at(&line, ':', &name) || !is_token(name))
        return bad(r->out, 400, "a header line is not NAME: VALUE");
    while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
        line = slice_make(line.p + 1, line.n - 1);
    while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
        line.n--;
    size_t row = 0;
    while (row < LINE_COUNT && !same_word(name, line_names[row]))
        row++;
    if (row == LINE_COUNT)
        return HEAD_GOOD;
    if (r->seen[row]++)
        return bad(r->out, 400, "a header that may occur once occurs twice");
    if (row == LINE_LENGTH)
        return read_length(r, line);
    if (row == LINE_HOST && !is_visible(line))
        return bad(r->out, 400, "Host: a name is expected");
    if (row == LINE_EXPECT && !r->http_1_0 && !same_word(line, "100-continue"))
        return bad(r->out, 417, "Expect: only 100-continue is known");
    return HEAD_GOOD;
}

static enum head_verdict check_whole(struct reading *r)
{
    if (!r->seen[LINE_HOST] && !r->http_1_0)
        return bad(r->out, 400, "Host is missing");
    if (!r->seen[LINE_ENCODING])
        return HEAD_GOOD;
    if (r->seen[LINE_LENGTH])
        return bad(r->out, 400, "Content-Length together with Transfer-Encoding");
    return bad(r->out, 411, "send the body with Content-Length, not chunked");
}

enum head_verdict head_read(struct slice in, struct head *out)
{
    *out = (struct head){0};
    enum head_verdict verdict = find_end(in, out);
    if (verdict != HEAD_GOOD)
        return verdict;
    struct reading r = {.out = out};
    struct slice rest = slice_make(in.p, out->bytes - 2); /* without the empty line */
    verdict = read_request_line(&r, take_line(&rest));
    for (size_t lines = 0; verdict == HEAD_GOOD && rest.n; lines++) {
        if (lines == HEAD_LINES_MAX)
            return bad(out, 431, "more than 64 header lines");
        verdict = read_header(&r, take_line(&rest));
    }
    return verdict == HEAD_GOOD ? check_whole(&r) : verdict;
}
