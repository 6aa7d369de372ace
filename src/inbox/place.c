/* inbox/place.c - what an endpoint has seen of a folder.
 *
 * With IMAP that is one number, the floor, and what was seen above it before this process lived; with POP3 the UIDLs themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

static bool send_place(struct save *s, uint64_t tag)
{
    struct place *p = LIST_OF(s, struct place, save);

    p->m.tag = tag;
    p->m.endpoint = p->desk->endpoint;
    p->m.mailbox = p->mailbox;
    p->m.folder = p->folder;
    return p->desk->inbox->host.place(p->desk->inbox->ctx, &p->m);
}

static void on_saved(struct save *s, uint64_t queued_id)
{
    struct place *p = LIST_OF(s, struct place, save);

    p->is_stored = true;
    if (p->desk->watcher && p->desk->place == p)
        watcher_work_later(p->desk->watcher);
}

struct place *desk_place_new(struct desk *d, const struct inbox_place *m)
{
    struct place *p = mem_alloc(sizeof *p);

    p->desk = d;
    p->m = *m;
    p->mailbox = mem_strdup(m->mailbox);
    p->folder = mem_strdup(m->folder);
    p->by_number = map_new();
    save_init(&p->save, d->inbox, send_place, on_saved);
    list_append(&d->places, &p->node);
    return p;
}

void place_free(struct place *p)
{
    save_forget(&p->save);
    list_remove(&p->node);
    map_free(p->uidls);
    map_free(p->by_fingerprint);
    map_free(p->by_number);
    free(p->known);
    free(p->mailbox);
    free(p->folder);
    free(p);
}

void place_save(struct place *p)
{
    save_start(&p->save);
}

/* -- IMAP -- */

