/* CBS.log and CbsPersist_*.log: most of their HRESULTs stand on Info lines and mean nothing, so a failure is
 * an Error line or one of the lines that tell how a session ended. CheckSUR.log of Windows 7 is read too. */
#include "line_parser.h"

#include "code.h"

static const uint32_t store_corruption = 0x800F0831; /* CBS_E_STORE_CORRUPTION */

static const struct code_anchor anchors[] = {
    {.before = "HRESULT = ", .context = "hresult", .any_length = true},
    {.before = "tatus: ", .context = "status"},
    {.before = "Operation result: ", .context = "checksur"},
    {.before = "\t", .context = "checksur"}, /* `(f)<tab>CBS MUM Corrupt<tab>0x800F0900<tab>servicing\...` */
};

enum { ANCHOR_HRESULT, ANCHOR_STATUS, ANCHOR_SUMMARY, ANCHOR_CHECKSUR };

/* One session repeats its result in half a dozen lines; a new session of the same update takes longer. */
enum { REPEAT_MS = 2 * MINUTE_MS };

/* Lines whose failing code is the operation's result, on whatever level they stand. */
static const struct outcome_line {
    const char *prefix;
    const char *has;    /* somewhere behind the prefix; may be NULL */
    uint32_t only_code; /* 0: any failure */
    enum event_phase phase;
} outcome_lines[] = {
    {.prefix = "Exec: Processing complete", .phase = EVENT_PHASE_INSTALL},
    {.prefix = "Session: ", .has = " finalized. Reboot required", .phase = EVENT_PHASE_INSTALL},
    {.prefix = "WER: Generating failure report for package", .phase = EVENT_PHASE_INSTALL},
    {.prefix = "Failed to execute execution chain.", .phase = EVENT_PHASE_INSTALL},
    {.prefix = "Startup: Failed", .phase = EVENT_PHASE_INSTALL},
    {.prefix = "Doqe: Failed installing driver updates", .phase = EVENT_PHASE_DRIVER},
    {.prefix = "Setting original failure status: ", .phase = EVENT_PHASE_INSTALL},
    {.prefix = "Failed to resolve package", .only_code = 0x800F0831, .phase = EVENT_PHASE_INSTALL},
    {.prefix = "Mark store corruption flag", .only_code = 0x800F0831, .phase = EVENT_PHASE_INSTALL},
};

static const struct outcome_line *outcome_of(struct slice message, uint32_t code)
{
    for (size_t i = 0; i < sizeof outcome_lines / sizeof outcome_lines[0]; i++) {
        const struct outcome_line *row = &outcome_lines[i];
        if (slice_starts(message, row->prefix) && (!row->has || slice_has(message, row->has)) &&
            (!row->only_code || row->only_code == code))
            return row;
    }
    return NULL;
}

static enum recognition recognise(struct slice line)
{
    struct panther_line parts;
    panther_parse(line, &parts);
    if (slice_eqz(parts.component, "CBS") || slice_eqz(parts.component, "DPX"))
        return RECOGNISED_SURE;
    if (!parts.stamped && slice_starts(line, "Checking System Update Readiness."))
        return RECOGNISED_SURE;
    /* Setup logs have CSI lines too, even as their first. */
    return slice_eqz(parts.component, "CSI") ? RECOGNISED_MAYBE : RECOGNISED_NOT;
}

static void fail(struct log_state *st, struct slice line, const struct panther_line *parts,
                 const struct code_hit *hit, enum event_phase phase)
{
    struct event ev;
    line_event(st, line, hit->anchor->context, hit->code, &ev);
    ev.phase = phase;
    if (hit->code != store_corruption)
        kb_find(parts->message, ev.kb);
    else if (st->missing_kb[0])
        memcpy(ev.kb, st->missing_kb, sizeof ev.kb);
    else if (slice_starts(parts->message, "Mark store corruption flag"))
        kb_find(parts->message, ev.kb);
    line_failure(st, &ev, REPEAT_MS, KEEP_FIRST);
}

static void read_code(struct log_state *st, struct slice line, const struct panther_line *parts,
                      const struct code_hit *hit)
{
    const struct code_anchor *anchor = hit->anchor;
    if (anchor == &anchors[ANCHOR_CHECKSUR] && !slice_starts(parts->message, "("))
        return;
    if (hit->code == 0 && anchor != &anchors[ANCHOR_HRESULT])
        return;
    bool says_result = anchor == &anchors[ANCHOR_HRESULT] || anchor == &anchors[ANCHOR_STATUS];
    const struct outcome_line *row = outcome_of(parts->message, hit->code);
    if (says_result && code_is_failure(hit->code) && (row || parts->is_error))
        fail(st, line, parts, hit, row ? row->phase : EVENT_PHASE_INSTALL);
    else
        line_noise(st, line, anchor->context, hit->code);
}

static void read_line(struct log_state *st, struct slice line)
{
    static const char missing[] = "Store corruption, manifest missing for package:";
    struct panther_line parts;
    panther_parse(line, &parts);

    if (slice_starts(parts.message, missing)) {
        st->missing_kb[0] = '\0';
        kb_find(slice_from(parts.message, sizeof missing - 1), st->missing_kb);
    }
    struct code_scan scan;
    struct code_hit hit;
    code_scan_init(&scan, line, anchors, sizeof anchors / sizeof anchors[0]);
    while (code_scan_next(&scan, &hit))
        read_code(st, line, &parts, &hit);

    if (slice_starts(parts.message, "Session: ") && slice_has(parts.message, " finalized. Reboot required")) {
        line_flush(st);
        st->missing_kb[0] = '\0';
    }
}

const struct line_parser line_parser_cbs = {
    .kind = LOG_KIND_CBS,
    .source = EVENT_SOURCE_CBS_LOG,
    .phase = EVENT_PHASE_INSTALL,
    .recognise = recognise,
    .read = read_line,
    .time = panther_time,
};
