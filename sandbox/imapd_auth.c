/* Signing in (reference 5.4, 5.6, 6.4): the token decides at AUTHENTICATE, the mailbox's troubles show at the first SELECT. */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "sandbox/bearer.h"
#include "sandbox/imapd_private.h"

#define CLEAR_MAX 49152

void imapd_sign_out(struct imapd_session *s)
{
    imapd_deselect(s);
    loop_timer_stop(&s->expiry);
    if (*s->address != 0)
        link_server_count(&s->server->links, s->address, -1);
    s->address[0] = 0;
    access_forget(&s->who);
}

static void refuse(struct imapd_session *s)
{
    uint64_t allowed = switches_number(s->sandbox->switches, SWITCH_IMAP_AUTH_FAILURES);
    s->input = INPUT_COMMAND;
    activity_count(s->sandbox->activity, "imap.auth.refused", NULL);
    imapd_no(s, imapd_is_google(s) ? "[AUTHENTICATIONFAILED] Invalid credentials (Failure)" : "AUTHENTICATE failed.");
    if (++s->auth_failures >= allowed)
        imapd_bye(s, "Connection closed. 14");
}

static void tell_expired(struct imapd_session *s)
{
    struct switches *w = s->sandbox->switches;
    link_say(&s->link, "* BYE Session invalidated - AccessTokenExpired");
    s->link.ends_after = switches_is(w, SWITCH_IMAP_EXPIRY, "close");
    imapd_sign_out(s);
    s->state = IMAPD_DEAD;
    s->input = INPUT_COMMAND;
}

bool imapd_says_expired(struct imapd_session *s)
{
    if (s->who.expires_ms == 0 || loop_wall_ms(s->sandbox->loop) < s->who.expires_ms ||
        switches_is(s->sandbox->switches, SWITCH_IMAP_EXPIRY, "ignore"))
        return false;
    tell_expired(s);
    return true;
}

/* Whoever sits in IDLE says nothing that could be answered so: it is told by itself. */
static void on_expiry(void *ctx)
{
    struct imapd_session *s = ctx;
    int64_t left_ms = s->who.expires_ms - loop_wall_ms(s->sandbox->loop);
    if (left_ms > 0) {
        loop_timer_start(&s->expiry, left_ms);
        return;
    }
    if (s->input == INPUT_IDLE && !s->link.is_over && imapd_says_expired(s))
        link_send(&s->link);
}

static void let_in(struct imapd_session *s, const char *user)
{
    snprintf(s->address, sizeof s->address, "%s", s->who.mailbox != NULL ? s->who.mailbox->address : user);
    s->who.mechanism = s->mechanism;
    s->state = IMAPD_READY;
    s->auth_failures = 0;
    link_server_count(&s->server->links, s->address, 1);
    json_object_set_new(s->link.note, "user", json_string(s->address));
    activity_count(s->sandbox->activity, "imap.auth.accepted", s->address);
    if (s->who.expires_ms > 0) {
        loop_timer_init(&s->expiry, s->sandbox->loop, on_expiry, s);
        loop_timer_start(&s->expiry, 0);
    }
    imapd_ok(s);
}

static void take_token(struct imapd_session *s, struct bytes clear)
{
    char user[320];
    struct bytes token;
    bool is_bearer = strcmp(s->mechanism, "OAUTHBEARER") == 0;
    bool is_parsed = is_bearer ? bearer_oauthbearer(clear, user, sizeof user, &token)
                               : bearer_xoauth2(clear, user, sizeof user, &token);
    struct access_door door = { s->sandbox, ACCESS_IMAP, imapd_is_google(s) };
    if (is_parsed && text_is_line(user) && access_admit(&door, user, token, &s->who)) {
        let_in(s, user);
    } else if (imapd_is_google(s) || switches_is(s->sandbox->switches, SWITCH_IMAP_CHALLENGE, "on")) {
        s->input = INPUT_CHALLENGED;
        link_say(&s->link, "+ %s", bearer_challenge(is_bearer));
    } else {
        refuse(s);
    }
}

static void take_encoded(struct imapd_session *s, struct bytes text)
{
    static uint8_t clear[CLEAR_MAX];
    size_t size = 0;
    s->input = INPUT_COMMAND;
    if (imapd_injected(s, "token", BYTES_NONE))
        return;
    if (base64_decode(text, clear, sizeof clear, &size))
        take_token(s, (struct bytes){ clear, size });
    else
        refuse(s);
    secret_wipe(clear, size);
}

void imapd_on_token_line(struct imapd_session *s, struct bytes line)
{
    if (s->input == INPUT_CHALLENGED) {
        refuse(s);
    } else if (bytes_equal(line, BYTES_LIT("*"))) {
        s->input = INPUT_COMMAND;
        imapd_bad(s, "Command Argument Error. 11");
    } else {
        take_encoded(s, line);
    }
}

