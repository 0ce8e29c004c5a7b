#include "log_parser.h"

#include "log_detect.h"
#include "mem.h"

static const char byte_order_mark[] = "\xEF\xBB\xBF";
enum { BYTE_ORDER_MARK_LENGTH = 3 };

struct log_parser {
    struct log_state state;
    struct log_detect detect;

    bool utf16;
    bool encoding_known;
    char head[2]; /* the first bytes, until they tell the encoding */
    size_t head_n;

    char *line; /* LOG_LINE_MAX bytes: the beginning of a line whose end was not fed yet, in UTF-8 */
    size_t line_n;
    bool line_cut;   /* what follows in this line is skipped */
    bool line_begun; /* a line without bytes is a line too, an input without bytes is not */

    int low_byte;            /* UTF-16: the first byte of a unit, -1 when none waits */
    uint32_t high_surrogate; /* 0 when none waits */

    uint64_t offset; /* bytes fed */
    uint64_t lines, resume_offset;
};

struct log_parser *log_parser_new(const struct log_options *options, log_sink_fn *sink, void *ctx)
{
    struct log_parser *p = mem_zalloc(sizeof *p);
    p->state.parser = line_parser_of(options->kind);
    p->state.sink = sink;
    p->state.ctx = ctx;
    p->state.all = options->all;
    p->lines = options->first_line;
    p->utf16 = options->utf16;
    p->encoding_known = options->utf16 || options->first_line > 0;
    p->line = mem_alloc(LOG_LINE_MAX);
    p->low_byte = -1;
    log_detect_init(&p->detect);
    return p;
}

void log_parser_free(struct log_parser *p)
{
    if (!p)
        return;
    log_detect_free(&p->detect);
    mem_free(p->line);
    mem_free(p);
}

static void read_piece(struct log_parser *p, struct slice piece)
{
    if (p->state.parser)
        p->state.parser->read(&p->state, piece);
    else
        log_detect_line(&p->detect, &p->state, piece);
}

/* A mark stands at the start of the file, and again wherever a file was appended to a file, with or without a
 * line end before it. */
static void read_pieces(struct log_parser *p, struct slice line)
{
    for (;;) {
        size_t mark = slice_find(line, byte_order_mark, 0);
        if (mark > 0)
            read_piece(p, slice_make(line.p, mark));
        if (mark == line.n)
            return;
        line = slice_from(line, mark + BYTE_ORDER_MARK_LENGTH);
    }
}

static void read_line(struct log_parser *p, struct slice line)
{
    if (line.n > LOG_LINE_MAX)
        line.n = LOG_LINE_MAX;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    p->state.number = p->lines + 1;
    read_pieces(p, line);
}

static void append(struct log_parser *p, const char *bytes, size_t n)
{
    size_t room = LOG_LINE_MAX - p->line_n;
    memcpy(p->line + p->line_n, bytes, n < room ? n : room);
    p->line_n += n < room ? n : room;
    p->line_begun = true;
}

static void drop_line(struct log_parser *p)
{
    p->line_n = 0;
    p->line_cut = false;
    p->line_begun = false;
}

/* A line end was read; `end` is the offset behind it. */
static void end_line(struct log_parser *p, struct slice line, uint64_t end)
{
    read_line(p, line);
    p->lines++;
    p->resume_offset = end;
    drop_line(p);
}

static void feed_utf8(struct log_parser *p, struct slice bytes)
{
    const char *at = bytes.p, *end = bytes.p + bytes.n;
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((lf ? lf : end) - at);
        if (!lf) {
            append(p, at, n);
            break;
        }
        struct slice line = slice_make(at, n); /* most lines lie in one piece: not copied */
        if (p->line_begun) {
            append(p, at, n);
            line = slice_make(p->line, p->line_n);
        }
        at = lf + 1;
        end_line(p, line, p->offset + (uint64_t)(at - bytes.p));
    }
    p->offset += bytes.n;
}

