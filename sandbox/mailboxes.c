#include "sandbox/mailboxes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"

#define FIRST_VALIDITY 14

struct mailboxes {
    mailboxes_journal_fn *journal;
    void *ctx;
    struct map *by_address; /* lower case -> struct list of folders */
    struct list gone;       /* deleted folders, for those who still look at them */
    uint32_t next_validity;
};

static const char *const names_microsoft[] = { "INBOX",      "Archive", "Deleted Items", "Drafts",
                                               "Junk Email", "Outbox",  "Sent Items",    NULL };
static const char *const names_google[] = { "INBOX",           "[Gmail]",           "[Gmail]/All Mail",
                                            "[Gmail]/Drafts",  "[Gmail]/Sent Mail", "[Gmail]/Spam",
                                            "[Gmail]/Starred", "[Gmail]/Trash",     NULL };

static const struct {
    unsigned flag;
    const char *name;
} flag_names[] = {
    { MAIL_SEEN, "\\Seen" },       { MAIL_ANSWERED, "\\Answered" }, { MAIL_FLAGGED, "\\Flagged" },
    { MAIL_DELETED, "\\Deleted" }, { MAIL_DRAFT, "\\Draft" },       { MAIL_MDN_SENT, "$MDNSent" },
};

unsigned mail_flag_of(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names; i++) {
        if (strlen(flag_names[i].name) == size && strncasecmp(flag_names[i].name, name, size) == 0)
            return flag_names[i].flag;
    }
    return 0;
}

const char *mail_flag_name(unsigned flag)
{
    for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names; i++) {
        if (flag_names[i].flag == flag)
            return flag_names[i].name;
    }
    return NULL;
}

json_t *mail_flags_json(unsigned flags)
{
    json_t *names = json_array();
    for (unsigned bit = 1; bit <= MAIL_MDN_SENT; bit <<= 1) {
        if (flags & bit)
            json_array_append_new(names, json_string(mail_flag_name(bit)));
    }
    return names;
}

unsigned mail_flags_of_json(const json_t *names)
{
    unsigned flags = 0;
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        if (json_is_string(name))
            flags |= mail_flag_of(json_string_value(name), json_string_length(name));
    }
    return flags;
}

struct mailboxes *mailboxes_new(mailboxes_journal_fn *journal, void *ctx)
{
    struct mailboxes *b = mem_alloc(sizeof *b);
    b->journal = journal;
    b->ctx = ctx;
    b->by_address = map_new();
    b->next_validity = FIRST_VALIDITY;
    list_init(&b->gone);
    return b;
}

static void folders_free(struct list *folders)
{
    for (struct list *node; (node = list_pop(folders)) != NULL;) {
        struct mailfolder *f = LIST_OF(node, struct mailfolder, node);
        free(f->mailbox);
        free(f->name);
        free(f->items);
        free(f);
    }
}

static bool mailbox_free(void *ctx, const char *key, void *value)
{
    folders_free(value);
    free(value);
    return true;
}

void mailboxes_free(struct mailboxes *b)
{
    if (b == NULL)
        return;
    map_each(b->by_address, mailbox_free, NULL);
    map_free(b->by_address);
    folders_free(&b->gone);
    free(b);
}

/* Is `name` the same folder's name? INBOX has no case, and is that also above others. */
static bool is_same_name(const char *a, const char *b)
{
    if (strncasecmp(a, "INBOX", 5) == 0 && strncasecmp(b, "INBOX", 5) == 0 && (a[5] == 0 || a[5] == '/'))
        return strcmp(a + 5, b + 5) == 0;
    return strcmp(a, b) == 0;
}

static void changed(struct mailfolder *f)
{
    f->version++;
    LIST_EACH (at, &f->watches) {
        struct mailfolder_watch *w = LIST_OF(at, struct mailfolder_watch, node);
        w->fn(w->ctx);
    }
}

