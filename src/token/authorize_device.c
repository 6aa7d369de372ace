/* token/authorize_device.c - the device code grant (RFC 8628): a code for a person, and patient polling. */
#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "token/authorize_private.h"
#include "token/scope.h"

#define SLOWER_MS 5000
#define INTERVAL_MAX_MS 60000
#define GRANT_TYPE "urn:ietf:params:oauth:grant-type:device_code"

static void wait_to_poll(struct authorization *z)
{
    loop_timer_start(&z->timer, z->interval_ms);
}

static void on_polled(void *ctx, const struct http_answer *http)
{
    struct authorization *z = ctx;
    struct fault why = { 0 };
    if (authorization_came_back(z))
        return;
    bool ok = answer_read(http, &z->answer, &why);
    const char *error = z->answer.error;
    /* RFC 8628 3.5: slower when told so; twice as slow when the server can't be reached. */
    if (text_equal(error, "slow_down"))
        z->interval_ms += SLOWER_MS;
    else if (!ok && error[0] == '\0')
        z->interval_ms *= 2;
    if (z->interval_ms > INTERVAL_MAX_MS)
        z->interval_ms = INTERVAL_MAX_MS;
    bool is_pending = text_equal(error, "authorization_pending") || text_equal(error, "slow_down");
    if (ok)
        authorization_check(z);
    else if (is_pending || why.kind == FAULT_RETRY)
        wait_to_poll(z);
    else
        authorization_decided(z, NULL, &why);
}

static bool poll(struct authorization *z, const struct endpoints *e, struct fault *why)
{
    struct subject s;
    struct form form;
    form_init(&form);
    bool ok = authorization_subject(z, &s, why);
    if (ok) {
        form_add(&form, "grant_type", GRANT_TYPE);
        form_add_bytes(&form, "device_code", secret_bytes(z->code));
        ok = subject_sign_form(z->home, &s, e->token, &form, why);
    }
    if (ok) {
        z->is_busy = true;
        http_send(z->home->parts.http,
                  &(struct http_request){ e->token, form_bytes(&form), s.ca_pem, z->home->settings.timeout_s },
                  on_polled, z);
    }
    form_fini(&form);
    return ok;
}

static void on_poll_endpoints(void *ctx, const struct endpoints *e, const struct fault *refused)
{
    struct authorization *z = ctx;
    struct fault why = { 0 };
    if (authorization_came_back(z))
        return;
    if (refused)
        wait_to_poll(z);
    else if (!poll(z, e, &why))
        authorization_decided(z, NULL, &why);
}

void device_poll_again(struct authorization *z)
{
    authorization_find_endpoints(z, on_poll_endpoints);
}

static void take_code(struct authorization *z, struct device_answer *a)
{
    z->code = a->device_code;
    a->device_code = NULL;
    z->interval_ms = a->interval_s * 1000;
    z->ends_ms = loop_now_ms(z->home->parts.loop) + a->expires_in_s * 1000;
    authorization_started(z,
                          json_pack("{s:s, s:s, s:s, s:I, s:s}", "id", z->id, "url", a->verification_uri, "code",
                                    a->user_code, "expires_in", (json_int_t)a->expires_in_s, "message", a->message),
                          NULL);
    wait_to_poll(z);
}

static void on_code(void *ctx, const struct http_answer *http)
{
    struct authorization *z = ctx;
    struct device_answer answer;
    struct fault why = { 0 };
    if (authorization_came_back(z))
        return;
    if (device_answer_read(http, &answer, &why))
        take_code(z, &answer);
    else
        authorization_decided(z, NULL, &why);
    device_answer_fini(&answer);
}

static bool ask_code(struct authorization *z, const struct endpoints *e, struct fault *why)
{
    struct subject s;
    if (!authorization_subject(z, &s, why))
        return false;
    if (e->device[0] == '\0')
        return fault_set(why, FAULT_CONFIG, "oauth.scope-invalid",
                         "the provider %s has no device sign-in for mail: use --localhost or --paste",
                         s.provider->name);
    struct arena *life = arena_new();
    struct form form;
    form_init(&form);
    form_add(&form, "client_id", s.registration->client_id);
    form_add(&form, "scope", scope_for_sign_in(s.provider, s.mailbox, life));
    authorization_remember(z, e);
    z->is_busy = true;
    http_send(z->home->parts.http,
              &(struct http_request){ e->device, form_bytes(&form), s.ca_pem, z->home->settings.timeout_s }, on_code,
              z);
    form_fini(&form);
    arena_free(life);
    return true;
}

static void on_device_endpoints(void *ctx, const struct endpoints *e, const struct fault *refused)
{
    struct authorization *z = ctx;
    struct fault why = { 0 };
    if (authorization_came_back(z))
        return;
    if (refused || !ask_code(z, e, &why))
        authorization_decided(z, NULL, refused ? refused : &why);
}

void device_begin(struct authorization *z)
{
    authorization_find_endpoints(z, on_device_endpoints);
}
