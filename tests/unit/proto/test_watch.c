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
    { FRONT_POP3, "",
      ">STAT\n<-ERR User is authenticated but not connected\n<-ERR Session invalidated - AccessTokenExpired\n", NULL,
      "unconnected;expired;" },
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
    { FRONT_SMTP, "", ">EHLO c\n<250-x\n<250-SIZE 7\n<250-8BIT~\n>DATA\n>too early\n>.\n<MIME\n<250 y\n<503 no\n=n\n",
      NULL, "" },
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

/* Numbers that are the same on every machine. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Lines that a message may hold, and that would be of concern elsewhere. */
static const char *const nasty[] = {
    "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n",
    "* BYE AccessTokenExpired\r\n",
    "a1 OK [CAPABILITY STARTTLS] x\r\n",
    "a1 BAD User is authenticated but not connected.\r\n",
    "+OK\r\n",
    "-ERR connection is closed\r\n",
    "STLS\r\n",
    "USER\r\n",
    "SASL PLAIN\r\n",
    "250-STARTTLS\r\n",
    "250 AUTH LOGIN\r\n",
    "421 4.7.0 bye\r\n",
    "354 go\r\n",
    "..\r\n",
    ".x\r\n",
    "\r\n",
    "\n.\n",
    "\n.\r\n",
    "\r.\r\n",
    "\r",
    "\n",
    "x {5}\r\n",
    ")\r\n",
    "BDAT 5 LAST\r\n",
    "QUIT\r\n",
    "EHLO c\r\n",
    "\xff\xfe\x80",
    "x.\r\n",
    "DATA\r\n",
    "a LOGOUT\r\n",
    "DONE\r\n",
    "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
};

/* Without the message's end in it: that is CRLF "." CRLF, wherever its parts come from. */
static void add_body(struct buf *out, uint32_t *seed)
{
    struct buf body;
    buf_init(&body, ENOUGH);
    for (uint32_t lines = next_random(seed) % 40; lines > 0; lines--)
        buf_add_str(&body, nasty[next_random(seed) % COUNT(nasty)]);
    buf_add_str(&body, "x\r\n");
    bool has_end = bytes_find(buf_bytes(&body), BYTES_LIT("\r\n.\r\n")) != SIZE_MAX ||
                   (body.size > 2 && memcmp(body.data, ".\r\n", 3) == 0);
    if (!has_end)
        buf_add_bytes(out, buf_bytes(&body));
    buf_fini(&body);
}

static void add_imap(struct buf *in, struct buf *out, struct buf *client, uint32_t *seed)
{
    struct buf body;
    switch (next_random(seed) % 4) {
    case 0:
        buf_add_str(in, "* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE\r\n");
        buf_add_str(out, "* CAPABILITY IMAP4rev1 IDLE\r\n");
        break;
    case 1:
        buf_add_str(in, "a7 OK [CAPABILITY STARTTLS IMAP4rev1] done {9}\r\n");
        buf_add_str(out, "a7 OK [CAPABILITY IMAP4rev1] done {9}\r\n");
        break;
    case 2:
        buf_add_str(in, "* 7 FETCH (FLAGS ())\r\n* SEARCH 1 2 3\r\n+ go\r\na OK done\r\n");
        buf_add_str(out, "* 7 FETCH (FLAGS ())\r\n* SEARCH 1 2 3\r\n+ go\r\na OK done\r\n");
        break;
    default:
        buf_init(&body, ENOUGH);
        add_body(&body, seed);
        for (int side = 0; side < 2; side++) {
            struct buf *to = side ? in : out;
            buf_addf(to, "* 7 FETCH (UID 7 BODY[] {%zu}\r\n", body.size);
            buf_add_bytes(to, buf_bytes(&body));
            buf_addf(to, " BODY[1] ~{%zu}\r\n", body.size);
            buf_add_bytes(to, buf_bytes(&body));
            buf_add_str(to, "* BYE)\r\n");
        }
        buf_fini(&body);
    }
}

