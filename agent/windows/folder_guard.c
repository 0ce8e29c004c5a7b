/* Who may enter the agent's folder, and whom it believes that a folder belongs to. */
#include "log.h"
#include "mem.h"
#include "parts.h"

#include <aclapi.h>
#include <sddl.h>

/* Owner Administrators; protected (nothing inherited); SYSTEM and Administrators: everything, below too. */
static const wchar_t guarded[] = L"O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";

static bool sid_is(PSID sid, WELL_KNOWN_SID_TYPE type)
{
    return IsWellKnownSid(sid, type) != FALSE;
}

static bool sid_is_own(PSID sid)
{
    bool own = false;
    HANDLE token;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    DWORD n = 0;
    if (GetTokenInformation(token, TokenUser, bytes, sizeof bytes, &n))
        own = EqualSid(((TOKEN_USER *)(void *)bytes)->User.Sid, sid) != FALSE;
    CloseHandle(token);
    return own;
}

/* S-1-5-80-...: TrustedInstaller and the identities of single services. */
static bool sid_is_service(PSID sid)
{
    static const SID_IDENTIFIER_AUTHORITY nt = {SECURITY_NT_AUTHORITY};
    return memcmp(GetSidIdentifierAuthority(sid), &nt, sizeof nt) == 0 && *GetSidSubAuthorityCount(sid) > 0 &&
           *GetSidSubAuthority(sid, 0) == SECURITY_SERVICE_ID_BASE_RID;
}

static bool sid_trusted(PSID sid)
{
    return sid &&
           (sid_is(sid, WinLocalSystemSid) || sid_is(sid, WinBuiltinAdministratorsSid) || sid_is_own(sid));
}

bool folder_owner_trusted(HANDLE folder)
{
    PSID owner = NULL;
    PSECURITY_DESCRIPTOR sd = NULL;
    if (GetSecurityInfo(folder, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &sd) !=
        ERROR_SUCCESS)
        return false;
    bool trusted = sid_trusted(owner) || sid_is_service(owner) || sid_is(owner, WinNetworkServiceSid) ||
                   sid_is(owner, WinLocalServiceSid);
    LocalFree(sd);
    return trusted;
}

/* Every entry that allows something allows it to those we trust. (The "protected" bit itself does not tell:
 * what counts is who may enter.) */
static bool acl_tight(PACL acl)
{
    if (!acl)
        return false; /* no list: everyone may do everything */
    for (DWORD i = 0; i < acl->AceCount; i++) {
        void *ace;
        if (!GetAce(acl, i, &ace))
            return false;
        ACE_HEADER *header = ace;
        if (header->AceType == ACCESS_DENIED_ACE_TYPE)
            continue;
        if (header->AceType != ACCESS_ALLOWED_ACE_TYPE)
            return false;
        PSID sid = &((ACCESS_ALLOWED_ACE *)ace)->SidStart;
        if (!sid_trusted(sid) && !sid_is(sid, WinCreatorOwnerSid))
            return false;
    }
    return true;
}

enum guard { GUARD_TIGHT, GUARD_LOOSE, GUARD_FOREIGN };

static enum guard guard_look(HANDLE folder)
{
    PSID owner = NULL;
    PACL acl = NULL;
    PSECURITY_DESCRIPTOR sd = NULL;
    if (GetSecurityInfo(folder, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                        &owner, NULL, &acl, NULL, &sd) != ERROR_SUCCESS)
        return GUARD_FOREIGN;
    enum guard guard = !sid_trusted(owner) ? GUARD_FOREIGN : acl_tight(acl) ? GUARD_TIGHT : GUARD_LOOSE;
    LocalFree(sd);
    return guard;
}

static bool guard_tighten(HANDLE folder)
{
    PSECURITY_DESCRIPTOR sd = NULL;
    PACL acl = NULL;
    BOOL present = FALSE, defaulted = FALSE;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(guarded, SDDL_REVISION_1, &sd, NULL))
        return false;
    const SECURITY_INFORMATION what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    DWORD code = ERROR_INVALID_ACL;
    /* The first call carries the list on to the files inside; the second sets on the folder exactly this
     * list. */
    if (GetSecurityDescriptorDacl(sd, &present, &acl, &defaulted) && present)
        code = SetSecurityInfo(folder, SE_FILE_OBJECT, what, NULL, NULL, acl, NULL);
    if (code == ERROR_SUCCESS && !SetKernelObjectSecurity(folder, what, sd))
        code = GetLastError();
    LocalFree(sd);
    SetLastError(code);
    return code == ERROR_SUCCESS;
}

static bool guard_check(const wchar_t *path, struct err *e)
{
    bool ok = false;
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE folder =
        CreateFileW(path, READ_CONTROL | WRITE_DAC | FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (folder == INVALID_HANDLE_VALUE)
        return win32_error(e, GetLastError(), "state folder %s", wide_show(path));
    if (!GetFileInformationByHandle(folder, &info)) {
        win32_error(e, GetLastError(), "state folder %s", wide_show(path));
        goto out;
    }
    if (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT ||
        !(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) {
        err_set(e, ERR_DENIED, "state folder %s: a link or a file stands in its place; remove it",
                wide_show(path));
        goto out;
    }
    enum guard guard = guard_look(folder);
    if (guard == GUARD_LOOSE) {
        log_warn("state_folder.tightened path=%s", wide_show(path));
        if (!guard_tighten(folder)) {
            win32_error(e, GetLastError(), "state folder %s: access list", wide_show(path));
            goto out;
        }
        guard = guard_look(folder);
    }
    if (guard != GUARD_TIGHT) {
        err_set(e, ERR_DENIED,
                "state folder %s: someone else than SYSTEM and Administrators %s it; remove it",
                wide_show(path), guard == GUARD_FOREIGN ? "owns" : "may enter");
        goto out;
    }
    ok = true;
out:
    CloseHandle(folder);
    return ok;
}

static bool guard_create(const wchar_t *path, struct err *e)
{
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof attributes};
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(guarded, SDDL_REVISION_1,
                                                              &attributes.lpSecurityDescriptor, NULL))
        return win32_error(e, GetLastError(), "state folder %s: access list", wide_show(path));
    BOOL made = CreateDirectoryW(path, &attributes);
    DWORD code = GetLastError();
    LocalFree(attributes.lpSecurityDescriptor);
    if (!made && code != ERROR_ALREADY_EXISTS)
        return win32_error(e, code, "state folder %s", wide_show(path));
    return true;
}

bool folder_guard(const wchar_t *path, struct err *e)
{
    /* A folder's parent can exchange it: one that we make gets the same guard, and the one named Fleetmend,
     * which anyone could have made in ProgramData before us, is checked. */
    wchar_t *parent = wide_printf(L"%ls", path);
    wchar_t *cut = wcsrchr(parent, L'\\');
    bool ok = true;
    if (cut && cut > parent && cut[-1] != L':') { /* the root of a drive is always there */
        *cut = L'\0';
        const wchar_t *name = wcsrchr(parent, L'\\');
        bool ours = name && _wcsicmp(name, L"\\Fleetmend") == 0;
        if (ours || GetFileAttributesW(parent) == INVALID_FILE_ATTRIBUTES)
            ok = guard_create(parent, e) && guard_check(parent, e);
    }
    mem_free(parent);
    return ok && guard_create(path, e) && guard_check(path, e);
}
