/* The agent's own files, their guard, and sealed secrets. */
#include "windows_rig.h"

#include "log.h"

#include <aclapi.h>

static void keeps_files_whole(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    assert_int_equal(CALL(file_remove, "a.json", NULL), MACHINE_OK);
    assert_int_equal(CALL(file_read, "a.json", &b, NULL), MACHINE_ABSENT);
    assert_int_equal(CALL(file_replace, "a.json", text("one"), NULL), MACHINE_OK);
    assert_file("a.json", "one");
    assert_int_equal(CALL(file_replace, "a.json", text("twofold"), NULL), MACHINE_OK);
    assert_file("a.json", "twofold");
    assert_int_equal(CALL(file_append, "a.json", text(" more"), false, NULL), MACHINE_OK);
    assert_int_equal(CALL(file_append, "a.json", text(" synced"), true, NULL), MACHINE_OK);
    assert_file("a.json", "twofold more synced");
    assert_int_equal(CALL(file_read, "a.json", &b, NULL), MACHINE_FAILED); /* larger than asked for */
    assert_false(exists(L"C:\\fleetmend-test\\state\\a.json~"));
    assert_int_equal(CALL(file_remove, "a.json", NULL), MACHINE_OK);
    assert_int_equal(CALL(file_remove, "a.json", NULL), MACHINE_OK);
    buf_free(&b);
}

static void refuses_names_that_are_paths(void **state)
{
    (void)state;
    static const char *const names[] = {"..\\x", "a\\b", "a/b", "c:x", "", ".hidden", "A", "x~"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err e = {0};
        assert_int_equal(CALL(file_replace, names[i], text("x"), &e), MACHINE_FAILED);
        assert_int_equal(CALL(file_append, names[i], text("x"), true, &e), MACHINE_FAILED);
    }
}

/* Windows may refuse to replace a file that someone reads. Then it is the old one still, and nothing is left
 * over. */
static void a_file_that_is_read_stays_whole(void **state)
{
    (void)state;
    assert_int_equal(CALL(file_replace, "r", text("old"), NULL), MACHINE_OK);
    HANDLE reader = CreateFileW(L"C:\\fleetmend-test\\state\\r", GENERIC_READ, FILE_SHARE_READ, NULL,
                                OPEN_EXISTING, 0, NULL);
    assert_true(reader != INVALID_HANDLE_VALUE);
    bool replaced = CALL(file_replace, "r", text("new"), NULL) == MACHINE_OK;
    CloseHandle(reader);
    assert_file("r", replaced ? "new" : "old");
    assert_false(exists(L"C:\\fleetmend-test\\state\\r~"));
    assert_int_equal(CALL(file_replace, "r", text("new"), NULL), MACHINE_OK);
    assert_file("r", "new");
}

static int access_entries_for_everyone(const wchar_t *path)
{
    PACL acl;
    PSECURITY_DESCRIPTOR sd;
    int n = 0;
    assert_int_equal(GetNamedSecurityInfoW((wchar_t *)(uintptr_t)path, SE_FILE_OBJECT,
                                           DACL_SECURITY_INFORMATION, NULL, NULL, &acl, NULL, &sd),
                     ERROR_SUCCESS);
    for (DWORD i = 0; i < acl->AceCount; i++) {
        void *ace;
        GetAce(acl, i, &ace);
        n += IsWellKnownSid(&((ACCESS_ALLOWED_ACE *)ace)->SidStart, WinWorldSid) != FALSE;
    }
    LocalFree(sd);
    return n;
}

static void state_folder_is_closed_to_others(void **state)
{
    (void)state;
    static const wchar_t path[] = L"C:\\fleetmend-test\\state";
    EXPLICIT_ACCESSW everyone = {
        .grfAccessPermissions = GENERIC_ALL,
        .grfAccessMode = GRANT_ACCESS,
        .Trustee = {.TrusteeForm = TRUSTEE_IS_NAME, .ptstrName = (wchar_t[]){L"EVERYONE"}}};
    PACL loose = NULL;
    assert_int_equal(access_entries_for_everyone(path), 0);
    assert_int_equal(SetEntriesInAclW(1, &everyone, NULL, &loose), ERROR_SUCCESS);
    SetNamedSecurityInfoW((wchar_t *)(uintptr_t)path, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL,
                          loose, NULL);
    LocalFree(loose);
    assert_true(access_entries_for_everyone(path) > 0);
    struct machine *again = open_machine(NULL);
    assert_int_equal(access_entries_for_everyone(path), 0);
    machine_windows_close(again);
}

static void state_folder_may_not_be_a_file(void **state)
{
    (void)state;
    struct err e = {0};
    write_file(L"C:\\fleetmend-test\\file", "x");
    struct machine_windows_options o = {.state_dir = "C:\\fleetmend-test\\file"};
    assert_null(machine_windows_open(&o, &e));
    assert_int_equal(e.kind, ERR_DENIED);
}

static void lock_keeps_a_second_agent_out(void **state)
{
    (void)state;
    struct err e = {0};
    HANDLE other =
        CreateFileW(L"C:\\fleetmend-test\\state\\lock", GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, 0, NULL);
    assert_true(other != INVALID_HANDLE_VALUE);
    assert_false(machine_windows_lock(STATE, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    CloseHandle(other);
    assert_true(machine_windows_lock(STATE, &e));
    assert_true(machine_windows_lock(STATE, &e)); /* the same process, again */
}

static void seals_and_opens(void **state)
{
    (void)state;
    struct buf sealed, opened;
    buf_init(&sealed, 4096);
    buf_init(&opened, 4096);
    assert_int_equal(CALL(seal, text("secret words"), &sealed, NULL), MACHINE_OK);
    assert_null(strstr(buf_text(&sealed), "secret words"));
    assert_int_equal(CALL(unseal, buf_slice(&sealed), &opened, NULL), MACHINE_OK);
    assert_string_equal(buf_text(&opened), "secret words");
    assert_int_equal(CALL(unseal, text("no such thing"), &opened, NULL), MACHINE_FAILED);
    buf_free(&sealed);
    buf_free(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_files_whole),
        cmocka_unit_test(refuses_names_that_are_paths),
        cmocka_unit_test(a_file_that_is_read_stays_whole),
        cmocka_unit_test(state_folder_is_closed_to_others),
        cmocka_unit_test(state_folder_may_not_be_a_file),
        cmocka_unit_test(lock_keeps_a_second_agent_out),
        cmocka_unit_test(seals_and_opens),
    };
    log_set_level(LOG_ERROR); /* the tightened folder is expected */
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
