/* Bytes as text: base64, hex, UTF-8. */
#ifndef FLEETMEND_BASE_TEXT_H
#define FLEETMEND_BASE_TEXT_H

#include "buf.h"

/* RFC 4648 section 4, padded. */
bool base64_encode(struct slice in, struct buf *out);
/* Strict: padding required, no blanks, no stray bits. ERR_INVALID otherwise. */
bool base64_decode(struct slice in, struct buf *out, struct err *e);

/* Lower-case hex; out holds 2 * n + 1 bytes. */
void hex_encode(const void *p, size_t n, char *out);
/* Exactly 2 * n hex digits of either case. */
bool hex_decode(struct slice in, void *out, size_t n);

/* Length of the longest valid UTF-8 prefix (no surrogates, no overlong forms, at most U+10FFFF). */
size_t utf8_valid_prefix(struct slice s);
/* Length without an unfinished sequence at the end, for text that was cut to a number of bytes. */
size_t utf8_whole(struct slice s);
/* Appends `s` with every invalid byte, and every control character except tab, replaced by U+FFFD; never more
 * than max_bytes. */
void utf8_append_clean(struct buf *out, struct slice s, size_t max_bytes);

#endif