static int by_uid(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

void place_known_add(struct place *p, uint64_t uid)
{
    if (p->known_count == p->known_capacity) {
        p->known_capacity = p->known_capacity ? 2 * p->known_capacity : 64;
        p->known = mem_resize(p->known, p->known_capacity * sizeof *p->known);
    }
    p->known[p->known_count++] = uid;
    p->is_sorted = false;
}

static bool knows_uid(struct place *p, uint64_t uid)
{
    if (p->known_count == 0)
        return false;
    if (!p->is_sorted)
        qsort(p->known, p->known_count, sizeof *p->known, by_uid);
    p->is_sorted = true;
    return bsearch(&uid, p->known, p->known_count, sizeof *p->known, by_uid);
}

/* What was known above the old floor is of no use below the new one. */
static void forget_below(struct place *p)
{
    size_t at = 0;

    if (p->known_count == 0)
        return;
    knows_uid(p, 0);
    while (at < p->known_count && p->known[at] < p->m.floor)
        at++;
    p->known_count -= at;
    memmove(p->known, p->known + at, p->known_count * sizeof *p->known);
}

void place_raise(struct place *p, uint64_t floor)
{
    if (floor <= p->m.floor)
        return;
    p->m.floor = floor;
    forget_below(p);
    place_save(p);
}

/* -- POP3 -- */

/* The item's id is the value itself. */
void place_uidl_add(struct place *p, const char *uidl, uint64_t id)
{
    if (!p->uidls)
        p->uidls = map_new();
    map_put(p->uidls, uidl, (void *)(uintptr_t)id);
}

struct survey {
    const struct map *listed;
    struct place *place;
    uint64_t floor;
    const char *gone[64]; /* some of those that can be forgotten */
    size_t gone_count;
};

static bool survey_one(void *ctx, const char *uidl, void *value)
{
    struct survey *s = ctx;
    uint64_t id = (uintptr_t)value;

    if (map_get(s->listed, uidl))
        s->floor = id < s->floor ? id : s->floor;
    else if (s->gone_count < sizeof s->gone / sizeof *s->gone)
        s->gone[s->gone_count++] = uidl;
    return true;
}

/* What is neither on the server nor open will not come again. */
void place_uidls_listed(struct place *p, const struct map *listed)
{
    struct survey s = { .listed = listed, .place = p };

    if (!p || !p->uidls || map_count(p->uidls) == 0)
        return;
    s.floor = p->desk->inbox->last_id + 1;
    LIST_EACH (node, &p->desk->items) {
        const struct item *it = LIST_OF(node, struct item, node);
        if (it->place == p && it->m.id < s.floor)
            s.floor = it->m.id;
    }
    map_each(p->uidls, survey_one, &s);
    for (size_t n = 0; n < s.gone_count; n++)
        if ((uintptr_t)map_get(p->uidls, s.gone[n]) < s.floor) {
            char *uidl = mem_strdup(s.gone[n]); /* the key goes with the entry */
            map_remove(p->uidls, uidl);
            free(uidl);
        }
    place_raise(p, s.floor);
}

bool place_knows(struct place *p, uint64_t uid, const char *uidl)
{
    if (!text_is_empty(uidl))
        return p->uidls && map_get(p->uidls, uidl);
    return uid < p->m.floor || knows_uid(p, uid);
}

/* -- items by number: each after-action asks for those of the other endpoints, and there may be thousands -- */

struct number {
    char text[160];
};

static struct number number_of(const struct inbox_item *m)
{
    struct number n;

    if (text_is_empty(m->uidl))
        snprintf(n.text, sizeof n.text, "%llu.%llu", (unsigned long long)m->uidvalidity, (unsigned long long)m->uid);
    else
        snprintf(n.text, sizeof n.text, "=%s", m->uidl);
    return n;
}

void place_item_add(struct place *p, struct item *it)
{
    map_put(p->by_number, number_of(&it->m).text, it);
}

static void forget_fingerprint(struct place *p, const struct item *it);

void place_item_remove(struct place *p, const struct item *it)
{
    forget_fingerprint(p, it);
    if (place_same_item(p, &it->m) == it)
        map_remove(p->by_number, number_of(&it->m).text);
}

struct item *place_same_item(const struct place *p, const struct inbox_item *m)
{
    return map_get(p->by_number, number_of(m).text);
}

/* -- going through a folder whose numbers all changed -- */

void place_resync_begin(struct place *p)
{
    map_free(p->by_fingerprint);
    p->by_fingerprint = map_new();
    p->is_resync = true;
    p->is_settled = false;
    LIST_EACH (node, &p->desk->items) {
        struct item *it = LIST_OF(node, struct item, node);
        it->is_confirmed = false;
        it->twin = NULL;
        if (it->place == p && !text_is_empty(it->m.fingerprint))
            it->twin = map_put(p->by_fingerprint, it->m.fingerprint, it);
    }
}

/* Copies of one message can't be told apart, so each takes the next item. */
struct item *place_resync_match(struct place *p, const char *fingerprint)
{
    struct item *it = map_remove(p->by_fingerprint, fingerprint);

    if (!it)
        return NULL;
    it->is_confirmed = true;
    if (it->twin)
        map_put(p->by_fingerprint, fingerprint, it->twin);
    it->twin = NULL;
    return it;
}

/* It may end while its folder is gone through. */
static void forget_fingerprint(struct place *p, const struct item *it)
{
    struct item *at = p->by_fingerprint ? map_get(p->by_fingerprint, it->m.fingerprint) : NULL;

    if (!at)
        return;
    if (at == it) {
        map_remove(p->by_fingerprint, it->m.fingerprint);
        if (it->twin)
            map_put(p->by_fingerprint, it->m.fingerprint, it->twin);
        return;
    }
    while (at && at->twin != it)
        at = at->twin;
    if (at)
        at->twin = it->twin;
}

static bool is_in_hand(const struct item *it)
{
    return it->hand && it->hand->stage > HAND_WANTED;
}

static void settle(struct item *it)
{
    if (item_is_unread(it)) /* under its new number it is another one */
        item_finish(it, INBOX_SKIPPED, "the folder was numbered anew before it could be read", "");
    else if (it->m.state == INBOX_WAITING && it->hand && !is_in_hand(it))
        hand_vanished(it->hand);
    else if (it->m.state == INBOX_WAITING && !it->hand)
        item_finish(it, INBOX_PARKED, "the message is no longer in the folder", "inbox.vanished");
    else if (it->m.state == INBOX_HANDED)
        item_finish(it, INBOX_DONE, NULL, NULL);
}

/* Twice: what is confirmed or finished has to be on disk before the place forgets the old numbers. */
void place_resync_settle(struct place *p)
{
    if (p->is_settled)
        return;
    p->is_settled = true;
    LIST_EACH (node, &p->desk->items) {
        struct item *it = LIST_OF(node, struct item, node);
        if (it->place == p && !it->is_confirmed)
            settle(it);
    }
}

bool place_has_unsaved(const struct place *p)
{
    LIST_EACH (node, &p->desk->items) {
        const struct item *it = LIST_OF(node, struct item, node);
        if (it->place == p && save_is_pending(&it->save))
            return true;
    }
    return false;
}

bool place_has_strays(const struct place *p)
{
    LIST_EACH (node, &p->desk->items) {
        const struct item *it = LIST_OF(node, struct item, node);
        if (it->place == p && it->m.uidvalidity != p->m.uidvalidity && !is_in_hand(it) &&
            (it->m.state == INBOX_WAITING || it->m.state == INBOX_HANDED))
            return true;
    }
    return false;
}

void place_resync_end(struct place *p)
{
    map_free(p->by_fingerprint);
    p->by_fingerprint = NULL;
    p->is_resync = p->is_settled = false;
    p->known_count = 0; /* of the old numbers */
}
