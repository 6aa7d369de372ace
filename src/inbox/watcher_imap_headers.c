/* inbox/watcher_imap_headers.c - the headers of new messages by IMAP, a batch at a time, whatever the server does instead of giving them.
 *
 * For one message's sake a server may refuse the whole FETCH, pass over the message without a word, or end the connection. What is
 * refused is asked for again in halves, down to the one; what kills a connection comes in smaller batches. A message that is still
 * not given is doubted: its data are asked for without the header, then whether it stands in the folder at all. One that is
 * gone is gone; one that stands becomes an item without a header, saved with its batch, that is asked for again later. So the
 * floor passes nothing that was not seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

enum {
    DEADLY_TIMES = 2,  /* a message at which the connection ended so often is not asked for at once again */
    BARREN_BATCHES = 3 /* after so many it is the messages and not the mailbox */
};

/* -- the batch -- */

static void add(struct watcher *w, uint64_t uid)
{
    struct header *h = &w->headers[w->headers_count++];

    *h = (struct header){ .uid = uid };
    if (uid == w->deadly_uid && w->deadly_times >= DEADLY_TIMES) {
        h->state = HEADER_DOUBTED;
        h->words = mem_strdup(w->deadly_words);
        w->deadly_times = 0; /* when it is asked for the next time, it is asked for */
        w->is_deadly = true;
    }
}

static bool has(const struct watcher *w, uint64_t uid)
{
    for (size_t n = 0; n < w->headers_count; n++)
        if (w->headers[n].uid == uid)
            return true;
    return false;
}

static size_t limit(const struct watcher *w)
{
    return w->batch_limit ? w->batch_limit : INBOX_BATCH;
}

/* Those that were not given before, and are due. */
static bool begin_again(struct watcher *w)
{
    struct item *it = NULL;

    while (w->headers_count < limit(w) && (it = watcher_next_unread(w, it)))
        if (!has(w, it->m.uid))
            add(w, it->m.uid);
    w->is_again = true;
    w->batch_last = 0;
    return w->headers_count > 0;
}

static bool begin_new(struct watcher *w)
{
    if (!watcher_has_room(w))
        return false;
    while (w->headers_count < limit(w) && w->uids_at < w->uids_count)
        add(w, w->uids[w->uids_at++]);
    if (w->headers_count == 0)
        return false;
    w->is_again = false;
    w->batch_last = w->headers[w->headers_count - 1].uid;
    return true;
}

void watcher_imap_headers_forget(struct watcher *w)
{
    for (size_t n = 0; n < w->headers_count; n++)
        free(w->headers[n].words);
    w->headers_count = 0;
    w->chunk = 0;
    w->is_deadly = false;
}

static void end_batch(struct watcher *w)
{
    for (size_t n = 0; n < w->headers_count; n++) {
        const struct header *h = &w->headers[n];
        const struct arrival a = { .uid = h->uid, .size = h->size, .uidl = "", .received_ms = h->received_ms };
        if (h->state == HEADER_GIVEN)
            continue;
        if (h->stands)
            arrival_not_given(w, &a, h->words ? h->words : "it answers, and leaves the message out");
        else
            arrival_gone(w, &a);
    }
    w->barren = 0; /* each such batch has to be found out anew */
    watcher_imap_headers_forget(w);
    w->job = JOB_NONE;
    arrival_end(w);
}

void watcher_imap_batch_saved(struct watcher *w)
{
    if (w->batch_last == 0)
        return;
    w->batch_limit = 2 * limit(w) < INBOX_BATCH ? 2 * limit(w) : INBOX_BATCH;
    LIST_EACH (node, &w->desks) {
        struct place *p = LIST_OF(node, struct desk, in_watcher)->place;
        if (p && !p->is_resync)
            place_raise(p, w->batch_last + 1);
    }
}

/* -- its commands -- */

static bool is_wanted(const struct header *h)
{
    return h->state == HEADER_WANTED;
}

static bool is_doubted(const struct header *h)
{
    return h->state == HEADER_DOUBTED && !h->stands;
}

static size_t pick(const struct watcher *w, bool (*is_so)(const struct header *), size_t most,
                   uint64_t uids[INBOX_BATCH])
{
    size_t count = 0;

    for (size_t n = 0; n < w->headers_count && count < most; n++)
        if (is_so(&w->headers[n]))
            uids[count++] = w->headers[n].uid;
    return count;
}

static void ask_headers(struct watcher *w, const uint64_t *uids, size_t count)
{
    for (size_t n = 0, at = 0; n < w->headers_count && at < count; n++)
        if (w->headers[n].uid == uids[at]) {
            w->headers[n].state = HEADER_ASKED;
            at++;
        }
    w->asked = count;
    w->job = JOB_HEADERS;
    imap_client_fetch(inlet_imap(w->inlet), uids, count, true);
}

static void ask_standing(struct watcher *w, const uint64_t *uids, size_t count)
{
    uint64_t first = UINT64_MAX, last = 0;

    for (size_t n = 0; n < count; n++) {
        first = uids[n] < first ? uids[n] : first;
        last = uids[n] > last ? uids[n] : last;
    }
    w->job = JOB_STANDING;
    imap_client_search(inlet_imap(w->inlet), first, last);
}

