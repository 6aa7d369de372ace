/* proto/front/front.c - the frame of the three near sides: states, words out, and the questions to the host. How lines come in is in
 * front_lines.c, what a protocol's commands are in front_imap.c, front_pop3.c and front_smtp.c. */
#include "proto/front/front.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/front/front_private.h"

#define OUT_LIMIT 65536
#define FLUSH_SIZE 32768
#define TEXT_SIZE 401 /* of what the host says, with its NUL */
#define WRONG_LOGINS_LIMIT 5

static const struct front_kind *const kinds[] = {
    [FRONT_IMAP] = &front_imap,
    [FRONT_POP3] = &front_pop3,
    [FRONT_SMTP] = &front_smtp,
};

struct front *front_new(enum front_protocol p, const struct front_policy *policy, const struct front_host *host,
                        void *ctx)
{
    struct front *f = mem_alloc(sizeof *f);
    f->kind = kinds[p];
    f->policy = policy;
    f->host = *host;
    f->ctx = ctx;
    f->state = f->kind->first;
    buf_init(&f->out, OUT_LIMIT);
    return f;
}

static void forget_input(struct front *f)
{
    front_auth_forget(f);
    smtp_lines_release(&f->lines);
    front_pieces_drop(f);
}

void front_free(struct front *f)
{
    if (!f)
        return;
    assert(!f->is_feeding);
    forget_input(f);
    buf_fini(&f->out);
    free(f);
}

void front_set_secure(struct front *f)
{
    f->is_secure = true;
}

void front_set_trusted(struct front *f)
{
    f->is_trusted = true;
}

static void flush(struct front *f)
{
    if (f->out.size == 0)
        return;
    f->host.send(f->ctx, buf_bytes(&f->out));
    buf_release(&f->out);
}

void front_greet(struct front *f)
{
    f->kind->greet(f);
    flush(f);
}

static const char *state_name(enum front_state state)
{
    static const char *const names[] = {
        [FRONT_START] = "start", [FRONT_READY] = "ready",   [FRONT_SASL] = "sasl",
        [FRONT_DONE] = "done",   [FRONT_CLOSED] = "closed",
    };
    return names[state];
}

void front_enter(struct front *f, enum front_state next)
{
    if (next == f->state || f->state == FRONT_CLOSED)
        return;
    log_debug("front.state", LOG_TEXT("protocol", f->kind->name), LOG_TEXT("old", state_name(f->state)),
              LOG_TEXT("new", state_name(next)));
    f->state = next;
}

void front_say(struct front *f, const char *line)
{
    if (f->state == FRONT_CLOSED)
        return;
    buf_add_str(&f->out, line);
    buf_add_str(&f->out, "\r\n");
    if (f->out.size >= FLUSH_SIZE)
        flush(f);
}

__attribute__((format(printf, 2, 0))) static void say_args(struct front *f, const char *format, va_list args)
{
    if (f->state == FRONT_CLOSED)
        return;
    buf_vaddf(&f->out, format, args);
    front_say(f, "");
}

void front_sayf(struct front *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_args(f, format, args);
    va_end(args);
}

void front_notice(struct front *f, const char *what, const char *format, ...)
{
    if (!f->host.noticed)
        return;
    char id[FAULT_ID_SIZE], text[FAULT_TEXT_SIZE];
    snprintf(id, sizeof id, "%s.client.%s", f->kind->name, what);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct fault why;
    fault_set(&why, FAULT_REJECT, id, "%s", text);
    f->host.noticed(f->ctx, &why);
}

static void count_error(struct front *f)
{
    f->errors++;
    if (f->policy->errors_limit == 0 || f->errors < f->policy->errors_limit || f->state == FRONT_CLOSED)
        return;
    front_notice(f, "errors", "the client was cut off after %u refused commands", f->errors);
    front_close(f, "Too many errors, closing");
}

void front_bad(struct front *f, const char *line)
{
    front_say(f, line);
    count_error(f);
}

void front_badf(struct front *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_args(f, format, args);
    va_end(args);
    count_error(f);
}

void front_quit(struct front *f)
{
    if (f->state == FRONT_CLOSED)
        return;
    forget_input(f);
    flush(f);
    f->wait = WAIT_NOTHING;
    front_enter(f, FRONT_CLOSED);
    f->host.quit(f->ctx);
}

