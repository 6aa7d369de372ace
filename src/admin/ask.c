/* Asking other roles on behalf of a request, and what happens when they don't answer. */
#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/map.h"
#include "base/secret.h"
#include "doctor/finding.h"

static const char *const peer_names[] = { "queue", "vault", "relay", "inbox", "parent" };

static void ask_close(struct ask *k)
{
    if (!k->is_open)
        return;
    k->is_open = false;
    loop_timer_stop(&k->deadline);
    list_remove(&k->node);
    k->request->asks_open--;
}

static void continue_when_all_answered(struct request *r)
{
    if (r->asks_open > 0 || !r->then)
        return;
    request_fn *then = r->then;
    r->then = NULL;
    then(r);
}

static void answered(struct ask *k, unsigned status, json_t *json /* taken */, struct bytes secret, int fd /* taken */)
{
    struct request *r = k->request;
    ask_close(k);
    k->status = status;
    k->json = json;
    k->secret = secret.size ? secret_new(secret.data, secret.size) : NULL;
    k->fd = fd;
    continue_when_all_answered(r);
}

static json_t *away_json(enum admin_peer peer, const char *what)
{
    char detail[160];
    snprintf(detail, sizeof detail, "the %s role %s; it is restarted by itself, try again in a few seconds",
             peer_names[peer], what);
    return json_pack("{s:s, s:s, s:[]}", "title", "Not available now", "detail", detail, "findings");
}

static void on_deadline(void *ctx)
{
    struct ask *k = ctx;
    bool is_there = k->peer == ADMIN_PEER_PARENT || k->request->admin->peers[k->peer];
    answered(k, 503, away_json(k->peer, is_there ? "did not answer in time" : "is not running"), BYTES_NONE, -1);
}

static struct ask *ask_open(struct request *r, enum admin_peer peer, int64_t ms)
{
    assert(r->asks_count < ADMIN_ASKS);
    struct admin *a = r->admin;
    struct ask *k = &r->asks[r->asks_count++];
    *k = (struct ask){ .request = r, .tag = ++a->next_tag, .peer = peer, .is_open = true, .fd = -1 };
    list_append(&a->asks, &k->node);
    r->asks_open++;
    loop_timer_init(&k->deadline, a->loop, on_deadline, k);
    loop_timer_start(&k->deadline, ms);
    return k;
}

/* Not answered at once: the handler has not yet said what comes then. */
static void ask_away(struct ask *k)
{
    loop_timer_start(&k->deadline, 0);
}

static void ask_send(struct ask *k, const char *verb, const char *json, struct bytes secret)
{
    struct admin *a = k->request->admin;
    if (k->peer == ADMIN_PEER_PARENT) {
        a->ask_parent(a->ask_parent_ctx, k->tag, json);
        return;
    }
    struct admin_ask m = { .tag = k->tag, .verb = verb, .json = json, .secret = secret };
    if (!a->peers[k->peer] || !channel_send(a->peers[k->peer], ADMIN_ASK, &m))
        ask_away(k);
}

static struct ask *ask(struct request *r, enum admin_peer peer, const char *verb, json_t *in, struct bytes secret,
                       int64_t ms)
{
    struct ask *k = ask_open(r, peer, ms);
    bool is_change = strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;
    if (peer == ADMIN_PEER_QUEUE && is_change) {
        in = in ? in : json_object();
        json_object_set_new(in, "who", audit_who(r));
    }
    char *text = in ? json_dumps(in, JSON_COMPACT) : NULL;
    ask_send(k, verb, text ? text : "{}", secret);
    free(text);
    json_decref(in);
    return k;
}

struct ask *request_ask(struct request *r, enum admin_peer peer, const char *verb, json_t *in)
{
    return ask(r, peer, verb, in, BYTES_NONE, ADMIN_ASK_MS);
}

struct ask *request_ask_secret(struct request *r, enum admin_peer peer, const char *verb, json_t *in,
                               struct bytes secret)
{
    return ask(r, peer, verb, in, secret, ADMIN_ASK_MS);
}

struct ask *request_ask_long(struct request *r, enum admin_peer peer, const char *verb, json_t *in)
{
    r->waits_long = true;
    return ask(r, peer, verb, in, BYTES_NONE, ADMIN_LONG_ASK_MS);
}

struct ask *request_submit(struct request *r, struct submit *m)
{
    struct ask *k = ask_open(r, ADMIN_PEER_QUEUE, ADMIN_ASK_MS);
    m->tag = k->tag;
    struct channel *queue = r->admin->peers[ADMIN_PEER_QUEUE];
    if (!queue || !channel_send(queue, EDGE_SUBMIT, m))
        ask_away(k);
    return k;
}

