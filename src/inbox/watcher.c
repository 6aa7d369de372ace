/* inbox/watcher.c - one folder of one mailbox, for all endpoints on it: when it is looked at, when it is left alone, and why.
 *
 * The commands are watcher_imap.c's and watcher_pop3.c's; here are the connection's comings and goings. What a failure means is
 * watcher_trouble.c's, and what is done where there is nothing to do watcher_pause.c's. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

static void on_timer(void *ctx);
static void on_turn(void *ctx);

/* -- a mailbox's connections -- */

static struct box *box_of(struct inbox *i, const char *address)
{
    LIST_EACH (node, &i->boxes) {
        struct box *b = LIST_OF(node, struct box, node);
        if (text_equal_nocase(b->address, address))
            return b;
    }
    struct box *b = mem_alloc(sizeof *b);
    b->address = mem_strdup(address);
    list_init(&b->waiting);
    list_append(&i->boxes, &b->node);
    return b;
}

static void connect_now(struct watcher *w);

static void give_slot_back(struct watcher *w)
{
    list_remove(&w->waiting);
    if (!w->has_slot)
        return;
    w->has_slot = false;
    w->box->open--;
    struct list *node = list_pop(&w->box->waiting);
    if (node)
        connect_now(LIST_OF(node, struct watcher, waiting));
}

/* Those that have a connection and no work give it up when others wait. */
static void nudge_others(struct watcher *w)
{
    LIST_EACH (node, &w->inbox->watchers) {
        struct watcher *other = LIST_OF(node, struct watcher, node);
        if (other->box == w->box && (other->state == WATCHER_IDLING || other->state == WATCHER_OPEN))
            watcher_work_later(other);
    }
}

/* -- life -- */

struct watcher *watcher_for(struct inbox *i, const char *mailbox, const char *folder, uint32_t protocol)
{
    LIST_EACH (node, &i->watchers) {
        struct watcher *w = LIST_OF(node, struct watcher, node);
        if (w->protocol == protocol && text_equal_nocase(w->mailbox, mailbox) && text_equal(w->folder, folder))
            return w;
    }
    struct watcher *w = mem_alloc(sizeof *w);
    w->inbox = i;
    w->box = box_of(i, mailbox);
    w->mailbox = mem_strdup(mailbox);
    w->folder = mem_strdup(folder);
    w->protocol = protocol;
    w->since_ms = loop_wall_ms(i->loop);
    list_init(&w->waiting);
    list_init(&w->desks);
    list_init(&w->wanted);
    list_init(&w->fresh);
    buf_init(&w->header, IMAP_LITERAL_LIMIT);
    loop_timer_init(&w->timer, i->loop, on_timer, w);
    loop_deferred_init(&w->turn, on_turn, w);
    list_append(&i->watchers, &w->node);
    return w;
}

/* What was under way on the connection is as if it had not begun. */
void watcher_forget_connection(struct watcher *w)
{
    struct hand *h = w->hand;

    arrival_drop(w);
    watcher_imap_headers_forget(w);
    if (h) {
        w->hand = NULL;
        h->watcher = NULL;
        hand_wait_again(h);
        if (h->item)
            list_insert(w->wanted.next, &h->want);
    }
    if (w->after)
        w->after->is_acting = false;
    w->after = NULL;
    LIST_EACH (node, &w->desks)
        LIST_EACH (at, &LIST_OF(node, struct desk, in_watcher)->items)
            LIST_OF(at, struct item, node)->is_acting = false;
    w->job = JOB_NONE;
    w->is_selected = w->has_listed = w->was_asked_to_create = w->is_looking = false;
    w->uids_count = w->uids_at = 0;
    watcher_pop3_forget(w);
    w->inlet = NULL;
    give_slot_back(w);
}

void watcher_close_inlet(struct watcher *w)
{
    struct inlet *l = w->inlet;

    watcher_forget_connection(w);
    inlet_close(l);
}

