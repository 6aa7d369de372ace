/* Mail handed in over the API: envelope in header fields, the message as the body. It is routed before its first byte is
 * kept, because a sender that no provider knows ("root@host") is rewritten while the bytes pass. */
#include <stdio.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/mime/rewrite.h"
#include "proto/smtp/data.h"
#include "route/route.h"

struct submission {
    struct submit message;
    struct route route;
    struct mime_rewrite *rewrite;
    struct mime_rewrite_plan plan;
    struct smtp_data octets; /* what must not stand in a message that leaves by SMTP */
};

struct recipient_gatherer {
    struct request *request;
    struct submit *message;
    const char *wrong;
};

static enum MHD_Result gather_recipient(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct recipient_gatherer *g = ctx;
    if (!text_equal_nocase(name, "X-Postern-Recipient"))
        return MHD_YES;
    if (!value || !object_address_is_valid(value) || g->message->recipients_count == EDGE_RECIPIENTS) {
        g->wrong = value ? value : "";
        return MHD_NO;
    }
    g->message->recipients[g->message->recipients_count++] =
        (struct submit_recipient){ .address = arena_strdup(g->request->arena, value), .orcpt = "" };
    return MHD_YES;
}

/* "SUCCESS,FAILURE,DELAY" or "NEVER", as in RFC 3461 4.1; 0 for anything else. */
static uint32_t notify_of(const char *text)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } names[] = { { "NEVER", NOTIFY_NEVER },
                  { "SUCCESS", NOTIFY_SUCCESS },
                  { "FAILURE", NOTIFY_FAILURE },
                  { "DELAY", NOTIFY_DELAY } };
    uint32_t notify = 0;
    for (const char *at = text; *at;) {
        struct bytes word = { (const uint8_t *)at, strcspn(at, ",") };
        uint32_t bit = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            bit |= bytes_equal_nocase(word, bytes_of(names[i].name)) ? names[i].bit : 0;
        if (bit == 0)
            return 0;
        notify |= bit;
        at += word.size + (at[word.size] == ',');
    }
    return notify & NOTIFY_NEVER && notify != NOTIFY_NEVER ? 0 : notify;
}

static bool is_envid(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7f)
            return false;
    }
    return strlen(text) <= 100; /* RFC 3461 4.4 */
}

/* What the sender wants to be told. */
static bool take_reports(struct request *r, struct submit *m, struct fault *why)
{
    const char *notify = request_header(r, "X-Postern-Notify"), *ret = request_header(r, "X-Postern-Ret");
    const char *envid = request_header(r, "X-Postern-Envid");
    uint32_t wanted = notify ? notify_of(notify) : 0;
    if (notify && !wanted)
        return fault_set(why, FAULT_REJECT, "",
                         "the field X-Postern-Notify takes NEVER, or SUCCESS, FAILURE and DELAY");
    if (ret && !text_equal_nocase(ret, "FULL") && !text_equal_nocase(ret, "HDRS"))
        return fault_set(why, FAULT_REJECT, "", "the field X-Postern-Ret takes FULL or HDRS");
    if (envid && !is_envid(envid))
        return fault_set(why, FAULT_REJECT, "",
                         "the field X-Postern-Envid takes at most 100 printable characters of ASCII");
    for (size_t i = 0; i < m->recipients_count; i++)
        m->recipients[i].notify = wanted;
    if (ret)
        m->ret = text_equal_nocase(ret, "FULL") ? RET_FULL : RET_HDRS;
    m->envid = envid ? envid : "";
    return true;
}

static bool take_envelope(struct request *r, struct submit *m, struct fault *why)
{
    struct recipient_gatherer g = { .request = r, .message = m };
    m->recipients = arena_array(r->arena, EDGE_RECIPIENTS, sizeof *m->recipients);
    MHD_get_connection_values(r->connection, MHD_HEADER_KIND, gather_recipient, &g);
    m->sender = request_header(r, "X-Postern-Sender");
    m->is_smtputf8 = text_equal(request_header(r, "X-Postern-SMTPUTF8"), "yes");
    if (g.wrong)
        return fault_set(why, FAULT_REJECT, "", "X-Postern-Recipient: %s is not an address, or one too many", g.wrong);
    if (m->recipients_count == 0)
        return fault_set(why, FAULT_REJECT, "",
                         "the field X-Postern-Recipient names one recipient each; there is none");
    if (!m->sender || (m->sender[0] && !object_address_is_valid(m->sender)))
        return fault_set(why, FAULT_REJECT, "", "the field X-Postern-Sender must be an address");
    return take_reports(r, m, why);
}

/* What a submission server may add (RFC 6409 8). */
static void plan_fields(struct request *r, struct submission *s)
{
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
    return upload_add(ctx, out.data, out.size);
}

static bool begin(struct request *r)
{
    struct submission *s = arena_alloc(r->arena, sizeof *s);
    s->message = (struct submit){ .app = "", .peer = "local", .session = "api", .envid = "", .fd = -1 };
    if (!take_envelope(r, &s->message, &r->refused))
        return false;
    const char *mailbox = request_header(r, "X-Postern-Mailbox");
    if (!route_local(r->admin->directory, mailbox ? mailbox : r->admin->conf->sendmail.mailbox, s->message.sender,
                     r->arena, &s->route, &r->refused))
        return false;
    s->message.mailbox = s->route.mailbox;
    s->message.sender = s->route.sender;
    plan_fields(r, s);
    s->rewrite = mime_rewrite_new(r->arena, &s->plan, keep, r);
    smtp_data_init(&s->octets, false);
    r->submission = s;
    return true;
}

bool submission_add(struct request *r, struct bytes data)
{
    if (!r->submission && !begin(r))
        return false;
    if (!smtp_data_look(&r->submission->octets, data, &r->refused))
        return false;
    r->submission->message.is_8bit = r->submission->message.is_8bit || !text_is_ascii(data);
    return mime_rewrite_feed(r->submission->rewrite, data, &r->refused);
}

void messages_submit(struct request *r)
{
    struct submission *s = r->submission;
    if (!s) {
        respond_problem(r, 400, "No message", "the body must be the message (message/rfc822)");
        return;
    }
    if (!smtp_data_look_end(&s->octets, &r->refused) || !mime_rewrite_end(s->rewrite, &r->refused)) {
        respond_fault(r, &r->refused);
        return;
    }
    s->message.size = r->upload.size;
    s->message.fd = r->upload.fd;
    s->message.body = r->upload.fd < 0 ? buf_bytes(&r->upload.memory) : BYTES_NONE;
    request_submit(r, &s->message);
    request_then(r, respond_first);
}
