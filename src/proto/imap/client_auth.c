/* proto/imap/client_auth.c - signing in upstream. With SASL-IR the credential goes with AUTHENTICATE, unless that makes the line longer
 * than servers promise to read; else in a line of its own, when the server asks. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "proto/imap/client_private.h"
#include "proto/sasl/sasl.h"

#define CLEAR_LIMIT (24 * 1024) /* Entra's tokens are 1 to 4 KiB */
#define COMMAND_LIMIT 8000      /* RFC 2683 3.2.1.5 */
#define CRLF_SIZE 2

/* A continuation after the answer carries the reason of a refusal; each mechanism has its own word to hear on: an empty line for
 * XOAUTH2, ^A for OAUTHBEARER (RFC 7628 3.2.3), else a cancellation. */
#define OFFERED(flag) offsetof(struct imap_client_caps, flag)

/* clang-format off */
static const struct mechanism {
    const char *name;
    size_t offered; /* in struct imap_client_caps */
    const char *to_challenge;
} mechanisms[] = {
    [MECHANISM_NONE]        = { "",            0,                         "*"    },
    [MECHANISM_XOAUTH2]     = { "XOAUTH2",     OFFERED(auth_xoauth2),     ""     },
    [MECHANISM_OAUTHBEARER] = { "OAUTHBEARER", OFFERED(auth_oauthbearer), "AQ==" },
    [MECHANISM_PLAIN]       = { "PLAIN",       OFFERED(auth_plain),       "*"    },
    [MECHANISM_LOGIN]       = { "LOGIN",       OFFERED(auth_login),       "*"    },
    [MECHANISM_COMMAND]     = { "LOGIN",       OFFERED(logindisabled),    "*"    },
};

/* In the order tried. A password goes any way that is offered; a token only its own. */
static const enum imap_mechanism choices[][4] = {
    [IMAP_CLIENT_NO_AUTH]     = { MECHANISM_NONE },
    [IMAP_CLIENT_XOAUTH2]     = { MECHANISM_XOAUTH2 },
    [IMAP_CLIENT_OAUTHBEARER] = { MECHANISM_OAUTHBEARER },
    [IMAP_CLIENT_PLAIN]       = { MECHANISM_PLAIN, MECHANISM_LOGIN, MECHANISM_COMMAND },
    [IMAP_CLIENT_LOGIN]       = { MECHANISM_LOGIN, MECHANISM_COMMAND, MECHANISM_PLAIN },
};
/* clang-format on */

const char *imap_client_wanted_mechanism(const struct imap_client *c)
{
    return mechanisms[choices[c->options->sasl][0]].name;
}

static bool is_offered(const struct imap_client *c, enum imap_mechanism m)
{
    bool flag = *(const bool *)((const char *)&c->caps + mechanisms[m].offered);
    return m == MECHANISM_COMMAND ? !flag : flag;
}

bool imap_client_choose_mechanism(struct imap_client *c)
{
    const enum imap_mechanism *choice = choices[c->options->sasl];
    for (; *choice != MECHANISM_NONE; choice++)
        if (is_offered(c, *choice)) {
            c->mechanism = *choice;
            return true;
        }
    return false;
}

void imap_client_forget(struct imap_client *c)
{
    secret_free(c->user);
    secret_free(c->answer);
    c->user = c->answer = NULL;
}

void imap_say_credential(struct imap_client *c)
{
    c->host.want_credential(c->ctx);
}

/* A quoted string (RFC 3501 4.3); false: it can't be one. Octets over 127 go as they are, as servers take them. */
static bool add_quoted(struct buf *out, struct bytes text)
{
    bool is_good = buf_add_byte(out, '"');
    for (size_t i = 0; i < text.size && is_good; i++) {
        uint8_t b = text.data[i];
        if (b == '"' || b == '\\')
            is_good = buf_add_byte(out, '\\');
        is_good = is_good && b != 0 && b != '\r' && b != '\n' && buf_add_byte(out, b);
    }
    return is_good && buf_add_byte(out, '"');
}

static bool build_clear(const struct imap_client *c, const char *user, struct bytes secret, struct buf *out)
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
        return add_quoted(out, bytes_of(user)) && buf_add_byte(out, ' ') && add_quoted(out, secret);
    case MECHANISM_NONE:
        break;
    }
    return false;
}

/* A line as it goes out: the base64 of `clear`, or `clear` itself for LOGIN's arguments, and CRLF. */
static struct secret *line_of(struct bytes clear, bool is_plain)
{
    size_t size = is_plain ? clear.size : base64_size(clear.size);
    char *line = mem_alloc(size + CRLF_SIZE + 1);
    if (is_plain)
        memcpy(line, clear.data, size);
    else
        base64_encode(clear, line, size + 1);
    memcpy(line + size, "\r\n", CRLF_SIZE);
    struct secret *kept = secret_new(line, size + CRLF_SIZE);
    secret_wipe(line, size);
    free(line);
    return kept;
}

