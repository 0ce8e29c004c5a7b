/* What the machine tells of itself: facts, conditions, settings, boots and zones. */
#include "windows_rig.h"

#include "config.h"

static void knows_its_machine(void **state)
{
    (void)state;
    struct arena a = {0};
    struct wire_facts f;
    struct machine_conditions c;
    CALL(facts, &a, &f);
    assert_true(f.name[0] != '\0');
    assert_non_null(strstr(f.os, "Windows"));
    assert_true(f.build[0] >= '1' && f.build[0] <= '9');
    assert_string_equal(f.arch, "x64");
    assert_int_equal(strlen(f.instance), 64);
    assert_false(f.simulated);
    assert_true(f.boot_time > INT64_C(1577836800000));
    CALL(conditions, &c);
    assert_true(c.free_disk_bytes > 0);
    assert_int_equal(c.free_disk_bytes >> 30, f.free_disk_mb >> 10);
    assert_string_equal(c.role, f.role);
    assert_true(c.battery_percent >= 0 && c.battery_percent <= 100);
    struct buf json;
    buf_init(&json, 16384);
    wire_encode_facts(&f, &json);
    assert_true(buf_check(&json, "facts", NULL));
    buf_free(&json);
    arena_free(&a);
}

static void registry_set(const wchar_t *key, const wchar_t *value, DWORD type, const void *data, DWORD bytes)
{
    HKEY handle;
    assert_int_equal(RegCreateKeyExW(HKEY_LOCAL_MACHINE, key, 0, NULL, 0, KEY_ALL_ACCESS | KEY_WOW64_64KEY,
                                     NULL, &handle, NULL),
                     ERROR_SUCCESS);
    assert_int_equal(RegSetValueExW(handle, value, 0, type, data, bytes), ERROR_SUCCESS);
    RegCloseKey(handle);
}

#define SET_TEXT(key, value, text) registry_set(key, value, REG_SZ, text, sizeof text)
#define SET_LIST(key, value, text) registry_set(key, value, REG_MULTI_SZ, text, sizeof text)

static void registry_delete(const wchar_t *key)
{
    RegDeleteKeyExW(HKEY_LOCAL_MACHINE, key, KEY_WOW64_64KEY, 0);
}

static int registry_setup(void **state)
{
    (void)state;
    registry_delete(REGISTRY_POLICY);
    registry_delete(REGISTRY_PREFERENCE);
    return 0;
}

static void a_pending_restart_is_seen_and_noise_is_not(void **state)
{
    (void)state;
    static const wchar_t key[] =
        L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired";
    struct machine_conditions c;
    SET_LIST(L"SYSTEM\\CurrentControlSet\\Control\\Session Manager", L"PendingFileRenameOperations",
             L"\\??\\C:\\x\0");
    CALL(conditions, &c);
    assert_false(c.reboot_pending);
    registry_set(key, L"x", REG_SZ, L"", 2);
    CALL(conditions, &c);
    assert_true(c.reboot_pending);
    assert_string_equal(c.reboot_reasons, "Windows Update");
    registry_delete(key);
}

static void policy_switches_are_read_live(void **state)
{
    (void)state;
    struct machine_conditions c;
    DWORD yes = 1, no = 0;
    CALL(conditions, &c);
    assert_false(c.allow_clock_step || c.allow_critical_roles || c.report_only);
    registry_set(REGISTRY_PREFERENCE, L"AllowClockStep", REG_DWORD, &yes, sizeof yes);
    registry_set(REGISTRY_POLICY, L"NonPersistent", REG_DWORD, &yes, sizeof yes);
    CALL(conditions, &c);
    assert_true(c.allow_clock_step && c.report_only && !c.allow_critical_roles);
    registry_set(REGISTRY_POLICY, L"AllowClockStep", REG_DWORD, &no, sizeof no);
    CALL(conditions, &c);
    assert_false(c.allow_clock_step); /* policy wins */
}

