/* A signed-in session passing by: what is said by both sides, cut in every way, and what reaches the client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/front/watch.h"

#define ENOUGH (64u << 20)
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* One session: lines of both sides in their order, '<' in front of the server's (of each, for a literal has lines too) and '>' of the
 * client's. A newline stands for CRLF, ~ at the end of a line for none at all, ^ for a bare CR, | for a bare LF, ^A for a NUL. `out` is what
 * the client gets where that differs; '=' in front of a line is what is_between() says then: "=y", "=n". */
struct session {
    enum front_protocol protocol;
    const char *without;
    const char *script;
    const char *out; /* NULL: all that the server said */
    const char *events;
};

struct bench {
    struct watch *watch;
    struct buf out, said, events;
};

static void on_to_client(void *ctx, struct bytes out)
{
    struct bench *b = ctx;
    assert_true(out.size > 0);
    buf_add_bytes(&b->out, out);
}

static void on_event(void *ctx, enum watch_event what, struct bytes line)
{
    static const char *const names[] = { "expired", "unconnected", "throttled", "bye", "refused", "out" };
    struct bench *b = ctx;
    assert_true(line.size <= 1000 && !memchr(line.data, '\n', line.size));
    buf_addf(&b->events, "%s;", names[what]);
}

static const struct watch_host host = { .to_client = on_to_client, .event = on_event };

static void bench_init(struct bench *b, enum front_protocol p, const char *without)
{
    buf_init(&b->out, ENOUGH);
    buf_init(&b->said, ENOUGH);
    buf_init(&b->events, ENOUGH);
    b->watch = watch_new(p, without, &host, b);
}

static void bench_fini(struct bench *b)
{
    watch_free(b->watch);
    buf_fini(&b->out);
    buf_fini(&b->said);
    buf_fini(&b->events);
}

/* In pieces of `step` octets, 0: all at once, each a copy of just that size. */
static void give(void (*to)(struct watch *, struct bytes), struct watch *w, struct bytes in, size_t step)
{
    for (size_t at = 0; at < in.size;) {
        size_t size = step && step < in.size - at ? step : in.size - at;
        uint8_t *copy = malloc(size);
        memcpy(copy, in.data + at, size);
        to(w, (struct bytes){ copy, size });
        free(copy);
        at += size;
    }
}

static void add_octets(struct buf *b, const char *text, size_t size)
{
    for (const char *end = text + size; text < end; text++) {
        if (*text == '~' && text + 1 < end && text[1] == '\n')
            return;
        if (*text == '\n')
            buf_add_byte(b, '\r');
        buf_add_byte(b, *text == '^' ? '\r' : *text == '|' ? '\n' : *text == '\001' ? 0 : (uint8_t)*text);
    }
}

/* Lines of one side that follow each other are one packet. */
static void play(struct bench *b, const char *script, size_t step)
{
    struct buf packet;
    buf_init(&packet, ENOUGH);
    while (*script) {
        char side = *script;
        while (*script == side) {
            size_t size = strcspn(script, "\n") + 1;
            if (side == '=')
                assert_int_equal(watch_is_between(b->watch), script[1] == 'y');
            else
                add_octets(&packet, script + 1, size - 1);
            script += size;
        }
        if (side == '<')
            buf_add_bytes(&b->said, buf_bytes(&packet));
        give(side == '<' ? watch_from_server : watch_from_client, b->watch, buf_bytes(&packet), step);
        buf_clear(&packet);
    }
    buf_fini(&packet);
}

static void check(const struct session *s, size_t step)
{
    struct bench b;
    struct buf out;
    buf_init(&out, ENOUGH);
    bench_init(&b, s->protocol, s->without);
    play(&b, s->script, step);
    if (s->out)
        add_octets(&out, s->out, strlen(s->out));
    else
        buf_add_bytes(&out, buf_bytes(&b.said));
    assert_string_equal(buf_str(&b.out), buf_str(&out));
    assert_true(bytes_equal(buf_bytes(&b.out), buf_bytes(&out)));
    assert_string_equal(buf_str(&b.events), s->events);
    buf_fini(&out);
    bench_fini(&b);
}

static void check_all(const struct session *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t step = 0; step < 40; step++)
            check(&all[i], step);
}

