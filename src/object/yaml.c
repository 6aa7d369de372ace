/* object/yaml.c - a YAML document as JSON. Plain words become numbers, booleans and null as YAML 1.2's core schema has it;
 * whatever is quoted stays text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"
#include "object/object.h"

/* An alias may name one node many times over: what counts is how much comes out. */
#define NODES_MOST 20000
#define DEPTH_MOST 16

struct walk {
    yaml_document_t *document;
    struct fault *why;
    unsigned nodes, depth;
};

static bool refuse_at(struct fault *why, const yaml_mark_t *mark, const char *what)
{
    return fault_set(why, FAULT_CONFIG, "yaml.syntax", "line %zu, column %zu: %s", mark->line + 1, mark->column + 1,
                     what);
}

static json_t *json_of_plain(const char *text)
{
    if (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0)
        return json_null();
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return json_boolean(*text == 't');
    uint64_t number = 0;
    bool is_canonical = text[0] != '0' || !text[1]; /* "007" is somebody's name, not seven */
    if (is_canonical && text_to_u64(text, INT64_MAX, &number))
        return json_integer((json_int_t)number);
    return json_string(text);
}

static json_t *json_of_scalar(struct walk *w, const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        refuse_at(w->why, &node->start_mark, "a NUL has no place in a text");
        return NULL;
    }
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? json_of_plain(text) : json_string(text);
}

static json_t *json_of_node(struct walk *w, int number);

static json_t *json_of_sequence(struct walk *w, const yaml_node_t *node)
{
    json_t *list = json_array();
    for (const yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
        json_t *item = json_of_node(w, *i);
        if (!item) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, item);
    }
    return list;
}

static bool add_pair(struct walk *w, json_t *object, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(w->document, pair->key);
    if (!key || key->type != YAML_SCALAR_NODE)
        return refuse_at(w->why, key ? &key->start_mark : &(yaml_mark_t){ 0 }, "a setting's name must be a word");
    const char *name = (const char *)key->data.scalar.value;
    if (json_object_get(object, name))
        return refuse_at(w->why, &key->start_mark, "this setting was already given above");
    json_t *value = json_of_node(w, pair->value);
    return value && json_object_set_new(object, name, value) == 0;
}

static json_t *json_of_mapping(struct walk *w, const yaml_node_t *node)
{
    json_t *object = json_object();
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        if (!add_pair(w, object, p)) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *json_of_node(struct walk *w, int number)
{
    const yaml_node_t *node = yaml_document_get_node(w->document, number);
    json_t *json = NULL;
    if (!node || ++w->nodes > NODES_MOST || w->depth >= DEPTH_MOST) {
        refuse_at(w->why, node ? &node->start_mark : &(yaml_mark_t){ 0 }, "this is too large or too deep");
        return NULL;
    }
    w->depth++;
    if (node->type == YAML_SCALAR_NODE)
        json = json_of_scalar(w, node);
    else if (node->type == YAML_SEQUENCE_NODE)
        json = json_of_sequence(w, node);
    else if (node->type == YAML_MAPPING_NODE)
        json = json_of_mapping(w, node);
    w->depth--;
    return json;
}

static json_t *json_of_document(yaml_parser_t *parser, struct fault *why)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document)) {
        refuse_at(why, &parser->problem_mark, parser->problem ? parser->problem : "this is not YAML");
        return NULL;
    }
    struct walk w = { .document = &document, .why = why };
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    json_t *json = root ? json_of_node(&w, 1) : NULL;
    if (!root)
        fault_set(why, FAULT_CONFIG, "yaml.syntax", "line 1, column 1: there is nothing in it");
    yaml_document_delete(&document);
    return json;
}

json_t *object_json_from_yaml(struct bytes text, struct fault *why)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        abort(); /* only for want of memory */
    yaml_parser_set_input_string(&parser, text.data, text.size);
    json_t *json = json_of_document(&parser, why);
    yaml_parser_delete(&parser);
    return json;
}
