/* A session from the door to its end: who is let in, what each fault of the provider's costs, and octets both ways. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../net/certificates.h"
#include "base/text.h"
#include "world.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const enum front_protocol protocols[] = { FRONT_IMAP, FRONT_POP3, FRONT_SMTP };
#define EACH_PROTOCOL(i) for (size_t i = 0; i < COUNT(protocols); i++)

static struct world w;

/* The client is gone, which is told to the provider once no answer is due, or too late. */
static void see_it_end(unsigned ended)
{
    for (unsigned i = 0; i < 200 && w.ended < ended; i++) {
        world_turns(&w, 10);
        loop_advance(w.loop, 1000);
    }
    assert_int_equal(w.ended, ended);
}

static void finish(int fd)
{
    close(fd);
    see_it_end(w.opened);
    world_close(&w);
}

/* -- Octets -- */

static void what_stands_behind_the_sign_in_is_the_first_to_arrive(void **state)
{
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        char *all = mem_printf("%sfirst\r\nsecond {3}\r\nabc", world_login(&w));
        world_say(&w, fd, all);
        WORLD_UNTIL(&w, w.dials == 1 && w.far[0].got.size == 22);
        assert_string_equal(buf_str(&w.far[0].got), "first\r\nsecond {3}\r\nabc");
        world_expect(&w, fd, world_welcome(&w));
        world_far_say(&w, "answer\r\n");
        world_expect(&w, fd, "answer\r\n");
        assert_int_equal(w.tokens_asked, 1);
        assert_string_equal(w.host, "192.0.2.7");
        free(all);
        finish(fd);
    }
}

static void what_the_provider_does_not_keep_is_not_passed_on(void **state)
{
    world_open(&w, FRONT_IMAP);
    int fd = world_client(&w);
    world_say(&w, fd, world_login(&w));
    world_expect(&w, fd, "a1 OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] ");
    world_far_say(&w, "* CAPABILITY IMAP4 IMAP4rev1 ENABLE IMAP4rev2 STARTTLS IDLE\r\n");
    world_expect(&w, fd, "* CAPABILITY IMAP4 IMAP4rev1 IDLE\r\n");
    close(fd);
    see_it_end(1);
    /* The next one hears it before it signs in. */
    fd = world_client(&w);
    world_say(&w, fd, "a0 CAPABILITY\r\n");
    world_expect(&w, fd, " IDLE UIDPLUS");
    finish(fd);
}

static void one_octet_at_a_time(void **state)
{
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        char *all = mem_printf("%sx1 y\r\nx2 z\r\n", world_login(&w));
        for (const char *at = all; *at; at++) {
            world_say(&w, fd, (char[]){ *at, '\0' });
            world_turns(&w, 3);
        }
        WORLD_UNTIL(&w, w.dials == 1 && w.far[0].got.size == 12);
        assert_string_equal(buf_str(&w.far[0].got), "x1 y\r\nx2 z\r\n");
        world_expect(&w, fd, world_welcome(&w));
        for (const char *at = "long answer\r\n"; *at; at++) {
            world_far_say(&w, (char[]){ *at, '\0' });
            world_turns(&w, 3);
        }
        world_expect(&w, fd, "long answer\r\n");
        free(all);
        finish(fd);
    }
}

static char *pattern(size_t size)
{
    char *data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = i % 72 == 70 ? '\r' : i % 72 == 71 ? '\n' : (char)('a' + (i / 72 + i) % 26);
    return data;
}

static void a_slow_reader_costs_bounded_memory(void **state)
{
    enum { SIZE = 72 * 350000 }; /* whole lines */
    char *data = pattern(SIZE), *got = malloc(SIZE);
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        world_sign_in(&w, fd);
        assert_true(conn_write(w.far[0].conn, (struct bytes){ (const uint8_t *)data, SIZE }));
        for (int quiet = 0, turns = 0; quiet < 50 && turns < 5000; turns++) {
            size_t before = conn_pending(w.far[0].conn);
            loop_turn(w.loop, 0);
            quiet = conn_pending(w.far[0].conn) == before ? quiet + 1 : 0;
        }
        /* What is not with the provider any more lies in the kernel's buffers, and a little here. */
        assert_true(conn_pending(w.far[0].conn) > SIZE / 2);
        size_t at = 0;
        while (at < SIZE) {
            ssize_t n = recv(fd, got + at, SIZE - at, 0);
            if (n > 0)
                at += (size_t)n;
            else
                loop_turn(w.loop, 1);
        }
        assert_memory_equal(got, data, SIZE);
        finish(fd);
    }
    free(data);
    free(got);
}

