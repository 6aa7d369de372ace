/* proto/smtp/client.c - the client's frame and its table of steps: what is said on entering one, what is done with the answer. */
#include "proto/smtp/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "proto/smtp/client_private.h"

#define OUT_LIMIT (1u << 20)
#define FLUSH_SIZE 16384   /* commands waiting: a group for many recipients goes out in pieces */
#define IDLE_CAPACITY 1024 /* kept between commands */

static void say_ready(struct smtp_client *c)
{
    c->env = NULL;
    c->host.ready(c->ctx);
}

static void say_quit(struct smtp_client *c)
{
    smtp_client_say(c, "QUIT");
}

/* Nothing was asked, so nothing may be answered (421 excepted, which never comes here). */
static enum smtp_step heard_unasked(struct smtp_client *c, const struct smtp_reply *r)
{
    return smtp_client_fail(c, r, FAULT_RETRY, "smtp.breach", "the server spoke unasked: %d %.200s", r->code, r->text);
}

static enum smtp_step heard_quit(struct smtp_client *c, const struct smtp_reply *r)
{
    return STEP_OVER;
}

struct step {
    const char *name;
    const char *when; /* for faults and for the doctor */
    void (*say)(struct smtp_client *c);
    enum smtp_step (*heard)(struct smtp_client *c, const struct smtp_reply *r);
};

/* clang-format off */
static const struct step steps[STEPS] = {
    [STEP_BANNER]     = { "banner",     "connect",  NULL,                smtp_heard_banner     },
    [STEP_EHLO]       = { "ehlo",       "connect",  smtp_say_ehlo,       smtp_heard_ehlo       },
    [STEP_HELO]       = { "helo",       "connect",  smtp_say_helo,       smtp_heard_helo       },
    [STEP_STARTTLS]   = { "starttls",   "starttls", smtp_say_starttls,   smtp_heard_starttls   },
    [STEP_TLS]        = { "tls",        "starttls", smtp_say_tls,        heard_unasked         },
    [STEP_CREDENTIAL] = { "credential", "auth",     smtp_say_credential, heard_unasked         },
    [STEP_AUTH]       = { "auth",       "auth",     smtp_say_auth,       smtp_heard_auth       },
    [STEP_USER]       = { "user",       "auth",     smtp_say_user,       smtp_heard_user       },
    [STEP_ANSWER]     = { "answer",     "auth",     smtp_say_answer,     smtp_heard_answer     },
    [STEP_CHALLENGED] = { "challenged", "auth",     smtp_say_challenged, smtp_heard_challenged },
    [STEP_REFUSED]    = { "refused",    "auth",     smtp_say_refused,    heard_unasked         },
    [STEP_IDLE]       = { "idle",       "idle",     say_ready,           heard_unasked         },
    [STEP_MAIL]       = { "mail",       "mail",     smtp_say_mail,       smtp_heard_mail       },
    [STEP_RCPT]       = { "rcpt",       "rcpt",     smtp_say_rcpt,       smtp_heard_rcpt       },
    [STEP_DATA]       = { "data",       "data",     smtp_say_data,       smtp_heard_data       },
    [STEP_BODY]       = { "body",       "body",     smtp_say_body,       smtp_heard_early      },
    [STEP_DOT]        = { "dot",        "body",     smtp_say_dot,        smtp_heard_dot        },
    [STEP_STORED]     = { "stored",     "body",     NULL,                smtp_heard_stored     },
    [STEP_VOID]       = { "void",       "data",     smtp_say_dot,        smtp_heard_void       },
    [STEP_RSET]       = { "rset",       "idle",     smtp_say_rset,       smtp_heard_rset       },
    [STEP_QUIT]       = { "quit",       "idle",     say_quit,            heard_quit            },
    [STEP_OVER]       = { "over",       "idle",     NULL,                NULL                  },
};
/* clang-format on */

struct smtp_client *smtp_client_new(const struct smtp_client_options *options, const struct smtp_client_host *host,
                                    void *ctx)
{
    struct smtp_client *c = mem_alloc(sizeof *c);
    c->options = options;
    c->host = *host;
    c->ctx = ctx;
    c->step = STEP_BANNER;
    c->is_secure = options->tls == SMTP_CLIENT_IMPLICIT;
    c->sasl = options->sasl;
    smtp_replies_init(&c->replies);
    buf_init(&c->out, OUT_LIMIT);
    return c;
}

void smtp_client_free(struct smtp_client *c)
{
    if (!c)
        return;
    smtp_client_forget(c);
    smtp_replies_fini(&c->replies);
    buf_fini(&c->out);
    free(c->is_accepted);
    free(c);
}

void smtp_client_flush(struct smtp_client *c)
{
    if (c->out.size == 0)
        return;
    c->host.send(c->ctx, buf_bytes(&c->out));
    if (c->out.capacity > IDLE_CAPACITY)
        buf_release(&c->out);
    else
        buf_clear(&c->out);
}

