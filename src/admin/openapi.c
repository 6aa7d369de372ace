/* The document of this API (OpenAPI 3.1): what people wrote in openapi.yaml, made whole by what the program knows itself: the kinds of
 * objects and their fields, the right that a route needs, and the refusals that any request may meet. Requests are held against it
 * (contract.c), so that what it says is what is done. */
#include "admin/openapi.h"

#include <assert.h>
#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"
#include "proto/json/schema.h"

/* ---- what is there for each kind ---- */

struct words {
    const char *mark, *text;
};

static bool is_of_kinds(const char *name)
{
    return strstr(name, "{kind") || strstr(name, "{Kind}");
}

/* Given. */
static char *fill(const char *text, const struct words *words)
{
    struct buf out;
    buf_init(&out, 4096);
    while (*text) {
        const struct words *w = words;
        while (w->mark && strncmp(text, w->mark, strlen(w->mark)) != 0)
            w++;
        size_t size = w->mark ? strlen(w->mark) : 1 + strcspn(text + 1, "{");
        buf_add_bytes(&out, w->mark ? bytes_of(w->text) : (struct bytes){ (const uint8_t *)text, size });
        text += size;
    }
    char *filled = mem_strdup(buf_str(&out));
    buf_fini(&out);
    return filled;
}

static json_t *fill_all(const json_t *from, const struct words *words)
{
    json_t *to, *item;
    const char *name;
    size_t i;
    if (json_is_string(from)) {
        char *text = fill(json_string_value(from), words);
        to = json_string(text);
        free(text);
    } else if (json_is_array(from)) {
        to = json_array();
        json_array_foreach(from, i, item) json_array_append_new(to, fill_all(item, words));
    } else if (json_is_object(from)) {
        to = json_object();
        json_object_foreach((json_t *)(uintptr_t)from, name, item)
        {
            char *filled = fill(name, words);
            json_object_set_new(to, filled, fill_all(item, words));
            free(filled);
        }
    } else {
        to = json_deep_copy(from);
    }
    return to;
}

static void capitalise(enum object_kind kind, char out[32])
{
    snprintf(out, 32, "%s", object_kind_name(kind));
    out[0] = (char)toupper((unsigned char)out[0]);
}

static json_t *filled_for(const json_t *from, enum object_kind kind)
{
    char name[32];
    capitalise(kind, name);
    const struct words words[] = { { "{kinds}", object_kind_plural(kind) },
                                   { "{kind}", object_kind_name(kind) },
                                   { "{Kind}", name },
                                   { "{key}", object_key_name(kind) },
                                   { NULL, NULL } };
    return fill_all(from, words);
}

/* Members that are there for each kind take the place of the one that stood for all. */
static void repeat_for_kinds(json_t *object)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, name, value)
    {
        if (!is_of_kinds(name))
            continue;
        json_t *one = json_pack("{s:O}", name, value);
        for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
            json_t *made = filled_for(one, (enum object_kind)kind);
            json_object_update(object, made);
            json_decref(made);
        }
        json_object_del(object, name);
        json_decref(one);
    }
}

/* As it is shown: its fields, its mark where it stands in a list, and what was written of it beside them. */
static json_t *shown_schema(const json_t *schemas, const char *name, enum object_kind kind)
{
    json_t *schema = object_schema(kind, OBJECT_SCHEMA_SHOWN), *properties = json_object_get(schema, "properties");
    json_t *written = json_object_get(json_object_get(schemas, name), "properties");
    json_object_set_new(properties, "etag",
                        json_pack("{s:s, s:s}", "type", "string", "description",
                                  "In a list; an object by itself has it in the field ETag."));
    json_object_update(properties, written);
    return schema;
}

static void add_object_schemas(json_t *schemas)
{
    json_t *names = json_array();
    char name[32], longer[48];
    for (unsigned k = 0; k < OBJECT_KINDS; k++) {
        enum object_kind kind = (enum object_kind)k;
        capitalise(kind, name);
        json_object_set_new(schemas, name, shown_schema(schemas, name, kind));
        snprintf(longer, sizeof longer, "%sInput", name);
        json_object_set_new(schemas, longer, object_schema(kind, OBJECT_SCHEMA_PUT));
        snprintf(longer, sizeof longer, "%sChanges", name);
        json_object_set_new(schemas, longer, object_schema(kind, OBJECT_SCHEMA_CHANGES));
        json_array_append_new(names, json_string(object_kind_name(kind)));
    }
    json_object_set_new(schemas, "KindName", json_pack("{s:o}", "enum", names));
}

/* ---- operations ---- */

static void may_refuse(json_t *responses, const char *status)
{
    if (!json_object_get(responses, status))
        json_object_set_new(responses, status,
                            json_pack("{s:o}", "$ref", json_sprintf("#/components/responses/%s", status)));
}

