/* proto/imap/untagged.c - what a server says beside its answers, at any time (RFC 3501 7): a table of first words. What is not known
 * here is none of ours. */
#include <string.h>

#include "base/text.h"
#include "proto/imap/client_private.h"

#define NAME_LIMIT 4096

/* Past "[CODE args]"; the code's first word goes into the reply, the arguments to `args`. */
static struct bytes take_code(struct imap_client *c, struct bytes text, struct bytes *args)
{
    const uint8_t *end = text.size > 0 && text.data[0] == '[' ? memchr(text.data, ']', text.size) : NULL;
    c->reply.code[0] = 0;
    *args = BYTES_NONE;
    if (!end)
        return text;
    struct imap_cursor in = { bytes_slice(text, 1, (size_t)(end - text.data)) };
    struct bytes word;
    if (imap_cursor_word(&in, &word))
        text_sanitize(word, c->reply.code, sizeof c->reply.code);
    *args = in.rest;
    return bytes_slice(text, (size_t)(end - text.data) + 1, text.size);
}

static void act_on_code(struct imap_client *c, struct bytes args)
{
    struct imap_cursor in = { args };
    uint64_t number;
    if (text_equal_nocase(c->reply.code, "CAPABILITY"))
        imap_client_take_capabilities(c, args);
    else if (text_equal_nocase(c->reply.code, "UIDVALIDITY") && imap_cursor_number(&in, &number))
        c->selected.uidvalidity = number;
    else if (text_equal_nocase(c->reply.code, "UIDNEXT") && imap_cursor_number(&in, &number))
        c->selected.uidnext = number;
    else if (text_equal_nocase(c->reply.code, "READ-ONLY"))
        c->selected.is_read_only = true;
}

void imap_client_take_status(struct imap_client *c, int status, struct bytes text)
{
    struct bytes args;
    text = take_code(c, bytes_trim(text), &args);
    text_sanitize(bytes_trim(text), c->reply_text, sizeof c->reply_text);
    c->reply.status = status;
    c->reply.text = c->reply_text;
    if (status == IMAP_OK)
        act_on_code(c, args);
}

static void hear_ok(struct imap_client *c, struct imap_cursor in)
{
    imap_client_take_status(c, IMAP_OK, in.rest);
    if (c->step == STEP_GREETING)
        imap_client_enter(c, imap_heard_greeting(c, false, &c->reply));
}

static void hear_preauth(struct imap_client *c, struct imap_cursor in)
{
    imap_client_take_status(c, IMAP_OK, in.rest);
    if (c->step == STEP_GREETING)
        imap_client_enter(c, imap_heard_greeting(c, true, &c->reply));
}

/* A warning, unless it is the greeting. */
static void hear_no(struct imap_client *c, struct imap_cursor in)
{
    imap_client_take_status(c, IMAP_NO, in.rest);
    if (c->step == STEP_GREETING)
        imap_client_enter(c, imap_heard_greeting(c, false, &c->reply));
}

static void hear_bad(struct imap_client *c, struct imap_cursor in)
{
    imap_client_take_status(c, IMAP_BAD, in.rest);
    if (c->step == STEP_GREETING)
        imap_client_enter(c, imap_heard_greeting(c, false, &c->reply));
}

static void hear_bye(struct imap_client *c, struct imap_cursor in)
{
    imap_client_take_status(c, IMAP_BYE, in.rest);
    if (c->step != STEP_LOGOUT)
        imap_client_fail(c, &c->reply, FAULT_RETRY, "", "the server closes the connection: %.300s", c->reply.text);
}

static void hear_capability(struct imap_client *c, struct imap_cursor in)
{
    imap_client_take_capabilities(c, in.rest);
}

/* The clear text of a string on one line; false: it is none, or too long for a name. */
static bool take_text(struct imap_cursor *in, char *out, size_t size)
{
    struct imap_value v;
    struct buf clear;
    buf_init(&clear, size - 1);
    bool is_good = imap_cursor_value(in, &v) && imap_value_add(&v, &clear) &&
                   (clear.size == 0 || !memchr(clear.data, 0, clear.size));
    if (is_good)
        memcpy(out, buf_str(&clear), clear.size + 1);
    buf_fini(&clear);
    return is_good;
}

