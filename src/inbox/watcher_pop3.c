/* inbox/watcher_pop3.c - the commands of a look by POP3: UIDL and LIST, headers of what is new, bodies, deletions, QUIT.
 *
 * Each look is a session of its own, as the maildrop is locked meanwhile; deletions take effect with the answer to QUIT, so only
 * then they count as done. A UIDL is known or it is not; where none of those that are known stands in the list any more, the server
 * numbered anew, and the messages are found again by fingerprint. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

enum { ENTRIES_MAX = 1 << 20 };

/* -- what is there -- */

void watcher_pop3_forget(struct watcher *w)
{
    for (size_t n = 0; n < w->entries_count; n++)
        free(w->entries[n].uidl);
    free(w->entries);
    w->entries = NULL;
    w->entries_count = w->entries_capacity = w->entries_at = 0;
    buf_release(&w->header);
}

static void on_unique(void *ctx, uint32_t number, const char *uidl)
{
    struct watcher *w = ctx;

    if (w->entries_count == ENTRIES_MAX || text_is_empty(uidl))
        return;
    if (w->entries_count == w->entries_capacity) {
        w->entries_capacity = w->entries_capacity ? 2 * w->entries_capacity : 64;
        w->entries = mem_resize(w->entries, w->entries_capacity * sizeof *w->entries);
    }
    w->entries[w->entries_count++] = (struct pop3_entry){ .number = number,
                                                          .uidl = mem_strndup(uidl, text_cut(bytes_of(uidl), 127)) };
}

/* Both lists come in the same order, but nobody promised it. */
static struct pop3_entry *entry_by_number(struct watcher *w, uint32_t number)
{
    size_t guess = w->entries_at < w->entries_count ? w->entries_at : 0;

    for (size_t n = 0; n < w->entries_count; n++) {
        struct pop3_entry *e = &w->entries[(guess + n) % w->entries_count];
        if (e->number == number)
            return e;
    }
    return NULL;
}

static void on_sized(void *ctx, uint32_t number, uint64_t octets)
{
    struct watcher *w = ctx;
    struct pop3_entry *e = entry_by_number(w, number);

    if (!e)
        return;
    e->size = octets;
    w->entries_at = (size_t)(e - w->entries) + 1;
}

static struct pop3_entry *entry_by_uidl(struct watcher *w, const char *uidl)
{
    for (size_t n = 0; n < w->entries_count; n++)
        if (text_equal(w->entries[n].uidl, uidl))
            return &w->entries[n];
    return NULL;
}

static void fail(struct watcher *w, const char *when)
{
    const struct pop3_reply reply = { .code = "", .text = w->refused_words };
    struct pop3_reply named = reply;
    struct inlet_trouble t = { 0 };

    snprintf(named.code, sizeof named.code, "%.31s", w->refused_code);
    inlet_trouble_of_pop3(when, &named, &t);
    w->job = JOB_NONE; /* no message is to blame */
    watcher_trouble(w, &t);
}

/* -- what is new -- */

static bool knows_any(const struct watcher *w, struct place *p)
{
    for (size_t n = 0; n < w->entries_count; n++)
        if (place_knows(p, 0, w->entries[n].uidl))
            return true;
    return false;
}

/* Its time is written down before anything is; until it has ended the floor stays 0, and tells a later session so. */
static void begin_place(struct watcher *w, struct place *p, const struct endpoint *e)
{
    bool wants_old = e && e->include_old;

    p->m.protocol = w->protocol;
    p->m.began_ms = loop_wall_ms(w->inbox->loop);
    p->m.floor = wants_old ? 1 : 0;
    p->is_first_look = !wants_old;
    place_save(p);
}

static void begin(struct watcher *w, struct place *p)
{
    const struct endpoint *e = desk_object(p->desk);

    p->is_first_look = false;
    p->is_begun = p->m.floor == 0 && p->m.protocol == w->protocol && !(e && e->include_old);
    if (p->m.began_ms == 0)
        begin_place(w, p, e);
    else if (p->m.protocol != w->protocol || place_has_strays(p) ||
             (p->uidls && map_count(p->uidls) > 0 && w->entries_count > 0 && !knows_any(w, p)))
        place_resync_begin(p);
}

static void after_list(struct watcher *w)
{
    w->has_listed = true;
    w->entries_at = 0;
    w->uidvalidity = 0;
    w->wants_look = false;
    w->is_looking = true;
    watcher_well(w);
    w->is_selected = true;
    LIST_EACH (node, &w->desks) {
        struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        if (p)
            begin(w, p);
    }
    watcher_go_on(w);
}

