/* token/verbs.c - a table of verbs; each reads its JSON, does one thing, and answers once. */
#include "token/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/raw_link.h"
#include "base/text.h"
#include "doctor/finding.h"
#include "token/certificate.h"
#include "token/oidc.h"
#include "token/owner.h"
#include "token/verbs_private.h"
#include "vault/seal.h"
#include "vault/sign.h"

#define SECRET_MAX 4096

struct verbs *verbs_new(const struct verbs_parts *parts, verbs_answer_fn *answer, void *ctx)
{
    struct verbs *v = mem_alloc(sizeof *v);
    *v = (struct verbs){ *parts, answer, ctx };
    return v;
}

void verbs_free(struct verbs *v)
{
    if (!v)
        return;
    authorize_forget_asker(v->parts.tokens, v);
    oidc_forget_asker(v->parts.tokens, v);
    guesses_forget_asker(v->parts.guesses, v);
    operators_forget_asker(v->parts.operators, v);
    free(v);
}

void verbs_answer(struct verbs *v, uint64_t tag, uint32_t status, json_t *json /* taken; NULL: {} */,
                  struct bytes secret)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    struct admin_answer a = { .tag = tag, .status = status, .json = text ? text : "{}", .secret = secret, .fd = -1 };
    v->answer(v->ctx, &a);
    free(text);
    json_decref(json);
}

static uint32_t status_of(const struct fault *why)
{
    if (text_equal(why->id, "mailbox.unknown") || text_equal(why->id, "owner.link"))
        return 404;
    return why->kind == FAULT_RETRY || why->kind == FAULT_LOCAL ? 503 : 422;
}

void verbs_refuse(struct verbs *v, uint64_t tag, const char *address, const struct fault *why)
{
    const struct mailbox *m = directory_mailbox(v->parts.directory, address);
    const struct registration *r = m ? directory_registration(v->parts.directory, m->registration) : NULL;
    const struct finding *f = finding_by_id(why->id);
    struct finding_facts facts = { .mailbox = m                        ? m->address
                                              : text_is_empty(address) ? NULL
                                                                       : address,
                                   .tenant = r ? r->tenant : NULL,
                                   .client_id = r ? r->client_id : NULL };
    json_t *finding = finding_json_of_fault(why, &facts);
    const char *cause = json_string_value(json_object_get(finding, "cause"));
    json_t *json = json_pack("{s:s, s:s, s:[o]}", "title", f && cause ? cause : "Refused", "detail", why->text,
                             "findings", finding);
    verbs_answer(v, tag, status_of(why), json, BYTES_NONE);
}

void verbs_mistaken(const struct asked *a, const char *text)
{
    verbs_answer(a->v, a->tag, 400, json_pack("{s:s, s:s}", "title", "The request can't be understood", "detail", text),
                 BYTES_NONE);
}

const char *asked_text(const struct asked *a, const char *key)
{
    const char *text = json_string_value(json_object_get(a->json, key));
    return text ? text : "";
}

/* What a file or a prompt adds behind a secret is not part of it. */
static struct bytes without_newline(struct bytes secret)
{
    while (secret.size > 0 && (secret.data[secret.size - 1] == '\n' || secret.data[secret.size - 1] == '\r'))
        secret.size--;
    return secret;
}

/* The object may reach us only after the secret does: then the name counts as it is given. */
static const char *registration_name(const struct asked *a)
{
    const char *name = asked_text(a, "name");
    const struct registration *r = directory_registration(a->v->parts.directory, name);
    return r ? r->name : name;
}

static const char *mailbox_address(const struct asked *a)
{
    const char *address = asked_text(a, "address");
    const struct mailbox *m = directory_mailbox(a->v->parts.directory, address);
    return m ? m->address : address;
}

void verbs_conclude(const struct asked *a, bool ok, const struct fault *why)
{
    if (ok)
        verbs_answer(a->v, a->tag, 204, NULL, BYTES_NONE);
    else
        verbs_refuse(a->v, a->tag, asked_text(a, "address"), why);
}

static void registration_secret(const struct asked *a)
{
    struct fault why = { 0 };
    struct bytes secret = without_newline(a->secret);
    const char *name = registration_name(a);
    if (secret.size == 0 || secret.size > SECRET_MAX) {
        verbs_mistaken(a, "a secret of 1 to 4096 bytes is wanted");
        return;
    }
    bool ok = vault_put(a->v->parts.vault, VAULT_REGISTRATION_SECRET, name, secret, &why);
    if (ok)
        tokens_secret_changed(a->v->parts.tokens, name);
    verbs_conclude(a, ok, &why);
}