void watcher_free(struct watcher *w)
{
    struct inlet *l = w->inlet;

    watcher_forget_connection(w);
    inlet_drop(l);
    for (struct list *node; (node = w->wanted.next) != &w->wanted;)
        hand_drop(LIST_OF(node, struct hand, want));
    for (struct list *node; (node = w->desks.next) != &w->desks;) {
        LIST_OF(node, struct desk, in_watcher)->watcher = NULL;
        list_remove(node);
    }
    list_remove(&w->node);
    loop_timer_stop(&w->timer);
    loop_undefer(&w->turn);
    buf_fini(&w->header);
    free(w->uids);
    free(w->mailbox);
    free(w->folder);
    free(w);
}

/* A new endpoint on the folder begins with a look of its own. */
void watcher_join(struct watcher *w, struct desk *d)
{
    d->watcher = w;
    list_append(&w->desks, &d->in_watcher);
    if (w->inlet && w->is_selected)
        watcher_restart(w);
    else
        watcher_look(w);
    desk_pump(d);
}

/* The inlet is dropped only at the end of the turn: this may be one of its callbacks. */
void watcher_leave(struct desk *d)
{
    struct watcher *w = d->watcher;

    if (!w)
        return;
    LIST_EACH (node, &d->items) {
        struct item *it = LIST_OF(node, struct item, node);
        if (it->hand && it->hand->stage < HAND_RUNNING)
            hand_drop(it->hand);
    }
    arrival_drop_of(w, d);
    list_remove(&d->in_watcher);
    d->watcher = NULL;
    if (list_is_empty(&w->desks))
        w->is_gone = true;
    watcher_restart(w);
}

/* -- resting, connecting -- */

void watcher_rest(struct watcher *w, int64_t ms)
{
    w->state = WATCHER_RESTING;
    w->next_look_ms = loop_wall_ms(w->inbox->loop) + ms;
    loop_timer_start(&w->timer, ms);
}

static void connect_now(struct watcher *w)
{
    const struct mailbox *m = directory_mailbox(w->inbox->directory, w->mailbox);
    const struct inlet_user *user = w->protocol == OBJECT_IMAP ? &watcher_imap_user : &watcher_pop3_user;
    struct inlet_trouble t = { .when = "connect" };

    w->has_slot = true;
    w->box->open++;
    w->state = WATCHER_CONNECTING;
    if (m)
        w->inlet = inlet_open(w->inbox, m, w->protocol, user, w, &t.fault);
    else
        fault_set(&t.fault, FAULT_CONFIG, "", "there is no mailbox %s", w->mailbox);
    if (w->inlet)
        return;
    t.words = t.fault.text;
    t.finding = finding_by_id(t.fault.id);
    watcher_trouble(w, &t);
}

static bool is_paused(const struct watcher *w)
{
    const struct mailbox *m = directory_mailbox(w->inbox->directory, w->mailbox);

    LIST_EACH (node, &w->desks) {
        const struct endpoint *e = desk_object(LIST_OF(node, struct desk, in_watcher));
        if (e && !e->is_paused)
            return m && m->is_paused;
    }
    return true;
}

static void ask_for_connection(struct watcher *w)
{
    loop_timer_stop(&w->timer);
    w->next_look_ms = 0;
    if (w->box->open < w->inbox->settings.connections) {
        connect_now(w);
        return;
    }
    w->state = WATCHER_QUEUING;
    list_append(&w->box->waiting, &w->waiting);
    nudge_others(w);
}

void watcher_look(struct watcher *w)
{
    w->wants_look = true;
    if (w->state == WATCHER_RESTING)
        loop_timer_start(&w->timer, 0);
    else
        watcher_work_later(w);
}

/* What was done with the old settings is done with. Not at once: whoever changed them may be one of the inlet's own callers. */
void watcher_restart(struct watcher *w)
{
    w->wants_restart = w->wants_look = true;
    w->failures = 0;
    loop_defer(w->inbox->loop, &w->turn);
}

