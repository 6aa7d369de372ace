/* Messages that arrive: what goes over the wire, large bodies, and what a server can't carry. */
#include <stdio.h>
#include <unistd.h>

#include "relay_fixture.h"

static void a_message_goes_out_in_two_writes(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, BYE)));

    fixture_attempt(f, 7, NULL, "Subject: x\r\n\r\n.dot\r\n..two\r\nlast without end");
    fixture_until_done(f, 1);

    assert_int_equal(f->done[0].tag, 7);
    assert_int_equal(f->done[0].count, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_DELIVERED);
    assert_int_equal(f->done[0].results[0].code, 250);
    assert_string_equal(f->done[0].results[0].enhanced, "2.0.0");
    assert_string_equal(f->done[0].results[0].text, "taken");
    assert_false(f->done[0].is_mailbox_fault);
    assert_null(script_server_surprise(f->server));
    assert_non_null(strstr(script_server_heard(f->server), "MAIL FROM:<" BOX "> SIZE="));
    assert_non_null(strstr(script_server_heard(f->server), "RCPT TO:<to@fabrikam.example>\n"));
    struct bytes body = script_server_body(f->server);
    assert_true(bytes_equal(body, BYTES_LIT("Subject: x\r\n\r\n.dot\r\n..two\r\nlast without end\r\n")));
    assert_int_equal(f->asks_count, 0);
}

static void the_dialogue_is_kept_without_the_body(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, BYE)));

    fixture_attempt(f, 1, NULL, "Subject: x\r\n\r\nprivate words\r\n");
    fixture_until_done(f, 1);

    const char *dialogue = f->done[0].dialogue;
    assert_non_null(strstr(dialogue, "* connected to 127.0.0.1[127.0.0.1]:"));
    assert_non_null(strstr(dialogue, "S: 220 test ready\n"));
    assert_non_null(strstr(dialogue, "C: MAIL FROM:<" BOX ">"));
    assert_non_null(strstr(dialogue, "S: 250 2.0.0 taken\n"));
    assert_null(strstr(dialogue, "private"));
    assert_non_null(strstr(f->done[0].host, "127.0.0.1"));
}

static void dsn_wishes_are_passed_on_where_offered(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f,
                  SCRIPTS(SCRIPT("S: 220 x", "C: EHLO", "S: 250-x", "S: 250-DSN", "S: 250 PIPELINING", ACCEPT, BYE)));
    struct submit_recipient to = { "to@fabrikam.example", NOTIFY_SUCCESS | NOTIFY_FAILURE,
                                   "rfc822;to@fabrikam.example" };

    fixture_attempt_with(f, (struct attempt){ .recipients = &to,
                                              .recipients_count = 1,
                                              .ret = RET_HDRS,
                                              .envid = "QQ314159",
                                              .body = BYTES_LIT("Subject: x\r\n\r\n") });
    fixture_until_done(f, 1);
    assert_true(f->done[0].dsn_relayed);
    const char *heard = script_server_heard(f->server);
    assert_non_null(strstr(heard, " RET=HDRS"));
    assert_non_null(strstr(heard, " ENVID=QQ314159"));
    assert_non_null(strstr(heard, " NOTIFY=SUCCESS,FAILURE"));
    assert_non_null(strstr(heard, " ORCPT=rfc822;to@fabrikam.example"));
}

enum { BIG = 50 << 20 };

/* Lines that begin with dots now and then, and bytes over 127. */
static int big_file(struct buf *copy)
{
    FILE *file = tmpfile();
    buf_init(copy, BIG + 1000);
    for (unsigned i = 0; copy->size < BIG; i++) {
        char line[120];
        int size = snprintf(line, sizeof line, "%sline %u %*s\xc3\xa9\r\n", i % 7 ? "" : ".", i, (int)(i % 60), "");
        buf_add(copy, line, (size_t)size);
    }
    fwrite(copy->data, 1, copy->size, file);
    fflush(file);
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

static void fifty_megabytes_arrive_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    fixture_plain(
        f, SCRIPTS(SCRIPT("S: 220 x", "C: EHLO", "S: 250-x", "S: 250-8BITMIME", "S: 250 PIPELINING", ACCEPT, BYE)));
    struct submit_recipient to = { "to@fabrikam.example", 0, "" };
    struct buf copy;
    int fd = big_file(&copy);

    fixture_attempt_with(
        f, (struct attempt){ .recipients = &to, .recipients_count = 1, .is_8bit = true, .fd = fd, .size = copy.size });
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_DELIVERED);
    assert_true(bytes_equal(script_server_body(f->server), buf_bytes(&copy)));
    assert_non_null(strstr(script_server_heard(f->server), " BODY=8BITMIME"));
    buf_fini(&copy);
}

static void a_body_that_shrank_is_not_delivered(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, BYE)));
    struct submit_recipient to = { "to@fabrikam.example", 0, "" };
    FILE *file = tmpfile();
    fputs("Subject: x\r\n\r\nhalf", file);
    fflush(file);

    fixture_attempt_with(
        f, (struct attempt){ .recipients = &to, .recipients_count = 1, .fd = dup(fileno(file)), .size = 1000 });
    fclose(file);
    fixture_until_done(f, 1);
    fixture_turns(f);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_RETRY);
    assert_string_equal(f->done[0].results[0].id, "queue.body");
    assert_false(f->done[0].is_mailbox_fault);
    assert_null(strstr(script_server_heard(f->server), "QUIT"));
}

