/* Points in time as text, and calendar arithmetic that does not ask the C library about time zones. */
#ifndef FLEETMEND_BASE_TIMES_H
#define FLEETMEND_BASE_TIMES_H

#include "slice.h"

#include <stdint.h>

enum { TIME_TEXT_MAX = 32 };

/* 2026-01-31T08:00:00.123Z */
void time_print(int64_t utc_ms, char out[TIME_TEXT_MAX]);

/* Reads what time_print() writes (fraction optional). */
bool time_parse(struct slice text, int64_t *utc_ms);

/* A proleptic Gregorian date and time of day as milliseconds since 1970; no zone is applied. False when a
 * field is out of range (month 1-12, day of that month, hour 0-23, minute 0-59, second 0-60, ms 0-999). */
bool time_from_civil(int year, int month, int day, int hour, int minute, int second, int ms, int64_t *out);

#endif
