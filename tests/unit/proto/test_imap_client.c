/* Conversations: what the server says, what must be said and told. Each is played whole, octet by octet, in threes, with careless line
 * ends, and cut off at every octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proto/imap/client.h"

enum { PLAIN = 0, STARTTLS = 1, TWO_STEPS = 2, ASK = 4, RETRY_AUTH = 8, SWALLOW = 16 };

/* A newline stands for CRLF; '~' ends what the server says before the handshake. `does` is what is done at each `ready`, a letter each
 * (see on_ready); after the last the play is at rest. `out` marks secrets as [..]. */
struct dialogue {
    unsigned setup;
    enum imap_client_sasl sasl;
    const char *does, *in, *out, *events;
};

struct play {
    struct imap_client_options options;
    struct imap_client *client;
    const char *does;
    unsigned setup;
    int credentials;
    bool is_over;
    struct buf out, events, body;
};

static void on_send(void *ctx, struct bytes out)
{
    struct play *p = ctx;
    assert_false(p->is_over);
    assert_true(out.size > 0 && buf_add_bytes(&p->out, out));
}

static void on_send_secret(void *ctx, struct bytes out)
{
    struct play *p = ctx;
    assert_true(bytes_find(out, BYTES_LIT("\r\n")) == out.size - 2);
    buf_add_str(&p->out, "[");
    buf_add(&p->out, out.data, out.size - 2);
    buf_add_str(&p->out, "]\r\n");
}

static void on_start_tls(void *ctx)
{
    struct play *p = ctx;
    buf_add_str(&p->events, "tls;");
}

static void on_want_credential(void *ctx)
{
    struct play *p = ctx;
    buf_add_str(&p->events, "credential;");
    imap_client_credential(p->client, "joe@x", BYTES_LIT("T0ken"));
}

static void on_ready(void *ctx)
{
    static const uint64_t some[] = { 1, 2, 3, 9 };
    struct play *p = ctx;
    struct imap_client *c = p->client;
    assert_true(imap_client_is_ready(c));
    assert_string_equal(imap_client_when(c), "idle");
    buf_add_str(&p->events, "ready;");
    if (!*p->does)
        return;
    switch (*p->does++) {
    case 'L':
        imap_client_list(c);
        break;
    case 'S':
        imap_client_select(c, "INBOX", false);
        break;
    case 'E':
        imap_client_select(c, "Gel\xc3\xb6scht \"x\" & y", true);
        break;
    case 'P':
        imap_client_select(c, "A/\xc3\xb6/C", false);
        break;
    case 'V':
        imap_client_move(c, 5, "Done/2026");
        break;
    case 'U':
        imap_client_select(c, "bad \xff", false);
        break;
    case 'C':
        imap_client_create(c, "Done");
        break;
    case 'F':
        imap_client_search(c, 5, 0);
        break;
    case 'h':
        imap_client_fetch(c, some, 4, true);
        break;
    case 'f':
        imap_client_fetch(c, some, 1, false);
        break;
    case 'B':
        imap_client_fetch_body(c, 5);
        break;
    case 's':
        imap_client_store_seen(c, 5);
        break;
    case 'M':
        imap_client_move(c, 5, "Done");
        break;
    case 'D':
        imap_client_delete(c, 5);
        break;
    case 'I':
        imap_client_idle(c);
        break;
    case 'i':
        imap_client_idle(c);
        imap_client_done(c);
        break;
    case 'N':
        imap_client_noop(c);
        break;
    case 'Q':
        imap_client_logout(c);
        break;
    default:
        fail();
    }
}

static void note_reply(struct play *p, const char *what, const struct imap_reply *r)
{
    static const char *const names[] = { "OK", "NO", "BAD", "BYE" };
    buf_addf(&p->events, "%s %s|%s|%s;", what, names[r->status], r->code, r->text);
}

static void on_auth_refused(void *ctx, const struct imap_reply *reply, const char *challenge)
{
    struct play *p = ctx;
    note_reply(p, "refused", reply);
    if (challenge[0])
        buf_addf(&p->events, "challenge %s;", challenge);
    if (--p->credentials > 0)
        imap_client_credential(p->client, "joe@x", BYTES_LIT("T0ken2"));
    else
        imap_client_logout(p->client);
}

static void on_refused(void *ctx, const char *command, const struct imap_reply *reply)
{
    struct play *p = ctx;
    assert_string_equal(imap_client_when(p->client), command);
    note_reply(p, command, reply);
}

static void on_selected(void *ctx, const struct imap_folder *f)
{
    struct play *p = ctx;
    buf_addf(&p->events, "selected %u %lu %lu%s;", f->exists, (unsigned long)f->uidvalidity, (unsigned long)f->uidnext,
             f->is_read_only ? " ro" : "");
}

static void on_found(void *ctx, const uint64_t *uids, size_t count)
{
    struct play *p = ctx;
    assert_true(count > 0);
    for (size_t i = 1; i < count; i++)
        assert_true(uids[i - 1] <= uids[i]);
    for (size_t i = 0; i < count; i++)
        buf_addf(&p->events, "%lu,", (unsigned long)uids[i]);
}

static void on_listed(void *ctx, const char *folder, const char *separator, bool is_selectable)
{
    struct play *p = ctx;
    buf_addf(&p->events, "%s %s%s;", folder, separator, is_selectable ? "" : " no");
}

static void on_message(void *ctx, const struct imap_message *m)
{
    struct play *p = ctx;
    if (p->body.size > 0)
        buf_addf(&p->events, "body %s;", buf_str(&p->body));
    buf_clear(&p->body);
    buf_addf(&p->events, "%u:%lu %lu %ld%s%s <%.*s>;", m->sequence, (unsigned long)m->uid, (unsigned long)m->size,
             (long)m->received_ms, m->is_seen ? " seen" : "", m->is_deleted ? " deleted" : "", (int)m->header.size,
             m->header.size ? (const char *)m->header.data : "");
}

static bool on_body(void *ctx, uint64_t uid, uint64_t size, struct bytes chunk)
{
    struct play *p = ctx;
    assert_true(uid == 5 && chunk.size <= size);
    if (p->body.size == 0)
        buf_addf(&p->body, "of %lu ", (unsigned long)size);
    if (p->setup & SWALLOW)
        return false;
    buf_add_bytes(&p->body, chunk);
    return true;
}

static void on_changed(void *ctx, uint32_t exists)
{
    struct play *p = ctx;
    buf_addf(&p->events, "changed %u;", exists);
    if (strcmp(imap_client_when(p->client), "idle") == 0 && exists == 4)
        imap_client_done(p->client);
}

static void on_idling(void *ctx)
{
    struct play *p = ctx;
    buf_add_str(&p->events, "idling;");
}

static void on_failed(void *ctx, const char *when, const struct imap_reply *reply, const struct fault *why)
{
    struct play *p = ctx;
    assert_false(p->is_over);
    assert_true(why->text[0]);
    assert_null(strstr(why->text, "T0ken"));
    if (reply)
        note_reply(p, "reply", reply);
    p->is_over = true;
    buf_addf(&p->events, "failed %s %s %s;", when, why->id, fault_kind_name(why->kind));
}

