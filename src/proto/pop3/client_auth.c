/* proto/pop3/client_auth.c - signing in upstream. The credential always goes in a line of its own, when the server asks: Exchange Online
 * ends the connection if it stands on the AUTH line. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "proto/pop3/client_private.h"

#define OFFERED(flag) offsetof(struct pop3_client_caps, flag)

/* clang-format off */
static const size_t offers[] = {
    [SASL_XOAUTH2]     = OFFERED(auth_xoauth2),
    [SASL_OAUTHBEARER] = OFFERED(auth_oauthbearer),
    [SASL_PLAIN]       = OFFERED(auth_plain),
    [SASL_LOGIN]       = OFFERED(auth_login),
    [SASL_COMMAND]     = OFFERED(user),
};

/* In the order tried. A password goes any way that is offered; a token only its own. */
static const enum sasl_mechanism choices[][4] = {
    [POP3_CLIENT_NO_AUTH]     = { SASL_NONE },
    [POP3_CLIENT_XOAUTH2]     = { SASL_XOAUTH2 },
    [POP3_CLIENT_OAUTHBEARER] = { SASL_OAUTHBEARER },
    [POP3_CLIENT_PLAIN]       = { SASL_PLAIN, SASL_COMMAND, SASL_LOGIN },
    [POP3_CLIENT_LOGIN]       = { SASL_COMMAND, SASL_PLAIN, SASL_LOGIN },
};
/* clang-format on */

static const char *mechanism_name(enum sasl_mechanism m)
{
    return m == SASL_COMMAND ? "USER" : sasl_name(m);
}

const char *pop3_client_wanted_mechanism(const struct pop3_client *c)
{
    return mechanism_name(choices[c->options->sasl][0]);
}

bool pop3_client_choose_mechanism(struct pop3_client *c)
{
    const enum sasl_mechanism *choice = choices[c->options->sasl];
    for (; *choice != SASL_NONE; choice++)
        if (*(const bool *)((const char *)&c->caps + offers[*choice])) {
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
    return text.size > 0 && text.size <= SASL_CLEAR_LIMIT && !memchr(text.data, 0, text.size) &&
           !memchr(text.data, '\r', text.size) && !memchr(text.data, '\n', text.size);
}

static void build_answer(struct pop3_client *c, const char *user, struct bytes secret)
{
    if (c->mechanism != SASL_COMMAND) {
        c->user = sasl_line(bytes_of(user));
        c->answer = sasl_answer(c->mechanism, c->options->host, c->options->port, user, secret);
    } else if (is_one_line(bytes_of(user)) && is_one_line(secret)) {
        c->user = sasl_command_line("USER ", bytes_of(user));
        c->answer = sasl_command_line("PASS ", secret);
    }
}

void pop3_client_credential(struct pop3_client *c, const char *user, struct bytes secret)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_CREDENTIAL || c->step == STEP_REFUSED);
    pop3_client_forget(c);
    c->challenge[0] = 0;
    if (!text_is_empty(user) && secret.size > 0)
        build_answer(c, user, secret);
    if (c->answer)
        pop3_client_enter(c, c->mechanism == SASL_COMMAND ? STEP_NAME : STEP_AUTH);
    else
        pop3_client_fail(c, NULL, FAULT_HOLD, "pop3.credential-unusable",
                         "user name or credential is empty, too long, or holds a character that %s can't carry",
                         mechanism_name(c->mechanism));
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
    pop3_client_say(c, "AUTH %s", mechanism_name(c->mechanism));
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
    pop3_client_say(c, "%s", sasl_to_challenge(c->mechanism));
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
    sasl_challenge_text(text, c->challenge, sizeof c->challenge);
    return STEP_CHALLENGED;
}

enum pop3_step pop3_asked_auth(struct pop3_client *c, struct bytes text)
{
    return c->mechanism == SASL_LOGIN ? STEP_USER : STEP_ANSWER;
}

enum pop3_step pop3_asked_user(struct pop3_client *c, struct bytes text)
{
    return STEP_ANSWER;
}
