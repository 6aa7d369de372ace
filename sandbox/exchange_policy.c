/* What Exchange says after DATA: throttling, limits, permissions (reference 6.2). Most refusals come only here. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "sandbox/exchange_private.h"
#include "sandbox/mail_header.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)

struct sin_text {
    const char *name; /* of the switch `throttle` */
    const char *reply;
};

static const struct sin_text sins[SIN_COUNT] = {
    [SIN_MAILBOX_FULL] = { "mailbox-full", "550 5.2.251 Sender throttled due to continuous mailbox full errors." },
    [SIN_SEND_AS] = { "send-as", "550 5.2.252 Sender throttled due to continuous send as denied errors." },
    [SIN_LICENSE] = { "license", "550 5.2.253 Sender throttled due to continuous invalid license errors." },
    [SIN_RECIPIENTS] = { "recipients", "550 5.2.254 Sender throttled due to continuous too many recipients errors." },
    [SIN_INVALID_RECIPIENTS] = { "invalid-recipients",
                                 "550 5.2.255 Sender throttled due to continuous invalid recipients errors." },
};

/* mailbox.state: what a finished message is answered. */
struct state_text {
    const char *name, *reply;
    enum exchange_sin sin; /* SIN_COUNT: none */
};

static const struct state_text states[] = {
    { "full",
      "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException."
      "MapiExceptionShutoffQuotaExceeded",
      SIN_MAILBOX_FULL },
    { "spam",
      "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent "
      "exception with message [BeginDiagnosticData]WASCL UserAction verdict is not None. Actual verdict is Suspend. "
      "OutboundSpamException: WASCL UserAction verdict is not None.[EndDiagnosticData]",
      SIN_COUNT },
    { "quota",
      "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a "
      "permanent exception with message [BeginDiagnosticData]The message can't be submitted because the sender's "
      "submission quota was exceeded.[EndDiagnosticData]",
      SIN_COUNT },
    { "restricted", "550 5.1.8 Access denied, bad outbound sender", SIN_COUNT },
    { "daily-limit",
      "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
      SIN_COUNT },
    { "busy", "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", SIN_COUNT },
    { "logon-failure",
      "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:"
      "ConnectionFailedTransientException.MapiExceptionLogonFailed; Failed to process message due to a "
      "transient exception with message Cannot open mailbox.",
      SIN_COUNT },
    { "tenant-limit",
      "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email "
      "to external recipients (tenant external recipient rate limit)",
      SIN_COUNT },
    { "tenant-blocked", "550 5.7.705 Access denied, tenant has exceeded threshold", SIN_COUNT },
    { "bad-address", "550 5.7.708 Access denied, traffic not accepted from this IP", SIN_COUNT },
    { "server-busy", "451 4.7.500 Server busy. Please try again later", SIN_COUNT },
    { "unavailable", "451 4.7.0 Temporary server error. Please try again later. PRX5", SIN_COUNT },
};

static const char disabled_tenant[] =
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
    "Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.";
static const char disabled_mailbox[] =
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
    "Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information.";

const char *exchange_smtp_auth_refusal(struct exchange_server *x, const struct user *mailbox)
{
    if (x->kind == EXCHANGE_GOOGLE)
        return NULL;
    struct switches *w = x->sandbox->switches;
    const char *own = switches_keyed(w, SWITCH_SMTP_AUTH_MAILBOX, mailbox->address);
    if (strcmp(own, "on") == 0)
        return NULL;
    if (strcmp(own, "off") == 0)
        return disabled_mailbox;
    bool is_on = strcmp(switches_keyed(w, SWITCH_SMTP_AUTH_TENANT, mailbox->tenant->domain), "on") == 0;
    if (is_on)
        return NULL;
    /* Personal accounts have no tenant that anybody could switch. */
    return mailbox->tenant->kind == TENANT_PERSONAL ? disabled_mailbox : disabled_tenant;
}

struct exchange_mailbox *exchange_mailbox_of(struct exchange_server *x, const struct user *u)
{
    struct exchange_mailbox *m = map_get(x->mailboxes, u->address);
    if (m == NULL) {
        m = mem_alloc(sizeof *m);
        map_put(x->mailboxes, u->address, m);
    }
    return m;
}

uint64_t exchange_limit(struct exchange_server *x, enum switch_id id)
{
    struct switches *w = x->sandbox->switches;
    return switches_is(w, SWITCH_SMTP_LIMITS, "off") ? 0 : switches_number(w, id);
}

/* Counts an error that throttles a mailbox when it goes on. */
static void add_sin(struct exchange_session *s, enum exchange_sin sin)
{
    struct switches *w = s->server->sandbox->switches;
    struct exchange_mailbox *m = exchange_mailbox_of(s->server, s->who.mailbox);
    uint64_t allowed = switches_number(w, SWITCH_THROTTLE_AFTER);
    if (sin == SIN_COUNT || allowed == 0 || ++m->sins[sin] < allowed)
        return;
    m->sins[sin] = 0;
    m->throttled_until_ms[sin] = loop_wall_ms(s->server->sandbox->loop) +
                                 (int64_t)switches_number(w, SWITCH_THROTTLE_TIME) * 1000;
}

