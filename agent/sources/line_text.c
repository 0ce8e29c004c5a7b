#include "line_parser.h"

struct slice slice_from(struct slice s, size_t start)
{
    if (start >= s.n)
        return slice_make(s.p, 0);
    return slice_make(s.p + start, s.n - start);
}

bool slice_starts(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

size_t slice_find(struct slice s, const char *needle, size_t pivot)
{
    size_t n = strlen(needle);
    if (s.n < n)
        return s.n;
    const char *p = s.p + pivot, *end = s.p + s.n - n + pivot + 1;
    while ((p = memchr(p, needle[pivot], (size_t)(end - p)))) {
        if (memcmp(p - pivot, needle, n) == 0)
            return (size_t)(p - pivot - s.p);
        if (++p == end)
            break;
    }
    return s.n;
}

bool slice_has(struct slice s, const char *needle)
{
    return slice_find(s, needle, 0) < s.n;
}

bool char_is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int digits_at(struct slice s, size_t at, size_t n)
{
    if (at > s.n || s.n - at < n)
        return -1;
    int value = 0;
    for (size_t i = at; i < at + n; i++) {
        if (!char_is_digit(s.p[i]))
            return -1;
        value = value * 10 + (s.p[i] - '0');
    }
    return value;
}

/* KB numbers have 6 or 7 digits since Windows 2000; 8 leaves room for the next decades. */
bool kb_find(struct slice text, char out[EVENT_KB_MAX])
{
    for (size_t at = 0; (at += slice_find(slice_from(text, at), "KB", 0)) < text.n; at += 2) {
        size_t end = at + 2;
        while (end < text.n && char_is_digit(text.p[end]))
            end++;
        size_t digits = end - at - 2;
        bool bordered = (at == 0 || !char_is_word(text.p[at - 1])) && (end == text.n || !char_is_word(text.p[end]));
        if (bordered && digits >= 6 && digits <= 8) {
            memcpy(out, text.p + at, end - at);
            out[end - at] = '\0';
            return true;
        }
    }
    return false;
}
