/* The administrator's verbs: one table, and what request and answer have in common. */
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "doctor/finding.h"
#include "queue/queue_private.h"

static const struct verb {
    const char *name;
    ask_fn *run;
    const char *title; /* of a refusal */
} verbs[] = {
    { "object.list", ask_object_list, "The objects can't be listed" },
    { "object.get", ask_object_get, "The object can't be shown" },
    { "object.put", ask_object_put, "The object was not taken" },
    { "object.patch", ask_object_patch, "The change was not taken" },
    { "object.remove", ask_object_remove, "The object was not removed" },
    { "object.export", ask_object_export, "The objects can't be written out" },
    { "object.apply", ask_object_apply, "The document was not taken" },
    { "message.list", ask_message_list, "The messages can't be listed" },
    { "message.get", ask_message_get, "The message can't be shown" },
    { "message.content", ask_message_content, "The content can't be shown" },
    { "message.retry", ask_message_retry, "The messages were not tried" },
    { "message.hold", ask_message_hold, "The messages were not held" },
    { "message.release", ask_message_release, "The messages were not released" },
    { "message.remove", ask_message_remove, "The messages were not removed" },
    { "inbound.list", ask_inbound_list, "Incoming mail can't be listed" },
    { "inbound.get", ask_inbound_get, "The incoming mail can't be shown" },
    { "inbound.content", ask_inbound_content, "The content can't be shown" },
    { "inbound.stats", ask_inbound_stats, "Incoming mail can't be counted" },
    { "inbound.retry", ask_inbound_retry, "The mail is not tried again" },
    { "inbound.remove", ask_inbound_remove, "The mail was not removed" },
    { "queue.stats", ask_queue_stats, "The queue can't be counted" },
    { "queue.overview", ask_overview, "The mailboxes can't be summed up" },
    { "audit.list", ask_audit_list, "The audit can't be shown" },
    { "audit.add", ask_audit_add, "The line was not added to the audit" },
    { "mailbox.well", ask_mailbox_well, "The mailbox was not let go on" },
};

const char *ask_text(const struct ask *a, const char *key)
{
    const char *text = json_string_value(json_object_get(a->in, key));
    return text ? text : "";
}

bool ask_id(const char *text, uint64_t *id)
{
    uint8_t raw[8];
    size_t size;
    if (!text || !hex_decode(text, raw, sizeof raw, &size) || size != sizeof raw)
        return false;
    *id = 0;
    for (size_t i = 0; i < sizeof raw; i++)
        *id = *id << 8 | raw[i];
    return *id <= INT64_MAX;
}

static uint32_t status_of(const struct fault *why)
{
    switch (why->kind) {
    case FAULT_REJECT:
    case FAULT_CONFIG:
        return 422;
    case FAULT_AUTH:
        return 400;
    default:
        return 503;
    }
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (text_equal(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static json_t *problem(const struct fault *why, const char *verb)
{
    struct finding_facts facts = { 0 };
    const struct verb *v = find_verb(verb);
    return json_pack("{s:s, s:s, s:[o]}", "title", v ? v->title : "The request was not understood", "detail", why->text,
                     "findings", finding_json_of_fault(why, &facts));
}

static bool run(struct ask *a, const struct admin_ask *ask, struct fault *why)
{
    json_error_t error;
    a->in = ask->json[0] ? json_loads(ask->json, JSON_REJECT_DUPLICATES, &error) : json_object();
    if (!json_is_object(a->in)) {
        a->status = 400;
        return fault_set(why, FAULT_REJECT, "api.json", "the request is not a JSON object: %s", error.text);
    }
    const struct verb *v = find_verb(ask->verb);
    if (v)
        return v->run(a, why);
    a->status = 400;
    return fault_set(why, FAULT_REJECT, "api.verb", "the queue knows no verb %s", ask->verb);
}

/* What was submitted in this turn is committed first, so that every verb sees, and may change, one settled store. */
void queue_ask(struct queue *q, const struct admin_ask *ask, queue_answer_fn *answered, void *ctx)
{
    struct fault why = { 0 };
    struct ask a = { .q = q, .fd = -1 };
    queue_commit(q);
    if (run(&a, ask, &why)) {
        a.status = a.status ? a.status : 200;
    } else {
        a.status = a.status >= 400 ? a.status : status_of(&why);
        json_decref(a.out);
        a.out = problem(&why, ask->verb);
        if (a.current)
            json_object_set(a.out, "current", a.current);
    }
    char *text = json_dumps(a.out, JSON_COMPACT);
    if (text && strlen(text) >= ASK_ANSWER_LIMIT) {
        fault_set(&why, FAULT_REJECT, "api.size", "the answer is too long to show at once; ask for less");
        a.status = 422;
        free(text);
        json_decref(a.out);
        a.out = problem(&why, ask->verb);
        text = json_dumps(a.out, JSON_COMPACT);
    }
    struct admin_answer answer = { .tag = ask->tag, .status = a.status, .json = text ? text : "", .fd = a.fd };
    answered(ctx, &answer);
    if (a.fd >= 0)
        close(a.fd);
    free(text);
    json_decref(a.in);
    json_decref(a.out);
    json_decref(a.current);
}
