/* inbox/watcher_next.c - what there is to do in a folder, and what comes first: mail to be put away, headers that were not given,
 * bodies; and who may have one of the few bodies that are open at one time. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

enum {
    ACTION_MS = 5 * 1000, /* between tries of an after-action, times their number */
    ACTION_TRIES = 5,
};

/* A message stays for as long as another endpoint wants it, or has not yet looked at it. */
static bool is_wanted_by_others(const struct watcher *w, const struct item *it, enum endpoint_after after)
{
    LIST_EACH (node, &w->desks) {
        struct desk *d = LIST_OF(node, struct desk, in_watcher);
        if (d == it->desk || !d->place)
            continue;
        if (d->place->is_resync || !place_knows(d->place, it->m.uid, it->m.uidl))
            return true;
        const struct item *other = place_same_item(d->place, &it->m);
        if (other &&
            (other->m.state == INBOX_WAITING || (other->m.state == INBOX_PARKED && after != ENDPOINT_AFTER_SEEN)))
            return true;
    }
    return false;
}

static bool is_due(const struct watcher *w, const struct item *it, int64_t now)
{
    const struct endpoint *e = desk_object(it->desk);
    bool is_single = w->desks.next == w->desks.prev;

    if (it->m.state != INBOX_HANDED || it->is_acting || save_is_pending(&it->save) || it->after_next_ms > now ||
        it->place != it->desk->place || it->m.uidvalidity != w->uidvalidity || it->place->is_resync)
        return false;
    return is_single || !is_wanted_by_others(w, it, e ? e->after : ENDPOINT_AFTER_LEAVE);
}

struct item *watcher_next_after(struct watcher *w)
{
    int64_t now = loop_wall_ms(w->inbox->loop);

    LIST_EACH (node, &w->desks)
        LIST_EACH (at, &LIST_OF(node, struct desk, in_watcher)->items)
            if (is_due(w, LIST_OF(at, struct item, node), now))
                return LIST_OF(at, struct item, node);
    return NULL;
}

static bool is_paused_at(const struct desk *d)
{
    const struct endpoint *e = desk_object(d);
    return !e || e->is_paused;
}

static bool is_to_be_read(const struct watcher *w, const struct item *it, int64_t now)
{
    return item_is_unread(it) && it->m.next_ms <= now && !save_is_pending(&it->save) && it->place == it->desk->place &&
           it->m.uidvalidity == w->uidvalidity && !it->place->is_resync && !is_paused_at(it->desk);
}

struct item *watcher_next_unread(struct watcher *w, const struct item *before)
{
    int64_t now = loop_wall_ms(w->inbox->loop);

    LIST_EACH (node, &w->desks)
        LIST_EACH (at, &LIST_OF(node, struct desk, in_watcher)->items) {
            struct item *it = LIST_OF(at, struct item, node);
            if (before == it)
                before = NULL;
            else if (!before && is_to_be_read(w, it, now))
                return it;
        }
    return NULL;
}

static size_t bodies_of(const struct watcher *w)
{
    size_t count = 0;

    LIST_EACH (node, &w->inbox->hands) {
        const struct hand *h = LIST_OF(node, struct hand, node);
        count += h->fd >= 0 && h->item && h->item->desk->watcher == w;
    }
    return count;
}

/* One folder with slow endpoints must not hold all of them while others wait for one. */
bool watcher_may_open_body(const struct watcher *w)
{
    size_t hungry = 1;

    LIST_EACH (node, &w->inbox->watchers) {
        const struct watcher *other = LIST_OF(node, struct watcher, node);
        hungry += other != w && !list_is_empty(&other->wanted);
    }
    return w->inbox->bodies < INBOX_BODIES && (hungry == 1 || bodies_of(w) <= INBOX_BODIES / hungry);
}

void watcher_wake_hungry(struct inbox *i)
{
    LIST_EACH (node, &i->watchers) {
        struct watcher *w = LIST_OF(node, struct watcher, node);
        if (!list_is_empty(&w->wanted))
            watcher_work_later(w);
    }
}

struct hand *watcher_next_hand(struct watcher *w)
{
    if (list_is_empty(&w->wanted) || !watcher_may_open_body(w))
        return NULL;
    LIST_EACH (node, &w->wanted) {
        struct hand *h = LIST_OF(node, struct hand, want);
        if (h->item && !h->item->place->is_resync && h->item->m.uidvalidity == w->uidvalidity)
            return h;
    }
    return NULL;
}

bool watcher_has_room(const struct watcher *w)
{
    return w->inbox->item_memory < INBOX_MEMORY;
}

bool watcher_has_work(struct watcher *w)
{
    return w->wants_look || watcher_next_hand(w) || watcher_next_after(w) || watcher_next_unread(w, NULL) ||
           (w->uids_at < w->uids_count && watcher_has_room(w));
}

/* -- after-actions -- */

void watcher_after_done(struct watcher *w, bool is_ok)
{
    struct item *it = w->after;
    char text[600];

    w->after = NULL;
    if (!it)
        return;
    it->is_acting = false;
    if (is_ok) {
        item_finish(it, INBOX_DONE, NULL, NULL);
        return;
    }
    it->after_next_ms = loop_wall_ms(w->inbox->loop) + (int64_t)ACTION_MS * ++it->after_tries;
    snprintf(text, sizeof text, "handed over, but the mailbox did not let it be put away: %s", w->refused_words);
    if (it->after_tries < ACTION_TRIES)
        return;
    log_warn("inbox.not-put-away", LOG_TEXT("mailbox", w->mailbox), LOG_TEXT("folder", w->folder),
             LOG_TEXT("endpoint", it->desk->endpoint), LOG_TEXT("text", w->refused_words));
    item_finish(it, INBOX_DONE, text, "inbox.not-put-away");
}
