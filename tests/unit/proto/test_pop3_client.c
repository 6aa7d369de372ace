/* Conversations: what the server says, what must be said and told. Each is played whole, octet by octet, in threes, and cut off at every
 * octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proto/pop3/client.h"

enum { PLAIN = 0, STLS = 1, RETRY_AUTH = 2, SWALLOW = 4 };

/* A newline stands for CRLF, '^' for a bare LF; '~' ends what the server says before the handshake. `does` is what is done at each
 * `ready`, a letter each (see on_ready). `out` marks secrets as [..]. */
struct dialogue {
    unsigned setup;
    enum pop3_client_sasl sasl;
    const char *does, *in, *out, *events;
};

struct play {
    struct pop3_client_options options;
    struct pop3_client *client;
    const char *does;
    unsigned setup;
    int credentials;
    bool is_over, has_body;
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
    pop3_client_credential(p->client, "joe@x", BYTES_LIT("T0ken"));
}

static void on_ready(void *ctx)
{
    struct play *p = ctx;
    struct pop3_client *c = p->client;
    assert_true(pop3_client_is_ready(c));
    assert_string_equal(pop3_client_when(c), "idle");
    if (p->has_body)
        buf_addf(&p->events, "body <%s>;", buf_str(&p->body));
    p->has_body = false;
    buf_clear(&p->body);
    buf_add_str(&p->events, "ready;");
    if (!*p->does)
        return;
    switch (*p->does++) {
    case 'S':
        pop3_client_stat(c);
        break;
    case 'U':
        pop3_client_uidl(c);
        break;
    case 'L':
        pop3_client_list(c);
        break;
    case 'T':
        pop3_client_top(c, 7);
        break;
    case 'R':
        pop3_client_retrieve(c, 7);
        break;
    case 'D':
        pop3_client_delete(c, 7);
        break;
    case 'N':
        pop3_client_noop(c);
        break;
    case 'Q':
        pop3_client_quit(c);
        break;
    default:
        fail();
    }
}

static void note_reply(struct play *p, const char *what, const struct pop3_reply *r)
{
    buf_addf(&p->events, "%s %s|%s|%s;", what, r->is_ok ? "ok" : "err", r->code, r->text);
}

static void on_auth_refused(void *ctx, const struct pop3_reply *reply, const char *challenge)
{
    struct play *p = ctx;
    note_reply(p, "refused", reply);
    if (challenge[0])
        buf_addf(&p->events, "challenge %s;", challenge);
    if (--p->credentials > 0)
        pop3_client_credential(p->client, "joe@x", BYTES_LIT("T0ken2"));
    else
        pop3_client_quit(p->client);
}

static void on_refused(void *ctx, const char *command, const struct pop3_reply *reply)
{
    note_reply(ctx, command, reply);
}

static void on_counted(void *ctx, uint32_t messages, uint64_t octets)
{
    struct play *p = ctx;
    buf_addf(&p->events, "counted %u %lu;", messages, (unsigned long)octets);
}

static void on_unique(void *ctx, uint32_t number, const char *uidl)
{
    struct play *p = ctx;
    buf_addf(&p->events, "%u=%s;", number, uidl);
}

static void on_sized(void *ctx, uint32_t number, uint64_t octets)
{
    struct play *p = ctx;
    buf_addf(&p->events, "%u:%lu;", number, (unsigned long)octets);
}

static bool on_body(void *ctx, uint32_t number, struct bytes chunk)
{
    struct play *p = ctx;
    assert_true(number == 7 && chunk.size > 0);
    p->has_body = true;
    if (p->setup & SWALLOW)
        return false;
    buf_add_bytes(&p->body, chunk);
    return true;
}

static void on_ended(void *ctx)
{
    struct play *p = ctx;
    buf_add_str(&p->events, "ended;");
}

static void on_failed(void *ctx, const char *when, const struct pop3_reply *reply, const struct fault *why)
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