static const struct imap_client_host host = {
    .send = on_send,
    .send_secret = on_send_secret,
    .start_tls = on_start_tls,
    .want_credential = on_want_credential,
    .ready = on_ready,
    .auth_refused = on_auth_refused,
    .refused = on_refused,
    .selected = on_selected,
    .found = on_found,
    .listed = on_listed,
    .message = on_message,
    .body = on_body,
    .changed = on_changed,
    .idling = on_idling,
    .failed = on_failed,
};

#define XOAUTH2 IMAP_CLIENT_XOAUTH2
#define NO_AUTH IMAP_CLIENT_NO_AUTH
#define CLASSIC \
    "* OK The Microsoft Exchange IMAP4 service is ready. [QgBOADAA]\n" \
    "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE " \
    "LITERAL+\nA1 OK CAPABILITY completed.\n"
#define PROXY \
    "* OK Microsoft Exchange IMAP4 service ready. 7c1f (tcpproxy/15.21.0406.000 BACKENDAUTHENTICATE) [..]\n" \
    "* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE " \
    "NAMESPACE " \
    "LITERAL+\nA1 OK CAPABILITY completed.\n"
#define DOVECOT "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=XOAUTH2] Ready.\n"
#define BLOB "dXNlcj1qb2VAeAFhdXRoPUJlYXJlciBUMGtlbgEB"
#define TOKEN "[A2 AUTHENTICATE XOAUTH2 " BLOB "]\n"

static const struct dialogue greeting[] = {
    { PLAIN, NO_AUTH, "", CLASSIC, "A1 CAPABILITY\n", "ready;" },
    { PLAIN, NO_AUTH, "", DOVECOT, "", "ready;" },
    { PLAIN, NO_AUTH, "", "* PREAUTH [CAPABILITY IMAP4rev1] you are known\n", "", "ready;" },
    { PLAIN, NO_AUTH, "", "* OK\n* CAPABILITY\nA1 OK\n", "A1 CAPABILITY\n", "ready;" },
    { PLAIN, XOAUTH2, "", "* PREAUTH [CAPABILITY IMAP4rev1] you are known\n", "", "failed connect imap.breach hold;" },
    { STARTTLS, XOAUTH2, "", "* PREAUTH hello\n", "", "failed connect imap.injection hold;" },
    { PLAIN, XOAUTH2, "", "* BYE [UNAVAILABLE] not today\n", "",
      "reply BYE|UNAVAILABLE|not today;failed connect  retry;" },
    { PLAIN, XOAUTH2, "", "* NO busy\n", "", "reply NO||busy;failed connect  retry;" },
    { PLAIN, XOAUTH2, "", "* BAD busy\n", "", "reply BAD||busy;failed connect  retry;" },
    { PLAIN, XOAUTH2, "", "* FLAGS (a)\n", "", "failed connect imap.not-imap hold;" },
    { PLAIN, XOAUTH2, "", "220 m ESMTP\n", "", "failed connect imap.not-imap hold;" },
    { PLAIN, XOAUTH2, "", "+OK POP3\n", "", "failed connect imap.not-imap hold;" },
    { PLAIN, XOAUTH2, "", "\x15\x03\x01", "", "failed connect imap.not-imap hold;" },
    { PLAIN, XOAUTH2, "", "A1 OK hello\n", "", "failed connect imap.not-imap hold;" },
    { PLAIN, XOAUTH2, "", "\n", "", "failed connect imap.not-imap hold;" },
    { PLAIN, XOAUTH2, "", "* OK hi\nA1 BAD what?\n", "A1 CAPABILITY\n",
      "reply BAD||what?;failed connect imap.breach retry;" },
    { PLAIN, XOAUTH2, "", "* OK hi\nA2 OK\n", "A1 CAPABILITY\n", "failed connect imap.breach retry;" },
    { PLAIN, XOAUTH2, "", "* OK hi\nA1 FINE\n", "A1 CAPABILITY\n", "failed connect imap.breach retry;" },
    { PLAIN, XOAUTH2, "", "* OK hi\n+ go on\n", "A1 CAPABILITY\n", "failed connect imap.breach retry;" },
    { PLAIN, XOAUTH2, "", "* OK hi\n\n", "A1 CAPABILITY\n", "failed connect imap.breach retry;" },
    { PLAIN, XOAUTH2, "", "* OK hi\n* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\nA1 OK\n", "A1 CAPABILITY\n",
      "failed auth imap.auth-missing hold;" },
    { STARTTLS, XOAUTH2, "",
      "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi\nA1 OK go\n~"
      "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR\nA2 OK\nA3 OK in\n",
      "A1 STARTTLS\nA2 CAPABILITY\n[A3 AUTHENTICATE XOAUTH2 " BLOB "]\n", "tls;credential;ready;" },
    { STARTTLS, XOAUTH2, "", DOVECOT, "", "failed starttls imap.starttls-missing hold;" },
    { STARTTLS, XOAUTH2, "", "* OK [CAPABILITY STARTTLS] hi\nA1 NO not now\n", "A1 STARTTLS\n",
      "reply NO||not now;failed starttls imap.starttls-refused retry;" },
    /* Capabilities heard in clear are forgotten. */
    { STARTTLS, XOAUTH2, "", "* OK [CAPABILITY STARTTLS AUTH=XOAUTH2] hi\nA1 OK\n~* CAPABILITY IMAP4rev1\nA2 OK\n",
      "A1 STARTTLS\nA2 CAPABILITY\n", "tls;failed auth imap.auth-missing hold;" },
};

