#include "follow_batch.h"

#include "mem.h"
#include "text.h"

enum { TWIN_MS = 2 * 60 * 1000, CLEAN_SCAN_EVERY_MS = 3600 * 1000 };

/* FNV-1a; never 0, which means free. */
static uint64_t hash_of(const char *z, uint64_t more)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * UINT64_C(0x100000001B3);
    h = (h ^ more) * UINT64_C(0x100000001B3);
    h ^= h >> 32;
    return h ? h : 1;
}

static uint64_t update_key(const struct event *ev)
{
    return hash_of(ev->update_id, ev->revision);
}

/* Of one update any phase's failure ends with its installation; without an update the phase is all there is.
 */
static uint64_t open_key(const char *update_id, enum event_phase phase)
{
    return hash_of(update_id, 0x100 + (uint64_t)phase);
}

static void open_add(struct follow_batch *b, const struct event *ev)
{
    uint64_t key = open_key(ev->update_id, ev->phase);
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (b->open[i] == key)
            return;
    b->open[b->open_next] = key;
    b->open_next = (b->open_next + 1) % OPEN_MAX;
    b->open_changed = true;
}

static bool open_remove(struct follow_batch *b, uint64_t key)
{
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (b->open[i] == key) {
            b->open[i] = 0;
            b->open_changed = true;
            return true;
        }
    return false;
}

/* Whether a success answers a failure that was reported. */
static bool closes_open(struct follow_batch *b, const struct event *ev)
{
    bool found = open_remove(b, open_key(ev->update_id, ev->phase));
    if (!ev->update_id[0] || (ev->phase != EVENT_PHASE_INSTALL && ev->phase != EVENT_PHASE_UPGRADE))
        return found;
    for (int phase = 0; phase < EVENT_PHASE_COUNT; phase++)
        if (phase != EVENT_PHASE_UNINSTALL)
            found = open_remove(b, open_key(ev->update_id, (enum event_phase)phase)) || found;
    return found;
}

static struct follow_item *item_add(struct follow_batch *b, const struct event *ev, int64_t utc_ms,
                                    bool history)
{
    if (b->count == b->room) {
        b->room = b->room ? 2 * b->room : 8;
        b->items = mem_resize(b->items, b->room, sizeof *b->items);
    }
    struct follow_item *item = &b->items[b->count++];
    *item = (struct follow_item){
        .ev = *ev, .utc_ms = utc_ms, .first_utc_ms = utc_ms, .count = 1, .history = history};
    return item;
}

static bool same_phase(enum event_phase a, enum event_phase b)
{
    return a == b || a == EVENT_PHASE_NONE || b == EVENT_PHASE_NONE;
}

static bool near(int64_t utc_ms, int64_t from_ms, int64_t to_ms)
{
    return utc_ms >= from_ms - TWIN_MS && utc_ms <= to_ms + TWIN_MS;
}

/* CBS.log and dism.log do not know update ids: what they say at that moment with that code is the same failure. */
static bool same_update(const struct event *a, const struct event *b)
{
    if (!a->update_id[0] || !b->update_id[0])
        return true;
    return a->revision == b->revision && strcmp(a->update_id, b->update_id) == 0;
}

static bool is_twin(const struct follow_item *item, const struct event *ev, int64_t utc_ms)
{
    return !item->dropped && item->ev.outcome == EVENT_FAILED && item->ev.source != ev->source &&
           item->ev.code == ev->code && same_phase(item->ev.phase, ev->phase) && same_update(&item->ev, ev) &&
           near(utc_ms, item->first_utc_ms, item->utc_ms);
}

static void fill_text(char *to, const char *from, size_t size)
{
    if (!to[0])
        memcpy(to, from, size);
}

/* What the other log knows and this one does not. */
static void enrich(struct event *to, const struct event *from)
{
    if (!to->update_id[0]) {
        memcpy(to->update_id, from->update_id, sizeof to->update_id);
        to->revision = from->revision;
    }
    if (from->source == EVENT_SOURCE_CBS_LOG && from->kb[0])
        to->kb[0] = '\0'; /* the missing KB, which only CBS.log names, matters more than the update's own */
    fill_text(to->kb, from->kb, sizeof to->kb);
    fill_text(to->title, from->title, sizeof to->title);
    fill_text(to->text, from->text, sizeof to->text);
    if (!to->extend)
        to->extend = from->extend;
    if (to->phase == EVENT_PHASE_NONE)
        to->phase = from->phase;
}

/* These logs tell one failure in several lines, which two readings may divide. */
static bool echoes(enum event_source source)
{
    return source != EVENT_SOURCE_REPORTING_EVENTS && source != EVENT_SOURCE_HISTORY;
}

