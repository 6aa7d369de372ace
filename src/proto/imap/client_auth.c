/* proto/imap/client_auth.c - signing in upstream. With SASL-IR the credential goes with AUTHENTICATE, unless that makes the line longer
 * than servers promise to read; else in a line of its own, when the server asks. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "proto/imap/client_private.h"

#define COMMAND_LIMIT 8000 /* RFC 2683 3.2.1.5 */
#define OFFERED(flag) offsetof(struct imap_client_caps, flag)

/* clang-format off */
static const size_t offers[] = {
    [SASL_XOAUTH2]     = OFFERED(auth_xoauth2),
    [SASL_OAUTHBEARER] = OFFERED(auth_oauthbearer),
    [SASL_PLAIN]       = OFFERED(auth_plain),
    [SASL_LOGIN]       = OFFERED(auth_login),
    [SASL_COMMAND]     = OFFERED(logindisabled),
};

/* In the order tried. A password goes any way that is offered; a token only its own. */
static const enum sasl_mechanism choices[][4] = {
    [IMAP_CLIENT_NO_AUTH]     = { SASL_NONE },
    [IMAP_CLIENT_XOAUTH2]     = { SASL_XOAUTH2 },
    [IMAP_CLIENT_OAUTHBEARER] = { SASL_OAUTHBEARER },
    [IMAP_CLIENT_PLAIN]       = { SASL_PLAIN, SASL_LOGIN, SASL_COMMAND },
    [IMAP_CLIENT_LOGIN]       = { SASL_LOGIN, SASL_COMMAND, SASL_PLAIN },
};
/* clang-format on */

const char *imap_client_wanted_mechanism(const struct imap_client *c)
{
    return sasl_name(choices[c->options->sasl][0]);
}

static bool is_offered(const struct imap_client *c, enum sasl_mechanism m)
{
    bool flag = *(const bool *)((const char *)&c->caps + offers[m]);
    return m == SASL_COMMAND ? !flag : flag;
}

bool imap_client_choose_mechanism(struct imap_client *c)
{
    const enum sasl_mechanism *choice = choices[c->options->sasl];
    for (; *choice != SASL_NONE; choice++)
        if (is_offered(c, *choice)) {
            c->mechanism = *choice;
            return true;
        }
    return false;
}

static const char *mechanism_name(const struct imap_client *c)
{
    return c->mechanism == SASL_COMMAND ? "LOGIN" : sasl_name(c->mechanism);
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

static struct secret *login_line(const char *user, struct bytes secret)
{
    struct buf clear;
    buf_init(&clear, SASL_CLEAR_LIMIT);
    buf_reserve(&clear, SASL_CLEAR_LIMIT); /* it never moves, so one wipe is enough */
    bool is_good = add_quoted(&clear, bytes_of(user)) && buf_add_byte(&clear, ' ') && add_quoted(&clear, secret);
    struct secret *line = is_good ? sasl_command_line("", buf_bytes(&clear)) : NULL;
    secret_wipe(clear.data, clear.size);
    buf_fini(&clear);
    return line;
}

static void build_answer(struct imap_client *c, const char *user, struct bytes secret)
{
    c->user = sasl_line(bytes_of(user));
    c->answer = c->mechanism == SASL_COMMAND
                    ? login_line(user, secret)
                    : sasl_answer(c->mechanism, c->options->host, c->options->port, user, secret);
}

void imap_client_credential(struct imap_client *c, const char *user, struct bytes secret)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_CREDENTIAL || c->step == STEP_REFUSED);
    imap_client_forget(c);
    c->challenge[0] = 0;
    if (!text_is_empty(user) && secret.size > 0)
        build_answer(c, user, secret);
    if (c->answer)
        imap_client_enter(c, STEP_AUTH);
    else
        imap_client_fail(c, NULL, FAULT_HOLD, "imap.credential-unusable",
                         "user name or credential is empty, too long, or holds a character that %s can't carry",
                         mechanism_name(c));
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
    return c->mechanism == SASL_COMMAND ||
           (c->mechanism != SASL_LOGIN && c->caps.sasl_ir && !c->options->no_initial_response &&
            secret_bytes(c->answer).size < COMMAND_LIMIT);
}

void imap_say_auth(struct imap_client *c)
{
    char command[32];
    c->is_told = false;
    snprintf(command, sizeof command, "%s%s", c->mechanism == SASL_COMMAND ? "" : "AUTHENTICATE ", mechanism_name(c));
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
    buf_addf(&c->out, "%s\r\n", sasl_to_challenge(c->mechanism));
}

void imap_say_refused(struct imap_client *c)
{
    imap_client_forget(c);
    if (c->host.auth_refused)
        c->host.auth_refused(c->ctx, &c->reply, c->challenge);
    else
        imap_client_fail(c, &c->reply, FAULT_HOLD, "", "the server refuses the sign-in: %.300s", c->reply.text);
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
    sasl_challenge_text(text, c->challenge, sizeof c->challenge);
    return STEP_CHALLENGED;
}

enum imap_step imap_asked_auth(struct imap_client *c, struct bytes text)
{
    if (c->mechanism == SASL_COMMAND)
        return imap_client_breach(c, "a continuation to LOGIN", text);
    if (c->mechanism == SASL_LOGIN)
        return STEP_USER;
    return sends_at_once(c) ? imap_asked_answer(c, text) : STEP_ANSWER;
}

enum imap_step imap_asked_user(struct imap_client *c, struct bytes text)
{
    return STEP_ANSWER;
}
