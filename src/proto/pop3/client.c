/* proto/pop3/client.c - the client's frame and its table of steps: what is said on entering one, what is done with the answer, with a
 * "+ ", and with the lines behind an answer that has some. */
#include "proto/pop3/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/pop3/client_private.h"

#define OUT_LIMIT (1u << 20)
#define IDLE_CAPACITY 1024 /* kept between commands */

static void say_ready(struct pop3_client *c)
{
    if (!c->is_signed_in)
        c->stops = true;
    c->is_signed_in = true;
    c->host.ready(c->ctx);
}

struct step {
    const char *name;
    const char *when; /* for faults and for the doctor */
    void (*say)(struct pop3_client *c);
    enum pop3_step (*heard)(struct pop3_client *c, const struct pop3_reply *r); /* once the lines are in, too */
    enum pop3_step (*asked)(struct pop3_client *c, struct bytes text);
    enum pop3_reading more;                                 /* behind +OK, up to a lone dot */
    bool (*line)(struct pop3_client *c, struct bytes line); /* false: it can't be read */
};

/* clang-format off */
static const struct step steps[STEPS] = {
    [STEP_GREETING]   = { "greeting",   "connect", NULL,                pop3_heard_greeting, NULL,              0, NULL },
    [STEP_CAPA]       = { "capa",       "connect", pop3_say_capa,       pop3_heard_capa,     NULL,              READING_LINES, pop3_line_of_capa },
    [STEP_STLS]       = { "stls",       "starttls", pop3_say_stls,      pop3_heard_stls,     NULL,              0, NULL },
    [STEP_TLS]        = { "tls",        "starttls", pop3_say_tls,       NULL,                NULL,              0, NULL },
    [STEP_CREDENTIAL] = { "credential", "auth",    pop3_say_credential, NULL,                NULL,              0, NULL },
    [STEP_AUTH]       = { "auth",       "auth",    pop3_say_auth,       pop3_heard_auth,     pop3_asked_auth,   0, NULL },
    [STEP_USER]       = { "user",       "auth",    pop3_say_user,       pop3_heard_auth,     pop3_asked_user,   0, NULL },
    [STEP_ANSWER]     = { "answer",     "auth",    pop3_say_answer,     pop3_heard_auth,     pop3_asked_answer, 0, NULL },
    [STEP_CHALLENGED] = { "challenged", "auth",    pop3_say_challenged, pop3_heard_auth,     NULL,              0, NULL },
    [STEP_NAME]       = { "name",       "auth",    pop3_say_name,       pop3_heard_name,     NULL,              0, NULL },
    [STEP_PASS]       = { "pass",       "auth",    pop3_say_pass,       pop3_heard_auth,     NULL,              0, NULL },
    [STEP_REFUSED]    = { "refused",    "auth",    pop3_say_refused,    NULL,                NULL,              0, NULL },
    [STEP_READY]      = { "ready",      "idle",    say_ready,           NULL,                NULL,              0, NULL },
    [STEP_STAT]       = { "stat",       "stat",    pop3_say_stat,       pop3_heard_stat,     NULL,              0, NULL },
    [STEP_UIDL]       = { "uidl",       "uidl",    pop3_say_uidl,       pop3_heard_command,  NULL,              READING_LINES, pop3_line_of_uidl },
    [STEP_LIST]       = { "list",       "list",    pop3_say_list,       pop3_heard_command,  NULL,              READING_LINES, pop3_line_of_list },
    [STEP_TOP]        = { "top",        "top",     pop3_say_top,        pop3_heard_command,  NULL,              READING_BODY, NULL },
    [STEP_RETRIEVE]   = { "retr",       "retr",    pop3_say_retrieve,   pop3_heard_command,  NULL,              READING_BODY, NULL },
    [STEP_DELETE]     = { "dele",       "dele",    pop3_say_delete,     pop3_heard_command,  NULL,              0, NULL },
    [STEP_NOOP]       = { "noop",       "noop",    pop3_say_noop,       pop3_heard_command,  NULL,              0, NULL },
    [STEP_QUIT]       = { "quit",       "quit",    pop3_say_quit,       pop3_heard_quit,     NULL,              0, NULL },
    [STEP_OVER]       = { "over",       "idle",    NULL,                NULL,                NULL,              0, NULL },
};
/* clang-format on */

