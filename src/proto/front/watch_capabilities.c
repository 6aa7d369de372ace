/* proto/front/watch_capabilities.c - what of a server's list may reach a client that has signed in through us: nothing about TLS or
 * sign-in, which are done, and nothing that would change the stream below our feet. */
#include <string.h>

#include "proto/front/watch_private.h"

/* A name that ends with '=' stands for all that begin so. COMPRESS would hide the session from us; UNAUTHENTICATE (RFC 8437) would
 * lead back to a sign-in that the provider does not take. */
static const char *const unfit[][8] = {
    [FRONT_IMAP] = { "STARTTLS", "LOGINDISABLED", "COMPRESS=", "AUTH=", "SASL-IR", "UNAUTHENTICATE" },
    [FRONT_POP3] = { "STLS", "SASL", "USER" },
    [FRONT_SMTP] = { "STARTTLS", "AUTH", "AUTH=" },
};

static bool is_named(struct bytes capability, struct bytes name)
{
    if (name.data[name.size - 1] == '=')
        capability = bytes_slice(capability, 0, name.size);
    return bytes_equal_nocase(capability, name);
}

static struct bytes take_until(struct bytes *list, const char *parted_by)
{
    size_t from = 0, to;
    while (from < list->size && strchr(parted_by, list->data[from]))
        from++;
    for (to = from; to < list->size && !strchr(parted_by, list->data[to]);)
        to++;
    struct bytes name = bytes_slice(*list, from, to);
    *list = bytes_slice(*list, to, list->size);
    return name;
}

bool watch_is_unfit(enum front_protocol p, struct bytes capability, const char *without)
{
    struct bytes others = bytes_of(without), name;
    if (p != FRONT_IMAP)
        capability = take_until(&capability, " \t\r\n");
    for (const char *const *u = unfit[p]; *u; u++)
        if (is_named(capability, bytes_of(*u)))
            return true;
    while ((name = take_until(&others, " ")).size > 0)
        if (is_named(capability, name))
            return true;
    return false;
}

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' || text.data[i] >= 0x7f)
            return false;
    return text.size > 0;
}

void watch_capabilities(enum front_protocol p, const char *list, const char *without, char *out, size_t size)
{
    const char *parted_by = p == FRONT_IMAP ? " \t\r\n" : "\r\n";
    struct bytes rest = bytes_of(list), name;
    size_t filled = 0;
    while ((name = take_until(&rest, parted_by)).size > 0) {
        if (!is_printable(name) || watch_is_unfit(p, name, without) ||
            (p == FRONT_IMAP && memchr(name.data, ']', name.size)))
            continue;
        if (filled + (filled > 0) + name.size >= size)
            break;
        if (filled > 0)
            out[filled++] = p == FRONT_IMAP ? ' ' : '\n';
        memcpy(out + filled, name.data, name.size);
        filled += name.size;
    }
    out[filled] = 0;
}
