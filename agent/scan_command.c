#include "scan_command.h"

#include "event_json.h"
#include "log_parser.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

enum { CHUNK_BYTES = 256 * 1024, DEPTH_MAX = 64, NAME_MAX_BYTES = 4096 };

struct scan {
    bool all;
    bool unreadable;   /* something could not be read */
    bool write_failed; /* stdout is gone: reading on is pointless */
    int write_error;
    const char *file;  /* the one being read */
    char *chunk;
    struct buf line;
};

static void fail_write(struct scan *scan)
{
    scan->write_failed = true;
    scan->write_error = errno ? errno : EIO;
}

static void print_event(void *ctx, const struct event *ev)
{
    struct scan *scan = ctx;
    if (scan->write_failed || (ev->outcome != EVENT_FAILED && !scan->all))
        return;
    buf_clear(&scan->line);
    event_json(ev, scan->file, &scan->line);
    if (fwrite(scan->line.p, 1, scan->line.n, stdout) != scan->line.n)
        fail_write(scan);
}

static void complain(struct scan *scan, const char *path, int error)
{
    fprintf(stderr, "scan: %s: %s\n", path, strerror(error));
    scan->unreadable = true;
}

/* `named`: given on the command line, so that silence would puzzle. */
static void scan_stream(struct scan *scan, FILE *f, const char *path, bool named)
{
    const struct log_options options = {.all = scan->all};
    struct log_parser *parser = log_parser_new(&options, print_event, scan);
    scan->file = path;
    size_t n;
    errno = 0;
    while (!scan->write_failed && (n = fread(scan->chunk, 1, CHUNK_BYTES, f)) > 0)
        log_parser_feed(parser, slice_make(scan->chunk, n));
    int error = errno;
    log_parser_end(parser);
    if (ferror(f))
        complain(scan, path, error ? error : EIO);
    else if (named && !scan->write_failed && log_parser_kind(parser) == LOG_KIND_UNKNOWN)
        fprintf(stderr, "scan: %s: skipped, it is none of the logs of Windows Update\n", path);
    log_parser_free(parser);
}

static void scan_file(struct scan *scan, const char *path, bool named)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        complain(scan, path, errno);
        return;
    }
    setvbuf(f, NULL, _IONBF, 0); /* the chunks are large enough */
    scan_stream(scan, f, path, named);
    fclose(f);
}

static bool is_log_name(const char *name)
{
    size_t n = strlen(name);
    if (n < 5)
        return false;
    const char *end = name + n - 4;
    return end[0] == '.' && (end[1] | 0x20) == 'l' && (end[2] | 0x20) == 'o' && (end[3] | 0x20) == 'g';
}

/* In a folder, links are not followed: a Windows volume is full of junctions that lead back into it. */
static int stat_entry(const char *path, struct stat *st)
{
#ifdef _WIN32
    return stat(path, st);
#else
    return lstat(path, st);
#endif
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **v;
    size_t n;
};

static void names_add(struct names *names, const char *name)
{
    if ((names->n & (names->n - 1)) == 0) /* room is a power of two */
        names->v = mem_resize(names->v, names->n ? names->n * 2 : 1, sizeof *names->v);
    names->v[names->n++] = mem_strdup(name);
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        mem_free(names->v[i]);
    mem_free(names->v);
}

/* Sorted, so that two runs over one bundle print the same. */
static bool read_names(const char *path, struct names *names)
{
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            names_add(names, entry->d_name);
    int error = errno;
    closedir(dir);
    if (names->n)
        qsort(names->v, names->n, sizeof *names->v, compare_names);
    errno = error;
    return error == 0;
}

static void scan_folder(struct scan *scan, const char *path, int depth);

static void scan_entry(struct scan *scan, const char *folder, const char *name, int depth)
{
    char path[NAME_MAX_BYTES];
    struct stat st;
    size_t n = strlen(folder);
    const char *divider = n && (folder[n - 1] == '/' || folder[n - 1] == '\\') ? "" : "/";
    int length = snprintf(path, sizeof path, "%s%s%s", folder, divider, name);
    if (length < 0 || (size_t)length >= sizeof path)
        complain(scan, folder, ENAMETOOLONG);
    else if (stat_entry(path, &st) != 0)
        complain(scan, path, errno);
    else if (S_ISDIR(st.st_mode))
        scan_folder(scan, path, depth + 1);
    else if (S_ISREG(st.st_mode) && is_log_name(name))
        scan_file(scan, path, false);
}

static void scan_folder(struct scan *scan, const char *path, int depth)
{
    struct names names = {0};
    if (depth > DEPTH_MAX) {
        complain(scan, path, ELOOP);
        return;
    }
    if (!read_names(path, &names))
        complain(scan, path, errno);
    for (size_t i = 0; i < names.n && !scan->write_failed; i++)
        scan_entry(scan, path, names.v[i], depth);
    names_free(&names);
}

static void scan_path(struct scan *scan, const char *path)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        scan_stream(scan, stdin, "-", true);
    else if (stat(path, &st) != 0)
        complain(scan, path, errno);
    else if (S_ISDIR(st.st_mode))
        scan_folder(scan, path, 0);
    else
        scan_file(scan, path, true);
}

static int usage(FILE *out)
{
    fputs("usage: fleetmend-agent scan [--all] PATH...\n"
          "\n"
          "Finds failures of Windows Update in ReportingEvents.log, CBS.log, dism.log, WindowsUpdate.log,\n"
          "setupact.log and setuperr.log, and prints one JSON object a line.\n"
          "\n"
          "  PATH    a log, a folder (searched with all its folders), or - for standard input\n"
          "  --all   every code in a known context; what is no failure has \"noise\":true\n",
          out);
    return out == stderr ? 2 : 0;
}

/* Streams must be binary, and a closed pipe an error to report, not a signal to die of. */
static void prepare_streams(void)
{
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#else
    signal(SIGPIPE, SIG_IGN);
#endif
}

/* Options may stand anywhere before a bare --. Returns the number of paths, which are moved to the front of
 * argv; -1 on a usage error. */
static int take_options(struct scan *scan, int argc, char **argv, bool *help)
{
    int paths = 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (!options || argv[i][0] != '-' || !argv[i][1])
            argv[paths++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            options = false;
        else if (strcmp(argv[i], "--all") == 0)
            scan->all = true;
        else if (strcmp(argv[i], "--help") == 0)
            *help = true;
        else {
            fprintf(stderr, "scan: unknown option %s\n", argv[i]);
            return -1;
        }
    }
    return paths;
}

int scan_command(int argc, char **argv)
{
    struct scan scan = {0};
    bool help = false;
    int paths = take_options(&scan, argc, argv, &help);
    if (paths >= 0 && help)
        return usage(stdout);
    if (paths < 1)
        return usage(stderr);

    prepare_streams();
    scan.chunk = mem_alloc(CHUNK_BYTES);
    buf_init(&scan.line, EVENT_JSON_MAX);
    for (int i = 0; i < paths && !scan.write_failed; i++)
        scan_path(&scan, argv[i]);
    if (!scan.write_failed && (fflush(stdout) != 0 || ferror(stdout)))
        fail_write(&scan);
    if (scan.write_failed)
        fprintf(stderr, "scan: can't write to standard output: %s\n", strerror(scan.write_error));
    buf_free(&scan.line);
    mem_free(scan.chunk);
    return scan.write_failed || scan.unreadable ? 1 : 0;
}
