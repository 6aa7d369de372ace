/* proto/smtp/cmd_session.c - commands about the session itself. */
#include <stdlib.h>
#include <string.h>

#include "proto/smtp/server_private.h"

#define HELO_LIMIT 255

/* Devices call themselves by anything; what goes into the Received field must only be one printable word. */
static bool take_helo(struct smtp_server *s, struct bytes args)
{
    const uint8_t *blank = args.size ? memchr(args.data, ' ', args.size) : NULL;
    struct bytes name = bytes_slice(args, 0, blank ? (size_t)(blank - args.data) : args.size);
    bool is_good = name.size > 0 && name.size <= HELO_LIMIT;
    for (size_t i = 0; is_good && i < name.size; i++)
        is_good = name.data[i] > ' ' && name.data[i] < 0x7f && !strchr("()<>;,\\\"", name.data[i]);
    if (!is_good) {
        smtp_refuse(s, "501 5.5.4 A host name or address literal is needed");
        return false;
    }
    free(s->helo);
    s->helo = mem_strndup(name.data, name.size);
    smtp_server_end_transaction(s);
    return true;
}

static void list_extensions(struct smtp_server *s)
{
    const struct smtp_server_policy *p = s->policy;
    if (p->size_limit)
        smtp_replyf(s, "250-SIZE %llu", (unsigned long long)p->size_limit);
    else
        smtp_reply(s, "250-SIZE");
    smtp_reply(s, "250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN");
    if (p->offers_starttls && !s->is_secure)
        smtp_reply(s, "250-STARTTLS");
    if (p->offers_auth && (s->is_secure || !p->needs_tls_for_auth))
        smtp_reply(s, "250-AUTH PLAIN LOGIN");
    smtp_reply(s, "250 ENHANCEDSTATUSCODES");
}

void smtp_on_ehlo(struct smtp_server *s, struct bytes args)
{
    if (!take_helo(s, args))
        return;
    s->is_esmtp = true;
    smtp_replyf(s, "250-%s", s->policy->hostname);
    list_extensions(s);
}

void smtp_on_helo(struct smtp_server *s, struct bytes args)
{
    if (!take_helo(s, args))
        return;
    s->is_esmtp = false;
    smtp_replyf(s, "250 %s", s->policy->hostname);
}

void smtp_on_starttls(struct smtp_server *s, struct bytes args)
{
    if (args.size > 0) {
        smtp_refuse(s, "501 5.5.4 STARTTLS takes no argument");
        return;
    }
    smtp_reply(s, "220 2.0.0 Ready to start TLS");
    smtp_flush(s);
    s->wait = WAIT_TLS;
    s->host.start_tls(s->ctx);
}

void smtp_on_noop(struct smtp_server *s, struct bytes args)
{
    smtp_reply(s, "250 2.0.0 OK");
}

void smtp_on_rset(struct smtp_server *s, struct bytes args)
{
    bool had_greeting = s->state != SMTP_START;
    smtp_server_end_transaction(s);
    if (!had_greeting)
        smtp_server_enter(s, SMTP_START);
    smtp_reply(s, "250 2.0.0 OK");
}

void smtp_on_quit(struct smtp_server *s, struct bytes args)
{
    smtp_reply(s, "221 2.0.0 Bye");
    smtp_server_quit(s);
}

void smtp_on_vrfy(struct smtp_server *s, struct bytes args)
{
    smtp_reply(s, "252 2.5.0 Not verified here; RCPT will tell");
}

void smtp_on_expn(struct smtp_server *s, struct bytes args)
{
    smtp_refuse(s, "502 5.5.1 EXPN is not offered");
}

void smtp_on_help(struct smtp_server *s, struct bytes args)
{
    smtp_reply(s, "214 2.0.0 EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT (RFC 5321)");
}

/* A web browser, or a page in one made to send mail: nothing that it says next may be taken for a command. */
void smtp_on_http(struct smtp_server *s, struct bytes args)
{
    smtp_notice(s, "smtp.client.http", "the client speaks HTTP to an SMTP port");
    smtp_reply(s, "421 4.7.0 This is SMTP, not HTTP");
    smtp_server_quit(s);
}
