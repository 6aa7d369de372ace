/* proto/smtp/client_auth.c - signing in upstream. The token goes in a line of its own, in the second step: with AUTH it would pass
 * the 512 octets of a command line (RFC 4954 4), which strict servers enforce. A setting sends it at once all the same. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/sasl/client.h"
#include "proto/smtp/client_private.h"

#define OFFERED(flag) offsetof(struct smtp_client_caps, flag)

/* clang-format off */
static const struct mechanism {
    enum sasl_mechanism sasl;
    size_t offered; /* in struct smtp_client_caps */
    enum smtp_client_sasl instead;
} mechanisms[] = {
    [SMTP_CLIENT_NO_AUTH]     = { SASL_NONE,        0,                         SMTP_CLIENT_NO_AUTH     },
    [SMTP_CLIENT_XOAUTH2]     = { SASL_XOAUTH2,     OFFERED(auth_xoauth2),     SMTP_CLIENT_XOAUTH2     },
    [SMTP_CLIENT_OAUTHBEARER] = { SASL_OAUTHBEARER, OFFERED(auth_oauthbearer), SMTP_CLIENT_OAUTHBEARER },
    [SMTP_CLIENT_PLAIN]       = { SASL_PLAIN,       OFFERED(auth_plain),       SMTP_CLIENT_LOGIN       },
    [SMTP_CLIENT_LOGIN]       = { SASL_LOGIN,       OFFERED(auth_login),       SMTP_CLIENT_PLAIN       },
};
/* clang-format on */

const char *smtp_mechanism_name(enum smtp_client_sasl sasl)
{
    return sasl_name(mechanisms[sasl].sasl);
}

static bool is_offered(const struct smtp_client *c, enum smtp_client_sasl sasl)
{
    return *(const bool *)((const char *)&c->caps + mechanisms[sasl].offered);
}

/* PLAIN and LOGIN say the same in different words, so either will do. */
bool smtp_client_choose_mechanism(struct smtp_client *c)
{
    c->sasl = c->options->sasl;
    if (!is_offered(c, c->sasl))
        c->sasl = mechanisms[c->sasl].instead;
    return is_offered(c, c->sasl);
}

void smtp_client_forget(struct smtp_client *c)
{
    secret_free(c->user);
    secret_free(c->answer);
    c->user = c->answer = NULL;
}

void smtp_say_credential(struct smtp_client *c)
{
    c->host.want_credential(c->ctx);
}

void smtp_client_credential(struct smtp_client *c, const char *user, struct bytes secret)
{
    if (c->step == STEP_OVER)
        return;
    assert(c->step == STEP_CREDENTIAL || c->step == STEP_REFUSED);
    smtp_client_forget(c);
    c->challenge[0] = 0;
    c->user = sasl_line(bytes_of(user));
    c->answer = sasl_answer(mechanisms[c->sasl].sasl, c->options->host, c->options->port, user, secret);
    if (c->answer)
        smtp_client_enter(c, STEP_AUTH);
    else
        smtp_client_fail(c, NULL, FAULT_HOLD, "smtp.credential-unusable",
                         "user name or credential is empty, too long, or holds a character that AUTH %s can't carry",
                         smtp_mechanism_name(c->sasl));
    if (!c->is_feeding)
        smtp_client_flush(c);
}

static void send_secret(struct smtp_client *c, struct bytes line)
{
    smtp_client_flush(c);
    c->host.send_secret(c->ctx, line);
}

void smtp_say_auth(struct smtp_client *c)
{
    if (!c->options->initial_response || c->sasl == SMTP_CLIENT_LOGIN) {
        smtp_client_say(c, "AUTH %s", smtp_mechanism_name(c->sasl));
        return;
    }
    struct bytes answer = secret_bytes(c->answer);
    char prefix[32];
    int size = snprintf(prefix, sizeof prefix, "AUTH %s ", smtp_mechanism_name(c->sasl));
    char *line = mem_alloc((size_t)size + answer.size);
    memcpy(line, prefix, (size_t)size);
    memcpy(line + size, answer.data, answer.size);
    send_secret(c, (struct bytes){ (const uint8_t *)line, (size_t)size + answer.size });
    secret_wipe(line, (size_t)size + answer.size);
    free(line);
}

void smtp_say_user(struct smtp_client *c)
{
    send_secret(c, secret_bytes(c->user));
}

void smtp_say_answer(struct smtp_client *c)
{
    send_secret(c, secret_bytes(c->answer));
}

void smtp_say_challenged(struct smtp_client *c)
{
    smtp_client_say(c, "%s", sasl_to_challenge(mechanisms[c->sasl].sasl));
}

void smtp_say_refused(struct smtp_client *c)
{
    smtp_client_forget(c);
    c->host.auth_refused(c->ctx, &c->replies.reply, c->challenge);
}

/* Common to every answer within AUTH that is no continuation. */
static enum smtp_step concluded(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code / 100 == 2) {
        smtp_client_forget(c);
        return STEP_IDLE;
    }
    if (r->code / 100 == 3)
        return smtp_client_fail(c, r, FAULT_RETRY, "smtp.breach", "AUTH is answered by %d again and again", r->code);
    return STEP_REFUSED;
}

enum smtp_step smtp_heard_answer(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code != 334)
        return concluded(c, r);
    sasl_challenge_text(bytes_of(r->text), c->challenge, sizeof c->challenge);
    return STEP_CHALLENGED;
}

enum smtp_step smtp_heard_auth(struct smtp_client *c, const struct smtp_reply *r)
{
    if (r->code != 334)
        return concluded(c, r);
    if (c->sasl == SMTP_CLIENT_LOGIN)
        return STEP_USER;
    return c->options->initial_response ? smtp_heard_answer(c, r) : STEP_ANSWER;
}

enum smtp_step smtp_heard_user(struct smtp_client *c, const struct smtp_reply *r)
{
    return r->code == 334 ? STEP_ANSWER : concluded(c, r);
}

enum smtp_step smtp_heard_challenged(struct smtp_client *c, const struct smtp_reply *r)
{
    return concluded(c, r);
}
