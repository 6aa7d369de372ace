#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "octets.h"
#include "smtp_stage.h"

enum { PLAIN = 0, TLS = 1, TRUSTED = 2, STARTTLS = 4, STRICT = 8, NO_AUTH = 16 };

#define ENOUGH (8u << 20)
#define EHLO_IN "EHLO c\n"
#define EHLO_OUT \
    "250-gate.example\n250-SIZE 1000\n250-PIPELINING\n250-8BITMIME\n250-SMTPUTF8\n250-CHUNKING\n250-DSN\n" \
    "250-AUTH PLAIN LOGIN\n250 ENHANCEDSTATUSCODES\n"
#define EHLO_NO_AUTH_OUT \
    "250-gate.example\n250-SIZE 1000\n250-PIPELINING\n250-8BITMIME\n250-SMTPUTF8\n250-CHUNKING\n250-DSN\n" \
    "250 ENHANCEDSTATUSCODES\n"
#define MAIL_OK "250 2.1.0 Sender OK\n"
#define RCPT_OK "250 2.1.5 Recipient OK\n"
#define GO_AHEAD "354 Start mail input; end with <CRLF>.<CRLF>\n"
#define BAD_RCPT "501 5.1.3 Bad recipient address syntax: <local@domain> is needed\n"
#define BAD_MAIL "501 5.1.7 Bad sender address syntax: <local@domain> is needed\n"
#define ONE_RCPT_IN "MAIL FROM:<a@x>\nRCPT TO:<b@y>\n"

/* A newline in `in` and `out` stands for CRLF. Every dialogue follows the greeting. */
struct dialogue {
    unsigned setup;
    const char *in, *out, *events;
    const char *body; /* NULL: not looked at */
};

static const struct dialogue session[] = {
    { PLAIN, "EHLO client.example\nNOOP\nnoop x\nVRFY joe\nHELP\nQUIT\nNOOP\n",
      EHLO_OUT "250 2.0.0 OK\n250 2.0.0 OK\n252 2.5.0 Not verified here; RCPT will tell\n"
               "214 2.0.0 EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT (RFC 5321)\n221 2.0.0 Bye\n",
      "quit;" },
    { PLAIN, "helo c\nRSET\n", "250 gate.example\n250 2.0.0 OK\n", "" },
    { PLAIN, "EHLO\nEHLO a(b)\nHELO  \nMAIL FROM:<a@x>\n",
      "501 5.5.4 A host name or address literal is needed\n501 5.5.4 A host name or address literal is needed\n"
      "501 5.5.4 A host name or address literal is needed\n503 5.5.1 Say EHLO first\n",
      "" },
    { PLAIN, "RSET\nMAIL FROM:<a@x>\n", "250 2.0.0 OK\n503 5.5.1 Say EHLO first\n", "" },
    { PLAIN, "FOO\nEXPN x\n\n", "500 5.5.1 Unknown command\n502 5.5.1 EXPN is not offered\n500 5.5.1 Unknown command\n",
      "" },
    { STARTTLS, "EHLO c\nSTARTTLS\nMAIL FROM:<a@x>\nSTARTTLS\n" EHLO_IN "STARTTLS\n",
      "250-gate.example\n250-SIZE 1000\n250-PIPELINING\n250-8BITMIME\n250-SMTPUTF8\n250-CHUNKING\n250-DSN\n"
      "250-STARTTLS\n250-AUTH PLAIN LOGIN\n250 ENHANCEDSTATUSCODES\n"
      "220 2.0.0 Ready to start TLS\n503 5.5.1 Say EHLO first\n503 5.5.1 Say EHLO first\n" EHLO_OUT
      "503 5.5.1 TLS is already on\n",
      "tls;" },
    { STARTTLS, "HELO c\nSTARTTLS now\n", "250 gate.example\n501 5.5.4 STARTTLS takes no argument\n", "" },
    { PLAIN, EHLO_IN "STARTTLS\n", EHLO_OUT "502 5.5.1 STARTTLS is not offered on this port\n", "" },
    { PLAIN, "GET / HTTP/1.1\nHost: x\n\nMAIL FROM:<a@x>\n", "421 4.7.0 This is SMTP, not HTTP\n",
      "noticed smtp.client.http;quit;" },
    { PLAIN, "\x16\x03\x01\x02",
      "421 4.7.0 A TLS handshake came, but this port speaks SMTP in clear first (use STARTTLS, or another port)\n",
      "noticed smtp.client.tls-on-plain;quit;" },
};

