/* inbox/hand.c - one message on its way to its endpoint: body, what the body tells, signature of its link, hand-over, outcome.
 *
 * A hand outlives the queue role: while that is away the hand-over goes on, and its outcome waits for the item to come back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/raw_link.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

static void run(struct hand *h);

/* -- life -- */

static void close_body(struct hand *h)
{
    if (h->fd < 0)
        return;
    close(h->fd);
    h->fd = -1;
    h->inbox->bodies--;
    watcher_wake_hungry(h->inbox);
}

static void let_item_go(struct hand *h)
{
    if (!h->item)
        return;
    h->item->hand = NULL;
    h->item->fd = -1;
    h->item->desk->hands--;
    h->item = NULL;
}

void hand_drop(struct hand *h)
{
    let_item_go(h);
    list_remove(&h->node);
    list_remove(&h->want);
    if (h->watcher)
        h->watcher->hand = NULL;
    if (h->run)
        handoff_cancel(h->run);
    signing_forget(h->inbox, h);
    close_body(h);
    free((char *)h->outcome.text);
    free((char *)h->outcome.finding);
    free(h->link);
    free(h->endpoint);
    inbox_check_stopped(h->inbox);
    free(h);
}

void hand_attach(struct hand *h, struct item *it)
{
    h->item = it;
    it->hand = h;
    it->desk->hands++;
}

void hand_new(struct item *it)
{
    struct inbox *i = it->desk->inbox;
    struct hand *h = mem_alloc(sizeof *h);

    h->inbox = i;
    h->item_id = it->m.id;
    h->endpoint = mem_strdup(it->desk->endpoint);
    h->fd = -1;
    list_init(&h->want);
    list_append(&i->hands, &h->node);
    hand_attach(h, it);
    list_append(&it->desk->watcher->wanted, &h->want);
    watcher_work_later(it->desk->watcher);
}

void hand_detach(struct hand *h)
{
    struct inbox *i = h->inbox;

    let_item_go(h);
    if (i->is_recalled || h->stage < HAND_RUNNING)
        hand_drop(h);
}

/* -- body -- */

int inbox_open_unnamed(const struct inbox *i)
{
    const char *folder = i->settings.spool;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    char *path = mem_printf("%s/inbox-XXXXXX", folder);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    free(path);
    return fd;
}

static void tell_no_room(const struct hand *h, int error)
{
    log_error("inbox.no-room", LOG_TEXT("endpoint", h->endpoint), LOG_TEXT("text", strerror(error)));
}

bool hand_open_body(struct hand *h)
{
    h->fd = inbox_open_unnamed(h->inbox);
    if (h->fd < 0) {
        tell_no_room(h, errno);
        return false;
    }
    h->inbox->bodies++;
    h->stage = HAND_FETCHING;
    h->size = 0;
    h->is_broken = false;
    return true;
}

bool hand_write_body(struct hand *h, struct bytes chunk)
{
    while (chunk.size > 0 && !h->is_broken) {
        ssize_t n = pwrite(h->fd, chunk.data, chunk.size, (off_t)h->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            tell_no_room(h, errno);
            h->is_broken = true;
            break;
        }
        h->size += (uint64_t)n;
        chunk = bytes_slice(chunk, (size_t)n, chunk.size);
    }
    return !h->is_broken;
}

void hand_wait_again(struct hand *h)
{
    close_body(h);
    h->stage = HAND_WANTED;
}

/* It is this machine that has no room, so the endpoint's other mail waits as well. */
void hand_failed(struct hand *h)
{
    struct item *it = h->item;
    int64_t next_ms = loop_wall_ms(h->inbox->loop) + INBOX_NO_ROOM_MS;

    hand_drop(h);
    if (!it)
        return;
    it->m.next_ms = next_ms;
    it->desk->gate_ms = next_ms;
    desk_pump(it->desk);
}

void hand_vanished(struct hand *h)
{
    struct item *it = h->item;

    hand_drop(h);
    if (it)
        item_finish(it, INBOX_PARKED, "the message is no longer in the folder", "inbox.vanished");
}

/* -- what has to be saved before the hand-over -- */

static bool wants_link(const struct hand *h, const struct endpoint *e)
{
    return e->kind == ENDPOINT_WEBHOOK && !text_is_empty(h->inbox->settings.link_url);
}

/* A later attempt may lead to the body that the first one left here, for as long as it is kept. */
static void keep_for_link(struct hand *h)
{
    struct item *it = h->item;

    if (it->fd >= 0)
        it->m.keep_until_ms = desk_keep_until(it->desk);
    h->link_ends_ms = it->m.keep_until_ms;
}

void hand_fetched(struct hand *h)
{
    struct item *it = h->item;
    const struct endpoint *e = it ? desk_object(it->desk) : NULL;

    if (!e) {
        hand_drop(h);
        return;
    }
    if (h->is_broken) {
        hand_failed(h);
        return;
    }
    h->stage = HAND_SAVING;
    it->m.size = h->size;
    bool is_changed = (it->m.flags & INBOX_BOUNCE) && report_read(it, h->fd, h->size);
    if (wants_link(h, e) && !(it->m.flags & INBOX_BODY)) {
        it->fd = h->fd;
        is_changed = true;
    }
    if (wants_link(h, e))
        keep_for_link(h);
    if (is_changed)
        item_save(it);
    else
        run(h);
}

void hand_saved(struct hand *h)
{
    if (h->stage == HAND_SAVING)
        run(h);
    else if (h->stage == HAND_ENDED)
        hand_drop(h);
}

/* -- hand-over -- */

static void settle(struct hand *h);

