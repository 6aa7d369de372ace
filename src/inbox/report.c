/* inbox/report.c - a delivery report that came back: its message of ours, and word to the queue of each recipient. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"
#include "proto/mime/letter.h"

static void tell_queue(struct inbox *i, const struct item *it, const struct letter *l)
{
    if (text_is_empty(l->reported_id))
        return;
    for (size_t n = 0; n < l->reports_count; n++) {
        const struct letter_report *r = &l->reports[n];
        const struct inbox_bounced m = { .mailbox = it->place->mailbox,
                                         .message_id = l->reported_id,
                                         .recipient = r->recipient,
                                         .action = r->action,
                                         .status = r->status,
                                         .diagnostic = r->diagnostic,
                                         .host = r->remote };
        i->host.bounced(i->ctx, &m);
    }
}

/* Of several endpoints on a folder the first one tells. */
static bool is_first(struct inbox *i, const struct item *it)
{
    if (map_count(i->reported) > 10000)
        map_clear(i->reported);
    return !map_put(i->reported, it->m.fingerprint, i);
}

static bool take(struct item *it, const struct letter *l)
{
    struct inbox *i = it->desk->inbox;
    uint32_t flags = it->m.flags & ~(uint32_t)INBOX_BOUNCE;

    if (l->is_bounce)
        flags |= INBOX_BOUNCE;
    bool is_first_read = it->m.attempts == 0 || text_equal(it->finding, "inbox.not-given");
    if (l->is_bounce && is_first_read && is_first(i, it))
        tell_queue(i, it, l);
    bool is_told = !text_is_empty(l->reported_id) && strlen(l->reported_id) < 1024;
    bool is_changed = flags != it->m.flags || (is_told && !text_equal(it->m.in_reply_to, l->reported_id));
    if (is_changed)
        item_set_answer(it, flags, is_told ? l->reported_id : it->m.in_reply_to);
    return is_changed;
}

bool report_read(struct item *it, int fd, uint64_t size)
{
    if (size == 0 || size > INBOX_REPORT_LIMIT)
        return false;
    void *at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return false;
    struct arena *arena = arena_new();
    bool is_changed = take(it, letter_parse_undigested((struct bytes){ at, (size_t)size }, arena));
    arena_free(arena);
    munmap(at, (size_t)size);
    return is_changed;
}