void imap_client_credential(struct imap_client *c, const char *user, struct bytes secret)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_CREDENTIAL || c->step == STEP_REFUSED);
    imap_client_forget(c);
    c->challenge[0] = 0;
    struct buf clear;
    buf_init(&clear, CLEAR_LIMIT);
    buf_reserve(&clear, CLEAR_LIMIT); /* it never moves, so one wipe is enough */
    bool is_good = !text_is_empty(user) && secret.size > 0 && build_clear(c, user, secret, &clear);
    if (is_good) {
        c->user = line_of(bytes_of(user), false);
        c->answer = line_of(buf_bytes(&clear), c->mechanism == MECHANISM_COMMAND);
    }
    secret_wipe(clear.data, clear.size);
    buf_fini(&clear);
    if (is_good)
        imap_client_enter(c, STEP_AUTH);
    else
        imap_client_fail(c, NULL, FAULT_HOLD, "imap.credential-unusable",
                         "user name or credential is empty, too long, or holds a character that %s can't carry",
                         mechanisms[c->mechanism].name);
    if (!c->is_feeding)
        imap_client_flush(c);
}

static void send_secret(struct imap_client *c, struct bytes line)
{
    imap_client_flush(c);
    if (c->host.send_secret)
        c->host.send_secret(c->ctx, line);
    else
        c->host.send(c->ctx, line);
}

static void send_with_answer(struct imap_client *c, const char *command)
{
    struct bytes answer = secret_bytes(c->answer);
    char prefix[64];
    int size = snprintf(prefix, sizeof prefix, "%c%u %s ", IMAP_TAG_LETTER, ++c->tag, command);
    char *line = mem_alloc((size_t)size + answer.size);
    memcpy(line, prefix, (size_t)size);
    memcpy(line + size, answer.data, answer.size);
    send_secret(c, (struct bytes){ (const uint8_t *)line, (size_t)size + answer.size });
    secret_wipe(line, (size_t)size + answer.size);
    free(line);
}

static bool sends_at_once(const struct imap_client *c)
{
    return c->mechanism == MECHANISM_COMMAND ||
           (c->mechanism != MECHANISM_LOGIN && c->caps.sasl_ir && !c->options->no_initial_response &&
            secret_bytes(c->answer).size < COMMAND_LIMIT);
}

void imap_say_auth(struct imap_client *c)
{
    char command[32];
    c->is_told = false;
    snprintf(command, sizeof command, "%s%s", c->mechanism == MECHANISM_COMMAND ? "" : "AUTHENTICATE ",
             mechanisms[c->mechanism].name);
    if (sends_at_once(c))
        send_with_answer(c, command);
    else
        imap_client_say(c, "%s", command);
}

void imap_say_user(struct imap_client *c)
{
    send_secret(c, secret_bytes(c->user));
}

void imap_say_answer(struct imap_client *c)
{
    send_secret(c, secret_bytes(c->answer));
}

/* No tag: it goes on with the command. */
void imap_say_challenged(struct imap_client *c)
{
    buf_addf(&c->out, "%s\r\n", mechanisms[c->mechanism].to_challenge);
}

void imap_say_refused(struct imap_client *c)
{
    imap_client_forget(c);
    if (c->host.auth_refused)
        c->host.auth_refused(c->ctx, &c->reply, c->challenge);
    else
        imap_client_fail(c, &c->reply, FAULT_HOLD, "", "the server refuses the sign-in: %.300s", c->reply.text);
}

/* What servers put into a challenge is often JSON, never promised to be; it is kept for people to read. */
static void keep_challenge(struct imap_client *c, struct bytes shown)
{
    uint8_t clear[3 * sizeof c->challenge / 4];
    size_t size;
    if (shown.size / 4 * 3 <= sizeof clear && base64_decode(shown, clear, sizeof clear, &size))
        shown = (struct bytes){ clear, size };
    text_sanitize(shown, c->challenge, sizeof c->challenge);
}

enum imap_step imap_heard_auth(struct imap_client *c, const struct imap_reply *r)
{
    if (r->status != IMAP_OK)
        return STEP_REFUSED;
    imap_client_forget(c);
    return !c->is_told && c->options->wants_capabilities ? STEP_REVIEW : STEP_READY;
}

enum imap_step imap_asked_answer(struct imap_client *c, struct bytes text)
{
    keep_challenge(c, text);
    return STEP_CHALLENGED;
}

enum imap_step imap_asked_auth(struct imap_client *c, struct bytes text)
{
    if (c->mechanism == MECHANISM_COMMAND)
        return imap_client_breach(c, "a continuation to LOGIN", text);
    if (c->mechanism == MECHANISM_LOGIN)
        return STEP_USER;
    return sends_at_once(c) ? imap_asked_answer(c, text) : STEP_ANSWER;
}

enum imap_step imap_asked_user(struct imap_client *c, struct bytes text)
{
    return STEP_ANSWER;
}
