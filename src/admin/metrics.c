/* GET /metrics: the numbers of the overview for a monitoring program, in OpenMetrics or, where that is not asked for, in the text
 * format that came before it. Names are API: doc/metrics.md lists them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin_private.h"
#include "admin/overview.h"
#include "base/clock.h"
#include "base/text.h"

enum { PAGE_LIMIT = 64 << 20 };

enum metric_type { GAUGE, COUNTER };

struct page {
    struct buf out;
    bool is_open_metrics;
    const char *name; /* of the family being written */
    enum metric_type type;
};

static void add(struct page *p, const char *text)
{
    buf_add_bytes(&p->out, bytes_of(text));
}

/* A counter's family has no suffix in OpenMetrics, and its sample's in the older format. */
static void family(struct page *p, const char *name, enum metric_type type, const char *help)
{
    const char *suffix = type == COUNTER && !p->is_open_metrics ? "_total" : "";
    char line[400];
    p->name = name;
    p->type = type;
    snprintf(line, sizeof line, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix,
             type == COUNTER ? "counter" : "gauge");
    add(p, line);
}

static void add_value(struct page *p, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_byte(&p->out, '\\');
        if (*text == '\n')
            add(p, "\\n");
        else
            buf_add_byte(&p->out, (uint8_t)*text);
    }
}

struct label {
    const char *name, *value;
};

/* `labels` ends at a NULL name. */
static void sample(struct page *p, const struct label *labels, double value)
{
    char number[64];
    add(p, p->name);
    add(p, p->type == COUNTER ? "_total" : "");
    for (size_t i = 0; labels[i].name; i++) {
        add(p, i ? "," : "{");
        add(p, labels[i].name);
        add(p, "=\"");
        add_value(p, labels[i].value ? labels[i].value : "");
        buf_add_byte(&p->out, '"');
    }
    snprintf(number, sizeof number, "%s %.17g\n", labels[0].name ? "}" : "", value);
    add(p, number);
}

static const struct label no_labels[] = { { NULL, NULL } };

static const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "";
}

static double number_at(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

static double seconds_since(const json_t *json, const char *key, int64_t now)
{
    int64_t then;
    return clock_parse(text_at(json, key), &then) && now > then ? (double)(now - then) / 1000 : 0;
}

/* --- Postern and its roles --- */

static void add_roles(struct page *p, const json_t *o)
{
    const json_t *roles = json_object_get(o, "roles"), *role;
    size_t i;
    char index[24];
    family(p, "postern_build_info", GAUGE, "1, with the version of the daemon.");
    sample(p, (const struct label[]){ { "version", text_at(o, "version") }, { NULL, NULL } }, 1);
    for (int is_restarts = 0; is_restarts < 2; is_restarts++) {
        if (is_restarts)
            family(p, "postern_role_restarts", COUNTER, "How often the parent started the role again.");
        else
            family(p, "postern_role_up", GAUGE, "1 while the role runs.");
        json_array_foreach(roles, i, role)
        {
            snprintf(index, sizeof index, "%d", (int)number_at(role, "index"));
            sample(p, (const struct label[]){ { "role", text_at(role, "role") }, { "index", index }, { NULL, NULL } },
                   is_restarts ? number_at(role, "restarts") : strcmp(text_at(role, "state"), "running") == 0);
        }
    }
}

static void add_needs(struct page *p, const json_t *o)
{
    static const char *const severities[] = { "error", "warning" };
    size_t i;
    const json_t *need;
    family(p, "postern_needs_person", GAUGE,
           "What needs a person: error where mail waits for it, warning where it will.");
    for (size_t s = 0; s < sizeof severities / sizeof *severities; s++) {
        unsigned count = 0;
        json_array_foreach(json_object_get(o, "needs_person"), i, need)
            count += strcmp(text_at(need, "severity"), severities[s]) == 0;
        sample(p, (const struct label[]){ { "severity", severities[s] }, { NULL, NULL } }, count);
    }
}

static void add_queue(struct page *p, const json_t *q, int64_t now)
{
    static const char *const states[] = { "queued", "active", "deferred", "held" };
    static const struct {
        const char *name, *key, *help;
    } totals[] = {
        { "postern_messages_accepted", "accepted_total", "Messages taken in, ever." },
        { "postern_messages_delivered", "delivered_total", "Messages delivered, at least in part, ever." },
        { "postern_messages_failed", "bounced_total", "Messages that nobody got, ever." },
    };
    if (!q)
        return;
    family(p, "postern_queue_open", GAUGE, "1 while mail is taken in.");
    sample(p, no_labels, json_is_true(json_object_get(q, "is_open")));
    family(p, "postern_queue_messages", GAUGE, "Messages that wait, by state.");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        sample(p, (const struct label[]){ { "state", states[i] }, { NULL, NULL } }, number_at(q, states[i]));
    family(p, "postern_queue_oldest_seconds", GAUGE, "Age of the oldest message that waits.");
    sample(p, no_labels, seconds_since(q, "oldest", now));
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) {
        family(p, totals[i].name, COUNTER, totals[i].help);
        sample(p, no_labels, number_at(q, totals[i].key));
    }
}

