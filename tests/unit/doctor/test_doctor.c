/* The reference's rows, one case each: an answer as a server gives it, and what must be made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/doctor_private.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define STAMP " [BN9PR03CA0716.namprd03.prod.outlook.com 2026-07-01T01:57:31.695Z 08DED6A3FAA75B29]"
#define AUTH_FAILED "Authentication unsuccessful"

#define RETRY FAULT_RETRY
#define HOLD FAULT_HOLD
#define REJECT FAULT_REJECT

struct smtp_case {
    const char *when;
    int code;
    const char *enhanced, *text, *id;
    enum fault_kind kind;
};

static const struct smtp_case sign_in_cases[] = {
    { "auth", 535, "5.7.3", AUTH_FAILED STAMP, "smtp.auth.refused", HOLD },
    { "auth", 535, "5.7.139",
      AUTH_FAILED
      ", SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more "
      "information." STAMP,
      "smtp.auth.disabled-tenant", HOLD },
    { "auth", 535, "5.7.139",
      AUTH_FAILED
      ", SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more "
      "information." STAMP,
      "smtp.auth.disabled-mailbox", HOLD },
    { "auth", 535, "5.7.139", AUTH_FAILED ", the user credentials were incorrect." STAMP, "smtp.auth.credentials",
      HOLD },
    { "auth", 535, "5.7.139",
      AUTH_FAILED ", user is locked by your organization's security defaults policy. Contact your administrator." STAMP,
      "smtp.auth.security-defaults", HOLD },
    { "auth", 535, "5.7.139",
      AUTH_FAILED
      ", the request did not meet the criteria to be authenticated successfully. Contact your administrator.",
      "smtp.auth.conditional-access", HOLD },
    { "auth", 535, "5.7.139", AUTH_FAILED ", basic authentication is disabled.", "smtp.auth.basic-disabled", HOLD },
    { "auth", 535, "5.7.139", AUTH_FAILED ", the organization configuration doesn't allow this authentication request.",
      "smtp.auth.organization", HOLD },
    { "auth", 535, "5.7.139", AUTH_FAILED ", federated STS service was unreachable.", "smtp.auth.federation-down",
      RETRY },
    { "auth", 535, "5.7.139", AUTH_FAILED ", the federated STS URL does not support HTTPS.",
      "smtp.auth.federation-https", HOLD },
    { "auth", 535, "5.7.139", AUTH_FAILED ", something new.", "smtp.auth.policy", HOLD },
    { "auth", 550, "5.7.30", "Basic authentication is not supported for Client Submission.", "smtp.auth.basic-retired",
      HOLD },
    { "connect", 421, "4.7.66",
      "TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit "
      "https://aka.ms/smtp_auth_tls.",
      "smtp.tls.version", HOLD },
    { "mail", 451, "5.7.3", "STARTTLS is required to send mail" STAMP, "smtp.tls.required", HOLD },
    { "mail", 530, "5.7.57", "Client not authenticated to send mail." STAMP, "smtp.auth.missing", HOLD },
    { "mail", 530, "5.7.57",
      "Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication "
      "is disabled "
      "for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information." STAMP,
      "smtp.auth.disabled-mailbox", HOLD },
    { "mail", 530, "5.7.57", "Client was not authenticated to send anonymous mail during MAIL FROM",
      "smtp.auth.missing", HOLD },
    { "auth", 504, "5.7.4", "Unrecognized authentication type" STAMP, "smtp.auth.mechanism", HOLD },
    { "auth", 501, "5.5.124", "Invalid XOAUTH2 auth data - User address provided is not valid...", "smtp.auth.user",
      HOLD },
    { "auth", 501, "5.5.127", "Invalid XOAUTH2 auth data - Token will expire soon", "smtp.auth.token-expiring", RETRY },
    { "auth", 454, "4.7.0", "Temporary authentication failure", "smtp.auth.temporary", RETRY },
    /* Google. */
    { "auth", 535, "5.7.8",
      "Username and Password not accepted. For more information, go to\n5.7.8  "
      "https://support.google.com/mail/?p=BadCredentials x",
      "smtp.auth.google-refused", HOLD },
    { "auth", 555, "5.5.2", "Syntax error, goodbye. x - gsmtp", "smtp.auth.line", HOLD },
};

