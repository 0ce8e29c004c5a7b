/* The update scan, seen from the agent: a child process that asks (scan_child.c), and its answer of one line.
 */
#include "json.h"
#include "mem.h"
#include "parts.h"

#include <stdio.h>

enum { SCAN_MEMORY_MAX_MB = 1024, SCAN_OUTPUT_MAX = 16 * 1024 };

enum machine_status windows_scan_start(void *ctx, int limit_s, struct err *e)
{
    struct machine_windows *m = ctx;
    static const wchar_t *const arguments[] = {L"scan-child", NULL};
    if (m->scan)
        return machine_fail(e, MACHINE_BUSY, "a scan is still running");
    struct child_options o = {
        .exe = m->scan_exe,
        .arguments = arguments,
        .limit_s = limit_s,
        .processes_max = 4,
        .memory_max_bytes = (size_t)SCAN_MEMORY_MAX_MB
                            << 20, /* on old systems the search runs inside the caller */
        .output_max_bytes = SCAN_OUTPUT_MAX,
    };
    m->scan_started_ticks_ms = clock_ticks_ms(m->machine.clock);
    return child_start(&o, &m->scan, e);
}

static void text_get(const struct json *answer, const char *key, char *out, size_t size)
{
    struct slice text;
    out[0] = '\0';
    if (json_string(json_get(answer, key), &text))
        snprintf(out, size, "%.*s", SLICE_ARG(text));
}

static bool answer_read(struct slice raw, struct scan_end *out, struct err *e)
{
    int64_t code = 0;
    struct json *answer = json_parse(raw, e);
    if (!answer)
        return err_wrap(e, "answer of the scan process");
    bool ok = json_bool(json_get(answer, "available"), &out->available) &&
              json_int(json_get(answer, "code"), &code) &&
              json_bool(json_get(answer, "reboot"), &out->reboot_required);
    out->code = (uint32_t)code;
    text_get(answer, "reason", out->reason, sizeof out->reason);
    text_get(answer, "service", out->service, sizeof out->service);
    json_free(answer);
    return ok || err_set(e, ERR_INVALID, "answer of the scan process: incomplete");
}

enum machine_status windows_scan_poll(void *ctx, struct scan_end *out, struct err *e)
{
    struct machine_windows *m = ctx;
    struct child_end end;
    if (!m->scan)
        return machine_fail(e, MACHINE_FAILED, "no scan is running");
    enum machine_status status = child_poll(m->scan, &end, e);
    if (status == MACHINE_PENDING)
        return status;
    *out = (struct scan_end){.started_ticks_ms = m->scan_started_ticks_ms};
    if (status == MACHINE_OK && end.timed_out)
        status =
            machine_fail(e, MACHINE_FAILED, "the update scan did not end within its time and was stopped");
    else if (status == MACHINE_OK && end.exit_code != 0)
        status = machine_fail(e, MACHINE_FAILED, "the scan process ended with 0x%08X", end.exit_code);
    else if (status == MACHINE_OK && !answer_read(end.output, out, e))
        status = MACHINE_FAILED;
    if (status == MACHINE_OK)
        snprintf(m->scan_unavailable, sizeof m->scan_unavailable, "%s", out->available ? "" : out->reason);
    child_free(m->scan);
    m->scan = NULL;
    return status;
}