static void registration_certificate(const struct asked *a)
{
    struct fault why = { 0 };
    const char *name = registration_name(a), *subject = asked_text(a, "subject");
    int64_t now_ms = loop_wall_ms(a->v->parts.loop);
    char *ours = mem_printf("Postern %s", name);
    struct certificate *c = a->secret.size > 0
                                ? certificate_take(a->secret, now_ms, &why)
                                : certificate_make(subject[0] ? subject : ours, CERTIFICATE_BITS, now_ms, &why);
    free(ours);
    if (c && vault_put(a->v->parts.vault, VAULT_REGISTRATION_CERTIFICATE, name, secret_bytes(c->pem), &why)) {
        json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "certificate_pem", c->public_pem, "certificate_sha256",
                                 c->sha256, "certificate_sha1", c->sha1, "certificate_expires", c->expires);
        verbs_answer(a->v, a->tag, 200, json, BYTES_NONE);
        tokens_secret_changed(a->v->parts.tokens, name);
    } else {
        verbs_refuse(a->v, a->tag, "", &why);
    }
    certificate_free(c);
}

static void registration_forget(const struct asked *a)
{
    static const char *const kinds[] = { VAULT_REGISTRATION_SECRET, VAULT_REGISTRATION_CERTIFICATE, VAULT_APP_GRANT };
    struct fault why = { 0 };
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof kinds / sizeof kinds[0]; i++)
        ok = vault_remove(a->v->parts.vault, kinds[i], registration_name(a), &why);
    tokens_secret_changed(a->v->parts.tokens, registration_name(a));
    verbs_conclude(a, ok, &why);
}

static void mailbox_password(const struct asked *a)
{
    struct fault why = { 0 };
    struct bytes password = without_newline(a->secret);
    if (password.size == 0 || password.size > SECRET_MAX) {
        verbs_mistaken(a, "a password of 1 to 4096 bytes is wanted");
        return;
    }
    bool ok = vault_put(a->v->parts.vault, VAULT_MAILBOX_PASSWORD, mailbox_address(a), password, &why);
    if (ok)
        tokens_password_changed(a->v->parts.tokens, mailbox_address(a));
    verbs_conclude(a, ok, &why);
}

static void mailbox_forget(const struct asked *a)
{
    struct fault why = { 0 };
    bool ok = tokens_forget(a->v->parts.tokens, mailbox_address(a), &why);
    owner_link_end(a->v->parts.tokens, mailbox_address(a));
    verbs_conclude(a, ok, &why);
}

