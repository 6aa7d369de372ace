/* token/authorize.c - sign-ins under way: who asked, when they end, what is said of them. */
#include "token/authorize.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "token/authorize_private.h"

#define PENDING_MAX 64
#define NATIVE_CLIENT "https://login.microsoftonline.com/common/oauth2/nativeclient"

static void on_end(void *ctx);

static struct authorization *find(struct tokens *t, const char *id)
{
    LIST_EACH (at, &t->authorizations) {
        struct authorization *z = LIST_OF(at, struct authorization, node);
        if (!z->is_replaced && text_equal(z->id, id))
            return z;
    }
    return NULL;
}

static struct authorization *find_by_state(struct tokens *t, const char *state)
{
    LIST_EACH (at, &t->authorizations) {
        struct authorization *z = LIST_OF(at, struct authorization, node);
        if (!z->is_replaced && !z->is_device && state && text_equal(z->state, state))
            return z;
    }
    return NULL;
}

bool authorization_is_pending(struct tokens *t, const char *address)
{
    LIST_EACH (at, &t->authorizations) {
        struct authorization *z = LIST_OF(at, struct authorization, node);
        if (!z->is_replaced && !z->result && z->why.kind == FAULT_NONE && text_equal_nocase(z->address, address))
            return true;
    }
    return false;
}

static void authorization_free(struct authorization *z)
{
    list_remove(&z->node);
    loop_timer_stop(&z->timer);
    for (struct list *at = list_pop(&z->askers); at; at = list_pop(&z->askers))
        free(LIST_OF(at, struct authorize_asker, node));
    secret_free(z->verifier);
    secret_free(z->code);
    answer_fini(&z->answer);
    json_decref(z->result);
    free(z->address);
    free(z->redirect_uri);
    free(z->issuer);
    free(z->jwks);
    free(z);
}

void authorizations_free(struct tokens *t)
{
    LIST_EACH (at, &t->authorizations)
        authorization_free(LIST_OF(at, struct authorization, node));
}

void authorization_ask(struct authorization *z, bool is_start, authorize_done_fn *done, void *ctx, uint64_t tag)
{
    struct authorize_asker *a = mem_alloc(sizeof *a);
    *a = (struct authorize_asker){ .is_start = is_start, .done = done, .ctx = ctx, .tag = tag };
    list_append(&z->askers, &a->node);
}

/* A device's sign-in ends with nobody's request: who hears of it first is told that it is news. */
static void say(struct authorization *z, const struct authorize_asker *to, const json_t *result,
                const struct fault *why)
{
    json_t *news = NULL;
    if (z->is_device && result && result == z->result && !z->is_told) {
        news = json_copy(z->result);
        json_object_set_new(news, "is_news", json_true());
        z->is_told = true;
    }
    to->done(to->ctx, to->tag, z->address, news ? news : result, why);
    json_decref(news);
}

static void tell(struct authorization *z, bool starts_only, const json_t *result, const struct fault *why)
{
    struct list told;
    list_init(&told);
    LIST_EACH (at, &z->askers) {
        if (LIST_OF(at, struct authorize_asker, node)->is_start || !starts_only) {
            list_remove(at);
            list_append(&told, at);
        }
    }
    for (struct list *at = list_pop(&told); at; at = list_pop(&told)) {
        struct authorize_asker *a = LIST_OF(at, struct authorize_asker, node);
        say(z, a, result, why);
        free(a);
    }
}

void authorization_started(struct authorization *z, json_t *result, const struct fault *why)
{
    tell(z, true, result, why);
    json_decref(result);
}

void authorization_decided(struct authorization *z, json_t *result, const struct fault *why)
{
    z->result = result;
    if (why)
        z->why = *why;
    answer_fini(&z->answer);
    secret_free(z->code);
    z->code = NULL;
    /* It is kept until its end for those who ask only now. */
    int64_t left_ms = z->ends_ms - loop_now_ms(z->home->parts.loop);
    loop_timer_start(&z->timer, left_ms > 0 ? left_ms : 0);
    if (why)
        log_warn("grant.refused", LOG_TEXT("mailbox", z->address), LOG_FAULT(why));
    tell(z, false, result, why);
}

void authorization_stumbled(struct authorization *z, const struct fault *why)
{
    answer_fini(&z->answer);
    log_warn("grant.refused", LOG_TEXT("mailbox", z->address), LOG_FAULT(why));
    tell(z, false, NULL, why);
}

bool authorization_came_back(struct authorization *z)
{
    z->is_busy = false;
    if (!z->is_replaced)
        return false;
    authorization_free(z);
    return true;
}

void authorization_remember(struct authorization *z, const struct endpoints *e)
{
    free(z->issuer);
    free(z->jwks);
    z->issuer = mem_strdup(e->issuer);
    z->jwks = mem_strdup(e->jwks);
}

