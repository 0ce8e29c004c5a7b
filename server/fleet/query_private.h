/* What the documents of the API share: the reading under way. For query*.c only. */
#ifndef FLEETMEND_QUERY_PRIVATE_H
#define FLEETMEND_QUERY_PRIVATE_H

#include "document.h"
#include "filter.h"

struct reading {
    struct query *q;
    struct store *s;
    struct document d;
    struct filter filter;
    struct store_page page;
    char next[200];
    int64_t total;
};

typedef bool document_fn(struct reading *, struct err *e);

/* Rows on their way into the document; ctx is the struct document. */
store_failure_fn query_put_failure;
store_job_fn query_put_job;
store_code_fn query_put_code;

document_fn list_machines, list_failures, list_jobs, list_codes, list_rollouts, list_audit, list_users,
    list_tokens, list_repairs;
document_fn show_overview, show_machine, show_timeline, show_job, show_rollout, show_code, show_audit_check;

#endif
