#include "child.h"
#include "mem.h"
#include "text.h"

/* sfc and others write UTF-16 when redirected, without a mark. Their ASCII part shows it: every second byte
 * is 0. */
static bool looks_utf16(struct slice raw)
{
    size_t zeros = 0;
    if (raw.n >= 2 && (unsigned char)raw.p[0] == 0xff && (unsigned char)raw.p[1] == 0xfe)
        return true;
    for (size_t i = 1; i < raw.n; i += 2)
        zeros += raw.p[i] == '\0';
    return raw.n >= 4 && zeros * 4 >= raw.n; /* at least half of the odd bytes */
}

static wchar_t *decode(struct slice raw, size_t *units)
{
    if (looks_utf16(raw)) {
        *units = raw.n / sizeof(wchar_t);
        wchar_t *w = mem_alloc(raw.n + sizeof *w);
        memcpy(w, raw.p, *units * sizeof *w);
        size_t mark = *units > 0 && w[0] == 0xfeff;
        *units -= mark;
        memmove(w, w + mark, *units * sizeof *w);
        return w;
    }
    wchar_t *w = mem_alloc((raw.n + 1) * sizeof *w);
    int n = raw.n > 0 ? MultiByteToWideChar(CP_OEMCP, 0, raw.p, (int)raw.n, w, (int)raw.n) : 0;
    *units = n > 0 ? (size_t)n : 0;
    return w;
}

void console_text(struct slice raw, struct buf *out)
{
    size_t units;
    struct buf line;
    wchar_t *w = decode(raw, &units);
    buf_init(&line, 4 * raw.n + 4);
    for (size_t start = 0, i = 0; i <= units; i++) {
        if (i < units && w[i] != L'\r' && w[i] != L'\n')
            continue;
        if (i > start) { /* blank lines say nothing */
            buf_clear(&line);
            wide_append(&line, w + start, i - start);
            size_t room = out->max > out->n + 1 ? out->max - out->n - 1 : 0;
            utf8_append_clean(out, buf_slice(&line), room);
            buf_putc(out, '\n');
        }
        start = i + 1;
    }
    buf_free(&line);
    mem_free(w);
}
