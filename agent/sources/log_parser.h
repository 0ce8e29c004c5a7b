/* Reads any of Windows' update logs, chunk by chunk, in bounded memory.
 *
 *   struct log_parser *p = log_parser_new(&options, sink, ctx);
 *   while (read some bytes) log_parser_feed(p, bytes);
 *   log_parser_end(p);  log_parser_free(p);
 *
 * The kind of log is recognised from its first lines (or told by options.kind: the agent knows what it
 * opens). Encodings: UTF-8, UTF-8 with a byte order mark at the start or in mid-file, UTF-16LE, with mark or
 * recognised by its zero bytes. Lines end with LF or CRLF; a stray CR is a blank. Lines longer than
 * LOG_LINE_MAX are cut to it and their rest is skipped; the neighbours are not touched. Invalid bytes become
 * U+FFFD. Nothing in the input can make it fail: junk gives no events.
 *
 * A failure that an operation logs in several lines is one event, reported when the operation ends, a success
 * follows or log_parser_end() is called; its repetitions are noise.
 *
 * Memory: one line buffer, and up to 64 kB until the kind is clear, whatever the file's size. Native speed:
 * 200 MB/s at least. */
#ifndef FLEETMEND_LOG_PARSER_H
#define FLEETMEND_LOG_PARSER_H

#include "event.h"
#include "slice.h"

enum { LOG_LINE_MAX = 32 * 1024 };

enum log_kind {
    LOG_KIND_UNKNOWN,          /* recognise it */
    LOG_KIND_REPORTING_EVENTS, /* SoftwareDistribution\ReportingEvents.log */
    LOG_KIND_CBS,              /* Logs\CBS\CBS.log, CbsPersist_*.log */
    LOG_KIND_DISM,             /* Logs\DISM\dism.log */
    LOG_KIND_WINDOWS_UPDATE_7, /* WindowsUpdate.log, tab-separated text of Windows 7 */
    LOG_KIND_WINDOWS_UPDATE,   /* WindowsUpdate.log as Get-WindowsUpdateLog decodes it */
    LOG_KIND_SETUP,            /* Panther setupact.log, setuperr.log */
};

struct log_options {
    enum log_kind kind;
    bool all; /* report every code in a valid context, noise too (outcome EVENT_NOISE), and code 0 */
    uint64_t first_line; /* number of lines before the first byte, when reading resumes in mid-file */
    bool utf16;          /* the bytes continue a UTF-16LE file whose mark was read earlier */
};

/* Called for each occurrence; `ev` is valid during the call only. */
typedef void log_sink_fn(void *ctx, const struct event *ev);

struct log_parser;

struct log_parser *log_parser_new(const struct log_options *options, log_sink_fn *sink, void *ctx);
void log_parser_feed(struct log_parser *p, struct slice bytes);
/* The input ended: a last line without line end is read too. */
void log_parser_end(struct log_parser *p);
void log_parser_free(struct log_parser *p);

/* What it recognised; LOG_KIND_UNKNOWN while undecided, or when it is none of these logs. */
enum log_kind log_parser_kind(const struct log_parser *p);
bool log_parser_utf16(const struct log_parser *p);
/* Complete lines read so far (first_line included), and how many bytes of input they took: where a later
 * run may resume. A file without a line end at its end is resumed at that line's start. */
uint64_t log_parser_lines(const struct log_parser *p);
uint64_t log_parser_resume_offset(const struct log_parser *p);

#endif
