/* object/schema.c - the table of a kind as JSON Schema, for programs that write or read objects. */
#include <stdio.h>

#include "object/fields.h"

/* "Name of the app. It is a name of letters, ..." */
static json_t *described(json_t *schema, const struct field *f)
{
    char text[400];
    if (f->rule)
        snprintf(text, sizeof text, "%s It is %s.", f->help, f->rule->what);
    json_object_set_new(schema, "description", json_string(f->rule ? text : f->help));
    return schema;
}

static json_t *names_of(const struct choice *choices)
{
    json_t *names = json_array();
    for (; choices->name; choices++)
        json_array_append_new(names, json_string(choices->name));
    return names;
}

static json_t *text_schema(const struct text_rule *rule)
{
    return json_pack("{s:s, s:I, s:[s]}", "type", "string", "maxLength", (json_int_t)rule->max, "examples",
                     rule->example);
}

static json_t *object_of_fields(const struct field *fields, enum object_schema use);

static json_t *schema_of(const struct field *f, enum object_schema use)
{
    switch (f->type) {
    case FIELD_TEXT:
        return text_schema(f->rule);
    case FIELD_TEXTS:
        return json_pack("{s:s, s:i, s:o}", "type", "array", "maxItems", OBJECT_LIST_MOST, "items",
                         text_schema(f->rule));
    case FIELD_COUNT:
        return json_pack("{s:s, s:i, s:I}", "type", "integer", "minimum", 0, "maximum", (json_int_t)f->max);
    case FIELD_FLAG:
        return json_pack("{s:s, s:b}", "type", "boolean", "default", (int)f->initial);
    case FIELD_CHOICE:
        return json_pack("{s:s, s:o, s:s}", "type", "string", "enum", names_of(f->choices), "default",
                         f->choices[0].name);
    case FIELD_SET:
        return json_pack("{s:s, s:{s:s, s:o}}", "type", "array", "items", "type", "string", "enum",
                         names_of(f->choices));
    case FIELD_GROUP:
        return object_of_fields(f->group, use);
    }
    return json_object();
}

/* Null gives the default back. */
static void let_be_null(json_t *schema)
{
    json_t *names = json_object_get(schema, "enum");
    json_object_set_new(schema, "type", json_pack("[O, s]", json_object_get(schema, "type"), "null"));
    if (names)
        json_array_append_new(names, json_null());
}

static json_t *property_of(const struct field *f, enum object_schema use)
{
    json_t *schema = described(schema_of(f, use), f);
    if (f->is_required && (f->type == FIELD_TEXTS || f->type == FIELD_SET))
        json_object_set_new(schema, "minItems", json_integer(1));
    if (f->is_required && f->type == FIELD_TEXT)
        json_object_set_new(schema, "minLength", json_integer(1));
    if (f->is_read_only)
        json_object_set_new(schema, "readOnly", json_true());
    if (use != OBJECT_SCHEMA_SHOWN && !f->is_required)
        let_be_null(schema);
    return schema;
}

static json_t *object_of_fields(const struct field *fields, enum object_schema use)
{
    json_t *properties = json_object(), *required = json_array();
    for (const struct field *f = fields; f->key; f++) {
        json_object_set_new(properties, f->key, property_of(f, use));
        if (use == OBJECT_SCHEMA_SHOWN || (use == OBJECT_SCHEMA_PUT && f->is_required))
            json_array_append_new(required, json_string(f->key));
    }
    return json_pack("{s:s, s:o, s:b, s:o}", "type", "object", "required", required, "additionalProperties", 0,
                     "properties", properties);
}

json_t *object_schema(enum object_kind kind, enum object_schema use)
{
    json_t *schema = object_of_fields(object_tables[kind].fields, use);
    if (use == OBJECT_SCHEMA_PUT)
        json_array_remove(json_object_get(schema, "required"), 0); /* the key, which stands first */
    return schema;
}
