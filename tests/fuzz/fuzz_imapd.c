/* What the sandbox's IMAP server takes apart: commands' words, what a FETCH asks for, and messages. */
#include "fuzz.h"

#include "sandbox/imapd_items.h"
#include "sandbox/imapd_text.h"

static void try_words(struct arena *arena, struct bytes data)
{
    struct imapd_in in = { .rest = data, .arena = arena };
    struct bytes word;
    struct imapd_set set;
    struct imapd_literal literal;
    unsigned flags = 0;
    int64_t when;
    bool lost = false;
    imapd_literal_at_end(data, &literal);
    if (imapd_take_set(&in, &set))
        imapd_set_resolve(&set, 1000);
    in.rest = data;
    imapd_take_date_time(&in, &when);
    in.rest = data;
    imapd_take_flags(&in, &flags, &lost);
    in.rest = data;
    while (imapd_take_astring(&in, &word) && imapd_take_blank(&in))
        ;
}

/* A name that was understood is the same after a way through the wire's form. */
static void try_name(struct bytes data)
{
    struct buf clear, wire, again;
    buf_init(&clear, 1024 * 1024);
    buf_init(&wire, 8 * 1024 * 1024);
    buf_init(&again, 1024 * 1024);
    if (imapd_utf7_decode(data, &clear)) {
        PROMISE(imapd_utf7_encode(buf_bytes(&clear), &wire));
        PROMISE(imapd_utf7_decode(buf_bytes(&wire), &again));
        PROMISE(bytes_equal(buf_bytes(&clear), buf_bytes(&again)));
    }
    buf_fini(&clear);
    buf_fini(&wire);
    buf_fini(&again);
}

/* Every section of a message lies within it. */
static void try_message(struct arena *arena, struct bytes wants, struct bytes message)
{
    struct imapd_in in = { .rest = wants, .arena = arena };
    struct imapd_part *root = imapd_mime_parse(arena, message);
    struct buf out;
    buf_init(&out, 16 * 1024 * 1024);
    for (const struct imapd_want *w = imapd_take_wants(&in); w != NULL; w = w->next) {
        struct bytes octets;
        if (w->kind != ITEM_SECTION || !imapd_section_bytes(w, root, message, arena, &octets))
            continue;
        PROMISE(octets.size <= message.size + 2); /* picked fields get an empty line */
        buf_add_bytes(&out, octets);
    }
    imapd_add_structure(&out, root, true);
    imapd_add_envelope(&out, root->header);
    imapd_decoded(arena, root);
    imapd_fold(arena, imapd_words(arena, root->header));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct bytes all = { data, size };
    size_t newline = bytes_find(all, BYTES_LIT("\n"));
    try_words(arena, all);
    try_name(bytes_slice(all, 0, newline));
    if (newline != SIZE_MAX)
        try_message(arena, bytes_slice(all, 0, newline), bytes_slice(all, newline + 1, size));
    arena_free(arena);
    return 0;
}
