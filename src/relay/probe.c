/* relay/probe.c - "mailbox.test": the way of a message, step by step, with the time each took and what was seen; in the end what is
 * wrong, root cause first, and how to mend it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "doctor/trial_report.h"
#include "relay/relay_private.h"

struct probe {
    struct list node;
    struct relay *relay;
    struct arena *life;
    struct outlet *outlet;
    struct upstream *up;
    struct resolve_query *query;
    uint64_t tag;
    const char *mailbox, *to, *tenant, *client_id, *object_id, *host;
    uint16_t port;
    bool wants_send, is_started, is_over;
    struct trial_report report;
    struct smtp_envelope env;
    struct smtp_recipient recipient;
    char *message;
    struct loop_deferred burial;
};

/* -- telling -- */

static void tell(struct probe *p, const char *step, bool ok, const char *seen)
{
    char *text = trial_report_step(&p->report, loop_now_ms(p->relay->loop), step, ok, seen);
    const struct admin_progress message = { .tag = p->tag, .json = text };

    p->relay->host.progress(p->relay->ctx, &message);
    free(text);
}

static void on_burial(void *ctx)
{
    struct probe *p = ctx;

    trial_report_fini(&p->report);
    free(p->message);
    arena_free(p->life);
    free(p);
}

/* Detached now, freed at the end of the turn: the caller may still look at it. */
static void let_go(struct probe *p)
{
    p->is_over = true;
    resolve_cancel(p->query);
    p->query = NULL;
    list_remove(&p->node);
    loop_defer(p->relay->loop, &p->burial);
}

static void finish(struct probe *p)
{
    bool ok = trial_report_is_ok(&p->report);
    char *text = trial_report_end(&p->report, "The mailbox does not work yet");
    const struct admin_answer message = { .tag = p->tag, .status = ok ? 200 : 422, .json = text, .fd = -1 };

    p->relay->host.answer(p->relay->ctx, &message);
    log_info("mailbox.tested", LOG_TEXT("mailbox", p->mailbox), LOG_BOOL("ok", ok));
    free(text);
    let_go(p);
}

static struct finding_facts facts_of(const struct probe *p)
{
    return (struct finding_facts){
        .mailbox = p->mailbox,
        .tenant = p->tenant,
        .client_id = p->client_id,
        .object_id = p->object_id,
        .host = p->host,
        .sender = p->mailbox,
    };
}

static void add_finding(struct probe *p, const struct finding *f, const char *seen)
{
    struct finding_facts facts = facts_of(p);
    trial_report_add(&p->report, finding_json(f, seen, &facts));
}

static void end_by_fault(struct probe *p, const char *step, const struct fault *why)
{
    struct finding_facts facts = facts_of(p);

    tell(p, step, false, why->text);
    trial_report_add(&p->report, finding_json_of_fault(why, &facts));
    finish(p);
}

/* -- the connection's calls -- */

static void learn_from_token(struct probe *p)
{
    const struct token_view *v = upstream_token_view(p->up);

    if (!v->is_readable)
        return;
    if (v->is_app && *v->object_id != '\0')
        p->object_id = arena_strdup(p->life, v->object_id);
    if (text_is_empty(p->client_id) && *v->app_id != '\0')
        p->client_id = arena_strdup(p->life, v->app_id);
    if (*v->tenant != '\0' && text_is_empty(p->tenant))
        p->tenant = arena_strdup(p->life, v->tenant);
}

static void on_step(void *ctx, const char *step, const char *seen)
{
    struct probe *p = ctx;

    if (strcmp(step, "token-says") != 0) {
        tell(p, step, true, seen);
        return;
    }
    learn_from_token(p);
    const char *trouble = token_view_finding(upstream_token_view(p->up), "smtp", p->tenant,
                                             loop_wall_ms(p->relay->loop));
    /* Only what the token itself shows; whether Exchange knows its service principal shows at the sign-in. */
    bool is_bad = trouble && strcmp(trouble, "token.service-principal") != 0 && strcmp(trouble, "token.roles") != 0;
    tell(p, step, !is_bad, seen);
}

static void compose(struct probe *p)
{
    char date[40], id[33];
    uint8_t random[16];

    secret_random(random, sizeof random);
    hex_encode((struct bytes){ random, sizeof random }, id, sizeof id);
    clock_rfc5322(loop_wall_ms(p->relay->loop), date, sizeof date);
    p->message = mem_printf(
        "From: <%s>\r\nTo: <%s>\r\nSubject: Postern test\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
        "\r\nThis message was sent by \"postern mailbox test\" to show that %s can send.\r\n",
        p->mailbox, p->to, date, id, p->relay->hostname, p->mailbox);
}