/* Passwords: answered before anybody looks at the account. */
static void refuse_password(struct imapd_session *s, const char *failed)
{
    bool is_plain = switches_is(s->sandbox->switches, SWITCH_IMAP_LOGIN, "failed");
    activity_count(s->sandbox->activity, "imap.auth.refused", NULL);
    if (imapd_is_google(s))
        imapd_no(s, "[AUTHENTICATIONFAILED] Invalid credentials (Failure)");
    else if (switches_is(s->sandbox->switches, SWITCH_IMAP_LOGIN, "personal"))
        imapd_no(s, "[AUTHENTICATIONFAILED] AuthFailed:LogonDenied-BasicAuthBlocked-<UserType:OutlookCom> "
                    "LogonFailed-BasicAuthBlocked");
    else
        imapd_no(s, "%s", is_plain ? failed : "Basic authentication is disabled.");
    if (++s->auth_failures >= switches_number(s->sandbox->switches, SWITCH_IMAP_AUTH_FAILURES))
        imapd_bye(s, "Connection closed. 14");
}

void imapd_on_login(struct imapd_session *s, struct imapd_in *in)
{
    struct bytes user, password;
    if (!imapd_take_blank(in) || !imapd_take_astring(in, &user) || !imapd_take_blank(in) ||
        !imapd_take_astring(in, &password) || !imapd_is_end(in))
        imapd_bad_arguments(s);
    else if (!conn_is_tls(s->link.conn) || (imapd_offers(s, "LOGINDISABLED") && !imapd_is_google(s)))
        imapd_bad(s, "Command Error. 12");
    else
        refuse_password(s, "LOGIN failed.");
}

/* The mechanism with or without a token on the same line (SASL-IR). */
void imapd_on_authenticate(struct imapd_session *s, struct imapd_in *in)
{
    struct bytes name;
    char offer[48];
    if (!imapd_take_blank(in) || !imapd_take_atom(in, &name) || name.size > 32) {
        imapd_bad_arguments(s);
        return;
    }
    snprintf(offer, sizeof offer, "AUTH=%.*s", (int)name.size, (const char *)name.data);
    bool is_bearer = bytes_equal_nocase(name, BYTES_LIT("OAUTHBEARER"));
    if (!conn_is_tls(s->link.conn) || !imapd_offers(s, offer)) {
        imapd_no(s, "AUTHENTICATE failed.");
    } else if (!is_bearer && !bytes_equal_nocase(name, BYTES_LIT("XOAUTH2"))) {
        refuse_password(s, "AUTHENTICATE failed.");
    } else {
        s->mechanism = is_bearer ? "OAUTHBEARER" : "XOAUTH2";
        if (imapd_is_end(in)) {
            s->input = INPUT_TOKEN;
            link_say(&s->link, "%s", switches_is(s->sandbox->switches, SWITCH_IMAP_PLUS, "bare") ? "+" : "+ ");
        } else if (imapd_take_blank(in) && imapd_offers(s, "SASL-IR")) {
            take_encoded(s, in->rest);
        } else {
            imapd_bad_arguments(s);
        }
    }
}

void imapd_on_starttls(struct imapd_session *s, struct imapd_in *in)
{
    if (switches_is(s->sandbox->switches, SWITCH_IMAP_STARTTLS, "refuse")) {
        imapd_no(s, "Server Unavailable. 15");
        return;
    }
    link_say(&s->link, "%s OK Begin TLS negotiation now.", s->tag);
    link_send(&s->link);
    if (!s->link.is_over)
        link_start_tls(&s->link);
}

static bool is_over_its_connections(struct imapd_session *s)
{
    uint64_t limit = switches_number(s->sandbox->switches, SWITCH_IMAP_CONNECTIONS);
    return limit > 0 && link_server_count(&s->server->links, s->address, 0) > limit;
}

/* 4.2: ImapEnabled counts for whoever signed in; an app has only the mailbox it names. */
bool imapd_is_connected(struct imapd_session *s)
{
    struct switches *w = s->sandbox->switches;
    const char *account = s->who.signed_in != NULL ? s->who.signed_in->address : s->address;
    const char *state = switches_keyed(w, SWITCH_IMAP_STATE, s->address);
    bool is_off = !imapd_is_google(s) && strcmp(switches_keyed(w, SWITCH_IMAP_ENABLED, account), "off") == 0;
    bool is_bad = strcmp(state, "unlicensed") == 0 || strcmp(state, "not-connected") == 0;
    if (imapd_is_google(s) && is_over_its_connections(s)) {
        imapd_no(s, "[ALERT] Too many simultaneous connections. (Failure)");
        return false;
    }
    if (s->who.mailbox != NULL && !s->who.lacks_mailbox_permission && !is_off && !is_bad && !is_over_its_connections(s))
        return true;
    imapd_not_connected(s);
    return false;
}
