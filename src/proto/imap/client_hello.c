/* proto/imap/client_hello.c - from the greeting to a connection that may be signed in on: who is there, what it can, TLS. */
#include <string.h>

#include "base/text.h"
#include "proto/imap/client_private.h"

void imap_say_capability(struct imap_client *c)
{
    imap_client_say(c, "CAPABILITY");
}

void imap_say_starttls(struct imap_client *c)
{
    imap_client_say(c, "STARTTLS");
}

void imap_say_tls(struct imap_client *c)
{
    imap_client_flush(c);
    c->host.start_tls(c->ctx);
}

/* Whoever set a wrong port wants to know which protocol answers there. */
void imap_client_not_imap(struct imap_client *c, struct bytes seen)
{
    static const struct {
        const char *begins, *protocol;
    } strangers[] = {
        { "HTTP/", "HTTP" }, { "<", "HTTP" },    { "220", "SMTP" }, { "554", "SMTP" },     { "421", "SMTP" },
        { "+OK", "POP3" },   { "-ERR", "POP3" }, { "SSH-", "SSH" }, { "\x15\x03", "TLS" }, { "\x16\x03", "TLS" },
    };
    const char *protocol = "something else";
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if (bytes_starts_nocase(seen, strangers[i].begins))
            protocol = strangers[i].protocol;
    char text[160];
    text_sanitize(seen, text, sizeof text);
    imap_client_fail(c, NULL, FAULT_HOLD, "imap.not-imap", "%s:%u speaks %s, not IMAP; its first words were \"%s\"",
                     c->options->host ? c->options->host : "the server", c->options->port, protocol, text);
}

void imap_client_drop_capabilities(struct imap_client *c)
{
    c->caps = (struct imap_client_caps){ .starttls = false };
    buf_release(&c->capabilities);
    c->is_told = false;
}

#define FLAG(name) offsetof(struct imap_client_caps, name)

static const struct {
    const char *name;
    size_t offset;
} flags[] = {
    { "STARTTLS", FLAG(starttls) },
    { "SASL-IR", FLAG(sasl_ir) },
    { "IDLE", FLAG(idle) },
    { "UIDPLUS", FLAG(uidplus) },
    { "MOVE", FLAG(move) },
    { "LITERAL+", FLAG(literal_plus) },
    { "ID", FLAG(id) },
    { "UNSELECT", FLAG(unselect) },
    { "LOGINDISABLED", FLAG(logindisabled) },
    { "SPECIAL-USE", FLAG(special_use) },
    { "AUTH=XOAUTH2", FLAG(auth_xoauth2) },
    { "AUTH=OAUTHBEARER", FLAG(auth_oauthbearer) },
    { "AUTH=PLAIN", FLAG(auth_plain) },
    { "AUTH=LOGIN", FLAG(auth_login) },
};

void imap_client_take_capabilities(struct imap_client *c, struct bytes list)
{
    struct imap_cursor in = { list };
    struct bytes word;
    imap_client_drop_capabilities(c);
    c->is_told = true;
    while (!imap_cursor_is_end(&in) && imap_cursor_word(&in, &word)) {
        for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
            if (bytes_equal_nocase(word, bytes_of(flags[i].name)))
                *(bool *)((char *)&c->caps + flags[i].offset) = true;
        if (text_is_ascii(word) && !memchr(word.data, 0, word.size))
            buf_addf(&c->capabilities, "%s%.*s", c->capabilities.size ? " " : "", (int)word.size,
                     (const char *)word.data);
    }
}

static enum imap_step after_capability(struct imap_client *c)
{
    if (c->options->tls == IMAP_CLIENT_STARTTLS && !c->is_secure) {
        if (c->caps.starttls)
            return STEP_STARTTLS;
        c->step = STEP_STARTTLS;
        return imap_client_fail(c, NULL, FAULT_HOLD, "imap.starttls-missing",
                                "the server does not offer STARTTLS, which is required; nothing secret was sent");
    }
    if (c->options->sasl == IMAP_CLIENT_NO_AUTH)
        return STEP_READY;
    c->step = STEP_CREDENTIAL;
    if (imap_client_choose_mechanism(c))
        return STEP_CREDENTIAL;
    return imap_client_fail(c, NULL, FAULT_HOLD, "imap.auth-missing",
                            "the server does not offer to sign in by %s%s; it offers: %.300s; nothing secret was sent",
                            imap_client_wanted_mechanism(c), c->is_secure ? "" : " without TLS",
                            buf_str(&c->capabilities));
}

/* A server that says we are signed in already takes us for somebody, and STARTTLS is over then: who reads along may have said so. */
enum imap_step imap_heard_greeting(struct imap_client *c, bool is_preauth, const struct imap_reply *r)
{
    if (r->status != IMAP_OK)
        return imap_client_fail(c, r, FAULT_RETRY, "", "the server greets with a refusal: %.300s", r->text);
    if (is_preauth && c->options->sasl != IMAP_CLIENT_NO_AUTH)
        return imap_client_fail(c, NULL, FAULT_HOLD,
                                c->options->tls == IMAP_CLIENT_STARTTLS ? "imap.injection" : "imap.breach",
                                "the server greets with PREAUTH, as if somebody had signed in; nothing secret was "
                                "sent");
    return c->is_told ? after_capability(c) : STEP_CAPABILITY;
}

enum imap_step imap_heard_capability(struct imap_client *c, const struct imap_reply *r)
{
    if (r->status != IMAP_OK)
        return imap_client_fail(c, r, FAULT_RETRY, "imap.breach", "the server refuses CAPABILITY: %.300s", r->text);
    return after_capability(c);
}

enum imap_step imap_heard_starttls(struct imap_client *c, const struct imap_reply *r)
{
    if (r->status != IMAP_OK)
        return imap_client_fail(c, r, FAULT_RETRY, "imap.starttls-refused", "the server refuses STARTTLS: %.300s",
                                r->text);
    return c->unread > 0 ? imap_client_injected(c) : STEP_TLS;
}

enum imap_step imap_client_injected(struct imap_client *c)
{
    return imap_client_fail(
        c, NULL, FAULT_HOLD, "imap.injection",
        "octets came in clear behind the answer to STARTTLS: somebody on the way puts words into the "
        "server's mouth; nothing secret was sent");
}

/* The sign-in is good whatever CAPABILITY gets for an answer; what was known before must do then. */
enum imap_step imap_heard_review(struct imap_client *c, const struct imap_reply *r)
{
    return STEP_READY;
}
