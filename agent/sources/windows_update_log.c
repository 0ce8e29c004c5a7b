/* WindowsUpdate.log: the tab-separated text of Windows 7, and what Get-WindowsUpdateLog decodes on newer
 * systems. Healthy machines log hundreds of *FAILED* steps; only the end of a call counts: its exit code, or
 * what the client told its caller. */
#include "line_parser.h"

#include "code.h"
#include "times.h"

/* Who asked for the call ended it; nothing is broken. */
static const uint32_t call_cancelled = 0x8024000B; /* WU_E_CALL_CANCELLED */

enum { REPEAT_MS = 2 * MINUTE_MS, STAMP_7_LENGTH = 23 };

static const struct code_anchor anchors[] = {
    {.before = "xit code = ", .context = "exit_code", .any_length = true},
    {.before = "hr = ", .context = "error"},
    {.before = "HR = ", .context = "error"},
    {.before = "error = ", .context = "error"},
    {.before = "error ", .context = "error"},
    {.before = "failed: ", .context = "error"},
    {.before = "CBS called Error with ", .context = "error", .outcome = true},
};

/* Codes without 0x. `pivot`: the anchor's rarest character. */
static const struct bare_anchor {
    struct code_anchor anchor;
    size_t pivot;
} bare_anchors[] = {
    {{.before = "*FAILED* [", .context = "failed"}, 0},
    {{.before = "hr = ", .context = "error"}, 3},
    {{.before = " error ", .context = "error"}, 2},
};

static const struct word_phase {
    const char *word;
    enum event_phase phase;
} call_phases[] = {
    {"Finding updates", EVENT_PHASE_SCAN},       {"Searching", EVENT_PHASE_SCAN},
    {"Driver Install", EVENT_PHASE_DRIVER},      {"Uninstall", EVENT_PHASE_UNINSTALL},
    {"uninstall", EVENT_PHASE_UNINSTALL},        {"Installing", EVENT_PHASE_INSTALL},
    {"CBS Install", EVENT_PHASE_INSTALL},        {"install call", EVENT_PHASE_INSTALL},
    {"Downloading", EVENT_PHASE_DOWNLOAD},       {"download call", EVENT_PHASE_DOWNLOAD},
    {"search call", EVENT_PHASE_SCAN},           {"synchronize", EVENT_PHASE_SCAN},
    {"CBS called Error", EVENT_PHASE_INSTALL},
};

static const struct word_phase component_phases[] = {
    {"Agent", EVENT_PHASE_SCAN},           {"PT", EVENT_PHASE_SCAN},
    {"ProtocolTalker", EVENT_PHASE_SCAN},  {"DnldMgr", EVENT_PHASE_DOWNLOAD},
    {"DownloadManager", EVENT_PHASE_DOWNLOAD}, {"Handler", EVENT_PHASE_INSTALL},
    {"Setup", EVENT_PHASE_INSTALL},        {"Driver", EVENT_PHASE_DRIVER},
    {"UDP", EVENT_PHASE_INSTALL},
};

struct update_line {
    struct slice component, message;
};

static enum event_phase phase_of(const struct log_state *st, const struct update_line *parts)
{
    for (size_t i = 0; i < sizeof call_phases / sizeof call_phases[0]; i++)
        if (slice_has(parts->message, call_phases[i].word))
            return call_phases[i].phase;
    bool runs_calls = slice_eqz(parts->component, "Agent") || slice_eqz(parts->component, "Handler");
    if (runs_calls && st->call_phase != EVENT_PHASE_NONE)
        return st->call_phase;
    for (size_t i = 0; i < sizeof component_phases / sizeof component_phases[0]; i++)
        if (slice_eqz(parts->component, component_phases[i].word))
            return component_phases[i].phase;
    return EVENT_PHASE_NONE;
}

/* `** START **  Agent: Finding updates`, `* START *   Driver Install`: the exit code comes lines later, on a
 * line that does not say whose it is. */
static void note_start(struct log_state *st, const struct update_line *parts)
{
    if (slice_find(parts->message, "* START *", 0) == parts->message.n)
        return;
    for (size_t i = 0; i < sizeof call_phases / sizeof call_phases[0]; i++)
        if (slice_has(parts->message, call_phases[i].word))
            st->call_phase = call_phases[i].phase;
}

