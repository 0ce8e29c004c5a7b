/* World files and the built-in mix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#include <string.h>

static const char everything[] =
    "{\"groups\":[{\"name\":\"A\",\"count\":3,\"os\":\"Windows 7\",\"build\":\"7601\",\"role\":\"server\",\"domain\":false,"
    "\"update_server\":\"http://w\",\"update_manager\":\"configmgr\",\"site\":\"S\",\"model\":\"M\","
    "\"fault\":{\"phase\":\"install\",\"code\":\"0x800F0831\",\"kb\":\"KB5003791\",\"heals\":[\"cache_reset\",\"reboot\"],"
    "\"chance\":0.5,\"from_h\":1,\"to_h\":2.5},\"clock_offset_s\":-3600,\"offline\":[[0,1],[2,3]],\"reboot_pending\":true,"
    "\"silent_after\":\"reboot\",\"pin_boot\":true,\"history\":[{\"age_d\":20,\"code\":\"80070002\",\"phase\":\"scan\","
    "\"kb\":\"KB1\"}]},{\"name\":\"B\",\"count\":2}]}";

static void reads_every_field(void **state)
{
    (void)state;
    struct world w;
    struct err e = {0};
    assert_true(world_read(&w, slice_of(everything), &e));
    assert_int_equal(w.count, 2);
    assert_int_equal(w.machines, 5);
    const struct world_group *g = &w.groups[0];
    assert_string_equal(g->os, "Windows 7");
    assert_string_equal(g->build, "7601");
    assert_string_equal(g->role, "server");
    assert_false(g->domain);
    assert_string_equal(g->update_server, "http://w");
    assert_string_equal(g->update_manager, "configmgr");
    assert_string_equal(g->site, "S");
    assert_string_equal(g->model, "M");
    assert_true(g->has_fault);
    assert_int_equal(g->fault.phase, EVENT_PHASE_INSTALL);
    assert_int_equal(g->fault.code, 0x800F0831);
    assert_string_equal(g->fault.kb, "KB5003791");
    assert_int_equal(g->fault.heals, 1u << REPAIR_CACHE_RESET | 1u << REPAIR_REBOOT);
    assert_true(g->fault.chance == 0.5 && g->fault.from_h == 1 && g->fault.to_h == 2.5);
    assert_int_equal(g->clock_offset_s, -3600);
    assert_int_equal(g->offline_count, 2);
    assert_true(g->offline[1].from_h == 2 && g->offline[1].to_h == 3);
    assert_true(g->reboot_pending && g->goes_silent && g->pin_boot);
    assert_int_equal(g->silent_after, REPAIR_REBOOT);
    assert_int_equal(g->history_count, 1);
    assert_true(g->history[0].age_d == 20);
    assert_int_equal(g->history[0].code, 0x80070002);
    world_free(&w);
}

static void has_sensible_defaults(void **state)
{
    (void)state;
    struct world w;
    struct err e = {0};
    assert_true(world_read(&w, slice_of(everything), &e));
    const struct world_group *g = &w.groups[1];
    assert_true(g->domain);
    assert_string_equal(g->role, "client");
    assert_string_equal(g->update_manager, "none");
    assert_false(g->has_fault || g->goes_silent || g->reboot_pending || g->pin_boot);
    world_free(&w);
}

static void names_group_and_field_of_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *json, *group, *field;
    } cases[] = {
        {"{\"groups\":[{\"name\":\"A\",\"count\":1},{\"name\":\"B\",\"count\":\"1\"}]}", "groups[1] \"B\"", "count"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":0}]}", "groups[0]", "count"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1.5}]}", "groups[0]", "count"},
        {"{\"groups\":[{\"name\":\"A\"}]}", "groups[0]", "count"},
        {"{\"groups\":[{\"count\":1}]}", "groups[0]", "name"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"colour\":1}]}", "groups[0]", "colour"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"domain\":\"yes\"}]}", "groups[0]", "domain"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"fault\":{\"phase\":\"lunch\",\"code\":\"0x80070002\"}}]}", "groups[0]",
         "fault: phase"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"fault\":{\"phase\":\"scan\",\"code\":\"zero\"}}]}", "groups[0]",
         "fault: code"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"fault\":{\"phase\":\"scan\",\"code\":\"0x00000001\"}}]}", "groups[0]",
         "fault"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"fault\":{\"phase\":\"scan\"}}]}", "groups[0]", "fault"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"fault\":{\"phase\":\"scan\",\"code\":\"0x80070002\","
         "\"heals\":[\"prayer\"]}}]}", "groups[0]", "heals"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"fault\":{\"phase\":\"scan\",\"code\":\"0x80070002\",\"chance\":2}}]}",
         "groups[0]", "chance"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"offline\":[[2,1]]}]}", "groups[0]", "offline"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"silent_after\":\"x\"}]}", "groups[0]", "silent_after"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1,\"history\":[{\"age_d\":1}]}]}", "groups[0]", "history[0]"},
        {"{\"groups\":[{\"name\":\"A\",\"count\":1},{\"name\":\"A\",\"count\":1}]}", "groups[1] \"A\"", "name"},
        {"{\"groups\":[]}", "groups", ""},
        {"{\"groups\":{}}", "groups", ""},
        {"{\"group\":[]}", "group", ""},
        {"[]", "groups", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        struct err e = {0};
        assert_false(world_read(&w, slice_of(cases[i].json), &e));
        assert_int_equal(e.kind, ERR_INVALID);
        if (!strstr(e.text, cases[i].group) || !strstr(e.text, cases[i].field))
            fail_msg("case %zu: %s", i, e.text);
    }
}

static void the_mix_is_mostly_healthy_and_complete(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 2000; n = n < 30 ? n + 1 : n * 3) {
        struct world w;
        int64_t healthy = 0, numbers = 0;
        world_default(&w, n);
        assert_int_equal(w.machines, n);
        for (int64_t i = 0; i < n; i++) {
            int64_t number = 0;
            const struct world_group *g = world_group_of(&w, i, &number);
            assert_non_null(g);
            healthy += !g->has_fault;
            numbers += number;
        }
        assert_int_equal(numbers, n * (n + 1) / 2); /* PC-0001 to PC-n, each once */
        if (n >= 100)
            assert_in_range(healthy * 100 / n, 55, 65);
        world_free(&w);
    }
}

static void groups_keep_their_counts(void **state)
{
    (void)state;
    struct world w;
    int64_t number = 0;
    assert_true(world_read(&w, slice_of(everything), NULL));
    assert_ptr_equal(world_group_of(&w, 2, &number), &w.groups[0]);
    assert_int_equal(number, 3);
    assert_ptr_equal(world_group_of(&w, 3, &number), &w.groups[1]);
    assert_int_equal(number, 1);
    assert_null(world_group_of(&w, 5, &number));
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(has_sensible_defaults),
        cmocka_unit_test(names_group_and_field_of_an_error),
        cmocka_unit_test(the_mix_is_mostly_healthy_and_complete),
        cmocka_unit_test(groups_keep_their_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
