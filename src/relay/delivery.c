/* relay/delivery.c - one message on its way: a transaction on a connection of its mailbox, and what became of each recipient.
 *
 * What the server can't carry is refused before a byte of it is sent. A kept connection that turns out dead before the server
 * said anything of this message is replaced by a fresh one in silence. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/relay_private.h"

enum { SPARE_MAX = 64, WORDS_MAX = 1000 };

enum fate { FATE_OPEN, FATE_ACCEPTED /* at RCPT; the message's answer is his too */, FATE_DECIDED };

struct delivery {
    struct list node;
    struct relay *relay;
    struct outlet *outlet;
    struct upstream *up;
    struct arena *life;
    uint64_t tag;
    const char *mailbox;
    struct smtp_envelope env;
    struct bytes body; /* inline */
    int fd;            /* -1: inline */
    uint64_t sent;
    struct attempt_result *results;
    enum fate *fates;
    struct attempt_done done;
    char host[512];
    bool is_started, is_reused, has_answer, is_body_given;
};

static const struct upstream_user user;

/* -- outcomes -- */

static const char *words_of(struct delivery *d, const char *text)
{
    char one_line[WORDS_MAX * 4], clean[WORDS_MAX];

    snprintf(one_line, sizeof one_line, "%s", text);
    for (char *at = one_line; (at = strchr(at, '\n'));)
        *at = ' ';
    text_sanitize(bytes_of(one_line), clean, sizeof clean);
    return arena_strdup(d->life, clean);
}

static void decide(struct delivery *d, size_t index, const struct verdict *v, int code, const char *enhanced,
                   const char *words)
{
    if (d->fates[index] == FATE_DECIDED)
        return;
    d->fates[index] = FATE_DECIDED;
    d->results[index] = (struct attempt_result){
        .class = v->class,
        .code = (uint32_t)code,
        .enhanced = arena_strdup(d->life, enhanced),
        .text = words,
        .id = arena_strdup(d->life, v->id),
        .retry_after_s = v->retry_after_s,
    };
    d->done.is_mailbox_fault = d->done.is_mailbox_fault || v->is_mailbox_fault;
}

static void decide_all(struct delivery *d, const struct verdict *v, int code, const char *enhanced, const char *text)
{
    const char *words = words_of(d, text);

    for (size_t i = 0; i < d->env.recipients_count; i++)
        decide(d, i, v, code, enhanced, words);
}

static void decide_all_by_fault(struct delivery *d, const struct fault *why)
{
    const struct upstream_failure f = { .when = "connect", .words = why->text, .fault = *why };
    struct verdict v = verdict_of_failure(d->outlet, &f);
    decide_all(d, &v, 0, "", why->text);
}

static void answer(struct delivery *d)
{
    struct relay *r = d->relay;
    const struct verdict unknown = { .class = ATTEMPT_RETRY, .id = "smtp.protocol" };

    decide_all(d, &unknown, 0, "", "the server gave no answer for this recipient");
    d->done.tag = d->tag;
    d->done.results = d->results;
    d->done.results_count = d->env.recipients_count;
    d->done.host = d->host;
    d->done.dialogue = d->up ? dialogue_text(upstream_dialogue(d->up)) : "";
    r->host.attempt_done(r->ctx, &d->done);
}

static void retire(struct delivery *d)
{
    struct relay *r = d->relay;

    if (d->fd >= 0)
        close(d->fd);
    list_remove(&d->node);
    if (r->spare_count < SPARE_MAX) {
        arena_reset(d->life);
        list_append(&r->spare, &d->node);
        r->spare_count++;
    } else {
        delivery_free(d);
    }
    relay_check_stopped(r);
}

static void finish(struct delivery *d)
{
    struct upstream *up = d->up;

    answer(d);
    d->up = NULL;
    if (up)
        upstream_release(up);
    retire(d);
}

static bool can_carry(struct delivery *d)
{
    struct carry_refusal refusal;

    if (carry_check(&d->env, d->body, d->fd, d->relay->chunk, upstream_caps(d->up), d->host, &refusal))
        return true;
    const struct verdict v = { .class = ATTEMPT_BOUNCE, .id = refusal.id };
    decide_all(d, &v, 0, refusal.enhanced, refusal.text);
    return false;
}

/* -- the transaction -- */

static void begin(struct delivery *d)
{
    d->is_started = true;
    snprintf(d->host, sizeof d->host, "%s", upstream_host(d->up));
    if (can_carry(d))
        upstream_mail(d->up, &d->env);
    else
        finish(d);
}

static void on_ready(void *ctx)
{
    struct delivery *d = ctx;

    if (d->is_started)
        finish(d);
    else
        begin(d);
}

