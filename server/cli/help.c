/* Help and version: the rows of the tables, printed. */
#include "run.h"

enum { HELP_MAX_BYTES = 64 * 1024 };

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

static void print_commands(struct buf *out)
{
    size_t count;
    const struct command *table = command_table(&count);
    buf_puts(out, "fleetmend repairs Windows Update across a fleet.\n\n"
                  "usage: fleetmend COMMAND [ARGUMENTS] [OPTIONS]\n\n");
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "  %-17s %s\n", table[i].name, table[i].title);
    buf_puts(out, "\n`fleetmend help COMMAND` says more about one.\n\nExit codes:\n");
#define X(id, code, help) buf_printf(out, "  %d  %s\n", code, help);
    CLI_EXITS(X)
#undef X
}

static void print_option(const struct option *o, struct buf *out)
{
    struct buf name;
    buf_init(&name, 256);
    if (o->letter)
        buf_printf(&name, "-%c, ", o->letter);
    buf_printf(&name, "--%s%s%s", o->name, o->value ? " " : "", or_nothing(o->value));
    buf_printf(out, "  %-22s  %s\n", buf_text(&name), o->help);
    buf_free(&name);
}

static void print_indented(const char *lines, struct buf *out)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n");
        buf_printf(out, "  %.*s\n", (int)n, lines);
        lines += n;
        lines += *lines == '\n';
    }
}

/* The repairs are a long list: one to a line, with their titles, is what `get repairs` is for. */
static void print_words(const char *words, struct buf *out)
{
    size_t column = 0;
    for (; *words; words += *words == '|') {
        size_t n = strcspn(words, "|");
        bool fits = column && column + 2 + n < 100;
        buf_printf(out, "%s%.*s", fits ? ", " : column ? ",\n  " : "  ", (int)n, words);
        column = fits ? column + 2 + n : 2 + n;
        words += n;
    }
    buf_putc(out, '\n');
}

void help_print(const struct command *c, struct buf *out)
{
    if (!c) {
        print_commands(out);
        return;
    }
    buf_printf(out, "fleetmend %s: %s\n\nusage: fleetmend %s%s%s%s\n", c->name, c->title, c->name,
               *c->arguments ? " " : "", c->arguments, c->options ? " [OPTIONS]" : "");
    if (c->words) {
        buf_printf(out, "\n%.*s:\n", (int)strcspn(c->arguments, " "), c->arguments);
        print_words(c->words, out);
    }
    if (*c->help) {
        buf_putc(out, '\n');
        print_indented(c->help, out);
    }
    buf_puts(out, "\noptions:\n");
    for (int i = 1; i < OPT_COUNT; i++)
        if (c->options & 1u << i)
            print_option(option_row((enum option_id)i), out);
    print_option(option_row(OPT_HELP), out);
}

/* `fleetmend describe --help`: every command that begins so. */
static bool print_group(const char *first, struct buf *out)
{
    size_t count, length = strlen(first), found = 0;
    const struct command *table = command_table(&count);
    for (size_t i = 0; i < count; i++)
        if (strncmp(table[i].name, first, length) == 0 && table[i].name[length] == ' ')
            buf_printf(out, "  %-17s %s\n", table[i].name, (found++, table[i].title));
    return found > 0;
}

int run_help(struct cli *c, const struct args *args)
{
    struct buf out;
    buf_init(&out, HELP_MAX_BYTES);
    size_t used;
    const struct arg_list *words = &args->words;
    const struct command *row = command_find(words->v, words->n, &used);
    int exit = CLI_OK;
    if (row && !(used == 1 && words->n > 1 && !args_has(args, OPT_HELP)))
        help_print(row, &out);
    else if (words->n == 0)
        help_print(NULL, &out);
    else if (!print_group(words->v[0], &out))
        exit = cli_usage(c, "", "there is no command \"%s\"", words->v[0]);
    fputs(buf_text(&out), c->out);
    buf_free(&out);
    return exit;
}

int run_version(struct cli *c, const struct args *args)
{
    (void)args;
    fprintf(c->out, "fleetmend %s\n", FLEETMEND_VERSION);
    return CLI_OK;
}
