#include "identity.h"

#include "json.h"
#include "log.h"
#include "mem.h"
#include "text.h"

enum { FILE_MAX = 16 * 1024, SEALED_MAX = 4096, KEYS_MAX = CONFIG_LIST_MAX };

static const char file_name[] = "identity";

struct identity {
    const struct machine *machine;
    const struct agent_config *policy;
    struct sign_key *key;
    struct buf sealed; /* of the private key; empty when it is derived */
    char id[MACHINE_ID_MAX];
    bool enrolled;
    enum pinned_by pinned_by;
    uint8_t spki[KEYS_MAX][PUBLIC_KEY_BYTES];
    char pin[KEYS_MAX][PIN_TEXT_MAX];
    struct verify_key *order_keys[KEYS_MAX];
    size_t order_key_count;
    int64_t floor_ms, epoch;
};

static void put_base64(struct json_writer *w, struct slice bytes)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    base64_encode(bytes, &text);
    json_put_slice(w, buf_slice(&text));
    buf_free(&text);
}

static void encode(const struct identity *id, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    json_member_int(&w, "version", 1);
    json_put_key(&w, "key");
    put_base64(&w, buf_slice(&id->sealed));
    json_member_bool(&w, "enrolled", id->enrolled);
    json_member_string(&w, "pinned_by", identity_pinned_by_text(id));
    json_put_key(&w, "order_keys");
    json_begin(&w, '[');
    for (size_t i = 0; i < id->order_key_count; i++)
        put_base64(&w, slice_make(id->spki[i], PUBLIC_KEY_BYTES));
    json_end(&w, ']');
    json_member_int(&w, "time_floor", id->floor_ms);
    json_member_int(&w, "time_epoch", id->epoch);
    json_end(&w, '}');
}

static bool save(struct identity *id, struct err *e)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    encode(id, &text);
    const struct machine *m = id->machine;
    bool ok = buf_check(&text, file_name, e) &&
              m->ops->file_replace(m->ctx, file_name, buf_slice(&text), e) == MACHINE_OK;
    buf_free(&text);
    return ok || err_wrap(e, "identity");
}

static bool policy_allows(const struct agent_config *policy, const char *pin)
{
    for (int i = 0; i < policy->order_key_count; i++)
        if (strcmp(policy->order_keys[i], pin) == 0)
            return true;
    return false;
}

static bool order_key_add(struct identity *id, struct slice spki, struct err *e)
{
    if (id->order_key_count == KEYS_MAX)
        return err_set(e, ERR_LIMIT, "order key: already %d known", KEYS_MAX);
    struct verify_key *key = verify_key_new(spki, e);
    if (!key)
        return err_wrap(e, "order key");
    size_t i = id->order_key_count++;
    id->order_keys[i] = key;
    memcpy(id->spki[i], spki.p, PUBLIC_KEY_BYTES);
    pin_print(spki, id->pin[i]);
    return true;
}

static void decode_order_keys(struct identity *id, const struct json *list)
{
    struct buf spki;
    buf_init(&spki, 2 * PUBLIC_KEY_BYTES);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        struct slice text;
        char pin[PIN_TEXT_MAX];
        buf_clear(&spki);
        if (!json_string(j, &text) || !base64_decode(text, &spki, NULL))
            continue;
        pin_print(buf_slice(&spki), pin);
        /* Policy wins: a key it no longer names is not believed any more. */
        if (id->policy->order_key_count == 0 || policy_allows(id->policy, pin))
            order_key_add(id, buf_slice(&spki), NULL);
    }
    buf_free(&spki);
}

static bool decode(struct identity *id, const struct json *j)
{
    struct slice key, by = {0};
    if (!json_string(json_get(j, "key"), &key) || !base64_decode(key, &id->sealed, NULL))
        return false;
    json_bool(json_get(j, "enrolled"), &id->enrolled);
    json_int(json_get(j, "time_floor"), &id->floor_ms);
    json_int(json_get(j, "time_epoch"), &id->epoch);
    json_string(json_get(j, "pinned_by"), &by);
    decode_order_keys(id, json_get(j, "order_keys"));
    if (id->order_key_count)
        id->pinned_by = slice_eqz(by, "policy") ? PINNED_BY_POLICY : PINNED_BY_ENROLMENT;
    return true;
}

static void set_aside(const struct machine *m, const struct buf *text)
{
    struct err e;
    log_error("identity.damaged kept_as=identity.bad bytes=%zu", text->n);
    if (m->ops->file_replace(m->ctx, "identity.bad", buf_slice(text), &e) != MACHINE_OK)
        log_warn("identity.bad_not_kept reason=\"%s\"", e.text);
}

/* True also when there is no file yet. */
static bool load(struct identity *id, struct err *e)
{
    const struct machine *m = id->machine;
    struct buf text;
    buf_init(&text, FILE_MAX);
    enum machine_status status = m->ops->file_read(m->ctx, file_name, &text, e);
    if (status == MACHINE_OK) {
        struct json *j = json_parse(buf_slice(&text), NULL);
        if (!j || !decode(id, j)) {
            set_aside(m, &text);
            buf_clear(&id->sealed);
        }
        json_free(j);
    }
    buf_free(&text);
    return status == MACHINE_OK || status == MACHINE_ABSENT;
}