static const struct session imap[] = {
    { FRONT_IMAP, "",
      "=y\n>a CAPABILITY\n=n\n"
      "<* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=PLAIN AUTH=XOAUTH2 IDLE SASL-IR COMPRESS=DEFLATE UIDPLUS "
      "UNAUTHENTICATE\n"
      "<a OK done\n=y\n",
      "* CAPABILITY IMAP4rev1 IDLE UIDPLUS\na OK done\n", "" },
    { FRONT_IMAP,
      "IMAP4rev2 ENABLE X-GM=", "<* CAPABILITY AUTH=X IMAP4rev1  ENABLE IMAP4rev2 x-gm=1 starttls IDLE ENABLED\n",
      "* CAPABILITY IMAP4rev1 IDLE ENABLED\n", "" },
    { FRONT_IMAP, "",
      "<* CAPABILITY IMAP4rev1 IDLE\n<* CAPABILITY\n<* CAPABILITY \n<* CAPABILITIES STARTTLS\n<\n<*\n<* \n<+\n<x\n",
      NULL, "" },
    { FRONT_IMAP, "",
      "<* OK [CAPABILITY IMAP4rev1 STARTTLS] hi STARTTLS\n<a OK [CAPABILITY AUTH=PLAIN] x\n<* PREAUTH [capability "
      "STARTTLS X]\n"
      "<a OK [READ-ONLY] STARTTLS\n<a OK STARTTLS\n<* OK\n<a OK\n",
      "* OK [CAPABILITY IMAP4rev1] hi STARTTLS\na OK [CAPABILITY ] x\n* PREAUTH [capability X]\na OK [READ-ONLY] "
      "STARTTLS\na OK STARTTLS\n"
      "* OK\na OK\n",
      "" },
    /* What stands in a message, or behind a literal, is no line of concern. */
    { FRONT_IMAP, "",
      ">a FETCH 1:2 BODY[]\n=n\n<* 1 FETCH (UID 7 BODY[] {77}\n<* CAPABILITY STARTTLS\n<* BYE AccessTokenExpired\n<a "
      "OK [CAPABILITY STARTTLS]\n<)\n"
      "<* 2 FETCH (BODY[] {0}\n<* BYE BODY[1] ~{5}\n<ab^|c~\n< X \"* BYE\")\n=n\n<a OK FETCH done {5}\n=y\n<* "
      "CAPABILITY STARTTLS\n",
      "* 1 FETCH (UID 7 BODY[] {77}\n* CAPABILITY STARTTLS\n* BYE AccessTokenExpired\na OK [CAPABILITY STARTTLS]\n)\n"
      "* 2 FETCH (BODY[] {0}\n* BYE BODY[1] ~{5}\nab^|c X \"* BYE\")\na OK FETCH done {5}\n* CAPABILITY \n",
      "" },
    /* Bare line ends within a line begin no line. */
    { FRONT_IMAP, "", "<* 1 FETCH (ENVELOPE (\"a|* BYE x^* CAPABILITY STARTTLS|* CAPABILITY STARTTLS\"))\n", NULL, "" },
    /* A status line's text ends with no literal, and {x}, {} and {999999999999999999999} are none. */
    { FRONT_IMAP, "",
      "<* OK x {1000}\n<* BYE x {1000}\n<+ x {1000}\n<a NO x {1000}\n<* LIST {x}\n<* LIST {}\n<* LIST "
      "{999999999999999999999}\n<* LIST 5}\n<* BYE x\n",
      NULL, "bye;" },
    { FRONT_IMAP, "", "<* BYE Session invalidated - AccessTokenExpired\n<* BYE Connection closed. 14\n", NULL,
      "expired;bye;" },
    { FRONT_IMAP, "", "<* BYE Session invalidated - AccessTokenExpired\n<* BYE x AccessTokenExpired\n", NULL,
      "expired;" },
    { FRONT_IMAP, "", ">a LOGOUT\n<* BYE x\n<a OK\n=y\n", NULL, "out;" },
    { FRONT_IMAP, "",
      ">a SELECT INBOX\n<a BAD User is authenticated but not connected.\n>b SELECT x\n<b NO User is authenticated but "
      "not connected.\n",
      NULL, "unconnected;" },
    { FRONT_IMAP, "",
      "<a NO Request is throttled. Suggested Backoff Time: 92415 milliseconds\n<* BAD x\n<a BAD Command Error. 12\n",
      NULL, "throttled;" },
    /* A farewell may come in IDLE, and when no command is under way. */
    { FRONT_IMAP, "",
      ">a1 IDLE\n=y\n<+ idling\n=y\n<* 1 EX~\n=n\n<ISTS\n=y\n>do~\n=n\n>ne\n=n\n<a1 OK done\n=y\n>a2 IDLE\n<a2 NO not "
      "now\n=y\n>DONE x\n=n\n",
      NULL, "" },
    { FRONT_IMAP, "", ">a NOOP\n>b NOOP\n<a OK\n=n\n<b OK\n=y\n>c~\n=n\n> NOOP\n<c OK\n=y\n", NULL, "" },
    /* The client's literals are no commands, whether they wait, are refused, or come at once. */
    { FRONT_IMAP, "",
      ">a APPEND x {10}\n=n\n<+ go\n>b LOGOUT\n=n\n>\n=n\n<a OK\n=y\n>c APPEND x {11+}\n>d LOGOUT\n>y\n=n\n<c OK\n=y\n"
      ">e NOOP\n>f APPEND x {10}\n<e OK\n<f NO [TRYCREATE] x\n=y\n>g LOGOUT\n=n\n<g OK\n=y\n",
      NULL, "out;" },
    { FRONT_IMAP, "", ">a COMPRESS DEFLATE\n<a OK\n<* CAPABILITY STARTTLS\n=n\n", NULL, "" },
};

