/* Private to sources: what the parsers of the single kinds of log share.
 *
 * log_parser.c cuts bytes into lines, log_detect.c finds the kind, and the row of that kind reads the lines.
 * A line function looks for a code in a context it knows, says what it means, and hands it on with
 * line_report() or line_failure(). Lines without a code must cost almost nothing: a log has millions. */
#ifndef FLEETMEND_LINE_PARSER_H
#define FLEETMEND_LINE_PARSER_H

#include "log_parser.h"

enum { MINUTE_MS = 60 * 1000 };

enum recognition { RECOGNISED_NOT, RECOGNISED_MAYBE, RECOGNISED_SURE };

/* The order of day and month in dates like 05/22/2023, as far as the log has shown it. */
enum date_order { DATE_ORDER_UNKNOWN, DATE_DAY_FIRST, DATE_MONTH_FIRST };

struct log_state;

struct line_parser {
    enum log_kind kind;
    enum event_source source;
    enum event_phase phase; /* of codes whose line does not say another */
    enum recognition (*recognise)(struct slice line);
    void (*read)(struct log_state *, struct slice line);
    /* Sets has_time, time_ms, time_is_local; called only for lines that are reported. */
    void (*time)(struct log_state *, struct slice line, struct event *);
};

/* What one log's lines leave behind for the next ones. */
struct log_state {
    const struct line_parser *parser;
    log_sink_fn *sink;
    void *ctx;
    bool all;
    uint64_t number; /* of the line being read */

    /* One operation logs its failure in many lines; this is the one that will be reported. */
    bool has_pending;
    struct event pending;
    int64_t pending_since_ms;

    char missing_kb[EVENT_KB_MAX]; /* CBS: the package whose manifest was just found missing */
    uint32_t mapped_code;          /* setup: the code telemetry gets instead of the real one */
    enum event_phase call_phase;   /* WindowsUpdate.log: of the call that began last */
    enum date_order date_order;
};

extern const struct line_parser line_parser_reporting_events;
extern const struct line_parser line_parser_cbs;
extern const struct line_parser line_parser_dism;
extern const struct line_parser line_parser_windows_update_7;
extern const struct line_parser line_parser_windows_update;
extern const struct line_parser line_parser_setup;

/* NULL for LOG_KIND_UNKNOWN. */
const struct line_parser *line_parser_of(enum log_kind);

/* line_emit.c */

/* Fills in everything a line of this log says about itself; the outcome is EVENT_NOISE. */
void line_event(struct log_state *, struct slice line, const char *context, uint32_t code, struct event *out);
/* Cleans and cuts. */
void line_title(struct slice title, struct event *);
/* To the sink at once; noise only when all was asked for. */
void line_report(struct log_state *, const struct event *);
/* Shorthand for a code that is no failure; costs nothing unless all was asked for. */
void line_noise(struct log_state *, struct slice line, const char *context, uint32_t code);

enum line_keep { KEEP_FIRST, KEEP_LAST };

/* A failure that the same operation may log again: repetitions of the code within window_ms become noise.
 * What the repetitions know more (KB, extend code) is added to the one that is kept. */
void line_failure(struct log_state *, const struct event *, int64_t window_ms, enum line_keep);
/* The operation ended: what is pending goes to the sink. */
void line_flush(struct log_state *);

/* line_text.c */

struct slice slice_from(struct slice, size_t start);
bool slice_starts(struct slice, const char *prefix);
/* Position of needle (not empty), or s.n. `pivot` is the index of needle's rarest character: that one is
 * looked for. */
size_t slice_find(struct slice s, const char *needle, size_t pivot);
bool slice_has(struct slice s, const char *needle);
bool char_is_word(char c); /* [0-9A-Za-z] */
/* The number of exactly n digits at s.p[at]; -1 when there is none. */
int digits_at(struct slice s, size_t at, size_t n);
/* "KB5032381" from anywhere in the text; false, and out untouched, when there is none. */
bool kb_find(struct slice text, char out[EVENT_KB_MAX]);

/* code_scan.c */

/* Where a code may stand: the text right before its 0x, and what that context is called. */
struct code_anchor {
    const char *before;
    const char *context;
    bool any_length; /* 1 to 8 digits; else 8 */
    bool outcome;    /* the line tells how an operation ended */
};

struct code_hit {
    const struct code_anchor *anchor;
    uint32_t code;
    size_t at;  /* of the first hex digit's 0x */
    size_t end; /* behind the last digit */
};

struct code_scan {
    struct slice s;
    const struct code_anchor *anchors;
    size_t count;
    size_t pos;
    char x; /* 'x', then 'X' */
};

void code_scan_init(struct code_scan *, struct slice s, const struct code_anchor *anchors, size_t count);
/* The next `0x` code behind one of the anchors. */
bool code_scan_next(struct code_scan *, struct code_hit *);
/* Eight hex digits at s.p[at] with nothing behind them that continues a word or a GUID. */
bool code_bare_at(struct slice s, size_t at, uint32_t *code);
/* The second number of `0xC1900101 - 0x30018` and `0xC1900101, 0x30018`; 0 when there is none behind `at`. */
uint32_t code_extend_at(struct slice s, size_t at);

/* panther_line.c: the layout that CBS.log, dism.log and the setup logs share:
 * `2021-05-18 05:12:43, Error [0x064183] MOUPG  text`, the component possibly blank. */
struct panther_line {
    bool stamped;  /* false: a continuation; then message is the whole line */
    bool is_error; /* level Error */
    struct slice component;
    struct slice message;
};

void panther_parse(struct slice line, struct panther_line *out);
void panther_time(struct log_state *, struct slice line, struct event *);

#endif
