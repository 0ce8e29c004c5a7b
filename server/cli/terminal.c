#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { COLUMNS_FALLBACK = 80, ROWS_FALLBACK = 24 };

static bool set_and_not_empty(const char *name)
{
    const char *v = getenv(name);
    return v && *v;
}

void terminal_look(struct terminal *t)
{
    const char *kind = getenv("TERM");
    *t = (struct terminal){
        .in = isatty(STDIN_FILENO), .out = isatty(STDOUT_FILENO), .err = isatty(STDERR_FILENO)};
    t->moves = kind && *kind && strcmp(kind, "dumb") != 0;
    t->colour = t->out && t->moves && !set_and_not_empty("NO_COLOR");
    struct winsize size;
    if (!t->out)
        return;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    t->columns = known ? size.ws_col : COLUMNS_FALLBACK;
    t->rows = known ? size.ws_row : ROWS_FALLBACK;
}

const char *colour_on(const struct terminal *t, enum colour c)
{
    static const char *const codes[] = {"", "\033[32m", "\033[31m", "\033[33m", "\033[2m", "\033[1m"};
    return t->colour ? codes[c] : "";
}

const char *colour_off(const struct terminal *t, enum colour c)
{
    return t->colour && c != COLOUR_NONE ? "\033[0m" : "";
}

/* ---- asking ---- */

static struct termios before_secret;
static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { ENDING_SIGNALS = sizeof ending_signals / sizeof *ending_signals };

static void restore_echo_and_end(int number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &before_secret);
    raise(number); /* SA_RESETHAND: the default action follows */
}

static bool echo_off(struct sigaction saved[ENDING_SIGNALS])
{
    if (tcgetattr(STDIN_FILENO, &before_secret) != 0)
        return false;
    struct sigaction act = {.sa_handler = restore_echo_and_end, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        sigaction(ending_signals[i], &act, &saved[i]);
    struct termios quiet = before_secret;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
}

static void echo_on(const struct sigaction saved[ENDING_SIGNALS])
{
    tcsetattr(STDIN_FILENO, TCSANOW, &before_secret);
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        sigaction(ending_signals[i], &saved[i], NULL);
    fputc('\n', stderr);
}

/* Byte by byte and not through stdio: no copy of a password stays in a buffer of the C library. */
static bool read_line(char *out, size_t size, struct err *e)
{
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 && n == 0)
            return err_set(e, ERR_UNAVAILABLE, "the input ended");
        if (got <= 0 || c == '\n')
            break;
        if (n + 1 == size)
            return err_set(e, ERR_LIMIT, "the line is longer than %zu characters", size - 1);
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

bool terminal_ask(const char *prompt, bool secret, char *out, size_t size, struct err *e)
{
    struct sigaction saved[ENDING_SIGNALS];
    fputs(prompt, stderr);
    fflush(stderr);
    if (secret && !echo_off(saved))
        return err_set(e, ERR_IO, "the terminal does not let the echo be switched off; use --password-file");
    bool ok = read_line(out, size, e);
    if (secret)
        echo_on(saved);
    return ok;
}

/* ---- waiting ---- */

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

void terminal_catch_interrupt(void)
{
    struct sigaction act = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &act, NULL);
}

bool terminal_interrupted(void)
{
    return interrupted;
}

void terminal_sleep(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}