static const struct dialogue sign_in[] = {
    { STRICT | TLS, EHLO_IN "MAIL FROM:<a@x>\nAUTH PLAIN AGpvZQBzZWNyZXQ=\nMAIL FROM:<a@x>\n",
      EHLO_OUT "530 5.7.0 Authentication required\n235 2.7.0 Authentication successful\n" MAIL_OK,
      "auth joe;mail a@x;" },
    { STRICT | TLS, EHLO_IN "AUTH plain\nAGpvZQBzZWNyZXQ=\nauth PLAIN =\n",
      EHLO_OUT "334 \n235 2.7.0 Authentication successful\n503 5.5.1 Already signed in\n", "auth joe;" },
    { STRICT | TLS, EHLO_IN "AUTH LOGIN\nam9l\nc2VjcmV0\n",
      EHLO_OUT "334 VXNlcm5hbWU6\n334 UGFzc3dvcmQ6\n235 2.7.0 Authentication successful\n", "auth joe;" },
    { STRICT | TLS, EHLO_IN "AUTH LOGIN am9l\nc2VjcmV0\n",
      EHLO_OUT "334 UGFzc3dvcmQ6\n235 2.7.0 Authentication successful\n", "auth joe;" },
    { STRICT | TLS, EHLO_IN "AUTH LOGIN am9l\n\nAUTH LOGIN am9l\nd3Jvbmc=\nMAIL FROM:<a@x>\n",
      EHLO_OUT "334 UGFzc3dvcmQ6\n535 5.7.8 Wrong password\n334 UGFzc3dvcmQ6\n535 5.7.8 Wrong password\n"
               "530 5.7.0 Authentication required\n",
      "auth joe;auth joe;" },
    { STRICT | TLS, EHLO_IN "AUTH PLAIN =\nAUTH PLAIN !!\nAUTH PLAIN AGpvZQBz$\nAUTH LOGIN =\nAUTH PLAIN\n*\nNOOP\n",
      EHLO_OUT
      "501 5.5.2 Malformed AUTH PLAIN: [authzid] NUL user NUL password is needed, without acting as another\n"
      "501 5.5.2 Malformed base64\n501 5.5.2 Malformed base64\n501 5.5.2 Malformed AUTH LOGIN: no usable user name\n"
      "334 \n501 5.7.0 Authentication cancelled\n250 2.0.0 OK\n",
      "" },
    { STRICT | TLS, EHLO_IN "AUTH XOAUTH2 abc\nAUTH CRAM-MD5\nAUTH\n",
      EHLO_OUT "504 5.5.4 Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the OAuth itself\n"
               "504 5.5.4 Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the OAuth itself\n"
               "504 5.5.4 Only AUTH PLAIN and AUTH LOGIN are offered; Postern does the OAuth itself\n",
      "" },
    { STRICT | STARTTLS, "HELO c\nAUTH PLAIN AGpvZQBzZWNyZXQ=\nMAIL FROM:<a@x>\n",
      "250 gate.example\n538 5.7.11 Encryption is needed before AUTH: STARTTLS first\n530 5.7.0 STARTTLS first, then "
      "AUTH\n",
      "" },
    { STRICT | NO_AUTH, EHLO_IN "AUTH PLAIN AGpvZQBzZWNyZXQ=\n",
      EHLO_NO_AUTH_OUT "502 5.5.1 AUTH is not offered on this port\n", "" },
    { STRICT | TLS | TRUSTED, EHLO_IN "MAIL FROM:<a@x>\nAUTH PLAIN AGpvZQBzZWNyZXQ=\n",
      EHLO_OUT MAIL_OK "503 5.5.1 A message is under way: RCPT or RSET may follow\n", "mail a@x;" },
    { STRICT | TLS, "AUTH PLAIN AGpvZQBzZWNyZXQ=\n", "503 5.5.1 Say EHLO first\n", "" },
};

