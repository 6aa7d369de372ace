/* The commands, when each may come, and what it needs. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sandbox/imapd_private.h"

static const char classic_before[] =
    "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE "
    "NAMESPACE LITERAL+";
static const char classic_after[] =
    "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES "
    "CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+";
static const char new_before[] =
    "IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE "
    "NAMESPACE LITERAL+";
static const char new_after[] =
    "IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT ENABLE IMAP4rev2 "
    "CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE "
    "BACKENDAUTHENTICATE-IR CHILDREN IDLE NAMESPACE LITERAL+";
static const char plain_before[] =
    "IMAP4 IMAP4rev1 LOGINDISABLED STARTTLS SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE "
    "NAMESPACE LITERAL+";
static const char google_before[] =
    "IMAP4rev1 UNSELECT IDLE NAMESPACE ID CHILDREN X-GM-EXT-1 XYZZY SASL-IR AUTH=XOAUTH2 "
    "AUTH=PLAIN AUTH=PLAIN-CLIENTTOKEN AUTH=OAUTHBEARER";
static const char google_plain[] = "IMAP4rev1 UNSELECT IDLE NAMESPACE ID CHILDREN STARTTLS LOGINDISABLED";
/* COMPRESS is offered and then refused: whoever stands between must not let it through. */
static const char google_after[] = "IMAP4rev1 UNSELECT IDLE NAMESPACE ID CHILDREN UIDPLUS COMPRESS=DEFLATE ENABLE MOVE "
                                   "SPECIAL-USE";

static const char *capabilities(struct imapd_session *s)
{
    bool is_after = s->state == IMAPD_READY || s->state == IMAPD_SELECTED;
    bool is_plain = !conn_is_tls(s->link.conn);
    if (imapd_is_google(s))
        return is_after ? google_after : is_plain ? google_plain : google_before;
    if (is_plain)
        return plain_before;
    if (imapd_is_2026(s))
        return is_after ? new_after : new_before;
    return is_after ? classic_after : classic_before;
}

static bool has_word(const char *words, char separator, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = strcasestr(words, word); at != NULL; at = strcasestr(at + 1, word)) {
        if ((at == words || at[-1] == separator) && (at[size] == 0 || at[size] == separator))
            return true;
    }
    return false;
}

bool imapd_offers(struct imapd_session *s, const char *capability)
{
    if (strcmp(capability, "STARTTLS") == 0 && switches_is(s->sandbox->switches, SWITCH_IMAP_STARTTLS, "off"))
        return false;
    return !has_word(switches_text(s->sandbox->switches, SWITCH_IMAP_WITHOUT), ',', capability) &&
           has_word(capabilities(s), ' ', capability);
}

