/* inbox/probe.c - "mailbox.test" for IMAP and POP3: the way in, step by step, with the time each took and what was seen; in the end what
 * is wrong, root cause first, and how to mend it.
 *
 * A sign-in that went well is not yet access: Exchange Online says only at the first SELECT that a mailbox can't be opened. So the test
 * goes on up to there. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "doctor/trial_report.h"
#include "inbox/inbox_private.h"

struct probe {
    struct list node; /* in inbox->probes */
    struct inbox *inbox;
    struct arena *life;
    struct inlet *inlet;
    struct resolve_query *query;
    uint64_t tag;
    uint32_t protocol;
    const char *mailbox, *tenant, *client_id, *object_id, *host;
    uint16_t port;
    unsigned questions; /* given once signed in */
    bool is_over;
    struct buf folders;
    size_t messages, folders_count;
    struct trial_report report;
    struct loop_deferred burial;
};

/* -- telling -- */

static void tell(struct probe *p, const char *step, bool ok, const char *seen)
{
    char *text = trial_report_step(&p->report, loop_now_ms(p->inbox->loop), step, ok, seen);
    const struct admin_progress message = { .tag = p->tag, .json = text };

    p->inbox->host.progress(p->inbox->ctx, &message);
    free(text);
}

static void on_burial(void *ctx)
{
    struct probe *p = ctx;

    trial_report_fini(&p->report);
    buf_fini(&p->folders);
    arena_free(p->life);
    free(p);
}

/* Detached now, freed at the end of the turn: the caller may still look at it. */
static void let_go(struct probe *p)
{
    p->is_over = true;
    resolve_cancel(p->query);
    p->query = NULL;
    inlet_close(p->inlet);
    p->inlet = NULL;
    list_remove(&p->node);
    loop_defer(p->inbox->loop, &p->burial);
}

