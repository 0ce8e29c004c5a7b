/* The numbers of the front page. */
#include "rows.h"
#include "store_internal.h"

enum { DAY_MS = 86400000 };

static bool add_state(void *ctx, const struct db_row *row)
{
    struct overview_counts *o = ctx;
    struct row_reader r = {.row = row};
    int state = read_word(&r, machine_state_words, MACHINE_STATE_COUNT);
    int64_t count = read_int(&r);
    o->by_state[state] += count;
    o->machines += count;
    return true;
}

static bool read_counts(void *ctx, const struct db_row *row)
{
    struct overview_counts *o = ctx;
    struct row_reader r = {.row = row};
    o->failures_open = read_int(&r);
    o->fixed_24h = read_int(&r);
    o->jobs_open = read_int(&r);
    o->jobs_done_24h = read_int(&r);
    return false;
}

bool store_overview(struct store *s, int64_t now_ms, struct overview_counts *out, struct err *e)
{
    *out = (struct overview_counts){0};
    return db_query(s->db, SQL_OVERVIEW_MACHINES, NULL, 0, add_state, out, e) &&
           db_query(s->db, SQL_OVERVIEW_COUNTS, VALUES(db_int(now_ms - DAY_MS)), 1, read_counts, out, e);
}
