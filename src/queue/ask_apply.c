/* All objects as one document: written out, and taken in again as a whole or not at all.
 *
 * What would be is made beside what is, and checked as a whole, so that the document's order means nothing. Then one transaction
 * holds every change, and everybody is told in the order of references. Operators and keys are no part of it: who may come in is
 * not decided by a file of mailboxes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "queue/queue_private.h"

#define DOCUMENT_KINDS ((unsigned)OBJECT_ENDPOINT + 1)

struct change {
    struct list node;
    enum object_kind kind;
    const char *key; /* folded */
    json_t *object;  /* as it will be; NULL: it goes */
    json_t *before;  /* NULL: it is new */
};

struct plan {
    struct ask *ask;
    struct arena *arena;
    struct directory *after;
    struct list changes; /* in the order of references */
    struct map *named;   /* "kind key" of what the document holds */
    struct fault *why;
    enum object_kind kind; /* being gone through */
    bool ok;
};

/* --- writing out --- */

static bool is_builtin(enum object_kind kind, const void *object)
{
    return kind == OBJECT_PROVIDER && ((const struct provider *)object)->is_builtin;
}

struct export
{
    enum object_kind kind;
    json_t *list;
};

static int by_key(const void *a, const void *b)
{
    json_t *const *left = a, *const *right = b;
    const char *key = json_object_get(*left, "address") ? "address" : "name";
    return strcasecmp(json_string_value(json_object_get(*left, key)), json_string_value(json_object_get(*right, key)));
}

static bool export_one(void *ctx, const void *object)
{
    struct export *e = ctx;
    if (!is_builtin(e->kind, object))
        json_array_append_new(e->list, object_to_short_json(e->kind, object));
    return true;
}

static json_t *sorted(json_t *list)
{
    size_t count = json_array_size(list), i;
    json_t **items = mem_alloc((count + 1) * sizeof(json_t *)), *result = json_array(), *item;
    json_array_foreach(list, i, item) items[i] = item;
    qsort(items, count, sizeof(json_t *), by_key);
    for (i = 0; i < count; i++)
        json_array_append(result, items[i]);
    free(items);
    json_decref(list);
    return result;
}

static json_t *export_all(const struct directory *d)
{
    json_t *document = json_object();
    for (unsigned kind = 0; kind < DOCUMENT_KINDS; kind++) {
        struct export e = { (enum object_kind)kind, json_array() };
        directory_each(d, e.kind, export_one, &e);
        json_object_set_new(document, object_kind_plural(e.kind), sorted(e.list));
    }
    return document;
}

bool ask_object_export(struct ask *a, struct fault *why)
{
    a->out = export_all(a->q->directory);
    return true;
}

/* --- what would be --- */

static bool refuse(struct plan *p, enum object_kind kind, const char *key)
{
    fault_wrap(p->why, "%s %s", object_kind_name(kind), key);
    p->ask->status = 422;
    return p->ok = false;
}

