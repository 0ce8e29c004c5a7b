/* Every spelling of a code that people type and logs contain. */
#include "code.h"
#include "text.h"

enum {
    HEX_DIGITS = 8,      /* of 32 bits */
    DECIMAL_MIN = 9,     /* shorter ones would be mistaken for hex, or hex for them */
    DECIMAL_MAX = 10,    /* 4294967295 */
    SHOWN_MAX_BYTES = 40 /* of a wrong input, in the error's text */
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice trim(struct slice s)
{
    while (s.n && is_blank(s.p[0]))
        s = slice_make(s.p + 1, s.n - 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool code_parse_field(struct slice text, uint32_t *code)
{
    if (text.n < 1 || text.n > HEX_DIGITS)
        return false;
    uint32_t value = 0;
    for (size_t i = 0; i < text.n; i++) {
        int digit = hex_value(text.p[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *code = value;
    return true;
}

/* All of `text` as decimal digits, at most `max`; any number of leading zeros. */
static bool read_decimal(struct slice text, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(text.p[i] - '0');
        if (v > max)
            return false;
    }
    *value = v;
    return text.n > 0;
}

static bool parse_prefixed(struct slice text, uint32_t *code)
{
    return text.n > 2 && text.p[0] == '0' && (text.p[1] == 'x' || text.p[1] == 'X') &&
           code_parse_field(slice_make(text.p + 2, text.n - 2), code);
}

static bool parse_bare_hex(struct slice text, uint32_t *code)
{
    return text.n == HEX_DIGITS && code_parse_field(text, code);
}

static bool parse_signed(struct slice text, uint32_t *code)
{
    uint64_t magnitude;
    if (text.n < 2 || text.p[0] != '-' ||
        !read_decimal(slice_make(text.p + 1, text.n - 1), (uint64_t)1 << 31, &magnitude))
        return false;
    *code = 0u - (uint32_t)magnitude;
    return true;
}

static bool parse_unsigned(struct slice text, uint32_t *code)
{
    uint64_t value;
    if (text.n < DECIMAL_MIN || text.n > DECIMAL_MAX || !read_decimal(text, UINT32_MAX, &value))
        return false;
    *code = (uint32_t)value;
    return true;
}

bool code_parse(struct slice text, uint32_t *code, struct err *e)
{
    static bool (*const spellings[])(struct slice, uint32_t *) = {
        parse_prefixed,
        parse_bare_hex,
        parse_signed,
        parse_unsigned,
    };
    struct slice trimmed = trim(text);
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        if (spellings[i](trimmed, code))
            return true;

    struct buf shown;
    buf_init(&shown, SHOWN_MAX_BYTES);
    utf8_append_clean(&shown, trimmed, SHOWN_MAX_BYTES);
    err_set(e, ERR_INVALID,
            "'%s' is not an update code; write it like 0x80070002 (0x and 1 to 8 hex digits), 80070002 "
            "(8 hex digits), -2147024894 or 2147942402 (9 or 10 digits, at most 4294967295)",
            buf_text(&shown));
    buf_free(&shown);
    return false;
}
