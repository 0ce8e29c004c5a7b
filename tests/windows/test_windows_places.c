/* Folders moved aside and back, evidence and logs. Wine makes no junctions: that part is skipped there. */
#include "windows_rig.h"

#include <winioctl.h>

static int place_setup(void **state)
{
    (void)state;
    wchar_t *sd = under(windows_dir, L"SoftwareDistribution"), *log = under(sd, L"ReportingEvents.log"),
            *store = under(sd, L"DataStore"), *old = under(windows_dir, L"SoftwareDistribution.t1"),
            *new = under(windows_dir, L"SoftwareDistribution.t1-new");
    remove_folder(sd);
    remove_folder(old);
    remove_folder(new);
    CreateDirectoryW(sd, NULL);
    CreateDirectoryW(store, NULL);
    write_file(log, "old events\n");
    mem_free(sd);
    mem_free(log);
    mem_free(store);
    mem_free(old);
    mem_free(new);
    return 0;
}

static bool has_log(const wchar_t *folder)
{
    wchar_t *path = wide_printf(L"%ls\\%ls\\ReportingEvents.log", windows_dir, folder);
    bool there = exists(path);
    mem_free(path);
    return there;
}

static void moves_the_cache_aside_and_back(void **state)
{
    (void)state;
    struct place_info info;
    struct err e = {0};
    assert_int_equal(CALL(place_query, PLACE_SOFTWARE_DISTRIBUTION, &info, NULL), MACHINE_OK);
    assert_true(info.exists && !info.reparse_point && info.changed_ms > 0);
    assert_int_equal(CALL(backup_query, PLACE_SOFTWARE_DISTRIBUTION, "t1", &info, NULL), MACHINE_OK);
    assert_false(info.exists);
    assert_int_equal(CALL(place_restore, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e), MACHINE_ABSENT);

    if (CALL(place_move_aside, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e) != MACHINE_OK)
        fail_msg("%s", e.text);
    assert_false(has_log(L"SoftwareDistribution"));
    assert_true(has_log(L"SoftwareDistribution.t1"));
    assert_int_equal(CALL(place_move_aside, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e), MACHINE_ABSENT);
    wchar_t *sd = under(windows_dir, L"SoftwareDistribution");
    CreateDirectoryW(sd, NULL);
    assert_int_equal(CALL(place_move_aside, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e),
                     MACHINE_FAILED); /* taken */

    assert_int_equal(CALL(place_restore, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e), MACHINE_OK);
    assert_true(has_log(L"SoftwareDistribution"));
    wchar_t *new = under(windows_dir, L"SoftwareDistribution.t1-new");
    assert_true(exists(new));
    mem_free(new);
    mem_free(sd);
}

static void refuses_a_tag_that_is_a_path(void **state)
{
    (void)state;
    static const char *const tags[] = {"",    "..",  "a\\b",
                                       "a b", "a.b", "12345678901234567890123456789012345678901"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        char what[200];
        assert_int_equal(CALL(place_move_aside, PLACE_SOFTWARE_DISTRIBUTION, tags[i], NULL), MACHINE_FAILED);
        assert_int_equal(CALL(evidence_export, tags[i], what, NULL), MACHINE_FAILED);
    }
    assert_true(has_log(L"SoftwareDistribution"));
}

static void a_held_folder_is_busy(void **state)
{
    (void)state;
    struct err e = {0};
    wchar_t *sd = under(windows_dir, L"SoftwareDistribution");
    HANDLE holder = CreateFileW(sd, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                                FILE_FLAG_BACKUP_SEMANTICS, NULL);
    assert_true(holder != INVALID_HANDLE_VALUE);
    assert_int_equal(CALL(place_move_aside, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e), MACHINE_BUSY);
    assert_non_null(strstr(e.text, "(Windows error 32)"));
    CloseHandle(holder);
    assert_true(has_log(L"SoftwareDistribution"));
    assert_int_equal(CALL(place_move_aside, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e), MACHINE_OK);
    mem_free(sd);
}

