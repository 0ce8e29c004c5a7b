#include "wide.h"

#include "mem.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT_UNITS_MAX = 16 << 20 };

wchar_t *wide_from_utf8(const char *s)
{
    if (!s)
        return NULL;
    int n = MultiByteToWideChar(CP_UTF8, 0, s, -1, NULL, 0);
    if (n < 1)
        n = 1;
    wchar_t *w = mem_zalloc((size_t)n * sizeof *w);
    MultiByteToWideChar(CP_UTF8, 0, s, -1, w, n);
    return w;
}

bool wide_append(struct buf *out, const wchar_t *s, size_t n)
{
    if (n == 0)
        return true;
    if (n > TEXT_UNITS_MAX)
        return false;
    int bytes = WideCharToMultiByte(CP_UTF8, 0, s, (int)n, NULL, 0, NULL, NULL);
    char *utf8 = mem_alloc((size_t)bytes + 1);
    WideCharToMultiByte(CP_UTF8, 0, s, (int)n, utf8, bytes, NULL, NULL);
    bool ok = buf_append(out, utf8, (size_t)bytes);
    mem_free(utf8);
    return ok;
}

char *wide_to_utf8(const wchar_t *s)
{
    if (!s)
        return NULL;
    struct buf out;
    buf_init(&out, 4 * (size_t)TEXT_UNITS_MAX);
    wide_append(&out, s, wcslen(s));
    return buf_take(&out);
}

void wide_to_array(const wchar_t *s, char *out, size_t size)
{
    char *utf8 = wide_to_utf8(s);
    size_t n = strlen(utf8);
    if (n >= size)
        n = utf8_valid_prefix(slice_make(utf8, size - 1));
    memcpy(out, utf8, n);
    out[n] = '\0';
    mem_free(utf8);
}

const char *wide_show(const wchar_t *s)
{
    static __thread char texts[4][300];
    static __thread unsigned next;
    DWORD code = GetLastError(); /* often the next argument of the same call */
    char *text = texts[next++ % 4];
    wide_to_array(wcsncmp(s, L"\\\\?\\", 4) == 0 ? s + 4 : s, text, sizeof texts[0]);
    SetLastError(code);
    return text;
}

wchar_t *wide_printf(const wchar_t *fmt, ...)
{
    va_list args;
    /* Windows' own counting twin of vsnwprintf; the C standard's can't be asked for the length. */
    va_start(args, fmt);
    int n = _vscwprintf(fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    wchar_t *w = mem_zalloc(((size_t)n + 1) * sizeof *w);
    va_start(args, fmt);
    _vsnwprintf(w, (size_t)n + 1, fmt, args);
    va_end(args);
    w[n] = L'\0';
    return w;
}

/* ---- error numbers ---- */

struct error_row {
    DWORD code;
    enum machine_status status;
    enum err_kind kind;
};

/* Not in every winerror.h. */
#ifndef ERROR_VIRUS_INFECTED
#define ERROR_VIRUS_INFECTED 225
#define ERROR_VIRUS_DELETED  226
#endif

/* Numbers that are not simply "tried and failed". */
static const struct error_row error_rows[] = {
    {ERROR_ACCESS_DENIED, MACHINE_DENIED, ERR_DENIED},
    {ERROR_PRIVILEGE_NOT_HELD, MACHINE_DENIED, ERR_DENIED},
    {ERROR_VIRUS_INFECTED, MACHINE_DENIED, ERR_DENIED},
    {ERROR_VIRUS_DELETED, MACHINE_DENIED, ERR_DENIED},
    {ERROR_ACCESS_DISABLED_BY_POLICY, MACHINE_DENIED, ERR_DENIED},
    {ERROR_FILE_NOT_FOUND, MACHINE_ABSENT, ERR_NOT_FOUND},
    {ERROR_PATH_NOT_FOUND, MACHINE_ABSENT, ERR_NOT_FOUND},
    {ERROR_SERVICE_DOES_NOT_EXIST, MACHINE_ABSENT, ERR_NOT_FOUND},
    {ERROR_SHARING_VIOLATION, MACHINE_BUSY, ERR_CONFLICT},
    {ERROR_LOCK_VIOLATION, MACHINE_BUSY, ERR_CONFLICT},
    {ERROR_BUSY, MACHINE_BUSY, ERR_CONFLICT},
};

static struct error_row error_row(DWORD code)
{
    for (size_t i = 0; i < sizeof error_rows / sizeof *error_rows; i++)
        if (error_rows[i].code == code)
            return error_rows[i];
    return (struct error_row){code, MACHINE_FAILED, ERR_IO};
}

/* Windows' sentence, in English where it has English, without its final line break and full stop. */
static void system_text(DWORD code, char *out, size_t size)
{
    static const DWORD languages[] = {MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), 0};
    wchar_t text[256];
    DWORD n = 0;
    for (size_t i = 0; i < 2 && n == 0; i++)
        n = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code,
                           languages[i], text, sizeof text / sizeof *text, NULL);
    while (n > 0 && (text[n - 1] <= L' ' || text[n - 1] == L'.'))
        n--;
    text[n] = L'\0';
    if (n == 0)
        snprintf(out, size, "failed");
    else
        wide_to_array(text, out, size);
}

static enum machine_status set_by_code(struct err *e, DWORD code, const char *fmt, va_list args)
{
    char context[ERR_TEXT_MAX / 2], text[200];
    vsnprintf(context, sizeof context, fmt, args);
    system_text(code, text, sizeof text);
    struct error_row row = error_row(code);
    err_set(e, row.kind, "%s: %s (Windows error %lu)", context, text, code);
    return row.status;
}

enum machine_status win32_status(struct err *e, DWORD code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    enum machine_status status = set_by_code(e, code, fmt, args);
    va_end(args);
    return status;
}

bool win32_error(struct err *e, DWORD code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_by_code(e, code, fmt, args);
    va_end(args);
    return false;
}

enum machine_status machine_fail(struct err *e, enum machine_status status, const char *fmt, ...)
{
    static const enum err_kind kinds[] = {
        [MACHINE_ABSENT] = ERR_UNAVAILABLE, [MACHINE_DENIED] = ERR_DENIED,    [MACHINE_BUSY] = ERR_CONFLICT,
        [MACHINE_FAILED] = ERR_IO,          [MACHINE_PENDING] = ERR_CONFLICT, [MACHINE_OK] = ERR_INTERNAL,
    };
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err_set(e, kinds[status], "%s", text);
    return status;
}
