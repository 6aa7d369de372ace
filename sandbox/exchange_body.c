/* DATA and BDAT: take the body in, then let the policy judge it, then keep it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/exchange_private.h"
#include "sandbox/mail_header.h"

static bool keep(void *ctx, struct bytes data)
{
    struct exchange_session *s = ctx;
    if (s->is_too_large || s->is_disk_full)
        return true; /* read on to the end, so that the refusal is heard */
    s->is_too_large = exchange_is_too_large(s, mail_draft_size(s->draft) + data.size);
    if (!s->is_too_large)
        s->is_disk_full = !mail_draft_add(s->draft, data);
    return true;
}

static json_t *envelope_json(const struct exchange_envelope *e)
{
    json_t *to = json_array(), *dsn = json_array();
    for (size_t i = 0; i < e->count; i++) {
        const struct exchange_recipient *r = &e->recipients[i];
        json_array_append_new(to, json_string(r->address));
        json_array_append_new(dsn, json_pack("{s:s, s:s}", "notify", r->notify, "orcpt", r->orcpt));
    }
    return json_pack("{s:s, s:o, s:o, s:I, s:s, s:s, s:s, s:b}", "from", e->sender, "to", to, "recipients", dsn, "size",
                     (json_int_t)e->size, "body", e->body, "ret", e->ret, "envid", e->envid, "smtputf8",
                     e->is_smtputf8);
}

/* INBOX of everybody who lives here, and the sender's Sent Items. */
static json_t *folders_json(struct exchange_session *s)
{
    json_t *folders = json_array();
    for (size_t i = 0; i < s->envelope.count; i++) {
        const struct user *u = user_find(s->envelope.recipients[i].address);
        if (u != NULL)
            json_array_append_new(folders, json_pack("{s:s, s:s}", "mailbox", u->address, "folder", "INBOX"));
    }
    bool is_google = s->server->kind == EXCHANGE_GOOGLE;
    const char *own = s->who.mailbox->address;
    if (strcmp(switches_keyed(s->server->sandbox->switches, SWITCH_SENT_ITEMS, own), "on") == 0)
        json_array_append_new(folders, json_pack("{s:s, s:s, s:[s]}", "mailbox", own, "folder",
                                                 is_google ? "[Gmail]/Sent Mail" : "Sent Items", "flags", "\\Seen"));
    return folders;
}

static json_t *message_facts(struct exchange_session *s)
{
    json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "server", s->server->dialect->name, "session",
                              s->id, "peer", s->peer, "tls", conn_tls_text(s->conn), "user", s->who.mailbox->address,
                              "mechanism", s->who.mechanism, "envelope", envelope_json(&s->envelope), "folders",
                              folders_json(s));
    json_object_set_new(facts, "signed_in",
                        s->who.signed_in != NULL ? json_string(s->who.signed_in->address) : json_null());
    if (s->who.facts != NULL)
        json_object_set(facts, "token", s->who.facts);
    return facts;
}

/* SendFromAliasEnabled is off by default: the primary address takes the alias's place (4.3). */
static void rewrite_alias(struct exchange_session *s)
{
    char value[600], address[320];
    if (switches_is(s->server->sandbox->switches, SWITCH_SEND_FROM_ALIAS, "on") || s->server->kind == EXCHANGE_GOOGLE)
        return;
    mail_header_value(mail_draft_header(s->draft), "From", value, sizeof value);
    mail_header_address(value, address, sizeof address);
    const struct user *u = s->who.mailbox;
    if (tenant_address_equal(address, u->address) || !user_is_alias(u, address))
        return;
    const char *at = strstr(value, address);
    char *line = arena_printf(s->mail, "From: %.*s%s%s\r\n", (int)(at - value), value, u->address,
                              at + strlen(address));
    mail_draft_set_header(s->draft, "From", line);
}

/* Personal accounts get a Message-ID of Microsoft's own (3.5). */
static void rewrite_message_id(struct exchange_session *s)
{
    char value[600];
    if (s->server->kind == EXCHANGE_GOOGLE || s->who.mailbox->tenant->kind != TENANT_PERSONAL)
        return;
    mail_header_value(mail_draft_header(s->draft), "Message-ID", value, sizeof value);
    char *line = arena_printf(s->mail, "Message-ID: <%s@%s>\r\n", s->id, exchange_backend());
    if (*value != 0)
        line = arena_printf(s->mail, "%sX-Microsoft-Original-Message-ID: %s\r\n", line, value);
    mail_draft_set_header(s->draft, "Message-ID", line);
}

