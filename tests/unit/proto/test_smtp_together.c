/* Our client speaks to our server, and what was put in at one end comes out at the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/smtp/client.h"
#include "smtp_stage.h"

struct pair {
    struct stage stage;
    struct smtp_client *client;
    struct buf to_server, message;
    struct smtp_envelope env;
    int mails;
    unsigned stored, refused;
    bool is_over;
};

static void on_send(void *ctx, struct bytes out)
{
    struct pair *p = ctx;
    assert_true(buf_add_bytes(&p->to_server, out));
}

static void on_want_credential(void *ctx)
{
    struct pair *p = ctx;
    smtp_client_credential(p->client, "joe", BYTES_LIT("secret"));
}

static void on_ready(void *ctx)
{
    struct pair *p = ctx;
    if (p->mails-- > 0)
        smtp_client_mail(p->client, &p->env);
    else
        smtp_client_quit(p->client);
}

static void on_auth_refused(void *ctx, const struct smtp_reply *reply, const char *challenge)
{
    fail();
}

static void on_answer(void *ctx, const struct smtp_reply *reply)
{
    assert_int_equal(reply->code, 250);
    assert_true(reply->enhanced[0]);
}

static void on_recipient_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    assert_int_equal(reply->code, 250);
}

static void on_want_body(void *ctx)
{
    struct pair *p = ctx;
    struct bytes left = buf_bytes(&p->message);
    while (left.size > 0) {
        size_t size = 1 + (size_t)rand() % (rand() % 2 ? left.size : 4);
        smtp_client_body(p->client, bytes_slice(left, 0, size));
        left = bytes_slice(left, size, left.size);
    }
    smtp_client_body_end(p->client);
}

static void on_message_answer(void *ctx, const char *when, const struct smtp_reply *reply)
{
    struct pair *p = ctx;
    p->stored += reply->code == 250;
    p->refused += reply->code != 250;
    assert_string_equal(when, "body");
}

static void on_failed(void *ctx, const char *when, const struct smtp_reply *reply, const struct fault *why)
{
    print_message("%s: %s\n", when, why->text);
    fail();
}

static const struct smtp_client_host host = {
    .send = on_send,
    .send_secret = on_send,
    .want_credential = on_want_credential,
    .ready = on_ready,
    .auth_refused = on_auth_refused,
    .sender_answer = on_answer,
    .recipient_answer = on_recipient_answer,
    .want_body = on_want_body,
    .message_answer = on_message_answer,
    .failed = on_failed,
};

/* Both directions in pieces of random size until nobody has more to say. */
static void talk(struct pair *p)
{
    while (p->stage.out.size > 0 || p->to_server.size > 0) {
        struct buf taken = p->stage.out;
        buf_init(&p->stage.out, taken.limit);
        for (size_t at = 0, step; at < taken.size; at += step) {
            step = 1 + (size_t)rand() % 200;
            smtp_client_feed(p->client, bytes_slice(buf_bytes(&taken), at, at + step));
        }
        buf_fini(&taken);
        taken = p->to_server;
        buf_init(&p->to_server, taken.limit);
        stage_play(&p->stage, buf_bytes(&taken), (size_t)rand() % 5000);
        buf_fini(&taken);
    }
}

static void send_message(struct pair *p, enum smtp_client_sasl sasl, bool is_late)
{
    static struct smtp_recipient recipients[] = { { "b@y", 0, "" },
                                                  { "c@y", NOTIFY_NEVER, "rfc822;c@y" },
                                                  { "d@y", 0, "" } };
    struct smtp_client_options options = { .helo = "us", .sasl = sasl };
    p->env = (struct smtp_envelope){ .sender = "a@x",
                                     .envid = "",
                                     .is_8bit = true,
                                     .size = p->message.size,
                                     .recipients = recipients,
                                     .recipients_count = 3 };
    stage_init(&p->stage);
    p->stage.policy.size_limit = 0;
    p->stage.policy.needs_auth = sasl != SMTP_CLIENT_NO_AUTH;
    p->stage.decides_late = is_late;
    p->mails = 1;
    p->client = smtp_client_new(&options, &host, p);
    stage_open(&p->stage, true, false);
    talk(p);
    smtp_client_free(p->client);
}

static void fill(struct buf *message, int round)
{
    static const char letters[] = "..a\xc3\xbc M";
    for (int lines = rand() % 30; lines > 0; lines--) {
        size_t longest = round % 20 == 0 ? 5000 : 20;
        for (size_t size = (size_t)rand() % longest; size > 0; size--)
            buf_add_byte(message, (uint8_t)letters[(size_t)rand() % (sizeof letters - 1)]);
        buf_add_str(message, "\r\n");
    }
    if (round % 3 == 0)
        buf_add_str(message, ".no final line end");
}

static void test_random_messages_arrive_as_they_were(void **state)
{
    srand(23);
    for (int round = 0; round < 300; round++) {
        struct pair p = { .stored = 0 };
        buf_init(&p.message, 1 << 20);
        buf_init(&p.to_server, 1 << 20);
        fill(&p.message, round);
        send_message(&p,
                     (enum smtp_client_sasl[]){ SMTP_CLIENT_NO_AUTH, SMTP_CLIENT_PLAIN, SMTP_CLIENT_LOGIN }[round % 3],
                     round % 2);
        assert_int_equal(p.stored, 1);
        if (round % 3 == 0)
            buf_add_str(&p.message, "\r\n"); /* the one thing that is added */
        assert_true(bytes_equal(buf_bytes(&p.stage.body), buf_bytes(&p.message)));
        assert_non_null(strstr(buf_str(&p.stage.events), "rcpt c@y notify=1 orcpt=rfc822;c@y;"));
        stage_fini(&p.stage);
        buf_fini(&p.to_server);
        buf_fini(&p.message);
    }
}

/* Should bare line ends get as far as our client, no server that keeps the rules sees an end that is none. */
static void test_even_bare_line_ends_smuggle_nothing(void **state)
{
    static const char *const bodies[] = { "a\n.\r\nMAIL FROM:<s@x>\r\n", "a\r.\r\nMAIL FROM:<s@x>\r\n",
                                          "a\n.\nMAIL\r\n", "a\r\n.\nMAIL\r\n", "a\r\n.\rMAIL\r\n" };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct pair p = { .stored = 0 };
        buf_init(&p.message, 1 << 20);
        buf_init(&p.to_server, 1 << 20);
        buf_add_str(&p.message, bodies[i]);
        send_message(&p, SMTP_CLIENT_NO_AUTH, false);
        assert_int_equal(p.stored, 0);
        assert_int_equal(p.refused, 1);
        assert_null(strstr(buf_str(&p.stage.events), "mail s@x"));
        stage_fini(&p.stage);
        buf_fini(&p.to_server);
        buf_fini(&p.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages_arrive_as_they_were),
        cmocka_unit_test(test_even_bare_line_ends_smuggle_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
