/* The administrator's verbs: one table, and what request and answer have in common. */
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "doctor/finding.h"
#include "queue/queue_private.h"

static const struct verb {
    const char *name;
    ask_fn *run;
} verbs[] = {
    { "object.list", ask_object_list },         { "object.get", ask_object_get },
    { "object.put", ask_object_put },           { "object.patch", ask_object_patch },
    { "object.remove", ask_object_remove },     { "message.list", ask_message_list },
    { "message.get", ask_message_get },         { "message.content", ask_message_content },
    { "message.retry", ask_message_retry },     { "message.hold", ask_message_hold },
    { "message.release", ask_message_release }, { "message.remove", ask_message_remove },
    { "queue.stats", ask_queue_stats },         { "mailbox.well", ask_mailbox_well },
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

static json_t *problem(const struct fault *why, const char *verb)
{
    struct finding_facts facts = { 0 };
    return json_pack("{s:s, s:s, s:[o]}", "title", verb, "detail", why->text, "findings",
                     finding_json_of_fault(why, &facts));
}

static bool run(struct ask *a, const struct admin_ask *ask, struct fault *why)
{
    json_error_t error;
    a->in = ask->json[0] ? json_loads(ask->json, JSON_REJECT_DUPLICATES, &error) : json_object();
    if (!json_is_object(a->in)) {
        a->status = 400;
        return fault_set(why, FAULT_REJECT, "api.json", "the request is not a JSON object: %s", error.text);
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (text_equal(verbs[i].name, ask->verb))
            return verbs[i].run(a, why);
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
}
