/* object/read.c - JSON into a struct, by the table of its kind. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"
#include "object/fields.h"

#define PATH_SIZE 96

struct reading {
    struct arena *arena;
    struct fault *why;
    char path[PATH_SIZE]; /* "smtp." while in that group */
};

static bool refuse(struct reading *r, const struct field *f, const char *what)
{
    return fault_set(r->why, FAULT_CONFIG, "object.invalid", "%s%s must be %s", r->path, f->key, what);
}

/* YAML files write "recipients-per-day", JSON "recipients_per_day". */
static bool key_equal(const char *written, const char *key)
{
    for (; *written && *key; written++, key++) {
        if (*written != *key && !(*written == '-' && *key == '_'))
            return false;
    }
    return *written == *key;
}

static const struct field *field_find(const struct field *fields, const char *key)
{
    for (; fields->key; fields++) {
        if (key_equal(key, fields->key))
            return fields;
    }
    return NULL;
}

static bool refuse_unknown(struct reading *r, const struct field *fields, const char *key)
{
    struct nearest near;
    nearest_init(&near, key);
    for (const struct field *f = fields; f->key; f++)
        nearest_offer(&near, f->key);
    char shown[64];
    text_sanitize(bytes_of(key), shown, sizeof shown - 1);
    if (near.best)
        return fault_set(r->why, FAULT_CONFIG, "object.invalid", "%s%s is not known here; did you mean %s%s?", r->path,
                         shown, r->path, near.best);
    return fault_set(r->why, FAULT_CONFIG, "object.invalid", "%s%s is not known here", r->path, shown);
}

/* A YAML file's bare number is meant as text where text is wanted: "tenant: 4711". */
static const char *text_of(struct reading *r, const json_t *value)
{
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        return json_string_value(value);
    if (json_is_integer(value))
        return arena_printf(r->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return NULL;
}

static char *lowered(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *at = copy; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    return copy;
}

static const char *read_one_text(struct reading *r, const struct field *f, const json_t *value)
{
    const char *text = text_of(r, value);
    bool may_be_empty = f->type == FIELD_TEXT && !f->is_required;
    if (text && !*text && may_be_empty)
        return "";
    if (!text || strlen(text) > f->rule->max || !f->rule->is_valid(text)) {
        refuse(r, f, f->rule->what);
        return NULL;
    }
    return f->is_lower ? lowered(r->arena, text) : arena_strdup(r->arena, text);
}

static bool read_text(struct reading *r, const struct field *f, const json_t *value, void *into)
{
    const char *text = read_one_text(r, f, value);
    if (text)
        *(const char **)into = text;
    return text != NULL;
}

static bool read_texts(struct reading *r, const struct field *f, const json_t *value, const char ***into, size_t *count)
{
    size_t size = json_array_size(value);
    if (json_is_string(value) && *json_string_value(value))
        size = 1; /* one value needs no brackets */
    else if (!json_is_array(value))
        return refuse(r, f, "a list");
    if (size > OBJECT_LIST_MOST)
        return fault_set(r->why, FAULT_CONFIG, "object.invalid", "%s%s has more than %d entries", r->path, f->key,
                         OBJECT_LIST_MOST);
    if (!size && f->is_required)
        return fault_set(r->why, FAULT_CONFIG, "object.invalid", "%s%s needs at least one entry", r->path, f->key);
    const char **list = arena_array(r->arena, size ? size : 1, sizeof *list);
    for (size_t i = 0; i < size; i++) {
        list[i] = read_one_text(r, f, json_is_array(value) ? json_array_get(value, i) : value);
        if (!list[i])
            return false;
    }
    *into = list;
    *count = size;
    return true;
}

static bool read_count(struct reading *r, const struct field *f, const json_t *value, uint32_t *into)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || number > (json_int_t)f->max)
        return fault_set(r->why, FAULT_CONFIG, "object.invalid", "%s%s must be a whole number from 0 to %u", r->path,
                         f->key, f->max);
    *into = (uint32_t)number;
    return true;
}

static bool refuse_choice(struct reading *r, const struct field *f)
{
    char names[160] = "";
    for (const struct choice *c = f->choices; c->name; c++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", c->name);
    }
    return fault_set(r->why, FAULT_CONFIG, "object.invalid", "%s%s must be one of: %s", r->path, f->key, names);
}

static const struct choice *choice_find(const struct choice *choices, const json_t *value)
{
    for (; json_is_string(value) && choices->name; choices++) {
        if (text_equal_nocase(choices->name, json_string_value(value)))
            return choices;
    }
    return NULL;
}

