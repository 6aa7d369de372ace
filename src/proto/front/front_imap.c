/* proto/front/front_imap.c - IMAP before its client has signed in (RFC 9051, 3501; 2971, 4959, 5530, 7888).
 *
 * A command without literals is read where it came in. One with literals is put together in `pieces`, wiped when it is done. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/front/front_private.h"

#define PIECES_SIZE \
    (3 * FRONT_LINE_LIMIT) /* a user name and a password of the greatest size, and what stands around them */

void front_pieces_drop(struct front *f)
{
    if (f->pieces.data)
        secret_wipe(f->pieces.data, PIECES_SIZE);
    free(f->pieces.data);
    f->pieces = (struct front_pieces){ NULL };
}

static void hold(struct front *f, struct bytes piece)
{
    if (!f->pieces.data)
        f->pieces.data = mem_alloc(PIECES_SIZE);
    if (piece.size > 0)
        memcpy(f->pieces.data + f->pieces.size, piece.data, piece.size);
    f->pieces.size += piece.size;
}

static void answer(struct front *f, const char *text)
{
    front_sayf(f, "%s %s", f->tag, text);
}

static void bad(struct front *f, const char *text)
{
    front_badf(f, "%s BAD %s", f->tag, text);
}

/* Names that Postern answers for itself; LITERAL- may not stand beside LITERAL+ (RFC 7888 4). */
static bool is_ours(struct bytes name)
{
    static const char *const ours[] = { "IMAP4rev1", "SASL-IR",  "ID",           "LITERAL+",
                                        "LITERAL-",  "STARTTLS", "LOGINDISABLED" };
    if (bytes_starts_nocase(name, "AUTH="))
        return true;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (bytes_equal_nocase(name, bytes_of(ours[i])))
            return true;
    return false;
}

static void add_capabilities(struct front *f)
{
    struct bytes list = bytes_of(f->policy->capabilities), name;
    buf_add_str(&f->out, "IMAP4rev1 SASL-IR ID LITERAL+");
    while (front_next_name(&list, " \n", &name))
        if (!is_ours(name))
            buf_addf(&f->out, " %.*s", (int)name.size, (const char *)name.data);
    if (f->policy->offers_tls && !f->is_secure)
        buf_add_str(&f->out, " STARTTLS");
    buf_add_str(&f->out, front_may_log_in(f) ? " AUTH=PLAIN AUTH=LOGIN" : " LOGINDISABLED");
}

static void greet(struct front *f)
{
    buf_add_str(&f->out, "* OK [CAPABILITY ");
    add_capabilities(f);
    front_say(f, "] Postern ready");
}

static void on_capability(struct front *f, struct bytes args)
{
    buf_add_str(&f->out, "* CAPABILITY ");
    add_capabilities(f);
    front_say(f, "");
    answer(f, "OK That is what can be done");
}

static void on_id(struct front *f, struct bytes args)
{
    front_say(f, "* ID (\"name\" \"Postern\")");
    answer(f, "OK Hello");
}

static void on_noop(struct front *f, struct bytes args)
{
    answer(f, "OK Done");
}

static void on_logout(struct front *f, struct bytes args)
{
    front_say(f, "* BYE Bye");
    answer(f, "OK Done");
    front_quit(f);
}

static void on_starttls(struct front *f, struct bytes args)
{
    if (f->is_secure) {
        bad(f, "TLS is already on");
    } else if (!f->policy->offers_tls) {
        bad(f, "STARTTLS is not offered on this port");
    } else {
        answer(f, "OK Begin TLS");
        front_start_tls(f);
    }
}

static void on_login(struct front *f, struct bytes args)
{
    uint8_t user[FRONT_USER_LIMIT + 1], password[FRONT_PASSWORD_LIMIT + 1];
    size_t user_size, password_size;
    if (front_imap_astring(&args, user, sizeof user, &user_size) &&
        front_imap_astring(&args, password, sizeof password, &password_size) && args.size == 0)
        front_ask_login(f, (struct bytes){ user, user_size }, (struct bytes){ password, password_size });
    else
        bad(f, "LOGIN needs a user name and a password, quoted where they hold blanks or quotes");
    secret_wipe(password, sizeof password);
}