static bool is_outcome(const struct update_line *parts, const struct code_hit *hit)
{
    if (!code_is_failure(hit->code) || hit->code == call_cancelled)
        return false;
    if (hit->anchor->outcome || hit->anchor == &anchors[0])
        return true;
    return slice_has(parts->message, "WU client failed ") || slice_has(parts->message, "WU client calls back to ");
}

static void read_code(struct log_state *st, struct slice line, const struct update_line *parts,
                      const struct code_hit *hit)
{
    bool is_exit = hit->anchor == &anchors[0];
    /* 0x240001 at every stop of the service; a code of 0 elsewhere is only a parameter. */
    if ((is_exit && slice_has(parts->message, "Service exit")) || (!is_exit && hit->code == 0))
        return;
    bool failed = is_outcome(parts, hit);
    bool scanned = is_exit && !code_is_failure(hit->code) && slice_has(parts->message, "Finding updates");
    if (!failed && !scanned) {
        line_noise(st, line, hit->anchor->context, hit->code);
        return;
    }
    struct event ev;
    line_event(st, line, hit->anchor->context, hit->code, &ev);
    ev.phase = phase_of(st, parts);
    if (failed) {
        line_failure(st, &ev, REPEAT_MS, KEEP_FIRST);
        return;
    }
    ev.outcome = EVENT_SUCCEEDED;
    line_report(st, &ev);
}

static void read_bare(struct log_state *st, struct slice line, const struct update_line *parts,
                      const struct bare_anchor *bare)
{
    const char *before = bare->anchor.before;
    for (size_t at = 0; (at += slice_find(slice_from(line, at), before, bare->pivot)) < line.n;) {
        at += strlen(before);
        struct code_hit hit = {.anchor = &bare->anchor, .at = at, .end = at + 8};
        if (code_bare_at(line, at, &hit.code))
            read_code(st, line, parts, &hit);
    }
}

static void read_codes(struct log_state *st, struct slice line, const struct update_line *parts)
{
    struct code_scan scan;
    struct code_hit hit;
    note_start(st, parts);
    code_scan_init(&scan, line, anchors, sizeof anchors / sizeof anchors[0]);
    while (code_scan_next(&scan, &hit))
        read_code(st, line, parts, &hit);
    for (size_t i = 0; i < sizeof bare_anchors / sizeof bare_anchors[0]; i++)
        read_bare(st, line, parts, &bare_anchors[i]);
}

/* "2018-05-21<tab>20:27:47:376<tab>1008<tab>680<tab>Agent<tab>  * WARNING: Exit code = 0x8024000B" */

static enum recognition recognise_7(struct slice line)
{
    bool stamped = line.n > STAMP_7_LENGTH && digits_at(line, 0, 4) > 0 && line.p[4] == '-' && line.p[10] == '\t' &&
                   line.p[13] == ':' && line.p[19] == ':' && line.p[STAMP_7_LENGTH] == '\t';
    return stamped ? RECOGNISED_SURE : RECOGNISED_NOT;
}

static void read_line_7(struct log_state *st, struct slice line)
{
    struct update_line parts = {.component = slice_make(line.p, 0), .message = line};
    struct slice rest = line;
    for (int column = 0; column < 5 && rest.n; column++) {
        const char *tab = memchr(rest.p, '\t', rest.n);
        if (!tab)
            break;
        parts.component = slice_make(rest.p, (size_t)(tab - rest.p));
        rest = slice_from(rest, parts.component.n + 1);
        if (column == 4)
            parts.message = rest;
    }
    read_codes(st, line, &parts);
}

static void time_7(struct log_state *st, struct slice line, struct event *ev)
{
    (void)st;
    ev->time_is_local = true;
    ev->has_time = time_from_civil(digits_at(line, 0, 4), digits_at(line, 5, 2), digits_at(line, 8, 2),
                                   digits_at(line, 11, 2), digits_at(line, 14, 2), digits_at(line, 17, 2),
                                   digits_at(line, 20, 3), &ev->time_ms);
}

