#include "sandbox/announce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

static json_t *texts_json(const char *const *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < TENANT_NAMES_MAX && texts[i] != NULL; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *tenants_json(const struct sandbox *sb)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tenants_count; i++) {
        const struct tenant *t = tenants[i];
        json_t *issuer = t == &tenant_google ? json_sprintf("%s/google", sb->https_url)
                                             : json_sprintf("%s/%s/v2.0", sb->https_url, t->id);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", t->id, "domain", t->domain, "title",
                                              t->title, "kind", t->kind == TENANT_PERSONAL ? "personal" : "work",
                                              "issuer", issuer));
    }
    return list;
}

static json_t *users_json(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < users_count; i++) {
        const struct user *u = &users[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:b}", "address", u->address, "name",
                                              u->name, "tenant", u->tenant->domain, "oid", u->oid, "aliases",
                                              texts_json(u->aliases), "send_as", texts_json(u->send_as), "full_access",
                                              texts_json(u->full_access), "is_shared", u->is_shared));
    }
    return list;
}

/* What a test or person looks for: "web", "public", "app-only", "app-only-rbac", "google". */
static const char *kind_of(const struct client *c)
{
    if (c->audience == CLIENT_GOOGLE)
        return "google";
    if (c->redirects[0].uri == NULL)
        return c->model == CLIENT_RBAC ? "app-only-rbac" : "app-only";
    return c->redirects[0].platform == CLIENT_WEB ? "web" : "public";
}

static json_t *client_json(const struct sandbox *sb, const struct client *c)
{
    json_t *redirects = json_array();
    for (size_t i = 0; i < TENANT_NAMES_MAX && c->redirects[i].uri != NULL; i++)
        json_array_append_new(redirects, json_string(c->redirects[i].uri));
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:b, s:o, s:o, s:o}", "name", c->name, "title",
                             c->title, "kind", kind_of(c), "provider",
                             c->audience == CLIENT_GOOGLE ? "sandbox-google" : "sandbox", "tenant", c->tenant->id,
                             "client_id", c->client_id, "secret", c->secret, "secret_id", c->secret_id,
                             "allows_public_flows", c->allows_public_flows, "redirect_uris", redirects, "roles",
                             texts_json(c->roles), "mailboxes", texts_json(c->mailboxes));
    json_object_set_new(json, "certificates", entra_certificates_json(sb->certificates, c->client_id));
    if (c->object_id != NULL) {
        json_object_set_new(json, "object_id", json_string(c->object_id));
        json_object_set_new(json, "app_object_id", json_string(c->app_object_id));
    }
    return json;
}

static json_t *server_json(unsigned port, const char *tls)
{
    return json_pack("{s:s, s:i, s:s}", "host", "localhost", "port", (int)port, "tls", tls);
}

json_t *announce_state(const struct sandbox *sb)
{
    json_t *registrations = json_array();
    for (size_t i = 0; i < clients_count; i++)
        json_array_append_new(registrations, client_json(sb, &clients[i]));
    json_t *json = json_pack("{s:s, s:i, s:s, s:s, s:s, s:{s:s, s:i, s:s}, s:{s:s, s:i, s:s}}", "dir", sb->dir, "pid",
                             (int)getpid(), "https", sb->https_url, "web", sb->web_url, "ca_file", sb->ca.ca_file,
                             "smtp", "host", "localhost", "port", (int)sb->smtp_port, "tls", "starttls", "google_smtp",
                             "host", "localhost", "port", (int)sb->google_smtp_port, "tls", "starttls");
    json_object_set_new(json, "imap", server_json(sb->imap_port, "implicit"));
    json_object_set_new(json, "imap_starttls", server_json(sb->imap_starttls_port, "starttls"));
    json_object_set_new(json, "google_imap", server_json(sb->google_imap_port, "implicit"));
    json_object_set_new(json, "pop3", server_json(sb->pop3_port, "implicit"));
    json_object_set_new(json, "pop3_stls", server_json(sb->pop3_stls_port, "starttls"));
    json_object_set_new(json, "google_pop3", server_json(sb->google_pop3_port, "implicit"));
    json_object_set_new(json, "provider_file", json_sprintf("%s/provider.yaml", sb->dir));
    json_object_set_new(json, "google_provider_file", json_sprintf("%s/provider-google.yaml", sb->dir));
    json_object_set_new(json, "tenants", tenants_json(sb));
    json_object_set_new(json, "users", users_json());
    json_object_set_new(json, "registrations", registrations);
    return json;
}

/* Written beside and renamed: whoever sees the file sees all of it. */
static bool write_file(const struct sandbox *sb, const char *name, mode_t mode, const char *text, struct fault *why)
{
    char *path = mem_printf("%s/%s", sb->dir, name);
    char *fresh = mem_printf("%s.new", path);
    FILE *file = fopen(fresh, "we");
    bool is_good = file != NULL && fchmod(fileno(file), mode) == 0 && fputs(text, file) >= 0;
    if (file != NULL)
        is_good = fclose(file) == 0 && is_good;
    is_good = is_good && rename(fresh, path) == 0;
    int error = errno;
    if (!is_good)
        fault_errno(why, FAULT_LOCAL, error, "writing %s", path);
    free(fresh);
    free(path);
    return is_good;
}

