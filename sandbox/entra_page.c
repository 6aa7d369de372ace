/* The few pages of the sign-in: plain HTML forms, no scripts, usable by keyboard and screen reader. */
#include <string.h>

#include "sandbox/entra_private.h"

static void add_start(struct buf *out, const char *title)
{
    buf_add_str(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    web_html_escape(out, title);
    buf_add_str(
        out,
        " - Postern sandbox</title>\n<link rel=\"stylesheet\" href=\"/sandbox.css\">\n</head>\n<body>\n<main>\n<h1>");
    web_html_escape(out, title);
    buf_add_str(
        out,
        "</h1>\n<p>This is the sandbox of Postern: no real account is touched, and no password is asked for.</p>\n");
}

static void add_hidden(struct buf *out, const char *name, const char *value)
{
    buf_add_str(out, "<input type=\"hidden\" name=\"");
    web_html_escape(out, name);
    buf_add_str(out, "\" value=\"");
    web_html_escape(out, value);
    buf_add_str(out, "\">\n");
}

static bool is_offered(const struct entra_page *page, const struct user *user)
{
    if (user->is_shared)
        return false;
    if (page->tenant != NULL)
        return user->tenant == page->tenant;
    return user->tenant != &tenant_google;
}

static void add_users(struct buf *out, const struct entra_page *page)
{
    buf_add_str(out, "<fieldset>\n<legend>Who signs in?</legend>\n");
    for (size_t i = 0; i < users_count; i++) {
        if (!is_offered(page, &users[i]))
            continue;
        buf_add_str(out, "<label><input type=\"radio\" name=\"sandbox_user\" required value=\"");
        web_html_escape(out, users[i].address);
        buf_addf(out, "\"%s> ", page->chosen == &users[i] ? " checked" : "");
        web_html_escape(out, users[i].name);
        buf_add_str(out, " (");
        web_html_escape(out, users[i].address);
        buf_add_str(out, ")</label>\n");
    }
    buf_add_str(out, "</fieldset>\n");
}

static void add_consent(struct buf *out, struct arena *arena, const struct entra_page *page)
{
    buf_add_str(out, "<h2>Permissions requested</h2>\n<p><strong>");
    web_html_escape(out, page->client->title);
    buf_add_str(out, "</strong> asks for:</p>\n<ul>\n");
    char *rest = arena_strdup(arena, page->scope);
    for (char *word = strtok_r(rest, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        buf_add_str(out, "<li><code>");
        web_html_escape(out, word);
        buf_add_str(out, "</code></li>\n");
    }
    buf_add_str(out, "</ul>\n");
}

static void add_form(struct buf *out, struct entra_call *c, const struct entra_page *page)
{
    buf_add_str(out, "<form method=\"post\" action=\"");
    web_html_escape(out, page->action);
    buf_add_str(out, "\">\n");
    for (size_t i = 0; page->carry != NULL && i < page->carry->count; i++) {
        const struct web_param *p = &page->carry->items[i];
        if (strcmp(p->name, "answer") != 0 && strcmp(p->name, "sandbox_user") != 0)
            add_hidden(out, p->name, p->value);
    }
    if (page->client == NULL) {
        buf_add_str(
            out, "<p><label for=\"user_code\">Code shown on the device</label>\n<input type=\"text\" id=\"user_code\" "
                 "name=\"user_code\" autocomplete=\"off\" autocapitalize=\"characters\" required autofocus></p>\n"
                 "<button type=\"submit\">Next</button>\n</form>\n");
        return;
    }
    if (page->user_code != NULL)
        add_hidden(out, "user_code", page->user_code);
    add_users(out, page);
    add_consent(out, c->rq->arena, page);
    buf_add_str(
        out, "<p><button type=\"submit\" name=\"answer\" value=\"accept\">Accept</button>\n"
             "<button type=\"submit\" name=\"answer\" value=\"decline\" formnovalidate>Cancel</button></p>\n</form>\n");
}

/* Browsers hold the redirect after a form to form-action, so the client's own address must be in it. */
static void add_policy(struct entra_call *c, const char *redirect_uri)
{
    struct bytes origin = redirect_uri != NULL ? entra_redirect_origin(redirect_uri) : BYTES_NONE;
    web_reply_header(
        c->re, "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'%s%.*s",
        origin.size > 0 ? " " : "", (int)origin.size, origin.size > 0 ? (const char *)origin.data : "");
    web_reply_header(c->re, "Referrer-Policy", "no-referrer");
}

static void finish(struct entra_call *c, int status)
{
    buf_add_str(&c->re->body, "</main>\n</body>\n</html>\n");
    c->re->status = status;
    c->re->type = "text/html; charset=utf-8";
}

static void add_message(struct buf *out, const char *message)
{
    buf_add_str(out, "<p class=\"message\" role=\"alert\">");
    web_html_escape(out, message);
    buf_add_str(out, "</p>\n");
}

void entra_page(struct entra_call *c, int status, const struct entra_page *page)
{
    struct buf *out = &c->re->body;
    add_start(out, page->title);
    if (page->message != NULL)
        add_message(out, page->message);
    if (!page->is_final)
        add_form(out, c, page);
    add_policy(c, page->redirect_uri);
    finish(c, status);
}

void entra_error_page(struct entra_call *c)
{
    char trace[37], correlation[37], time[24];
    sandbox_guid(trace);
    sandbox_guid(correlation);
    sandbox_entra_time(loop_wall_ms(c->sandbox->loop), time);
    const char *text = entra_refusal_text(&c->refusal, c->rq->arena, "\n", trace, correlation, time);
    struct buf *out = &c->re->body;
    add_start(out, "Sorry, but we're having trouble signing you in");
    add_message(out, text);
    buf_addf(out, "<p><code>%s</code></p>\n", entra_refusal_error(&c->refusal));
    add_policy(c, NULL);
    json_object_set_new(c->note, "error", json_string(entra_refusal_error(&c->refusal)));
    json_object_set_new(c->note, "code", json_integer(c->refusal.row->code));
    finish(c, 400);
}

void entra_form_post_page(struct entra_call *c, const char *redirect_uri, const struct web_params *fields)
{
    struct buf *out = &c->re->body;
    add_start(out, "Back to the program");
    buf_add_str(out, "<form method=\"post\" action=\"");
    web_html_escape(out, redirect_uri);
    buf_add_str(out, "\">\n");
    for (size_t i = 0; i < fields->count; i++)
        add_hidden(out, fields->items[i].name, fields->items[i].value);
    buf_add_str(out, "<button type=\"submit\" autofocus>Continue</button>\n</form>\n");
    add_policy(c, redirect_uri);
    finish(c, 200);
}
