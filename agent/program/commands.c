#include "command_list.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { FLAGS_MAX = 48 };

/* The flags of all subcommands; each names the ones it takes. */
static const struct arg_flag common_flags[] = {
    {"server", "URL", true, "the server, https://HOST[:PORT]; several are tried in order"},
    {"ca", "FILE", false, "the server's CA certificate (PEM); else the system's store"},
    {"token", "T", false, "enrolment token"},
    {"order-key", "PIN", true, "sha256//BASE64 of the key that signs orders; else pinned at enrolment"},
    {"tls-pin", "PIN", true, "trust this server key instead of a CA"},
    {"proxy", "URL", false, "none (default), system, or http://HOST:PORT"},
    {"tag", "TAG", true, "a tag of this machine"},
    {"state", "DIR", false, "where the agent keeps its state"},
    {"debug", NULL, false, "log more"},
    {"json", NULL, false, "print JSON"},
    {"dry-run", NULL, false, "only say what would be done"},
    {"set", "NAME=VALUE", true, "a parameter of the repair"},
    {"help", NULL, false, "print this"},
    {0},
};

static const struct arg_flag help_flag = {"help", NULL, false, "print this"};

static const struct program_command *find_in(const struct program_command *list, const char *name)
{
    for (const struct program_command *c = list; c && c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static const struct program_command *find_command(const struct program_platform *platform, const char *name)
{
    const struct program_command *c = find_in(common_commands, name);
    return c ? c : find_in(platform->commands, name);
}

static const struct arg_flag *find_flag(const struct program_platform *platform, const char *name)
{
    const struct arg_flag *lists[] = {common_flags, platform->flags};
    for (int i = 0; i < 2; i++)
        for (const struct arg_flag *f = lists[i]; f && f->name; f++)
            if (strcmp(f->name, name) == 0)
                return f;
    return NULL;
}

static int add_flags(const struct program_platform *platform, const char *const *names, struct arg_flag *out, int n)
{
    for (; names && *names && n < FLAGS_MAX - 2; names++) {
        const struct arg_flag *f = find_flag(platform, *names);
        if (f)
            out[n++] = *f;
    }
    return n;
}

/* Whoever takes --state opens the machine, and so takes the flags that say how. */
static bool takes_state(const struct program_command *c)
{
    for (const char *const *f = c->flags; f && *f; f++)
        if (strcmp(*f, "state") == 0)
            return true;
    return false;
}

static void flags_of(const struct program_platform *platform, const struct program_command *c, struct arg_flag *out)
{
    int n = add_flags(platform, c->flags, out, 0);
    if (takes_state(c))
        n = add_flags(platform, platform->machine_flags, out, n);
    out[n++] = help_flag;
    out[n] = (struct arg_flag){0};
}

static void list_commands(const struct program_command *list)
{
    for (const struct program_command *c = list; c && c->name; c++)
        printf("  %-10s %-9s %s\n", c->name, c->operands, c->help);
}

static int print_help(const struct program_platform *platform)
{
    printf("%s\n\nUse: fleetmend-agent COMMAND [OPTIONS]\n\nCommands:\n", platform->about);
    list_commands(common_commands);
    list_commands(platform->commands);
    printf("\nfleetmend-agent COMMAND --help lists its options.\n");
    return EXIT_OK;
}

static int print_command_help(const struct program_command *c, const struct arg_flag *flags)
{
    printf("Use: fleetmend-agent %s%s%s [OPTIONS]\n\n%s\n", c->name, c->operands[0] ? " " : "", c->operands, c->help);
    if (c->more)
        printf("%s\n", c->more);
    printf("\nOptions:\n");
    args_print_help(flags);
    return EXIT_OK;
}

int program_fail(const struct err *e)
{
    fprintf(stderr, "fleetmend-agent: %s\n", e->text);
    return e->kind == ERR_INVALID ? EXIT_USAGE : EXIT_ERROR;
}

static bool parse(struct program *p, const struct arg_flag *flags, int argc, char **argv, struct err *e)
{
    const struct program_command *c = p->command;
    if (!args_parse(&p->args, flags, argc, argv, e))
        return false;
    if (args_has(&p->args, "help"))
        return true;
    if (p->args.operand_count < c->operands_min || p->args.operand_count > c->operands_max)
        return err_set(e, ERR_INVALID, "%s %s expected; see fleetmend-agent %s --help",
                       c->operands_max ? "one" : "no further argument", c->operands, c->name);
    return true;
}

static int run_command(struct program *p, int argc, char **argv)
{
    struct arg_flag flags[FLAGS_MAX];
    struct err e = {0};
    if (p->command->raw)
        return p->command->raw(argc, argv);
    flags_of(p->platform, p->command, flags);
    if (!parse(p, flags, argc - 1, argv + 1, &e))
        return program_fail(&e);
    if (args_has(&p->args, "help"))
        return print_command_help(p->command, flags);
    if (args_has(&p->args, "debug"))
        log_set_level(LOG_DEBUG);
    int code = p->command->run(p);
    agent_config_free(&p->config);
    return code;
}

int agent_main(int argc, char **argv, const struct program_platform *platform)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return print_help(platform) + (argc < 2 ? EXIT_USAGE : EXIT_OK);
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    struct program p = {.platform = platform, .command = find_command(platform, name)};
    snprintf(p.version, sizeof p.version, "%s", FLEETMEND_VERSION);
    if (!p.command) {
        struct err e = {0};
        err_set(&e, ERR_INVALID, "%.40s: no such command; fleetmend-agent --help lists them", name);
        return program_fail(&e);
    }
    return run_command(&p, argc - 1, argv + 1);
}
