/* The near side of a bridge: every dialogue is played whole, in single octets, and with late answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "front_stage.h"
#include "octets.h"

#define ENOUGH (8u << 20)
#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { PLAIN = 0, TLS = 1, TRUSTED = 2, OFFERS = 4, NEEDS = 8, REFUSES_MAIL = 16, CAPS = 32 };

/* A newline in `in`, `out` and `rest` stands for CRLF, a ^A in `in` for a NUL. Every dialogue follows the greeting. */
struct dialogue {
    unsigned setup;
    const char *in, *out, *events, *rest;
};

#define CAPA4 "IMAP4rev1 SASL-IR ID LITERAL+"
#define AUTH4 " AUTH=PLAIN AUTH=LOGIN"
#define SIGNED4 " OK [CAPABILITY IMAP4rev1 IDLE] Signed in\n"
#define CANT_LOGIN " BAD LOGIN needs a user name and a password, quoted where they hold blanks or quotes\n"

static const struct dialogue imap[] = {
    { PLAIN, "a CAPABILITY\nb noop\nc ID NIL\nd ID (\"name\" \"x\")\ne LOGOUT\nf NOOP\n",
      "* CAPABILITY " CAPA4 AUTH4
      "\na OK That is what can be done\nb OK Done\n* ID (\"name\" \"Postern\")\nc OK Hello\n"
      "* ID (\"name\" \"Postern\")\nd OK Hello\n* BYE Bye\ne OK Done\n",
      "quit;" },
    { OFFERS | NEEDS | CAPS,
      "a CAPABILITY\nb LOGIN joe secret\nb LOGIN joe {6}\nc AUTHENTICATE PLAIN\nd STARTTLS\ne CAPABILITY\nf STARTTLS\n",
      "* CAPABILITY " CAPA4 " IDLE MOVE STARTTLS LOGINDISABLED\na OK That is what can be done\n"
      "b NO [PRIVACYREQUIRED] A password is taken only after TLS: STARTTLS first\n"
      "b NO [PRIVACYREQUIRED] A password is taken only after TLS: STARTTLS first\n"
      "c NO [PRIVACYREQUIRED] A password is taken only after TLS: STARTTLS first\nd OK Begin TLS\n"
      "* CAPABILITY " CAPA4 " IDLE MOVE" AUTH4 "\ne OK That is what can be done\nf BAD TLS is already on\n",
      "tls;" },
    { PLAIN,
      "a STARTTLS\nb NOOP x\n\n \n( NOOP\nc\nc SELECT INBOX\nd FROB\ne SELECT {5}\nf SELECT {5+}\nINBOX\ng NOOP\n",
      "a BAD STARTTLS is not offered on this port\nb BAD This command takes no argument\n* BAD A command begins with a "
      "tag\n"
      "* BAD A command begins with a tag\n* BAD A command begins with a tag\nc BAD Unknown command\nc BAD Sign in "
      "first\n"
      "d BAD Unknown command\ne BAD Sign in first\nf BAD Sign in first\ng OK Done\n",
      "" },
    { TLS | NEEDS | OFFERS, "a STARTTLS\nb LOGIN joe secret\n", "a BAD TLS is already on\nb" SIGNED4,
      "login joe secret;", "" },
    { PLAIN, "( X {3+}\nabc\n(a {99999+}\n",
      "* BAD A command begins with a tag\n* NO [TOOBIG] The literal is too long\n* BYE Literal too long\n",
      "noticed imap.client.too-long;quit;" },
    { PLAIN, "a LOGIN joe secret\nb SELECT INBOX\nc APPEND x {3+}\nabc\n", "a" SIGNED4, "login joe secret;",
      "b SELECT INBOX\nc APPEND x {3+}\nabc\n" },
    { PLAIN, "a login \"joe\" \"se cret\" \nb", "a" SIGNED4, "login joe se cret;", "b" },
    { PLAIN, "a LOGIN \"joe\" \"s\\\"c\\\\t\"\n", "a" SIGNED4, "login joe s\"c\\t;", "" },
    { PLAIN, "a LOGIN DOM\\joe s\"c\\t\n", "a" SIGNED4, "login DOM\\joe s\"c\\t;", "" },
    { PLAIN, "a LOGIN \"DOM\\joe\" secret\n", "a" SIGNED4, "login DOM\\joe secret;", "" },
    { PLAIN, "a LOGIN {3}\njoe {6}\nsecret\nb", "+ Ready\n+ Ready\na" SIGNED4, "login joe secret;", "b" },
    { PLAIN, "a LOGIN {3+}\njoe {6+}\nsecret\nb {4}\n", "a" SIGNED4, "login joe secret;", "b {4}\n" },
    { PLAIN, "a LOGIN joe {7+}\nse cret\n", "a" SIGNED4, "login joe se cret;", "" },
    { PLAIN, "a LOGIN joe {8+}\nsecret\n\nb NOOP\n", "a NO [AUTHENTICATIONFAILED] Because??of [you]\nb OK Done\n",
      "login joe secret\\x0d\\x0a;" },
    { PLAIN, "a LOGIN joe {0+}\n\nb LOGIN {0}\n {0}\n\nc LOGIN \"\" x\n",
      "a NO [AUTHENTICATIONFAILED] User name or password is wrong\n+ Ready\n+ Ready\n"
      "b NO [AUTHENTICATIONFAILED] User name or password is wrong\nc NO [AUTHENTICATIONFAILED] User name or password "
      "is wrong\n",
      "" },
    { PLAIN,
      "a LOGIN joe\nb LOGIN\nc LOGIN joe x y\nd LOGIN \"joe x\ne LOGIN \"joe\"x y\nf LOGIN joe {3+}\na\001b\ng LOGIN "
      "joe ~{3+}\nabc\n",
      "a" CANT_LOGIN "b" CANT_LOGIN "c" CANT_LOGIN "d" CANT_LOGIN "e" CANT_LOGIN "f" CANT_LOGIN "g" CANT_LOGIN, "" },
    { PLAIN, "a LOGIN jo\001e x\nb LOGIN joe {2}\nxx\001\nc NOOP\n",
      "* BAD Control characters in the line (a bare CR or a NUL, perhaps)\n+ Ready\n"
      "b BAD Control characters in the line (a bare CR or a NUL, perhaps)\nc OK Done\n",
      "" },
    { PLAIN,
      "a LOGIN j\xf6 x\nb LOGIN busy x\nc LOGIN forbidden x\nd LOGIN person x\ne LOGIN limit x\nf LOGIN j\xc3\xb6 "
      "secret\n",
      "a NO [AUTHENTICATIONFAILED] User name or password is wrong\nb NO [UNAVAILABLE] Because??of [you]\n"
      "c NO [AUTHORIZATIONFAILED] Because??of [you]\nd NO [UNAVAILABLE] Because??of [you]\ne NO [LIMIT] Because??of "
      "[you]\nf" SIGNED4,
      "login busy x;login forbidden x;login person x;login limit x;login j\xc3\xb6 secret;", "" },
    { PLAIN, "a AUTHENTICATE PLAIN AGpvZQBzZWNyZXQ=\nb", "a" SIGNED4, "login joe secret;", "b" },
    { PLAIN, "a authenticate plain\nAGpvZQBzZWNyZXQ=\nb", "+ \na" SIGNED4, "login joe secret;", "b" },
    { PLAIN, "a AUTHENTICATE LOGIN\nam9l\nc2VjcmV0\nb", "+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6\na" SIGNED4,
      "login joe secret;", "b" },
    { PLAIN, "a AUTHENTICATE LOGIN am9l\nc2VjcmV0\nb", "+ UGFzc3dvcmQ6\na" SIGNED4, "login joe secret;", "b" },
    { PLAIN,
      "a AUTHENTICATE PLAIN =\nb AUTHENTICATE PLAIN\n*\nc AUTHENTICATE PLAIN !\nd AUTHENTICATE LOGIN =\ne AUTHENTICATE "
      "XOAUTH2 x\n"
      "f AUTHENTICATE\ng AUTHENTICATE LOGIN\nam9l\n*\nh AUTHENTICATE PLAIN\nx\001\ni AUTHENTICATE PLAIN\nGET / "
      "HTTP/1.1\nj NOOP\n",
      "a BAD Malformed AUTHENTICATE PLAIN: [authzid] NUL user NUL password is needed, without acting as another\n"
      "+ \nb BAD AUTHENTICATE cancelled\nc BAD Malformed base64\nd BAD Malformed AUTHENTICATE LOGIN: no usable user "
      "name\n"
      "e NO [CANNOT] Only AUTHENTICATE PLAIN and LOGIN are offered; Postern does the OAuth itself\n"
      "f NO [CANNOT] Only AUTHENTICATE PLAIN and LOGIN are offered; Postern does the OAuth itself\n"
      "+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6\ng BAD AUTHENTICATE cancelled\n"
      "+ \nh BAD Control characters in the line (a bare CR or a NUL, perhaps)\n+ \ni BAD Malformed base64\nj OK Done\n",
      "" },
    { PLAIN, "a LOGIN j x\nb LOGIN j x\nc LOGIN j x\nd LOGIN j x\ne LOGIN j x\nf NOOP\n",
      "a NO [AUTHENTICATIONFAILED] Because??of [you]\nb NO [AUTHENTICATIONFAILED] Because??of [you]\n"
      "c NO [AUTHENTICATIONFAILED] Because??of [you]\nd NO [AUTHENTICATIONFAILED] Because??of [you]\n"
      "e NO [AUTHENTICATIONFAILED] Because??of [you]\n* BYE Too many failed sign-ins, closing\n",
      "login j x;login j x;login j x;login j x;login j x;quit;" },
    { PLAIN,
      "a LOGIN joe {12289}\nb LOGIN {4294967296}\nc LOGIN {99999999999999999999999}\nd LOGIN joe {12289+}\nxxx\n",
      "a NO [TOOBIG] The literal is too long\nb NO [TOOBIG] The literal is too long\nc NO [TOOBIG] The literal is too "
      "long\n"
      "d NO [TOOBIG] The literal is too long\n* BYE Literal too long\n",
      "noticed imap.client.too-long;noticed imap.client.too-long;noticed imap.client.too-long;noticed "
      "imap.client.too-long;quit;" },
    { PLAIN, "GET / HTTP/1.1\nHost: x\n\n", "* BYE This is a mail server's port, not HTTP\n",
      "noticed imap.client.http;quit;" },
    { PLAIN, "GET NOOP\nPOST CAPABILITY\n",
      "GET OK Done\n* CAPABILITY " CAPA4 AUTH4 "\nPOST OK That is what can be done\n", "" },
    { PLAIN, "\x16\x03\x01\x02",
      "* BYE A TLS handshake came, but this port begins in clear (use STARTTLS, or another port)\n",
      "noticed imap.client.tls-on-plain;quit;" },
};

