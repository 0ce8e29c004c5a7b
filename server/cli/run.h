/* The functions behind the rows of commands.c. Each returns the exit code. */
#ifndef FLEETMEND_RUN_H
#define FLEETMEND_RUN_H

#include "args.h"
#include "cli.h"

int run_login(struct cli *, const struct args *);
int run_logout(struct cli *, const struct args *);
int run_get(struct cli *, const struct args *);
int run_describe_machine(struct cli *, const struct args *);
int run_describe_rollout(struct cli *, const struct args *);
int run_describe_job(struct cli *, const struct args *);
int run_describe_code(struct cli *, const struct args *);
int run_explain(struct cli *, const struct args *);
int run_push(struct cli *, const struct args *);
int run_undo(struct cli *, const struct args *);
int run_approve(struct cli *, const struct args *);
int run_approve_machine(struct cli *, const struct args *);
int run_cancel(struct cli *, const struct args *);
int run_watch(struct cli *, const struct args *);
int run_create_token(struct cli *, const struct args *);
int run_delete_token(struct cli *, const struct args *);
int run_audit_verify(struct cli *, const struct args *);
int run_completion(struct cli *, const struct args *);
int run_version(struct cli *, const struct args *);
int run_help(struct cli *, const struct args *);

/* The help page of one command, or of all when NULL. */
void help_print(const struct command *, struct buf *out);
/* The completion script. */
void completion_print(const char *shell, struct buf *out);

#endif