static const struct dialogue sign_in[] = {
    { PLAIN, XOAUTH2, "", CLASSIC "A2 OK AUTHENTICATE completed.\n", "A1 CAPABILITY\n" TOKEN, "credential;ready;" },
    { PLAIN, XOAUTH2, "", PROXY "A2 OK AUTHENTICATE completed.\n", "A1 CAPABILITY\n" TOKEN, "credential;ready;" },
    { ASK, XOAUTH2, "",
      PROXY "A2 OK AUTHENTICATE completed.\n* CAPABILITY IMAP4 IMAP4rev1 ENABLE IMAP4rev2 MOVE "
            "BACKENDAUTHENTICATE-IR\nA3 OK CAPABILITY completed.\n",
      "A1 CAPABILITY\n" TOKEN "A3 CAPABILITY\n", "credential;ready;" },
    { ASK, XOAUTH2, "", CLASSIC "A2 OK\nA3 BAD no\n", "A1 CAPABILITY\n" TOKEN "A3 CAPABILITY\n", "credential;ready;" },
    { ASK, XOAUTH2, "", DOVECOT "A1 OK [CAPABILITY IMAP4rev1 MOVE] Logged in\n", "[A1 AUTHENTICATE XOAUTH2 " BLOB "]\n",
      "credential;ready;" },
    { ASK, XOAUTH2, "", DOVECOT "* CAPABILITY IMAP4rev1 MOVE\nA1 OK Logged in\n",
      "[A1 AUTHENTICATE XOAUTH2 " BLOB "]\n", "credential;ready;" },
    { TWO_STEPS, XOAUTH2, "", CLASSIC "+ \nA2 OK AUTHENTICATE completed.\n",
      "A1 CAPABILITY\nA2 AUTHENTICATE XOAUTH2\n[" BLOB "]\n", "credential;ready;" },
    { TWO_STEPS, XOAUTH2, "", CLASSIC "+\nA2 OK AUTHENTICATE completed.\n",
      "A1 CAPABILITY\nA2 AUTHENTICATE XOAUTH2\n[" BLOB "]\n", "credential;ready;" },
    { PLAIN, XOAUTH2, "", "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] no IR\n+ \nA1 OK\n",
      "A1 AUTHENTICATE XOAUTH2\n[" BLOB "]\n", "credential;ready;" },
    /* Exchange Online refuses at once, Gmail says why first. */
    { PLAIN, XOAUTH2, "", CLASSIC "A2 NO AUTHENTICATE failed.\n* BYE\n", "A1 CAPABILITY\n" TOKEN "A3 LOGOUT\n",
      "credential;refused NO||AUTHENTICATE failed.;" },
    { PLAIN, XOAUTH2, "",
      CLASSIC "+ eyJzdGF0dXMiOiI0MDAifQ==\nA2 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\n",
      "A1 CAPABILITY\n" TOKEN "\nA3 LOGOUT\n",
      "credential;refused NO|AUTHENTICATIONFAILED|Invalid credentials (Failure);challenge {\"status\":\"400\"};" },
    { TWO_STEPS, XOAUTH2, "", CLASSIC "+ \n+ not base64!\nA2 NO no\n",
      "A1 CAPABILITY\nA2 AUTHENTICATE XOAUTH2\n[" BLOB "]\n\nA3 LOGOUT\n",
      "credential;refused NO||no;challenge not base64!;" },
    { PLAIN, XOAUTH2, "", CLASSIC "+ e30=\n+ e30=\n", "A1 CAPABILITY\n" TOKEN "\n",
      "credential;failed auth imap.breach retry;" },
    { PLAIN, XOAUTH2, "", CLASSIC "A2 BAD Command Error. 12\n", "A1 CAPABILITY\n" TOKEN "A3 LOGOUT\n",
      "credential;refused BAD||Command Error. 12;" },
    { RETRY_AUTH, XOAUTH2, "", CLASSIC "A2 NO AUTHENTICATE failed.\nA3 OK\n",
      "A1 CAPABILITY\n" TOKEN "[A3 AUTHENTICATE XOAUTH2 dXNlcj1qb2VAeAFhdXRoPUJlYXJlciBUMGtlbjIBAQ==]\n",
      "credential;refused NO||AUTHENTICATE failed.;ready;" },
    { PLAIN, XOAUTH2, "", CLASSIC "* BYE Connection closed. 14\n", "A1 CAPABILITY\n" TOKEN,
      "credential;reply BYE||Connection closed. 14;failed auth  retry;" },
    { PLAIN, IMAP_CLIENT_OAUTHBEARER, "", "* OK [CAPABILITY AUTH=OAUTHBEARER SASL-IR] hi\n+ e30=\nA1 NO no\n",
      "[A1 AUTHENTICATE OAUTHBEARER bixhPWpvZUB4LAFob3N0PW1haWwueAFwb3J0PTk5MwFhdXRoPUJlYXJlciBUMGtlbgEB]\nAQ==\nA2 "
      "LOGOUT\n",
      "credential;refused NO||no;challenge {};" },
    { PLAIN, IMAP_CLIENT_PLAIN, "", "* OK [CAPABILITY AUTH=PLAIN AUTH=LOGIN SASL-IR] hi\nA1 OK in\n",
      "[A1 AUTHENTICATE PLAIN AGpvZUB4AFQwa2Vu]\n", "credential;ready;" },
    { PLAIN, IMAP_CLIENT_LOGIN, "", "* OK [CAPABILITY AUTH=PLAIN AUTH=LOGIN] hi\n+ VXNlcg==\n+ UGFzcw==\nA1 OK in\n",
      "A1 AUTHENTICATE LOGIN\n[am9lQHg=]\n[VDBrZW4=]\n", "credential;ready;" },
    { PLAIN, IMAP_CLIENT_LOGIN, "", "* OK [CAPABILITY IMAP4rev1] hi\nA1 OK in\n", "[A1 LOGIN \"joe@x\" \"T0ken\"]\n",
      "credential;ready;" },
    { PLAIN, IMAP_CLIENT_PLAIN, "", "* OK [CAPABILITY IMAP4rev1] hi\nA1 NO LOGIN failed.\n",
      "[A1 LOGIN \"joe@x\" \"T0ken\"]\nA2 LOGOUT\n", "credential;refused NO||LOGIN failed.;" },
    { PLAIN, IMAP_CLIENT_LOGIN, "", "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\n", "",
      "failed auth imap.auth-missing hold;" },
};

#define IN "* OK [CAPABILITY IDLE UIDPLUS MOVE] hi\n"
#define IN_PLUS "* OK [CAPABILITY UIDPLUS] hi\n"
#define IN_BARE "* OK [CAPABILITY IMAP4rev1] hi\n"

