/* Reports: who gets one, when, and whether a mail program can read it back. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "base/text.h"
#include "queue/dsn.h"

static uint64_t submit_notify(struct bench *b, const char *sender, uint32_t notify, uint32_t ret)
{
    struct submit_recipient r = { .address = "a@fabrikam.example",
                                  .orcpt = "rfc822;a+2B1@fabrikam.example",
                                  .notify = notify };
    struct submit m = { .app = "crm",
                        .mailbox = SHOP,
                        .sender = sender,
                        .peer = "",
                        .session = "",
                        .envid = "e+2B1",
                        .ret = ret,
                        .size = sizeof BENCH_BODY - 1,
                        .recipients = &r,
                        .recipients_count = 1,
                        .body = BYTES_LIT(BENCH_BODY),
                        .fd = -1 };
    b->id = 0;
    bench_submit_raw(b, &m);
    bench_turn(b);
    return b->id;
}

static GMimeMessage *parse(const char *body, size_t size)
{
    g_mime_init();
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(body, size);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    assert_non_null(message);
    return message;
}

/* Content of the n-th part, decoded; given. */
static char *part(GMimeMessage *message, int n, const char *type, const char *subtype)
{
    GMimeObject *whole = g_mime_message_get_mime_part(message);
    assert_true(GMIME_IS_MULTIPART(whole));
    GMimeObject *object = g_mime_multipart_get_part(GMIME_MULTIPART(whole), n);
    GMimeContentType *ct = g_mime_object_get_content_type(object);
    assert_string_equal(g_mime_content_type_get_media_type(ct), type);
    assert_string_equal(g_mime_content_type_get_media_subtype(ct), subtype);
    GMimeStream *out = g_mime_stream_mem_new();
    if (GMIME_IS_MESSAGE_PART(object))
        g_mime_object_write_to_stream(GMIME_OBJECT(g_mime_message_part_get_message(GMIME_MESSAGE_PART(object))), NULL,
                                      out);
    else
        g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(object)), out);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(out));
    char *text = mem_strndup(bytes->data, bytes->len);
    g_object_unref(out);
    return text;
}

static void has(const char *text, const char *piece)
{
    assert_non_null(text);
    if (!strstr(text, piece))
        fail_msg("\"%s\" is not in:\n%s", piece, text);
}

static void is_crlf_throughout(const struct bench_attempt *a)
{
    for (size_t i = 0; i < a->size; i++)
        assert_true(a->body[i] != '\n' || (i > 0 && a->body[i - 1] == '\r'));
}

static void bounce(struct bench *b, size_t i)
{
    struct attempt_result r = { .class = ATTEMPT_BOUNCE,
                                .code = 550,
                                .enhanced = "5.7.60",
                                .text = "SMTP; Client does not have permissions to send as this sender\nsecond line",
                                .id = "smtp.send-as" };
    bench_answer_done(b, i, (struct attempt_done){ .results = &r, .results_count = 1 });
}

static void test_a_refusal_is_reported_to_its_sender(void **state)
{
    struct bench *b = *state;
    uint64_t id = submit_notify(b, "boss@contoso.example", 0, RET_DEFAULT);
    bounce(b, 0);
    assert_string_equal(bench_state(b, id), "bounced");
    struct bench_attempt *a = bench_attempt(b, 1);
    assert_string_equal(a->to[0], "boss@contoso.example");
    assert_string_equal(a->sender, SHOP);
    assert_string_equal(a->mailbox, SHOP);
    is_crlf_throughout(a);

    GMimeMessage *m = parse(a->body, a->size);
    assert_string_equal(g_mime_object_get_header(GMIME_OBJECT(m), "Auto-Submitted"), "auto-replied");
    has(g_mime_object_get_header(GMIME_OBJECT(m), "From"), SHOP);
    has(g_mime_object_get_header(GMIME_OBJECT(m), "To"), "boss@contoso.example");
    has(g_mime_object_get_header(g_mime_message_get_mime_part(m), "Content-Type"), "report-type=delivery-status");
    char *text = part(m, 0, "text", "plain"), *status = part(m, 1, "message", "delivery-status");
    char *original = part(m, 2, "message", "rfc822");
    has(text, "<a@fabrikam.example>");
    has(text, "smtp.example said: 550 5.7.60 SMTP; Client does not have permissions");
    has(status, "Reporting-MTA: dns;gate.example\r\n");
    has(status, "Original-Envelope-Id: e+1\r\n");
    has(status, "Final-Recipient: rfc822;a@fabrikam.example\r\n");
    has(status, "Original-Recipient: rfc822;a+1@fabrikam.example\r\n");
    has(status, "Action: failed\r\nStatus: 5.7.60\r\n");
    has(status, "Diagnostic-Code: smtp;550 5.7.60 SMTP; Client does not have permissions to send as this sender second "
                "line\r\n");
    has(original, "Good day.");
    free(text);
    free(status);
    free(original);
    g_object_unref(m);
}