static const struct dialogue envelope[] = {
    { PLAIN, EHLO_IN "mail from:<a@x>\nrcpt to:<b@y>\nRCPT TO:<c@y>\nDATA\nhi\n.\nNOOP\n",
      EHLO_OUT MAIL_OK RCPT_OK RCPT_OK GO_AHEAD "250 2.0.0 queued as 1\n250 2.0.0 OK\n",
      "mail a@x;rcpt b@y;rcpt c@y;begin 2;end whole;reset;", "hi\n" },
    { PLAIN,
      EHLO_IN
      "MAIL FROM:<>\nRCPT TO:<postmaster>\nRCPT TO:<\"a b\\\"c>\"@[127.0.0.1]>\nRCPT TO:<@r.x,@s.x:d@[IPv6:::1]>\n",
      EHLO_OUT MAIL_OK RCPT_OK RCPT_OK RCPT_OK,
      "mail ;rcpt postmaster;rcpt \"a b\\\"c>\"@[127.0.0.1];rcpt d@[IPv6:::1];" },
    { PLAIN, EHLO_IN "MAIL FROM: a@x\nRCPT TO: <b@y>\n", EHLO_OUT MAIL_OK RCPT_OK, "mail a@x;rcpt b@y;" },
    { PLAIN,
      EHLO_IN "MAIL a@x\nMAIL FROM:\nMAIL FROM:<a\nMAIL FROM:<postmaster>\nMAIL FROM:<a..b@x>\nMAIL FROM:<a@-x>\nMAIL "
              "FROM:<a@x>y\n",
      EHLO_OUT "501 5.5.4 MAIL FROM:<address> is needed\n" BAD_MAIL BAD_MAIL BAD_MAIL BAD_MAIL BAD_MAIL BAD_MAIL, "" },
    { PLAIN,
      EHLO_IN "MAIL FROM:<a@x>\nRCPT TO:<>\nRCPT TO:<joe>\nRCPT TO:<a@[300.1.1.1]>\nRCPT TO:<a@[x>\nRCPT b@y\nRCPT "
              "TO:<a@x.>\nRCPT TO:<\"a@x>\n",
      EHLO_OUT MAIL_OK BAD_RCPT BAD_RCPT BAD_RCPT BAD_RCPT "501 5.5.4 RCPT TO:<address> is needed\n" BAD_RCPT BAD_RCPT,
      "mail a@x;" },
    { PLAIN,
      EHLO_IN "RCPT TO:<b@y>\nDATA\nMAIL FROM:<a@x>\nDATA\nMAIL FROM:<b@x>\nRCPT TO:<refused@y>\nDATA\nRCPT "
              "TO:<b@y>\nMAIL FROM:<b@x>\n",
      EHLO_OUT "503 5.5.1 MAIL comes first\n503 5.5.1 MAIL comes first\n" MAIL_OK "503 5.5.1 RCPT comes first\n"
               "503 5.5.1 A message is under way: RCPT or RSET may follow\n550 5.7.1 Not??you\n554 5.5.1 No valid "
               "recipients\n" RCPT_OK "503 5.5.1 A message is under way: RCPT, DATA or RSET may follow\n",
      "mail a@x;rcpt refused@y;rcpt b@y;" },
    { PLAIN,
      EHLO_IN
      "MAIL FROM:<refused@x>\nMAIL FROM:<later@x>\nMAIL FROM:<a@x>\nRSET\nMAIL FROM:<a@x>\nEHLO c\nRCPT TO:<b@y>\n",
      EHLO_OUT "550 5.7.1 Not??you\n450 4.0.0 Not now\n" MAIL_OK "250 2.0.0 OK\n" MAIL_OK EHLO_OUT
               "503 5.5.1 MAIL comes first\n",
      "mail refused@x;reset;mail later@x;reset;mail a@x;reset;mail a@x;reset;" },
    { PLAIN, EHLO_IN "MAIL FROM:<closing@x>\nNOOP\n", EHLO_OUT "421 4.3.2 Going down\n", "mail closing@x;reset;quit;" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "RCPT TO:<c@y>\nRCPT TO:<later@y>\nRCPT TO:<d@y>\nRCPT TO:<e@y>\n",
      EHLO_OUT MAIL_OK RCPT_OK RCPT_OK "450 4.0.0 Not now\n" RCPT_OK
                                       "452 4.5.3 Too many recipients for one message; send the rest in another\n",
      "mail a@x;rcpt b@y;rcpt c@y;rcpt later@y;rcpt d@y;" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "DATA x\nDATA\n.\n",
      EHLO_OUT MAIL_OK RCPT_OK "501 5.5.4 DATA takes no argument\n" GO_AHEAD "250 2.0.0 queued as 1\n",
      "mail a@x;rcpt b@y;begin 1;end whole;reset;", "" },
    { PLAIN, EHLO_IN "MAIL FROM:<nodata@x>\nRCPT TO:<b@y>\nDATA\nNOOP\n",
      EHLO_OUT MAIL_OK RCPT_OK "451 4.3.0 No data now\n250 2.0.0 OK\n", "mail nodata@x;rcpt b@y;begin 1;reset;" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "DATA\nPOISON\n.\nMAIL FROM:<a@x>\n",
      EHLO_OUT MAIL_OK RCPT_OK GO_AHEAD "554 5.7.1 Poison\n" MAIL_OK,
      "mail a@x;rcpt b@y;begin 1;end whole;reset;mail a@x;" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "DATA\nDISKFULL\nmore\n.\nNOOP\n",
      EHLO_OUT MAIL_OK RCPT_OK GO_AHEAD "452 4.3.1 Disk full\n250 2.0.0 OK\n",
      "mail a@x;rcpt b@y;begin 1;end whole;reset;" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "DATA\nj\xc3\xb6\n.\n", EHLO_OUT MAIL_OK RCPT_OK GO_AHEAD "250 2.0.0 queued as 1\n",
      "mail a@x;rcpt b@y;begin 1;end whole 8bit;reset;", "j\xc3\xb6\n" },
};

#define TOO_LARGE "552 5.3.4 The message is too large: at most 1000 octets are taken\n"

