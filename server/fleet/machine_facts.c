#include "machine_facts.h"

static const char *or_empty(const char *z)
{
    return z ? z : "";
}

/* ",a,b,": so that one tag can be found by its text with commas around. */
static const char *joined_tags(const struct wire_facts *f, struct arena *a)
{
    const char *all = "";
    for (size_t i = 0; i < f->tags_count; i++)
        all = arena_printf(a, "%s%s,", *all ? all : ",", f->tags[i]);
    return all;
}

void machine_row_of_facts(const struct wire_facts *f, struct arena *a, struct machine_row *out)
{
    struct buf json;
    buf_init(&json, 32 * 1024);
    wire_encode_facts(f, &json);
    *out = (struct machine_row){
        .id = "",
        .public_key = "",
        .stream = "",
        .agent_version = "",
        .boot_id = "",
        .why = "",
        .name = or_empty(f->name),
        .instance = or_empty(f->instance),
        .os = or_empty(f->os),
        .build = or_empty(f->build),
        .role = or_empty(f->role),
        .update_manager = or_empty(f->update_manager),
        .update_server = or_empty(f->update_server),
        .domain = or_empty(f->domain),
        .ou = or_empty(f->ou),
        .site = or_empty(f->site),
        .model = or_empty(f->model),
        .tags = joined_tags(f, a),
        .facts = arena_strdup(a, buf_text(&json)),
        .simulated = f->simulated,
        .reboot_pending = f->reboot_pending,
    };
    buf_free(&json);
}