static bool write_provider(const struct sandbox *sb, struct fault *why)
{
    char *text = mem_printf("# Microsoft 365 as the sandbox plays it. `postern provider add` takes this file.\n"
                            "name: sandbox\n"
                            "title: Microsoft 365 in the sandbox\n"
                            "issuer: \"%s/{tenant}/v2.0\"\n"
                            "scopes:\n"
                            "  smtp: https://outlook.office.com/SMTP.Send\n"
                            "  imap: https://outlook.office.com/IMAP.AccessAsUser.All\n"
                            "  pop3: https://outlook.office.com/POP.AccessAsUser.All\n"
                            "  app: https://outlook.office365.com/.default\n"
                            "  common: openid profile email offline_access\n"
                            "smtp: { host: localhost, port: %u, tls: starttls, sasl: xoauth2 }\n"
                            "imap: { host: localhost, port: %u, tls: implicit, sasl: xoauth2 }\n"
                            "pop3: { host: localhost, port: %u, tls: implicit, sasl: xoauth2 }\n"
                            "limits: { connections: 3, messages-per-minute: 30, recipients-per-day: 10000, "
                            "recipients-per-message: 500, size-mb: 35 }\n"
                            "ca-file: %s\n",
                            sb->https_url, sb->smtp_port, sb->imap_port, sb->pop3_port, sb->ca.ca_file);
    bool is_good = write_file(sb, "provider.yaml", 0644, text, why);
    free(text);
    return is_good;
}

static bool write_google_provider(const struct sandbox *sb, struct fault *why)
{
    char *text = mem_printf(
        "# A Google-like provider. `postern provider add` takes this file.\n"
        "name: sandbox-google\n"
        "title: Google-like mail in the sandbox\n"
        "issuer: %s/google\n"
        "authorize-extra: access_type=offline&prompt=consent\n"
        "scopes:\n"
        "  smtp: https://mail.google.com/\n"
        "  imap: https://mail.google.com/\n"
        "  pop3: https://mail.google.com/\n"
        "  common: openid email\n"
        "smtp: { host: localhost, port: %u, tls: starttls, sasl: oauthbearer }\n"
        "imap: { host: localhost, port: %u, tls: implicit, sasl: oauthbearer }\n"
        "pop3: { host: localhost, port: %u, tls: implicit, sasl: oauthbearer }\n"
        "limits: { connections: 10, recipients-per-day: 2000, recipients-per-message: 100, size-mb: 25 }\n"
        "ca-file: %s\n",
        sb->https_url, sb->google_smtp_port, sb->google_imap_port, sb->google_pop3_port, sb->ca.ca_file);
    bool is_good = write_file(sb, "provider-google.yaml", 0644, text, why);
    free(text);
    return is_good;
}

bool announce_write(const struct sandbox *sb, struct fault *why)
{
    if (!write_provider(sb, why) || !write_google_provider(sb, why))
        return false;
    json_t *state = announce_state(sb);
    char *text = json_dumps(state, JSON_INDENT(2));
    json_decref(state);
    bool is_good = write_file(sb, "sandbox.json", 0644, text, why);
    free(text);
    return is_good;
}

static void print_registration(const struct client *c)
{
    const char *provider = c->audience == CLIENT_GOOGLE ? "sandbox-google" : "sandbox";
    if (c->secret != NULL)
        printf("    printf %%s '%s' |\n    ", c->secret);
    printf("    postern registration add %s --provider %s --tenant %s --client-id %s %s\n", c->name, provider,
           c->tenant->id, c->client_id, c->secret != NULL ? "--secret-file -" : "--public");
}

void announce_print(const struct sandbox *sb)
{
    printf("A Microsoft 365 tenant on this machine. Everything is in %s.\n\n", sb->dir);
    printf("  sign-in       %s (its CA: %s)\n", sb->https_url, sb->ca.ca_file);
    printf("  SMTP          localhost:%u, STARTTLS, XOAUTH2\n", sb->smtp_port);
    printf("  IMAP          localhost:%u, TLS, XOAUTH2; localhost:%u, STARTTLS\n", sb->imap_port,
           sb->imap_starttls_port);
    printf("  POP3          localhost:%u, TLS, XOAUTH2; localhost:%u, STLS\n", sb->pop3_port, sb->pop3_stls_port);
    printf("  Google-like   SMTP localhost:%u, STARTTLS; IMAP localhost:%u and POP3 localhost:%u, TLS; XOAUTH2 and "
           "OAUTHBEARER; issuer %s/google\n",
           sb->google_smtp_port, sb->google_imap_port, sb->google_pop3_port, sb->https_url);
    printf("  what arrived  %s (page), %s/api/messages (JSON)\n\n", sb->web_url, sb->web_url);
    printf("To use it with Postern:\n\n    postern provider add %s/provider.yaml\n", sb->dir);
    for (size_t i = 0; i < 3; i++)
        print_registration(&clients[i]);
    printf("    postern mailbox add shop@contoso.example --registration web --grant code\n"
           "    postern mailbox authorize shop@contoso.example\n"
           "    postern mailbox add printer@contoso.example --registration app --grant app\n\n");
    printf("To change its behaviour: postern sandbox set --list --dir %s\n", sb->dir);
    printf("sandbox ready\n");
    fflush(stdout);
}
