/* Programs of Windows and the update scan, as child processes. */
#include "windows_rig.h"

#include <shellapi.h>

static wchar_t *w32tm_path(void)
{
    return under(windows_dir, L"System32\\w32tm.exe");
}

static int w32tm_setup(void **state)
{
    (void)state;
    wchar_t *fake = under(tests_dir, L"fake_w32tm.exe"), *path = w32tm_path();
    DeleteFileW(L"C:\\fleetmend-test\\w32tm.calls");
    DeleteFileW(L"C:\\fleetmend-test\\w32tm.exit");
    bool ok = CopyFileW(fake, path, FALSE);
    mem_free(fake);
    mem_free(path);
    return ok ? 0 : -1;
}

static int w32tm_teardown(void **state)
{
    (void)state;
    wchar_t *path = w32tm_path();
    for (int i = 0; i < 100 && !DeleteFileW(path) && exists(path); i++)
        Sleep(20); /* an ended process lets go of its file a moment later */
    mem_free(path);
    return 0;
}

static enum machine_status program_end(struct program_end *end, struct err *e)
{
    enum machine_status status;
    for (int i = 0; i < 1500 && (status = CALL(program_poll, end, e)) == MACHINE_PENDING; i++)
        Sleep(20);
    return status;
}

static void runs_a_program_of_windows(void **state)
{
    (void)state;
    struct program_end end;
    struct err e = {0};
    if (CALL(program_start, PROGRAM_W32TM_RESYNC_REDISCOVER, 30, &e) != MACHINE_OK)
        fail_msg("%s", e.text);
    assert_int_equal(CALL(program_start, PROGRAM_W32TM_RESYNC, 30, &e), MACHINE_BUSY);
    assert_int_equal(program_end(&end, &e), MACHINE_OK);
    assert_int_equal(end.exit_code, 0);
    assert_false(end.timed_out);
    assert_string_equal(end.output, "The command completed successfully.\n");
    char calls[100] = "";
    FILE *f = fopen("C:\\fleetmend-test\\w32tm.calls", "rb");
    assert_non_null(f);
    assert_true(fread(calls, 1, sizeof calls - 1, f) > 0);
    fclose(f);
    assert_string_equal(calls, "/resync /rediscover\r\n");
}

static void tells_the_exit_code(void **state)
{
    (void)state;
    struct program_end end;
    write_file(L"C:\\fleetmend-test\\w32tm.exit", "-2147023824"); /* 0x80070430 */
    assert_int_equal(CALL(program_start, PROGRAM_W32TM_RESYNC, 30, NULL), MACHINE_OK);
    assert_int_equal(program_end(&end, NULL), MACHINE_OK);
    assert_int_equal(end.exit_code, 0x80070430u);
}

static bool process_lives(DWORD id)
{
    HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, id);
    if (!process)
        return false;
    bool lives = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
    CloseHandle(process);
    return lives;
}

static void ends_a_program_and_its_children_at_the_limit(void **state)
{
    (void)state;
    struct program_end end;
    unsigned long child = 0;
    write_file(L"C:\\fleetmend-test\\w32tm.exit", "hang");
    assert_int_equal(CALL(program_start, PROGRAM_W32TM_RESYNC, 1, NULL), MACHINE_OK);
    assert_int_equal(program_end(&end, NULL), MACHINE_OK);
    assert_true(end.timed_out);
    assert_int_equal(sscanf(end.output, "child %lu", &child), 1);
    for (int i = 0; i < 250 && process_lives(child); i++)
        Sleep(20);
    assert_false(process_lives(child));
}

static void a_missing_program_is_absent(void **state)
{
    w32tm_teardown(state);
    struct err e = {0};
    assert_int_equal(CALL(program_start, PROGRAM_W32TM_RESYNC, 30, &e), MACHINE_ABSENT);
    assert_non_null(strstr(e.text, "w32tm.exe"));
}

