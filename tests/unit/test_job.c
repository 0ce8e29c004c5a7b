#include "job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *state_word(int i)
{
    return job_state_name((enum job_state)i);
}

static const char *result_word(int i)
{
    return job_result_name((enum job_result)i);
}

static const char *verdict_word(int i)
{
    return job_verdict_name((enum job_verdict)i);
}

static const char *state_help(int i)
{
    return job_state_help((enum job_state)i);
}

static const char *result_help(int i)
{
    return job_result_help((enum job_result)i);
}

static const char *verdict_help(int i)
{
    return job_verdict_help((enum job_verdict)i);
}

static int state_parse(const char *word)
{
    enum job_state s;
    return job_state_parse(word, &s) ? (int)s : -1;
}

static int result_parse(const char *word)
{
    enum job_result r;
    return job_result_parse(word, &r) ? (int)r : -1;
}

static int verdict_parse(const char *word)
{
    enum job_verdict v;
    return job_verdict_parse(word, &v) ? (int)v : -1;
}

static const struct {
    int count;
    const char *const *words;
    const char *(*word)(int);
    const char *(*help)(int);
    int (*parse)(const char *);
    bool none; /* the first one is "": nothing yet */
} lists[] = {
    {JOB_STATE_COUNT, job_state_words, state_word, state_help, state_parse, false},
    {JOB_RESULT_COUNT, job_result_words, result_word, result_help, result_parse, true},
    {JOB_VERDICT_COUNT, job_verdict_words, verdict_word, verdict_help, verdict_parse, true},
};

static void every_value_has_its_own_word_and_help(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        for (int i = 0; i < lists[l].count; i++) {
            const char *word = lists[l].word(i);
            assert_string_equal(word, lists[l].words[i]);
            assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
            assert_int_equal(strlen(word) == 0, lists[l].none && i == 0);
            assert_true(strlen(lists[l].help(i)) > 10);
            assert_int_equal(lists[l].parse(word), i);
        }
}

static void words_of_the_interface_are_these(void **state)
{
    (void)state;
    static const char *const states[] = {"queued", "waiting",   "offered", "running",   "verifying",
                                         "done",   "cancelled", "expired", "superseded"};
    static const char *const results[] = {"",         "done",          "failed",   "refused", "not_applicable",
                                          "not_available", "deferred", "interrupted"};
    static const char *const verdicts[] = {"", "fixed", "same", "different", "needs_reboot", "pending", "unknown"};
    assert_int_equal(JOB_STATE_COUNT, sizeof states / sizeof *states);
    assert_int_equal(JOB_RESULT_COUNT, sizeof results / sizeof *results);
    assert_int_equal(JOB_VERDICT_COUNT, sizeof verdicts / sizeof *verdicts);
    for (int i = 0; i < JOB_STATE_COUNT; i++)
        assert_string_equal(state_word(i), states[i]);
    for (int i = 0; i < JOB_RESULT_COUNT; i++)
        assert_string_equal(result_word(i), results[i]);
    for (int i = 0; i < JOB_VERDICT_COUNT; i++)
        assert_string_equal(verdict_word(i), verdicts[i]);
}

static void unknown_words_are_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"Done", "done ", " done", "don", "donee", "QUEUED", "leased"};
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            assert_int_equal(lists[l].parse(words[i]), -1);
    assert_int_equal(state_parse(""), -1);
}

/* Row: from; a letter for each state it may move to, in the order of the enum. */
static const char *const moves[JOB_STATE_COUNT] = {
    /*                    q w o r v d c e s */
    [JOB_QUEUED] =       "- w o r v d c e s",
    [JOB_WAITING] =      "q - o r v d c e s",
    [JOB_OFFERED] =      "q w - r v d c e s",
    [JOB_RUNNING] =      "- w - - v d - e -",
    [JOB_VERIFYING] =    "- - - - - d - e -",
    [JOB_DONE] =         "- - - - - - - - -",
    [JOB_CANCELLED] =    "- - - - - - - - -",
    [JOB_EXPIRED] =      "- - - - - - - - -",
    [JOB_SUPERSEDED] =   "- - - - - - - - -",
};

static void moves_are_those_of_the_drawing(void **state)
{
    (void)state;
    for (int from = 0; from < JOB_STATE_COUNT; from++)
        for (int to = 0; to < JOB_STATE_COUNT; to++)
            if (job_move_allowed((enum job_state)from, (enum job_state)to) != (moves[from][2 * to] != '-'))
                fail_msg("%s to %s", state_word(from), state_word(to));
}

static void final_states_are_those_without_a_move(void **state)
{
    (void)state;
    for (int from = 0; from < JOB_STATE_COUNT; from++) {
        bool any = false;
        for (int to = 0; to < JOB_STATE_COUNT; to++)
            any |= job_move_allowed((enum job_state)from, (enum job_state)to);
        assert_int_equal(job_state_final((enum job_state)from), !any);
    }
#define X(id, word, final, help) assert_int_equal(job_state_final(JOB_##id), final);
    JOB_STATES(X)
#undef X
}

static void what_runs_is_never_superseded_or_cancelled(void **state)
{
    (void)state;
    static const enum job_state begun[] = {JOB_RUNNING, JOB_VERIFYING};
    for (size_t i = 0; i < 2; i++) {
        assert_false(job_move_allowed(begun[i], JOB_SUPERSEDED));
        assert_false(job_move_allowed(begun[i], JOB_CANCELLED));
        assert_false(job_move_allowed(begun[i], JOB_QUEUED));
    }
}

static void a_job_id_is_32_lower_case_hex_digits(void **state)
{
    (void)state;
    assert_true(job_id_valid("0123456789abcdef0123456789abcdef"));
    static const char *const bad[] = {"", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
                                      "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdeg",
                                      "../../../../../../../../etc/pass"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(job_id_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_its_own_word_and_help),
        cmocka_unit_test(words_of_the_interface_are_these),
        cmocka_unit_test(unknown_words_are_refused),
        cmocka_unit_test(moves_are_those_of_the_drawing),
        cmocka_unit_test(final_states_are_those_without_a_move),
        cmocka_unit_test(what_runs_is_never_superseded_or_cancelled),
        cmocka_unit_test(a_job_id_is_32_lower_case_hex_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