struct pop3_client *pop3_client_new(const struct pop3_client_options *options, const struct pop3_client_host *host,
                                    void *ctx)
{
    struct pop3_client *c = mem_alloc(sizeof *c);
    c->options = options;
    c->host = *host;
    c->ctx = ctx;
    c->step = STEP_GREETING;
    c->is_secure = options->tls == POP3_CLIENT_IMPLICIT;
    buf_init(&c->line, POP3_LINE_LIMIT);
    buf_init(&c->out, OUT_LIMIT);
    return c;
}

void pop3_client_free(struct pop3_client *c)
{
    if (!c)
        return;
    pop3_client_forget(c);
    buf_fini(&c->line);
    buf_fini(&c->out);
    free(c);
}

void pop3_client_flush(struct pop3_client *c)
{
    if (c->out.size == 0)
        return;
    c->host.send(c->ctx, buf_bytes(&c->out));
    if (c->out.capacity > IDLE_CAPACITY)
        buf_release(&c->out);
    else
        buf_clear(&c->out);
}

void pop3_client_say(struct pop3_client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vaddf(&c->out, format, args);
    va_end(args);
    buf_add_str(&c->out, "\r\n");
}

/* What is said last is the host's to be told; it may start the next step in there, so nothing is done after it. */
void pop3_client_enter(struct pop3_client *c, enum pop3_step next)
{
    log_debug("pop3.client.step", LOG_TEXT("old", steps[c->step].name), LOG_TEXT("new", steps[next].name));
    c->step = next;
    if (steps[next].say)
        steps[next].say(c);
}

/* For calls from outside; those from inside a callback are flushed by the feed around it. */
void pop3_client_enter_and_flush(struct pop3_client *c, enum pop3_step next)
{
    pop3_client_enter(c, next);
    if (!c->is_feeding)
        pop3_client_flush(c);
}

enum pop3_step pop3_client_fail(struct pop3_client *c, const struct pop3_reply *reply, enum fault_kind kind,
                                const char *id, const char *format, ...)
{
    const char *when = steps[c->step].when;
    char text[FAULT_TEXT_SIZE];
    struct fault why;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fault_set(&why, kind, id, "%s", text);
    pop3_client_flush(c);
    c->step = STEP_OVER;
    pop3_client_forget(c);
    c->host.failed(c->ctx, when, reply, &why);
    return STEP_OVER;
}

enum pop3_step pop3_client_breach(struct pop3_client *c, const char *what, struct bytes seen)
{
    char text[160];
    text_sanitize(bytes_slice(seen, 0, 100), text, sizeof text);
    return pop3_client_fail(c, NULL, FAULT_RETRY, "pop3.breach", "the server sent %s: \"%s\"", what, text);
}

/* "[CODE] words" (RFC 2449 8). Codes are upper-case words, so that a name in brackets is none: "[host]". */
static struct bytes take_code(struct pop3_client *c, struct bytes text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-/_0123456789";
    size_t size = 0;
    c->reply.code[0] = 0;
    if (text.size == 0 || text.data[0] != '[')
        return text;
    while (1 + size < text.size && text.data[1 + size] && strchr(letters, text.data[1 + size]))
        size++;
    if (size == 0 || size >= sizeof c->reply.code || 1 + size == text.size || text.data[1 + size] != ']')
        return text;
    memcpy(c->reply.code, text.data + 1, size);
    c->reply.code[size] = 0;
    return bytes_slice(text, size + 2, text.size);
}

static void take_reply(struct pop3_client *c, bool is_ok, struct bytes text)
{
    text = bytes_trim(text);
    if (!is_ok)
        text = take_code(c, text);
    else
        c->reply.code[0] = 0;
    text_sanitize(bytes_trim(text), c->reply_text, sizeof c->reply_text);
    c->reply.is_ok = is_ok;
    c->reply.text = c->reply_text;
}

static void hear_answer(struct pop3_client *c, bool is_ok, struct bytes text)
{
    const struct step *step = &steps[c->step];
    take_reply(c, is_ok, text);
    if (!step->heard) {
        pop3_client_fail(c, &c->reply, FAULT_RETRY, is_ok ? "pop3.breach" : "",
                         "the server spoke unasked, and no more is to be expected from it: %.300s", c->reply.text);
        return;
    }
    if (is_ok && step->more != READING_ANSWER) {
        c->reading = step->more;
        c->at = AT_LINE_START;
        return;
    }
    pop3_client_enter(c, step->heard(c, &c->reply));
}

