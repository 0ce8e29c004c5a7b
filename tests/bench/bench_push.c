/* How soon a machine has its order: from the COMMIT of the job to the last byte at the waiting machine, while
 * N wait. The server stamps the end of the commit with the clock that all processes share (the answer's
 * Server-Timing header). */
#include "bench_fleet.h"
#include "bench_measure.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { ADMINS = 4, SETTLE_MS = 3000 };

struct push {
    int64_t committed_ns;
    double commit_ms;
};

struct pushes {
    struct fleet *fleet;
    const char *token;
    struct push *v;
    size_t first, count; /* machines of this round */
    size_t answers_left, orders_left, results_left;
};

struct admin {
    struct pushes *all;
    struct link *link;
    size_t machine;
    bool busy;
};

/* Server-Timing: commit;dur=MS;desc="MICROSECONDS of CLOCK_MONOTONIC" */
static struct push read_stamp(const struct answer *a)
{
    char text[100] = "";
    struct slice timing = answer_header(a, "Server-Timing");
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(timing));
    const char *dur = strstr(text, "dur="), *desc = strstr(text, "desc=\"");
    if (!dur || !desc)
        bench_fail("the server does not say when it committed: Server-Timing is \"%s\"", text);
    return (struct push){strtoll(desc + 6, NULL, 10) * 1000, strtod(dur + 4, NULL)};
}

static void on_pushed(void *ctx, struct link *l, const struct answer *a)
{
    struct admin *admin = ctx;
    (void)l;
    if (a->status != 201)
        bench_fail("push: status %d %.*s", a->status, SLICE_ARG(a->body));
    admin->all->v[admin->machine - admin->all->first] = read_stamp(a);
    admin->all->answers_left--;
    admin->busy = false;
}

static void push_to(struct admin *admin, size_t machine)
{
    struct pushes *p = admin->all;
    struct buf body;
    buf_init(&body, 1000);
    buf_printf(&body, "{\"repair\":\"update_scan\",\"machines\":[\"%s\"],\"reason\":\"measured\"}",
               p->fleet->machines[machine].id);
    admin->machine = machine;
    admin->busy = true;
    link_request(admin->link, &(struct request){"POST", "/api/v1/rollouts", p->token, buf_slice(&body)},
                 on_pushed, admin);
    buf_free(&body);
}

static void on_ordered(void *ctx, struct machine *m)
{
    (void)m;
    ((struct pushes *)ctx)->orders_left--;
}

static void on_stored(void *ctx, struct machine *m)
{
    (void)m;
    ((struct pushes *)ctx)->results_left--;
}

static void push_round(struct pushes *p, struct admin *admins, struct client *c, int64_t pause_us)
{
    p->answers_left = p->orders_left = p->results_left = p->count;
    int64_t due_ns = bench_now_ns();
    for (size_t i = 0; i < p->count; i++, due_ns += pause_us * 1000) {
        struct admin *admin = &admins[i % ADMINS];
        while (bench_now_ns() < due_ns || admin->busy)
            client_step(c, admin->busy ? 1 : 0);
        push_to(admin, p->first + i);
    }
    client_run_until_zero(c, &p->answers_left);
    client_run_until_zero(c, &p->orders_left);
    client_run_until_zero(c, &p->results_left);
}

int main(int argc, char **argv)
{
    const char *url = NULL, *ca = NULL, *path = NULL, *user = NULL, *password = NULL;
    int64_t machines = 10000, count = 1000, rounds = 3, pause_us = 5000;
    const struct bench_option options[] = {
        {"--url", &url, NULL, "https://HOST:PORT"},
        {"--ca", &ca, NULL, "FILE of the server's authority"},
        {"--fleet", &path, NULL, "FILE of bench_enrol"},
        {"--user", &user, NULL, "an operator"},
        {"--password-file", &password, NULL, "FILE"},
        {"--machines", NULL, &machines, "that wait (10000)"},
        {"--pushes", NULL, &count, "in each round, to one machine each (1000)"},
        {"--rounds", NULL, &rounds, "(3); medians are printed"},
        {"--pause-us", NULL, &pause_us, "from one push to the next (5000)"},
    };
    bench_options(options, sizeof options / sizeof *options, argc, argv);
    if (count * rounds > machines)
        bench_fail("%lld pushes need as many machines", (long long)(count * rounds));
    bench_raise_files();
    struct fleet *f = fleet_load(path, (size_t)machines);
    struct client *c = client_new(url, ca);
    struct pushes p = {.fleet = f, .token = fleet_login(c, user, password), .count = (size_t)count};
    struct admin admins[ADMINS];
    p.v = mem_zalloc(p.count * sizeof *p.v);
    for (int i = 0; i < ADMINS; i++)
        admins[i] = (struct admin){.all = &p, .link = link_new(c)};
    f->ordered = on_ordered;
    f->stored = on_stored;
    f->ctx = &p;
    fleet_park(f, c);
    client_run_for(c, SETTLE_MS);

    struct bench_samples p50 = {0}, p99 = {0}, commit50 = {0}, commit99 = {0};
    for (int64_t r = 0; r < rounds; r++, p.first += p.count) {
        struct bench_samples delay = {0}, commit = {0};
        push_round(&p, admins, c, pause_us);
        for (size_t i = 0; i < p.count; i++) {
            bench_add(&delay, (double)(f->machines[p.first + i].delivered_ns - p.v[i].committed_ns) / 1e6);
            bench_add(&commit, p.v[i].commit_ms);
        }
        bench_say("round %d: delivery p50 %.3f p99 %.3f max %.3f ms; commit p50 %.3f p99 %.3f ms", (int)r + 1,
                  bench_quantile(&delay, 0.5), bench_quantile(&delay, 0.99), bench_quantile(&delay, 1),
                  bench_quantile(&commit, 0.5), bench_quantile(&commit, 0.99));
        bench_add(&p50, bench_quantile(&delay, 0.5));
        bench_add(&p99, bench_quantile(&delay, 0.99));
        bench_add(&commit50, bench_quantile(&commit, 0.5));
        bench_add(&commit99, bench_quantile(&commit, 0.99));
        bench_samples_free(&delay);
        bench_samples_free(&commit);
    }
    if (f->failed)
        bench_fail("%zu polls failed", f->failed);
    bench_row(bench_text("push, COMMIT to delivery at %lld idle, p50 / p99 ms", (long long)machines),
              bench_text("%.2f / %.2f", bench_quantile(&p50, 0.5), bench_quantile(&p99, 0.5)), "<= 0.5 / 5",
              bench_text("the commit itself: %.2f / %.2f", bench_quantile(&commit50, 0.5),
                         bench_quantile(&commit99, 0.5)),
              "");
    client_free(c);
    fleet_free(f);
    return 0;
}