bool authorization_subject(struct authorization *z, struct subject *s, struct fault *why)
{
    const struct mailbox *m = directory_mailbox(z->home->parts.directory, z->address);
    if (m)
        return subject_of_mailbox(z->home, m, s, why);
    fault_set(why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", z->address);
    return false;
}

void authorization_find_endpoints(struct authorization *z, endpoints_done_fn *then)
{
    struct subject s;
    struct fault why = { 0 };
    if (!authorization_subject(z, &s, &why)) {
        authorization_decided(z, NULL, &why);
        return;
    }
    z->is_busy = true;
    endpoints_get(z->home->documents, s.provider, s.registration->tenant, s.ca_pem, ENDPOINT_SIGN_IN, then, z);
}

static void expired_fault(struct fault *why)
{
    fault_set(why, FAULT_REJECT, "grant.expired",
              "no sign-in of this id is under way: it ended, or was started too long ago");
}

static void end(struct authorization *z)
{
    struct fault why = { 0 };
    expired_fault(&why);
    z->is_replaced = true;
    loop_timer_stop(&z->timer);
    tell(z, false, NULL, &why);
    if (!z->is_busy)
        authorization_free(z);
}

static void on_end(void *ctx)
{
    struct authorization *z = ctx;
    bool is_decided = z->result || z->why.kind != FAULT_NONE;
    if (z->is_device && !is_decided && loop_now_ms(z->home->parts.loop) < z->ends_ms)
        device_poll_again(z);
    else
        end(z);
}

/* One per mailbox, and a ceiling over all: the oldest gives way. */
static void make_room(struct tokens *t, const char *address)
{
    size_t count = 0;
    LIST_EACH (at, &t->authorizations) {
        struct authorization *z = LIST_OF(at, struct authorization, node);
        if (!z->is_replaced && text_equal_nocase(z->address, address))
            end(z);
    }
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): list_remove() took the freed one off this list */
    LIST_EACH (at, &t->authorizations)
        count++;
    if (count >= PENDING_MAX && !list_is_empty(&t->authorizations))
        end(LIST_OF(t->authorizations.next, struct authorization, node));
}

static struct authorization *authorization_new(struct tokens *t, const struct mailbox *m, bool is_device)
{
    make_room(t, m->address);
    struct authorization *z = mem_alloc(sizeof *z);
    char verifier[PKCE_WORD_SIZE];
    z->home = t;
    z->address = mem_strdup(m->address);
    z->is_device = is_device;
    z->ends_ms = loop_now_ms(t->parts.loop) + AUTHORIZE_LIFE_MS;
    list_init(&z->askers);
    pkce_id(z->id);
    pkce_word(z->state);
    pkce_word(z->nonce);
    pkce_word(verifier);
    z->verifier = secret_new(verifier, sizeof verifier - 1);
    secret_wipe(verifier, sizeof verifier);
    loop_timer_init(&z->timer, t->parts.loop, on_end, z);
    loop_timer_start(&z->timer, AUTHORIZE_LIFE_MS);
    list_append(&t->authorizations, &z->node);
    return z;
}

static void app_done(void *ctx, uint64_t tag, const struct token_reply *reply)
{
    struct authorization *z = ctx;
    if (authorization_came_back(z))
        return;
    if (reply->is_ok)
        authorization_decided(z, json_pack("{s:s, s:s, s:s}", "address", z->address, "user", reply->user, "scopes", ""),
                              NULL);
    else
        authorization_decided(z, NULL, &reply->why);
}

/* Nobody signs in: the answer to the start comes first, the token's fate to those who wait. */
static void begin_app(struct authorization *z)
{
    authorization_started(z,
                          json_pack("{s:s, s:s, s:I, s:s}", "id", z->id, "url", "", "expires_in",
                                    (json_int_t)(AUTHORIZE_LIFE_MS / 1000), "message",
                                    "The application signs in by itself; nobody has to."),
                          NULL);
    z->is_busy = true;
    struct token_want want = { .mailbox = z->address, .protocol = OBJECT_SMTP };
    tokens_ask(z->home, &want, app_done, z, 0);
}

static bool check_redirect(const char *uri, struct fault *why)
{
    if (http_url_is_safe(uri) && !strpbrk(uri, "#\r\n "))
        return true;
    return fault_set(why, FAULT_CONFIG, "oauth.redirect-not-registered",
                     "%.200s can't be a redirect URI: it must be an https address, or http://localhost with any port",
                     uri);
}