static bool has_flag(struct bytes list, const char *flag)
{
    struct imap_cursor in = { list };
    struct bytes word;
    while (!imap_cursor_is_end(&in) && imap_cursor_word(&in, &word))
        if (bytes_equal_nocase(word, bytes_of(flag)))
            return true;
    return false;
}

/* NIL: the server has no levels. */
static bool is_separator(const char *text)
{
    return text[0] > ' ' && text[0] < 0x7f && text[0] != '&' && text[1] == '\0';
}

/* "(\HasNoChildren) "/" "Sent Items"". A name that is not in modified UTF-7 is given as it stands. */
static void hear_list(struct imap_client *c, struct imap_cursor in)
{
    struct imap_value attributes;
    char separator[16], name[NAME_LIMIT], clear[NAME_LIMIT];
    if (c->step != STEP_SEPARATOR && (c->step != STEP_LIST || !c->host.listed))
        return;
    if (!imap_cursor_value(&in, &attributes) || !take_text(&in, separator, sizeof separator) ||
        !take_text(&in, name, sizeof name)) {
        imap_client_breach(c, "a folder that has no name", buf_bytes(&c->wire.text));
        return;
    }
    if (c->step == STEP_SEPARATOR) {
        c->separator = is_separator(separator) ? separator[0] : 0;
        return;
    }
    c->host.listed(c->ctx, imap_utf7_decode(name, clear, sizeof clear) ? clear : name, separator,
                   !has_flag(attributes.raw, "\\Noselect") && !has_flag(attributes.raw, "\\NonExistent"));
}

static void hear_nothing(struct imap_client *c, struct imap_cursor in)
{
}

static const struct {
    const char *word;
    void (*hear)(struct imap_client *c, struct imap_cursor in);
} words[] = {
    { "OK", hear_ok },
    { "NO", hear_no },
    { "BAD", hear_bad },
    { "BYE", hear_bye },
    { "PREAUTH", hear_preauth },
    { "CAPABILITY", hear_capability },
    { "LIST", hear_list },
    { "SEARCH", imap_client_hear_search },
    { "ESEARCH", imap_client_hear_esearch },
    { "FLAGS", hear_nothing },
};

static void hear_count(struct imap_client *c, uint64_t exists)
{
    c->selected.exists = exists > UINT32_MAX ? UINT32_MAX : (uint32_t)exists;
    if (c->is_selected && c->host.changed)
        c->host.changed(c->ctx, c->selected.exists);
}

static void hear_numbered(struct imap_client *c, uint64_t number, struct imap_cursor in)
{
    struct bytes word;
    if (!imap_cursor_word(&in, &word))
        imap_client_breach(c, "a number and nothing more", buf_bytes(&c->wire.text));
    else if (bytes_equal_nocase(word, BYTES_LIT("EXISTS")))
        hear_count(c, number);
    else if (bytes_equal_nocase(word, BYTES_LIT("EXPUNGE")) && c->selected.exists > 0)
        hear_count(c, c->selected.exists - 1);
    else if (bytes_equal_nocase(word, BYTES_LIT("FETCH")))
        imap_client_hear_fetch(c, number, in);
}

void imap_client_hear_untagged(struct imap_client *c, struct bytes text)
{
    struct imap_cursor in = { text };
    struct bytes word;
    uint64_t number;
    if (!imap_cursor_word(&in, &word)) {
        imap_client_breach(c, "nothing behind its star", text);
        return;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bytes_equal_nocase(word, bytes_of(words[i].word))) {
            if (c->step == STEP_GREETING && i > 4)
                break;
            words[i].hear(c, in);
            return;
        }
    if (c->step == STEP_GREETING)
        imap_client_not_imap(c, buf_bytes(&c->wire.text));
    else if (imap_number(word, &number))
        hear_numbered(c, number, in);
}
