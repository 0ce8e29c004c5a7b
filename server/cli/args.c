#include "args.h"

#include "buf.h"

#include <string.h>

enum { SECOND_WORDS_MAX = 128 };

bool words_contain(const char *words, const char *word)
{
    size_t length = strlen(word);
    while (*words) {
        size_t n = strcspn(words, "|");
        if (n == length && memcmp(words, word, n) == 0)
            return true;
        words += n;
        words += *words == '|';
    }
    return false;
}

/* "a|b|c" as "a, b, c". */
static const char *listed(const char *words, struct arena *a)
{
    struct buf out;
    buf_init(&out, 2048);
    for (; *words; words++)
        buf_puts(&out, *words == '|' ? ", " : (char[]){*words, '\0'});
    const char *text = arena_strdup(a, buf_text(&out));
    buf_free(&out);
    return text;
}

static void add(struct arg_list *list, const char *value, size_t room, struct arena *a)
{
    if (!list->v)
        list->v = arena_alloc(a, room * sizeof *list->v);
    list->v[list->n++] = value;
}

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] && !(arg[1] >= '0' && arg[1] <= '9');
}

/* What is being read. */
struct reading {
    char **v;
    size_t count, at;
    struct arena *arena;
    struct args *out;
};

static bool option_named(struct slice name, enum option_id *id)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (slice_eqz(name, option_row((enum option_id)i)->name)) {
            *id = (enum option_id)i;
            return true;
        }
    return false;
}

static bool option_lettered(char letter, enum option_id *id)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (option_row((enum option_id)i)->letter == letter) {
            *id = (enum option_id)i;
            return true;
        }
    return false;
}

/* `attached`: what stands in the same argument, after "=" or after the letter; NULL when nothing does. */
static bool take_option(struct reading *r, enum option_id id, const char *attached, struct err *e)
{
    const struct option *o = option_row(id);
    const char *value = attached;
    if (!o->value && attached)
        return err_set(e, ERR_INVALID, "--%s takes no value", o->name);
    if (o->value && !value) {
        if (r->at + 1 >= r->count)
            return err_set(e, ERR_INVALID, "--%s needs a value: --%s %s", o->name, o->name, o->value);
        value = r->v[++r->at];
    }
    if (o->words && !words_contain(o->words, value))
        return err_set(e, ERR_INVALID, "--%s %s: one of %s", o->name, value, listed(o->words, r->arena));
    add(&r->out->options[id], value ? value : "", r->count, r->arena);
    return true;
}

static bool read_option(struct reading *r, const char *arg, struct err *e)
{
    enum option_id id;
    if (arg[1] != '-') {
        if (!option_lettered(arg[1], &id))
            return err_set(e, ERR_INVALID, "there is no option -%c", arg[1]);
        const char *rest = arg + 2;
        return take_option(r, id, *rest ? rest + (*rest == '=') : NULL, e);
    }
    const char *name = arg + 2, *equals = strchr(name, '=');
    if (!option_named(slice_make(name, equals ? (size_t)(equals - name) : strlen(name)), &id))
        return err_set(e, ERR_INVALID, "there is no option %s", arg);
    return take_option(r, id, equals ? equals + 1 : NULL, e);
}

static bool read_all(struct reading *r, struct err *e)
{
    bool options_over = false, ok = true;
    struct err later;
    for (r->at = 0; r->at < r->count; r->at++) {
        const char *arg = r->v[r->at];
        if (!options_over && strcmp(arg, "--") == 0)
            options_over = true;
        else if (options_over || !is_option(arg))
            add(&r->out->words, arg, r->count, r->arena);
        else if (!read_option(r, arg, ok ? e : &later))
            ok = false; /* the words are still wanted: they say which help to point at */
    }
    return ok;
}