/* The host's words as one line: these protocols' texts are ASCII, and a bracket in front would be taken for a code. */
static void clean(const char *text, char out[TEXT_SIZE])
{
    struct bytes rest = bytes_trim(bytes_of(text));
    size_t filled = 0;
    while (rest.size > 0 && filled < TEXT_SIZE - 1) {
        size_t step = text_sequence(rest);
        uint8_t c = rest.data[0];
        bool is_fit = c >= ' ' && c < 0x7f && !(filled == 0 && c == '[');
        out[filled++] = is_fit ? (char)c : c == '\t' ? ' ' : '?';
        rest = bytes_slice(rest, step ? step : 1, rest.size);
    }
    out[filled] = 0;
    if (filled == 0)
        snprintf(out, TEXT_SIZE, "Not possible");
}

void front_farewell(enum front_protocol p, const char *text, struct buf *out)
{
    static const char *const starts[] = {
        [FRONT_IMAP] = "* BYE ",
        [FRONT_POP3] = "-ERR [SYS/TEMP] ",
        [FRONT_SMTP] = "421 4.3.0 ",
    };
    char line[TEXT_SIZE];
    clean(text, line);
    buf_addf(out, "%s%s\r\n", starts[p], line);
}

void front_turn_away(enum front_protocol p, const char *text, struct buf *out)
{
    front_farewell(p, text, out);
}

void front_close(struct front *f, const char *text)
{
    if (f->state == FRONT_CLOSED || f->state == FRONT_DONE)
        return;
    for (size_t p = 0; p < sizeof kinds / sizeof *kinds; p++)
        if (kinds[p] == f->kind)
            front_farewell((enum front_protocol)p, text, &f->out);
    front_quit(f);
}

void front_start_tls(struct front *f)
{
    flush(f);
    forget_input(f);
    f->wait = WAIT_TLS;
    f->host.start_tls(f->ctx);
}

/* What was said in clear is forgotten (RFC 3207 4.2, RFC 9051 6.2.1). */
void front_tls_done(struct front *f)
{
    if (f->state == FRONT_CLOSED)
        return;
    assert(f->wait == WAIT_TLS);
    f->wait = WAIT_NOTHING;
    f->is_secure = true;
    front_enter(f, f->kind->first);
}

bool front_may_log_in(const struct front *f)
{
    return f->is_secure || !f->policy->needs_tls_for_login;
}

size_t front_feed(struct front *f, struct bytes in)
{
    assert(!f->is_feeding);
    size_t used = 0, step = 1;
    f->is_feeding = true;
    while (used < in.size && step > 0 && f->wait == WAIT_NOTHING && f->state != FRONT_DONE) {
        step = f->state == FRONT_CLOSED ? in.size - used : f->kind->feed(f, bytes_slice(in, used, in.size));
        used += step;
    }
    f->is_feeding = false;
    flush(f);
    return used;
}

bool front_is_waiting(const struct front *f)
{
    return f->wait != WAIT_NOTHING;
}

/* What the owner writes next to the client stands behind this, so it goes out at once. */
void front_accept(struct front *f, const char *capabilities)
{
    if (f->state == FRONT_CLOSED)
        return;
    assert(f->wait == WAIT_LOGIN || f->wait == WAIT_UPSTREAM);
    if (f->wait == WAIT_LOGIN)
        f->kind->accept(f, capabilities);
    f->wait = WAIT_NOTHING;
    flush(f);
    front_enter(f, FRONT_DONE);
}

void front_refuse(struct front *f, enum front_refusal why, const char *text)
{
    if (f->state == FRONT_CLOSED)
        return;
    assert(f->wait == WAIT_LOGIN || f->wait == WAIT_UPSTREAM);
    char line[TEXT_SIZE];
    clean(text, line);
    f->skips_line = f->wait == WAIT_UPSTREAM;
    f->wait = WAIT_NOTHING;
    f->kind->refuse(f, f->skips_line, why, line);
    if (why == FRONT_WRONG && ++f->wrong_logins >= WRONG_LOGINS_LIMIT)
        front_close(f, "Too many failed sign-ins, closing");
    flush(f);
}

const char *front_state_name(const struct front *f)
{
    static const char *const waits[] = { [WAIT_TLS] = "tls", [WAIT_LOGIN] = "login", [WAIT_UPSTREAM] = "upstream" };
    return f->wait == WAIT_NOTHING ? state_name(f->state) : waits[f->wait];
}