static const struct smtp_case message_cases[] = {
    { "body", 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender", "smtp.sender.not-allowed",
      REJECT },
    { "body", 554, "5.2.252",
      "SendAsDenied; a@x.example not allowed to send as b@x.example; "
      "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to "
      "a permanent "
      "exception with message [BeginDiagnosticData]Cannot submit message. 0.35250:[EndDiagnosticData] "
      "[Hostname=PN2PR01MB1234.INDPRD01.PROD.OUTLOOK.COM]",
      "smtp.sender.not-allowed", REJECT },
    { "body", 554, "5.2.0", "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed",
      "smtp.sender.not-allowed", REJECT },
    { "mail", 550, "5.2.251", "Sender throttled due to continuous mailbox full errors.", "smtp.throttled.mailbox-full",
      HOLD },
    { "mail", 550, "5.2.252", "Sender throttled due to continuous send as denied errors.", "smtp.throttled.send-as",
      HOLD },
    { "mail", 550, "5.2.253", "Sender throttled due to continuous invalid license errors.", "smtp.throttled.license",
      HOLD },
    { "mail", 550, "5.2.254", "Sender throttled due to continuous too many recipients errors.",
      "smtp.throttled.recipients", HOLD },
    { "mail", 550, "5.2.255", "Sender throttled due to continuous invalid recipients errors.",
      "smtp.throttled.recipients-invalid", HOLD },
    { "mail", 550, "5.2.254", "Sender throttled due to continuous invalid recipients errors.",
      "smtp.throttled.recipients-invalid", HOLD },
    { "body", 432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=A.B.C]",
      "smtp.limit.threads", RETRY },
    { "body", 554, "", "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "smtp.limit.threads", RETRY },
    { "connect", 432, "4.3.2", "concurrent connection limit exceeded", "smtp.limit.connections", RETRY },
    { "mail", 432, "4.3.2", "concurrent connection limit exceeded", "smtp.limit.connections", RETRY },
    { "body", 432, "4.3.2", "STOREDRV.Deliver; recipient thread limit exceeded", "smtp.limit.recipient-busy", RETRY },
    { "mail", 421, "4.4.2", "Message submission rate for this client has exceeded the configured limit",
      "smtp.limit.rate", RETRY },
    { "body", 430, "4.2.0",
      "STOREDRV; mailbox logon failure; "
      "STOREDRV.Submission.Exception:ConnectionFailedTransientException.MapiExceptionLogonFailed",
      "smtp.send.mailbox-logon", RETRY },
    { "body", 554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException; x",
      "smtp.limit.recipients-day", HOLD },
    { "body", 554, "5.2.2", "Submission quota exceeded", "smtp.limit.recipients-day", HOLD },
    { "body", 554, "5.2.2",
      "mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
      "smtp.sender.mailbox-full", HOLD },
    { "body", 554, "5.2.0", "STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionQuotaExceeded",
      "smtp.sender.mailbox-full", HOLD },
    { "body", 554, "5.2.0",
      "STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception "
      "with message "
      "[BeginDiagnosticData]WASCL UserAction verdict is not None. Actual verdict is Suspend. [EndDiagnosticData]",
      "smtp.sender.suspended", HOLD },
    { "body", 550, "5.1.8", "Access denied, bad outbound sender", "smtp.sender.restricted", HOLD },
    { "body", 550, "5.1.90", "Your message can't be sent because you've reached your daily limit",
      "smtp.limit.recipients-day", HOLD },
    { "body", 550, "5.1.20", "Multiple From addresses", "smtp.sender.several-from", REJECT },
    { "rcpt", 452, "4.5.3", "Too many recipients", "smtp.limit.recipients-message", RETRY },
    { "body", 550, "5.5.3", "RESOLVER.ADR.RecipLimit; too many recipients", "smtp.limit.recipients-message", RETRY },
    { "body", 552, "5.3.4", "Message size exceeds fixed maximum message size", "smtp.size", REJECT },
    { "mail", 552, "", "too big", "smtp.size", REJECT },
    { "body", 554, "5.6.0", "Corrupt message content", "smtp.message.malformed", REJECT },
    { "body", 554, "5.6.11", "Invalid characters", "smtp.message.bare-lf", REJECT },
    { "body", 550, "5.7.512", "Access denied, message must be RFC 5322 section 3.6.2 compliant", "smtp.message.headers",
      REJECT },
    { "body", 550, "5.7.232", "x", "smtp.limit.tenant-external", HOLD },
    { "body", 550, "5.7.233", "x", "smtp.limit.tenant-external", HOLD },
    { "body", 550, "5.7.236", "x", "smtp.limit.tenant-external", HOLD },
    { "body", 550, "5.7.501", "Access denied, spam abuse detected", "smtp.sender.banned", HOLD },
    { "body", 550, "5.7.502", "Access denied, banned sender", "smtp.sender.banned", HOLD },
    { "body", 550, "5.7.503", "Access denied, banned sender", "smtp.sender.banned", HOLD },
    { "body", 550, "5.7.703", "Your message can't be delivered", "smtp.message.blocked", REJECT },
    { "body", 550, "5.7.705", "Access denied, tenant has exceeded threshold", "smtp.tenant.blocked", HOLD },
    { "mail", 550, "5.7.708", "Access denied, traffic not accepted from this IP", "smtp.tenant.address", HOLD },
    { "body", 550, "5.7.750", "Service unavailable. Client blocked from sending from unregistered domains",
      "smtp.tenant.domain", HOLD },
    { "mail", 451, "4.7.500", "Server busy. Please try again later", "smtp.slow-down", RETRY },
    { "mail", 451, "4.7.699", "x", "smtp.slow-down", RETRY },
    { "mail", 451, "4.7.850", "x", "smtp.slow-down", RETRY },
    { "mail", 451, "4.7.899", "x", "smtp.slow-down", RETRY },
    { "mail", 451, "4.7.700", "x", "smtp.temporary", RETRY },
    { "mail", 451, "4.7.0", "Temporary server error. Please try again later. PRX4" STAMP, "smtp.server-error", RETRY },
    { "connect", 421, "4.3.2", "Service not available", "smtp.maintenance", RETRY },
    { "connect", 421, "", "Service not active", "smtp.maintenance", RETRY },
    { "mail", 421, "4.4.1", "Connection timed out", "smtp.idle", RETRY },
    { "mail", 421, "4.4.2", "Timeout waiting for data from client", "smtp.idle", RETRY },
    { "rcpt", 451, "4.4.62", "Mail sent to the wrong Office 365 region", "smtp.region", HOLD },
    { "rcpt", 550, "5.5.105", "External sending is not supported for High Volume Email accounts",
      "smtp.recipient.external", REJECT },
    { "rcpt", 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; x", "smtp.recipient.unknown", REJECT },
    { "rcpt", 550, "5.1.1", "unknown", "smtp.recipient.unknown", REJECT },
    { "rcpt", 550, "5.4.1", "Recipient address rejected: Access denied", "smtp.recipient.unknown", REJECT },
    { "rcpt", 550, "5.7.1", "Unable to relay", "smtp.recipient.refused", REJECT },
    /* Google. */
    { "body", 550, "5.4.5", "Daily user sending limit exceeded", "smtp.limit.google-day", HOLD },
    { "mail", 421, "4.7.0", "Try again later, closing connection.", "smtp.limit.google-rate", RETRY },
    { "rcpt", 450, "4.2.1", "The user you are trying to contact is receiving mail at a rate that",
      "smtp.limit.google-rate", RETRY },
};

/* Nothing known but the code: temporary is tried again, a sign-in waits for a person, a message goes back. */
static const struct smtp_case code_cases[] = {
    { "connect", 554, "", "go away", "smtp.connect.refused", HOLD },
    { "connect", 421, "", "busy", "smtp.connect.temporary", RETRY },
    { "auth", 535, "", "no", "smtp.auth.failed", HOLD },
    { "auth", 534, "", "no", "smtp.auth.too-weak", HOLD },
    { "auth", 599, "", "no", "smtp.auth.unknown", HOLD },
    { "auth", 550, "5.7.1", "no", "smtp.auth.unknown", HOLD },
    { "auth", 550, "5.1.1", "no", "smtp.auth.unknown", HOLD },
    { "connect", 550, "5.7.1", "no", "smtp.connect.refused", HOLD },
    { "auth", 451, "", "later", "smtp.auth.temporary", RETRY },
    { "mail", 553, "", "no", "smtp.sender.refused", REJECT },
    { "rcpt", 550, "", "no", "smtp.recipient.rejected", REJECT },
    { "rcpt", 450, "", "greylisted", "smtp.recipient.temporary", RETRY },
    { "rcpt", 452, "", "Too many recipients in this one", "smtp.limit.recipients-message", RETRY },
    { "rcpt", 452, "4.3.1", "Insufficient system storage", "smtp.server-full", RETRY },
    { "data", 554, "", "no valid recipients", "smtp.message.refused", REJECT },
    { "body", 552, "", "too big", "smtp.size", REJECT },
    { "body", 451, "", "later", "smtp.temporary", RETRY },
    { "body", 599, "5.9.9", "?", "smtp.message.refused", REJECT },
    { "body", 250, "", "what?", "smtp.protocol", RETRY },
    { "mail", 530, "5.7.0", "Must issue a STARTTLS command first", "smtp.tls.required", HOLD },
    { "mail", 530, "5.5.1", "Authentication Required", "smtp.auth.missing", HOLD },
};

struct session_case {
    const char *when, *code, *text, *id;
    enum fault_kind kind;
};

static const struct session_case imap_cases[] = {
    { "auth", "", "AUTHENTICATE failed.", "imap.auth.refused", HOLD },
    { "auth", "AUTHENTICATIONFAILED", "Authentication failed.", "imap.auth.refused", HOLD },
    { "auth", "", "LOGIN failed.", "imap.auth.password", HOLD },
    { "auth", "", "Basic authentication is disabled.", "imap.auth.basic-disabled", HOLD },
    { "select", "", "User is authenticated but not connected.", "imap.not-connected", HOLD },
    { "auth", "AUTHENTICATIONFAILED",
      "AuthFailed:LogonDenied-BasicAuthBlocked-<UserType:OutlookCom> LogonFailed-BasicAuthBlocked",
      "imap.auth.basic-blocked", HOLD },
    { "idle", "", "Session invalidated - AccessTokenExpired", "imap.token-expired", RETRY },
    { "fetch", "", "Session invalidated - AccessTokenExpired", "imap.token-expired", RETRY },
    { "auth", "", "Command Error. 12", "imap.command-refused", RETRY },
    { "list", "", "Command Argument Error. 12", "imap.argument-refused", RETRY },
    { "select", "", "Command Argument Error. 11", "imap.argument-refused", RETRY },
    { "select", "", "Command received in Invalid state.", "imap.state", RETRY },
    { "auth", "", "Server Unavailable. 15", "imap.unavailable", RETRY },
    { "idle", "", "Connection is closed. 13", "imap.closed-idle", RETRY },
    { "fetch", "", "Connection closed. 14", "imap.closed-commands", RETRY },
    { "fetch", "", "Request is throttled. Suggested Backoff Time: 92415 milliseconds", "imap.throttled", RETRY },
    { "auth", "", "Request is throttled. Suggested Backoff Time: 92415 milliseconds", "imap.throttled", RETRY },
    { "auth", "UNAVAILABLE", "Temporary authentication failure.", "imap.unavailable", RETRY },
    /* Google. */
    { "auth", "AUTHENTICATIONFAILED", "Invalid credentials (Failure)", "imap.auth.google-refused", HOLD },
    { "auth", "ALERT", "Too many simultaneous connections. (Failure)", "imap.limit.connections", RETRY },
    { "auth", "ALERT", "Your account is not enabled for IMAP use. (Failure)", "imap.auth.disabled", HOLD },
    { "select", "NONEXISTENT", "Unknown Mailbox: Done (Failure)", "imap.folder-missing", HOLD },
    /* Others. */
    { "auth", "LIMIT", "not now", "imap.limit.connections", RETRY },
    { "move", "LIMIT", "not now", "imap.limit", RETRY },
    { "move", "trycreate", "Mailbox doesn't exist: Done", "imap.folder-missing", HOLD },
    { "move", "OVERQUOTA", "Quota exceeded", "imap.full", RETRY },
    { "store", "NOPERM", "Permission denied", "imap.forbidden", HOLD },
    { "auth", "PRIVACYREQUIRED", "Plaintext authentication disallowed", "imap.tls.required", HOLD },
    { "idle", "", "Disconnected for inactivity.", "imap.closed-idle", RETRY },
    { "auth", "", "No.", "imap.auth.unknown", HOLD },
    { "connect", "", "Not today.", "imap.closed", RETRY },
    { "search", "", "Not today.", "imap.refused", RETRY },
    { NULL, NULL, NULL, "imap.closed", RETRY },
};

static const struct session_case pop3_cases[] = {
    { "auth", "", "Authentication failure: unknown user name or bad password.", "pop3.auth.refused", HOLD },
    { "auth", "", "Logon failure: unknown user name or bad password.", "pop3.auth.password", HOLD },
    { "auth", "", "Protocol error. Connection is closed. 10", "pop3.protocol-closed", HOLD },
    { "auth", "", "Basic authentication is disabled", "pop3.auth.basic-disabled", HOLD },
    { "auth", "", "Server Unavailable. 21", "pop3.unavailable", RETRY },
    { "stat", "", "Command is not valid in this state.", "pop3.state", RETRY },
    { "idle", "", "Connection is closed. 20", "pop3.closed-idle", RETRY },
    { "auth", "AUTH", "Authentication failed.", "pop3.auth.refused", HOLD },
    { "auth", "SYS/TEMP", "Temporary authentication failure.", "pop3.unavailable", RETRY },
    { "auth", "SYS/PERM", "Ask somebody.", "pop3.contact-admin", HOLD },
    { "auth", "IN-USE", "Mailbox is locked by another session", "pop3.busy", RETRY },
    { "retr", "", "Session invalidated - AccessTokenExpired", "pop3.token-expired", RETRY },
    { "auth", "", "Request is throttled. Suggested Backoff Time: 1000 milliseconds", "pop3.throttled", RETRY },
    { "stat", "", "User is authenticated but not connected.", "pop3.not-connected", HOLD },
    /* Google. */
    { "auth", "AUTH", "Invalid credentials.", "pop3.auth.google-refused", HOLD },
    { "auth", "AUTH", "Username and password not accepted.", "pop3.auth.google-refused", HOLD },
    { "auth", "SYS/PERM", "Your account is not enabled for POP access.", "pop3.auth.disabled", HOLD },
    { "auth", "", "No.", "pop3.auth.unknown", HOLD },
    { "connect", "", "No.", "pop3.closed", RETRY },
    { "uidl", "", "No.", "pop3.refused", RETRY },
    { NULL, NULL, NULL, "pop3.closed", RETRY },
};

static void check_session(const struct session_case *cases, size_t count,
                          const struct finding *(*judge)(const char *when, const char *code, const char *text))
{
    for (size_t i = 0; i < count; i++) {
        const struct session_case *c = &cases[i];
        const struct finding *f = judge(c->when, c->code, c->text);
        if (strcmp(f->id, c->id) != 0 || f->kind != c->kind)
            fail_msg("%s [%s] %s: found %s (%s), not %s", c->when, c->code, c->text, f->id, fault_kind_name(f->kind),
                     c->id);
    }
}

static void imap_rows_are_known(void **state)
{
    check_session(imap_cases, COUNT(imap_cases), finding_of_imap);
    assert_true(finding_of_imap("auth", "", "AUTHENTICATE failed.")->renew_token);
    assert_true(finding_of_imap("idle", "", "Session invalidated - AccessTokenExpired")->renew_token);
    assert_false(finding_of_imap("select", "", "User is authenticated but not connected.")->renew_token);
    assert_true(finding_of_imap("select", "", "User is authenticated but not connected.")->pause_s >= 60);
    assert_true(finding_of_imap("auth", "", "Command Error. 12")->pause_s >= 60);
}

static void pop3_rows_are_known(void **state)
{
    check_session(pop3_cases, COUNT(pop3_cases), finding_of_pop3);
    assert_true(finding_of_pop3("auth", "", "Authentication failure: unknown user name or bad password.")->renew_token);
    const struct finding *refused = finding_of_pop3("auth", "AUTH", "Authentication failed.");
    assert_string_equal(refused->id, "pop3.auth.refused");
    assert_string_equal(finding_for_password(refused)->id, "pop3.auth.password");
    refused = finding_of_imap("auth", "AUTHENTICATIONFAILED", "Authentication failed.");
    assert_string_equal(finding_for_password(refused)->id, "imap.auth.password");
    refused = finding_of_imap("auth", "UNAVAILABLE", "Later");
    assert_ptr_equal(finding_for_password(refused), refused);
}

/* An outcome of a sign-in or a session never loses mail: it is tried again, or waits for a person. */
static void nothing_of_a_mailbox_is_given_up(void **state)
{
    for (size_t i = 0; i < table_imap_count; i++)
        assert_true(table_imap[i].finding.kind == FAULT_RETRY || table_imap[i].finding.kind == FAULT_HOLD);
    for (size_t i = 0; i < table_pop3_count; i++)
        assert_true(table_pop3[i].finding.kind == FAULT_RETRY || table_pop3[i].finding.kind == FAULT_HOLD);
}

static void check_smtp(const struct smtp_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct smtp_case *c = &cases[i];
        const struct finding *f = finding_of_smtp(c->when, c->code, c->enhanced, c->text);
        if (strcmp(f->id, c->id) != 0 || f->kind != c->kind)
            fail_msg("%s %d %s %s: found %s (%s), not %s", c->when, c->code, c->enhanced, c->text, f->id,
                     fault_kind_name(f->kind), c->id);
    }
}

