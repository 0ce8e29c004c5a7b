/* Enrolment and sessions: how a machine becomes known, and proves each hour that it still holds its key. */
#include "fleet.h"

#include "envelope.h"
#include "machine_facts.h"
#include "mem.h"
#include "text.h"

#include <stdio.h>

enum { MACHINE_ID_MAX = 65 };

static struct enroll_call *call_of_enroll(struct work *w)
{
    return (struct enroll_call *)((char *)w - offsetof(struct enroll_call, work));
}

/* Reads the key inside the payload, then lets that key prove it signed the payload. */
static bool open_by_own_key(struct slice envelope, const char *type, struct arena *a, struct slice *payload,
                            const char *public_key, struct err *e)
{
    bool ok = false;
    struct buf spki, text;
    struct verify_key *key = NULL;
    buf_init(&spki, PUBLIC_KEY_BYTES);
    buf_init(&text, ENVELOPE_PAYLOAD_MAX);
    if (!base64_decode(slice_of(public_key), &spki, e)) {
        err_wrap(e, "public_key");
        goto out;
    }
    key = verify_key_new(buf_slice(&spki), e);
    if (!key)
        goto out;
    const struct verify_key *keys[] = {key};
    if (!envelope_open(envelope, type, keys, 1, &text, e))
        goto out;
    *payload = slice_make(arena_strndup(a, buf_text(&text), text.n), text.n);
    ok = true;
out:
    verify_key_free(key);
    buf_free(&spki);
    buf_free(&text);
    return ok;
}

static bool machine_id_of(const char *public_key, char out[MACHINE_ID_MAX], struct err *e)
{
    struct buf spki;
    buf_init(&spki, PUBLIC_KEY_BYTES);
    bool ok = base64_decode(slice_of(public_key), &spki, e);
    if (ok)
        sha256_hex(buf_slice(&spki), out);
    buf_free(&spki);
    return ok;
}

static bool open_enroll(struct enroll_call *c, struct slice envelope, struct err *e)
{
    bool ok = false;
    struct buf text;
    buf_init(&text, ENVELOPE_PAYLOAD_MAX);
    struct slice payload;
    struct wire_enroll claim;
    if (!envelope_peek(envelope, ENVELOPE_ENROLL, &text, e) ||
        !wire_decode_enroll(buf_slice(&text), &c->arena, &claim, e))
        goto out;
    ok = open_by_own_key(envelope, ENVELOPE_ENROLL, &c->arena, &payload, claim.public_key, e) &&
         wire_decode_enroll(payload, &c->arena, &c->msg, e) &&
         machine_id_of(c->msg.public_key, c->machine_id, e) &&
         fleet_challenge_check(c->fleet, c->msg.challenge, e);
out:
    buf_free(&text);
    return ok;
}

struct enroll_call *fleet_enroll_open(struct fleet *f, struct slice envelope, const char *peer, struct err *e)
{
    struct enroll_call *c = mem_zalloc(sizeof *c);
    c->fleet = f;
    snprintf(c->peer, sizeof c->peer, "%s", peer);
    if (open_enroll(c, envelope, e))
        return c;
    fleet_enroll_free(c);
    return NULL;
}

void fleet_enroll_free(struct enroll_call *c)
{
    if (c)
        arena_free(&c->arena);
    mem_free(c);
}

/* A machine of the same name under another key may be a reinstallation or an impostor: a person decides. */
static bool decide_approval(struct enroll_call *c, struct store *s, const struct enroll_token_row *t,
                            const char **note, struct err *e)
{
    int64_t same_name = 0;
    if (!store_machine_same_name(s, c->msg.machine->name, c->machine_id, &same_name, e))
        return false;
    *note = t->approval ? "the token asks for approval"
            : same_name ? "another machine has this name: replaces it?"
                        : "";
    c->approved = !**note;
    return true;
}

static bool enroll_run(struct work *w, struct store *s, struct err *e)
{
    struct enroll_call *c = call_of_enroll(w);
    struct fleet *f = c->fleet;
    int64_t now = clock_wall_ms(f->clock);
    char digest[65];
    sha256_hex(slice_of(c->msg.token), digest);
    struct enroll_token_row token;
    struct machine_row known, row;
    const char *note = "";
    if (!store_enroll_token_use(s, &c->arena, digest, now, &token, e))
        return false;
    bool again = store_machine_get(s, &c->arena, c->machine_id, &known, NULL);
    c->approved = again && known.approved;
    if (!again && !decide_approval(c, s, &token, &note, e))
        return false;
    machine_row_of_facts(c->msg.machine, &c->arena, &row);
    row.id = c->machine_id;
    row.public_key = c->msg.public_key;
    row.approved = c->approved;
    row.enrolled_ms = again ? known.enrolled_ms : now;
    row.last_seen_ms = now;
    if (token.tags[0])
        row.tags = arena_printf(&c->arena, "%s%s", row.tags[0] ? row.tags : ",",
                                token.tags + (token.tags[0] == ','));
    struct buf detail;
    buf_init(&detail, 2000);
    struct json_writer j = {.out = &detail};
    json_begin(&j, '{');
    json_member_string(&j, "name", row.name);
    json_member_string(&j, "token", token.id);
    json_member_string(&j, "peer", c->peer);
    json_member_string(&j, "state", c->approved ? "active" : "pending");
    json_member_string(&j, "note", note);
    json_end(&j, '}');
    bool ok = store_machine_put(s, &row, e) && store_machine_refresh(s, row.id, now, e) &&
              store_audit_add(s, now, "agent", again ? "machine.enroll_again" : "machine.enroll", row.id,
                              buf_text(&detail), e);
    buf_free(&detail);
    return ok;
}

