/* Objects: checked alone, checked against the others, committed, then told to every role - in that order. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "queue/queue_private.h"

enum { KEY_SIZE = 321, JSON_SIZE = 65536 };

__attribute__((format(printf, 5, 6))) static bool refuse(struct ask *a, struct fault *why, uint32_t status,
                                                         const char *id, const char *format, ...)
{
    char text[FAULT_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    a->status = status;
    return fault_set(why, FAULT_REJECT, id, "%s", text);
}

/* Kind and key of the request; the key folded as the directory folds it. */
static bool target(struct ask *a, enum object_kind *kind, char key[KEY_SIZE], struct fault *why)
{
    const char *name = ask_text(a, "kind"), *given = ask_text(a, "key");
    if (!object_kind_from_name(name, kind))
        return refuse(a, why, 400, "api.kind", "there are no objects of the kind \"%s\"", name);
    if (!given[0] || strlen(given) >= KEY_SIZE)
        return refuse(a, why, 400, "api.key", "a %s needs a name", name);
    size_t i = 0;
    for (; given[i]; i++)
        key[i] = (char)tolower((unsigned char)given[i]);
    key[i] = '\0';
    return true;
}

static bool find(struct ask *a, enum object_kind *kind, char key[KEY_SIZE], const void **object, struct fault *why)
{
    if (!target(a, kind, key, why))
        return false;
    *object = directory_find(a->q->directory, *kind, key);
    if (*object)
        return true;
    return refuse(a, why, 404, "object.unknown", "there is no %s %s", object_kind_name(*kind), key);
}

/* A mailbox is shown with what waits in it; every object with the mark of its state. */
json_t *ask_object_shown(struct queue *q, enum object_kind kind, const void *object)
{
    json_t *json = object_to_json(kind, object);
    if (kind == OBJECT_MAILBOX)
        json_object_set_new(json, "queued", json_integer((json_int_t)lane_of(q, object_key(kind, object))->queued));
    json_object_set_new(json, "etag", json_string(object_etag(kind, object).text));
    return json;
}

bool ask_object_is_named(const json_t *list, const char *etag)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) if (text_equal(json_string_value(item), etag) ||
                                          text_equal(json_string_value(item), "*")) return true;
    return false;
}

/* Is the object still as the asker saw it? `object` NULL: there is none. */
static bool is_as_seen(struct ask *a, enum object_kind kind, const char *key, const void *object, struct fault *why)
{
    const json_t *wanted = json_object_get(a->in, "if_match");
    if (!wanted || (object && ask_object_is_named(wanted, object_etag(kind, object).text)))
        return true;
    if (object)
        a->current = ask_object_shown(a->q, kind, object);
    return object ? refuse(a, why, 412, "object.stale",
                           "the %s %s was changed meanwhile; look at it as it is now, and change that",
                           object_kind_name(kind), key)
                  : refuse(a, why, 412, "object.stale", "the %s %s is not there any more", object_kind_name(kind), key);
}

bool ask_object_get(struct ask *a, struct fault *why)
{
    enum object_kind kind;
    char key[KEY_SIZE];
    const void *object;
    if (!find(a, &kind, key, &object, why))
        return false;
    a->out = ask_object_shown(a->q, kind, object);
    return true;
}

static bool wake_lane(void *ctx, const char *key, void *value)
{
    struct lane *l = value;
    lane_refresh(l);
    lane_probe(l, queue_now(ctx)); /* perhaps this was the fix that it waited for */
    return true;
}

static bool write_audit(struct ask *a, enum object_kind kind, const char *key, const json_t *object, struct fault *why)
{
    const void *before = directory_find(a->q->directory, kind, key);
    json_t *old = before ? object_to_json(kind, before) : NULL, *changes = audit_difference(old, object);
    const char *action = !object ? "remove" : before ? "change" : "add";
    struct audit_note note = { action, object_kind_name(kind), key, changes };
    bool is_same = old && object && json_object_size(changes) == 0; /* nobody changed anything */
    bool ok = is_same || audit_write(a, &note, why);
    json_decref(changes);
    json_decref(old);
    return ok;
}

bool ask_object_write(struct ask *a, enum object_kind kind, const char *key, const json_t *object, const char *json,
                      struct fault *why)
{
    struct store *s = a->q->store;
    if (json && strlen(json) >= JSON_SIZE)
        return fault_set(why, FAULT_REJECT, "object.size", "the %s %s is too large", object_kind_name(kind), key);
    return (json ? store_object_put(s, kind, key, json, why) : store_object_remove(s, kind, key, why)) &&
           (json || kind != OBJECT_ENDPOINT || store_place_remove_all(s, key, why)) &&
           write_audit(a, kind, key, object, why);
}

/* The store first: what is not kept must not be told. */
static bool commit(struct ask *a, enum object_kind kind, const char *key, const json_t *object, const char *json,
                   struct fault *why)
{
    struct queue *q = a->q;
    bool ok = store_begin(q->store, why) && ask_object_write(a, kind, key, object, json, why) &&
              store_commit(q->store, why);
    if (!ok)
        store_rollback(q->store);
    return ok;
}

