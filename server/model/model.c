#include "model.h"

#define X(id, word, help) [MACHINE_##id] = word,
const char *const machine_state_words[MACHINE_STATE_COUNT] = {MACHINE_STATES(X)};
#undef X
#define X(id, word, open, help) [FAILURE_##id] = word,
const char *const failure_state_words[FAILURE_STATE_COUNT] = {FAILURE_STATES(X)};
#undef X

const char *machine_state_help(enum machine_state s)
{
#define X(id, word, help) help,
    static const char *const texts[] = {MACHINE_STATES(X)};
#undef X
    return texts[s];
}

const char *failure_state_help(enum failure_state s)
{
#define X(id, word, open, help) help,
    static const char *const texts[] = {FAILURE_STATES(X)};
#undef X
    return texts[s];
}

bool failure_state_open(enum failure_state s)
{
#define X(id, word, open, help) open,
    static const bool values[] = {FAILURE_STATES(X)};
#undef X
    return values[s];
}