#define BODY "<a|.^STLS|.\n<.|\n<..\n<STLS\n<+OK\n<-ERR connection is closed\n<USER^\n<^.\n<.^^\n<.x\n<.\n"

static const struct session pop3[] = {
    { FRONT_POP3, "",
      "=y\n>CAPA\n=n\n<+OK\n<TOP\n<STLS\n<SASL PLAIN XOAUTH2\n<USER\n<SASLX\n<UIDL\n=n\n<.\n=y\n<STLS\n",
      "+OK\nTOP\nSASLX\nUIDL\n.\nSTLS\n", "" },
    { FRONT_POP3, "UIDL", ">capa\n<-ERR no\n=y\n>CAPA x\n<+OK\n<UIDL\n<.\n=y\n", "-ERR no\n+OK\n.\n", "" },
    { FRONT_POP3, "", ">RETR 1\n=n\n<+OK 999 octets\n=n\n" BODY "=y\n", NULL, "" },
    { FRONT_POP3, "",
      ">TOP 1 0\n>CAPA\n>LIST\n>LIST 1\n>UIDL\n>uidl 1\n>NOOP\n>RETR 5\n>CAPA\n>QUIT\n"
      "<+OK\n" BODY "<+OK\n<STLS\n<X\n<.\n<+OK\n<1 5\n<.\n<+OK 1 5\n<+OK\n<1 x\n<.\n<+OK 1 x\n<+OK\n<-ERR "
      "no\n<+OK\n<STLS\n<X\n<.\n=n\n<+OK bye\n=y\n",
      "+OK\na|.^STLS|.\n.|\n..\nSTLS\n+OK\n-ERR connection is closed\nUSER^\n^.\n.^^\n.x\n.\n+OK\nX\n.\n+OK\n1 "
      "5\n.\n+OK 1 5\n+OK\n1 x\n.\n+OK 1 x\n+OK\n-ERR no\n+OK\nX\n.\n+OK bye\n",
      "out;" },
    { FRONT_POP3, "", ">RETR 1\n<+OK\n<.\n=y\n>RETR 1\n<+OK\n<\n<.\n=y\n>RETR 1\n<+OK\n<x^\n<.\n=y\n", NULL, "" },
    { FRONT_POP3, "", ">AUTH X\n<+ \n=n\n>x\n<-ERR no\n<-ERR no\n=y\n", NULL, "" },
    { FRONT_POP3, "", ">STAT\n<-ERR [SYS/TEMP] Request is throttled.\n>STAT\n<-ERR x\n<-ERR Connection is closed. 21\n",
      NULL, "throttled;bye;" },
    { FRONT_POP3, "", "<-ERR idle\n<\n<x\n", NULL, "bye;" },
};

