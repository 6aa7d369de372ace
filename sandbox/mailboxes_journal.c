/* What the journal says happened, done again. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "sandbox/mailboxes_private.h"

static bool mailbox_complete(void *ctx, const char *key, void *value)
{
    mailboxes_make_built_in(ctx, value, key);
    return true;
}

void mailboxes_replayed(struct mailboxes *b)
{
    map_each(b->by_address, mailbox_complete, b);
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "";
}

static uint32_t number_of(const json_t *line, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(line, key));
}

/* As it was told: without the built-in ones being made, as they were told too. */
static struct mailfolder *folder_told(struct mailboxes *b, const char *address, const char *name)
{
    bool is_new = false;
    struct list *folders = mailboxes_of(b, address, &is_new);
    struct mailfolder *f = mailfolder_find_in(folders, name);
    return f != NULL ? f : mailfolder_make(b, folders, address, name);
}

static void replay_add(struct mailfolder *f, struct mailitem item, const char *received)
{
    clock_parse(received, &item.received_ms);
    if (item.uid >= f->next_uid)
        mailfolder_append(f, item);
}

static void on_folder(struct mailfolder *f, const json_t *line)
{
    f->validity = number_of(line, "validity");
    if (number_of(line, "next") > f->next_uid)
        f->next_uid = number_of(line, "next");
    f->is_subscribed = json_is_true(json_object_get(line, "subscribed"));
    f->is_built_in = json_is_true(json_object_get(line, "built_in"));
    if (f->validity >= f->all->next_validity)
        f->all->next_validity = f->validity + 1;
}

static void on_gone(struct mailfolder *f, const json_t *line)
{
    mailfolder_bury(f);
}

static void on_rename(struct mailfolder *f, const json_t *line)
{
    mailfolder_rename_tree(f, text_of(line, "to"));
}

static void on_renumber(struct mailfolder *f, const json_t *line)
{
    for (size_t i = 0; i < f->count; i++)
        f->items[i].uid = (uint32_t)i + 1;
    f->next_uid = number_of(line, "next");
    f->validity = number_of(line, "validity");
    if (f->validity >= f->all->next_validity)
        f->all->next_validity = f->validity + 1;
}

static void on_add(struct mailfolder *f, const json_t *line)
{
    struct mailitem item = { .uid = number_of(line, "uid"),
                             .id = (uint64_t)json_integer_value(json_object_get(line, "message")),
                             .size = (uint64_t)json_integer_value(json_object_get(line, "size")),
                             .flags = mail_flags_of_json(json_object_get(line, "flags")) };
    replay_add(f, item, text_of(line, "received"));
}

static void on_flags(struct mailfolder *f, const json_t *line)
{
    struct mailitem *item = mailfolder_item(f, number_of(line, "uid"));
    if (item != NULL)
        item->flags = mail_flags_of_json(json_object_get(line, "flags"));
}

static void on_expunge(struct mailfolder *f, const json_t *line)
{
    const json_t *list = json_object_get(line, "uids");
    size_t count = json_array_size(list);
    uint32_t *uids = mem_alloc((count + 1) * sizeof *uids);
    for (size_t i = 0; i < count; i++)
        uids[i] = (uint32_t)json_integer_value(json_array_get(list, i));
    mailfolder_take_out(f, uids, count);
    free(uids);
}

static const struct {
    const char *op;
    void (*run)(struct mailfolder *f, const json_t *line);
} ops[] = {
    { "folder", on_folder }, { "gone", on_gone },   { "rename", on_rename },   { "renumber", on_renumber },
    { "add", on_add },       { "flags", on_flags }, { "expunge", on_expunge },
};

/* A message's own line. */
static void replay_message(struct mailboxes *b, const json_t *line)
{
    size_t i;
    json_t *place;
    json_array_foreach(json_object_get(line, "folders"), i, place)
    {
        struct mailitem item = { .uid = number_of(place, "uid"),
                                 .id = (uint64_t)json_integer_value(json_object_get(line, "id")),
                                 .size = (uint64_t)json_integer_value(json_object_get(line, "size")),
                                 .flags = mail_flags_of_json(json_object_get(place, "flags")) };
        replay_add(folder_told(b, text_of(place, "mailbox"), text_of(place, "folder")), item,
                   text_of(line, "received"));
    }
}

bool mailboxes_replay(struct mailboxes *b, const json_t *line)
{
    const char *op = text_of(line, "op");
    if (*op == 0) {
        replay_message(b, line);
        return json_object_get(line, "id") != NULL;
    }
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(ops[i].op, op) != 0)
            continue;
        ops[i].run(folder_told(b, text_of(line, "mailbox"), text_of(line, "folder")), line);
        return true;
    }
    return false;
}
