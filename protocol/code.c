#include "code_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static const struct code_info table[] = {
#define ROW(code, symbol, kind, cause, ladder, hint)                                                         \
    {code, symbol, CODE_##kind, CODE_CAUSE_##cause, ladder, hint},
#include "code_table.inc"
#undef ROW
};

enum { TABLE_COUNT = sizeof table / sizeof table[0] };

void code_print(uint32_t code, char out[CODE_TEXT_MAX])
{
    snprintf(out, CODE_TEXT_MAX, "0x%08" PRIX32, code);
}

const struct code_info *code_table(size_t *count)
{
    *count = TABLE_COUNT;
    return table;
}

const struct code_info *code_find(uint32_t code)
{
    size_t low = 0, high = TABLE_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < TABLE_COUNT && table[low].code == code ? &table[low] : NULL;
}

struct code_info code_lookup(uint32_t code)
{
    const struct code_info *row = code_find(code);
    if (row)
        return *row;
    const struct code_range *range = code_range_find(code);
    return (struct code_info){
        .code = code,
        .symbol = "",
        .kind = range->kind,
        .cause = range->cause,
        .ladder = range->ladder,
        .hint = "",
    };
}

const char *code_kind_name(enum code_kind kind)
{
    static const char *const names[] = {
        [CODE_FAILURE] = "failure",
        [CODE_TRANSIENT] = "transient",
        [CODE_SUCCESS] = "success",
    };
    assert((size_t)kind < sizeof names / sizeof names[0]);
    return names[kind];
}

const char *code_cause_name(enum code_cause cause)
{
    static const char *const names[] = {
#define X(id, word) [CODE_CAUSE_##id] = word,
        CODE_CAUSES(X)
#undef X
    };
    assert((size_t)cause < CODE_CAUSE_COUNT);
    return names[cause];
}
