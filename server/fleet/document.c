#include "document.h"

#include "code.h"
#include "repair.h"

#include <inttypes.h>

/* ---- one row, two spellings ---- */

static void begin_row(struct document *d)
{
    if (!d->csv)
        json_begin(&d->json, '{');
    d->json.comma = d->csv ? false : d->json.comma;
}

static void end_row(struct document *d)
{
    if (d->csv)
        buf_puts(d->out, "\r\n");
    else
        json_end(&d->json, '}');
}

static void csv_separate(struct document *d)
{
    if (d->json.comma)
        buf_putc(d->out, ',');
    d->json.comma = true;
}

/* RFC 4180, and no cell a spreadsheet would take for a formula. */
static void csv_text(struct document *d, const char *z)
{
    csv_separate(d);
    bool formula = *z && strchr("=+-@\t\r", *z);
    bool quote = formula || strpbrk(z, "\",\r\n");
    if (!quote) {
        buf_puts(d->out, z);
        return;
    }
    buf_puts(d->out, formula ? "\"'" : "\"");
    for (; *z; z++) {
        if (*z == '"')
            buf_putc(d->out, '"');
        buf_putc(d->out, *z);
    }
    buf_putc(d->out, '"');
}

static void text(struct document *d, const char *key, const char *z)
{
    if (d->csv)
        csv_text(d, z);
    else
        json_member_string(&d->json, key, z);
}

static void number(struct document *d, const char *key, int64_t v)
{
    if (d->csv) {
        csv_separate(d);
        buf_printf(d->out, "%" PRId64, v);
    } else
        json_member_int(&d->json, key, v);
}

static void flag(struct document *d, const char *key, bool v)
{
    if (d->csv)
        csv_text(d, v ? "true" : "false");
    else
        json_member_bool(&d->json, key, v);
}

static void code(struct document *d, const char *key, uint32_t c)
{
    char z[CODE_TEXT_MAX] = "";
    if (c)
        code_print(c, z);
    text(d, key, z);
}

static const char *symbol_of(uint32_t c)
{
    return c ? code_lookup(c).symbol : "";
}

/* ---- heads: the columns of CSV, in the order the rows write them ---- */

static const struct {
    const char *entity, *columns;
} heads[] = {
    {"machines", "id,name,state,os,build,role,update_manager,last_seen,last_error,why,site,ou,domain,model,"
                 "tags,simulated,connected"},
    {"failures",
     "id,machine,machine_id,code,symbol,phase,update,kb,title,state,why,first_seen,last_seen,count"},
    {"jobs", "id,job,rollout,machine,machine_id,repair,op,state,result,verdict,reason,verdict_reason,created,"
             "started,ended,"
             "expires,undoable,late,dry_run,online"},
    {"rollouts", "id,repair,state,filter,reason,created_by,created,matched,dry_run"},
    {"codes", "code,symbol,kind,cause,text,machines,failures,last_seen"},
    {"audit", "id,time,actor,action,object,detail,hash"},
};

void document_head(struct document *d, const char *entity)
{
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (strcmp(heads[i].entity, entity) == 0)
            buf_printf(d->out, "%s\r\n", heads[i].columns);
}

static void tags(struct document *d, const char *joined)
{
    if (d->csv) {
        csv_text(d, joined + (*joined == ','));
        return;
    }
    json_put_key(&d->json, "tags");
    json_begin(&d->json, '[');
    for (const char *t = joined; *t;) {
        size_t n = strcspn(t, ",");
        if (n)
            json_put_slice(&d->json, slice_make(t, n));
        t += n + (t[n] == ',');
    }
    json_end(&d->json, ']');
}

void document_machine_members(struct document *d, const struct machine_row *m)
{
    int64_t seen = hub_last_seen(d->hub, m->id);
    text(d, "id", m->id);
    text(d, "name", m->name);
    text(d, "state", machine_state_words[m->state]);
    text(d, "os", m->os);
    text(d, "build", m->build);
    text(d, "role", m->role);
    text(d, "update_manager", m->update_manager);
    number(d, "last_seen", seen > m->last_seen_ms ? seen : m->last_seen_ms);
    code(d, "last_error", m->last_error);
    text(d, "why", m->why);
    text(d, "site", m->site);
    text(d, "ou", m->ou);
    text(d, "domain", m->domain);
    text(d, "model", m->model);
    tags(d, m->tags);
    flag(d, "simulated", m->simulated);
    flag(d, "connected", hub_connected(d->hub, m->id));
}

void document_machine(struct document *d, const struct machine_row *m)
{
    begin_row(d);
    document_machine_members(d, m);
    end_row(d);
}

void document_failure(struct document *d, const struct failure_row *f)
{
    begin_row(d);
    number(d, "id", f->id);
    text(d, "machine", f->machine);
    text(d, "machine_id", f->machine_id);
    code(d, "code", f->code);
    text(d, "symbol", symbol_of(f->code));
    text(d, "phase", f->phase);
    text(d, "update", f->update_key);
    text(d, "kb", f->kb);
    text(d, "title", f->title);
    text(d, "state", failure_state_words[f->state]);
    text(d, "why", f->why);
    number(d, "first_seen", f->first_seen_ms);
    number(d, "last_seen", f->last_seen_ms);
    number(d, "count", f->count);
    end_row(d);
}