static void count_accepted(struct exchange_session *s)
{
    struct exchange_mailbox *m = exchange_mailbox_of(s->server, s->who.mailbox);
    int64_t now = loop_wall_ms(s->server->sandbox->loop);
    if (exchange_limit(s->server, SWITCH_SMTP_RATE) > 0)
        window_add(&m->messages, now, 1);
    if (exchange_limit(s->server, SWITCH_SMTP_RECIPIENTS_PER_DAY) > 0)
        window_add(&m->recipients, now, s->envelope.count);
    s->messages++;
    activity_count(s->server->sandbox->activity, "smtp.accepted", s->who.mailbox->address);
}

static void store(struct exchange_session *s)
{
    char message_id[300];
    struct fault why;
    rewrite_alias(s);
    rewrite_message_id(s);
    mail_header_value(mail_draft_header(s->draft), "Message-ID", message_id, sizeof message_id);
    if (message_id[0] == 0)
        snprintf(message_id, sizeof message_id, "<%s@%s>", s->id, exchange_backend());
    uint64_t id = mailstore_keep(s->server->sandbox->mail, s->draft, message_facts(s), &why);
    s->draft = NULL;
    if (id == 0) {
        exchange_refuse(s, "431 4.3.1 Insufficient system resources");
        return;
    }
    count_accepted(s);
    if (s->server->kind == EXCHANGE_GOOGLE)
        exchange_say(s, "250 2.0.0 OK  %" PRId64 " %s - gsmtp", loop_wall_ms(s->server->sandbox->loop) / 1000, s->id);
    else
        exchange_refuse_behind(s, "250 2.0.0 OK %s", message_id);
}

/* The body is complete. */
static void finish(struct exchange_session *s)
{
    if (exchange_injected(s, "end", mail_draft_header(s->draft))) {
        if (s->conn != NULL)
            exchange_reset(s);
        return;
    }
    if (s->is_too_large)
        exchange_refuse(s, "552 5.3.4 Message size exceeds fixed maximum message size");
    else if (s->is_disk_full)
        exchange_refuse(s, "431 4.3.1 Insufficient system resources");
    else if (exchange_judge(s))
        store(s);
    exchange_reset(s);
}

void exchange_on_data(struct exchange_session *s, struct bytes args)
{
    if (s->draft != NULL || strcmp(s->envelope.body, "BINARYMIME") == 0) {
        exchange_refuse(s, "503 5.5.1 Bad sequence of commands");
        return;
    }
    s->draft = mail_draft_new(s->server->sandbox->mail);
    s->state = SESSION_DATA;
    exchange_say(s, "%s", s->server->dialect->data_go);
}

size_t exchange_feed_data(struct exchange_session *s, struct bytes in)
{
    size_t used = dots_feed(&s->dots, in, keep, s);
    if (s->dots.is_over) {
        finish(s);
        exchange_send(s);
    }
    return used;
}

void exchange_on_bdat(struct exchange_session *s, struct bytes args)
{
    size_t blank = bytes_find(args, BYTES_LIT(" "));
    char number[24];
    size_t digits = blank == SIZE_MAX ? args.size : blank;
    snprintf(number, sizeof number, "%.*s", (int)(digits < 22 ? digits : 22), (const char *)args.data);
    struct bytes last = blank == SIZE_MAX ? BYTES_NONE : bytes_slice(args, blank + 1, args.size);
    if (!exchange_offers(s->server, "CHUNKING") || !text_to_u64(number, INT64_MAX, &s->chunk_left) ||
        (last.size > 0 && !bytes_equal_nocase(last, BYTES_LIT("LAST")))) {
        exchange_refuse(s, "501 5.5.4 Invalid arguments");
        return;
    }
    if (s->draft == NULL)
        s->draft = mail_draft_new(s->server->sandbox->mail);
    s->chunk_is_last = last.size > 0;
    s->state = SESSION_BDAT;
    if (s->chunk_left == 0)
        exchange_feed_chunk(s, BYTES_NONE);
}

size_t exchange_feed_chunk(struct exchange_session *s, struct bytes in)
{
    struct bytes part = bytes_slice(in, 0, s->chunk_left);
    if (part.size > 0)
        keep(s, part);
    s->chunk_left -= part.size;
    if (s->chunk_left > 0)
        return part.size;
    s->state = SESSION_RCPT;
    if (s->chunk_is_last)
        finish(s);
    else
        exchange_say(s, "250 2.0.0 OK");
    if (part.size > 0) /* an empty chunk is answered by the command's own turn */
        exchange_send(s);
    return part.size;
}