/* Whoever sends a body may send a bad one, also where none is wanted. */
static void add_refusals(json_t *operation, bool is_change)
{
    static const char *const always[] = { "400", "401", "403", "421", "429", "503" };
    static const char *const of_bodies[] = { "413", "415", "422" };
    json_t *responses = json_object_get(operation, "responses");
    const char *more = json_string_value(json_object_get(operation, "x-refused"));
    char status[4];
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        may_refuse(responses, always[i]);
    for (size_t i = 0; is_change && i < sizeof of_bodies / sizeof *of_bodies; i++)
        may_refuse(responses, of_bodies[i]);
    for (; more && *more; more += strcspn(more, " "), more += strspn(more, " ")) {
        snprintf(status, sizeof status, "%.3s", more);
        may_refuse(responses, status);
    }
    json_object_del(operation, "x-refused");
}

/* An app is always limited to its mailboxes, so what speaks of all is not for it. */
static json_t *security_of(const struct admin_route *route)
{
    bool is_change = strcmp(route->method, "GET") != 0;
    json_t *ways = json_array();
    if (route->rights == RIGHT_NONE)
        return ways;
    json_array_append_new(ways,
                          is_change ? json_pack("{s:[], s:[]}", "session", "page") : json_pack("{s:[]}", "session"));
    json_array_append_new(ways, json_pack("{s:[]}", "key"));
    if ((route->rights & (RIGHT_SEND | RIGHT_INBOX)) && route->scope != SCOPE_ALL)
        json_array_append_new(ways, json_pack("{s:[]}", "app"));
    return ways;
}

/* What the body is held against; objects, documents and messages have readers of their own, which say more. */
static const json_t *body_of(const struct openapi *o, json_t *operation)
{
    const json_t *body = json_schema_resolve(o->document, json_object_get(operation, "requestBody"));
    const json_t *json = json_object_get(json_object_get(body, "content"), "application/json");
    bool is_handlers = text_equal(json_string_value(json_object_get(operation, "x-body")), "handler");
    json_object_del(operation, "x-body");
    return is_handlers ? NULL : body ? json_object_get(json, "schema") : o->nothing;
}

/* What is no method ("parameters") has no route. */
static void complete_operation(struct openapi *o, struct arena *arena, const char *path, const char *word,
                               json_t *operation)
{
    char method[16];
    const char *params[ADMIN_PARAMS];
    bool is_known = false;
    snprintf(method, sizeof method, "%s", word);
    for (char *at = method; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    const struct admin_route *route = route_find(method, path, arena, params, &is_known);
    if (!route)
        return;
    o->operations[route_number(route)] = operation;
    o->bodies[route_number(route)] = body_of(o, operation);
    json_object_set_new(operation, "x-postern-right", rights_json(route->rights));
    json_object_set_new(operation, "security", security_of(route));
    add_refusals(operation, contract_wants_body(method));
}

static void complete_paths(struct openapi *o)
{
    struct arena *arena = arena_new();
    const char *path, *method;
    json_t *item, *operation;
    json_object_foreach(json_object_get(o->document, "paths"), path, item)
    {
        json_object_foreach(item, method, operation) complete_operation(o, arena, path, method, operation);
    }
    arena_free(arena);
}

/* ---- the whole ---- */

static void seal(struct openapi *o)
{
    uint8_t sum[32];
    char hex[33];
    o->text = json_dumps(o->document, JSON_COMPACT | JSON_SORT_KEYS);
    EVP_Digest(o->text, strlen(o->text), sum, NULL, EVP_sha256(), NULL);
    hex_encode((struct bytes){ sum, 16 }, hex, sizeof hex);
    snprintf(o->etag, sizeof o->etag, "\"%s\"", hex);
}

struct openapi *openapi_new(void)
{
    struct openapi *o = mem_alloc(sizeof *o);
    struct fault why = { 0 };
    o->operations = mem_alloc(route_count() * sizeof *o->operations);
    o->bodies = mem_alloc(route_count() * sizeof *o->bodies);
    o->nothing = json_pack("{s:s, s:b}", "type", "object", "additionalProperties", 0);
    o->document = object_json_from_yaml(openapi_written, &why);
    assert(o->document);
    json_t *components = json_object_get(o->document, "components"), *schemas = json_object_get(components, "schemas");
    json_object_set_new(json_object_get(o->document, "info"), "version", json_string(POSTERN_VERSION));
    repeat_for_kinds(json_object_get(o->document, "paths"));
    repeat_for_kinds(json_object_get(components, "responses"));
    repeat_for_kinds(schemas);
    add_object_schemas(schemas);
    complete_paths(o);
    seal(o);
    return o;
}

void openapi_free(struct openapi *o)
{
    if (!o)
        return;
    json_decref(o->document);
    json_decref(o->nothing);
    free(o->operations);
    free(o->bodies);
    free(o->text);
    free(o);
}

const struct openapi *openapi_of(struct admin *a)
{
    if (!a->openapi)
        a->openapi = openapi_new();
    return a->openapi;
}

void openapi_get(struct request *r)
{
    const struct openapi *o = openapi_of(r->admin);
    request_add_header(r, "ETag", o->etag);
    request_add_header(r, "Cache-Control", "no-cache");
    if (etag_is_known(r, o->etag))
        respond_empty(r, 304);
    else
        respond_octets(r, bytes_of(o->text), "application/json");
}
