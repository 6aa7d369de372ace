/* bridge/far_smtp.c - SMTP's engine behind the face of far_kind. */
#include <stdio.h>

#include "bridge/bridge_private.h"

static void remember_offer(struct bridge *b)
{
    const struct smtp_client_caps *caps = smtp_client_caps(b->entry->client);
    const struct {
        bool is_there;
        const char *word;
    } words[] = {
        { caps->pipelining, "PIPELINING" },
        { caps->eightbit, "8BITMIME" },
        { caps->enhanced, "ENHANCEDSTATUSCODES" },
        { caps->dsn, "DSN" },
        { caps->chunking, "CHUNKING" },
        { caps->smtputf8, "SMTPUTF8" },
    };
    char offer[128] = "";
    for (size_t i = 0, used = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].is_there)
            used += (size_t)snprintf(offer + used, sizeof offer - used, "%s%s", used ? " " : "", words[i].word);
    bridges_remember_offer(b->all, FRONT_SMTP, &b->entry->server, offer, caps->size_limit);
}

static void on_ready(void *ctx)
{
    struct bridge *b = ctx;
    if (b->state == BRIDGE_REACHING)
        remember_offer(b);
    far_ready(b, "");
}

static void on_auth_refused(void *ctx, const struct smtp_reply *reply, const char *challenge)
{
    far_refused(ctx, finding_of_smtp("auth", reply->code, reply->enhanced, reply->text), reply->text);
}

static void on_failed(void *ctx, const char *when, const struct smtp_reply *reply, const struct fault *why)
{
    bool is_named = why && *why->id;
    const struct finding *f = reply && !is_named ? finding_of_smtp(when, reply->code, reply->enhanced, reply->text)
                                                 : NULL;
    far_failed(ctx, f, reply ? reply->text : "", why);
}

static const struct smtp_client_host host = {
    .send = far_send,
    .send_secret = far_send_secret,
    .start_tls = far_start_tls,
    .want_credential = far_want_credential,
    .ready = on_ready,
    .auth_refused = on_auth_refused,
    .failed = on_failed,
};

static void *start(const struct far_options *o, struct bridge *b)
{
    static const enum smtp_client_sasl sasl[] = {
        [FAR_NO_AUTH] = SMTP_CLIENT_NO_AUTH,
        [FAR_XOAUTH2] = SMTP_CLIENT_XOAUTH2,
        [FAR_OAUTHBEARER] = SMTP_CLIENT_OAUTHBEARER,
        [FAR_PLAIN] = SMTP_CLIENT_PLAIN,
        [FAR_LOGIN] = SMTP_CLIENT_LOGIN,
    };
    struct smtp_client_options *options = &b->entry->options.smtp;
    *options = (struct smtp_client_options){ .helo = o->hostname,
                                             .host = o->host,
                                             .port = o->port,
                                             .tls = o->tls == OBJECT_TLS_NONE       ? SMTP_CLIENT_NO_TLS
                                                    : o->tls == OBJECT_TLS_STARTTLS ? SMTP_CLIENT_STARTTLS
                                                                                    : SMTP_CLIENT_IMPLICIT,
                                             .sasl = sasl[o->sasl],
                                             .initial_response = o->initial_response };
    return smtp_client_new(options, &host, b);
}

static void free_client(void *client)
{
    smtp_client_free(client);
}

static size_t feed(void *client, struct bytes in)
{
    smtp_client_feed(client, in);
    return in.size;
}

static void tls_done(void *client)
{
    smtp_client_tls_done(client);
}

static void credential(void *client, const char *user, struct bytes secret)
{
    smtp_client_credential(client, user, secret);
}

static const char *when(const void *client)
{
    return smtp_client_when(client);
}

const struct far_kind far_smtp = { start, free_client, feed, tls_done, credential, when };
