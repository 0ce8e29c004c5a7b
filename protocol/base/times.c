#include "times.h"

#include <inttypes.h>
#include <stdio.h>

/* Days since 1970-01-01 of a Gregorian date, counted in 400-year eras that start on 1 March, so the leap day
 * is the last day of its year. */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *y, int *m, int *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool within(int v, int low, int high)
{
    return v >= low && v <= high;
}

bool time_from_civil(int year, int month, int day, int hour, int minute, int second, int ms, int64_t *out)
{
    if (!within(year, 1, 9999) || !within(month, 1, 12) || !within(day, 1, days_in_month(year, month)) ||
        !within(hour, 0, 23) || !within(minute, 0, 59) || !within(second, 0, 60) || !within(ms, 0, 999))
        return false;
    int64_t s = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *out = s * 1000 + ms;
    return true;
}

void time_print(int64_t utc_ms, char out[TIME_TEXT_MAX])
{
    int64_t days = utc_ms / 86400000, rest = utc_ms % 86400000;
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    int64_t year;
    int month, day, tod = (int)rest;
    civil_from_days(days, &year, &month, &day);
    snprintf(out, TIME_TEXT_MAX, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%03dZ", year % 100000, month, day,
             tod / 3600000, tod / 60000 % 60, tod / 1000 % 60, tod % 1000);
}

static bool take_number(struct slice *s, size_t digits, int *out)
{
    if (s->n < digits)
        return false;
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        *out = *out * 10 + (s->p[i] - '0');
    }
    *s = slice_make(s->p + digits, s->n - digits);
    return true;
}

static bool take_mark(struct slice *s, char mark)
{
    if (!s->n || s->p[0] != mark)
        return false;
    *s = slice_make(s->p + 1, s->n - 1);
    return true;
}

bool time_parse(struct slice text, int64_t *utc_ms)
{
    int y, mo, d, h, mi, s, ms = 0;
    struct slice *t = &text;
    return take_number(t, 4, &y) && take_mark(t, '-') && take_number(t, 2, &mo) && take_mark(t, '-') &&
           take_number(t, 2, &d) && take_mark(t, 'T') && take_number(t, 2, &h) && take_mark(t, ':') &&
           take_number(t, 2, &mi) && take_mark(t, ':') && take_number(t, 2, &s) &&
           (!take_mark(t, '.') || take_number(t, 3, &ms)) && take_mark(t, 'Z') && !t->n &&
           time_from_civil(y, mo, d, h, mi, s, ms, utc_ms);
}