static bool is_positive(const struct smtp_reply *reply)
{
    return reply->code >= 200 && reply->code < 300;
}

static void on_sender_answer(void *ctx, const struct smtp_reply *reply)
{
    struct delivery *d = ctx;

    d->has_answer = true;
    if (is_positive(reply))
        return;
    struct verdict v = verdict_of_reply(d->outlet, "mail", reply);
    decide_all(d, &v, reply->code, reply->enhanced, reply->text);
}

static bool has_accepted(const struct delivery *d)
{
    for (size_t i = 0; i < d->env.recipients_count; i++)
        if (d->fates[i] == FATE_ACCEPTED)
            return true;
    return false;
}

static void on_recipient_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    struct delivery *d = ctx;

    d->has_answer = true;
    if (index >= d->env.recipients_count)
        return;
    if (is_positive(reply)) {
        d->fates[index] = FATE_ACCEPTED;
        return;
    }
    struct verdict v = verdict_of_reply(d->outlet, "rcpt", reply);
    /* "Too many" of the very first: at once again would end the same way. */
    if (v.class == ATTEMPT_SPLIT && !has_accepted(d))
        v.class = ATTEMPT_RETRY;
    decide(d, index, &v, reply->code, reply->enhanced, words_of(d, reply->text));
}

static void give_up_body(struct delivery *d, const char *what)
{
    struct upstream *up = d->up;
    struct fault why;

    fault_set(&why, FAULT_LOCAL, "queue.body", "the stored message %s", what);
    log_error("relay.body", LOG_TEXT("mailbox", d->mailbox), LOG_TEXT("text", why.text));
    const struct verdict v = { .class = ATTEMPT_RETRY, .id = "queue.body" };
    decide_all(d, &v, 0, "", why.text);
    answer(d);
    d->up = NULL;
    upstream_drop(up); /* without the final dot nothing is delivered */
    retire(d);
}

/* False: the message can't be read, and the delivery is over. */
static bool give_chunk(struct delivery *d)
{
    uint8_t *chunk = d->relay->chunk;
    uint64_t left = d->env.size - d->sent;
    ssize_t got = pread(d->fd, chunk, left < CHUNK ? left : CHUNK, (off_t)d->sent);

    if (got <= 0) {
        give_up_body(d, got < 0 ? strerror(errno) : "is shorter than it was");
        return false;
    }
    d->sent += (uint64_t)got;
    upstream_body(d->up, (struct bytes){ chunk, (size_t)got });
    return true;
}

static void pump(struct delivery *d)
{
    if (d->is_body_given)
        return;
    if (d->fd < 0)
        upstream_body(d->up, d->body);
    else
        while (d->sent < d->env.size && upstream_room(d->up))
            if (!give_chunk(d))
                return;
    if (d->fd < 0 || d->sent == d->env.size) {
        d->is_body_given = true;
        upstream_body_end(d->up);
    }
}

static void on_want_body(void *ctx)
{
    struct delivery *d = ctx;

    d->has_answer = true;
    pump(d);
}

static void on_drained(void *ctx)
{
    pump(ctx);
}

/* Too many for one message, said of the whole: half of them at once, the others a minute later, and so on until it fits. */
static void split_accepted(struct delivery *d, const struct verdict *v, const struct smtp_reply *reply)
{
    const char *words = words_of(d, reply->text);
    size_t accepted = 0, seen = 0;

    for (size_t i = 0; i < d->env.recipients_count; i++)
        accepted += d->fates[i] == FATE_ACCEPTED;
    for (size_t i = 0; i < d->env.recipients_count; i++) {
        if (d->fates[i] != FATE_ACCEPTED)
            continue;
        struct verdict own = *v;
        own.class = accepted < 2 ? ATTEMPT_BOUNCE : 2 * seen < accepted ? ATTEMPT_SPLIT : ATTEMPT_RETRY;
        own.retry_after_s = own.class == ATTEMPT_RETRY ? 60 : 0;
        seen++;
        decide(d, i, &own, reply->code, reply->enhanced, words);
    }
}

static void on_message_answer(void *ctx, const char *when, const struct smtp_reply *reply)
{
    struct delivery *d = ctx;
    struct verdict v = { .class = ATTEMPT_DELIVERED, .id = "" };

    d->has_answer = true;
    if (is_positive(reply)) {
        d->done.dsn_relayed = upstream_caps(d->up)->dsn;
        d->outlet->last_id = NULL;
    } else {
        v = verdict_of_reply(d->outlet, when, reply);
    }
    if (v.class == ATTEMPT_SPLIT) {
        split_accepted(d, &v, reply);
        return;
    }
    const char *words = words_of(d, reply->text);
    for (size_t i = 0; i < d->env.recipients_count; i++)
        if (d->fates[i] == FATE_ACCEPTED)
            decide(d, i, &v, reply->code, reply->enhanced, words);
}

