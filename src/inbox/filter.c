/* inbox/filter.c - does an endpoint want this message? Patterns stand anywhere in the text, without case; "*" is anything. */
#include <string.h>

#include "base/text.h"
#include "inbox/inbox_private.h"
#include "proto/mime/letter.h"

static size_t find_nocase(const char *text, const char *piece, size_t size)
{
    size_t length = strlen(text);

    for (size_t at = 0; at + size <= length; at++)
        if (strncasecmp(text + at, piece, size) == 0)
            return at;
    return SIZE_MAX;
}

/* Pieces between the stars, each found behind the one before. */
static bool matches(const char *text, const char *pattern)
{
    while (*pattern) {
        size_t size = strcspn(pattern, "*");
        size_t at = find_nocase(text, pattern, size);
        if (at == SIZE_MAX)
            return false;
        text += at + size;
        pattern += size;
        while (*pattern == '*')
            pattern++;
    }
    return true;
}

static bool any_address(const struct letter_list *list, const char *pattern)
{
    for (size_t n = 0; n < list->count; n++)
        if (matches(list->items[n].address, pattern) || matches(list->items[n].name, pattern))
            return true;
    return false;
}

static bool has_field(const struct letter *l, const char *wanted)
{
    size_t name = strcspn(wanted, ":");
    const char *pattern = wanted[name] ? wanted + name + 1 + strspn(wanted + name + 1, " \t") : "";

    while (name > 0 && (wanted[name - 1] == ' ' || wanted[name - 1] == '\t'))
        name--;
    for (size_t n = 0; n < l->fields_count; n++)
        if (strlen(l->fields[n].name) == name && strncasecmp(l->fields[n].name, wanted, name) == 0 &&
            matches(l->fields[n].value, pattern))
            return true;
    return false;
}

bool filter_wants(const struct endpoint *e, const struct letter *l, uint64_t size, const char **why)
{
    *why = "sender";
    if (*e->filter.sender && !any_address(&l->from, e->filter.sender) && !any_address(&l->sender, e->filter.sender))
        return false;
    *why = "recipient";
    if (*e->filter.recipient && !any_address(&l->to, e->filter.recipient) && !any_address(&l->cc, e->filter.recipient))
        return false;
    *why = "subject";
    if (*e->filter.subject && !matches(l->subject, e->filter.subject))
        return false;
    *why = "header";
    if (*e->filter.header && !has_field(l, e->filter.header))
        return false;
    *why = "size";
    if (e->filter.larger_kb && size <= (uint64_t)e->filter.larger_kb * 1024)
        return false;
    return !e->filter.smaller_kb || size < (uint64_t)e->filter.smaller_kb * 1024;
}