static const struct dialogue parameters[] = {
    { PLAIN, EHLO_IN "MAIL FROM:<a@x> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=QQ+2B AUTH=<>\n", EHLO_OUT MAIL_OK,
      "mail a@x 8bit size=1000 ret=2 envid=QQ+2B;" },
    { PLAIN,
      EHLO_IN "MAIL FROM:<a@x> SIZE=1001\nMAIL FROM:<a@x> SIZE=99999999999999999999\nMAIL FROM:<a@x> SIZE=x\nMAIL "
              "FROM:<a@x> SIZE\n"
              "MAIL FROM:<a@x> SIZE=\nMAIL FROM:<a@x> SIZE=1 SIZE=2\n",
      EHLO_OUT TOO_LARGE
      "501 5.5.4 SIZE is a number of octets\n501 5.5.4 SIZE is a number of octets\n501 5.5.4 SIZE is given once, with "
      "a value\n"
      "501 5.5.4 Bad parameter syntax: NAME or NAME=value is needed\n501 5.5.4 SIZE is given once, with a value\n",
      "noticed smtp.client.too-large;" },
    { PLAIN,
      EHLO_IN "MAIL FROM:<a@x> BODY=BINARYMIME\nMAIL FROM:<a@x> RET=ALL\nMAIL FROM:<a@x> ENVID=+1\nMAIL FROM:<a@x> "
              "MT-PRIORITY=3\n"
              "MAIL FROM:<a@x> SMTPUTF8=1\nMAIL FROM:<a@x> =1\n",
      EHLO_OUT
      "501 5.5.4 BODY is 7BIT or 8BITMIME here\n501 5.5.4 RET is FULL or HDRS\n501 5.5.4 ENVID is at most 100 octets "
      "of xtext\n"
      "555 5.5.4 The parameter MT-PRIORITY is not known here\n501 5.5.4 SMTPUTF8 is given once, without a value\n"
      "501 5.5.4 Bad parameter syntax: NAME or NAME=value is needed\n",
      "" },
    { PLAIN,
      EHLO_IN "MAIL FROM:<a@x>\nRCPT TO:<b@y> NOTIFY=SUCCESS,delay ORCPT=rfc822;b+2Bc@y\nRCPT TO:<c@y> NOTIFY=NEVER\n",
      EHLO_OUT MAIL_OK RCPT_OK RCPT_OK, "mail a@x;rcpt b@y notify=10 orcpt=rfc822;b+2Bc@y;rcpt c@y notify=1;" },
    { PLAIN,
      EHLO_IN "MAIL FROM:<a@x>\nRCPT TO:<b@y> NOTIFY=NEVER,DELAY\nRCPT TO:<b@y> NOTIFY=,DELAY\nRCPT TO:<b@y> "
              "ORCPT=b@y\nRCPT TO:<b@y> ORCPT=rfc822;a=b\n"
              "RCPT TO:<b@y> SIZE=3\n",
      EHLO_OUT MAIL_OK "501 5.5.4 NOTIFY is NEVER, or any of SUCCESS,FAILURE,DELAY\n501 5.5.4 NOTIFY is NEVER, or any "
                       "of SUCCESS,FAILURE,DELAY\n"
                       "501 5.5.4 ORCPT is type;address in xtext, at most 500 octets\n501 5.5.4 ORCPT is type;address "
                       "in xtext, at most 500 octets\n"
                       "555 5.5.4 The parameter SIZE is not known here\n",
      "mail a@x;" },
    { PLAIN,
      EHLO_IN "MAIL FROM:<j\xc3\xb6@x>\nMAIL FROM:<j\xc3\xb6@b\xc3\xbc.x> SMTPUTF8\nRCPT TO:<\xc3\xa4@x> "
              "ORCPT=utf-8;\xc3\xa4@x\nRCPT TO:<\xff@x>\n",
      EHLO_OUT "553 5.6.7 An address beyond ASCII needs SMTPUTF8 with MAIL\n" MAIL_OK RCPT_OK BAD_RCPT,
      "mail j\xc3\xb6@b\xc3\xbc.x utf8;rcpt \xc3\xa4@x orcpt=utf-8;\xc3\xa4@x;" },
    { PLAIN, EHLO_IN "MAIL FROM:<a@x>\nRCPT TO:<\xc3\xa4@x>\n",
      EHLO_OUT MAIL_OK "553 5.6.7 An address beyond ASCII needs SMTPUTF8 with MAIL\n", "mail a@x;" },
};

#define BDAT_ORDER "503 5.5.1 After BDAT comes BDAT until LAST, or RSET\n"

static const struct dialogue chunks[] = {
    { PLAIN, EHLO_IN ONE_RCPT_IN "BDAT 5\n.a\n.BDAT 2 LAST\n\nNOOP\n",
      EHLO_OUT MAIL_OK RCPT_OK "250 2.0.0 5 octets received\n250 2.0.0 queued as 1\n250 2.0.0 OK\n",
      "mail a@x;rcpt b@y;begin 1;end whole;reset;", ".a\n.\n" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "BDAT 3\na\nbdat 0 last\n",
      EHLO_OUT MAIL_OK RCPT_OK "250 2.0.0 3 octets received\n250 2.0.0 queued as 1\n",
      "mail a@x;rcpt b@y;begin 1;end whole;reset;", "a\n" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "BDAT 0\nBDAT 0 LAST\n",
      EHLO_OUT MAIL_OK RCPT_OK "250 2.0.0 0 octets received\n250 2.0.0 queued as 1\n",
      "mail a@x;rcpt b@y;begin 1;end whole;reset;", "" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "BDAT 3\na\nDATA\nRCPT TO:<c@y>\nMAIL FROM:<a@x>\nRSET\nNOOP\n",
      EHLO_OUT MAIL_OK RCPT_OK "250 2.0.0 3 octets received\n" BDAT_ORDER BDAT_ORDER BDAT_ORDER
                               "250 2.0.0 OK\n250 2.0.0 OK\n",
      "mail a@x;rcpt b@y;begin 1;reset;" },
    { PLAIN, EHLO_IN "BDAT 6 LAST\nNOOP\nMAIL FROM:<a@x>\nBDAT 6\nNOOP\nRCPT TO:<refused@y>\nBDAT 6 LAST\nQUIT\nNOOP\n",
      EHLO_OUT "503 5.5.1 MAIL comes first\n" MAIL_OK
               "503 5.5.1 RCPT comes first\n550 5.7.1 Not??you\n554 5.5.1 No valid recipients\n250 2.0.0 OK\n",
      "mail a@x;rcpt refused@y;" },
    { PLAIN, EHLO_IN "MAIL FROM:<nodata@x>\nRCPT TO:<b@y>\nBDAT 6\nQUIT\nBDAT 6 LAST\nQUIT\nNOOP\n",
      EHLO_OUT MAIL_OK RCPT_OK "451 4.3.0 No data now\n451 4.3.0 No data now\n250 2.0.0 OK\n",
      "mail nodata@x;rcpt b@y;begin 1;reset;" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "BDAT x\nMAIL FROM:<a@x>\n",
      EHLO_OUT MAIL_OK RCPT_OK
      "501 5.5.4 BDAT size [LAST] is needed\n421 4.7.0 Where this chunk ends is unknown, closing\n",
      "mail a@x;rcpt b@y;reset;quit;" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "BDAT 5 FIRST\nabc\n",
      EHLO_OUT MAIL_OK RCPT_OK
      "501 5.5.4 BDAT size [LAST] is needed\n421 4.7.0 Where this chunk ends is unknown, closing\n",
      "mail a@x;rcpt b@y;reset;quit;" },
    { PLAIN, EHLO_IN ONE_RCPT_IN "BDAT 99999999999\nabc\n",
      EHLO_OUT MAIL_OK RCPT_OK TOO_LARGE "421 4.7.0 Still sending, closing\n",
      "mail a@x;rcpt b@y;begin 1;noticed smtp.client.too-large;end broken;reset;quit;" },
};

