/* Feeds arbitrary bytes to everything that reads what the other side of a wire says: JSON, messages,
 * envelopes, codes, filters, request heads, settings. No crash; what was accepted comes through a second
 * reading. */
#include "fuzz.h"

#include "code.h"
#include "crypto.h"
#include "envelope.h"
#include "filter.h"
#include "framing.h"
#include "settings.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

const char fuzz_name[] = "fuzz_protocol";
const bool fuzz_widen = false;
const char *const fuzz_tokens[] = {
    "{\"seq\":1",
    "\"events\":[",
    "\"payload\":\"",
    "\"payloadType\":\"application/vnd.fleetmend.order+json\"",
    "\"sig\":\"",
    "\"0x80070002\"",
    "\\u0000",
    "\\ud800",
    "\"a\":1,\"a\":2",
    "[[[[[[[[[",
    "1e999",
    "9007199254740993",
    "null",
    "true",
    "state=failing",
    "code=0x80070002",
    "os~\"Windows 10\"",
    "last_seen<7d",
    "POST /agent/v1/sync HTTP/1.1\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 6\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Host: a\r\n",
    "%00",
    "%2e%2e",
    "\r\n\r\n",
    "listen = 1\n",
    "lab = true\n",
    "\xC3",
    "\xF0\x9F\x98\x80",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
};
const size_t fuzz_token_count = sizeof fuzz_tokens / sizeof *fuzz_tokens;

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: broken promise: %s\n", fuzz_name, what);
    abort();
}

/* What the decoder accepted, the encoder writes so that the decoder accepts it again, with the same bytes. */
#define ROUND_TRIP(message)                                                                                  \
    static void round_trip_##message(struct slice input)                                                     \
    {                                                                                                        \
        struct arena a = {0};                                                                                \
        struct wire_##message msg;                                                                           \
        struct err e = {0};                                                                                  \
        struct buf first, second;                                                                            \
        buf_init(&first, 4 << 20);                                                                           \
        buf_init(&second, 4 << 20);                                                                          \
        if (wire_decode_##message(input, &a, &msg, &e)) {                                                    \
            wire_encode_##message(&msg, &first);                                                             \
            require(wire_decode_##message(buf_slice(&first), &a, &msg, &e), "what was encoded decodes");     \
            wire_encode_##message(&msg, &second);                                                            \
            require(slice_eq(buf_slice(&first), buf_slice(&second)), "a message is stable");                 \
        } else                                                                                               \
            require(e.text[0] != '\0', "a refusal says why");                                                \
        buf_free(&first);                                                                                    \
        buf_free(&second);                                                                                   \
        arena_free(&a);                                                                                      \
    }
ROUND_TRIP(sync)
ROUND_TRIP(sync_answer)
ROUND_TRIP(order)
ROUND_TRIP(enroll)

static void try_json(struct slice input)
{
    struct err e = {0};
    struct json *j = json_parse(input, &e);
    require(j || e.text[0], "a refusal says why");
    json_free(j);
}

static void try_envelope(struct slice input)
{
    static struct sign_key *key;
    static struct verify_key *verify;
    if (!key) {
        uint8_t spki[PUBLIC_KEY_BYTES];
        key = sign_key_generate(NULL);
        sign_key_public(key, spki);
        verify = verify_key_new(slice_make(spki, sizeof spki), NULL);
    }
    const struct verify_key *keys[] = {verify};
    struct buf payload;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    require(!envelope_open(input, ENVELOPE_ORDER, keys, 1, &payload, NULL),
            "nothing passes for our signature");
    envelope_peek(input, ENVELOPE_ORDER, &payload, NULL);
    buf_free(&payload);
}

static void try_texts(struct slice input)
{
    struct arena a = {0};
    struct filter f, again;
    struct settings s;
    struct head h;
    uint32_t code;
    code_parse(input, &code, NULL);
    code_parse_field(input, &code);
    settings_default(&s);
    settings_parse(input, &s, NULL);
    head_read(input, &h);
    path_is_plain(input);
    if (filter_parse(input, FILTER_MACHINES, &a, &f, NULL)) {
        struct buf text;
        buf_init(&text, 1 << 20);
        filter_print(&f, &text);
        require(filter_parse(buf_slice(&text), FILTER_MACHINES, &a, &again, NULL), "a printed filter parses");
        buf_free(&text);
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_make(data, size);
    try_json(input);
    round_trip_sync(input);
    round_trip_sync_answer(input);
    round_trip_order(input);
    round_trip_enroll(input);
    try_envelope(input);
    try_texts(input);
    return 0;
}
