#include "screen_text.h"

#include "text.h"

struct range {
    uint32_t first, last;
};

/* Marks that take no column of their own: the blocks that occur in names and messages. */
static const struct range no_width[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},
    {0x06D6, 0x06DC}, {0x0900, 0x0902}, {0x093C, 0x093C}, {0x0941, 0x0948}, {0x094D, 0x094D},
    {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
    {0x200B, 0x200D}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF},
};

static const struct range double_width[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
};

/* Besides control characters: line and paragraph separators, and marks that change the order of what is
 * shown. */
static const struct range unseen[] = {
    {0x0000, 0x001F}, {0x007F, 0x009F}, {0x061C, 0x061C}, {0x200E, 0x200F},
    {0x2028, 0x202E}, {0x2066, 0x2069}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},
};

static bool is_in(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}
#define IS_IN(c, table) is_in((c), (table), sizeof(table) / sizeof *(table))

static size_t expected_length(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

size_t screen_char(struct slice s, uint32_t *c)
{
    unsigned char first = (unsigned char)s.p[0];
    size_t n = expected_length(first);
    if (n > s.n || utf8_valid_prefix(slice_make(s.p, n)) != n) {
        *c = 0xFFFD;
        return 1;
    }
    *c = n == 1 ? first : first & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | ((unsigned char)s.p[i] & 0x3Fu);
    return n;
}

int screen_char_width(uint32_t c)
{
    if (c < 0x300)
        return 1;
    return IS_IN(c, no_width) ? 0 : IS_IN(c, double_width) ? 2 : 1;
}

size_t screen_fit(struct slice s, size_t columns)
{
    size_t used = 0, at = 0;
    while (at < s.n) {
        uint32_t c;
        size_t n = screen_char(slice_make(s.p + at, s.n - at), &c);
        used += (size_t)screen_char_width(c);
        if (used > columns)
            break;
        at += n;
    }
    return at;
}

size_t screen_width(struct slice s)
{
    size_t width = 0;
    for (size_t at = 0; at < s.n;) {
        uint32_t c;
        at += screen_char(slice_make(s.p + at, s.n - at), &c);
        width += (size_t)screen_char_width(c);
    }
    return width;
}

void screen_clean(struct buf *out, struct slice s, bool lines)
{
    for (size_t at = 0; at < s.n;) {
        uint32_t c;
        size_t n = screen_char(slice_make(s.p + at, s.n - at), &c);
        bool kept = lines && (c == '\n' || c == '\t');
        bool invalid = c == 0xFFFD && n == 1;
        if (!kept && (invalid || IS_IN(c, unseen)))
            buf_putc(out, '?');
        else
            buf_append(out, s.p + at, n);
        at += n;
    }
}
