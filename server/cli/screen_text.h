/* Text of unknown origin on a person's screen: what it is wide, where it may be cut, what must not get
 * through. */
#ifndef FLEETMEND_SCREEN_TEXT_H
#define FLEETMEND_SCREEN_TEXT_H

#include "buf.h"

#include <stdint.h>

/* Reads one character at the front of a non-empty `s` and returns its length; an invalid byte is 1 long and
 * U+FFFD. */
size_t screen_char(struct slice s, uint32_t *c);
/* Columns of one character: 0 for combining marks, 2 for wide East Asian ones and emoji, else 1. */
int screen_char_width(uint32_t c);
size_t screen_width(struct slice s);
/* Bytes at the front of `s` that fit into `columns`. */
size_t screen_fit(struct slice s, size_t columns);

/* Appends `s` with '?' for everything a terminal might obey or that reorders what is read: control characters
 * of both ranges, invalid UTF-8, direction marks. With `lines`, line feeds and tabs stay. */
void screen_clean(struct buf *out, struct slice s, bool lines);

#endif
