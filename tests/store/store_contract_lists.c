/* Filters as the database understands them, orders and pages. */
#include "store_contract.h"

#include <stdio.h>
#include <string.h>

struct ids {
    struct buf text;
    int count, stop_at;
};

static bool add_machine(void *ctx, const struct machine_row *m)
{
    struct ids *l = ctx;
    buf_printf(&l->text, "%s ", m->id);
    return ++l->count != l->stop_at;
}

static void fleet(struct contract *c)
{
    static const struct machine_row rows[] = {
        {.id = "m1",
         .name = "Alpha",
         .os = "Windows 10 Pro",
         .ou = "OU=Sales,DC=corp",
         .tags = ",pilot,eu,",
         .role = "client"},
        {.id = "m2",
         .name = "beta_1",
         .os = "Windows 10 Pro",
         .ou = "OU=IT,DC=corp",
         .tags = ",pilots,",
         .role = "client"},
        {.id = "m3",
         .name = "Gamma",
         .os = "Windows Server 2019",
         .ou = "",
         .tags = "",
         .role = "dc",
         .simulated = true},
        {.id = "m4", .name = "betaX1", .os = "100% other", .tags = ",eu,", .role = "client"},
    };
    for (size_t i = 0; i < 4; i++) {
        struct machine_row m = rows[i];
        m.approved = true;
        m.last_seen_ms = NOW - (int64_t)i * DAY;
        assert_ok(c, store_machine_put(c->store, &m, &c->e));
    }
    struct failure_row f = failure_of("m1", 0x80070002, "scan", "");
    seen(c, &f, true);
    f = failure_of("m3", 0x80070002, "install", "KB5");
    f.kb = "KB5";
    seen(c, &f, true);
    assert_ok(c, store_failures_move(c->store, "m3", "", NULL, 0, FAILURE_FIXED, "", NOW, NULL, &c->e));
    f = failure_of("m4", 0x80240022, "download", "");
    seen(c, &f, true);
    for (int i = 1; i <= 4; i++) {
        char id[] = {'m', (char)('0' + i), 0};
        refresh(c, id);
    }
}

static void assert_machines(struct contract *c, const char *filter, const char *sort, const char *want)
{
    struct ids l = {0};
    buf_init(&l.text, 4000);
    struct filter f = filter_of(c, FILTER_MACHINES, filter);
    struct store_page page = {.cursor = "", .sort = sort, .now_ms = NOW};
    char next[200];
    assert_ok(c, store_machines(c->store, &f, &page, add_machine, &l, next, &c->e));
    if (strcmp(buf_text(&l.text), want) != 0)
        fail_msg("%s: %s, should be %s", filter, buf_text(&l.text), want);
    int64_t count = -1;
    assert_ok(c, store_machines_count(c->store, &f, NOW, &count, &c->e));
    assert_int_equal(count, l.count);
    assert_string_equal(next, "");
    buf_free(&l.text);
}

static void filters_match_what_they_say(void **state)
{
    static const struct {
        const char *filter, *want;
    } cases[] = {
        {"", "m1 m2 m4 m3 "},
        {"name=ALPHA", "m1 "},
        {"name!=alpha", "m2 m4 m3 "},
        {"name~ETA_1", "m2 "},
        {"os~\"windows 10\"", "m1 m2 "},
        {"os=\"windows 10 Pro\"", ""},
        {"os~100%", "m4 "},
        {"ou=\"ou=sales,dc=CORP\"", "m1 "},
        {"ou=\"\"", "m4 m3 "},
        {"tag=pilot", "m1 "},
        {"tag!=pilot", "m2 m4 m3 "},
        {"tag~pilot", "m1 m2 "},
        {"tag=eu and role=client", "m1 m4 "},
        {"state=failing", "m1 m4 "},
        {"state=never_scanned", "m2 "},
        {"code=0x80070002", "m1 "},
        {"code!=0x80070002", "m2 m4 m3 "},
        {"phase=download", "m4 "},
        {"phase~SCA", "m1 "},
        {"phase!=scan", "m2 m4 m3 "},
        {"last_seen<36h", "m1 m2 "},
        {"last_seen>36h", "m4 m3 "},
        {"simulated=true", "m3 "},
        {"simulated=false id!=m1", "m2 m4 "},
        {"name=\"' OR 1=1 --\"", ""},
    };
    struct contract *c = *state;
    fleet(c);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_machines(c, cases[i].filter, "", cases[i].want);
}