static void send_mail(struct probe *p)
{
    p->is_started = true;
    compose(p);
    p->recipient = (struct smtp_recipient){ .address = p->to, .orcpt = "" };
    p->env = (struct smtp_envelope){ .sender = p->mailbox,
                                     .envid = "",
                                     .size = strlen(p->message),
                                     .recipients = &p->recipient,
                                     .recipients_count = 1 };
    upstream_mail(p->up, &p->env);
}

static void close_in_order(struct probe *p)
{
    struct upstream *up = p->up;

    p->up = NULL;
    upstream_quit(up);
}

static void on_ready(void *ctx)
{
    struct probe *p = ctx;

    if (!p->is_started && p->wants_send) {
        send_mail(p);
        return;
    }
    close_in_order(p);
    finish(p);
}

static void answered(struct probe *p, const char *step, const char *when, const struct smtp_reply *reply)
{
    char seen[1200];

    snprintf(seen, sizeof seen, "%d %s%s%s", reply->code, reply->enhanced, *reply->enhanced ? " " : "", reply->text);
    for (char *at = seen; (at = strchr(at, '\n'));)
        *at = ' ';
    bool ok = reply->code >= 200 && reply->code < 300;
    tell(p, step, ok, seen);
    if (!ok)
        add_finding(p, finding_of_smtp(when, reply->code, reply->enhanced, reply->text), seen);
}

static void on_sender_answer(void *ctx, const struct smtp_reply *reply)
{
    answered(ctx, "sender", "mail", reply);
}

static void on_recipient_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    answered(ctx, "recipient", "rcpt", reply);
}

static void on_want_body(void *ctx)
{
    struct probe *p = ctx;

    upstream_body(p->up, bytes_of(p->message));
    upstream_body_end(p->up);
}

static void on_drained(void *ctx)
{
}

static void on_message_answer(void *ctx, const char *when, const struct smtp_reply *reply)
{
    answered(ctx, "message", when, reply);
}

/* Which step a failure belongs to, in the words of the steps that succeed. */
static const char *step_of_failure(const struct probe *p, const struct upstream_failure *f)
{
    if (strcmp(f->when, "connect") == 0)
        return strncmp(f->fault.id, "tls.", 4) == 0 ? "tls"
               : trial_report_steps(&p->report) > 1 ? "greeting"
                                                    : "connection";
    if (strcmp(f->when, "starttls") == 0)
        return "tls";
    if (strcmp(f->when, "auth") == 0)
        return f->code == 0 && f->fault.id[0] != '\0' && strncmp(f->fault.id, "smtp.", 5) != 0 ? "token" : "sign-in";
    if (strcmp(f->when, "mail") == 0)
        return "sender";
    return strcmp(f->when, "rcpt") == 0 ? "recipient" : "message";
}

static void on_failed(void *ctx, const struct upstream_failure *f)
{
    struct probe *p = ctx;
    char seen[1200];

    if (f->code)
        snprintf(seen, sizeof seen, "%d %s%s%s", f->code, f->enhanced, *f->enhanced ? " " : "", f->words);
    else
        snprintf(seen, sizeof seen, "%s", f->words);
    learn_from_token(p);
    p->up = NULL;
    if (!f->finding) {
        struct fault why = f->fault;
        end_by_fault(p, step_of_failure(p, f), &why);
        return;
    }
    tell(p, step_of_failure(p, f), false, seen);
    add_finding(p, f->finding, seen);
    /* The refusal itself, after what explains it. */
    const struct finding *plain = finding_of_smtp(f->when, f->code, f->enhanced, f->words);
    if (f->code && strcmp(plain->id, f->finding->id) != 0)
        add_finding(p, plain, seen);
    finish(p);
}

static const struct upstream_user user = {
    .ready = on_ready,
    .sender_answer = on_sender_answer,
    .recipient_answer = on_recipient_answer,
    .want_body = on_want_body,
    .drained = on_drained,
    .message_answer = on_message_answer,
    .failed = on_failed,
    .step = on_step,
};

/* -- beginning -- */