static void a_provider_that_reads_slowly_stops_the_client(void **state)
{
    enum { SIZE = 72 * 350000 }; /* whole lines */
    char *data = pattern(SIZE);
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        world_sign_in(&w, fd);
        conn_pause(w.far[0].conn);
        size_t sent = 0;
        for (int quiet = 0; quiet < 50;) {
            ssize_t n = send(fd, data + sent, SIZE - sent, MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
            quiet = n > 0 ? 0 : quiet + 1;
            loop_turn(w.loop, 0);
        }
        assert_true(sent < SIZE / 2);
        conn_resume(w.far[0].conn);
        while (sent < SIZE) {
            ssize_t n = send(fd, data + sent, SIZE - sent, MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
            loop_turn(w.loop, 0);
        }
        WORLD_UNTIL(&w, w.far[0].got.size == SIZE);
        assert_memory_equal(w.far[0].got.data, data, SIZE);
        finish(fd);
    }
    free(data);
}

/* -- Who is let in -- */

static void a_wrong_password_may_be_corrected(void **state)
{
    static const char *const wrong[] = { "a0 LOGIN web wrong\r\n", "USER web\r\nPASS wrong\r\n",
                                         "EHLO me\r\nAUTH PLAIN AHdlYgB3cm9uZw==\r\n" };
    static const char *const words[] = { "a0 NO [AUTHENTICATIONFAILED]", "-ERR [AUTH]", "535 5.7.8" };
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        world_say(&w, fd, wrong[protocols[i]]);
        WORLD_UNTIL(&w, w.logins_asked == 1);
        world_turns(&w, 5);
        loop_advance(w.loop, 249);
        world_turns(&w, 5);
        loop_advance(w.loop, 1);
        world_expect(&w, fd, words[protocols[i]]);
        assert_int_equal(w.dials, 0);
        world_sign_in(&w, fd);
        finish(fd);
    }
}

static const char *const unavailable[] = { "NO [UNAVAILABLE]", "-ERR [SYS/TEMP]", "454 4.7.0" };

static void without_a_vault_everybody_is_told_to_wait(void **state)
{
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        w.vault_is_away = true;
        world_say(&w, fd, world_login(&w));
        world_expect(&w, fd, unavailable[protocols[i]]);
        w.vault_is_away = false;
        w.vault_is_silent = true;
        world_say(&w, fd, world_login(&w));
        WORLD_UNTIL(&w, w.logins_asked == 2);
        loop_advance(w.loop, 30000);
        world_expect(&w, fd, unavailable[protocols[i]]);
        w.vault_is_silent = false;
        w.answers_due = 0;
        world_sign_in(&w, fd);
        finish(fd);
    }
}

static void what_an_app_may_not_do_is_said(void **state)
{
    static const struct {
        enum front_protocol protocol;
        const char *login, *words;
    } cases[] = {
        { FRONT_IMAP, "a1 LOGIN poster secret\r\n", "a1 NO [AUTHORIZATIONFAILED] poster may not use this protocol" },
        { FRONT_IMAP, "a1 LOGIN web%send@a.example secret\r\n", "a1 NO [AUTHORIZATIONFAILED] mailbox send@a.example" },
        { FRONT_POP3, "USER poster\r\nPASS secret\r\n", "-ERR [SYS/PERM]" },
        { FRONT_SMTP, "EHLO me\r\nAUTH PLAIN AGZvcmNlZABzZWNyZXQ=\r\n", "which only a listener with mode queue can" },
        { FRONT_IMAP, "a1 LOGIN nobody secret\r\n", "a1 NO [UNAVAILABLE]" }, /* gone between two messages */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        world_open(&w, cases[i].protocol);
        int fd = world_client(&w);
        world_say(&w, fd, cases[i].login);
        world_expect(&w, fd, cases[i].words);
        assert_int_equal(w.dials, 0);
        assert_int_equal(w.tokens_asked, 0);
        finish(fd);
    }
}

