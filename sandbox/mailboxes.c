#include "sandbox/mailboxes_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/map.h"

#define FIRST_VALIDITY 14

static const char *const names_microsoft[] = { "INBOX",      "Archive", "Deleted Items", "Drafts",
                                               "Junk Email", "Outbox",  "Sent Items",    NULL };
static const char *const names_google[] = { "INBOX",           "[Gmail]",           "[Gmail]/All Mail",
                                            "[Gmail]/Drafts",  "[Gmail]/Sent Mail", "[Gmail]/Spam",
                                            "[Gmail]/Starred", "[Gmail]/Trash",     NULL };

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

void mailfolder_tell(struct mailfolder *f, const char *op, json_t *more)
{
    json_t *line = json_pack("{s:s, s:s, s:s}", "op", op, "mailbox", f->mailbox, "folder", f->name);
    json_object_update(line, more);
    json_decref(more);
    f->all->journal(f->all->ctx, line);
}

static void tell_folder(struct mailfolder *f)
{
    mailfolder_tell(f, "folder",
                    json_pack("{s:I, s:I, s:b, s:b}", "validity", (json_int_t)f->validity, "next",
                              (json_int_t)f->next_uid, "subscribed", f->is_subscribed, "built_in", f->is_built_in));
}

struct mailfolder *mailfolder_make(struct mailboxes *b, struct list *folders, const char *address, const char *name)
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

struct mailfolder *mailfolder_find_in(struct list *folders, const char *name)
{
    LIST_EACH (at, folders) {
        struct mailfolder *f = LIST_OF(at, struct mailfolder, node);
        if (is_same_name(f->name, name))
            return f;
    }
    return NULL;
}

void mailboxes_make_built_in(struct mailboxes *b, struct list *folders, const char *address)
{
    const struct user *u = user_find(address);
    bool is_google = u != NULL && u->tenant == &tenant_google;
    for (const char *const *name = is_google ? names_google : names_microsoft; *name != NULL; name++) {
        if (mailfolder_find_in(folders, *name) != NULL)
            continue;
        struct mailfolder *f = mailfolder_make(b, folders, address, *name);
        f->is_built_in = f->is_subscribed = true;
        tell_folder(f);
    }
}

/* `is_new` may be NULL: then an unknown mailbox is NULL. */
struct list *mailboxes_of(struct mailboxes *b, const char *address, bool *is_new)
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
    struct list *folders = mailboxes_of(b, address, &is_new);
    if (is_new) {
        char *low = mem_strdup(address);
        for (char *c = low; *c != 0; c++)
            *c = (char)tolower((unsigned char)*c);
        mailboxes_make_built_in(b, folders, low);
        free(low);
    }
    return folders;
}

struct mailfolder *mailfolder_find(struct mailboxes *b, const char *address, const char *name)
{
    return mailfolder_find_in(mailboxes_folders(b, address), name);
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
        struct mailfolder *f = mailfolder_find_in(folders, part);
        if (f == NULL) {
            f = mailfolder_make(b, folders, address_of(folders), part);
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

void mailfolder_bury(struct mailfolder *f)
{
    f->is_gone = true;
    f->count = 0;
    list_remove(&f->node);
    list_append(&f->all->gone, &f->node);
    mailfolder_changed(f);
}

bool mailfolder_delete(struct mailfolder *f)
{
    if (f->is_built_in)
        return false;
    LIST_EACH (at, mailboxes_folders(f->all, f->mailbox)) {
        struct mailfolder *child = LIST_OF(at, struct mailfolder, node);
        if (!is_below(child, f->name))
            continue;
        mailfolder_tell(child, "gone", json_object());
        mailfolder_bury(child);
    }
    mailfolder_tell(f, "gone", json_object());
    mailfolder_bury(f);
    return true;
}

static void put_name(struct mailfolder *f, char *name)
{
    free(f->name);
    f->name = name;
    f->version++;
}

void mailfolder_rename_tree(struct mailfolder *f, const char *name)
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
    mailfolder_tell(f, "rename", json_pack("{s:s}", "to", name));
    mailfolder_rename_tree(f, name);
    return true;
}

void mailfolder_subscribe(struct mailfolder *f, bool on)
{
    if (f->is_subscribed == on)
        return;
    f->is_subscribed = on;
    tell_folder(f);
}

static bool mailbox_clear(void *ctx, const char *key, void *value)
{
    LIST_EACH (at, (struct list *)value) {
        struct mailfolder *f = LIST_OF(at, struct mailfolder, node);
        if (f->count == 0)
            continue;
        f->count = 0;
        mailfolder_changed(f);
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
