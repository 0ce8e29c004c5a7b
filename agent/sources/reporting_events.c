/* SoftwareDistribution\ReportingEvents.log: one event a line, 12 columns divided by tabs, 13 on newer systems.
 * The code alone says little (a cancelled download has 8024000b and "Success"): the event's name and the
 * result column do. */
#include "line_parser.h"

#include "code.h"
#include "times.h"

enum { COLUMNS_MAX = 13, GUID_LENGTH = 38 };

enum column {
    COLUMN_TIME = 1,
    COLUMN_NAME = 3,
    COLUMN_UPDATE = 5,
    COLUMN_REVISION = 6,
    COLUMN_CODE = 7,
    COLUMN_RESULT = 9,
    COLUMN_CATEGORY = 10,
    COLUMN_TEXT = 11,
};

/* Asked in this order: UNINSTALL before INSTALL. The category is the fallback for names like (null). */
static const struct phase_word {
    const char *word;
    enum event_phase phase;
} phase_words[] = {
    {"DETECTION", EVENT_PHASE_SCAN},
    {"DOWNLOAD", EVENT_PHASE_DOWNLOAD},
    {"UNINSTALL", EVENT_PHASE_UNINSTALL},
    {"INSTALL", EVENT_PHASE_INSTALL},
    {"Software Synchronization", EVENT_PHASE_SCAN},
    {"Content Download", EVENT_PHASE_DOWNLOAD},
    {"Content Uninstall", EVENT_PHASE_UNINSTALL},
    {"Content Install", EVENT_PHASE_INSTALL},
};

static bool is_guid(struct slice s)
{
    static const char shape[] = "{hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh}";
    if (s.n < GUID_LENGTH)
        return false;
    for (size_t i = 0; i < GUID_LENGTH; i++) {
        char c = s.p[i];
        bool hex = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        if (shape[i] == 'h' ? !hex : c != shape[i])
            return false;
    }
    return true;
}

static enum recognition recognise(struct slice line)
{
    return is_guid(line) && line.n > GUID_LENGTH && line.p[GUID_LENGTH] == '\t' ? RECOGNISED_SURE : RECOGNISED_NOT;
}

static size_t split(struct slice line, struct slice columns[COLUMNS_MAX])
{
    size_t count = 0;
    for (;;) {
        const char *tab = line.n ? memchr(line.p, '\t', line.n) : NULL;
        columns[count++] = slice_make(line.p, tab ? (size_t)(tab - line.p) : line.n);
        if (!tab || count == COLUMNS_MAX)
            return count;
        line = slice_from(line, (size_t)(tab - line.p) + 1);
    }
}

static enum event_phase phase_of(struct slice name, struct slice category)
{
    for (size_t i = 0; i < sizeof phase_words / sizeof phase_words[0]; i++)
        if (slice_has(name, phase_words[i].word) || slice_has(category, phase_words[i].word))
            return phase_words[i].phase;
    return EVENT_PHASE_NONE;
}

/* "2023-06-28 04:15:45:293+0300"; old systems leave the offset out. */
static void read_time(struct log_state *st, struct slice line, struct event *ev)
{
    (void)st;
    struct slice columns[COLUMNS_MAX];
    if (split(line, columns) <= COLUMN_TIME)
        return;
    struct slice s = columns[COLUMN_TIME];
    ev->has_time = time_from_civil(digits_at(s, 0, 4), digits_at(s, 5, 2), digits_at(s, 8, 2), digits_at(s, 11, 2),
                                   digits_at(s, 14, 2), digits_at(s, 17, 2), digits_at(s, 20, 3), &ev->time_ms);
    ev->time_is_local = true;
    int hours = digits_at(s, 24, 2), minutes = digits_at(s, 26, 2);
    if (!ev->has_time || hours < 0 || minutes < 0 || (s.p[23] != '+' && s.p[23] != '-'))
        return;
    int64_t offset_ms = (hours * 60 + minutes) * (int64_t)MINUTE_MS;
    ev->time_ms -= s.p[23] == '+' ? offset_ms : -offset_ms;
    ev->time_is_local = false;
}

