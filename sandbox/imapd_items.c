#include "sandbox/imapd_items.h"

#include <stdio.h>
#include <string.h>

#define FIELDS_MAX 200
#define WANTS_MAX 200

static const struct {
    const char *name;
    enum imapd_item_kind kind;
    enum imapd_section section;
    bool peeks;
} names[] = {
    /* Longer names stand before those that they begin with. */
    { "FLAGS", ITEM_FLAGS, SECTION_WHOLE, true },
    { "UID", ITEM_UID, SECTION_WHOLE, true },
    { "INTERNALDATE", ITEM_INTERNALDATE, SECTION_WHOLE, true },
    { "ENVELOPE", ITEM_ENVELOPE, SECTION_WHOLE, true },
    { "RFC822.SIZE", ITEM_SIZE, SECTION_WHOLE, true },
    { "RFC822.HEADER", ITEM_SECTION, SECTION_HEADER, true },
    { "RFC822.TEXT", ITEM_SECTION, SECTION_TEXT, false },
    { "RFC822", ITEM_SECTION, SECTION_WHOLE, false },
    { "BODYSTRUCTURE", ITEM_BODYSTRUCTURE, SECTION_WHOLE, true },
};

static const struct {
    const char *name, *meaning;
} macros[] = {
    { "ALL", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)" },
    { "FAST", "(FLAGS INTERNALDATE RFC822.SIZE)" },
    { "FULL", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)" },
};

static bool take_fields(struct imapd_in *in, struct imapd_want *w)
{
    if (!imapd_take_blank(in) || !imapd_take_char(in, '('))
        return false;
    w->fields = arena_array(in->arena, FIELDS_MAX, sizeof *w->fields);
    do {
        if (w->fields_count == FIELDS_MAX || !imapd_take_astring(in, &w->fields[w->fields_count++]))
            return false;
    } while (imapd_take_blank(in));
    return imapd_take_char(in, ')');
}

static bool take_section_text(struct imapd_in *in, struct imapd_want *w)
{
    if (imapd_take_word(in, "HEADER.FIELDS.NOT"))
        w->section = SECTION_FIELDS_NOT;
    else if (imapd_take_word(in, "HEADER.FIELDS"))
        w->section = SECTION_FIELDS;
    else if (imapd_take_word(in, "HEADER"))
        w->section = SECTION_HEADER;
    else if (imapd_take_word(in, "TEXT"))
        w->section = SECTION_TEXT;
    else if (w->numbers_count > 0 && imapd_take_word(in, "MIME"))
        w->section = SECTION_MIME;
    else
        return false;
    bool has_fields = w->section == SECTION_FIELDS || w->section == SECTION_FIELDS_NOT;
    return !has_fields || take_fields(in, w);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What stands between the brackets. */
static bool take_section(struct imapd_in *in, struct imapd_want *w)
{
    bool wants_more = false;
    while (is_digit(imapd_peek(in))) {
        if (w->numbers_count == IMAPD_NUMBERS_MAX || !imapd_take_number(in, &w->numbers[w->numbers_count++]))
            return false;
        wants_more = imapd_take_char(in, '.');
        if (!wants_more)
            break;
    }
    bool is_end = imapd_peek(in) == ']';
    return is_end ? !wants_more && imapd_take_char(in, ']')
                  : (wants_more || w->numbers_count == 0) && take_section_text(in, w) && imapd_take_char(in, ']');
}

static bool take_partial(struct imapd_in *in, struct imapd_want *w)
{
    w->has_partial = imapd_take_char(in, '<');
    return !w->has_partial || (imapd_take_number64(in, &w->from) && imapd_take_char(in, '.') &&
                               imapd_take_number64(in, &w->size) && w->size > 0 && imapd_take_char(in, '>'));
}

static bool take_body(struct imapd_in *in, struct imapd_want *w)
{
    w->peeks = imapd_take_word(in, ".PEEK");
    if (!imapd_take_char(in, '[')) {
        w->kind = ITEM_BODY;
        return !w->peeks;
    }
    struct bytes before = in->rest;
    w->kind = ITEM_SECTION;
    if (!take_section(in, w))
        return false;
    struct bytes section = bytes_slice(before, 0, before.size - in->rest.size);
    if (!take_partial(in, w))
        return false;
    char origin[32] = "";
    if (w->has_partial)
        snprintf(origin, sizeof origin, "<%llu>", (unsigned long long)w->from);
    w->label = bytes_of(arena_printf(in->arena, "BODY[%.*s%s", (int)section.size, (const char *)section.data, origin));
    return true;
}

static struct imapd_want *take_want(struct imapd_in *in)
{
    struct imapd_want *w = arena_alloc(in->arena, sizeof *w);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!imapd_take_word(in, names[i].name))
            continue;
        w->kind = names[i].kind;
        w->section = names[i].section;
        w->peeks = names[i].peeks;
        w->label = bytes_of(names[i].name);
        return w;
    }
    return imapd_take_word(in, "BODY") && take_body(in, w) ? w : NULL;
}

