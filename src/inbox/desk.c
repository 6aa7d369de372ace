/* inbox/desk.c - an endpoint at work: what lies there, and when the next message is taken in hand.
 *
 * A message that fails waits by itself, longer each time. When several fail in a row it is the endpoint that is in trouble: then one
 * message at a time finds out whether that is over, and when it is, what failed meanwhile goes at once. So one bad
 * message does not hold up the others, and a dead webhook is not beaten with ten thousand. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

enum {
    OUTAGE_FAILURES = 3,
    OUTAGE_GATE_MS = 60 * 1000, /* the longest rest between two that find out */
};

static void on_timer(void *ctx)
{
    desk_pump(ctx);
}

/* -- life -- */

struct desk *desk_find(struct inbox *i, const char *endpoint)
{
    return map_get(i->desks, endpoint);
}

struct desk *desk_of(struct inbox *i, const char *endpoint)
{
    struct desk *d = desk_find(i, endpoint);

    if (d)
        return d;
    d = mem_alloc(sizeof *d);
    d->inbox = i;
    d->endpoint = mem_strdup(endpoint);
    list_init(&d->places);
    list_init(&d->items);
    list_init(&d->in_watcher);
    loop_timer_init(&d->timer, i->loop, on_timer, d);
    map_put(i->desks, endpoint, d);
    return d;
}

static void free_items(struct desk *d)
{
    for (struct list *node; (node = d->items.next) != &d->items;)
        item_free(LIST_OF(node, struct item, node));
}

void desk_free(struct desk *d)
{
    watcher_leave(d);
    free_items(d);
    for (struct list *node; (node = d->places.next) != &d->places;)
        place_free(LIST_OF(node, struct place, node));
    ask_forget(&d->lookup);
    free(d->looked_up);
    loop_timer_stop(&d->timer);
    free(d->endpoint);
    free(d);
}

/* A removal that does not reach the disk is made up for at the next recall, as nobody mentions the endpoint then. */
void desk_forget(struct desk *d)
{
    struct inbox *i = d->inbox;

    LIST_EACH (node, &d->places) {
        struct place *p = LIST_OF(node, struct place, node);
        p->m.is_removed = true;
        p->m.endpoint = d->endpoint;
        p->m.mailbox = p->mailbox;
        p->m.folder = p->folder;
        p->m.tag = ++i->last_tag | INBOX_TAG_NOBODY;
        i->host.place(i->ctx, &p->m);
    }
    map_remove(i->desks, d->endpoint);
    desk_free(d);
}

const struct endpoint *desk_object(const struct desk *d)
{
    return directory_endpoint(d->inbox->directory, d->endpoint);
}

/* -- places -- */

struct place *desk_place(struct desk *d, const char *mailbox, const char *folder)
{
    LIST_EACH (node, &d->places) {
        struct place *p = LIST_OF(node, struct place, node);
        if (text_equal_nocase(p->mailbox, mailbox) && text_equal(p->folder, folder))
            return p;
    }
    return NULL;
}

void desk_strand(struct item *it)
{
    item_finish(it, INBOX_PARKED, "the endpoint watches another mailbox or folder now", "inbox.moved-on");
}

static void strand_all(struct desk *d, const struct place *p)
{
    LIST_EACH (node, &d->items) {
        struct item *it = LIST_OF(node, struct item, node);
        if (it->place == p && it->m.state == INBOX_WAITING && (!it->hand || it->hand->stage < HAND_RUNNING))
            desk_strand(it);
    }
}

struct place *desk_use_place(struct desk *d, const char *mailbox, const char *folder, uint32_t protocol)
{
    struct place *p = desk_place(d, mailbox, folder);

    if (!p) {
        const struct inbox_place m = { .mailbox = mailbox, .folder = folder, .protocol = protocol };
        p = desk_place_new(d, &m);
    }
    if (d->place != p)
        LIST_EACH (node, &d->places)
            if (LIST_OF(node, struct place, node) != p)
                strand_all(d, LIST_OF(node, struct place, node));
    d->place = p;
    return p;
}

/* -- handing over -- */