static void tell(struct mailfolder *f, const char *op, json_t *more)
{
    json_t *line = json_pack("{s:s, s:s, s:s}", "op", op, "mailbox", f->mailbox, "folder", f->name);
    json_object_update(line, more);
    json_decref(more);
    f->all->journal(f->all->ctx, line);
}

static void tell_folder(struct mailfolder *f)
{
    tell(f, "folder",
         json_pack("{s:I, s:I, s:b, s:b}", "validity", (json_int_t)f->validity, "next", (json_int_t)f->next_uid,
                   "subscribed", f->is_subscribed, "built_in", f->is_built_in));
}

static struct mailfolder *make(struct mailboxes *b, struct list *folders, const char *address, const char *name)
{
    struct mailfolder *f = mem_alloc(sizeof *f);
    f->all = b;
    f->mailbox = mem_strdup(address);
    f->name = mem_strdup(name);
    if (strncasecmp(name, "INBOX", 5) == 0 && (name[5] == 0 || name[5] == '/'))
        memcpy(f->name, "INBOX", 5);
    f->validity = b->next_validity++;
    f->next_uid = f->recent_from = 1;
    f->version = 1;
    list_init(&f->watches);
    list_append(folders, &f->node);
    return f;
}

static struct mailfolder *find_in(struct list *folders, const char *name)
{
    LIST_EACH (at, folders) {
        struct mailfolder *f = LIST_OF(at, struct mailfolder, node);
        if (is_same_name(f->name, name))
            return f;
    }
    return NULL;
}

static void make_built_in(struct mailboxes *b, struct list *folders, const char *address)
{
    const struct user *u = user_find(address);
    bool is_google = u != NULL && u->tenant == &tenant_google;
    for (const char *const *name = is_google ? names_google : names_microsoft; *name != NULL; name++) {
        if (find_in(folders, *name) != NULL)
            continue;
        struct mailfolder *f = make(b, folders, address, *name);
        f->is_built_in = f->is_subscribed = true;
        tell_folder(f);
    }
}

/* `is_new` may be NULL: then an unknown mailbox is NULL. */
static struct list *folders_of(struct mailboxes *b, const char *address, bool *is_new)
{
    char *key = mem_strdup(address);
    for (char *c = key; *c != 0; c++)
        *c = (char)tolower((unsigned char)*c);
    struct list *folders = map_get(b->by_address, key);
    if (folders == NULL && is_new != NULL) {
        folders = mem_alloc(sizeof *folders);
        list_init(folders);
        map_put(b->by_address, key, folders);
        *is_new = true;
    }
    free(key);
    return folders;
}

struct list *mailboxes_folders(struct mailboxes *b, const char *address)
{
    bool is_new = false;
    struct list *folders = folders_of(b, address, &is_new);
    if (is_new) {
        char *low = mem_strdup(address);
        for (char *c = low; *c != 0; c++)
            *c = (char)tolower((unsigned char)*c);
        make_built_in(b, folders, low);
        free(low);
    }
    return folders;
}

struct mailfolder *mailfolder_find(struct mailboxes *b, const char *address, const char *name)
{
    return find_in(mailboxes_folders(b, address), name);
}

static const char *address_of(struct list *folders)
{
    return LIST_OF(folders->next, struct mailfolder, node)->mailbox; /* the built-in ones are always there */
}

struct mailfolder *mailfolder_ensure(struct mailboxes *b, const char *address, const char *name)
{
    struct list *folders = mailboxes_folders(b, address);
    for (const char *at = name;;) {
        const char *slash = strchr(at, '/');
        char *part = slash != NULL ? mem_strndup(name, (size_t)(slash - name)) : mem_strdup(name);
        struct mailfolder *f = find_in(folders, part);
        if (f == NULL) {
            f = make(b, folders, address_of(folders), part);
            tell_folder(f);
        }
        free(part);
        if (slash == NULL)
            return f;
        at = slash + 1;
    }
}

