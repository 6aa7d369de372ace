/* relay/relay.c - the room's door: what queue, vault and admin say goes to the deliveries, connections and tests it concerns. */
#include "relay/relay.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/relay_private.h"

static void on_stop_timer(void *ctx);
static void on_stop_check(void *ctx);

struct relay *relay_new(struct loop *l, struct resolver *resolver, const char *hostname, const struct relay_host *host,
                        void *ctx)
{
    struct relay *r = mem_alloc(sizeof *r);

    r->loop = l;
    r->resolver = resolver;
    r->hostname = mem_strdup(hostname);
    r->host = *host;
    r->ctx = ctx;
    r->directory = directory_new();
    r->outlets = map_new();
    r->trust = trust_new();
    list_init(&r->deliveries);
    list_init(&r->spare);
    list_init(&r->probes);
    list_init(&r->asking);
    list_init(&r->leaving);
    loop_timer_init(&r->stop_timer, l, on_stop_timer, r);
    loop_deferred_init(&r->stop_check, on_stop_check, r);
    return r;
}

static bool free_outlet(void *ctx, const char *key, void *value)
{
    outlet_free(value);
    return true;
}

static void drop_everything(struct relay *r)
{
    LIST_EACH (node, &r->deliveries)
        delivery_drop(delivery_of_node(node));
    LIST_EACH (node, &r->probes)
        probe_drop(node);
    LIST_EACH (node, &r->leaving)
        upstream_drop(upstream_of_node(node));
}

void relay_free(struct relay *r)
{
    if (!r)
        return;
    r->is_stopped = true; /* nobody wants to hear it any more */
    drop_everything(r);
    map_each(r->outlets, free_outlet, NULL);
    map_free(r->outlets);
    trust_free(r->trust);
    LIST_EACH (node, &r->spare)
        delivery_free(delivery_of_node(node));
    loop_timer_stop(&r->stop_timer);
    loop_undefer(&r->stop_check);
    directory_free(r->directory);
    free(r->hostname);
    free(r);
}

void relay_set_hostname(struct relay *r, const char *hostname)
{
    free(r->hostname);
    r->hostname = mem_strdup(hostname);
}

/* -- objects -- */

static bool retire_outlet(void *ctx, const char *key, void *value)
{
    outlet_retire(value);
    return true;
}

/* A connection was made by the settings of its time. */
static void retire_by(struct relay *r, enum object_kind kind, const char *key)
{
    struct outlet *o;

    switch (kind) {
    case OBJECT_MAILBOX:
        o = map_get(r->outlets, key);
        if (o)
            outlet_retire(o);
        break;
    case OBJECT_PROVIDER:
        trust_forget(r->trust);
        map_each(r->outlets, retire_outlet, NULL);
        break;
    case OBJECT_REGISTRATION:
        map_each(r->outlets, retire_outlet, NULL);
        break;
    case OBJECT_APP:
    case OBJECT_ENDPOINT:
    case OBJECT_OPERATOR:
    case OBJECT_KEY:
    case OBJECT_KINDS:
        break;
    }
}

void relay_directory_reset(struct relay *r)
{
    directory_free(r->directory);
    r->directory = directory_new();
    trust_forget(r->trust);
    map_each(r->outlets, retire_outlet, NULL);
}

void relay_directory_object(struct relay *r, const struct directory_object *o)
{
    struct fault why;

    if (directory_apply_text(r->directory, o->kind, o->key, o->is_removed ? NULL : o->json, &why))
        retire_by(r, (enum object_kind)o->kind, o->key);
    else
        log_error("directory.refused", LOG_TEXT("key", o->key), LOG_FAULT(&why));
}

/* -- queue -- */

static void refuse_attempt(struct relay *r, const struct attempt *a, const char *text)
{
    struct attempt_result *results = mem_alloc(sizeof *results * (a->recipients_count ? a->recipients_count : 1));
    const struct attempt_done done = {
        .tag = a->tag, .results = results, .results_count = a->recipients_count, .host = "", .dialogue = ""
    };

    for (size_t i = 0; i < a->recipients_count; i++)
        results[i] = (struct attempt_result){ .class = ATTEMPT_RETRY, .enhanced = "", .text = text, .id = "" };
    r->host.attempt_done(r->ctx, &done);
    free(results);
    if (a->fd >= 0)
        close(a->fd);
}

void relay_attempt(struct relay *r, const struct attempt *a)
{
    if (r->is_stopping || a->recipients_count == 0)
        refuse_attempt(r, a, "Postern is stopping");
    else
        delivery_start(r, a);
}

void relay_queue_down(struct relay *r)
{
    LIST_EACH (node, &r->deliveries)
        if (!delivery_is_whole(delivery_of_node(node)))
            delivery_drop(delivery_of_node(node));
}

/* -- vault -- */

void relay_token(struct relay *r, const struct token_answer *t)
{
    upstream_token(r, t);
}

void relay_vault_up(struct relay *r)
{
    LIST_EACH (node, &r->asking)
        upstream_ask_again(node);
}

/* -- admin -- */

void relay_admin_ask(struct relay *r, const struct admin_ask *ask)
{
    if (text_equal(ask->verb, "mailbox.test") && !r->is_stopping) {
        probe_start(r, ask);
        return;
    }
    const struct admin_answer answer = { .tag = ask->tag,
                                         .status = r->is_stopping ? 503 : 404,
                                         .json = "{\"title\":\"The relay role has no such verb, or is stopping\"}",
                                         .fd = -1 };
    r->host.answer(r->ctx, &answer);
}

void relay_admin_cancel(struct relay *r, uint64_t tag)
{
    LIST_EACH (node, &r->probes)
        if (probe_has_tag(node, tag))
            probe_drop(node);
}

void relay_admin_down(struct relay *r)
{
    LIST_EACH (node, &r->probes)
        probe_drop(node);
}

/* -- stopping -- */

static bool close_idle(void *ctx, const char *key, void *value)
{
    outlet_close_idle(value);
    return true;
}

/* At the end of the turn, because whoever just finished may still be on the stack. */
static void on_stop_check(void *ctx)
{
    struct relay *r = ctx;

    if (r->is_stopped || !list_is_empty(&r->deliveries))
        return;
    r->is_stopped = true;
    loop_timer_stop(&r->stop_timer);
    map_each(r->outlets, close_idle, NULL);
    r->host.stopped(r->ctx);
}

void relay_check_stopped(struct relay *r)
{
    if (r->is_stopping && !r->is_stopped)
        loop_defer(r->loop, &r->stop_check);
}

static void on_stop_timer(void *ctx)
{
    struct relay *r = ctx;

    LIST_EACH (node, &r->deliveries)
        delivery_drop(delivery_of_node(node));
    relay_check_stopped(r);
}

void relay_stop(struct relay *r)
{
    if (r->is_stopping)
        return;
    r->is_stopping = true;
    relay_admin_down(r);
    map_each(r->outlets, close_idle, NULL);
    loop_timer_start(&r->stop_timer, STOP_MS);
    relay_check_stopped(r);
}
