/* bridge/far_imap.c - IMAP's engine behind the face of far_kind. */
#include "bridge/bridge_private.h"

static void on_ready(void *ctx)
{
    struct bridge *b = ctx;
    char fit[WATCH_HOLD];
    const char *list = imap_client_capabilities(b->entry->client);
    if (b->state != BRIDGE_REACHING)
        return;
    watch_capabilities(FRONT_IMAP, list, pass_without(b), fit, sizeof fit);
    if (*fit)
        bridges_remember_offer(b->all, FRONT_IMAP, &b->entry->server, fit, 0);
    far_ready(b, fit);
}

static void on_auth_refused(void *ctx, const struct imap_reply *reply, const char *challenge)
{
    far_refused(ctx, finding_of_imap("auth", reply->code, reply->text), reply->text);
}

static void on_failed(void *ctx, const char *when, const struct imap_reply *reply, const struct fault *why)
{
    bool is_named = why && *why->id;
    const struct finding *f = reply && !is_named ? finding_of_imap(when, reply->code, reply->text) : NULL;
    far_failed(ctx, f, reply ? reply->text : "", why);
}

static const struct imap_client_host host = {
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
    static const enum imap_client_sasl sasl[] = {
        [FAR_NO_AUTH] = IMAP_CLIENT_NO_AUTH,
        [FAR_XOAUTH2] = IMAP_CLIENT_XOAUTH2,
        [FAR_OAUTHBEARER] = IMAP_CLIENT_OAUTHBEARER,
        [FAR_PLAIN] = IMAP_CLIENT_PLAIN,
        [FAR_LOGIN] = IMAP_CLIENT_LOGIN,
    };
    struct imap_client_options *options = &b->entry->options.imap;
    *options = (struct imap_client_options){ .host = o->host,
                                             .port = o->port,
                                             .tls = o->tls == OBJECT_TLS_NONE       ? IMAP_CLIENT_NO_TLS
                                                    : o->tls == OBJECT_TLS_STARTTLS ? IMAP_CLIENT_STARTTLS
                                                                                    : IMAP_CLIENT_IMPLICIT,
                                             .sasl = sasl[o->sasl] };
    return imap_client_new(options, &host, b);
}

static void free_client(void *client)
{
    imap_client_free(client);
}

static size_t feed(void *client, struct bytes in)
{
    return imap_client_feed(client, in);
}

static void tls_done(void *client)
{
    imap_client_tls_done(client);
}

static void credential(void *client, const char *user, struct bytes secret)
{
    imap_client_credential(client, user, secret);
}

static const char *when(const void *client)
{
    return imap_client_when(client);
}

const struct far_kind far_imap = { start, free_client, feed, tls_done, credential, when };
