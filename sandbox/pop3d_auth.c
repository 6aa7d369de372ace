/* Signing in (reference 5.5, 6.5): the token on a line of its own, or the connection ends. */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "sandbox/bearer.h"
#include "sandbox/pop3d_private.h"

#define CLEAR_MAX 49152
#define PROTOCOL_ERROR "-ERR Protocol error. Connection is closed. 10"

void pop3d_sign_out(struct pop3d_session *s)
{
    pop3d_close(s);
    if (*s->address != 0)
        link_server_count(&s->server->links, s->address, -1);
    s->address[0] = 0;
    access_forget(&s->who);
}

static void refuse(struct pop3d_session *s, const char *reply)
{
    s->input = POP3D_COMMAND;
    activity_count(s->sandbox->activity, "pop3.auth.refused", NULL);
    access_forget(&s->who);
    link_say(&s->link, "%s", reply);
    if (++s->auth_failures >= switches_number(s->sandbox->switches, SWITCH_POP3_AUTH_FAILURES))
        s->link.ends_after = true;
}

static void refuse_token(struct pop3d_session *s)
{
    refuse(s, pop3d_is_google(s) ? "-ERR [AUTH] Invalid credentials."
                                 : "-ERR Authentication failure: unknown user name or bad password.");
}

/* The token is good; is the mailbox there for whoever holds it? */
static bool is_open(struct pop3d_session *s, const char *user)
{
    struct switches *w = s->sandbox->switches;
    const char *account = s->who.signed_in != NULL ? s->who.signed_in->address : user;
    const char *address = s->who.mailbox != NULL ? s->who.mailbox->address : user;
    uint64_t limit = switches_number(w, SWITCH_POP3_CONNECTIONS);
    bool is_on = pop3d_is_google(s) || strcmp(switches_keyed(w, SWITCH_POP3_ENABLED, account), "on") == 0;
    return s->who.mailbox != NULL && !s->who.lacks_mailbox_permission && is_on &&
           strcmp(switches_keyed(w, SWITCH_POP3_STATE, address), "unavailable") != 0 &&
           (limit == 0 || link_server_count(&s->server->links, address, 0) < limit);
}

static void let_in(struct pop3d_session *s, const char *user)
{
    if (!is_open(s, user)) {
        refuse(s, pop3d_is_google(s) ? "-ERR [SYS/TEMP] Temporary system problem. Please try again later."
                                     : "-ERR Server Unavailable. 21");
        return;
    }
    snprintf(s->address, sizeof s->address, "%s", s->who.mailbox->address);
    s->who.mechanism = s->mechanism;
    s->state = POP3D_READY;
    link_server_count(&s->server->links, s->address, 1);
    json_object_set_new(s->link.note, "user", json_string(s->address));
    activity_count(s->sandbox->activity, "pop3.auth.accepted", s->address);
    pop3d_open(s);
    if (pop3d_is_google(s))
        link_say(&s->link, "+OK Welcome.");
    else
        link_say(&s->link, "+OK User successfully authenticated. [%.8s]", s->link.id);
}

static void take_token(struct pop3d_session *s, struct bytes clear)
{
    char user[320];
    struct bytes token;
    bool is_bearer = strcmp(s->mechanism, "OAUTHBEARER") == 0;
    bool is_parsed = is_bearer ? bearer_oauthbearer(clear, user, sizeof user, &token)
                               : bearer_xoauth2(clear, user, sizeof user, &token);
    struct access_door door = { s->sandbox, ACCESS_POP3, pop3d_is_google(s) };
    if (is_parsed && text_is_line(user) && access_admit(&door, user, token, &s->who)) {
        let_in(s, user);
    } else if (pop3d_is_google(s) || switches_is(s->sandbox->switches, SWITCH_POP3_CHALLENGE, "on")) {
        s->input = POP3D_CHALLENGED;
        link_say(&s->link, "+ %s", bearer_challenge(is_bearer));
    } else {
        refuse_token(s);
    }
}