static void open_fresh(struct delivery *d);

/* It closes for a reason of its own, and not to slow us down; whether the service is there, a new connection's greeting tells. */
static bool is_goodbye(const struct upstream_failure *f)
{
    return f->code == 421 && !(f->finding && f->finding->pause_s > 0);
}

static bool was_dead_already(const struct delivery *d, const struct upstream_failure *f)
{
    return d->is_reused && !d->has_answer && (f->is_lost || is_goodbye(f));
}

static void on_failed(void *ctx, const struct upstream_failure *f)
{
    struct delivery *d = ctx;

    if (was_dead_already(d, f)) {
        log_debug("relay.stale", LOG_TEXT("mailbox", d->mailbox), LOG_TEXT("text", f->words));
        d->up = NULL;
        open_fresh(d);
        return;
    }
    struct verdict v = verdict_of_failure(d->outlet, f);
    d->done.is_uncertain = f->is_uncertain;
    snprintf(d->host, sizeof d->host, "%s", upstream_host(d->up));
    decide_all(d, &v, f->code, f->enhanced, f->words);
    answer(d);
    d->up = NULL;
    retire(d);
}

static const struct upstream_user user = {
    .ready = on_ready,
    .sender_answer = on_sender_answer,
    .recipient_answer = on_recipient_answer,
    .want_body = on_want_body,
    .drained = on_drained,
    .message_answer = on_message_answer,
    .failed = on_failed,
};

/* -- beginning -- */

static void open_fresh(struct delivery *d)
{
    const struct mailbox *m = directory_mailbox(d->relay->directory, d->mailbox);
    struct fault why;

    d->is_reused = d->is_started = false;
    if (!m) {
        fault_set(&why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", d->mailbox);
    } else {
        d->up = upstream_open(d->outlet, m, &user, d, &why);
        if (d->up)
            return;
    }
    decide_all_by_fault(d, &why);
    finish(d);
}

static struct delivery *delivery_new(struct relay *r)
{
    struct list *node = list_pop(&r->spare);
    struct arena *life;

    if (node) {
        r->spare_count--;
        struct delivery *d = LIST_OF(node, struct delivery, node);
        life = d->life;
        memset(d, 0, sizeof *d);
        d->life = life;
        return d;
    }
    struct delivery *d = mem_alloc(sizeof *d);
    d->life = arena_new();
    return d;
}

static void copy_envelope(struct delivery *d, const struct attempt *a)
{
    struct smtp_recipient *to = arena_array(d->life, a->recipients_count, sizeof *to);

    for (size_t i = 0; i < a->recipients_count; i++)
        to[i] = (struct smtp_recipient){
            .address = arena_strdup(d->life, a->recipients[i].address),
            .notify = a->recipients[i].notify,
            .orcpt = arena_strdup(d->life, a->recipients[i].orcpt),
        };
    d->env = (struct smtp_envelope){
        .sender = arena_strdup(d->life, a->sender),
        .is_8bit = a->is_8bit,
        .is_smtputf8 = a->is_smtputf8,
        .size = a->fd >= 0 ? a->size : a->body.size,
        .ret = (enum envelope_ret)a->ret,
        .envid = arena_strdup(d->life, a->envid),
        .recipients = to,
        .recipients_count = a->recipients_count,
    };
}

void delivery_start(struct relay *r, const struct attempt *a)
{
    struct delivery *d = delivery_new(r);

    d->relay = r;
    d->tag = a->tag;
    d->fd = a->fd;
    d->mailbox = arena_strdup(d->life, a->mailbox);
    d->body = arena_bytes(d->life, a->body);
    copy_envelope(d, a);
    d->results = arena_array(d->life, a->recipients_count, sizeof *d->results);
    d->fates = arena_array(d->life, a->recipients_count, sizeof *d->fates);
    list_append(&r->deliveries, &d->node);
    d->outlet = outlet_of(r, d->mailbox);
    d->up = outlet_take(d->outlet);
    if (!d->up) {
        open_fresh(d);
        return;
    }
    d->is_reused = true;
    upstream_use(d->up, &user, d);
    begin(d);
}

struct delivery *delivery_of_node(struct list *node)
{
    return LIST_OF(node, struct delivery, node);
}

bool delivery_is_whole(const struct delivery *d)
{
    return d->is_body_given;
}

void delivery_drop(struct delivery *d)
{
    struct upstream *up = d->up;

    d->up = NULL;
    if (up)
        upstream_drop(up);
    retire(d);
}

void delivery_free(struct delivery *d)
{
    arena_free(d->life);
    free(d);
}
