/* The authorization endpoint (reference 1.6): check, let somebody sign in and consent, send the browser back. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sandbox/entra_private.h"

/* What a sign-in asks for, once it is known where to answer. */
struct sign_in {
    const struct client *client;
    const struct client_redirect *redirect;
    const char *redirect_uri, *response_mode, *state;
    struct entra_scopes scopes;
    bool wants_id_token;
};

/* Until the redirect URI is known to be the client's own, errors stay on a page. */
static bool check_client(struct entra_call *c, struct sign_in *s)
{
    s->client = entra_client_named(c, entra_param(c, "client_id"));
    if (s->client == NULL)
        return false;
    s->redirect_uri = entra_param(c, "redirect_uri");
    s->state = entra_param(c, "state");
    if (*s->redirect_uri == 0)
        return entra_refuse(&c->refusal, s->client->redirects[0].uri == NULL ? 900971 : 900144, "redirect_uri", NULL,
                            NULL);
    s->redirect = entra_redirect_find(s->client, s->redirect_uri);
    if (s->redirect == NULL)
        return entra_refuse(&c->refusal, 50011, s->redirect_uri, s->client->client_id, NULL);
    s->response_mode = entra_param(c, "response_mode");
    return true;
}

static bool check_response(struct entra_call *c, struct sign_in *s)
{
    const char *type = entra_param(c, "response_type");
    const char *mode = s->response_mode;
    s->wants_id_token = strstr(type, "id_token") != NULL;
    s->response_mode = "query";
    if (*type == 0)
        return entra_refuse(&c->refusal, 900144, "response_type", NULL, NULL);
    if (strcmp(type, "code") != 0 && strcmp(type, "code id_token") != 0 && strcmp(type, "id_token code") != 0)
        return entra_refuse(&c->refusal, strcmp(type, "id_token") == 0 ? 700054 : 70005, type, NULL, NULL);
    if (s->wants_id_token)
        s->response_mode = "fragment";
    if (*mode == 0)
        return true;
    if (strcmp(mode, "query") != 0 && strcmp(mode, "fragment") != 0 && strcmp(mode, "form_post") != 0)
        return entra_refuse(&c->refusal, 70007, mode, NULL, NULL);
    if (s->wants_id_token && strcmp(mode, "query") == 0)
        return entra_refuse(&c->refusal, 70007, mode, NULL, NULL);
    s->response_mode = mode;
    return true;
}

static bool check_challenge(struct entra_call *c)
{
    const char *challenge = entra_param(c, "code_challenge");
    const char *method = entra_param(c, "code_challenge_method");
    if (*challenge == 0)
        return *method == 0 || entra_refuse(&c->refusal, 90100, "code_challenge", NULL, NULL);
    if (*method != 0 && strcmp(method, "S256") != 0 && strcmp(method, "plain") != 0)
        return entra_refuse(&c->refusal, 90100, "code_challenge_method", NULL, NULL);
    return entra_pkce_is_valid(challenge) || entra_refuse(&c->refusal, 501491, NULL, NULL, NULL);
}

static bool check_prompt(struct entra_call *c)
{
    static const char *const known[] = { "", "login", "none", "consent", "select_account" };
    const char *prompt = entra_param(c, "prompt");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i], prompt) == 0)
            return true;
    }
    return entra_refuse(&c->refusal, 90023, "Unsupported 'prompt' value.", NULL, NULL);
}

static bool check_scope(struct entra_call *c, struct sign_in *s)
{
    const char *scope = entra_param(c, "scope");
    const char *offending = "";
    if (*scope == 0)
        return entra_refuse(&c->refusal, 900144, "scope", NULL, NULL);
    entra_scopes_parse(scope, c->rq->arena, &s->scopes);
    if (s->wants_id_token && (!s->scopes.openid || *entra_param(c, "nonce") == 0))
        return entra_refuse(&c->refusal, 900144, s->scopes.openid ? "nonce" : "scope openid", NULL, NULL);
    unsigned code = entra_scopes_check(&s->scopes, ENTRA_AT_AUTHORIZE, &offending);
    const char *where = c->tenant != NULL ? c->tenant->title : c->authority;
    return code == 0 || entra_refuse(&c->refusal, code, offending, where, NULL);
}

