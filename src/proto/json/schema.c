#include "proto/json/schema.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"

#define REFERENCES_MOST 8 /* one after the other */
#define NAME_SHOWN 120

struct fitting {
    const json_t *document;
    struct json_misfit *misfit;
    size_t pointer_size;
};

static bool fits(struct fitting *f, const json_t *schema, const json_t *value);

const json_t *json_schema_resolve(const json_t *document, const json_t *schema)
{
    for (unsigned i = 0; schema && i < REFERENCES_MOST; i++) {
        const char *at = json_string_value(json_object_get(schema, "$ref"));
        if (!at)
            return schema;
        assert(strncmp(at, "#/", 2) == 0);
        schema = document;
        for (at += 2; schema && *at; at += at[0] == '/') {
            size_t size = strcspn(at, "/");
            schema = json_object_getn(schema, at, size);
            at += size;
        }
    }
    return NULL;
}

/* ---- words ---- */

__attribute__((format(printf, 2, 3))) static bool misfit(struct fitting *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(f->misfit->text, sizeof f->misfit->text, format, args);
    va_end(args);
    return false;
}

static void point(struct fitting *f, char c)
{
    if (f->pointer_size + 1 < sizeof f->misfit->pointer)
        f->misfit->pointer[f->pointer_size++] = c;
    f->misfit->pointer[f->pointer_size] = '\0';
}

static void point_to(struct fitting *f, const char *name)
{
    char shown[NAME_SHOWN];
    text_sanitize(bytes_of(name), shown, sizeof shown);
    point(f, '/');
    for (const char *at = shown; *at; at++) {
        if (*at == '~' || *at == '/')
            point(f, '~');
        point(f, *at == '~' ? '0' : *at == '/' ? '1' : *at);
    }
}

static void point_back(struct fitting *f, size_t size)
{
    f->pointer_size = size;
    f->misfit->pointer[size] = '\0';
}

/* ---- kinds of values ---- */

static const struct {
    const char *name, *shown;
} types[] = {
    { "string", "a text" }, { "integer", "a whole number" }, { "number", "a number" }, { "boolean", "true or false" },
    { "array", "a list" },  { "object", "an object" },       { "null", "null" },
};

static bool is_of_type(const json_t *value, const char *name)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return strcmp(name, "string") == 0;
    case JSON_INTEGER:
        return strcmp(name, "integer") == 0 || strcmp(name, "number") == 0;
    case JSON_REAL:
        return strcmp(name, "number") == 0;
    case JSON_TRUE:
    case JSON_FALSE:
        return strcmp(name, "boolean") == 0;
    case JSON_ARRAY:
        return strcmp(name, "array") == 0;
    case JSON_OBJECT:
        return strcmp(name, "object") == 0;
    case JSON_NULL:
        return strcmp(name, "null") == 0;
    }
    return false;
}

static const char *shown_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].shown;
    return name;
}

/* The first name of a list says what is wanted; the rest is null. */
static bool fits_type(struct fitting *f, const json_t *type, const json_t *value)
{
    const json_t *name;
    size_t i;
    if (json_is_string(type))
        return is_of_type(value, json_string_value(type)) ||
               misfit(f, "it must be %s", shown_type(json_string_value(type)));
    json_array_foreach(type, i, name)
    {
        if (is_of_type(value, json_string_value(name)))
            return true;
    }
    return misfit(f, "it must be %s", shown_type(json_string_value(json_array_get(type, 0))));
}

static bool fits_enum(struct fitting *f, const json_t *names, const json_t *value)
{
    char all[200] = "";
    const json_t *name;
    size_t i;
    json_array_foreach(names, i, name)
    {
        size_t used = strlen(all);
        const char *text = json_string_value(name);
        if (json_equal(name, value))
            return true;
        if (text && *text)
            snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", text);
    }
    return misfit(f, "it must be one of: %s", all);
}

/* ---- sizes ---- */

static json_int_t characters(const json_t *text)
{
    json_int_t count = 0;
    for (size_t i = 0; i < json_string_length(text); i++)
        count += ((unsigned char)json_string_value(text)[i] & 0xc0) != 0x80;
    return count;
}

static bool is_below(const json_t *schema, const char *word, json_int_t size)
{
    const json_t *bound = json_object_get(schema, word);
    return bound && size < json_integer_value(bound);
}

static bool is_above(const json_t *schema, const char *word, json_int_t size)
{
    const json_t *bound = json_object_get(schema, word);
    return bound && size > json_integer_value(bound);
}

