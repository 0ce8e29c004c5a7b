/* Secrets by DPAPI, machine scope: any account of this machine that can read the file could open them, so the
 * guard of the state folder is half of the protection; another machine can't. */
#include "parts.h"

#include <wincrypt.h>

static DATA_BLOB blob_of(struct slice s)
{
    return (DATA_BLOB){(DWORD)s.n, (BYTE *)(uintptr_t)s.p}; /* only read; the API knows no const */
}

static enum machine_status blob_give(DATA_BLOB blob, const char *what, struct buf *out, struct err *e)
{
    buf_append(out, blob.pbData, blob.cbData);
    SecureZeroMemory(blob.pbData, blob.cbData);
    LocalFree(blob.pbData);
    return buf_check(out, what, e) ? MACHINE_OK : MACHINE_FAILED;
}

enum machine_status windows_seal(void *ctx, struct slice secret, struct buf *out, struct err *e)
{
    (void)ctx;
    DATA_BLOB in = blob_of(secret), sealed = {0};
    if (!CryptProtectData(&in, L"Fleetmend agent", NULL, NULL, NULL,
                          CRYPTPROTECT_LOCAL_MACHINE | CRYPTPROTECT_UI_FORBIDDEN, &sealed))
        return win32_status(e, GetLastError(), "sealing a secret");
    return blob_give(sealed, "sealed secret", out, e);
}

enum machine_status windows_unseal(void *ctx, struct slice sealed, struct buf *out, struct err *e)
{
    (void)ctx;
    DATA_BLOB in = blob_of(sealed), secret = {0};
    if (!CryptUnprotectData(&in, NULL, NULL, NULL, NULL, CRYPTPROTECT_UI_FORBIDDEN, &secret))
        return win32_status(e, GetLastError(), "opening a sealed secret");
    return blob_give(secret, "unsealed secret", out, e);
}
