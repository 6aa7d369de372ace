/* proto/pop3/client_auth.c - signing in upstream. The credential always goes in a line of its own, when the server asks: Exchange Online
 * ends the connection if it stands on the AUTH line. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "proto/pop3/client_private.h"
#include "proto/sasl/sasl.h"

#define CLEAR_LIMIT (24 * 1024) /* Entra's tokens are 1 to 4 KiB */
#define CRLF_SIZE 2

/* A continuation after the answer carries the reason of a refusal; each mechanism has its own word to hear on: an empty line for
 * XOAUTH2, ^A for OAUTHBEARER (RFC 7628 3.2.3), else a cancellation (RFC 5034 4). */
#define OFFERED(flag) offsetof(struct pop3_client_caps, flag)

/* clang-format off */
static const struct mechanism {
    const char *name;
    size_t offered; /* in struct pop3_client_caps */
    const char *to_challenge;
} mechanisms[] = {
    [MECHANISM_NONE]        = { "",            0,                         "*"    },
    [MECHANISM_XOAUTH2]     = { "XOAUTH2",     OFFERED(auth_xoauth2),     ""     },
    [MECHANISM_OAUTHBEARER] = { "OAUTHBEARER", OFFERED(auth_oauthbearer), "AQ==" },
    [MECHANISM_PLAIN]       = { "PLAIN",       OFFERED(auth_plain),       "*"    },
    [MECHANISM_LOGIN]       = { "LOGIN",       OFFERED(auth_login),       "*"    },
    [MECHANISM_COMMAND]     = { "USER",        OFFERED(user),             "*"    },
};

/* In the order tried. A password goes any way that is offered; a token only its own. */
static const enum pop3_mechanism choices[][4] = {
    [POP3_CLIENT_NO_AUTH]     = { MECHANISM_NONE },
    [POP3_CLIENT_XOAUTH2]     = { MECHANISM_XOAUTH2 },
    [POP3_CLIENT_OAUTHBEARER] = { MECHANISM_OAUTHBEARER },
    [POP3_CLIENT_PLAIN]       = { MECHANISM_PLAIN, MECHANISM_COMMAND, MECHANISM_LOGIN },
    [POP3_CLIENT_LOGIN]       = { MECHANISM_COMMAND, MECHANISM_PLAIN, MECHANISM_LOGIN },
};
/* clang-format on */

const char *pop3_client_wanted_mechanism(const struct pop3_client *c)
{
    return mechanisms[choices[c->options->sasl][0]].name;
}

bool pop3_client_choose_mechanism(struct pop3_client *c)
{
    const enum pop3_mechanism *choice = choices[c->options->sasl];
    for (; *choice != MECHANISM_NONE; choice++)
        if (*(const bool *)((const char *)&c->caps + mechanisms[*choice].offered)) {
            c->mechanism = *choice;
            return true;
        }
    return false;
}

void pop3_client_forget(struct pop3_client *c)
{
    secret_free(c->user);
    secret_free(c->answer);
    c->user = c->answer = NULL;
}

void pop3_say_credential(struct pop3_client *c)
{
    c->host.want_credential(c->ctx);
}

static bool is_one_line(struct bytes text)
{
    return text.size > 0 && !memchr(text.data, 0, text.size) && !memchr(text.data, '\r', text.size) &&
           !memchr(text.data, '\n', text.size);
}

static bool build_clear(const struct pop3_client *c, const char *user, struct bytes secret, struct buf *out)
{
    switch (c->mechanism) {
    case MECHANISM_XOAUTH2:
        return sasl_xoauth2(user, secret, out);
    case MECHANISM_OAUTHBEARER:
        return sasl_oauthbearer(user, c->options->host ? c->options->host : "", c->options->port, secret, out);
    case MECHANISM_PLAIN:
        return sasl_plain(user, secret, out);
    case MECHANISM_LOGIN:
        return buf_add_bytes(out, secret);
    case MECHANISM_COMMAND:
        return is_one_line(bytes_of(user)) && is_one_line(secret) && buf_add_bytes(out, secret);
    case MECHANISM_NONE:
        break;
    }
    return false;
}

/* A line as it goes out: of a command, or the base64 of an answer. */
static struct secret *line_of(const char *command, struct bytes clear)
{
    size_t prefix = strlen(command), size = prefix ? clear.size : base64_size(clear.size);
    char *line = mem_alloc(prefix + size + CRLF_SIZE + 1);
    memcpy(line, command, prefix);
    if (prefix)
        memcpy(line + prefix, clear.data, size);
    else
        base64_encode(clear, line, size + 1);
    memcpy(line + prefix + size, "\r\n", CRLF_SIZE);
    struct secret *kept = secret_new(line, prefix + size + CRLF_SIZE);
    secret_wipe(line, prefix + size);
    free(line);
    return kept;
}