static bool fits_range(struct fitting *f, const json_t *schema, json_int_t value)
{
    const json_t *least = json_object_get(schema, "minimum"), *most = json_object_get(schema, "maximum");
    if (!is_below(schema, "minimum", value) && !is_above(schema, "maximum", value))
        return true;
    if (!most)
        return misfit(f, "it must be a whole number from %lld on", (long long)json_integer_value(least));
    return misfit(f, "it must be a whole number from %lld to %lld", (long long)json_integer_value(least),
                  (long long)json_integer_value(most));
}

static bool fits_size(struct fitting *f, const json_t *schema, const json_t *value)
{
    if (json_is_string(value) && is_below(schema, "minLength", characters(value)))
        return misfit(f, "it must not be empty");
    if (json_is_string(value) && is_above(schema, "maxLength", characters(value)))
        return misfit(f, "it may have %lld characters at most",
                      (long long)json_integer_value(json_object_get(schema, "maxLength")));
    if (json_is_array(value) && is_below(schema, "minItems", (json_int_t)json_array_size(value)))
        return misfit(f, "it needs at least one entry");
    if (json_is_array(value) && is_above(schema, "maxItems", (json_int_t)json_array_size(value)))
        return misfit(f, "it may have %lld entries at most",
                      (long long)json_integer_value(json_object_get(schema, "maxItems")));
    return !json_is_integer(value) || fits_range(f, schema, json_integer_value(value));
}

/* ---- what is within ---- */

static bool unknown(struct fitting *f, const json_t *properties, const char *name)
{
    struct nearest n;
    const char *known;
    json_t *schema;
    nearest_init(&n, name);
    json_object_foreach((json_t *)(uintptr_t)properties, known, schema) nearest_offer(&n, known);
    if (n.best)
        return misfit(f, "there is no such field; did you mean \"%s\"?", n.best);
    return misfit(f, "there is no such field");
}

static bool fits_member(struct fitting *f, const json_t *schema, const char *name, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties"), *own = json_object_get(properties, name);
    const json_t *others = json_object_get(schema, "additionalProperties");
    size_t size = f->pointer_size;
    point_to(f, name);
    if (!own && json_is_false(others))
        return unknown(f, properties, name);
    if (!fits(f, own ? own : others, value))
        return false;
    point_back(f, size);
    return true;
}

static bool fits_object(struct fitting *f, const json_t *schema, const json_t *value)
{
    const char *name;
    const json_t *wanted;
    json_t *member;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        if (!fits_member(f, schema, name, member))
            return false;
    }
    json_array_foreach(json_object_get(schema, "required"), i, wanted)
    {
        if (json_object_get(value, json_string_value(wanted)))
            continue;
        point_to(f, json_string_value(wanted));
        return misfit(f, "it is missing");
    }
    return true;
}

static bool fits_items(struct fitting *f, const json_t *schema, const json_t *value)
{
    const json_t *items = json_object_get(schema, "items"), *item;
    char number[24];
    size_t i, size = f->pointer_size;
    json_array_foreach(value, i, item)
    {
        snprintf(number, sizeof number, "%zu", i);
        point_to(f, number);
        if (!fits(f, items, item))
            return false;
        point_back(f, size);
    }
    return true;
}

/* The last one's words are as good as any. */
static bool fits_any(struct fitting *f, const json_t *schemas, const json_t *value)
{
    const json_t *schema;
    size_t i, size = f->pointer_size;
    json_array_foreach(schemas, i, schema)
    {
        point_back(f, size);
        if (fits(f, schema, value))
            return true;
    }
    return false;
}

static bool fits(struct fitting *f, const json_t *schema, const json_t *value)
{
    schema = json_schema_resolve(f->document, schema);
    const json_t *type = json_object_get(schema, "type"), *names = json_object_get(schema, "enum");
    const json_t *constant = json_object_get(schema, "const"), *any = json_object_get(schema, "anyOf");
    any = any ? any : json_object_get(schema, "oneOf");
    if (!schema || json_is_true(schema))
        return true;
    if ((type && !fits_type(f, type, value)) || (names && !fits_enum(f, names, value)) ||
        (any && !fits_any(f, any, value)))
        return false;
    if (constant && !json_equal(constant, value))
        return misfit(f, "it has another value than the one that is possible here");
    if (!fits_size(f, schema, value))
        return false;
    return json_is_object(value) ? fits_object(f, schema, value)
                                 : !json_is_array(value) || fits_items(f, schema, value);
}

bool json_schema_fits(const json_t *document, const json_t *schema, const json_t *value, struct json_misfit *out)
{
    struct fitting f = { .document = document, .misfit = out };
    *out = (struct json_misfit){ 0 };
    return fits(&f, schema, value);
}