static const struct pop3_client_host host = {
    .send = on_send,
    .send_secret = on_send_secret,
    .start_tls = on_start_tls,
    .want_credential = on_want_credential,
    .ready = on_ready,
    .auth_refused = on_auth_refused,
    .refused = on_refused,
    .counted = on_counted,
    .unique = on_unique,
    .sized = on_sized,
    .body = on_body,
    .ended = on_ended,
    .failed = on_failed,
};

#define XOAUTH2 POP3_CLIENT_XOAUTH2
#define NO_AUTH POP3_CLIENT_NO_AUTH
#define CLASSIC \
    "+OK The Microsoft Exchange POP3 service is ready. [QgBOADAA]\n+OK\nTOP\nUIDL\nSASL PLAIN XOAUTH2\nUSER\n.\n"
#define PROXY \
    "+OK Microsoft Exchange POP3 server ready (tcpproxy/15.20.9137.005). [..]\n+OK\nTOP\nUIDL\nSASL XOAUTH2\n.\n"
#define GMAIL "+OK Gpop ready\n+OK Capability list follows\nUSER\nRESP-CODES\nSASL PLAIN XOAUTH2 OAUTHBEARER\n.\n"
#define TOKEN "[dXNlcj1qb2VAeAFhdXRoPUJlYXJlciBUMGtlbgEB]\n"
#define SIGN_IN "CAPA\nAUTH XOAUTH2\n" TOKEN

static const struct dialogue greeting[] = {
    { PLAIN, NO_AUTH, "", CLASSIC, "CAPA\n", "ready;" },
    { PLAIN, NO_AUTH, "", "+OK\n-ERR what?\n", "CAPA\n", "ready;" },
    { PLAIN, NO_AUTH, "", "-ERR [SYS/TEMP] busy\n", "", "reply err|SYS/TEMP|busy;failed connect  retry;" },
    { PLAIN, NO_AUTH, "", "* OK IMAP4rev1\n", "", "failed connect pop3.not-pop3 hold;" },
    { PLAIN, NO_AUTH, "", "220 m ESMTP\n", "", "failed connect pop3.not-pop3 hold;" },
    { PLAIN, NO_AUTH, "", "+OKAY\n", "", "failed connect pop3.not-pop3 hold;" },
    { PLAIN, NO_AUTH, "", "\x16\x03\x01", "", "failed connect pop3.not-pop3 hold;" },
    { PLAIN, NO_AUTH, "", "+OK hi\nSASL XOAUTH2\n", "CAPA\n", "failed connect pop3.breach retry;" },
    { STLS, XOAUTH2, "", "+OK hi\n+OK\nSTLS\n.\n+OK go\n~+OK\nSASL XOAUTH2\n.\n+ \n+OK in\n",
      "CAPA\nSTLS\nCAPA\nAUTH XOAUTH2\n" TOKEN, "tls;credential;ready;" },
    { STLS, XOAUTH2, "", CLASSIC, "CAPA\n", "failed starttls pop3.stls-missing hold;" },
    { STLS, XOAUTH2, "", "+OK hi\n-ERR no CAPA\n", "CAPA\n", "failed starttls pop3.stls-missing hold;" },
    { STLS, XOAUTH2, "", "+OK hi\n+OK\nSTLS\n.\n-ERR not now\n", "CAPA\nSTLS\n",
      "reply err||not now;failed starttls pop3.stls-refused retry;" },
    /* What was heard in clear is forgotten. */
    { STLS, XOAUTH2, "", "+OK hi\n+OK\nSTLS\nSASL XOAUTH2\n.\n+OK go\n~+OK\nUSER\n.\n", "CAPA\nSTLS\nCAPA\n",
      "tls;failed auth pop3.auth-missing hold;" },
};

