#include "follow_bookmark.h"

#include "crypto.h"
#include "log.h"
#include "mem.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>

enum { SEARCH_BYTES = 1024 * 1024 };

void bookmark_print(const struct bookmark *b, char out[BOOKMARK_TEXT_MAX])
{
    char tail[2 * BOOKMARK_DIGEST_BYTES + 1];
    hex_encode(b->tail, sizeof b->tail, tail);
    snprintf(out, BOOKMARK_TEXT_MAX, "%" PRIu64 " %" PRId64 " %" PRIu64 " %d %d %" PRId64 " %zu %s",
             b->identity, b->offset, b->lines, b->utf16, (int)b->kind, b->first_until, b->tail_bytes, tail);
}

bool bookmark_read(struct bookmark *b, const char *text)
{
    int utf16, kind, used = 0;
    *b = (struct bookmark){0};
    if (sscanf(text, "%" SCNu64 " %" SCNd64 " %" SCNu64 " %d %d %" SCNd64 " %zu %n", &b->identity, &b->offset,
               &b->lines, &utf16, &kind, &b->first_until, &b->tail_bytes, &used) < 7)
        return false;
    b->utf16 = utf16 != 0;
    b->kind = (enum log_kind)kind;
    b->begun = b->offset >= 0 && b->tail_bytes <= BOOKMARK_TAIL_MAX && kind >= 0 && kind <= LOG_KIND_SETUP &&
               hex_decode(slice_of(text + used), b->tail, sizeof b->tail);
    return b->begun;
}

/* All n bytes or false. */
static bool read_exact(const struct machine *m, enum machine_log log, int64_t offset, uint8_t *p, size_t n,
                       struct err *e)
{
    for (size_t done = 0, got; done < n; done += got) {
        if (m->ops->log_read(m->ctx, log, offset + (int64_t)done, p + done, n - done, &got, e) != MACHINE_OK)
            return false;
        if (!got)
            return err_set(e, ERR_IO, "%s ended early", machine_log_name(log));
    }
    return true;
}

static void digest_of(const uint8_t *p, size_t n, uint8_t digest[BOOKMARK_DIGEST_BYTES])
{
    uint8_t full[SHA256_BYTES];
    sha256(slice_make(p, n), full);
    memcpy(digest, full, BOOKMARK_DIGEST_BYTES);
}

static bool digest_before(const struct machine *m, enum machine_log log, int64_t offset, size_t n,
                          uint8_t digest[BOOKMARK_DIGEST_BYTES], struct err *e)
{
    uint8_t *p = mem_alloc(BOOKMARK_TAIL_MAX);
    bool ok = read_exact(m, log, offset - (int64_t)n, p, n, e);
    if (ok)
        digest_of(p, n, digest);
    mem_free(p);
    return ok;
}

bool bookmark_take_tail(struct bookmark *b, const struct machine *m, enum machine_log log, struct err *e)
{
    b->tail_bytes = b->offset < BOOKMARK_TAIL_MAX ? (size_t)b->offset : BOOKMARK_TAIL_MAX;
    return digest_before(m, log, b->offset, b->tail_bytes, b->tail, e);
}

static bool tail_matches(const struct bookmark *b, const struct machine *m, enum machine_log log)
{
    uint8_t now[BOOKMARK_DIGEST_BYTES];
    return !b->tail_bytes || (digest_before(m, log, b->offset, b->tail_bytes, now, NULL) &&
                              memcmp(now, b->tail, sizeof now) == 0);
}

/* Offset of the last line begin before which the known bytes stand, -1 when there is none. */
static int64_t search(const uint8_t *p, size_t n, const struct bookmark *b)
{
    for (size_t end = n; end >= b->tail_bytes; end--) {
        uint8_t digest[BOOKMARK_DIGEST_BYTES];
        if (p[end - 1] != (b->utf16 ? '\0' : '\n') || (b->utf16 && p[end - 2] != '\n'))
            continue;
        digest_of(p + end - b->tail_bytes, b->tail_bytes, digest);
        if (memcmp(digest, b->tail, sizeof digest) == 0)
            return (int64_t)end;
    }
    return -1;
}

/* What Windows trims it trims at the beginning, so the known bytes are near the end. Fewer than these might
 * stand in another file too. */
static bool find_tail(struct bookmark *b, const struct machine *m, enum machine_log log, int64_t size,
                      struct err *e)
{
    if (b->tail_bytes < BOOKMARK_TAIL_MAX)
        return true;
    size_t n = size < SEARCH_BYTES ? (size_t)size : SEARCH_BYTES;
    uint8_t *p = mem_alloc(n + 1);
    bool ok = read_exact(m, log, size - (int64_t)n, p, n, e);
    int64_t at = ok ? search(p, n, b) : -1;
    b->offset = at >= 0 ? size - (int64_t)n + at : 0;
    mem_free(p);
    return ok;
}

bool bookmark_locate(struct bookmark *b, const struct machine *m, enum machine_log log,
                     const struct log_stat *stat, struct err *e)
{
    if (b->identity == stat->identity && stat->size_bytes >= b->offset && tail_matches(b, m, log))
        return true;
    struct bookmark next = *b;
    next.identity = stat->identity;
    next.first_until = 0;
    next.offset = 0;
    if (!find_tail(&next, m, log, stat->size_bytes, e))
        return false;
    if (!next.offset) {
        next.lines = 0;
        next.utf16 = false;
        next.tail_bytes = 0;
    }
    log_info("follow.log_replaced log=%s size=%" PRId64 " go_on_at=%" PRId64, machine_log_name(log),
             stat->size_bytes, next.offset);
    *b = next;
    return true;
}
