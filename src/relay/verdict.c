/* relay/verdict.c - from what the server said, by the doctor's table, to what the queue shall do. */
#include <string.h>

#include "base/text.h"
#include "relay/relay_private.h"

static enum attempt_class class_of(enum fault_kind kind)
{
    switch (kind) {
    case FAULT_NONE:
        return ATTEMPT_DELIVERED;
    case FAULT_RETRY:
    case FAULT_LOCAL:
        return ATTEMPT_RETRY;
    case FAULT_REJECT:
        return ATTEMPT_BOUNCE;
    case FAULT_HOLD:
    case FAULT_AUTH:
    case FAULT_CONFIG:
        break;
    }
    return ATTEMPT_HOLD;
}

static bool is_sign_in(const char *when)
{
    return strcmp(when, "connect") == 0 || strcmp(when, "starttls") == 0 || strcmp(when, "auth") == 0;
}

/* Some refusals look passing and are not: the same one several times in a row becomes a matter for a person. */
static bool has_repeated(struct outlet *o, const struct finding *f)
{
    if (f->tries_before_hold == 0)
        return false;
    if (!text_equal(o->last_id, f->id)) {
        o->last_id = f->id;
        o->last_count = 0;
    }
    return ++o->last_count >= f->tries_before_hold;
}

static struct verdict verdict_of_finding(struct outlet *o, const char *when, const struct finding *f, const char *words)
{
    uint32_t wish = finding_backoff_s(words);
    struct verdict v = {
        .class = f->split ? ATTEMPT_SPLIT : class_of(f->kind),
        .id = f->id,
        .retry_after_s = wish ? wish : f->pause_s,
        .is_mailbox_fault = is_sign_in(when) || f->kind == FAULT_HOLD || f->pause_s > 0,
    };

    if (has_repeated(o, f)) {
        v.class = ATTEMPT_HOLD;
        v.is_mailbox_fault = true;
    }
    return v;
}

struct verdict verdict_of_reply(struct outlet *o, const char *when, const struct smtp_reply *reply)
{
    const struct finding *f = finding_of_smtp(when, reply->code, reply->enhanced, reply->text);
    return verdict_of_finding(o, when, f, reply->text);
}

struct verdict verdict_of_failure(struct outlet *o, const struct upstream_failure *f)
{
    if (f->is_uncertain && f->code == 0)
        return (struct verdict){ .class = ATTEMPT_RETRY, .id = "smtp.uncertain" };
    if (f->finding)
        return verdict_of_finding(o, f->when, f->finding, f->words);
    enum attempt_class class = class_of(f->fault.kind);
    return (struct verdict){
        /* What befalls a connection before the message is never the message's fault. */
        .class = class == ATTEMPT_BOUNCE && is_sign_in(f->when) ? ATTEMPT_HOLD : class,
        .id = f->fault.id,
        .retry_after_s = f->fault.retry_after_s,
        .is_mailbox_fault = is_sign_in(f->when),
    };
}