static const struct dialogue sign_in[] = {
    { PLAIN, XOAUTH2, "", CLASSIC "+ \n+OK User successfully authenticated. [..]\n", SIGN_IN, "credential;ready;" },
    { PLAIN, XOAUTH2, "", PROXY "+\n+OK User successfully authenticated. [..]\n", SIGN_IN, "credential;ready;" },
    { PLAIN, XOAUTH2, "", CLASSIC "+ \n-ERR Authentication failure: unknown user name or bad password.\n+OK bye\n",
      SIGN_IN "QUIT\n", "credential;refused err||Authentication failure: unknown user name or bad password.;ended;" },
    { PLAIN, XOAUTH2, "", CLASSIC "-ERR Protocol error. Connection is closed. 10\n", "CAPA\nAUTH XOAUTH2\nQUIT\n",
      "credential;refused err||Protocol error. Connection is closed. 10;" },
    { PLAIN, XOAUTH2, "", GMAIL "+ \n+ eyJzdGF0dXMiOiI0MDAifQ==\n-ERR [AUTH] Invalid credentials.\n",
      SIGN_IN "\nQUIT\n", "credential;refused err|AUTH|Invalid credentials.;challenge {\"status\":\"400\"};" },
    { PLAIN, XOAUTH2, "", GMAIL "+ \n+ e30=\n+ e30=\n", SIGN_IN "\n", "credential;failed auth pop3.breach retry;" },
    { PLAIN, POP3_CLIENT_OAUTHBEARER, "", GMAIL "+ \n+ e30=\n-ERR no\n",
      "CAPA\nAUTH OAUTHBEARER\n[bixhPWpvZUB4LAFob3N0PW1haWwueAFwb3J0PTk5NQFhdXRoPUJlYXJlciBUMGtlbgEB]\nAQ==\nQUIT\n",
      "credential;refused err||no;challenge {};" },
    { RETRY_AUTH, XOAUTH2, "", CLASSIC "+ \n-ERR no\n+ \n+OK in\n",
      SIGN_IN "AUTH XOAUTH2\n[dXNlcj1qb2VAeAFhdXRoPUJlYXJlciBUMGtlbjIBAQ==]\n", "credential;refused err||no;ready;" },
    { PLAIN, XOAUTH2, "", CLASSIC "+OK\n", "CAPA\nAUTH XOAUTH2\n",
      "credential;reply ok||;failed auth pop3.breach retry;" },
    { PLAIN, POP3_CLIENT_LOGIN, "", CLASSIC "+OK\n+OK User successfully logged on.\n",
      "CAPA\n[USER joe@x]\n[PASS T0ken]\n", "credential;ready;" },
    { PLAIN, POP3_CLIENT_LOGIN, "", "+OK hi\n-ERR\n+OK\n-ERR Logon failure: unknown user name or bad password.\n",
      "CAPA\n[USER joe@x]\n[PASS T0ken]\nQUIT\n",
      "credential;refused err||Logon failure: unknown user name or bad password.;" },
    { PLAIN, POP3_CLIENT_LOGIN, "", "+OK hi\n-ERR\n-ERR Basic authentication is disabled\n",
      "CAPA\n[USER joe@x]\nQUIT\n", "credential;refused err||Basic authentication is disabled;" },
    { PLAIN, POP3_CLIENT_PLAIN, "", CLASSIC "+ \n+OK in\n", "CAPA\nAUTH PLAIN\n[AGpvZUB4AFQwa2Vu]\n",
      "credential;ready;" },
    { PLAIN, POP3_CLIENT_PLAIN, "", "+OK hi\n+OK\nSASL LOGIN\n.\n+ VXNlcg==\n+ UGFzcw==\n+OK in\n",
      "CAPA\nAUTH LOGIN\n[am9lQHg=]\n[VDBrZW4=]\n", "credential;ready;" },
    { PLAIN, POP3_CLIENT_LOGIN, "", PROXY, "CAPA\n", "failed auth pop3.auth-missing hold;" },
};

#define IN "+OK hi\n+OK\nUIDL\nTOP\n.\n"