static void add_pop3(struct buf *in, struct buf *out, struct buf *client, uint32_t *seed)
{
    size_t from = in->size;
    switch (next_random(seed) % 4) {
    case 0:
        buf_add_str(client, "CAPA\r\n");
        buf_add_str(in, "+OK\r\nTOP\r\nSTLS\r\nSASL PLAIN\r\nUIDL\r\n.\r\n");
        buf_add_str(out, "+OK\r\nTOP\r\nUIDL\r\n.\r\n");
        return;
    case 1:
        buf_add_str(client, "LIST\r\nDELE 1\r\nUIDL 5\r\n");
        buf_add_str(in, "+OK\r\n1 5\r\n2 6\r\n.\r\n+OK gone\r\n+OK 5 x\r\n");
        break;
    case 2:
        buf_add_str(client, "RETR 1\r\n");
        buf_add_str(in, "-ERR no\r\n");
        break;
    default:
        buf_add_str(client, "RETR 1\r\n");
        buf_add_str(in, "+OK follows\r\n");
        add_body(in, seed);
        buf_add_str(in, ".\r\n");
    }
    buf_add(out, in->data + from, in->size - from);
}

static void give_at_random(void (*to)(struct watch *, struct bytes), struct watch *w, struct bytes in, uint32_t *seed)
{
    uint32_t most = 1u << next_random(seed) % 16;
    for (size_t at = 0; at < in.size;) {
        size_t end = at + 1 + next_random(seed) % most;
        to(w, bytes_slice(in, at, end));
        at = end;
    }
}

typedef void add_fn(struct buf *in, struct buf *out, struct buf *client, uint32_t *seed);

static void check_transcript(enum front_protocol p, add_fn *add, uint32_t seed)
{
    struct bench b;
    struct buf in, out, client;
    buf_init(&in, ENOUGH);
    buf_init(&out, ENOUGH);
    buf_init(&client, ENOUGH);
    bench_init(&b, p, "");
    for (int i = 0; i < 40; i++)
        add(&in, &out, &client, &seed);
    give_at_random(watch_from_client, b.watch, buf_bytes(&client), &seed);
    give_at_random(watch_from_server, b.watch, buf_bytes(&in), &seed);
    assert_int_equal(b.out.size, out.size);
    assert_memory_equal(b.out.data, out.data, out.size);
    assert_string_equal(buf_str(&b.events), "");
    assert_true(watch_is_between(b.watch));
    bench_fini(&b);
    buf_fini(&in);
    buf_fini(&out);
    buf_fini(&client);
}

static void test_long_transcripts_cut_anywhere(void **state)
{
    for (uint32_t seed = 1; seed <= 300; seed++) {
        check_transcript(FRONT_IMAP, add_imap, seed);
        check_transcript(FRONT_POP3, add_pop3, seed);
    }
}

/* SMTP: the client's messages are what is cut; each exchange ends before the next begins, as DATA wants it. */
static void test_messages_of_the_client_cut_anywhere(void **state)
{
    for (uint32_t seed = 1; seed <= 300; seed++) {
        struct bench b;
        uint32_t random = seed;
        bench_init(&b, FRONT_SMTP, "");
        for (int i = 0; i < 20; i++) {
            struct buf body;
            buf_init(&body, ENOUGH);
            add_body(&body, &random);
            if (next_random(&random) % 2) {
                give_at_random(watch_from_client, b.watch, BYTES_LIT("MAIL FROM:<a>\r\nDATA\r\n"), &random);
                give_at_random(watch_from_server, b.watch, BYTES_LIT("250 ok\r\n354-a\r\n354 go\r\n"), &random);
                buf_add_str(&body, ".\r\n");
            } else {
                char command[64];
                snprintf(command, sizeof command, "BDAT %zu LAST\r\n", body.size);
                give_at_random(watch_from_client, b.watch, bytes_of(command), &random);
            }
            give_at_random(watch_from_client, b.watch, buf_bytes(&body), &random);
            give_at_random(watch_from_client, b.watch, BYTES_LIT("EHLO c\r\n"), &random);
            buf_clear(&b.out);
            give_at_random(watch_from_server, b.watch, BYTES_LIT("250 taken\r\n250-x\r\n250-A\r\n250 STARTTLS\r\n"),
                           &random);
            assert_string_equal(buf_str(&b.out), "250 taken\r\n250-x\r\n250 A\r\n");
            assert_true(watch_is_between(b.watch));
            buf_fini(&body);
        }
        assert_string_equal(buf_str(&b.events), "");
        bench_fini(&b);
    }
}

