#include "sandbox/api.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/announce.h"
#include "sandbox/api_private.h"
#include "sandbox/entra.h"
#include "sandbox/exchange.h"
#include "sandbox/imapd.h"
#include "sandbox/pop3d.h"

typedef void api_fn(struct api_call *c);

void api_refuse(struct api_call *c, int status, const char *why)
{
    web_reply_json(c->re, status, json_pack("{s:i, s:s}", "status", status, "detail", why));
}

uint64_t api_number(struct api_call *c, const char *name, uint64_t otherwise)
{
    uint64_t number;
    return text_to_u64(web_params_text(&c->rq->query, name), UINT64_MAX, &number) ? number : otherwise;
}

static void list_messages(struct api_call *c)
{
    json_t *items = mailstore_list(c->sandbox->mail, api_number(c, "after", 0), api_number(c, "limit", SIZE_MAX));
    web_reply_json(c->re, 200,
                   json_pack("{s:o, s:I}", "items", items, "count", (json_int_t)mailstore_count(c->sandbox->mail)));
}

static void clear_messages(struct api_call *c)
{
    mailstore_clear(c->sandbox->mail);
    web_reply_json(c->re, 200, json_object());
}

static void send_raw(struct api_call *c, uint64_t id)
{
    if (!mailstore_raw(c->sandbox->mail, id, &c->re->body)) {
        api_refuse(c, 500, "the message's file can't be read");
        return;
    }
    c->re->status = 200;
    c->re->type = "message/rfc822";
}

/* "N" or "N/raw" */
static void get_message(struct api_call *c)
{
    char number[24];
    size_t digits = strspn(c->rest, "0123456789");
    uint64_t id = 0;
    snprintf(number, sizeof number, "%.*s", (int)(digits < 20 ? digits : 20), c->rest);
    json_t *facts = text_to_u64(number, UINT64_MAX, &id) ? mailstore_get(c->sandbox->mail, id) : NULL;
    if (facts == NULL)
        api_refuse(c, 404, "there is no such message");
    else if (strcmp(c->rest + digits, "/raw") == 0)
        send_raw(c, id);
    else if (c->rest[digits] == 0)
        web_reply_json(c->re, 200, json_incref(facts));
    else
        api_refuse(c, 404, "a message has /raw and nothing else");
}

static json_int_t total_of(const json_t *counters, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(counters, name), "total"));
}

/* Totals under plain names, and everything by whom it was under "by". */
static json_t *counters_json(struct sandbox *sb)
{
    json_t *all = activity_counters(sb->activity);
    static const struct {
        const char *name, *counter;
    } totals[] = {
        { "tokens_issued", "token.issued" },
        { "tokens_refused", "token.refused" },
        { "refreshes", "token.refresh" },
        { "smtp_connections", "smtp.connections" },
        { "smtp_auth_accepted", "smtp.auth.accepted" },
        { "smtp_auth_refused", "smtp.auth.refused" },
        { "messages", "smtp.accepted" },
        { "imap_connections", "imap.connections" },
        { "imap_auth_accepted", "imap.auth.accepted" },
        { "imap_auth_refused", "imap.auth.refused" },
        { "pop3_connections", "pop3.connections" },
        { "pop3_auth_accepted", "pop3.auth.accepted" },
        { "pop3_auth_refused", "pop3.auth.refused" },
    };
    json_t *json = json_pack("{s:I}", "token_requests", total_of(all, "token.issued") + total_of(all, "token.refused"));
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++)
        json_object_set_new(json, totals[i].name, json_integer(total_of(all, totals[i].counter)));
    json_object_set_new(json, "by", all);
    return json;
}

static void get_state(struct api_call *c)
{
    json_t *state = announce_state(c->sandbox);
    json_object_set_new(state, "now_ms", json_integer(loop_wall_ms(c->sandbox->loop)));
    json_object_set_new(state, "counters", counters_json(c->sandbox));
    json_object_set_new(state, "smtp_server", exchange_server_json(c->sandbox->smtp));
    json_object_set_new(state, "google_smtp_server", exchange_server_json(c->sandbox->google_smtp));
    json_object_set_new(state, "imap_server", imapd_server_json(c->sandbox->imap));
    json_object_set_new(state, "google_imap_server", imapd_server_json(c->sandbox->google_imap));
    json_object_set_new(state, "pop3_server", pop3d_server_json(c->sandbox->pop3));
    json_object_set_new(state, "google_pop3_server", pop3d_server_json(c->sandbox->google_pop3));
    web_reply_json(c->re, 200, state);
}

static void list_switches(struct api_call *c)
{
    json_t *items = json_array();
    for (unsigned i = 0; i < SWITCH_COUNT; i++)
        json_array_append_new(items, switches_json(c->sandbox->switches, (enum switch_id)i));
    web_reply_json(c->re, 200, json_pack("{s:o}", "items", items));
}

