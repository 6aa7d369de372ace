/* proto/smtp/cmd_auth.c - AUTH PLAIN and LOGIN (RFC 4954), with and without initial response. What the client sends here is never
 * repeated in a reply or a log, and every copy of it is wiped. */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "proto/sasl/sasl.h"
#include "proto/smtp/server_private.h"

#define CLEAR_SIZE (SMTP_AUTH_LIMIT / 4 * 3)
#define USER_LIMIT 640 /* longer than any name that can exist here: refused like a wrong one */
#define PASSWORD_LIMIT 1024

void smtp_auth_forget(struct smtp_server *s)
{
    free(s->login.user);
    s->login.user = NULL;
}

static void refuse_login(struct smtp_server *s, const char *line)
{
    smtp_auth_forget(s);
    smtp_server_enter(s, SMTP_READY);
    smtp_refuse(s, line);
}

/* The state is left before the question, so that an answer at once finds the session ready. */
static void ask_host(struct smtp_server *s, const char *user, struct bytes password)
{
    smtp_server_enter(s, SMTP_READY);
    if (strlen(user) > USER_LIMIT || password.size > PASSWORD_LIMIT) {
        refuse_login(s, "535 5.7.8 Authentication credentials invalid");
        return;
    }
    s->wait = WAIT_AUTH;
    s->host.auth(s->ctx, user, password);
}

static void heard_plain(struct smtp_server *s, struct bytes clear)
{
    struct bytes user, password;
    struct fault why;
    if (!sasl_plain_parse(clear, &user, &password, &why)) {
        refuse_login(
            s, "501 5.5.2 Malformed AUTH PLAIN: [authzid] NUL user NUL password is needed, without acting as another");
        return;
    }
    char *name = mem_strndup(user.data, user.size);
    ask_host(s, name, password);
    free(name);
}

static bool is_user_name(struct bytes user)
{
    for (size_t i = 0; i < user.size; i++)
        if (user.data[i] < ' ' || user.data[i] == 0x7f)
            return false;
    return user.size > 0 && text_is_utf8(user);
}

static void heard_login(struct smtp_server *s, struct bytes clear)
{
    if (s->login.user) {
        char *user = s->login.user;
        s->login.user = NULL;
        ask_host(s, user, clear);
        free(user);
    } else if (!is_user_name(clear)) {
        refuse_login(s, "501 5.5.2 Malformed AUTH LOGIN: no usable user name");
    } else {
        s->login.user = mem_strndup(clear.data, clear.size);
        smtp_reply(s, "334 UGFzc3dvcmQ6");
    }
}

/* One answer of the client, still in base64; "=" is the empty initial response. */
static void heard_response(struct smtp_server *s, struct bytes line)
{
    uint8_t clear[CLEAR_SIZE];
    size_t size = 0;
    if (!bytes_equal(line, BYTES_LIT("=")) && !base64_decode(line, clear, sizeof clear, &size))
        refuse_login(s, "501 5.5.2 Malformed base64");
    else
        (s->login.is_plain ? heard_plain : heard_login)(s, (struct bytes){ clear, size });
    secret_wipe(clear, size);
}

void smtp_auth_line(struct smtp_server *s, struct bytes line)
{
    if (bytes_equal(line, BYTES_LIT("*")))
        refuse_login(s, "501 5.7.0 Authentication cancelled");
    else
        heard_response(s, line);
}

void smtp_on_auth(struct smtp_server *s, struct bytes args)
{
    const uint8_t *blank = args.size ? memchr(args.data, ' ', args.size) : NULL;
    struct bytes mechanism = bytes_slice(args, 0, blank ? (size_t)(blank - args.data) : args.size);
    struct bytes initial = bytes_trim(bytes_slice(args, mechanism.size, args.size));
    bool is_plain = bytes_equal_nocase(mechanism, BYTES_LIT("PLAIN"));
    if (s->is_signed_in) {
        smtp_refuse(s, "503 5.5.1 Already signed in");
        return;
    }
    if (!is_plain && !bytes_equal_nocase(mechanism, BYTES_LIT("LOGIN"))) {
        smtp_refuse(s, "504 5.5.4 Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the OAuth itself");
        return;
    }
    s->login.is_plain = is_plain;
    smtp_server_enter(s, SMTP_AUTH);
    if (initial.size > 0)
        heard_response(s, initial);
    else
        smtp_reply(s, is_plain ? "334 " : "334 VXNlcm5hbWU6");
}
