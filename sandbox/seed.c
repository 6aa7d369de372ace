/* What is in the sandbox when it starts. Users' passwords are made up and guard nothing. */
#include "sandbox/tenant.h"

#define CONTOSO "11111111-aaaa-4444-8888-0123456789ab"
#define FABRIKAM "22222222-bbbb-4444-8888-0123456789ab"

const struct tenant tenant_contoso = { CONTOSO, "contoso.example", "Contoso", TENANT_WORK };
const struct tenant tenant_fabrikam = { FABRIKAM, "fabrikam.example", "Fabrikam", TENANT_WORK };
const struct tenant tenant_consumers = { "9188040d-6c67-4c5b-b112-36a304b66dad", "outlook.example", "Personal accounts",
                                         TENANT_PERSONAL };
/* Not Entra's: the accounts of the Google-like provider. */
const struct tenant tenant_google = { "google", "gmail.example", "Google-like accounts", TENANT_PERSONAL };

const struct tenant *const tenants[] = { &tenant_contoso, &tenant_fabrikam, &tenant_consumers, &tenant_google };
const size_t tenants_count = sizeof tenants / sizeof *tenants;

const struct user users[] = {
    { &tenant_contoso,
      "shop@contoso.example",
      "Contoso Shop",
      "a0000000-0000-4000-8000-000000000001",
      { "orders@contoso.example" },
      { "invoices@contoso.example" },
      { "invoices@contoso.example" },
      false,
      "shop-password" },
    { &tenant_contoso,
      "alice@contoso.example",
      "Alice Adams",
      "a0000000-0000-4000-8000-000000000002",
      { NULL },
      { NULL },
      { NULL },
      false,
      "alice-password" },
    { &tenant_contoso,
      "bob@contoso.example",
      "Bob Brown",
      "a0000000-0000-4000-8000-000000000003",
      { NULL },
      { NULL },
      { NULL },
      false,
      "bob-password" },
    { &tenant_contoso,
      "printer@contoso.example",
      "Printer on floor 2",
      "a0000000-0000-4000-8000-000000000004",
      { "scanner@contoso.example" },
      { NULL },
      { NULL },
      false,
      "printer-password" },
    { &tenant_contoso,
      "invoices@contoso.example",
      "Invoices (shared)",
      "a0000000-0000-4000-8000-000000000005",
      { NULL },
      { NULL },
      { NULL },
      true,
      "" },
    { &tenant_fabrikam,
      "info@fabrikam.example",
      "Fabrikam Information",
      "b0000000-0000-4000-8000-000000000001",
      { NULL },
      { NULL },
      { NULL },
      false,
      "info-password" },
    { &tenant_fabrikam,
      "carol@fabrikam.example",
      "Carol Clark",
      "b0000000-0000-4000-8000-000000000002",
      { NULL },
      { NULL },
      { NULL },
      false,
      "carol-password" },
    { &tenant_consumers,
      "dave@outlook.example",
      "Dave Davis",
      "00000000-0000-0000-0d4e-000000000001",
      { NULL },
      { NULL },
      { NULL },
      false,
      "dave-password" },
    { &tenant_google,
      "erin@gmail.example",
      "Erin Evans",
      "104000000000000000001",
      { NULL },
      { NULL },
      { NULL },
      false,
      "erin-password" },
};
const size_t users_count = sizeof users / sizeof *users;

#define OUTLOOK "https://outlook.office.com/"
#define MAIL_SCOPES \
    { \
        OUTLOOK "SMTP.Send", OUTLOOK "IMAP.AccessAsUser.All", OUTLOOK "POP.AccessAsUser.All" \
    }
#define MAIL_ROLES \
    { \
        "SMTP.SendAsApp", "IMAP.AccessAsApp", "POP.AccessAsApp" \
    }
#define NATIVE_REDIRECTS \
    { \
        { CLIENT_NATIVE, "http://localhost" }, { CLIENT_NATIVE, "http://127.0.0.1" }, \
            { CLIENT_NATIVE, "http://localhost/authorize/callback" }, \
        { \
            CLIENT_NATIVE, "https://login.microsoftonline.com/common/oauth2/nativeclient" \
        } \
    }

