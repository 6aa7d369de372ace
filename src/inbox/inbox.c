/* inbox/inbox.c - the room's door: what queue, vault and admin say goes to the watchers, desks and tests it concerns. */
#include "inbox/inbox.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "inbox/inbox_private.h"

static void forget_settings(struct inbox_settings *s)
{
    free((char *)s->hostname);
    free((char *)s->spool);
    free((char *)s->link_url);
}

void inbox_set(struct inbox *i, const struct inbox_settings *settings)
{
    forget_settings(&i->settings);
    i->settings = *settings;
    i->settings.hostname = mem_strdup(settings->hostname);
    i->settings.spool = mem_strdup(settings->spool);
    i->settings.link_url = mem_strdup(settings->link_url);
}

struct inbox *inbox_new(struct loop *l, struct resolver *resolver, const struct inbox_settings *settings,
                        const struct inbox_host *host, void *ctx)
{
    struct inbox *i = mem_alloc(sizeof *i);

    i->loop = l;
    i->resolver = resolver;
    i->host = *host;
    i->ctx = ctx;
    i->directory = directory_new();
    inbox_set(i, settings);
    return i;
}

void inbox_free(struct inbox *i)
{
    if (!i)
        return;
    directory_free(i->directory);
    forget_settings(&i->settings);
    free(i);
}

/* -- queue -- */

void inbox_queue_up(struct inbox *i)
{
    directory_free(i->directory);
    i->directory = directory_new();
}

void inbox_queue_down(struct inbox *i)
{
}

void inbox_directory_object(struct inbox *i, const struct directory_object *o)
{
    struct fault why;

    if (!directory_apply_text(i->directory, o->kind, o->key, o->is_removed ? NULL : o->json, &why))
        log_error("directory.refused", LOG_TEXT("key", o->key), LOG_FAULT(&why));
}

void inbox_directory_done(struct inbox *i)
{
}

void inbox_place(struct inbox *i, const struct inbox_place *place)
{
}

void inbox_item(struct inbox *i, const struct inbox_item *item)
{
    if (item->fd >= 0)
        close(item->fd);
}

void inbox_known(struct inbox *i, const struct inbox_known *known)
{
}

void inbox_recalled(struct inbox *i, const struct inbox_recalled *recalled)
{
}

void inbox_saved(struct inbox *i, const struct inbox_saved *saved)
{
}

void inbox_lookup_answer(struct inbox *i, const struct inbox_lookup_answer *answer)
{
}

/* -- vault -- */

void inbox_token(struct inbox *i, const struct token_answer *t)
{
}

void inbox_signed(struct inbox *i, const struct sign_answer *s)
{
}

void inbox_vault_up(struct inbox *i)
{
}

/* -- admin -- */

void inbox_admin_ask(struct inbox *i, const struct admin_ask *ask)
{
    const struct admin_answer answer = { .tag = ask->tag,
                                         .status = i->is_stopping ? 503 : 404,
                                         .json = "{\"title\":\"The inbox role has no such verb, or is stopping\"}",
                                         .fd = -1 };
    i->host.answer(i->ctx, &answer);
}

void inbox_admin_cancel(struct inbox *i, uint64_t tag)
{
}

void inbox_admin_down(struct inbox *i)
{
}

void inbox_stop(struct inbox *i)
{
    i->is_stopping = true;
    i->host.stopped(i->ctx);
}
