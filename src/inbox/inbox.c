/* inbox/inbox.c - the room's door: what queue, vault and admin say goes to the desks, watchers and tests it concerns. */
#include "inbox/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

static void on_settle(void *ctx);
static void on_stop_timer(void *ctx);
static void on_stop_check(void *ctx);

/* -- life -- */

static void forget_settings(struct inbox_settings *s)
{
    free((char *)s->hostname);
    free((char *)s->spool);
    free((char *)s->link_url);
}

void inbox_set(struct inbox *i, const struct inbox_settings *settings)
{
    struct inbox_settings old = i->settings;

    i->settings = *settings;
    i->settings.hostname = mem_strdup(settings->hostname);
    i->settings.spool = mem_strdup(settings->spool);
    i->settings.link_url = mem_strdup(settings->link_url);
    i->retry.first_s = (uint64_t)settings->retry_first_ms / 1000;
    i->retry.max_s = (uint64_t)settings->retry_max_ms / 1000;
    forget_settings(&old);
}

static void on_signature(void *ctx, uint64_t tag, const char *signature, const struct fault *why)
{
    struct inbox *i = ctx;
    handoff_signed(i->handoff, tag, signature, why);
}

static bool sign_handoff(void *ctx, uint64_t tag, const char *endpoint, const char *text)
{
    struct inbox *i = ctx;
    char *key = mem_printf("endpoint/%s", endpoint);

    signing_start(i, key, text, on_signature, i, tag);
    free(key);
    return true;
}

static void init_lists(struct inbox *i)
{
    list_init(&i->inlets);
    list_init(&i->asking);
    list_init(&i->signing);
    list_init(&i->unsaved);
    list_init(&i->watchers);
    list_init(&i->boxes);
    list_init(&i->hands);
    list_init(&i->trials);
    list_init(&i->probes);
    i->desks = map_new();
    i->trust = trust_new();
    i->reported = map_new();
}

struct inbox *inbox_new(struct loop *l, struct resolver *resolver, const struct inbox_settings *settings,
                        const struct inbox_host *host, void *ctx)
{
    static const struct handoff_host handoff_host = { sign_handoff };
    struct inbox *i = mem_alloc(sizeof *i);

    i->loop = l;
    i->resolver = resolver;
    i->host = *host;
    i->ctx = ctx;
    i->directory = directory_new();
    i->retry.seed = (uint64_t)loop_wall_ms(l) * 2 + 1;
    init_lists(i);
    asks_init(&i->saves, l, INBOX_SAVE_MS);
    asks_init(&i->lookups, l, INBOX_SAVE_MS);
    loop_timer_init(&i->unsaved_timer, l, save_on_timer, i);
    loop_deferred_init(&i->settle, on_settle, i);
    loop_timer_init(&i->stop_timer, l, on_stop_timer, i);
    loop_deferred_init(&i->stop_check, on_stop_check, i);
    inbox_set(i, settings);
    i->handoff = handoff_new(l, resolver, i->settings.hostname, &handoff_host, i);
    return i;
}

static bool add_desk(void *ctx, const char *key, void *value)
{
    struct desk ***at = ctx;
    *(*at)++ = value;
    return true;
}

struct desk **inbox_all_desks(struct inbox *i)
{
    struct desk **desks = mem_alloc((map_count(i->desks) + 1) * sizeof *desks), **at = desks;

    map_each(i->desks, add_desk, &at);
    *at = NULL;
    return desks;
}

/* What is being handed over goes on; all else comes back when the queue role does. */
static void forget_memory(struct inbox *i)
{
    struct desk **desks = inbox_all_desks(i);

    i->is_recalled = i->has_objects = false;
    for (struct desk **d = desks; *d; d++)
        desk_free(*d);
    map_clear(i->desks);
    free(desks);
    for (struct list *node; (node = i->watchers.next) != &i->watchers;)
        watcher_free(LIST_OF(node, struct watcher, node));
    for (struct list *node; (node = list_pop(&i->boxes));) {
        free(LIST_OF(node, struct box, node)->address);
        free(LIST_OF(node, struct box, node));
    }
    loop_timer_stop(&i->unsaved_timer);
    loop_undefer(&i->settle);
}

void inbox_free(struct inbox *i)
{
    if (!i)
        return;
    i->is_stopped = true; /* nobody wants to hear it any more */
    forget_memory(i);
    trial_cancel(i, 0);
    inbox_probe_cancel(i, 0);
    for (struct list *node; (node = i->hands.next) != &i->hands;)
        hand_drop(LIST_OF(node, struct hand, node));
    handoff_free(i->handoff);
    signing_forget(i, NULL);
    inlet_free_all(i);
    loop_timer_stop(&i->stop_timer);
    loop_undefer(&i->stop_check);
    asks_fini(&i->saves);
    asks_fini(&i->lookups);
    trust_free(i->trust);
    map_free(i->desks);
    map_free(i->reported);
    directory_free(i->directory);
    forget_settings(&i->settings);
    free(i);
}