#define CAPA3 "+OK This is what can be done\nTOP\nUIDL\nRESP-CODES\nAUTH-RESP-CODE\n"
#define WRONG3 "-ERR [AUTH] Because??of [you]\n"

static const struct dialogue pop3[] = {
    { PLAIN, "CAPA\nnoop\nAUTH\nSTAT\nFOO\nAPOP joe 0123\nQUIT\nNOOP\n",
      CAPA3 "USER\nSASL PLAIN LOGIN\n.\n+OK\n+OK These\nPLAIN\nLOGIN\n.\n-ERR Sign in first\n-ERR Unknown command\n"
            "-ERR APOP is not offered; use USER and PASS, or AUTH PLAIN\n+OK Bye\n",
      "quit;" },
    { OFFERS | NEEDS | CAPS,
      "CAPA\nUSER joe\nPASS secret\nAUTH\nAUTH PLAIN AGpvZQBzZWNyZXQ=\nSTLS\nCAPA\nSTLS\nPASS x\n",
      CAPA3 "PIPELINING\nSTLS\n.\n-ERR A password is taken only after TLS: STLS first\n-ERR A password is taken only "
            "after TLS: STLS first\n"
            "-ERR A password is taken only after TLS: STLS first\n-ERR A password is taken only after TLS: STLS "
            "first\n+OK Begin TLS\n" CAPA3
            "PIPELINING\nUSER\nSASL PLAIN LOGIN\n.\n-ERR TLS is already on\n-ERR USER comes first\n",
      "tls;" },
    { OFFERS, "USER joe\nSTLS\nPASS secret\n", "+OK Now the password\n+OK Begin TLS\n-ERR USER comes first\n", "tls;" },
    { PLAIN, "STLS\nUSER\nPASS\nUSER joe\nPASS\n",
      "-ERR STLS is not offered on this port\n-ERR A user name is needed\n-ERR USER comes first\n+OK Now the password\n"
      "-ERR [AUTH] User name or password is wrong\n",
      "" },
    { PLAIN, "USER joe\nPASS secret\nSTAT\nRETR 1\n", "+OK Now the password\n+OK Signed in\n", "login joe secret;",
      "STAT\nRETR 1\n" },
    { PLAIN, "user joe\npass se cret\n", "+OK Now the password\n+OK Signed in\n", "login joe se cret;", "" },
    { PLAIN, "USER joe\nPASS  secret \nPASS secret\nUSER x\nUSER joe\nNOOP\nPASS secret\n",
      "+OK Now the password\n" WRONG3
      "-ERR USER comes first\n+OK Now the password\n+OK Now the password\n+OK\n+OK Signed in\n",
      "login joe  secret ;login joe secret;", "" },
    { PLAIN, "AUTH PLAIN AGpvZQBzZWNyZXQ=\nS", "+OK Signed in\n", "login joe secret;", "S" },
    { PLAIN, "AUTH PLAIN\nAGpvZQBzZWNyZXQ=\nS", "+ \n+OK Signed in\n", "login joe secret;", "S" },
    { PLAIN, "AUTH LOGIN\nam9l\nc2VjcmV0\nS", "+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6\n+OK Signed in\n", "login joe secret;",
      "S" },
    { PLAIN, "AUTH PLAIN\n*\nAUTH XOAUTH2\nAUTH LOGIN =\nAUTH LOGIN x\nAUTH PLAIN eA==\n",
      "+ \n-ERR Authentication cancelled\n-ERR Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the OAuth "
      "itself\n"
      "-ERR Malformed AUTH LOGIN: no usable user name\n-ERR Malformed base64\n"
      "-ERR Malformed AUTH PLAIN: [authzid] NUL user NUL password is needed, without acting as another\n",
      "" },
    { PLAIN, "USER busy\nPASS x\nUSER forbidden\nPASS x\nUSER person\nPASS x\nUSER limit\nPASS x\n",
      "+OK Now the password\n-ERR [SYS/TEMP] Because??of [you]\n+OK Now the password\n-ERR [SYS/PERM] Because??of "
      "[you]\n"
      "+OK Now the password\n-ERR [SYS/PERM] Because??of [you]\n+OK Now the password\n-ERR [IN-USE] Because??of "
      "[you]\n",
      "login busy x;login forbidden x;login person x;login limit x;" },
    { PLAIN, "US\001ER joe\nNOOP\n", "-ERR Control characters in the line (a bare CR or a NUL, perhaps)\n+OK\n", "" },
    { PLAIN, "POST /x HTTP/1.0\nUSER joe\n", "-ERR This is a mail server's port, not HTTP\n",
      "noticed pop3.client.http;quit;" },
    { PLAIN, "\x16\x03\x01\x02",
      "-ERR A TLS handshake came, but this port begins in clear (use STARTTLS, or another port)\n",
      "noticed pop3.client.tls-on-plain;quit;" },
};

