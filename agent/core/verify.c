#include "verify.h"

#include "code.h"

#include <stdio.h>

static const char *text_of(const char *z)
{
    return z ? z : "";
}

static bool is_phase_of_install(const char *phase)
{
    enum event_phase p = EVENT_PHASE_NONE;
    return event_phase_parse(phase, &p) && (p == EVENT_PHASE_INSTALL || p == EVENT_PHASE_UNINSTALL ||
                                            p == EVENT_PHASE_UPGRADE || p == EVENT_PHASE_DRIVER);
}

/* A clean scan proves that scans work, no more: a download must be tried again, an update must install. Without a
 * phase it proves nothing either when the failure names an update. NULL: the scan is the proof. */
static const char *why_scan_is_no_proof(const struct failure *f)
{
    if (strcmp(f->phase, "download") == 0)
        return "the scan is clean; the download that failed has not been tried again yet";
    if (is_phase_of_install(f->phase) || (!f->phase[0] && (f->update_id[0] || f->kb[0])))
        return "the scan is clean, which proves nothing for an install failure: the update must install or fail again";
    return NULL;
}

/* What would prove it: the update installed or failed again; for a download also a download of it. */
static bool is_proof(const struct failure *aim, const struct wire_event *ev)
{
    bool download = strcmp(text_of(ev->phase), "download") == 0;
    return download ? strcmp(aim->phase, "download") == 0 : is_phase_of_install(text_of(ev->phase));
}

static bool is_same_update(const struct failure *f, const struct wire_event *ev)
{
    if (f->update_id[0] && text_of(ev->update_id)[0])
        return strcmp(f->update_id, ev->update_id) == 0;
    if (f->kb[0] && text_of(ev->kb)[0])
        return strcmp(f->kb, ev->kb) == 0;
    return !f->update_id[0] && !f->kb[0] && strcmp(f->phase, text_of(ev->phase)) == 0;
}

/* ---- what is known to fail ---- */

static void open_failure(struct failure *f, const struct wire_event *ev)
{
    *f = (struct failure){.code = ev->code, .seq = ev->seq};
    snprintf(f->phase, sizeof f->phase, "%s", text_of(ev->phase));
    snprintf(f->update_id, sizeof f->update_id, "%s", text_of(ev->update_id));
    snprintf(f->kb, sizeof f->kb, "%s", text_of(ev->kb));
}

void verify_note_event(struct journal *jl, const struct wire_event *ev)
{
    enum event_phase phase = EVENT_PHASE_NONE;
    if (ev->history || !event_phase_parse(text_of(ev->phase), &phase) || phase == EVENT_PHASE_NONE)
        return;
    struct failure *f = &jl->failures[phase];
    bool install = false;
    if (strcmp(ev->outcome, "failed") == 0) {
        if (code_lookup(ev->code).kind != CODE_FAILURE)
            return;
        open_failure(f, ev);
    } else {
        install = is_phase_of_install(ev->phase);
        snprintf(f->phase, sizeof f->phase, "%s", ev->phase);
        if (!install || is_same_update(f, ev))
            f->seq = 0;
        if (install)
            jl->last_install_seq = ev->seq;
    }
    journal_note_failure(jl, phase, install);
}

void verify_aim(const struct journal *jl, struct job *j)
{
    const struct failure *newest = NULL;
    for (int p = 0; p < EVENT_PHASE_COUNT; p++) {
        const struct failure *f = &jl->failures[p];
        bool fits = j->aim.code ? f->code == j->aim.code && strcmp(f->phase, j->aim.phase) == 0 : true;
        if (f->seq && fits && (!newest || f->seq > newest->seq))
            newest = f;
    }
    if (!newest)
        return;
    if (!j->aim.code)
        j->aim = *newest;
    else if (!j->aim.update_id[0])
        snprintf(j->aim.update_id, sizeof j->aim.update_id, "%s", newest->update_id);
    if (!j->aim.kb[0] && strcmp(j->aim.update_id, newest->update_id) == 0)
        snprintf(j->aim.kb, sizeof j->aim.kb, "%s", newest->kb);
}

