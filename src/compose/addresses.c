/* compose/addresses.c - who sends and who gets it, read from what people write into headers. */
#include <gmime/gmime.h>
#include <string.h>

#include "base/text.h"
#include "compose/compose_private.h"
#include "object/object.h"

static bool add_address(const char *address, struct arena *arena, struct compose_texts *list, struct fault *why)
{
    if (!object_address_is_valid(address))
        return fault_set(why, FAULT_REJECT, "", "\"%.200s\" is no address", address ? address : "");
    for (size_t i = 0; i < list->count; i++) {
        if (object_address_equal(list->items[i], address))
            return true;
    }
    if (list->count == COMPOSE_RECIPIENTS)
        return fault_set(why, FAULT_REJECT, "", "there are more than %d recipients", COMPOSE_RECIPIENTS);
    if (!list->items)
        list->items = arena_array(arena, COMPOSE_RECIPIENTS, sizeof *list->items);
    list->items[list->count++] = arena_strdup(arena, address);
    return true;
}

static bool add_list(InternetAddressList *parsed, struct arena *arena, struct compose_texts *list, struct fault *why)
{
    for (int i = 0; i < internet_address_list_length(parsed); i++) {
        InternetAddress *one = internet_address_list_get_address(parsed, i);
        if (INTERNET_ADDRESS_IS_GROUP(one)) {
            if (!add_list(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(one)), arena, list, why))
                return false;
        } else if (!add_address(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one)), arena, list, why)) {
            return false;
        }
    }
    return true;
}

bool compose_addresses(const char *value, struct arena *arena, struct compose_texts *list, struct fault *why)
{
    g_mime_init();
    InternetAddressList *parsed = internet_address_list_parse(NULL, value);
    bool is_good = parsed ? add_list(parsed, arena, list, why)
                          : fault_set(why, FAULT_REJECT, "", "\"%.200s\" holds no address", value);
    if (parsed)
        g_object_unref(parsed);
    return is_good;
}

static bool add_all(const struct compose_texts *values, enum compose_what what, struct arena *arena,
                    struct compose_texts *list, struct compose_member *where, struct fault *why)
{
    for (size_t i = 0; i < values->count; i++) {
        *where = (struct compose_member){ what, i };
        if (!compose_is_value(values->items[i]))
            return fault_set(why, FAULT_REJECT, "",
                             "an address must be in UTF-8, without line ends and other control characters");
        if (!compose_addresses(values->items[i], arena, list, why))
            return false;
    }
    return true;
}

static bool is_utf8_needed(const struct compose_envelope *e)
{
    bool is_ascii = text_is_ascii(bytes_of(e->sender));
    for (size_t i = 0; i < e->recipients.count; i++)
        is_ascii = is_ascii && text_is_ascii(bytes_of(e->recipients.items[i]));
    return !is_ascii;
}

bool compose_envelope(const struct compose *c, struct arena *arena, struct compose_envelope *out,
                      struct compose_member *where, struct fault *why)
{
    struct compose_texts from = { &(const char *){ c->from }, *c->from != 0 };
    struct compose_texts reply_to = { &(const char *){ c->reply_to }, *c->reply_to != 0 };
    struct compose_texts senders = { 0 }, answers = { 0 }, *all = &out->recipients;
    *out = (struct compose_envelope){ .sender = "" };
    if (!add_all(&from, COMPOSE_FROM, arena, &senders, where, why) ||
        !add_all(&c->to, COMPOSE_TO, arena, all, where, why) || !add_all(&c->cc, COMPOSE_CC, arena, all, where, why) ||
        !add_all(&c->bcc, COMPOSE_BCC, arena, all, where, why) ||
        !add_all(&reply_to, COMPOSE_REPLY_TO, arena, &answers, where, why))
        return false;
    if (!senders.count)
        return compose_refuse(where, COMPOSE_FROM, 0, why, "there is no sender");
    if (!all->count)
        return compose_refuse(where, COMPOSE_TO, 0, why, "nobody is to receive it");
    out->sender = senders.items[0];
    out->is_smtputf8 = is_utf8_needed(out);
    *where = (struct compose_member){ COMPOSE_NOTHING, 0 };
    return true;
}