static bool is_word(struct bytes line, const char *word)
{
    size_t size = strlen(word);
    return bytes_starts_nocase(line, word) && (line.size == size || line.data[size] == ' ');
}

static void hear_line(struct pop3_client *c, struct bytes line)
{
    if (is_word(line, "+OK"))
        hear_answer(c, true, bytes_slice(line, 3, line.size));
    else if (is_word(line, "-ERR"))
        hear_answer(c, false, bytes_slice(line, 4, line.size));
    else if (c->step == STEP_GREETING)
        pop3_client_not_pop3(c, line);
    else if (is_word(line, "+") && steps[c->step].asked)
        pop3_client_enter(c, steps[c->step].asked(c, bytes_trim(bytes_slice(line, 1, line.size))));
    else
        pop3_client_breach(c, "what answers nothing that was said", line);
}

static void hear_more(struct pop3_client *c, struct bytes line)
{
    if (line.size > 0 && line.data[0] == '.') {
        line = bytes_slice(line, 1, line.size);
        if (line.size == 0) {
            c->reading = READING_ANSWER;
            pop3_client_enter(c, steps[c->step].heard(c, &c->reply));
            return;
        }
    }
    if (!steps[c->step].line(c, line))
        pop3_client_breach(c, "a line that can't be read", line);
}

/* A whole line, in place or gathered; CRLF or a bare LF ends it. */
static size_t take_line(struct pop3_client *c, struct bytes in)
{
    const uint8_t *lf = memchr(in.data, '\n', in.size);
    size_t size = lf ? (size_t)(lf - in.data) : in.size;
    if (!buf_add_bytes(&c->line, bytes_slice(in, 0, size))) {
        struct bytes seen = c->line.size > 0 ? buf_bytes(&c->line) : bytes_slice(in, 0, POP3_LINE_LIMIT);
        if (c->step == STEP_GREETING)
            pop3_client_not_pop3(c, bytes_slice(seen, 0, 100));
        else
            pop3_client_breach(c, "an over-long line", seen);
        return in.size;
    }
    if (!lf)
        return size;
    struct bytes line = buf_bytes(&c->line);
    c->is_careless = line.size == 0 || line.data[line.size - 1] != '\r';
    if (!c->is_careless)
        line.size--;
    c->unread = in.size - size - 1;
    if (c->reading == READING_ANSWER)
        hear_line(c, line);
    else
        hear_more(c, line);
    if (c->line.capacity > IDLE_CAPACITY && c->reading == READING_ANSWER)
        buf_release(&c->line);
    else
        buf_clear(&c->line);
    return size + 1;
}

static size_t take(struct pop3_client *c, struct bytes in)
{
    bool is_over = false;
    if (c->reading != READING_BODY)
        return take_line(c, in);
    size_t used = pop3_client_take_body(c, in, &is_over);
    if (is_over) {
        c->reading = READING_ANSWER;
        pop3_client_enter(c, steps[c->step].heard(c, &c->reply));
    }
    return used;
}

/* TLS and binary protocols may never send a line end, so they are known by how they begin. */
static bool is_stranger(const struct pop3_client *c, struct bytes in)
{
    return c->step == STEP_GREETING && c->line.size == 0 && in.size > 0 && in.data[0] < ' ';
}

size_t pop3_client_feed(struct pop3_client *c, struct bytes in)
{
    size_t size = in.size;
    assert(!c->is_feeding);
    c->is_feeding = true;
    c->stops = false;
    if (is_stranger(c, in))
        pop3_client_not_pop3(c, bytes_slice(in, 0, 16));
    if (in.size > 0 && c->step == STEP_TLS)
        pop3_client_injected(c);
    while (in.size > 0 && c->step != STEP_OVER && !c->stops)
        in = bytes_slice(in, take(c, in), in.size);
    c->is_feeding = false;
    pop3_client_flush(c);
    return c->step == STEP_OVER ? size : size - in.size;
}

/* What was learnt in clear is not believed (RFC 2595 4). */
void pop3_client_tls_done(struct pop3_client *c)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_TLS);
    c->is_secure = true;
    pop3_client_enter_and_flush(c, STEP_CAPA);
}

const struct pop3_client_caps *pop3_client_caps(const struct pop3_client *c)
{
    return &c->caps;
}

const char *pop3_client_when(const struct pop3_client *c)
{
    return steps[c->step].when;
}

bool pop3_client_is_ready(const struct pop3_client *c)
{
    return c->step == STEP_READY;
}
