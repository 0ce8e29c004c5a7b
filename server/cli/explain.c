/* fleetmend explain: the code table, without a server. */
#include "code.h"
#include "run.h"

enum { PAGES_MAX_BYTES = 1 << 20 };

int run_explain(struct cli *c, const struct args *args)
{
    struct buf out;
    struct err e = {0};
    int exit = CLI_OK;
    buf_init(&out, PAGES_MAX_BYTES);
    for (size_t i = 0; i < args->words.n && exit == CLI_OK; i++) {
        uint32_t code;
        if (!code_parse(slice_of(args->words.v[i]), &code, &e)) {
            exit = cli_usage(c, "explain", "%s", e.text);
            break;
        }
        if (i)
            buf_putc(&out, '\n');
        code_explain(code, &out);
    }
    if (exit == CLI_OK)
        fputs(buf_text(&out), c->out);
    buf_free(&out);
    return exit;
}
