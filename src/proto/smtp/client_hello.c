/* proto/smtp/client_hello.c - from the greeting to a connection that may be signed in on: who is there, what it can, TLS. */
#include <string.h>

#include "base/text.h"
#include "proto/smtp/client_private.h"

void smtp_say_ehlo(struct smtp_client *c)
{
    smtp_client_say(c, "%s %s", c->options->is_lmtp ? "LHLO" : "EHLO", c->options->helo);
}

void smtp_say_helo(struct smtp_client *c)
{
    smtp_client_say(c, "HELO %s", c->options->helo);
}

void smtp_say_starttls(struct smtp_client *c)
{
    smtp_client_say(c, "STARTTLS");
}

void smtp_say_tls(struct smtp_client *c)
{
    smtp_client_flush(c);
    c->host.start_tls(c->ctx);
}

/* Whoever set a wrong port wants to know which protocol answers there. */
void smtp_client_not_smtp(struct smtp_client *c, struct bytes seen)
{
    static const struct {
        const char *begins, *protocol;
    } strangers[] = {
        { "HTTP/", "HTTP" }, { "<", "HTTP" },    { "* OK", "IMAP" }, { "* BYE", "IMAP" },   { "* PREAUTH", "IMAP" },
        { "+OK", "POP3" },   { "-ERR", "POP3" }, { "SSH-", "SSH" },  { "\x15\x03", "TLS" }, { "\x16\x03", "TLS" },
    };
    const char *protocol = "something else";
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if (bytes_starts_nocase(seen, strangers[i].begins))
            protocol = strangers[i].protocol;
    char text[200];
    text_sanitize(seen, text, sizeof text);
    smtp_client_fail(c, NULL, FAULT_HOLD, "smtp.not-smtp", "%s:%u speaks %s, not SMTP; its first words were \"%s\"",
                     c->options->host ? c->options->host : "the server", c->options->port, protocol, text);
}

enum smtp_step smtp_heard_banner(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code == 220)
        return STEP_EHLO;
    return smtp_client_fail(c, r, smtp_client_kind_of(r), "", "the server greets with a refusal: %d %s %.300s", r->code,
                            r->enhanced, r->text);
}

static enum smtp_step after_hello(struct smtp_client *c)
{
    if (c->options->tls == SMTP_CLIENT_STARTTLS && !c->is_secure) {
        if (c->caps.starttls)
            return STEP_STARTTLS;
        c->step = STEP_STARTTLS;
        return smtp_client_fail(c, NULL, FAULT_HOLD, "smtp.starttls-missing",
                                "the server does not offer STARTTLS, which is required; nothing secret was sent");
    }
    if (c->options->sasl == SMTP_CLIENT_NO_AUTH)
        return STEP_IDLE;
    c->step = STEP_CREDENTIAL;
    if (smtp_client_choose_mechanism(c))
        return STEP_CREDENTIAL;
    return smtp_client_fail(c, NULL, FAULT_HOLD, "smtp.auth-missing",
                            "the server does not offer AUTH %s%s; nothing secret was sent",
                            smtp_mechanism_name(c->options->sasl), c->is_secure ? "" : " without TLS");
}

static void take_size(struct smtp_client_caps *caps, struct bytes value)
{
    char digits[21] = "";
    caps->size = true;
    if (value.size > 0 && value.size < sizeof digits) {
        memcpy(digits, value.data, value.size);
        text_to_u64(digits, UINT64_MAX, &caps->size_limit);
    }
}

static void take_mechanisms(struct smtp_client_caps *caps, struct bytes list)
{
    while (list.size > 0) {
        const uint8_t *blank = memchr(list.data, ' ', list.size);
        struct bytes name = bytes_slice(list, 0, blank ? (size_t)(blank - list.data) : list.size);
        caps->auth_xoauth2 |= bytes_equal_nocase(name, BYTES_LIT("XOAUTH2"));
        caps->auth_oauthbearer |= bytes_equal_nocase(name, BYTES_LIT("OAUTHBEARER"));
        caps->auth_plain |= bytes_equal_nocase(name, BYTES_LIT("PLAIN"));
        caps->auth_login |= bytes_equal_nocase(name, BYTES_LIT("LOGIN"));
        list = bytes_slice(list, name.size + 1, list.size);
    }
}

/* One line of EHLO's answer. "AUTH=" is how very old servers wrote it. */
static void take_extension(struct smtp_client_caps *caps, struct bytes line)
{
    static const struct {
        const char *name;
        size_t offset;
    } flags[] = {
        { "STARTTLS", offsetof(struct smtp_client_caps, starttls) },
        { "PIPELINING", offsetof(struct smtp_client_caps, pipelining) },
        { "8BITMIME", offsetof(struct smtp_client_caps, eightbit) },
        { "SMTPUTF8", offsetof(struct smtp_client_caps, smtputf8) },
        { "DSN", offsetof(struct smtp_client_caps, dsn) },
        { "CHUNKING", offsetof(struct smtp_client_caps, chunking) },
        { "ENHANCEDSTATUSCODES", offsetof(struct smtp_client_caps, enhanced) },
    };
    size_t size = 0;
    while (size < line.size && line.data[size] != ' ' && line.data[size] != '=')
        size++;
    struct bytes name = bytes_slice(line, 0, size), value = bytes_trim(bytes_slice(line, size + 1, line.size));
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (bytes_equal_nocase(name, bytes_of(flags[i].name)))
            *(bool *)((char *)caps + flags[i].offset) = true;
    if (bytes_equal_nocase(name, BYTES_LIT("SIZE")))
        take_size(caps, value);
    if (bytes_equal_nocase(name, BYTES_LIT("AUTH")))
        take_mechanisms(caps, value);
}

enum smtp_step smtp_heard_ehlo(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code / 100 == 5 && !c->options->is_lmtp)
        return STEP_HELO;
    if (r->code != 250)
        return smtp_heard_helo(c, r);
    c->caps = (struct smtp_client_caps){ .size_limit = 0 };
    const char *line = strchr(r->text, '\n');
    while (line) {
        const char *end = strchr(++line, '\n');
        take_extension(&c->caps, (struct bytes){ (const uint8_t *)line, end ? (size_t)(end - line) : strlen(line) });
        line = end;
    }
    return after_hello(c);
}

enum smtp_step smtp_heard_helo(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code == 250)
        return after_hello(c);
    return smtp_client_fail(c, r, smtp_client_kind_of(r), "", "the server refuses our greeting \"%s\": %d %s %.300s",
                            c->options->helo, r->code, r->enhanced, r->text);
}

enum smtp_step smtp_heard_starttls(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code != 220)
        return smtp_client_fail(c, r, smtp_client_kind_of(r), "smtp.starttls-refused",
                                "the server refuses STARTTLS: %d %s %.300s", r->code, r->enhanced, r->text);
    return c->unread > 0 ? smtp_client_injected(c) : STEP_TLS;
}

enum smtp_step smtp_client_injected(struct smtp_client *c)
{
    return smtp_client_fail(
        c, NULL, FAULT_HOLD, "smtp.injection",
        "octets came in clear behind the answer to STARTTLS: somebody on the way puts words into the "
        "server's mouth; nothing secret was sent");
}
