/* object/fields.c - every field of every kind. To add a field: a member in object/object.h and a row here. */
#include "object/fields.h"

#include <stddef.h>

static const struct choice tls_choices[] = {
    { "default", OBJECT_TLS_DEFAULT },
    { "none", OBJECT_TLS_NONE },
    { "starttls", OBJECT_TLS_STARTTLS },
    { "implicit", OBJECT_TLS_IMPLICIT },
    { NULL, 0 },
};

static const struct choice sasl_choices[] = {
    { "default", OBJECT_SASL_DEFAULT },
    { "xoauth2", OBJECT_SASL_XOAUTH2 },
    { "oauthbearer", OBJECT_SASL_OAUTHBEARER },
    { "plain", OBJECT_SASL_PLAIN },
    { "login", OBJECT_SASL_LOGIN },
    { "none", OBJECT_SASL_NONE },
    { NULL, 0 },
};

static const struct choice grant_choices[] = {
    { "code", OBJECT_GRANT_CODE },   { "device", OBJECT_GRANT_DEVICE }, { "app", OBJECT_GRANT_APP },
    { "basic", OBJECT_GRANT_BASIC }, { "none", OBJECT_GRANT_NONE },     { NULL, 0 },
};

static const struct choice credential_choices[] = {
    { "secret", OBJECT_CREDENTIAL_SECRET },
    { "certificate", OBJECT_CREDENTIAL_CERTIFICATE },
    { "none", OBJECT_CREDENTIAL_NONE },
    { NULL, 0 },
};

static const struct choice protocol_choices[] = {
    { "smtp", OBJECT_SMTP }, { "imap", OBJECT_IMAP }, { "pop3", OBJECT_POP3 }, { "http", OBJECT_HTTP }, { NULL, 0 },
};

/* What a provider offers for a mailbox. */
static const struct choice mail_choices[] = {
    { "smtp", OBJECT_SMTP },
    { "imap", OBJECT_IMAP },
    { "pop3", OBJECT_POP3 },
    { NULL, 0 },
};

static const struct choice watch_choices[] = {
    { "default", ENDPOINT_WATCH_DEFAULT },
    { "idle", ENDPOINT_WATCH_IDLE },
    { "poll", ENDPOINT_WATCH_POLL },
    { "pop3", ENDPOINT_WATCH_POP3 },
    { NULL, 0 },
};

static const struct choice kind_choices[] = {
    { "keep", ENDPOINT_KEEP },       { "webhook", ENDPOINT_WEBHOOK }, { "command", ENDPOINT_COMMAND },
    { "maildir", ENDPOINT_MAILDIR }, { "lmtp", ENDPOINT_LMTP },       { NULL, 0 },
};

static const struct choice after_choices[] = {
    { "seen", ENDPOINT_AFTER_SEEN },
    { "move", ENDPOINT_AFTER_MOVE },
    { "delete", ENDPOINT_AFTER_DELETE },
    { "leave", ENDPOINT_AFTER_LEAVE },
    { NULL, 0 },
};

static const struct choice role_choices[] = {
    { "operator", OPERATOR_OPERATOR },
    { "administrator", OPERATOR_ADMINISTRATOR },
    { NULL, 0 },
};

static const struct choice scope_choices[] = {
    { "send", KEY_SEND },       { "inbox", KEY_INBOX }, { "read", KEY_READ }, { "content", KEY_CONTENT },
    { "operate", KEY_OPERATE }, { "admin", KEY_ADMIN }, { NULL, 0 },
};