static void grant_get(const struct asked *a)
{
    struct fault why = { 0 };
    json_t *json = tokens_grant_json(a->v->parts.tokens, asked_text(a, "address"));
    if (json) {
        verbs_answer(a->v, a->tag, 200, json, BYTES_NONE);
        return;
    }
    fault_set(&why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", asked_text(a, "address"));
    verbs_refuse(a->v, a->tag, asked_text(a, "address"), &why);
}

struct listing {
    struct tokens *tokens;
    json_t *items;
};

static bool add_grant(void *ctx, const void *object)
{
    struct listing *l = ctx;
    json_array_append_new(l->items, tokens_grant_json(l->tokens, ((const struct mailbox *)object)->address));
    return true;
}

static void grant_list(const struct asked *a)
{
    struct listing l = { a->v->parts.tokens, json_array() };
    directory_each(a->v->parts.directory, OBJECT_MAILBOX, add_grant, &l);
    verbs_answer(a->v, a->tag, 200, json_pack("{s:o}", "items", l.items), BYTES_NONE);
}

static void app_password(const struct asked *a)
{
    struct fault why = { 0 };
    const struct app *app = directory_app(a->v->parts.directory, asked_text(a, "name"));
    const char *name = app ? app->name : asked_text(a, "name");
    struct secret *password = login_new_password(a->v->parts.login, name, &why);
    if (!password) {
        verbs_refuse(a->v, a->tag, "", &why);
        return;
    }
    verbs_answer(a->v, a->tag, 200, json_pack("{s:s, s:s}", "name", name, "user", name), secret_bytes(password));
    secret_free(password);
}

static void app_forget(const struct asked *a)
{
    struct fault why = { 0 };
    bool ok = login_forget_app(a->v->parts.login, asked_text(a, "name"), &why);
    verbs_conclude(a, ok, &why);
}

/* A key for an endpoint's signatures, shown in the answer and never again. */
static void endpoint_key(const struct asked *a)
{
    struct fault why = { 0 };
    const char *name = asked_text(a, "name");
    struct secret *key = sign_new_key(a->v->parts.vault, name, without_newline(a->secret), &why);
    if (!key) {
        verbs_refuse(a->v, a->tag, "", &why);
        return;
    }
    verbs_answer(a->v, a->tag, 200, json_pack("{s:s}", "name", name), secret_bytes(key));
    secret_free(key);
}

struct key_listing {
    struct vault *vault;
    json_t *items;
};

static bool add_key(void *ctx, const void *object)
{
    struct key_listing *l = ctx;
    const struct endpoint *e = object;
    if (e->kind == ENDPOINT_WEBHOOK)
        json_array_append_new(
            l->items, json_pack("{s:s, s:b}", "endpoint", e->name, "has_key", (int)sign_has_key(l->vault, e->name)));
    return true;
}

static void endpoint_list(const struct asked *a)
{
    struct key_listing l = { a->v->parts.vault, json_array() };
    directory_each(a->v->parts.directory, OBJECT_ENDPOINT, add_key, &l);
    verbs_answer(a->v, a->tag, 200, json_pack("{s:o}", "items", l.items), BYTES_NONE);
}

static void endpoint_forget(const struct asked *a)
{
    struct fault why = { 0 };
    bool ok = sign_forget_key(a->v->parts.vault, asked_text(a, "name"), &why);
    verbs_conclude(a, ok, &why);
}

/* Whoever shows a link need not know the key to learn whether it is one of ours. */
static void link_check(const struct asked *a)
{
    struct fault why = { 0 };
    const char *text = asked_text(a, "text");
    if (sign_is(a->v->parts.vault, RAW_LINK_KEY, bytes_of(text), asked_text(a, "signature"), &why)) {
        verbs_answer(a->v, a->tag, 204, NULL, BYTES_NONE);
    } else if (why.kind != FAULT_NONE) {
        verbs_refuse(a->v, a->tag, "", &why);
    } else {
        verbs_answer(a->v, a->tag, 404,
                     json_pack("{s:s, s:s}", "title", "Not signed here", "detail", "the signature is wrong"),
                     BYTES_NONE);
    }
}

/* The key that was given; or, where Postern itself can store it, a new random one. */
static struct secret *next_master_key(const struct asked *a, struct fault *why)
{
    if (a->secret.size > 0)
        return master_key_parse(a->secret, why);
    if (!vault_key_is_file(a->v->parts.vault)) {
        fault_set(
            why, FAULT_CONFIG, "vault.key",
            "the present key comes from %s, where Postern can't store a new one: give the new key with the request, "
            "and put it there before the next start",
            vault_key_source(a->v->parts.vault));
        return NULL;
    }
    uint8_t random[SEAL_KEY_SIZE];
    secret_random(random, sizeof random);
    struct secret *key = secret_new(random, sizeof random);
    secret_wipe(random, sizeof random);
    return key;
}

static void vault_rekey_verb(const struct asked *a)
{
    struct fault why = { 0 };
    struct secret *next = next_master_key(a, &why);
    if (next && vault_rekey(a->v->parts.vault, next, &why)) {
        log_info("vault.rekeyed", LOG_TEXT("source", vault_key_source(a->v->parts.vault)));
        verbs_answer(a->v, a->tag, 200, NULL, BYTES_NONE);
    } else {
        verbs_refuse(a->v, a->tag, "", &why);
    }
    secret_free(next);
}

static const struct verb verbs[] = {
    { "registration.secret", "name", registration_secret },
    { "registration.certificate", "name", registration_certificate },
    { "registration.forget", "name", registration_forget },
    { "mailbox.password", "address", mailbox_password },
    { "mailbox.forget", "address", mailbox_forget },
    { "grant.get", "address", grant_get },
    { "grant.list", NULL, grant_list },
    { "authorize.start", "address", authorize_start_asked },
    { "authorize.finish", "id", authorize_finish_asked },
    { "authorize.wait", "id", authorize_wait_asked },
    { "authorize.land", NULL, authorize_land_asked },
    { "owner.link", "address", owner_link_asked },
    { "owner.look", NULL, owner_look_asked },
    { "app.password", "name", app_password },
    { "app.forget", "name", app_forget },
    { "app.check", "user", app_check },
    { "endpoint.key", "name", endpoint_key },
    { "endpoint.list", NULL, endpoint_list },
    { "endpoint.forget", "name", endpoint_forget },
    { "link.check", "text", link_check },
    { "operator.check", "name", operator_check },
    { "operator.password", "name", operator_password },
    { "operator.list", NULL, operator_list },
    { "operator.forget", "name", operator_forget },
    { "key.new", "name", key_new },
    { "key.check", NULL, key_check },
    { "key.forget", "name", key_forget },
    { "oidc.start", "registration", oidc_start_asked },
    { "oidc.finish", "id", oidc_finish_asked },
    { "vault.rekey", NULL, vault_rekey_verb },
};

static void run(const struct verb *verb, struct asked *a, const char *text)
{
    json_t *json = text[0] ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : json_object();
    a->json = json;
    if (!json_is_object(json))
        verbs_mistaken(a, "a JSON object is wanted");
    else if (verb->needs && asked_text(a, verb->needs)[0] == '\0')
        verbs_mistaken(a, "a key is missing: see the list of verbs");
    else
        verb->run(a);
    json_decref(json);
}

void verbs_ask(struct verbs *v, const struct admin_ask *ask)
{
    struct asked a = { .v = v, .tag = ask->tag, .secret = ask->secret };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (text_equal(verbs[i].name, ask->verb)) {
            run(&verbs[i], &a, ask->json);
            return;
        }
    }
    verbs_answer(v, ask->tag, 404,
                 json_pack("{s:s, s:s}", "title", "The vault knows no such verb", "detail", ask->verb), BYTES_NONE);
}

void verbs_cancel(struct verbs *v, uint64_t tag)
{
    authorize_cancel(v->parts.tokens, v, tag);
    oidc_cancel(v->parts.tokens, v, tag);
    guesses_cancel(v->parts.guesses, v, tag);
}
