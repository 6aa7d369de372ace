/* inbox/item.c - one message at one endpoint while it is not finished: its texts in one piece of memory, and its way to the disk. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

/* -- memory -- */

static const size_t kept_texts[] = { offsetof(struct inbox_item, uidl),       offsetof(struct inbox_item, fingerprint),
                                     offsetof(struct inbox_item, message_id), offsetof(struct inbox_item, sender),
                                     offsetof(struct inbox_item, recipients), offsetof(struct inbox_item, subject),
                                     offsetof(struct inbox_item, in_reply_to) };
#define KEPT_TEXTS (sizeof kept_texts / sizeof *kept_texts)

static const char **text_at(struct inbox_item *m, size_t offset)
{
    return (const char **)(void *)((char *)m + offset);
}

static void keep_texts(struct item *it)
{
    size_t size = 0, at = 0;

    for (size_t t = 0; t < KEPT_TEXTS; t++)
        size += strlen(*text_at(&it->m, kept_texts[t])) + 1;
    char *texts = mem_alloc(size);
    for (size_t t = 0; t < KEPT_TEXTS; t++) {
        const char **text = text_at(&it->m, kept_texts[t]);
        size_t length = strlen(*text) + 1;
        *text = memcpy(texts + at, *text, length);
        at += length;
    }
    it->desk->inbox->item_memory -= it->memory;
    it->memory = sizeof *it + size;
    it->desk->inbox->item_memory += it->memory;
    free(it->texts);
    it->texts = texts;
}

static bool send_item(struct save *s, uint64_t tag)
{
    struct item *it = LIST_OF(s, struct item, save);

    it->m.tag = tag;
    it->m.endpoint = it->desk->endpoint;
    it->m.mailbox = it->place->mailbox;
    it->m.folder = it->place->folder;
    it->m.last = it->last ? it->last : "";
    it->m.finding = it->finding;
    it->m.fd = it->fd;
    return it->desk->inbox->host.item(it->desk->inbox->ctx, &it->m);
}

/* -- what follows once it is on disk -- */

static void on_saved(struct save *s, uint64_t queued_id)
{
    struct item *it = LIST_OF(s, struct item, save);
    struct desk *d = it->desk;

    if (it->place->is_settled && d->watcher)
        watcher_work_later(d->watcher);
    if (queued_id)
        it->m.queued_id = queued_id;
    if (it->fd >= 0)
        it->m.flags |= INBOX_BODY;
    it->fd = -1;
    it->is_stored = true;
    if (it->is_fresh) {
        arrival_item_saved(it);
        return;
    }
    if (it->hand)
        hand_saved(it->hand);
    switch (it->m.state) {
    case INBOX_HANDED:
        if (d->watcher)
            watcher_work_later(d->watcher);
        break;
    case INBOX_WAITING:
    case INBOX_PARKED:
        break;
    default:
        item_free(it);
        break;
    }
    desk_pump(d);
}

struct item *item_new(struct desk *d, struct place *p, const struct inbox_item *m)
{
    struct item *it = mem_alloc(sizeof *it);

    it->desk = d;
    it->place = p;
    it->m = *m;
    it->fd = it->m.fd = -1;
    list_init(&it->node);
    save_init(&it->save, d->inbox, send_item, on_saved);
    keep_texts(it);
    place_item_add(p, it);
    item_set_last(it, m->last, m->finding);
    return it;
}

void item_free(struct item *it)
{
    struct desk *d = it->desk;

    if (d->watcher && d->watcher->after == it)
        d->watcher->after = NULL;
    if (it->hand)
        hand_detach(it->hand);
    save_forget(&it->save);
    list_remove(&it->node);
    place_item_remove(it->place, it);
    d->inbox->item_memory -= it->memory;
    free(it->texts);
    free(it->last);
    free(it);
}

void item_set_last(struct item *it, const char *last, const char *finding)
{
    char text[1024];

    text_sanitize(bytes_of(last), text, sizeof text);
    free(it->last);
    it->last = *text ? mem_strdup(text) : NULL;
    snprintf(it->finding, sizeof it->finding, "%s", finding ? finding : "");
}

void item_save(struct item *it)
{
    save_start(&it->save);
}

void item_set_number(struct item *it, uint64_t uidvalidity, uint64_t uid, const char *uidl)
{
    place_item_remove(it->place, it);
    it->m.uidvalidity = uidvalidity;
    it->m.uid = uid;
    it->m.uidl = uidl;
    keep_texts(it);
    place_item_add(it->place, it);
}

void item_set_answer(struct item *it, uint32_t flags, const char *in_reply_to)
{
    it->m.flags = flags;
    it->m.in_reply_to = in_reply_to;
    keep_texts(it);
}

/* -- its end -- */

static void tell(const struct item *it)
{
    char id[17];

    inbox_id_text(it->m.id, id);
    if (it->m.state == INBOX_PARKED)
        log_warn("mail.parked", LOG_TEXT("item", id), LOG_TEXT("endpoint", it->desk->endpoint),
                 LOG_TEXT("mailbox", it->place->mailbox), LOG_UNSIGNED("attempts", it->m.attempts),
                 LOG_TEXT("text", it->last ? it->last : ""), LOG_TEXT("finding", it->finding));
    else
        log_debug("inbox.finished", LOG_TEXT("item", id), LOG_TEXT("endpoint", it->desk->endpoint));
}

void item_finish(struct item *it, enum inbox_state state, const char *last, const char *finding)
{
    it->m.state = state;
    if (last)
        item_set_last(it, last, finding);
    if (state != INBOX_PARKED && state != INBOX_HANDED)
        it->m.finished_ms = loop_wall_ms(it->desk->inbox->loop);
    tell(it);
    item_save(it);
}

static int64_t patience_ms(const struct endpoint *e)
{
    return (int64_t)(e && e->patience_h ? e->patience_h : INBOX_PATIENCE_H) * 3600 * 1000;
}

void item_wait(struct item *it, const char *last, const char *finding, uint32_t wish_s)
{
    struct inbox *i = it->desk->inbox;
    int64_t now = loop_wall_ms(i->loop), began = it->patience_ms ? it->patience_ms : it->m.seen_ms;
    int64_t ends = began + patience_ms(desk_object(it->desk));

    if (now >= ends) {
        item_finish(it, INBOX_PARKED, last, finding);
        return;
    }
    it->m.next_ms = now + retry_delay_ms(&i->retry, it->m.attempts, wish_s);
    if (it->m.next_ms > ends) /* the last attempt is due at the very end */
        it->m.next_ms = ends;
    item_set_last(it, last, finding);
    if (!it->is_fresh)
        item_save(it);
}

bool item_is_unread(const struct item *it)
{
    return text_is_empty(it->m.fingerprint) && it->m.state == INBOX_WAITING;
}

void item_read(struct item *it, const struct inbox_item *m)
{
    it->m.fingerprint = m->fingerprint;
    it->m.message_id = m->message_id;
    it->m.sender = m->sender;
    it->m.recipients = m->recipients;
    it->m.subject = m->subject;
    it->m.in_reply_to = m->in_reply_to;
    it->m.flags = m->flags;
    it->m.size = m->size;
    it->m.received_ms = m->received_ms;
    it->m.next_ms = m->next_ms;
    it->m.attempts = 0; /* of handing it over */
    keep_texts(it);
    item_set_last(it, "", "");
}