void watcher_begin_again(struct watcher *w)
{
    watcher_close_inlet(w);
    w->wants_look = true;
    watcher_rest(w, INBOX_UNSAVED_MS);
}

void watcher_work_later(struct watcher *w)
{
    loop_defer(w->inbox->loop, &w->turn);
}

/* -- turns -- */

static void work(struct watcher *w)
{
    if (w->job != JOB_NONE || w->is_saving)
        return;
    w->state = WATCHER_WORKING;
    loop_timer_stop(&w->timer);
    bool is_working = w->protocol == OBJECT_IMAP ? watcher_imap_work(w) : watcher_pop3_work(w);
    if (!is_working && w->inlet && w->job == JOB_NONE && w->state == WATCHER_WORKING)
        watcher_pause(w);
}

static void restart(struct watcher *w)
{
    w->wants_restart = false;
    if (w->state == WATCHER_QUEUING)
        list_remove(&w->waiting);
    watcher_close_inlet(w);
    watcher_rest(w, 0);
}

static void on_turn(void *ctx)
{
    struct watcher *w = ctx;

    if (w->is_gone) {
        watcher_free(w);
        return;
    }
    if (w->wants_restart)
        restart(w);
    switch (w->state) {
    case WATCHER_RESTING:
        if (w->failures == 0 && !w->inbox->is_stopping && w->looked_ms &&
            ((!list_is_empty(&w->wanted) && watcher_may_open_body(w)) || watcher_next_unread(w, NULL)))
            loop_timer_start(&w->timer, 0);
        break;
    case WATCHER_IDLING:
        if (watcher_has_work(w) || !list_is_empty(&w->box->waiting))
            watcher_imap_stop_idle(w);
        break;
    case WATCHER_OPEN:
    case WATCHER_WORKING:
        work(w);
        break;
    case WATCHER_QUEUING:
    case WATCHER_CONNECTING:
        break;
    }
}

static void on_timer(void *ctx)
{
    struct watcher *w = ctx;

    if (w->next_look_ms <= loop_wall_ms(w->inbox->loop))
        w->wants_look = true;
    if (w->state != WATCHER_RESTING)
        watcher_work_later(w);
    else if (is_paused(w) || w->inbox->is_stopping || !w->inbox->is_recalled)
        w->next_look_ms = 0; /* until something changes */
    else
        ask_for_connection(w);
}

/* -- from the inlet -- */

void watcher_on_connected(struct watcher *w)
{
    w->connected_ms = loop_wall_ms(w->inbox->loop);
    w->state = WATCHER_WORKING;
    log_info("inbox.connected", LOG_TEXT("mailbox", w->mailbox), LOG_TEXT("folder", w->folder),
             LOG_TEXT("host", inlet_host(w->inlet)));
}

void watcher_on_failed(void *ctx, const struct inlet_trouble *t)
{
    struct watcher *w = ctx;

    watcher_trouble(w, t);
}

void watcher_go_on(struct watcher *w)
{
    w->job = JOB_NONE;
    w->is_refused = false;
    w->state = WATCHER_WORKING;
    work(w);
}

void watcher_batch_saved(struct watcher *w)
{
    w->is_saving = false;
    if (w->protocol == OBJECT_IMAP)
        watcher_imap_batch_saved(w);
    watcher_work_later(w);
}

bool watcher_settles(struct watcher *w)
{
    bool is_settled = true;

    LIST_EACH (node, &w->desks) {
        struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        if (!p || !p->is_resync)
            continue;
        place_resync_settle(p);
        is_settled = is_settled && !place_has_unsaved(p);
    }
    return is_settled;
}

/* All that was there is seen. */
void watcher_looked(struct watcher *w)
{
    w->looked_ms = loop_wall_ms(w->inbox->loop);
}