static const struct dialogue session[] = {
    { PLAIN, NO_AUTH, "SSQ",
      IN "+OK 3 4294967296\n+OK 0 0 and more\n+OK Microsoft Exchange Server POP3 server signing off.\n",
      "CAPA\nSTAT\nSTAT\nQUIT\n", "ready;counted 3 4294967296;ready;counted 0 0;ready;ended;" },
    { PLAIN, NO_AUTH, "S", IN "-ERR [SYS/TEMP] later\n", "CAPA\nSTAT\n", "ready;stat err|SYS/TEMP|later;ready;" },
    { PLAIN, NO_AUTH, "S", IN "+OK many\n", "CAPA\nSTAT\n", "ready;failed stat pop3.breach retry;" },
    { PLAIN, NO_AUTH, "UL", IN "+OK\n1 abc\n2 !~\n.\n+OK 2 messages\n1 120\n2 4294967296\n.\n", "CAPA\nUIDL\nLIST\n",
      "ready;1=abc;2=!~;ready;1:120;2:4294967296;ready;" },
    { PLAIN, NO_AUTH, "UU", IN "+OK\n.\n-ERR no\n", "CAPA\nUIDL\nUIDL\n", "ready;ready;uidl err||no;ready;" },
    { PLAIN, NO_AUTH, "U", IN "+OK\nx y\n", "CAPA\nUIDL\n", "ready;failed uidl pop3.breach retry;" },
    { PLAIN, NO_AUTH, "U", IN "+OK\n1\n", "CAPA\nUIDL\n", "ready;failed uidl pop3.breach retry;" },
    { PLAIN, NO_AUTH, "R", IN "+OK 20 octets\nA: b\n\n..\n...x\n.y\nend\n.\n", "CAPA\nRETR 7\n",
      "ready;body <A: b\r\n\r\n.\r\n..x\r\ny\r\nend\r\n>;ready;" },
    { PLAIN, NO_AUTH, "TN", IN "+OK\nA: b\n\n.\n+OK\n", "CAPA\nTOP 7 0\nNOOP\n",
      "ready;body <A: b\r\n\r\n>;ready;ready;" },
    { PLAIN, NO_AUTH, "R", IN "+OK\n.\n", "CAPA\nRETR 7\n", "ready;ready;" },
    { SWALLOW, NO_AUTH, "RN", IN "+OK\na\nb\n.\n+OK\n", "CAPA\nRETR 7\nNOOP\n", "ready;body <>;ready;ready;" },
    /* Only CRLF begins a line: a bare LF before a dot ends nothing. */
    { PLAIN, NO_AUTH, "R", IN "+OK\na^.\nb\r.\n.^c\n.\r\rd\n\r.\n.\n", "CAPA\nRETR 7\n",
      "ready;body <a\n.\r\nb\r.\r\n\nc\r\n\r\rd\r\n\r.\r\n>;ready;" },
    { PLAIN, NO_AUTH, "R", "+OK hi^+OK^.^+OK^a^..^b\n.^", "CAPA\nRETR 7\n", "ready;body <a\n.\nb\r\n>;ready;" },
    { PLAIN, NO_AUTH, "R", IN "-ERR no such message\n", "CAPA\nRETR 7\n", "ready;retr err||no such message;ready;" },
    { PLAIN, NO_AUTH, "DDN", IN "+OK\n-ERR gone\n+OK\n", "CAPA\nDELE 7\nDELE 7\nNOOP\n",
      "ready;ready;dele err||gone;ready;ready;" },
    { PLAIN, NO_AUTH, "DQ", IN "+OK\n-ERR some deleted messages not removed\n", "CAPA\nDELE 7\nQUIT\n",
      "ready;ready;reply err||some deleted messages not removed;failed quit  retry;" },
    { PLAIN, NO_AUTH, "", IN "-ERR Connection is closed. 20\n", "CAPA\n",
      "ready;reply err||Connection is closed. 20;failed idle  retry;" },
    { PLAIN, NO_AUTH, "", IN "+OK\n", "CAPA\n", "ready;reply ok||;failed idle pop3.breach retry;" },
    { PLAIN, NO_AUTH, "", IN "hello\n", "CAPA\n", "ready;failed idle pop3.breach retry;" },
    { PLAIN, NO_AUTH, "N", IN "+ go on\n", "CAPA\nNOOP\n", "ready;failed noop pop3.breach retry;" },
    { PLAIN, NO_AUTH, "N", IN "-ERR [host] [AUTH] x\n", "CAPA\nNOOP\n", "ready;noop err||[host] [AUTH] x;ready;" },
};

