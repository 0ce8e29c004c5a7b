/* Feeds arbitrary bytes to the log parsers and checks what must hold for any input: no crash, the same events
 * however the bytes come, clean text, valid JSON, a place to resume inside the input. */
#include "fuzz.h"

#include "event_json.h"
#include "json.h"
#include "log_parser.h"
#include "mem.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

struct digest {
    uint64_t events, hash;
    struct buf json;
};

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: broken promise: %s\n", fuzz_name, what);
    abort();
}

static void require_text(const char *text, size_t size)
{
    const char *end = memchr(text, '\0', size);
    require(end, "strings end within their field");
    struct slice s = slice_make(text, (size_t)(end - text));
    require(utf8_valid_prefix(s) == s.n, "strings are UTF-8");
}

static void take_event(void *ctx, const struct event *ev)
{
    struct digest *d = ctx;
    require_text(ev->update_id, sizeof ev->update_id);
    require_text(ev->kb, sizeof ev->kb);
    require_text(ev->title, sizeof ev->title);
    require_text(ev->text, sizeof ev->text);
    require(ev->line > 0 && ev->context && ev->context[0], "an event has a line and a context");

    buf_clear(&d->json);
    event_json(ev, "file", &d->json);
    require(!d->json.full && d->json.n > 1 && d->json.p[d->json.n - 1] == '\n',
            "an event fits its JSON line");
    struct json *parsed = json_parse(slice_make(d->json.p, d->json.n - 1), NULL);
    require(parsed, "the output is JSON");
    json_free(parsed);

    for (size_t i = 0; i < d->json.n; i++) /* FNV-1a */
        d->hash = (d->hash ^ (unsigned char)d->json.p[i]) * UINT64_C(1099511628211);
    d->events++;
}

static struct digest digest_of(struct slice input, const struct log_options *options, size_t chunk)
{
    struct digest d = {0};
    buf_init(&d.json, EVENT_JSON_MAX);
    struct log_parser *p = log_parser_new(options, take_event, &d);
    for (size_t at = 0; at < input.n; at += chunk)
        log_parser_feed(p, slice_make(input.p + at, input.n - at < chunk ? input.n - at : chunk));
    log_parser_end(p);
    require(log_parser_resume_offset(p) <= input.n, "reading resumes inside the input");
    require(log_parser_lines(p) <= input.n, "a line has at least a byte");
    log_parser_free(p);
    buf_free(&d.json);
    return d;
}

static void check(struct slice input, struct log_options options)
{
    struct digest whole = digest_of(input, &options, input.n ? input.n : 1);
    struct digest pieces = digest_of(input, &options, 1 + input.n % 61);
    require(whole.events == pieces.events && whole.hash == pieces.hash, "chunks do not matter");
    options.all = false;
    struct digest failures = digest_of(input, &options, input.n ? input.n : 1);
    require(failures.events <= whole.events, "--all prints more, never less");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_make(data, size);
    check(input, (struct log_options){.all = true});
    check(input, (struct log_options){.all = true, .utf16 = true});
    for (enum log_kind kind = LOG_KIND_REPORTING_EVENTS; kind <= LOG_KIND_SETUP; kind++)
        check(input, (struct log_options){.all = true, .kind = kind});
    return 0;
}

/* What the parsers look for, and what hurts parsers. */
const char *const fuzz_tokens[] = {
    "HRESULT = 0x800f0831",
    "[HRESULT = 0x",
    "status: 0x80070002",
    "(hr:0x800f081f)",
    "Result = 0xC1900101 - 0x30018",
    "hr = 8004100a",
    "*FAILED* [80248007]",
    "Exit code = 0x8024000C",
    "gle=0x5",
    "Error: 0x80070005",
    "Store corruption, manifest missing for package: Package_1_for_KB5031356~",
    "Session: 1 finalized. Reboot required",
    "CSetupHost::Execute(",
    "Remapping install error [0x80070032] -> [0xC1900108]",
    "\xEF\xBB\xBF",
    "\xFF\xFE",
    "\r",
    "\n",
    "\r\n",
    "\t",
    "\t\t\t\t\t\t\t80240438\t",
    "_FAILED]",
    "Failure",
    "0x",
    "0X",
    "KB",
    "\xF0\x9F\x98\x80",
    "\xC3",
    "2021-05-18 04:20:20, Error                 CBS    ",
    "2021-05-18 04:20:20, Error                 MOUPG  ",
    "2018-05-21\t20:27:47:556\t1008\t680\tAgent\t",
    "22.05.2023 08:16:48.1917317 7160  2680  Agent           ",
    "* START *   Driver Install",
    "{F4F1A379-22F9-4CD1-A1D3-E59183217591}\t",
};

const size_t fuzz_token_count = sizeof fuzz_tokens / sizeof *fuzz_tokens;
const char fuzz_name[] = "fuzz_log_parser";
const bool fuzz_widen = true;