/* A line of concern is held up to WATCH_HOLD octets, and one that is longer passes as it is; all others are never held. */
static void test_what_is_held_is_bounded(void **state)
{
    static const struct {
        enum front_protocol protocol;
        const char *asks, *front;
        size_t held;
    } cases[] = {
        { FRONT_IMAP, "", "* CAPABILITY STARTTLS ", WATCH_HOLD },
        { FRONT_IMAP, "", "a OK [CAPABILITY STARTTLS ", WATCH_HOLD },
        { FRONT_IMAP, "", "* BYE ", WATCH_HOLD },
        { FRONT_IMAP, "", "* LIST ", 0 },
        { FRONT_IMAP, "", "* 1 FETCH ", 0 },
        { FRONT_IMAP, "", "a OK [CAPABILITIES ", 0 },
        { FRONT_IMAP, "", "no-tag", 256 },
        { FRONT_POP3, "CAPA\r\n", "+OK\r\nSTLS ", WATCH_HOLD },
        { FRONT_POP3, "", "-ERR ", WATCH_HOLD },
        { FRONT_POP3, "RETR 1\r\n", "+OK\r\nSTLS ", 0 },
        { FRONT_SMTP, "EHLO c\r\n", "250-x\r\n250-STARTTLS ", 2 * WATCH_HOLD },
        { FRONT_SMTP, "", "250 ", 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t step = 1; step < 20000; step = step * 5 + 2) {
            struct bench b;
            struct buf in;
            buf_init(&in, ENOUGH);
            bench_init(&b, cases[i].protocol, "");
            watch_from_client(b.watch, bytes_of(cases[i].asks));
            buf_add_str(&in, cases[i].front);
            while (in.size < 3 * WATCH_HOLD)
                buf_add_byte(&in, 'x');
            for (size_t at = 0; at < in.size; at += step) {
                watch_from_server(b.watch, bytes_slice(buf_bytes(&in), at, at + step));
                size_t given = at + step < in.size ? at + step : in.size;
                assert_true(b.out.size <= given && given - b.out.size <= (given > 32 ? cases[i].held : 32));
            }
            watch_from_server(b.watch, BYTES_LIT("\r\n"));
            buf_add_str(&in, "\r\n");
            assert_true(bytes_equal(buf_bytes(&b.out), buf_bytes(&in)));
            buf_fini(&in);
            bench_fini(&b);
        }
    }
}

/* A reply to EHLO of more than is held passes as it is, whether one line or all together are too long. */
static void test_a_hello_that_is_too_long(void **state)
{
    for (size_t lines = 1; lines <= 1000; lines = lines * 10) {
        for (size_t step = 1; step < 30000; step = step * 7 + 1) {
            struct bench b;
            struct buf in;
            buf_init(&in, ENOUGH);
            bench_init(&b, FRONT_SMTP, "");
            buf_add_str(&in, "250-x\r\n250-STARTTLS\r\n");
            for (size_t i = 0; i < lines; i++) {
                buf_add_str(&in, "250-");
                for (size_t n = 0; n < 10000 / lines; n++)
                    buf_add_byte(&in, 'x');
                buf_add_str(&in, "\r\n");
            }
            buf_add_str(&in, "250-AUTH LOGIN\r\n250 STARTTLS\r\n");
            watch_from_client(b.watch, BYTES_LIT("EHLO c\r\nEHLO c\r\n"));
            give(watch_from_server, b.watch, buf_bytes(&in), step);
            assert_true(bytes_equal(buf_bytes(&b.out), buf_bytes(&in)));
            buf_clear(&b.out);
            give(watch_from_server, b.watch, BYTES_LIT("250-x\r\n250 STARTTLS\r\n"), step);
            assert_string_equal(buf_str(&b.out), "250 x\r\n");
            buf_fini(&in);
            bench_fini(&b);
        }
    }
}

static void test_too_many_commands_under_way(void **state)
{
    struct bench b;
    bench_init(&b, FRONT_POP3, "");
    for (int i = 0; i < 65536; i++)
        watch_from_client(b.watch, BYTES_LIT("NOOP\r\n"));
    for (int i = 0; i < 40000; i++)
        watch_from_server(b.watch, BYTES_LIT("+OK\r\n"));
    for (int i = 0; i < 40000; i++)
        watch_from_client(b.watch, BYTES_LIT("CAPA\r\n"));
    for (int i = 0; i < 25536; i++)
        watch_from_server(b.watch, BYTES_LIT("+OK\r\n"));
    buf_clear(&b.out);
    watch_from_server(b.watch, BYTES_LIT("+OK\r\nSTLS\r\n.\r\n"));
    assert_string_equal(buf_str(&b.out), "+OK\r\n.\r\n");
    for (int i = 0; i < 65536; i++)
        watch_from_client(b.watch, BYTES_LIT("NOOP\r\n"));
    buf_clear(&b.out);
    watch_from_server(b.watch, BYTES_LIT("+OK\r\nSTLS\r\n.\r\n"));
    assert_string_equal(buf_str(&b.out), "+OK\r\nSTLS\r\n.\r\n");
    assert_false(watch_is_between(b.watch));
    bench_fini(&b);
}

