/* inbox/watcher_imap.c - the commands of a look by IMAP: select, search from the lowest floor, headers by the batch
 * (watcher_imap_headers.c), bodies one by one, after-actions, IDLE. One command at a time; what comes next is decided when it has
 * ended. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

enum { DONE_MS = 60 * 1000, UIDS_MAX = 4 << 20 };

/* -- select -- */

void watcher_imap_fail(struct watcher *w, const char *when)
{
    const struct imap_reply reply = { .status = w->refused_status, .text = w->refused_words };
    struct inlet_trouble t = { 0 };
    struct imap_reply named = reply;

    memcpy(named.code, w->refused_code, sizeof named.code);
    inlet_trouble_of_imap(when, &named, &t);
    w->job = JOB_NONE; /* no message is to blame */
    watcher_trouble(w, &t);
}

/* The folder got new numbers. What is known by the old ones is found again by fingerprint. So is what kept an old number, where a
 * process died at the wrong moment. */
static void begin_resync(struct watcher *w, struct place *p)
{
    if (p->m.uidvalidity == w->uidvalidity && p->m.protocol == w->protocol && !place_has_strays(p))
        return;
    log_warn("inbox.renumbered", LOG_TEXT("mailbox", w->mailbox), LOG_TEXT("folder", w->folder),
             LOG_TEXT("endpoint", p->desk->endpoint), LOG_UNSIGNED("before", p->m.uidvalidity),
             LOG_UNSIGNED("uidvalidity", w->uidvalidity));
    place_resync_begin(p);
}

/* The first look at all: what is there is old, unless it is asked for. */
static void begin_place(struct watcher *w, struct place *p)
{
    const struct endpoint *e = desk_object(p->desk);

    p->m.protocol = w->protocol;
    p->m.uidvalidity = w->uidvalidity;
    p->m.began_ms = loop_wall_ms(w->inbox->loop);
    p->m.floor = e && e->include_old ? 1 : w->uidnext;
    place_save(p);
}

static void on_selected(void *ctx, const struct imap_folder *folder)
{
    struct watcher *w = ctx;

    w->is_selected = true;
    w->uidvalidity = folder->uidvalidity ? folder->uidvalidity : 1;
    w->uidnext = folder->uidnext;
    w->exists = folder->exists;
    w->wants_look = true;
    if (folder->is_read_only)
        log_debug("inbox.read-only", LOG_TEXT("mailbox", w->mailbox), LOG_TEXT("folder", w->folder));
}

static void after_select(struct watcher *w)
{
    if (w->is_refused || !w->is_selected) {
        watcher_imap_fail(w, "select");
        return;
    }
    watcher_well(w);
    LIST_EACH (node, &w->desks) {
        struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        if (!p)
            continue;
        if (p->m.began_ms == 0)
            begin_place(w, p);
        else
            begin_resync(w, p);
    }
    watcher_go_on(w);
}

/* -- search -- */

static uint64_t lowest_floor(const struct watcher *w)
{
    uint64_t lowest = UINT64_MAX;

    LIST_EACH (node, &w->desks) {
        const struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        uint64_t floor = !p ? UINT64_MAX : p->is_resync || p->m.floor == 0 ? 1 : p->m.floor;
        lowest = floor < lowest ? floor : lowest;
    }
    return lowest == UINT64_MAX ? 1 : lowest;
}

static void search(struct watcher *w)
{
    w->wants_look = false;
    w->uids_count = w->uids_at = 0;
    w->is_refused = false;
    w->floor = lowest_floor(w);
    w->job = JOB_SEARCH;
    imap_client_search(inlet_imap(w->inlet), w->floor, 0);
}

