#include "store_contract.h"

static const struct contract_driver *driver;

static int open_fresh(void **state)
{
    struct contract *c = calloc(1, sizeof *c);
    c->url = driver->fresh_url();
    c->store = store_open(c->url, DB_WRITER, &c->e);
    if (!c->store) {
        print_error("%s\n", c->e.text);
        return -1;
    }
    *state = c;
    return 0;
}

static int close_it(void **state)
{
    struct contract *c = *state;
    store_close(c->store);
    arena_free(&c->arena);
    free(c);
    return 0;
}

int store_contract_run(const struct contract_driver *d)
{
    static const struct CMUnitTest *const lists[] = {contract_machines, contract_failures, contract_jobs,
                                                     contract_rest, contract_lists};
    struct CMUnitTest all[200];
    size_t n = 0;
    driver = d;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const struct CMUnitTest *t = lists[i]; t->name; t++) {
            all[n] = *t;
            all[n].setup_func = open_fresh;
            all[n++].teardown_func = close_it;
        }
    return _cmocka_run_group_tests(d->name, all, n, NULL, NULL);
}

void put_machine(struct contract *c, const char *id)
{
    struct machine_row m = {.id = id,
                            .name = arena_printf(&c->arena, "PC-%s", id),
                            .os = "Windows 10 Pro",
                            .tags = ",pilot,",
                            .facts = "{}",
                            .public_key = "key",
                            .stream = "s1",
                            .approved = true,
                            .enrolled_ms = NOW - DAY,
                            .last_seen_ms = NOW};
    assert_ok(c, store_machine_put(c->store, &m, &c->e));
}

struct failure_row failure_of(const char *machine_id, uint32_t code, const char *phase, const char *update)
{
    return (struct failure_row){.machine_id = machine_id,
                                .code = code,
                                .phase = phase,
                                .update_key = update,
                                .text = "text",
                                .first_seen_ms = NOW,
                                .last_seen_ms = NOW,
                                .count = 1};
}

struct job_row job_of(const char *id, const char *machine_id)
{
    return (struct job_row){.id = id,
                            .machine_id = machine_id,
                            .repair = "cache_reset",
                            .op = "run",
                            .params = "{}",
                            .state = JOB_QUEUED,
                            .created_ms = NOW,
                            .expires_ms = NOW + DAY};
}

void seen(struct contract *c, const struct failure_row *f, bool opened)
{
    bool was_opened = !opened;
    int64_t id = 0;
    assert_ok(c, store_failure_seen(c->store, f, &was_opened, &id, &c->e));
    assert_int_equal(was_opened, opened);
    assert_true(id > 0);
}

struct machine_row machine(struct contract *c, const char *id)
{
    struct machine_row m = {0};
    assert_ok(c, store_machine_get(c->store, &c->arena, id, &m, &c->e));
    return m;
}

struct job_row job(struct contract *c, const char *id)
{
    struct job_row j = {0};
    assert_ok(c, store_job_get(c->store, &c->arena, id, &j, &c->e));
    return j;
}

void refresh(struct contract *c, const char *id)
{
    assert_ok(c, store_machine_refresh(c->store, id, NOW, &c->e));
}

void sql(struct contract *c, const char *text)
{
    assert_ok(c, db_query_text(store_db(c->store), text, NULL, 0, NULL, NULL, &c->e));
}

struct filter filter_of(struct contract *c, enum filter_entity entity, const char *text)
{
    struct filter f;
    assert_ok(c, filter_parse(slice_of(text), entity, &c->arena, &f, &c->e));
    return f;
}