struct verb {
    const char *name;
    bool takes_arguments, needs_tls;
    void (*run)(struct front *f, struct bytes args);
};

static const struct verb verbs[] = {
    { "CAPABILITY", false, false, on_capability },
    { "ID", true, false, on_id },
    { "NOOP", false, false, on_noop },
    { "LOGOUT", false, false, on_logout },
    { "STARTTLS", false, false, on_starttls },
    { "LOGIN", true, true, on_login },
    { "AUTHENTICATE", true, true, front_auth_begin },
};

static const char *const later[] = {
    "SELECT", "EXAMINE",  "CREATE",    "DELETE",   "RENAME",       "SUBSCRIBE", "UNSUBSCRIBE", "LIST",
    "LSUB",   "XLIST",    "NAMESPACE", "STATUS",   "APPEND",       "IDLE",      "ENABLE",      "CHECK",
    "CLOSE",  "UNSELECT", "EXPUNGE",   "SEARCH",   "FETCH",        "STORE",     "COPY",        "MOVE",
    "UID",    "SORT",     "THREAD",    "GETQUOTA", "GETQUOTAROOT", "SETQUOTA",  "COMPRESS",    "NOTIFY",
};

static const struct verb *find_verb(struct bytes name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (bytes_equal_nocase(name, bytes_of(verbs[i].name)))
            return &verbs[i];
    return NULL;
}

static bool is_later(struct bytes name)
{
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (bytes_equal_nocase(name, bytes_of(later[i])))
            return true;
    return false;
}

/* Why the command can't be run as things are, said after its tag; NULL: it can. */
static const char *refusal(const struct front *f, struct bytes name, const struct verb *v)
{
    if (!v)
        return is_later(name) ? "BAD Sign in first" : "BAD Unknown command";
    if (v->needs_tls && !front_may_log_in(f))
        return "NO [PRIVACYREQUIRED] A password is taken only after TLS: STARTTLS first";
    return NULL;
}

static bool take_tag(struct front *f, struct bytes tag)
{
    if (tag.size == 0 || tag.size > FRONT_TAG_LIMIT)
        return false;
    for (size_t i = 0; i < tag.size; i++)
        if (tag.data[i] <= ' ' || tag.data[i] >= 0x7f || strchr("(){%*\"\\+", tag.data[i]))
            return false;
    memcpy(f->tag, tag.data, tag.size);
    f->tag[tag.size] = 0;
    return true;
}

/* The end is left as it is: it may be a literal's. */
static struct bytes take_word(struct bytes *rest)
{
    size_t size = 0, next;
    while (size < rest->size && rest->data[size] != ' ')
        size++;
    for (next = size; next < rest->size && rest->data[next] == ' ';)
        next++;
    struct bytes word = bytes_slice(*rest, 0, size);
    *rest = bytes_slice(*rest, next, rest->size);
    return word;
}

/* Takes tag and verb off the front. False: it can't be run, and why was said. */
static bool open_command(struct front *f, struct bytes *rest, const struct verb **v)
{
    if (!take_tag(f, take_word(rest))) {
        front_bad(f, "* BAD A command begins with a tag");
        return false;
    }
    struct bytes name = take_word(rest);
    *v = find_verb(name);
    const char *why = refusal(f, name, *v);
    if (why)
        front_badf(f, "%s %s", f->tag, why);
    return !why;
}

static void run(struct front *f, struct bytes command)
{
    const struct verb *v;
    if (!open_command(f, &command, &v))
        return;
    if (command.size > 0 && !v->takes_arguments)
        bad(f, "This command takes no argument");
    else
        v->run(f, command);
}

/* What was not asked for comes all the same, and could be read as commands; it is not waited for either. */
static void refuse_long_literal(struct front *f, bool is_sync)
{
    front_notice(f, "too-long", "the client wants to send a literal over %d octets before it signed in",
                 FRONT_LINE_LIMIT);
    front_pieces_drop(f);
    front_badf(f, "%s NO [TOOBIG] The literal is too long", f->tag);
    if (is_sync)
        return;
    front_say(f, "* BYE Literal too long");
    front_quit(f);
}