static bool is_below(const struct mailfolder *f, const char *name)
{
    size_t size = strlen(name);
    return strncmp(f->name, name, size) == 0 && f->name[size] == '/';
}

bool mailfolder_has_children(struct mailfolder *f)
{
    LIST_EACH (at, mailboxes_folders(f->all, f->mailbox)) {
        if (is_below(LIST_OF(at, struct mailfolder, node), f->name))
            return true;
    }
    return false;
}

static void remove_folder(struct mailfolder *f)
{
    f->is_gone = true;
    f->count = 0;
    list_remove(&f->node);
    list_append(&f->all->gone, &f->node);
    changed(f);
}

bool mailfolder_delete(struct mailfolder *f)
{
    if (f->is_built_in)
        return false;
    LIST_EACH (at, mailboxes_folders(f->all, f->mailbox)) {
        struct mailfolder *child = LIST_OF(at, struct mailfolder, node);
        if (!is_below(child, f->name))
            continue;
        tell(child, "gone", json_object());
        remove_folder(child);
    }
    tell(f, "gone", json_object());
    remove_folder(f);
    return true;
}

static void put_name(struct mailfolder *f, char *name)
{
    free(f->name);
    f->name = name;
    f->version++;
}

static void rename_tree(struct mailfolder *f, const char *name)
{
    size_t size = strlen(f->name);
    LIST_EACH (at, mailboxes_folders(f->all, f->mailbox)) {
        struct mailfolder *child = LIST_OF(at, struct mailfolder, node);
        if (is_below(child, f->name))
            put_name(child, mem_printf("%s%s", name, child->name + size));
    }
    put_name(f, mem_strdup(name));
}

static void give_all(struct mailfolder *from, struct mailfolder *to)
{
    uint32_t *uids = mem_alloc((from->count + 1) * sizeof *uids);
    size_t count = from->count;
    for (size_t i = 0; i < count; i++) {
        uids[i] = from->items[i].uid;
        mailfolder_add(to, from->items[i], true);
    }
    mailfolder_remove(from, uids, count);
    free(uids);
}

bool mailfolder_rename(struct mailfolder *f, const char *name)
{
    bool is_inbox = strcmp(f->name, "INBOX") == 0;
    if ((f->is_built_in && !is_inbox) || mailfolder_find(f->all, f->mailbox, name) != NULL)
        return false;
    if (strncmp(name, f->name, strlen(f->name)) == 0 && name[strlen(f->name)] == '/' && !is_inbox)
        return false; /* below itself */
    const char *slash = strrchr(name, '/');
    if (slash != NULL) {
        char *above = mem_strndup(name, (size_t)(slash - name));
        mailfolder_ensure(f->all, f->mailbox, above);
        free(above);
    }
    if (is_inbox) {
        give_all(f, mailfolder_ensure(f->all, f->mailbox, name));
        return true;
    }
    tell(f, "rename", json_pack("{s:s}", "to", name));
    rename_tree(f, name);
    return true;
}

void mailfolder_subscribe(struct mailfolder *f, bool on)
{
    if (f->is_subscribed == on)
        return;
    f->is_subscribed = on;
    tell_folder(f);
}

void mailfolder_renumber(struct mailfolder *f)
{
    f->validity = f->all->next_validity++;
    for (size_t i = 0; i < f->count; i++)
        f->items[i].uid = (uint32_t)i + 1;
    f->next_uid = (uint32_t)f->count + 1;
    f->recent_from = f->next_uid;
    tell(f, "renumber", json_pack("{s:I, s:I}", "validity", (json_int_t)f->validity, "next", (json_int_t)f->next_uid));
    changed(f);
}

