/* proto/imap/client.c - the client's frame and its table of steps: what is said on entering one, what is done with the tagged answer,
 * and with a "+". What comes untagged is understood at any time (untagged.c). */
#include "proto/imap/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/imap/client_private.h"

#define OUT_LIMIT (1u << 20)
#define IDLE_CAPACITY 1024 /* kept between commands */

static void say_ready(struct imap_client *c)
{
    c->command = NULL;
    if (!c->is_signed_in)
        c->stops = true;
    c->is_signed_in = true;
    c->host.ready(c->ctx);
}

struct step {
    const char *name;
    const char *when; /* for faults and for the doctor; NULL: the command's name */
    void (*say)(struct imap_client *c);
    enum imap_step (*heard)(struct imap_client *c, const struct imap_reply *r);
    enum imap_step (*asked)(struct imap_client *c, struct bytes text);
};

/* clang-format off */
static const struct step steps[STEPS] = {
    [STEP_GREETING]   = { "greeting",   "connect",  NULL,                NULL,                  NULL              },
    [STEP_CAPABILITY] = { "capability", "connect",  imap_say_capability, imap_heard_capability, NULL              },
    [STEP_STARTTLS]   = { "starttls",   "starttls", imap_say_starttls,   imap_heard_starttls,   NULL              },
    [STEP_TLS]        = { "tls",        "starttls", imap_say_tls,        NULL,                  NULL              },
    [STEP_CREDENTIAL] = { "credential", "auth",     imap_say_credential, NULL,                  NULL              },
    [STEP_AUTH]       = { "auth",       "auth",     imap_say_auth,       imap_heard_auth,       imap_asked_auth   },
    [STEP_USER]       = { "user",       "auth",     imap_say_user,       imap_heard_auth,       imap_asked_user   },
    [STEP_ANSWER]     = { "answer",     "auth",     imap_say_answer,     imap_heard_auth,       imap_asked_answer },
    [STEP_CHALLENGED] = { "challenged", "auth",     imap_say_challenged, imap_heard_auth,       NULL              },
    [STEP_REFUSED]    = { "refused",    "auth",     imap_say_refused,    NULL,                  NULL              },
    [STEP_REVIEW]     = { "review",     "auth",     imap_say_capability, imap_heard_review,     NULL              },
    [STEP_READY]      = { "ready",      "idle",     say_ready,           NULL,                  NULL              },
    [STEP_LIST]       = { "list",       NULL,       imap_say_list,       imap_heard_command,    NULL              },
    [STEP_SEPARATOR]  = { "separator",  NULL,       imap_say_separator,  imap_heard_separator,  NULL              },
    [STEP_SELECT]     = { "select",     NULL,       imap_say_select,     imap_heard_select,     NULL              },
    [STEP_CREATE]     = { "create",     NULL,       imap_say_create,     imap_heard_command,    NULL              },
    [STEP_SEARCH]     = { "search",     NULL,       imap_say_search,     imap_heard_command,    NULL              },
    [STEP_FETCH]      = { "fetch",      NULL,       imap_say_fetch,      imap_heard_fetch,      NULL              },
    [STEP_BODY]       = { "body",       NULL,       imap_say_body,       imap_heard_command,    NULL              },
    [STEP_SEEN]       = { "seen",       NULL,       imap_say_seen,       imap_heard_command,    NULL              },
    [STEP_MOVE]       = { "move",       NULL,       imap_say_move,       imap_heard_command,    NULL              },
    [STEP_COPY]       = { "copy",       NULL,       imap_say_copy,       imap_heard_copy,       NULL              },
    [STEP_MARK]       = { "mark",       NULL,       imap_say_mark,       imap_heard_mark,       NULL              },
    [STEP_EXPUNGE]    = { "expunge",    NULL,       imap_say_expunge,    imap_heard_command,    NULL              },
    [STEP_LOOK]       = { "look",       NULL,       imap_say_look,       imap_heard_look,       NULL              },
    [STEP_SWEEP]      = { "sweep",      NULL,       imap_say_sweep,      imap_heard_command,    NULL              },
    [STEP_NOOP]       = { "noop",       NULL,       imap_say_noop,       imap_heard_command,    NULL              },
    [STEP_IDLE]       = { "idle",       "idle",     imap_say_idle,       imap_heard_command,    imap_asked_idle   },
    [STEP_IDLING]     = { "idling",     "idle",     imap_say_idling,     imap_heard_command,    NULL              },
    [STEP_DONE]       = { "done",       "idle",     imap_say_done,       imap_heard_command,    NULL              },
    [STEP_LOGOUT]     = { "logout",     "idle",     imap_say_logout,     imap_heard_logout,     NULL              },
    [STEP_OVER]       = { "over",       "idle",     NULL,                NULL,                  NULL              },
};
/* clang-format on */

