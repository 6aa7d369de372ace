/* object/check.c - what the fields of one object must say together. */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "object/fields.h"

/* Shut down for good in October 2021; a sign-in there could only fail in confusing ways. */
static const char dead_host[] = "login.microsoftonline.de";

static bool check_not_dead(const struct provider *p, struct fault *why)
{
    const char *const urls[] = { p->issuer, p->authorize, p->token, p->device, p->jwks };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        if (strstr(urls[i], dead_host))
            return fault_set(
                why, FAULT_CONFIG, "object.invalid",
                "%s was closed in October 2021: the tenants of the German cloud moved to the worldwide one; use "
                "provider microsoft365",
                dead_host);
    }
    return true;
}

static bool is_oauth(enum object_sasl sasl)
{
    return sasl == OBJECT_SASL_XOAUTH2 || sasl == OBJECT_SASL_OAUTHBEARER;
}

struct usual {
    const char *protocol;
    enum object_tls tls;
    uint32_t ports[OBJECT_TLS_IMPLICIT + 1]; /* by enum object_tls */
};

static const struct usual usual_smtp = { "smtp", OBJECT_TLS_STARTTLS, { 0, 25, 587, 465 } };
static const struct usual usual_imap = { "imap", OBJECT_TLS_IMPLICIT, { 0, 143, 143, 993 } };
static const struct usual usual_pop3 = { "pop3", OBJECT_TLS_IMPLICIT, { 0, 110, 110, 995 } };

/* Fills in what the file left out, so that every reader of a provider sees complete servers. */
static bool complete_server(struct object_server *s, const struct usual *u, struct fault *why)
{
    if (!s->host[0])
        return true;
    if (s->tls == OBJECT_TLS_DEFAULT)
        s->tls = u->tls;
    if (s->sasl == OBJECT_SASL_DEFAULT)
        s->sasl = OBJECT_SASL_XOAUTH2;
    if (!s->port)
        s->port = u->ports[s->tls];
    bool is_here = strcmp(s->host, "127.0.0.1") == 0 || strcmp(s->host, "::1") == 0 ||
                   strcmp(s->host, "localhost") == 0;
    if (s->tls == OBJECT_TLS_NONE && s->sasl != OBJECT_SASL_NONE && !is_here)
        return fault_set(why, FAULT_CONFIG, "object.invalid",
                         "%s: signing in to %s without TLS would show the credential to the network; use tls: %s",
                         u->protocol, s->host, u->tls == OBJECT_TLS_STARTTLS ? "starttls" : "implicit");
    return true;
}

bool check_provider(void *object, struct fault *why)
{
    struct provider *p = object;
    if (!check_not_dead(p, why) || !complete_server(&p->smtp, &usual_smtp, why) ||
        !complete_server(&p->imap, &usual_imap, why) || !complete_server(&p->pop3, &usual_pop3, why))
        return false;
    if (!p->smtp.host[0] && !p->imap.host[0] && !p->pop3.host[0])
        return fault_set(why, FAULT_CONFIG, "object.invalid", "no server is given: add smtp: { host: ... }");
    bool wants_tokens = is_oauth(p->smtp.sasl) || is_oauth(p->imap.sasl) || is_oauth(p->pop3.sasl);
    if (wants_tokens && !p->issuer[0] && !p->token[0])
        return fault_set(why, FAULT_CONFIG, "object.invalid",
                         "signing in with tokens needs issuer, or endpoints: { token: ... }");
    return true;
}

bool check_mailbox(void *object, struct fault *why)
{
    const struct mailbox *m = object;
    bool wants_tokens = m->grant != OBJECT_GRANT_BASIC && m->grant != OBJECT_GRANT_NONE;
    if (wants_tokens && !m->registration[0])
        return fault_set(
            why, FAULT_CONFIG, "object.invalid",
            "registration is missing: signing in with tokens needs one; for a password give provider and grant "
            "basic");
    if (!wants_tokens && !m->provider[0])
        return fault_set(why, FAULT_CONFIG, "object.invalid", "provider is missing: it says which servers to use");
    if (wants_tokens && m->provider[0])
        return fault_set(why, FAULT_CONFIG, "object.invalid",
                         "provider and registration exclude each other: the registration already names its provider");
    if (!wants_tokens && m->registration[0])
        return fault_set(why, FAULT_CONFIG, "object.invalid",
                         "registration is of no use to grant %s: give provider instead",
                         m->grant == OBJECT_GRANT_BASIC ? "basic" : "none");
    return true;
}

bool check_app(void *object, struct fault *why)
{
    const struct app *a = object;
    if (!a->has_password && !a->from_count)
        return fault_set(
            why, FAULT_CONFIG, "object.invalid",
            "without a password and without an address range nobody could use it: give from, or let it have a "
            "password");
    if (a->only_from && !a->from_count)
        return fault_set(why, FAULT_CONFIG, "object.invalid", "only_from needs at least one address range in from");
    if (a->only_from && !a->has_password)
        return fault_set(why, FAULT_CONFIG, "object.invalid",
                         "only_from asks for a password and an address: without a password nobody could use it");
    if (a->any_sender && a->force_sender[0])
        return fault_set(why, FAULT_CONFIG, "object.invalid", "any_sender and force_sender exclude each other");
    return true;
}

/* A day is good until it is over, in UTC; a time until it is there. */
bool key_has_expired(const struct api_key *k, int64_t now_ms)
{
    int64_t ends = 0;
    if (!k->expires[0] || !clock_parse(k->expires, &ends))
        return false;
    bool is_day = strlen(k->expires) == 10;
    return now_ms >= ends + (is_day ? 24 * 3600 * 1000LL : 0);
}

bool check_key(void *object, struct fault *why)
{
    const struct api_key *k = object;
    if (k->mailboxes_count > 0 && !(k->scopes & (KEY_SEND | KEY_INBOX | KEY_OPERATE | KEY_READ | KEY_CONTENT)))
        return fault_set(why, FAULT_CONFIG, "object.invalid",
                         "scope admin alone is not about single mailboxes: leave mailboxes out");
    return true;
}
