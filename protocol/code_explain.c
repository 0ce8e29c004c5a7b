/* The page about one code: at most 20 lines of at most 80 columns, plain text, complete without a network. */
#include "code_internal.h"

enum { COLUMNS = 80, PARAGRAPH_MAX_BYTES = 2048 };

/* Prints `text` in lines of at most COLUMNS; lines after the first are indented by two. */
static void print_wrapped(struct buf *out, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column && column + 1 + word > COLUMNS) {
            buf_puts(out, "\n  ");
            column = 2;
        } else if (column) {
            buf_putc(out, ' ');
            column++;
        }
        buf_append(out, text, word);
        column += word;
        text += word + strspn(text + word, " ");
    }
    buf_putc(out, '\n');
}

static void print_paragraph(struct buf *out, struct buf *paragraph)
{
    print_wrapped(out, buf_text(paragraph));
    buf_clear(paragraph);
}

/* Appends the parts of `list` with `between` in place of every separator. */
static void append_joined(struct buf *out, const char *list, char separator, const char *between)
{
    for (; *list; list++) {
        if (*list == separator)
            buf_puts(out, between);
        else
            buf_putc(out, *list);
    }
}

static void print_heading(struct buf *out, const struct code_info *info, bool known)
{
    char code[CODE_TEXT_MAX];
    code_print(info->code, code);
    size_t name = known ? strcspn(info->symbol, "|") : 0;
    buf_puts(out, code);
    /* Names reach 78 characters; such a one gets its own line. */
    buf_puts(out, sizeof code - 1 + 2 + name > COLUMNS ? "\n" : "  ");
    if (known)
        buf_append(out, info->symbol, name);
    else
        buf_puts(out, "(not in the table; judged by its range)");
    buf_putc(out, '\n');
    if (known && info->symbol[name] == '|') {
        struct buf others;
        buf_init(&others, PARAGRAPH_MAX_BYTES);
        buf_puts(&others, "Also named ");
        append_joined(&others, info->symbol + name + 1, '|', ", ");
        print_paragraph(out, &others);
        buf_free(&others);
    }
}

static const char *unrepaired_text(const struct code_info *info)
{
    if (info->kind == CODE_SUCCESS)
        return "nothing. This is not a failure, so no repair is started and none is needed.";
    if (info->kind == CODE_TRANSIENT)
        return "nothing. This passes by itself, so no repair is started; the next scan or try shows the "
               "result.";
    return "no repair fits. The failure is shown with its cause and waits for a person.";
}

static void append_plan(struct buf *out, const struct code_info *info)
{
    buf_puts(out, "What Fleetmend does: ");
    if (!*info->ladder) {
        buf_puts(out, unrepaired_text(info));
        return;
    }
    if (strcmp(info->ladder, "troubleshooter") == 0) {
        buf_puts(out, "it runs the troubleshooter, which changes nothing, and reports what it finds. No "
                      "repair is started by itself.");
        return;
    }
    buf_puts(out, "first a plain new try. If that fails: ");
    append_joined(out, info->ladder, ';', ", then ");
    if (!strchr(info->ladder, ';')) {
        buf_puts(out, ", followed by a new try.");
        return;
    }
    buf_puts(out, "; each followed by a new try, until one works. Steps that do not apply to the machine are "
                  "passed over.");
    if (info->cause == CODE_CAUSE_CACHE_CORRUPT)
        buf_puts(out, " The phase decides the order: when an install fails, the component store comes before "
                      "the cache.");
}

/* Hints are repair ids joined by ';', or words that use "; " themselves. */
static void append_hint(struct buf *out, const char *hint)
{
    buf_puts(out, "For a person to weigh, never run by itself: ");
    if (strchr(hint, ' '))
        buf_puts(out, hint);
    else
        append_joined(out, hint, ';', ", ");
    buf_putc(out, '.');
}

void code_explain(uint32_t code, struct buf *out)
{
    struct code_info info = code_lookup(code);
    struct buf paragraph;
    buf_init(&paragraph, PARAGRAPH_MAX_BYTES);

    print_heading(out, &info, code_find(code) != NULL);
    print_wrapped(out, code_text(code));
    /* "Cause unknown" below a success or a passing condition would only alarm. */
    if (info.kind == CODE_FAILURE || info.cause != CODE_CAUSE_UNKNOWN) {
        buf_printf(&paragraph, "Cause: %s (%s). %s", code_cause_title(info.cause),
                   code_cause_name(info.cause), code_cause_text(info.cause));
        print_paragraph(out, &paragraph);
    }
    append_plan(&paragraph, &info);
    print_paragraph(out, &paragraph);
    if (*info.hint) {
        append_hint(&paragraph, info.hint);
        print_paragraph(out, &paragraph);
    }
    buf_free(&paragraph);
}
