/* The fixed programs of Windows that repairs may run. */
#include "mem.h"
#include "parts.h"
#include "text.h"

struct program_row {
    const wchar_t *exe; /* in System32 */
    const wchar_t *arguments[4];
};

static const struct program_row programs[PROGRAM_COUNT] = {
    [PROGRAM_W32TM_RESYNC_REDISCOVER] = {L"w32tm.exe", {L"/resync", L"/rediscover", NULL}},
    [PROGRAM_W32TM_RESYNC] = {L"w32tm.exe", {L"/resync", NULL}},
};

enum machine_status windows_program_start(void *ctx, enum machine_program p, int limit_s, struct err *e)
{
    struct machine_windows *m = ctx;
    if (m->program)
        return machine_fail(e, MACHINE_BUSY, "another program is still running");
    wchar_t *exe = wide_printf(L"%ls\\System32\\%ls", m->windows_dir, programs[p].exe);
    struct child_options o = {
        .exe = exe,
        .arguments = programs[p].arguments,
        .limit_s = limit_s,
        .processes_max = 4, /* itself, its console host, and some air */
        .memory_max_bytes = (size_t)256 << 20,
        .output_max_bytes = 2 * PROGRAM_OUTPUT_MAX, /* UTF-16 takes two bytes where UTF-8 takes one */
    };
    enum machine_status status = child_start(&o, &m->program, e);
    mem_free(exe);
    return status;
}

enum machine_status windows_program_poll(void *ctx, struct program_end *out, struct err *e)
{
    struct machine_windows *m = ctx;
    struct child_end end;
    if (!m->program)
        return machine_fail(e, MACHINE_FAILED, "no program is running");
    enum machine_status status = child_poll(m->program, &end, e);
    if (status == MACHINE_PENDING)
        return status;
    if (status == MACHINE_OK) {
        *out = (struct program_end){.exit_code = end.exit_code, .timed_out = end.timed_out};
        struct buf text;
        buf_init(&text, 8 * PROGRAM_OUTPUT_MAX);
        console_text(end.output, &text);
        struct slice all = buf_slice(&text);
        if (all.n >= sizeof out->output)
            all.n = utf8_valid_prefix(slice_make(all.p, sizeof out->output - 1));
        memcpy(out->output, all.n ? all.p : "", all.n);
        out->output[all.n] = '\0';
        buf_free(&text);
    }
    child_free(m->program);
    m->program = NULL;
    return status;
}
