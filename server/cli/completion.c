/* Completion scripts, printed from the tables. zsh runs the bash script through its own bashcompinit. */
#include "run.h"

enum { SCRIPT_MAX_BYTES = 64 * 1024, WORDS_MAX = 256 };

static void put_words(const char *words, struct buf *out)
{
    for (; *words; words++)
        buf_putc(out, *words == '|' ? ' ' : *words);
}

static void put_option(const struct option *o, struct buf *out)
{
    buf_printf(out, " --%s", o->name);
    if (o->letter)
        buf_printf(out, " -%c", o->letter);
}

/* What may follow an option that takes a value: its words, a file, or nothing that is known. */
static void put_value_cases(struct buf *out)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option *o = option_row((enum option_id)i);
        if (!o->value)
            continue;
        buf_printf(out, "    --%s", o->name);
        if (o->letter)
            buf_printf(out, "|-%c", o->letter);
        buf_puts(out, ") ");
        if (o->words) {
            buf_puts(out, "words=\"");
            put_words(o->words, out);
            buf_puts(out, "\" ;;\n");
        } else if (strcmp(o->value, "FILE") == 0) {
            buf_puts(out, "COMPREPLY=( $(compgen -f -- \"$cur\") ); return ;;\n");
        } else {
            buf_puts(out, "return ;;\n");
        }
    }
}

static bool is_repeated(const struct command *table, size_t at)
{
    size_t n = strcspn(table[at].name, " ");
    for (size_t i = 0; i < at; i++)
        if (strcspn(table[i].name, " ") == n && memcmp(table[i].name, table[at].name, n) == 0)
            return true;
    return false;
}

static void put_first_words(struct buf *out)
{
    size_t count;
    const struct command *table = command_table(&count);
    for (size_t i = 0; i < count; i++)
        if (!is_repeated(table, i))
            buf_printf(out, "%s%.*s", i ? " " : "", (int)strcspn(table[i].name, " "), table[i].name);
}

/* After "describe": machine, rollout, ... */
static void put_second_words(struct buf *out)
{
    size_t count;
    const struct command *table = command_table(&count);
    for (size_t i = 0; i < count; i++) {
        char first[32], seconds[WORDS_MAX];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(table[i].name, " "), table[i].name);
        if (is_repeated(table, i) || !command_second_words(first, seconds, sizeof seconds))
            continue;
        buf_printf(out, "    %s) words=\"", first);
        put_words(seconds, out);
        buf_puts(out, "\" ;;\n");
    }
}

static void put_first_arguments(struct buf *out)
{
    size_t count;
    const struct command *table = command_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (!table[i].words)
            continue;
        buf_printf(out, "    %s) words=\"", table[i].name);
        put_words(table[i].words, out);
        buf_puts(out, "\" ;;\n");
    }
}

static void put_options(struct buf *out)
{
    size_t count;
    const struct command *table = command_table(&count);
    /* The longer names first: "approve machine" before "approve". */
    for (int two = 1; two >= 0; two--)
        for (size_t i = 0; i < count; i++) {
            if ((strchr(table[i].name, ' ') != NULL) != (two == 1))
                continue;
            buf_printf(out, "    \"%s%s) words=\"", table[i].name, two ? "\"" : " \"*");
            put_option(option_row(OPT_HELP), out);
            for (int o = 1; o < OPT_COUNT; o++)
                if (table[i].options & 1u << o)
                    put_option(option_row((enum option_id)o), out);
            buf_puts(out, "\" ;;\n");
        }
}

void completion_print(const char *shell, struct buf *out)
{
    if (strcmp(shell, "zsh") == 0)
        buf_puts(out, "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n");
    buf_puts(out,
             "_fleetmend() {\n"
             "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" words=\"\"\n"
             "  local first=\"${COMP_WORDS[1]}\" second=\"${COMP_WORDS[2]}\"\n"
             "  COMPREPLY=()\n"
             "  case \"$prev\" in\n");
    put_value_cases(out);
    buf_puts(out, "  esac\n"
                  "  if [ -z \"$words\" ] && [ \"$COMP_CWORD\" = 1 ]; then\n    words=\"");
    put_first_words(out);
    buf_puts(out, "\"\n"
                  "  elif [ -z \"$words\" ] && [ \"${cur#-}\" != \"$cur\" ]; then\n"
                  "    case \"$first $second\" in\n");
    put_options(out);
    buf_puts(out, "    esac\n"
                  "  elif [ -z \"$words\" ] && [ \"$COMP_CWORD\" = 2 ]; then\n"
                  "    case \"$first\" in\n");
    put_first_arguments(out);
    put_second_words(out);
    buf_puts(out, "    esac\n"
                  "  fi\n"
                  "  COMPREPLY=( $(compgen -W \"$words\" -- \"$cur\") )\n"
                  "}\n"
                  "complete -o default -F _fleetmend fleetmend\n");
}

int run_completion(struct cli *c, const struct args *args)
{
    struct buf out;
    buf_init(&out, SCRIPT_MAX_BYTES);
    completion_print(args->words.v[0], &out);
    fputs(buf_text(&out), c->out);
    buf_free(&out);
    return CLI_OK;
}