/* What comes next for the batch; `last` is the command that just ended. */
static void go_on(struct watcher *w, enum watcher_job last)
{
    uint64_t uids[INBOX_BATCH];
    size_t count;

    w->chunk = w->chunk ? w->chunk : w->headers_count;
    w->is_refused = false;
    if ((count = pick(w, is_wanted, w->chunk, uids)) > 0) {
        ask_headers(w, uids, count);
    } else if (last != JOB_STANDING && (count = pick(w, is_doubted, INBOX_BATCH, uids)) > 0) {
        if (last == JOB_DATA || w->is_deadly) {
            ask_standing(w, uids, count);
        } else {
            w->job = JOB_DATA;
            imap_client_fetch(inlet_imap(w->inlet), uids, count, false);
        }
    } else {
        end_batch(w);
    }
}

bool watcher_imap_headers(struct watcher *w)
{
    if (w->headers_count == 0 && !begin_again(w) && !begin_new(w))
        return false;
    go_on(w, JOB_NONE);
    return true;
}

/* -- what is answered -- */

/* Servers tell of other messages' flags whenever they like. */
void watcher_imap_message(struct watcher *w, const struct imap_message *m)
{
    const struct arrival a = {
        .uid = m->uid, .size = m->size, .uidl = "", .received_ms = m->received_ms, .header = m->header
    };

    for (size_t n = 0; n < w->headers_count; n++) {
        struct header *h = &w->headers[n];
        if (h->uid != m->uid)
            continue;
        if (w->job == JOB_HEADERS && h->state == HEADER_ASKED && m->header.size > 0) {
            h->state = HEADER_GIVEN;
            arrival_take(w, &a);
        } else if (w->job == JOB_DATA && (m->size > 0 || m->received_ms > 0)) {
            h->stands = true;
            h->size = m->size;
            h->received_ms = m->received_ms;
        }
    }
}

void watcher_imap_stands(struct watcher *w, uint64_t uid)
{
    for (size_t n = 0; n < w->headers_count; n++)
        w->headers[n].stands |= w->headers[n].uid == uid;
}

/* It says something about the session or the mailbox, and asking for less would not help. */
static bool is_of_the_mailbox(const struct watcher *w)
{
    static const char *const ids[] = { "imap.throttled",     "imap.token-expired", "imap.limit.connections",
                                       "imap.not-connected", "imap.limit",         "imap.contact-admin",
                                       "imap.state" };
    const struct finding *f = finding_of_imap("fetch", w->refused_code, w->refused_words);

    for (size_t n = 0; f && n < sizeof ids / sizeof *ids; n++)
        if (text_equal(f->id, ids[n]))
            return true;
    return finding_backoff_s(w->refused_words) > 0;
}

/* Those that were asked for and are still not given. */
static void settle_asked(struct watcher *w, enum header_state state, const char *words)
{
    for (size_t n = 0; n < w->headers_count; n++) {
        struct header *h = &w->headers[n];
        if (h->state != HEADER_ASKED)
            continue;
        h->state = state;
        if (state == HEADER_DOUBTED && words)
            h->words = mem_strdup(words);
    }
}

static bool any_given(const struct watcher *w)
{
    for (size_t n = 0; n < w->headers_count; n++)
        if (w->headers[n].state == HEADER_GIVEN)
            return true;
    return false;
}

static void after_headers(struct watcher *w)
{
    if (!w->is_refused) {
        settle_asked(w, HEADER_DOUBTED, NULL);
        w->chunk = 2 * w->chunk < INBOX_BATCH ? 2 * w->chunk : INBOX_BATCH;
    } else if (w->asked > 1) {
        settle_asked(w, HEADER_WANTED, NULL);
        w->chunk = w->asked / 2;
    } else {
        settle_asked(w, HEADER_DOUBTED, w->refused_words);
    }
}

/* Nothing was given at all: messages' fault or mailbox's, a few more looks tell. */
static void try_later(struct watcher *w)
{
    struct inlet_trouble t = { .when = "fetch", .words = w->refused_words };

    fault_set(&t.fault, FAULT_RETRY, "inbox.not-given", "%s", w->refused_words);
    w->job = JOB_NONE;
    watcher_trouble(w, &t);
}

void watcher_imap_headers_ready(struct watcher *w)
{
    enum watcher_job last = w->job;

    if (w->is_refused && (is_of_the_mailbox(w) || last == JOB_STANDING)) {
        watcher_imap_fail(w, "fetch");
        return;
    }
    if (w->is_refused && last == JOB_DATA && !any_given(w) && ++w->barren < BARREN_BATCHES) {
        try_later(w);
        return;
    }
    if (last == JOB_HEADERS)
        after_headers(w);
    go_on(w, last);
}

/* The next connection asks for less, until one message is found to be the cause. */
void watcher_imap_headers_lost(struct watcher *w, const char *words)
{
    uint64_t uid = 0;

    if (w->job != JOB_HEADERS)
        return;
    if (w->asked > 1) {
        w->batch_limit = w->asked / 2;
        return;
    }
    for (size_t n = 0; n < w->headers_count; n++)
        if (w->headers[n].state == HEADER_ASKED)
            uid = w->headers[n].uid;
    w->batch_limit = 1;
    w->deadly_times = uid == w->deadly_uid ? w->deadly_times + 1 : 1;
    w->deadly_uid = uid;
    text_sanitize(bytes_of(words), w->deadly_words, sizeof w->deadly_words);
}