static void smtp_sign_in_rows_are_known(void **state)
{
    check_smtp(sign_in_cases, COUNT(sign_in_cases));
}

static void smtp_message_rows_are_known(void **state)
{
    check_smtp(message_cases, COUNT(message_cases));
}

static void unknown_answers_are_judged_by_code(void **state)
{
    check_smtp(code_cases, COUNT(code_cases));
}

static void nothing_said_before_mail_bounces_a_message(void **state)
{
    static const char *const whens[] = { "connect", "auth" };

    for (size_t i = 0; i < COUNT(message_cases); i++)
        for (size_t j = 0; j < COUNT(whens); j++) {
            const struct smtp_case *c = &message_cases[i];
            const struct finding *f = finding_of_smtp(whens[j], c->code, c->enhanced, c->text);
            assert_int_not_equal(f->kind, FAULT_REJECT);
        }
}

static void advice_travels_with_the_finding(void **state)
{
    assert_true(finding_of_smtp("auth", 535, "5.7.3", AUTH_FAILED)->renew_token);
    assert_true(finding_of_smtp("auth", 501, "5.5.127", "Token will expire soon")->renew_token);
    assert_false(finding_of_smtp("auth", 535, "5.7.139", "is disabled for the Tenant")->renew_token);
    assert_true(finding_of_smtp("rcpt", 452, "4.5.3", "Too many recipients")->split);
    assert_true(finding_of_smtp("body", 550, "5.5.3", "RESOLVER.ADR.RecipLimit")->split);
    assert_int_equal(finding_of_smtp("body", 432, "4.3.2", "sender thread limit exceeded")->pause_s, 60);
    assert_int_equal(
        finding_of_smtp("mail", 421, "4.4.2", "Message submission rate for this client has exceeded")->pause_s, 60);
    assert_true(finding_of_smtp("mail", 550, "5.2.252", "Sender throttled due to x")->pause_s >= 3600);
    assert_true(finding_of_smtp("body", 430, "4.2.0", "STOREDRV; mailbox logon failure")->tries_before_hold > 0);
}