static void sessions_are_counted(void **state)
{
    int fds[3];
    world_open(&w, FRONT_SMTP);
    for (int i = 0; i < 2; i++) {
        fds[i] = world_client(&w);
        world_sign_in(&w, fds[i]);
    }
    fds[2] = world_client(&w);
    world_say(&w, fds[2], world_login(&w));
    world_expect(&w, fds[2], "mailbox shop@a.example has 2 sessions open already");
    close(fds[0]);
    see_it_end(1);
    world_say(&w, fds[2], "AUTH PLAIN AHdlYgBzZWNyZXQ=\r\n");
    WORLD_UNTIL(&w, w.dials == 3 && w.far[2].is_signed_in);
    close(fds[1]);
    close(fds[2]);
    see_it_end(3);
    world_close(&w);
}

/* Though the client does not hang up. */
static void a_goodbye_gives_the_place_back(void **state)
{
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fds[3];
        for (int j = 0; j < 2; j++) {
            fds[j] = world_client(&w);
            world_sign_in(&w, fds[j]);
        }
        conn_finish(w.far[0].conn, 1000);
        world_expect_end(&w, fds[0]);
        fds[2] = world_client(&w);
        world_sign_in(&w, fds[2]);
        assert_int_equal(w.ended, 0);
        for (int j = 0; j < 3; j++)
            close(fds[j]);
        see_it_end(3);
        world_close(&w);
    }
}

/* -- Tokens -- */

static void a_refused_token_is_renewed_once(void **state)
{
    for (int hangs_up = 0; hangs_up < 2; hangs_up++) {
        EACH_PROTOCOL(i)
        {
            world_open(&w, protocols[i]);
            int fd = world_client(&w);
            w.refusals = 1;
            w.hangs_up = hangs_up;
            world_say(&w, fd, world_login(&w));
            WORLD_UNTIL(&w, w.tokens_asked >= 2 && w.dials > 0 && world_far(&w)->is_signed_in);
            assert_int_equal(w.token.serial, 2);
            assert_int_equal(w.dials, hangs_up ? 2 : 1);
            world_expect(&w, fd, world_welcome(&w));
            finish(fd);
        }
    }
}

/* Whether the connection ends before the new token is there or only after it. */
static void a_refusal_with_a_goodbye_costs_no_second_try(void **state)
{
    static const char *const goodbyes[] = { "\r\n* BYE Try again", "\r\n-ERR Connection is closed",
                                            "\r\n421 4.7.0 Bye" };
    for (int hangs_up = 0; hangs_up < 2; hangs_up++) {
        EACH_PROTOCOL(i)
        {
            world_open(&w, protocols[i]);
            int fd = world_client(&w);
            w.refusals = 1;
            w.refusal = goodbyes[protocols[i]];
            w.hangs_up = hangs_up;
            world_say(&w, fd, world_login(&w));
            world_expect(&w, fd, world_welcome(&w));
            assert_int_equal(w.dials, 2);
            assert_int_equal(w.token.serial, 2);
            finish(fd);
        }
    }
}

static void a_sign_in_that_needs_a_person_is_explained(void **state)
{
    static const char *const words[] = { "a1 NO [", "-ERR [SYS/PERM]", "535 5.7.8" };
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        w.refusals = 2;
        world_say(&w, fd, world_login(&w));
        if (protocols[i] == FRONT_SMTP)
            world_expect(&w, fd, "shop@a.example: ");
        else
            world_expect(&w, fd, words[protocols[i]]);
        assert_int_equal(w.tokens_asked, 2);
        finish(fd);
    }
}

/* The server's answer is the same for all of them. */
static void a_refused_token_is_explained_by_what_it_says(void **state)
{
    static const struct {
        const char *claims, *says[3]; /* by protocol */
    } cases[] = {
        { "{\"aud\":\"https://graph.microsoft.com\",\"scp\":\"Mail.Send\"}",
          { "for another service than Exchange", "for another service than Exchange",
            "for another service than Exchange" } },
        { "{\"aud\":\"https://outlook.office.com\",\"scp\":\"User.Read\"}",
          { "the permission IMAP.AccessAsUser.All", "the permission POP.AccessAsUser.All",
            "the permission SMTP.Send" } },
    };
    for (size_t c = 0; c < COUNT(cases); c++) {
        EACH_PROTOCOL(i)
        {
            char payload[400], token[500];
            assert_true(base64url_encode(bytes_of(cases[c].claims), payload, sizeof payload));
            snprintf(token, sizeof token, "eyJhbGciOiJSUzI1NiJ9.%s.c2ln", payload);
            world_open(&w, protocols[i]);
            int fd = world_client(&w);
            w.refusals = 2;
            w.token.secret = bytes_of(token);
            world_say(&w, fd, world_login(&w));
            world_expect(&w, fd, cases[c].says[protocols[i]]);
            assert_int_equal(w.tokens_asked, 2);
            finish(fd);
        }
    }
}