static void orders_by_every_column(void **state)
{
    struct contract *c = *state;
    fleet(c);
    assert_machines(c, "", "-name", "m3 m4 m2 m1 ");
    assert_machines(c, "", "last_seen", "m4 m3 m2 m1 ");
    assert_machines(c, "", "-os", "m3 m2 m1 m4 ");
    assert_machines(c, "", "-last_error", "m4 m1 m3 m2 ");
    struct filter none = {0};
    struct store_page page = {.cursor = "", .sort = "size"};
    struct ids l = {0};
    char next[200];
    assert_err(c, ERR_INVALID, store_machines(c->store, &none, &page, add_machine, &l, next, &c->e));
    assert_non_null(strstr(c->e.text, store_sort_words(FILTER_MACHINES)));
    /* Every word that is offered works, both ways. */
    char words[200];
    snprintf(words, sizeof words, "%s", store_sort_words(FILTER_MACHINES));
    for (char *rest = words, *word; (word = strsep(&rest, ", "));)
        for (int down = 0; *word && down < 2; down++) {
            buf_init(&l.text, 4000);
            page.sort = arena_printf(&c->arena, "%s%s", down ? "-" : "", word);
            l.count = 0;
            assert_ok(c, store_machines(c->store, &none, &page, add_machine, &l, next, &c->e));
            assert_int_equal(l.count, 4);
            buf_free(&l.text);
        }
}

static bool count_failure(void *ctx, const struct failure_row *f)
{
    return buf_printf(ctx, "%s ", f->machine_id);
}

static bool count_job(void *ctx, const struct job_row *j)
{
    return buf_printf(ctx, "%s ", j->id);
}

static void failures_and_jobs_have_their_fields(void **state)
{
    static const struct {
        const char *filter, *want;
    } failures[] = {{"", "m4 m3 m1 "},
                    {"code=0x80070002", "m3 m1 "},
                    {"code!=0x80070002", "m4 "},
                    {"kb=kb5", "m3 "},
                    {"machine=ALPHA", "m1 "},
                    {"machine=m4", "m4 "},
                    {"machine!=m4", "m3 m1 "},
                    {"machine~A", "m4 m3 m1 "},
                    {"id=2", "m3 "},
                    {"state=fixed", "m3 "},
                    {"phase!=scan os~server", "m3 "},
                    {"tag=pilot", "m1 "},
                    {"last_seen>1d", ""},
                    {"role=dc", "m3 "}},
      jobs[] = {{"", "j2 j1 "},           {"repair=reboot", "j2 "},   {"result=failed", "j2 "},
                {"verdict=same", "j2 "},  {"rollout=r1", "j1 "},      {"state=queued", "j1 "},
                {"machine=alpha", "j1 "}, {"code=0x80070002", "j1 "}, {"id=j1 phase=scan", "j1 "},
                {"os~server", "j2 "}};
    struct contract *c = *state;
    fleet(c);
    struct job_row j = job_of("j1", "m1");
    j.rollout_id = "r1";
    j.code = 0x80070002;
    j.phase = "scan";
    assert_ok(c, store_jobs_add(c->store, &j, 1, &c->e));
    j = job_of("j2", "m3");
    j.repair = "reboot";
    j.state = JOB_DONE;
    j.result = JOB_RESULT_FAILED;
    j.verdict = JOB_VERDICT_SAME;
    assert_ok(c, store_jobs_add(c->store, &j, 1, &c->e));
    struct store_page page = {.cursor = "", .sort = "", .now_ms = NOW};
    struct buf text;
    buf_init(&text, 400);
    char next[200];
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct filter f = filter_of(c, FILTER_FAILURES, failures[i].filter);
        buf_clear(&text);
        assert_ok(c, store_failures(c->store, &f, false, &page, count_failure, &text, next, &c->e));
        if (strcmp(buf_text(&text), failures[i].want) != 0)
            fail_msg("%s: %s, should be %s", failures[i].filter, buf_text(&text), failures[i].want);
    }
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        struct filter f = filter_of(c, FILTER_JOBS, jobs[i].filter);
        buf_clear(&text);
        assert_ok(c, store_jobs(c->store, &f, &page, count_job, &text, next, &c->e));
        if (strcmp(buf_text(&text), jobs[i].want) != 0)
            fail_msg("%s: %s, should be %s", jobs[i].filter, buf_text(&text), jobs[i].want);
        int64_t count = -1;
        assert_ok(c, store_jobs_count(c->store, &f, NOW, &count, &c->e));
        assert_int_equal(count * 3, (int64_t)strlen(jobs[i].want));
    }
    buf_free(&text);
}

/* Pages through by `limit` while machines are added in front of, behind and among them; each of the first
 * ones must come exactly once. */