static void dial(struct probe *p)
{
    const struct mailbox *m = directory_mailbox(p->relay->directory, p->mailbox);
    struct fault why;

    if (!m) {
        fault_set(&why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", p->mailbox);
        end_by_fault(p, "mailbox", &why);
        return;
    }
    outlet_close_idle(p->outlet); /* leave room for ours under the server's limit */
    p->up = upstream_open(p->outlet, m, &user, p, &why);
    if (!p->up)
        end_by_fault(p, "mailbox", &why);
}

static void on_resolved(void *ctx, const struct net_addr *addrs, size_t count, const struct fault *why)
{
    struct probe *p = ctx;
    char seen[400];
    size_t used;

    p->query = NULL;
    if (count == 0) {
        end_by_fault(p, "name", why);
        return;
    }
    used = (size_t)snprintf(seen, sizeof seen, "%s is", p->host);
    for (size_t i = 0; i < count && used + NET_ADDR_TEXT_SIZE < sizeof seen; i++) {
        char address[NET_ADDR_TEXT_SIZE];
        net_addr_host_text(&addrs[i], address, sizeof address);
        used += (size_t)snprintf(seen + used, sizeof seen - used, " %s", address);
    }
    tell(p, "name", true, seen);
    dial(p);
}

static void refuse(struct relay *r, uint64_t tag, int status, const char *title, const char *id, const char *mailbox)
{
    struct fault why;
    const struct finding_facts facts = { .mailbox = mailbox };
    fault_set(&why, FAULT_REJECT, id, "%s", title);
    json_t *j = json_pack("{s:s, s:[o]}", "title", title, "findings", finding_json_of_fault(&why, &facts));
    char *text = json_dumps(j, JSON_COMPACT);
    const struct admin_answer message = { .tag = tag, .status = (uint32_t)status, .json = text, .fd = -1 };

    r->host.answer(r->ctx, &message);
    free(text);
    json_decref(j);
}

static const char *text_in(const json_t *j, const char *key, const char *otherwise)
{
    const char *value = json_string_value(json_object_get(j, key));
    return text_is_empty(value) ? otherwise : value;
}

static struct probe *probe_new(struct relay *r, const struct mailbox *m, const json_t *asked, uint64_t tag)
{
    struct probe *p = mem_alloc(sizeof *p);
    const struct registration *reg = directory_registration(r->directory, m->registration);
    struct object_server server = directory_server_of(r->directory, m, OBJECT_SMTP);

    p->relay = r;
    p->life = arena_new();
    p->tag = tag;
    p->mailbox = arena_strdup(p->life, m->address);
    p->to = arena_strdup(p->life, text_in(asked, "to", m->address));
    p->tenant = arena_strdup(p->life, reg ? reg->tenant : "");
    p->client_id = arena_strdup(p->life, reg ? reg->client_id : "");
    p->host = arena_strdup(p->life, server.host);
    p->port = (uint16_t)server.port;
    p->outlet = outlet_of(r, p->mailbox);
    p->wants_send = !json_is_false(json_object_get(asked, "send"));
    trial_report_init(&p->report, loop_now_ms(r->loop));
    loop_deferred_init(&p->burial, on_burial, p);
    list_append(&r->probes, &p->node);
    return p;
}

void probe_start(struct relay *r, const struct admin_ask *ask)
{
    json_t *asked = json_loads(*ask->json != '\0' ? ask->json : "{}", 0, NULL);
    const char *address = text_in(asked, "address", "");
    const struct mailbox *m = directory_mailbox(r->directory, address);
    const char *to = text_in(asked, "to", address);

    if (!json_is_object(asked) || !object_address_is_valid(to)) {
        refuse(r, ask->tag, 400, "address and to must be mail addresses", "", address);
    } else if (strcmp(text_in(asked, "protocol", "smtp"), "smtp") != 0) {
        refuse(r, ask->tag, 400, "protocol must be smtp, imap or pop3", "", address);
    } else if (!m) {
        refuse(r, ask->tag, 404, "there is no such mailbox", "mailbox.unknown", address);
    } else {
        struct probe *p = probe_new(r, m, asked, ask->tag);
        if (*p->host == '\0' || p->port == 0)
            dial(p); /* says what is missing */
        else
            p->query = resolve_start(r->resolver, p->host, p->port, on_resolved, p);
    }
    json_decref(asked);
}

static struct probe *probe_of(struct list *node)
{
    return LIST_OF(node, struct probe, node);
}

bool probe_has_tag(struct list *node, uint64_t tag)
{
    return probe_of(node)->tag == tag;
}

void probe_drop(struct list *node)
{
    struct probe *p = probe_of(node);

    if (p->up)
        upstream_drop(p->up);
    p->up = NULL;
    let_go(p);
}
