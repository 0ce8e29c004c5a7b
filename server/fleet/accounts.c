#include "accounts.h"

#include "crypto.h"
#include "mem.h"

#include <pthread.h>
#include <stdio.h>

struct user {
    struct user *next;
    int64_t id;
    char name[64];
    unsigned roles;
    bool disabled;
};

struct token {
    struct token *next;
    char id[65], sha256[65];
    int64_t user_id, expires_ms;
    unsigned roles;
};

struct accounts {
    pthread_mutex_t lock; /* guards both lists; a fleet has tens of users and hundreds of tokens */
    struct user *users;
    struct token *tokens;
};

static const struct {
    const char *word;
    unsigned bit;
} role_words[] = {{"viewer", 4}, {"operator", 8}, {"approver", 16}, {"admin", 32}};

bool roles_parse(const char *words, unsigned *roles, struct err *e)
{
    *roles = 0;
    for (;;) {
        size_t n = strcspn(words, ",");
        unsigned bit = 0;
        for (size_t i = 0; i < 4; i++)
            if (strlen(role_words[i].word) == n && memcmp(role_words[i].word, words, n) == 0)
                bit = role_words[i].bit;
        if (!bit)
            return err_set(e, ERR_INVALID,
                           "role \"%.*s\" is not known; one of viewer, operator, approver, admin",
                           (int)(n < 40 ? n : 40), words);
        *roles |= bit;
        if (!words[n])
            return true;
        words += n + 1;
    }
}

void roles_print(unsigned roles, char out[64])
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < 4; i++)
        if (roles & role_words[i].bit)
            n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? "," : "", role_words[i].word);
}

struct accounts *accounts_new(void)
{
    struct accounts *a = mem_zalloc(sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

void accounts_free(struct accounts *a)
{
    if (!a)
        return;
    while (a->users) {
        struct user *next = a->users->next;
        mem_free(a->users);
        a->users = next;
    }
    while (a->tokens) {
        struct token *next = a->tokens->next;
        mem_free(a->tokens);
        a->tokens = next;
    }
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

static bool load_user(void *ctx, const struct user_row *u)
{
    accounts_put_user(ctx, u);
    return true;
}

static bool load_token(void *ctx, const struct token_row *t)
{
    accounts_put_token(ctx, t);
    return true;
}

bool accounts_load(struct accounts *a, struct store *s, int64_t now_ms, struct err *e)
{
    return store_users(s, load_user, a, e) && store_tokens(s, now_ms, load_token, a, e);
}

void accounts_put_user(struct accounts *a, const struct user_row *row)
{
    pthread_mutex_lock(&a->lock);
    struct user *u = a->users;
    while (u && u->id != row->id)
        u = u->next;
    if (!u) {
        u = mem_zalloc(sizeof *u);
        u->next = a->users;
        a->users = u;
    }
    u->id = row->id;
    u->roles = row->roles;
    u->disabled = row->disabled;
    snprintf(u->name, sizeof u->name, "%s", row->name);
    pthread_mutex_unlock(&a->lock);
}

void accounts_put_token(struct accounts *a, const struct token_row *row)
{
    struct token *t = mem_zalloc(sizeof *t);
    snprintf(t->id, sizeof t->id, "%s", row->id);
    snprintf(t->sha256, sizeof t->sha256, "%s", row->sha256);
    t->user_id = row->user_id;
    t->expires_ms = row->expires_ms;
    t->roles = row->roles;
    pthread_mutex_lock(&a->lock);
    t->next = a->tokens;
    a->tokens = t;
    pthread_mutex_unlock(&a->lock);
}

void accounts_drop_token(struct accounts *a, const char *id)
{
    pthread_mutex_lock(&a->lock);
    for (struct token **t = &a->tokens; *t; t = &(*t)->next)
        if (strcmp((*t)->id, id) == 0) {
            struct token *gone = *t;
            *t = gone->next;
            mem_free(gone);
            break;
        }
    pthread_mutex_unlock(&a->lock);
}

static const struct user *user_of(const struct accounts *a, int64_t id)
{
    const struct user *u = a->users;
    while (u && u->id != id)
        u = u->next;
    return u;
}

bool accounts_check(struct accounts *a, const char *secret, int64_t now_ms, struct actor *out, struct err *e)
{
    char digest[65];
    sha256_hex(slice_of(secret), digest);
    bool ok = false;
    pthread_mutex_lock(&a->lock);
    for (const struct token *t = a->tokens; t && !ok; t = t->next) {
        const struct user *u = strcmp(t->sha256, digest) == 0 ? user_of(a, t->user_id) : NULL;
        if (!u || u->disabled || t->expires_ms <= now_ms)
            continue;
        out->user_id = u->id;
        out->roles = u->roles & t->roles;
        snprintf(out->name, sizeof out->name, "%s", u->name);
        snprintf(out->token, sizeof out->token, "%s", t->id);
        ok = true;
    }
    pthread_mutex_unlock(&a->lock);
    return ok || err_set(e, ERR_DENIED, "the token is unknown or has expired; log in again");
}
