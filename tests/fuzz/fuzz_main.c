/* Runs a fuzz target without libFuzzer: TARGET [--runs N] [--seed S] FILE...
 * reads every FILE once, then N mutations of random pieces of them; the same seed gives the same runs. */
#include "fuzz.h"

#include "buf.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE_MAX = 8 * 1024, SEED_FILE_MAX = 64 * 1024 * 1024 };

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? (size_t)(random_state % n) : 0;
}

static void append_token(struct buf *out)
{
    buf_puts(out, fuzz_tokens[random_below(fuzz_token_count)]);
}

static void append_run(struct buf *out)
{
    char c = (char)random_below(256);
    for (size_t n = random_below(random_below(8) ? 64 : 40 * 1024); n; n--)
        buf_putc(out, c);
}

/* Copies the piece with a few faults in it. */
static void mutate(struct slice piece, struct buf *out)
{
    size_t at = 0;
    for (size_t faults = random_below(12); faults && at < piece.n; faults--) {
        size_t n = random_below(piece.n - at + 1);
        buf_append(out, piece.p + at, n);
        at += n;
        switch (random_below(6)) {
        case 0:
            at += random_below(piece.n - at + 1);
            break; /* leave something out */
        case 1:
            at -= random_below(at + 1);
            break; /* repeat something */
        case 2:
            append_run(out);
            break;
        case 3:
            buf_putc(out, (char)random_below(256));
            break;
        case 4:
            if (at < piece.n)
                buf_putc(out, (char)(piece.p[at] ^ 1 << random_below(8))), at++;
            break;
        default:
            append_token(out);
            break;
        }
    }
    buf_append(out, piece.p + at, piece.n - at);
}

static void widen(struct buf *b)
{
    struct buf wide;
    buf_init(&wide, b->max);
    buf_append(&wide, "\xFF\xFE", 2);
    for (size_t i = 0; i < b->n; i++) {
        buf_putc(&wide, b->p[i]);
        buf_putc(&wide, random_below(500) ? '\0' : (char)random_below(256));
    }
    buf_free(b);
    *b = wide;
}

static void run_mutation(const struct buf *files, size_t count)
{
    const struct buf *file = &files[random_below(count)];
    size_t start = random_below(file->n), length = random_below(PIECE_MAX);
    if (length > file->n - start)
        length = file->n - start;
    struct buf input;
    buf_init(&input, 1024 * 1024);
    mutate(slice_make(file->p + start, length), &input);
    if (fuzz_widen && random_below(5) == 0)
        widen(&input);
    LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&input), input.n);
    buf_free(&input);
}

static void read_seed(const char *path, struct buf *out)
{
    static char chunk[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    buf_init(out, SEED_FILE_MAX);
    while (f && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_append(out, chunk, n);
    if (!f || ferror(f) || out->full) {
        fprintf(stderr, "%s: can't read %s\n", fuzz_name, path);
        exit(2);
    }
    fclose(f);
}

int main(int argc, char **argv)
{
    unsigned long long runs = 0, seed = 1;
    int first = 1;
    for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
        unsigned long long value = strtoull(argv[first + 1], NULL, 10);
        if (strcmp(argv[first], "--runs") == 0)
            runs = value;
        else if (strcmp(argv[first], "--seed") == 0)
            seed = value;
        else
            first = argc;
    }
    if (first >= argc) {
        fprintf(stderr, "usage: %s [--runs N] [--seed S] FILE...\n", fuzz_name);
        return 2;
    }
    size_t count = (size_t)(argc - first);
    struct buf *files = mem_zalloc(count * sizeof *files);
    for (size_t i = 0; i < count; i++) {
        read_seed(argv[first + (int)i], &files[i]);
        LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&files[i]), files[i].n);
    }
    random_state = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
    for (unsigned long long run = 0; run < runs; run++)
        run_mutation(files, count);
    for (size_t i = 0; i < count; i++)
        buf_free(&files[i]);
    mem_free(files);
    printf("ok - %s: %zu files, %llu mutations, seed %llu\n", fuzz_name, count, runs, seed);
    return 0;
}
