/* proto/smtp/reply.c - answers are gathered, so that commands sent together are answered together (RFC 2920). */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "proto/smtp/server_private.h"

#define FLUSH_SIZE 4096   /* answers waiting; a client that only sends is not served from memory */
#define IDLE_CAPACITY 512 /* kept between commands */
#define VERDICT_SIZE 480
#define TARPIT_MS 1000

void smtp_flush(struct smtp_server *s)
{
    if (s->out.size == 0)
        return;
    s->host.send(s->ctx, buf_bytes(&s->out));
    if (s->out.capacity > IDLE_CAPACITY)
        buf_release(&s->out);
    else
        buf_clear(&s->out);
}

void smtp_reply(struct smtp_server *s, const char *line)
{
    buf_add_str(&s->out, line);
    buf_add_str(&s->out, "\r\n");
    if (s->out.size >= FLUSH_SIZE)
        smtp_flush(s);
}

void smtp_replyf(struct smtp_server *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vaddf(&s->out, format, args);
    va_end(args);
    smtp_reply(s, "");
}

/* Errors cost time before they cost the session: a program in a loop should not keep a processor busy. */
void smtp_count_error(struct smtp_server *s)
{
    s->errors++;
    if (s->policy->errors_limit == 0 || s->state == SMTP_CLOSED)
        return;
    if (s->errors >= s->policy->errors_limit) {
        smtp_notice(s, "smtp.client.errors", "the client was cut off after %u refused commands", s->errors);
        smtp_reply(s, "421 4.7.0 Too many errors, closing");
        smtp_server_quit(s);
    } else if (s->errors > s->policy->errors_limit / 2 && s->wait == WAIT_NOTHING && s->host.pause) {
        s->wait = WAIT_PAUSE;
        s->host.pause(s->ctx, TARPIT_MS);
    }
}

void smtp_refuse(struct smtp_server *s, const char *line)
{
    smtp_reply(s, line);
    smtp_count_error(s);
}

/* Replies are ASCII until SMTPUTF8 was agreed on (RFC 6531 3.7.4.2); cut without cutting a character. */
static void make_safe(struct smtp_server *s, const char *text, char *out, size_t size)
{
    struct bytes whole = bytes_of(text);
    bool is_utf8_welcome = s->env.is_smtputf8 && text_is_utf8(whole);
    size_t used = text_cut(whole, size - 1);
    for (size_t i = 0; i < used; i++) {
        uint8_t c = whole.data[i];
        out[i] = c < ' ' || c == 0x7f || (c >= 0x80 && !is_utf8_welcome) ? '?' : (char)c;
    }
    out[used] = 0;
}

const char *smtp_verdict_line(struct smtp_server *s, const struct smtp_verdict *v)
{
    char text[VERDICT_SIZE], fallback[] = "5.0.0";
    fallback[0] = (char)('0' + v->code / 100);
    make_safe(s, text_is_empty(v->text) ? "Refused" : v->text, text, sizeof text);
    return arena_printf(s->mail, "%d %s %s", v->code, text_is_empty(v->enhanced) ? fallback : v->enhanced, text);
}

void smtp_notice(struct smtp_server *s, const char *id, const char *format, ...)
{
    if (!s->host.noticed)
        return;
    struct fault what;
    char text[FAULT_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fault_set(&what, FAULT_REJECT, id, "%s", text);
    s->host.noticed(s->ctx, &what);
}