static void append_character(struct log_parser *p, uint32_t c)
{
    char utf8[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        utf8[i] = (char)(0x80 | (c & 0x3F));
    utf8[0] = (char)(lead[n] | c);
    /* Whole characters only: the cut does not depend on how the bytes came in. */
    p->line_cut = p->line_cut || p->line_n + n > LOG_LINE_MAX;
    if (!p->line_cut)
        append(p, utf8, n);
    p->line_begun = true;
}

static void feed_unit(struct log_parser *p, uint32_t unit)
{
    enum { REPLACEMENT = 0xFFFD };
    bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (p->high_surrogate && low) {
        append_character(p, 0x10000 + ((p->high_surrogate - 0xD800) << 10) + (unit - 0xDC00));
        p->high_surrogate = 0;
        return;
    }
    if (p->high_surrogate)
        append_character(p, REPLACEMENT);
    p->high_surrogate = unit >= 0xD800 && unit <= 0xDBFF ? unit : 0;
    if (unit == '\n')
        end_line(p, slice_make(p->line, p->line_n), p->offset);
    else if (!p->high_surrogate)
        append_character(p, low ? REPLACEMENT : unit);
}

/* Nearly all of a log is ASCII inside a line; such units need no state, so they are taken in a tight loop.
 * Returns the number of bytes taken. */
static size_t feed_ascii_run(struct log_parser *p, struct slice bytes)
{
    size_t units = bytes.n / 2, room = LOG_LINE_MAX - p->line_n, n = 0;
    if (p->low_byte >= 0 || p->high_surrogate || p->line_cut)
        return 0;
    if (units > room)
        units = room;
    for (; n < units; n++) {
        char c = bytes.p[2 * n];
        if (bytes.p[2 * n + 1] != 0 || c == '\n' || (c & 0x80))
            break;
        p->line[p->line_n + n] = c;
    }
    p->line_n += n;
    p->line_begun = p->line_begun || n > 0;
    p->offset += 2 * n;
    return 2 * n;
}

static void feed_utf16(struct log_parser *p, struct slice bytes)
{
    for (size_t i = feed_ascii_run(p, bytes); i < bytes.n; i++) {
        unsigned char byte = (unsigned char)bytes.p[i];
        p->offset++;
        if (p->low_byte < 0) {
            p->low_byte = byte;
            continue;
        }
        uint32_t unit = (uint32_t)p->low_byte | (uint32_t)byte << 8;
        p->low_byte = -1;
        feed_unit(p, unit);
        i += feed_ascii_run(p, slice_from(bytes, i + 1));
    }
}

static void feed_known(struct log_parser *p, struct slice bytes)
{
    if (p->utf16)
        feed_utf16(p, bytes);
    else
        feed_utf8(p, bytes);
}

/* FF FE, or text whose every other byte is 0: copies of ReportingEvents.log without the mark exist. */
static void know_encoding(struct log_parser *p)
{
    const unsigned char *head = (const unsigned char *)p->head;
    p->encoding_known = true;
    p->utf16 = p->head_n == 2 && ((head[0] == 0xFF && head[1] == 0xFE) || (head[0] != 0 && head[1] == 0));
    feed_known(p, slice_make(p->head, p->head_n));
}

void log_parser_feed(struct log_parser *p, struct slice bytes)
{
    while (!p->encoding_known && bytes.n) {
        p->head[p->head_n++] = bytes.p[0];
        bytes = slice_from(bytes, 1);
        if (p->head_n == sizeof p->head)
            know_encoding(p);
    }
    if (bytes.n)
        feed_known(p, bytes);
}

void log_parser_end(struct log_parser *p)
{
    if (!p->encoding_known)
        know_encoding(p);
    if (p->line_begun)
        read_line(p, slice_make(p->line, p->line_n));
    drop_line(p);
    log_detect_end(&p->detect, &p->state);
    line_flush(&p->state);
}

enum log_kind log_parser_kind(const struct log_parser *p)
{
    return p->state.parser ? p->state.parser->kind : LOG_KIND_UNKNOWN;
}

bool log_parser_utf16(const struct log_parser *p)
{
    return p->utf16;
}

uint64_t log_parser_lines(const struct log_parser *p)
{
    return p->lines;
}

uint64_t log_parser_resume_offset(const struct log_parser *p)
{
    return p->resume_offset;
}