/* --- one line per mailbox or endpoint --- */

/* Where the number stands: `key`, or `key` in the member `group`. */
struct column {
    const char *name;
    enum metric_type type;
    const char *help, *group, *key;
};

static const struct column mailbox_columns[] = {
    { "postern_mailbox_needs_person", GAUGE, "1 while the mailbox waits for a person.", NULL, "needs_person" },
    { "postern_mailbox_messages_queued", GAUGE, "Messages that wait in the mailbox.", NULL, "queued" },
    { "postern_mailbox_messages_accepted", COUNTER, "Messages taken in for the mailbox.", "totals", "accepted" },
    { "postern_mailbox_messages_delivered", COUNTER, "Messages delivered, at least in part.", "totals", "delivered" },
    { "postern_mailbox_messages_failed", COUNTER, "Messages that nobody got.", "totals", "failed" },
    { "postern_mailbox_messages_received", COUNTER, "Messages that arrived for an endpoint of the mailbox.", "totals",
      "received" },
    { "postern_mailbox_recipients_used", GAUGE, "Recipients of the last 24 hours.", NULL, "recipients_today" },
    { "postern_mailbox_recipients_limit", GAUGE, "Recipients allowed in 24 hours; 0: no limit.", NULL,
      "recipients_per_day" },
    { "postern_mailbox_rate_used", GAUGE, "Messages sent in the last minute.", "rate", "used" },
    { "postern_mailbox_rate_limit", GAUGE, "Messages allowed in a minute; 0: no limit.", "rate", "limit" },
};

static const struct column endpoint_columns[] = {
    { "postern_endpoint_needs_person", GAUGE, "1 while the endpoint waits for a person.", NULL, "needs_person" },
    { "postern_endpoint_messages_waiting", GAUGE, "Messages that wait to be handed over.", NULL, "waiting" },
    { "postern_endpoint_messages_parked", GAUGE, "Messages that were given up and wait for a person.", NULL, "parked" },
};

static void add_column(struct page *p, const struct column *c, const json_t *lines, const char *label, const char *key)
{
    size_t i;
    const json_t *line;
    family(p, c->name, c->type, c->help);
    json_array_foreach(lines, i, line)
    {
        const json_t *value = json_object_get(c->group ? json_object_get(line, c->group) : line, c->key);
        if (value)
            sample(p, (const struct label[]){ { label, text_at(line, key) }, { NULL, NULL } },
                   json_is_boolean(value) ? json_is_true(value) : json_number_value(value));
    }
}

static void add_ends(struct page *p, const json_t *mailbox)
{
    size_t i;
    const json_t *end;
    int64_t at;
    json_array_foreach(json_object_get(mailbox, "ends"), i, end)
    {
        const struct label labels[] = { { "mailbox", text_at(mailbox, "address") },
                                        { "what", text_at(end, "what") },
                                        { NULL, NULL } };
        if (!clock_parse(text_at(end, "at"), &at))
            continue;
        int64_t seconds = at / 1000;
        sample(p, labels, (double)seconds);
    }
}

static void add_mailboxes(struct page *p, const json_t *lines, int64_t now)
{
    size_t i;
    const json_t *line;
    for (size_t c = 0; c < sizeof mailbox_columns / sizeof *mailbox_columns; c++)
        add_column(p, &mailbox_columns[c], lines, "mailbox", "address");
    family(p, "postern_mailbox_oldest_seconds", GAUGE, "Age of the oldest message that waits in the mailbox.");
    json_array_foreach(lines, i, line)
        sample(p, (const struct label[]){ { "mailbox", text_at(line, "address") }, { NULL, NULL } },
               seconds_since(line, "oldest", now));
    family(p, "postern_mailbox_ends_timestamp_seconds", GAUGE,
           "When the client secret, certificate, unused refresh token or access token ends.");
    json_array_foreach(lines, i, line) add_ends(p, line);
}

static bool wants_open_metrics(struct request *r)
{
    const char *accept = request_header(r, "Accept");
    return accept && strstr(accept, "application/openmetrics-text");
}

static void respond_metrics(struct request *r)
{
    struct page p = { .is_open_metrics = wants_open_metrics(r) };
    json_t *o = overview_json(r);
    int64_t now = loop_wall_ms(r->admin->loop);
    buf_init(&p.out, PAGE_LIMIT);
    add_roles(&p, o);
    add_needs(&p, o);
    add_queue(&p, json_object_get(o, "queue"), now);
    add_mailboxes(&p, json_object_get(o, "mailboxes"), now);
    for (size_t c = 0; c < sizeof endpoint_columns / sizeof *endpoint_columns; c++)
        add_column(&p, &endpoint_columns[c], json_object_get(o, "endpoints"), "endpoint", "name");
    if (p.is_open_metrics)
        add(&p, "# EOF\n");
    respond_octets(r, buf_bytes(&p.out),
                   p.is_open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                     : "text/plain; version=0.0.4; charset=utf-8");
    buf_fini(&p.out);
    json_decref(o);
}

void metrics_get(struct request *r)
{
    overview_ask(r);
    request_then(r, respond_metrics);
}