/* A line that ends in "{5}" or "{5+}". What can't be run is refused before the client sends more, if it waits. */
static void begin_literal(struct front *f, struct bytes line, size_t size, bool is_sync)
{
    bool is_first = !f->pieces.data;
    struct bytes rest = line;
    const struct verb *v;
    if (is_first && is_sync && !open_command(f, &rest, &v))
        return;
    if (is_first && !is_sync && !take_tag(f, take_word(&rest)))
        memcpy(f->tag, "*", sizeof "*");
    if (size > FRONT_LINE_LIMIT || line.size + size + 2 > PIECES_SIZE - FRONT_LINE_LIMIT - f->pieces.size) {
        refuse_long_literal(f, is_sync);
        return;
    }
    hold(f, line);
    hold(f, BYTES_LIT("\r\n"));
    f->pieces.literal_left = size;
    if (is_sync)
        front_say(f, "+ Ready");
}

static void on_line(struct front *f, struct bytes line)
{
    size_t size;
    bool is_sync;
    if (front_imap_literal(line, &size, &is_sync)) {
        begin_literal(f, line, size, is_sync);
    } else if (!f->pieces.data) {
        run(f, line);
    } else {
        hold(f, line);
        struct front_pieces whole = f->pieces;
        f->pieces = (struct front_pieces){ NULL };
        run(f, (struct bytes){ whole.data, whole.size });
        secret_wipe(whole.data, whole.size);
        free(whole.data);
    }
}

static size_t feed(struct front *f, struct bytes in)
{
    if (f->pieces.literal_left == 0)
        return front_feed_line(f, in);
    struct bytes piece = bytes_slice(in, 0, f->pieces.literal_left);
    hold(f, piece);
    f->pieces.literal_left -= piece.size;
    return piece.size;
}

/* What is left of a command in pieces goes with the bad line. */
static void bad_line(struct front *f, const char *what)
{
    bool is_within = f->pieces.data || f->state == FRONT_SASL;
    front_pieces_drop(f);
    front_badf(f, "%s BAD %s", is_within ? f->tag : "*", what);
}

static void challenge(struct front *f, const char *base64)
{
    front_sayf(f, "+ %s", base64);
}

static void flaw(struct front *f, enum front_flaw what)
{
    static const char *const lines[FLAWS] = {
        [FLAW_MECHANISM] = "NO [CANNOT] Only AUTHENTICATE PLAIN and LOGIN are offered; Postern does the OAuth itself",
        [FLAW_BASE64] = "BAD Malformed base64",
        [FLAW_PLAIN] =
            "BAD Malformed AUTHENTICATE PLAIN: [authzid] NUL user NUL password is needed, without acting as another",
        [FLAW_LOGIN] = "BAD Malformed AUTHENTICATE LOGIN: no usable user name",
        [FLAW_CANCELLED] = "BAD AUTHENTICATE cancelled",
    };
    front_badf(f, "%s %s", f->tag, lines[what]);
}

static void accept(struct front *f, const char *capabilities)
{
    if (text_is_empty(capabilities))
        answer(f, "OK Signed in");
    else
        front_sayf(f, "%s OK [CAPABILITY %s] Signed in", f->tag, capabilities);
}

/* RFC 5530. Programs ask for another password at [AUTHENTICATIONFAILED] and for none at [UNAVAILABLE], so the latter is said where
 * somebody else must act: the password is right. */
static void refuse(struct front *f, bool is_mail, enum front_refusal why, const char *text)
{
    static const char *const codes[] = {
        [FRONT_WRONG] = "AUTHENTICATIONFAILED",
        [FRONT_UNAVAILABLE] = "UNAVAILABLE",
        [FRONT_FORBIDDEN] = "AUTHORIZATIONFAILED",
        [FRONT_NEEDS_PERSON] = "UNAVAILABLE",
        [FRONT_LIMIT] = "LIMIT",
    };
    front_sayf(f, "%s NO [%s] %s", f->tag, codes[why], text);
}

const struct front_kind front_imap = {
    .name = "imap",
    .ending = "* BYE ",
    .takes_bare_lf = true,
    .ends_at_long_line = true,
    .first = FRONT_READY,
    .feed = feed,
    .greet = greet,
    .command = on_line,
    .bad_line = bad_line,
    .challenge = challenge,
    .flaw = flaw,
    .accept = accept,
    .refuse = refuse,
};