static void play_init(struct play *p, const struct dialogue *d)
{
    *p = (struct play){ .does = d->does, .setup = d->setup, .credentials = d->setup & RETRY_AUTH ? 2 : 1 };
    p->options = (struct pop3_client_options){
        .host = "mail.x", .port = 995, .tls = d->setup & STLS ? POP3_CLIENT_STLS : POP3_CLIENT_NO_TLS, .sasl = d->sasl
    };
    buf_init(&p->out, 1 << 20);
    buf_init(&p->events, 1 << 20);
    buf_init(&p->body, 1 << 20);
    p->client = pop3_client_new(&p->options, &host, p);
}

static void play_fini(struct play *p)
{
    pop3_client_free(p->client);
    buf_fini(&p->out);
    buf_fini(&p->events);
    buf_fini(&p->body);
}

static void add_crlf(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_byte(out, '\r');
        buf_add_byte(out, *text == '^' ? '\n' : (uint8_t)*text);
    }
}

/* The octets behind the sign-in are the session's: they are fed again. */
static void feed(struct play *p, struct bytes in, size_t step)
{
    while (in.size > 0) {
        struct bytes piece = bytes_slice(in, 0, step ? step : in.size);
        size_t used = pop3_client_feed(p->client, piece);
        assert_true(used > 0 && used <= piece.size);
        in = bytes_slice(in, used, in.size);
    }
}

static void feed_around_tls(struct play *p, const struct dialogue *d, struct bytes in, size_t step)
{
    size_t tilde = d->setup & STLS ? bytes_find(in, BYTES_LIT("~")) : SIZE_MAX;
    if (tilde == SIZE_MAX) {
        feed(p, in, step);
        return;
    }
    feed(p, bytes_slice(in, 0, tilde), step);
    assert_string_equal(buf_str(&p->events), "tls;");
    pop3_client_tls_done(p->client);
    feed(p, bytes_slice(in, tilde + 1, in.size), step);
}

static void play_whole(const struct dialogue *d, struct bytes in, struct bytes out)
{
    static const size_t steps[] = { 0, 1, 3 };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct play p;
        play_init(&p, d);
        feed_around_tls(&p, d, in, steps[i]);
        if (!bytes_equal(buf_bytes(&p.out), out) || strcmp(buf_str(&p.events), d->events) != 0)
            fail_msg("%s\nstep %zu\nsaid:\n%s\nnot:\n%s\nevents:\n%s\nnot:\n%s", d->in, steps[i], buf_str(&p.out),
                     (const char *)out.data, buf_str(&p.events), d->events);
        play_fini(&p);
    }
}

/* What was said and told up to there is the beginning of the whole, and leaving is possible. */
static void play_cut(const struct dialogue *d, struct bytes in, struct bytes out)
{
    size_t tilde = d->setup & STLS ? bytes_find(in, BYTES_LIT("~")) : SIZE_MAX;
    for (size_t size = 0; size < in.size && size < tilde; size++) {
        struct play p;
        play_init(&p, d);
        feed(&p, bytes_slice(in, 0, size), 0);
        assert_true(bytes_starts_nocase(out, buf_str(&p.out)));
        assert_true(bytes_starts_nocase(bytes_of(d->events), buf_str(&p.events)));
        pop3_client_quit(p.client);
        feed(&p, bytes_slice(in, size, in.size), 0);
        play_fini(&p);
    }
}