/* Sends the browser back with `fields`, the way response_mode says. */
static void send_back(struct entra_call *c, const struct sign_in *s, struct buf *fields)
{
    if (*s->state != 0) {
        buf_add_byte(fields, '&');
        web_params_add(fields, "state", s->state);
    }
    if (strcmp(s->response_mode, "form_post") == 0) {
        struct web_params *list = arena_alloc(c->rq->arena, sizeof *list);
        web_params_parse(buf_bytes(fields), c->rq->arena, list);
        entra_form_post_page(c, s->redirect_uri, list);
        return;
    }
    /* A URI without a path comes back with one (1.7). */
    const char *authority = strstr(s->redirect_uri, "://");
    bool has_path = authority == NULL || strchr(authority + 3, '/') != NULL;
    bool has_query = strchr(s->redirect_uri, '?') != NULL;
    const char *mark = strcmp(s->response_mode, "fragment") == 0 ? "#" : has_query ? "&" : "?";
    web_reply_redirect(
        c->re, c->rq,
        arena_printf(c->rq->arena, "%s%s%s%s", s->redirect_uri, has_path ? "" : "/", mark, buf_str(fields)));
}

static void send_refusal(struct entra_call *c, const struct sign_in *s)
{
    char trace[37], correlation[37], time[24];
    sandbox_guid(trace);
    sandbox_guid(correlation);
    sandbox_entra_time(loop_wall_ms(c->sandbox->loop), time);
    const char *text = entra_refusal_text(&c->refusal, c->rq->arena, " ", trace, correlation, time);
    const char *error = entra_refusal_error(&c->refusal);
    /* The front channel has names of its own. */
    if (strcmp(error, "invalid_grant") == 0)
        error = c->refusal.row->code == 65001 ? "consent_required" : "access_denied";
    struct buf fields;
    buf_init(&fields, 64 * 1024);
    web_params_add(&fields, "error", error);
    buf_add_byte(&fields, '&');
    web_params_add(&fields, "error_description", text);
    if (c->refusal.row->code == 65004)
        buf_add_str(&fields, "&error_subcode=cancel");
    json_object_set_new(c->note, "error", json_string(error));
    json_object_set_new(c->note, "code", json_integer(c->refusal.row->code));
    send_back(c, s, &fields);
    buf_fini(&fields);
}

static void add_client_info(struct entra_call *c, const struct user *user, struct buf *fields)
{
    char text[256];
    char *clear = arena_printf(c->rq->arena, "{\"uid\":\"%s\",\"utid\":\"%s\"}", user->oid, user->tenant->id);
    if (strcmp(entra_param(c, "client_info"), "1") == 0 && base64url_encode(bytes_of(clear), text, sizeof text))
        buf_addf(fields, "&client_info=%s", text);
}

static void send_code(struct entra_call *c, const struct sign_in *s, const struct user *user)
{
    char session[37];
    sandbox_guid(session);
    struct grant like = { .kind = GRANT_CODE,
                          .client = s->client,
                          .user = user,
                          .authority = c->authority,
                          .scope = entra_param(c, "scope"),
                          .nonce = entra_param(c, "nonce"),
                          .redirect_uri = s->redirect_uri,
                          .challenge = entra_param(c, "code_challenge"),
                          .method = entra_param(c, "code_challenge_method"),
                          .platform = s->redirect->platform,
                          .issued_ms = loop_wall_ms(c->sandbox->loop) };
    bool is_personal = user->tenant->kind == TENANT_PERSONAL;
    const struct grant *g = grants_add(c->sandbox->grants, &like, is_personal ? "M.C546_BAY.2.U." : "1.AXEA", 1120);
    struct buf fields;
    buf_init(&fields, 64 * 1024);
    web_params_add(&fields, "code", g->key);
    if (s->wants_id_token) {
        char *issuer = arena_printf(c->rq->arena, "%s/%s/v2.0", c->sandbox->https_url, user->tenant->id);
        buf_addf(&fields, "&id_token=%s", entra_id_token(c, g, issuer, s->client->client_id));
    }
    add_client_info(c, user, &fields);
    buf_addf(&fields, "&session_state=%s", session);
    json_object_set_new(c->note, "user", json_string(user->address));
    activity_count(c->sandbox->activity, "authorize", s->client->client_id);
    send_back(c, s, &fields);
    buf_fini(&fields);
}

