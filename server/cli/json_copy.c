#include "json_copy.h"

#include "screen_text.h"

/* Depth is bounded by json_parse(). */
static void copy_members(struct json_writer *w, const struct json *j, bool keys)
{
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        if (keys)
            json_put_key(w, json_key(m));
        json_copy(w, m);
    }
}

void json_copy(struct json_writer *w, const struct json *j)
{
    struct slice s;
    int64_t i;
    double d;
    bool b;
    if (json_string(j, &s)) {
        json_put_slice(w, s);
    } else if (json_int(j, &i)) {
        json_put_int(w, i);
    } else if (json_number(j, &d)) {
        json_put_number(w, d);
    } else if (json_bool(j, &b)) {
        json_put_bool(w, b);
    } else if (json_type(j) == JSON_OBJECT || json_type(j) == JSON_ARRAY) {
        bool object = json_type(j) == JSON_OBJECT;
        json_begin(w, object ? '{' : '[');
        copy_members(w, j, object);
        json_end(w, object ? '}' : ']');
    } else {
        json_put_null(w);
    }
}

void json_print(FILE *to, struct slice document)
{
    size_t start = 0;
    for (size_t at = 0; at < document.n;) {
        uint32_t c;
        size_t n = screen_char(slice_make(document.p + at, document.n - at), &c);
        if (c >= 0x7F && c <= 0x9F) {
            fwrite(document.p + start, 1, at - start, to);
            fprintf(to, "\\u%04x", (unsigned)c);
            start = at + n;
        }
        at += n;
    }
    fwrite(document.p + start, 1, document.n - start, to);
    if (!document.n || document.p[document.n - 1] != '\n')
        fputc('\n', to);
}