void pop3_client_credential(struct pop3_client *c, const char *user, struct bytes secret)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_CREDENTIAL || c->step == STEP_REFUSED);
    bool is_command = c->mechanism == MECHANISM_COMMAND;
    pop3_client_forget(c);
    c->challenge[0] = 0;
    struct buf clear;
    buf_init(&clear, CLEAR_LIMIT);
    buf_reserve(&clear, CLEAR_LIMIT); /* it never moves, so one wipe is enough */
    bool is_good = !text_is_empty(user) && secret.size > 0 && build_clear(c, user, secret, &clear);
    if (is_good) {
        c->user = line_of(is_command ? "USER " : "", bytes_of(user));
        c->answer = line_of(is_command ? "PASS " : "", buf_bytes(&clear));
    }
    secret_wipe(clear.data, clear.size);
    buf_fini(&clear);
    if (is_good)
        pop3_client_enter(c, is_command ? STEP_NAME : STEP_AUTH);
    else
        pop3_client_fail(c, NULL, FAULT_HOLD, "pop3.credential-unusable",
                         "user name or credential is empty, too long, or holds a character that %s can't carry",
                         mechanisms[c->mechanism].name);
    if (!c->is_feeding)
        pop3_client_flush(c);
}

static void send_secret(struct pop3_client *c, const struct secret *line)
{
    pop3_client_flush(c);
    if (c->host.send_secret)
        c->host.send_secret(c->ctx, secret_bytes(line));
    else
        c->host.send(c->ctx, secret_bytes(line));
}

void pop3_say_auth(struct pop3_client *c)
{
    pop3_client_say(c, "AUTH %s", mechanisms[c->mechanism].name);
}

void pop3_say_user(struct pop3_client *c)
{
    send_secret(c, c->user);
}

void pop3_say_answer(struct pop3_client *c)
{
    send_secret(c, c->answer);
}

void pop3_say_challenged(struct pop3_client *c)
{
    pop3_client_say(c, "%s", mechanisms[c->mechanism].to_challenge);
}

void pop3_say_name(struct pop3_client *c)
{
    send_secret(c, c->user);
}

void pop3_say_pass(struct pop3_client *c)
{
    send_secret(c, c->answer);
}

void pop3_say_refused(struct pop3_client *c)
{
    pop3_client_forget(c);
    if (c->host.auth_refused)
        c->host.auth_refused(c->ctx, &c->reply, c->challenge);
    else
        pop3_client_fail(c, &c->reply, FAULT_HOLD, "", "the server refuses the sign-in: %.300s", c->reply.text);
}

/* What servers put into a challenge is often JSON, never promised to be; it is kept for people to read. */
static void keep_challenge(struct pop3_client *c, struct bytes shown)
{
    uint8_t clear[3 * sizeof c->challenge / 4];
    size_t size;
    if (shown.size / 4 * 3 <= sizeof clear && base64_decode(shown, clear, sizeof clear, &size))
        shown = (struct bytes){ clear, size };
    text_sanitize(shown, c->challenge, sizeof c->challenge);
}

enum pop3_step pop3_heard_auth(struct pop3_client *c, const struct pop3_reply *r)
{
    if (!r->is_ok)
        return STEP_REFUSED;
    if (c->step == STEP_AUTH || c->step == STEP_USER)
        return pop3_client_fail(c, r, FAULT_RETRY, "pop3.breach",
                                "the server says that we are signed in, though no credential was sent");
    pop3_client_forget(c);
    return STEP_READY;
}

enum pop3_step pop3_heard_name(struct pop3_client *c, const struct pop3_reply *r)
{
    return r->is_ok ? STEP_PASS : STEP_REFUSED;
}

enum pop3_step pop3_asked_answer(struct pop3_client *c, struct bytes text)
{
    keep_challenge(c, text);
    return STEP_CHALLENGED;
}

enum pop3_step pop3_asked_auth(struct pop3_client *c, struct bytes text)
{
    return c->mechanism == MECHANISM_LOGIN ? STEP_USER : STEP_ANSWER;
}

enum pop3_step pop3_asked_user(struct pop3_client *c, struct bytes text)
{
    return STEP_ANSWER;
}