const struct user *entra_picked_user(struct entra_call *c)
{
    const char *address = web_params_text(&c->rq->form, "sandbox_user");
    const struct user *user = *address != 0 ? user_find(address) : NULL;
    return user != NULL && !user->is_shared ? user : NULL;
}

static bool may_consent(struct entra_call *c, const struct sign_in *s, const struct user *user)
{
    if (!switches_is(c->sandbox->switches, SWITCH_CONSENT_POLICY, "admin"))
        return true;
    /* Admin consent that was given already is enough. */
    if (entra_consent_check(c, s->client, user, &s->scopes))
        return true;
    return entra_refuse(&c->refusal, 90094, user->tenant->title, s->client->title, NULL);
}

static void sign_in_as(struct entra_call *c, const struct sign_in *s, const struct user *user)
{
    if (!entra_user_fits(c, s->client, user) || !entra_user_may(c, s->client, user) || !may_consent(c, s, user)) {
        send_refusal(c, s);
        return;
    }
    entra_consent_give(c, s->client, user->oid, &s->scopes);
    send_code(c, s, user);
}

static void show_page(struct entra_call *c, const struct sign_in *s, const char *message)
{
    const struct user *hinted = user_find(entra_param(c, "login_hint"));
    struct entra_page page = { .title = "Sign in",
                               .message = message,
                               .client = s->client,
                               .tenant = c->tenant,
                               .scope = entra_param(c, "scope"),
                               .redirect_uri = s->redirect_uri,
                               .chosen = hinted,
                               .action = arena_printf(c->rq->arena, "/%s/oauth2/v2.0/authorize", c->authority),
                               .carry = strcmp(c->rq->method, "POST") == 0 ? &c->rq->form : &c->rq->query };
    entra_page(c, message != NULL ? 400 : 200, &page);
}

/* prompt=none: somebody is signed in only in the automatic mode. */
static void answer_silently(struct entra_call *c, const struct sign_in *s, const struct user *user)
{
    bool is_automatic = switches_is(c->sandbox->switches, SWITCH_AUTO_CONSENT, "on");
    if (!is_automatic || user == NULL)
        entra_refuse(&c->refusal, 50058, NULL, NULL, NULL);
    if (is_automatic && user != NULL && entra_user_fits(c, s->client, user) && entra_user_may(c, s->client, user) &&
        entra_consent_check(c, s->client, user, &s->scopes)) {
        send_code(c, s, user);
        return;
    }
    if (c->refusal.row->code == 65001)
        c->refusal.error = "consent_required";
    send_refusal(c, s);
}

static const struct user *automatic_user(struct entra_call *c)
{
    const char *hint = entra_param(c, "login_hint");
    return user_find(*hint != 0 ? hint : switches_text(c->sandbox->switches, SWITCH_AUTO_USER));
}

static void decide(struct entra_call *c, const struct sign_in *s)
{
    const char *pressed = web_params_text(&c->rq->form, "answer");
    if (strcmp(entra_param(c, "prompt"), "none") == 0) {
        answer_silently(c, s, automatic_user(c));
    } else if (strcmp(pressed, "decline") == 0) {
        entra_refuse(&c->refusal, 65004, NULL, NULL, NULL);
        send_refusal(c, s);
    } else if (strcmp(pressed, "accept") == 0) {
        const struct user *user = entra_picked_user(c);
        if (user != NULL)
            sign_in_as(c, s, user);
        else
            show_page(c, s, "Choose who signs in.");
    } else if (switches_is(c->sandbox->switches, SWITCH_AUTO_CONSENT, "on") && automatic_user(c) != NULL) {
        sign_in_as(c, s, automatic_user(c));
    } else {
        show_page(c, s, NULL);
    }
}

void entra_authorize(struct entra_call *c)
{
    struct sign_in s = { 0 };
    json_object_set_new(c->note, "kind", json_string("authorize"));
    if (!check_client(c, &s)) {
        entra_error_page(c);
        return;
    }
    if (check_response(c, &s) && check_challenge(c) && check_prompt(c) && check_scope(c, &s))
        decide(c, &s);
    else
        send_refusal(c, &s);
}