static const struct dialogue folders[] = {
    { PLAIN, NO_AUTH, "S",
      IN "* 23 EXISTS\n* 2 RECENT\n* FLAGS (\\Seen $MDNSent)\n* OK [PERMANENTFLAGS (\\Seen)] Permanent flags\n"
         "* OK [UNSEEN 1] Is the first unseen message\n* OK [UIDVALIDITY 14] UIDVALIDITY value\n"
         "* OK [UIDNEXT 22] The next unique identifier value\nA1 OK [READ-WRITE] SELECT completed.\n",
      "A1 SELECT \"INBOX\"\n", "ready;selected 23 14 22;ready;" },
    { PLAIN, NO_AUTH, "E", IN "* 0 EXISTS\n* OK [uidvalidity 4294967295] x\nA1 OK [READ-ONLY] done\n",
      "A1 EXAMINE \"Gel&APY-scht \\\"x\\\" &- y\"\n", "ready;selected 0 4294967295 0 ro;ready;" },
    { PLAIN, NO_AUTH, "S", IN "* 1 EXISTS\nA1 OK [READ-ONLY] done\n", "A1 SELECT \"INBOX\"\n",
      "ready;selected 1 0 0 ro;ready;" },
    { PLAIN, NO_AUTH, "SN", IN "A1 BAD User is authenticated but not connected.\n* 3 EXISTS\nA2 OK\n",
      "A1 SELECT \"INBOX\"\nA2 NOOP\n", "ready;select BAD||User is authenticated but not connected.;ready;ready;" },
    { PLAIN, NO_AUTH, "U", IN, "",
      "ready;select NO|NONEXISTENT|the folder's name is too long, or not UTF-8; nothing was asked;ready;" },
    { PLAIN, NO_AUTH, "L",
      IN "* LIST (\\HasNoChildren) \"/\" INBOX\n* LIST (\\Noselect \\HasChildren) \"/\" \"a \\\"b\\\"\"\n"
         "* LIST () NIL {5}\nx (y)\n* LIST (\\Marked) \"\\\\\" Gel&APY-scht\n* LIST () \".\" \"bad&\"\nA1 OK\n",
      "A1 LIST \"\" \"*\"\n", "ready;INBOX /;a \"b\" / no;x (y) ;Gel\xc3\xb6scht \\;bad& .;ready;" },
    { PLAIN, NO_AUTH, "L", IN "* LIST (a\nA1 OK\n", "A1 LIST \"\" \"*\"\n", "ready;failed list imap.breach retry;" },
    { PLAIN, NO_AUTH, "CC", IN "A1 OK\nA2 NO [ALREADYEXISTS] there\n", "A1 CREATE \"Done\"\nA2 CREATE \"Done\"\n",
      "ready;ready;create NO|ALREADYEXISTS|there;ready;" },
    /* Levels are parted as the server does; it is asked once. */
    { PLAIN, NO_AUTH, "PV", IN "* LIST (\\Noselect) \".\" \"\"\nA1 OK\nA2 OK\nA3 OK\n",
      "A1 LIST \"\" \"\"\nA2 SELECT \"A.&APY-.C\"\nA3 UID MOVE 5 \"Done.2026\"\n",
      "ready;selected 0 0 0;ready;ready;" },
    { PLAIN, NO_AUTH, "P", IN "* LIST (\\Noselect) \"\\\\\" \"\"\nA1 OK\nA2 NO none\n",
      "A1 LIST \"\" \"\"\nA2 SELECT \"A\\\\&APY-\\\\C\"\n", "ready;select NO||none;ready;" },
    { PLAIN, NO_AUTH, "PP", IN "* LIST (\\Noselect) NIL \"\"\nA1 OK\nA2 OK\nA3 OK\n",
      "A1 LIST \"\" \"\"\nA2 SELECT \"A/&APY-/C\"\nA3 SELECT \"A/&APY-/C\"\n",
      "ready;selected 0 0 0;ready;selected 0 0 0;ready;" },
    { PLAIN, NO_AUTH, "P", IN "* LIST () \"&\" \"\"\nA1 BAD Command Argument Error. 12\nA2 OK\n",
      "A1 LIST \"\" \"\"\nA2 SELECT \"A/&APY-/C\"\n", "ready;selected 0 0 0;ready;" },
    { PLAIN, NO_AUTH, "Q", IN "* BYE bye\nA1 OK\n", "A1 LOGOUT\n", "ready;" },
    /* A question nobody asked. */
    { PLAIN, NO_AUTH, "", IN "A1 OK\n", "", "ready;failed idle imap.breach retry;" },
    { PLAIN, NO_AUTH, "S", IN "* BYE Session invalidated - AccessTokenExpired\n", "A1 SELECT \"INBOX\"\n",
      "ready;reply BYE||Session invalidated - AccessTokenExpired;failed select  retry;" },
};

static const struct dialogue search[] = {
    { PLAIN, NO_AUTH, "F", IN "* SEARCH 9 5 7\nA1 OK\n", "A1 UID SEARCH UID 5:* UNDELETED\n", "ready;5,7,9,ready;" },
    { PLAIN, NO_AUTH, "F", IN "* SEARCH 5\n* SEARCH\n* SEARCH 8 6 (MODSEQ 9)\nA1 OK\n",
      "A1 UID SEARCH UID 5:* UNDELETED\n", "ready;5,6,8,ready;" },
    { PLAIN, NO_AUTH, "F", IN "A1 OK\n", "A1 UID SEARCH UID 5:* UNDELETED\n", "ready;ready;" },
    /* "5:*" finds the last message too. */
    { PLAIN, NO_AUTH, "F", IN "* SEARCH 4\nA1 OK\n", "A1 UID SEARCH UID 5:* UNDELETED\n", "ready;ready;" },
    { PLAIN, NO_AUTH, "F", IN "* ESEARCH (TAG \"A1\") UID ALL 2:6,9,12:11 COUNT 7\nA1 OK\n",
      "A1 UID SEARCH UID 5:* UNDELETED\n", "ready;5,6,9,11,12,ready;" },
    { PLAIN, NO_AUTH, "F", IN "* ESEARCH (TAG \"A1\") UID\nA1 OK\n", "A1 UID SEARCH UID 5:* UNDELETED\n",
      "ready;ready;" },
    { PLAIN, NO_AUTH, "F", IN "* ESEARCH UID ALL 5:4294967295\n", "A1 UID SEARCH UID 5:* UNDELETED\n",
      "ready;failed search imap.breach retry;" },
    { PLAIN, NO_AUTH, "F", IN "* ESEARCH UID ALL ,9\n", "A1 UID SEARCH UID 5:* UNDELETED\n",
      "ready;failed search imap.breach retry;" },
    { PLAIN, NO_AUTH, "F", IN "* SEARCH 5 x\n", "A1 UID SEARCH UID 5:* UNDELETED\n",
      "ready;failed search imap.breach retry;" },
    { PLAIN, NO_AUTH, "F", IN "A1 NO [UNAVAILABLE] later\n", "A1 UID SEARCH UID 5:* UNDELETED\n",
      "ready;search NO|UNAVAILABLE|later;ready;" },
};

#define ASK_HEADER "A1 UID FETCH 1:3,9 (UID RFC822.SIZE INTERNALDATE FLAGS BODY.PEEK[HEADER])\n"
#define ASK_BODY "A1 UID FETCH 5 (UID BODY.PEEK[])\n"
#define DATE "INTERNALDATE \"17-Jul-1996 02:44:25 -0700\""

