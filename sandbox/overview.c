/* The page of the sandbox: mail, users, registrations, switches. Tables and forms only, no scripts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/api.h"
#include "sandbox/sandbox_private.h"

#define SHOWN_MESSAGES 200
#define SHOWN_BYTES 65536

static void add_start(struct buf *out, const char *title)
{
    buf_addf(out,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n"
             "<link rel=\"stylesheet\" href=\"/sandbox.css\">\n</head>\n<body class=\"wide\">\n<main>\n<h1>%s</h1>\n",
             title, title);
}

static void finish(struct web_reply *re)
{
    buf_add_str(&re->body, "</main>\n</body>\n</html>\n");
    re->status = 200;
    re->type = "text/html; charset=utf-8";
    web_reply_header(re, "Content-Security-Policy",
                     "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
                     "frame-ancestors 'none'");
}

static void add_cell(struct buf *out, const char *text)
{
    buf_add_str(out, "<td>");
    web_html_escape(out, text != NULL ? text : "");
    buf_add_str(out, "</td>");
}

static void add_code_cell(struct buf *out, const char *text)
{
    buf_add_str(out, "<td><code>");
    web_html_escape(out, text != NULL ? text : "");
    buf_add_str(out, "</code></td>");
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void add_recipients(struct buf *out, const json_t *facts)
{
    size_t i;
    json_t *to;
    buf_add_str(out, "<td>");
    json_array_foreach(json_object_get(json_object_get(facts, "envelope"), "to"), i, to)
    {
        if (i == 5) {
            buf_addf(out, " and %zu more",
                     json_array_size(json_object_get(json_object_get(facts, "envelope"), "to")) - i);
            break;
        }
        buf_add_str(out, i > 0 ? ", " : "");
        web_html_escape(out, json_string_value(to));
    }
    buf_add_str(out, "</td>");
}

static void add_messages(struct buf *out, const struct mailstore *mail)
{
    size_t count = mailstore_count(mail);
    json_t *list = mailstore_list(mail, 0, SIZE_MAX);
    buf_addf(out, "<h2 id=\"messages\">Messages</h2>\n<p>%zu arrived. Newest first.</p>\n", count);
    buf_add_str(
        out,
        "<table>\n<thead><tr><th scope=\"col\">No.</th><th scope=\"col\">Received</th><th scope=\"col\">Subject</th>"
        "<th scope=\"col\">From</th><th scope=\"col\">To</th><th scope=\"col\">Signed in</th>"
        "<th scope=\"col\">Octets</th></tr></thead>\n<tbody>\n");
    for (size_t i = count; i > 0 && count - i < SHOWN_MESSAGES; i--) {
        const json_t *facts = json_array_get(list, i - 1);
        json_int_t id = json_integer_value(json_object_get(facts, "id"));
        const char *subject = text_of(facts, "subject");
        buf_addf(out, "<tr><td>%lld</td>", (long long)id);
        add_cell(out, text_of(facts, "received"));
        buf_addf(out, "<td><a href=\"/messages/%lld\">", (long long)id);
        web_html_escape(out, subject != NULL && *subject != 0 ? subject : "(no subject)");
        buf_add_str(out, "</a></td>");
        add_cell(out, text_of(json_object_get(facts, "envelope"), "from"));
        add_recipients(out, facts);
        add_cell(out, text_of(facts, "user"));
        buf_addf(out, "<td>%lld</td></tr>\n", (long long)json_integer_value(json_object_get(facts, "size")));
    }
    buf_add_str(out, "</tbody>\n</table>\n");
    json_decref(list);
}

static void add_users(struct buf *out)
{
    buf_add_str(
        out,
        "<h2 id=\"users\">Users</h2>\n<table>\n<thead><tr><th scope=\"col\">Address</th><th scope=\"col\">Name</th>"
        "<th scope=\"col\">Tenant</th><th scope=\"col\">Aliases</th><th scope=\"col\">May send as</th></tr></thead>\n"
        "<tbody>\n");
    for (size_t i = 0; i < users_count; i++) {
        const struct user *u = &users[i];
        buf_add_str(out, "<tr>");
        add_cell(out, u->address);
        add_cell(out, u->name);
        add_cell(out, u->tenant->title);
        add_cell(out, u->aliases[0]);
        add_cell(out, u->send_as[0]);
        buf_add_str(out, "</tr>\n");
    }
    buf_add_str(out, "</tbody>\n</table>\n");
}

static void add_registrations(struct buf *out)
{
    buf_add_str(out, "<h2 id=\"registrations\">Registrations</h2>\n<table>\n<thead><tr><th scope=\"col\">Name</th>"
                     "<th scope=\"col\">What for</th><th scope=\"col\">Tenant</th><th scope=\"col\">Client id</th>"
                     "<th scope=\"col\">Secret</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < clients_count; i++) {
        const struct client *c = &clients[i];
        buf_add_str(out, "<tr>");
        add_cell(out, c->name);
        add_cell(out, c->title);
        add_code_cell(out, c->tenant->id);
        add_code_cell(out, c->client_id);
        add_code_cell(out, c->secret);
        buf_add_str(out, "</tr>\n");
    }
    buf_add_str(out, "</tbody>\n</table>\n");
}

static void add_switches(struct buf *out, struct switches *switches)
{
    buf_add_str(out, "<h2 id=\"switches\">Switches</h2>\n<table>\n<thead><tr><th scope=\"col\">Switch</th>"
                     "<th scope=\"col\">Value</th><th scope=\"col\">What it does</th></tr></thead>\n<tbody>\n");
    for (unsigned i = 0; i < SWITCH_COUNT; i++) {
        const struct switch_row *row = &switch_rows[i];
        buf_addf(
            out,
            "<tr><th scope=\"row\"><label for=\"s%u\"><code>%s</code></label></th><td><form method=\"post\" "
            "action=\"/switches\"><input type=\"hidden\" name=\"name\" value=\"%s\"><input type=\"text\" id=\"s%u\" "
            "name=\"value\" value=\"",
            i, row->name, row->name, i);
        web_html_escape(out, switches_text(switches, (enum switch_id)i));
        buf_addf(out, "\"> <button type=\"submit\" aria-label=\"Set %s\">Set</button></form></td><td>", row->name);
        web_html_escape(out, row->text);
        buf_add_str(out, " <small>(");
        web_html_escape(out, row->values);
        buf_add_str(out, ")</small></td></tr>\n");
    }
    buf_add_str(out, "</tbody>\n</table>\n");
}

void overview_page(struct sandbox *sb, const struct web_request *rq, struct web_reply *re)
{
    struct buf *out = &re->body;
    add_start(out, "Postern sandbox");
    buf_addf(out,
             "<nav aria-label=\"Sections\"><a href=\"#messages\">Messages</a> <a href=\"#users\">Users</a> "
             "<a href=\"#registrations\">Registrations</a> <a href=\"#switches\">Switches</a> "
             "<a href=\"/api/log\">Log (JSON)</a></nav>\n"
             "<p>Sign-in at <code>%s</code>, SMTP at <code>localhost:%u</code>, Google-like SMTP at "
             "<code>localhost:%u</code>.</p>\n",
             sb->https_url, sb->smtp_port, sb->google_smtp_port);
    add_messages(out, sb->mail);
    add_users(out);
    add_registrations(out);
    add_switches(out, sb->switches);
    finish(re);
}

void overview_message(struct sandbox *sb, uint64_t id, struct web_reply *re)
{
    struct buf raw;
    struct buf *out = &re->body;
    char *facts = json_dumps(mailstore_get(sb->mail, id), JSON_INDENT(2));
    buf_init(&raw, 256 * 1024 * 1024);
    mailstore_raw(sb->mail, id, &raw);
    size_t shown = text_cut(buf_bytes(&raw), raw.size < SHOWN_BYTES ? raw.size : SHOWN_BYTES);
    char *clean = mem_alloc(shown * 4 + 1);
    text_sanitize((struct bytes){ raw.data, shown }, clean, shown * 4 + 1);
    add_start(out, "Message");
    buf_addf(out,
             "<p><a href=\"/\">All messages</a> · <a href=\"/api/messages/%" PRIu64
             "/raw\">The bytes as they came</a></p>\n"
             "<h2>What is known about it</h2>\n<pre>",
             id);
    web_html_escape(out, facts);
    buf_addf(out, "</pre>\n<h2>Source%s</h2>\n<pre>", shown < raw.size ? " (the beginning)" : "");
    web_html_escape(out, clean);
    buf_add_str(out, "</pre>\n");
    free(clean);
    free(facts);
    buf_fini(&raw);
    finish(re);
}