static bool is_old_for(const struct watcher *w, struct place *p, const struct pop3_entry *e)
{
    return p->is_first_look && !p->is_resync && !place_knows(p, 0, e->uidl);
}

static bool is_new_for(const struct watcher *w, struct place *p, const struct pop3_entry *e)
{
    return !p->is_first_look && (p->is_resync || !place_knows(p, 0, e->uidl));
}

static bool any_place(struct watcher *w, const struct pop3_entry *e,
                      bool (*is_so)(const struct watcher *, struct place *, const struct pop3_entry *))
{
    LIST_EACH (node, &w->desks) {
        struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        if (p && is_so(w, p, e))
            return true;
    }
    return false;
}

static void top(struct watcher *w, struct pop3_entry *e)
{
    buf_clear(&w->header);
    w->entry = e;
    w->job = JOB_HEADERS;
    w->is_header_whole = false;
    if (pop3_client_caps(inlet_pop3(w->inlet))->top)
        pop3_client_top(inlet_pop3(w->inlet), e->number);
    else
        pop3_client_retrieve(inlet_pop3(w->inlet), e->number);
}

/* Those whose header was not given before. */
static bool ask_again(struct watcher *w)
{
    struct item *it;

    while (w->batch < INBOX_BATCH && (it = watcher_next_unread(w, NULL))) {
        struct pop3_entry *e = entry_by_uidl(w, it->m.uidl);
        if (e && !e->is_deleted) {
            top(w, e);
            return true;
        }
        const struct arrival gone = { .uidl = it->m.uidl };
        arrival_gone(w, &gone);
    }
    return false;
}

/* True: a header was asked for, or a batch is being saved. */
static bool look_on(struct watcher *w)
{
    while (w->entries_at < w->entries_count && w->batch < INBOX_BATCH && watcher_has_room(w)) {
        struct pop3_entry *e = &w->entries[w->entries_at++];
        if (any_place(w, e, is_new_for)) {
            top(w, e);
            return true;
        }
        const struct arrival old = { .uidl = e->uidl, .size = e->size, .is_old = true };
        if (any_place(w, e, is_old_for)) {
            arrival_take(w, &old);
            w->batch++;
        }
    }
    if (w->batch == 0)
        return false;
    w->batch = 0;
    arrival_end(w);
    return true;
}

static bool take_header(struct watcher *w, struct bytes chunk)
{
    size_t room = w->header.limit - w->header.size;
    size_t from = w->header.size > 3 ? w->header.size - 3 : 0;

    if (w->is_header_whole)
        return false;
    buf_add_bytes(&w->header, bytes_slice(chunk, 0, room));
    struct bytes tail = bytes_slice(buf_bytes(&w->header), from, w->header.size);
    size_t end = bytes_find(tail, BYTES_LIT("\r\n\r\n"));
    if (end != SIZE_MAX)
        w->header.size = from + end + 4;
    w->is_header_whole = end != SIZE_MAX || w->header.size == w->header.limit;
    return !w->is_header_whole;
}

static void after_header(struct watcher *w)
{
    const struct arrival a = { .uidl = w->entry->uidl, .size = w->entry->size, .header = buf_bytes(&w->header) };

    if (w->is_refused && finding_backoff_s(w->refused_words) > 0) {
        fail(w, "top");
        return;
    }
    if (w->is_refused)
        arrival_not_given(w, &a, w->refused_words);
    else if (w->header.size == 0)
        arrival_not_given(w, &a, "it answers, and leaves the message out");
    else
        arrival_take(w, &a);
    w->batch++;
    watcher_go_on(w);
}

/* A complete list says what will not come again. */
static void forget_gone(struct watcher *w)
{
    struct map *listed = map_new();

    for (size_t n = 0; n < w->entries_count; n++)
        map_put(listed, w->entries[n].uidl, w);
    LIST_EACH (node, &w->desks)
        place_uidls_listed(LIST_OF(node, struct desk, in_watcher)->place, listed);
    map_free(listed);
}

static void end_look(struct watcher *w)
{
    w->is_looking = false;
    LIST_EACH (node, &w->desks) {
        struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        if (!p)
            continue;
        bool is_first = p->m.floor == 0, is_renumbered = p->is_resync;
        if (is_renumbered)
            place_resync_end(p);
        p->is_first_look = p->is_begun = false;
        p->m.protocol = w->protocol;
        p->m.uidvalidity = 0;
        if (is_first || is_renumbered) {
            p->m.floor = 1;
            place_save(p);
        }
        desk_pump(p->desk);
    }
    forget_gone(w);
    watcher_looked(w);
}