static struct imapd_want *take_list(struct imapd_in *in)
{
    struct imapd_want *first = NULL, **last = &first;
    size_t count = 0;
    bool is_list = imapd_take_char(in, '(');
    do {
        struct imapd_want *w = take_want(in);
        if (w == NULL || ++count > WANTS_MAX)
            return NULL;
        *last = w;
        last = &w->next;
    } while (is_list && imapd_take_blank(in));
    return !is_list || imapd_take_char(in, ')') ? first : NULL;
}

struct imapd_want *imapd_take_wants(struct imapd_in *in)
{
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        if (!bytes_equal_nocase(in->rest, bytes_of(macros[i].name)))
            continue;
        struct imapd_in meaning = { .rest = bytes_of(macros[i].meaning), .arena = in->arena };
        in->rest = BYTES_NONE;
        return take_list(&meaning);
    }
    struct imapd_want *wants = take_list(in);
    return imapd_is_end(in) ? wants : NULL;
}

static bool is_wanted(const struct imapd_want *w, struct bytes name)
{
    for (size_t i = 0; i < w->fields_count; i++) {
        if (bytes_equal_nocase(w->fields[i], name))
            return w->section == SECTION_FIELDS;
    }
    return w->section == SECTION_FIELDS_NOT;
}

/* The fields asked for, and the empty line. */
static struct bytes pick_fields(const struct imapd_want *w, struct bytes header, struct arena *arena)
{
    uint8_t *made = arena_alloc(arena, header.size + 3);
    size_t size = 0;
    struct imapd_field f;
    while (imapd_next_field(&header, &f)) {
        if (!is_wanted(w, f.name))
            continue;
        memcpy(made + size, f.whole.data, f.whole.size);
        size += f.whole.size;
    }
    memcpy(made + size, "\r\n", 2);
    return (struct bytes){ made, size + 2 };
}

static bool whole_section(const struct imapd_want *w, const struct imapd_part *root, struct bytes message,
                          struct arena *arena, struct bytes *out)
{
    const struct imapd_part *part = imapd_mime_find(root, w->numbers, w->numbers_count);
    if (part == NULL)
        return false;
    if (w->section == SECTION_WHOLE) {
        *out = w->numbers_count == 0 ? message : part->body;
        return true;
    }
    if (w->section == SECTION_MIME) {
        *out = part->header;
        return true;
    }
    const struct imapd_part *of = w->numbers_count == 0 ? part : part->message;
    if (of == NULL)
        return false;
    *out = w->section == SECTION_TEXT     ? of->body
           : w->section == SECTION_HEADER ? of->header
                                          : pick_fields(w, of->header, arena);
    return true;
}

bool imapd_section_bytes(const struct imapd_want *w, const struct imapd_part *root, struct bytes message,
                         struct arena *arena, struct bytes *out)
{
    if (!whole_section(w, root, message, arena, out))
        return false;
    if (w->has_partial) {
        size_t from = w->from < out->size ? (size_t)w->from : out->size;
        size_t size = w->size < out->size - from ? (size_t)w->size : out->size - from;
        *out = bytes_slice(*out, from, from + size);
    }
    return true;
}