static void open_as(struct stage *t, unsigned setup)
{
    t->policy.needs_auth = setup & STRICT;
    t->policy.needs_tls_for_auth = setup & STRICT;
    t->policy.offers_starttls = setup & STARTTLS;
    t->policy.offers_auth = !(setup & NO_AUTH);
    stage_open(t, setup & TLS, setup & TRUSTED);
}

static void add_crlf(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_byte(out, '\r');
        buf_add_byte(out, (uint8_t)*text);
    }
}

static void assert_octets(struct buf *got, const char *expected)
{
    struct buf octets;
    buf_init(&octets, 1 << 20);
    add_crlf(&octets, expected);
    assert_string_equal(buf_str(got), buf_str(&octets));
    buf_fini(&octets);
}

/* Whole, in single octets, in sevens; deciding at once and late: every way must give the same answers and the same questions. */
static void play_every_way(const struct dialogue *d)
{
    static const size_t steps[] = { 0, 1, 2, 7 };
    struct buf in, out;
    buf_init(&in, 1 << 20);
    buf_init(&out, 1 << 20);
    add_crlf(&in, d->in);
    buf_add_str(&out, "220 gate.example ESMTP Postern\n");
    buf_add_str(&out, d->out);
    for (size_t way = 0; way < 2 * sizeof steps / sizeof steps[0]; way++) {
        struct stage t;
        stage_init(&t);
        t.decides_late = way % 2;
        open_as(&t, d->setup);
        stage_play(&t, buf_bytes(&in), steps[way / 2]);
        assert_octets(&t.out, buf_str(&out));
        assert_string_equal(buf_str(&t.events), d->events);
        if (d->body)
            assert_octets(&t.body, d->body);
        stage_fini(&t);
    }
    buf_fini(&in);
    buf_fini(&out);
}

#define TEST_TABLE(table) \
    static void test_##table(void **state) \
    { \
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) { \
            print_message("  %s dialogue %zu\n", #table, i); \
            play_every_way(&table[i]); \
        } \
    }

TEST_TABLE(session)
TEST_TABLE(sign_in)
TEST_TABLE(envelope)
TEST_TABLE(parameters)
TEST_TABLE(chunks)

static void play_octets(struct stage *t, const char *first, struct bytes raw, size_t step)
{
    struct buf in;
    buf_init(&in, ENOUGH);
    add_crlf(&in, first);
    buf_add_bytes(&in, raw);
    stage_init(t);
    open_as(t, PLAIN);
    stage_play(t, buf_bytes(&in), step);
    buf_fini(&in);
}

static size_t count(const struct buf *text, const char *what)
{
    size_t found = 0;
    for (const char *at = strstr(buf_str(text), what); at; at = strstr(at + 1, what))
        found++;
    return found;
}