static void enroll_done(struct work *w, bool ok, const struct err *e)
{
    struct enroll_call *c = call_of_enroll(w);
    if (ok)
        hub_forget(c->fleet->hub, c->machine_id);
    c->done(c->ctx, c, ok, e);
}

bool fleet_enroll_submit(struct enroll_call *c)
{
    c->work.run = enroll_run;
    c->work.done = enroll_done;
    return writer_submit(c->fleet->writer, &c->work);
}

/* ---- sessions ---- */

static struct session_call *call_of_session(struct work *w)
{
    return (struct session_call *)((char *)w - offsetof(struct session_call, work));
}

struct session_call *fleet_session_open(struct fleet *f, struct slice envelope, struct err *e)
{
    struct session_call *c = mem_zalloc(sizeof *c);
    c->fleet = f;
    buf_init(&c->ticket, 400);
    c->envelope = slice_make(arena_strndup(&c->arena, envelope.p, envelope.n), envelope.n);
    struct buf text;
    buf_init(&text, ENVELOPE_PAYLOAD_MAX);
    bool ok = envelope_peek(c->envelope, ENVELOPE_SESSION, &text, e) &&
              wire_decode_session(buf_slice(&text), &c->arena, &c->claim, e);
    buf_free(&text);
    if (ok)
        return c;
    fleet_session_free(c);
    return NULL;
}

void fleet_session_free(struct session_call *c)
{
    if (!c)
        return;
    buf_free(&c->ticket);
    arena_free(&c->arena);
    mem_free(c);
}

static bool session_run(struct work *w, struct store *s, struct err *e)
{
    struct session_call *c = call_of_session(w);
    struct machine_row m;
    struct slice payload;
    struct wire_session msg;
    struct err why = {0};
    if (!store_machine_get(s, &c->arena, c->claim.machine_id, &m, &why)) {
        c->end = why.kind == ERR_NOT_FOUND ? SESSION_UNKNOWN : SESSION_ERROR;
        return c->end == SESSION_UNKNOWN || err_set(e, why.kind, "%s", why.text);
    }
    c->end = SESSION_DENIED;
    if (!open_by_own_key(c->envelope, ENVELOPE_SESSION, &c->arena, &payload, m.public_key, e) ||
        !wire_decode_session(payload, &c->arena, &msg, e) || !fleet_challenge_use(c->fleet, msg.challenge, e))
        return false;
    if (m.state == MACHINE_RETIRED)
        c->end = SESSION_BLOCKED;
    else if (msg.instance && msg.instance[0] && m.instance[0] && strcmp(msg.instance, m.instance) != 0)
        c->end = SESSION_CLONE;
    else
        c->end = SESSION_OK;
    return true;
}

/* Two installations share one key: neither may have jobs until a person has looked. */
static bool clone_run(struct work *w, struct store *s, struct err *e)
{
    struct session_call *c = call_of_session(w);
    int64_t now = clock_wall_ms(c->fleet->clock);
    return store_machine_set_approved(s, c->claim.machine_id, false, e) &&
           store_machine_refresh(s, c->claim.machine_id, now, e) &&
           store_audit_add(s, now, "agent", "machine.clone", c->claim.machine_id, "{}", e);
}

static void session_finish(struct work *w, bool ok, const struct err *e)
{
    struct session_call *c = call_of_session(w);
    if (ok && c->end == SESSION_OK) {
        c->expires_ms = clock_wall_ms(c->fleet->clock) + c->fleet->settings.ticket_life_ms;
        fleet_ticket_make(c->fleet, c->claim.machine_id, c->expires_ms, &c->ticket);
    }
    if (c->end == SESSION_CLONE)
        hub_forget(c->fleet->hub, c->claim.machine_id);
    c->done(c->ctx, c, ok, e);
}

static void session_read(struct work *w, bool ok, const struct err *e)
{
    struct session_call *c = call_of_session(w);
    if (ok && c->end == SESSION_CLONE) {
        w->run = clone_run;
        w->done = session_finish;
        if (writer_submit(c->fleet->writer, w))
            return;
    }
    session_finish(w, ok, e);
}

bool fleet_session_submit(struct session_call *c)
{
    c->work.run = session_run;
    c->work.done = session_read;
    return pool_submit(c->fleet->pool, &c->work);
}