/* ---- verdicts ---- */

static void set_verdict(struct job *j, enum job_verdict verdict, uint32_t code, const char *words)
{
    j->verdict = verdict;
    j->verdict_code = code;
    snprintf(j->verdict_reason, sizeof j->verdict_reason, "%s", words);
    j->dirty = true;
}

void verify_unknown(struct job *j, const char *reason)
{
    set_verdict(j, JOB_VERDICT_UNKNOWN, 0, reason);
}

static void judge_failing(struct job *j, const struct scan_end *scan)
{
    char words[REASON_MAX], code[CODE_TEXT_MAX];
    code_print(scan->code, code);
    if (scan->reboot_required)
        snprintf(words, sizeof words, "the scan returned %s, and Windows waits for a restart", code);
    else
        snprintf(words, sizeof words, "the scan returned %s%s: %s", code,
                 j->aim.code ? "" : "; no failure was known before", code_text(scan->code));
    if (scan->reboot_required)
        set_verdict(j, JOB_VERDICT_NEEDS_REBOOT, scan->code, words);
    else if (scan->code == j->aim.code)
        set_verdict(j, JOB_VERDICT_SAME, scan->code, words);
    else if (code_lookup(scan->code).kind == CODE_TRANSIENT)
        set_verdict(j, JOB_VERDICT_UNKNOWN, scan->code, words);
    else
        set_verdict(j, JOB_VERDICT_DIFFERENT, scan->code, words);
}

/* What an event proves, with the words that say which. */
static void judge_by_event(struct job *j, bool failed, uint32_t failure, bool download)
{
    char words[REASON_MAX], code[CODE_TEXT_MAX];
    code_print(failure, code);
    snprintf(words, sizeof words, "the update failed again with %s: %s", code, code_text(failure));
    if (failed)
        set_verdict(j, failure == j->aim.code ? JOB_VERDICT_SAME : JOB_VERDICT_DIFFERENT, failure, words);
    else
        set_verdict(j, JOB_VERDICT_FIXED, 0,
                    download ? "the update was downloaded after the repair" : "the update was installed after the repair");
    j->watched = false;
}

void verify_judge(struct job *j, const struct scan_end *scan)
{
    char words[REASON_MAX];
    if (!scan->available) {
        snprintf(words, sizeof words, "this system offers no update scan: %s", scan->reason);
        verify_unknown(j, words);
    } else if (code_is_failure(scan->code)) {
        judge_failing(j, scan);
    } else if (!j->aim.code) {
        verify_unknown(j, "the scan is clean; no failure was known before, so nothing was proved");
    } else if (why_scan_is_no_proof(&j->aim) && j->early != PROOF_NONE) {
        judge_by_event(j, j->early == PROOF_FAILED, j->early_code, j->early_download);
    } else if (why_scan_is_no_proof(&j->aim)) {
        set_verdict(j, JOB_VERDICT_PENDING, 0, why_scan_is_no_proof(&j->aim));
        j->watched = true;
    } else {
        set_verdict(j, JOB_VERDICT_FIXED, 0, "the scan after the repair is clean");
    }
}

bool verify_saw_event(struct job *j, const struct wire_event *ev)
{
    bool counts = (j->watched || j->stage == STAGE_VERIFYING) && ev->seq > j->start_seq && !ev->history &&
                  is_proof(&j->aim, ev) && is_same_update(&j->aim, ev);
    bool failed = counts && strcmp(ev->outcome, "failed") == 0;
    bool download = strcmp(text_of(ev->phase), "download") == 0;
    if (!counts || (failed && code_lookup(ev->code).kind != CODE_FAILURE))
        return false;
    if (!j->watched) {
        j->early = failed ? PROOF_FAILED : PROOF_SUCCEEDED;
        j->early_code = ev->code;
        j->early_download = download;
        return false;
    }
    judge_by_event(j, failed, ev->code, download);
    return true;
}