static void take_encoded(struct pop3d_session *s, struct bytes text)
{
    static uint8_t clear[CLEAR_MAX];
    size_t size = 0;
    uint64_t longest = switches_number(s->sandbox->switches, SWITCH_POP3_BLOB_SIZE);
    s->input = POP3D_COMMAND;
    if (pop3d_injected(s, "token", BYTES_NONE))
        return;
    if (longest > 0 && text.size > longest)
        pop3d_end(s, PROTOCOL_ERROR);
    else if (base64_decode(text, clear, sizeof clear, &size))
        take_token(s, (struct bytes){ clear, size });
    else
        refuse_token(s);
    secret_wipe(clear, size);
}

void pop3d_on_token_line(struct pop3d_session *s, struct bytes line)
{
    if (s->input == POP3D_CHALLENGED) {
        refuse_token(s);
    } else if (bytes_equal(line, BYTES_LIT("*"))) {
        s->input = POP3D_COMMAND;
        pop3d_bad(s, "-ERR Protocol error. 14");
    } else {
        take_encoded(s, line);
    }
}

static bool is_offered(struct pop3d_session *s, struct bytes name)
{
    return bytes_equal_nocase(name, BYTES_LIT("XOAUTH2")) ||
           (pop3d_is_google(s) && bytes_equal_nocase(name, BYTES_LIT("OAUTHBEARER")));
}

void pop3d_on_auth(struct pop3d_session *s, struct bytes args)
{
    size_t blank = bytes_find(args, BYTES_LIT(" "));
    struct bytes name = bytes_slice(args, 0, blank == SIZE_MAX ? args.size : blank);
    bool takes_one_line = pop3d_is_google(s) || switches_is(s->sandbox->switches, SWITCH_POP3_BLOB, "any");
    if (!conn_is_tls(s->link.conn)) {
        pop3d_bad(s, "-ERR Command is not valid in this state.");
    } else if (!is_offered(s, name)) {
        refuse_token(s);
    } else if (blank != SIZE_MAX && !takes_one_line) {
        pop3d_end(s, PROTOCOL_ERROR);
    } else {
        s->mechanism = name.size == 7 ? "XOAUTH2" : "OAUTHBEARER";
        if (blank != SIZE_MAX) {
            take_encoded(s, bytes_trim(bytes_slice(args, blank, args.size)));
            return;
        }
        s->input = POP3D_TOKEN;
        link_say(&s->link, "+ ");
    }
}

void pop3d_on_user(struct pop3d_session *s, struct bytes args)
{
    if (!conn_is_tls(s->link.conn) || args.size == 0) {
        pop3d_bad(s, "-ERR Command is not valid in this state.");
        return;
    }
    snprintf(s->user, sizeof s->user, "%.*s", (int)(args.size < 300 ? args.size : 300), (const char *)args.data);
    link_say(&s->link, "+OK");
}

void pop3d_on_pass(struct pop3d_session *s, struct bytes args)
{
    bool is_disabled = switches_is(s->sandbox->switches, SWITCH_POP3_LOGIN, "basic-disabled");
    if (*s->user == 0) {
        pop3d_bad(s, "-ERR Command is not valid in this state.");
        return;
    }
    s->user[0] = 0;
    refuse(s, pop3d_is_google(s) ? "-ERR [AUTH] Username and password not accepted."
              : is_disabled      ? "-ERR Basic authentication is disabled"
                                 : "-ERR Logon failure: unknown user name or bad password.");
}

void pop3d_on_stls(struct pop3d_session *s, struct bytes args)
{
    const char *how = switches_text(s->sandbox->switches, SWITCH_POP3_STLS);
    if (conn_is_tls(s->link.conn) || strcmp(how, "off") == 0) {
        pop3d_bad(s, "-ERR Command is not valid in this state.");
        return;
    }
    if (strcmp(how, "refuse") == 0) {
        link_say(&s->link, "-ERR Server Unavailable. 21");
        return;
    }
    link_say(&s->link, "+OK Begin TLS negotiation.");
    link_send(&s->link);
    if (!s->link.is_over)
        link_start_tls(&s->link);
}
