/* proto/mime/letter_address.c - address lists as they come. mime_addresses_parse() refuses a list with one bad entry; here each
 * entry is read alone, and what is no address is shown as a name rather than lost. */
#include <string.h>

#include "base/text.h"
#include "proto/mime/address.h"
#include "proto/mime/letter_private.h"

/* The display name without its quotes. */
static const char *name_of(struct arena *arena, const struct mime_address *a)
{
    struct bytes in = bytes_trim(a->phrase.size ? a->phrase : a->comment);
    char *plain = arena_alloc(arena, in.size + 1);
    size_t size = 0;
    if (!a->phrase.size && in.size >= 2)
        in = bytes_slice(in, 1, in.size - 1);
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] == '\\' && i + 1 < in.size)
            plain[size++] = (char)in.data[++i];
        else if (in.data[i] != '"')
            plain[size++] = (char)in.data[i];
    }
    return letter_words(arena, (struct bytes){ (const uint8_t *)plain, size });
}

static bool add(struct arena *arena, struct letter_list *out, const char *name, const char *address)
{
    if (out->count == LETTER_ADDRESSES)
        return false;
    /* Lists double from 4 on; a second field of the same name goes on with the first one's. */
    if (out->count == 0 || (out->count >= 4 && (out->count & (out->count - 1)) == 0)) {
        struct letter_address *larger = arena_array(arena, out->count ? out->count * 2 : 4, sizeof *larger);
        if (out->count)
            memcpy(larger, out->items, out->count * sizeof *larger);
        out->items = larger;
    }
    out->items[out->count++] = (struct letter_address){ name, letter_clean(arena, address) };
    return true;
}

/* "Joe Doe, Ltd. <joe@x>" or worse: what stands in brackets is the address, the rest a name. */
static void add_odd(struct arena *arena, struct letter_list *out, struct bytes entry)
{
    char *text = letter_unfold(arena, entry), *from = strrchr(text, '<'), *to = from ? strchr(from, '>') : NULL;
    const char *address = "";
    if (to) {
        *to = *from = '\0';
        address = from + 1;
    }
    if (strlen(address) >= MIME_ADDRESS_SIZE)
        address = "";
    if (*text || *address)
        add(arena, out, letter_words(arena, bytes_of(text)), address);
}

static void add_entry(struct arena *arena, struct letter_list *out, struct bytes entry)
{
    struct mime_addresses list;
    entry = bytes_trim(entry);
    if (entry.size == 0)
        return;
    if (!mime_addresses_parse(entry, arena, &list, NULL)) {
        add_odd(arena, out, entry);
        return;
    }
    for (size_t i = 0; i < list.count; i++)
        add(arena, out, name_of(arena, &list.items[i]), list.items[i].address);
}

/* Where the entry ends: at a ',' or ';' outside quotes, comments and brackets. */
static size_t entry_end(struct bytes in, size_t at)
{
    unsigned depth = 0;
    bool is_quoted = false, in_angle = false;
    for (; at < in.size; at++) {
        uint8_t c = in.data[at];
        if (c == '\\') {
            at++;
        } else if (c == '"' && depth == 0) {
            is_quoted = !is_quoted;
        } else if (!is_quoted) {
            depth += c == '(';
            depth -= c == ')' && depth > 0;
            in_angle = depth == 0 && ((in_angle || c == '<') && c != '>');
            if (depth == 0 && !in_angle && (c == ',' || c == ';'))
                return at;
        }
    }
    return in.size;
}

/* "Friends: a@x, b@y;": the group's name goes, its members stay. Behind '<' a ':' belongs to a route. */
static struct bytes without_group(struct bytes entry)
{
    for (size_t i = 0; i < entry.size; i++) {
        if (entry.data[i] == ':')
            return bytes_slice(entry, i + 1, entry.size);
        if (strchr("<\"(@[", entry.data[i]) && entry.data[i])
            break;
    }
    return entry;
}

void letter_addresses(struct arena *arena, struct bytes value, struct letter_list *out)
{
    for (size_t at = 0, end; at < value.size && out->count < LETTER_ADDRESSES; at = end + 1) {
        end = entry_end(value, at);
        add_entry(arena, out, without_group(bytes_slice(value, at, end)));
    }
}
