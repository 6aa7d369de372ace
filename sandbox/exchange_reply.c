/* How replies are worded at their ends, sent late, or replaced by something that was injected. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "sandbox/exchange_private.h"

#define LINES_MAX 200
#define STALL_MS (10 * 60 * 1000) /* a paused connection does not see its client leave */

const char *exchange_backend(void)
{
    return "SBX01MB0001.SBXPRD01.PROD.OUTLOOK.COM";
}

void exchange_note_line(struct exchange_session *s, const char *who, struct bytes line)
{
    if (json_array_size(s->lines) >= LINES_MAX)
        return;
    char clean[600], text[640];
    text_sanitize(line, clean, sizeof clean);
    snprintf(text, sizeof text, "%s: %s", who, clean);
    json_array_append_new(s->lines, json_string(text));
}

static __attribute__((format(printf, 3, 0))) void add_reply(struct exchange_session *s, const char *suffix,
                                                            const char *format, va_list args)
{
    size_t from = s->out.size;
    buf_vaddf(&s->out, format, args);
    buf_add_str(&s->out, suffix);
    exchange_note_line(s, "S", bytes_slice(buf_bytes(&s->out), from, s->out.size));
    buf_add_str(&s->out, "\r\n");
}

void exchange_say(struct exchange_session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_reply(s, "", format, args);
    va_end(args);
}

void exchange_refuse(struct exchange_session *s, const char *format, ...)
{
    char suffix[160], time[32];
    clock_iso(loop_wall_ms(s->server->sandbox->loop), time, sizeof time);
    snprintf(suffix, sizeof suffix, " [SBX01CA0001.sbxprd01.prod.outlook.com %s %s]", time, s->id);
    if (s->server->kind == EXCHANGE_GOOGLE)
        snprintf(suffix, sizeof suffix, " %.12s - gsmtp", s->id);
    va_list args;
    va_start(args, format);
    add_reply(s, suffix, format, args);
    va_end(args);
}

void exchange_refuse_behind(struct exchange_session *s, const char *format, ...)
{
    char suffix[96];
    snprintf(suffix, sizeof suffix, " [Hostname=%s]", exchange_backend());
    va_list args;
    va_start(args, format);
    add_reply(s, suffix, format, args);
    va_end(args);
}

static void write_out(struct exchange_session *s)
{
    if (!conn_write(s->conn, buf_bytes(&s->out))) { /* the client does not read its answers */
        exchange_session_end(s);
        return;
    }
    buf_clear(&s->out);
    if (s->ends_after) {
        s->is_over = true;
        conn_finish(s->conn, 2000);
    }
}

static void on_late(void *ctx)
{
    struct exchange_session *s = ctx;
    s->is_waiting = false;
    write_out(s);
    if (!s->is_over)
        conn_resume(s->conn);
}

void exchange_send(struct exchange_session *s)
{
    if (s->is_over)
        return;
    if (s->drops_reply) {
        exchange_session_end(s);
        return;
    }
    if (s->out.size == 0 && !s->ends_after)
        return;
    if (s->delay_ms == 0) {
        write_out(s);
        return;
    }
    s->is_waiting = true;
    conn_pause(s->conn);
    loop_timer_init(&s->timer, s->server->sandbox->loop, on_late, s);
    loop_timer_start(&s->timer, s->delay_ms);
    s->delay_ms = 0;
}

static void on_stalled_long(void *ctx)
{
    exchange_session_end(ctx);
}

static void stall(struct exchange_session *s)
{
    exchange_note_line(s, "!", BYTES_LIT("stalled"));
    s->is_waiting = true;
    conn_pause(s->conn);
    loop_timer_init(&s->timer, s->server->sandbox->loop, on_stalled_long, s);
    loop_timer_start(&s->timer, STALL_MS);
}

bool exchange_injected(struct exchange_session *s, const char *step, struct bytes line)
{
    struct injection does = injections_take(s->server->injections, step, line);
    switch (does.what) {
    case INJECT_NOTHING:
        return false;
    case INJECT_REPLY:
        exchange_refuse(s, "%s", does.reply);
        s->ends_after = strncmp(does.reply, "421", 3) == 0;
        return true;
    case INJECT_DROP:
        exchange_note_line(s, "!", BYTES_LIT("dropped"));
        exchange_session_end(s);
        return true;
    case INJECT_DROP_AFTER:
        s->drops_reply = true;
        return false;
    case INJECT_STALL:
        stall(s);
        return true;
    case INJECT_SLOW:
        s->delay_ms = does.delay_ms;
        return false;
    case INJECT_CUT:
        s->drops_reply = true; /* an SMTP reply is too short to be cut in a place that matters */
        return false;
    }
    return false;
}