static void on_capability(struct imapd_session *s, struct imapd_in *in)
{
    char names[512], line[600] = "* CAPABILITY";
    snprintf(names, sizeof names, "%s", capabilities(s));
    char *rest = names;
    size_t used = strlen(line);
    for (char *name = strtok_r(rest, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        if (imapd_offers(s, name))
            used += (size_t)snprintf(line + used, sizeof line - used, " %s", name);
    }
    link_say(&s->link, "%s", line);
    imapd_ok(s);
}

static void on_noop(struct imapd_session *s, struct imapd_in *in)
{
    imapd_ok(s);
}

static void on_logout(struct imapd_session *s, struct imapd_in *in)
{
    imapd_bye(s, imapd_is_google(s) ? "LOGOUT Requested" : "Microsoft Exchange Server IMAP4 server signing off.");
    imapd_ok(s);
}

static void on_id(struct imapd_session *s, struct imapd_in *in)
{
    if (imapd_is_google(s))
        link_say(&s->link, "* ID (\"name\" \"GImap\" \"vendor\" \"Google, Inc.\")");
    else
        link_say(&s->link, "* ID (\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")");
    imapd_ok(s);
}

/* 5.4: the 2026 front end announces it and then answers so. */
static void on_enable(struct imapd_session *s, struct imapd_in *in)
{
    if (!imapd_is_google(s)) {
        imapd_bad(s, "Command Argument Error. 12");
        return;
    }
    link_say(&s->link, "* ENABLED");
    imapd_ok(s);
}

static void on_compress(struct imapd_session *s, struct imapd_in *in)
{
    imapd_no(s, "[CANNOT] COMPRESS is not there");
}

enum { ANY = 0, WORKS = 1, CONNECTED = 2, HAS_UID = 4, TLS_ONLY = 8 };
#define SIGNED_IN (IMAPD_READY | IMAPD_SELECTED)
#define ALWAYS (IMAPD_FRESH | SIGNED_IN)

static const struct command {
    const char *name;
    unsigned when;    /* states */
    unsigned needs;   /* WORKS: throttling and the mailbox's state count; CONNECTED: the mailbox */
    const char *with; /* the capability; "": none */
    imapd_command_fn *run;
} commands[] = {
    { "CAPABILITY", ALWAYS, ANY, "", on_capability },
    { "NOOP", ALWAYS, ANY, "", on_noop },
    { "LOGOUT", ALWAYS | IMAPD_DEAD, ANY, "", on_logout },
    { "ID", ALWAYS, ANY, "ID", on_id },
    { "STARTTLS", IMAPD_FRESH, ANY, "STARTTLS", imapd_on_starttls },
    { "AUTHENTICATE", IMAPD_FRESH, ANY, "", imapd_on_authenticate },
    { "LOGIN", IMAPD_FRESH, ANY, "", imapd_on_login },
    { "ENABLE", SIGNED_IN, ANY, "ENABLE", on_enable },
    { "COMPRESS", SIGNED_IN, ANY, "COMPRESS=DEFLATE", on_compress },
    { "NAMESPACE", SIGNED_IN, ANY, "NAMESPACE", imapd_on_namespace },
    { "SELECT", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_select },
    { "EXAMINE", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_examine },
    { "CREATE", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_create },
    { "DELETE", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_delete },
    { "RENAME", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_rename },
    { "SUBSCRIBE", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_subscribe },
    { "UNSUBSCRIBE", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_unsubscribe },
    { "LIST", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_list },
    { "LSUB", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_lsub },
    { "STATUS", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_status },
    { "APPEND", SIGNED_IN, WORKS | CONNECTED, "", imapd_on_append },
    { "IDLE", SIGNED_IN, WORKS, "IDLE", imapd_on_idle },
    { "CHECK", IMAPD_SELECTED, WORKS, "", imapd_on_check },
    { "CLOSE", IMAPD_SELECTED, WORKS, "", imapd_on_close },
    { "UNSELECT", IMAPD_SELECTED, WORKS, "UNSELECT", imapd_on_unselect },
    { "EXPUNGE", IMAPD_SELECTED, WORKS | HAS_UID, "", imapd_on_expunge },
    { "SEARCH", IMAPD_SELECTED, WORKS | HAS_UID, "", imapd_on_search },
    { "FETCH", IMAPD_SELECTED, WORKS | HAS_UID, "", imapd_on_fetch },
    { "STORE", IMAPD_SELECTED, WORKS | HAS_UID, "", imapd_on_store },
    { "COPY", IMAPD_SELECTED, WORKS | HAS_UID, "", imapd_on_copy },
    { "MOVE", IMAPD_SELECTED, WORKS | HAS_UID, "MOVE", imapd_on_move },
};

static const struct command *find_command(struct imapd_session *s, struct bytes name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *c = &commands[i];
        if (bytes_equal_nocase(name, bytes_of(c->name)) && (!s->is_uid || (c->needs & HAS_UID)))
            return *c->with == 0 || s->state == IMAPD_DEAD || imapd_offers(s, c->with) ? c : NULL;
    }
    return NULL;
}

/* Throttling and a mailbox out of reach, by switch; false: said. */
static bool is_served(struct imapd_session *s)
{
    struct switches *w = s->sandbox->switches;
    const char *throttle = switches_keyed(w, SWITCH_IMAP_THROTTLE, s->address);
    if (strcmp(throttle, "0") != 0) {
        imapd_no(s, "Request is throttled. Suggested Backoff Time: %s milliseconds", throttle);
        return false;
    }
    if (strcmp(switches_keyed(w, SWITCH_IMAP_STATE, s->address), "unavailable") == 0) {
        imapd_no(s, "Server Unavailable. 15");
        return false;
    }
    return true;
}

static void run_command(struct imapd_session *s, const struct command *c, struct imapd_in *in, struct bytes line)
{
    char step[24] = "";
    for (size_t i = 0; c->name[i] != 0 && i < sizeof step - 1; i++)
        step[i] = (char)(c->name[i] | 0x20);
    s->verb = c->name;
    if (imapd_injected(s, step, line))
        return;
    if (!(c->when & s->state)) {
        imapd_bad(s, "Command received in Invalid state.");
        return;
    }
    if (s->state != IMAPD_DEAD && imapd_says_expired(s))
        return;
    if ((c->needs & WORKS) && !is_served(s))
        return;
    if (!(c->needs & CONNECTED) || imapd_is_connected(s))
        c->run(s, in);
}

bool imapd_take_tag(struct imapd_session *s, struct imapd_in *in)
{
    struct bytes tag;
    snprintf(s->tag, sizeof s->tag, "*");
    if (!imapd_take_atom(in, &tag) || tag.size >= sizeof s->tag || bytes_find(tag, BYTES_LIT("+")) != SIZE_MAX)
        return false;
    snprintf(s->tag, sizeof s->tag, "%.*s", (int)tag.size, (const char *)tag.data);
    return imapd_take_blank(in);
}

void imapd_dispatch(struct imapd_session *s, struct bytes line)
{
    struct imapd_in in = { .rest = line, .arena = s->arena };
    struct bytes name;
    s->verb = "";
    bool is_named = imapd_take_tag(s, &in) && imapd_take_atom(&in, &name);
    s->is_uid = is_named && bytes_equal_nocase(name, BYTES_LIT("UID"));
    if (s->is_uid)
        is_named = imapd_take_blank(&in) && imapd_take_atom(&in, &name);
    const struct command *c = is_named ? find_command(s, name) : NULL;
    if (c == NULL)
        imapd_bad(s, imapd_is_google(s) ? "Unknown command" : "Command Error. 12");
    else
        run_command(s, c, &in, line);
}