#define AT(type, member) .offset = offsetof(struct type, member)
#define TEXT(name, owner, member, its_rule) .key = name, .type = FIELD_TEXT, AT(owner, member), .rule = &(its_rule)
#define TEXTS(name, owner, member, its_rule) \
    .key = name, .type = FIELD_TEXTS, AT(owner, member), .count_offset = offsetof(struct owner, member##_count), \
    .rule = &(its_rule)
#define COUNT(name, owner, member, most) .key = name, .type = FIELD_COUNT, AT(owner, member), .max = (most)
#define FLAG(name, owner, member) .key = name, .type = FIELD_FLAG, AT(owner, member)
#define CHOICE(name, owner, member, its_choices) \
    .key = name, .type = FIELD_CHOICE, AT(owner, member), .choices = (its_choices)
#define SET(name, owner, member, its_choices) \
    .key = name, .type = FIELD_SET, AT(owner, member), .choices = (its_choices)
/* Where the group's members stand in the struct itself, `member` is the struct's first. */
#define GROUP(name, owner, member, rows) .key = name, .type = FIELD_GROUP, AT(owner, member), .group = (rows)

static const struct field server_fields[] = {
    { TEXT("host", object_server, host, rule_host), .help = "Name or address of the server." },
    { COUNT("port", object_server, port, 65535), .help = "Its port; 0 is the usual one." },
    { CHOICE("tls", object_server, tls, tls_choices), .help = "How the connection is protected." },
    { CHOICE("sasl", object_server, sasl, sasl_choices), .help = "How to sign in there." },
    { FLAG("initial_response", object_server, initial_response),
      .help = "Send the token together with AUTH, not in a second step." },
    { NULL },
};

static const struct field limit_fields[] = {
    { COUNT("connections", object_limits, connections, 1000), .help = "Connections at one time per mailbox." },
    { COUNT("messages_per_minute", object_limits, messages_per_minute, 1000000),
      .help = "Messages a minute per mailbox." },
    { COUNT("recipients_per_day", object_limits, recipients_per_day, 100000000),
      .help = "Recipients a day per mailbox." },
    { COUNT("recipients_per_message", object_limits, recipients_per_message, 100000),
      .help = "Recipients in one transaction; more are split." },
    { COUNT("size_mb", object_limits, size_mb, 2048), .help = "Largest message, in megabytes of 1,048,576 octets." },
    { NULL },
};

static const struct field address_fields[] = {
    { TEXT("authorize", provider, authorize, rule_url), .help = "Where a person signs in." },
    { TEXT("token", provider, token, rule_url), .help = "Where tokens are given." },
    { TEXT("device", provider, device, rule_url), .help = "Where a device code is given." },
    { TEXT("jwks", provider, jwks, rule_url), .help = "The keys that sign id tokens." },
    { NULL },
};

static const struct field scope_fields[] = {
    { TEXT("smtp", provider, scope_smtp, rule_line), .help = "Scope of a token for SMTP." },
    { TEXT("imap", provider, scope_imap, rule_line), .help = "Scope of a token for IMAP." },
    { TEXT("pop3", provider, scope_pop3, rule_line), .help = "Scope of a token for POP3." },
    { TEXT("app", provider, scope_app, rule_line), .help = "Scope asked for with the app grant." },
    { TEXT("common", provider, scope_common, rule_line),
      .help = "Asked for beside each of the others when a person signs in." },
    { NULL },
};

static const struct field provider_fields[] = {
    { TEXT("name", provider, name, rule_name), .is_required = true, .help = "Name of the provider." },
    { TEXT("title", provider, title, rule_line), .help = "Name for people." },
    { FLAG("is_builtin", provider, is_builtin), .is_read_only = true, .help = "Comes with Postern." },
    { TEXT("issuer", provider, issuer, rule_url),
      .help = "OpenID issuer; {tenant} stands for the registration's tenant." },
    { GROUP("endpoints", provider, name, address_fields), .help = "One by one, where discovery is not wanted." },
    { TEXT("authorize_extra", provider, authorize_extra, rule_query),
      .help = "Query text added to the sign-in address." },
    { GROUP("scopes", provider, name, scope_fields), .help = "What a token is asked for." },
    { GROUP("smtp", provider, smtp, server_fields), .help = "Submission server." },
    { GROUP("imap", provider, imap, server_fields), .help = "IMAP server." },
    { GROUP("pop3", provider, pop3, server_fields), .help = "POP3 server." },
    { GROUP("limits", provider, limits, limit_fields), .help = "What the provider allows one mailbox; 0: no limit." },
    { TEXT("ca_file", provider, ca_file, rule_file), .help = "Authorities to trust instead of the system's." },
    { NULL },
};

static const struct field registration_fields[] = {
    { TEXT("name", registration, name, rule_name), .is_required = true, .help = "Name of the registration." },
    { TEXT("provider", registration, provider, rule_name), .is_required = true, .help = "The provider it belongs to." },
    { TEXT("tenant", registration, tenant, rule_token), .help = "Tenant id or a verified domain of it." },
    { TEXT("client_id", registration, client_id, rule_token), .is_required = true, .help = "Application (client) id." },
    { CHOICE("credential", registration, credential, credential_choices),
      .help = "How Postern proves to be this client." },
    { TEXT("secret_expires", registration, secret_expires, rule_date),
      .help = "Day the secret ends, for the warning before it." },
    { TEXT("redirect_uri", registration, redirect_uri, rule_redirect),
      .help = "If not http://localhost on a free port." },
    { TEXT("certificate_pem", registration, certificate_pem, rule_pem),
      .help = "Public certificate, to upload in Entra." },
    { TEXT("certificate_sha256", registration, certificate_sha256, rule_token),
      .help = "Its thumbprint, as in x5t#S256." },
    { TEXT("certificate_sha1", registration, certificate_sha1, rule_token),
      .help = "Its thumbprint, as Entra shows it." },
    { TEXT("certificate_expires", registration, certificate_expires, rule_date), .help = "Day it ends." },
    { NULL },
};

static const struct field mailbox_fields[] = {
    { TEXT("address", mailbox, address, rule_address), .is_required = true, .is_lower = true,
      .help = "Address of the mailbox." },
    { TEXT("registration", mailbox, registration, rule_optional_name), .help = "Registration it signs in through." },
    { TEXT("provider", mailbox, provider, rule_optional_name), .help = "Provider, where there is no registration." },
    { CHOICE("grant", mailbox, grant, grant_choices), .help = "How it signs in." },
    { TEXT("user", mailbox, user, rule_line),
      .help = "Who signs in, if not the address: the delegate of a shared mailbox." },
    { TEXTS("aliases", mailbox, aliases, rule_address), .help = "Own other addresses it may send as." },
    { TEXTS("shared", mailbox, shared, rule_address), .help = "Others' addresses it holds the Send As right on." },
    { SET("protocols", mailbox, protocols, mail_choices), .help = "Protocols switched on; none named: all." },
    { GROUP("smtp", mailbox, smtp, server_fields), .help = "Instead of the provider's submission server." },
    { GROUP("imap", mailbox, imap, server_fields), .help = "Instead of the provider's IMAP server." },
    { GROUP("pop3", mailbox, pop3, server_fields), .help = "Instead of the provider's POP3 server." },
    { GROUP("limits", mailbox, limits, limit_fields), .help = "Instead of the provider's limits, where not 0." },
    { FLAG("is_paused", mailbox, is_paused), .help = "Mail waits until it is resumed." },
    { NULL },
};

static const struct field app_fields[] = {
    { TEXT("name", app, name, rule_name), .is_required = true, .help = "Name of the app, and its user name." },
    { TEXTS("mailboxes", app, mailboxes, rule_address), .is_required = true,
      .help = "May use these; the first is the usual one." },
    { SET("allow", app, allow, protocol_choices), .help = "Protocols it may use; none named: all." },
    { TEXTS("from", app, from, rule_range), .help = "Address ranges it is known by without signing in." },
    { FLAG("only_from", app, only_from), .help = "Its password is needed, and works from those ranges only." },
    { FLAG("has_password", app, has_password), .initial = true, .help = "It may sign in with its own password." },
    { TEXT("force_sender", app, force_sender, rule_address), .help = "Sender put into all its mail." },
    { FLAG("any_sender", app, any_sender), .help = "It may use any sender; the provider decides." },
    { NULL },
};

static const struct field filter_fields[] = {
    { TEXT("sender", endpoint, filter.sender, rule_line), .help = "Part of the From address." },
    { TEXT("recipient", endpoint, filter.recipient, rule_line), .help = "Part of a To or Cc address." },
    { TEXT("subject", endpoint, filter.subject, rule_line), .help = "Part of the subject." },
    { TEXT("header", endpoint, filter.header, rule_line), .help = "A field, as in List-Id: *.example.org." },
    { COUNT("larger_kb", endpoint, filter.larger_kb, 4194304), .help = "Only mail larger than this." },
    { COUNT("smaller_kb", endpoint, filter.smaller_kb, 4194304), .help = "Only mail smaller than this." },
    { NULL },
};

static const struct field webhook_fields[] = {
    { TEXT("url", endpoint, webhook.url, rule_url), .help = "Where each message is posted." },
    { TEXT("ca_file", endpoint, webhook.ca_file, rule_file), .help = "Authorities to trust instead of the system's." },
    { COUNT("inline_kb", endpoint, webhook.inline_kb, 16384),
      .help = "Attachments up to this size stand in the JSON; 0: 256." },
    { NULL },
};

static const struct field command_fields[] = {
    { TEXT("path", endpoint, command.path, rule_file), .help = "Program to run; the message comes on standard input." },
    { TEXTS("arguments", endpoint, command.arguments, rule_line), .help = "Its arguments, as they are." },
    { COUNT("timeout_s", endpoint, command.timeout_s, 86400), .help = "Seconds it may take; 0: 60." },
    { COUNT("memory_mb", endpoint, command.memory_mb, 1048576), .help = "Memory it may use; 0: 512." },
    { NULL },
};

static const struct field lmtp_fields[] = {
    { TEXT("host", endpoint, lmtp.host, rule_line), .help = "HOST:PORT, or the path of a socket." },
    { FLAG("is_smtp", endpoint, lmtp.is_smtp), .help = "It speaks SMTP, not LMTP." },
    { CHOICE("tls", endpoint, lmtp.tls, tls_choices), .help = "How the connection is protected." },
    { TEXT("recipient", endpoint, lmtp.recipient, rule_address), .help = "Recipient, if not the mailbox." },
    { TEXT("ca_file", endpoint, lmtp.ca_file, rule_file), .help = "Authorities to trust instead of the system's." },
    { NULL },
};

static const struct field endpoint_fields[] = {
    { TEXT("name", endpoint, name, rule_name), .is_required = true, .help = "Name of the endpoint." },
    { TEXT("mailbox", endpoint, mailbox, rule_address), .is_required = true, .is_lower = true,
      .help = "Mailbox whose mail is handed over." },
    { TEXT("folder", endpoint, folder, rule_line), .help = "Folder to watch, if not INBOX." },
    { CHOICE("watch", endpoint, watch, watch_choices), .help = "How the folder is watched." },
    { COUNT("poll_s", endpoint, poll_s, 86400), .help = "Seconds between looks; 0: 60." },
    { FLAG("include_old", endpoint, include_old), .help = "Hand over what was there before it was set up, too." },
    { FLAG("drop_duplicates", endpoint, drop_duplicates), .help = "Hand a Message-ID over only once." },
    { FLAG("is_paused", endpoint, is_paused), .help = "Nothing is handed over until it is resumed." },
    { GROUP("filter", endpoint, name, filter_fields), .help = "Which mail is handed over." },
    { CHOICE("kind", endpoint, kind, kind_choices), .help = "How mail is handed over." },
    { GROUP("webhook", endpoint, name, webhook_fields), .help = "For kind webhook." },
    { GROUP("command", endpoint, name, command_fields), .help = "For kind command." },
    { TEXT("maildir", endpoint, maildir, rule_file), .help = "Directory, for kind maildir." },
    { GROUP("lmtp", endpoint, name, lmtp_fields), .help = "For kind lmtp." },
    { CHOICE("after", endpoint, after, after_choices), .help = "What becomes of the message once handed over." },
    { TEXT("move_to", endpoint, move_to, rule_line), .help = "Folder it is moved to, with after: move." },
    { COUNT("patience_h", endpoint, patience_h, 8760), .help = "Hours of retries before mail is parked; 0: 72." },
    { COUNT("keep_days", endpoint, keep_days, 3650), .help = "Days that kept and linked mail stays; 0: 7." },
    { NULL },
};

static const struct field operator_fields[] = {
    { TEXT("name", console_operator, name, rule_name), .is_required = true, .help = "Name to sign in with." },
    { CHOICE("role", console_operator, role, role_choices),
      .help = "An operator may look; an administrator may do everything." },
    { TEXT("entra_user", console_operator, entra_user, rule_line),
      .help = "User name at Entra that signs in as this one." },
    { FLAG("is_disabled", console_operator, is_disabled), .help = "May not sign in." },
    { NULL },
};

static const struct field key_fields[] = {
    { TEXT("name", api_key, name, rule_name), .is_required = true, .help = "Name of the key." },
    { SET("scopes", api_key, scopes, scope_choices), .is_required = true, .help = "What its holder may do." },
    { TEXTS("mailboxes", api_key, mailboxes, rule_address), .help = "May touch these only; none named: all." },
    { TEXT("expires", api_key, expires, rule_date), .help = "The last day it is good." },
    { FLAG("is_disabled", api_key, is_disabled), .help = "It is refused." },
    { NULL },
};

const struct object_table object_tables[OBJECT_KINDS] = {
    [OBJECT_PROVIDER] = { "provider", "providers", sizeof(struct provider), provider_fields, check_provider },
    [OBJECT_REGISTRATION] = { "registration", "registrations", sizeof(struct registration), registration_fields, NULL },
    [OBJECT_MAILBOX] = { "mailbox", "mailboxes", sizeof(struct mailbox), mailbox_fields, check_mailbox },
    [OBJECT_APP] = { "app", "apps", sizeof(struct app), app_fields, check_app },
    [OBJECT_ENDPOINT] = { "endpoint", "endpoints", sizeof(struct endpoint), endpoint_fields, check_endpoint },
    [OBJECT_OPERATOR] = { "operator", "operators", sizeof(struct console_operator), operator_fields, NULL },
    [OBJECT_KEY] = { "key", "keys", sizeof(struct api_key), key_fields, check_key },
};