struct keeper_search {
    const char *but;
    const json_t *with_password;
    bool is_found;
};

static bool can_administrate(const struct console_operator *o, const json_t *with_password)
{
    size_t i;
    const json_t *name;
    if (!o || o->is_disabled || o->role != OPERATOR_ADMINISTRATOR)
        return false;
    json_array_foreach(with_password, i, name) if (text_equal_nocase(json_string_value(name), o->name)) return true;
    return o->entra_user[0];
}

static bool is_keeper(void *ctx, const void *object)
{
    struct keeper_search *s = ctx;
    const struct console_operator *o = object;
    s->is_found = !text_equal_nocase(o->name, s->but) && can_administrate(o, s->with_password);
    return !s->is_found;
}

/* Over the console nobody locks everybody out. Who has a password the vault knows, and the admin role asked it. */
static bool keeps_administrator(struct ask *a, const char *key, const json_t *object, struct fault *why)
{
    struct keeper_search s = { key, json_object_get(a->in, "administrators_with_password"), false };
    struct arena *arena = arena_new();
    const struct console_operator *after = object ? object_from_json(OBJECT_OPERATOR, object, arena, why) : NULL;
    bool is_kept = !json_is_array(s.with_password) || can_administrate(after, s.with_password) ||
                   !can_administrate(directory_operator(a->q->directory, key), s.with_password);
    arena_free(arena);
    if (!is_kept)
        directory_each(a->q->directory, OBJECT_OPERATOR, is_keeper, &s);
    return is_kept || s.is_found ||
           refuse(a, why, 409, "operator.last", "%s is the last administrator who can sign in", key);
}

void ask_object_tell(struct queue *q, enum object_kind kind, const char *key, const char *json)
{
    struct directory_object o = { .kind = kind, .key = key, .is_removed = !json, .json = json ? json : "" };
    map_each(q->lanes, wake_lane, q);
    q->host->object_changed(q->ctx, &o);
    log_info("object.changed", LOG_TEXT("kind", object_kind_name(kind)), LOG_TEXT("key", key),
             LOG_BOOL("removed", !json));
}

bool ask_object_fits_console(struct ask *a, enum object_kind kind, const char *key, const json_t *object,
                             struct fault *why)
{
    const char *tenant = json_string_value(json_object_get(object, "tenant"));
    if (kind != OBJECT_REGISTRATION || !tenant || !object_tenant_is_anybody(tenant) ||
        !text_equal_nocase(key, a->q->conf->console.entra_registration))
        return true;
    return refuse(
        a, why, 422, "entra.anybody",
        "people sign in to the console through the registration %s (console.entra-registration), so it can't be "
        "for the tenant %s",
        key, tenant);
}

static bool change(struct ask *a, enum object_kind kind, const char *key, const json_t *object, struct fault *why)
{
    struct queue *q = a->q;
    if (!directory_check(q->directory, kind, key, object, why)) {
        a->status = object ? 422 : 409;
        return false;
    }
    if ((kind == OBJECT_OPERATOR && !keeps_administrator(a, key, object, why)) ||
        !ask_object_fits_console(a, kind, key, object, why))
        return false;
    char *json = object ? json_dumps(object, JSON_COMPACT) : NULL;
    bool ok = commit(a, kind, key, object, json, why) && directory_apply(q->directory, kind, key, object, why);
    if (ok)
        ask_object_tell(q, kind, key, json);
    free(json);
    return ok;
}

/* Normal form: every field, checked, its key from itself. */
static json_t *normal(enum object_kind kind, const char *key, const json_t *given, struct fault *why)
{
    struct arena *arena = arena_new();
    const void *object = object_from_json(kind, given, arena, why);
    json_t *json = NULL;
    if (object && !text_equal_nocase(object_key(kind, object), key))
        fault_set(why, FAULT_REJECT, "object.invalid", "the %s is called %s in the request and %s inside",
                  object_kind_name(kind), key, object_key(kind, object));
    else if (object)
        json = object_to_json(kind, object);
    arena_free(arena);
    return json;
}

static bool put(struct ask *a, enum object_kind kind, const char *key, const json_t *given, struct fault *why)
{
    json_t *object = normal(kind, key, given, why);
    if (!object) {
        a->status = 422;
        return false;
    }
    bool ok = change(a, kind, key, object, why);
    if (ok)
        a->out = ask_object_shown(a->q, kind, directory_find(a->q->directory, kind, key));
    json_decref(object);
    return ok;
}

/* Its key need not stand in it: the request has it already, and who is there keeps the spelling of the name. Given. */
static json_t *with_key(struct ask *a, enum object_kind kind, const void *old, json_t *given)
{
    const char *name = object_key_name(kind);
    json_t *object = json_copy(given);
    if (!json_object_get(object, name))
        json_object_set_new(object, name, json_string(old ? object_key(kind, old) : ask_text(a, "key")));
    return object;
}