#define EHLO_OUT "250-gate.example\n250 AUTH PLAIN LOGIN\n"
#define OK5 "235 2.7.0 Authentication successful\n"
#define WANTED "530 5.7.0 Authentication required\n"

static const struct dialogue smtp[] = {
    { PLAIN, "EHLO c\nNOOP\nRSET\nVRFY joe\nEXPN x\nHELP\nFOO\nRCPT TO:<x>\nQUIT\nNOOP\n",
      EHLO_OUT
      "250 2.0.0 OK\n250 2.0.0 OK\n252 2.5.0 Not verified here; RCPT will tell\n502 5.5.1 EXPN is not offered\n"
      "214 2.0.0 EHLO HELO STARTTLS AUTH RSET NOOP VRFY QUIT; the rest after signing in (RFC 5321)\n"
      "500 5.5.1 Unknown command\n503 5.5.1 MAIL comes first\n221 2.0.0 Bye\n",
      "quit;" },
    { PLAIN, "AUTH PLAIN AGpvZQBzZWNyZXQ=\nMAIL FROM:<a>\nEHLO\nHELO\nhelo c\nMAIL FROM:<a>\nSTARTTLS\n",
      "503 5.5.1 Say EHLO first\n503 5.5.1 Say EHLO first\n501 5.5.4 A host name or address literal is needed\n"
      "501 5.5.4 A host name or address literal is needed\n250 gate.example\n" WANTED
      "502 5.5.1 STARTTLS is not offered on this port\n",
      "" },
    { OFFERS | NEEDS | CAPS,
      "EHLO c\nMAIL FROM:<a>\nAUTH PLAIN AGpvZQBzZWNyZXQ=\nSTARTTLS x\nSTARTTLS\nMAIL FROM:<a>\nEHLO c\nSTARTTLS\n",
      "250-gate.example\n250-SIZE 1000\n250-PIPELINING\n250 STARTTLS\n530 5.7.0 Must issue a STARTTLS command first, "
      "then AUTH\n"
      "538 5.7.11 Encryption is needed before AUTH: STARTTLS first\n501 5.5.4 STARTTLS takes no argument\n220 2.0.0 "
      "Ready to start TLS\n"
      "503 5.5.1 Say EHLO first\n250-gate.example\n250-SIZE 1000\n250-PIPELINING\n250 AUTH PLAIN LOGIN\n503 5.5.1 TLS "
      "is already on\n",
      "tls;" },
    { OFFERS, "EHLO c\n", "250-gate.example\n250-STARTTLS\n250 AUTH PLAIN LOGIN\n", "" },
    { NEEDS, "EHLO c\n", "250 gate.example\n", "" },
    { PLAIN, "EHLO c\nAUTH PLAIN AGpvZQBzZWNyZXQ=\nMAIL FROM:<a>\nRCPT", EHLO_OUT OK5, "login joe secret;",
      "MAIL FROM:<a>\nRCPT" },
    { PLAIN, "EHLO c\nauth login am9l\nc2VjcmV0\nM", EHLO_OUT "334 UGFzc3dvcmQ6\n" OK5, "login joe secret;", "M" },
    { PLAIN, "EHLO c\nAUTH LOGIN\nam9l\nc2VjcmV0\n", EHLO_OUT "334 VXNlcm5hbWU6\n334 UGFzc3dvcmQ6\n" OK5,
      "login joe secret;", "" },
    { PLAIN, "EHLO c\nAUTH PLAIN\n*\nAUTH PLAIN =\nAUTH PLAIN !\nAUTH\nAUTH LOGIN =\nAUTH PLAIN\nAGpvZQBzZWNyZXQ=\n",
      EHLO_OUT "334 \n501 5.7.0 Authentication cancelled\n"
               "501 5.5.2 Malformed AUTH PLAIN: [authzid] NUL user NUL password is needed, without acting as another\n"
               "501 5.5.2 Malformed base64\n504 5.5.4 Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the "
               "OAuth itself\n"
               "501 5.5.2 Malformed AUTH LOGIN: no usable user name\n334 \n" OK5,
      "login joe secret;", "" },
    { PLAIN, "EHLO c\nAUTH PLAIN AGJ1c3kAeA==\nAUTH PLAIN AHBlcnNvbgB4\nAUTH PLAIN AGxpbWl0AHg=\nAUTH PLAIN AGpvZQB4\n",
      EHLO_OUT "454 4.7.0 Because??of [you]\n454 4.7.0 Because??of [you]\n454 4.3.2 Because??of [you]\n535 5.7.8 "
               "Because??of [you]\n",
      "login busy x;login person x;login limit x;login joe x;" },
    { TRUSTED, "EHLO c\nMAIL FROM:<a>\nRCPT TO:<b>\n", EHLO_OUT, "upstream;", "MAIL FROM:<a>\nRCPT TO:<b>\n" },
    { TRUSTED, "EHLO c\nMA\nMAILX\nmail\tFROM:<a>\n", EHLO_OUT "500 5.5.1 Unknown command\n500 5.5.1 Unknown command\n",
      "upstream;", "mail\tFROM:<a>\n" },
    { TRUSTED, "MAIL FROM:<a>\nEHLO c\nAUTH PLAIN AGpvZQBzZWNyZXQ=\nMAIL FROM:<a>\n",
      "503 5.5.1 Say EHLO first\n" EHLO_OUT OK5, "login joe secret;", "MAIL FROM:<a>\n" },
    { TRUSTED | REFUSES_MAIL, "EHLO c\nMAIL FROM:<a>\nNOOP\nMAIL FROM:<b>\nRSET\n",
      EHLO_OUT "451 4.3.0 Because??of [you]\n250 2.0.0 OK\n451 4.3.0 Because??of [you]\n250 2.0.0 OK\n",
      "upstream;upstream;" },
    { PLAIN, "EHLO \001\nEHLO c\nAUTH PLAIN\n\001\nNOOP\n",
      "500 5.5.2 Control characters in the line (a bare CR or a NUL, perhaps)\n" EHLO_OUT
      "334 \n500 5.5.2 Control characters in the line (a bare CR or a NUL, perhaps)\n250 2.0.0 OK\n",
      "" },
    { PLAIN, "GET / HTTP/1.1\nMAIL FROM:<a>\n", "421 4.7.0 This is a mail server's port, not HTTP\n",
      "noticed smtp.client.http;quit;" },
    { PLAIN, "\x16\x03\x01\x02",
      "421 4.7.0 A TLS handshake came, but this port begins in clear (use STARTTLS, or another port)\n",
      "noticed smtp.client.tls-on-plain;quit;" },
};