static void play_all(const struct dialogue *dialogues, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf in, out;
        buf_init(&in, 1 << 20);
        buf_init(&out, 1 << 20);
        add_crlf(&in, dialogues[i].in);
        add_crlf(&out, dialogues[i].out);
        play_whole(&dialogues[i], buf_bytes(&in), buf_bytes(&out));
        play_cut(&dialogues[i], buf_bytes(&in), buf_bytes(&out));
        buf_fini(&in);
        buf_fini(&out);
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

static void sessions(void **state)
{
    PLAY(session);
}

static void clear_octets_before_tls_are_an_attack(void **state)
{
    static const struct dialogue d = { STLS, XOAUTH2, "", "", "", "" };
    static const char in[] = "+OK hi\r\n+OK\r\nSTLS\r\n.\r\n+OK go\r\n+OK\r\n";
    struct play p;
    play_init(&p, &d);
    pop3_client_feed(p.client, bytes_of(in));
    assert_string_equal(buf_str(&p.events), "failed starttls pop3.injection hold;");
    play_fini(&p);
    play_init(&p, &d);
    feed(&p, bytes_of(in), 1);
    assert_string_equal(buf_str(&p.events), "tls;failed starttls pop3.injection hold;");
    play_fini(&p);
}

static void the_session_is_left_behind_the_sign_in(void **state)
{
    static const struct dialogue d = { PLAIN, XOAUTH2, "", "", "", "" };
    static const char in[] = CLASSIC "+ \n+OK in\n+OK more\n";
    struct play p;
    play_init(&p, &d);
    assert_int_equal(pop3_client_feed(p.client, bytes_of(in)), strlen(in) - strlen("+OK more\n"));
    assert_true(pop3_client_is_ready(p.client));
    const struct pop3_client_caps *caps = pop3_client_caps(p.client);
    assert_true(caps->uidl && caps->top && caps->user && caps->auth_xoauth2 && caps->auth_plain && !caps->stls);
    play_fini(&p);
}

static void feed_many(struct play *p, const char *before, size_t count)
{
    static char piece[4096];
    memset(piece, 'x', sizeof piece);
    feed(p, bytes_of(before), 0);
    for (size_t at = 0; at < count && !p->is_over; at += sizeof piece)
        feed(p, (struct bytes){ (const uint8_t *)piece, sizeof piece }, 0);
}

static void lines_have_an_end_but_not_those_of_messages(void **state)
{
    static const struct {
        const char *does, *before, *events;
    } cases[] = {
        { "", "+OK ", "failed connect pop3.not-pop3 hold;" },
        { "", "", "failed connect pop3.not-pop3 hold;" },
        { "N", IN "+OK ", "ready;failed noop pop3.breach retry;" },
        { "U", IN "+OK\n1 ", "ready;failed uidl pop3.breach retry;" },
        { "R", IN "+OK\n", "ready;" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct dialogue d = { SWALLOW, NO_AUTH, cases[i].does, "", "", "" };
        struct play p;
        play_init(&p, &d);
        feed_many(&p, cases[i].before, 1 << 20);
        assert_string_equal(buf_str(&p.events), cases[i].events);
        play_fini(&p);
    }
}

static void unusable_credentials_are_not_sent(void **state)
{
    static const struct {
        enum pop3_client_sasl sasl;
        const char *user, *secret;
    } cases[] = {
        { POP3_CLIENT_LOGIN, "a\r\nb", "x" },   { POP3_CLIENT_LOGIN, "a", "x\ny" }, { POP3_CLIENT_LOGIN, "", "x" },
        { POP3_CLIENT_XOAUTH2, "a\001b", "x" }, { POP3_CLIENT_XOAUTH2, "a", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct dialogue d = { PLAIN, cases[i].sasl, "", "", "", "" };
        struct pop3_client_host silent = host;
        struct play p;
        play_init(&p, &d);
        pop3_client_free(p.client);
        silent.want_credential = on_start_tls;
        p.client = pop3_client_new(&p.options, &silent, &p);
        feed(&p, bytes_of("+OK\r\n+OK\r\nUSER\r\nSASL XOAUTH2\r\n.\r\n"), 0);
        pop3_client_credential(p.client, cases[i].user, bytes_of(cases[i].secret));
        assert_string_equal(buf_str(&p.events), "tls;failed auth pop3.credential-unusable hold;");
        assert_string_equal(buf_str(&p.out), "CAPA\r\n");
        play_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings),
        cmocka_unit_test(sign_ins),
        cmocka_unit_test(sessions),
        cmocka_unit_test(clear_octets_before_tls_are_an_attack),
        cmocka_unit_test(the_session_is_left_behind_the_sign_in),
        cmocka_unit_test(lines_have_an_end_but_not_those_of_messages),
        cmocka_unit_test(unusable_credentials_are_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
