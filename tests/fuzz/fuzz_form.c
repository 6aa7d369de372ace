/* The form: whatever the pieces it comes in, the same parts are heard; none is begun before the last has ended, and all octets that are
 * given stand in the input. The first line of the input is the Content-Type. */
#include <string.h>

#include "fuzz.h"
#include "proto/mime/form.h"

struct heard {
    struct buf text;
    size_t given;
    bool is_open;
};

static bool begin(void *ctx, const struct form_part *p)
{
    struct heard *h = ctx;
    PROMISE(!h->is_open && *p->name && p->file && p->type && p->encoding);
    h->is_open = true;
    return buf_addf(&h->text, "%s|%s|%s|%s[", p->name, p->file, p->type, p->encoding);
}

static bool piece(void *ctx, struct bytes octets)
{
    struct heard *h = ctx;
    PROMISE(h->is_open && octets.size > 0);
    h->given += octets.size;
    return buf_add_bytes(&h->text, octets);
}

static bool end(void *ctx)
{
    struct heard *h = ctx;
    PROMISE(h->is_open);
    h->is_open = false;
    return buf_add_byte(&h->text, ']');
}

static bool read_form(struct heard *h, const char *type, struct bytes in, size_t step)
{
    static const struct form_host host = { begin, piece, end };
    struct fault why = { 0 };
    struct arena *arena = arena_new();
    *h = (struct heard){ .given = 0 };
    buf_init(&h->text, 1u << 22);
    struct form *f = form_new(arena, type, &host, h, &why);
    bool ok = f != NULL;
    for (size_t at = 0; ok && at < in.size; at += step)
        ok = form_feed(f, bytes_slice(in, at, at + step), &why);
    ok = ok && form_end(f, &why);
    PROMISE(ok ? !h->is_open : why.kind == FAULT_REJECT && strcmp(why.id, "api.form") == 0);
    PROMISE(h->given <= in.size);
    form_free(f);
    arena_free(arena);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, size };
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t type_size = line ? (size_t)(line - data) : 0;
    struct heard once, again;
    if (!line || memchr(data, '\0', type_size))
        return 0;
    char *type = mem_strndup((const char *)data, type_size);
    in = bytes_slice(in, type_size + 1, size);
    bool is_good = read_form(&once, type, in, in.size ? in.size : 1);
    PROMISE(read_form(&again, type, in, 1 + type_size % 7) == is_good);
    PROMISE(bytes_equal(buf_bytes(&once.text), buf_bytes(&again.text)));
    buf_fini(&once.text);
    buf_fini(&again.text);
    free(type);
    return 0;
}
