/* A small fleet of simulated machines with the real agent core and real HTTPS, against the smallest server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_fleet.h"
#include "log.h"
#include "mem.h"
#include "swarm.h"
#include "swarm_heap.h"

#include <stdio.h>
#include <stdlib.h>

#define LIMIT_MS 20000

static struct agent_config config_of(struct fake_fleet *f, const char *token)
{
    struct agent_config c = {.server_count = 1};
    struct err e = {0};
    c.server_urls[0] = mem_strdup(fake_fleet_url(f));
    c.ca_pem = mem_strdup(fake_fleet_ca(f));
    c.enroll_token = mem_strdup(token);
    assert_true(agent_config_check(&c, &e));
    return c;
}

static struct world world_of(const char *json)
{
    struct world w;
    struct err e = {0};
    if (!world_read(&w, slice_of(json), &e))
        fail_msg("%s", e.text);
    return w;
}

struct fleet {
    struct fake_fleet *server;
    struct agent_config config;
    struct world world;
    struct swarm_options options;
    struct swarm *swarm;
};

static void begin(struct fleet *f, const char *world, uint32_t code, const char *repair)
{
    struct err e = {0};
    f->server = fake_fleet_new("T1", code, repair);
    f->config = config_of(f->server, "T1");
    f->world = world_of(world);
    f->options = (struct swarm_options){.world = &f->world,
                                        .config = &f->config,
                                        .clock = &clock_system,
                                        .seed = 7,
                                        .speed = 20,
                                        .attempt_every_ms = 60000};
    f->swarm = swarm_new(&f->options, &e);
    assert_non_null(f->swarm);
}

static void end(struct fleet *f)
{
    swarm_free(f->swarm);
    fake_fleet_free(f->server);
    agent_config_free(&f->config);
    world_free(&f->world);
}

typedef bool until_fn(const struct fake_fleet_seen *, const struct swarm_summary *);

static struct swarm_summary run_until(struct fleet *f, until_fn *until)
{
    struct swarm_summary s;
    int64_t begun = clock_ticks_ms(&clock_system);
    for (;;) {
        swarm_step(f->swarm, 20);
        swarm_summary(f->swarm, &s);
        struct fake_fleet_seen seen = fake_fleet_seen(f->server);
        if (until(&seen, &s))
            return s;
        if (clock_ticks_ms(&clock_system) - begun > LIMIT_MS)
            fail_msg("not in time: enrolled %d, events %d, ordered %d, done %d, fixed %d; last error: %s", seen.enrolled,
                     seen.events, seen.ordered, seen.done, seen.fixed, s.last_error);
    }
}

static bool thirty_fixed(const struct fake_fleet_seen *seen, const struct swarm_summary *s)
{
    return seen->fixed == 30 && s->verdicts[JOB_VERDICT_FIXED] == 30;
}

static void from_failure_to_proof(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, "{\"groups\":[{\"name\":\"OK\",\"count\":20},"
              "{\"name\":\"BAD\",\"count\":30,\"fault\":{\"phase\":\"scan\",\"code\":\"0x80070002\","
              "\"heals\":[\"cache_reset\"]}}]}", 0x80070002, "cache_reset");
    struct swarm_summary s = run_until(&f, thirty_fixed);
    struct fake_fleet_seen seen = fake_fleet_seen(f.server);
    assert_int_equal(seen.enrolled, 50);
    assert_int_equal(seen.ordered, 30); /* the healthy ones reported no failure */
    assert_int_equal(seen.done, 30);
    assert_int_equal(seen.started_twice, 0);
    assert_int_equal(s.enrolled, 50);
    assert_int_equal(s.failing, 0);
    assert_int_equal(s.jobs[REPAIR_CACHE_RESET], 30);
    assert_int_equal(s.results[JOB_RESULT_DONE], 30);
    end(&f);
}

static bool ten_same(const struct fake_fleet_seen *seen, const struct swarm_summary *s)
{
    (void)seen;
    return s->verdicts[JOB_VERDICT_SAME] == 10;
}

static void what_does_not_heal_is_not_called_fixed(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, "{\"groups\":[{\"name\":\"NET\",\"count\":10,\"fault\":{\"phase\":\"scan\",\"code\":\"0x80072EE2\"}}]}",
          0x80072EE2, "cache_reset");
    struct swarm_summary s = run_until(&f, ten_same);
    assert_int_equal(fake_fleet_seen(f.server).fixed, 0);
    assert_int_equal(s.failing, 10);
    assert_int_equal(s.verdicts[JOB_VERDICT_FIXED], 0);
    end(&f);
}