static void keep_outcome(struct hand *h, const struct handoff_outcome *o)
{
    h->outcome = *o;
    h->outcome.text = mem_strdup(o->text);
    h->outcome.finding = mem_strdup(o->finding ? o->finding : "");
    h->stage = HAND_ENDED;
}

static void end(struct hand *h, const struct handoff_outcome *o)
{
    keep_outcome(h, o);
    if (h->item)
        settle(h);
}

static void on_done(void *ctx, const struct handoff_outcome *o)
{
    struct hand *h = ctx;

    h->run = NULL;
    end(h, o);
}

static void start(struct hand *h, const struct endpoint *e)
{
    struct item *it = h->item;
    char queued[17] = "";

    if (it->m.queued_id)
        inbox_id_text(it->m.queued_id, queued);
    const struct handoff_job job = { .endpoint = e,
                                     .id = it->m.id,
                                     .mailbox = it->place->mailbox,
                                     .folder = it->place->folder,
                                     .fd = h->fd,
                                     .size = h->size,
                                     .attempt = it->m.attempts + 1,
                                     .received_ms = it->m.received_ms,
                                     .queued_id = queued,
                                     .raw_link = h->link ? h->link : "",
                                     .raw_link_ends_ms = h->link ? h->link_ends_ms : 0 };
    h->stage = HAND_RUNNING;
    h->run = handoff_start(h->inbox->handoff, &job, on_done, h);
}

/* -- the link to the raw message -- */

static void on_link(void *ctx, uint64_t tag, const char *signature, const struct fault *why)
{
    struct hand *h = ctx;

    if (signature)
        h->link = raw_link_url(h->inbox->settings.link_url, h->item_id, h->link_ends_ms / 1000, signature);
    else
        log_warn("inbox.no-link", LOG_TEXT("endpoint", h->endpoint), LOG_FAULT(why));
    if (h->item)
        run(h);
}

static void sign_link(struct hand *h)
{
    char text[RAW_LINK_TEXT_SIZE];

    raw_link_text(h->item_id, h->link_ends_ms / 1000, text);
    h->stage = HAND_SIGNING;
    signing_start(h->inbox, RAW_LINK_KEY, text, on_link, h, 0);
}

static void run(struct hand *h)
{
    static const struct handoff_outcome kept = { .result = HANDOFF_DONE, .text = "kept", .finding = "" };
    const struct endpoint *e = desk_object(h->item->desk);

    h->item->fd = -1;
    h->started_ms = loop_now_ms(h->inbox->loop);
    if (!e)
        hand_drop(h);
    else if (wants_link(h, e) && h->stage == HAND_SAVING)
        sign_link(h);
    else if (e->kind == ENDPOINT_KEEP)
        end(h, &kept);
    else
        start(h, e);
}

/* -- outcome -- */

#define HAND_FIELDS(h, id) \
    LOG_TEXT("item", id), LOG_TEXT("endpoint", (h)->endpoint), LOG_TEXT("mailbox", (h)->item->place->mailbox), \
        LOG_UNSIGNED("attempt", (h)->item->m.attempts), \
        LOG_NUMBER("ms", loop_now_ms((h)->inbox->loop) - (h)->started_ms), LOG_TEXT("text", (h)->outcome.text), \
        LOG_TEXT("finding", (h)->outcome.finding)

static void tell(const struct hand *h)
{
    char id[17];

    inbox_id_text(h->item_id, id);
    if (h->outcome.result == HANDOFF_DONE)
        log_info("mail.handed", HAND_FIELDS(h, id));
    else
        log_warn("mail.not-handed", HAND_FIELDS(h, id));
}

static void settle_done(struct hand *h, const struct endpoint *e)
{
    struct item *it = h->item;

    if (e && e->kind == ENDPOINT_KEEP) {
        it->fd = h->fd;
        it->m.keep_until_ms = desk_keep_until(it->desk);
    }
    item_finish(it, !e || e->after == ENDPOINT_AFTER_LEAVE ? INBOX_DONE : INBOX_HANDED, h->outcome.text,
                h->outcome.finding);
}

static void settle_retry(struct hand *h)
{
    h->item->failed_ms = loop_wall_ms(h->inbox->loop);
    item_wait(h->item, h->outcome.text, h->outcome.finding, h->outcome.retry_after_s);
}

/* The hand goes when the outcome is on disk. */
static void settle(struct hand *h)
{
    struct item *it = h->item;
    const struct endpoint *e = desk_object(it->desk);

    it->m.attempts++;
    tell(h);
    desk_outcome(it->desk, h->outcome.result != HANDOFF_RETRY, h->outcome.retry_after_s);
    switch (h->outcome.result) {
    case HANDOFF_DONE:
        settle_done(h, e);
        break;
    case HANDOFF_RETRY:
        settle_retry(h);
        break;
    case HANDOFF_PARK:
        item_finish(it, INBOX_PARKED, h->outcome.text, h->outcome.finding);
        break;
    }
}

/* An attempt like any other, but it says nothing about the endpoint. */
void hand_refused(struct hand *h, const char *words)
{
    struct item *it = h->item;
    char text[600];

    close_body(h);
    if (!it || h->is_broken) {
        hand_failed(h);
        return;
    }
    snprintf(text, sizeof text, "the mailbox does not give the message: %s", words);
    keep_outcome(h, &(struct handoff_outcome){ .result = HANDOFF_RETRY, .text = text, .finding = "inbox.not-given" });
    h->started_ms = loop_now_ms(h->inbox->loop);
    it->m.attempts++;
    tell(h);
    settle_retry(h);
}

/* The item is back from the queue role's memory, as it was before the outcome. */
void hand_resume(struct hand *h, struct item *it)
{
    hand_attach(h, it);
    if (h->stage == HAND_ENDED)
        settle(h);
}