static void get_switch(struct api_call *c)
{
    struct fault why;
    enum switch_id id = switches_find(c->rest, &why);
    if (id == SWITCH_COUNT)
        api_refuse(c, 404, why.text);
    else
        web_reply_json(c->re, 200, switches_json(c->sandbox->switches, id));
}

/* {"value": "…", "uses": 2} */
static void put_switch(struct api_call *c)
{
    struct fault why;
    json_t *body = json_loadb((const char *)c->rq->body.data, c->rq->body.size, 0, NULL);
    const char *value = json_string_value(json_object_get(body, "value"));
    json_int_t uses = json_integer_value(json_object_get(body, "uses"));
    if (value == NULL || uses < 0)
        api_refuse(c, 400, "a switch is set by a JSON object with \"value\" (text) and perhaps \"uses\" (a number)");
    else if (switches_find(c->rest, &why) == SWITCH_COUNT)
        api_refuse(c, 404, why.text);
    else if (!switches_set(c->sandbox->switches, c->rest, value, (uint64_t)uses, &why))
        api_refuse(c, 422, why.text);
    else
        get_switch(c);
    json_decref(body);
}

/* The form of the page. */
static void post_switch(struct api_call *c)
{
    struct fault why;
    const char *value = web_params_text(&c->rq->form, "value");
    if (switches_set(c->sandbox->switches, web_params_text(&c->rq->form, "name"), value, 0, &why))
        web_reply_redirect(c->re, c->rq, "/#switches");
    else
        web_reply_text(c->re, 422, "%s\n", why.text);
}

static void get_log(struct api_call *c)
{
    web_reply_json(c->re, 200,
                   json_pack("{s:o}", "items", activity_log(c->sandbox->activity, api_number(c, "after", 0))));
}

static void clear_log(struct api_call *c)
{
    activity_clear(c->sandbox->activity);
    web_reply_json(c->re, 200, json_object());
}

static void show_page(struct api_call *c)
{
    overview_page(c->sandbox, c->rq, c->re);
}

static void show_message(struct api_call *c)
{
    uint64_t id = 0;
    if (text_to_u64(c->rest, UINT64_MAX, &id) && mailstore_get(c->sandbox->mail, id) != NULL)
        overview_message(c->sandbox, id, c->re);
    else
        web_reply_text(c->re, 404, "There is no such message.\n");
}

static void send_style(struct api_call *c)
{
    entra_handle(c->sandbox, c->rq, c->re);
}

static const struct api_route {
    const char *method, *path;
    bool is_prefix;
    api_fn *run;
} routes[] = {
    { "GET", "/", false, show_page },
    { "GET", "/sandbox.css", false, send_style },
    { "GET", "/messages/", true, show_message },
    { "POST", "/switches", false, post_switch },
    { "GET", "/api/messages", false, list_messages },
    { "DELETE", "/api/messages", false, clear_messages },
    { "POST", "/api/messages", false, api_put_message },
    { "GET", "/api/folders", false, api_list_folders },
    { "GET", "/api/messages/", true, get_message },
    { "GET", "/api/state", false, get_state },
    { "GET", "/api/switches", false, list_switches },
    { "GET", "/api/switches/", true, get_switch },
    { "PUT", "/api/switches/", true, put_switch },
    { "GET", "/api/log", false, get_log },
    { "DELETE", "/api/log", false, clear_log },
};

/* A page elsewhere must not be able to change anything here by a name that leads to loopback. */
static bool is_from_here(const struct web_request *rq)
{
    const char *host = web_header(rq, "Host");
    const char *origin = web_header(rq, "Origin");
    if (host == NULL)
        return true;
    size_t size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    struct bytes name = { (const uint8_t *)host, size };
    bool is_local = bytes_equal_nocase(name, BYTES_LIT("localhost")) || bytes_equal(name, BYTES_LIT("127.0.0.1")) ||
                    bytes_equal(name, BYTES_LIT("[::1]"));
    if (origin == NULL)
        return is_local;
    return is_local && strncmp(origin, "http://", 7) == 0 && strcmp(origin + 7, host) == 0;
}

void api_handle(void *sandbox, const struct web_request *rq, struct web_reply *re)
{
    struct api_call c = { .sandbox = sandbox, .rq = rq, .re = re };
    bool is_path = false;
    if (!is_from_here(rq)) {
        api_refuse(&c, 403, "the sandbox answers to this machine's own names only");
        return;
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const struct api_route *r = &routes[i];
        size_t size = strlen(r->path);
        if (r->is_prefix ? strncmp(rq->path, r->path, size) != 0 : strcmp(rq->path, r->path) != 0)
            continue;
        is_path = true;
        if (strcmp(rq->method, r->method) != 0)
            continue;
        c.rest = rq->path + size;
        if (rq->body.size > WEB_BODY_MAX && r->run != api_put_message)
            api_refuse(&c, 413, "the request is too large");
        else
            r->run(&c);
        return;
    }
    api_refuse(&c, is_path ? 405 : 404, is_path ? "this method is not for that path" : "nothing lives at this path");
}
