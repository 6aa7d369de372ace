/* The forced sender: first octet how the message is cut. Whatever comes in, what goes out has exactly one From, and it is the forced
 * one; cut or whole, it is the same; the body is untouched. */
#include <string.h>

#include "fuzz.h"
#include "proto/mime/header.h"
#include "proto/mime/rewrite.h"

#define ENOUGH (64u << 20)

static bool keep(void *ctx, struct bytes out)
{
    PROMISE(out.size > 0);
    PROMISE(buf_add_bytes(ctx, out));
    return true;
}

static bool rewrite(const struct mime_rewrite_plan *plan, struct bytes in, size_t step, struct buf *out)
{
    struct arena *arena = arena_new();
    struct mime_rewrite *r = mime_rewrite_new(arena, plan, keep, out);
    struct fault why = { 0 };
    bool is_good = true;
    buf_init(out, ENOUGH);
    for (size_t at = 0; at < in.size && is_good; at += step ? step : in.size)
        is_good = mime_rewrite_feed(r, bytes_slice(in, at, step ? at + step : in.size), &why);
    is_good = is_good && mime_rewrite_end(r, &why);
    PROMISE(is_good || why.kind == FAULT_REJECT);
    arena_free(arena);
    return is_good;
}

static void check_header(struct bytes message)
{
    struct arena *arena = arena_new();
    struct mime_scan *s = mime_scan_new(arena);
    mime_scan_feed(s, message);
    const struct mime_header *h = mime_scan_end(s);
    if (!h->is_over) {
        PROMISE(h->from_fields == 1 && h->is_from_readable && h->from.count == 1);
        PROMISE(strcasecmp(h->from.items[0].address, "box@corp.example") == 0);
        PROMISE(h->sender_fields == 0 || strcasecmp(h->sender, "box@corp.example") == 0);
        PROMISE(h->has_date && h->message_id);
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mime_rewrite_plan forced = { .from = "box@corp.example",
                                                     .date = "now",
                                                     .message_id = "<1@corp>" };
    static const struct mime_rewrite_plan nothing = { .from = "" };
    if (size < 1)
        return 0;
    struct bytes in = { data + 1, size - 1 };
    struct buf whole, cut, same;
    size_t step = 1 + data[0] % 16;
    bool is_good = rewrite(&forced, in, 0, &whole);
    PROMISE(rewrite(&forced, in, step, &cut) == is_good);
    PROMISE(bytes_equal(buf_bytes(&whole), buf_bytes(&cut)));
    if (is_good)
        check_header(buf_bytes(&whole));
    if (rewrite(&nothing, in, step, &same))
        PROMISE(bytes_equal(buf_bytes(&same), in));
    buf_fini(&whole);
    buf_fini(&cut);
    buf_fini(&same);
    return 0;
}