static const struct dialogue fetch[] = {
    { PLAIN, NO_AUTH, "h",
      IN "* 1 FETCH (UID 1 RFC822.SIZE 42 " DATE " FLAGS (\\Seen) BODY[HEADER] {6}\nA: b\n)\n"
         "* 2 FETCH (BODY[HEADER] {8}\nA: (b)\n FLAGS (\\Deleted $x) UID 2 RFC822.SIZE 4294967296 INTERNALDATE \" "
         "1-Jan-1970 00:00:01 +0000\")\n"
         "* 3 FETCH (body[header] \"A: \\\"b\\\"\" uid 3 rfc822.size 0)\n"
         "* 9 FETCH (UID 9 BODY[HEADER] NIL FLAGS () X-NEW (a (b \"c)\" {1}\n()) RFC822.SIZE 7)\nA1 OK\n",
      ASK_HEADER,
      "ready;1:1 42 837596665000 seen <A: b\r\n>;2:2 4294967296 1000 deleted <A: (b)\r\n>;3:3 0 0 <A: \"b\">;"
      "9:9 7 0 <>;ready;" },
    /* What somebody else did to a message meanwhile is no answer. */
    { PLAIN, NO_AUTH, "f", IN "* 7 FETCH (FLAGS (\\Seen))\n* 8 FETCH (UID 8 FLAGS ())\n* 3 EXISTS\nA1 OK\n",
      "A1 UID FETCH 1 (UID RFC822.SIZE INTERNALDATE FLAGS)\n", "ready;ready;" },
    { PLAIN, NO_AUTH, "f", IN "* 7 FETCH (UID 1 RFC822.SIZE x)\n",
      "A1 UID FETCH 1 (UID RFC822.SIZE INTERNALDATE FLAGS)\n", "ready;failed fetch imap.breach retry;" },
    { PLAIN, NO_AUTH, "f", IN "* 7 FETCH (UID 1\n", "A1 UID FETCH 1 (UID RFC822.SIZE INTERNALDATE FLAGS)\n",
      "ready;failed fetch imap.breach retry;" },
    { PLAIN, NO_AUTH, "f", IN "A1 BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds\n",
      "A1 UID FETCH 1 (UID RFC822.SIZE INTERNALDATE FLAGS)\n",
      "ready;fetch BAD||Request is throttled. Suggested Backoff Time: 92415 milliseconds;ready;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (UID 5 BODY[] {9}\nA: b\n\nc FLAGS (\\Seen))\nA1 OK\n", ASK_BODY,
      "ready;body of 9 A: b\r\n\r\nc;3:5 0 0 seen <>;ready;" },
    { PLAIN, NO_AUTH, "BN", IN "* 3 FETCH (BODY[] {5}\nhello UID 5)\n* 8 EXISTS\nA1 OK\nA2 OK\n", ASK_BODY "A2 NOOP\n",
      "ready;body of 5 hello;3:5 0 0 <>;ready;ready;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (BODY[] \"a \\\"b\\\"\" UID 5)\nA1 OK\n", ASK_BODY,
      "ready;body of 5 a \"b\";3:5 0 0 <>;ready;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (UID 5 BODY[] NIL)\nA1 OK\n", ASK_BODY, "ready;body of 0 ;3:5 0 0 <>;ready;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (UID 5 BODY[] {0}\n)\nA1 OK\n", ASK_BODY,
      "ready;body of 0 ;3:5 0 0 <>;ready;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (UID 5 BODY[] ~{2+}\nab)\nA1 OK\n", ASK_BODY,
      "ready;body of 2 ab;3:5 0 0 <>;ready;" },
    { SWALLOW, NO_AUTH, "B", IN "* 3 FETCH (UID 5 BODY[] {5}\nhello)\nA1 OK\n", ASK_BODY,
      "ready;body of 5 ;3:5 0 0 <>;ready;" },
    /* It has gone, or it is not the one. */
    { PLAIN, NO_AUTH, "B", IN "A1 OK\n", ASK_BODY, "ready;ready;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (UID 5)\nA1 NO some are gone\n", ASK_BODY,
      "ready;fetch NO||some are gone;ready;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (UID 6 BODY[] {5}\nhello)\n", ASK_BODY,
      "ready;failed fetch imap.breach retry;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (BODY[] {1}\nh UID 6)\n", ASK_BODY, "ready;failed fetch imap.breach retry;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (UID 5 BODY[] {1}\nh)\n* 3 FETCH (UID 5 BODY[] {1}\nh)\n", ASK_BODY,
      "ready;body of 1 h;3:5 0 0 <>;failed fetch imap.breach retry;" },
    /* Only the body that was asked for may be that long. */
    { PLAIN, NO_AUTH, "f", IN "* 3 FETCH (UID 5 BODY[] {4294967295}\n",
      "A1 UID FETCH 1 (UID RFC822.SIZE INTERNALDATE FLAGS)\n", "ready;failed fetch imap.breach retry;" },
    { PLAIN, NO_AUTH, "L", IN "* LIST () NIL {4294967295}\n", "A1 LIST \"\" \"*\"\n",
      "ready;failed list imap.breach retry;" },
    { PLAIN, NO_AUTH, "L", IN "* LIST () NIL {99999999999999999999999}\n", "A1 LIST \"\" \"*\"\n",
      "ready;failed list imap.breach retry;" },
    { PLAIN, NO_AUTH, "B", IN "* 3 FETCH (UID 5 BODY[] {4294967295}\n* BYE", ASK_BODY, "ready;" },
    /* Words for people may end in braces. */
    { PLAIN, NO_AUTH, "N", IN "* OK [ALERT] use {5}\n* NO {5}\nA1 OK {5}\n", "A1 NOOP\n", "ready;ready;" },
};

#define STORE "A1 UID STORE 5 +FLAGS.SILENT (\\Deleted)\n"

static const struct dialogue marking[] = {
    { PLAIN, NO_AUTH, "s", IN "* 3 FETCH (FLAGS (\\Seen))\nA1 OK\n", "A1 UID STORE 5 +FLAGS.SILENT (\\Seen)\n",
      "ready;ready;" },
    { PLAIN, NO_AUTH, "s", IN "A1 NO [NOPERM] no\n", "A1 UID STORE 5 +FLAGS.SILENT (\\Seen)\n",
      "ready;store NO|NOPERM|no;ready;" },
    { PLAIN, NO_AUTH, "M", IN "* OK [COPYUID 1 5 7] moved\n* 3 EXPUNGE\nA1 OK\n", "A1 UID MOVE 5 \"Done\"\n",
      "ready;ready;" },
    { PLAIN, NO_AUTH, "M", IN "A1 NO [TRYCREATE] no such folder\n", "A1 UID MOVE 5 \"Done\"\n",
      "ready;move NO|TRYCREATE|no such folder;ready;" },
    { PLAIN, NO_AUTH, "M", IN_PLUS "A1 OK\nA2 OK\nA3 OK\n",
      "A1 UID COPY 5 \"Done\"\nA2 UID STORE 5 +FLAGS.SILENT (\\Deleted)\nA3 UID EXPUNGE 5\n", "ready;ready;" },
    { PLAIN, NO_AUTH, "M", IN_PLUS "A1 NO [TRYCREATE] no\n", "A1 UID COPY 5 \"Done\"\n",
      "ready;move NO|TRYCREATE|no;ready;" },
    { PLAIN, NO_AUTH, "M", IN_PLUS "A1 OK\nA2 NO no\n",
      "A1 UID COPY 5 \"Done\"\nA2 UID STORE 5 +FLAGS.SILENT (\\Deleted)\n", "ready;delete NO||no;ready;" },
    { PLAIN, NO_AUTH, "D", IN "A1 OK\n* 3 EXPUNGE\nA2 OK\n", STORE "A2 UID EXPUNGE 5\n", "ready;ready;" },
    { PLAIN, NO_AUTH, "D", IN_BARE "A1 OK\n* SEARCH 5\nA2 OK\nA3 OK\n", STORE "A2 UID SEARCH DELETED\nA3 EXPUNGE\n",
      "ready;ready;" },
    { PLAIN, NO_AUTH, "D", IN_BARE "A1 OK\n* SEARCH 4 5\nA2 OK\n", STORE "A2 UID SEARCH DELETED\n", "ready;ready;" },
    { PLAIN, NO_AUTH, "M", IN_BARE "A1 OK\nA2 OK\n* SEARCH 5 6\nA3 OK\n",
      "A1 UID COPY 5 \"Done\"\nA2 UID STORE 5 +FLAGS.SILENT (\\Deleted)\nA3 UID SEARCH DELETED\n", "ready;ready;" },
    { PLAIN, NO_AUTH, "D", IN "A1 OK\nA2 NO no\n", STORE "A2 UID EXPUNGE 5\n", "ready;delete NO||no;ready;" },
};

