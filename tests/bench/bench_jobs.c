/* One push to all: N jobs queued to N waiting machines, each order answered by a result, until every result
 * is stored. */
#include "bench_fleet.h"
#include "bench_measure.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { SETTLE_MS = 3000, ANSWER_MAX = 64 << 20 };

struct wave {
    size_t orders_left, results_left;
};

static void on_ordered(void *ctx, struct machine *m)
{
    (void)m;
    ((struct wave *)ctx)->orders_left--;
}

static void on_stored(void *ctx, struct machine *m)
{
    (void)m;
    ((struct wave *)ctx)->results_left--;
}

static void on_pushed(void *ctx, struct link *l, const struct answer *a)
{
    struct buf *body = ctx;
    (void)l;
    if (a->status != 201)
        bench_fail("push: status %d %.*s", a->status, SLICE_ARG(a->body));
    buf_append_slice(body, a->body);
}

static int64_t total_of(const struct buf *answer, const char *member)
{
    struct err e = {0};
    struct json *j = json_parse(buf_slice(answer), &e);
    int64_t n = -1;
    if (!json_int(json_get(j, member), &n))
        bench_fail("no %s in the answer: %s", member, e.text);
    json_free(j);
    return n;
}

/* What the server itself says is stored. */
static int64_t count_stored(struct client *c, const char *token, const struct buf *pushed)
{
    struct err e = {0};
    struct json *j = json_parse(buf_slice(pushed), &e);
    struct slice id;
    if (!json_string(json_get(j, "rollout"), &id))
        bench_fail("no rollout in the answer: %s", e.text);
    char path[200];
    snprintf(path, sizeof path, "/api/v1/jobs?limit=1&filter=rollout%%3D%.*s%%20result%%3Ddone",
             SLICE_ARG(id));
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    client_ask(c, &(struct request){"GET", path, token, slice_make(NULL, 0)}, &answer);
    int64_t n = total_of(&answer, "total");
    buf_free(&answer);
    json_free(j);
    return n;
}

int main(int argc, char **argv)
{
    const char *url = NULL, *ca = NULL, *path = NULL, *user = NULL, *password = NULL;
    int64_t pid = 0, machines = 10000, rounds = 3;
    const struct bench_option options[] = {
        {"--url", &url, NULL, "https://HOST:PORT"},
        {"--ca", &ca, NULL, "FILE of the server's authority"},
        {"--fleet", &path, NULL, "FILE of bench_enrol"},
        {"--user", &user, NULL, "an operator"},
        {"--password-file", &password, NULL, "FILE"},
        {"--pid", NULL, &pid, "of the server"},
        {"--machines", NULL, &machines, "all that were enrolled (10000)"},
        {"--rounds", NULL, &rounds, "(3); medians are printed"},
    };
    bench_options(options, sizeof options / sizeof *options, argc, argv);
    bench_raise_files();
    size_t n = (size_t)machines;
    struct fleet *f = fleet_load(path, n);
    struct client *c = client_new(url, ca);
    char *token = fleet_login(c, user, password);
    struct wave w;
    f->ordered = on_ordered;
    f->stored = on_stored;
    f->ctx = &w;
    fleet_park(f, c);
    client_run_for(c, SETTLE_MS);

    struct link *admin = link_new(c);
    struct bench_samples per_s = {0}, cpu = {0};
    struct slice push =
        slice_of("{\"repair\":\"update_scan\",\"filter\":\"simulated=true\",\"reason\":\"measured\"}");
    int64_t lost = 0;
    for (int64_t r = 0; r < rounds; r++) {
        struct buf pushed;
        buf_init(&pushed, ANSWER_MAX);
        w = (struct wave){n, n};
        double cpu_s = bench_cpu_s(pid);
        int64_t start_ns = bench_now_ns();
        link_request(admin, &(struct request){"POST", "/api/v1/rollouts", token, push}, on_pushed, &pushed);
        client_run_until_zero(c, &w.orders_left);
        double delivered_s = (double)(bench_now_ns() - start_ns) / 1e9;
        client_run_until_zero(c, &w.results_left);
        double took_s = (double)(bench_now_ns() - start_ns) / 1e9;
        cpu_s = bench_cpu_s(pid) - cpu_s;
        int64_t stored = count_stored(c, token, &pushed), matched = total_of(&pushed, "matched");
        lost += matched - stored;
        bench_say("round %d: %lld jobs, last order after %.2f s, last result stored after %.2f s, %lld "
                  "stored, %.2f CPU-s",
                  (int)r + 1, (long long)matched, delivered_s, took_s, (long long)stored, cpu_s);
        bench_add(&per_s, (double)n / took_s);
        bench_add(&cpu, cpu_s * 1e3 / (double)n);
        buf_free(&pushed);
    }
    if (f->failed)
        bench_fail("%zu polls failed", f->failed);
    bench_row(bench_text("jobs a second, one push to %zu, results stored", n),
              bench_text("%.0f", bench_quantile(&per_s, 0.5)), ">= 2000",
              bench_text("%.2f CPU-ms a job", bench_quantile(&cpu, 0.5)), "");
    bench_row("  results lost", bench_text("%lld", (long long)lost), "0", "", "");
    mem_free(token);
    client_free(c);
    fleet_free(f);
    return 0;
}
