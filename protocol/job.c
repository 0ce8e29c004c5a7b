#include "job.h"

#include <string.h>

#define X(id, word, final, help) [JOB_##id] = word,
const char *const job_state_words[JOB_STATE_COUNT] = {JOB_STATES(X)};
#undef X
#define X(id, word, help) [JOB_RESULT_##id] = word,
const char *const job_result_words[JOB_RESULT_COUNT] = {JOB_RESULTS(X)};
#undef X
#define X(id, word, help) [JOB_VERDICT_##id] = word,
const char *const job_verdict_words[JOB_VERDICT_COUNT] = {JOB_VERDICTS(X)};
#undef X

#define BIT(s) (1u << JOB_##s)

/* Whatever has not started may end without a start; what started ends by the agent's word, or expires when
 * the machine never comes back. Results arrive in any state, so every open state may go to DONE. */
static const unsigned next_states[JOB_STATE_COUNT] = {
    [JOB_QUEUED] = BIT(WAITING) | BIT(OFFERED) | BIT(RUNNING) | BIT(VERIFYING) | BIT(DONE) | BIT(CANCELLED) |
                   BIT(EXPIRED) | BIT(SUPERSEDED),
    [JOB_WAITING] = BIT(QUEUED) | BIT(OFFERED) | BIT(RUNNING) | BIT(VERIFYING) | BIT(DONE) | BIT(CANCELLED) |
                    BIT(EXPIRED) | BIT(SUPERSEDED),
    [JOB_OFFERED] = BIT(QUEUED) | BIT(WAITING) | BIT(RUNNING) | BIT(VERIFYING) | BIT(DONE) | BIT(CANCELLED) |
                    BIT(EXPIRED) | BIT(SUPERSEDED),
    [JOB_RUNNING] = BIT(WAITING) | BIT(VERIFYING) | BIT(DONE) | BIT(EXPIRED),
    [JOB_VERIFYING] = BIT(DONE) | BIT(EXPIRED),
    /* The final ones have none. */
};

static bool find_word(const char *const *words, int count, const char *word, int *index)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0) {
            *index = i;
            return true;
        }
    return false;
}

const char *job_state_name(enum job_state s)
{
    return job_state_words[s];
}

const char *job_result_name(enum job_result r)
{
    return job_result_words[r];
}

const char *job_verdict_name(enum job_verdict v)
{
    return job_verdict_words[v];
}

const char *job_state_help(enum job_state s)
{
#define X(id, word, final, help) help,
    static const char *const texts[] = {JOB_STATES(X)};
#undef X
    return texts[s];
}

const char *job_result_help(enum job_result r)
{
#define X(id, word, help) help,
    static const char *const texts[] = {JOB_RESULTS(X)};
#undef X
    return texts[r];
}

const char *job_verdict_help(enum job_verdict v)
{
#define X(id, word, help) help,
    static const char *const texts[] = {JOB_VERDICTS(X)};
#undef X
    return texts[v];
}

bool job_state_parse(const char *word, enum job_state *out)
{
    int i = 0;
    bool ok = find_word(job_state_words, JOB_STATE_COUNT, word, &i);
    *out = (enum job_state)i;
    return ok;
}

bool job_result_parse(const char *word, enum job_result *out)
{
    int i = 0;
    bool ok = find_word(job_result_words, JOB_RESULT_COUNT, word, &i);
    *out = (enum job_result)i;
    return ok;
}

bool job_verdict_parse(const char *word, enum job_verdict *out)
{
    int i = 0;
    bool ok = find_word(job_verdict_words, JOB_VERDICT_COUNT, word, &i);
    *out = (enum job_verdict)i;
    return ok;
}

bool job_state_final(enum job_state s)
{
    return !next_states[s];
}

bool job_move_allowed(enum job_state from, enum job_state to)
{
    return next_states[from] & 1u << to;
}

bool job_id_valid(const char *id)
{
    return strlen(id) == JOB_ID_MAX - 1 && strspn(id, "0123456789abcdef") == JOB_ID_MAX - 1;
}