static bool no_such_command(const struct args *args, struct err *e)
{
    char seconds[SECOND_WORDS_MAX];
    if (args->words.n == 0)
        return err_set(e, ERR_INVALID, "no command given");
    if (!command_second_words(args->words.v[0], seconds, sizeof seconds))
        return err_set(e, ERR_INVALID, "there is no command \"%s\"", args->words.v[0]);
    if (args->words.n == 1)
        return err_set(e, ERR_INVALID, "\"%s\" needs to know what: %s", args->words.v[0], seconds);
    return err_set(e, ERR_INVALID, "there is no \"%s %s\"; there is %s for: %s", args->words.v[0],
                   args->words.v[1], args->words.v[0], seconds);
}

static bool check(const struct args *args, struct arena *a, struct err *e)
{
    const struct command *c = args->command;
    for (int i = 0; i < OPT_COUNT; i++)
        if (i != OPT_HELP && args->options[i].n && !(c->options & 1u << i))
            return err_set(e, ERR_INVALID, "\"%s\" has no option --%s", c->name,
                           option_row((enum option_id)i)->name);
    if (args->words.n < (size_t)c->min)
        return err_set(e, ERR_INVALID, "\"%s\" needs %s", c->name, c->arguments);
    if (c->max >= 0 && args->words.n > (size_t)c->max)
        return err_set(e, ERR_INVALID, "\"%s\" does not take \"%s\"", c->name, args->words.v[c->max]);
    if (c->words && args->words.n && !words_contain(c->words, args->words.v[0]))
        return err_set(e, ERR_INVALID, "\"%s\" does not know \"%s\"; one of %s", c->name, args->words.v[0],
                       listed(c->words, a));
    return true;
}

bool args_parse(int argc, char **argv, struct arena *a, struct args *out, struct err *e)
{
    char *version_words[] = {(char *)(uintptr_t) "version"};
    *out = (struct args){0};
    struct reading r = {.v = argv + 1, .count = argc > 1 ? (size_t)argc - 1 : 0, .arena = a, .out = out};
    if (r.count == 1 && strcmp(r.v[0], "--version") == 0)
        r.v = version_words;
    bool ok = read_all(&r, e);
    size_t used;
    out->command = command_find(out->words.v, out->words.n, &used);
    if (args_has(out, OPT_HELP))
        return ok;
    if (!out->command)
        return no_such_command(out, e);
    if (!ok)
        return false;
    out->words.v += used;
    out->words.n -= used;
    return check(out, a, e);
}

bool args_has(const struct args *args, enum option_id id)
{
    return args->options[id].n > 0;
}

const char *args_text(const struct args *args, enum option_id id, const char *fallback)
{
    const struct arg_list *list = &args->options[id];
    return list->n ? list->v[list->n - 1] : fallback;
}

static bool read_digits(const char *text, int64_t *out, const char **rest)
{
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 12)
        return false;
    *out = 0;
    for (size_t i = 0; i < digits; i++)
        *out = *out * 10 + (text[i] - '0');
    *rest = text + digits;
    return true;
}

bool args_number(const struct args *args, enum option_id id, int64_t low, int64_t high, int64_t fallback,
                 int64_t *out, struct err *e)
{
    const char *text = args_text(args, id, NULL), *rest;
    *out = fallback;
    if (!text)
        return true;
    if (read_digits(text, out, &rest) && !*rest && *out >= low && *out <= high)
        return true;
    return err_set(e, ERR_INVALID, "--%s %s: a whole number from %lld to %lld", option_row(id)->name, text,
                   (long long)low, (long long)high);
}

bool args_span(const struct args *args, enum option_id id, int64_t fallback_ms, int64_t *out_ms,
               struct err *e)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}};
    const char *text = args_text(args, id, NULL), *rest;
    int64_t n;
    *out_ms = fallback_ms;
    if (!text)
        return true;
    if (read_digits(text, &n, &rest) && n <= 1000000)
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (strcmp(rest, units[i].unit) == 0) {
                *out_ms = n * units[i].ms;
                return true;
            }
    return err_set(e, ERR_INVALID, "--%s %s: a time such as 90s, 10m or 2h", option_row(id)->name, text);
}
