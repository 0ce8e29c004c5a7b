#include "json_check.h"

#include "json.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>

struct scan {
    struct slice text;
    size_t at;
    struct err *e;
};

static bool bad(struct scan *s, const char *what)
{
    return err_set(s->e, ERR_INVALID, "JSON, byte %zu: %s", s->at, what);
}

static int peek(const struct scan *s)
{
    return s->at < s->text.n ? (unsigned char)s->text.p[s->at] : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->text.n && is_blank(s->text.p[s->at]))
        s->at++;
}

static bool hex4(struct scan *s, unsigned *v)
{
    unsigned char b[2];
    if (s->text.n - s->at < 4 || !hex_decode(slice_make(s->text.p + s->at, 4), b, 2))
        return bad(s, "\\u needs four hex digits");
    *v = (unsigned)b[0] << 8 | b[1];
    s->at += 4;
    return true;
}

static bool unicode_escape(struct scan *s)
{
    unsigned v, low;
    if (!hex4(s, &v))
        return false;
    if (v == 0)
        return bad(s, "\\u0000 is not allowed");
    if (v >= 0xDC00 && v <= 0xDFFF)
        return bad(s, "lone surrogate");
    if (v < 0xD800 || v > 0xDBFF)
        return true;
    if (s->text.n - s->at < 6 || s->text.p[s->at] != '\\' || s->text.p[s->at + 1] != 'u')
        return bad(s, "lone surrogate");
    s->at += 2;
    if (!hex4(s, &low))
        return false;
    return (low >= 0xDC00 && low <= 0xDFFF) || bad(s, "lone surrogate");
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static bool check_string(struct scan *s)
{
    for (s->at++;;) {
        while (s->at < s->text.n && is_plain((unsigned char)s->text.p[s->at]))
            s->at++;
        int c = peek(s);
        if (c < 0)
            return bad(s, "string without end");
        if (c < 0x20)
            return bad(s, "control character in a string; escape it");
        s->at++;
        if (c == '"')
            return true;
        if (c != '\\')
            continue;
        c = peek(s);
        if (c <= 0 || !strchr("\"\\/bfnrtu", c))
            return bad(s, "unknown escape");
        s->at++;
        if (c == 'u' && !unicode_escape(s))
            return false;
    }
}

static bool digits(struct scan *s)
{
    size_t start = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at > start || bad(s, "digit expected");
}

static bool check_number(struct scan *s)
{
    size_t start = s->at;
    bool integer = true;
    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0')
        s->at++;
    else if (!digits(s))
        return false;
    if (peek(s) == '.') {
        integer = false;
        s->at++;
        if (!digits(s))
            return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        integer = false;
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (!digits(s))
            return false;
    }
    enum { ALWAYS_EXACT = 15 }; /* digits, with a sign: far from the limit */
    char z[64];
    size_t n = s->at - start;
    if (integer && n <= ALWAYS_EXACT)
        return true;
    if (n >= sizeof z)
        return bad(s, "number too long");
    memcpy(z, s->text.p + start, n);
    z[n] = '\0';
    double v = strtod(z, NULL);
    /* 2^53 + 1 becomes 2^53 as a double: only the digits tell them apart. */
    bool beyond = fabs(v) > (double)JSON_INT_MAX ||
                  (fabs(v) == (double)JSON_INT_MAX && strcmp(z + (z[0] == '-'), "9007199254740992") != 0);
    if (!isfinite(v) || (integer && beyond))
        return bad(s, "number out of range (integers: +-2^53)");
    return true;
}

static bool check_word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if (s->text.n - s->at >= n && memcmp(s->text.p + s->at, words[i], n) == 0) {
            s->at += n;
            return true;
        }
    }
    return bad(s, "value expected");
}

static bool check_value(struct scan *s, int depth);

static bool check_members(struct scan *s, int depth, char close)
{
    if (depth > JSON_DEPTH_MAX)
        return bad(s, "nested too deep");
    s->at++;
    skip_blanks(s);
    if (peek(s) == close) {
        s->at++;
        return true;
    }
    for (;;) {
        skip_blanks(s);
        if (close == '}') {
            if (peek(s) != '"')
                return bad(s, "key expected");
            if (!check_string(s))
                return false;
            skip_blanks(s);
            if (peek(s) != ':')
                return bad(s, "':' expected");
            s->at++;
        }
        if (!check_value(s, depth))
            return false;
        skip_blanks(s);
        int c = peek(s);
        if (c != ',' && c != close)
            return bad(s, "',' or closing bracket expected");
        s->at++;
        if (c == close)
            return true;
    }
}

static bool check_value(struct scan *s, int depth)
{
    skip_blanks(s);
    switch (peek(s)) {
    case '{':
        return check_members(s, depth + 1, '}');
    case '[':
        return check_members(s, depth + 1, ']');
    case '"':
        return check_string(s);
    default:
        break;
    }
    int c = peek(s);
    return c == '-' || (c >= '0' && c <= '9') ? check_number(s) : check_word(s);
}

bool json_check(struct slice text, struct err *e)
{
    struct scan s = {.text = text, .e = e};
    s.at = utf8_valid_prefix(text);
    if (s.at < text.n)
        return bad(&s, "not valid UTF-8");
    s.at = 0;
    if (!check_value(&s, 0))
        return false;
    skip_blanks(&s);
    return s.at == text.n || bad(&s, "something follows the value");
}