static void add_octets(struct buf *b, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '\n')
            buf_add_byte(b, '\r');
        buf_add_byte(b, *text == '\001' ? 0 : (uint8_t)*text);
    }
}

static struct buf octets(const char *text)
{
    struct buf b;
    buf_init(&b, ENOUGH);
    add_octets(&b, text);
    return b;
}

static void open_as(struct front_stage *t, enum front_protocol p, unsigned setup)
{
    static const char *const capabilities[] = {
        [FRONT_IMAP] = "IMAP4rev1 IDLE LITERAL- MOVE STARTTLS AUTH=XOAUTH2",
        [FRONT_POP3] = "TOP\nPIPELINING\nSASL XOAUTH2",
        [FRONT_SMTP] = "SIZE 1000\nAUTH XOAUTH2\nPIPELINING\nSTARTTLS",
    };
    t->policy.offers_tls = setup & OFFERS;
    t->policy.needs_tls_for_login = setup & NEEDS;
    t->policy.capabilities = setup & CAPS ? capabilities[p] : "";
    t->refuses_mail = setup & REFUSES_MAIL;
    front_stage_open(t, p, setup & TLS, setup & TRUSTED);
    buf_clear(&t->out);
}

static void play(enum front_protocol p, const struct dialogue *d, size_t step, bool is_late)
{
    struct front_stage t;
    struct buf in = octets(d->in), out = octets(d->out), rest = octets(d->rest);
    front_stage_init(&t);
    t.is_late = is_late;
    open_as(&t, p, d->setup);
    front_stage_play(&t, buf_bytes(&in), step);
    assert_string_equal(buf_str(&t.out), buf_str(&out));
    assert_string_equal(buf_str(&t.events), d->events);
    assert_int_equal(t.is_done, d->rest != NULL);
    assert_true(bytes_equal(t.rest, buf_bytes(&rest)));
    front_stage_fini(&t);
    buf_fini(&in);
    buf_fini(&out);
    buf_fini(&rest);
}