const struct client clients[] = {
    {
        .name = "web",
        .title = "Postern with a secret",
        .client_id = "c0000000-0000-4000-8000-000000000001",
        .tenant = &tenant_contoso,
        .app_object_id = "d0000000-0000-4000-8000-000000000001",
        .object_id = "e0000000-0000-4000-8000-000000000001",
        .secret = "sbx8Q~web.secret-of_the~sandbox+Value/01",
        .secret_id = "f0000000-0000-4000-8000-000000000001",
        .redirects = { { CLIENT_WEB, "http://localhost" },
                       { CLIENT_WEB, "https://localhost/callback" },
                       { CLIENT_WEB, "http://localhost/signin/entra/callback" },
                       { CLIENT_WEB, "https://mail.contoso.example/oauth/callback" },
                       { CLIENT_WEB, "http://localhost/authorize/callback" },
                       { CLIENT_SPA, "http://localhost/spa" } },
        .declared = MAIL_SCOPES,
    },
    {
        .name = "public",
        .title = "Postern as a desktop program",
        .client_id = "c0000000-0000-4000-8000-000000000002",
        .tenant = &tenant_contoso,
        .app_object_id = "d0000000-0000-4000-8000-000000000002",
        .object_id = "e0000000-0000-4000-8000-000000000002",
        .allows_public_flows = true,
        .redirects = NATIVE_REDIRECTS,
        .declared = MAIL_SCOPES,
    },
    {
        .name = "app",
        .title = "Postern without a user",
        .client_id = "c0000000-0000-4000-8000-000000000003",
        .tenant = &tenant_contoso,
        .app_object_id = "d0000000-0000-4000-8000-000000000003",
        .object_id = "e0000000-0000-4000-8000-000000000003",
        .secret = "sbx8Q~app.secret-of_the~sandbox+Value/03",
        .secret_id = "f0000000-0000-4000-8000-000000000003",
        .roles = MAIL_ROLES,
        .model = CLIENT_MAILBOX_PERMISSION,
        .mailboxes = { "shop@contoso.example", "printer@contoso.example", "invoices@contoso.example" },
    },
    {
        .name = "rbac",
        .title = "Postern without a user, claimless",
        .client_id = "c0000000-0000-4000-8000-000000000004",
        .tenant = &tenant_contoso,
        .app_object_id = "d0000000-0000-4000-8000-000000000004",
        .object_id = "e0000000-0000-4000-8000-000000000004",
        .secret = "sbx8Q~rbac.secret-of_the~sandbox+Value/4",
        .secret_id = "f0000000-0000-4000-8000-000000000004",
        .model = CLIENT_RBAC,
        .mailboxes = { "shop@contoso.example", "printer@contoso.example" },
    },
    {
        .name = "everyone",
        .title = "Postern for every account",
        .client_id = "c0000000-0000-4000-8000-000000000005",
        .tenant = &tenant_fabrikam,
        .audience = CLIENT_EVERYONE,
        .app_object_id = "d0000000-0000-4000-8000-000000000005",
        .object_id = "e0000000-0000-4000-8000-000000000005",
        .allows_public_flows = true,
        .redirects = NATIVE_REDIRECTS,
        .declared = MAIL_SCOPES,
    },
    {
        .name = "no-device",
        .title = "A desktop program without public flows",
        .client_id = "c0000000-0000-4000-8000-000000000006",
        .tenant = &tenant_contoso,
        .app_object_id = "d0000000-0000-4000-8000-000000000006",
        .object_id = "e0000000-0000-4000-8000-000000000006",
        .redirects = NATIVE_REDIRECTS,
        .declared = MAIL_SCOPES,
    },
    {
        .name = "fabrikam",
        .title = "Fabrikam's own",
        .client_id = "c0000000-0000-4000-8000-000000000007",
        .tenant = &tenant_fabrikam,
        .app_object_id = "d0000000-0000-4000-8000-000000000007",
        .object_id = "e0000000-0000-4000-8000-000000000007",
        .secret = "sbx8Q~fab.secret-of_the~sandbox+Value/07",
        .secret_id = "f0000000-0000-4000-8000-000000000007",
        .redirects = { { CLIENT_WEB, "http://localhost" } },
        .declared = MAIL_SCOPES,
        .roles = MAIL_ROLES,
        .model = CLIENT_MAILBOX_PERMISSION,
        .mailboxes = { "info@fabrikam.example" },
    },
    {
        .name = "google",
        .title = "A desktop client of the Google-like provider",
        .client_id = "100000000001-sandbox.apps.googleusercontent.example",
        .tenant = &tenant_google,
        .audience = CLIENT_GOOGLE,
        .secret = "GOCSPX-sandbox-secret-0001",
        .redirects = { { CLIENT_NATIVE, "http://localhost" }, { CLIENT_NATIVE, "http://127.0.0.1" } },
    },
};
const size_t clients_count = sizeof clients / sizeof *clients;