/* No message is split in two, none with a false end is taken, the session goes on behind the real end. */
static void test_nothing_is_smuggled(void **state)
{
    static const struct bytes false_ends[] = {
        OCTETS("\n.\n"),       OCTETS("\n.\r\n"),     OCTETS("\r.\r"),       OCTETS("\r.\r\n"),     OCTETS("\r\n.\n"),
        OCTETS("\r\n.\r"),     OCTETS("\r\n.\r\r\n"), OCTETS("\r\n\0.\r\n"), OCTETS("\r\n.\0\r\n"), OCTETS("\n\r.\r\n"),
        OCTETS("\r\n.\n\r\n"), OCTETS("\r\n.\r \n"),  OCTETS("\0\n.\r\n"),   OCTETS("\r\n.\r\0\n"), OCTETS("\n.\r"),
    };
    for (size_t i = 0; i < sizeof false_ends / sizeof false_ends[0]; i++) {
        for (size_t step = 0; step < 8; step++) {
            struct stage t;
            struct buf raw;
            buf_init(&raw, 4096);
            buf_add_str(&raw, "Subject: x\r\n\r\nfirst");
            buf_add_bytes(&raw, false_ends[i]);
            buf_add_str(&raw, "MAIL FROM:<smuggled@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nsecond\r\n.\r\nNOOP\r\n");
            play_octets(&t, EHLO_IN ONE_RCPT_IN "DATA\n", buf_bytes(&raw), step);
            assert_string_equal(buf_str(&t.events),
                                "mail a@x;rcpt b@y;begin 1;noticed smtp.client.bad-octets;end broken;reset;");
            assert_int_equal(count(&t.out, "\r\n550 5.6."), 1);
            assert_non_null(strstr(buf_str(&t.out), "\r\n250 2.0.0 OK\r\n"));
            buf_fini(&raw);
            stage_fini(&t);
        }
    }
}

static void test_flaws_are_named_with_their_line(void **state)
{
    static const struct {
        struct bytes body;
        const char *reply;
    } cases[] = {
        { OCTETS("a\r\nb\nc\r\n.\r\n"),
          "550 5.6.11 Line 2 of the message holds a bare LF; lines must end with CRLF\r\n" },
        { OCTETS("a\rb\r\n.\r\n"), "550 5.6.11 Line 1 of the message holds a bare CR; lines must end with CRLF\r\n" },
        { OCTETS("a\r\nb\0\r\n.\r\n"),
          "550 5.6.0 Line 2 of the message holds a NUL octet, which text can't carry\r\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 0; step < 4; step++) {
            struct stage t;
            play_octets(&t, EHLO_IN ONE_RCPT_IN "DATA\n", cases[i].body, step);
            assert_non_null(strstr(buf_str(&t.out), cases[i].reply));
            stage_fini(&t);
        }
    }
}

static void test_chunks_may_not_hold_bare_line_ends_either(void **state)
{
    struct stage t;
    play_octets(&t, EHLO_IN ONE_RCPT_IN "BDAT 4\n", BYTES_LIT("a\nb\rBDAT 2 LAST\r\n\nxNOOP\r\n"), 0);
    assert_string_equal(buf_str(&t.events),
                        "mail a@x;rcpt b@y;begin 1;noticed smtp.client.bad-octets;end broken;reset;");
    assert_int_equal(count(&t.out, "550 5.6.11 Line 1"), 2);
    assert_non_null(strstr(buf_str(&t.out), "250 2.0.0 OK\r\n"));
    stage_fini(&t);
}

static void test_commands_that_are_no_lines(void **state)
{
    static const struct {
        struct bytes in;
        const char *reply;
    } cases[] = {
        { OCTETS("NOOP\nRSET\r\n"),
          "500 5.5.2 The line ended with a bare LF; lines must end with CRLF\r\n250 2.0.0 OK\r\n" },
        { OCTETS("NO\rOP\r\nRSET\r\n"),
          "500 5.5.2 Control characters in a command (a bare CR or a NUL, perhaps)\r\n250 2.0.0 OK\r\n" },
        { OCTETS("NOOP\0\r\nRSET\r\n"),
          "500 5.5.2 Control characters in a command (a bare CR or a NUL, perhaps)\r\n250 2.0.0 OK\r\n" },
        { OCTETS("AUTH PLAIN\r\n\n*\r\nRSET\r\n"), "334 \r\n500 5.5.2 The line ended with a bare LF; lines must end "
                                                   "with CRLF\r\n500 5.5.1 Unknown command\r\n250 2.0.0 OK\r\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 0; step < 3; step++) {
            struct stage t;
            play_octets(&t, EHLO_IN, cases[i].in, step);
            assert_non_null(strstr(buf_str(&t.out), cases[i].reply));
            stage_fini(&t);
        }
    }
}

static void add_filled(struct buf *out, const char *begin, size_t size, const char *end)
{
    size_t stop = out->size + size - strlen(end);
    buf_add_str(out, begin);
    while (out->size < stop)
        buf_add_byte(out, 'a');
    buf_add_str(out, end);
}

/* Each just within its limit, then one octet over it. */
static void test_line_limits(void **state)
{
    static const struct {
        const char *begin, *end;
        size_t limit;
        const char *within;
    } cases[] = {
        { "NOOP ", "\r\n", SMTP_COMMAND_LIMIT, "250 2.0.0 OK\r\n" },
        { "UNKNOWN ", "\r\n", SMTP_COMMAND_LIMIT, "500 5.5.1 Unknown command\r\n" },
        { "MAIL FROM:<", "@x>\r\n", SMTP_ENVELOPE_LIMIT, "501 5.1.7" },
        { "AUTH LOGIN aaa", "=\r\n", SMTP_AUTH_LIMIT, "501 5.5.2 Malformed" },
        { "AUTH LOGIN\r\naaa", "=\r\n", SMTP_AUTH_LIMIT + 12, "501 5.5.2 Malformed" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t over = 0; over < 2; over++) {
            struct stage t;
            struct buf raw;
            buf_init(&raw, ENOUGH);
            add_filled(&raw, cases[i].begin, cases[i].limit + over, cases[i].end);
            buf_add_str(&raw, "RSET\r\n");
            play_octets(&t, EHLO_IN, buf_bytes(&raw), 100 * over);
            assert_non_null(
                strstr(buf_str(&t.out), over ? "500 5.5.2 Line too long\r\n250 2.0.0 OK\r\n" : cases[i].within));
            assert_non_null(strstr(buf_str(&t.out), "\r\n250 2.0.0 OK\r\n"));
            buf_fini(&raw);
            stage_fini(&t);
        }
    }
}

