/* compose/header.c - the fields of the message itself. */
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "compose/compose_private.h"

bool compose_is_value(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return false;
    }
    return text_is_utf8(bytes_of(text));
}

/* What says it instead; "" : nothing, as the message gets its own. NULL: it may be set. */
static const char *own_of(const char *name)
{
    static const struct {
        const char *name, *member;
    } own[] = { { "From", "from" },         { "To", "to" },           { "Cc", "cc" },     { "Bcc", "bcc" },
                { "Reply-To", "reply_to" }, { "Subject", "subject" }, { "Date", "" },     { "Message-ID", "" },
                { "MIME-Version", "" },     { "Received", "" },       { "Content-", "" }, { NULL, NULL } };
    for (size_t i = 0; own[i].name; i++) {
        bool is_prefix = own[i].name[strlen(own[i].name) - 1] == '-';
        if (is_prefix ? bytes_starts_nocase(bytes_of(name), own[i].name) : text_equal_nocase(name, own[i].name))
            return own[i].member;
    }
    return NULL;
}

/* RFC 5322 2.2; and short enough for a line of its own. */
static bool is_name(const char *name)
{
    for (const char *at = name; *at; at++) {
        if (*at <= ' ' || *at >= 0x7f || *at == ':')
            return false;
    }
    return *name && strlen(name) <= 76;
}

static bool check_field(const struct compose_field *f, size_t index, struct compose_member *where, struct fault *why)
{
    if (!is_name(f->name))
        return compose_refuse(where, COMPOSE_HEADER, index, why, "\"%.100s\" is no name of a header field", f->name);
    const char *own = own_of(f->name);
    if (own && *own)
        return compose_refuse(where, COMPOSE_HEADER, index, why,
                              "%s can't be set here; \"%s\" beside \"headers\" does it", f->name, own);
    if (own)
        return compose_refuse(where, COMPOSE_HEADER, index, why, "%s can't be set here; the message gets its own",
                              f->name);
    if (!compose_is_value(f->value))
        return compose_refuse(where, COMPOSE_HEADER, index, why,
                              "the value of %s must be on one line, in UTF-8 and without control characters", f->name);
    return true;
}

bool compose_check_header(const struct compose *c, struct compose_member *where, struct fault *why)
{
    for (size_t i = 0; i < c->headers_count; i++) {
        if (!check_field(&c->headers[i], i, where, why))
            return false;
    }
    if (!text_is_utf8(bytes_of(c->subject)))
        return compose_refuse(where, COMPOSE_SUBJECT, 0, why, "the subject is not text in UTF-8");
    if (!compose_is_value(c->subject))
        return compose_refuse(where, COMPOSE_SUBJECT, 0, why,
                              "the subject holds a line end or another control character");
    return true;
}

static void set_addresses(GMimeMessage *m, GMimeAddressType type, const struct compose_texts *values)
{
    for (size_t i = 0; i < values->count; i++) {
        InternetAddressList *parsed = internet_address_list_parse(NULL, values->items[i]);
        internet_address_list_append(g_mime_message_get_addresses(m, type), parsed);
        g_object_unref(parsed);
    }
}

static void set_date_and_id(GMimeMessage *m, const struct compose *c)
{
    uint8_t random[16];
    char word[2 * sizeof random + 1];
    GDateTime *now = g_date_time_new_from_unix_utc(c->now_ms / 1000);
    g_mime_message_set_date(m, now);
    g_date_time_unref(now);
    secret_random(random, sizeof random);
    hex_encode((struct bytes){ random, sizeof random }, word, sizeof word);
    char *id = mem_printf("%s@%s", word, c->hostname);
    g_mime_message_set_message_id(m, id);
    free(id);
}

void compose_set_header(GMimeMessage *m, const struct compose *c)
{
    struct compose_texts from = { &(const char *){ c->from }, 1 };
    struct compose_texts reply_to = { &(const char *){ c->reply_to }, *c->reply_to != 0 };
    set_addresses(m, GMIME_ADDRESS_TYPE_FROM, &from);
    set_addresses(m, GMIME_ADDRESS_TYPE_TO, &c->to);
    set_addresses(m, GMIME_ADDRESS_TYPE_CC, &c->cc);
    set_addresses(m, GMIME_ADDRESS_TYPE_REPLY_TO, &reply_to);
    for (size_t i = 0; i < c->headers_count; i++)
        g_mime_object_append_header(GMIME_OBJECT(m), c->headers[i].name, c->headers[i].value, "utf-8");
    g_mime_message_set_subject(m, c->subject, "utf-8");
    set_date_and_id(m, c);
}
