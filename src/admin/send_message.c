/* A message's octets on their way to the queue role. It is routed before its first octet is kept, because a sender that no provider
 * knows ("root@host") is rewritten while the octets pass. */
#include "admin/send.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"

/* A misspelled one would be passed over where the sender's own mailbox comes first. */
static bool refuse_mailbox(struct submission *s, const char *mailbox)
{
    static const char *const where[] = {
        [SEND_JSON] = "/mailbox", [SEND_FORM] = "mailbox", [SEND_RAW] = "X-Postern-Mailbox"
    };
    return send_refuse(s, where[s->kind], "api.field", "there is no mailbox %s", mailbox);
}

bool send_find_route(struct submission *s, const char *mailbox)
{
    struct request *r = s->request;
    const struct principal *p = r->principal;
    const struct directory *d = r->admin->directory;
    struct submit *m = &s->message;
    bool is_found;
    s->wanted = *mailbox ? mailbox : p->mailboxes_count > 0 ? p->mailboxes[0] : NULL;
    if (p->kind == PRINCIPAL_APP)
        is_found = route_app(d, p->name, mailbox, m->sender, r->arena, &s->route, &s->why);
    else if (p->mailboxes_count > 0)
        is_found = route_limited(d, m->app, p->mailboxes, p->mailboxes_count, mailbox, m->sender, r->arena, &s->route,
                                 &s->why);
    else if (*mailbox && !directory_mailbox(d, mailbox))
        return refuse_mailbox(s, mailbox);
    else
        is_found = route_local(d, *mailbox ? mailbox : r->admin->conf->sendmail.mailbox, m->sender, r->arena, &s->route,
                               &s->why);
    m->mailbox = s->route.mailbox;
    m->sender = s->route.sender;
    return is_found;
}

/* What a submission server may add (RFC 6409 8). */
static void plan_fields(struct submission *s)
{
    struct request *r = s->request;
    char date[40], random_hex[33];
    uint8_t random[16];
    clock_rfc5322(loop_wall_ms(r->admin->loop), date, sizeof date);
    secret_random(random, sizeof random);
    hex_encode((struct bytes){ random, sizeof random }, random_hex, sizeof random_hex);
    s->plan.from = s->route.from;
    s->plan.date = arena_strdup(r->arena, date);
    s->plan.message_id = arena_printf(r->arena, "<%s@%s>", random_hex, r->admin->conf->hostname);
}

static bool keep(void *ctx, struct bytes out)
{
    struct submission *s = ctx;
    return upload_add(s->request, &s->request->upload, out, &s->why);
}

void send_message_begin(struct submission *s)
{
    plan_fields(s);
    s->rewrite = mime_rewrite_new(s->request->arena, &s->plan, keep, s);
    s->scan = mime_scan_new(s->request->arena);
    smtp_data_init(&s->octets, false);
}

/* The header section is whole. */
static bool judge_header(struct submission *s)
{
    const struct mime_header *h = mime_scan_end(s->scan);
    s->scan = NULL;
    s->message.message_id = *h->message_id ? h->message_id : s->plan.message_id;
    s->message.subject = mime_subject(h, s->request->arena);
    return s->is_trusted || route_header(s->request->admin->directory, s->message.app, &s->route, h, &s->why);
}

bool send_message_add(void *submission, struct bytes octets)
{
    struct submission *s = submission;
    s->size += octets.size;
    if (s->route.size_limit && s->size > s->route.size_limit)
        return fault_set(&s->why, FAULT_REJECT, "api.too-large",
                         "the message is too large: mailbox %s takes at most %llu octets", s->route.mailbox,
                         (unsigned long long)s->route.size_limit);
    if (!smtp_data_look(&s->octets, octets, &s->why))
        return false;
    s->message.is_8bit = s->message.is_8bit || !text_is_ascii(octets);
    if (s->scan && !mime_scan_feed(s->scan, octets) && !judge_header(s))
        return false;
    return mime_rewrite_feed(s->rewrite, octets, &s->why);
}

bool send_message_end(struct submission *s)
{
    struct upload *u = &s->request->upload;
    if (!smtp_data_look_end(&s->octets, &s->why) || (s->scan && !judge_header(s)) ||
        !mime_rewrite_end(s->rewrite, &s->why))
        return false;
    s->message.size = u->size;
    s->message.fd = u->fd;
    s->message.body = u->fd < 0 ? buf_bytes(&u->memory) : BYTES_NONE;
    return true;
}