/* "n:*" names the last message even where it is below n. */
static void on_found(void *ctx, const uint64_t *uids, size_t count)
{
    struct watcher *w = ctx;

    for (size_t n = 0; n < count && w->uids_count < UIDS_MAX; n++) {
        if (w->job == JOB_STANDING) {
            watcher_imap_stands(w, uids[n]);
            continue;
        }
        if (uids[n] < w->floor)
            continue;
        if (w->uids_count == w->uids_capacity) {
            w->uids_capacity = w->uids_capacity ? 2 * w->uids_capacity : 64;
            w->uids = mem_resize(w->uids, w->uids_capacity * sizeof *w->uids);
        }
        w->uids[w->uids_count++] = uids[n];
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

/* Where the server told no UIDNEXT, the first look takes its floor from what it found. */
static void settle_first_floors(struct watcher *w)
{
    uint64_t next = w->uids_count ? w->uids[w->uids_count - 1] + 1 : 1;

    LIST_EACH (node, &w->desks) {
        struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        if (p && p->m.floor == 0 && !p->is_resync)
            place_raise(p, next);
    }
}

static void after_search(struct watcher *w)
{
    if (w->is_refused) {
        watcher_imap_fail(w, "select");
        return;
    }
    if (w->uids_count > 1)
        qsort(w->uids, w->uids_count, sizeof *w->uids, by_number);
    settle_first_floors(w);
    w->is_looking = true;
    watcher_go_on(w);
}

/* -- the end of a look -- */

static void end_resync(struct watcher *w, struct place *p)
{
    uint64_t next = w->uids_count ? w->uids[w->uids_count - 1] + 1 : 1;

    p->m.protocol = w->protocol;
    p->m.uidvalidity = w->uidvalidity;
    p->m.floor = 0;
    place_resync_end(p);
    place_raise(p, next > w->uidnext ? next : w->uidnext ? w->uidnext : 1);
    desk_pump(p->desk);
}

static void end_look(struct watcher *w)
{
    w->is_looking = false;
    LIST_EACH (node, &w->desks) {
        struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        if (p && p->is_resync)
            end_resync(w, p);
    }
    watcher_looked(w);
}

/* -- bodies -- */

static bool fetch_body(struct watcher *w)
{
    struct hand *h = watcher_next_hand(w);

    if (!h)
        return false;
    list_remove(&h->want);
    if (!hand_open_body(h)) {
        hand_failed(h);
        return watcher_imap_work(w);
    }
    w->hand = h;
    h->watcher = w;
    w->got_body = false;
    w->job = JOB_BODY;
    imap_client_fetch_body(inlet_imap(w->inlet), h->item->m.uid);
    return true;
}

static void on_message(void *ctx, const struct imap_message *m)
{
    watcher_imap_message(ctx, m);
}

static bool on_body(void *ctx, uint64_t uid, uint64_t size, struct bytes chunk)
{
    struct watcher *w = ctx;

    w->got_body = true;
    return w->hand && w->job == JOB_BODY && hand_write_body(w->hand, chunk);
}

static void after_body(struct watcher *w)
{
    struct hand *h = w->hand;

    w->hand = NULL;
    if (h) {
        h->watcher = NULL;
        if (w->is_refused)
            hand_refused(h, w->refused_words);
        else if (!w->got_body)
            hand_vanished(h);
        else
            hand_fetched(h);
    }
    watcher_go_on(w);
}

/* -- after-actions -- */

static void act(struct watcher *w, struct item *it)
{
    const struct endpoint *e = desk_object(it->desk);
    struct imap_client *c = inlet_imap(w->inlet);

    w->after = it;
    it->is_acting = true;
    w->job = JOB_AFTER;
    switch (e ? e->after : ENDPOINT_AFTER_LEAVE) {
    case ENDPOINT_AFTER_SEEN:
        imap_client_store_seen(c, it->m.uid);
        break;
    case ENDPOINT_AFTER_MOVE:
        imap_client_move(c, it->m.uid, e->move_to);
        break;
    case ENDPOINT_AFTER_DELETE:
        imap_client_delete(c, it->m.uid);
        break;
    case ENDPOINT_AFTER_LEAVE:
        w->job = JOB_NONE;
        watcher_after_done(w, true);
        watcher_work_later(w);
        break;
    }
}

static bool wants_folder(struct watcher *w)
{
    const struct endpoint *e = w->after ? desk_object(w->after->desk) : NULL;

    if (!w->is_refused || w->was_asked_to_create || !e || e->after != ENDPOINT_AFTER_MOVE)
        return false;
    w->was_asked_to_create = true; /* once a connection: it may be the move itself that is not allowed */
    w->after->is_acting = false;
    w->after = NULL;
    w->is_refused = false;
    w->job = JOB_CREATE;
    imap_client_create(inlet_imap(w->inlet), e->move_to);
    return true;
}

static void after_act(struct watcher *w)
{
    if (wants_folder(w))
        return;
    watcher_after_done(w, !w->is_refused);
    watcher_go_on(w);
}

/* -- idle -- */

void watcher_imap_idle(struct watcher *w)
{
    w->job = JOB_IDLE;
    w->is_stopping_idle = w->is_idling = false;
    imap_client_idle(inlet_imap(w->inlet));
    inlet_set_patience(w->inlet, w->inbox->settings.idle_renew_ms + DONE_MS);
}

static void on_idling(void *ctx)
{
    struct watcher *w = ctx;

    w->is_idling = true;
    if (w->is_stopping_idle) {
        w->is_stopping_idle = false;
        watcher_imap_stop_idle(w);
    }
}

/* DONE may be said only once the server waits for it. */
void watcher_imap_stop_idle(struct watcher *w)
{
    if (w->is_stopping_idle)
        return;
    w->is_stopping_idle = true;
    inlet_set_patience(w->inlet, DONE_MS);
    if (w->is_idling)
        imap_client_done(inlet_imap(w->inlet));
}

static void on_changed(void *ctx, uint32_t exists)
{
    struct watcher *w = ctx;
    bool is_more = exists > w->exists;

    w->exists = exists;
    if (!is_more)
        return;
    w->wants_look = true;
    watcher_work_later(w);
}

/* -- what comes next -- */

static void noop(struct watcher *w)
{
    w->job = JOB_NOOP;
    imap_client_noop(inlet_imap(w->inlet));
}

bool watcher_imap_work(struct watcher *w)
{
    struct item *it;

    if (!w->is_selected) {
        w->job = JOB_SELECT;
        imap_client_select(inlet_imap(w->inlet), w->folder, false);
        return true;
    }
    if ((it = watcher_next_after(w))) {
        act(w, it);
        return true;
    }
    if (fetch_body(w))
        return true;
    if (watcher_imap_headers(w))
        return true;
    if (w->is_looking && w->uids_at == w->uids_count) {
        if (!watcher_settles(w))
            return true;
        end_look(w);
    }
    if (!w->wants_look)
        return false;
    if (w->looked_ms < w->connected_ms || watcher_wants_idle(w))
        search(w);
    else
        noop(w); /* so that the server tells of news before it searches */
    return true;
}

static void on_ready(void *ctx)
{
    struct watcher *w = ctx;

    switch (w->job) {
    case JOB_SELECT:
        after_select(w);
        break;
    case JOB_NOOP:
        search(w);
        break;
    case JOB_SEARCH:
        after_search(w);
        break;
    case JOB_HEADERS:
    case JOB_DATA:
    case JOB_STANDING:
        watcher_imap_headers_ready(w);
        break;
    case JOB_BODY:
        after_body(w);
        break;
    case JOB_AFTER:
        after_act(w);
        break;
    case JOB_NONE:
        watcher_on_connected(w);
        watcher_go_on(w);
        break;
    default:
        watcher_go_on(w);
        break;
    }
}

static void on_refused(void *ctx, const char *command, const struct imap_reply *reply)
{
    struct watcher *w = ctx;

    w->refused_status = reply->status;
    watcher_refused(w, reply->code, reply->text);
}

static const struct imap_client_host host = {
    .refused = on_refused,
    .selected = on_selected,
    .found = on_found,
    .message = on_message,
    .body = on_body,
    .changed = on_changed,
    .idling = on_idling,
};

const struct inlet_user watcher_imap_user = { .ready = on_ready, .failed = watcher_on_failed, .imap = &host };