struct imap_client *imap_client_new(const struct imap_client_options *options, const struct imap_client_host *host,
                                    void *ctx)
{
    struct imap_client *c = mem_alloc(sizeof *c);
    c->options = options;
    c->host = *host;
    c->ctx = ctx;
    c->step = STEP_GREETING;
    c->is_secure = options->tls == IMAP_CLIENT_IMPLICIT;
    imap_wire_init(&c->wire);
    buf_init(&c->out, OUT_LIMIT);
    buf_init(&c->capabilities, IMAP_LINE_LIMIT);
    buf_init(&c->set, OUT_LIMIT);
    return c;
}

void imap_client_free(struct imap_client *c)
{
    if (!c)
        return;
    imap_client_forget(c);
    imap_wire_fini(&c->wire);
    buf_fini(&c->out);
    buf_fini(&c->capabilities);
    buf_fini(&c->set);
    free(c);
}

void imap_client_flush(struct imap_client *c)
{
    if (c->out.size == 0)
        return;
    c->host.send(c->ctx, buf_bytes(&c->out));
    if (c->out.capacity > IDLE_CAPACITY)
        buf_release(&c->out);
    else
        buf_clear(&c->out);
}

void imap_client_say(struct imap_client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_addf(&c->out, "%c%u ", IMAP_TAG_LETTER, ++c->tag);
    buf_vaddf(&c->out, format, args);
    va_end(args);
    buf_add_str(&c->out, "\r\n");
}

/* What is said last is the host's to be told; it may start the next step in there, so nothing is done after it. */
void imap_client_enter(struct imap_client *c, enum imap_step next)
{
    log_debug("imap.client.step", LOG_TEXT("old", steps[c->step].name), LOG_TEXT("new", steps[next].name));
    c->step = next;
    if (steps[next].say)
        steps[next].say(c);
}

void imap_client_enter_and_flush(struct imap_client *c, enum imap_step next)
{
    imap_client_enter(c, next);
    if (!c->is_feeding)
        imap_client_flush(c);
}

enum imap_step imap_client_fail(struct imap_client *c, const struct imap_reply *reply, enum fault_kind kind,
                                const char *id, const char *format, ...)
{
    const char *when = imap_client_when(c);
    char text[FAULT_TEXT_SIZE];
    struct fault why;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fault_set(&why, kind, id, "%s", text);
    imap_client_flush(c);
    c->step = STEP_OVER;
    imap_client_forget(c);
    c->host.failed(c->ctx, when, reply, &why);
    return STEP_OVER;
}

enum imap_step imap_client_breach(struct imap_client *c, const char *what, struct bytes seen)
{
    char text[160];
    text_sanitize(seen, text, sizeof text);
    return imap_client_fail(c, NULL, FAULT_RETRY, "imap.breach", "the server sent %s: \"%s\"", what, text);
}

/* "A7 OK ...". False: it is no answer to the command that is open. */
static bool take_tag(const struct imap_client *c, struct bytes *text)
{
    char tag[16];
    int size = snprintf(tag, sizeof tag, "%c%u ", IMAP_TAG_LETTER, c->tag);
    if (!bytes_starts_nocase(*text, tag))
        return false;
    *text = bytes_slice(*text, (size_t)size, text->size);
    return true;
}

static void hear_tagged(struct imap_client *c, struct bytes text)
{
    static const char *const names[] = { [IMAP_OK] = "OK", [IMAP_NO] = "NO", [IMAP_BAD] = "BAD" };
    struct bytes seen = text, word;
    if (!steps[c->step].heard || !take_tag(c, &text)) {
        if (c->step != STEP_LOGOUT) /* a command that was left alone may still be answered */
            imap_client_breach(c, "what answers nothing that was said", seen);
        return;
    }
    struct imap_cursor in = { text };
    imap_cursor_word(&in, &word);
    for (int status = IMAP_OK; status <= IMAP_BAD; status++)
        if (bytes_equal_nocase(word, bytes_of(names[status]))) {
            imap_client_take_status(c, status, in.rest);
            imap_client_enter(c, steps[c->step].heard(c, &c->reply));
            return;
        }
    imap_client_breach(c, "an answer that is neither OK, NO nor BAD", seen);
}