static void play_all(enum front_protocol p, const struct dialogue *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t step = 0; step < 8; step++)
            for (int is_late = 0; is_late < 2; is_late++)
                play(p, &all[i], step, is_late);
}

static void test_imap(void **state)
{
    play_all(FRONT_IMAP, imap, COUNT(imap));
}

static void test_pop3(void **state)
{
    play_all(FRONT_POP3, pop3, COUNT(pop3));
}

static void test_smtp(void **state)
{
    play_all(FRONT_SMTP, smtp, COUNT(smtp));
}

static struct bytes filled(struct buf *b, const char *front, char with, size_t count, const char *back)
{
    buf_init(b, ENOUGH);
    add_octets(b, front);
    for (size_t i = 0; i < count; i++)
        buf_add_byte(b, (uint8_t)with);
    add_octets(b, back);
    return buf_bytes(b);
}

/* What came out of one long input, whole and in pieces. */
static void long_input(enum front_protocol p, struct bytes in, const char *out, const char *events)
{
    struct buf expected = octets(out);
    for (size_t step = 0; step <= 5000; step = step * 3 + 1) {
        struct front_stage t;
        front_stage_init(&t);
        open_as(&t, p, PLAIN);
        front_stage_play(&t, in, step);
        assert_string_equal(buf_str(&t.out), buf_str(&expected));
        assert_string_equal(buf_str(&t.events), events);
        front_stage_fini(&t);
    }
    buf_fini(&expected);
}