static void null_parts_are_allowed(void **state)
{
    assert_string_equal(finding_of_smtp("body", 550, NULL, NULL)->id, "smtp.message.refused");
    assert_string_equal(finding_of_oauth(NULL, 0, NULL, 200)->id, "oauth.unreadable");
    assert_null(finding_by_id(NULL));
    assert_null(finding_by_id(""));
    assert_null(finding_by_id("no.such"));
}

struct strip_case {
    const char *text, *stripped;
};

static void stripping_leaves_the_sentence(void **state)
{
    static const struct strip_case cases[] = {
        { AUTH_FAILED STAMP, AUTH_FAILED },
        { "OK <a@b> [Hostname=PN2PR01MB1234.INDPRD01.PROD.OUTLOOK.COM]", "OK <a@b>" },
        { "one\ntwo\n three", "one two three" },
        { "see [1] and [RFC 5321 4.5] there", "see [1] and [RFC 5321 4.5] there" },
        { "denied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]a [b] "
          "c[EndDiagnosticData] [Hostname=A]",
          "denied" },
        { "x [BeginDiagnosticData]cut off", "x" },
        { "x [Hostname=cut off", "x" },
        { "x [open", "x [open" },
        { "x [..]", "x" },
        { "", "" },
    };
    char out[256], tiny[8];

    for (size_t i = 0; i < COUNT(cases); i++) {
        finding_strip(cases[i].text, out, sizeof out);
        assert_string_equal(out, cases[i].stripped);
    }
    finding_strip("a long sentence", tiny, sizeof tiny);
    assert_string_equal(tiny, "a long");
    finding_strip(NULL, tiny, sizeof tiny);
    assert_string_equal(tiny, "");
}

