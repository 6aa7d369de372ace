/* handoff/webhook_json.c - written out as it is made, so that an attachment is in memory once in clear and once in base64. What is
 * absent is null; lists are never absent. */
#include "handoff/webhook_json.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"

struct writer {
    struct buf *out;
    bool fits;
    bool is_first; /* in the list or object that is open */
};

static void put(struct writer *w, const char *text)
{
    w->fits = w->fits && buf_add_str(w->out, text);
}

static bool is_plain(uint8_t c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* One octet or sequence that is not plain; returns its size. */
static size_t put_special(struct writer *w, struct bytes rest)
{
    uint8_t c = rest.data[0];
    size_t size = text_sequence(rest);
    if (c == '\n')
        put(w, "\\n");
    else if (c == '"' || c == '\\')
        w->fits = w->fits && buf_addf(w->out, "\\%c", c);
    else if (c < 0x80)
        w->fits = w->fits && buf_addf(w->out, "\\u%04x", (unsigned)c);
    else if (size > 0)
        w->fits = w->fits && buf_add(w->out, rest.data, size);
    else
        put(w, "\\ufffd");
    return size ? size : 1;
}

/* Runs of plain octets at once: most texts have nothing else. */
static void put_string(struct writer *w, const char *text)
{
    struct bytes rest = bytes_of(text);
    put(w, "\"");
    while (rest.size > 0 && w->fits) {
        size_t plain = 0;
        while (plain < rest.size && is_plain(rest.data[plain]))
            plain++;
        w->fits = buf_add(w->out, rest.data, plain);
        rest = bytes_slice(rest, plain, rest.size);
        if (rest.size > 0)
            rest = bytes_slice(rest, put_special(w, rest), rest.size);
    }
    put(w, "\"");
}

static void put_name(struct writer *w, const char *name)
{
    put(w, w->is_first ? "\"" : ",\"");
    put(w, name);
    put(w, "\":");
    w->is_first = false;
}

static void put_text(struct writer *w, const char *name, const char *text)
{
    put_name(w, name);
    if (*text)
        put_string(w, text);
    else
        put(w, "null");
}

static void put_bool(struct writer *w, const char *name, bool value)
{
    put_name(w, name);
    put(w, value ? "true" : "false");
}

static void put_number(struct writer *w, const char *name, uint64_t value)
{
    put_name(w, name);
    w->fits = w->fits && buf_addf(w->out, "%llu", (unsigned long long)value);
}

static void open_name(struct writer *w, const char *name, const char *bracket)
{
    put_name(w, name);
    put(w, bracket);
    w->is_first = true;
}

static void open_item(struct writer *w)
{
    put(w, w->is_first ? "{" : ",{");
    w->is_first = true;
}

static void close_with(struct writer *w, const char *bracket)
{
    put(w, bracket);
    w->is_first = false;
}

static void put_date(struct writer *w, const char *name, int64_t wall_ms)
{
    char text[HANDOFF_DATE_SIZE];
    clock_iso(wall_ms, text, sizeof text);
    put_text(w, name, text);
}

static void put_address(struct writer *w, const struct letter_address *a)
{
    open_item(w);
    put_text(w, "name", a->name);
    put_text(w, "address", a->address);
    close_with(w, "}");
}

static void put_list(struct writer *w, const char *name, const struct letter_list *list)
{
    open_name(w, name, "[");
    for (size_t i = 0; i < list->count; i++)
        put_address(w, &list->items[i]);
    close_with(w, "]");
}

static void put_item(struct writer *w, const struct handoff_run *run)
{
    const struct handoff_job *job = &run->job;
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)job->id);
    put_text(w, "id", id);
    put_text(w, "endpoint", run->endpoint->name);
    put_text(w, "mailbox", job->mailbox);
    put_text(w, "folder", *job->folder ? job->folder : "INBOX");
    put_number(w, "attempt", job->attempt);
    put_bool(w, "test", job->is_test);
    put_date(w, "received", job->received_ms);
    put_number(w, "size", job->size);
}

static void put_facts(struct writer *w, const struct handoff_run *run, const struct letter *l)
{
    put_text(w, "kind", handoff_kind_of(l));
    put_bool(w, "is_reply", l->is_reply);
    put_bool(w, "is_bounce", l->is_bounce);
    put_bool(w, "is_automatic", l->is_automatic);
    put_text(w, "message_id", l->message_id);
    put_text(w, "in_reply_to", l->in_reply_to);
    open_name(w, "references", "[");
    for (size_t i = 0; i < l->references_count; i++) {
        put(w, i ? "," : "");
        put_string(w, l->references[i]);
    }
    close_with(w, "]");
    put_text(w, "answers", run->job.queued_id);
    put_text(w, "return_path", l->return_path);
    put_text(w, "auto_submitted", l->auto_submitted);
    put_text(w, "list_id", l->list_id);
}

