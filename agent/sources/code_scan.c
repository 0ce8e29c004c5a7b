#include "line_parser.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads the hex digits at `at`; more than 8, or a word that goes on behind them, is no code. */
static size_t hex_run(struct slice s, size_t at, uint32_t *value)
{
    size_t i = at;
    uint32_t v = 0;
    for (; i < s.n && i - at < 9; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0)
            break;
        v = v << 4 | (uint32_t)digit;
    }
    size_t n = i - at;
    if (n > 8 || (i < s.n && (char_is_word(s.p[i]) || s.p[i] == '_')))
        return 0;
    *value = v;
    return n;
}

void code_scan_init(struct code_scan *scan, struct slice s, const struct code_anchor *anchors, size_t count)
{
    *scan = (struct code_scan){.s = s, .anchors = anchors, .count = count, .pos = 1, .x = 'x'};
}

/* The next x with a 0 before it; setup logs write 0X here and there. */
static bool next_0x(struct code_scan *scan, size_t *at)
{
    for (;;) {
        while (scan->pos < scan->s.n) {
            const char *x = memchr(scan->s.p + scan->pos, scan->x, scan->s.n - scan->pos);
            if (!x)
                break;
            scan->pos = (size_t)(x - scan->s.p) + 1;
            if (x[-1] == '0') {
                *at = scan->pos - 2;
                return true;
            }
        }
        if (scan->x == 'X')
            return false;
        scan->x = 'X';
        scan->pos = 1;
    }
}

static const struct code_anchor *anchor_before(const struct code_scan *scan, size_t at)
{
    for (size_t i = 0; i < scan->count; i++) {
        const char *before = scan->anchors[i].before;
        size_t n = strlen(before);
        if (n <= at && memcmp(scan->s.p + at - n, before, n) == 0)
            return &scan->anchors[i];
    }
    return NULL;
}

bool code_scan_next(struct code_scan *scan, struct code_hit *hit)
{
    size_t at;
    while (next_0x(scan, &at)) {
        const struct code_anchor *anchor = anchor_before(scan, at);
        if (!anchor)
            continue;
        uint32_t code;
        size_t n = hex_run(scan->s, at + 2, &code);
        if (n == 8 || (n > 0 && anchor->any_length)) {
            *hit = (struct code_hit){.anchor = anchor, .code = code, .at = at, .end = at + 2 + n};
            return true;
        }
    }
    return false;
}

bool code_bare_at(struct slice s, size_t at, uint32_t *code)
{
    if (hex_run(s, at, code) != 8)
        return false;
    return at + 8 == s.n || s.p[at + 8] != '-';
}

uint32_t code_extend_at(struct slice s, size_t at)
{
    struct slice rest = slice_from(s, at);
    uint32_t extend = 0;
    if (slice_starts(rest, " - 0x"))
        hex_run(s, at + 5, &extend);
    else if (slice_starts(rest, ", 0x"))
        hex_run(s, at + 4, &extend);
    return extend;
}