static unsigned at_once(const struct desk *d, const struct endpoint *e)
{
    if (d->failures >= OUTAGE_FAILURES)
        return 1;
    return e->kind == ENDPOINT_WEBHOOK || e->kind == ENDPOINT_KEEP ? d->inbox->settings.at_once : 1;
}

int64_t desk_keep_until(const struct desk *d)
{
    const struct endpoint *e = desk_object(d);
    int64_t days = e && e->keep_days ? e->keep_days : INBOX_KEEP_DAYS;

    return loop_wall_ms(d->inbox->loop) + days * 24 * 3600 * 1000;
}

static bool is_free(const struct desk *d, const struct item *it)
{
    return it->m.state == INBOX_WAITING && !item_is_unread(it) && !it->hand && !save_is_pending(&it->save) &&
           it->place == d->place;
}

/* The oldest that is due; `next_ms` becomes the earliest of the others, or stays. */
static struct item *next_item(struct desk *d, int64_t now, int64_t *next_ms)
{
    LIST_EACH (node, &d->items) {
        struct item *it = LIST_OF(node, struct item, node);
        if (!is_free(d, it))
            continue;
        if (it->m.next_ms <= now)
            return it;
        if (*next_ms == 0 || it->m.next_ms < *next_ms)
            *next_ms = it->m.next_ms;
    }
    return NULL;
}

static bool may_hand_over(const struct desk *d, const struct endpoint *e)
{
    const struct inbox *i = d->inbox;
    return i->is_recalled && !i->is_stopping && e && !e->is_paused && d->place && d->watcher;
}

void desk_pump(struct desk *d)
{
    const struct endpoint *e = desk_object(d);
    int64_t now = loop_wall_ms(d->inbox->loop), next_ms = 0;
    struct item *it;

    loop_timer_stop(&d->timer);
    if (!may_hand_over(d, e))
        return;
    if (now < d->gate_ms) {
        loop_timer_start(&d->timer, d->gate_ms - now);
        return;
    }
    while (d->hands < at_once(d, e) && (it = next_item(d, now, &next_ms)))
        hand_new(it);
    if (next_ms > now)
        loop_timer_start(&d->timer, next_ms - now);
}

static void end_outage(struct desk *d)
{
    int64_t now = loop_wall_ms(d->inbox->loop);

    if (d->failures >= OUTAGE_FAILURES) {
        log_info("endpoint.well", LOG_TEXT("endpoint", d->endpoint), LOG_NUMBER("ms", now - d->outage_ms));
        LIST_EACH (node, &d->items) {
            struct item *it = LIST_OF(node, struct item, node);
            if (it->failed_ms >= d->outage_ms)
                it->m.next_ms = now;
        }
    }
    d->failures = 0;
    d->gate_ms = d->outage_ms = 0;
}

void desk_outcome(struct desk *d, bool is_good, uint32_t wish_s)
{
    struct inbox *i = d->inbox;
    int64_t now = loop_wall_ms(i->loop);

    if (is_good) {
        d->last_handed_ms = now;
        end_outage(d);
        return;
    }
    if (d->failures++ == 0)
        d->outage_ms = now;
    if (d->failures == OUTAGE_FAILURES)
        log_warn("endpoint.failing", LOG_TEXT("endpoint", d->endpoint), LOG_UNSIGNED("failures", d->failures));
    int64_t gate = wish_s ? retry_delay_ms(&i->retry, d->failures, wish_s) : 0; /* within reason */
    if (d->failures >= OUTAGE_FAILURES && gate == 0) {
        gate = retry_delay_ms(&i->retry, d->failures - OUTAGE_FAILURES + 1, 0);
        gate = gate < OUTAGE_GATE_MS ? gate : OUTAGE_GATE_MS;
    }
    d->gate_ms = now + gate;
}

void desk_retry_now(struct desk *d)
{
    int64_t now = loop_wall_ms(d->inbox->loop);

    d->gate_ms = 0;
    LIST_EACH (node, &d->items) {
        struct item *it = LIST_OF(node, struct item, node);
        if (it->m.state == INBOX_WAITING && it->m.next_ms > now)
            it->m.next_ms = now;
        it->after_next_ms = 0;
    }
    if (d->watcher)
        watcher_work_later(d->watcher);
    desk_pump(d);
}