static void test_lines_at_the_limit_and_over(void **state)
{
    static const char wrong[] = "a NO [AUTHENTICATIONFAILED] User name or password is wrong\nb OK Done\n";
    struct buf b;
    long_input(FRONT_IMAP, filled(&b, "a LOGIN joe ", 'x', FRONT_LINE_LIMIT - 14, "\nb NOOP\n"), wrong, "");
    buf_fini(&b);
    long_input(FRONT_IMAP, filled(&b, "a LOGIN joe ", 'x', FRONT_LINE_LIMIT - 13, "\nb NOOP\n"),
               "* BYE Line too long\n", "noticed imap.client.too-long;quit;");
    buf_fini(&b);
    long_input(FRONT_IMAP, filled(&b, "a LOGIN joe {12288+}\n", 'x', 12288, "\nb NOOP\n"), wrong, "");
    buf_fini(&b);
    long_input(FRONT_POP3, filled(&b, "", 'x', FRONT_LINE_LIMIT - 1, "\nNOOP\n"), "-ERR Line too long\n+OK\n",
               "noticed pop3.client.too-long;");
    buf_fini(&b);
    long_input(FRONT_POP3, filled(&b, "AUTH PLAIN\n", 'x', FRONT_LINE_LIMIT, "\nNOOP\n"),
               "+ \n-ERR Line too long\n+OK\n", "noticed pop3.client.too-long;");
    buf_fini(&b);
    long_input(FRONT_SMTP, filled(&b, "", 'x', FRONT_LINE_LIMIT - 2, "\nNOOP\n"),
               "500 5.5.1 Unknown command\n250 2.0.0 OK\n", "");
    buf_fini(&b);
    long_input(FRONT_SMTP, filled(&b, "", 'x', 1 << 20, "\nNOOP\n"), "500 5.5.2 Line too long\n250 2.0.0 OK\n",
               "noticed smtp.client.too-long;");
    buf_fini(&b);
}

/* Each literal may be as long as a line, all of them together are not endless. */
static void test_many_literals_are_too_long_together(void **state)
{
    struct buf b = octets("a LOGIN");
    for (int i = 0; i < 3; i++) {
        add_octets(&b, " {10000+}\n");
        for (int n = 0; n < 10000; n++)
            buf_add_byte(&b, 'x');
    }
    add_octets(&b, "\nb NOOP\n");
    long_input(FRONT_IMAP, buf_bytes(&b), "a NO [TOOBIG] The literal is too long\n* BYE Literal too long\n",
               "noticed imap.client.too-long;quit;");
    buf_fini(&b);
}

/* The longest user name and password are asked for; with one octet more, or thousands, they are wrong, and nobody is asked. */
static void test_name_and_password_limits(void **state)
{
    static const char *const shapes[][4] = {
        { "a LOGIN ", " x\n", "b LOGIN joe ", "\n" },
        { "a LOGIN \"", "\" x\n", "b LOGIN joe \"", "\"\n" },
    };
    for (size_t i = 0; i < COUNT(shapes); i++) {
        for (size_t over = 0; over < 12000; over = over * 100 + 1) {
            struct front_stage t;
            struct buf user, password;
            front_stage_init(&t);
            open_as(&t, FRONT_IMAP, PLAIN);
            front_stage_play(&t, filled(&user, shapes[i][0], 'u', 640 + over, shapes[i][1]), 0);
            front_stage_play(&t, filled(&password, shapes[i][2], 'p', 1024 + over, shapes[i][3]), 7);
            assert_int_equal(strstr(buf_str(&t.events), "login uuu") != NULL, !over);
            assert_int_equal(strstr(buf_str(&t.events), "login joe ppp") != NULL, !over);
            buf_fini(&user);
            buf_fini(&password);
            front_stage_fini(&t);
        }
    }
}

