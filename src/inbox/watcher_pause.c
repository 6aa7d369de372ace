/* inbox/watcher_pause.c - a folder in which there is nothing to do: whether its connection idles, stays, or is given up. */
#include "inbox/inbox_private.h"

enum {
    SHORT_POLL_MS = 5 * 60 * 1000, /* up to this long a connection is kept between two looks */
    LINGER_MS = 2 * 1000,          /* before IDLE begins, where a hand-over is under way */
    SOON_MS = 2 * 1000,
};

bool watcher_wants_idle(const struct watcher *w)
{
    LIST_EACH (node, &w->desks) {
        const struct endpoint *e = desk_object(LIST_OF(node, struct desk, in_watcher));
        if (e && (e->watch == ENDPOINT_WATCH_DEFAULT || e->watch == ENDPOINT_WATCH_IDLE))
            return true;
    }
    return false;
}

int64_t watcher_poll_ms(const struct watcher *w)
{
    uint32_t poll = UINT32_MAX;

    LIST_EACH (node, &w->desks) {
        const struct endpoint *e = desk_object(LIST_OF(node, struct desk, in_watcher));
        uint32_t wish = e && e->poll_s ? e->poll_s : INBOX_POLL_S;
        poll = wish < poll ? wish : poll;
    }
    return poll == UINT32_MAX ? 1000 * INBOX_POLL_S : 1000 * (int64_t)poll;
}

static bool is_said_to_poll(const struct watcher *w)
{
    LIST_EACH (node, &w->desks) {
        const struct endpoint *e = desk_object(LIST_OF(node, struct desk, in_watcher));
        if (e && e->poll_s)
            return true;
    }
    return false;
}

/* With IDLE the polling is a safety net, and each look begins the IDLE anew. */
static int64_t idle_ms(const struct watcher *w)
{
    int64_t renew = w->inbox->settings.idle_renew_ms, poll = watcher_poll_ms(w);
    return is_said_to_poll(w) && poll < renew ? poll : renew;
}

/* Something is to be put away, or to be asked for again. */
static int64_t next_due_ms(const struct watcher *w)
{
    int64_t next = 0, now = loop_wall_ms(w->inbox->loop);

    LIST_EACH (node, &w->desks)
        LIST_EACH (at, &LIST_OF(node, struct desk, in_watcher)->items) {
            const struct item *it = LIST_OF(at, struct item, node);
            int64_t due = it->m.state == INBOX_HANDED ? it->after_next_ms : item_is_unread(it) ? it->m.next_ms : 0;
            if (due > now && (next == 0 || due < next))
                next = due;
        }
    return next;
}

static void wait(struct watcher *w, enum watcher_state state, int64_t ms)
{
    int64_t now = loop_wall_ms(w->inbox->loop), due = next_due_ms(w);

    w->state = state;
    w->next_look_ms = now + ms;
    loop_timer_start(&w->timer, due && due - now < ms ? due - now : ms);
}

/* Mail that was handed over meanwhile is put away by a session of its own, and soon. */
void watcher_end_session(struct watcher *w, int64_t rest_ms)
{
    bool is_soon = watcher_next_after(w) || (!list_is_empty(&w->wanted) && watcher_may_open_body(w));

    watcher_close_inlet(w);
    watcher_rest(w, is_soon ? SOON_MS : rest_ms);
}

/* What is being handed over is mostly put away at once. */
static bool has_young_hand(const struct watcher *w)
{
    int64_t now = loop_now_ms(w->inbox->loop);

    LIST_EACH (node, &w->inbox->hands) {
        const struct hand *h = LIST_OF(node, struct hand, node);
        if (h->item && h->item->desk->watcher == w &&
            (h->stage == HAND_SAVING || h->stage == HAND_ENDED ||
             (h->stage == HAND_RUNNING && now - h->started_ms < LINGER_MS)))
            return true;
    }
    return false;
}

void watcher_pause(struct watcher *w)
{
    int64_t poll = watcher_poll_ms(w);

    if (has_young_hand(w)) {
        wait(w, WATCHER_OPEN, LINGER_MS);
        return;
    }
    bool may_stay = list_is_empty(&w->box->waiting);
    if (w->protocol == OBJECT_POP3) {
        watcher_pop3_end(w);
    } else if (may_stay && watcher_wants_idle(w) && imap_client_caps(inlet_imap(w->inlet))->idle) {
        wait(w, WATCHER_IDLING, idle_ms(w));
        watcher_imap_idle(w);
    } else if (may_stay && poll <= SHORT_POLL_MS) {
        inlet_set_patience(w->inlet, poll + WATCHER_LIVED_WELL_MS);
        wait(w, WATCHER_OPEN, poll);
    } else {
        watcher_end_session(w, poll);
    }
}
