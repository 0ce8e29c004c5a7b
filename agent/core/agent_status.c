#include "agent_internal.h"

#include "json.h"

static const char *const phase_names[] = {"time", "enroll", "session", "sync", "stopped"};

static void put_order_key(const struct agent *a, struct json_writer *w)
{
    const char *pin = identity_first_pin(a->identity);
    json_put_key(w, "order_key");
    json_begin(w, '{');
    json_member_string(w, "pinned_by", identity_pinned_by_text(a->identity));
    json_member_string(w, "pin", pin ? pin : "");
    json_end(w, '}');
}

static void put_time(const struct agent *a, struct json_writer *w)
{
    bool known;
    int64_t skew_ms = agent_skew_ms(a, &known);
    json_put_key(w, "skew_ms");
    if (known)
        json_put_int(w, skew_ms);
    else
        json_put_null(w);
    json_put_key(w, "server_time");
    if (known)
        json_put_int(w, agent_server_now_ms(a));
    else
        json_put_null(w);
    /* More than seconds: the server's clock went back, and orders may look expired until an admin accepts it.
     */
    json_member_int(w, "server_behind_s", trusted_time_behind_ms(&a->time, agent_ticks(a)) / 1000);
}

static void put_spool(const struct agent *a, struct json_writer *w)
{
    json_put_key(w, "spool");
    json_begin(w, '{');
    json_member_string(w, "stream", spool_stream(a->spool));
    json_member_int(w, "last_seq", spool_last_seq(a->spool));
    json_member_int(w, "bytes", (int64_t)spool_bytes(a->spool));
    json_member_int(w, "dropped", spool_dropped(a->spool));
    json_member_bool(w, "unsent", spool_has_news(a->spool));
    json_end(w, '}');
}

static void put_running(const struct agent *a, struct json_writer *w)
{
    struct arena arena = {0};
    const char **ids;
    size_t n = runner_running(a->runner, &arena, &ids);
    json_put_key(w, "running");
    json_begin(w, '[');
    for (size_t i = 0; i < n; i++)
        json_put_string(w, ids[i]);
    json_end(w, ']');
    arena_free(&arena);
}

static void put_error(const struct agent *a, struct json_writer *w)
{
    json_put_key(w, "last_error");
    if (!a->last_error[0]) {
        json_put_null(w);
        return;
    }
    json_begin(w, '{');
    json_member_string(w, "text", a->last_error);
    json_member_int(w, "seconds_ago", (agent_ticks(a) - a->last_error_ticks) / 1000);
    json_end(w, '}');
}

void agent_status(const struct agent *a, struct buf *out)
{
    struct json_writer w = {.out = out};
    int64_t waits_ms = a->asked ? 0 : a->not_before_ticks - agent_ticks(a);
    json_begin(&w, '{');
    json_member_string(&w, "version", FLEETMEND_VERSION);
    json_member_string(&w, "phase", phase_names[a->phase]);
    json_member_string(&w, "server", a->config->server_urls[a->server]);
    json_member_string(&w, "tls", a->pin_mode ? "pins of the signed time" : "verified");
    json_member_string(&w, "machine_id", agent_machine_id(a));
    json_member_string(&w, "state", a->server_state);
    put_order_key(a, &w);
    put_time(a, &w);
    put_spool(a, &w);
    put_running(a, &w);
    json_member_bool(&w, "frozen", a->frozen);
    json_member_int(&w, "refused_orders", a->refused_orders);
    json_member_int(&w, "next_try_s", waits_ms > 0 ? waits_ms / 1000 : 0);
    put_error(a, &w);
    json_end(&w, '}');
}