/* A junction by hand: there is no call for it. */
static bool junction_make(const wchar_t *at, const wchar_t *to)
{
    struct {
        DWORD tag;
        WORD size, reserved, name_at, name_bytes, print_at, print_bytes;
        wchar_t names[2 * MAX_PATH];
    } data = {.tag = IO_REPARSE_TAG_MOUNT_POINT};
    wchar_t *target = wide_printf(L"\\??\\%ls", to);
    size_t n = wcslen(target) * sizeof(wchar_t);
    memcpy(data.names, target, n);
    data.name_bytes = (WORD)n;
    data.print_at = (WORD)(n + sizeof(wchar_t));
    data.size = (WORD)(8 + n + 2 * sizeof(wchar_t));
    CreateDirectoryW(at, NULL);
    HANDLE h = CreateFileW(at, GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                           FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    DWORD got;
    bool ok = h != INVALID_HANDLE_VALUE &&
              DeviceIoControl(h, FSCTL_SET_REPARSE_POINT, &data, (DWORD)(8 + data.size), NULL, 0, &got, NULL);
    if (h != INVALID_HANDLE_VALUE)
        CloseHandle(h);
    mem_free(target);
    return ok && GetFileAttributesW(at) & FILE_ATTRIBUTE_REPARSE_POINT;
}

static void a_junction_is_not_touched(void **state)
{
    (void)state;
    struct err e = {0};
    wchar_t *sd = under(windows_dir, L"SoftwareDistribution");
    remove_folder(sd);
    bool made = junction_make(sd, L"C:\\fleetmend-test");
    enum machine_status status = CALL(place_move_aside, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e);
    RemoveDirectoryW(sd);
    mem_free(sd);
    if (!made) {
        print_message("skipped: this system makes no junctions\n");
        skip();
    }
    assert_int_equal(status, MACHINE_DENIED);
}

static void removes_a_backup_in_slices(void **state)
{
    (void)state;
    struct place_info info;
    wchar_t *backup = under(windows_dir, L"SoftwareDistribution.t1"), *deep = under(backup, L"a");
    CreateDirectoryW(backup, NULL);
    CreateDirectoryW(deep, NULL);
    for (int i = 0; i < 450; i++) {
        wchar_t *path = wide_printf(L"%ls\\f%d", i % 2 ? deep : backup, i);
        write_file(path, "x");
        if (i % 10 == 0)
            SetFileAttributesW(path, FILE_ATTRIBUTE_READONLY);
        mem_free(path);
    }
    int slices = 1;
    struct err e = {0};
    enum machine_status status;
    while ((status = CALL(backup_remove, PLACE_SOFTWARE_DISTRIBUTION, "t1", &e)) == MACHINE_PENDING &&
           slices < 20)
        slices++;
    if (status != MACHINE_OK)
        fail_msg("%s", e.text);
    assert_true(slices >= 3);
    assert_int_equal(CALL(backup_query, PLACE_SOFTWARE_DISTRIBUTION, "t1", &info, NULL), MACHINE_OK);
    assert_false(info.exists);
    assert_true(has_log(L"SoftwareDistribution"));
    mem_free(backup);
    mem_free(deep);
}

static void exports_the_evidence(void **state)
{
    (void)state;
    char what[200];
    wchar_t *log = wide_printf(L"%ls\\SoftwareDistribution\\ReportingEvents.log", windows_dir);
    DeleteFileW(log);
    assert_int_equal(CALL(evidence_export, "none", what, NULL), MACHINE_ABSENT);
    assert_false(exists(L"C:\\fleetmend-test\\state\\evidence\\none"));
    write_file(log, "old events\n");
    mem_free(log);
    assert_int_equal(CALL(evidence_export, "t1", what, NULL), MACHINE_OK);
    assert_string_equal(what, "ReportingEvents.log, 1 kB");
    assert_true(exists(L"C:\\fleetmend-test\\state\\evidence\\t1\\ReportingEvents.log"));
    for (int i = 0; i < 8; i++) {
        char tag[8];
        snprintf(tag, sizeof tag, "u%d", i);
        assert_int_equal(CALL(evidence_export, tag, what, NULL), MACHINE_OK);
    }
    assert_false(exists(L"C:\\fleetmend-test\\state\\evidence\\t1")); /* the oldest make room */
    assert_true(exists(L"C:\\fleetmend-test\\state\\evidence\\u7"));
}

static void a_replaced_log_has_another_identity(void **state)
{
    (void)state;
    struct log_stat before, after;
    char bytes[100];
    size_t got;
    assert_int_equal(CALL(log_stat, MACHINE_LOG_REPORTING_EVENTS, &before, NULL), MACHINE_OK);
    assert_true(before.exists);
    assert_int_equal(before.size_bytes, 11);
    assert_int_equal(CALL(log_read, MACHINE_LOG_REPORTING_EVENTS, 4, bytes, sizeof bytes, &got, NULL),
                     MACHINE_OK);
    assert_int_equal(got, 7);
    assert_memory_equal(bytes, "events\n", 7);
    assert_int_equal(CALL(log_read, MACHINE_LOG_REPORTING_EVENTS, 11, bytes, sizeof bytes, &got, NULL),
                     MACHINE_OK);
    assert_int_equal(got, 0);
    wchar_t *path = wide_printf(L"%ls\\SoftwareDistribution\\ReportingEvents.log", windows_dir);
    wchar_t *kept = wide_printf(L"%ls.kept", path);
    MoveFileW(path, kept);
    write_file(path, "new events\n");
    assert_int_equal(CALL(log_stat, MACHINE_LOG_REPORTING_EVENTS, &after, NULL), MACHINE_OK);
    assert_true(after.identity != before.identity);
    mem_free(path);
    mem_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(moves_the_cache_aside_and_back, place_setup),
        cmocka_unit_test_setup(refuses_a_tag_that_is_a_path, place_setup),
        cmocka_unit_test_setup(a_held_folder_is_busy, place_setup),
        cmocka_unit_test_setup(a_junction_is_not_touched, place_setup),
        cmocka_unit_test_setup(removes_a_backup_in_slices, place_setup),
        cmocka_unit_test_setup(exports_the_evidence, place_setup),
        cmocka_unit_test_setup(a_replaced_log_has_another_identity, place_setup),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
