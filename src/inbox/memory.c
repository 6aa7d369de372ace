/* inbox/memory.c - what the queue role remembers is told again, item by item; and what a person changes in it afterwards. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

void inbox_place(struct inbox *i, const struct inbox_place *m)
{
    struct desk *d = desk_of(i, m->endpoint);

    if (i->is_recalled || desk_place(d, m->mailbox, m->folder))
        return;
    desk_place_new(d, m)->is_stored = true;
}

static struct item *item_find(struct desk *d, uint64_t id)
{
    LIST_EACH (node, &d->items)
        if (LIST_OF(node, struct item, node)->m.id == id)
            return LIST_OF(node, struct item, node);
    return NULL;
}

static void insert_by_id(struct desk *d, struct item *it)
{
    struct list *before = &d->items;

    while (before->prev != &d->items && LIST_OF(before->prev, struct item, node)->m.id > it->m.id)
        before = before->prev;
    list_insert(before, &it->node);
}

static struct item *recall_item(struct desk *d, struct place *p, const struct inbox_item *m)
{
    struct item *it = item_new(d, p, m);

    it->is_stored = true;
    insert_by_id(d, it);
    if (!text_is_empty(m->uidl))
        place_uidl_add(p, m->uidl, m->id);
    else if (m->uidvalidity == p->m.uidvalidity && m->uid >= p->m.floor)
        place_known_add(p, m->uid);
    return it;
}

/* A person's word on an item: it is to be tried again, or is gone. */
static void change_item(struct desk *d, struct place *p, const struct inbox_item *m)
{
    struct item *it = item_find(d, m->id);

    if (it && it->hand && it->hand->stage >= HAND_RUNNING && m->state == INBOX_WAITING)
        return; /* it is being tried */
    if (it)
        item_free(it);
    if (m->state != INBOX_WAITING && m->state != INBOX_PARKED)
        return;
    it = recall_item(d, p, m);
    it->patience_ms = loop_wall_ms(d->inbox->loop);
    if (m->state == INBOX_WAITING && d->place && d->place != p)
        desk_strand(it);
    else if (m->state == INBOX_WAITING && d->watcher && place_has_strays(p))
        watcher_restart(d->watcher); /* it is found by its fingerprint, or is not there */
    if (m->state == INBOX_WAITING)
        d->gate_ms = 0;
    if (d->watcher)
        watcher_work_later(d->watcher);
    desk_pump(d);
}

void inbox_item(struct inbox *i, const struct inbox_item *m)
{
    struct desk *d = desk_of(i, m->endpoint);
    struct place *p = desk_place(d, m->mailbox, m->folder);

    if (m->fd >= 0)
        close(m->fd);
    if (!p)
        return;
    if (i->is_recalled)
        change_item(d, p, m);
    else
        recall_item(d, p, m);
}

void inbox_known(struct inbox *i, const struct inbox_known *m)
{
    struct desk *d = desk_of(i, m->endpoint);
    struct place *p = desk_place(d, m->mailbox, m->folder);

    for (size_t n = 0; p && n < m->keys_count; n++) {
        if (text_is_empty(m->keys[n].uidl))
            place_known_add(p, m->keys[n].uid);
        else
            place_uidl_add(p, m->keys[n].uidl, m->keys[n].id);
    }
}

static void resume_hands(struct inbox *i)
{
    LIST_EACH (node, &i->hands) {
        struct hand *h = LIST_OF(node, struct hand, node);
        struct desk *d = desk_find(i, h->endpoint);
        struct item *it = d ? item_find(d, h->item_id) : NULL;
        if (it && it->m.state == INBOX_WAITING && !it->hand)
            hand_resume(h, it);
        else
            hand_drop(h);
    }
}

void inbox_recalled(struct inbox *i, const struct inbox_recalled *m)
{
    struct desk **desks;

    if (!i->has_objects || i->is_recalled)
        return;
    i->last_id = m->last_id > i->last_id ? m->last_id : i->last_id;
    i->is_recalled = true;
    resume_hands(i);
    desks = inbox_all_desks(i);
    for (struct desk **d = desks; *d; d++)
        if (!(*d)->is_mentioned)
            desk_forget(*d);
    free(desks);
    log_debug("inbox.recalled", LOG_UNSIGNED("endpoints", map_count(i->desks)));
    inbox_settle_later(i);
}
