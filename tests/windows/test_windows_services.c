/* Services, by the real service control manager. Wine lists no dependent services: that part is skipped
 * there. */
#include "windows_rig.h"

static enum service_state state_now(enum machine_service s)
{
    struct service_info info;
    struct err e = {0};
    if (CALL(service_query, s, &info, &e) != MACHINE_OK)
        fail_msg("%s", e.text);
    return info.state;
}

static void wait_for_state(enum machine_service s, enum service_state state)
{
    for (int i = 0; i < 500 && state_now(s) != state; i++)
        Sleep(20);
    assert_int_equal(state_now(s), state);
}

static void starts_and_stops(enum machine_service s)
{
    assert_int_equal(CALL(service_start, s, NULL), MACHINE_OK);
    wait_for_state(s, SERVICE_STATE_RUNNING);
    assert_int_equal(CALL(service_start, s, NULL), MACHINE_OK); /* already running */
    assert_int_equal(CALL(service_stop, s, NULL), MACHINE_OK);
    wait_for_state(s, SERVICE_STATE_STOPPED);
    assert_int_equal(CALL(service_stop, s, NULL), MACHINE_OK); /* already stopped */
}

static void starts_and_stops_the_update_services(void **state)
{
    (void)state;
    starts_and_stops(SERVICE_WUAUSERV);
    starts_and_stops(SERVICE_BITS);
}

static void says_which_service_is_absent(void **state)
{
    (void)state;
    struct service_info info;
    struct err e = {0};
    rig(L"remove DoSvc");
    assert_int_equal(CALL(service_query, SERVICE_DOSVC, &info, &e), MACHINE_ABSENT);
    assert_int_equal(CALL(service_stop, SERVICE_DOSVC, &e), MACHINE_ABSENT);
    assert_non_null(strstr(e.text, "DoSvc"));
    assert_non_null(strstr(e.text, "1060"));
}

static void sets_start_types(void **state)
{
    (void)state;
    struct service_info before, now;
    struct err e = {0};
    assert_int_equal(CALL(service_query, SERVICE_WUAUSERV, &before, NULL), MACHINE_OK);
    assert_int_equal(CALL(service_set_start, SERVICE_WUAUSERV, SERVICE_START_DISABLED, false, NULL),
                     MACHINE_OK);
    assert_int_equal(CALL(service_query, SERVICE_WUAUSERV, &now, NULL), MACHINE_OK);
    assert_int_equal(now.start, SERVICE_START_DISABLED);
    assert_int_equal(CALL(service_start, SERVICE_WUAUSERV, &e), MACHINE_FAILED);
    assert_non_null(strstr(e.text, "1058"));
    assert_int_equal(CALL(service_set_start, SERVICE_WUAUSERV, SERVICE_START_AUTO, true, NULL), MACHINE_OK);
    assert_int_equal(CALL(service_set_start, SERVICE_WUAUSERV, before.start, before.delayed, NULL),
                     MACHINE_OK);
    assert_int_equal(CALL(service_query, SERVICE_WUAUSERV, &now, NULL), MACHINE_OK);
    assert_int_equal(now.start, before.start);
}

/* Whether this system lists dependent services at all. */
static bool lists_dependents(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE s = OpenServiceW(manager, L"UsoSvc", SERVICE_ENUMERATE_DEPENDENTS);
    DWORD bytes = 0, count = 0;
    EnumDependentServicesW(s, SERVICE_ACTIVE, NULL, 0, &bytes, &count);
    CloseServiceHandle(s);
    CloseServiceHandle(manager);
    return bytes > 0;
}

static void stops_dependents_first_and_starts_them_again(void **state)
{
    (void)state;
    assert_int_equal(rig(L"install UsoSvc manual"), 0);
    assert_int_equal(rig(L"install FleetmendTest manual UsoSvc"), 0);
    assert_int_equal(rig(L"start UsoSvc"), 0);
    assert_int_equal(rig(L"start FleetmendTest"), 0);
    bool listed = lists_dependents();
    assert_int_equal(CALL(service_stop, SERVICE_USOSVC, NULL), MACHINE_OK);
    wait_for_state(SERVICE_USOSVC, SERVICE_STATE_STOPPED);
    if (listed)
        assert_file("dependents", "UsoSvc\tFleetmendTest\n");
    assert_int_equal(CALL(service_start, SERVICE_USOSVC, NULL), MACHINE_OK);
    wait_for_state(SERVICE_USOSVC, SERVICE_STATE_RUNNING);
    rig(L"remove FleetmendTest");
    rig(L"remove UsoSvc");
    if (!listed) {
        print_message("skipped: this system does not list dependent services\n");
        skip();
    }
}

static void remembers_dependents_across_a_crash(void **state)
{
    (void)state;
    assert_int_equal(rig(L"install UsoSvc manual"), 0);
    assert_int_equal(rig(L"install FleetmendTest manual"), 0);
    /* As left by an agent that died between stop and start. */
    assert_int_equal(CALL(file_replace, "dependents", text("UsoSvc\tFleetmendTest\n"), NULL), MACHINE_OK);
    struct machine *again = open_machine(NULL);
    assert_int_equal(again->ops->service_start(again->ctx, SERVICE_USOSVC, NULL), MACHINE_OK);
    machine_windows_close(again);
    assert_int_equal(rig(L"start FleetmendTest"), 0); /* waits until it runs */
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(CALL(file_read, "dependents", &b, NULL), MACHINE_ABSENT);
    buf_free(&b);
    rig(L"remove FleetmendTest");
    rig(L"remove UsoSvc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_stops_the_update_services),
        cmocka_unit_test(says_which_service_is_absent),
        cmocka_unit_test(sets_start_types),
        cmocka_unit_test(stops_dependents_first_and_starts_them_again),
        cmocka_unit_test(remembers_dependents_across_a_crash),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