static bool is_throttled(struct exchange_session *s)
{
    const char *forced = switches_keyed(s->server->sandbox->switches, SWITCH_THROTTLE, s->who.mailbox->address);
    const struct exchange_mailbox *m = exchange_mailbox_of(s->server, s->who.mailbox);
    int64_t now = loop_wall_ms(s->server->sandbox->loop);
    for (size_t i = 0; i < SIN_COUNT; i++) {
        if (now < m->throttled_until_ms[i] || strcmp(forced, sins[i].name) == 0) {
            exchange_refuse_behind(s, "%s", sins[i].reply);
            return true;
        }
    }
    return false;
}

static bool is_in_bad_state(struct exchange_session *s)
{
    const char *state = switches_keyed(s->server->sandbox->switches, SWITCH_MAILBOX_STATE, s->who.mailbox->address);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(states[i].name, state) == 0) {
            add_sin(s, states[i].sin);
            exchange_refuse_behind(s, "%s", states[i].reply);
            return true;
        }
    }
    return false;
}

static bool is_over_limits(struct exchange_session *s)
{
    struct exchange_server *x = s->server;
    struct exchange_mailbox *m = exchange_mailbox_of(x, s->who.mailbox);
    uint64_t connections = exchange_limit(x, SWITCH_SMTP_CONNECTIONS);
    uint64_t recipients = exchange_limit(x, SWITCH_SMTP_RECIPIENTS_PER_DAY);
    if (connections > 0 && m->connections > connections) {
        exchange_refuse_behind(s, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded");
        return true;
    }
    uint64_t today = recipients > 0 ? window_sum(&m->recipients, loop_wall_ms(x->sandbox->loop), DAY_MS) : 0;
    if (recipients > 0 && today + s->envelope.count > recipients) {
        exchange_refuse_behind(
            s, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process "
               "message due to a permanent exception with message [BeginDiagnosticData]The message can't be "
               "submitted because the sender's submission quota was exceeded.[EndDiagnosticData]");
        return true;
    }
    uint64_t size = 0;
    text_to_size(switches_keyed(x->sandbox->switches, SWITCH_MAILBOX_SIZE, s->who.mailbox->address), &size);
    if (x->kind == EXCHANGE_MICROSOFT && size > 0 && mail_draft_size(s->draft) > size) {
        exchange_refuse(s, "552 5.3.4 Message size exceeds fixed maximum message size");
        return true;
    }
    return false;
}

static void say_send_as_denied(struct exchange_session *s, const char *address)
{
    struct switches *w = s->server->sandbox->switches;
    const char *own = s->who.signed_in != NULL ? s->who.signed_in->address : s->who.mailbox->address;
    if (switches_is(w, SWITCH_SEND_AS_REPLY, "5.7.60")) {
        exchange_refuse(s, "550 5.7.60 SMTP; Client does not have permissions to send as this sender");
        return;
    }
    bool is_old = switches_is(w, SWITCH_SEND_AS_REPLY, "5.2.0");
    exchange_refuse_behind(
        s,
        "554 %s%s%s%s%sSTOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed "
        "to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit "
        "message. 0.35250:0A00FA81, 1.36674:0A000000, 1.61250:00000000, 1.45378:02000000, "
        "1.44866:A81E0000, 1.36674:0E000000, 16.55847:BC040000, 0.43249:1A000000, 0.38698:0F010480, "
        "SendAsDenied[EndDiagnosticData]",
        is_old ? "5.2.0 " : "5.2.252 SendAsDenied; ", is_old ? "" : own, is_old ? "" : " not allowed to send as ",
        is_old ? "" : address, is_old ? "" : "; ");
}

/* The envelope's sender and the From header must both be allowed. */
static bool is_sender_allowed(struct exchange_session *s)
{
    char value[600], address[320];
    mail_header_value(mail_draft_header(s->draft), "From", value, sizeof value);
    mail_header_address(value, address, sizeof address);
    const char *named[] = { s->envelope.sender, address };
    if (s->server->kind == EXCHANGE_GOOGLE)
        return true; /* Google rewrites From and takes it */
    for (size_t i = 0; i < 2; i++) {
        if (*named[i] == 0 || access_may_send_as(s->server->sandbox, &s->who, named[i]))
            continue;
        add_sin(s, SIN_SEND_AS);
        say_send_as_denied(s, named[i]);
        return false;
    }
    return true;
}

bool exchange_judge(struct exchange_session *s)
{
    struct switches *w = s->server->sandbox->switches;
    if (s->dots.has_bare && switches_is(w, SWITCH_SMTP_BARE_LF, "refuse")) {
        exchange_refuse(
            s, "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which cannot be sent "
               "via DATA");
        return false;
    }
    if (is_throttled(s) || is_in_bad_state(s) || is_over_limits(s))
        return false;
    if (s->who.lacks_mailbox_permission) {
        exchange_refuse_behind(
            s, "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:"
               "ConnectionFailedTransientException.MapiExceptionLogonFailed; Failed to process message due "
               "to a transient exception with message Cannot open mailbox.");
        return false;
    }
    return is_sender_allowed(s);
}