static void suggested_backoff_is_heard(void **state)
{
    assert_int_equal(finding_backoff_s("Request is throttled. Suggested Backoff Time: 92415 milliseconds"), 93);
    assert_int_equal(finding_backoff_s("Suggested Backoff Time: 99999999999999999999 milliseconds"), 86400);
    assert_int_equal(finding_backoff_s("Suggested Backoff Time: soon"), 0);
    assert_int_equal(finding_backoff_s("nothing"), 0);
    assert_int_equal(finding_backoff_s(NULL), 0);
}

/* Reference 6.6: number, whether waiting cures it. */
struct code_case {
    long code;
    const char *error, *id;
    enum fault_kind kind;
    enum finding_who who;
};

#define OWNER FINDING_MAILBOX_OWNER
#define ADMIN FINDING_ADMIN
#define US FINDING_POSTERN_ADMIN
#define NOBODY FINDING_NOBODY

static const struct code_case code_rows[] = {
    { 16000, "invalid_grant", "oauth.account-not-in-tenant", HOLD, OWNER },
    { 28000, "invalid_scope", "oauth.scope-several-resources", HOLD, US },
    { 28002, "invalid_scope", "oauth.scope-invalid", HOLD, US },
    { 28003, "invalid_scope", "oauth.scope-invalid", HOLD, US },
    { 50000, "invalid_request", "oauth.issuance", RETRY, NOBODY },
    { 50001, "invalid_resource", "oauth.resource-missing", HOLD, ADMIN },
    { 500011, "invalid_resource", "oauth.resource-missing", HOLD, ADMIN },
    { 50002, "invalid_request", "oauth.tenant-restricted", HOLD, ADMIN },
    { 500021, "invalid_request", "oauth.tenant-restricted", HOLD, ADMIN },
    { 500213, "invalid_request", "oauth.tenant-restricted", HOLD, ADMIN },
    { 50011, "invalid_client", "oauth.redirect-not-registered", HOLD, ADMIN },
    { 500112, "invalid_grant", "oauth.redirect-not-registered", HOLD, ADMIN },
    { 50012, "invalid_client", "oauth.certificate-not-accepted", HOLD, ADMIN },
    { 50013, "invalid_grant", "oauth.assertion-invalid", HOLD, US },
    { 500133, "invalid_grant", "oauth.assertion-invalid", HOLD, US },
    { 50027, "invalid_grant", "oauth.assertion-invalid", HOLD, US },
    { 50020, "invalid_grant", "oauth.account-foreign", HOLD, OWNER },
    { 500208, "invalid_request", "oauth.account-type", HOLD, US },
    { 50033, "invalid_grant", "oauth.mfa-service", RETRY, NOBODY },
    { 50087, "invalid_grant", "oauth.mfa-service", RETRY, NOBODY },
    { 50088, "invalid_grant", "oauth.mfa-service", RETRY, NOBODY },
    { 50034, "invalid_grant", "oauth.user-unknown", HOLD, OWNER },
    { 51004, "invalid_grant", "oauth.user-unknown", HOLD, OWNER },
    { 50048, "invalid_client", "oauth.assertion-subject", HOLD, US },
    { 50053, "invalid_grant", "oauth.account-locked", RETRY, OWNER },
    { 50055, "invalid_grant", "oauth.password-expired", HOLD, OWNER },
    { 50144, "invalid_grant", "oauth.password-expired", HOLD, OWNER },
    { 50056, "invalid_grant", "oauth.password-wrong", HOLD, OWNER },
    { 50126, "invalid_grant", "oauth.password-wrong", HOLD, OWNER },
    { 50057, "invalid_grant", "oauth.account-disabled", HOLD, ADMIN },
    { 50058, "login_required", "oauth.no-session", HOLD, OWNER },
    { 50059, "invalid_request", "oauth.tenant-missing", HOLD, US },
    { 90019, "invalid_request", "oauth.tenant-missing", HOLD, US },
    { 50072, "invalid_grant", "oauth.mfa-register", HOLD, OWNER },
    { 50079, "interaction_required", "oauth.mfa-register", HOLD, OWNER },
    { 50074, "interaction_required", "oauth.mfa-required", HOLD, OWNER },
    { 50076, "interaction_required", "oauth.mfa-required", HOLD, OWNER },
    { 50078, "interaction_required", "oauth.mfa-old", HOLD, OWNER },
    { 50085, "interaction_required", "oauth.social-login", HOLD, OWNER },
    { 50089, "invalid_grant", "oauth.flow-expired", HOLD, OWNER },
    { 50097, "interaction_required", "oauth.device-required", HOLD, ADMIN },
    { 50129, "interaction_required", "oauth.device-required", HOLD, ADMIN },
    { 50155, "interaction_required", "oauth.device-required", HOLD, ADMIN },
    { 50187, "interaction_required", "oauth.device-required", HOLD, ADMIN },
    { 50105, "invalid_grant", "oauth.not-assigned", HOLD, ADMIN },
    { 50107, "invalid_request", "oauth.realm-missing", HOLD, ADMIN },
    { 50125, "interaction_required", "oauth.password-change", HOLD, OWNER },
    { 50131, "interaction_required", "oauth.conditional-access-device", HOLD, ADMIN },
    { 50132, "invalid_grant", "oauth.session-void", HOLD, OWNER },
    { 50133, "invalid_grant", "oauth.session-void", HOLD, OWNER },
    { 50134, "invalid_grant", "oauth.wrong-region", HOLD, OWNER },
    { 50140, "interaction_required", "oauth.confirm", HOLD, OWNER },
    { 50199, "interaction_required", "oauth.confirm", HOLD, OWNER },
    { 50147, "invalid_grant", "oauth.pkce", HOLD, OWNER },
    { 501481, "invalid_grant", "oauth.pkce", HOLD, OWNER },
    { 501491, "invalid_grant", "oauth.pkce", HOLD, OWNER },
    { 50158, "interaction_required", "oauth.mfa-external", HOLD, OWNER },
    { 50173, "invalid_grant", "oauth.revoked", HOLD, OWNER },
    { 50194, "invalid_request", "oauth.single-tenant", HOLD, US },
    { 50196, "invalid_grant", "oauth.loop", RETRY, NOBODY },
    { 53000, "interaction_required", "oauth.device-compliant", HOLD, ADMIN },
    { 53002, "interaction_required", "oauth.app-not-approved", HOLD, ADMIN },
    { 53003, "invalid_grant", "oauth.conditional-access", HOLD, ADMIN },
    { 530032, "invalid_grant", "oauth.conditional-access", HOLD, ADMIN },
    { 53004, "invalid_grant", "oauth.risk", HOLD, ADMIN },
    { 54005, "invalid_grant", "oauth.code-used", HOLD, OWNER },
    { 65001, "invalid_grant", "oauth.consent-missing", HOLD, OWNER },
    { 65002, "invalid_request", "oauth.first-party-id", HOLD, ADMIN },
    { 65004, "access_denied", "oauth.declined", HOLD, OWNER },
    { 65005, "invalid_request", "oauth.permission-not-declared", HOLD, ADMIN },
    { 650052, "invalid_client", "oauth.permission-not-declared", HOLD, ADMIN },
    { 650057, "invalid_resource", "oauth.permission-not-declared", HOLD, ADMIN },
    { 70000, "invalid_grant", "oauth.grant-invalid", HOLD, OWNER },
    { 70001, "unauthorized_client", "oauth.app-unknown", HOLD, ADMIN },
    { 700011, "unauthorized_client", "oauth.app-unknown", HOLD, ADMIN },
    { 700016, "unauthorized_client", "oauth.app-unknown", HOLD, ADMIN },
    { 7000112, "unauthorized_client", "oauth.app-unknown", HOLD, ADMIN },
    { 70002, "invalid_client", "oauth.secret-wrong", HOLD, ADMIN },
    { 70003, "unsupported_grant_type", "oauth.grant-unsupported", HOLD, US },
    { 70005, "unsupported_response_type", "oauth.response-type", HOLD, ADMIN },
    { 700054, "unsupported_response_type", "oauth.response-type", HOLD, ADMIN },
    { 70008, "invalid_grant", "oauth.expired", HOLD, OWNER },
    { 70011, "invalid_scope", "oauth.scope-invalid", HOLD, US },
    { 1002012, "invalid_scope", "oauth.scope-invalid", HOLD, US },
    { 70012, "invalid_grant", "oauth.personal-error", RETRY, NOBODY },
    { 70016, "authorization_pending", "oauth.pending", RETRY, OWNER },
    { 70018, "bad_verification_code", "oauth.device-code-wrong", HOLD, OWNER },
    { 70019, "expired_token", "oauth.device-code-expired", HOLD, OWNER },
    { 70020, "expired_token", "oauth.device-code-expired", HOLD, OWNER },
    { 70043, "invalid_grant", "oauth.sign-in-frequency", HOLD, ADMIN },
    { 700003, "invalid_grant", "oauth.device-required", HOLD, ADMIN },
    { 700005, "invalid_grant", "oauth.code-other-tenant", HOLD, US },
    { 700020, "interaction_required", "oauth.interaction", HOLD, OWNER },
    { 700022, "invalid_scope", "oauth.scope-several-resources", HOLD, US },
    { 700023, "invalid_scope", "oauth.scope-invalid", HOLD, US },
    { 700024, "invalid_client", "oauth.assertion-time", HOLD, US },
    { 700025, "invalid_client", "oauth.credential-unwanted", HOLD, US },
    { 90023, "invalid_request", "oauth.credential-unwanted", HOLD, US },
    { 700027, "invalid_client", "oauth.certificate-not-accepted", HOLD, ADMIN },
    { 700030, "invalid_client", "oauth.certificate-subject", HOLD, ADMIN },
    { 7000214, "invalid_client", "oauth.certificate-revoked", HOLD, ADMIN },
    { 1000502, "invalid_client", "oauth.certificate-expired", HOLD, ADMIN },
    { 700082, "invalid_grant", "oauth.inactive", HOLD, OWNER },
    { 700084, "invalid_grant", "oauth.spa-expired", HOLD, ADMIN },
    { 7000114, "invalid_client", "oauth.app-not-allowed", HOLD, ADMIN },
    { 7000215, "invalid_client", "oauth.secret-wrong", HOLD, ADMIN },
    { 7000218, "invalid_client", "oauth.credential-missing", HOLD, ADMIN },
    { 7000222, "invalid_client", "oauth.secret-expired", HOLD, ADMIN },
    { 700213, "invalid_client", "oauth.federated-mismatch", HOLD, ADMIN },
    { 700222, "invalid_client", "oauth.federated-kind", HOLD, ADMIN },
    { 80001, "invalid_grant", "oauth.agent", RETRY, ADMIN },
    { 90002, "invalid_request", "oauth.tenant-unknown", HOLD, US },
    { 90006, "invalid_grant", "oauth.transient", RETRY, NOBODY },
    { 90033, "invalid_grant", "oauth.transient", RETRY, NOBODY },
    { 90008, "invalid_request", "oauth.app-for-itself", HOLD, ADMIN },
    { 90013, "invalid_request", "oauth.request-malformed", HOLD, US },
    { 90014, "invalid_request", "oauth.request-malformed", HOLD, US },
    { 90015, "invalid_request", "oauth.query-too-long", HOLD, US },
    { 9002313, "invalid_request", "oauth.request-malformed", HOLD, US },
    { 9002326, "invalid_request", "oauth.redirect-platform", HOLD, ADMIN },
    { 9002332, "invalid_request", "oauth.wrong-audience-kind", HOLD, US },
    { 90036, "invalid_grant", "oauth.directory", HOLD, ADMIN },
    { 90038, "invalid_request", "oauth.wrong-cloud", HOLD, US },
    { 900432, "invalid_request", "oauth.wrong-cloud", HOLD, US },
    { 90055, "invalid_request", "oauth.throttled", RETRY, NOBODY },
    { 900561, "invalid_request", "oauth.wrong-endpoint", HOLD, US },
    { 90072, "invalid_grant", "oauth.account-foreign", HOLD, OWNER },
    { 90094, "access_denied", "oauth.admin-consent", HOLD, ADMIN },
    { 90099, "unauthorized_client", "oauth.partner-tenant", HOLD, ADMIN },
    { 90119, "invalid_request", "oauth.device-code-wrong", HOLD, OWNER },
    { 901002, "invalid_request", "oauth.resource-parameter", HOLD, US },
    { 900971, "invalid_request", "oauth.redirect-none", HOLD, ADMIN },
    { 135011, "invalid_grant", "oauth.device-required", HOLD, ADMIN },
};