void inbox_id_text(uint64_t id, char out[17])
{
    snprintf(out, 17, "%016llx", (unsigned long long)id);
}

/* -- who watches what -- */

static void settle_desk(struct inbox *i, const struct endpoint *e)
{
    struct desk *d = desk_of(i, e->name);
    uint32_t protocol = directory_watch_of(i->directory, e);
    const char *folder = protocol == OBJECT_POP3 || text_is_empty(e->folder) ? "INBOX" : e->folder;

    if (protocol == 0) {
        watcher_leave(d);
        return;
    }
    struct watcher *w = watcher_for(i, e->mailbox, folder, protocol);
    struct place *p = desk_place(d, e->mailbox, folder);
    if (d->watcher == w && p && d->place == p)
        return;
    watcher_leave(d);
    desk_use_place(d, e->mailbox, folder, protocol);
    w->is_gone = false;
    watcher_join(w, d);
}

static bool collect(void *ctx, const void *object)
{
    const struct endpoint ***at = ctx;
    *(*at)++ = object;
    return true;
}

static bool count(void *ctx, const void *object)
{
    ++*(size_t *)ctx;
    return true;
}

static void on_settle(void *ctx)
{
    struct inbox *i = ctx;
    size_t endpoints = 0;

    if (!i->is_recalled || i->is_stopping)
        return;
    directory_each(i->directory, OBJECT_ENDPOINT, count, &endpoints);
    const struct endpoint **list = mem_alloc((endpoints + 1) * sizeof *list), **at = list;
    directory_each(i->directory, OBJECT_ENDPOINT, collect, &at);
    for (size_t n = 0; n < endpoints; n++)
        settle_desk(i, list[n]);
    free(list);
}

void inbox_settle_later(struct inbox *i)
{
    loop_defer(i->loop, &i->settle);
}

/* -- objects -- */

void inbox_queue_up(struct inbox *i)
{
    forget_memory(i);
    directory_free(i->directory);
    i->directory = directory_new();
    trust_forget(i->trust);
}

void inbox_queue_down(struct inbox *i)
{
    forget_memory(i);
}

static void restart_watchers(struct inbox *i, const char *mailbox)
{
    LIST_EACH (node, &i->watchers) {
        struct watcher *w = LIST_OF(node, struct watcher, node);
        if (!mailbox || text_equal_nocase(w->mailbox, mailbox))
            watcher_restart(w);
    }
}

static void endpoint_changed(struct inbox *i, const char *name, bool is_removed)
{
    struct desk *d = is_removed ? desk_find(i, name) : desk_of(i, name);

    if (is_removed && d) {
        desk_forget(d);
        return;
    }
    if (!d)
        return;
    d->is_mentioned = true;
    d->failures = 0;
    if (!i->is_recalled)
        return;
    desk_retry_now(d);
    if (d->watcher)
        watcher_restart(d->watcher);
}

static void object_changed(struct inbox *i, const struct directory_object *o)
{
    switch ((enum object_kind)o->kind) {
    case OBJECT_PROVIDER:
        trust_forget(i->trust);
        restart_watchers(i, NULL);
        break;
    case OBJECT_REGISTRATION:
        restart_watchers(i, NULL);
        break;
    case OBJECT_MAILBOX:
        restart_watchers(i, o->key);
        break;
    case OBJECT_ENDPOINT:
        endpoint_changed(i, o->key, o->is_removed);
        break;
    case OBJECT_APP:
    case OBJECT_OPERATOR:
    case OBJECT_KEY:
    case OBJECT_KINDS:
        return;
    }
    inbox_settle_later(i);
}

/* One that can't be read is still there: its memory is kept. */
void inbox_directory_object(struct inbox *i, const struct directory_object *o)
{
    struct fault why;

    if (o->kind == OBJECT_ENDPOINT && !o->is_removed)
        desk_of(i, o->key)->is_mentioned = true;
    if (directory_apply_text(i->directory, o->kind, o->key, o->is_removed ? NULL : o->json, &why))
        object_changed(i, o);
    else
        log_error("directory.refused", LOG_TEXT("key", o->key), LOG_FAULT(&why));
}

void inbox_directory_done(struct inbox *i)
{
    i->has_objects = true;
}

void inbox_saved(struct inbox *i, const struct inbox_saved *m)
{
    asks_answer(&i->saves, m->tag, m);
}

void inbox_lookup_answer(struct inbox *i, const struct inbox_lookup_answer *m)
{
    arrival_lookup_answer(i, m);
}

/* -- vault -- */

void inbox_token(struct inbox *i, const struct token_answer *t)
{
    inlet_token(i, t);
}

