/* proto/front/front_smtp.c - SMTP before its client has signed in (RFC 5321, 4954, 3207). */
#include "proto/front/front_private.h"

static void greet(struct front *f)
{
    front_sayf(f, "220 %s ESMTP Postern", f->policy->hostname);
}

static bool is_ours(struct bytes capability)
{
    struct bytes rest, name = front_first_word(capability, &rest);
    return bytes_equal_nocase(name, BYTES_LIT("STARTTLS")) || bytes_equal_nocase(name, BYTES_LIT("AUTH")) ||
           bytes_starts_nocase(name, "AUTH=");
}

/* Each line is said when the next is known, for the last one has a blank behind its code. */
static void list_extensions(struct front *f)
{
    struct bytes list = bytes_of(f->policy->capabilities), last = bytes_of(f->policy->hostname), next;
    bool has_tls = f->policy->offers_tls && !f->is_secure, has_auth = front_may_log_in(f);
    while (front_next_name(&list, "\n", &next)) {
        if (is_ours(next))
            continue;
        front_sayf(f, "250-%.*s", (int)last.size, (const char *)last.data);
        last = next;
    }
    front_sayf(f, "250%c%.*s", has_tls || has_auth ? '-' : ' ', (int)last.size, (const char *)last.data);
    if (has_tls)
        front_say(f, has_auth ? "250-STARTTLS" : "250 STARTTLS");
    if (has_auth)
        front_say(f, "250 AUTH PLAIN LOGIN");
}

static void on_ehlo(struct front *f, struct bytes args)
{
    if (args.size == 0) {
        front_bad(f, "501 5.5.4 A host name or address literal is needed");
        return;
    }
    front_enter(f, FRONT_READY);
    list_extensions(f);
}

static void on_helo(struct front *f, struct bytes args)
{
    if (args.size == 0) {
        front_bad(f, "501 5.5.4 A host name or address literal is needed");
        return;
    }
    front_enter(f, FRONT_READY);
    front_sayf(f, "250 %s", f->policy->hostname);
}

static void on_starttls(struct front *f, struct bytes args)
{
    if (args.size > 0) {
        front_bad(f, "501 5.5.4 STARTTLS takes no argument");
    } else if (f->is_secure) {
        front_bad(f, "503 5.5.1 TLS is already on");
    } else if (!f->policy->offers_tls) {
        front_bad(f, "502 5.5.1 STARTTLS is not offered on this port");
    } else {
        front_say(f, "220 2.0.0 Ready to start TLS");
        front_start_tls(f);
    }
}

static void on_auth(struct front *f, struct bytes args)
{
    if (f->state == FRONT_START)
        front_bad(f, "503 5.5.1 Say EHLO first");
    else if (!front_may_log_in(f))
        front_bad(f, "538 5.7.11 Encryption is needed before AUTH: STARTTLS first");
    else
        front_auth_begin(f, args);
}

/* Where mail needs no sign-in, feed() has asked the host before MAIL comes here. */
static void on_mail(struct front *f, struct bytes args)
{
    if (f->state == FRONT_START)
        front_bad(f, "503 5.5.1 Say EHLO first");
    else if (!front_may_log_in(f))
        front_bad(f, "530 5.7.0 Must issue a STARTTLS command first, then AUTH");
    else
        front_bad(f, "530 5.7.0 Authentication required");
}

static void on_later(struct front *f, struct bytes args)
{
    front_bad(f, "503 5.5.1 MAIL comes first");
}

static void on_noop(struct front *f, struct bytes args)
{
    front_say(f, "250 2.0.0 OK");
}

static void on_quit(struct front *f, struct bytes args)
{
    front_say(f, "221 2.0.0 Bye");
    front_quit(f);
}

static void on_vrfy(struct front *f, struct bytes args)
{
    front_say(f, "252 2.5.0 Not verified here; RCPT will tell");
}

static void on_expn(struct front *f, struct bytes args)
{
    front_bad(f, "502 5.5.1 EXPN is not offered");
}

static void on_help(struct front *f, struct bytes args)
{
    front_say(f, "214 2.0.0 EHLO HELO STARTTLS AUTH RSET NOOP VRFY QUIT; the rest after signing in (RFC 5321)");
}

struct verb {
    const char *name;
    void (*run)(struct front *f, struct bytes args);
};