size_t mailfolder_index(const struct mailfolder *f, uint32_t uid)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->items[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct mailitem *mailfolder_item(const struct mailfolder *f, uint32_t uid)
{
    size_t at = mailfolder_index(f, uid);
    return at < f->count && f->items[at].uid == uid ? &f->items[at] : NULL;
}

static void append(struct mailfolder *f, struct mailitem item)
{
    if (f->count == f->room) {
        f->room = f->room > 0 ? f->room * 2 : 16;
        f->items = mem_resize(f->items, f->room * sizeof *f->items);
    }
    f->items[f->count++] = item;
    f->next_uid = item.uid + 1;
    changed(f);
}

uint32_t mailfolder_add(struct mailfolder *f, struct mailitem like, bool is_told)
{
    like.uid = f->next_uid;
    append(f, like);
    if (is_told) {
        char received[32];
        clock_iso(like.received_ms, received, sizeof received);
        tell(f, "add",
             json_pack("{s:I, s:I, s:I, s:s, s:o}", "uid", (json_int_t)like.uid, "message", (json_int_t)like.id, "size",
                       (json_int_t)like.size, "received", received, "flags", mail_flags_json(like.flags)));
    }
    return like.uid;
}

void mailfolder_set_flags(struct mailfolder *f, struct mailitem *item, unsigned flags)
{
    if (item->flags == flags)
        return;
    item->flags = flags;
    tell(f, "flags", json_pack("{s:I, s:o}", "uid", (json_int_t)item->uid, "flags", mail_flags_json(flags)));
    changed(f);
}

/* One pass over the folder, however many go. */
static void take_out(struct mailfolder *f, const uint32_t *uids, size_t count)
{
    size_t kept = 0, next = 0;
    for (size_t i = 0; i < f->count; i++) {
        while (next < count && uids[next] < f->items[i].uid)
            next++;
        if (next < count && uids[next] == f->items[i].uid)
            continue;
        f->items[kept++] = f->items[i];
    }
    f->count = kept;
    changed(f);
}

void mailfolder_remove(struct mailfolder *f, const uint32_t *uids, size_t count)
{
    if (count == 0)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(uids[i]));
    tell(f, "expunge", json_pack("{s:o}", "uids", list));
    take_out(f, uids, count);
}

void mailfolder_watch(struct mailfolder *f, struct mailfolder_watch *w)
{
    mailfolder_unwatch(w);
    list_append(&f->watches, &w->node);
}

void mailfolder_unwatch(struct mailfolder_watch *w)
{
    if (w->node.next != NULL)
        list_remove(&w->node);
}

static bool mailbox_clear(void *ctx, const char *key, void *value)
{
    LIST_EACH (at, (struct list *)value) {
        struct mailfolder *f = LIST_OF(at, struct mailfolder, node);
        if (f->count == 0)
            continue;
        f->count = 0;
        changed(f);
    }
    return true;
}

void mailboxes_clear(struct mailboxes *b)
{
    map_each(b->by_address, mailbox_clear, NULL);
}

static bool mailbox_rewrite(void *ctx, const char *key, void *value)
{
    LIST_EACH (at, (struct list *)value)
        tell_folder(LIST_OF(at, struct mailfolder, node));
    return true;
}

void mailboxes_rewrite(struct mailboxes *b)
{
    map_each(b->by_address, mailbox_rewrite, NULL);
}

static bool mailbox_complete(void *ctx, const char *key, void *value)
{
    make_built_in(ctx, value, key);
    return true;
}

void mailboxes_replayed(struct mailboxes *b)
{
    map_each(b->by_address, mailbox_complete, b);
}

/* What the journal says happened. */

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
    struct list *folders = folders_of(b, address, &is_new);
    struct mailfolder *f = find_in(folders, name);
    return f != NULL ? f : make(b, folders, address, name);
}

static void replay_add(struct mailfolder *f, struct mailitem item, const char *received)
{
    clock_parse(received, &item.received_ms);
    if (item.uid >= f->next_uid)
        append(f, item);
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
    remove_folder(f);
}

static void on_rename(struct mailfolder *f, const json_t *line)
{
    rename_tree(f, text_of(line, "to"));
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
    take_out(f, uids, count);
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