static void test_too_many_errors_end_it(void **state)
{
    static const struct {
        enum front_protocol protocol;
        const char *in, *out, *events;
    } cases[] = {
        { FRONT_IMAP, "a X\nb\n(\nd NOOP\n",
          "a BAD Unknown command\nb BAD Unknown command\n* BAD A command begins with a tag\n"
          "* BYE Too many errors, closing\n",
          "noticed imap.client.errors;quit;" },
        { FRONT_POP3, "X\nAUTH X\nAPOP\nNOOP\n",
          "-ERR Unknown command\n"
          "-ERR Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the OAuth itself\n"
          "-ERR APOP is not offered; use USER and PASS, or AUTH PLAIN\n-ERR [SYS/TEMP] Too many errors, closing\n",
          "noticed pop3.client.errors;quit;" },
        { FRONT_SMTP, "X\nMAIL\nEHLO\nNOOP\n",
          "500 5.5.1 Unknown command\n503 5.5.1 Say EHLO first\n"
          "501 5.5.4 A host name or address literal is needed\n421 4.3.0 Too many errors, closing\n",
          "noticed smtp.client.errors;quit;" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t step = 0; step < 4; step++) {
            struct front_stage t;
            struct buf in = octets(cases[i].in), out = octets(cases[i].out);
            front_stage_init(&t);
            t.policy.errors_limit = 3;
            open_as(&t, cases[i].protocol, PLAIN);
            front_stage_play(&t, buf_bytes(&in), step);
            assert_string_equal(buf_str(&t.out), buf_str(&out));
            assert_string_equal(buf_str(&t.events), cases[i].events);
            front_stage_fini(&t);
            buf_fini(&in);
            buf_fini(&out);
        }
    }
}

/* SMTP has no line that ends by a bare LF; the others take it, as programs of a hand's typing have it. */
static void test_bare_line_feeds(void **state)
{
    static const struct {
        enum front_protocol protocol;
        const char *in, *out, *events, *rest;
    } cases[] = {
        { FRONT_IMAP, "a LOGIN joe secret\nb", "a" SIGNED4, "login joe secret;", "b" },
        { FRONT_IMAP, "a LOGIN joe {6+}\nsecret\nb", "a" SIGNED4, "login joe secret;", "b" },
        { FRONT_POP3, "USER joe\nPASS secret\nSTAT\n", "+OK Now the password\n+OK Signed in\n", "login joe secret;",
          "STAT\n" },
        { FRONT_SMTP, "EHLO c\nNOOP\n",
          "500 5.5.2 The line ended with a bare LF; lines must end with CRLF\n"
          "500 5.5.2 The line ended with a bare LF; lines must end with CRLF\n",
          "noticed smtp.client.bare-lf;noticed smtp.client.bare-lf;", "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t step = 0; step < 4; step++) {
            struct front_stage t;
            struct buf out = octets(cases[i].out);
            front_stage_init(&t);
            open_as(&t, cases[i].protocol, PLAIN);
            front_stage_play(&t, bytes_of(cases[i].in), step);
            assert_string_equal(buf_str(&t.out), buf_str(&out));
            assert_string_equal(buf_str(&t.events), cases[i].events);
            assert_true(bytes_equal(t.rest, bytes_of(cases[i].rest)));
            front_stage_fini(&t);
            buf_fini(&out);
        }
    }
}

static void test_greetings_and_goodbyes(void **state)
{
    static const char *const greetings[] = {
        [FRONT_IMAP] = "* OK [CAPABILITY " CAPA4 AUTH4 "] Postern ready\r\n",
        [FRONT_POP3] = "+OK Postern POP3 ready\r\n",
        [FRONT_SMTP] = "220 gate.example ESMTP Postern\r\n",
    };
    static const char *const goodbyes[] = {
        [FRONT_IMAP] = "* BYE ?over] at? last\r\n",
        [FRONT_POP3] = "-ERR [SYS/TEMP] ?over] at? last\r\n",
        [FRONT_SMTP] = "421 4.3.0 ?over] at? last\r\n",
    };
    static const char text[] = " [over] at\xc3\xa9\tlast\r\n";
    for (enum front_protocol p = FRONT_IMAP; p <= FRONT_SMTP; p++) {
        struct front_stage t;
        struct buf line;
        front_stage_init(&t);
        front_stage_open(&t, p, false, false);
        assert_string_equal(buf_str(&t.out), greetings[p]);
        buf_clear(&t.out);
        front_close(t.front, text);
        front_close(t.front, "again");
        assert_string_equal(buf_str(&t.out), goodbyes[p]);
        assert_string_equal(buf_str(&t.events), "quit;");
        assert_string_equal(front_state_name(t.front), "closed");
        assert_int_equal(front_feed(t.front, BYTES_LIT("a NOOP\r\n")), 8);
        buf_init(&line, ENOUGH);
        front_farewell(p, text, &line);
        assert_string_equal(buf_str(&line), goodbyes[p]);
        buf_clear(&line);
        front_turn_away(p, "", &line);
        assert_true(strstr(buf_str(&line), "Not possible\r\n"));
        buf_fini(&line);
        front_stage_fini(&t);
    }
}

