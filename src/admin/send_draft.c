/* A draft: what a program gave in parts, made into a message once all of it is there. */
#include <string.h>

#include "admin/send.h"
#include "base/text.h"

/* ---- contents, laid aside as they come ---- */

bool send_content_begin(struct submission *s, const char *where, bool is_base64)
{
    if (s->contents_count == SEND_CONTENTS)
        return send_refuse(s, where, "api.field", "there are more than %d attachments", COMPOSE_PARTS);
    s->contents[s->contents_count++] = (struct send_content){ .where = arena_strdup(s->request->arena, where),
                                                              .at = s->aside.size };
    s->is_base64 = is_base64;
    s->base64 = (struct base64_reader){ 0 };
    return true;
}

static struct send_content *newest(struct submission *s)
{
    return &s->contents[s->contents_count - 1];
}

static bool lay_aside(struct submission *s, struct bytes in)
{
    return upload_add(s->request, &s->aside, in, &s->why);
}

bool send_content_add(struct submission *s, struct bytes in)
{
    uint8_t decoded[BASE64_READ_SIZE(8192)];
    if (!s->is_base64)
        return lay_aside(s, in);
    while (in.size > 0) {
        struct bytes piece = bytes_slice(in, 0, 8192);
        size_t size;
        if (!base64_read(&s->base64, piece, decoded, &size))
            return send_refuse(s, newest(s)->where, "api.base64", "the content is not base64");
        if (!lay_aside(s, (struct bytes){ decoded, size }))
            return false;
        in = bytes_slice(in, piece.size, in.size);
    }
    return true;
}

bool send_content_end(struct submission *s)
{
    struct send_content *c = newest(s);
    if (s->is_base64 && !base64_read_end(&s->base64))
        return send_refuse(s, c->where, "api.base64", "the content is not base64: it ends within a group of four");
    c->size = s->aside.size - c->at;
    return true;
}

const struct send_content *send_content_find(const struct submission *s, const char *where)
{
    for (size_t i = 0; i < s->contents_count; i++) {
        if (strcmp(s->contents[i].where, where) == 0)
            return &s->contents[i];
    }
    return NULL;
}

/* Where it lies, now that nothing moves any more. */
static struct compose_octets octets_of(const struct submission *s, uint64_t at, uint64_t size)
{
    if (s->aside.fd >= 0 && size > 0)
        return (struct compose_octets){ .fd = s->aside.fd, .at = at, .size = size };
    const uint8_t *data = s->aside.memory.data;
    return (struct compose_octets){ .data = data && size ? data + at : (const uint8_t *)"", .fd = -1, .size = size };
}

/* ---- the message ---- */

static void set_text(const struct submission *s, const struct send_content *c, bool *has, struct compose_octets *out)
{
    *has = c != NULL;
    if (c)
        *out = octets_of(s, c->at, c->size);
}

static struct compose compose_of(struct submission *s)
{
    struct send_draft *d = &s->draft;
    struct request *r = s->request;
    struct compose c = { .from = d->from,
                         .reply_to = d->reply_to,
                         .subject = d->subject,
                         .to = d->to.texts,
                         .cc = d->cc.texts,
                         .bcc = d->bcc.texts,
                         .headers = d->headers,
                         .headers_count = d->headers_count,
                         .calendar_method = d->method,
                         .parts = d->parts,
                         .parts_count = d->parts_count,
                         .hostname = r->admin->conf->hostname,
                         .now_ms = loop_wall_ms(r->admin->loop) };
    set_text(s, d->text, &c.has_text, &c.text);
    set_text(s, d->html, &c.has_html, &c.html);
    set_text(s, d->calendar, &c.has_calendar, &c.calendar);
    for (size_t i = 0; i < d->parts_count; i++)
        d->parts[i].octets = octets_of(s, d->parts[i].octets.at, d->parts[i].octets.size);
    return c;
}

static const char *where_of_list(struct submission *s, const struct send_list *list, const char *name, size_t index)
{
    return list->is_array && index < list->texts.count ? arena_printf(s->request->arena, "%s/%zu", name, index) : name;
}

static const char *where_of(struct submission *s, const struct compose_member *m)
{
    const struct send_draft *d = &s->draft;
    const char *slash = s->kind == SEND_JSON ? "/" : "", *ending = "";
    static const char *const names[] = {
        [COMPOSE_FROM] = "from",
        [COMPOSE_REPLY_TO] = "reply_to",
        [COMPOSE_SUBJECT] = "subject",
        [COMPOSE_TO] = "to",
        [COMPOSE_CC] = "cc",
        [COMPOSE_BCC] = "bcc",
        [COMPOSE_TEXT] = "text",
        [COMPOSE_HTML] = "html",
        [COMPOSE_CALENDAR] = "calendar",
    };
    if (m->what == COMPOSE_HEADER)
        return d->headers_where[m->index];
    if (m->what >= COMPOSE_PART_NAME) {
        ending = m->what == COMPOSE_PART_NAME ? "/name" : m->what == COMPOSE_PART_TYPE ? "/type" : "/content_id";
        return arena_printf(s->request->arena, "%s%s", d->parts_where[m->index], s->kind == SEND_JSON ? ending : "");
    }
    if (m->what == COMPOSE_NOTHING)
        return s->where;
    const char *name = arena_printf(s->request->arena, "%s%s", slash, names[m->what]);
    const struct send_list *list = m->what == COMPOSE_TO ? &d->to : m->what == COMPOSE_CC ? &d->cc : &d->bcc;
    bool is_list = m->what == COMPOSE_TO || m->what == COMPOSE_CC || m->what == COMPOSE_BCC;
    return is_list ? where_of_list(s, list, name, m->index) : name;
}

static bool refused(struct submission *s, const struct compose_member *where)
{
    s->where = where_of(s, where);
    if (s->where && !*s->why.id)
        strcpy(s->why.id, "api.field");
    return false;
}

static bool take_envelope(struct submission *s, const struct compose_envelope *e)
{
    struct submit *m = &s->message;
    uint32_t most = s->request->admin->conf->limits.recipients;
    if (e->recipients.count > most)
        return send_refuse(s, NULL, "api.field", "there are %zu recipients, and limits.recipients is %u",
                           e->recipients.count, most);
    m->sender = e->sender;
    m->is_smtputf8 = e->is_smtputf8;
    m->recipients_count = e->recipients.count;
    m->recipients = arena_array(s->request->arena, m->recipients_count, sizeof *m->recipients);
    for (size_t i = 0; i < m->recipients_count; i++)
        m->recipients[i] = (struct submit_recipient){ .address = e->recipients.items[i], .orcpt = "" };
    return true;
}

bool send_draft_end(struct submission *s)
{
    static const char *const pointers[] = { "/notify", "/ret", "/envid" }, *const names[] = { "notify", "ret",
                                                                                              "envid" };
    const struct send_draft *d = &s->draft;
    struct compose c = compose_of(s);
    struct compose_envelope e;
    struct compose_member where;
    if (!compose_envelope(&c, s->request->arena, &e, &where, &s->why))
        return refused(s, &where);
    if (!take_envelope(s, &e) ||
        !send_take_reports(s, d->notify, d->ret, d->envid, s->kind == SEND_JSON ? pointers : names) ||
        !send_find_route(s, d->mailbox))
        return false;
    send_message_begin(s);
    return compose_write(&c, send_message_add, s, &where, &s->why) ? send_message_end(s) : refused(s, &where);
}
