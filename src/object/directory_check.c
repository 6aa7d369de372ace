/* object/directory_check.c - would a change leave every reference whole? Each refusal says what to do first. */
#include <string.h>

#include "base/text.h"
#include "object/directory_private.h"

#define REFERENCE "object.reference"

/* ---- taking out ---- */

struct user_search {
    enum object_kind kind; /* of what is taken out */
    const char *key;
    const char *user; /* found: who still refers to it, lent */
};

static bool registration_uses(void *ctx, const void *object)
{
    struct user_search *s = ctx;
    const struct registration *r = object;
    if (text_equal_nocase(r->provider, s->key))
        s->user = r->name;
    return !s->user;
}

static bool mailbox_uses(void *ctx, const void *object)
{
    struct user_search *s = ctx;
    const struct mailbox *m = object;
    if (text_equal_nocase(s->kind == OBJECT_PROVIDER ? m->provider : m->registration, s->key))
        s->user = m->address;
    return !s->user;
}

static bool app_uses(void *ctx, const void *object)
{
    struct user_search *s = ctx;
    const struct app *a = object;
    for (size_t i = 0; i < a->mailboxes_count; i++) {
        if (object_address_equal(a->mailboxes[i], s->key))
            s->user = a->name;
    }
    return !s->user;
}

static bool endpoint_uses(void *ctx, const void *object)
{
    struct user_search *s = ctx;
    const struct endpoint *e = object;
    if (object_address_equal(e->mailbox, s->key))
        s->user = e->name;
    return !s->user;
}

static bool key_uses(void *ctx, const void *object)
{
    struct user_search *s = ctx;
    const struct api_key *k = object;
    for (size_t i = 0; i < k->mailboxes_count; i++) {
        if (object_address_equal(k->mailboxes[i], s->key))
            s->user = k->name;
    }
    return !s->user;
}

static bool refuse_use(const struct directory *d, enum object_kind by, directory_each_fn *uses, struct user_search *s,
                       struct fault *why)
{
    directory_each(d, by, uses, s);
    if (!s->user)
        return true;
    return fault_set(why, FAULT_CONFIG, REFERENCE,
                     "%s %s is still used by %s %s: point that elsewhere (postern %s set) or "
                     "remove it first (postern %s remove %s)",
                     object_kind_name(s->kind), s->key, object_kind_name(by), s->user, object_kind_name(by),
                     object_kind_name(by), s->user);
}

static bool is_builtin(const char *name)
{
    for (const struct provider *p = object_builtin_providers; p->name; p++) {
        if (text_equal_nocase(p->name, name))
            return true;
    }
    return false;
}

static bool check_removal(const struct directory *d, enum object_kind kind, const char *key, struct fault *why)
{
    struct user_search s = { .kind = kind, .key = key };
    switch (kind) {
    case OBJECT_PROVIDER:
        /* What replaced a built-in provider gives way to it again. */
        return is_builtin(key) || (refuse_use(d, OBJECT_REGISTRATION, registration_uses, &s, why) &&
                                   refuse_use(d, OBJECT_MAILBOX, mailbox_uses, &s, why));
    case OBJECT_REGISTRATION:
        return refuse_use(d, OBJECT_MAILBOX, mailbox_uses, &s, why);
    case OBJECT_MAILBOX:
        return refuse_use(d, OBJECT_APP, app_uses, &s, why) && refuse_use(d, OBJECT_ENDPOINT, endpoint_uses, &s, why) &&
               refuse_use(d, OBJECT_KEY, key_uses, &s, why);
    default:
        return true;
    }
}

/* ---- putting in ---- */

static bool names_tenant(const struct provider *p)
{
    return strstr(p->token, "{tenant}") || strstr(p->authorize, "{tenant}") ||
           (!p->token[0] && strstr(p->issuer, "{tenant}"));
}

static bool check_registration_put(const struct directory *d, const struct registration *r, struct fault *why)
{
    const struct provider *p = directory_provider(d, r->provider);
    if (!p)
        return fault_set(why, FAULT_CONFIG, REFERENCE, "there is no provider %s: postern provider list shows them",
                         r->provider);
    if (names_tenant(p) && !r->tenant[0])
        return fault_set(
            why, FAULT_CONFIG, REFERENCE,
            "tenant is missing: provider %s needs the tenant's id (Entra admin center, Overview) or a domain of it",
            p->name);
    return true;
}

static bool check_grant(const struct mailbox *m, const struct registration *r, const struct provider *p,
                        struct fault *why)
{
    if (m->grant == OBJECT_GRANT_APP && !p->scope_app[0])
        return fault_set(why, FAULT_CONFIG, REFERENCE, "provider %s has no app grant: use grant code%s", p->name,
                         p->device[0] ? " or device" : "");
    if (m->grant == OBJECT_GRANT_APP && r->credential == OBJECT_CREDENTIAL_NONE)
        return fault_set(
            why, FAULT_CONFIG, REFERENCE,
            "the app grant needs a secret or certificate, registration %s has none: postern registration set %s "
            "--secret-file F",
            r->name, r->name);
    if (m->grant == OBJECT_GRANT_APP && object_tenant_is_anybody(r->tenant))
        return fault_set(why, FAULT_CONFIG, REFERENCE, "the app grant needs one tenant, registration %s says %s",
                         r->name, r->tenant);
    if (m->grant == OBJECT_GRANT_DEVICE && p->token[0] && !p->device[0])
        return fault_set(why, FAULT_CONFIG, REFERENCE, "provider %s gives no device codes for mail: use grant code",
                         p->name);
    return true;
}

