/* proto/front/front_pop3.c - POP3 before its client has signed in (RFC 1939, 2449, 2595, 5034, 3206). */
#include <stdlib.h>

#include "base/arena.h"
#include "proto/front/front_private.h"

/* No "<...>" in it: that would offer APOP. */
static void greet(struct front *f)
{
    front_say(f, "+OK Postern POP3 ready");
}

static const char *const ours[] = { "TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "STLS", "USER", "SASL" };

static bool is_ours(struct bytes capability)
{
    struct bytes rest, name = front_first_word(capability, &rest);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (bytes_equal_nocase(name, bytes_of(ours[i])))
            return true;
    return false;
}

static void on_capa(struct front *f, struct bytes args)
{
    struct bytes list = bytes_of(f->policy->capabilities), next;
    front_say(f, "+OK This is what can be done\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE");
    while (front_next_name(&list, "\n", &next))
        if (!is_ours(next))
            front_sayf(f, "%.*s", (int)next.size, (const char *)next.data);
    if (f->policy->offers_tls && !f->is_secure)
        front_say(f, "STLS");
    if (front_may_log_in(f))
        front_say(f, "USER\r\nSASL PLAIN LOGIN");
    front_say(f, ".");
}

static bool refuses_in_clear(struct front *f)
{
    bool refuses = !front_may_log_in(f);
    if (refuses)
        front_bad(f, "-ERR A password is taken only after TLS: STLS first");
    return refuses;
}

static void on_user(struct front *f, struct bytes args)
{
    front_auth_forget(f);
    if (refuses_in_clear(f))
        return;
    if (args.size == 0) {
        front_bad(f, "-ERR A user name is needed");
        return;
    }
    f->login.user = mem_strndup(args.data, args.size);
    front_say(f, "+OK Now the password");
}

static void on_pass(struct front *f, struct bytes args)
{
    char *user = f->login.user;
    f->login.user = NULL;
    if (refuses_in_clear(f))
        ;
    else if (!user)
        front_bad(f, "-ERR USER comes first");
    else
        front_ask_login(f, bytes_of(user), args);
    free(user);
}

static void on_auth(struct front *f, struct bytes args)
{
    if (refuses_in_clear(f))
        return;
    if (args.size == 0)
        front_say(f, "+OK These\r\nPLAIN\r\nLOGIN\r\n.");
    else
        front_auth_begin(f, args);
}

static void on_stls(struct front *f, struct bytes args)
{
    if (f->is_secure) {
        front_bad(f, "-ERR TLS is already on");
    } else if (!f->policy->offers_tls) {
        front_bad(f, "-ERR STLS is not offered on this port");
    } else {
        front_say(f, "+OK Begin TLS");
        front_start_tls(f);
    }
}

static void on_noop(struct front *f, struct bytes args)
{
    front_say(f, "+OK");
}

static void on_quit(struct front *f, struct bytes args)
{
    front_say(f, "+OK Bye");
    front_quit(f);
}

static void on_apop(struct front *f, struct bytes args)
{
    front_bad(f, "-ERR APOP is not offered; use USER and PASS, or AUTH PLAIN");
}

static void on_later(struct front *f, struct bytes args)
{
    front_bad(f, "-ERR Sign in first");
}

struct verb {
    const char *name;
    void (*run)(struct front *f, struct bytes args);
};

static const struct verb verbs[] = {
    { "CAPA", on_capa },  { "USER", on_user },  { "PASS", on_pass },  { "AUTH", on_auth },  { "STLS", on_stls },
    { "NOOP", on_noop },  { "QUIT", on_quit },  { "APOP", on_apop },  { "STAT", on_later }, { "LIST", on_later },
    { "RETR", on_later }, { "DELE", on_later }, { "RSET", on_later }, { "TOP", on_later },  { "UIDL", on_later },
};

/* A password keeps its blanks: only one parts it from PASS (RFC 1939 7). */
static void on_command(struct front *f, struct bytes line)
{
    struct bytes args, name = front_first_word(line, &args);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb *v = &verbs[i];
        if (bytes_equal_nocase(name, bytes_of(v->name))) {
            v->run(f, v->run == on_pass ? bytes_slice(line, name.size + 1, line.size) : args);
            return;
        }
    }
    front_bad(f, "-ERR Unknown command");
}

static void bad_line(struct front *f, const char *what)
{
    front_badf(f, "-ERR %s", what);
}

static void challenge(struct front *f, const char *base64)
{
    front_sayf(f, "+ %s", base64);
}

static void flaw(struct front *f, enum front_flaw what)
{
    static const char *const lines[FLAWS] = {
        [FLAW_MECHANISM] = "-ERR Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the OAuth itself",
        [FLAW_BASE64] = "-ERR Malformed base64",
        [FLAW_PLAIN] =
            "-ERR Malformed AUTH PLAIN: [authzid] NUL user NUL password is needed, without acting as another",
        [FLAW_LOGIN] = "-ERR Malformed AUTH LOGIN: no usable user name",
        [FLAW_CANCELLED] = "-ERR Authentication cancelled",
    };
    front_bad(f, lines[what]);
}

static void accept(struct front *f, const char *capabilities)
{
    front_say(f, "+OK Signed in");
}

/* RFC 3206: [AUTH] makes clients ask for another password, so it is said only where that helps. */
static void refuse(struct front *f, bool is_mail, enum front_refusal why, const char *text)
{
    static const char *const codes[] = {
        [FRONT_WRONG] = "AUTH",         [FRONT_UNAVAILABLE] = "SYS/TEMP",
        [FRONT_FORBIDDEN] = "SYS/PERM", [FRONT_NEEDS_PERSON] = "SYS/PERM",
        [FRONT_LIMIT] = "IN-USE",
    };
    front_sayf(f, "-ERR [%s] %s", codes[why], text);
}

const struct front_kind front_pop3 = {
    .name = "pop3",
    .ending = "-ERR ",
    .takes_bare_lf = true,
    .first = FRONT_READY,
    .feed = front_feed_line,
    .greet = greet,
    .command = on_command,
    .bad_line = bad_line,
    .challenge = challenge,
    .flaw = flaw,
    .accept = accept,
    .refuse = refuse,
};
