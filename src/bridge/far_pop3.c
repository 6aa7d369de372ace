/* bridge/far_pop3.c - POP3's engine behind the face of far_kind. */
#include "bridge/bridge_private.h"

static void on_ready(void *ctx)
{
    struct bridge *b = ctx;
    if (b->state != BRIDGE_REACHING)
        return;
    bool is_pipelining = pop3_client_caps(b->entry->client)->pipelining;
    bridges_remember_offer(b->all, FRONT_POP3, &b->entry->server, is_pipelining ? "PIPELINING" : "", 0);
    far_ready(b, "");
}

static void on_auth_refused(void *ctx, const struct pop3_reply *reply, const char *challenge)
{
    far_refused(ctx, finding_of_pop3("auth", reply->code, reply->text), reply->text);
}

static void on_failed(void *ctx, const char *when, const struct pop3_reply *reply, const struct fault *why)
{
    bool is_named = why && *why->id;
    const struct finding *f = reply && !is_named ? finding_of_pop3(when, reply->code, reply->text) : NULL;
    far_failed(ctx, f, reply ? reply->text : "", why);
}

static const struct pop3_client_host host = {
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
    static const enum pop3_client_sasl sasl[] = {
        [FAR_NO_AUTH] = POP3_CLIENT_NO_AUTH,
        [FAR_XOAUTH2] = POP3_CLIENT_XOAUTH2,
        [FAR_OAUTHBEARER] = POP3_CLIENT_OAUTHBEARER,
        [FAR_PLAIN] = POP3_CLIENT_PLAIN,
        [FAR_LOGIN] = POP3_CLIENT_LOGIN,
    };
    struct pop3_client_options *options = &b->entry->options.pop3;
    *options = (struct pop3_client_options){ .host = o->host,
                                             .port = o->port,
                                             .tls = o->tls == OBJECT_TLS_NONE       ? POP3_CLIENT_NO_TLS
                                                    : o->tls == OBJECT_TLS_STARTTLS ? POP3_CLIENT_STLS
                                                                                    : POP3_CLIENT_IMPLICIT,
                                             .sasl = sasl[o->sasl] };
    return pop3_client_new(options, &host, b);
}

static void free_client(void *client)
{
    pop3_client_free(client);
}

static size_t feed(void *client, struct bytes in)
{
    return pop3_client_feed(client, in);
}

static void tls_done(void *client)
{
    pop3_client_tls_done(client);
}

static void credential(void *client, const char *user, struct bytes secret)
{
    pop3_client_credential(client, user, secret);
}

static const char *when(const void *client)
{
    return pop3_client_when(client);
}

const struct far_kind far_pop3 = { start, free_client, feed, tls_done, credential, when };