static bool all_ended(const struct fake_fleet_seen *seen, const struct swarm_summary *s)
{
    return s->crashes == 20 && seen->done + seen->interrupted == 20;
}

static void a_crash_in_mid_job_starts_nothing_twice(void **state)
{
    (void)state;
    struct fleet f;
    struct err e = {0};
    begin(&f, "{\"groups\":[{\"name\":\"BAD\",\"count\":20,\"fault\":{\"phase\":\"scan\",\"code\":\"0x80070002\","
              "\"heals\":[\"cache_reset\"]}}]}", 0x80070002, "cache_reset");
    swarm_free(f.swarm);
    f.options.crash_chance = 1;
    f.swarm = swarm_new(&f.options, &e);
    run_until(&f, all_ended);
    assert_int_equal(fake_fleet_seen(f.server).started_twice, 0);
    end(&f);
}

static bool eight_enrolled(const struct fake_fleet_seen *seen, const struct swarm_summary *s)
{
    (void)seen;
    return s->enrolled == 8;
}

static void a_second_run_is_the_same_machines(void **state)
{
    (void)state;
    struct fleet f;
    struct err e = {0};
    begin(&f, "{\"groups\":[{\"name\":\"PC\",\"count\":8}]}", 0, NULL);
    run_until(&f, eight_enrolled);
    assert_int_equal(fake_fleet_seen(f.server).enrolled, 8);
    swarm_free(f.swarm);
    f.swarm = swarm_new(&f.options, &e);
    run_until(&f, eight_enrolled);
    assert_int_equal(fake_fleet_seen(f.server).enrolled, 8);
    assert_int_equal(fake_fleet_seen(f.server).enrolments, 16);
    swarm_free(f.swarm);
    f.options.seed = 8;
    f.swarm = swarm_new(&f.options, &e);
    run_until(&f, eight_enrolled);
    assert_int_equal(fake_fleet_seen(f.server).enrolled, 16);
    end(&f);
}

static bool any_error(const struct fake_fleet_seen *seen, const struct swarm_summary *s)
{
    (void)seen;
    return s->errors >= 5;
}

static void a_wrong_token_enrols_nobody_and_says_so(void **state)
{
    (void)state;
    struct fleet f;
    struct err e = {0};
    begin(&f, "{\"groups\":[{\"name\":\"PC\",\"count\":5}]}", 0, NULL);
    swarm_free(f.swarm);
    agent_config_free(&f.config);
    f.config = config_of(f.server, "T2");
    f.swarm = swarm_new(&f.options, &e);
    struct swarm_summary s = run_until(&f, any_error);
    assert_int_equal(s.enrolled, 0);
    assert_non_null(strstr(s.last_error, "403"));
    end(&f);
}

static bool two_silent(const struct fake_fleet_seen *seen, const struct swarm_summary *s)
{
    return seen->ordered == 2 && s->online == 0;
}

static void silent_after_its_repair(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, "{\"groups\":[{\"name\":\"BAD\",\"count\":2,\"silent_after\":\"cache_reset\","
              "\"fault\":{\"phase\":\"scan\",\"code\":\"0x80070002\"}}]}", 0x80070002, "cache_reset");
    run_until(&f, two_silent);
    assert_int_equal(fake_fleet_seen(f.server).done, 0);
    end(&f);
}

static void the_heap_gives_the_earliest(void **state)
{
    (void)state;
    struct swarm_heap h;
    int64_t due[200];
    swarm_heap_init(&h, 200);
    uint32_t x = 12345;
    for (int turn = 0; turn < 5000; turn++) {
        x = x * 1103515245u + 12345u;
        size_t machine = x / 65536 % 200;
        if (turn < 200)
            machine = (size_t)turn;
        due[machine] = (int64_t)(x / 64 % 100000);
        swarm_heap_set(&h, machine, due[machine]);
        if (turn < 200)
            continue;
        int64_t least = INT64_MAX;
        for (int i = 0; i < 200; i++)
            least = due[i] < least ? due[i] : least;
        assert_int_equal(due[swarm_heap_first(&h)], least);
    }
    swarm_heap_free(&h);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heap_gives_the_earliest),
        cmocka_unit_test(from_failure_to_proof),
        cmocka_unit_test(what_does_not_heal_is_not_called_fixed),
        cmocka_unit_test(a_crash_in_mid_job_starts_nothing_twice),
        cmocka_unit_test(a_second_run_is_the_same_machines),
        cmocka_unit_test(a_wrong_token_enrols_nobody_and_says_so),
        cmocka_unit_test(silent_after_its_repair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
