/* All objects as one document. YAML is for people: here it becomes JSON, and the queue role sees nothing else. No secret is in it; what
 * a document asks for is given afterwards, one by one, as ever. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"

enum { YAML_LIMIT = 8 << 20 };

static const char *media_type(struct request *r, const char *name)
{
    const char *value = request_header(r, name);
    return value ? value : "";
}

static void respond_document(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    if (strstr(media_type(r, "Accept"), "application/json")) {
        respond_first(r);
        return;
    }
    struct buf out;
    buf_init(&out, YAML_LIMIT);
    if (object_yaml_from_json(r->asks[0].json, &out))
        respond_octets(r, buf_bytes(&out), "application/yaml");
    else
        respond_finding(r, 422, "api.size", "the document is too large for YAML; ask for application/json");
    buf_fini(&out);
}

void export_get(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "object.export", NULL);
    request_then(r, respond_document);
}

/* JSON, or YAML where the header says so; responds otherwise. Given. */
static json_t *document_of(struct request *r)
{
    struct fault why = { 0 };
    const char *type = media_type(r, "Content-Type");
    if (!strstr(type, "yaml"))
        return json_incref(request_json(r));
    json_t *document = object_json_from_yaml(buf_bytes(&r->body), &why);
    if (!document)
        respond_fault(r, &why);
    return document;
}

/* The last to go is what the vault holds under the names of what was removed, one at a time. */
struct forgetting {
    json_t *answer;
    size_t next;
};

static void forget_next(struct request *r);

static void answer_whole(struct request *r, struct forgetting *f)
{
    json_t *answer = f->answer;
    f->answer = NULL;
    etag_move(r, answer);
    respond_json(r, 200, answer);
}

static bool ask_to_forget(struct request *r, const json_t *change)
{
    static const struct {
        const char *kind, *verb, *key;
    } verbs[] = {
        { "registration", "registration.forget", "name" },
        { "mailbox", "mailbox.forget", "address" },
        { "app", "app.forget", "name" },
        { "endpoint", "endpoint.forget", "name" },
    };
    const char *kind = json_string_value(json_object_get(change, "kind"));
    if (!text_equal(json_string_value(json_object_get(change, "action")), "remove"))
        return false;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (text_equal(kind, verbs[i].kind)) {
            asks_forget(r);
            request_ask(r, ADMIN_PEER_VAULT, verbs[i].verb,
                        json_pack("{s:O}", verbs[i].key, json_object_get(change, "key")));
            request_then(r, forget_next);
            return true;
        }
    return false;
}

static void forget_next(struct request *r)
{
    struct forgetting *f = r->apply;
    const json_t *changes = json_object_get(f->answer, "changes");
    while (f->next < json_array_size(changes))
        if (ask_to_forget(r, json_array_get(changes, f->next++)))
            return;
    answer_whole(r, f);
}

static void applied(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    bool is_dry = request_is_on(r, "dry_run");
    struct forgetting *f = arena_alloc(r->arena, sizeof *f);
    f->answer = json_incref(r->asks[0].json);
    r->apply = f;
    if (is_dry)
        answer_whole(r, f);
    else
        forget_next(r);
}

void apply_free(struct request *r)
{
    if (r->apply)
        json_decref(r->apply->answer);
}

void apply_post(struct request *r)
{
    json_t *document = document_of(r);
    if (!document)
        return;
    json_t *in = json_pack("{s:o, s:b, s:b}", "document", document, "prune", (int)request_is_on(r, "prune"), "dry_run",
                           (int)request_is_on(r, "dry_run"));
    etag_take(r, in);
    request_ask(r, ADMIN_PEER_QUEUE, "object.apply", in);
    request_then(r, applied);
}
