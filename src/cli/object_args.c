/* cli/object_args.c - what all kinds of objects share on the command line. */
#include "cli/object_args.h"

#include <string.h>

#include "base/text.h"
#include "cli/show.h"

/* The group that holds the last part of `key`, made where it is missing. */
static json_t *group_of(json_t *root, const char *key, const char **last)
{
    const char *dot = strchr(key, '.');
    if (!dot) {
        *last = key;
        return root;
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(dot - key), key);
    json_t *group = json_object_get(root, name);
    if (!group) {
        group = json_object();
        json_object_set_new(root, name, group);
    }
    return group_of(group, dot + 1, last);
}

/* "host", "host:587", "[::1]:587" */
static bool set_host_port(json_t *group, const char *text, const char *option, struct fault *why)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = end ? strchr(end, ':') : strchr(text, ':');
    uint64_t port = 0;
    if (text[0] == '[' && !end)
        return fault_set(why, FAULT_REJECT, "", "--%s: the ] is missing", option);
    if (!end && colon && strchr(colon + 1, ':'))
        colon = NULL; /* a bare IPv6 address */
    if (colon && (!text_to_u64(colon + 1, 65535, &port) || port == 0))
        return fault_set(why, FAULT_REJECT, "", "--%s: \"%s\" is no port", option, colon + 1);
    const char *from = end ? text + 1 : text;
    size_t size = end ? (size_t)(end - from) : colon ? (size_t)(colon - from) : strlen(from);
    json_object_set_new(group, "host", json_stringn(from, size));
    if (colon || !size)
        json_object_set_new(group, "port", json_integer((json_int_t)port));
    return true;
}

static void add_to_list(json_t *group, const char *key, const char *text)
{
    json_t *list = json_object_get(group, key);
    if (!list) {
        list = json_array();
        json_object_set_new(group, key, list);
    }
    if (*text) /* an empty value empties the list */
        json_array_append_new(list, json_string(text));
}

static bool set_number(json_t *group, const char *key, const struct option_value *v, struct fault *why)
{
    uint64_t number = 0;
    if (!text_to_u64(v->text, UINT32_MAX, &number))
        return fault_set(why, FAULT_REJECT, "", "--%s needs a number, not \"%s\"", v->row->name, v->text);
    json_object_set_new(group, key, json_integer((json_int_t)number));
    return true;
}

static bool set_value(json_t *root, const struct option_value *v, struct fault *why)
{
    const char *last;
    json_t *group = group_of(root, v->row->key, &last);
    switch (v->row->shape) {
    case SHAPE_TEXT:
        if (!text_is_utf8(bytes_of(v->text)))
            return fault_set(why, FAULT_REJECT, "", "--%s is not text in UTF-8", v->row->name);
        return json_object_set_new(group, last, json_string(v->text)) == 0;
    case SHAPE_LIST:
        add_to_list(group, last, v->text);
        return true;
    case SHAPE_NUMBER:
        return set_number(group, last, v, why);
    case SHAPE_FLAG:
        return json_object_set_new(group, last, json_boolean(!v->is_off)) == 0;
    case SHAPE_OFF:
        return json_object_set_new(group, last, json_boolean(v->is_off)) == 0;
    case SHAPE_HOST_PORT:
        return set_host_port(group, v->text, v->row->name, why);
    case SHAPE_NONE:
        return true;
    }
    return true;
}

json_t *object_args_json(const struct options *o, struct fault *why)
{
    json_t *root = json_object();
    for (size_t i = 0; i < o->count; i++) {
        if (o->values[i].row->shape != SHAPE_NONE && !set_value(root, &o->values[i], why)) {
            json_decref(root);
            return NULL;
        }
    }
    return root;
}

const char *object_path(struct cli *cli, enum object_kind kind, const char *key)
{
    return arena_printf(cli->arena, "/%s%s%s", object_kind_plural(kind), *key ? "/" : "",
                        *key ? api_segment(cli, key) : "");
}

static void print_list(struct cli *cli, const json_t *items, const struct object_column *columns)
{
    const char *cells[8];
    size_t count = 0, i;
    const json_t *item;
    for (; columns[count].title; count++)
        cells[count] = columns[count].title;
    struct table *t = table_new(NULL);
    table_row(t, cells, count);
    json_array_foreach(items, i, item)
    {
        for (size_t c = 0; c < count; c++)
            cells[c] = columns[c].cell(cli, item);
        table_row(t, cells, count);
    }
    table_print(t, stdout);
    table_free(t);
}