static void put_people(struct writer *w, const struct letter *l)
{
    put_list(w, "from", &l->from);
    put_list(w, "sender", &l->sender);
    put_list(w, "reply_to", &l->reply_to);
    put_list(w, "to", &l->to);
    put_list(w, "cc", &l->cc);
}

static void put_header(struct writer *w, const struct letter *l)
{
    open_name(w, "headers", "[");
    for (size_t i = 0; i < l->fields_count; i++) {
        open_item(w);
        put_text(w, "name", l->fields[i].name);
        put_name(w, "value");
        put_string(w, l->fields[i].value);
        close_with(w, "}");
    }
    close_with(w, "]");
}

static void put_body(struct writer *w, const struct letter *l)
{
    put_text(w, "text", l->text);
    put_bool(w, "text_cut", l->is_text_cut);
    put_text(w, "html", l->html);
    put_bool(w, "html_cut", l->is_html_cut);
}

static void put_content(struct writer *w, const struct letter_part *p)
{
    struct buf clear;
    buf_init(&clear, p->size + 1);
    letter_part_decode(p, &clear);
    size_t size = base64_size(clear.size);
    put_name(w, "content");
    put(w, "\"");
    uint8_t *to = w->fits ? buf_reserve(w->out, size + 1) : NULL;
    w->fits = to && base64_encode(buf_bytes(&clear), (char *)to, size + 1);
    if (w->fits)
        buf_grew(w->out, size);
    put(w, "\"");
    buf_fini(&clear);
}

static void put_parts(struct writer *w, const struct handoff_run *run, const struct letter *l)
{
    uint32_t kb = run->endpoint->webhook.inline_kb;
    uint64_t each = (uint64_t)(kb ? kb : WEBHOOK_INLINE_KB) << 10, left = WEBHOOK_INLINE_TOTAL;
    open_name(w, "attachments", "[");
    for (size_t i = 0; i < l->parts_count; i++) {
        const struct letter_part *p = &l->parts[i];
        bool is_inline = p->size <= each && p->size <= left;
        open_item(w);
        put_text(w, "name", p->name);
        put_text(w, "type", p->type);
        put_number(w, "size", p->size);
        put_text(w, "sha256", p->sha256);
        put_text(w, "content_id", p->content_id);
        put_text(w, "disposition", p->disposition);
        put_bool(w, "inline", is_inline);
        if (is_inline)
            put_content(w, p);
        left -= is_inline ? p->size : 0;
        close_with(w, "}");
    }
    close_with(w, "]");
}

static void put_bounce(struct writer *w, const struct letter *l)
{
    if (!l->is_bounce && l->reports_count == 0) {
        put_text(w, "bounce", "");
        return;
    }
    open_name(w, "bounce", "{");
    put_text(w, "reported_id", l->reported_id);
    open_name(w, "recipients", "[");
    for (size_t i = 0; i < l->reports_count; i++) {
        open_item(w);
        put_text(w, "address", l->reports[i].recipient);
        put_text(w, "action", l->reports[i].action);
        put_text(w, "status", l->reports[i].status);
        put_text(w, "diagnostic", l->reports[i].diagnostic);
        put_text(w, "remote", l->reports[i].remote);
        close_with(w, "}");
    }
    close_with(w, "]");
    close_with(w, "}");
}

static void put_raw(struct writer *w, const struct handoff_job *job)
{
    if (!*job->raw_link) {
        put_text(w, "raw", "");
        return;
    }
    open_name(w, "raw", "{");
    put_text(w, "url", job->raw_link);
    put_date(w, "expires", job->raw_link_ends_ms);
    close_with(w, "}");
}

bool webhook_json(const struct handoff_run *run, const struct letter *l, struct buf *out)
{
    struct writer w = { out, true, true };
    open_item(&w);
    put_item(&w, run);
    put_facts(&w, run, l);
    put_people(&w, l);
    put_text(&w, "subject", l->subject);
    put_text(&w, "date", l->date);
    put_header(&w, l);
    put_body(&w, l);
    put_parts(&w, run, l);
    put_bounce(&w, l);
    put_raw(&w, &run->job);
    put_text(&w, "trouble", l->trouble);
    close_with(&w, "}");
    return w.fits;
}