static void a_refused_password_is_not_called_a_token(void **state)
{
    world_open(&w, FRONT_IMAP);
    world_put(&w, OBJECT_MAILBOX, "shop@a.example",
              "{\"address\":\"shop@a.example\",\"provider\":\"mx\",\"grant\":\"basic\"}");
    int fd = world_client(&w);
    w.token.sasl = OBJECT_SASL_LOGIN;
    w.refusals = 1;
    world_say(&w, fd, world_login(&w));
    world_expect(&w, fd, "The server does not take the password of shop@a.example");
    assert_int_equal(w.tokens_asked, 1);
    finish(fd);
}

static void a_credential_that_the_vault_has_not_is_explained(void **state)
{
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        w.token.is_ok = false;
        w.token.kind = FAULT_HOLD;
        w.token.id = "grant.missing";
        w.token.text = "nobody has signed in";
        world_say(&w, fd, world_login(&w));
        world_expect(&w, fd, "shop@a.example: ");
        w.token.is_ok = true;
        world_sign_in(&w, fd);
        finish(fd);
    }
}

static void a_token_that_ends_is_renewed_before_the_client_comes_back(void **state)
{
    world_open(&w, FRONT_IMAP);
    int fd = world_client(&w);
    world_sign_in(&w, fd);
    world_far_say(&w, "* BYE Session invalidated - AccessTokenExpired\r\n");
    world_expect(&w, fd, "* BYE Session invalidated - AccessTokenExpired\r\n");
    WORLD_UNTIL(&w, w.tokens_asked == 2);
    assert_int_equal(w.token_refused, 1);
    conn_finish(w.far[0].conn, 1000);
    world_expect_end(&w, fd); /* and nothing of ours behind it */
    finish(fd);
}

static void a_mailbox_that_does_not_open_is_told(void **state)
{
    world_open(&w, FRONT_IMAP);
    int fd = world_client(&w);
    world_sign_in(&w, fd);
    world_say(&w, fd, "a2 SELECT INBOX\r\n");
    WORLD_UNTIL(&w, w.far[0].got.size > 0);
    world_far_say(&w, "a2 BAD User is authenticated but not connected.\r\n");
    world_expect(&w, fd, "a2 BAD User is authenticated but not connected.\r\n");
    assert_int_equal(w.troubles, 1);
    assert_string_equal(w.trouble_id, "imap.not-connected");
    finish(fd);
    world_open(&w, FRONT_IMAP);
    fd = world_client(&w);
    world_sign_in(&w, fd);
    for (int i = 0; i < 100; i++)
        world_far_say(&w, "* LIST () \"/\" INBOX\r\n");
    world_far_say(&w, "a3 OK done\r\n");
    world_expect(&w, fd, "a3 OK done\r\n");
    assert_int_equal(w.troubles, 1);
    assert_string_equal(w.trouble_id, "");
    finish(fd);
}

/* -- Faults of the provider's -- */

/* A quarter of a minute at a time, so that no second clock runs out behind the first. */
static void pass_time_until_heard(int fd, const char *text)
{
    char heard[4096];
    for (unsigned quarters = 0; quarters < 16; quarters++) {
        world_turns(&w, 20);
        ssize_t n = recv(fd, heard, sizeof heard - 1, MSG_PEEK);
        heard[n > 0 ? n : 0] = '\0';
        if (strstr(heard, text))
            break;
        loop_advance(w.loop, 15000);
    }
    world_expect(&w, fd, text);
}