static void read_update(const struct slice columns[], struct event *ev)
{
    static const char nil[] = "{00000000-0000-0000-0000-000000000000}";
    struct slice guid = columns[COLUMN_UPDATE], revision = columns[COLUMN_REVISION];
    /* Of a scan, the column names the service that was asked. */
    if (ev->phase == EVENT_PHASE_SCAN || !is_guid(guid) || slice_starts(guid, nil))
        return;
    for (size_t i = 0; i < GUID_LENGTH - 2; i++)
        ev->update_id[i] = guid.p[i + 1] >= 'A' && guid.p[i + 1] <= 'F' ? (char)(guid.p[i + 1] | 0x20) : guid.p[i + 1];
    int number = revision.n <= 9 ? digits_at(revision, 0, revision.n) : -1;
    ev->revision = number > 0 ? (uint32_t)number : 0;
}

/* "Installation Failure: Windows failed to install the following update with error 0x80070643: TITLE": what
 * comes before the title may be translated, so the second colon is all that is relied on. */
static struct slice title_of(struct slice text)
{
    size_t at = slice_find(text, ": ", 0);
    if (at >= text.n)
        return slice_make(text.p, 0);
    struct slice rest = slice_from(text, at + 2);
    at = slice_find(rest, ": ", 0);
    return at < rest.n ? slice_from(rest, at + 2) : slice_make(text.p, 0);
}

/* Apps of the Store come as updates named 9NBLGGH4LS1F-Package.Name. */
static bool is_store_title(struct slice title)
{
    enum { PRODUCT_ID_LENGTH = 12 };
    if (title.n <= PRODUCT_ID_LENGTH || title.p[0] != '9' || title.p[PRODUCT_ID_LENGTH] != '-')
        return false;
    for (size_t i = 1; i < PRODUCT_ID_LENGTH; i++)
        if (!char_is_word(title.p[i]) || (title.p[i] >= 'a' && title.p[i] <= 'z'))
            return false;
    return true;
}

static enum event_outcome outcome_of(const struct slice columns[], uint32_t code, struct slice title)
{
    struct slice name = columns[COLUMN_NAME];
    bool failed = slice_has(name, "_FAILED]") || slice_eqz(columns[COLUMN_RESULT], "Failure");
    bool succeeded = slice_has(name, "_SUCCEEDED]") || slice_has(name, "_FINISHED]");
    if (failed)
        return code_is_failure(code) && !is_store_title(title) ? EVENT_FAILED : EVENT_NOISE;
    return succeeded && !code_is_failure(code) ? EVENT_SUCCEEDED : EVENT_NOISE;
}

static void read_line(struct log_state *st, struct slice line)
{
    struct slice columns[COLUMNS_MAX];
    uint32_t code;
    if (split(line, columns) <= COLUMN_TEXT || !code_parse_field(columns[COLUMN_CODE], &code))
        return;
    struct slice title = title_of(columns[COLUMN_TEXT]);
    enum event_outcome outcome = outcome_of(columns, code, title);
    if (outcome == EVENT_NOISE && !st->all)
        return;
    struct event ev;
    line_event(st, line, "column8", code, &ev);
    ev.outcome = outcome;
    ev.phase = phase_of(columns[COLUMN_NAME], columns[COLUMN_CATEGORY]);
    read_update(columns, &ev);
    if (title.n)
        line_title(title, &ev);
    kb_find(columns[COLUMN_TEXT], ev.kb);
    line_report(st, &ev);
}

const struct line_parser line_parser_reporting_events = {
    .kind = LOG_KIND_REPORTING_EVENTS,
    .source = EVENT_SOURCE_REPORTING_EVENTS,
    .phase = EVENT_PHASE_NONE,
    .recognise = recognise,
    .read = read_line,
    .time = read_time,
};