static bool is_method(const char *method)
{
    static const char *const known[] = { "localhost", "paste", "console", "nativeclient", "device" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (text_equal(method, known[i]))
            return true;
    return text_is_empty(method);
}

static bool check_start(const struct authorize_start *start, const struct mailbox *m, struct fault *why)
{
    if (!m)
        return fault_set(why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", start->address);
    if (m->grant == OBJECT_GRANT_BASIC || m->grant == OBJECT_GRANT_NONE)
        return fault_set(why, FAULT_CONFIG, "",
                         "%s does not sign in with OAuth (its grant is basic or none): there is nothing "
                         "to authorize",
                         m->address);
    if (is_method(start->method))
        return true;
    return fault_set(why, FAULT_CONFIG, "",
                     "the way to sign in is localhost, paste, console, nativeclient or device, not %.40s",
                     start->method);
}

static bool wants_device(const struct authorize_start *start, const struct mailbox *m)
{
    return text_is_empty(start->method) ? m->grant == OBJECT_GRANT_DEVICE : text_equal(start->method, "device");
}

static const char *redirect_of(const struct authorize_start *start, const struct registration *r)
{
    if (!text_is_empty(start->redirect_uri))
        return start->redirect_uri;
    if (text_equal(start->method, "nativeclient"))
        return NATIVE_CLIENT;
    return r->redirect_uri[0] ? r->redirect_uri : "http://localhost/";
}

void authorize_begin(struct tokens *t, const struct authorize_start *start, authorize_done_fn *done, void *ctx,
                     uint64_t tag)
{
    struct fault why = { 0 };
    struct subject s;
    const struct mailbox *m = directory_mailbox(t->parts.directory, start->address);
    if (!check_start(start, m, &why) || !subject_of_mailbox(t, m, &s, &why)) {
        done(ctx, tag, start->address, NULL, &why);
        return;
    }
    const char *redirect = redirect_of(start, s.registration);
    bool is_device = wants_device(start, m), is_app = m->grant == OBJECT_GRANT_APP;
    if (!is_device && !is_app && !check_redirect(redirect, &why)) {
        done(ctx, tag, start->address, NULL, &why);
        return;
    }
    struct authorization *z = authorization_new(t, m, is_device && !is_app);
    z->redirect_uri = mem_strdup(redirect);
    authorization_ask(z, true, done, ctx, tag);
    if (is_app) {
        begin_app(z);
    } else if (is_device) {
        device_begin(z);
    } else {
        code_begin(z);
    }
}

/* `z`: NULL, there is none. */
static void finish(struct authorization *z, struct bytes url, authorize_done_fn *done, void *ctx, uint64_t tag)
{
    struct fault why = { 0 };
    bool is_ours = false;
    if (!z || z->is_device || z->result || z->why.kind != FAULT_NONE)
        expired_fault(&why);
    else if (z->is_busy)
        fault_set(&why, FAULT_RETRY, "", "this sign-in is being finished already");
    else if (code_read_redirect(z, url, &is_ours, &why)) {
        authorization_ask(z, false, done, ctx, tag);
        code_redeem(z);
        return;
    }
    if (is_ours && why.kind != FAULT_RETRY)
        authorization_decided(z, NULL, &why);
    done(ctx, tag, z ? z->address : "", NULL, &why);
}

void authorize_finish(struct tokens *t, const char *id, struct bytes url, authorize_done_fn *done, void *ctx,
                      uint64_t tag)
{
    finish(find(t, id), url, done, ctx, tag);
}

void authorize_land(struct tokens *t, struct bytes url, authorize_done_fn *done, void *ctx, uint64_t tag)
{
    struct arena *life = arena_new();
    struct authorization *z = find_by_state(t, code_state_of(url, life));
    arena_free(life);
    finish(z, url, done, ctx, tag);
}

void authorize_wait(struct tokens *t, const char *id, const char *address, authorize_done_fn *done, void *ctx,
                    uint64_t tag)
{
    struct authorization *z = find(t, id);
    if (z && !text_is_empty(address) && !text_equal_nocase(z->address, address))
        z = NULL;
    struct fault why = { 0 };
    if (z && !z->result && z->why.kind == FAULT_NONE) {
        authorization_ask(z, false, done, ctx, tag);
        return;
    }
    if (!z) {
        expired_fault(&why);
        done(ctx, tag, "", NULL, &why);
    } else {
        struct authorize_asker asker = { .done = done, .ctx = ctx, .tag = tag };
        say(z, &asker, z->result, z->result ? NULL : &z->why);
    }
}

static void drop(struct tokens *t, const void *ctx, const uint64_t *tag)
{
    LIST_EACH (at, &t->authorizations) {
        struct authorization *z = LIST_OF(at, struct authorization, node);
        LIST_EACH (each, &z->askers) {
            struct authorize_asker *a = LIST_OF(each, struct authorize_asker, node);
            if (a->ctx == ctx && (!tag || a->tag == *tag)) {
                list_remove(each);
                free(a);
            }
        }
    }
}

void authorize_cancel(struct tokens *t, const void *ctx, uint64_t tag)
{
    drop(t, ctx, &tag);
}

void authorize_forget_asker(struct tokens *t, const void *ctx)
{
    drop(t, ctx, NULL);
}