/* The owner may end it whatever is under way, and answers that come too late mean nothing. */
static void test_closing_at_every_octet(void **state)
{
    static const char *const scripts[] = {
        [FRONT_IMAP] = "a AUTHENTICATE LOGIN\nam9l\n*\nb LOGIN {3+}\njoe {6}\nsecret\n",
        [FRONT_POP3] = "USER joe\nAUTH PLAIN\nAGpvZQBzZWNyZXQ=\n",
        [FRONT_SMTP] = "EHLO c\nAUTH LOGIN\nam9l\nc2VjcmV0\n",
    };
    for (enum front_protocol p = FRONT_IMAP; p <= FRONT_SMTP; p++) {
        struct buf in = octets(scripts[p]);
        for (size_t end = 0; end <= in.size; end++) {
            struct front_stage t;
            front_stage_init(&t);
            t.is_late = true;
            open_as(&t, p, PLAIN);
            front_feed(t.front, bytes_slice(buf_bytes(&in), 0, end));
            assert_int_equal(front_is_waiting(t.front), end == in.size);
            assert_true(!front_is_waiting(t.front) || strcmp(front_state_name(t.front), "login") == 0);
            front_close(t.front, "Over");
            assert_true(strstr(buf_str(&t.events), "quit;"));
            assert_false(front_is_waiting(t.front));
            buf_clear(&t.out);
            front_accept(t.front, "");
            front_refuse(t.front, FRONT_WRONG, "x");
            front_tls_done(t.front);
            assert_int_equal(t.out.size, 0);
            front_stage_fini(&t);
        }
        buf_fini(&in);
    }
}

static void test_nothing_is_used_while_waiting(void **state)
{
    struct front_stage t;
    front_stage_init(&t);
    t.is_late = true;
    open_as(&t, FRONT_POP3, PLAIN);
    assert_int_equal(front_feed(t.front, BYTES_LIT("AUTH PLAIN AGpvZQBzZWNyZXQ=\r\nSTAT\r\n")), 29);
    assert_true(front_is_waiting(t.front));
    assert_int_equal(front_feed(t.front, BYTES_LIT("STAT\r\n")), 0);
    front_accept(t.front, "");
    assert_string_equal(front_state_name(t.front), "done");
    assert_int_equal(front_feed(t.front, BYTES_LIT("STAT\r\n")), 0);
    assert_string_equal(buf_str(&t.out), "+OK Signed in\r\n");
    front_stage_fini(&t);
}

/* An attacker on the way puts a command behind the client's STARTTLS: it stays with the owner, who drops the connection. */
static void test_what_stands_behind_starttls_is_not_read(void **state)
{
    static const char *const commands[][2] = {
        [FRONT_IMAP] = { "a STARTTLS\n", "b LOGIN joe secret\n" },
        [FRONT_POP3] = { "STLS\n", "USER joe\nPASS secret\n" },
        [FRONT_SMTP] = { "EHLO c\nSTARTTLS\n", "EHLO c\nAUTH PLAIN AGpvZQBzZWNyZXQ=\n" },
    };
    for (enum front_protocol p = FRONT_IMAP; p <= FRONT_SMTP; p++) {
        struct front_stage t;
        struct buf in = octets(commands[p][0]);
        size_t size = in.size;
        add_octets(&in, commands[p][1]);
        front_stage_init(&t);
        open_as(&t, p, OFFERS);
        assert_int_equal(front_feed(t.front, buf_bytes(&in)), size);
        assert_string_equal(buf_str(&t.events), "tls;");
        assert_string_equal(front_state_name(t.front), "tls");
        assert_int_equal(front_feed(t.front, buf_bytes(&in)), 0);
        front_stage_fini(&t);
        buf_fini(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imap),
        cmocka_unit_test(test_pop3),
        cmocka_unit_test(test_smtp),
        cmocka_unit_test(test_lines_at_the_limit_and_over),
        cmocka_unit_test(test_many_literals_are_too_long_together),
        cmocka_unit_test(test_name_and_password_limits),
        cmocka_unit_test(test_too_many_errors_end_it),
        cmocka_unit_test(test_bare_line_feeds),
        cmocka_unit_test(test_greetings_and_goodbyes),
        cmocka_unit_test(test_closing_at_every_octet),
        cmocka_unit_test(test_nothing_is_used_while_waiting),
        cmocka_unit_test(test_what_stands_behind_starttls_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