#define SELECTED IN "* 3 EXISTS\nA1 OK\n"

static const struct dialogue idle[] = {
    { PLAIN, NO_AUTH, "SI",
      SELECTED "+ IDLE accepted, awaiting DONE command.\n* OK Still here\n* 1 RECENT\n* 4 EXISTS\nA2 OK IDLE "
               "completed.\n",
      "A1 SELECT \"INBOX\"\nA2 IDLE\nDONE\n", "ready;selected 3 0 0;ready;idling;changed 4;ready;" },
    { PLAIN, NO_AUTH, "SI", SELECTED "+ idling\n* 2 EXPUNGE\n* 3 FETCH (FLAGS ())\n", "A1 SELECT \"INBOX\"\nA2 IDLE\n",
      "ready;selected 3 0 0;ready;idling;changed 2;" },
    { PLAIN, NO_AUTH, "Si", SELECTED "+ idling\nA2 OK\n", "A1 SELECT \"INBOX\"\nA2 IDLE\nDONE\n",
      "ready;selected 3 0 0;ready;ready;" },
    { PLAIN, NO_AUTH, "SIN", SELECTED "A2 BAD Command Error. 12\nA3 OK\n", "A1 SELECT \"INBOX\"\nA2 IDLE\nA3 NOOP\n",
      "ready;selected 3 0 0;ready;idle BAD||Command Error. 12;ready;ready;" },
    { PLAIN, NO_AUTH, "SI", SELECTED "+ idling\nA2 OK enough\n", "A1 SELECT \"INBOX\"\nA2 IDLE\n",
      "ready;selected 3 0 0;ready;idling;ready;" },
    { PLAIN, NO_AUTH, "SI", SELECTED "+ idling\n* BYE Connection is closed. 13\n", "A1 SELECT \"INBOX\"\nA2 IDLE\n",
      "ready;selected 3 0 0;ready;idling;reply BYE||Connection is closed. 13;failed idle  retry;" },
    { PLAIN, NO_AUTH, "SI", SELECTED "+ idling\n+ again\n", "A1 SELECT \"INBOX\"\nA2 IDLE\n",
      "ready;selected 3 0 0;ready;idling;failed idle imap.breach retry;" },
    { PLAIN, NO_AUTH, "SN", SELECTED "* 5 EXISTS\n* VANISHED 3\n* 9 SOMETHING\n* NEW\nA2 OK\n",
      "A1 SELECT \"INBOX\"\nA2 NOOP\n", "ready;selected 3 0 0;ready;changed 5;ready;" },
    { PLAIN, NO_AUTH, "S", SELECTED "* 5 EXISTS\n", "A1 SELECT \"INBOX\"\n", "ready;selected 3 0 0;ready;changed 5;" },
};

static void play_init(struct play *p, const struct dialogue *d)
{
    *p = (struct play){ .does = d->does, .setup = d->setup, .credentials = d->setup & RETRY_AUTH ? 2 : 1 };
    p->options = (struct imap_client_options){
        .host = "mail.x",
        .port = 993,
        .tls = d->setup & STARTTLS ? IMAP_CLIENT_STARTTLS : IMAP_CLIENT_NO_TLS,
        .sasl = d->sasl,
        .no_initial_response = d->setup & TWO_STEPS,
        .wants_capabilities = d->setup & ASK,
    };
    buf_init(&p->out, 1 << 20);
    buf_init(&p->events, 1 << 20);
    buf_init(&p->body, 1 << 20);
    p->client = imap_client_new(&p->options, &host, p);
}

static void play_fini(struct play *p)
{
    imap_client_free(p->client);
    buf_fini(&p->out);
    buf_fini(&p->events);
    buf_fini(&p->body);
}

static void add_crlf(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_byte(out, '\r');
        buf_add_byte(out, (uint8_t)*text);
    }
}

/* The octets behind the sign-in are the session's: they are fed again. */
static void feed(struct play *p, struct bytes in, size_t step)
{
    while (in.size > 0) {
        struct bytes piece = bytes_slice(in, 0, step ? step : in.size);
        size_t used = imap_client_feed(p->client, piece);
        assert_true(used > 0 && used <= piece.size);
        in = bytes_slice(in, used, in.size);
    }
}

static void feed_around_tls(struct play *p, struct bytes in, size_t step)
{
    size_t tilde = bytes_find(in, BYTES_LIT("~"));
    if (tilde == SIZE_MAX || (tilde + 1 < in.size && in.data[tilde + 1] == '{')) {
        feed(p, in, step);
        return;
    }
    feed(p, bytes_slice(in, 0, tilde), step);
    assert_string_equal(buf_str(&p->events), "tls;");
    imap_client_tls_done(p->client);
    feed(p, bytes_slice(in, tilde + 1, in.size), step);
}

static void check(const struct dialogue *d, struct play *p, size_t step)
{
    struct buf expected;
    buf_init(&expected, 1 << 20);
    add_crlf(&expected, d->out);
    if (strcmp(buf_str(&p->out), buf_str(&expected)) != 0 || strcmp(buf_str(&p->events), d->events) != 0)
        fail_msg("%s\nstep %zu\nsaid:\n%s\nnot:\n%s\nevents:\n%s\nnot:\n%s", d->in, step, buf_str(&p->out),
                 buf_str(&expected), buf_str(&p->events), d->events);
    buf_fini(&expected);
}

static void play_whole(const struct dialogue *d, struct bytes in)
{
    static const size_t steps[] = { 0, 1, 3 };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct play p;
        play_init(&p, d);
        feed_around_tls(&p, in, steps[i]);
        check(d, &p, steps[i]);
        play_fini(&p);
    }
}

/* What was said and told up to there is the beginning of the whole, and leaving is possible. */
static void play_cut(const struct dialogue *d, struct bytes in)
{
    struct buf out;
    size_t tilde = bytes_find(in, BYTES_LIT("~"));
    buf_init(&out, 1 << 20);
    add_crlf(&out, d->out);
    for (size_t size = 0; size < in.size && size < tilde; size++) {
        struct play p;
        play_init(&p, d);
        feed(&p, bytes_slice(in, 0, size), 0);
        assert_true(bytes_starts_nocase(buf_bytes(&out), buf_str(&p.out)));
        assert_true(bytes_starts_nocase(bytes_of(d->events), buf_str(&p.events)));
        imap_client_logout(p.client);
        feed(&p, bytes_slice(in, size, in.size), 0);
        play_fini(&p);
    }
    buf_fini(&out);
}

static void play_all(const struct dialogue *dialogues, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf in;
        buf_init(&in, 1 << 20);
        add_crlf(&in, dialogues[i].in);
        play_whole(&dialogues[i], buf_bytes(&in));
        play_cut(&dialogues[i], buf_bytes(&in));
        buf_fini(&in);
    }
}