static const char *folded(struct plan *p, const char *key)
{
    char *copy = arena_strdup(p->arena, key);
    for (char *at = copy; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

static bool copy_one(void *ctx, const void *object)
{
    struct plan *p = ctx;
    if (is_builtin(p->kind, object))
        return true;
    json_t *json = object_to_json(p->kind, object);
    if (!directory_apply(p->after, p->kind, object_key(p->kind, object), json, p->why))
        p->ok = false;
    json_decref(json);
    return p->ok;
}

static bool copy_all(struct plan *p)
{
    for (unsigned kind = 0; kind < OBJECT_KINDS && p->ok; kind++) {
        p->kind = (enum object_kind)kind;
        directory_each(p->ask->q->directory, p->kind, copy_one, p);
    }
    return p->ok;
}

static bool has_member(const json_t *item, const char *key)
{
    char other[64];
    snprintf(other, sizeof other, "%s", key);
    for (char *at = other; *at; at++)
        *at = (char)(*at == '_' ? '-' : *at);
    return json_object_get(item, key) || json_object_get(item, other);
}

/* What the vault wrote into a registration when it made a certificate stays, unless the document has its own. */
static json_t *with_certificate(const json_t *item, const json_t *before)
{
    static const char *const facts[] = { "certificate_pem", "certificate_sha256", "certificate_sha1",
                                         "certificate_expires" };
    json_t *whole = json_copy((json_t *)(uintptr_t)item);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (before && !has_member(item, "certificate_pem") && !has_member(item, facts[i]))
            json_object_set(whole, facts[i], json_object_get(before, facts[i]));
    return whole;
}

static json_t *json_before(struct plan *p, enum object_kind kind, const char *key)
{
    const void *old = directory_find(p->ask->q->directory, kind, key);
    return old && !is_builtin(kind, old) ? object_to_json(kind, old) : NULL;
}

static void add_change(struct plan *p, enum object_kind kind, const char *key, json_t *object, json_t *before)
{
    struct change *c = arena_alloc(p->arena, sizeof *c);
    *c = (struct change){ .kind = kind, .key = key, .object = object, .before = before };
    list_append(&p->changes, &c->node);
}

static bool plan_put(struct plan *p, enum object_kind kind, const char *key, const json_t *item)
{
    json_t *before = json_before(p, kind, key);
    json_t *whole = kind == OBJECT_REGISTRATION ? with_certificate(item, before)
                                                : json_incref((json_t *)(uintptr_t)item);
    const void *object = object_from_json(kind, whole, p->arena, p->why);
    json_t *json = object ? object_to_json(kind, object) : NULL;
    bool ok = json && directory_apply(p->after, kind, key, json, p->why);
    json_decref(whole);
    bool differs = ok && !(before && json_equal(json, before));
    ok = ok && (!differs || ask_object_fits_console(p->ask, kind, key, json, p->why));
    if (ok && differs) {
        add_change(p, kind, key, json, before);
        return true;
    }
    json_decref(json);
    json_decref(before);
    return ok || refuse(p, kind, key);
}

static bool plan_item(struct plan *p, enum object_kind kind, const json_t *item, size_t number)
{
    const char *name = kind == OBJECT_MAILBOX ? "address" : "name";
    const char *key = json_string_value(json_object_get(item, name));
    if (!key || !*key) {
        p->ask->status = 422;
        return p->ok = fault_set(p->why, FAULT_REJECT, "object.document", "%s, entry %zu: it has no %s",
                                 object_kind_plural(kind), number + 1, name);
    }
    key = folded(p, key);
    if (map_put(p->named, arena_printf(p->arena, "%u %s", kind, key), p)) {
        p->ask->status = 422;
        return p->ok = fault_set(p->why, FAULT_REJECT, "object.document", "%s %s stands in the document twice",
                                 object_kind_name(kind), key);
    }
    return plan_put(p, kind, key, item);
}

static bool prune_one(void *ctx, const void *object)
{
    struct plan *p = ctx;
    const char *key = folded(p, object_key(p->kind, object));
    if (is_builtin(p->kind, object) || map_get(p->named, arena_printf(p->arena, "%u %s", p->kind, key)))
        return true;
    if (p->kind == OBJECT_MAILBOX && !ask_object_has_no_mail(p->ask, key, p->why))
        return p->ok = false;
    add_change(p, p->kind, key, NULL, object_to_json(p->kind, object));
    return directory_apply(p->after, p->kind, key, NULL, p->why);
}

static bool plan_document(struct plan *p, const json_t *document)
{
    for (unsigned kind = 0; kind < DOCUMENT_KINDS && p->ok; kind++) {
        const json_t *list = json_object_get(document, object_kind_plural((enum object_kind)kind)), *item;
        size_t i;
        json_array_foreach(list, i, item) if (!plan_item(p, (enum object_kind)kind, item, i)) return false;
    }
    /* A kind that the document does not speak of is left alone. */
    bool is_pruning = json_is_true(json_object_get(p->ask->in, "prune"));
    for (unsigned kind = DOCUMENT_KINDS; is_pruning && kind-- > 0 && p->ok;) {
        p->kind = (enum object_kind)kind;
        if (json_object_get(document, object_kind_plural(p->kind)))
            directory_each(p->ask->q->directory, p->kind, prune_one, p);
    }
    return p->ok;
}

static bool check_one(void *ctx, const void *object)
{
    struct plan *p = ctx;
    json_t *json = object_to_json(p->kind, object);
    p->ok = is_builtin(p->kind, object) ||
            directory_check(p->after, p->kind, object_key(p->kind, object), json, p->why);
    p->ask->status = p->ok ? 0 : 422;
    json_decref(json);
    return p->ok;
}

static bool check_all(struct plan *p)
{
    for (unsigned kind = 0; kind < OBJECT_KINDS && p->ok; kind++) {
        p->kind = (enum object_kind)kind;
        directory_each(p->after, p->kind, check_one, p);
    }
    return p->ok;
}

static bool is_document(struct ask *a, const json_t *document, struct fault *why)
{
    const char *key;
    json_t *value;
    enum object_kind kind;
    a->status = 422;
    if (!json_is_object(document))
        return fault_set(why, FAULT_REJECT, "object.document", "the document is not a list of kinds");
    json_object_foreach((json_t *)(uintptr_t)document, key, value)
    {
        if (!object_kind_from_name(key, &kind) || (unsigned)kind >= DOCUMENT_KINDS ||
            !text_equal(key, object_kind_plural(kind)))
            return fault_set(why, FAULT_REJECT, "object.document",
                             "the document has \"%s\", which is none of providers, registrations, mailboxes, apps, "
                             "endpoints",
                             key);
        if (!json_is_array(value))
            return fault_set(why, FAULT_REJECT, "object.document", "%s must be a list", key);
    }
    a->status = 0;
    return true;
}

/* --- is it what was looked at? --- */

/* Of all objects together, as object_etag() is of one. */
static struct object_etag mark_of_all(const struct queue *q)
{
    json_t *document = export_all(q->directory);
    struct object_etag etag = object_etag_of_json(document);
    json_decref(document);
    return etag;
}

static bool is_as_seen(struct ask *a, struct fault *why)
{
    const json_t *wanted = json_object_get(a->in, "if_match");
    if (!wanted || ask_object_is_named(wanted, mark_of_all(a->q).text))
        return true;
    a->status = 412;
    return fault_set(why, FAULT_REJECT, "object.all-stale",
                     "nothing was changed: the objects are not those any more to which the document was compared");
}

/* --- telling and doing --- */

static const char *needed_of(const struct change *c)
{
    const char *credential = json_string_value(json_object_get(c->object, "credential"));
    const char *grant = json_string_value(json_object_get(c->object, "grant"));
    const char *before = json_string_value(
        json_object_get(c->before, c->kind == OBJECT_MAILBOX ? "grant" : "credential"));
    if (c->kind == OBJECT_REGISTRATION && !text_equal(before, credential) && !text_equal(credential, "none"))
        return credential;
    if (c->kind == OBJECT_MAILBOX && !text_equal(before, grant))
        return text_equal(grant, "basic")                                 ? "password"
               : text_equal(grant, "code") || text_equal(grant, "device") ? "sign-in"
                                                                          : NULL;
    if (c->kind == OBJECT_APP && !c->before && json_is_true(json_object_get(c->object, "has_password")))
        return "password";
    if (c->kind == OBJECT_ENDPOINT && !c->before &&
        text_equal(json_string_value(json_object_get(c->object, "kind")), "webhook"))
        return "key";
    return NULL;
}

static json_t *told(const struct plan *p)
{
    json_t *changes = json_array(), *needed = json_array();
    LIST_EACH (node, &p->changes) {
        const struct change *c = LIST_OF(node, struct change, node);
        const char *kind = object_kind_name(c->kind), *what = c->object ? needed_of(c) : NULL;
        json_array_append_new(changes,
                              json_pack("{s:s, s:s, s:s, s:o}", "kind", kind, "key", c->key, "action",
                                        !c->object  ? "remove"
                                        : c->before ? "change"
                                                    : "create",
                                        "fields", c->object ? audit_difference(c->before, c->object) : json_object()));
        if (what)
            json_array_append_new(needed, json_pack("{s:s, s:s, s:s}", "kind", kind, "key", c->key, "what", what));
    }
    return json_pack("{s:o, s:o, s:s}", "changes", changes, "secrets_needed", needed, "etag",
                     mark_of_all(p->ask->q).text);
}

static bool write_all(struct plan *p)
{
    struct queue *q = p->ask->q;
    bool ok = store_begin(q->store, p->why);
    LIST_EACH (node, &p->changes) {
        const struct change *c = LIST_OF(node, struct change, node);
        char *text = c->object ? json_dumps(c->object, JSON_COMPACT) : NULL;
        ok = ok && ask_object_write(p->ask, c->kind, c->key, c->object, text, p->why);
        free(text);
    }
    ok = ok && store_commit(q->store, p->why);
    if (!ok)
        store_rollback(q->store);
    return ok;
}

static void tell_all(struct plan *p)
{
    struct queue *q = p->ask->q;
    size_t count = 0;
    LIST_EACH (node, &p->changes) {
        const struct change *c = LIST_OF(node, struct change, node);
        char *text = c->object ? json_dumps(c->object, JSON_COMPACT) : NULL;
        if (directory_apply(q->directory, c->kind, c->key, c->object, p->why))
            ask_object_tell(q, c->kind, c->key, text);
        free(text);
        count++;
    }
    log_info("object.applied", LOG_UNSIGNED("changes", count));
}

static void plan_fini(struct plan *p)
{
    LIST_EACH (node, &p->changes) {
        struct change *c = LIST_OF(node, struct change, node);
        json_decref(c->object);
        json_decref(c->before);
    }
    map_free(p->named);
    directory_free(p->after);
    arena_free(p->arena);
}

bool ask_object_apply(struct ask *a, struct fault *why)
{
    const json_t *document = json_object_get(a->in, "document");
    if (!is_document(a, document, why) || !is_as_seen(a, why))
        return false;
    struct plan p = {
        .ask = a, .arena = arena_new(), .after = directory_new(), .named = map_new(), .why = why, .ok = true
    };
    list_init(&p.changes);
    bool ok = copy_all(&p) && plan_document(&p, document) && check_all(&p);
    if (ok && !json_is_true(json_object_get(a->in, "dry_run")) && !list_is_empty(&p.changes)) {
        ok = write_all(&p);
        if (ok)
            tell_all(&p);
    }
    if (ok)
        a->out = told(&p);
    plan_fini(&p);
    return ok;
}
