/* A message as it is: envelope in header fields, the message as the body. */
#include <string.h>

#include "admin/send.h"
#include "base/text.h"

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
        at += strspn(at, " ");
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

bool send_take_reports(struct submission *s, const char *notify, const char *ret, const char *envid,
                       const char *const names[3])
{
    struct submit *m = &s->message;
    uint32_t wanted = *notify ? notify_of(notify) : 0;
    if (*notify && !wanted)
        return send_refuse(s, names[0], "api.field", "NEVER is possible here, or SUCCESS, FAILURE and DELAY");
    if (*ret && !text_equal_nocase(ret, "FULL") && !text_equal_nocase(ret, "HDRS"))
        return send_refuse(s, names[1], "api.field", "FULL or HDRS is possible here");
    if (!is_envid(envid))
        return send_refuse(s, names[2], "api.field", "at most 100 printable characters of ASCII are possible here");
    for (size_t i = 0; i < m->recipients_count; i++)
        m->recipients[i].notify = wanted;
    if (*ret)
        m->ret = text_equal_nocase(ret, "FULL") ? RET_FULL : RET_HDRS;
    m->envid = envid;
    return true;
}

static const char *header_or_empty(struct submission *s, const char *name)
{
    const char *value = request_header(s->request, name);
    if (value)
        send_digest(s, bytes_of(value));
    send_digest(s, BYTES_LIT("\n"));
    return value ? value : "";
}

static bool take_envelope(struct submission *s)
{
    struct request *r = s->request;
    struct submit *m = &s->message;
    struct recipient_gatherer g = { .request = r, .message = m };
    m->recipients = arena_array(r->arena, EDGE_RECIPIENTS, sizeof *m->recipients);
    MHD_get_connection_values(r->connection, MHD_HEADER_KIND, gather_recipient, &g);
    for (size_t i = 0; i < m->recipients_count; i++)
        send_digest(s, bytes_of(m->recipients[i].address));
    if (g.wrong)
        return send_refuse(s, "X-Postern-Recipient", "api.field", "%s is not an address, or one too many", g.wrong);
    if (m->recipients_count == 0)
        return send_refuse(s, "X-Postern-Recipient", "api.field",
                           "each of these fields names one recipient, and there is none");
    if (!request_header(r, "X-Postern-Sender"))
        return send_refuse(s, "X-Postern-Sender", "api.field", "the field is missing");
    m->sender = header_or_empty(s, "X-Postern-Sender");
    if (m->sender[0] && !object_address_is_valid(m->sender))
        return send_refuse(s, "X-Postern-Sender", "api.field", "it is not an address");
    return true;
}

bool send_raw_begin(struct submission *s)
{
    static const char *const names[] = { "X-Postern-Notify", "X-Postern-Ret", "X-Postern-Envid" };
    if (!take_envelope(s))
        return false;
    s->message.is_smtputf8 = text_equal(header_or_empty(s, "X-Postern-SMTPUTF8"), "yes");
    const char *notify = header_or_empty(s, names[0]), *ret = header_or_empty(s, names[1]);
    if (!send_take_reports(s, notify, ret, header_or_empty(s, names[2]), names) ||
        !send_find_route(s, header_or_empty(s, "X-Postern-Mailbox")))
        return false;
    send_message_begin(s);
    return true;
}