static const struct verb verbs[] = {
    { "EHLO", on_ehlo },  { "HELO", on_helo },  { "STARTTLS", on_starttls }, { "AUTH", on_auth }, { "MAIL", on_mail },
    { "RCPT", on_later }, { "DATA", on_later }, { "BDAT", on_later },        { "RSET", on_noop }, { "NOOP", on_noop },
    { "QUIT", on_quit },  { "VRFY", on_vrfy },  { "EXPN", on_expn },         { "HELP", on_help },
};

static void on_command(struct front *f, struct bytes line)
{
    struct bytes args, name = front_first_word(line, &args);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (bytes_equal_nocase(name, bytes_of(verbs[i].name))) {
            verbs[i].run(f, args);
            return;
        }
    }
    front_bad(f, "500 5.5.1 Unknown command");
}

enum likeness { IS_NOT, MAY_BECOME, IS };

static enum likeness likeness_to_mail(struct bytes in)
{
    struct bytes verb = bytes_slice(in, 0, 4);
    if (!bytes_equal_nocase(verb, bytes_slice(BYTES_LIT("MAIL"), 0, verb.size)))
        return IS_NOT;
    if (in.size <= 4)
        return MAY_BECOME;
    return in.data[4] == ' ' || in.data[4] == '\t' || in.data[4] == '\r' || in.data[4] == '\n' ? IS : IS_NOT;
}

/* A known client's MAIL stays unread, so it must be told from other commands before an octet of it is used. */
static size_t feed(struct front *f, struct bytes in)
{
    bool may_mail = f->is_trusted && f->state == FRONT_READY && !f->skips_line && smtp_lines_is_empty(&f->lines);
    enum likeness is_mail = may_mail ? likeness_to_mail(in) : IS_NOT;
    if (is_mail == MAY_BECOME)
        return 0;
    if (is_mail == IS) {
        f->wait = WAIT_UPSTREAM;
        f->host.want_upstream(f->ctx);
        if (f->wait != WAIT_NOTHING || f->state != FRONT_READY)
            return 0;
    }
    return front_feed_line(f, in);
}

static void bad_line(struct front *f, const char *what)
{
    front_badf(f, "500 5.5.2 %s", what);
}

static void challenge(struct front *f, const char *base64)
{
    front_sayf(f, "334 %s", base64);
}

static void flaw(struct front *f, enum front_flaw what)
{
    static const char *const lines[FLAWS] = {
        [FLAW_MECHANISM] = "504 5.5.4 Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the OAuth itself",
        [FLAW_BASE64] = "501 5.5.2 Malformed base64",
        [FLAW_PLAIN] =
            "501 5.5.2 Malformed AUTH PLAIN: [authzid] NUL user NUL password is needed, without acting as another",
        [FLAW_LOGIN] = "501 5.5.2 Malformed AUTH LOGIN: no usable user name",
        [FLAW_CANCELLED] = "501 5.7.0 Authentication cancelled",
    };
    front_bad(f, lines[what]);
}

static void accept(struct front *f, const char *capabilities)
{
    front_say(f, "235 2.7.0 Authentication successful");
}

/* What a person must mend is 4yz as well: the client keeps its mail until it is mended. */
static void refuse(struct front *f, bool is_mail, enum front_refusal why, const char *text)
{
    static const char *const at_auth[] = {
        [FRONT_WRONG] = "535 5.7.8",        [FRONT_UNAVAILABLE] = "454 4.7.0", [FRONT_FORBIDDEN] = "535 5.7.1",
        [FRONT_NEEDS_PERSON] = "454 4.7.0", [FRONT_LIMIT] = "454 4.3.2",
    };
    static const char *const at_mail[] = {
        [FRONT_WRONG] = "530 5.7.0",        [FRONT_UNAVAILABLE] = "451 4.3.0", [FRONT_FORBIDDEN] = "550 5.7.1",
        [FRONT_NEEDS_PERSON] = "451 4.7.0", [FRONT_LIMIT] = "451 4.3.2",
    };
    front_sayf(f, "%s %s", (is_mail ? at_mail : at_auth)[why], text);
}

const struct front_kind front_smtp = {
    .name = "smtp",
    .ending = "421 4.7.0 ",
    .first = FRONT_START,
    .feed = feed,
    .greet = greet,
    .command = on_command,
    .bad_line = bad_line,
    .challenge = challenge,
    .flaw = flaw,
    .accept = accept,
    .refuse = refuse,
};