struct address_search {
    const struct mailbox *put;
    const char *address, *owner; /* found */
};

static bool owns(const struct mailbox *m, const char *address)
{
    if (object_address_equal(m->address, address))
        return true;
    for (size_t i = 0; i < m->aliases_count; i++) {
        if (object_address_equal(m->aliases[i], address))
            return true;
    }
    return false;
}

static bool mailbox_rivals(void *ctx, const void *object)
{
    struct address_search *s = ctx;
    const struct mailbox *other = object;
    if (object_address_equal(other->address, s->put->address))
        return true;
    for (size_t i = 0; i <= s->put->aliases_count && !s->owner; i++) {
        const char *address = i ? s->put->aliases[i - 1] : s->put->address;
        if (owns(other, address)) {
            s->address = address;
            s->owner = other->address;
        }
    }
    return !s->owner;
}

struct watch_search {
    const struct mailbox *put;
    const struct endpoint *stranded; /* found */
};

/* Only what the mailbox itself says counts: servers are the provider's matter. */
static bool watches_switched_off(void *ctx, const void *object)
{
    struct watch_search *s = ctx;
    const struct endpoint *e = object;
    uint32_t wanted = e->watch == ENDPOINT_WATCH_POP3      ? OBJECT_POP3
                      : e->watch == ENDPOINT_WATCH_DEFAULT ? OBJECT_IMAP | OBJECT_POP3
                                                           : OBJECT_IMAP;
    if (object_address_equal(e->mailbox, s->put->address) && s->put->protocols && !(s->put->protocols & wanted))
        s->stranded = e;
    return !s->stranded;
}

static bool check_watchers(const struct directory *d, const struct mailbox *m, struct fault *why)
{
    struct watch_search s = { .put = m };
    directory_each(d, OBJECT_ENDPOINT, watches_switched_off, &s);
    if (!s.stranded)
        return true;
    return fault_set(why, FAULT_CONFIG, REFERENCE,
                     "endpoint %s watches this mailbox by %s: leave that switched on, or remove the endpoint first "
                     "(postern endpoint remove %s)",
                     s.stranded->name, s.stranded->watch == ENDPOINT_WATCH_POP3 ? "POP3" : "IMAP", s.stranded->name);
}

static bool check_mailbox_put(const struct directory *d, const struct mailbox *m, struct fault *why)
{
    const struct registration *r = m->registration[0] ? directory_registration(d, m->registration) : NULL;
    if (m->registration[0] && !r)
        return fault_set(why, FAULT_CONFIG, REFERENCE, "there is no registration %s: postern registration add %s ...",
                         m->registration, m->registration);
    const struct provider *p = directory_provider(d, r ? r->provider : m->provider);
    if (!p)
        return fault_set(why, FAULT_CONFIG, REFERENCE, "there is no provider %s: postern provider list shows them",
                         r ? r->provider : m->provider);
    if (r && !check_grant(m, r, p, why))
        return false;
    struct address_search s = { .put = m };
    directory_each(d, OBJECT_MAILBOX, mailbox_rivals, &s);
    if (s.owner)
        return fault_set(why, FAULT_CONFIG, REFERENCE, "%s already belongs to mailbox %s: one address has one owner",
                         s.address, s.owner);
    return check_watchers(d, m, why);
}

static bool may_send_as(const struct mailbox *m, const char *address)
{
    for (size_t i = 0; i < m->shared_count; i++) {
        if (object_address_equal(m->shared[i], address))
            return true;
    }
    return owns(m, address);
}

static bool check_app_ranges(const struct directory *d, const struct app *a, struct fault *why)
{
    for (size_t i = 0; i < a->from_count; i++) {
        struct net_range range;
        if (!net_range_parse(a->from[i], &range, why))
            return false;
        if (a->only_from)
            continue;
        const struct app *rival = ranges_rival(&d->ranges, &range, a->allow, a->name);
        if (rival)
            return fault_set(why, FAULT_CONFIG, REFERENCE,
                             "%s already stands for app %s: hosts in it could not be told apart; narrow one of the two",
                             a->from[i], rival->name);
    }
    return true;
}

static bool check_app_put(const struct directory *d, const struct app *a, struct fault *why)
{
    bool may_force = !a->force_sender[0];
    for (size_t i = 0; i < a->mailboxes_count; i++) {
        const struct mailbox *m = directory_mailbox(d, a->mailboxes[i]);
        if (!m)
            return fault_set(why, FAULT_CONFIG, REFERENCE, "there is no mailbox %s: postern mailbox add %s ...",
                             a->mailboxes[i], a->mailboxes[i]);
        may_force = may_force || may_send_as(m, a->force_sender);
    }
    if (!may_force)
        return fault_set(
            why, FAULT_CONFIG, REFERENCE,
            "force_sender %s is no address of its mailboxes: postern mailbox set %s --alias %s (or --shared)",
            a->force_sender, a->mailboxes[0], a->force_sender);
    return check_app_ranges(d, a, why);
}

