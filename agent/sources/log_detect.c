#include "log_detect.h"

static const struct line_parser *const parsers[] = {
    &line_parser_reporting_events, &line_parser_windows_update_7, &line_parser_windows_update,
    &line_parser_setup,            &line_parser_dism,             &line_parser_cbs,
};

const struct line_parser *line_parser_of(enum log_kind kind)
{
    for (size_t i = 0; i < sizeof parsers / sizeof parsers[0]; i++)
        if (parsers[i]->kind == kind)
            return parsers[i];
    return NULL;
}

void log_detect_init(struct log_detect *d)
{
    *d = (struct log_detect){0};
    buf_init(&d->held, LOG_HELD_MAX);
}

void log_detect_free(struct log_detect *d)
{
    buf_free(&d->held);
}

struct held_header {
    uint64_t number;
    size_t length;
};

static bool hold(struct log_detect *d, const struct log_state *st, struct slice line)
{
    struct held_header header = {.number = st->number, .length = line.n};
    if (d->held.n + sizeof header + line.n > d->held.max)
        return false;
    return buf_append(&d->held, &header, sizeof header) && buf_append_slice(&d->held, line);
}

static void decide(struct log_detect *d, struct log_state *st, const struct line_parser *parser)
{
    struct slice rest = buf_slice(&d->held);
    struct held_header header;
    uint64_t number = st->number;
    st->parser = parser;
    while (rest.n >= sizeof header) {
        memcpy(&header, rest.p, sizeof header);
        st->number = header.number;
        parser->read(st, slice_make(rest.p + sizeof header, header.length));
        rest = slice_from(rest, sizeof header + header.length);
    }
    st->number = number;
    buf_free(&d->held);
    buf_init(&d->held, LOG_HELD_MAX);
}

void log_detect_line(struct log_detect *d, struct log_state *st, struct slice line)
{
    if (!d->likely && d->lines++ >= LOG_DETECT_LINES_MAX)
        return;
    const struct line_parser *sure = NULL, *maybe = NULL;
    for (size_t i = 0; i < sizeof parsers / sizeof parsers[0] && !sure; i++) {
        enum recognition found = parsers[i]->recognise(line);
        if (found == RECOGNISED_SURE)
            sure = parsers[i];
        else if (found == RECOGNISED_MAYBE && !maybe)
            maybe = parsers[i];
    }
    /* dism.log may have CSI lines, CBS.log has no DISM lines: the earlier row is the likelier one. */
    if (maybe && (!d->likely || maybe == &line_parser_dism))
        d->likely = maybe;
    if (!sure && !d->likely)
        return;
    bool held = hold(d, st, line);
    if (sure || !held)
        decide(d, st, sure ? sure : d->likely);
    if (!held)
        st->parser->read(st, line);
}

void log_detect_end(struct log_detect *d, struct log_state *st)
{
    if (!st->parser && d->likely)
        decide(d, st, d->likely);
}
