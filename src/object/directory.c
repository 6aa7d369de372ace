/* object/directory.c - what a role knows of the objects: each in an arena of its own, found by folded key. */
#include "object/directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "object/directory_private.h"

static bool fold(const char *key, char out[DIRECTORY_KEY_SIZE])
{
    size_t size = strlen(key);
    if (size >= DIRECTORY_KEY_SIZE)
        return false;
    for (size_t i = 0; i <= size; i++)
        out[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] - 'A' + 'a' : key[i]);
    return true;
}

static const void *find(const struct directory *d, enum object_kind kind, const char *key)
{
    char folded[DIRECTORY_KEY_SIZE];
    if (!key || !fold(key, folded))
        return NULL;
    const struct entry *e = map_get(d->entries[kind], folded);
    return e ? e->object : NULL;
}

static const struct provider *find_builtin(const char *name)
{
    for (const struct provider *p = object_builtin_providers; p->name; p++) {
        if (text_equal_nocase(p->name, name))
            return p;
    }
    return NULL;
}

struct directory *directory_new(void)
{
    struct directory *d = mem_alloc(sizeof *d);
    for (unsigned k = 0; k < OBJECT_KINDS; k++)
        d->entries[k] = map_new();
    return d;
}

static void entry_free(struct entry *e)
{
    if (!e)
        return;
    arena_free(e->life);
    free(e);
}

static bool entry_drop(void *ctx, const char *key, void *value)
{
    entry_free(value);
    return true;
}

void directory_free(struct directory *d)
{
    if (!d)
        return;
    for (unsigned k = 0; k < OBJECT_KINDS; k++) {
        map_each(d->entries[k], entry_drop, NULL);
        map_free(d->entries[k]);
    }
    ranges_fini(&d->ranges);
    free(d);
}

static void take_out(struct directory *d, enum object_kind kind, const char *folded)
{
    struct entry *old = map_remove(d->entries[kind], folded);
    if (old && kind == OBJECT_APP)
        ranges_remove(&d->ranges, old->object);
    entry_free(old);
}

bool directory_apply(struct directory *d, enum object_kind kind, const char *key, const json_t *json, struct fault *why)
{
    char folded[DIRECTORY_KEY_SIZE];
    if (!fold(key, folded))
        return fault_set(why, FAULT_CONFIG, "object.invalid", "a name of %zu octets is too long", strlen(key));
    if (!json) {
        take_out(d, kind, folded);
        return true;
    }
    struct arena *life = arena_new();
    const void *object = object_from_json(kind, json, life, why);
    bool is_same = object && text_equal_nocase(object_key(kind, object), key);
    if (object && !is_same)
        fault_set(why, FAULT_CONFIG, "object.invalid", "it calls itself %s", object_key(kind, object));
    if (!is_same) {
        arena_free(life);
        return fault_wrap(why, "%s %s", object_kind_name(kind), key);
    }
    take_out(d, kind, folded);
    struct entry *e = mem_alloc(sizeof *e);
    *e = (struct entry){ life, object };
    map_put(d->entries[kind], folded, e);
    if (kind == OBJECT_APP)
        ranges_add(&d->ranges, object);
    return true;
}

bool directory_apply_text(struct directory *d, uint32_t kind, const char *key, const char *json, struct fault *why)
{
    if (kind >= OBJECT_KINDS)
        return fault_set(why, FAULT_LOCAL, "", "%u is no kind of object", kind);
    json_t *object = json ? json_loads(json, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json && !object)
        return fault_set(why, FAULT_LOCAL, "", "an object came as a text that is no JSON");
    bool ok = directory_apply(d, (enum object_kind)kind, key, object, why);
    json_decref(object);
    return ok;
}

const struct provider *directory_provider(const struct directory *d, const char *name)
{
    const struct provider *own = find(d, OBJECT_PROVIDER, name);
    return own || !name ? own : find_builtin(name);
}

const struct registration *directory_registration(const struct directory *d, const char *name)
{
    return find(d, OBJECT_REGISTRATION, name);
}

const struct mailbox *directory_mailbox(const struct directory *d, const char *address)
{
    return find(d, OBJECT_MAILBOX, address);
}

const struct app *directory_app(const struct directory *d, const char *name)
{
    return find(d, OBJECT_APP, name);
}

const struct endpoint *directory_endpoint(const struct directory *d, const char *name)
{
    return find(d, OBJECT_ENDPOINT, name);
}

const struct console_operator *directory_operator(const struct directory *d, const char *name)
{
    return find(d, OBJECT_OPERATOR, name);
}

struct entra_search {
    const char *user;
    const struct console_operator *found;
};

static bool is_entra_user(void *ctx, const void *object)
{
    struct entra_search *s = ctx;
    const struct console_operator *o = object;
    if (text_equal_nocase(o->entra_user, s->user))
        s->found = o;
    return !s->found;
}

const struct console_operator *directory_operator_by_entra(const struct directory *d, const char *user)
{
    struct entra_search s = { .user = user };
    if (!text_is_empty(user))
        directory_each(d, OBJECT_OPERATOR, is_entra_user, &s);
    return s.found;
}