static void finish(struct probe *p)
{
    bool ok = trial_report_is_ok(&p->report);
    char *text = trial_report_end(&p->report, "The mailbox does not work yet");
    const struct admin_answer message = { .tag = p->tag, .status = ok ? 200 : 422, .json = text, .fd = -1 };

    p->inbox->host.answer(p->inbox->ctx, &message);
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

/* -- the inlet's calls -- */

static void learn_from_token(struct probe *p)
{
    const struct token_view *v = p->inlet ? inlet_token_view(p->inlet) : NULL;

    if (!v || !v->is_readable)
        return;
    if (v->is_app && *v->object_id != '\0')
        p->object_id = arena_strdup(p->life, v->object_id);
    if (text_is_empty(p->client_id) && *v->app_id != '\0')
        p->client_id = arena_strdup(p->life, v->app_id);
    if (text_is_empty(p->tenant) && *v->tenant != '\0')
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
    const char *trouble = token_view_finding(inlet_token_view(p->inlet), p->protocol == OBJECT_IMAP ? "imap" : "pop3",
                                             p->tenant, loop_wall_ms(p->inbox->loop));
    /* Only what the token itself shows; whether Exchange knows its service principal shows at the sign-in. */
    bool is_bad = trouble && strcmp(trouble, "token.service-principal") != 0 &&
                  strncmp(trouble, "token.roles", 11) != 0;
    tell(p, step, !is_bad, seen);
}

/* Which step a failure belongs to, in the words of the steps that succeed. */
static const char *step_of_failure(const struct probe *p, const struct inlet_trouble *t)
{
    if (strcmp(t->when, "connect") == 0)
        return strncmp(t->fault.id, "tls.", 4) == 0 ? "tls"
               : trial_report_steps(&p->report) > 1 ? "greeting"
                                                    : "connection";
    if (strcmp(t->when, "starttls") == 0)
        return "tls";
    if (strcmp(t->when, "auth") == 0)
        return t->fault.kind != FAULT_NONE && strncmp(t->fault.id, "imap.", 5) != 0 &&
                       strncmp(t->fault.id, "pop3.", 5) != 0 && !t->is_lost
                   ? "token"
                   : "sign-in";
    return strcmp(t->when, "select") == 0 ? "inbox" : strcmp(t->when, "list") == 0 ? "folders" : "messages";
}

static const struct finding *plain_finding(const struct probe *p, const struct inlet_trouble *t)
{
    return p->protocol == OBJECT_IMAP ? finding_of_imap(t->when, "", t->words) : finding_of_pop3(t->when, "", t->words);
}

static void on_failed(void *ctx, const struct inlet_trouble *t)
{
    struct probe *p = ctx;

    p->inlet = NULL;
    if (!t->finding) {
        struct fault why = t->fault;
        end_by_fault(p, step_of_failure(p, t), &why);
        return;
    }
    tell(p, step_of_failure(p, t), false, t->words);
    add_finding(p, t->finding, t->words);
    /* The refusal itself, after what explains it. */
    if (t->fault.kind == FAULT_NONE && strncmp(t->finding->id, "token.", 6) == 0)
        add_finding(p, plain_finding(p, t), t->words);
    finish(p);
}

static void refused(struct probe *p, const struct inlet_trouble *t)
{
    tell(p, step_of_failure(p, t), false, t->words);
    add_finding(p, t->finding, t->words);
}

/* -- IMAP -- */

static void imap_refused(void *ctx, const char *command, const struct imap_reply *reply)
{
    struct inlet_trouble t;

    inlet_trouble_of_imap(command, reply, &t);
    refused(ctx, &t);
}

static void imap_selected(void *ctx, const struct imap_folder *f)
{
    struct probe *p = ctx;
    char seen[200];

    snprintf(seen, sizeof seen, "%u messages, UIDVALIDITY %llu%s", f->exists, (unsigned long long)f->uidvalidity,
             f->is_read_only ? ", read-only" : "");
    tell(p, "inbox", true, seen);
}

/* For whoever looks for a folder's name; a mailbox may have more folders than a line has room for. */
static void imap_listed(void *ctx, const char *folder, const char *separator, bool is_selectable)
{
    struct probe *p = ctx;

    if (!is_selectable)
        return;
    p->folders_count++;
    if (p->folders.size + strlen(folder) + 2 < 800)
        buf_addf(&p->folders, "%s%s", p->folders.size ? ", " : "", folder);
}

static void tell_folders(struct probe *p)
{
    char seen[1000];

    snprintf(seen, sizeof seen, "%zu: %s", p->folders_count, buf_str(&p->folders));
    tell(p, "folders", true, seen);
}

static void imap_ready(void *ctx)
{
    struct probe *p = ctx;
    struct imap_client *c = inlet_imap(p->inlet);

    if (!trial_report_is_ok(&p->report)) {
        finish(p);
        return;
    }
    switch (p->questions++) {
    case 0:
        tell(p, "capabilities", true, imap_client_capabilities(c));
        imap_client_select(c, "INBOX", false);
        break;
    case 1:
        imap_client_list(c);
        break;
    default:
        tell_folders(p);
        finish(p);
        break;
    }
}

/* -- POP3 -- */

static void pop3_refused(void *ctx, const char *command, const struct pop3_reply *reply)
{
    struct inlet_trouble t;

    inlet_trouble_of_pop3(command, reply, &t);
    refused(ctx, &t);
}

static void pop3_counted(void *ctx, uint32_t messages, uint64_t octets)
{
    char seen[100];

    snprintf(seen, sizeof seen, "%u messages, %llu octets", messages, (unsigned long long)octets);
    tell(ctx, "messages", true, seen);
}

static void pop3_unique(void *ctx, uint32_t number, const char *uidl)
{
    ((struct probe *)ctx)->messages++;
}

static void tell_unique(struct probe *p)
{
    char seen[100];

    snprintf(seen, sizeof seen, "%zu messages can be told apart", p->messages);
    tell(p, "names", true, seen);
}

static void pop3_ready(void *ctx)
{
    struct probe *p = ctx;
    struct pop3_client *c = inlet_pop3(p->inlet);

    if (!trial_report_is_ok(&p->report)) {
        finish(p);
        return;
    }
    switch (p->questions++) {
    case 0:
        pop3_client_stat(c);
        break;
    case 1:
        pop3_client_uidl(c);
        break;
    default:
        tell_unique(p);
        finish(p);
        break;
    }
}

static const struct imap_client_host imap_calls = {
    .refused = imap_refused,
    .selected = imap_selected,
    .listed = imap_listed,
};
static const struct pop3_client_host pop3_calls = {
    .refused = pop3_refused,
    .counted = pop3_counted,
    .unique = pop3_unique,
};
static const struct inlet_user imap_user = {
    .ready = imap_ready, .failed = on_failed, .step = on_step, .imap = &imap_calls, .pop3 = &pop3_calls
};
static const struct inlet_user pop3_user = {
    .ready = pop3_ready, .failed = on_failed, .step = on_step, .imap = &imap_calls, .pop3 = &pop3_calls
};

/* -- beginning -- */

static void dial(struct probe *p)
{
    const struct mailbox *m = directory_mailbox(p->inbox->directory, p->mailbox);
    struct fault why;

    if (!m) {
        fault_set(&why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", p->mailbox);
        end_by_fault(p, "mailbox", &why);
        return;
    }
    p->inlet = inlet_open(p->inbox, m, p->protocol, p->protocol == OBJECT_IMAP ? &imap_user : &pop3_user, p, &why);
    if (!p->inlet)
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

static struct probe *probe_new(struct inbox *i, const struct mailbox *m, uint32_t protocol, uint64_t tag)
{
    struct probe *p = mem_alloc(sizeof *p);
    const struct registration *reg = directory_registration(i->directory, m->registration);
    struct object_server server = directory_server_of(i->directory, m, protocol);

    p->inbox = i;
    p->life = arena_new();
    p->tag = tag;
    p->protocol = protocol;
    p->mailbox = arena_strdup(p->life, m->address);
    p->tenant = arena_strdup(p->life, reg ? reg->tenant : "");
    p->client_id = arena_strdup(p->life, reg ? reg->client_id : "");
    p->host = arena_strdup(p->life, server.host);
    p->port = (uint16_t)server.port;
    trial_report_init(&p->report, loop_now_ms(i->loop));
    buf_init(&p->folders, 1024);
    loop_deferred_init(&p->burial, on_burial, p);
    list_append(&i->probes, &p->node);
    return p;
}

void inbox_probe_start(struct inbox *i, const struct admin_ask *ask)
{
    json_t *asked = json_loads(text_is_empty(ask->json) ? "{}" : ask->json, 0, NULL);
    const char *address = json_string_value(json_object_get(asked, "address"));
    const char *protocol = json_string_value(json_object_get(asked, "protocol"));
    const struct mailbox *m = address ? directory_mailbox(i->directory, address) : NULL;

    if (!m) {
        inbox_refuse(i, ask->tag, 404, "There is no such mailbox", address ? address : "");
    } else {
        struct probe *p = probe_new(i, m, text_equal(protocol, "pop3") ? OBJECT_POP3 : OBJECT_IMAP, ask->tag);
        if (text_is_empty(p->host) || p->port == 0)
            dial(p); /* says what is missing */
        else
            p->query = resolve_start(i->resolver, p->host, p->port, on_resolved, p);
    }
    json_decref(asked);
}

void inbox_probe_cancel(struct inbox *i, uint64_t tag)
{
    LIST_EACH (node, &i->probes) {
        struct probe *p = LIST_OF(node, struct probe, node);
        if (tag == 0 || p->tag == tag)
            let_go(p);
    }
}