static void each_fault_at_each_step_is_an_answer(void **state)
{
    /* A server that is none needs a person; else it is a matter of time. */
    static const char *const refused[] = { "a1 NO [UNAVAILABLE]", "-ERR [SYS/", "454 4.7.0" };
    EACH_PROTOCOL(i)
    {
        for (enum trouble t = TROUBLE_END; t < TROUBLE_KINDS; t++) {
            for (unsigned at = 1;; at++) {
                world_open(&w, protocols[i]);
                int fd = world_client(&w);
                w.trouble = t;
                w.trouble_at = at;
                world_say(&w, fd, world_login(&w));
                WORLD_UNTIL(&w, w.dials == 1);
                unsigned turns = 0;
                while (!w.far[0].is_signed_in && (w.far[0].moves < at || turns++ < 20))
                    loop_turn(w.loop, 0);
                bool is_past = w.far[0].is_signed_in;
                if (is_past) {
                    finish(fd);
                    break;
                }
                pass_time_until_heard(fd, refused[protocols[i]]);
                w.trouble_at = 0;
                world_sign_in(&w, fd);
                finish(fd);
            }
        }
    }
}

/* -- TLS to the provider -- */

/* An authority in a file, and a server's certificate by it. */
struct safe {
    struct test_pem authority, server;
    char path[32];
};

static void make_safe(struct safe *s, const char *names)
{
    snprintf(s->path, sizeof s->path, "/tmp/postern-test-ca-XXXXXX");
    int file = mkstemp(s->path);
    test_authority(&s->authority);
    test_certificate(&s->authority, names, -3600, 3600, &s->server);
    assert_int_equal(write(file, s->authority.certificate.data, s->authority.certificate.size),
                     s->authority.certificate.size);
    close(file);
}

static void open_safe(const struct safe *s, enum front_protocol p)
{
    world_open_tls(&w, p, buf_bytes(&s->server.certificate), buf_bytes(&s->server.key), s->path);
}

static void drop_safe(struct safe *s)
{
    unlink(s->path);
    test_pem_fini(&s->server);
    test_pem_fini(&s->authority);
}

/* Without a certificate that passes nobody hears of a credential. */
static void a_wrong_certificate_costs_no_credential(void **state)
{
    static const char *const names[] = { "DNS:localhost", "DNS:elsewhere.example" };
    for (size_t n = 0; n < COUNT(names); n++) {
        struct safe s;
        make_safe(&s, names[n]);
        EACH_PROTOCOL(i)
        {
            open_safe(&s, protocols[i]);
            int fd = world_client(&w);
            if (n == 0) {
                world_sign_in(&w, fd);
                close(fd);
                see_it_end(w.opened);
                fd = world_client(&w); /* which continues the TLS session */
                world_sign_in(&w, fd);
                assert_int_equal(w.tokens_asked, 2);
            } else {
                world_say(&w, fd, world_login(&w));
                world_expect(&w, fd, protocols[i] == FRONT_POP3 ? "-ERR [SYS/PERM]" : "shop@a.example: ");
                assert_int_equal(w.tokens_asked, 0);
            }
            finish(fd);
        }
        drop_safe(&s);
    }
}

/* Once the certificate has passed there is nothing to wait for; and whoever comes first waits for the other. */
static void vault_and_provider_are_waited_for_together(void **state)
{
    struct safe s;
    make_safe(&s, "DNS:localhost");
    for (int provider_is_first = 0; provider_is_first < 2; provider_is_first++) {
        EACH_PROTOCOL(i)
        {
            open_safe(&s, protocols[i]);
            int fd = world_client(&w);
            w.refusals = 1; /* the second is asked for as ever */
            w.trouble = TROUBLE_SILENT;
            w.trouble_at = provider_is_first ? 0 : 1;
            world_say(&w, fd, world_login(&w));
            WORLD_UNTIL(&w, w.logins_asked == 1 && w.answers_due == 0);
            w.vault_is_silent = provider_is_first;
            WORLD_UNTIL(&w, w.tokens_asked == 1 && w.answers_due == (unsigned)provider_is_first);
            world_turns(&w, 20);
            assert_int_equal(w.tokens_asked, 1);
            assert_false(w.far[0].is_signed_in || w.far[0].in_auth);
            w.vault_is_silent = false;
            w.trouble_at = 0;
            if (provider_is_first)
                loop_timer_start(&w.answer, 0);
            else
                world_greet(&w);
            WORLD_UNTIL(&w, world_far(&w)->is_signed_in);
            world_expect(&w, fd, world_welcome(&w));
            assert_int_equal(w.tokens_asked, 2);
            assert_int_equal(w.dials, 1);
            finish(fd);
        }
    }
    drop_safe(&s);
}