static void page_through(struct contract *c, const char *sort, int64_t limit)
{
    struct filter old = filter_of(c, FILTER_MACHINES, "tag=pilot");
    struct ids l = {0};
    buf_init(&l.text, 20000);
    char next[200] = "", cursor[200];
    int pages = 0;
    do {
        memcpy(cursor, next, sizeof cursor);
        struct store_page page = {.cursor = cursor, .sort = sort, .limit = limit, .now_ms = NOW};
        int before = l.count;
        assert_ok(c, store_machines(c->store, &old, &page, add_machine, &l, next, &c->e));
        assert_true(l.count - before <= limit);
        static int added;
        struct machine_row m = {.id = arena_printf(&c->arena, "new%d", added),
                                .approved = true,
                                .last_seen_ms = NOW,
                                .name = arena_printf(&c->arena, "%s%d", added % 2 ? "PC-00" : "zz", added),
                                .tags = ",new,"};
        added++;
        assert_ok(c, store_machine_put(c->store, &m, &c->e));
        pages++;
    } while (*next);
    assert_int_equal(l.count, 50);
    assert_true(pages >= 50 / limit);
    for (int i = 0; i < 50; i++) {
        char id[8];
        snprintf(id, sizeof id, "%03d ", i);
        const char *first = strstr(buf_text(&l.text), id);
        assert_non_null(first);
        assert_null(strstr(first + 1, id));
    }
    buf_free(&l.text);
}

static void pages_neither_repeat_nor_skip_while_rows_are_added(void **state)
{
    struct contract *c = *state;
    for (int i = 0; i < 50; i++) {
        char id[8];
        snprintf(id, sizeof id, "%03d", i * 7 % 50);
        put_machine(c, id);
    }
    static const char *const sorts[] = {"", "-name", "os", "-os", "last_seen", "-enrolled", "id", "-state"};
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        page_through(c, sorts[i], 7);
        page_through(c, sorts[i], 50);
        page_through(c, sorts[i], 1);
    }
}

static void foreign_cursors_are_refused(void **state)
{
    static const char *const bad[] = {
        "x", ".", "1.", "1.!!", "x.QQ==", "1.QQ", "99999999999999999999.QQ==", "1.gIA=", "1.QQ==QQ=="};
    struct contract *c = *state;
    fleet(c);
    struct filter none = {0};
    struct ids l = {0};
    char next[200];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct store_page page = {.cursor = bad[i], .sort = "last_seen", .limit = 2};
        assert_err(c, ERR_INVALID, store_machines(c->store, &none, &page, add_machine, &l, next, &c->e));
    }
    char longest[4000];
    memset(longest, '1', sizeof longest);
    longest[3] = '.';
    longest[sizeof longest - 1] = '\0';
    struct store_page page = {.cursor = longest, .sort = "name", .limit = 2};
    assert_err(c, ERR_INVALID, store_machines(c->store, &none, &page, add_machine, &l, next, &c->e));
}

static void a_callback_can_end_a_list(void **state)
{
    struct contract *c = *state;
    fleet(c);
    struct filter none = {0};
    struct store_page page = {.cursor = "", .sort = ""};
    struct ids l = {.stop_at = 2};
    buf_init(&l.text, 400);
    char next[200];
    assert_ok(c, store_machines(c->store, &none, &page, add_machine, &l, next, &c->e));
    assert_string_equal(buf_text(&l.text), "m1 m2 ");
    buf_free(&l.text);
}

static bool find_again(void *ctx, const char *id, const char *name)
{
    struct contract *c = ctx;
    struct machine_row m;
    (void)name;
    assert_ok(c, store_machine_get(c->store, &c->arena, id, &m, &c->e));
    assert_ok(c, store_machine_refresh(c->store, id, NOW, &c->e));
    return true;
}

static void a_callback_may_use_the_store(void **state)
{
    struct contract *c = *state;
    fleet(c);
    struct filter none = {0};
    assert_ok(c, store_machine_ids(c->store, &none, NOW, find_again, c, &c->e));
}

const struct CMUnitTest contract_lists[] = {
    cmocka_unit_test(filters_match_what_they_say),
    cmocka_unit_test(orders_by_every_column),
    cmocka_unit_test(failures_and_jobs_have_their_fields),
    cmocka_unit_test(pages_neither_repeat_nor_skip_while_rows_are_added),
    cmocka_unit_test(foreign_cursors_are_refused),
    cmocka_unit_test(a_callback_can_end_a_list),
    cmocka_unit_test(a_callback_may_use_the_store),
    {0},
};
