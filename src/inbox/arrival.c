/* inbox/arrival.c - headers of new messages become items: for each endpoint on the folder that has not seen them, filtered, looked up
 * where that is needed, and saved. Only when the whole batch is on disk the watcher goes on. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"
#include "proto/mime/letter.h"

/* -- what the header says -- */

static const char *cut(struct arena *arena, const char *text, size_t bound)
{
    struct bytes whole = bytes_of(text);
    return whole.size < bound ? text : arena_strndup(arena, text, text_cut(whole, bound - 1));
}

static const char *first_address(const struct letter *l)
{
    if (l->from.count)
        return l->from.items[0].address;
    return l->sender.count ? l->sender.items[0].address : "";
}

static void add_addresses(struct buf *out, const struct letter_list *list)
{
    for (size_t n = 0; n < list->count; n++)
        if (!text_is_empty(list->items[n].address))
            buf_addf(out, "%s%s", out->size ? ", " : "", list->items[n].address);
}

static const char *recipients(const struct letter *l, struct arena *arena)
{
    struct buf out;

    buf_init(&out, 4095); /* what does not fit any more is left out */
    add_addresses(&out, &l->to);
    add_addresses(&out, &l->cc);
    const char *text = arena_strdup(arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

/* When the mailbox took it: the date behind the last semicolon of the topmost Received line. */
static int64_t received_ms(const struct letter *l, struct arena *arena)
{
    int64_t ms = 0;

    for (size_t n = 0; n < l->fields_count; n++) {
        const char *date = strcasecmp(l->fields[n].name, "Received") == 0 ? strrchr(l->fields[n].value, ';') : NULL;
        if (!date)
            continue;
        const char *header = arena_printf(arena, "Date: %s\r\n\r\n", date + 1);
        const struct letter *dated = letter_parse(bytes_of(header), false, arena);
        return clock_parse(dated->date, &ms) ? ms : 0;
    }
    return 0;
}

static uint32_t flags_of(const struct letter *l)
{
    return (l->is_reply ? INBOX_REPLY : 0u) | (l->is_bounce ? INBOX_BOUNCE : 0u) |
           (l->is_automatic ? INBOX_AUTOMATIC : 0u);
}

static const char *answered_id(const struct letter *l)
{
    if (!text_is_empty(l->in_reply_to))
        return l->in_reply_to;
    return l->references_count ? l->references[l->references_count - 1] : "";
}

static uint64_t next_id(struct inbox *i)
{
    uint64_t now = (uint64_t)loop_wall_ms(i->loop) << 20;

    i->last_id = i->last_id < now ? now : i->last_id + 1;
    return i->last_id;
}

/* Everything but id, place and state. */
static struct inbox_item describe(const struct watcher *w, const struct arrival *a, const struct letter *l,
                                  const char *fingerprint, struct arena *arena)
{
    int64_t now = loop_wall_ms(w->inbox->loop);
    struct inbox_item m = { .uidvalidity = w->uidvalidity,
                            .uid = a->uid,
                            .uidl = cut(arena, a->uidl, 128),
                            .fingerprint = fingerprint,
                            .message_id = "",
                            .sender = "",
                            .recipients = "",
                            .subject = "",
                            .in_reply_to = "",
                            .last = "",
                            .finding = "",
                            .received_ms = a->received_ms ? a->received_ms : now,
                            .seen_ms = now,
                            .next_ms = now,
                            .size = a->size,
                            .fd = -1 };
    if (!l)
        return m;
    m.message_id = cut(arena, l->message_id, 1024);
    m.sender = cut(arena, first_address(l), 1024);
    m.recipients = recipients(l, arena);
    m.subject = cut(arena, l->subject, 2048);
    m.in_reply_to = cut(arena, answered_id(l), 1024);
    m.flags = flags_of(l);
    return m;
}

/* -- for one endpoint -- */

static struct item *add(struct watcher *w, struct desk *d, const struct inbox_item *m)
{
    struct item *it = item_new(d, d->place, m);

    it->is_fresh = true;
    it->is_confirmed = true; /* it has the number of now */
    it->m.id = next_id(w->inbox);
    list_append(&w->fresh, &it->node);
    return it;
}

static void skip(struct item *it, const char *why)
{
    it->m.state = INBOX_SKIPPED;
    it->m.finished_ms = it->m.seen_ms;
    item_set_last(it, why, "");
}

static bool stands_before(const struct watcher *w, const struct item *it)
{
    LIST_EACH (node, &w->fresh) {
        const struct item *other = LIST_OF(node, struct item, node);
        if (other == it)
            break;
        if (other->desk == it->desk && other->m.state == INBOX_WAITING &&
            text_equal(other->m.message_id, it->m.message_id))
            return true;
    }
    return false;
}

static void judge(struct watcher *w, struct item *it, const struct endpoint *e, const struct letter *l)
{
    const char *why;
    char text[64];

    if (!filter_wants(e, l, it->m.size, &why)) {
        snprintf(text, sizeof text, "the filter does not want its %s", why);
        skip(it, text);
    } else if (e->drop_duplicates && !text_is_empty(it->m.message_id)) {
        if (stands_before(w, it))
            skip(it, "its Message-ID came before");
        else
            it->wants_duplicate = true;
    }
}

/* The open item that this message is, under its new number. */
static bool is_found_again(struct watcher *w, struct desk *d, const struct inbox_item *m)
{
    struct item *it = place_resync_match(d->place, m->fingerprint);

    if (!it)
        return false;
    if (it->m.uidvalidity != m->uidvalidity || it->m.uid != m->uid || !text_equal(it->m.uidl, m->uidl)) {
        item_set_number(it, m->uidvalidity, m->uid, m->uidl);
        item_save(it);
    }
    if (w->protocol == OBJECT_POP3)
        place_uidl_add(d->place, m->uidl, it->m.id);
    return true;
}

static bool is_known_by_number(const struct watcher *w, struct place *p, const struct inbox_item *m)
{
    bool is_of_now = !p->is_resync ||
                     (p->m.uidvalidity == m->uidvalidity && p->m.protocol == w->protocol && text_is_empty(m->uidl));
    return is_of_now && place_knows(p, m->uid, m->uidl);
}

/* Under new numbers, or after a first look that was broken off, what came before that look is old by its date. */
static bool is_from_before(const struct place *p, const struct endpoint *e, const struct inbox_item *m)
{
    return (p->is_resync || p->is_begun) && !e->include_old && m->received_ms < p->m.began_ms;
}

/* -- what the mailbox did not give at first -- */

static struct item *unread_here(const struct place *p, const struct inbox_item *m)
{
    struct item *it = p->is_resync ? NULL : place_same_item(p, m);
    return it && item_is_unread(it) && !it->is_fresh ? it : NULL;
}

static void take_again(struct watcher *w, struct item *it, const struct inbox_item *m)
{
    item_read(it, m);
    it->is_fresh = true;
    list_remove(&it->node);
    list_append(&w->fresh, &it->node);
}

/* As if its header had not come; it is in the store as it was. */
static void take_back(struct item *it)
{
    it->is_fresh = it->wants_known = it->wants_duplicate = false;
    it->m.fingerprint = "";
    it->m.state = INBOX_WAITING;
    it->m.finished_ms = 0;
    list_remove(&it->node);
    list_append(&it->desk->items, &it->node);
}

static void tell_not_given(const struct item *it)
{
    char id[17];

    inbox_id_text(it->m.id, id);
    log_warn("mail.not-given", LOG_TEXT("item", id), LOG_TEXT("endpoint", it->desk->endpoint),
             LOG_TEXT("mailbox", it->place->mailbox), LOG_TEXT("folder", it->place->folder),
             LOG_UNSIGNED("uid", it->m.uid), LOG_TEXT("uidl", it->m.uidl), LOG_UNSIGNED("attempt", it->m.attempts),
             LOG_TEXT("text", it->last ? it->last : ""), LOG_TEXT("finding", it->finding));
}

static void not_given_for(struct watcher *w, struct desk *d, const struct inbox_item *m, const char *text)
{
    const struct endpoint *e = desk_object(d);
    struct place *p = d->place;
    struct item *it;

    if (!e || !p)
        return;
    it = unread_here(p, m);
    if (!it && ((!p->is_resync && place_knows(p, m->uid, m->uidl)) || is_from_before(p, e, m)))
        return;
    it = it ? it : add(w, d, m);
    it->m.attempts++;
    item_wait(it, text, "inbox.not-given", finding_backoff_s(text));
    tell_not_given(it);
}

void arrival_not_given(struct watcher *w, const struct arrival *a, const char *words)
{
    struct arena *arena = arena_new();
    const struct inbox_item m = describe(w, a, NULL, "", arena);
    const char *text = arena_printf(arena, "the mailbox does not give the message: %s", words);

    LIST_EACH (node, &w->desks)
        not_given_for(w, LIST_OF(node, struct desk, in_watcher), &m, text);
    arena_free(arena);
}

void arrival_gone(struct watcher *w, const struct arrival *a)
{
    struct arena *arena = arena_new();
    const struct inbox_item m = describe(w, a, NULL, "", arena);

    LIST_EACH (node, &w->desks) {
        const struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        struct item *it = p ? unread_here(p, &m) : NULL;
        if (it)
            item_finish(it, INBOX_SKIPPED, "it was gone before it could be read", "");
    }
    arena_free(arena);
}

static void take_for(struct watcher *w, struct desk *d, const struct arrival *a, const struct inbox_item *m,
                     const struct letter *l)
{
    const struct endpoint *e = desk_object(d);
    struct place *p = d->place;
    struct item *it;

    if (e && p && (it = unread_here(p, m))) {
        take_again(w, it, m);
        judge(w, it, e, l);
        return;
    }
    if (!e || !p || (p->is_resync && is_found_again(w, d, m)) || is_known_by_number(w, p, m))
        return;
    bool is_old = a->is_old || is_from_before(p, e, m);
    if (is_old && w->protocol == OBJECT_IMAP)
        return; /* the floor remembers it */
    it = add(w, d, m);
    it->wants_known = p->is_resync && !is_old;
    if (is_old)
        skip(it, "it was there before");
    else
        judge(w, it, e, l);
}

void arrival_take(struct watcher *w, const struct arrival *a)
{
    struct arena *arena = arena_new();
    const struct letter *l = a->is_old ? NULL : letter_parse(a->header, false, arena);
    char fingerprint[65] = "";

    if (l)
        letter_fingerprint(a->header, fingerprint);
    struct arrival known = *a;
    if (l && known.received_ms == 0)
        known.received_ms = received_ms(l, arena);
    const struct inbox_item m = describe(w, &known, l, fingerprint, arena);
    LIST_EACH (node, &w->desks)
        take_for(w, LIST_OF(node, struct desk, in_watcher), a, &m, l);
    arena_free(arena);
}

/* -- looking up -- */

static void save_batch(struct watcher *w)
{
    if (w->looking_up > 0)
        return;
    if (list_is_empty(&w->fresh)) {
        watcher_batch_saved(w);
        return;
    }
    LIST_EACH (node, &w->fresh)
        item_save(LIST_OF(node, struct item, node));
}

static void forget_lookup(struct desk *d)
{
    ask_forget(&d->lookup);
    free(d->looked_up);
    d->looked_up = NULL;
    d->looked_up_count = 0;
}

static void take_answer(struct desk *d, const struct inbox_lookup_answer *m)
{
    struct item *known = NULL;

    for (size_t n = 0; n < d->looked_up_count; n++) {
        struct item *it = d->looked_up[n];
        bool is_known = n < m->known.size && m->known.data[n];
        if (it == known || !is_known)
            continue;
        if (it->wants_known) {
            known = it; /* its second mark, if there is one, stands right behind */
            if (!text_is_empty(it->m.uidl))
                place_uidl_add(it->place, it->m.uidl, it->m.id);
            item_free(it);
        } else {
            skip(it, "its Message-ID came before");
        }
    }
}

static void on_answered(struct ask *a, const void *message)
{
    struct desk *d = LIST_OF(a, struct desk, lookup);
    struct watcher *w = d->watcher;
    const struct inbox_lookup_answer *m = message;

    if (!w)
        return;
    w->looking_up--;
    if (m->is_ok) {
        take_answer(d, m);
        forget_lookup(d);
        save_batch(w);
    } else {
        watcher_begin_again(w);
    }
}

static void on_failed(struct ask *a, enum ask_failure how)
{
    struct desk *d = LIST_OF(a, struct desk, lookup);

    if (how == ASK_LATE && d->watcher)
        watcher_begin_again(d->watcher);
}

static void add_mark(struct desk *d, struct inbox_mark *marks, struct item *it, bool by_fingerprint)
{
    marks[d->looked_up_count] = (struct inbox_mark){ .fingerprint = by_fingerprint ? it->m.fingerprint : "",
                                                     .message_id = by_fingerprint ? "" : it->m.message_id };
    d->looked_up[d->looked_up_count++] = it;
}

static void look_up(struct watcher *w, struct desk *d)
{
    static const struct ask_kind kind = { on_answered, on_failed };
    struct inbox *i = w->inbox;
    struct inbox_mark marks[2 * INBOX_BATCH];

    forget_lookup(d);
    d->looked_up = mem_alloc(sizeof marks / sizeof *marks * sizeof *d->looked_up);
    LIST_EACH (node, &w->fresh) {
        struct item *it = LIST_OF(node, struct item, node);
        if (it->desk != d || d->looked_up_count + 2 > sizeof marks / sizeof *marks)
            continue;
        if (it->wants_known)
            add_mark(d, marks, it, true);
        if (it->wants_duplicate)
            add_mark(d, marks, it, false);
    }
    if (d->looked_up_count == 0)
        return;
    const struct inbox_lookup_ask m = { .tag = ask_begin(&i->lookups, &d->lookup, &kind),
                                        .endpoint = d->endpoint,
                                        .mailbox = d->place->mailbox,
                                        .folder = d->place->folder,
                                        .marks = marks,
                                        .marks_count = d->looked_up_count };
    w->looking_up++;
    i->host.lookup(i->ctx, &m);
}

void arrival_end(struct watcher *w)
{
    w->is_saving = true;
    w->looking_up++; /* an answer may come from inside the question */
    LIST_EACH (node, &w->desks)
        look_up(w, LIST_OF(node, struct desk, in_watcher));
    w->looking_up--;
    save_batch(w);
}

void arrival_lookup_answer(struct inbox *i, const struct inbox_lookup_answer *answer)
{
    asks_answer(&i->lookups, answer->tag, answer);
}

/* -- saved -- */

#define ARRIVAL_FIELDS(it, id) \
    LOG_TEXT("item", id), LOG_TEXT("endpoint", (it)->desk->endpoint), LOG_TEXT("mailbox", (it)->place->mailbox), \
        LOG_TEXT("folder", (it)->place->folder), LOG_TEXT("from", (it)->m.sender), \
        LOG_UNSIGNED("bytes", (it)->m.size), LOG_TEXT("message-id", (it)->m.message_id), \
        LOG_TEXT("text", (it)->last ? (it)->last : "")

static void tell(const struct item *it)
{
    char id[17];

    inbox_id_text(it->m.id, id);
    if (it->m.state == INBOX_WAITING)
        log_info("mail.arrived", ARRIVAL_FIELDS(it, id));
    else
        log_debug("mail.skipped", ARRIVAL_FIELDS(it, id));
}

void arrival_item_saved(struct item *it)
{
    struct desk *d = it->desk;
    struct watcher *w = d->watcher;

    tell(it);
    it->is_fresh = it->wants_known = it->wants_duplicate = false;
    if (!text_is_empty(it->m.uidl))
        place_uidl_add(it->place, it->m.uidl, it->m.id);
    list_remove(&it->node);
    if (it->m.state == INBOX_WAITING)
        list_append(&d->items, &it->node);
    else
        item_free(it);
    if (w && list_is_empty(&w->fresh))
        watcher_batch_saved(w);
    desk_pump(d);
}

void arrival_drop_of(struct watcher *w, struct desk *d)
{
    LIST_EACH (node, &w->fresh) {
        struct item *it = LIST_OF(node, struct item, node);
        if (it->desk == d && it->is_stored)
            take_back(it);
        else if (it->desk == d)
            item_free(it);
    }
    forget_lookup(d);
}

void arrival_drop(struct watcher *w)
{
    for (struct list *node; (node = w->fresh.next) != &w->fresh;)
        arrival_drop_of(w, LIST_OF(node, struct item, node)->desk);
    LIST_EACH (node, &w->desks)
        forget_lookup(LIST_OF(node, struct desk, in_watcher));
    w->looking_up = 0;
    w->is_saving = false;
}
