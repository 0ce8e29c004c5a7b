#include "program.h"

#include "files.h"
#include "mem.h"
#include "text.h"

#include <stdio.h>

bool keys_make(const char *dir, struct err *e)
{
    char path[DATA_PATH_MAX];
    uint8_t secret[PRIVATE_KEY_BYTES], ticket[32];
    bool ok = false;
    struct sign_key *key = sign_key_generate(e);
    if (!key || !sign_key_secret(key, secret, e))
        goto out;
    random_bytes(ticket, sizeof ticket);
    snprintf(path, sizeof path, "%s/keys/order.key", dir);
    if (!file_create(path, slice_make(secret, sizeof secret), 0600, e))
        goto out;
    snprintf(path, sizeof path, "%s/keys/ticket.key", dir);
    ok = file_create(path, slice_make(ticket, sizeof ticket), 0600, e);
out:
    mem_wipe(secret, sizeof secret);
    sign_key_free(key);
    return ok;
}

static bool load_exactly(const char *path, void *out, size_t n, struct err *e)
{
    struct buf b;
    buf_init(&b, n + 1);
    bool ok =
        file_load(path, &b, e) && (b.n == n || err_set(e, ERR_INVALID, "%s: %zu bytes expected", path, n));
    if (ok)
        memcpy(out, b.p, n);
    if (b.p)
        mem_wipe(b.p, b.n);
    buf_free(&b);
    return ok;
}

bool keys_load(const char *dir, struct fleet *f, struct err *e)
{
    char path[DATA_PATH_MAX];
    uint8_t secret[PRIVATE_KEY_BYTES], spki[PUBLIC_KEY_BYTES];
    snprintf(path, sizeof path, "%s/keys/order.key", dir);
    bool ok =
        load_exactly(path, secret, sizeof secret, e) && (f->order_key = sign_key_from_secret(secret, e));
    mem_wipe(secret, sizeof secret);
    if (!ok)
        return false;
    snprintf(path, sizeof path, "%s/keys/ticket.key", dir);
    if (!load_exactly(path, f->ticket_key, sizeof f->ticket_key, e))
        return false;
    struct buf text;
    buf_init(&text, sizeof f->order_spki - 1);
    sign_key_public(f->order_key, spki);
    base64_encode(slice_make(spki, sizeof spki), &text);
    snprintf(f->order_spki, sizeof f->order_spki, "%s", buf_text(&text));
    buf_free(&text);
    return true;
}

void keys_order_pin(const struct fleet *f, char out[PIN_TEXT_MAX])
{
    uint8_t spki[PUBLIC_KEY_BYTES];
    sign_key_public(f->order_key, spki);
    pin_print(slice_make(spki, sizeof spki), out);
}
