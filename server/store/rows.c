#include "rows.h"

#include <string.h>

const char *read_text(struct row_reader *r)
{
    struct slice text = db_row_text(r->row, r->column++);
    return r->arena ? arena_strndup(r->arena, text.p, text.n) : text.p;
}

int64_t read_int(struct row_reader *r)
{
    return db_row_int(r->row, r->column++);
}

bool read_flag(struct row_reader *r)
{
    return read_int(r) != 0;
}

uint32_t read_code(struct row_reader *r)
{
    return (uint32_t)read_int(r);
}

int read_word(struct row_reader *r, const char *const *words, int count)
{
    struct slice text = db_row_text(r->row, r->column++);
    for (int i = 0; i < count; i++)
        if (slice_eqz(text, words[i]))
            return i;
    return 0;
}

void read_machine(struct row_reader *r, struct machine_row *out, bool details)
{
    out->id = read_text(r);
    out->name = read_text(r);
    out->state = (enum machine_state)read_word(r, machine_state_words, MACHINE_STATE_COUNT);
    out->instance = read_text(r);
    out->stream = read_text(r);
    out->stream_have = read_int(r);
    out->os = read_text(r);
    out->build = read_text(r);
    out->role = read_text(r);
    out->update_manager = read_text(r);
    out->update_server = read_text(r);
    out->domain = read_text(r);
    out->ou = read_text(r);
    out->site = read_text(r);
    out->model = read_text(r);
    out->tags = read_text(r);
    out->agent_version = read_text(r);
    out->boot_id = read_text(r);
    out->approved = read_flag(r);
    out->simulated = read_flag(r);
    out->reboot_pending = read_flag(r);
    out->enrolled_ms = read_int(r);
    out->last_seen_ms = read_int(r);
    out->last_scan_ok_ms = read_int(r);
    out->skew_ms = read_int(r);
    out->last_error = read_code(r);
    out->why = read_text(r);
    out->public_key = details ? read_text(r) : "";
    out->facts = details ? read_text(r) : "";
}

void read_failure(struct row_reader *r, struct failure_row *out)
{
    out->id = read_int(r);
    out->machine_id = read_text(r);
    out->machine = read_text(r);
    out->code = read_code(r);
    out->extend = read_code(r);
    out->phase = read_text(r);
    out->update_key = read_text(r);
    out->kb = read_text(r);
    out->title = read_text(r);
    out->why = read_text(r);
    out->text = read_text(r);
    out->state = (enum failure_state)read_word(r, failure_state_words, FAILURE_STATE_COUNT);
    out->first_seen_ms = read_int(r);
    out->last_seen_ms = read_int(r);
    out->closed_ms = read_int(r);
    out->count = read_int(r);
}

void read_event(struct row_reader *r, struct event_row *out)
{
    out->machine_id = read_text(r);
    out->stream = read_text(r);
    out->seq = read_int(r);
    out->received_ms = read_int(r);
    out->time_ms = read_int(r);
    out->revision = read_int(r);
    out->count = read_int(r);
    out->failed = read_flag(r);
    out->history = read_flag(r);
    out->code = read_code(r);
    out->extend = read_code(r);
    out->phase = read_text(r);
    out->source = read_text(r);
    out->context = read_text(r);
    out->update_id = read_text(r);
    out->kb = read_text(r);
    out->title = read_text(r);
    out->text = read_text(r);
}

void read_job(struct row_reader *r, struct job_row *out, bool output)
{
    out->id = read_text(r);
    out->rollout_id = read_text(r);
    out->machine_id = read_text(r);
    out->machine = read_text(r);
    out->repair = read_text(r);
    out->op = read_text(r);
    out->params = read_text(r);
    out->origin = read_text(r);
    out->repair_class = (int)read_int(r);
    out->state = (enum job_state)read_word(r, job_state_words, JOB_STATE_COUNT);
    out->result = (enum job_result)read_word(r, job_result_words, JOB_RESULT_COUNT);
    out->verdict = (enum job_verdict)read_word(r, job_verdict_words, JOB_VERDICT_COUNT);
    out->reason = read_text(r);
    out->verdict_reason = read_text(r);
    out->undo_of = read_text(r);
    out->code = read_code(r);
    out->verdict_code = read_code(r);
    out->phase = read_text(r);
    out->update_key = read_text(r);
    out->dry_run = read_flag(r);
    out->undoable = read_flag(r);
    out->late = read_flag(r);
    out->rev = read_int(r);
    out->start_seq = read_int(r);
    out->created_ms = read_int(r);
    out->started_ms = read_int(r);
    out->ended_ms = read_int(r);
    out->expires_ms = read_int(r);
    out->output = output ? read_text(r) : "";
}
