/* The servers: one for Microsoft, one for Google, with what each remembers of its mailboxes. */
#include <ctype.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "sandbox/exchange_private.h"

static const struct exchange_dialect microsoft = {
    .name = "microsoft",
    .host = "SBX01CA0001.outlook.office365.com",
    .greeting = "Microsoft ESMTP MAIL Service ready at",
    .hello = "Hello",
    .mechanisms = "LOGIN XOAUTH2",
    .capabilities = "SIZE PIPELINING DSN ENHANCEDSTATUSCODES STARTTLS 8BITMIME BINARYMIME CHUNKING SMTPUTF8",
    .tls_ready = "220 2.0.0 SMTP server ready",
    .auth_ok = "235 2.7.0 Authentication successful",
    .auth_refused = EXCHANGE_REFUSED,
    .mail_ok = "250 2.1.0 Sender OK",
    .rcpt_ok = "250 2.1.5 Recipient OK",
    .data_go = "354 Start mail input; end with <CRLF>.<CRLF>",
    .bye = "221 2.0.0 Service closing transmission channel",
    .not_signed_in = "530 5.7.57 Client not authenticated to send mail.",
};

static const struct exchange_dialect google = {
    .name = "google",
    .host = "smtp.gmail.example",
    .greeting = "ESMTP sandbox",
    .hello = "at your service,",
    .mechanisms = "LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH",
    .capabilities = "SIZE 8BITMIME STARTTLS ENHANCEDSTATUSCODES PIPELINING CHUNKING SMTPUTF8",
    .tls_ready = "220 2.0.0 Ready to start TLS",
    .auth_ok = "235 2.7.0 Accepted",
    .auth_refused = "535-5.7.8 Username and Password not accepted. For more information, go to\r\n"
                    "535 5.7.8  https://support.google.com/mail/?p=BadCredentials",
    .mail_ok = "250 2.1.0 OK",
    .rcpt_ok = "250 2.1.5 OK",
    .data_go = "354 Go ahead",
    .bye = "221 2.0.0 closing connection",
    .not_signed_in = "530 5.7.0 Authentication Required.",
    .challenges = true,
};

static bool is_reply(const char *text)
{
    const unsigned char *t = (const unsigned char *)text;
    return isdigit(t[0]) && isdigit(t[1]) && isdigit(t[2]) && (t[3] == ' ' || t[3] == 0);
}

static const char *const steps[] = { "connect", "ehlo", "starttls", "auth", "token", "mail",
                                     "rcpt",    "data", "end",      "rset", "quit",  NULL };
const struct inject_rules exchange_inject_rules = { steps, "421 4.3.2 Service not available", is_reply };

static void on_accepted(void *ctx, int fd, const struct net_addr *peer)
{
    exchange_session_new(ctx, fd, peer);
}

struct exchange_server *exchange_server_new(struct sandbox *sandbox, enum exchange_kind kind, int fd, struct fault *why)
{
    struct exchange_server *x = mem_alloc(sizeof *x);
    x->sandbox = sandbox;
    x->kind = kind;
    x->dialect = kind == EXCHANGE_GOOGLE ? &google : &microsoft;
    x->mailboxes = map_new();
    x->injections = injections_new(&exchange_inject_rules);
    list_init(&x->sessions);
    x->listener = listener_new(sandbox->loop, fd, on_accepted, x);
    for (unsigned i = 0; i < CA_KINDS; i++) {
        const struct ca_pair *pair = &sandbox->ca.servers[i];
        x->tls[i] = tls_server_new(bytes_of(pair->certificate_pem), bytes_of(pair->key_pem), why);
        if (x->tls[i] == NULL) {
            exchange_server_free(x);
            return NULL;
        }
    }
    return x;
}

static bool mailbox_free(void *ctx, const char *key, void *value)
{
    struct exchange_mailbox *m = value;
    window_fini(&m->messages);
    window_fini(&m->recipients);
    free(m);
    return true;
}

static bool mailbox_forgive(void *ctx, const char *key, void *value)
{
    struct exchange_mailbox *m = value;
    unsigned connections = m->connections;
    window_fini(&m->messages);
    window_fini(&m->recipients);
    *m = (struct exchange_mailbox){ .connections = connections };
    return true;
}

void exchange_server_reset(struct exchange_server *x)
{
    map_each(x->mailboxes, mailbox_forgive, NULL);
    injections_add(x->injections, "off", 0, NULL);
}

void exchange_server_free(struct exchange_server *x)
{
    if (x == NULL)
        return;
    LIST_EACH (at, &x->sessions) {
        struct exchange_session *s = LIST_OF(at, struct exchange_session, node);
        exchange_session_end(s);
        exchange_session_free(s);
    }
    listener_free(x->listener);
    for (unsigned i = 0; i < CA_KINDS; i++)
        tls_context_free(x->tls[i]);
    map_each(x->mailboxes, mailbox_free, NULL);
    map_free(x->mailboxes);
    injections_free(x->injections);
    free(x);
}

bool exchange_server_inject(struct exchange_server *x, const char *text, uint64_t uses, struct fault *why)
{
    return injections_add(x->injections, text, uses, why);
}

json_t *exchange_server_json(const struct exchange_server *x)
{
    return json_pack("{s:I, s:o}", "sessions", (json_int_t)x->sessions_count, "injections",
                     injections_json(x->injections));
}