static void reads_its_settings_policy_first(void **state)
{
    (void)state;
    struct agent_config c = {0};
    struct err e = {0};
    SET_TEXT(REGISTRY_PREFERENCE, L"ServerUrl", L"https://msi.example");
    SET_TEXT(REGISTRY_PREFERENCE, L"EnrollToken", L"token");
    SET_LIST(REGISTRY_PREFERENCE, L"Tags", L"a\0b\0");
    SET_LIST(REGISTRY_POLICY, L"ServerUrl", L"https://one.example\0https://two.example:8443\0");
    SET_LIST(REGISTRY_POLICY, L"CaPem", L"-----BEGIN CERTIFICATE-----\0AAAA\0-----END CERTIFICATE-----\0");
    if (!registry_config_read(&c, &e))
        fail_msg("%s", e.text);
    assert_int_equal(c.server_count, 2);
    assert_string_equal(c.server_urls[0], "https://one.example");
    assert_string_equal(c.server_urls[1], "https://two.example:8443");
    assert_string_equal(c.enroll_token, "token");
    assert_int_equal(c.tag_count, 2);
    assert_string_equal(c.tags[1], "b");
    assert_string_equal(c.ca_pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_true(agent_config_check(&c, &e));
    assert_int_equal(c.tls_mode, TLS_MODE_CA);
    agent_config_free(&c);

    SET_TEXT(REGISTRY_POLICY, L"TlsMode", L"system");
    assert_true(registry_config_read(&c, &e));
    assert_true(agent_config_check(&c, &e));
    assert_int_equal(c.tls_mode, TLS_MODE_SYSTEM);
    agent_config_free(&c);
}

static void a_value_of_the_wrong_type_is_named(void **state)
{
    (void)state;
    struct agent_config c = {0};
    struct err e = {0};
    DWORD number = 1;
    registry_set(REGISTRY_POLICY, L"ServerUrl", REG_DWORD, &number, sizeof number);
    assert_false(registry_config_read(&c, &e));
    assert_int_equal(e.kind, ERR_INVALID);
    assert_string_equal(
        e.text, "HKLM\\SOFTWARE\\Policies\\Fleetmend\\Agent\\ServerUrl: REG_SZ or REG_MULTI_SZ expected, "
                "another type found");
    agent_config_free(&c);
    registry_delete(REGISTRY_POLICY);
    SET_TEXT(REGISTRY_POLICY, L"TlsMode", L"none");
    assert_false(registry_config_read(&c, &e));
    assert_non_null(strstr(e.text, "pin, ca or system"));
    agent_config_free(&c);
}

static void a_boot_has_one_name(void **state)
{
    (void)state;
    char one[41], two[41];
    CALL(boot_id, one);
    struct machine *again = open_machine(NULL);
    again->ops->boot_id(again->ctx, two);
    machine_windows_close(again);
    assert_int_equal(strlen(one), 32);
    assert_string_equal(one, two);
}

static void a_zone_is_at_most_a_day_away(void **state)
{
    (void)state;
    int64_t now = clock_wall_ms(&clock_system), offset = CALL(zone_offset_ms, now);
    assert_true(offset >= -14 * INT64_C(3600000) && offset <= 14 * INT64_C(3600000));
    assert_int_equal(offset % 900000, 0);
    assert_int_equal(CALL(zone_offset_ms, INT64_MIN / 20000), 0); /* no such time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_machine),
        cmocka_unit_test_setup(a_pending_restart_is_seen_and_noise_is_not, registry_setup),
        cmocka_unit_test_setup_teardown(policy_switches_are_read_live, registry_setup, registry_setup),
        cmocka_unit_test_setup_teardown(reads_its_settings_policy_first, registry_setup, registry_setup),
        cmocka_unit_test_setup_teardown(a_value_of_the_wrong_type_is_named, registry_setup, registry_setup),
        cmocka_unit_test(a_boot_has_one_name),
        cmocka_unit_test(a_zone_is_at_most_a_day_away),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
