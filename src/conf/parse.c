/* conf/parse.c - a YAML document against the rows. Every mistake is told with its place; reading goes on after one, so that an
 * administrator sees all of them at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/nearest.h"
#include "base/text.h"
#include "conf/parse.h"
#include "net/addr.h"

#define INVALID "conf.invalid"
#define LISTENERS "listeners"
#define LISTENERS_MOST 64
#define NAME_SIZE 160

struct parse {
    yaml_document_t *document;
    const char *file;
    struct conf_base base;
    struct arena *arena;
    struct conf *conf;
    conf_mistake_fn *each;
    void *ctx;
    struct fault *why; /* holds the first mistake */
    unsigned mistakes;
};

static void tell(struct parse *p, struct fault *mistake)
{
    if (!p->mistakes++ && p->why)
        *p->why = *mistake;
    if (p->each)
        p->each(p->ctx, mistake);
}

static void tell_at(struct parse *p, const yaml_mark_t *mark, struct fault *mistake)
{
    fault_wrap(mistake, "%s:%zu:%zu", p->file, mark->line + 1, mark->column + 1);
    tell(p, mistake);
}

static const yaml_node_t *node_at(const struct parse *p, int number)
{
    return yaml_document_get_node(p->document, number);
}

/* The text of a word, or NULL. */
static const char *word_of(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

/* "key:" with nothing after it leaves the default. */
static bool is_nothing(const yaml_node_t *node)
{
    const char *word = word_of(node);
    return word && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*word || !strcmp(word, "~") || !strcmp(word, "null"));
}

static const struct conf_row *row_find(const struct conf_row *rows, const char *name)
{
    for (; rows->name; rows++) {
        if (strcmp(rows->name, name) == 0)
            return rows;
    }
    return NULL;
}