static void quotes_arguments_as_the_c_library_reads_them(void **state)
{
    (void)state;
    static const wchar_t *const arguments[] = {L"plain",       L"two words", L"",         L"a\"b",
                                               L"back\\slash", L"end\\",     L"sp end\\", L"\\\"",
                                               L"\\\\\\\"x y", L"tab\tx",    NULL};
    int argc = 0;
    wchar_t *line = child_command_line(L"C:\\Program Files\\x.exe", arguments);
    wchar_t **argv = CommandLineToArgvW(line, &argc);
    assert_int_equal(argc, 11);
    assert_true(wcscmp(argv[0], L"C:\\Program Files\\x.exe") == 0);
    for (int i = 1; i < argc; i++)
        assert_true(wcscmp(argv[i], arguments[i - 1]) == 0);
    LocalFree(argv);
    mem_free(line);
}

static void reads_what_consoles_write(void **state)
{
    (void)state;
    static const char utf16[] = "\xff\xfe"
                                "a\0\xe4\0\r\0\n\0b\0";
    struct buf out;
    buf_init(&out, 100);
    console_text(slice_make(utf16, sizeof utf16 - 1), &out);
    assert_string_equal(buf_text(&out), "a\xc3\xa4\nb\n");
    buf_clear(&out);
    console_text(slice_of("one\r\n\r\ntwo \x1b[1m"), &out);
    assert_string_equal(buf_text(&out), "one\ntwo \xef\xbf\xbd[1m\n");
    buf_clear(&out);
    console_text(slice_of(""), &out);
    assert_int_equal(out.n, 0);
    buf_free(&out);
}

/* ---- scan ---- */

static enum machine_status scan_end(struct machine *m, struct scan_end *end, struct err *e)
{
    enum machine_status status;
    for (int i = 0; i < 1500 && (status = m->ops->scan_poll(m->ctx, end, e)) == MACHINE_PENDING; i++)
        Sleep(20);
    return status;
}

static void a_scan_tells_a_code_or_why_not(void **state)
{
    (void)state;
    struct scan_end end;
    struct err e = {0};
    if (CALL(scan_start, 120, &e) != MACHINE_OK)
        fail_msg("%s", e.text);
    if (scan_end(machine, &end, &e) != MACHINE_OK)
        fail_msg("%s", e.text);
    assert_true(end.available || end.reason[0]);
    if (!end.available) {
        struct arena a = {0};
        struct wire_facts facts;
        assert_string_equal(end.reason, "IUpdateSearcher::Search is not implemented");
        CALL(facts, &a, &facts);
        assert_string_equal(facts.scan_unavailable, end.reason);
        arena_free(&a);
    }
}

static void a_scan_that_never_ends_is_stopped(void **state)
{
    (void)state;
    struct scan_end end;
    struct err e = {0};
    wchar_t *exe = under(tests_dir, L"rig.exe");
    struct machine *m = open_machine(exe);
    assert_int_equal(m->ops->scan_start(m->ctx, 1, &e), MACHINE_OK);
    assert_int_equal(scan_end(m, &end, &e), MACHINE_FAILED);
    assert_non_null(strstr(e.text, "did not end"));
    machine_windows_close(m);
    mem_free(exe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_a_program_of_windows, w32tm_setup, w32tm_teardown),
        cmocka_unit_test_setup_teardown(tells_the_exit_code, w32tm_setup, w32tm_teardown),
        cmocka_unit_test_setup_teardown(ends_a_program_and_its_children_at_the_limit, w32tm_setup,
                                        w32tm_teardown),
        cmocka_unit_test(a_missing_program_is_absent),
        cmocka_unit_test(quotes_arguments_as_the_c_library_reads_them),
        cmocka_unit_test(reads_what_consoles_write),
        cmocka_unit_test(a_scan_tells_a_code_or_why_not),
        cmocka_unit_test(a_scan_that_never_ends_is_stopped),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
