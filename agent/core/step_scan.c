#include "steps.h"

#include "code.h"

enum { SCAN_LIMIT_S = 3600, TRIES = 3, POLL_MS = 1000 };

enum machine_status scan_work(struct run *r, struct err *e)
{
    if (r->phase == 0) {
        enum machine_status status = r->machine->ops->scan_start(r->machine->ctx, SCAN_LIMIT_S, e);
        if (status != MACHINE_OK)
            return status;
        r->phase = 1;
        r->since_ticks = r->now.ticks_ms;
    }
    enum machine_status status = r->machine->ops->scan_poll(r->machine->ctx, &r->scan, e);
    if (status == MACHINE_PENDING && run_is_late(r, SCAN_LIMIT_S + 60)) {
        err_set(e, ERR_TIMEOUT, "the scan did not end within %d minutes", SCAN_LIMIT_S / 60);
        status = MACHINE_FAILED;
    }
    if (status == MACHINE_PENDING)
        run_again(r, POLL_MS);
    else
        r->phase = 0;
    r->have_scan = status == MACHINE_OK;
    return status;
}

enum step_end step_scan(struct run *r, const struct step *st)
{
    struct err e = {0};
    char code[CODE_TEXT_MAX];
    (void)st;
    enum machine_status status = scan_work(r, &e);
    if (status == MACHINE_PENDING)
        return STEP_AGAIN;
    if (status == MACHINE_ABSENT)
        return run_fail(r, JOB_RESULT_NOT_AVAILABLE, "this system offers no update scan: %s", e.text);
    if (status != MACHINE_OK)
        return run_retry(r, TRIES, status, "the scan could not be made", &e);
    if (!r->scan.available)
        return run_fail(r, JOB_RESULT_NOT_AVAILABLE, "this system offers no update scan: %s", r->scan.reason);
    code_print(r->scan.code, code);
    run_say(r, "the scan (%s) ended with %s: %s", r->scan.service[0] ? r->scan.service : "update service", code,
            r->scan.code ? code_text(r->scan.code) : "clean");
    return STEP_NEXT;
}
