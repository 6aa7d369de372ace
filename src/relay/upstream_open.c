/* relay/upstream_open.c - from a mailbox's settings to a connection being made. */
#include <stdio.h>

#include "base/arena.h"
#include "base/text.h"
#include "relay/upstream_private.h"

static enum smtp_client_sasl sasl_of(const struct mailbox *m, enum object_sasl set)
{
    if (m->grant == OBJECT_GRANT_NONE || set == OBJECT_SASL_NONE)
        return SMTP_CLIENT_NO_AUTH;
    if (m->grant == OBJECT_GRANT_BASIC) /* the engine takes the other one where only that is offered */
        return set == OBJECT_SASL_LOGIN ? SMTP_CLIENT_LOGIN : SMTP_CLIENT_PLAIN;
    return set == OBJECT_SASL_OAUTHBEARER ? SMTP_CLIENT_OAUTHBEARER : SMTP_CLIENT_XOAUTH2;
}

static enum smtp_client_tls tls_of(enum object_tls set)
{
    switch (set) {
    case OBJECT_TLS_NONE:
        return SMTP_CLIENT_NO_TLS;
    case OBJECT_TLS_IMPLICIT:
        return SMTP_CLIENT_IMPLICIT;
    case OBJECT_TLS_DEFAULT:
    case OBJECT_TLS_STARTTLS:
        break;
    }
    return SMTP_CLIENT_STARTTLS;
}

static void set_options(struct upstream *u, const struct mailbox *m)
{
    u->options = (struct smtp_client_options){
        .helo = arena_strdup(u->life, u->relay->hostname),
        .host = u->server.host,
        .port = (uint16_t)u->server.port,
        .tls = tls_of(u->server.tls),
        .sasl = sasl_of(m, u->server.sasl),
        .initial_response = u->server.initial_response,
    };
}

struct upstream *upstream_open(struct outlet *o, const struct mailbox *m, const struct upstream_user *user, void *ctx,
                               struct fault *why)
{
    struct relay *r = o->relay;
    const struct provider *p = directory_provider_of(r->directory, m);
    const struct registration *reg = directory_registration(r->directory, m->registration);
    struct object_server server = directory_server_of(r->directory, m, OBJECT_SMTP);

    if (!p || text_is_empty(server.host) || server.port == 0) {
        fault_set(why, FAULT_HOLD, "mailbox.provider-missing", "%s has no provider with an SMTP server", m->address);
        return NULL;
    }
    struct tls_context *tls = server.tls == OBJECT_TLS_NONE ? NULL : trust_context(r->trust, p->ca_file, why);
    if (server.tls != OBJECT_TLS_NONE && !tls)
        return NULL;
    struct upstream *u = upstream_new(o, user, ctx);
    u->tls = tls ? tls_context_ref(tls) : NULL;
    u->mailbox = arena_strdup(u->life, m->address);
    u->tenant = arena_strdup(u->life, reg ? reg->tenant : "");
    u->server = server;
    u->server.host = arena_strdup(u->life, server.host);
    snprintf(u->host, sizeof u->host, "%s:%u", server.host, (unsigned)server.port);
    set_options(u, m);
    upstream_connect(u);
    return u;
}