static bool read_choice(struct reading *r, const struct field *f, const json_t *value, unsigned *into)
{
    const struct choice *c = choice_find(f->choices, value);
    if (!c)
        return refuse_choice(r, f);
    *into = c->value;
    return true;
}

static bool read_set(struct reading *r, const struct field *f, const json_t *value, uint32_t *into)
{
    if (!json_is_array(value))
        return refuse(r, f, "a list");
    uint32_t set = 0;
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item)
    {
        const struct choice *c = choice_find(f->choices, item);
        if (!c)
            return refuse_choice(r, f);
        set |= c->value;
    }
    *into = set;
    return true;
}

static bool read_flag(struct reading *r, const struct field *f, const json_t *value, bool *into)
{
    if (!json_is_boolean(value))
        return refuse(r, f, "true or false");
    *into = json_is_true(value);
    return true;
}

static bool read_fields(struct reading *r, const struct field *fields, const json_t *json, char *base);

static bool read_group(struct reading *r, const struct field *f, const json_t *value, char *base)
{
    if (!json_is_object(value))
        return refuse(r, f, "a group of settings");
    char outer[PATH_SIZE];
    memcpy(outer, r->path, sizeof outer);
    snprintf(r->path, sizeof r->path, "%.60s%s.", outer, f->key);
    bool is_good = read_fields(r, f->group, value, base);
    memcpy(r->path, outer, sizeof outer);
    return is_good;
}

static bool read_field(struct reading *r, const struct field *f, const json_t *value, char *base)
{
    void *into = base + f->offset;
    switch (f->type) {
    case FIELD_TEXT:
        return read_text(r, f, value, into);
    case FIELD_TEXTS:
        return read_texts(r, f, value, into, (size_t *)(void *)(base + f->count_offset));
    case FIELD_COUNT:
        return read_count(r, f, value, into);
    case FIELD_FLAG:
        return read_flag(r, f, value, into);
    case FIELD_CHOICE:
        return read_choice(r, f, value, into);
    case FIELD_SET:
        return read_set(r, f, value, into);
    case FIELD_GROUP:
        return read_group(r, f, value, into);
    }
    return false;
}

static bool read_fields(struct reading *r, const struct field *fields, const json_t *json, char *base)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)json, key, value) /* jansson's iteration lacks a const form */
    {
        const struct field *f = field_find(fields, key);
        if (!f)
            return refuse_unknown(r, fields, key);
        if (f->is_read_only || json_is_null(value)) /* null gives the default back */
            continue;
        if (!read_field(r, f, value, base))
            return false;
    }
    for (const struct field *f = fields; f->key; f++) {
        bool is_there = f->type == FIELD_TEXTS  ? *(size_t *)(void *)(base + f->count_offset) > 0
                        : f->type == FIELD_TEXT ? **(const char **)(void *)(base + f->offset) != '\0'
                        : f->type == FIELD_SET  ? *(uint32_t *)(void *)(base + f->offset) != 0
                                                : true;
        if (f->is_required && !is_there)
            return fault_set(r->why, FAULT_CONFIG, "object.invalid", "%s%s is missing: %s", r->path, f->key, f->help);
    }
    return true;
}

/* Texts are never NULL, flags start as their row says; everything else is zero. */
static void fill_defaults(const struct field *fields, char *base)
{
    for (const struct field *f = fields; f->key; f++) {
        if (f->type == FIELD_TEXT)
            *(const char **)(void *)(base + f->offset) = "";
        else if (f->type == FIELD_FLAG)
            *(bool *)(base + f->offset) = f->initial;
        else if (f->type == FIELD_GROUP)
            fill_defaults(f->group, base + f->offset);
    }
}

void *object_from_json(enum object_kind kind, const json_t *json, struct arena *arena, struct fault *why)
{
    const struct object_table *table = &object_tables[kind];
    struct reading r = { .arena = arena, .why = why };
    if (!json_is_object(json)) {
        fault_set(why, FAULT_CONFIG, "object.invalid", "a %s must be a group of settings", table->name);
        return NULL;
    }
    void *object = arena_alloc(arena, table->size);
    fill_defaults(table->fields, object);
    if (!read_fields(&r, table->fields, json, object) || (table->check && !table->check(object, why)))
        return NULL;
    return object;
}

const char *object_key_name(enum object_kind kind)
{
    return object_tables[kind].fields->key;
}

const char *object_key(enum object_kind kind, const void *object)
{
    const struct field *key = object_tables[kind].fields;
    return *(const char *const *)(const void *)((const char *)object + key->offset);
}
