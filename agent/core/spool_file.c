#include "spool_file.h"

#include "crypto.h"
#include "text.h"

static const char head_start[] = "#B ";

static void digest_text(struct slice body, char out[17])
{
    uint8_t digest[SHA256_BYTES];
    sha256(body, digest);
    hex_encode(digest, 8, out);
}

void batch_write(struct buf *out, struct slice body)
{
    char digest[17];
    digest_text(body, digest);
    buf_printf(out, "%s%08zx %s\n", head_start, body.n, digest);
    buf_append_slice(out, body);
}

static bool batch_at(struct slice text, struct slice *body)
{
    uint8_t length[4];
    char digest[17];
    if (text.n < BATCH_HEAD_BYTES || memcmp(text.p, head_start, 3) != 0 ||
        text.p[BATCH_HEAD_BYTES - 1] != '\n')
        return false;
    if (!hex_decode(slice_make(text.p + 3, 8), length, sizeof length))
        return false;
    size_t n = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
    if (n > text.n - BATCH_HEAD_BYTES)
        return false;
    *body = slice_make(text.p + BATCH_HEAD_BYTES, n);
    digest_text(*body, digest);
    return memcmp(text.p + 12, digest, 16) == 0;
}

/* Offset of the next line that begins like a batch, after `at`; the end when there is none. */
static size_t next_head(struct slice text, size_t at)
{
    while (at < text.n) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        if (!end)
            return text.n;
        at = (size_t)(end - text.p) + 1;
        if (text.n - at >= 3 && memcmp(text.p + at, head_start, 3) == 0)
            return at;
    }
    return text.n;
}

bool batch_next(struct batch_reader *r, struct slice *body)
{
    while (r->at < r->text.n) {
        struct slice rest = slice_make(r->text.p + r->at, r->text.n - r->at);
        if (batch_at(rest, body)) {
            r->at += BATCH_HEAD_BYTES + body->n;
            return true;
        }
        size_t next = next_head(r->text, r->at);
        r->skipped += next - r->at;
        r->at = next;
    }
    return false;
}

static struct slice word_next(struct slice *rest)
{
    const char *end = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct slice word = slice_make(rest->p, n);
    size_t used = end ? n + 1 : n;
    *rest = slice_make(rest->p + used, rest->n - used);
    return word;
}

static bool int_next(struct slice *rest, int64_t *out)
{
    struct slice word = word_next(rest);
    bool negative = word.n && word.p[0] == '-';
    size_t i = negative ? 1 : 0;
    int64_t v = 0;
    if (i == word.n || word.n > 18)
        return false;
    for (; i < word.n; i++) {
        if (word.p[i] < '0' || word.p[i] > '9')
            return false;
        v = v * 10 + (word.p[i] - '0');
    }
    *out = negative ? -v : v;
    return true;
}

static bool marks_next(struct slice *rest, struct record *r)
{
    return int_next(rest, &r->mark) && int_next(rest, &r->dropped) && int_next(rest, &r->next);
}

static bool record_read(struct slice rest, struct record *r)
{
    int64_t flag = 0;
    struct slice word = word_next(&rest);
    if (word.n != 1)
        return false;
    r->type = word.p[0];
    switch (r->type) {
    case 'E':
        if (!int_next(&rest, &r->seq) || !int_next(&rest, &r->wall_ms))
            return false;
        word = word_next(&rest);
        r->class = word.n ? word.p[0] : 'n';
        r->text = rest;
        return r->text.n > 0;
    case 'R':
        if (!int_next(&rest, &flag) || !int_next(&rest, &r->wall_ms))
            return false;
        r->acked = flag != 0;
        r->text = rest;
        return r->text.n > 0;
    case 'N':
        r->name = word_next(&rest);
        r->text = rest;
        return r->name.n > 0;
    case 'H':
        r->name = word_next(&rest);
        return r->name.n > 0 && marks_next(&rest, r);
    case 'A':
        return marks_next(&rest, r);
    default:
        return r->type == 'Z';
    }
}

bool record_next(struct slice *body, struct record *out)
{
    while (body->n) {
        const char *end = memchr(body->p, '\n', body->n);
        size_t n = end ? (size_t)(end - body->p) : body->n;
        size_t used = end ? n + 1 : n;
        struct slice line = slice_make(body->p, n);
        *out = (struct record){.line = slice_make(body->p, used)};
        *body = slice_make(body->p + used, body->n - used);
        if (record_read(line, out))
            return true;
    }
    return false;
}