static void aadsts_rows_are_known(void **state)
{
    for (size_t i = 0; i < COUNT(code_rows); i++) {
        const struct code_case *c = &code_rows[i];
        const struct finding *f = finding_of_oauth(c->error, c->code, "", 400);
        if (strcmp(f->id, c->id) != 0 || f->kind != c->kind || f->who != c->who)
            fail_msg("AADSTS%ld: %s (%s, %s), not %s", c->code, f->id, fault_kind_name(f->kind),
                     finding_who_name(f->who), c->id);
    }
}

struct error_case {
    const char *error;
    long code;
    const char *suberror;
    int status;
    const char *id;
    enum fault_kind kind;
};

static void oauth_errors_are_sorted(void **state)
{
    static const struct error_case cases[] = {
        { "", 0, "", 0, "provider.unreachable", RETRY },
        { "", 0, "", 429, "oauth.throttled", RETRY },
        { "", 0, "", 503, "oauth.server-error", RETRY },
        { "", 0, "", 200, "oauth.unreadable", RETRY },
        { "", 0, "", 404, "oauth.wrong-address", RETRY },
        { "invalid_grant", 70008, "", 503, "oauth.server-error", RETRY },
        { "invalid_grant", 700082, "", 429, "oauth.throttled", RETRY },
        { "temporarily_unavailable", 0, "", 400, "oauth.server-error", RETRY },
        { "server_error", 50126, "", 400, "oauth.server-error", RETRY },
        { "temporarily_unavailable", 90033, "", 503, "oauth.transient", RETRY },
        { "authorization_pending", 0, "", 400, "oauth.pending", RETRY },
        { "slow_down", 0, "", 400, "oauth.slow-down", RETRY },
        { "authorization_declined", 0, "", 400, "oauth.declined", HOLD },
        { "access_denied", 0, "", 400, "oauth.declined", HOLD },
        { "bad_verification_code", 0, "", 400, "oauth.device-code-wrong", HOLD },
        { "expired_token", 0, "", 400, "oauth.device-code-expired", HOLD },
        { "code_expired", 0, "", 400, "oauth.device-code-expired", HOLD },
        { "invalid_grant", 0, "", 400, "oauth.invalid-grant", HOLD },
        { "invalid_grant", 999999999, "bad_token", 400, "oauth.invalid-grant", HOLD },
        { "invalid_grant", 70008, "token_expired", 400, "oauth.expired", HOLD },
        { "invalid_grant", 0, "client_mismatch", 400, "oauth.client-policy", HOLD },
        { "invalid_grant", 53005, "protection_policy_required", 400, "oauth.client-policy", HOLD },
        { "interaction_required", 0, "", 400, "oauth.interaction", HOLD },
        { "login_required", 0, "", 400, "oauth.interaction", HOLD },
        { "consent_required", 0, "", 400, "oauth.consent-missing", HOLD },
        { "invalid_client", 0, "", 401, "oauth.invalid-client", HOLD },
        { "unauthorized_client", 0, "", 400, "oauth.unauthorized-client", HOLD },
        { "invalid_scope", 0, "", 400, "oauth.scope-invalid", HOLD },
        { "invalid_resource", 0, "", 400, "oauth.scope-invalid", HOLD },
        { "invalid_request", 0, "", 400, "oauth.request-malformed", HOLD },
        { "unsupported_grant_type", 0, "", 400, "oauth.request-malformed", HOLD },
        { "something_new", 0, "", 400, "oauth.refused", HOLD },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct error_case *c = &cases[i];
        const struct finding *f = finding_of_oauth(c->error, c->code, c->suberror, c->status);
        if (strcmp(f->id, c->id) != 0 || f->kind != c->kind)
            fail_msg("%s %ld %s %d: %s, not %s", c->error, c->code, c->suberror, c->status, f->id, c->id);
    }
}

