/* The columns of each entity in the order in which rows.c reads them. Change both together. */
#ifndef FLEETMEND_STORE_COLUMNS_H
#define FLEETMEND_STORE_COLUMNS_H

#define MACHINE_COLUMNS                                                                                      \
    "m.id, m.name, m.state, m.instance, c.stream, c.stream_have, m.os, m.build, m.role, m.update_manager, "  \
    "m.update_server, m.domain, m.ou, m.site, m.model, m.tags, c.agent_version, c.boot_id, m.approved, "     \
    "m.simulated, m.reboot_pending, m.enrolled_ms, c.last_seen_ms, m.last_scan_ok_ms, c.skew_ms, "           \
    "m.last_error, m.why"
/* Lists leave these out. */
#define MACHINE_DETAIL_COLUMNS "d.public_key, d.facts"
#define MACHINE_FROM           "machines m JOIN machine_contact c ON c.machine = m.n"
#define MACHINE_WHOLE                                                                                        \
    "SELECT " MACHINE_COLUMNS ", " MACHINE_DETAIL_COLUMNS " FROM " MACHINE_FROM                              \
    " JOIN machine_details d ON d.machine = m.n "

#define FAILURE_COLUMNS                                                                                      \
    "f.id, m.id, m.name, f.code, f.extend, f.phase, f.update_key, f.kb, f.title, f.why, f.text, f.state, "   \
    "f.first_seen_ms, f.last_seen_ms, f.closed_ms, f.count"
#define FAILURE_FROM "failures f JOIN machines m ON m.n = f.machine"
/* `live`: the row takes further reports. An accepted failure does, and is not open. */
#define OPEN_FAILURE "f.live = 1 AND f.state <> 'accepted'"

#define EVENT_COLUMNS                                                                                        \
    "m.id, e.stream, e.seq, e.received_ms, e.time_ms, e.revision, e.count, e.failed, e.history, e.code, "    \
    "e.extend, e.phase, e.source, e.context, e.update_id, e.kb, e.title, e.text"

/* Lists leave the output out: it may be 16 kB a job. */
#define JOB_COLUMNS_BUT_OUTPUT                                                                               \
    "j.id, j.rollout, m.id, m.name, j.repair, j.op, j.params, j.origin, j.class, j.state, j.result, "        \
    "j.verdict, j.reason, j.verdict_reason, j.undo_of, j.code, j.verdict_code, j.phase, j.update_key, "      \
    "j.dry_run, j.undoable, j.late, j.rev, j.start_seq, j.created_ms, j.started_ms, j.ended_ms, "            \
    "j.expires_ms"
#define JOB_FROM  "jobs j JOIN machines m ON m.n = j.machine"
#define JOB_WHOLE "SELECT " JOB_COLUMNS_BUT_OUTPUT ", j.output FROM " JOB_FROM " "

#define ENROLL_COLUMNS "id, sha256, name, tags, created_ms, expires_ms, uses_max, uses, approval"
#define TOKEN_COLUMNS  "id, kind, sha256, name, user_id, roles, created_ms, expires_ms, last_used_ms"
#define USER_COLUMNS   "id, name, password_hash, roles, created_ms, disabled"

#endif
