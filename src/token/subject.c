/* token/subject.c - what a grant is about: registration, provider, trusted certificates, and the client's own credential. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "token/assertion.h"
#include "token/tokens_private.h"

#define CA_FILE_LIMIT (2u << 20)

static char *read_ca_file(const char *path, struct fault *why)
{
    struct buf pem;
    buf_init(&pem, CA_FILE_LIMIT);
    FILE *f = fopen(path, "re");
    bool ok = f != NULL;
    for (size_t n = 1; ok && n > 0;) {
        uint8_t *at = buf_reserve(&pem, 4096);
        n = at ? fread(at, 1, 4096, f) : 0;
        ok = at && !ferror(f);
        if (at)
            buf_grew(&pem, n);
    }
    char *text = ok ? mem_strdup(buf_str(&pem)) : NULL;
    if (!ok) {
        fault_errno(why, FAULT_CONFIG, errno, "can't read the provider's ca-file %s", path);
        snprintf(why->id, sizeof why->id, "tls.file");
    }
    if (f)
        fclose(f);
    buf_fini(&pem);
    return text;
}

static bool find_ca(struct tokens *t, const struct provider *p, struct bytes *pem, struct fault *why)
{
    *pem = BYTES_NONE;
    if (p->ca_file[0] == '\0')
        return true;
    char *text = map_get(t->ca, p->ca_file);
    if (!text) {
        text = read_ca_file(p->ca_file, why);
        if (text)
            map_put(t->ca, p->ca_file, text);
    }
    *pem = bytes_of(text);
    return text != NULL;
}

static bool free_text(void *ctx, const char *key, void *value)
{
    free(value);
    return true;
}

void subject_forget_files(struct tokens *t)
{
    map_each(t->ca, free_text, NULL);
    map_clear(t->ca);
}

static bool of_registration(struct tokens *t, const char *name, struct subject *out, struct fault *why)
{
    out->registration = directory_registration(t->parts.directory, name);
    out->provider = out->registration ? directory_provider(t->parts.directory, out->registration->provider) : NULL;
    if (!out->provider)
        return fault_set(why, FAULT_HOLD, "mailbox.provider-missing", "there is no %s %s",
                         out->registration ? "provider" : "registration",
                         out->registration ? out->registration->provider : name);
    return find_ca(t, out->provider, &out->ca_pem, why);
}

bool subject_of_mailbox(struct tokens *t, const struct mailbox *m, struct subject *out, struct fault *why)
{
    *out = (struct subject){ .mailbox = m };
    return of_registration(t, m->registration, out, why);
}

bool subject_of_registration(struct tokens *t, const char *name, struct subject *out, struct fault *why)
{
    *out = (struct subject){ 0 };
    return of_registration(t, name, out, why);
}

bool subject_of_grant(struct grant *g, struct subject *out, struct fault *why)
{
    *out = (struct subject){ 0 };
    if (g->is_app)
        return of_registration(g->home, g->name, out, why);
    const struct mailbox *m = directory_mailbox(g->home->parts.directory, g->name);
    if (m)
        return subject_of_mailbox(g->home, m, out, why);
    return fault_set(why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", g->name);
}

static bool get_credential(struct tokens *t, const struct registration *r, const char *kind, struct secret **out,
                           struct fault *why)
{
    struct fault bad = { 0 };
    if (!vault_get(t->parts.vault, kind, r->name, out, &bad)) {
        if (text_equal(bad.id, "vault.damaged"))
            bad.kind = FAULT_HOLD; /* trying again would read the same bytes */
        *why = bad;
        return false;
    }
    if (*out)
        return true;
    return fault_set(why, FAULT_CONFIG, "registration.secret-missing", "no %s is stored for the registration %s", kind,
                     r->name);
}

static bool add_secret(struct tokens *t, const struct registration *r, struct form *form, struct fault *why)
{
    struct secret *secret;
    if (!get_credential(t, r, VAULT_REGISTRATION_SECRET, &secret, why))
        return false;
    form_add_bytes(form, "client_secret", secret_bytes(secret));
    secret_free(secret);
    return true;
}

static bool add_assertion(struct tokens *t, const struct registration *r, const char *audience, struct form *form,
                          struct fault *why)
{
    struct secret *pem;
    if (!get_credential(t, r, VAULT_REGISTRATION_CERTIFICATE, &pem, why))
        return false;
    int64_t now_s = loop_wall_ms(t->parts.loop) / 1000;
    struct secret *jwt = assertion_make(secret_bytes(pem), r->client_id, audience, now_s, why);
    if (jwt) {
        form_add(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        form_add_bytes(form, "client_assertion", secret_bytes(jwt));
    }
    secret_free(pem);
    secret_free(jwt);
    return jwt != NULL;
}

bool subject_sign_form(struct tokens *t, const struct subject *s, const char *audience, struct form *form,
                       struct fault *why)
{
    bool ok = true;
    form_add(form, "client_id", s->registration->client_id);
    if (s->registration->credential == OBJECT_CREDENTIAL_SECRET)
        ok = add_secret(t, s->registration, form, why);
    else if (s->registration->credential == OBJECT_CREDENTIAL_CERTIFICATE)
        ok = add_assertion(t, s->registration, audience, form, why);
    if (ok && form->is_over)
        return fault_set(why, FAULT_CONFIG, "oauth.request-malformed", "the request to %s would be too large",
                         audience);
    return ok;
}