void inbox_signed(struct inbox *i, const struct sign_answer *s)
{
    signing_answer(i, s);
}

static void look_if_in_trouble(struct inbox *i, const char *mailbox)
{
    LIST_EACH (node, &i->watchers) {
        struct watcher *w = LIST_OF(node, struct watcher, node);
        if (w->failures > 0 && (!mailbox || text_equal_nocase(w->mailbox, mailbox)))
            watcher_look(w);
    }
}

void inbox_vault_up(struct inbox *i)
{
    inlet_vault_up(i);
    signing_again(i);
}

void inbox_mailbox_state(struct inbox *i, const struct mailbox_state *m)
{
    if (!m->needs_person)
        look_if_in_trouble(i, m->mailbox);
}

/* -- admin -- */

void inbox_refuse(struct inbox *i, uint64_t tag, unsigned status, const char *title, const char *detail)
{
    json_t *j = json_pack("{s:s, s:s, s:[]}", "title", title, "detail", detail, "findings");
    char *text = json_dumps(j, JSON_COMPACT);
    const struct admin_answer m = { .tag = tag, .status = status, .json = text, .fd = -1 };

    i->host.answer(i->ctx, &m);
    free(text);
    json_decref(j);
}

static void answer_ok(struct inbox *i, uint64_t tag)
{
    const struct admin_answer m = { .tag = tag, .status = 200, .json = "{}", .fd = -1 };
    i->host.answer(i->ctx, &m);
}

/* Of one endpoint, of one mailbox, or of all. */
static void look(struct inbox *i, const struct admin_ask *ask)
{
    json_t *asked = json_loads(*ask->json ? ask->json : "{}", 0, NULL);
    const char *endpoint = json_string_value(json_object_get(asked, "endpoint"));
    const char *mailbox = json_string_value(json_object_get(asked, "mailbox"));
    struct desk *d = endpoint ? desk_find(i, endpoint) : NULL;

    if (endpoint && !d) {
        inbox_refuse(i, ask->tag, 404, "There is no such endpoint", endpoint);
    } else if (d) {
        desk_retry_now(d);
        if (d->watcher)
            watcher_look(d->watcher);
        answer_ok(i, ask->tag);
    } else {
        LIST_EACH (node, &i->watchers)
            if (!mailbox || text_equal_nocase(LIST_OF(node, struct watcher, node)->mailbox, mailbox))
                watcher_look(LIST_OF(node, struct watcher, node));
        answer_ok(i, ask->tag);
    }
    json_decref(asked);
}

void inbox_admin_ask(struct inbox *i, const struct admin_ask *ask)
{
    if (i->is_stopping)
        inbox_refuse(i, ask->tag, 503, "Postern is stopping", "");
    else if (text_equal(ask->verb, "inbox.state"))
        state_answer(i, ask);
    else if (text_equal(ask->verb, "inbox.look"))
        look(i, ask);
    else if (text_equal(ask->verb, "endpoint.test"))
        trial_start(i, ask);
    else if (text_equal(ask->verb, "mailbox.test"))
        inbox_probe_start(i, ask);
    else
        inbox_refuse(i, ask->tag, 404, "The inbox role has no such verb", ask->verb);
}

void inbox_admin_cancel(struct inbox *i, uint64_t tag)
{
    trial_cancel(i, tag);
    inbox_probe_cancel(i, tag);
}

void inbox_admin_down(struct inbox *i)
{
    trial_cancel(i, 0);
    inbox_probe_cancel(i, 0);
}

/* -- stopping -- */

/* At the end of the turn, because whoever just finished may still be on the stack. */
static void on_stop_check(void *ctx)
{
    struct inbox *i = ctx;

    if (i->is_stopped || !list_is_empty(&i->hands))
        return;
    i->is_stopped = true;
    loop_timer_stop(&i->stop_timer);
    i->host.stopped(i->ctx);
}

void inbox_check_stopped(struct inbox *i)
{
    if (i->is_stopping && !i->is_stopped)
        loop_defer(i->loop, &i->stop_check);
}

static void on_stop_timer(void *ctx)
{
    struct inbox *i = ctx;

    for (struct list *node; (node = i->hands.next) != &i->hands;)
        hand_drop(LIST_OF(node, struct hand, node));
    inbox_check_stopped(i);
}

void inbox_stop(struct inbox *i)
{
    if (i->is_stopping)
        return;
    i->is_stopping = true;
    trial_cancel(i, 0);
    inbox_probe_cancel(i, 0);
    restart_watchers(i, NULL); /* which closes them, and nobody connects any more */
    LIST_EACH (node, &i->hands) {
        struct hand *h = LIST_OF(node, struct hand, node);
        if (h->stage < HAND_RUNNING)
            hand_drop(h);
    }
    loop_timer_start(&i->stop_timer, INBOX_STOP_MS);
    inbox_check_stopped(i);
}
