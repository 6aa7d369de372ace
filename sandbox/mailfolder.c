/* What stands in a folder: items by UID, their flags, and who watches. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "sandbox/mailboxes_private.h"

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

void mailfolder_changed(struct mailfolder *f)
{
    f->version++;
    LIST_EACH (at, &f->watches) {
        struct mailfolder_watch *w = LIST_OF(at, struct mailfolder_watch, node);
        w->fn(w->ctx);
    }
}

void mailfolder_renumber(struct mailfolder *f)
{
    f->validity = f->all->next_validity++;
    for (size_t i = 0; i < f->count; i++)
        f->items[i].uid = (uint32_t)i + 1;
    f->next_uid = (uint32_t)f->count + 1;
    f->recent_from = f->next_uid;
    mailfolder_tell(f, "renumber",
                    json_pack("{s:I, s:I}", "validity", (json_int_t)f->validity, "next", (json_int_t)f->next_uid));
    mailfolder_changed(f);
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

void mailfolder_append(struct mailfolder *f, struct mailitem item)
{
    if (f->count == f->room) {
        f->room = f->room > 0 ? f->room * 2 : 16;
        f->items = mem_resize(f->items, f->room * sizeof *f->items);
    }
    f->items[f->count++] = item;
    f->next_uid = item.uid + 1;
    mailfolder_changed(f);
}

uint32_t mailfolder_add(struct mailfolder *f, struct mailitem like, bool is_told)
{
    like.uid = f->next_uid;
    mailfolder_append(f, like);
    if (is_told) {
        char received[32];
        clock_iso(like.received_ms, received, sizeof received);
        mailfolder_tell(f, "add",
                        json_pack("{s:I, s:I, s:I, s:s, s:o}", "uid", (json_int_t)like.uid, "message",
                                  (json_int_t)like.id, "size", (json_int_t)like.size, "received", received, "flags",
                                  mail_flags_json(like.flags)));
    }
    return like.uid;
}

void mailfolder_set_flags(struct mailfolder *f, struct mailitem *item, unsigned flags)
{
    if (item->flags == flags)
        return;
    item->flags = flags;
    mailfolder_tell(f, "flags", json_pack("{s:I, s:o}", "uid", (json_int_t)item->uid, "flags", mail_flags_json(flags)));
    mailfolder_changed(f);
}

/* One pass over the folder, however many go. */
void mailfolder_take_out(struct mailfolder *f, const uint32_t *uids, size_t count)
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
    mailfolder_changed(f);
}

void mailfolder_remove(struct mailfolder *f, const uint32_t *uids, size_t count)
{
    if (count == 0)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(uids[i]));
    mailfolder_tell(f, "expunge", json_pack("{s:o}", "uids", list));
    mailfolder_take_out(f, uids, count);
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
