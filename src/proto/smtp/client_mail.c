/* proto/smtp/client_mail.c - one transaction: sender, recipients, body. Where the server offers PIPELINING the commands up to DATA
 * go out together (RFC 2920 3.1); the answers are heard one by one either way, in the same steps. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/smtp/client_private.h"

static bool is_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

/* A line break in an address would be a command of somebody else's choosing. */
static bool is_envelope_clean(const struct smtp_envelope *env)
{
    bool is_good = is_clean(env->sender) && (!env->envid || is_clean(env->envid));
    for (size_t i = 0; i < env->recipients_count && is_good; i++) {
        const struct smtp_recipient *r = &env->recipients[i];
        is_good = is_clean(r->address) && (!r->orcpt || is_clean(r->orcpt));
    }
    return is_good;
}

/* Adds a parameter unless the line would pass the 512 octets that every server must take. */
static void add_optional(struct buf *line, const char *name, const char *value)
{
    if (value && value[0] && line->size + strlen(name) + strlen(value) + strlen(" =\r\n") <= SMTP_COMMAND_LIMIT)
        buf_addf(line, " %s=%s", name, value);
}

static void put_mail(struct smtp_client *c)
{
    const struct smtp_envelope *env = c->env;
    struct buf line;
    buf_init(&line, 4 * SMTP_COMMAND_LIMIT);
    buf_addf(&line, "MAIL FROM:<%s>", env->sender);
    if (c->caps.size && env->size)
        buf_addf(&line, " SIZE=%llu", (unsigned long long)env->size);
    if (c->caps.eightbit && env->is_8bit)
        buf_add_str(&line, " BODY=8BITMIME");
    if (c->caps.smtputf8 && env->is_smtputf8)
        buf_add_str(&line, " SMTPUTF8");
    if (c->caps.dsn) {
        add_optional(&line, "RET", env->ret == RET_FULL ? "FULL" : env->ret == RET_HDRS ? "HDRS" : "");
        add_optional(&line, "ENVID", env->envid);
    }
    smtp_client_say(c, "%s", buf_str(&line));
    buf_fini(&line);
}

static const char *notify_text(unsigned notify, char out[32])
{
    if (notify & NOTIFY_NEVER)
        return "NEVER";
    snprintf(out, 32, "%s%s%s", notify & NOTIFY_SUCCESS ? ",SUCCESS" : "", notify & NOTIFY_FAILURE ? ",FAILURE" : "",
             notify & NOTIFY_DELAY ? ",DELAY" : "");
    return out[0] ? out + 1 : out;
}

static void put_rcpt(struct smtp_client *c, const struct smtp_recipient *r)
{
    struct buf line;
    char notify[32];
    buf_init(&line, 4 * SMTP_COMMAND_LIMIT);
    buf_addf(&line, "RCPT TO:<%s>", r->address);
    if (c->caps.dsn) {
        add_optional(&line, "NOTIFY", notify_text(r->notify, notify));
        add_optional(&line, "ORCPT", r->orcpt);
    }
    smtp_client_say(c, "%s", buf_str(&line));
    buf_fini(&line);
}

void smtp_say_mail(struct smtp_client *c)
{
    if (!is_envelope_clean(c->env)) {
        smtp_client_fail(c, NULL, FAULT_REJECT, "smtp.address-unusable",
                         "an address or parameter holds a control character");
        return;
    }
    put_mail(c);
    if (!c->is_grouped)
        return;
    for (size_t i = 0; i < c->env->recipients_count; i++)
        put_rcpt(c, &c->env->recipients[i]);
    smtp_client_say(c, "DATA");
}

void smtp_say_rcpt(struct smtp_client *c)
{
    if (!c->is_grouped)
        put_rcpt(c, &c->env->recipients[c->recipient]);
}

void smtp_say_data(struct smtp_client *c)
{
    if (!c->is_grouped)
        smtp_client_say(c, "DATA");
}

void smtp_say_body(struct smtp_client *c)
{
    c->at_line_start = true;
    c->is_after_cr = false;
    c->host.want_body(c->ctx);
}

void smtp_say_dot(struct smtp_client *c)
{
    smtp_client_say(c, "%s.", c->step == STEP_DOT && !c->at_line_start ? "\r\n" : "");
}

void smtp_say_rset(struct smtp_client *c)
{
    smtp_client_say(c, "RSET");
}

