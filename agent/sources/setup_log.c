/* setupact.log and setuperr.log of Windows setup. Setup logs hundreds of codes that it survives; what it died
 * of stands in four places: the result of CSetupHost::Execute, the post-reboot event, Setup360Result, and the
 * left side of "Remapping install error", whose right side is only for telemetry. */
#include "line_parser.h"

#include "code.h"

static const struct code_anchor anchors[] = {
    {.before = "Result = ", .context = "result"},
    {.before = "hr = ", .context = "result"},
    {.before = "Error: ", .context = "result"},
    {.before = "(hr:", .context = "hr"},
    {.before = "gle=", .context = "gle", .any_length = true},
    {.before = "eporting post reboot event -> [", .context = "setup_result", .outcome = true},
    {.before = "Remapping install error [", .context = "setup_result", .outcome = true},
    {.before = "[Setup360Result]=[", .context = "setup_result", .outcome = true},
};

/* Dynamic Update brought a newer setup, which starts in place of this one. */
static const uint32_t restart_application = 0x800705BB; /* ERROR_RESTART_APPLICATION */

enum { ANCHOR_RESULT = 0, REPEAT_MS = 60 * MINUTE_MS };

/* What only setup logs; CSI and DISM lines stand in the other logs as well. */
static const char *const components[] = {"MOUPG", "SP", "MIG", "CONX", "IBS", "IBSLIB", "PANTHR", "DIAGER", "DU", ""};

static enum recognition recognise(struct slice line)
{
    struct panther_line parts;
    panther_parse(line, &parts);
    if (!parts.stamped)
        return RECOGNISED_NOT;
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++)
        if (slice_eqz(parts.component, components[i]))
            return RECOGNISED_SURE;
    return RECOGNISED_NOT;
}

static void note_remapping(struct log_state *st, struct slice line, const struct code_hit *hit)
{
    static const char arrow[] = "] -> [0x";
    struct slice rest = slice_from(line, hit->end);
    if (slice_starts(rest, arrow) && !code_bare_at(rest, sizeof arrow - 1, &st->mapped_code))
        st->mapped_code = 0;
}

static bool is_outcome(const struct log_state *st, struct slice line, const struct code_hit *hit)
{
    if (!code_is_failure(hit->code) || hit->code == st->mapped_code || hit->code == restart_application)
        return false;
    if (hit->anchor->outcome)
        return true;
    return hit->anchor == &anchors[ANCHOR_RESULT] && slice_has(slice_make(line.p, hit->at), "CSetupHost::Execute(");
}

static void read_line(struct log_state *st, struct slice line)
{
    struct code_scan scan;
    struct code_hit hit;
    code_scan_init(&scan, line, anchors, sizeof anchors / sizeof anchors[0]);
    while (code_scan_next(&scan, &hit)) {
        note_remapping(st, line, &hit);
        if (!is_outcome(st, line, &hit)) {
            line_noise(st, line, hit.anchor->context, hit.code);
            continue;
        }
        struct event ev;
        line_event(st, line, hit.anchor->context, hit.code, &ev);
        ev.extend = code_extend_at(line, hit.end);
        line_failure(st, &ev, REPEAT_MS, KEEP_LAST);
    }
}

const struct line_parser line_parser_setup = {
    .kind = LOG_KIND_SETUP,
    .source = EVENT_SOURCE_SETUP_LOG,
    .phase = EVENT_PHASE_UPGRADE,
    .recognise = recognise,
    .read = read_line,
    .time = panther_time,
};