const struct api_key *directory_key(const struct directory *d, const char *name)
{
    return find(d, OBJECT_KEY, name);
}

const void *directory_find(const struct directory *d, enum object_kind kind, const char *key)
{
    return kind == OBJECT_PROVIDER ? directory_provider(d, key) : find(d, kind, key);
}

const struct app *directory_app_by_host(const struct directory *d, const char *host, uint32_t protocol)
{
    return ranges_find(&d->ranges, host, protocol);
}

const struct provider *directory_provider_of(const struct directory *d, const struct mailbox *m)
{
    if (!m->registration[0])
        return directory_provider(d, m->provider);
    const struct registration *r = directory_registration(d, m->registration);
    return r ? directory_provider(d, r->provider) : NULL;
}

static struct object_server server_by_protocol(const struct object_server *smtp, const struct object_server *imap,
                                               const struct object_server *pop3, uint32_t protocol)
{
    switch (protocol) {
    case OBJECT_SMTP:
        return *smtp;
    case OBJECT_IMAP:
        return *imap;
    case OBJECT_POP3:
        return *pop3;
    default:
        return (struct object_server){ .host = "" };
    }
}

/* A password can't be sent where the provider's usual way is a token; LOGIN is what Microsoft and Google both take then. */
static enum object_sasl sasl_for(enum object_grant grant, enum object_sasl wanted)
{
    if (grant == OBJECT_GRANT_NONE)
        return OBJECT_SASL_NONE;
    bool is_token = wanted == OBJECT_SASL_XOAUTH2 || wanted == OBJECT_SASL_OAUTHBEARER || wanted == OBJECT_SASL_DEFAULT;
    return grant == OBJECT_GRANT_BASIC && is_token ? OBJECT_SASL_LOGIN : wanted;
}

struct object_server directory_server_of(const struct directory *d, const struct mailbox *m, uint32_t protocol)
{
    const struct provider *p = directory_provider_of(d, m);
    struct object_server over = server_by_protocol(&m->smtp, &m->imap, &m->pop3, protocol);
    struct object_server s = { .host = "" };
    if (p)
        s = server_by_protocol(&p->smtp, &p->imap, &p->pop3, protocol);
    if (over.host[0])
        s.host = over.host;
    if (over.port)
        s.port = over.port;
    if (over.tls != OBJECT_TLS_DEFAULT)
        s.tls = over.tls;
    if (over.sasl != OBJECT_SASL_DEFAULT)
        s.sasl = over.sasl;
    s.initial_response = s.initial_response || over.initial_response;
    s.sasl = sasl_for(m->grant, s.sasl);
    return s;
}

struct object_limits directory_limits_of(const struct directory *d, const struct mailbox *m)
{
    const struct provider *p = directory_provider_of(d, m);
    struct object_limits l = p ? p->limits : (struct object_limits){ 0 };
    const struct object_limits *over = &m->limits;
    l.connections = over->connections ? over->connections : l.connections;
    l.messages_per_minute = over->messages_per_minute ? over->messages_per_minute : l.messages_per_minute;
    l.recipients_per_day = over->recipients_per_day ? over->recipients_per_day : l.recipients_per_day;
    l.recipients_per_message = over->recipients_per_message ? over->recipients_per_message : l.recipients_per_message;
    l.size_mb = over->size_mb ? over->size_mb : l.size_mb;
    return l;
}

static bool has_protocol(const struct directory *d, const struct mailbox *m, uint32_t protocol)
{
    return (!m->protocols || (m->protocols & protocol)) && directory_server_of(d, m, protocol).host[0];
}

uint32_t directory_watch_of(const struct directory *d, const struct endpoint *e)
{
    const struct mailbox *m = directory_mailbox(d, e->mailbox);
    if (!m)
        return 0;
    if (e->watch != ENDPOINT_WATCH_POP3 && has_protocol(d, m, OBJECT_IMAP))
        return OBJECT_IMAP;
    bool may_be_pop3 = e->watch == ENDPOINT_WATCH_POP3 || e->watch == ENDPOINT_WATCH_DEFAULT;
    return may_be_pop3 && has_protocol(d, m, OBJECT_POP3) ? OBJECT_POP3 : 0;
}

struct each {
    directory_each_fn *fn;
    void *ctx;
    bool is_stopped;
};

static bool each_entry(void *ctx, const char *key, void *value)
{
    struct each *each = ctx;
    const struct entry *e = value;
    each->is_stopped = !each->fn(each->ctx, e->object);
    return !each->is_stopped;
}

void directory_each(const struct directory *d, enum object_kind kind, directory_each_fn *fn, void *ctx)
{
    struct each each = { fn, ctx, false };
    for (const struct provider *p = object_builtin_providers; kind == OBJECT_PROVIDER && p->name; p++) {
        if (!find(d, OBJECT_PROVIDER, p->name) && !fn(ctx, p))
            return;
    }
    map_each(d->entries[kind], each_entry, &each);
}
