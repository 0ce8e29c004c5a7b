#include "child.h"

#include "mem.h"

#include <stdio.h>

struct child {
    HANDLE process, job, pipe;
    ULONGLONG deadline_100ns;
    bool timed_out;
    struct buf output;
};

/* Time the machine was awake: a laptop that sleeps through the night has not used up its limit. */
static ULONGLONG awake_100ns(void)
{
    ULONGLONG now = 0;
    QueryUnbiasedInterruptTime(&now);
    return now;
}

/* ---- command line and environment ---- */

/* Backslashes are plain, except before a quote and at the end of a quoted argument: there they count double.
 */
static void quote(struct buf *out, const wchar_t *argument)
{
    size_t backslashes = 0;
    const wchar_t quote_mark = L'"', backslash = L'\\';
    buf_append(out, &quote_mark, sizeof quote_mark);
    for (const wchar_t *c = argument;; c++) {
        if (*c == L'\\') {
            backslashes++;
            continue;
        }
        size_t times = *c == L'"' ? 2 * backslashes + 1 : *c ? backslashes : 2 * backslashes;
        for (; times > 0; times--)
            buf_append(out, &backslash, sizeof backslash);
        backslashes = 0;
        if (!*c)
            break;
        buf_append(out, c, sizeof *c);
    }
    buf_append(out, &quote_mark, sizeof quote_mark);
}

wchar_t *child_command_line(const wchar_t *exe, const wchar_t *const *arguments)
{
    const wchar_t blank = L' ', end = L'\0';
    struct buf out;
    buf_init(&out, 32767 * sizeof(wchar_t)); /* what CreateProcess takes */
    quote(&out, exe);
    for (; arguments && *arguments; arguments++) {
        buf_append(&out, &blank, sizeof blank);
        if (**arguments && !wcspbrk(*arguments, L" \t\n\v\""))
            buf_append(&out, *arguments, wcslen(*arguments) * sizeof(wchar_t));
        else
            quote(&out, *arguments);
    }
    buf_append(&out, &end, sizeof end);
    return (wchar_t *)(void *)buf_take(&out);
}

/* What Windows' own tools need, from Windows itself and not from whoever started us. */
static wchar_t *clean_environment(void)
{
    wchar_t windows[MAX_PATH];
    UINT n = GetSystemWindowsDirectoryW(windows, MAX_PATH);
    if (n == 0 || n >= MAX_PATH)
        wcscpy_s(windows, MAX_PATH, L"C:\\Windows");
    wchar_t *z =
        wide_printf(L"ComSpec=%ls\\System32\\cmd.exe|Path=%ls\\System32;%ls|PATHEXT=.EXE|SystemDrive=%.2ls|"
                    L"SystemRoot=%ls|TEMP=%ls\\Temp|TMP=%ls\\Temp|windir=%ls|",
                    windows, windows, windows, windows, windows, windows, windows, windows);
    for (wchar_t *c = z; *c; c++) /* '|' can't be part of a path */
        if (*c == L'|')
            *c = L'\0';
    return z; /* ends with two NULs: that of the last '|' and its own */
}

/* ---- start ---- */

static HANDLE job_new(const struct child_options *o)
{
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (!job)
        return NULL;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE |
                                              JOB_OBJECT_LIMIT_ACTIVE_PROCESS |
                                              JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    limits.BasicLimitInformation.ActiveProcessLimit = (DWORD)o->processes_max;
    if (o->memory_max_bytes > 0) {
        limits.BasicLimitInformation.LimitFlags |= JOB_OBJECT_LIMIT_JOB_MEMORY;
        limits.JobMemoryLimit = o->memory_max_bytes;
    }
    if (!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits)) {
        DWORD code = GetLastError();
        CloseHandle(job);
        SetLastError(code);
        return NULL;
    }
    return job;
}

/* The standard handles of the child: NUL, and the writing end of the pipe whose reading end is ours. */
static bool pipes_open(HANDLE *nul, HANDLE *write_end, HANDLE *read_end)
{
    SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
    *nul = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, OPEN_EXISTING, 0,
                       NULL);
    if (*nul == INVALID_HANDLE_VALUE)
        return false;
    if (!CreatePipe(read_end, write_end, &inherit, 64 * 1024)) {
        CloseHandle(*nul);
        return false;
    }
    SetHandleInformation(*read_end, HANDLE_FLAG_INHERIT, 0);
    return true;
}