static void test_endless_lines_cost_no_memory(void **state)
{
    struct stage t;
    static uint8_t filler[65536];
    memset(filler, 'x', sizeof filler);
    play_octets(&t, EHLO_IN, BYTES_NONE, 0);
    for (int i = 0; i < 64; i++)
        stage_play(&t, (struct bytes){ filler, sizeof filler }, 0);
    stage_play(&t, BYTES_LIT("\r\nRSET\r\n"), 0);
    assert_non_null(strstr(buf_str(&t.out), "500 5.5.2 Line too long\r\n250 2.0.0 OK\r\n"));
    stage_fini(&t);
}

static void test_path_limits(void **state)
{
    static const struct {
        size_t local, label;
        int labels;
        bool is_good;
    } cases[] = { { 64, 60, 4, true }, { 256, 63, 3, true }, { 257, 10, 1, false },
                  { 10, 63, 4, true }, { 10, 64, 1, false }, { 256, 62, 5, false } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage t;
        struct buf raw;
        buf_init(&raw, ENOUGH);
        add_filled(&raw, "MAIL FROM:<", strlen("MAIL FROM:<") + cases[i].local, "");
        for (int k = 0; k < cases[i].labels; k++)
            add_filled(&raw, k ? "." : "@", cases[i].label + 1, "");
        buf_add_str(&raw, ">\r\n");
        play_octets(&t, EHLO_IN, buf_bytes(&raw), 0);
        assert_int_equal(count(&t.out, "250 2.1.0"), cases[i].is_good);
        buf_fini(&raw);
        stage_fini(&t);
    }
}

static void add_body(struct buf *raw, size_t size)
{
    for (size_t left = size; left > 0; left -= left < 100 ? left : 100)
        add_filled(raw, "", left < 100 ? left : 100, "\r\n");
}

static void test_a_message_at_the_limit_is_taken_one_over_is_not(void **state)
{
    for (size_t over = 0; over < 200; over += 100) {
        struct stage t;
        struct buf raw;
        buf_init(&raw, ENOUGH);
        add_body(&raw, 1000 + over);
        buf_add_str(&raw, ".\r\nNOOP\r\n");
        play_octets(&t, EHLO_IN ONE_RCPT_IN "DATA\n", buf_bytes(&raw), 30);
        assert_int_equal(count(&t.events, "end whole"), over == 0);
        assert_int_equal(count(&t.out, "552 5.3.4"), over > 0);
        assert_true(over == 0 ? t.body.size == 1000 : t.body.size <= 1000);
        assert_non_null(strstr(buf_str(&t.out), "250 2.0.0 OK\r\n"));
        buf_fini(&raw);
        stage_fini(&t);
    }
}

static void test_a_sender_that_never_stops_is_cut_off(void **state)
{
    struct stage t;
    struct buf raw;
    buf_init(&raw, ENOUGH);
    add_body(&raw, 3 << 20);
    play_octets(&t, EHLO_IN ONE_RCPT_IN "DATA\n", buf_bytes(&raw), 10000);
    assert_non_null(strstr(
        buf_str(&t.out),
        "552 5.3.4 The message is too large: at most 1000 octets are taken\r\n421 4.7.0 Still sending, closing\r\n"));
    assert_string_equal(buf_str(&t.events),
                        "mail a@x;rcpt b@y;begin 1;noticed smtp.client.too-large;end broken;reset;quit;");
    buf_fini(&raw);
    stage_fini(&t);
}

static void test_too_many_errors_end_it(void **state)
{
    struct stage t;
    struct buf raw;
    buf_init(&raw, ENOUGH);
    for (int i = 0; i < 50; i++)
        buf_add_str(&raw, "BOGUS\r\n");
    play_octets(&t, EHLO_IN, buf_bytes(&raw), 0);
    assert_int_equal(count(&t.out, "500 5.5.1"), 20);
    assert_int_equal(count(&t.out, "421 4.7.0 Too many errors"), 1);
    assert_string_equal(buf_str(&t.events), "noticed smtp.client.errors;quit;");
    buf_fini(&raw);
    stage_fini(&t);
}