static void every_finding_is_complete(void **state)
{
    static const struct finding_facts none;

    assert_true(finding_count() > 150);
    assert_null(finding_at(finding_count()));
    for (size_t i = 0; i < finding_count(); i++) {
        const struct finding *f = finding_at(i);
        assert_true(strlen(f->id) < FAULT_ID_SIZE - 1);
        assert_int_equal(strspn(f->id, "abcdefghijklmnopqrstuvwxyz0123456789.-"), strlen(f->id));
        assert_int_not_equal(f->kind, FAULT_NONE);
        assert_true(strlen(f->cause) > 10);
        assert_non_null(f->fix);
        assert_non_null(f->fix[0]);
        assert_ptr_not_equal(finding_by_id(f->id), NULL);
        for (const char *const *step = f->fix; *step; step++) {
            char *filled = finding_step_fill(*step, &none);
            assert_null(strchr(filled, '{'));
            free(filled);
        }
    }
}

static void rows_of_one_id_have_one_kind(void **state)
{
    for (size_t i = 0; i < finding_count(); i++)
        assert_int_equal(finding_at(i)->kind, finding_by_id(finding_at(i)->id)->kind);
}

static void json_has_the_facts_filled_in(void **state)
{
    const struct finding_facts facts = { .mailbox = "shop@contoso.example", .tenant = "contoso.example" };
    const struct finding *f = finding_by_id("smtp.auth.disabled-tenant");
    json_t *j = finding_json(f, "535 5.7.139 words", &facts);

    assert_string_equal(json_string_value(json_object_get(j, "id")), "smtp.auth.disabled-tenant");
    assert_string_equal(json_string_value(json_object_get(j, "seen")), "535 5.7.139 words");
    assert_string_equal(json_string_value(json_object_get(j, "who")), "admin");
    assert_string_equal(json_string_value(json_object_get(j, "certainty")), "certain");
    const json_t *fix = json_object_get(j, "fix");
    assert_non_null(strstr(json_string_value(json_array_get(fix, 0)), "-Organization contoso.example"));
    assert_non_null(strstr(json_string_value(json_array_get(fix, 1)), "-Identity shop@contoso.example "));
    json_decref(j);
}