static bool merge_twin(struct follow_batch *b, const struct event *ev, int64_t utc_ms)
{
    if (!ev->has_time)
        return false;
    for (size_t i = 0; i < b->count; i++)
        if (is_twin(&b->items[i], ev, utc_ms)) {
            enrich(&b->items[i].ev, ev);
            if (!b->items[i].history)
                open_add(b, &b->items[i].ev);
            return true;
        }
    uint64_t update = update_key(ev);
    for (size_t i = 0; i < RECENT_MAX; i++) {
        const struct follow_recent *r = &b->recent[i];
        if (r->update == update && r->code == ev->code && (r->source != ev->source || echoes(ev->source)) &&
            same_phase(r->phase, ev->phase) && near(utc_ms, r->utc_ms, r->utc_ms))
            return true;
    }
    return false;
}

static bool count_repeat(struct follow_batch *b, const struct event *ev, int64_t utc_ms, bool history)
{
    for (size_t i = b->count; i-- > 0;) {
        struct follow_item *item = &b->items[i];
        if (item->closed || item->dropped || item->history != history || item->ev.outcome != EVENT_FAILED ||
            item->ev.source != ev->source || item->ev.code != ev->code || item->ev.extend != ev->extend ||
            item->ev.phase != ev->phase || strcmp(item->ev.update_id, ev->update_id) != 0)
            continue;
        item->count++;
        if (utc_ms)
            item->utc_ms = utc_ms;
        enrich(&item->ev, ev);
        return true;
    }
    return false;
}

static void add_failure(struct follow_batch *b, const struct event *ev, int64_t utc_ms, bool history)
{
    if (merge_twin(b, ev, utc_ms) || count_repeat(b, ev, utc_ms, history))
        return;
    item_add(b, ev, utc_ms, history);
    if (!history)
        open_add(b, ev);
}

static void close_items(struct follow_batch *b, const struct event *ev)
{
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->items[i].ev.update_id, ev->update_id) == 0)
            b->items[i].closed = true;
}

/* A clean scan that answers no failure: the last one of a reading, once an hour. */
static void add_clean_scan(struct follow_batch *b, const struct event *ev, int64_t utc_ms, int64_t ticks_ms)
{
    bool again = false;
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].clean_scan) {
            b->items[i].dropped = true;
            again = true;
        }
    if (again || !b->clean_scan_ticks || ticks_ms - b->clean_scan_ticks >= CLEAN_SCAN_EVERY_MS)
        item_add(b, ev, utc_ms, false)->clean_scan = true;
}

void follow_batch_add(struct follow_batch *b, const struct event *ev, int64_t utc_ms, bool history,
                      int64_t ticks_ms)
{
    if (ev->outcome == EVENT_FAILED) {
        add_failure(b, ev, utc_ms, history);
        return;
    }
    close_items(b, ev);
    if (history)
        return;
    if (closes_open(b, ev))
        item_add(b, ev, utc_ms, false);
    else if (ev->phase == EVENT_PHASE_SCAN)
        add_clean_scan(b, ev, utc_ms, ticks_ms);
}

void follow_batch_done(struct follow_batch *b, int64_t ticks_ms)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct follow_item *item = &b->items[i];
        if (item->clean_scan)
            b->clean_scan_ticks = ticks_ms ? ticks_ms : 1;
        if (item->dropped || item->ev.outcome != EVENT_FAILED || !item->ev.has_time)
            continue;
        b->recent[b->recent_next] = (struct follow_recent){.update = update_key(&item->ev),
                                                           .code = item->ev.code,
                                                           .phase = item->ev.phase,
                                                           .source = item->ev.source,
                                                           .utc_ms = item->utc_ms};
        b->recent_next = (b->recent_next + 1) % RECENT_MAX;
    }
    b->open_changed = false;
    follow_batch_free(b);
}

void follow_batch_free(struct follow_batch *b)
{
    mem_free(b->items);
    b->items = NULL;
    b->count = b->room = 0;
}

void follow_open_print(const struct follow_batch *b, char out[OPEN_TEXT_MAX])
{
    char *at = out;
    *at = '\0';
    for (size_t i = 0; i < OPEN_MAX; i++) {
        uint8_t bytes[8];
        if (!b->open[i])
            continue;
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)(b->open[i] >> (8 * k));
        hex_encode(bytes, sizeof bytes, at);
        at += 2 * sizeof bytes;
        *at++ = ' ';
        *at = '\0';
    }
}

void follow_open_read(struct follow_batch *b, const char *text)
{
    size_t i = 0;
    for (struct slice rest = slice_of(text); rest.n >= 16 && i < OPEN_MAX; i++) {
        uint8_t bytes[8];
        if (!hex_decode(slice_make(rest.p, 16), bytes, sizeof bytes))
            return;
        b->open[i] = 0;
        for (size_t k = 0; k < sizeof bytes; k++)
            b->open[i] |= (uint64_t)bytes[k] << (8 * k);
        size_t used = rest.n > 16 ? 17 : 16;
        rest = slice_make(rest.p + used, rest.n - used);
    }
    b->open_next = i % OPEN_MAX;
}