void request_then(struct request *r, request_fn *then)
{
    r->then = then;
    continue_when_all_answered(r);
}

void asks_forget(struct request *r)
{
    for (size_t i = 0; i < r->asks_count; i++) {
        struct ask *k = &r->asks[i];
        assert(!k->is_open);
        json_decref(k->json);
        secret_free(k->secret);
        if (k->fd >= 0)
            close(k->fd);
    }
    r->asks_count = 0;
}

void asks_cancel(struct request *r)
{
    r->then = NULL;
    for (size_t i = 0; i < r->asks_count; i++) {
        struct ask *k = &r->asks[i];
        if (!k->is_open)
            continue;
        struct admin_cancel m = { .tag = k->tag };
        if (k->peer != ADMIN_PEER_PARENT && r->admin->peers[k->peer])
            channel_send(r->admin->peers[k->peer], ADMIN_CANCEL, &m);
        ask_close(k);
    }
}

static struct ask *ask_by_tag(struct admin *a, uint64_t tag)
{
    LIST_EACH (node, &a->asks) {
        struct ask *k = LIST_OF(node, struct ask, node);
        if (k->tag == tag)
            return k;
    }
    return NULL;
}

void asks_peer_gone(struct admin *a, enum admin_peer peer)
{
    LIST_EACH (node, &a->asks) {
        struct ask *k = LIST_OF(node, struct ask, node);
        if (k->peer == peer)
            loop_timer_start(&k->deadline, 0);
    }
}

void admin_heard_answer(struct admin *a, const struct admin_answer *m)
{
    struct ask *k = ask_by_tag(a, m->tag);
    if (!k && setup_heard(a, m))
        return;
    if (k) {
        answered(k, m->status, m->json[0] ? json_loads(m->json, 0, NULL) : NULL, m->secret, m->fd);
        return;
    }
    if (m->fd >= 0)
        close(m->fd);
}

void admin_heard_progress(struct admin *a, const struct admin_progress *m)
{
    struct ask *k = ask_by_tag(a, m->tag);
    if (k && k->request->stream.is_on)
        stream_push(k->request, m->json);
}

static json_t *refused_submit_json(const struct submit_done *m)
{
    struct fault why;
    fault_set(&why, m->kind == FAULT_REJECT ? FAULT_REJECT : FAULT_LOCAL, m->finding, "%s", m->text);
    return json_pack("{s:s, s:s, s:[o]}", "title", "The queue did not take the message", "detail", m->text, "findings",
                     finding_json_of_fault(&why, NULL));
}

void admin_heard_submit_done(struct admin *a, const struct submit_done *m)
{
    struct ask *k = ask_by_tag(a, m->tag);
    if (!k)
        return;
    if (m->id == 0) {
        answered(k, m->kind == FAULT_REJECT ? 422 : 503, refused_submit_json(m), BYTES_NONE, -1);
        return;
    }
    if (m->is_repeated)
        request_add_header(k->request, "Idempotent-Replayed", "true");
    char id[24];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)m->id);
    answered(k, 202, json_pack("{s:s}", "id", id), BYTES_NONE, -1);
}

void admin_parent_answered(struct admin *a, uint64_t tag, const char *json)
{
    struct ask *k = ask_by_tag(a, tag);
    if (!k)
        return;
    json_t *answer = json_loads(json, 0, NULL);
    unsigned status = answer && json_object_get(answer, "findings") ? 422 : 200;
    answered(k, answer ? status : 503, answer ? answer : away_json(ADMIN_PEER_PARENT, "gave no answer"), BYTES_NONE,
             -1);
}

void request_pass_body(struct request *r, const char *verb)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    request_ask(r, ADMIN_PEER_QUEUE, verb, json_incref(body));
    request_then(r, respond_first);
}

/* Keys are addresses or names, which are the same in any case. */
static const char *folded(struct request *r, const char *key)
{
    char *copy = arena_strdup(r->arena, key);
    for (char *at = copy; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

struct map *ask_index(struct ask *k, const char *list, const char *key)
{
    struct map *map = map_new();
    size_t i;
    json_t *item;
    if (k->status != 200)
        return map;
    json_array_foreach(json_object_get(k->json, list), i, item)
    {
        const char *name = json_string_value(json_object_get(item, key));
        if (name)
            map_put(map, folded(k->request, name), item);
    }
    return map;
}

json_t *ask_index_get(struct request *r, const struct map *index, const char *key)
{
    return key ? map_get(index, folded(r, key)) : NULL;
}