void smtp_client_say(struct smtp_client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vaddf(&c->out, format, args);
    va_end(args);
    buf_add_str(&c->out, "\r\n");
    if (c->out.size >= FLUSH_SIZE)
        smtp_client_flush(c);
}

/* What is said last is the host's to be told; it may start the next step in there, so nothing is done after it. */
void smtp_client_enter(struct smtp_client *c, enum smtp_step next)
{
    log_debug("smtp.client.step", LOG_TEXT("old", steps[c->step].name), LOG_TEXT("new", steps[next].name));
    c->step = next;
    if (steps[next].say)
        steps[next].say(c);
}

enum smtp_step smtp_client_fail(struct smtp_client *c, const struct smtp_reply *reply, enum fault_kind kind,
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
    smtp_client_flush(c);
    c->step = STEP_OVER;
    smtp_client_forget(c);
    c->host.failed(c->ctx, when, reply, &why);
    return STEP_OVER;
}

enum fault_kind smtp_client_kind_of(const struct smtp_reply *reply)
{
    return reply->code / 100 == 4 ? FAULT_RETRY : FAULT_HOLD;
}

static void hear(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code == 421 && c->step != STEP_QUIT) {
        smtp_client_fail(c, r, FAULT_RETRY, "", "the server closes the connection: 421 %s %.300s", r->enhanced,
                         r->text);
        return;
    }
    smtp_client_enter(c, steps[c->step].heard(c, r));
}

static void hear_breach(struct smtp_client *c)
{
    if (c->step == STEP_BANNER)
        smtp_client_not_smtp(c, bytes_of(c->replies.seen));
    else
        smtp_client_fail(c, NULL, FAULT_RETRY, "smtp.breach", "the server sent %s: \"%s\"", c->replies.breach,
                         c->replies.seen);
}

/* TLS and binary protocols may never send a line end, so they are known by how they begin. */
static bool is_first_octet(const struct smtp_client *c)
{
    return c->step == STEP_BANNER && c->replies.count == 0 && smtp_lines_is_empty(&c->replies.lines);
}

void smtp_client_feed(struct smtp_client *c, struct bytes in)
{
    assert(!c->is_feeding);
    c->is_feeding = true;
    if (in.size > 0 && is_first_octet(c) && in.data[0] < ' ')
        smtp_client_not_smtp(c, bytes_slice(in, 0, 16));
    if (in.size > 0 && c->step == STEP_TLS)
        smtp_client_injected(c);
    while (in.size > 0 && c->step != STEP_OVER) {
        bool is_whole;
        size_t used = smtp_replies_take(&c->replies, in, &is_whole);
        in = bytes_slice(in, used, in.size);
        c->unread = in.size;
        if (c->replies.breach)
            hear_breach(c);
        else if (is_whole)
            hear(c, &c->replies.reply);
    }
    c->is_feeding = false;
    smtp_client_flush(c);
}

/* For calls from outside; those from inside a callback are flushed by the feed around it. */
static void enter_and_flush(struct smtp_client *c, enum smtp_step next)
{
    smtp_client_enter(c, next);
    if (!c->is_feeding)
        smtp_client_flush(c);
}

/* What was learnt in clear is not believed (RFC 3207 4.2). */
void smtp_client_tls_done(struct smtp_client *c)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_TLS);
    c->is_secure = true;
    c->caps = (struct smtp_client_caps){ .size_limit = 0 };
    enter_and_flush(c, STEP_EHLO);
}

void smtp_client_mail(struct smtp_client *c, const struct smtp_envelope *env)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_IDLE && env->recipients_count > 0);
    c->env = env;
    /* After a group an LMTP server that accepted nobody would answer DATA in ways of its own. */
    c->is_grouped = c->caps.pipelining && !c->options->is_lmtp;
    c->is_sender_refused = false;
    c->recipient = c->accepted = 0;
    if (c->options->is_lmtp) {
        free(c->is_accepted);
        c->is_accepted = mem_alloc(env->recipients_count * sizeof *c->is_accepted);
    }
    enter_and_flush(c, STEP_MAIL);
}

void smtp_client_body_end(struct smtp_client *c)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_BODY);
    enter_and_flush(c, STEP_DOT);
}

void smtp_client_quit(struct smtp_client *c)
{
    if (c->step == STEP_OVER || c->step == STEP_QUIT)
        return;
    smtp_client_forget(c);
    enter_and_flush(c, STEP_QUIT);
}

const struct smtp_client_caps *smtp_client_caps(const struct smtp_client *c)
{
    return &c->caps;
}

const char *smtp_client_when(const struct smtp_client *c)
{
    return steps[c->step].when;
}

bool smtp_client_is_uncertain(const struct smtp_client *c)
{
    return c->step == STEP_DOT || c->step == STEP_STORED;
}
