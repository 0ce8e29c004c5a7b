#include "text.h"

#include <stdint.h>

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_encode(struct slice in, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)in.p;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t left = in.n - i;
        uint32_t v = (uint32_t)p[i] << 16;
        v |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        v |= left > 2 ? p[i + 2] : 0;
        char quad[4] = {b64[v >> 18], b64[v >> 12 & 63], left > 1 ? b64[v >> 6 & 63] : '=',
                        left > 2 ? b64[v & 63] : '='};
        if (!buf_append(out, quad, 4))
            return false;
    }
    return true;
}

static int b64_value(char c)
{
    const char *at = c ? strchr(b64, c) : NULL;
    return at ? (int)(at - b64) : -1;
}

static bool decode_quad(const char *q, bool last, struct buf *out)
{
    int pad = last && q[3] == '=' ? (q[2] == '=' ? 2 : 1) : 0;
    uint32_t v = 0;
    for (int k = 0; k < 4; k++) {
        int d = k >= 4 - pad ? 0 : b64_value(q[k]);
        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
    }
    /* Bits that padding leaves over must be zero, or two texts would mean the same bytes. */
    if ((pad == 1 && v & 0xFF) || (pad == 2 && v & 0xFFFF))
        return false;
    char bytes[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
    buf_append(out, bytes, (size_t)(3 - pad));
    return true;
}

bool base64_decode(struct slice in, struct buf *out, struct err *e)
{
    if (in.n % 4)
        return err_set(e, ERR_INVALID, "base64: the length must be a multiple of 4");
    for (size_t i = 0; i < in.n; i += 4)
        if (!decode_quad(in.p + i, i + 4 == in.n, out))
            return err_set(e, ERR_INVALID, "base64: unexpected character near offset %zu", i);
    return buf_check(out, "base64", e);
}

void hex_encode(const void *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct slice in, void *out, size_t n)
{
    if (in.n != 2 * n)
        return false;
    unsigned char *bytes = out;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(in.p[2 * i]), low = hex_value(in.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

/* Length of a sequence by its first byte; 0 when none begins with it. */
static size_t utf8_length(unsigned c)
{
    return c < 0x80                 ? 1
           : c >= 0xC2 && c <= 0xDF ? 2
           : c >= 0xE0 && c <= 0xEF ? 3
           : c >= 0xF0 && c <= 0xF4 ? 4
                                    : 0;
}

/* Length of the valid sequence at p, 0 when there is none. Ranges from Unicode table 3-7. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned c = p[0];
    size_t len = utf8_length(c);
    if (len < 2 || len > n)
        return len == 1;
    unsigned low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xBF)
            return 0;
    return len;
}

/* Most text is ASCII; eight bytes at a time are then seen to be so. */
static size_t skip_ascii(struct slice s, size_t i)
{
    uint64_t eight;
    for (; s.n - i >= sizeof eight; i += sizeof eight) {
        memcpy(&eight, s.p + i, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

size_t utf8_valid_prefix(struct slice s)
{
    size_t i = 0;
    while ((i = skip_ascii(s, i)) < s.n) {
        size_t len = utf8_sequence((const unsigned char *)s.p + i, s.n - i);
        if (!len)
            break;
        i += len;
    }
    return i;
}

size_t utf8_whole(struct slice s)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        unsigned char c = (unsigned char)s.p[s.n - back];
        if (c < 0x80 || c > 0xBF)
            return utf8_length(c) > back ? s.n - back : s.n;
    }
    return s.n;
}

/* C0, DEL, and C1, which is two bytes in UTF-8 and steers some terminals just as well. */
static bool is_control(const char *p, size_t len)
{
    unsigned char c = (unsigned char)p[0];
    return c < 0x20 || c == 0x7F || (len == 2 && c == 0xC2 && (unsigned char)p[1] < 0xA0);
}

void utf8_append_clean(struct buf *out, struct slice s, size_t max_bytes)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    size_t i = 0, written = 0;
    while (i < s.n) {
        size_t len = utf8_sequence((const unsigned char *)s.p + i, s.n - i);
        bool keep = len && (s.p[i] == '\t' || !is_control(s.p + i, len));
        size_t add = keep ? len : 3;
        if (written + add > max_bytes || !buf_append(out, keep ? s.p + i : replacement, add))
            return;
        written += add;
        i += len ? len : 1;
    }
}