#define PLAY(dialogues) play_all(dialogues, sizeof(dialogues) / sizeof(dialogues)[0])

static void greetings(void **state)
{
    PLAY(greeting);
}

static void sign_ins(void **state)
{
    PLAY(sign_in);
}

static void folders_are_listed_and_selected(void **state)
{
    PLAY(folders);
}

static void messages_are_found(void **state)
{
    PLAY(search);
}

static void messages_are_fetched(void **state)
{
    PLAY(fetch);
}

static void messages_are_marked_moved_and_deleted(void **state)
{
    PLAY(marking);
}

static void idling(void **state)
{
    PLAY(idle);
}

static void clear_octets_before_tls_are_an_attack(void **state)
{
    static const struct dialogue d = { STARTTLS, XOAUTH2, "", "", "", "" };
    static const char in[] = "* OK [CAPABILITY STARTTLS] hi\r\nA1 OK go\r\n* CAPABILITY AUTH=XOAUTH2\r\n";
    struct play p;
    play_init(&p, &d);
    imap_client_feed(p.client, bytes_of(in));
    assert_string_equal(buf_str(&p.events), "failed starttls imap.injection hold;");
    play_fini(&p);
    play_init(&p, &d);
    feed(&p, bytes_of(in), 1);
    assert_string_equal(buf_str(&p.events), "tls;failed starttls imap.injection hold;");
    play_fini(&p);
}

static void the_session_is_left_behind_the_sign_in(void **state)
{
    static const struct dialogue d = { PLAIN, XOAUTH2, "", "", "", "" };
    static const char in[] = DOVECOT "A1 OK [CAPABILITY A B] in\n* 5 EXISTS\n";
    struct play p;
    play_init(&p, &d);
    assert_int_equal(imap_client_feed(p.client, bytes_of(in)), strlen(in) - strlen("* 5 EXISTS\n"));
    assert_string_equal(imap_client_capabilities(p.client), "A B");
    play_fini(&p);
}

static void both_generations_of_exchange_are_understood(void **state)
{
    static const struct dialogue d = { ASK, XOAUTH2, "", "", "", "" };
    struct play p;
    play_init(&p, &d);
    feed(&p, bytes_of(PROXY "A2 OK\n"), 0);
    const struct imap_client_caps *caps = imap_client_caps(p.client);
    assert_true(caps->logindisabled && caps->move && caps->uidplus && caps->idle && caps->auth_xoauth2);
    assert_false(caps->auth_plain || caps->starttls);
    feed(&p, bytes_of("* CAPABILITY IMAP4 IMAP4rev1 UIDPLUS IDLE\nA3 OK\n"), 0);
    assert_true(caps->uidplus && caps->idle && !caps->move && !caps->logindisabled);
    assert_string_equal(imap_client_capabilities(p.client), "IMAP4 IMAP4rev1 UIDPLUS IDLE");
    play_fini(&p);
}

/* A hundred thousand messages in one line. */
static void a_search_may_find_any_number(void **state)
{
    static const struct dialogue d = { PLAIN, NO_AUTH, "F", "", "", "" };
    for (size_t step = 0; step <= 4096; step += 4096) {
        struct play p;
        struct buf in, expected;
        buf_init(&in, 1 << 20);
        buf_init(&expected, 1 << 20);
        buf_add_str(&in, IN "* SEARCH");
        buf_add_str(&expected, "ready;");
        for (unsigned uid = 5; uid < 100000; uid++) {
            buf_addf(&in, " %u", uid);
            buf_addf(&expected, "%u,", uid);
        }
        buf_add_str(&in, "\r\nA1 OK\r\n");
        buf_add_str(&expected, "ready;");
        play_init(&p, &d);
        feed(&p, buf_bytes(&in), step);
        assert_string_equal(buf_str(&p.events), buf_str(&expected));
        play_fini(&p);
        buf_fini(&in);
        buf_fini(&expected);
    }
}

/* Feeds `count` times the octet after `before`, in pieces; gives back the events. */
static void feed_many(struct play *p, const char *before, char octet, size_t count)
{
    static char piece[4096];
    memset(piece, octet, sizeof piece);
    feed(p, bytes_of(before), 0);
    for (size_t at = 0; at < count && !p->is_over; at += sizeof piece)
        feed(p, (struct bytes){ (const uint8_t *)piece, sizeof piece }, 0);
}

