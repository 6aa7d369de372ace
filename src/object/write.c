/* object/write.c - a struct into JSON, by the table of its kind; names of kinds and values. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "object/fields.h"

static json_t *json_of_texts(const char **texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *json_of_set(const struct choice *choices, uint32_t set)
{
    json_t *list = json_array();
    for (; choices->name; choices++) {
        if (set & choices->value)
            json_array_append_new(list, json_string(choices->name));
    }
    return list;
}

static json_t *json_of_choice(const struct choice *choices, unsigned value)
{
    while (choices->name && choices->value != value)
        choices++;
    return json_string(choices->name ? choices->name : "");
}

static json_t *json_of_fields(const struct field *fields, const char *base);

static json_t *json_of_field(const struct field *f, const char *base)
{
    const void *at = base + f->offset;
    switch (f->type) {
    case FIELD_TEXT:
        return json_string(*(const char *const *)at);
    case FIELD_TEXTS:
        return json_of_texts(*(const char ***)(void *)(uintptr_t)at,
                             *(const size_t *)(const void *)(base + f->count_offset));
    case FIELD_COUNT:
        return json_integer(*(const uint32_t *)at);
    case FIELD_FLAG:
        return json_boolean(*(const bool *)at);
    case FIELD_CHOICE:
        return json_of_choice(f->choices, *(const unsigned *)at);
    case FIELD_SET:
        return json_of_set(f->choices, *(const uint32_t *)at);
    case FIELD_GROUP:
        return json_of_fields(f->group, at);
    }
    return json_null();
}

static json_t *json_of_fields(const struct field *fields, const char *base)
{
    json_t *object = json_object();
    for (const struct field *f = fields; f->key; f++)
        json_object_set_new(object, f->key, json_of_field(f, base));
    return object;
}

/* What an absent field is read as. */
static bool is_initial(const struct field *f, const char *base)
{
    const void *at = base + f->offset;
    switch (f->type) {
    case FIELD_TEXT:
        return **(const char *const *)at == '\0';
    case FIELD_TEXTS:
        return *(const size_t *)(const void *)(base + f->count_offset) == 0;
    case FIELD_FLAG:
        return *(const bool *)at == f->initial;
    case FIELD_COUNT:
    case FIELD_SET:
        return *(const uint32_t *)at == 0;
    case FIELD_CHOICE:
        return *(const unsigned *)at == 0;
    case FIELD_GROUP:
        return false;
    }
    return false;
}

static json_t *short_json_of_fields(const struct field *fields, const char *base)
{
    json_t *object = json_object();
    for (const struct field *f = fields; f->key; f++) {
        if (f->is_read_only || is_initial(f, base))
            continue;
        json_t *value = f->type == FIELD_GROUP ? short_json_of_fields(f->group, base + f->offset)
                                               : json_of_field(f, base);
        if (f->type != FIELD_GROUP || json_object_size(value) > 0)
            json_object_set(object, f->key, value);
        json_decref(value);
    }
    return object;
}

json_t *object_to_short_json(enum object_kind kind, const void *object)
{
    return short_json_of_fields(object_tables[kind].fields, object);
}

json_t *object_to_json(enum object_kind kind, const void *object)
{
    return json_of_fields(object_tables[kind].fields, object);
}

/* FNV-1a: two states meet by chance once in 2^64, and whoever may change objects has nothing to gain by it. */
struct object_etag object_etag_of_json(const json_t *json)
{
    struct object_etag etag;
    uint64_t hash = 0xcbf29ce484222325u;
    char *text = json_dumps(json, JSON_COMPACT);
    for (const char *at = text ? text : ""; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    snprintf(etag.text, sizeof etag.text, "%016llx", (unsigned long long)hash);
    free(text);
    return etag;
}

struct object_etag object_etag(enum object_kind kind, const void *object)
{
    json_t *json = object_to_json(kind, object);
    struct object_etag etag = object_etag_of_json(json);
    json_decref(json);
    return etag;
}

const char *object_kind_name(enum object_kind kind)
{
    return object_tables[kind].name;
}

const char *object_kind_plural(enum object_kind kind)
{
    return object_tables[kind].plural;
}

bool object_kind_from_name(const char *name, enum object_kind *kind)
{
    for (unsigned k = 0; k < OBJECT_KINDS; k++) {
        if (text_equal(name, object_tables[k].name) || text_equal(name, object_tables[k].plural)) {
            *kind = (enum object_kind)k;
            return true;
        }
    }
    return false;
}

static const char *type_of(const struct field *f)
{
    static const char *const names[] = {
        [FIELD_TEXT] = "text",     [FIELD_TEXTS] = "list", [FIELD_COUNT] = "number", [FIELD_FLAG] = "true or false",
        [FIELD_CHOICE] = "choice", [FIELD_SET] = "list",   [FIELD_GROUP] = "group",
    };
    return names[f->type];
}

static bool each_of(const struct field *fields, const char *path, object_field_fn *each, void *ctx)
{
    for (const struct field *f = fields; f->key; f++) {
        char key[128], range[160] = "";
        snprintf(key, sizeof key, "%s%s%s", path, *path ? "." : "", f->key);
        if (f->type == FIELD_GROUP) {
            if (!each_of(f->group, key, each, ctx))
                return false;
            continue;
        }
        if (f->rule)
            snprintf(range, sizeof range, "%s", f->rule->what);
        else if (f->type == FIELD_COUNT)
            snprintf(range, sizeof range, "0 to %u", f->max);
        for (const struct choice *c = f->choices; c && c->name; c++)
            snprintf(range + strlen(range), sizeof range - strlen(range), "%s%s", *range ? ", " : "", c->name);
        const struct object_field shown = { key, type_of(f), range, f->is_required, f->is_read_only, f->help };
        if (!each(ctx, &shown))
            return false;
    }
    return true;
}

void object_each_field(enum object_kind kind, object_field_fn *each, void *ctx)
{
    each_of(object_tables[kind].fields, "", each, ctx);
}
