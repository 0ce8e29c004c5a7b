/* Between UTF-8 (all of the agent) and UTF-16 (all of Windows), and Windows' error numbers as sentences.
 *
 * Invalid input is replaced by U+FFFD, never refused: what Windows hands out as UTF-16 need not be valid. */
#ifndef FLEETMEND_WIDE_H
#define FLEETMEND_WIDE_H

#include "machine.h"

#include <windows.h>

/* Both give memory for mem_free(); NULL in, NULL out. */
wchar_t *wide_from_utf8(const char *s);
char *wide_to_utf8(const wchar_t *s);
/* Appends n UTF-16 units as UTF-8. */
bool wide_append(struct buf *out, const wchar_t *s, size_t n);
/* UTF-8 into a fixed array, cut at a character's border. */
void wide_to_array(const wchar_t *s, char *out, size_t size);
/* For messages: UTF-8 without a leading \\?\, cut; valid until four calls later. (printf's own %ls knows
 * ASCII only.) */
const char *wide_show(const wchar_t *s);
/* Joins and formats: memory for mem_free(). "%ls" takes wchar_t, "%s" too (as Windows' own wide printf). */
wchar_t *wide_printf(const wchar_t *fmt, ...);

/* "CONTEXT: Access is denied (Windows error 5)". Returns what the number means to the machine's callers:
 * DENIED, ABSENT, BUSY or FAILED. `e` may be NULL. */
enum machine_status win32_status(struct err *e, DWORD code, const char *fmt, ...) FORMAT_PRINTF(3, 4);
/* The same for those who return bool: false always. */
bool win32_error(struct err *e, DWORD code, const char *fmt, ...) FORMAT_PRINTF(3, 4);
/* A status without a system's number behind it. Returns `status`. */
enum machine_status machine_fail(struct err *e, enum machine_status status, const char *fmt, ...)
    FORMAT_PRINTF(3, 4);

#endif