static void test_a_report_is_never_reported_on(void **state)
{
    struct bench *b = *state;
    submit_notify(b, SHOP, 0, RET_DEFAULT);
    bounce(b, 0);
    assert_int_equal(b->count, 2);
    bounce(b, 1);
    bench_advance(b, 86400);
    assert_int_equal(b->count, 2);
    submit_notify(b, "", 0, RET_DEFAULT); /* nor is mail without a sender */
    bounce(b, 2);
    assert_int_equal(b->count, 3);
}

static void test_notify_is_obeyed(void **state)
{
    static const struct {
        uint32_t notify;
        enum attempt_class class;
        bool is_relayed, is_reported;
    } cases[] = {
        { 0, ATTEMPT_BOUNCE, false, true },
        { NOTIFY_FAILURE, ATTEMPT_BOUNCE, false, true },
        { NOTIFY_NEVER, ATTEMPT_BOUNCE, false, false },
        { NOTIFY_SUCCESS, ATTEMPT_BOUNCE, false, false },
        { NOTIFY_DELAY, ATTEMPT_BOUNCE, false, false },
        { 0, ATTEMPT_DELIVERED, false, false },
        { NOTIFY_SUCCESS | NOTIFY_FAILURE, ATTEMPT_DELIVERED, false, true },
        { NOTIFY_SUCCESS | NOTIFY_FAILURE, ATTEMPT_DELIVERED, true, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench *b = bench_new(NULL);
        struct attempt_result r = { .class = cases[i].class, .code = 550, .enhanced = "", .text = "said", .id = "" };
        submit_notify(b, SHOP, cases[i].notify, RET_DEFAULT);
        bench_answer_done(
            b, 0, (struct attempt_done){ .results = &r, .results_count = 1, .dsn_relayed = cases[i].is_relayed });
        assert_int_equal(b->count, cases[i].is_reported ? 2 : 1);
        if (cases[i].class == ATTEMPT_DELIVERED && cases[i].is_reported)
            has(b->attempts[1].body, "Action: relayed\r\nStatus: 2.0.0\r\n");
        bench_free(b);
    }
}

static void test_ret_hdrs_returns_the_header_only(void **state)
{
    struct bench *b = *state;
    submit_notify(b, SHOP, 0, RET_HDRS);
    bounce(b, 0);
    has(b->attempts[1].body, "text/rfc822-headers");
    has(b->attempts[1].body, "Subject: hello");
    assert_null(strstr(b->attempts[1].body, "Good day."));
}

static void retry_until(struct bench *b, size_t *next, int64_t seconds)
{
    for (int64_t at = 0; at < seconds; at += 300) {
        for (; *next < b->count; ++*next)
            if (!b->attempts[*next].is_answered)
                bench_answer(b, *next, b->attempts[*next].id == b->attempts[0].id ? ATTEMPT_RETRY : ATTEMPT_DELIVERED,
                             451, "4.7.0", "busy");
        bench_advance(b, 300);
    }
}

static size_t count_with(const struct bench *b, const char *piece)
{
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++)
        count += strstr(b->attempts[i].body, piece) != NULL;
    return count;
}

