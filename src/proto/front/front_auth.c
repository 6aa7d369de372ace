/* proto/front/front_auth.c - the exchange of PLAIN and LOGIN (RFC 4616; 4954, 5034, 9051 6.2.2), with and without initial response.
 * What the client sends here is never repeated in an answer or a log, and every copy of it is wiped. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/front/front_private.h"
#include "proto/sasl/sasl.h"

#define CLEAR_SIZE (FRONT_LINE_LIMIT / 4 * 3)
#define ASK_USER "VXNlcm5hbWU6"
#define ASK_PASSWORD "UGFzc3dvcmQ6"

void front_auth_forget(struct front *f)
{
    free(f->login.user);
    f->login.user = NULL;
}

/* `size` may be more than there is room for where it is over the limit, so that is looked at first. */
static bool is_user(struct bytes user)
{
    if (user.size == 0 || user.size > FRONT_USER_LIMIT)
        return false;
    for (size_t i = 0; i < user.size; i++)
        if (user.data[i] < ' ' || user.data[i] == 0x7f)
            return false;
    return text_is_utf8(user);
}

/* Both are copied first: an answer from within the callback may end the session, and with it the line that they stand in. */
void front_ask_login(struct front *f, struct bytes user, struct bytes password)
{
    f->wait = WAIT_LOGIN;
    if (!is_user(user) || password.size == 0 || password.size > FRONT_PASSWORD_LIMIT) {
        front_refuse(f, FRONT_WRONG, "User name or password is wrong");
        return;
    }
    uint8_t clear[FRONT_PASSWORD_LIMIT];
    char name[FRONT_USER_LIMIT + 1];
    memcpy(clear, password.data, password.size);
    memcpy(name, user.data, user.size);
    name[user.size] = 0;
    size_t size = password.size;
    f->host.login(f->ctx, name, (struct bytes){ clear, size });
    secret_wipe(clear, size);
}

/* The state is left before the answer, so that the next line is a command again. */
static void fail(struct front *f, enum front_flaw what)
{
    front_auth_forget(f);
    front_enter(f, FRONT_READY);
    f->kind->flaw(f, what);
}

static void ask(struct front *f, struct bytes user, struct bytes password)
{
    front_enter(f, FRONT_READY);
    front_ask_login(f, user, password);
}

static void heard_plain(struct front *f, struct bytes clear)
{
    struct bytes user, password;
    if (sasl_plain_parse(clear, &user, &password, NULL))
        ask(f, user, password);
    else
        fail(f, FLAW_PLAIN);
}

static void heard_login(struct front *f, struct bytes clear)
{
    if (f->login.user) {
        char *user = f->login.user;
        f->login.user = NULL;
        ask(f, bytes_of(user), clear);
        free(user);
    } else if (!is_user(clear)) {
        fail(f, FLAW_LOGIN);
    } else {
        f->login.user = mem_strndup(clear.data, clear.size);
        f->kind->challenge(f, ASK_PASSWORD);
    }
}

/* One answer of the client, still in base64; "=" is the empty initial response (RFC 4959 3). */
static void heard_response(struct front *f, struct bytes line)
{
    uint8_t clear[CLEAR_SIZE];
    size_t size = 0;
    if (!bytes_equal(line, BYTES_LIT("=")) && !base64_decode(line, clear, sizeof clear, &size))
        fail(f, FLAW_BASE64);
    else
        (f->login.is_plain ? heard_plain : heard_login)(f, (struct bytes){ clear, size });
    secret_wipe(clear, sizeof clear); /* all of it: what is no base64 may have been half decoded */
}

void front_auth_line(struct front *f, struct bytes line)
{
    if (bytes_equal(line, BYTES_LIT("*")))
        fail(f, FLAW_CANCELLED);
    else
        heard_response(f, line);
}

void front_auth_begin(struct front *f, struct bytes args)
{
    struct bytes initial, mechanism = front_first_word(args, &initial);
    bool is_plain = bytes_equal_nocase(mechanism, BYTES_LIT("PLAIN"));
    front_auth_forget(f);
    if (!is_plain && !bytes_equal_nocase(mechanism, BYTES_LIT("LOGIN"))) {
        f->kind->flaw(f, FLAW_MECHANISM);
        return;
    }
    f->login.is_plain = is_plain;
    front_enter(f, FRONT_SASL);
    if (initial.size > 0)
        heard_response(f, initial);
    else
        f->kind->challenge(f, is_plain ? "" : ASK_USER);
}