static void test_lists_made_fit(void **state)
{
    static const struct {
        enum front_protocol protocol;
        const char *list, *without, *out;
        size_t size;
    } cases[] = {
        { FRONT_IMAP, "IMAP4rev1 AUTH=XOAUTH2  SASL-IR IDLE STARTTLS ENABLE IMAP4rev2", "ENABLE IMAP4rev2",
          "IMAP4rev1 IDLE", 100 },
        { FRONT_IMAP, "IMAP4rev1 IDLE", "", "IMAP4rev1", 14 },
        { FRONT_IMAP, "IMAP4rev1 IDLE", NULL, "IMAP4rev1 IDLE", 15 },
        { FRONT_IMAP, "A] x\ny \xff \001 B", "", "x y B", 100 },
        { FRONT_IMAP, "", "", "", 1 },
        { FRONT_IMAP, NULL, "", "", 1 },
        { FRONT_POP3, "TOP\nSTLS\nSASL PLAIN XOAUTH2\nUSER\nEXPIRE 60 USER\n", "", "TOP\nEXPIRE 60 USER", 100 },
        { FRONT_SMTP, "SIZE 1\nAUTH LOGIN\nSTARTTLS\nAUTH=LOGIN\nDSN\nCHUNKING", "chunking", "SIZE 1\nDSN", 100 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[100];
        watch_capabilities(cases[i].protocol, cases[i].list, cases[i].without, out, cases[i].size);
        assert_string_equal(out, cases[i].out);
    }
}

/* Where a farewell may stand although commands are under way: wherever the client is in the middle of no answer. */
static void test_where_a_farewell_may_stand(void **state)
{
    static const struct {
        enum front_protocol protocol;
        const char *asks, *answer, *is_at_start; /* 'y' or 'n' before each octet and at the end */
    } cases[] = {
        { FRONT_IMAP, "a X\r\n", "* 1 X {2}\r\n\r\n)\r\n* BYE x\r\n", "yyynnnnnnnnnnnnnyyyyyyyyyy" },
        { FRONT_POP3, "RETR 1\r\nCAPA\r\n", "+OK\r\nx\r\n.\r\n+OK\r\n.\r\n-ERR\r\n", "yyynnnnnnnnyyynnnnnyyyyyyy" },
        { FRONT_SMTP, "EHLO\r\nNOOP\r\n", "250-x\r\n250 y\r\n250-x\r\n250 y\r\n", "yyyyyyyyyyyyyyyyyynnnnnnnnnny" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench b;
        char seen[64] = "";
        bench_init(&b, cases[i].protocol, "");
        watch_from_client(b.watch, bytes_of(cases[i].asks));
        for (const char *at = cases[i].answer; *at; at++) {
            strcat(seen, watch_is_at_start(b.watch) ? "y" : "n");
            watch_from_server(b.watch, (struct bytes){ (const uint8_t *)at, 1 });
        }
        strcat(seen, watch_is_at_start(b.watch) ? "y" : "n");
        assert_string_equal(seen, cases[i].is_at_start);
        bench_fini(&b);
    }
}

static void test_lines_told_are_cut(void **state)
{
    struct bench b;
    bench_init(&b, FRONT_IMAP, "");
    watch_from_server(b.watch, BYTES_LIT("* BYE "));
    for (int i = 0; i < 2000; i++)
        watch_from_server(b.watch, BYTES_LIT("x"));
    watch_from_server(b.watch, BYTES_LIT("\r\n"));
    assert_string_equal(buf_str(&b.events), "bye;"); /* on_event() looks at the size */
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imap),
        cmocka_unit_test(test_pop3),
        cmocka_unit_test(test_smtp),
        cmocka_unit_test(test_long_transcripts_cut_anywhere),
        cmocka_unit_test(test_messages_of_the_client_cut_anywhere),
        cmocka_unit_test(test_what_is_held_is_bounded),
        cmocka_unit_test(test_a_hello_that_is_too_long),
        cmocka_unit_test(test_too_many_commands_under_way),
        cmocka_unit_test(test_lists_made_fit),
        cmocka_unit_test(test_where_a_farewell_may_stand),
        cmocka_unit_test(test_lines_told_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
