/* AUTH: the mechanisms, their steps, and what a refusal does to the session. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "sandbox/bearer.h"
#include "sandbox/exchange_private.h"

#define CLEAR_MAX 16384

struct mechanism {
    const char *name;
    enum exchange_auth_step first;
    const char *prompt; /* base64, after "334 " */
};

static const struct mechanism mechanisms[] = {
    { "XOAUTH2", AUTH_STEP_TOKEN, "" },
    { "OAUTHBEARER", AUTH_STEP_TOKEN, "" },
    { "LOGIN", AUTH_STEP_USER, "VXNlcm5hbWU6" },
    { "PLAIN", AUTH_STEP_PLAIN, "" },
};

/* smtp.login: what passwords are answered. */
struct login_answer {
    const char *name, *reply;
};

static const struct login_answer login_answers[] = {
    { "retired", "550 5.7.30 Basic authentication is not supported for Client Submission." },
    { "basic-disabled", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled." },
    { "security-defaults",
      "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults "
      "policy. Contact your administrator." },
    { "criteria", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated "
                  "successfully. Contact your administrator." },
    { "incorrect", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect." },
    { "refused", EXCHANGE_REFUSED },
};

static const struct mechanism *find_mechanism(struct exchange_session *s, struct bytes name)
{
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) {
        if (!bytes_equal_nocase(name, bytes_of(mechanisms[i].name)))
            continue;
        char word[32], offered[128];
        snprintf(word, sizeof word, " %s ", mechanisms[i].name);
        snprintf(offered, sizeof offered, " %s ", s->server->dialect->mechanisms);
        return strstr(offered, word) != NULL ? &mechanisms[i] : NULL;
    }
    return NULL;
}

void exchange_sign_out(struct exchange_session *s)
{
    if (s->is_signed_in)
        exchange_mailbox_of(s->server, s->who.mailbox)->connections--;
    s->is_signed_in = false;
    access_forget(&s->who);
}

static void refuse(struct exchange_session *s, const char *reply)
{
    unsigned allowed = (unsigned)switches_number(s->server->sandbox->switches, SWITCH_SMTP_AUTH_FAILURES);
    snprintf(s->last_refusal, sizeof s->last_refusal, "%s", reply);
    s->state = SESSION_READY;
    exchange_refuse(s, "%s", reply);
    activity_count(s->server->sandbox->activity, "smtp.auth.refused", NULL);
    access_forget(&s->who);
    s->ends_after = ++s->auth_failures >= allowed;
}

/* 5.2: Google and RFC 7628 servers tell why in JSON, and wait for an answer before they refuse. */
static void challenge(struct exchange_session *s, const char *reply)
{
    snprintf(s->last_refusal, sizeof s->last_refusal, "%s", reply);
    s->state = SESSION_CHALLENGED;
    exchange_say(s, "334 %s", bearer_challenge(strcmp(s->mechanism, "OAUTHBEARER") == 0));
}

static bool is_one_connection_too_many(struct exchange_session *s, struct exchange_mailbox *m)
{
    uint64_t limit = exchange_limit(s->server, SWITCH_SMTP_CONNECTIONS);
    bool is_here = switches_is(s->server->sandbox->switches, SWITCH_SMTP_CONNECTIONS_AT, "login");
    return is_here && limit > 0 && m->connections >= limit;
}

static void let_in(struct exchange_session *s)
{
    struct exchange_mailbox *m = exchange_mailbox_of(s->server, s->who.mailbox);
    s->state = SESSION_READY;
    if (is_one_connection_too_many(s, m)) {
        exchange_refuse(s, "432 4.3.2 concurrent connection limit exceeded");
        access_forget(&s->who);
        return;
    }
    m->connections++;
    s->is_signed_in = true;
    s->auth_failures = 0;
    s->last_refusal[0] = 0;
    s->who.mechanism = s->mechanism;
    json_object_set_new(s->note, "user", json_string(s->who.mailbox->address));
    activity_count(s->server->sandbox->activity, "smtp.auth.accepted", s->who.mailbox->address);
    if (s->server->kind == EXCHANGE_GOOGLE)
        exchange_refuse(s, "%s", s->server->dialect->auth_ok);
    else
        exchange_say(s, "%s", s->server->dialect->auth_ok);
}

/* NULL if the token opens that mailbox, else the reply. Two switches may be wrong at once; what is looked at first differs. */
static const char *admit(struct exchange_server *x, const char *user, struct bytes token, struct access_identity *who)
{
    struct access_door door = { x->sandbox, ACCESS_SMTP, x->kind == EXCHANGE_GOOGLE };
    bool is_admitted = access_admit(&door, user, token, who);
    const char *off = who->mailbox != NULL ? exchange_smtp_auth_refusal(x, who->mailbox) : NULL;
    if (off != NULL && switches_is(x->sandbox->switches, SWITCH_SMTP_AUTH_ORDER, "switch-first"))
        return off;
    return is_admitted ? off : EXCHANGE_REFUSED;
}

static void take_token(struct exchange_session *s, struct bytes clear)
{
    char user[320];
    struct bytes token;
    bool is_bearer = strcmp(s->mechanism, "OAUTHBEARER") == 0;
    bool is_parsed = is_bearer ? bearer_oauthbearer(clear, user, sizeof user, &token)
                               : bearer_xoauth2(clear, user, sizeof user, &token);
    const char *reply = is_parsed ? admit(s->server, user, token, &s->who) : EXCHANGE_REFUSED;
    bool challenges = s->server->dialect->challenges ||
                      switches_is(s->server->sandbox->switches, SWITCH_SMTP_CHALLENGE, "on");
    if (reply == NULL)
        let_in(s);
    else if (challenges)
        challenge(s, s->server->kind == EXCHANGE_GOOGLE ? s->server->dialect->auth_refused : reply);
    else
        refuse(s, reply);
}

static void take_password(struct exchange_session *s, const char *user, struct bytes password)
{
    const char *how = switches_text(s->server->sandbox->switches, SWITCH_SMTP_LOGIN);
    bool is_google = s->server->kind == EXCHANGE_GOOGLE;
    for (size_t i = 0; i < sizeof login_answers / sizeof *login_answers && !is_google; i++) {
        if (strcmp(login_answers[i].name, how) == 0) {
            refuse(s, login_answers[i].reply);
            return;
        }
    }
    const struct user *mailbox = user_find(user);
    bool is_known = mailbox != NULL && *mailbox->password != 0 && bytes_equal(password, bytes_of(mailbox->password)) &&
                    (mailbox->tenant == &tenant_google) == is_google;
    const char *reply = is_known ? exchange_smtp_auth_refusal(s->server, mailbox) : s->server->dialect->auth_refused;
    if (reply != NULL) {
        refuse(s, reply);
        return;
    }
    s->who = (struct access_identity){ .mailbox = mailbox, .signed_in = mailbox };
    let_in(s);
}

static void take_plain(struct exchange_session *s, struct bytes clear)
{
    char user[320];
    size_t first = bytes_find(clear, (struct bytes){ (const uint8_t *)"", 1 });
    struct bytes rest = bytes_slice(clear, first == SIZE_MAX ? clear.size : first + 1, clear.size);
    size_t second = bytes_find(rest, (struct bytes){ (const uint8_t *)"", 1 });
    if (second == SIZE_MAX) {
        refuse(s, s->server->dialect->auth_refused);
        return;
    }
    snprintf(user, sizeof user, "%.*s", (int)second, (const char *)rest.data);
    take_password(s, user, bytes_slice(rest, second + 1, rest.size));
}

static void take_clear(struct exchange_session *s, struct bytes clear)
{
    switch (s->auth_step) {
    case AUTH_STEP_TOKEN:
        take_token(s, clear);
        break;
    case AUTH_STEP_PLAIN:
        take_plain(s, clear);
        break;
    case AUTH_STEP_USER:
        snprintf(s->login_user, sizeof s->login_user, "%.*s", (int)clear.size, (const char *)clear.data);
        s->auth_step = AUTH_STEP_PASSWORD;
        s->state = SESSION_AUTH;
        exchange_say(s, "334 UGFzc3dvcmQ6");
        break;
    case AUTH_STEP_PASSWORD:
        take_password(s, s->login_user, clear);
        break;
    }
}

static void take_encoded(struct exchange_session *s, struct bytes text)
{
    uint8_t clear[CLEAR_MAX];
    size_t size = 0;
    s->state = SESSION_READY;
    if (exchange_injected(s, "token", BYTES_NONE))
        return;
    bool is_empty = bytes_equal(text, BYTES_LIT("=")) || text.size == 0;
    if (!is_empty && !base64_decode(text, clear, sizeof clear, &size))
        refuse(s, s->server->dialect->auth_refused);
    else
        take_clear(s, (struct bytes){ clear, size });
    secret_wipe(clear, size);
}

void exchange_on_auth(struct exchange_session *s, struct bytes args)
{
    size_t blank = bytes_find(args, BYTES_LIT(" "));
    struct bytes name = bytes_slice(args, 0, blank == SIZE_MAX ? args.size : blank);
    const struct mechanism *m = find_mechanism(s, name);
    if (s->is_signed_in) {
        exchange_refuse(s, "503 5.5.1 Bad sequence of commands");
        return;
    }
    if (m == NULL || !conn_is_tls(s->conn)) { /* before TLS nothing is offered */
        exchange_refuse(s, "504 5.7.4 Unrecognized authentication type");
        return;
    }
    s->mechanism = m->name;
    s->auth_step = m->first;
    if (blank == SIZE_MAX) {
        s->state = SESSION_AUTH;
        exchange_say(s, "334 %s", m->prompt);
    } else if (switches_is(s->server->sandbox->switches, SWITCH_SMTP_INITIAL_RESPONSE, "refuse")) {
        exchange_refuse(s, "555 5.5.2 Syntax error, command line too long");
    } else {
        take_encoded(s, bytes_trim(bytes_slice(args, blank + 1, args.size)));
    }
}

void exchange_on_auth_line(struct exchange_session *s, struct bytes line)
{
    if (s->state == SESSION_CHALLENGED) {
        char reply[sizeof s->last_refusal];
        snprintf(reply, sizeof reply, "%s", s->last_refusal);
        refuse(s, reply);
    } else if (bytes_equal(line, BYTES_LIT("*"))) {
        s->state = SESSION_READY;
        exchange_refuse(s, "501 5.7.0 Authentication cancelled");
    } else {
        take_encoded(s, line);
    }
}