/* In a group the recipients' answers come all the same, and mean nothing after a refused sender. */
enum smtp_step smtp_heard_mail(struct smtp_client *c, const struct smtp_reply *r)
{
    c->host.sender_answer(c->ctx, r);
    c->is_sender_refused = r->code / 100 != 2;
    return c->is_sender_refused && !c->is_grouped ? STEP_IDLE : STEP_RCPT;
}

enum smtp_step smtp_heard_rcpt(struct smtp_client *c, const struct smtp_reply *r)
{
    if (!c->is_sender_refused) {
        c->accepted += r->code / 100 == 2;
        if (c->is_accepted)
            c->is_accepted[c->recipient] = r->code / 100 == 2;
        c->host.recipient_answer(c->ctx, c->recipient, r);
    }
    c->recipient++;
    if (c->recipient < c->env->recipients_count)
        return STEP_RCPT;
    return c->accepted > 0 || c->is_grouped ? STEP_DATA : STEP_RSET;
}

enum smtp_step smtp_heard_data(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code == 354)
        return c->accepted > 0 ? STEP_BODY : STEP_VOID;
    if (r->code < 400)
        return smtp_client_fail(c, r, FAULT_RETRY, "smtp.breach", "DATA is answered by %d", r->code);
    if (c->accepted > 0)
        c->host.message_answer(c->ctx, "data", r);
    return c->is_sender_refused ? STEP_IDLE : STEP_RSET;
}

/* An answer before the final dot: whatever it says, the server has not got the message, and who speaks next is unclear. */
enum smtp_step smtp_heard_early(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code < 400)
        return smtp_client_fail(c, r, FAULT_RETRY, "smtp.breach", "the server answers %d in the middle of the message",
                                r->code);
    return smtp_client_fail(c, r, r->code < 500 ? FAULT_RETRY : FAULT_REJECT, "",
                            "the server breaks off the message: %d %s %.300s", r->code, r->enhanced, r->text);
}

static enum smtp_step next_stored(struct smtp_client *c, enum smtp_step more)
{
    while (c->recipient < c->env->recipients_count && !c->is_accepted[c->recipient])
        c->recipient++;
    return c->recipient < c->env->recipients_count ? more : STEP_IDLE;
}

/* Who was accepted is told of in the order of the RCPT commands (RFC 2033 4.2). */
enum smtp_step smtp_heard_stored(struct smtp_client *c, const struct smtp_reply *r)
{
    c->host.stored_answer(c->ctx, c->recipient++, r);
    return next_stored(c, STEP_STORED);
}

enum smtp_step smtp_heard_dot(struct smtp_client *c, const struct smtp_reply *r)
{
    if (c->options->is_lmtp) {
        c->recipient = 0;
        next_stored(c, STEP_STORED);
        return smtp_heard_stored(c, r);
    }
    c->host.message_answer(c->ctx, "body", r);
    return STEP_IDLE;
}

enum smtp_step smtp_heard_void(struct smtp_client *c, const struct smtp_reply *r)
{
    return STEP_IDLE;
}

enum smtp_step smtp_heard_rset(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code / 100 == 2)
        return STEP_IDLE;
    return smtp_client_fail(c, r, FAULT_RETRY, "", "the server refuses RSET: %d %s %.300s", r->code, r->enhanced,
                            r->text);
}

/* Where the next line begins in `in`, or its size; keeps track of the place for the octets that come later. */
static size_t pass_line(struct smtp_client *c, struct bytes in, size_t from)
{
    const uint8_t *lf = memchr(in.data + from, '\n', in.size - from);
    size_t end = lf ? (size_t)(lf - in.data) + 1 : in.size;
    bool follows_cr = end >= from + 2 ? in.data[end - 2] == '\r' : c->is_after_cr;
    c->at_line_start = lf && follows_cr;
    c->is_after_cr = in.data[end - 1] == '\r';
    return end;
}

void smtp_client_body(struct smtp_client *c, struct bytes chunk)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_BODY);
    smtp_client_flush(c);
    size_t sent = 0, at = 0;
    while (at < chunk.size) {
        if (c->at_line_start && chunk.data[at] == '.') {
            /* The dot ends one run and begins the next: sent twice, copied never. */
            c->host.send(c->ctx, bytes_slice(chunk, sent, at + 1));
            sent = at;
        }
        at = pass_line(c, chunk, at);
    }
    if (sent < chunk.size)
        c->host.send(c->ctx, bytes_slice(chunk, sent, chunk.size));
}