/* CreateProcess, suspended, inheriting exactly these two handles. */
static bool process_create(const struct child_options *o, HANDLE nul, HANDLE write_end,
                           PROCESS_INFORMATION *out)
{
    bool ok = false;
    HANDLE inherited[] = {nul, write_end};
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    STARTUPINFOEXW start = {.StartupInfo = {.cb = sizeof start,
                                            .dwFlags = STARTF_USESTDHANDLES,
                                            .hStdInput = nul,
                                            .hStdOutput = write_end,
                                            .hStdError = write_end}};
    start.lpAttributeList = mem_alloc(size);
    wchar_t *command_line = child_command_line(o->exe, o->arguments), *environment = clean_environment();
    wchar_t directory[MAX_PATH];
    if (GetSystemDirectoryW(directory, MAX_PATH) == 0 ||
        !InitializeProcThreadAttributeList(start.lpAttributeList, 1, 0, &size))
        goto out;
    ok = UpdateProcThreadAttribute(start.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited,
                                   sizeof inherited, NULL, NULL) &&
         CreateProcessW(o->exe, command_line, NULL, NULL, TRUE,
                        CREATE_SUSPENDED | CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT |
                            EXTENDED_STARTUPINFO_PRESENT,
                        environment, directory, &start.StartupInfo, out);
    DWORD code = GetLastError();
    DeleteProcThreadAttributeList(start.lpAttributeList);
    SetLastError(code);
out:
    mem_free(start.lpAttributeList);
    mem_free(command_line);
    mem_free(environment);
    return ok;
}

/* Into the job before its first instruction, so that nothing it starts escapes. */
static bool process_confine(HANDLE job, const PROCESS_INFORMATION *process)
{
    bool ok = AssignProcessToJobObject(job, process->hProcess) && ResumeThread(process->hThread) != (DWORD)-1;
    DWORD code = GetLastError();
    if (!ok)
        TerminateProcess(process->hProcess, 1);
    CloseHandle(process->hThread);
    SetLastError(code);
    return ok;
}

enum machine_status child_start(const struct child_options *o, struct child **out, struct err *e)
{
    HANDLE nul, write_end, read_end;
    PROCESS_INFORMATION process = {0};
    HANDLE job = job_new(o);
    if (!job)
        return win32_status(e, GetLastError(), "%s: job object", wide_show(o->exe));
    if (!pipes_open(&nul, &write_end, &read_end)) {
        enum machine_status status = win32_status(e, GetLastError(), "%s: pipe", wide_show(o->exe));
        CloseHandle(job);
        return status;
    }
    bool ok = process_create(o, nul, write_end, &process);
    if (ok && !process_confine(job, &process))
        ok = false;
    DWORD code = GetLastError();
    CloseHandle(nul);
    CloseHandle(write_end); /* the child's copy alone keeps the pipe open */
    if (!ok) {
        if (process.hProcess)
            CloseHandle(process.hProcess);
        CloseHandle(read_end);
        CloseHandle(job);
        return win32_status(e, code, "%s", wide_show(o->exe));
    }
    struct child *c = mem_zalloc(sizeof *c);
    c->process = process.hProcess;
    c->job = job;
    c->pipe = read_end;
    c->deadline_100ns = awake_100ns() + (ULONGLONG)o->limit_s * 10000000;
    buf_init(&c->output, o->output_max_bytes);
    *out = c;
    return MACHINE_OK;
}

/* ---- while it runs ---- */

/* Takes what the pipe holds; beyond the maximum it is read and dropped, so that the child never blocks on it.
 */
static void drain(struct child *c)
{
    char bytes[4096];
    DWORD waiting = 0, got = 0;
    while (PeekNamedPipe(c->pipe, NULL, 0, NULL, &waiting, NULL) && waiting > 0) {
        DWORD n = waiting < sizeof bytes ? waiting : (DWORD)sizeof bytes;
        if (!ReadFile(c->pipe, bytes, n, &got, NULL) || got == 0)
            break;
        size_t room = c->output.max - c->output.n;
        buf_append(&c->output, bytes, got < room ? got : room);
    }
}

enum machine_status child_poll(struct child *c, struct child_end *end, struct err *e)
{
    bool ended = WaitForSingleObject(c->process, 0) == WAIT_OBJECT_0;
    drain(c); /* after the look: what it wrote last is in the pipe by now */
    if (!ended) {
        if (!c->timed_out && awake_100ns() >= c->deadline_100ns) {
            c->timed_out = true;
            TerminateJobObject(c->job, ERROR_TIMEOUT); /* it ends soon; the next look sees it */
        }
        return MACHINE_PENDING;
    }
    DWORD code = 0;
    if (!GetExitCodeProcess(c->process, &code))
        return win32_status(e, GetLastError(), "exit code");
    *end = (struct child_end){code, c->timed_out, buf_slice(&c->output)};
    return MACHINE_OK;
}

void child_free(struct child *c)
{
    if (!c)
        return;
    CloseHandle(c->job); /* ends it and its descendants */
    CloseHandle(c->process);
    CloseHandle(c->pipe);
    buf_free(&c->output);
    mem_free(c);
}
