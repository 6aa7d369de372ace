/* proto/pop3/client_hello.c - from the greeting to a connection that may be signed in on: who is there, what it can, TLS. */
#include <string.h>

#include "base/text.h"
#include "proto/pop3/client_private.h"

/* A server without CAPA has what every old one had. */
void pop3_say_capa(struct pop3_client *c)
{
    c->caps = (struct pop3_client_caps){ .stls = false };
    c->has_sasl = false;
    pop3_client_say(c, "CAPA");
}

void pop3_say_stls(struct pop3_client *c)
{
    pop3_client_say(c, "STLS");
}

void pop3_say_tls(struct pop3_client *c)
{
    pop3_client_flush(c);
    c->host.start_tls(c->ctx);
}

/* Whoever set a wrong port wants to know which protocol answers there. */
void pop3_client_not_pop3(struct pop3_client *c, struct bytes seen)
{
    static const struct {
        const char *begins, *protocol;
    } strangers[] = {
        { "HTTP/", "HTTP" }, { "<", "HTTP" },       { "220", "SMTP" },     { "554", "SMTP" },
        { "421", "SMTP" },   { "* OK", "IMAP" },    { "* BYE", "IMAP" },   { "* PREAUTH", "IMAP" },
        { "SSH-", "SSH" },   { "\x15\x03", "TLS" }, { "\x16\x03", "TLS" },
    };
    const char *protocol = "something else";
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if (bytes_starts_nocase(seen, strangers[i].begins))
            protocol = strangers[i].protocol;
    char text[160];
    text_sanitize(seen, text, sizeof text);
    pop3_client_fail(c, NULL, FAULT_HOLD, "pop3.not-pop3", "%s:%u speaks %s, not POP3; its first words were \"%s\"",
                     c->options->host ? c->options->host : "the server", c->options->port, protocol, text);
}

enum pop3_step pop3_heard_greeting(struct pop3_client *c, const struct pop3_reply *r)
{
    if (r->is_ok)
        return STEP_CAPA;
    return pop3_client_fail(c, r, FAULT_RETRY, "", "the server greets with a refusal: %.300s", r->text);
}

static void take_mechanisms(struct pop3_client *c, struct bytes list)
{
    c->has_sasl = true;
    while (list.size > 0) {
        const uint8_t *blank = memchr(list.data, ' ', list.size);
        struct bytes name = bytes_slice(list, 0, blank ? (size_t)(blank - list.data) : list.size);
        c->caps.auth_xoauth2 |= bytes_equal_nocase(name, BYTES_LIT("XOAUTH2"));
        c->caps.auth_oauthbearer |= bytes_equal_nocase(name, BYTES_LIT("OAUTHBEARER"));
        c->caps.auth_plain |= bytes_equal_nocase(name, BYTES_LIT("PLAIN"));
        c->caps.auth_login |= bytes_equal_nocase(name, BYTES_LIT("LOGIN"));
        list = bytes_slice(list, name.size + 1, list.size);
    }
}

bool pop3_line_of_capa(struct pop3_client *c, struct bytes line)
{
    const uint8_t *blank = line.size ? memchr(line.data, ' ', line.size) : NULL;
    struct bytes name = bytes_slice(line, 0, blank ? (size_t)(blank - line.data) : line.size);
    c->caps.stls |= bytes_equal_nocase(name, BYTES_LIT("STLS"));
    c->caps.uidl |= bytes_equal_nocase(name, BYTES_LIT("UIDL"));
    c->caps.top |= bytes_equal_nocase(name, BYTES_LIT("TOP"));
    c->caps.user |= bytes_equal_nocase(name, BYTES_LIT("USER"));
    c->caps.pipelining |= bytes_equal_nocase(name, BYTES_LIT("PIPELINING"));
    if (bytes_equal_nocase(name, BYTES_LIT("SASL")))
        take_mechanisms(c, bytes_slice(line, name.size + 1, line.size));
    return true;
}

enum pop3_step pop3_heard_capa(struct pop3_client *c, const struct pop3_reply *r)
{
    if (!r->is_ok)
        c->caps.user = c->caps.uidl = c->caps.top = true;
    if (c->options->tls == POP3_CLIENT_STLS && !c->is_secure) {
        if (c->caps.stls)
            return STEP_STLS;
        c->step = STEP_STLS;
        return pop3_client_fail(c, NULL, FAULT_HOLD, "pop3.stls-missing",
                                "the server does not offer STLS, which is required; nothing secret was sent");
    }
    if (c->options->sasl == POP3_CLIENT_NO_AUTH)
        return STEP_READY;
    c->step = STEP_CREDENTIAL;
    if (pop3_client_choose_mechanism(c))
        return STEP_CREDENTIAL;
    return pop3_client_fail(c, NULL, FAULT_HOLD, "pop3.auth-missing",
                            "the server does not offer to sign in by %s%s; nothing secret was sent",
                            pop3_client_wanted_mechanism(c), c->is_secure ? "" : " without TLS");
}

enum pop3_step pop3_heard_stls(struct pop3_client *c, const struct pop3_reply *r)
{
    if (!r->is_ok)
        return pop3_client_fail(c, r, FAULT_RETRY, "pop3.stls-refused", "the server refuses STLS: %.300s", r->text);
    return c->unread > 0 ? pop3_client_injected(c) : STEP_TLS;
}

enum pop3_step pop3_client_injected(struct pop3_client *c)
{
    return pop3_client_fail(c, NULL, FAULT_HOLD, "pop3.injection",
                            "octets came in clear behind the answer to STLS: somebody on the way puts words into the "
                            "server's mouth; nothing secret was sent");
}