/* Does any row stand in the group that `prefix` ("queue.") names? */
static bool is_group(const struct conf_row *rows, const char *prefix)
{
    for (; *prefix && rows->name; rows++) {
        if (strncmp(rows->name, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

static void tell_unknown(struct parse *p, const struct conf_row *rows, const char *prefix, const yaml_node_t *key)
{
    struct nearest near;
    char parts[64][48], shown[64];
    size_t count = 0, skip = strlen(prefix);
    nearest_init(&near, word_of(key));
    for (; rows->name && count < 64; rows++) {
        if (strncmp(rows->name, prefix, skip) != 0)
            continue;
        snprintf(parts[count], sizeof parts[count], "%.*s", (int)strcspn(rows->name + skip, "."), rows->name + skip);
        nearest_offer(&near, parts[count++]);
    }
    if (!*prefix)
        nearest_offer(&near, LISTENERS);
    text_sanitize(bytes_of(word_of(key)), shown, sizeof shown - 1);
    struct fault f = { 0 };
    if (near.best)
        fault_set(&f, FAULT_CONFIG, INVALID, "%s%s is not a setting; did you mean %s%s?", prefix, shown, prefix,
                  near.best);
    else
        fault_set(&f, FAULT_CONFIG, INVALID, "%s%s is not a setting", prefix, shown);
    tell_at(p, &key->start_mark, &f);
}

/* A list in any of YAML's ways of writing one, as the row's own text; NULL where it is none. */
static const char *words_of(const struct parse *p, const yaml_node_t *list)
{
    const char *text = "";
    for (const yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top; i++) {
        const char *word = word_of(node_at(p, *i));
        if (!word || strchr(word, ','))
            return NULL;
        text = arena_printf(p->arena, "%s%s%s", text, *text ? "," : "", word);
    }
    return text;
}

static void read_row(struct parse *p, const struct conf_row *row, const yaml_node_t *value, void *owner)
{
    struct fault f = { 0 };
    bool is_list = row->type == CONF_LIST || row->type == CONF_RANGES;
    const char *word = is_list && value->type == YAML_SEQUENCE_NODE ? words_of(p, value) : word_of(value);
    if (is_nothing(value))
        return;
    if (!word && is_list)
        fault_set(&f, FAULT_CONFIG, INVALID, "%s must be a list of words", row->name);
    else if (!word)
        fault_set(&f, FAULT_CONFIG, INVALID, "%s must be a single value: %s", row->name, conf_type_name(row->type));
    else if (conf_value_read(row, word, &p->base, p->arena, owner, &f))
        return;
    tell_at(p, &value->start_mark, &f);
}

/* Calls for every pair of a mapping whose key is a word not seen before in it. */
typedef void pair_fn(struct parse *p, const char *prefix, const yaml_node_t *key, const yaml_node_t *value,
                     void *owner);

static void each_pair(struct parse *p, const yaml_node_t *map, const char *prefix, pair_fn *each, void *owner)
{
    const yaml_node_pair_t *start = map->data.mapping.pairs.start;
    for (const yaml_node_pair_t *pair = start; pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(p, pair->key);
        struct fault f = { 0 };
        bool is_again = false;
        for (const yaml_node_pair_t *old = start; word_of(key) && old < pair && !is_again; old++)
            is_again = text_equal(word_of(node_at(p, old->key)), word_of(key));
        if (!word_of(key))
            fault_set(&f, FAULT_CONFIG, INVALID, "a setting's name must be a word");
        else if (is_again)
            fault_set(&f, FAULT_CONFIG, INVALID, "%s%s was already given above", prefix, word_of(key));
        if (f.kind)
            tell_at(p, key ? &key->start_mark : &map->start_mark, &f);
        else
            each(p, prefix, key, node_at(p, pair->value), owner);
    }
}

static void read_listener_pair(struct parse *p, const char *prefix, const yaml_node_t *key, const yaml_node_t *value,
                               void *owner)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%s", prefix, word_of(key));
    const struct conf_row *row = row_find(conf_listener_rows, name);
    if (row)
        read_row(p, row, value, owner);
    else
        tell_unknown(p, conf_listener_rows, prefix, key);
}

static const struct yaml_node_s *pair_value(const struct parse *p, const yaml_node_t *map, const char *name)
{
    for (const yaml_node_pair_t *i = map->data.mapping.pairs.start; i < map->data.mapping.pairs.top; i++) {
        if (text_equal(word_of(node_at(p, i->key)), name))
            return node_at(p, i->value);
    }
    return NULL;
}

static void read_listener(struct parse *p, const yaml_node_t *node, struct conf_listener *l)
{
    struct fault f = { 0 };
    conf_listener_init(l);
    l->line = (unsigned)node->start_mark.line + 1;
    l->column = (unsigned)node->start_mark.column + 1;
    if (node->type != YAML_MAPPING_NODE) {
        fault_set(&f, FAULT_CONFIG, INVALID,
                  "a listener is written { protocol: smtp, address: \"127.0.0.1:2525\", tls: none }");
        tell_at(p, &node->start_mark, &f);
        return;
    }
    each_pair(p, node, LISTENERS ".", read_listener_pair, l);
    if (!pair_value(p, node, "protocol") || !pair_value(p, node, "address")) {
        fault_set(&f, FAULT_CONFIG, INVALID, "listeners.%s is missing",
                  pair_value(p, node, "protocol") ? "address" : "protocol");
        tell_at(p, &node->start_mark, &f);
    }
    if (!pair_value(p, node, "auth-without-tls"))
        l->auth_without_tls = conf_listener_is_private(l);
    if (!pair_value(p, node, "mode") && !text_equal(l->protocol, "smtp"))
        l->mode = "through";
}

static void read_listeners(struct parse *p, const yaml_node_t *value)
{
    struct fault f = { 0 };
    size_t count = value->type == YAML_SEQUENCE_NODE
                       ? (size_t)(value->data.sequence.items.top - value->data.sequence.items.start)
                       : 0;
    if (is_nothing(value))
        return;
    if (value->type != YAML_SEQUENCE_NODE || count > LISTENERS_MOST) {
        fault_set(&f, FAULT_CONFIG, INVALID, "listeners must be a list of at most %d", LISTENERS_MOST);
        tell_at(p, &value->start_mark, &f);
        return;
    }
    p->conf->listeners = arena_array(p->arena, count ? count : 1, sizeof *p->conf->listeners);
    p->conf->listeners_count = count;
    for (size_t i = 0; i < count; i++)
        read_listener(p, node_at(p, value->data.sequence.items.start[i]), &p->conf->listeners[i]);
}

static void read_pair(struct parse *p, const char *prefix, const yaml_node_t *key, const yaml_node_t *value,
                      void *owner)
{
    char name[NAME_SIZE], group[NAME_SIZE];
    struct fault f = { 0 };
    snprintf(name, sizeof name, "%s%s", prefix, word_of(key));
    snprintf(group, sizeof group, "%.*s.", NAME_SIZE - 2, name);
    const struct conf_row *row = row_find(conf_rows, name);
    if (!*prefix && strcmp(name, LISTENERS) == 0) {
        read_listeners(p, value);
    } else if (row) {
        read_row(p, row, value, owner);
    } else if (*prefix || !is_group(conf_rows, group)) {
        tell_unknown(p, conf_rows, prefix, key);
    } else if (value->type == YAML_MAPPING_NODE) {
        each_pair(p, value, group, read_pair, owner);
    } else if (!is_nothing(value)) {
        fault_set(&f, FAULT_CONFIG, INVALID, "%s must be a group of settings", name);
        tell_at(p, &value->start_mark, &f);
    }
}

/* Where `name` ("queue.lifetime") was written, or NULL if it is a default. */
static const yaml_node_t *locate(const struct parse *p, const char *name)
{
    const yaml_node_t *node = yaml_document_get_root_node(p->document);
    for (const char *at = name; node && *at; at += *at == '.') {
        char part[NAME_SIZE];
        size_t size = strcspn(at, ".");
        snprintf(part, sizeof part, "%.*s", (int)size, at);
        node = node->type == YAML_MAPPING_NODE ? pair_value(p, node, part) : NULL;
        at += size;
    }
    return node;
}

static void tell_check(void *ctx, const char *name, const struct conf_listener *listener, const struct fault *mistake)
{
    struct parse *p = ctx;
    struct fault f = *mistake;
    const yaml_node_t *node = locate(p, name);
    yaml_mark_t mark = node ? node->start_mark : (yaml_mark_t){ 0 };
    if (listener && listener->line)
        mark = (yaml_mark_t){ .line = listener->line - 1, .column = listener->column - 1 };
    tell_at(p, &mark, &f);
}

static void read_document(struct parse *p)
{
    const yaml_node_t *root = yaml_document_get_root_node(p->document);
    struct fault f = { 0 };
    if (root && root->type != YAML_MAPPING_NODE && !is_nothing(root)) {
        fault_set(&f, FAULT_CONFIG, INVALID, "the file must be a group of settings, one per line");
        tell_at(p, &root->start_mark, &f);
        return;
    }
    const yaml_node_t *state = root && root->type == YAML_MAPPING_NODE ? pair_value(p, root, "state") : NULL;
    if (state && word_of(state) &&
        !is_nothing(state)) /* first, because others are named after it; its mistakes are told below */
        conf_value_read(row_find(conf_rows, "state"), word_of(state), &p->base, p->arena, p->conf, NULL);
    p->base.state = p->conf->state;
    conf_fill(p->conf, &p->base, p->arena);
    if (root && root->type == YAML_MAPPING_NODE)
        each_pair(p, root, "", read_pair, p->conf);
    if (!p->mistakes)
        conf_check(p->conf, tell_check, p);
}

static void read_yaml(struct parse *p, struct bytes yaml)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        abort(); /* only for want of memory */
    yaml_parser_set_input_string(&parser, yaml.data, yaml.size);
    if (yaml_parser_load(&parser, &document)) {
        p->document = &document;
        read_document(p);
        p->document = NULL;
        yaml_document_delete(&document);
    } else {
        struct fault f = { 0 };
        fault_set(&f, FAULT_CONFIG, INVALID, "%s", parser.problem ? parser.problem : "this is not YAML");
        tell_at(p, &parser.problem_mark, &f);
    }
    yaml_parser_delete(&parser);
}

/* Of the file's own folder; a file without one lies where we are. */
static const char *folder_of(const char *file, struct arena *arena)
{
    const char *slash = strrchr(file, '/');
    if (!slash)
        return ".";
    return slash == file ? "" : arena_strndup(arena, file, (size_t)(slash - file));
}

bool conf_parse(struct bytes yaml, const char *file, struct arena *arena, struct conf *out, conf_mistake_fn *each,
                void *ctx, struct fault *why)
{
    *out = (struct conf){ .file = arena_strdup(arena, file), .state = conf_default_state(arena) };
    struct parse p = { .file = out->file, .arena = arena, .conf = out, .each = each, .ctx = ctx, .why = why };
    p.base.folder = folder_of(out->file, arena);
    read_yaml(&p, yaml);
    return p.mistakes == 0;
}