static bool takes_away(const struct endpoint *e)
{
    bool is_filtered = e->filter.sender[0] || e->filter.recipient[0] || e->filter.subject[0] || e->filter.header[0] ||
                       e->filter.larger_kb || e->filter.smaller_kb;
    return !is_filtered && (e->after == ENDPOINT_AFTER_MOVE || e->after == ENDPOINT_AFTER_DELETE);
}

struct rival_search {
    const struct endpoint *put, *rival;
};

/* Two that watch one folder: what one takes away before the other has looked would be lost to that. */
static bool endpoint_rivals(void *ctx, const void *object)
{
    struct rival_search *s = ctx;
    const struct endpoint *other = object;
    if (!text_equal_nocase(other->name, s->put->name) && object_address_equal(other->mailbox, s->put->mailbox) &&
        text_equal(endpoint_folder(other), endpoint_folder(s->put)) && (takes_away(other) || takes_away(s->put)))
        s->rival = other;
    return !s->rival;
}

static bool check_watch(const struct directory *d, const struct endpoint *e, const struct mailbox *m, struct fault *why)
{
    uint32_t protocol = directory_watch_of(d, e);
    if (protocol == OBJECT_POP3 && !endpoint_suits_pop3(e, why))
        return fault_wrap(why, "mailbox %s has no IMAP", m->address);
    if (protocol)
        return true;
    if (e->watch == ENDPOINT_WATCH_DEFAULT)
        return fault_set(why, FAULT_CONFIG, REFERENCE,
                         "mailbox %s has neither IMAP nor POP3 switched on: postern mailbox set %s --protocol imap",
                         m->address, m->address);
    const char *name = e->watch == ENDPOINT_WATCH_POP3 ? "pop3" : "imap";
    return fault_set(why, FAULT_CONFIG, REFERENCE,
                     "mailbox %s can't be watched by %s: that is switched off (postern mailbox show %s), or its "
                     "provider names no such server",
                     m->address, name, m->address);
}

static bool check_endpoint_put(const struct directory *d, const struct endpoint *e, struct fault *why)
{
    const struct mailbox *m = directory_mailbox(d, e->mailbox);
    if (!m)
        return fault_set(why, FAULT_CONFIG, REFERENCE, "there is no mailbox %s: postern mailbox add %s ...", e->mailbox,
                         e->mailbox);
    if (!check_watch(d, e, m, why))
        return false;
    struct rival_search s = { .put = e };
    directory_each(d, OBJECT_ENDPOINT, endpoint_rivals, &s);
    if (s.rival)
        return fault_set(why, FAULT_CONFIG, REFERENCE,
                         "endpoint %s watches %s of %s, too: whichever moves or deletes mail would take it from the "
                         "other; let both leave it or mark it seen, or give that one a filter",
                         s.rival->name, endpoint_folder(e), m->address);
    return true;
}

static bool check_key_put(const struct directory *d, const struct api_key *k, struct fault *why)
{
    for (size_t i = 0; i < k->mailboxes_count; i++) {
        if (!directory_mailbox(d, k->mailboxes[i]))
            return fault_set(why, FAULT_CONFIG, REFERENCE, "there is no mailbox %s: postern mailbox list shows them",
                             k->mailboxes[i]);
    }
    return true;
}

/* One user of Entra is one operator. */
static bool check_operator_put(const struct directory *d, const struct console_operator *o, struct fault *why)
{
    const struct console_operator *other = directory_operator_by_entra(d, o->entra_user);
    if (!other || text_equal_nocase(other->name, o->name))
        return true;
    return fault_set(why, FAULT_CONFIG, REFERENCE, "%s signs in as operator %s already", o->entra_user, other->name);
}

static bool check_put(const struct directory *d, enum object_kind kind, const void *object, struct fault *why)
{
    switch (kind) {
    case OBJECT_REGISTRATION:
        return check_registration_put(d, object, why);
    case OBJECT_MAILBOX:
        return check_mailbox_put(d, object, why);
    case OBJECT_APP:
        return check_app_put(d, object, why);
    case OBJECT_ENDPOINT:
        return check_endpoint_put(d, object, why);
    case OBJECT_OPERATOR:
        return check_operator_put(d, object, why);
    case OBJECT_KEY:
        return check_key_put(d, object, why);
    default:
        return true;
    }
}

bool directory_check(const struct directory *d, enum object_kind kind, const char *key, const json_t *json,
                     struct fault *why)
{
    if (!json)
        return check_removal(d, kind, key, why);
    struct arena *scratch = arena_new();
    const void *object = object_from_json(kind, json, scratch, why);
    bool is_good = object && check_put(d, kind, object, why);
    arena_free(scratch);
    return is_good || fault_wrap(why, "%s %s", object_kind_name(kind), key);
}