void document_job_members(struct document *d, const struct job_row *j)
{
    text(d, "id", j->id);
    text(d, "job", j->id);
    text(d, "rollout", j->rollout_id);
    text(d, "machine", j->machine);
    text(d, "machine_id", j->machine_id);
    text(d, "repair", j->repair);
    text(d, "op", j->op);
    text(d, "state", job_state_name(hub_job_state(d->hub, j->machine_id, j->id, j->state)));
    text(d, "result", job_result_name(j->result));
    text(d, "verdict", job_verdict_name(j->verdict));
    text(d, "reason", j->reason);
    text(d, "verdict_reason", j->verdict_reason);
    number(d, "created", j->created_ms);
    number(d, "started", j->started_ms);
    number(d, "ended", j->ended_ms);
    number(d, "expires", j->expires_ms);
    flag(d, "undoable", j->undoable);
    flag(d, "late", j->late);
    flag(d, "dry_run", j->dry_run);
    flag(d, "online", hub_connected(d->hub, j->machine_id));
}

void document_job(struct document *d, const struct job_row *j)
{
    begin_row(d);
    document_job_members(d, j);
    end_row(d);
}

void document_rollout(struct document *d, const struct rollout_row *r)
{
    begin_row(d);
    text(d, "id", r->id);
    text(d, "repair", r->repair);
    text(d, "state", r->state);
    text(d, "filter", r->filter);
    text(d, "reason", r->reason);
    text(d, "created_by", r->created_by);
    number(d, "created", r->created_ms);
    number(d, "matched", r->matched);
    flag(d, "dry_run", r->dry_run);
    end_row(d);
}

void document_code(struct document *d, const struct code_row *c)
{
    struct code_info info = code_lookup(c->code);
    begin_row(d);
    code(d, "code", c->code);
    text(d, "symbol", info.symbol);
    text(d, "kind", code_kind_name(info.kind));
    text(d, "cause", code_cause_name(info.cause));
    text(d, "text", code_text(c->code));
    number(d, "machines", c->machines);
    number(d, "failures", c->failures);
    number(d, "last_seen", c->last_seen_ms);
    end_row(d);
}

void document_audit(struct document *d, const struct audit_row *a)
{
    begin_row(d);
    number(d, "id", a->id);
    number(d, "time", a->time_ms);
    text(d, "actor", a->actor);
    text(d, "action", a->action);
    text(d, "object", a->object);
    text(d, "detail", a->detail);
    text(d, "hash", a->hash);
    end_row(d);
}

void document_user(struct document *d, const struct user_row *u)
{
    char roles[64];
    roles_print(u->roles, roles);
    begin_row(d);
    number(d, "id", u->id);
    text(d, "name", u->name);
    text(d, "roles", roles);
    flag(d, "disabled", u->disabled);
    number(d, "created", u->created_ms);
    end_row(d);
}

void document_token(struct document *d, const struct token_row *t)
{
    char roles[64];
    roles_print(t->roles, roles);
    begin_row(d);
    text(d, "id", t->id);
    text(d, "kind", t->kind);
    text(d, "name", t->name);
    text(d, "roles", roles);
    number(d, "created", t->created_ms);
    number(d, "expires", t->expires_ms);
    end_row(d);
}

void document_enroll_token(struct document *d, const struct enroll_token_row *t)
{
    begin_row(d);
    text(d, "id", t->id);
    text(d, "kind", "enroll");
    text(d, "name", t->name);
    tags(d, t->tags);
    number(d, "created", t->created_ms);
    number(d, "expires", t->expires_ms);
    number(d, "uses", t->uses);
    number(d, "uses_max", t->uses_max);
    flag(d, "approval", t->approval);
    end_row(d);
}

void document_event(struct document *d, const struct event_row *v)
{
    begin_row(d);
    text(d, "kind", "event");
    number(d, "time", v->received_ms);
    number(d, "seq", v->seq);
    text(d, "outcome", v->failed ? "failed" : "succeeded");
    code(d, "code", v->code);
    text(d, "symbol", symbol_of(v->code));
    text(d, "phase", v->phase);
    text(d, "source", v->source);
    text(d, "update", v->update_id);
    text(d, "kb", v->kb);
    text(d, "title", v->title);
    text(d, "text", v->text);
    number(d, "count", v->count);
    flag(d, "history", v->history);
    end_row(d);
}

static const char *const undo_words[] = {"none", "yes", "self"};

void document_repairs(struct document *d)
{
    for (int i = 0; i < REPAIR_COUNT; i++) {
        const struct repair *r = repair_get((enum repair_id)i);
        json_begin(&d->json, '{');
        json_member_string(&d->json, "id", r->name);
        json_member_int(&d->json, "class", r->class);
        json_member_string(&d->json, "undo", undo_words[r->undo]);
        json_member_string(&d->json, "title", r->title);
        json_member_string(&d->json, "help", r->help);
        json_member_string(&d->json, "undo_help", r->undo_help);
        json_put_key(&d->json, "params");
        json_begin(&d->json, '[');
        for (const struct repair_param *p = r->params; p->name; p++) {
            json_begin(&d->json, '{');
            json_member_string(&d->json, "name", p->name);
            json_member_string(&d->json, "allowed", p->words ? p->words : p->pattern);
            json_put_key(&d->json, "default");
            if (p->fallback)
                json_put_string(&d->json, p->fallback);
            else
                json_put_null(&d->json);
            json_member_string(&d->json, "help", p->help);
            json_end(&d->json, '}');
        }
        json_end(&d->json, ']');
        json_end(&d->json, '}');
    }
}