/* A credential that nobody came to want is not kept. */
static void a_provider_that_never_greets_is_an_answer(void **state)
{
    struct safe s;
    make_safe(&s, "DNS:localhost");
    EACH_PROTOCOL(i)
    {
        open_safe(&s, protocols[i]);
        int fd = world_client(&w);
        w.trouble = TROUBLE_SILENT;
        w.trouble_at = 1;
        world_say(&w, fd, world_login(&w));
        WORLD_UNTIL(&w, w.tokens_asked == 1 && w.answers_due == 0);
        pass_time_until_heard(fd, unavailable[protocols[i]]);
        w.trouble_at = 0;
        world_sign_in(&w, fd);
        assert_int_equal(w.tokens_asked, 2);
        finish(fd);
    }
    drop_safe(&s);
}

static void nobody_at_home_is_an_answer(void **state)
{
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        listener_free(w.listener);
        w.listener = NULL;
        world_turns(&w, 2);
        world_say(&w, fd, world_login(&w));
        world_expect(&w, fd, unavailable[protocols[i]]);
        finish(fd);
    }
}

static void a_connection_that_is_lost_ends_with_a_word(void **state)
{
    static const char *const words[] = { "* BYE ", "-ERR [SYS/TEMP]", "421 4.3.0" };
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        world_sign_in(&w, fd);
        conn_free(w.far[0].conn);
        w.far[0].conn = NULL;
        world_expect(&w, fd, words[protocols[i]]);
        world_expect_end(&w, fd);
        finish(fd);
    }
}

static void nothing_is_put_into_the_middle_of_an_answer(void **state)
{
    world_open(&w, FRONT_IMAP);
    int fd = world_client(&w);
    world_sign_in(&w, fd);
    world_far_say(&w, "* 1 FETCH (BODY[] {100}\r\nhalf of it");
    world_expect(&w, fd, "half of it");
    conn_free(w.far[0].conn);
    w.far[0].conn = NULL;
    char byte;
    WORLD_UNTIL(&w, recv(fd, &byte, 1, 0) == 0);
    finish(fd);
}

/* -- Ends -- */

static void half_an_end_is_passed_on(void **state)
{
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        w.stays = true;
        char *all = mem_printf("%slast words\r\n", world_login(&w));
        world_say(&w, fd, all);
        shutdown(fd, SHUT_WR);
        WORLD_UNTIL(&w, w.dials == 1 && w.far[0].got.size == 12);
        world_turns(&w, 5);
        assert_false(w.far[0].has_ended); /* an answer is due */
        world_far_say(&w, "the answer\r\n");
        world_expect(&w, fd, "the answer\r\n");
        for (int s = 0; s < 70 && !w.far[0].has_ended; s++) {
            loop_advance(w.loop, 1000);
            world_turns(&w, 5);
        }
        assert_true(w.far[0].has_ended);
        assert_string_equal(buf_str(&w.far[0].got), "last words\r\n");
        conn_finish(w.far[0].conn, 1000);
        world_expect_end(&w, fd);
        free(all);
        finish(fd);
    }
}

static void a_client_that_is_gone_takes_its_session_with_it(void **state)
{
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fd = world_client(&w);
        world_sign_in(&w, fd);
        w.stays = true;
        close(fd);
        world_turns(&w, 5);
        loop_advance(w.loop, 1000);
        WORLD_UNTIL(&w, w.far[0].has_ended);
        loop_advance(w.loop, 60000); /* the provider does not react: no reason to stay */
        WORLD_UNTIL(&w, w.ended == 1);
        world_close(&w);
    }
}

static void ask_without_reading(int fd, unsigned times, unsigned ended)
{
    world_say(&w, fd, "EHLO c\r\n");
    for (unsigned i = 0; i < times && w.ended == ended; i++) {
        world_say(&w, fd, "NOOP\r\n");
        world_turns(&w, 2);
    }
}

/* The answer to its sign-in is one too many. */
static void a_client_that_reads_no_answer_is_cut_at_any_of_them(void **state)
{
    unsigned times = 1;
    world_open(&w, FRONT_SMTP);
    w.terms.buffer = 0;
    int fd = world_client(&w);
    for (world_say(&w, fd, "EHLO c\r\n"); w.ended == 0 && times < 100000; times++) {
        world_say(&w, fd, "NOOP\r\n");
        world_turns(&w, 2);
    }
    close(fd);
    assert_int_equal(w.ended, 1);
    fd = world_client(&w);
    ask_without_reading(fd, times - 2, 1);
    assert_int_equal(w.ended, 1);
    world_say(&w, fd, "AUTH PLAIN AHdlYgBzZWNyZXQ=\r\n");
    WORLD_UNTIL(&w, w.ended == 2);
    finish(fd);
}