static const struct session smtp[] = {
    { FRONT_SMTP, "",
      "=y\n>EHLO c\n=n\n<250-STARTTLS\n<250-SIZE 1\n<250-STARTTLS\n<250-AUTH LOGIN XOAUTH2\n=n\n<250 8BITMIME\n=y\n",
      "250-STARTTLS\n250-SIZE 1\n250 8BITMIME\n", "" },
    { FRONT_SMTP, "DSN CHUNKING",
      ">ehlo c\n<250-x\n<250-AUTH=LOGIN\n<250-dsn\n<250-SIZE 1\n<250-CHUNKING\n<250 STARTTLS\n=y\n",
      "250-x\n250 SIZE 1\n", "" },
    { FRONT_SMTP, "",
      ">EHLO c\n<250-x\n<250 STARTTLS\n>EHLO c\n<250 STARTTLS\n>EHLO c\n<550 no\n>EHLO c\n<250-x\n<250\n=y\n>HELO "
      "c\n<250-x\n<250 AUTH\n=y\n",
      "250 x\n250 STARTTLS\n550 no\n250-x\n250\n250-x\n250 AUTH\n", "" },
    { FRONT_SMTP, "",
      ">MAIL FROM:<a>\n>RCPT TO:<b>\n>DATA\n<250 ok\n<250-ok\n=n\n<250 ok\n=n\n<354 go\n=n\n>EHLO "
      "c\n>..\n>a|.|\n>.^\n>^.\n>.\n>EHLO c\n"
      "<250 2.0.0 queued STARTTLS\n<250-x\n<250-STARTTLS\n<250 y\n=y\n",
      "250 ok\n250-ok\n250 ok\n354 go\n250 2.0.0 queued STARTTLS\n250-x\n250 y\n", "" },
    { FRONT_SMTP, "",
      ">DATA\n<503 x\n=y\n>EHLO c\n<250-x\n<250 STARTTLS\n=y\n>DATA\n<354 go\n>.\n<250 ok\n=y\n>QUIT\n<221 bye\n=y\n",
      "503 x\n250 x\n354 go\n250 ok\n221 bye\n", "out;" },
    { FRONT_SMTP, "",
      ">BDAT 8\n>EHLO c\n>BDAT 0\n>BDAT 9 LAST\n>EHLO c\n>X~\n=n\n>EHLO c\n<250 a\n<250 b\n<250 c\n=n\n<250-x\n<250 "
      "AUTH\n=y\n",
      "250 a\n250 b\n250 c\n250 x\n", "" },
    { FRONT_SMTP, "",
      ">MAIL FROM:<a>\n>RCPT TO:<b>\n<250 ok\n<550 5.7.1 not you\n>FOO\n<500 5.5.1 what\n>DATA\n<354 go\n>x\n>.\n"
      "<554-5.2.252 SendAsDenied\n<554 x\n>MAIL FROM:<x>\n<550 x\n=y\n",
      NULL, "refused;" },
    { FRONT_SMTP, "",
      ">DATA\n<354 go\n>.\n<432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=x]\n=y\n<421 4.4.2 "
      "Message submission rate for "
      "this client has exceeded the configured limit\n",
      NULL, "throttled;bye;" },
    { FRONT_SMTP, "", ">EHLO c\n<250-x\n<250-STARTTLS\n<500 what\n<250-STARTTLS\n<250 z\n=y\n", NULL, "" },
    { FRONT_SMTP, "", ">EHLO c\n<hello\n<\n=y\n", NULL, "" },
    { FRONT_SMTP, "", ">DATA\n>too early\n>.\n<354 go\n<250 ok\n=n\n", NULL, "" },
    { FRONT_SMTP, "", ">BDAT x\n<501 no\n=n\n", NULL, "" },
};

static void test_imap(void **state)
{
    check_all(imap, COUNT(imap));
}

static void test_pop3(void **state)
{
    check_all(pop3, COUNT(pop3));
}

static void test_smtp(void **state)
{
    check_all(smtp, COUNT(smtp));
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
