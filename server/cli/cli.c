#include "cli.h"

#include "api.h"
#include "run.h"
#include "screen_text.h"

#include <errno.h>
#include <stdarg.h>

enum { LINE_MAX_BYTES = 8192 };

static void print_clean(FILE *to, const char *before, const char *text)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_puts(&line, before);
    screen_clean(&line, slice_of(text), false);
    fprintf(to, "%s\n", buf_text(&line));
    buf_free(&line);
}

int cli_fail(struct cli *c, enum cli_exit exit, const struct err *e)
{
    print_clean(c->err, "fleetmend: ", e->text);
    return exit;
}

int cli_usage(struct cli *c, const char *command, const char *fmt, ...)
{
    struct buf text;
    buf_init(&text, LINE_MAX_BYTES);
    va_list ap;
    va_start(ap, fmt);
    char part[2048];
    vsnprintf(part, sizeof part, fmt, ap);
    va_end(ap);
    buf_printf(&text, "%s; see: fleetmend help%s%s", part, *command ? " " : "", command);
    print_clean(c->err, "fleetmend: ", buf_text(&text));
    buf_free(&text);
    return CLI_USAGE;
}

void cli_say(struct cli *c, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    print_clean(c->err, "", text);
}

enum cli_exit cli_exit_of_status(int status)
{
    static const struct {
        int status;
        enum cli_exit exit;
    } rows[] = {
        {400, CLI_USAGE},       {401, CLI_DENIED},      {403, CLI_DENIED},
        {404, CLI_NOT_FOUND},   {409, CLI_CONFLICT},    {422, CLI_USAGE},
        {502, CLI_UNREACHABLE}, {503, CLI_UNREACHABLE}, {504, CLI_UNREACHABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].status == status)
            return rows[i].exit;
    return status >= 200 && status < 300 ? CLI_OK : CLI_ERROR;
}

enum cli_exit cli_exit_of_error(enum err_kind kind)
{
    static const enum cli_exit exits[] = {
        [ERR_NONE] = CLI_OK,           [ERR_INVALID] = CLI_USAGE,           [ERR_NOT_FOUND] = CLI_NOT_FOUND,
        [ERR_DENIED] = CLI_DENIED,     [ERR_CONFLICT] = CLI_CONFLICT,       [ERR_LIMIT] = CLI_ERROR,
        [ERR_IO] = CLI_ERROR,          [ERR_UNREACHABLE] = CLI_UNREACHABLE, [ERR_TLS] = CLI_UNREACHABLE,
        [ERR_TIMEOUT] = CLI_TIMED_OUT, [ERR_UNAVAILABLE] = CLI_ERROR,       [ERR_INTERNAL] = CLI_ERROR,
    };
    return exits[kind];
}

/* What was printed must have arrived: a full disk behind `> list.csv` is an error. */
static int finish(struct cli *c, int exit)
{
    errno = 0;
    if (fflush(c->out) == 0 && !ferror(c->out))
        return exit;
    if (errno != EPIPE) /* `| head` has seen enough, and needs no complaint */
        cli_say(c, "fleetmend: the output could not be written: %s", strerror(errno));
    return exit == CLI_OK ? CLI_ERROR : exit;
}

int cli_main(struct cli *c, int argc, char **argv)
{
    struct args args;
    struct err e = {0};
    int exit;
    bool ok = args_parse(argc, argv, &c->arena, &args, &e);
    if (!ok)
        exit = cli_usage(c, args.command ? args.command->name : "", "%s", e.text);
    else if (args_has(&args, OPT_HELP))
        exit = run_help(c, &args);
    else
        exit = args.command->run(c, &args);
    api_close(c);
    return finish(c, exit);
}