static void silence_has_an_end(void **state)
{
    static const char *const words[] = { "* BYE ", "-ERR ", "421 4." };
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int knocking = world_client(&w), open = world_client(&w);
        world_turns(&w, 3);
        loop_advance(w.loop, 59999);
        world_sign_in(&w, open);
        loop_advance(w.loop, 1);
        world_expect(&w, knocking, words[protocols[i]]);
        world_expect_end(&w, knocking);
        world_far_say(&w, "+OK * 250 something\r\n");
        world_expect(&w, open, "something\r\n");
        loop_advance(w.loop, 1799999);
        world_turns(&w, 3);
        assert_false(w.far[0].has_ended);
        loop_advance(w.loop, 1);
        world_expect(&w, open, words[protocols[i]]);
        world_expect_end(&w, open);
        close(knocking);
        finish(open);
    }
}

static void a_stop_says_goodbye(void **state)
{
    static const char *const words[] = { "* BYE ", "-ERR [SYS/TEMP]", "421 4.3.0" };
    EACH_PROTOCOL(i)
    {
        world_open(&w, protocols[i]);
        int fds[2];
        struct bridge *bridges[2];
        for (int j = 0; j < 2; j++) {
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
            struct bridge_client client = { .id = "s1", .host = "192.0.2.7", .ended = world_ended, .ctx = &w };
            bridges[j] = bridge_open(w.bridges, &w.terms, fds[0], &client);
            if (j == 1)
                world_sign_in(&w, fds[1]);
            bridge_stop(bridges[j]);
            world_expect(&w, fds[1], words[protocols[i]]);
            world_expect_end(&w, fds[1]);
            close(fds[1]);
        }
        WORLD_UNTIL(&w, w.ended == 2);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_behind_the_sign_in_is_the_first_to_arrive),
        cmocka_unit_test(what_the_provider_does_not_keep_is_not_passed_on),
        cmocka_unit_test(one_octet_at_a_time),
        cmocka_unit_test(a_slow_reader_costs_bounded_memory),
        cmocka_unit_test(a_provider_that_reads_slowly_stops_the_client),
        cmocka_unit_test(a_wrong_password_may_be_corrected),
        cmocka_unit_test(without_a_vault_everybody_is_told_to_wait),
        cmocka_unit_test(what_an_app_may_not_do_is_said),
        cmocka_unit_test(sessions_are_counted),
        cmocka_unit_test(a_goodbye_gives_the_place_back),
        cmocka_unit_test(a_refused_token_is_renewed_once),
        cmocka_unit_test(a_refusal_with_a_goodbye_costs_no_second_try),
        cmocka_unit_test(a_sign_in_that_needs_a_person_is_explained),
        cmocka_unit_test(a_refused_token_is_explained_by_what_it_says),
        cmocka_unit_test(a_refused_password_is_not_called_a_token),
        cmocka_unit_test(a_credential_that_the_vault_has_not_is_explained),
        cmocka_unit_test(a_token_that_ends_is_renewed_before_the_client_comes_back),
        cmocka_unit_test(a_mailbox_that_does_not_open_is_told),
        cmocka_unit_test(each_fault_at_each_step_is_an_answer),
        cmocka_unit_test(a_wrong_certificate_costs_no_credential),
        cmocka_unit_test(vault_and_provider_are_waited_for_together),
        cmocka_unit_test(a_provider_that_never_greets_is_an_answer),
        cmocka_unit_test(nobody_at_home_is_an_answer),
        cmocka_unit_test(a_connection_that_is_lost_ends_with_a_word),
        cmocka_unit_test(nothing_is_put_into_the_middle_of_an_answer),
        cmocka_unit_test(half_an_end_is_passed_on),
        cmocka_unit_test(a_client_that_is_gone_takes_its_session_with_it),
        cmocka_unit_test(a_client_that_reads_no_answer_is_cut_at_any_of_them),
        cmocka_unit_test(silence_has_an_end),
        cmocka_unit_test(a_stop_says_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
