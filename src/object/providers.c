/* object/providers.c - the mail services Postern knows by itself, as data. A provider file of the same name replaces a row. */
#include "object/object.h"

/* What one mailbox may do is Microsoft's; the values stay a little below it (3 connections, 30 messages a minute, 500 recipients a
 * message), so that a mail program signed in beside Postern finds room too. */
#define MICROSOFT_LIMITS \
    { \
        .connections = 2, .messages_per_minute = 25, .recipients_per_day = 10000, .recipients_per_message = 450, \
        .size_mb = 35 \
    }
#define MICROSOFT_SERVER(name, number, protection) \
    { \
        .host = (name), .port = (number), .tls = (protection), .sasl = OBJECT_SASL_XOAUTH2 \
    }
#define MICROSOFT_ENDPOINTS(base) \
    .authorize = base "/oauth2/v2.0/authorize", .token = base "/oauth2/v2.0/token", \
    .device = base "/oauth2/v2.0/devicecode", .jwks = base "/discovery/v2.0/keys", .authorize_extra = ""

/* Scopes name the mail host in full: a bare "SMTP.Send" means Graph, and mail servers refuse its token. With the app grant the
 * resource is another spelling of the same service; worldwide that is documented as outlook.office365.com. */
#define MICROSOFT_SCOPES(resource, app_resource) \
    .scope_smtp = resource "/SMTP.Send", .scope_imap = resource "/IMAP.AccessAsUser.All", \
    .scope_pop3 = resource "/POP.AccessAsUser.All", .scope_app = app_resource, \
    .scope_common = "openid profile email offline_access"
#define MICROSOFT_SERVERS(smtp_host, store_host) \
    .smtp = MICROSOFT_SERVER(smtp_host, 587, OBJECT_TLS_STARTTLS), \
    .imap = MICROSOFT_SERVER(store_host, 993, OBJECT_TLS_IMPLICIT), \
    .pop3 = MICROSOFT_SERVER(store_host, 995, OBJECT_TLS_IMPLICIT), .limits = MICROSOFT_LIMITS, .ca_file = ""

const struct provider object_builtin_providers[] = {
    {
        .name = "microsoft365",
        .title = "Microsoft 365 (worldwide, also GCC)",
        .is_builtin = true,
        .issuer = "https://login.microsoftonline.com/{tenant}/v2.0",
        MICROSOFT_ENDPOINTS("https://login.microsoftonline.com/{tenant}"),
        MICROSOFT_SCOPES("https://outlook.office.com", "https://outlook.office365.com/.default"),
        MICROSOFT_SERVERS("smtp.office365.com", "outlook.office365.com"),
    },
    {
        .name = "microsoft365-gcc-high",
        .title = "Microsoft 365 US Government GCC High",
        .is_builtin = true,
        .issuer = "https://login.microsoftonline.us/{tenant}/v2.0",
        MICROSOFT_ENDPOINTS("https://login.microsoftonline.us/{tenant}"),
        MICROSOFT_SCOPES("https://outlook.office365.us", "https://outlook.office365.us/.default"),
        MICROSOFT_SERVERS("smtp.office365.us", "outlook.office365.us"),
    },
    {
        /* Mail hosts of DoD and China are less well attested than the rest: a mailbox can override them. */
        .name = "microsoft365-dod",
        .title = "Microsoft 365 US Government DoD",
        .is_builtin = true,
        .issuer = "https://login.microsoftonline.us/{tenant}/v2.0",
        MICROSOFT_ENDPOINTS("https://login.microsoftonline.us/{tenant}"),
        MICROSOFT_SCOPES("https://outlook.office365.us", "https://outlook.office365.us/.default"),
        MICROSOFT_SERVERS("outlook-dod.office365.us", "outlook-dod.office365.us"),
    },
    {
        .name = "microsoft365-china",
        .title = "Microsoft 365 China (21Vianet)",
        .is_builtin = true,
        .issuer = "https://login.partner.microsoftonline.cn/{tenant}/v2.0",
        MICROSOFT_ENDPOINTS("https://login.partner.microsoftonline.cn/{tenant}"),
        MICROSOFT_SCOPES("https://partner.outlook.cn", "https://partner.outlook.cn/.default"),
        MICROSOFT_SERVERS("partner.outlook.cn", "partner.outlook.cn"),
    },
    {
        /* The id token of a personal account names this one tenant, whatever the path said. App-only does not exist there. */
        .name = "outlook",
        .title = "Outlook.com, Hotmail and Live (personal accounts)",
        .is_builtin = true,
        .issuer = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        MICROSOFT_ENDPOINTS("https://login.microsoftonline.com/consumers"),
        MICROSOFT_SCOPES("https://outlook.office.com", ""),
        MICROSOFT_SERVERS("smtp-mail.outlook.com", "outlook.office365.com"),
    },
    {
        /* One scope for every protocol. No device endpoint: the mail scope is not allowed there. Without the two extra parameters
         * Google gives no refresh token. 2,000 messages a day and 100 recipients a message are its limits for SMTP. */
        .name = "google",
        .title = "Google Workspace and Gmail",
        .is_builtin = true,
        .issuer = "https://accounts.google.com",
        .authorize = "https://accounts.google.com/o/oauth2/v2/auth",
        .token = "https://oauth2.googleapis.com/token",
        .device = "",
        .jwks = "https://www.googleapis.com/oauth2/v3/certs",
        .authorize_extra = "access_type=offline&prompt=consent",
        .scope_smtp = "https://mail.google.com/",
        .scope_imap = "https://mail.google.com/",
        .scope_pop3 = "https://mail.google.com/",
        .scope_app = "",
        .scope_common = "openid email",
        .smtp = { .host = "smtp.gmail.com", .port = 587, .tls = OBJECT_TLS_STARTTLS, .sasl = OBJECT_SASL_XOAUTH2 },
        .imap = { .host = "imap.gmail.com", .port = 993, .tls = OBJECT_TLS_IMPLICIT, .sasl = OBJECT_SASL_XOAUTH2 },
        .pop3 = { .host = "pop.gmail.com", .port = 995, .tls = OBJECT_TLS_IMPLICIT, .sasl = OBJECT_SASL_XOAUTH2 },
        .limits = { .connections = 2,
                    .messages_per_minute = 25,
                    .recipients_per_day = 2000,
                    .recipients_per_message = 100,
                    .size_mb = 34 },
        .ca_file = "",
    },
    { .name = NULL },
};