static void lines_and_literals_have_an_end(void **state)
{
    static const struct {
        const char *does, *before, *events;
    } cases[] = {
        { "", "* OK ", "failed connect imap.not-imap hold;" },
        { "N", IN "* OK ", "ready;failed noop imap.breach retry;" },
        { "N", IN "* 5 FETCH (", "ready;failed noop imap.breach retry;" },
        { "F", IN "* SEARCH ", "ready;failed search imap.breach retry;" },
        { "L", IN "* LIST () NIL \"", "ready;failed list imap.breach retry;" },
        { "N", IN "", "ready;failed noop imap.breach retry;" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct dialogue d = { PLAIN, NO_AUTH, cases[i].does, "", "", "" };
        struct play p;
        play_init(&p, &d);
        feed_many(&p, cases[i].before, 'x', IMAP_LINE_LIMIT + 8192);
        assert_string_equal(buf_str(&p.events), cases[i].events);
        play_fini(&p);
    }
}

static void many_empty_literals_have_an_end(void **state)
{
    static const struct dialogue d = { PLAIN, NO_AUTH, "N", "", "", "" };
    struct play p;
    play_init(&p, &d);
    feed(&p, bytes_of(IN "* X "), 0);
    for (size_t i = 0; i < 1000000 && !p.is_over; i++)
        feed(&p, BYTES_LIT("{0}\r\n "), 0);
    assert_string_equal(buf_str(&p.events), "ready;failed noop imap.breach retry;");
    play_fini(&p);
}

static void an_over_long_header_is_cut(void **state)
{
    static const struct dialogue d = { PLAIN, NO_AUTH, "h", "", "", "" };
    char begin[200];
    struct play p;
    play_init(&p, &d);
    snprintf(begin, sizeof begin, "%s* 1 FETCH (BODY[HEADER] {%u}\r\n", IN, 1u << 20);
    feed_many(&p, begin, 'x', 1 << 20);
    feed(&p, bytes_of(" UID 1 RFC822.SIZE 9)\r\nA1 OK\r\n"), 0);
    assert_int_equal(buf_bytes(&p.events).size,
                     strlen("ready;1:1 9 0 <>;ready;") + IMAP_LITERAL_LIMIT - strlen("{262144}\r\n") + 10);
    assert_true(bytes_find(buf_bytes(&p.events), BYTES_LIT("x>;ready;")) != SIZE_MAX);
    play_fini(&p);
}

static size_t counted;

static bool count_body(void *ctx, uint64_t uid, uint64_t size, struct bytes chunk)
{
    assert_true(size == 5ull << 30);
    counted += chunk.size;
    return true;
}

/* Over 4 GiB: the sizes are 64-bit, and nothing of it is kept. */
static void a_body_may_be_of_any_size(void **state)
{
    static uint8_t piece[1 << 20];
    static const struct dialogue d = { PLAIN, NO_AUTH, "B", "", "", "" };
    struct imap_client_host counting = host;
    char begin[100];
    struct play p;
    play_init(&p, &d);
    imap_client_free(p.client);
    counting.body = count_body;
    p.client = imap_client_new(&p.options, &counting, &p);
    snprintf(begin, sizeof begin, "%s* 1 FETCH (UID 5 BODY[] {%llu}\r\n", IN, 5ull << 30);
    feed(&p, bytes_of(begin), 0);
    for (size_t i = 0; i < 5 << 10; i++)
        imap_client_feed(p.client, (struct bytes){ piece, sizeof piece });
    feed(&p, bytes_of(")\r\nA1 OK\r\n"), 0);
    assert_true(counted == 5ull << 30);
    assert_string_equal(buf_str(&p.events), "ready;1:5 0 0 <>;ready;");
    play_fini(&p);
}

static void a_long_list_of_messages_is_asked_for_in_pieces(void **state)
{
    static const struct dialogue d = { PLAIN, NO_AUTH, "", "", "", "" };
    enum { COUNT = 5000 };
    uint64_t uids[COUNT];
    struct play p;
    play_init(&p, &d);
    for (size_t i = 0; i < COUNT; i++)
        uids[i] = 1000 + 2 * i;
    feed(&p, bytes_of(IN), 0);
    imap_client_fetch(p.client, uids, COUNT, false);
    for (int i = 1; !imap_client_is_ready(p.client); i++) {
        char answer[20];
        assert_true(i < 10);
        snprintf(answer, sizeof answer, "A%d OK\r\n", i);
        feed(&p, bytes_of(answer), 0);
    }
    assert_string_equal(buf_str(&p.events), "ready;ready;");
    size_t commas = 0, longest = 0, begin = 0;
    for (size_t i = 0; i < p.out.size; i++) {
        commas += p.out.data[i] == ',';
        if (p.out.data[i] == '\n') {
            longest = i - begin > longest ? i - begin : longest;
            begin = i;
            commas++;
        }
    }
    assert_int_equal(commas, COUNT);
    assert_true(longest < 8000);
    play_fini(&p);
}

static void unusable_credentials_are_not_sent(void **state)
{
    static const struct {
        enum imap_client_sasl sasl;
        const char *user, *secret;
    } cases[] = {
        { IMAP_CLIENT_LOGIN, "a\r\nb", "x" },   { IMAP_CLIENT_LOGIN, "a", "x\ny" }, { IMAP_CLIENT_LOGIN, "", "x" },
        { IMAP_CLIENT_XOAUTH2, "a\001b", "x" }, { IMAP_CLIENT_XOAUTH2, "a", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct dialogue d = { PLAIN, cases[i].sasl, "", "", "", "" };
        struct imap_client_host silent = host;
        struct play p;
        play_init(&p, &d);
        imap_client_free(p.client);
        silent.want_credential = on_start_tls;
        p.client = imap_client_new(&p.options, &silent, &p);
        feed(&p, bytes_of("* OK [CAPABILITY AUTH=XOAUTH2] hi\r\n"), 0);
        imap_client_credential(p.client, cases[i].user, bytes_of(cases[i].secret));
        assert_string_equal(buf_str(&p.events), "tls;failed auth imap.credential-unusable hold;");
        assert_int_equal(p.out.size, 0);
        play_fini(&p);
    }
}

/* RFC 2683: servers promise to read 8,000 octets of a command. */
static void a_long_token_goes_in_a_line_of_its_own(void **state)
{
    static const struct dialogue d = { PLAIN, XOAUTH2, "", "", "", "" };
    static char token[12000];
    struct imap_client_host silent = host;
    struct play p;
    play_init(&p, &d);
    imap_client_free(p.client);
    silent.want_credential = on_start_tls;
    p.client = imap_client_new(&p.options, &silent, &p);
    feed(&p, bytes_of(DOVECOT), 0);
    memset(token, 'x', sizeof token - 1);
    imap_client_credential(p.client, "joe@x", bytes_of(token));
    assert_string_equal(buf_str(&p.out), "A1 AUTHENTICATE XOAUTH2\r\n");
    feed(&p, bytes_of("+ \r\nA1 OK\r\n"), 0);
    assert_true(p.out.size > 16000);
    assert_string_equal(buf_str(&p.events), "tls;ready;");
    play_fini(&p);
}

static void utf7_goes_both_ways(void **state)
{
    static const struct {
        const char *utf8, *utf7;
    } names[] = {
        { "INBOX", "INBOX" },
        { "", "" },
        { "a&b", "a&-b" },
        { "Entw\xc3\xbcrfe", "Entw&APw-rfe" },
        { "\xe5\x8f\xb0\xe5\x8c\x97", "&U,BTFw-" },
        { "\xf0\x9f\x93\xac!", "&2D3c7A-!" },
        { "~/\xc3\xa9&\xc3\xa9", "~/&AOk-&-&AOk-" },
        { "tab\t.", "tab&AAk-." },
    };
    static const char *const bad[] = { "&",     "&AP",    "&A-",  "\xc3\xbc", "&2D0-",
                                       "&3Kw-", "&AA A-", "a\nb", "&AAA-",    "&APx-" };
    char out[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_true(imap_utf7_encode(names[i].utf8, out, sizeof out));
        assert_string_equal(out, names[i].utf7);
        assert_true(imap_utf7_decode(names[i].utf7, out, sizeof out));
        assert_string_equal(out, names[i].utf8);
        assert_false(imap_utf7_encode(names[i].utf8, out, strlen(names[i].utf7)));
        assert_false(imap_utf7_decode(names[i].utf7, out, strlen(names[i].utf8)));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (imap_utf7_decode(bad[i], out, sizeof out))
            fail_msg("%s was taken as %s", bad[i], out);
    assert_false(imap_utf7_encode("\xff", out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings),
        cmocka_unit_test(sign_ins),
        cmocka_unit_test(folders_are_listed_and_selected),
        cmocka_unit_test(messages_are_found),
        cmocka_unit_test(messages_are_fetched),
        cmocka_unit_test(messages_are_marked_moved_and_deleted),
        cmocka_unit_test(idling),
        cmocka_unit_test(clear_octets_before_tls_are_an_attack),
        cmocka_unit_test(the_session_is_left_behind_the_sign_in),
        cmocka_unit_test(both_generations_of_exchange_are_understood),
        cmocka_unit_test(a_search_may_find_any_number),
        cmocka_unit_test(lines_and_literals_have_an_end),
        cmocka_unit_test(many_empty_literals_have_an_end),
        cmocka_unit_test(an_over_long_header_is_cut),
        cmocka_unit_test(a_body_may_be_of_any_size),
        cmocka_unit_test(a_long_list_of_messages_is_asked_for_in_pieces),
        cmocka_unit_test(unusable_credentials_are_not_sent),
        cmocka_unit_test(a_long_token_goes_in_a_line_of_its_own),
        cmocka_unit_test(utf7_goes_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
