#include "event_json.h"

#include "code.h"
#include "json.h"
#include "times.h"

static void put_time(struct json_writer *w, const struct event *ev)
{
    json_put_key(w, "time");
    if (!ev->has_time) {
        json_put_null(w);
        return;
    }
    char text[TIME_TEXT_MAX];
    time_print(ev->time_ms, text);
    size_t n = strlen(text);
    if (ev->time_is_local && n && text[n - 1] == 'Z')
        text[n - 1] = '\0';
    json_put_string(w, text);
}

static void put_update(struct json_writer *w, const struct event *ev)
{
    json_put_key(w, "update");
    json_begin(w, '{');
    if (ev->update_id[0])
        json_member_string(w, "id", ev->update_id);
    if (ev->update_id[0])
        json_member_int(w, "revision", ev->revision);
    if (ev->kb[0])
        json_member_string(w, "kb", ev->kb);
    if (ev->title[0])
        json_member_string(w, "title", ev->title);
    json_end(w, '}');
}

static void put_code(struct json_writer *w, const char *key, uint32_t code)
{
    char text[CODE_TEXT_MAX];
    code_print(code, text);
    json_member_string(w, key, text);
}

void event_json(const struct event *ev, const char *file, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    put_code(&w, "code", ev->code);
    if (ev->extend)
        put_code(&w, "extend", ev->extend);
    json_member_string(&w, "symbol", code_lookup(ev->code).symbol);
    json_member_string(&w, "phase", event_phase_name(ev->phase));
    json_member_string(&w, "source", event_source_name(ev->source));
    json_member_string(&w, "context", ev->context);
    put_time(&w, ev);
    put_update(&w, ev);
    json_member_string(&w, "file", file);
    json_member_int(&w, "line", ev->line < (uint64_t)JSON_INT_MAX ? (int64_t)ev->line : JSON_INT_MAX);
    json_member_string(&w, "text", ev->text);
    if (ev->outcome != EVENT_FAILED)
        json_member_bool(&w, "noise", true);
    json_end(&w, '}');
    buf_putc(out, '\n');
}