static void test_a_delay_is_told_once_and_the_end_of_the_lifetime_too(void **state)
{
    struct bench *b = *state;
    size_t next = 0;
    uint64_t id = submit_notify(b, SHOP, 0, RET_DEFAULT);
    retry_until(b, &next, 4 * 3600 - 600);
    assert_int_equal(count_with(b, "Action: delayed"), 0);
    retry_until(b, &next, 1500);
    assert_int_equal(count_with(b, "Action: delayed"), 1);
    assert_int_equal(count_with(b, "Will-Retry-Until: "), 1);
    retry_until(b, &next, 5 * 86400 - 4 * 3600 - 3600);
    assert_int_equal(count_with(b, "Action: delayed"), 1);
    assert_int_equal(count_with(b, "Action: failed"), 0);
    retry_until(b, &next, 3 * 3600);
    assert_string_equal(bench_state(b, id), "expired");
    assert_int_equal(count_with(b, "Action: failed\r\nStatus: 4.7.0"), 1);
    assert_int_equal(count_with(b, "451 4.7.0 busy"), 2);
}

static void test_no_notice_of_delay_while_the_mailbox_itself_cant_send(void **state)
{
    struct bench *b = *state;
    struct mailbox_state down = { SHOP, true, "oauth.invalid-grant", "sign in again" }, up = { SHOP, false, "", "" };
    submit_notify(b, SHOP, 0, RET_DEFAULT);
    queue_mailbox_state(b->q, &down);
    bench_answer(b, 0, ATTEMPT_HOLD, 535, "5.7.3", "no");
    for (int i = 0; i < 40; i++) {
        bench_advance(b, 600);
        queue_mailbox_state(b->q, &down);
    }
    queue_mailbox_state(b->q, &up);
    bench_turn(b);
    assert_int_equal(b->count, 2);
    bench_deliver(b, 1);
    bench_advance(b, 600);
    assert_int_equal(b->count, 2); /* the mail went; a notice would only confuse */
}

static void test_many_refused_recipients_make_one_large_report(void **state)
{
    struct bench *b = *state;
    bench_submit_many(b, SHOP, 900);
    char *words = mem_alloc(400);
    memset(words, 'w', 399);
    bench_answer(b, 0, ATTEMPT_BOUNCE, 550, "5.1.1", words);
    assert_int_equal(b->count, 2);
    assert_true(b->attempts[1].has_fd && b->attempts[1].size > 65536);
    has(b->attempts[1].body, "r899@fabrikam.example");
    free(words);
}

static void test_a_report_waits_in_the_outcomes_transaction(void **state)
{
    struct bench *b = *state;
    submit_notify(b, SHOP, 0, RET_DEFAULT);
    bench_disk_fails(13); /* SQLITE_FULL */
    bounce(b, 0);
    assert_int_equal(b->count, 1);
    bench_advance(b, 5);
    bench_disk_fails(0);
    bench_advance(b, 2);
    assert_int_equal(b->count, 2);
    bench_reopen(b);
    assert_int_equal(b->count, 3);
    assert_string_equal(b->attempts[2].body, b->attempts[1].body);
}

static void test_status_codes(void **state)
{
    static const struct {
        enum report_kind kind;
        bool is_expired;
        uint32_t code;
        const char *enhanced, *status;
    } cases[] = {
        { REPORT_FAILURE, false, 550, "5.1.1", "5.1.1" },
        { REPORT_FAILURE, false, 550, "", "5.0.0" },
        { REPORT_FAILURE, false, 550, "5.1.1\r\nX", "5.0.0" },
        { REPORT_FAILURE, false, 550, "4.1.1", "5.0.0" },
        { REPORT_FAILURE, true, 451, "4.7.0", "4.7.0" },
        { REPORT_FAILURE, true, 0, "", "4.4.7" },
        { REPORT_DELAY, false, 451, "", "4.0.0" },
        { REPORT_SUCCESS, false, 250, "", "2.0.0" },
        { REPORT_SUCCESS, false, 250, "2.6.0", "2.6.0" },
    };
    char status[16];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dsn_status(cases[i].kind, cases[i].is_expired, cases[i].code, cases[i].enhanced, status, sizeof status);
        assert_string_equal(status, cases[i].status);
    }
}

