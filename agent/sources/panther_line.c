#include "line_parser.h"

#include "times.h"

/* The component stands in this column; a word further right is the message of a line without component. */
enum { COMPONENT_COLUMN_MAX = 46, STAMP_LENGTH = 19 };

static bool is_stamp(struct slice s)
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd, ";
    if (s.n < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (shape[i] == 'd' ? !digit : s.p[i] != shape[i])
            return false;
    }
    return true;
}

static size_t skip_blanks(struct slice s, size_t at)
{
    while (at < s.n && s.p[at] == ' ')
        at++;
    return at;
}

static size_t skip_word(struct slice s, size_t at)
{
    while (at < s.n && s.p[at] != ' ')
        at++;
    return at;
}

void panther_parse(struct slice line, struct panther_line *out)
{
    *out = (struct panther_line){.component = slice_make(line.p, 0), .message = line};
    if (!is_stamp(line))
        return;
    size_t level = skip_blanks(line, STAMP_LENGTH + 1);
    out->stamped = true;
    out->is_error = slice_starts(slice_from(line, level), "Error ");
    size_t at = skip_blanks(line, skip_word(line, level));
    if (slice_starts(slice_from(line, at), "[0x")) /* message id */
        at = skip_blanks(line, skip_word(line, at));
    if (at <= COMPONENT_COLUMN_MAX) {
        size_t end = skip_word(line, at);
        out->component = slice_make(line.p + at, end - at);
        at = skip_blanks(line, end);
    }
    out->message = slice_from(line, at);
}

void panther_time(struct log_state *st, struct slice line, struct event *ev)
{
    (void)st;
    if (!is_stamp(line))
        return;
    ev->time_is_local = true;
    ev->has_time = time_from_civil(digits_at(line, 0, 4), digits_at(line, 5, 2), digits_at(line, 8, 2),
                                   digits_at(line, 11, 2), digits_at(line, 14, 2), digits_at(line, 17, 2), 0,
                                   &ev->time_ms);
}