static void test_closing_in_the_middle(void **state)
{
    static const struct {
        const char *in, *events;
    } cases[] = {
        { "", "quit;" },
        { EHLO_IN ONE_RCPT_IN, "mail a@x;rcpt b@y;reset;quit;" },
        { EHLO_IN ONE_RCPT_IN "DATA\nhalf a", "mail a@x;rcpt b@y;begin 1;end broken;reset;quit;" },
        { EHLO_IN ONE_RCPT_IN "BDAT 10\nhalf", "mail a@x;rcpt b@y;begin 1;end broken;reset;quit;" },
        { EHLO_IN "AUTH LOGIN\nam9l\n", "quit;" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage t;
        play_octets(&t, cases[i].in, BYTES_NONE, 0);
        smtp_server_close(t.server, "4.3.2", "Shutting down");
        smtp_server_close(t.server, "4.3.2", "Shutting down");
        assert_int_equal(smtp_server_feed(t.server, BYTES_LIT("NOOP\r\n")), 6);
        assert_string_equal(buf_str(&t.events), cases[i].events);
        assert_int_equal(count(&t.out, "421 4.3.2 Shutting down\r\n"), 1);
        stage_fini(&t);
    }
}

/* A decision that comes when the session is over is not missed by anybody. */
static void test_a_late_decision_after_the_end(void **state)
{
    struct stage t;
    struct buf in;
    buf_init(&in, ENOUGH);
    add_crlf(&in, EHLO_IN "MAIL FROM:<a@x>\n");
    stage_init(&t);
    t.decides_late = true;
    open_as(&t, PLAIN);
    assert_int_equal(smtp_server_feed(t.server, buf_bytes(&in)), in.size);
    assert_true(smtp_server_is_waiting(t.server));
    smtp_server_close(t.server, "4.4.2", "Too slow");
    assert_false(smtp_server_is_waiting(t.server));
    smtp_server_decided(t.server, &(struct smtp_verdict){ 0 });
    assert_int_equal(count(&t.out, "250 2.1.0"), 0);
    buf_fini(&in);
    stage_fini(&t);
}

static void test_nothing_is_used_while_waiting(void **state)
{
    struct stage t;
    struct buf in;
    buf_init(&in, ENOUGH);
    add_crlf(&in, EHLO_IN "MAIL FROM:<a@x>\nNOOP\n");
    stage_init(&t);
    t.decides_late = true;
    open_as(&t, PLAIN);
    size_t used = smtp_server_feed(t.server, buf_bytes(&in));
    assert_int_equal(used, in.size - strlen("NOOP\r\n"));
    assert_int_equal(smtp_server_feed(t.server, BYTES_LIT("NOOP\r\n")), 0);
    buf_fini(&in);
    stage_fini(&t);
}

static void test_protocol_names(void **state)
{
    static const struct {
        unsigned setup;
        const char *in, *name;
    } cases[] = {
        { PLAIN, "HELO c\n", "SMTP" },
        { PLAIN, "EHLO c\n", "ESMTP" },
        { TLS, "EHLO c\n", "ESMTPS" },
        { PLAIN, "EHLO c\nAUTH PLAIN AGpvZQBzZWNyZXQ=\n", "ESMTPA" },
        { TLS, "EHLO c\nAUTH PLAIN AGpvZQBzZWNyZXQ=\n", "ESMTPSA" },
        { TLS, "EHLO c\nAUTH PLAIN AGpvZQBzZWNyZXQ=\nMAIL FROM:<a@x> SMTPUTF8\n", "UTF8SMTPSA" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage t;
        struct buf in;
        buf_init(&in, ENOUGH);
        add_crlf(&in, cases[i].in);
        stage_init(&t);
        open_as(&t, cases[i].setup);
        stage_play(&t, buf_bytes(&in), 0);
        assert_string_equal(smtp_server_protocol(t.server), cases[i].name);
        assert_string_equal(smtp_server_helo(t.server), "c");
        buf_fini(&in);
        stage_fini(&t);
    }
}

static void test_xtext(void **state)
{
    char out[16];
    assert_true(smtp_xtext_decode("a+2Bb+3Dc", out, sizeof out));
    assert_string_equal(out, "a+b=c");
    assert_true(smtp_xtext_decode("a+0D+0Ab", out, sizeof out));
    assert_string_equal(out, "a??b");
    assert_false(smtp_xtext_decode("+2", out, sizeof out));
    assert_false(smtp_xtext_decode("+2b", out, sizeof out));
    assert_false(smtp_xtext_decode("0123456789abcdef", out, sizeof out));
    assert_true(smtp_xtext_decode("", out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_sign_in),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_nothing_is_smuggled),
        cmocka_unit_test(test_flaws_are_named_with_their_line),
        cmocka_unit_test(test_chunks_may_not_hold_bare_line_ends_either),
        cmocka_unit_test(test_commands_that_are_no_lines),
        cmocka_unit_test(test_line_limits),
        cmocka_unit_test(test_endless_lines_cost_no_memory),
        cmocka_unit_test(test_path_limits),
        cmocka_unit_test(test_a_message_at_the_limit_is_taken_one_over_is_not),
        cmocka_unit_test(test_a_sender_that_never_stops_is_cut_off),
        cmocka_unit_test(test_too_many_errors_end_it),
        cmocka_unit_test(test_closing_in_the_middle),
        cmocka_unit_test(test_a_late_decision_after_the_end),
        cmocka_unit_test(test_nothing_is_used_while_waiting),
        cmocka_unit_test(test_protocol_names),
        cmocka_unit_test(test_xtext),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