static struct sign_key *key_derive(const uint8_t *secret, struct err *e)
{
#ifdef _WIN32
    (void)secret;
    err_set(e, ERR_UNAVAILABLE, "derived keys are for simulated machines only");
    return NULL;
#else
    return sign_key_from_scalar(secret, e);
#endif
}

static bool key_make(struct identity *id, struct err *e)
{
    uint8_t secret[PRIVATE_KEY_BYTES];
    const struct machine *m = id->machine;
    id->key = sign_key_generate(e);
    if (!id->key || !sign_key_secret(id->key, secret, e))
        return false;
    bool ok =
        m->ops->seal(m->ctx, slice_make(secret, sizeof secret), &id->sealed, e) == MACHINE_OK && save(id, e);
    mem_wipe(secret, sizeof secret);
    return ok;
}

static bool key_unseal(struct identity *id, struct err *e)
{
    const struct machine *m = id->machine;
    struct buf secret;
    buf_init(&secret, SEALED_MAX);
    if (m->ops->unseal(m->ctx, buf_slice(&id->sealed), &secret, e) == MACHINE_OK) {
        if (secret.n == PRIVATE_KEY_BYTES)
            id->key = sign_key_from_secret((const uint8_t *)secret.p, e);
        else
            err_set(e, ERR_INVALID, "%zu bytes where a key has %d", secret.n, PRIVATE_KEY_BYTES);
    }
    if (secret.p)
        mem_wipe(secret.p, secret.cap);
    buf_free(&secret);
    return id->key ||
           err_wrap(e,
                    "the key of this machine can't be unsealed (another Windows, or copied from one? remove "
                    "the file 'identity' to enrol as a new machine)");
}

static bool key_get(struct identity *id, const uint8_t *secret, struct err *e)
{
    if (secret)
        id->key = key_derive(secret, e);
    else if (id->sealed.n)
        return key_unseal(id, e);
    else
        return key_make(id, e);
    return id->key;
}

struct identity *identity_open(const struct machine *m, const struct agent_config *policy,
                               const uint8_t *secret, struct err *e)
{
    struct identity *id = mem_zalloc(sizeof *id);
    id->machine = m;
    id->policy = policy;
    buf_init(&id->sealed, SEALED_MAX);
    if (!load(id, e) || !key_get(id, secret, e)) {
        err_wrap(e, "identity");
        identity_close(id);
        return NULL;
    }
    uint8_t spki[PUBLIC_KEY_BYTES];
    sign_key_public(id->key, spki);
    sha256_hex(slice_make(spki, sizeof spki), id->id);
    if (policy->order_key_count)
        id->pinned_by = PINNED_BY_POLICY;
    return id;
}

void identity_close(struct identity *id)
{
    if (!id)
        return;
    for (size_t i = 0; i < id->order_key_count; i++)
        verify_key_free(id->order_keys[i]);
    sign_key_free(id->key);
    buf_free(&id->sealed);
    mem_free(id);
}

const struct sign_key *identity_key(const struct identity *id)
{
    return id->key;
}

const char *identity_id(const struct identity *id)
{
    return id->id;
}

bool identity_enrolled(const struct identity *id)
{
    return id->enrolled;
}

bool identity_set_enrolled(struct identity *id, bool enrolled, struct err *e)
{
    if (id->enrolled == enrolled)
        return true;
    id->enrolled = enrolled;
    return save(id, e);
}

bool identity_pinned(const struct identity *id)
{
    return id->policy->order_key_count > 0 || id->order_key_count > 0;
}

enum pinned_by identity_pinned_by(const struct identity *id)
{
    return id->pinned_by;
}

const char *identity_pinned_by_text(const struct identity *id)
{
    static const char *const words[] = {"", "policy", "enrolment"};
    return words[id->pinned_by];
}

static bool known(const struct identity *id, const char *pin)
{
    for (size_t i = 0; i < id->order_key_count; i++)
        if (strcmp(id->pin[i], pin) == 0)
            return true;
    return false;
}

bool identity_allows(const struct identity *id, struct slice spki)
{
    char pin[PIN_TEXT_MAX];
    pin_print(spki, pin);
    return id->policy->order_key_count ? policy_allows(id->policy, pin) : known(id, pin);
}

bool identity_pin(struct identity *id, struct slice spki, struct err *e)
{
    char pin[PIN_TEXT_MAX];
    pin_print(spki, pin);
    if (known(id, pin))
        return true;
    if (!order_key_add(id, spki, e))
        return false;
    id->pinned_by = id->policy->order_key_count ? PINNED_BY_POLICY : PINNED_BY_ENROLMENT;
    return save(id, e);
}

size_t identity_order_keys(const struct identity *id, const struct verify_key *const **keys)
{
    *keys = (const struct verify_key *const *)id->order_keys;
    return id->order_key_count;
}

const char *identity_first_pin(const struct identity *id)
{
    if (id->order_key_count)
        return id->pin[0];
    return id->policy->order_key_count ? id->policy->order_keys[0] : NULL;
}

int64_t identity_time_floor_ms(const struct identity *id)
{
    return id->floor_ms;
}

int64_t identity_time_epoch(const struct identity *id)
{
    return id->epoch;
}

bool identity_set_time(struct identity *id, int64_t floor_ms, int64_t epoch, struct err *e)
{
    if (id->floor_ms == floor_ms && id->epoch == epoch)
        return true;
    id->floor_ms = floor_ms;
    id->epoch = epoch;
    return save(id, e);
}
