/* inbox/save.c - a change on its way to the disk: sent, answered, and sent again for as long as it could not be written. */
#include "base/log.h"
#include "inbox/inbox_private.h"

static void answered(struct ask *a, const void *message)
{
    struct save *s = LIST_OF(a, struct save, ask);
    const struct inbox_saved *m = message;

    if (!m->is_ok) {
        log_warn("inbox.not-saved", LOG_TEXT("text", m->text));
        list_append(&s->inbox->unsaved, &s->node);
        if (!loop_timer_is_running(&s->inbox->unsaved_timer))
            loop_timer_start(&s->inbox->unsaved_timer, INBOX_UNSAVED_MS);
    } else if (s->is_again) {
        save_start(s);
    } else {
        s->done(s, m->queued_id);
    }
}

/* Its keeper is away or slow. When it comes back all begins anew; until then the change is kept. */
static void failed(struct ask *a, enum ask_failure how)
{
    struct save *s = LIST_OF(a, struct save, ask);

    list_append(&s->inbox->unsaved, &s->node);
    if (how == ASK_LATE && !loop_timer_is_running(&s->inbox->unsaved_timer))
        loop_timer_start(&s->inbox->unsaved_timer, INBOX_UNSAVED_MS);
}

static const struct ask_kind kind = { answered, failed };

void save_init(struct save *s, struct inbox *i, bool (*send)(struct save *, uint64_t),
               void (*done)(struct save *, uint64_t))
{
    *s = (struct save){ .inbox = i, .send = send, .done = done };
    list_init(&s->node);
}

void save_start(struct save *s)
{
    if (s->ask.tag) {
        s->is_again = true;
        return;
    }
    s->is_again = false;
    list_remove(&s->node);
    s->send(s, ask_begin(&s->inbox->saves, &s->ask, &kind));
}

void save_forget(struct save *s)
{
    ask_forget(&s->ask);
    list_remove(&s->node);
}

bool save_is_pending(const struct save *s)
{
    return s->ask.tag || s->node.next != &s->node;
}

void save_on_timer(void *ctx)
{
    struct inbox *i = ctx;
    struct list again;

    /* What fails once more comes back behind these. */
    list_init(&again);
    for (struct list *node; (node = list_pop(&i->unsaved));)
        list_append(&again, node);
    for (struct list *node; (node = list_pop(&again));)
        save_start(LIST_OF(node, struct save, node));
}
