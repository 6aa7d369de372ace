#include "token/document.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"

struct documents {
    struct loop *loop;
    struct http *http;
    uint32_t timeout_s;
    struct map *by_url;
};

struct document {
    struct documents *home;
    char *url;
    json_t *json; /* NULL: none yet */
    int64_t fetched_ms;
    bool is_asked;
    struct list askers;
};

struct asker {
    struct list node;
    document_done_fn *done;
    void *ctx;
};

struct documents *documents_new(struct loop *l, struct http *http, uint32_t timeout_s)
{
    struct documents *d = mem_alloc(sizeof *d);
    *d = (struct documents){ l, http, timeout_s, map_new() };
    return d;
}

static bool free_document(void *ctx, const char *key, void *value)
{
    struct document *doc = value;
    for (struct list *at = list_pop(&doc->askers); at; at = list_pop(&doc->askers))
        free(LIST_OF(at, struct asker, node));
    json_decref(doc->json);
    free(doc->url);
    free(doc);
    return true;
}

void documents_free(struct documents *d)
{
    if (!d)
        return;
    map_each(d->by_url, free_document, NULL);
    map_free(d->by_url);
    free(d);
}

void documents_set_timeout(struct documents *d, uint32_t timeout_s)
{
    d->timeout_s = timeout_s;
}

static bool read_document(const struct document *doc, const struct http_answer *a, json_t **out, struct fault *why)
{
    if (a->status == 0) {
        *why = a->why;
        return false;
    }
    if (a->status != 200)
        return fault_set(why, FAULT_RETRY, "provider.discovery", "%s answered %d", doc->url, a->status);
    *out = json_loadb((const char *)a->body.data, a->body.size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(*out))
        return true;
    json_decref(*out);
    return fault_set(why, FAULT_RETRY, "provider.discovery", "%s did not answer with a JSON object", doc->url);
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct document *doc = ctx;
    struct fault why = { 0 };
    json_t *json = NULL;
    doc->is_asked = false;
    if (read_document(doc, a, &json, &why)) {
        doc->fetched_ms = loop_now_ms(doc->home->loop);
        json_decref(doc->json);
        doc->json = json;
    }
    /* Askers may ask again at once: only those who were waiting are answered now. */
    struct list waiting;
    list_init(&waiting);
    for (struct list *at = list_pop(&doc->askers); at; at = list_pop(&doc->askers))
        list_append(&waiting, at);
    json_t *kept = json_incref(doc->json);
    for (struct list *at = list_pop(&waiting); at; at = list_pop(&waiting)) {
        struct asker *asker = LIST_OF(at, struct asker, node);
        asker->done(asker->ctx, kept, kept ? NULL : &why);
        free(asker);
    }
    json_decref(kept);
}

static struct document *document_of(struct documents *d, const char *url)
{
    struct document *doc = map_get(d->by_url, url);
    if (doc)
        return doc;
    doc = mem_alloc(sizeof *doc);
    doc->home = d;
    doc->url = mem_strdup(url);
    list_init(&doc->askers);
    map_put(d->by_url, url, doc);
    return doc;
}

void documents_get(struct documents *d, const char *url, struct bytes ca_pem, bool want_fresh, document_done_fn *done,
                   void *ctx)
{
    if (!http_url_is_safe(url)) {
        struct fault why = { 0 };
        fault_set(&why, FAULT_CONFIG, "provider.discovery", "%s is not an https address", url);
        done(ctx, NULL, &why);
        return;
    }
    struct document *doc = document_of(d, url);
    int64_t age_ms = loop_now_ms(d->loop) - doc->fetched_ms;
    if (doc->json && !doc->is_asked && age_ms < (want_fresh ? DOCUMENT_FRESH_MS : DOCUMENT_KEEP_MS)) {
        json_t *kept = json_incref(doc->json);
        done(ctx, kept, NULL);
        json_decref(kept);
        return;
    }
    struct asker *asker = mem_alloc(sizeof *asker);
    *asker = (struct asker){ .done = done, .ctx = ctx };
    list_append(&doc->askers, &asker->node);
    if (doc->is_asked)
        return;
    doc->is_asked = true;
    http_send(d->http, &(struct http_request){ .url = url, .ca_pem = ca_pem, .timeout_s = d->timeout_s }, on_answer,
              doc);
}