static void test_xtext(void **state)
{
    static const char *const cases[][2] = {
        { "plain", "plain" }, { "a+2Bb", "a+b" }, { "+0D+0AEvil: x", "??Evil: x" },
        { "+2", "+2" },       { "+zz", "+zz" },   { "", "" },
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dsn_xtext(cases[i][0], out, sizeof out);
        assert_string_equal(out, cases[i][1]);
    }
}

static void test_addresses_that_are_not_ascii(void **state)
{
    struct dsn_recipient r = {
        .address = "jos\xc3\xa9@fabrikam.example", .orcpt = "", .enhanced = "5.6.7", .last = "no SMTPUTF8", .code = 550
    };
    struct dsn d = { .kind = REPORT_FAILURE,
                     .id = 1,
                     .report_id = 2,
                     .hostname = "gate.example",
                     .from = SHOP,
                     .to = SHOP,
                     .host = "",
                     .envid = "",
                     .arrived = BENCH_START,
                     .now = BENCH_START,
                     .is_utf8 = true,
                     .recipients = &r,
                     .count = 1,
                     .original = BYTES_LIT("Subject: x\r\n") };
    struct buf out;
    buf_init(&out, DSN_SIZE_LIMIT);
    assert_true(dsn_compose(&d, &out));
    has(buf_str(&out), "message/global-delivery-status");
    has(buf_str(&out), "Final-Recipient: utf-8;jos=C3=A9@fabrikam.example\r\n");
    assert_true(text_is_ascii(buf_bytes(&out)));
    buf_fini(&out);
}

static void test_hostile_words_stay_words(void **state)
{
    struct dsn_recipient r = { .address = "a@b\r\nBcc: x@y",
                               .orcpt = "rfc\r\n822;x+0D+0ABcc: z",
                               .enhanced = "",
                               .last = "550 no\r\n\r\nFinal-Recipient: rfc822;evil@x\r\nAction: delivered",
                               .code = 550 };
    struct dsn d = { .kind = REPORT_FAILURE,
                     .id = 1,
                     .report_id = 2,
                     .hostname = "gate.example",
                     .from = SHOP,
                     .to = SHOP,
                     .host = "h",
                     .envid = "+0D+0AX: y",
                     .now = BENCH_START,
                     .recipients = &r,
                     .count = 1,
                     .original = BYTES_LIT("Subject: x\r\n") };
    struct buf out;
    buf_init(&out, DSN_SIZE_LIMIT);
    assert_true(dsn_compose(&d, &out));
    assert_null(strstr(buf_str(&out), "\nFinal-Recipient: rfc822;evil"));
    assert_null(strstr(buf_str(&out), "\nBcc:"));
    assert_null(strstr(buf_str(&out), "\nX: y"));
    buf_fini(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_refusal_is_reported_to_its_sender),
        TEST(test_a_report_is_never_reported_on),
        cmocka_unit_test(test_notify_is_obeyed),
        TEST(test_ret_hdrs_returns_the_header_only),
        TEST(test_a_delay_is_told_once_and_the_end_of_the_lifetime_too),
        TEST(test_no_notice_of_delay_while_the_mailbox_itself_cant_send),
        TEST(test_many_refused_recipients_make_one_large_report),
        TEST(test_a_report_waits_in_the_outcomes_transaction),
        cmocka_unit_test(test_status_codes),
        cmocka_unit_test(test_xtext),
        cmocka_unit_test(test_addresses_that_are_not_ascii),
        cmocka_unit_test(test_hostile_words_stay_words),
    };
    return cmocka_run_group_tests_name("queue-dsn", tests, NULL, NULL);
}
