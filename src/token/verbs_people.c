/* token/verbs_people.c - who is this? Passwords of operators and apps, and keys; asked by the admin role for those at its doors. What they
 * may do is not the vault's matter. 401 is "not so", 429 "not now, for you", 503 "can't say now". */
#include "base/text.h"
#include "doctor/finding.h"
#include "token/oidc.h"
#include "token/tokens_private.h"
#include "token/verbs_private.h"

static void refuse_with(struct verbs *v, uint64_t tag, uint32_t status, const struct fault *why)
{
    struct finding_facts facts = { 0 };
    json_t *json = json_pack("{s:s, s:s, s:[o]}", "title", "Not let in", "detail", why->text, "findings",
                             finding_json_of_fault(why, &facts));
    if (status == 429)
        json_object_set_new(json, "retry_after", json_integer(why->retry_after_s));
    verbs_answer(v, tag, status, json, BYTES_NONE);
}

/* Only who is throttled is told how long. */
static void refuse_guess(struct verbs *v, uint64_t tag, const struct fault *why)
{
    uint32_t status = why->kind == FAULT_AUTH ? 401 : why->kind == FAULT_RETRY && why->retry_after_s > 0 ? 429 : 503;
    refuse_with(v, tag, status, why);
}

/* ---- operators ---- */

static void on_operator(void *ctx, uint64_t tag, const struct operator_verdict *verdict)
{
    if (verdict->is_ok)
        verbs_answer(ctx, tag, 200, json_pack("{s:s}", "name", verdict->name), BYTES_NONE);
    else
        refuse_guess(ctx, tag, &verdict->why);
}

void operator_check(const struct asked *a)
{
    operators_check(a->v->parts.operators, asked_text(a, "name"), a->secret, asked_text(a, "host"), on_operator, a->v,
                    a->tag);
}

static void on_set(void *ctx, uint64_t tag, const struct operator_verdict *verdict)
{
    if (verdict->is_ok)
        verbs_answer(ctx, tag, 204, NULL, BYTES_NONE);
    else
        verbs_refuse(ctx, tag, "", &verdict->why);
}

void operator_password(const struct asked *a)
{
    operators_set_password(a->v->parts.operators, asked_text(a, "name"), a->secret, on_set, a->v, a->tag);
}

void operator_forget(const struct asked *a)
{
    struct fault why = { 0 };
    bool ok = operators_forget(a->v->parts.operators, asked_text(a, "name"), &why);
    verbs_conclude(a, ok, &why);
}

static void add_known(void *ctx, const char *name)
{
    json_array_append_new(ctx, json_pack("{s:s, s:b}", "name", name, "has_password", 1));
}

struct listing {
    const struct operators *operators;
    json_t *items;
};

static bool add_without(void *ctx, const void *object)
{
    struct listing *l = ctx;
    const struct console_operator *o = object;
    if (!operators_has_password(l->operators, o->name))
        json_array_append_new(l->items, json_pack("{s:s, s:b}", "name", o->name, "has_password", 0));
    return true;
}

void operator_list(const struct asked *a)
{
    struct listing l = { a->v->parts.operators, json_array() };
    operators_each(l.operators, add_known, l.items);
    directory_each(a->v->parts.directory, OBJECT_OPERATOR, add_without, &l);
    verbs_answer(a->v, a->tag, 200, json_pack("{s:o}", "items", l.items), BYTES_NONE);
}

/* ---- keys ---- */

void key_new(const struct asked *a)
{
    struct fault why = { 0 };
    const char *name = asked_text(a, "name");
    struct secret *key = keys_make(a->v->parts.keys, name, &why);
    if (!key) {
        verbs_refuse(a->v, a->tag, "", &why);
        return;
    }
    verbs_answer(a->v, a->tag, 200, json_pack("{s:s}", "name", name), secret_bytes(key));
    secret_free(key);
}

void key_check(const struct asked *a)
{
    struct fault why;
    char name[KEY_NAME_SIZE];
    if (keys_check(a->v->parts.keys, a->secret, name)) {
        verbs_answer(a->v, a->tag, 200, json_pack("{s:s}", "name", name), BYTES_NONE);
        return;
    }
    fault_set(&why, FAULT_AUTH, "console.key", "the key is not one that is in force");
    refuse_with(a->v, a->tag, 401, &why);
}

void key_forget(const struct asked *a)
{
    struct fault why = { 0 };
    bool ok = keys_forget(a->v->parts.keys, asked_text(a, "name"), &why);
    verbs_conclude(a, ok, &why);
}

/* ---- apps ---- */

static void on_app(void *ctx, uint64_t tag, const struct login_verdict *v)
{
    if (v->is_ok)
        verbs_answer(ctx, tag, 200, json_pack("{s:s, s:s}", "app", v->app, "mailbox", v->mailbox), BYTES_NONE);
    else
        refuse_guess(ctx, tag, &v->why);
}

/* Before all objects have come nobody can be told that there is no such app. */
void app_check(const struct asked *a)
{
    struct fault why;
    if (!a->v->parts.tokens->is_settled) {
        fault_set(&why, FAULT_RETRY, "app.busy", "the vault has just started; try again");
        refuse_with(a->v, a->tag, 503, &why);
        return;
    }
    struct login_question q = { asked_text(a, "user"), a->secret, asked_text(a, "host"), OBJECT_HTTP };
    login_check(a->v->parts.login, &q, on_app, a->v, a->tag);
}

/* ---- people who sign in at the provider ---- */

void oidc_start_asked(const struct asked *a)
{
    oidc_begin(a->v->parts.tokens, asked_text(a, "registration"), asked_text(a, "redirect_uri"), verbs_on_authorized,
               a->v, a->tag);
}

/* The address carries the code, so it travels as a secret. */
void oidc_finish_asked(const struct asked *a)
{
    oidc_finish(a->v->parts.tokens, asked_text(a, "id"), a->secret, verbs_on_authorized, a->v, a->tag);
}