bool ask_object_put(struct ask *a, struct fault *why)
{
    enum object_kind kind;
    char key[KEY_SIZE];
    if (!target(a, &kind, key, why))
        return false;
    json_t *given = json_object_get(a->in, "object");
    const void *old = directory_find(a->q->directory, kind, key);
    bool is_there = old != NULL;
    if (!json_is_object(given))
        return refuse(a, why, 400, "api.object", "the request holds no %s", object_kind_name(kind));
    if (is_there && json_is_true(json_object_get(a->in, "is_new")))
        return refuse(a, why, 409, "object.exists", "there is a %s %s already; change it with \"set\"",
                      object_kind_name(kind), key);
    if (!is_as_seen(a, kind, key, old, why))
        return false;
    json_t *object = with_key(a, kind, old, given);
    bool ok = put(a, kind, key, object, why);
    json_decref(object);
    if (ok)
        a->status = is_there ? 200 : 201;
    return ok;
}

/* `null` gives the default back: the field is left out and read anew. */
static json_t *merged(json_t *object, json_t *changes)
{
    const char *name;
    json_t *value;
    json_object_foreach(changes, name, value)
    {
        json_t *old = json_object_get(object, name);
        if (json_is_null(value))
            json_object_del(object, name);
        else if (json_is_object(value) && json_is_object(old))
            merged(old, value);
        else
            json_object_set(object, name, value);
    }
    return object;
}

bool ask_object_patch(struct ask *a, struct fault *why)
{
    enum object_kind kind;
    char key[KEY_SIZE];
    const void *object;
    if (!find(a, &kind, key, &object, why))
        return false;
    if (!is_as_seen(a, kind, key, object, why))
        return false;
    json_t *changes = json_object_get(a->in, "changes");
    if (!json_is_object(changes))
        return refuse(a, why, 400, "api.object", "the request holds no changes for the %s %s", object_kind_name(kind),
                      key);
    json_t *next = merged(object_to_json(kind, object), changes);
    bool ok = put(a, kind, key, next, why);
    json_decref(next);
    return ok;
}

bool ask_object_has_no_mail(struct ask *a, const char *address, struct fault *why)
{
    size_t queued = lane_of(a->q, address)->queued;
    if (queued == 0)
        return true;
    a->status = 409;
    return fault_set(why, FAULT_REJECT, "object.has-mail",
                     "%zu messages still wait in the mailbox %s: let them go out, or remove them first"
                     " (postern queue list --mailbox %s, postern queue remove ID...)",
                     queued, address, address);
}

bool ask_object_remove(struct ask *a, struct fault *why)
{
    enum object_kind kind;
    char key[KEY_SIZE];
    const void *object;
    if (!find(a, &kind, key, &object, why) || !is_as_seen(a, kind, key, object, why) ||
        (kind == OBJECT_MAILBOX && !ask_object_has_no_mail(a, key, why)))
        return false;
    if (kind == OBJECT_PROVIDER && ((const struct provider *)object)->is_builtin)
        return refuse(a, why, 409, "object.builtin", "the %s %s is built in and can't be removed",
                      object_kind_name(kind), key);
    if (!change(a, kind, key, NULL, why))
        return false;
    a->out = json_object();
    a->status = 204;
    return true;
}

/* --- at start, and for peers --- */

static bool load_one(void *ctx, uint32_t kind, const char *key, const char *json)
{
    struct queue *q = ctx;
    struct fault why = { 0 };
    json_error_t error;
    json_t *object = kind < OBJECT_KINDS ? json_loads(json, 0, &error) : NULL;
    if (!object)
        fault_set(&why, FAULT_LOCAL, "store.corrupt", "it is not JSON");
    if (!object || !directory_apply(q->directory, (enum object_kind)kind, key, object, &why))
        log_error("object.unreadable", LOG_UNSIGNED("kind", kind), LOG_TEXT("key", key), LOG_FAULT(&why));
    json_decref(object);
    return true;
}

void ask_objects_load(struct queue *q)
{
    struct fault why = { 0 };
    if (!store_object_each(q->store, load_one, q, &why))
        log_error("object.unreadable", LOG_FAULT(&why));
}

struct telling {
    queue_object_fn *each;
    void *ctx;
};

static bool tell_one(void *ctx, uint32_t kind, const char *key, const char *json)
{
    struct telling *t = ctx;
    struct directory_object o = { .kind = kind, .key = key, .json = json };
    t->each(t->ctx, &o);
    return true;
}

void queue_objects_each(struct queue *q, queue_object_fn *each, void *ctx)
{
    struct telling t = { each, ctx };
    struct fault why = { 0 };
    if (!store_object_each(q->store, tell_one, &t, &why))
        log_error("object.unreadable", LOG_FAULT(&why));
}

uint64_t queue_objects_version(struct queue *q)
{
    return store_object_version(q->store);
}