static void facts_that_a_shell_would_act_on_stay_out(void **state)
{
    static const char *const bad[] = { "a@b; Remove-Item", "$(x)@b", "a'b@c", "-x@b", "a\nb", "", NULL };

    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct finding_facts facts = { .sender = bad[i] };
        char *filled = finding_step_fill("run {sender} and {sender}.", &facts);
        assert_string_equal(filled, "run <sender> and <sender>.");
        free(filled);
    }
}

static void a_fault_becomes_a_finding(void **state)
{
    struct fault known, own;
    fault_set(&known, FAULT_HOLD, "tls.certificate", "mail.example:587: TLS: self-signed");
    fault_set(&own, FAULT_RETRY, "", "odd \xff thing");

    json_t *j = finding_json_of_fault(&known, NULL);
    assert_string_equal(json_string_value(json_object_get(j, "id")), "tls.certificate");
    assert_string_equal(json_string_value(json_object_get(j, "seen")), known.text);
    json_decref(j);
    j = finding_json_of_fault(&own, NULL);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "id")), "other");
    assert_true(json_array_size(json_object_get(j, "fix")) > 0);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smtp_sign_in_rows_are_known),
        cmocka_unit_test(smtp_message_rows_are_known),
        cmocka_unit_test(unknown_answers_are_judged_by_code),
        cmocka_unit_test(imap_rows_are_known),
        cmocka_unit_test(pop3_rows_are_known),
        cmocka_unit_test(nothing_of_a_mailbox_is_given_up),
        cmocka_unit_test(nothing_said_before_mail_bounces_a_message),
        cmocka_unit_test(advice_travels_with_the_finding),
        cmocka_unit_test(null_parts_are_allowed),
        cmocka_unit_test(stripping_leaves_the_sentence),
        cmocka_unit_test(suggested_backoff_is_heard),
        cmocka_unit_test(aadsts_rows_are_known),
        cmocka_unit_test(oauth_errors_are_sorted),
        cmocka_unit_test(every_finding_is_complete),
        cmocka_unit_test(rows_of_one_id_have_one_kind),
        cmocka_unit_test(json_has_the_facts_filled_in),
        cmocka_unit_test(facts_that_a_shell_would_act_on_stay_out),
        cmocka_unit_test(a_fault_becomes_a_finding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
