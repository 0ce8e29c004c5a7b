/* dism.log: a failing operation climbs through the package manager's functions, each of which logs the code
 * on an Error line; the last one names the command. Warnings with an hr are normal at start-up, and the other
 * providers (Appx, drivers of an image) do not service updates. */
#include "line_parser.h"

#include "code.h"

static const struct code_anchor anchors[] = {{.before = "(hr:", .context = "hr", .any_length = true}};

enum { REPEAT_MS = 10 * MINUTE_MS };

static enum recognition recognise(struct slice line)
{
    struct panther_line parts;
    panther_parse(line, &parts);
    if (!slice_eqz(parts.component, "DISM"))
        return RECOGNISED_NOT;
    /* Setup logs have DISM lines too, but setup does not run DISM.EXE. */
    bool own = slice_starts(parts.message, "DISM.EXE:") || slice_has(parts.message, "dism.log");
    return own ? RECOGNISED_SURE : RECOGNISED_MAYBE;
}

static void read_line(struct log_state *st, struct slice line)
{
    struct panther_line parts;
    panther_parse(line, &parts);
    struct code_scan scan;
    struct code_hit hit;
    code_scan_init(&scan, line, anchors, sizeof anchors / sizeof anchors[0]);
    while (code_scan_next(&scan, &hit)) {
        if (!parts.is_error || !code_is_failure(hit.code) || !slice_starts(parts.message, "DISM Package Manager:")) {
            line_noise(st, line, hit.anchor->context, hit.code);
            continue;
        }
        struct event ev;
        line_event(st, line, hit.anchor->context, hit.code, &ev);
        kb_find(parts.message, ev.kb);
        line_failure(st, &ev, REPEAT_MS, KEEP_LAST);
    }
    if (slice_starts(parts.message, "DISM.EXE: Image session has been closed."))
        line_flush(st);
}

const struct line_parser line_parser_dism = {
    .kind = LOG_KIND_DISM,
    .source = EVENT_SOURCE_DISM_LOG,
    .phase = EVENT_PHASE_INSTALL,
    .recognise = recognise,
    .read = read_line,
    .time = panther_time,
};