/* -- bodies -- */

static bool fetch_body(struct watcher *w)
{
    struct hand *h = watcher_next_hand(w);
    const struct pop3_entry *e;

    if (!h)
        return false;
    list_remove(&h->want);
    e = entry_by_uidl(w, h->item->m.uidl);
    if (!e || e->is_deleted || !hand_open_body(h)) {
        if (e && !e->is_deleted)
            hand_failed(h);
        else
            hand_vanished(h);
        return fetch_body(w);
    }
    w->hand = h;
    h->watcher = w;
    w->job = JOB_BODY;
    pop3_client_retrieve(inlet_pop3(w->inlet), e->number);
    return true;
}

static bool on_body(void *ctx, uint32_t number, struct bytes chunk)
{
    struct watcher *w = ctx;

    if (w->job == JOB_HEADERS)
        return take_header(w, chunk);
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
        else
            hand_fetched(h);
    }
    watcher_go_on(w);
}

/* -- deletions -- */

/* What is not to be deleted, or is gone, is done with. */
static bool act(struct watcher *w)
{
    struct item *it;

    while ((it = watcher_next_after(w))) {
        const struct endpoint *e = desk_object(it->desk);
        struct pop3_entry *entry = entry_by_uidl(w, it->m.uidl);
        w->after = it;
        if (entry && !entry->is_deleted && e && e->after == ENDPOINT_AFTER_DELETE) {
            it->is_acting = entry->is_deleted = true;
            w->job = JOB_AFTER;
            pop3_client_delete(inlet_pop3(w->inlet), entry->number);
            return true;
        }
        watcher_after_done(w, true);
    }
    return false;
}

static void after_act(struct watcher *w)
{
    struct pop3_entry *e = w->after ? entry_by_uidl(w, w->after->m.uidl) : NULL;

    if (w->is_refused) {
        if (e)
            e->is_deleted = false;
        watcher_after_done(w, false);
    }
    w->after = NULL; /* it stays acting until QUIT is answered */
    watcher_go_on(w);
}

static void on_ended(void *ctx)
{
    struct watcher *w = ctx;

    LIST_EACH (node, &w->desks)
        LIST_EACH (at, &LIST_OF(node, struct desk, in_watcher)->items) {
            struct item *it = LIST_OF(at, struct item, node);
            if (it->is_acting) {
                it->is_acting = false;
                item_finish(it, INBOX_DONE, NULL, NULL);
            }
        }
    watcher_end_session(w, watcher_poll_ms(w));
}

/* -- the session's end -- */

void watcher_pop3_end(struct watcher *w)
{
    w->job = JOB_QUIT;
    pop3_client_quit(inlet_pop3(w->inlet));
}

/* -- what comes next -- */

bool watcher_pop3_work(struct watcher *w)
{
    if (!w->has_listed) {
        w->job = JOB_UIDL;
        pop3_client_uidl(inlet_pop3(w->inlet));
        return true;
    }
    if (act(w) || fetch_body(w))
        return true;
    if (ask_again(w) || look_on(w))
        return true;
    if (!w->is_looking || w->entries_at < w->entries_count)
        return false;
    if (!watcher_settles(w))
        return true;
    end_look(w);
    return false;
}

static void after_uidl(struct watcher *w)
{
    if (w->is_refused) {
        fail(w, "uidl");
        return;
    }
    w->entries_at = 0;
    w->job = JOB_SIZES;
    pop3_client_list(inlet_pop3(w->inlet));
}

static void on_ready(void *ctx)
{
    struct watcher *w = ctx;

    switch (w->job) {
    case JOB_UIDL:
        after_uidl(w);
        break;
    case JOB_SIZES:
        after_list(w);
        break;
    case JOB_HEADERS:
        after_header(w);
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

static void on_refused(void *ctx, const char *command, const struct pop3_reply *reply)
{
    struct watcher *w = ctx;

    watcher_refused(w, reply->code, reply->text);
}

static const struct pop3_client_host host = {
    .refused = on_refused,
    .unique = on_unique,
    .sized = on_sized,
    .body = on_body,
    .ended = on_ended,
};

const struct inlet_user watcher_pop3_user = { .ready = on_ready, .failed = watcher_on_failed, .pop3 = &host };