/* All pages as one list; what comes behind the first is put to it. */
static int all_pages(struct cli *cli, struct api *api, enum object_kind kind, struct api_reply *reply)
{
    const char *path = object_path(cli, kind, "");
    int status = show_call(cli, api, "GET", path, NULL, reply);
    const char *next;
    while (status == CLI_DONE && (next = json_string_value(json_object_get(reply->json, "next")))) {
        struct api_reply page = { 0 };
        status = show_call(cli, api, "GET", arena_printf(cli->arena, "%s?cursor=%s", path, api_segment(cli, next)),
                           NULL, &page);
        json_array_extend(json_object_get(reply->json, "items"), json_object_get(page.json, "items"));
        json_object_set(reply->json, "next", json_object_get(page.json, "next"));
        api_reply_fini(&page);
    }
    return status;
}

int object_list(struct cli *cli, enum object_kind kind, const struct object_column *columns)
{
    struct api *api = api_open(cli);
    struct api_reply reply = { 0 };
    if (!api)
        return CLI_REFUSED;
    int status = all_pages(cli, api, kind, &reply);
    const json_t *items = json_object_get(reply.json, "items");
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE && json_array_size(items) == 0)
        fprintf(stderr, "none yet: postern %s add --help\n", object_kind_name(kind));
    else if (status == CLI_DONE)
        print_list(cli, items, columns);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

int object_show(struct cli *cli, enum object_kind kind)
{
    struct api *api = api_open(cli);
    struct api_reply reply = { 0 };
    if (!api)
        return CLI_REFUSED;
    int status = show_call(cli, api, "GET", object_path(cli, kind, cli_operand(cli, 0)), NULL, &reply);
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        show_fields(reply.json);
    const json_t *findings = json_object_get(json_object_get(reply.json, "grant_state"), "findings");
    if (status == CLI_DONE && !cli->is_json && json_array_size(findings))
        show_findings(stdout, findings);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

int object_remove(struct cli *cli, enum object_kind kind)
{
    struct api *api = api_open(cli);
    struct api_reply reply = { 0 };
    if (!api)
        return CLI_REFUSED;
    int status = show_call(cli, api, "DELETE", object_path(cli, kind, cli_operand(cli, 0)), NULL, &reply);
    if (status == CLI_DONE)
        show_done(cli, "%s %s is removed", object_kind_name(kind), cli_operand(cli, 0));
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

int object_create(struct cli *cli, struct api *api, enum object_kind kind, const char *key, const json_t *object,
                  struct api_reply *reply)
{
    struct fault why = { 0 };
    return show_outcome(cli, api_create(api, object_path(cli, kind, key), object, reply, &why), reply, &why);
}

void object_undo(struct cli *cli, struct api *api, enum object_kind kind, const char *key)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    api_call(api, "DELETE", object_path(cli, kind, key), NULL, &reply, &why);
    api_reply_fini(&reply);
}

int object_secret(struct cli *cli, struct api *api, const char *path, const char *member, const struct secret *secret)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    int status = show_outcome(cli, api_call_secret(api, "PUT", path, member, secret, &reply, &why), &reply, &why);
    api_reply_fini(&reply);
    return status;
}

int object_patch(struct cli *cli, struct api *api, enum object_kind kind, const json_t *changes,
                 struct api_reply *reply)
{
    const char *path = object_path(cli, kind, cli_operand(cli, 0));
    struct fault why = { 0 };
    int status = show_call(cli, api, "GET", path, NULL, reply);
    if (status != CLI_DONE)
        return status;
    char etag[sizeof reply->etag];
    memcpy(etag, reply->etag, sizeof etag);
    api_reply_fini(reply);
    return show_outcome(cli, api_call_if(api, "PATCH", path, changes, etag, reply, &why), reply, &why);
}

int object_set(struct cli *cli, enum object_kind kind)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    json_t *changes = object_args_json(&cli->options, &why);
    if (!changes)
        return show_fault(cli, &why);
    struct api *api = api_open(cli);
    int status = api ? object_patch(cli, api, kind, changes, &reply) : CLI_REFUSED;
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        show_done(cli, "%s %s is changed", object_kind_name(kind), cli_operand(cli, 0));
    api_reply_fini(&reply);
    api_close(api);
    json_decref(changes);
    return status;
}

int object_secret_once(struct cli *cli, struct api *api, enum object_kind kind, const char *leaf, const char *member,
                       const char *notice)
{
    struct api_reply reply = { 0 };
    const char *path = arena_printf(cli->arena, "%s/%s", object_path(cli, kind, cli_operand(cli, 0)), leaf);
    int status = show_call(cli, api, "POST", path, NULL, &reply);
    if (status == CLI_DONE && cli->is_json) {
        show_json(reply.json);
    } else if (status == CLI_DONE) {
        fprintf(stderr, "%s\n", notice);
        printf("%s\n", show_member(cli, reply.json, member));
    }
    api_reply_fini(&reply);
    return status;
}