struct carry_case {
    const char *offers, *sender, *to, *body;
    bool is_8bit, is_smtputf8;
    uint64_t size;
    const char *id; /* NULL: it goes */
};

static void carry(struct carry_case c)
{
    void *state;
    fixture_setup(&state);
    struct fixture *f = state;
    const char *const script[] = { "S: 220 x",          "C: EHLO", "S: 250-x", c.offers,
                                   "S: 250 PIPELINING", ACCEPT,    "HANG",     NULL };
    fixture_plain(f, SCRIPTS(script));
    struct submit_recipient to = { c.to ? c.to : "to@fabrikam.example", 0, "" };

    fixture_attempt_with(f, (struct attempt){ .recipients = &to,
                                              .recipients_count = 1,
                                              .sender = c.sender,
                                              .is_8bit = c.is_8bit,
                                              .is_smtputf8 = c.is_smtputf8,
                                              .body = bytes_of(c.body) });
    fixture_until_done(f, 1);
    fixture_turns(f);
    const struct outcome *o = &f->done[0].results[0];
    assert_int_equal(o->class, c.id ? ATTEMPT_BOUNCE : ATTEMPT_DELIVERED);
    assert_string_equal(o->id, c.id ? c.id : "");
    assert_false(f->done[0].is_mailbox_fault);
    if (c.id) { /* not a word of it went out */
        assert_null(strstr(script_server_heard(f->server), "MAIL"));
        assert_true(strlen(o->text) > 20);
        assert_int_equal(o->enhanced[0], '5');
    }
    fixture_teardown(&state);
}

static void what_a_server_cannot_carry_is_refused_whole(void **state)
{
    static const char ascii[] = "Subject: x\r\n\r\nplain\r\n", eight[] = "Subject: x\r\n\r\ncaf\xc3\xa9\r\n";
    static const struct carry_case cases[] = {
        { "S: 250-HELP", NULL, NULL, ascii, false, false, 0, NULL },
        { "S: 250-HELP", NULL, NULL, eight, true, false, 0, "smtp.no-8bit" },
        { "S: 250-HELP", NULL, NULL, eight, false, false, 0, "smtp.no-8bit" },
        { "S: 250-HELP", NULL, NULL, ascii, true, false, 0, NULL },
        { "S: 250-8BITMIME", NULL, NULL, eight, false, false, 0, NULL },
        { "S: 250-8BITMIME", NULL, "z\xc3\xa9@fabrikam.example", ascii, false, true, 0, "smtp.no-smtputf8" },
        { "S: 250-8BITMIME", "z\xc3\xa9@contoso.example", NULL, ascii, false, false, 0, "smtp.no-smtputf8" },
        { "S: 250-8BITMIME", NULL, NULL, eight, true, true, 0, "smtp.no-smtputf8" },
        { "S: 250-8BITMIME", NULL, NULL, ascii, false, true, 0, NULL },
        { "S: 250-SMTPUTF8", NULL, "z\xc3\xa9@fabrikam.example", ascii, false, true, 0, NULL },
        { "S: 250-SIZE 10", NULL, NULL, ascii, false, false, 0, "smtp.size" },
        { "S: 250-SIZE 0", NULL, NULL, ascii, false, false, 0, NULL },
        { "S: 250-SIZE 22", NULL, NULL, ascii, false, false, 0, NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        carry(cases[i]);
}

static void a_refused_message_leaves_the_connection_to_the_next(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT("S: 220 x", "C: EHLO", "S: 250-x", "S: 250 SIZE 60", ACCEPT, "HANG")));
    static const char big[] = "Subject: x\r\n\r\nthis one is larger than the sixty bytes that this server takes\r\n";

    fixture_attempt(f, 1, NULL, big);
    fixture_attempt(f, 2, NULL, big);
    fixture_until_done(f, 2);
    fixture_attempt(f, 3, NULL, "Subject: x\r\n\r\nsmall\r\n");
    fixture_until_done(f, 3);
    assert_int_equal(f->done[2].results[0].class, ATTEMPT_DELIVERED);
    assert_int_equal(script_server_connections(f->server), 2);
}

static void an_unknown_mailbox_waits_for_a_person(void **state)
{
    struct fixture *f = *state;

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "mailbox.unknown");
    assert_true(f->done[0].is_mailbox_fault);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_message_goes_out_in_two_writes),
        TEST(the_dialogue_is_kept_without_the_body),
        TEST(dsn_wishes_are_passed_on_where_offered),
        TEST(fifty_megabytes_arrive_byte_for_byte),
        TEST(a_body_that_shrank_is_not_delivered),
        cmocka_unit_test(what_a_server_cannot_carry_is_refused_whole),
        TEST(a_refused_message_leaves_the_connection_to_the_next),
        TEST(an_unknown_mailbox_waits_for_a_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
