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

#define AT(type, member) .offset = offsetof(struct type, member)
#define TEXT(name, owner, member, its_rule) .key = name, .type = FIELD_TEXT, AT(owner, member), .rule = &(its_rule)
#define TEXTS(name, owner, member, its_rule) \
    .key = name, .type = FIELD_TEXTS, AT(owner, member), .count_offset = offsetof(struct owner, member##_count), \
    .rule = &(its_rule)
#define COUNT(name, owner, member, most) .key = name, .type = FIELD_COUNT, AT(owner, member), .max = (most)
#define FLAG(name, owner, member) .key = name, .type = FIELD_FLAG, AT(owner, member)
#define CHOICE(name, owner, member, its_choices) \
    .key = name, .type = FIELD_CHOICE, AT(owner, member), .choices = (its_choices)
#define SET(name, owner, member) .key = name, .type = FIELD_SET, AT(owner, member), .choices = protocol_choices
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

static const struct field endpoint_fields[] = {
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
    { GROUP("endpoints", provider, name, endpoint_fields), .help = "One by one, where discovery is not wanted." },
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
    { SET("protocols", mailbox, protocols), .help = "Protocols switched on; none named: all." },
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
    { SET("allow", app, allow), .help = "Protocols it may use; none named: all." },
    { TEXTS("from", app, from, rule_range), .help = "Address ranges it is known by without signing in." },
    { FLAG("only_from", app, only_from), .help = "Its password is needed, and works from those ranges only." },
    { FLAG("has_password", app, has_password), .initial = true, .help = "It may sign in with its own password." },
    { TEXT("force_sender", app, force_sender, rule_address), .help = "Sender put into all its mail." },
    { FLAG("any_sender", app, any_sender), .help = "It may use any sender; the provider decides." },
    { NULL },
};

const struct object_table object_tables[OBJECT_KINDS] = {
    [OBJECT_PROVIDER] = { "provider", "providers", sizeof(struct provider), provider_fields, check_provider },
    [OBJECT_REGISTRATION] = { "registration", "registrations", sizeof(struct registration), registration_fields, NULL },
    [OBJECT_MAILBOX] = { "mailbox", "mailboxes", sizeof(struct mailbox), mailbox_fields, check_mailbox },
    [OBJECT_APP] = { "app", "apps", sizeof(struct app), app_fields, check_app },
};
