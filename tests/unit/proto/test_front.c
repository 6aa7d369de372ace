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
    { PLAIN, "a LOGIN joe secret\nb SELECT INBOX\nc APPEND x {3+}\nabc\n", "a" SIGNED4, "login joe secret;",
      "b SELECT INBOX\nc APPEND x {3+}\nabc\n" },
    { PLAIN, "a login \"joe\" \"se cret\" \nb", "a" SIGNED4, "login joe se cret;", "b" },
    { PLAIN, "a LOGIN \"joe\" \"s\\\"c\\\\t\"\n", "a" SIGNED4, "login joe s\"c\\t;", "" },
    { PLAIN, "a LOGIN DOM\\joe s\"c\\t\n", "a" SIGNED4, "login DOM\\joe s\"c\\t;", "" },
    { PLAIN, "a LOGIN \"DOM\\joe\" secret\n", "a" SIGNED4, "login DOM\\joe secret;", "" },
    { PLAIN, "a LOGIN {3}\njoe {6}\nsecret\nb", "+ Ready\n+ Ready\na" SIGNED4, "login joe secret;", "b" },
    { PLAIN, "a LOGIN {3+}\njoe {6-}\nsecret\nb {4}\n", "a" SIGNED4, "login joe secret;", "b {4}\n" },
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imap),
        cmocka_unit_test(test_pop3),
        cmocka_unit_test(test_smtp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
