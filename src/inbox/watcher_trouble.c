/* inbox/watcher_trouble.c - what a connection's end means for its folder: nothing, a rest, or a person. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

enum { BACK_OFF_FIRST_S = 5, BACK_OFF_MAX_S = 10 * 60 };

/* A server may end the connection each time at the same message: what was under way counts as tried. */
static void blame(struct watcher *w, const struct inlet_trouble *t)
{
    struct hand *h = w->hand;
    char words[600];

    if (t->token_ended)
        return;
    snprintf(words, sizeof words, "the connection ended meanwhile: %s", t->words ? t->words : t->fault.text);
    watcher_imap_headers_lost(w, words);
    if (!h)
        return;
    w->hand = NULL;
    h->watcher = NULL;
    hand_refused(h, words);
}

static enum fault_kind kind_of(const struct watcher *w, const struct inlet_trouble *t)
{
    if (t->fault.kind != FAULT_NONE)
        return t->fault.kind;
    if (!t->finding)
        return FAULT_RETRY;
    bool is_often = t->finding->tries_before_hold && w->failures >= t->finding->tries_before_hold;
    return is_often ? FAULT_HOLD : t->finding->kind;
}

static int64_t rest_after(struct watcher *w, const struct inlet_trouble *t)
{
    struct retry *seed = &w->inbox->retry;
    struct retry r = { .first_s = BACK_OFF_FIRST_S, .max_s = BACK_OFF_MAX_S, .seed = seed->seed };
    uint32_t wish = t->fault.retry_after_s ? t->fault.retry_after_s : finding_backoff_s(t->words);

    if (wish == 0 && t->finding)
        wish = t->finding->pause_s;
    int64_t ms = retry_delay_ms(&r, w->failures, wish);
    seed->seed = r.seed;
    return w->needs_person && !wish ? INBOX_PERSON_MS : ms;
}

#define FAILURE_FIELDS(w, t) \
    LOG_TEXT("mailbox", (w)->mailbox), LOG_TEXT("folder", (w)->folder), \
        LOG_TEXT("host", (w)->inlet ? inlet_host((w)->inlet) : ""), LOG_TEXT("when", (t)->when), \
        LOG_TEXT("text", (w)->text), LOG_TEXT("finding", (w)->finding), LOG_BOOL("needs-person", (w)->needs_person)

static void remember(struct watcher *w, const struct inlet_trouble *t, const char *finding)
{
    bool is_new = w->failures == 1 || !text_equal(w->finding, finding);

    if (is_new)
        w->since_ms = loop_wall_ms(w->inbox->loop);
    snprintf(w->finding, sizeof w->finding, "%s", finding);
    text_sanitize(bytes_of(t->words), w->text, sizeof w->text);
    if (is_new)
        log_warn("inbox.failed", FAILURE_FIELDS(w, t));
    else
        log_debug("inbox.failed", FAILURE_FIELDS(w, t));
}

/* A connection that did its work for a while and then ended is no trouble: a new one is made at once. */
static bool is_ordinary_end(const struct watcher *w, const struct inlet_trouble *t)
{
    bool was_well = w->is_selected && loop_wall_ms(w->inbox->loop) - w->connected_ms >= WATCHER_LIVED_WELL_MS;
    return was_well && (t->token_ended || t->is_lost || text_equal(t->when, "idle"));
}

void watcher_trouble(struct watcher *w, const struct inlet_trouble *t)
{
    struct inlet *l = w->inlet;

    blame(w, t);
    if (is_ordinary_end(w, t)) {
        log_info("inbox.ended", LOG_TEXT("mailbox", w->mailbox), LOG_TEXT("folder", w->folder),
                 LOG_TEXT("text", t->words));
        watcher_forget_connection(w);
        inlet_drop(l);
        w->wants_look = true;
        watcher_rest(w, finding_backoff_s(t->words) ? 1000 * (int64_t)finding_backoff_s(t->words) : 0);
        return;
    }
    w->failures++;
    enum fault_kind kind = kind_of(w, t);
    w->needs_person = kind == FAULT_HOLD || kind == FAULT_CONFIG || kind == FAULT_REJECT || kind == FAULT_AUTH;
    remember(w, t, t->finding ? t->finding->id : t->fault.id);
    watcher_forget_connection(w);
    inlet_drop(l);
    w->wants_look = true;
    watcher_rest(w, rest_after(w, t));
}

void watcher_well(struct watcher *w)
{
    if (w->failures > 0) {
        log_info("inbox.well", LOG_TEXT("mailbox", w->mailbox), LOG_TEXT("folder", w->folder));
        w->since_ms = loop_wall_ms(w->inbox->loop);
    }
    w->failures = 0;
    w->needs_person = false;
    w->finding[0] = w->text[0] = '\0';
}

void watcher_refused(struct watcher *w, const char *code, const char *words)
{
    w->is_refused = true;
    snprintf(w->refused_code, sizeof w->refused_code, "%s", code);
    text_sanitize(bytes_of(words), w->refused_words, sizeof w->refused_words);
}
