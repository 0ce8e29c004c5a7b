/* Rows as JSON objects and CSV lines: what the API answers. One table per entity names its columns once. */
#ifndef FLEETMEND_DOCUMENT_H
#define FLEETMEND_DOCUMENT_H

#include "fleet.h"

/* A document under way: a page of a list as {"items":[...],...}, or CSV with a head line. */
struct document {
    struct buf *out;
    struct json_writer json;
    bool csv;
    struct hub *hub;
};

void document_machine(struct document *, const struct machine_row *);
void document_failure(struct document *, const struct failure_row *);
void document_job(struct document *, const struct job_row *);
void document_rollout(struct document *, const struct rollout_row *);
void document_code(struct document *, const struct code_row *);
void document_audit(struct document *, const struct audit_row *);
void document_user(struct document *, const struct user_row *);
void document_token(struct document *, const struct token_row *);
void document_enroll_token(struct document *, const struct enroll_token_row *);
void document_event(struct document *, const struct event_row *);
void document_repairs(struct document *);

/* The head line of a CSV list. */
void document_head(struct document *, const char *entity);

/* The members of a machine or job row without the braces, so that a single object can carry more. JSON only.
 */
void document_machine_members(struct document *, const struct machine_row *);
void document_job_members(struct document *, const struct job_row *);

#endif
