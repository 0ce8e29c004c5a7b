#include "entity.h"

static const struct column machines[] = {
    {"NAME", "name", SHOW_TEXT, false},
    {"STATE", "state", SHOW_STATE, false},
    {"OS", "os", SHOW_TEXT, false},
    {"BUILD", "build", SHOW_TEXT, false},
    {"SEEN", "last_seen", SHOW_AGE, false},
    {"ERROR", "last_error", SHOW_TEXT, false},
    {"WHY NOT YET", "why", SHOW_TEXT, false},
    {"ROLE", "role", SHOW_TEXT, true},
    {"UPDATES BY", "update_manager", SHOW_TEXT, true},
    {"SITE", "site", SHOW_TEXT, true},
    {"DOMAIN", "domain", SHOW_TEXT, true},
    {"OU", "ou", SHOW_TEXT, true},
    {"MODEL", "model", SHOW_TEXT, true},
    {"TAGS", "tags", SHOW_LIST, true},
    {"CONNECTED", "connected", SHOW_FLAG, true},
    {"ID", "id", SHOW_TEXT, true},
    {0},
};

static const struct column failures[] = {
    {"MACHINE", "machine", SHOW_TEXT, false},
    {"CODE", "code", SHOW_TEXT, false},
    {"SYMBOL", "symbol", SHOW_SYMBOL, false},
    {"PHASE", "phase", SHOW_TEXT, false},
    {"UPDATE", "update", SHOW_TEXT, false},
    {"STATE", "state", SHOW_STATE, false},
    {"TIMES", "count", SHOW_NUMBER, false},
    {"SEEN", "last_seen", SHOW_AGE, false},
    {"WHY NOT YET", "why", SHOW_TEXT, false},
    {"KB", "kb", SHOW_TEXT, true},
    {"TITLE", "title", SHOW_TEXT, true},
    {"FIRST SEEN", "first_seen", SHOW_AGE, true},
    {"MACHINE ID", "machine_id", SHOW_TEXT, true},
    {"ID", "id", SHOW_TEXT, true},
    {0},
};

static const struct column jobs[] = {
    {"JOB", "job", SHOW_TEXT, false},
    {"MACHINE", "machine", SHOW_TEXT, false},
    {"REPAIR", "repair", SHOW_TEXT, false},
    {"OP", "op", SHOW_TEXT, true},
    {"STATE", "state", SHOW_STATE, false},
    {"RESULT", "result", SHOW_STATE, false},
    {"VERDICT", "verdict", SHOW_STATE, false},
    {"CREATED", "created", SHOW_AGE, false},
    {"REASON", "reason", SHOW_TEXT, false},
    {"VERDICT REASON", "verdict_reason", SHOW_TEXT, true},
    {"STARTED", "started", SHOW_AGE, true},
    {"ENDED", "ended", SHOW_AGE, true},
    {"EXPIRES", "expires", SHOW_AGE, true},
    {"UNDOABLE", "undoable", SHOW_FLAG, true},
    {"DRY RUN", "dry_run", SHOW_FLAG, true},
    {"ONLINE", "online", SHOW_FLAG, true},
    {"ROLLOUT", "rollout", SHOW_TEXT, true},
    {"MACHINE ID", "machine_id", SHOW_TEXT, true},
    {0},
};

static const struct column pushed[] = {
    {"MACHINE", "machine", SHOW_TEXT, false},
    {"REPAIR", "repair", SHOW_TEXT, false},
    {"STATE", "state", SHOW_STATE, false},
    {"RESULT", "result", SHOW_STATE, false},
    {"VERDICT", "verdict", SHOW_STATE, false},
    {"REASON", "reason", SHOW_TEXT, false},
    {"VERDICT REASON", "verdict_reason", SHOW_TEXT, false},
    {"JOB", "job", SHOW_TEXT, false},
    {"MACHINE ID", "machine_id", SHOW_TEXT, true},
    {0},
};

static const struct column rollouts[] = {
    {"ROLLOUT", "id", SHOW_TEXT, false},
    {"REPAIR", "repair", SHOW_TEXT, false},
    {"STATE", "state", SHOW_STATE, false},
    {"MACHINES", "matched", SHOW_NUMBER, false},
    {"BY", "created_by", SHOW_TEXT, false},
    {"CREATED", "created", SHOW_AGE, false},
    {"FILTER", "filter", SHOW_TEXT, false},
    {"REASON", "reason", SHOW_TEXT, false},
    {0},
};

static const struct column codes[] = {
    {"CODE", "code", SHOW_TEXT, false},
    {"SYMBOL", "symbol", SHOW_SYMBOL, false},
    {"KIND", "kind", SHOW_TEXT, false},
    {"CAUSE", "cause", SHOW_TEXT, false},
    {"MACHINES", "machines", SHOW_NUMBER, false},
    {"FAILURES", "failures", SHOW_NUMBER, false},
    {"SEEN", "last_seen", SHOW_AGE, false},
    {"MEANING", "text", SHOW_TEXT, true},
    {0},
};

static const struct column repairs[] = {
    {"REPAIR", "id", SHOW_TEXT, false},
    {"CLASS", "class", SHOW_NUMBER, false},
    {"UNDO", "undo", SHOW_TEXT, false},
    {"TITLE", "title", SHOW_TEXT, false},
    {"WHAT IT DOES", "help", SHOW_TEXT, true},
    {"UNDO HELP", "undo_help", SHOW_TEXT, true},
    {0},
};

static const struct column tokens[] = {
    {"ID", "id", SHOW_TEXT, false},
    {"KIND", "kind", SHOW_TEXT, false},
    {"NAME", "name", SHOW_TEXT, false},
    {"ROLES", "roles", SHOW_LIST, false},
    {"USED", "uses", SHOW_NUMBER, false},
    {"EXPIRES", "expires", SHOW_AGE, false},
    {"CREATED", "created", SHOW_AGE, true},
    {"MOST USES", "uses_max", SHOW_NUMBER, true},
    {"APPROVAL", "approval", SHOW_FLAG, true},
    {"TAGS", "tags", SHOW_LIST, true},
    {0},
};

static const struct column users[] = {
    {"NAME", "name", SHOW_TEXT, false},      {"ROLES", "roles", SHOW_LIST, false},
    {"CREATED", "created", SHOW_AGE, false}, {"DISABLED", "disabled", SHOW_FLAG, false},
    {"ID", "id", SHOW_TEXT, true},           {0},
};

static const struct column audit[] = {
    {"ID", "id", SHOW_NUMBER, false},       {"TIME", "time", SHOW_TIME, false},
    {"ACTOR", "actor", SHOW_TEXT, false},   {"ACTION", "action", SHOW_TEXT, false},
    {"OBJECT", "object", SHOW_TEXT, false}, {"DETAIL", "detail", SHOW_TEXT, false},
    {"HASH", "hash", SHOW_TEXT, true},      {0},
};

static const struct entity entities[] = {
    {"machines", "machine", "machines", "name", machines},
    {"failures", "failure", "failures", "id", failures},
    {"jobs", "job", "jobs", "job", jobs},
    {"rollouts", "rollout", "rollouts", "id", rollouts},
    {"codes", "code", "codes", "code", codes},
    {"repairs", "repair", "repairs", "id", repairs},
    {"tokens", "token", "tokens", "id", tokens},
    {"users", "user", "users", "name", users},
    {"audit", "entry", "entries", "id", audit},
};

const struct entity entity_push = {"jobs", "job", "jobs", "job", pushed};

const struct entity *entity_find(const char *name)
{
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (strcmp(entities[i].name, name) == 0)
            return &entities[i];
    return NULL;
}