static void hear_go_on(struct imap_client *c, struct bytes text)
{
    struct bytes seen = text;
    if (steps[c->step].asked)
        imap_client_enter(c, steps[c->step].asked(c, bytes_trim(bytes_slice(text, 1, text.size))));
    else if (c->step != STEP_LOGOUT)
        imap_client_breach(c, "a continuation that nothing waits for", seen);
}

static void hear(struct imap_client *c)
{
    struct bytes text = buf_bytes(&c->wire.text);
    if (c->step == STEP_GREETING && !bytes_starts_nocase(text, "* "))
        imap_client_not_imap(c, text);
    else if (bytes_starts_nocase(text, "* "))
        imap_client_hear_untagged(c, bytes_slice(text, 2, text.size));
    else if (text.size > 0 && text.data[0] == '+')
        hear_go_on(c, text);
    else if (text.size > 0)
        hear_tagged(c, text);
    else if (c->step != STEP_LOGOUT)
        imap_client_breach(c, "an empty line", text);
}

static void hear_breach(struct imap_client *c)
{
    struct bytes seen = bytes_slice(buf_bytes(&c->wire.text), 0, 100);
    if (c->step == STEP_GREETING)
        imap_client_not_imap(c, seen);
    else
        imap_client_breach(c, c->wire.breach, seen);
}

static void hear_event(struct imap_client *c, enum imap_wire_event event, struct bytes chunk)
{
    switch (event) {
    case IMAP_WIRE_MORE:
        break;
    case IMAP_WIRE_WHOLE:
        hear(c);
        break;
    case IMAP_WIRE_FULL:
        imap_client_hear_search_front(c);
        break;
    case IMAP_WIRE_LITERAL:
        imap_client_hear_literal(c);
        break;
    case IMAP_WIRE_CHUNK:
        imap_client_hear_body(c, chunk);
        break;
    case IMAP_WIRE_BREACH:
        hear_breach(c);
        break;
    }
}

/* TLS and binary protocols may never send a line end, so they are known by how they begin. */
static bool is_stranger(const struct imap_client *c, struct bytes in)
{
    return c->step == STEP_GREETING && imap_wire_is_fresh(&c->wire) && in.size > 0 && in.data[0] < ' ';
}

size_t imap_client_feed(struct imap_client *c, struct bytes in)
{
    size_t size = in.size;
    assert(!c->is_feeding);
    c->is_feeding = true;
    c->stops = false;
    if (is_stranger(c, in))
        imap_client_not_imap(c, bytes_slice(in, 0, 16));
    if (in.size > 0 && c->step == STEP_TLS)
        imap_client_injected(c);
    while (in.size > 0 && c->step != STEP_OVER && !c->stops) {
        enum imap_wire_event event;
        struct bytes chunk = BYTES_NONE;
        size_t used = imap_wire_take(&c->wire, in, &event, &chunk);
        in = bytes_slice(in, used, in.size);
        c->unread = in.size;
        hear_event(c, event, chunk);
    }
    c->is_feeding = false;
    imap_client_flush(c);
    return c->step == STEP_OVER ? size : size - in.size;
}

/* What was learnt in clear is not believed (RFC 3501 6.2.1). */
void imap_client_tls_done(struct imap_client *c)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_TLS);
    c->is_secure = true;
    imap_client_drop_capabilities(c);
    imap_client_enter_and_flush(c, STEP_CAPABILITY);
}

const struct imap_client_caps *imap_client_caps(const struct imap_client *c)
{
    return &c->caps;
}

const char *imap_client_capabilities(const struct imap_client *c)
{
    return buf_str(&c->capabilities);
}

const char *imap_client_when(const struct imap_client *c)
{
    if (steps[c->step].when)
        return steps[c->step].when;
    return c->command ? c->command : "idle";
}

bool imap_client_is_ready(const struct imap_client *c)
{
    return c->step == STEP_READY;
}