const struct line_parser line_parser_windows_update_7 = {
    .kind = LOG_KIND_WINDOWS_UPDATE_7,
    .source = EVENT_SOURCE_WINDOWS_UPDATE_LOG,
    .phase = EVENT_PHASE_NONE,
    .recognise = recognise_7,
    .read = read_line_7,
    .time = time_7,
};

/* "2023/05/22 08:08:32.6295131 8096  8116  Shared          text": order and divider of the date follow the
 * culture of whoever decoded the log. */

struct decoded_stamp {
    int fields[3];
    size_t widths[3];
    size_t clock; /* where HH:MM:SS.fffffff begins */
};

static bool parse_stamp(struct slice line, struct decoded_stamp *out)
{
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        size_t width = 0;
        while (width < 4 && digits_at(line, at + width, 1) >= 0)
            width++;
        if (width == 0)
            return false;
        out->fields[i] = digits_at(line, at, width);
        out->widths[i] = width;
        at += width;
        if (at >= line.n || (i < 2 ? !strchr("/-.", line.p[at]) || !line.p[at] : line.p[at] != ' '))
            return false;
        at++;
    }
    out->clock = at;
    return line.n > at + 16 && line.p[at + 2] == ':' && line.p[at + 5] == ':' && line.p[at + 8] == '.' &&
           digits_at(line, at + 9, 7) >= 0 && line.p[at + 16] == ' ';
}

static enum recognition recognise_decoded(struct slice line)
{
    struct decoded_stamp stamp;
    return parse_stamp(line, &stamp) ? RECOGNISED_SURE : RECOGNISED_NOT;
}

/* A number above 12 in the log so far tells which of the two is the day; until then there is no date. */
static bool date_of(struct log_state *st, const struct decoded_stamp *stamp, int *year, int *month, int *day)
{
    const int *f = stamp->fields;
    if (stamp->widths[0] == 4) {
        *year = f[0], *month = f[1], *day = f[2];
        return true;
    }
    if (f[0] > 12)
        st->date_order = DATE_DAY_FIRST;
    else if (f[1] > 12)
        st->date_order = DATE_MONTH_FIRST;
    bool day_first = st->date_order == DATE_DAY_FIRST;
    *year = f[2], *month = day_first ? f[1] : f[0], *day = day_first ? f[0] : f[1];
    return stamp->widths[2] == 4 && (st->date_order != DATE_ORDER_UNKNOWN || f[0] == f[1]);
}

static void time_decoded(struct log_state *st, struct slice line, struct event *ev)
{
    struct decoded_stamp stamp;
    int year, month, day;
    if (!parse_stamp(line, &stamp) || !date_of(st, &stamp, &year, &month, &day))
        return;
    ev->time_is_local = true;
    ev->has_time = time_from_civil(year, month, day, digits_at(line, stamp.clock, 2),
                                   digits_at(line, stamp.clock + 3, 2), digits_at(line, stamp.clock + 6, 2),
                                   digits_at(line, stamp.clock + 9, 3), &ev->time_ms);
}

/* Process and thread id, then the component padded with blanks. */
static void read_line_decoded(struct log_state *st, struct slice line)
{
    struct update_line parts = {.component = slice_make(line.p, 0), .message = line};
    struct decoded_stamp stamp;
    if (parse_stamp(line, &stamp)) {
        struct slice rest = slice_from(line, stamp.clock + 16);
        for (int word = 0; word < 3; word++) {
            while (rest.n && rest.p[0] == ' ')
                rest = slice_from(rest, 1);
            const char *blank = rest.n ? memchr(rest.p, ' ', rest.n) : NULL;
            parts.component = slice_make(rest.p, blank ? (size_t)(blank - rest.p) : rest.n);
            rest = slice_from(rest, parts.component.n);
        }
        parts.message = rest;
    }
    read_codes(st, line, &parts);
}

const struct line_parser line_parser_windows_update = {
    .kind = LOG_KIND_WINDOWS_UPDATE,
    .source = EVENT_SOURCE_WINDOWS_UPDATE_LOG,
    .phase = EVENT_PHASE_NONE,
    .recognise = recognise_decoded,
    .read = read_line_decoded,
    .time = time_decoded,
};
