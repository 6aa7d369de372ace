/* edge/service.c */
#include "edge/service.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "msg/edge_queue.h"

static enum front_protocol protocol_of(const char *name)
{
    return text_equal(name, "imap") ? FRONT_IMAP : text_equal(name, "pop3") ? FRONT_POP3 : FRONT_SMTP;
}

static void take_bridge_settings(struct service *s, const struct conf *conf)
{
    const uint64_t idle_s[] = { [FRONT_IMAP] = conf->bridge.imap_idle_s,
                                [FRONT_POP3] = conf->bridge.pop3_idle_s,
                                [FRONT_SMTP] = conf->bridge.smtp_idle_s };
    s->bridge = (struct bridge_terms){
        .protocol = s->bridge.protocol,
        .policy = { .hostname = s->hostname,
                    .offers_tls = s->tls == CONF_TLS_STARTTLS,
                    .needs_tls_for_login = !s->auth_without_tls,
                    .errors_limit = conf->limits.errors_per_session },
        .tls = s->tls,
        .context = s->context,
        .login_ms = (int64_t)conf->bridge.login_timeout_s * 1000,
        .idle_ms = (int64_t)idle_s[s->bridge.protocol] * 1000,
        .buffer = conf->bridge.buffer,
    };
}

static void take_settings(struct service *s, const struct conf *conf)
{
    s->hostname = mem_strdup(conf->hostname);
    s->header_limit = conf->limits.header_size;
    s->session_idle_ms = (int64_t)conf->limits.session_idle_s * 1000;
    s->data_idle_ms = (int64_t)conf->limits.data_idle_s * 1000;
    uint32_t recipients = conf->limits.recipients;
    s->policy = (struct smtp_server_policy){
        .hostname = s->hostname,
        .offers_starttls = s->tls == CONF_TLS_STARTTLS,
        .offers_auth = true,
        .needs_auth = true, /* or an address range: there is no open listener */
        .needs_tls_for_auth = !s->auth_without_tls,
        .size_limit = conf->limits.message_size,
        .recipients_limit = recipients < EDGE_RECIPIENTS ? recipients : EDGE_RECIPIENTS,
        .errors_limit = conf->limits.errors_per_session,
    };
    take_bridge_settings(s, conf);
}

struct service *service_new(const struct parent_listener *l, const struct conf *conf, struct fault *why)
{
    struct tls_context *context = NULL;
    if (l->tls != CONF_TLS_NONE) {
        context = tls_server_new(l->certificate_pem, l->key_pem, why);
        if (!context)
            return NULL;
    }
    struct service *s = mem_alloc(sizeof *s);
    *s = (struct service){
        .refs = 1, .tls = (enum conf_tls)l->tls, .context = context, .auth_without_tls = l->auth_without_tls
    };
    s->bridge.protocol = protocol_of(l->protocol);
    s->is_through = s->bridge.protocol != FRONT_SMTP || text_equal(l->mode, "through");
    take_settings(s, conf);
    return s;
}

struct service *service_renew(const struct service *old, const struct conf *conf)
{
    struct service *s = mem_alloc(sizeof *s);
    *s = (struct service){ .refs = 1,
                           .tls = old->tls,
                           .context = old->context ? tls_context_ref(old->context) : NULL,
                           .auth_without_tls = old->auth_without_tls,
                           .is_through = old->is_through,
                           .bridge = { .protocol = old->bridge.protocol } };
    take_settings(s, conf);
    return s;
}

struct service *service_ref(struct service *s)
{
    s->refs++;
    return s;
}

void service_free(struct service *s)
{
    if (!s || --s->refs > 0)
        return;
    tls_context_free(s->context);
    free(s->hostname);
    free(s);
}
