/* sandbox/mail_header and mailstore: headers are found, messages are kept and found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/mail_header.h"
#include "sandbox/mailstore.h"

struct header_case {
    const char *header, *name, *value;
};

static const struct header_case cases[] = {
    { "Subject: a\r\nFrom: b\r\n", "From", "b" },
    { "SUBJECT:a\r\n", "Subject", "a" },
    { "Subject: one\r\n two\r\n\tthree\r\nX: y\r\n", "subject", "one two\tthree" },
    { "Subjects: a\r\nSubject: b\r\n", "Subject", "b" },
    { "A: Subject: x\r\n", "Subject", "" },
    { "A: 1\r\n\r\nSubject: body\r\n", "Subject", "" },
    { "", "Subject", "" },
    { "Subject", "Subject", "" },
    { "Subject:", "Subject", "" },
    { "Subject: no end", "Subject", "no end" },
};

static void test_headers(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char value[64];
        mail_header_value(bytes_of(cases[i].header), cases[i].name, value, sizeof value);
        assert_string_equal(value, cases[i].value);
    }
    char cut[4];
    assert_true(mail_header_value(BYTES_LIT("A: 12345\r\n"), "A", cut, sizeof cut));
    assert_string_equal(cut, "123");
}

static void test_addresses(void **state)
{
    char address[32];
    mail_header_address("Shop <shop@x.example>", address, sizeof address);
    assert_string_equal(address, "shop@x.example");
    mail_header_address(" shop@x.example ", address, sizeof address);
    assert_string_equal(address, "shop@x.example");
    mail_header_address("\"a <b>\" <c@d>", address, sizeof address);
    assert_string_equal(address, "c@d");
    mail_header_address("", address, sizeof address);
    assert_string_equal(address, "");
}

static json_t *facts(void)
{
    return json_pack("{s:[{s:s, s:s}]}", "folders", "mailbox", "bob@x.example", "folder", "INBOX");
}

static uint64_t keep(struct mailstore *s, struct bytes body)
{
    struct mail_draft *d = mail_draft_new(s);
    struct fault why;
    for (size_t at = 0; at < body.size; at += 1000)
        assert_true(mail_draft_add(d, bytes_slice(body, at, at + 1000)));
    return mailstore_keep(s, d, facts(), &why);
}

static void check(struct mailstore *s, uint64_t id, struct bytes body)
{
    struct buf raw;
    buf_init(&raw, 4 * 1024 * 1024);
    assert_true(mailstore_raw(s, id, &raw));
    assert_int_equal(raw.size, body.size);
    assert_memory_equal(raw.data, body.data, body.size);
    assert_int_equal(json_integer_value(json_object_get(mailstore_get(s, id), "size")), body.size);
    buf_fini(&raw);
}

static bool remove_store(const char *dir)
{
    char path[64];
    snprintf(path, sizeof path, "%s/mail/index.jsonl", dir);
    bool is_gone = unlink(path) == 0;
    snprintf(path, sizeof path, "%s/mail", dir);
    return is_gone && rmdir(path) == 0 && rmdir(dir) == 0;
}

static void test_store(void **state)
{
    char dir[] = "/tmp/postern-test-XXXXXX";
    struct fault why;
    assert_non_null(mkdtemp(dir));
    struct loop *loop = loop_new_virtual(1795251600000);
    struct mailstore *s = mailstore_open(loop, dir, &why);
    struct bytes small = BYTES_LIT("Subject: small\r\n\r\nText\r\n");
    uint8_t *data = malloc(700000);
    memset(data, 'x', 700000);
    struct bytes large = { data, 700000 };
    assert_int_equal(keep(s, small), 1);
    assert_int_equal(keep(s, large), 2);
    check(s, 1, small);
    check(s, 2, large);
    mailstore_close(s);

    s = mailstore_open(loop, dir, &why); /* all of it is there again, and numbers go on */
    assert_int_equal(mailstore_count(s), 2);
    check(s, 2, large);
    assert_int_equal(keep(s, small), 3);
    const json_t *folder = json_array_get(json_object_get(mailstore_get(s, 3), "folders"), 0);
    assert_int_equal(json_integer_value(json_object_get(folder, "uid")), 3);
    assert_string_equal(json_string_value(json_object_get(mailstore_get(s, 3), "subject")), "small");
    mailstore_clear(s);
    assert_int_equal(mailstore_count(s), 0);
    assert_null(mailstore_get(s, 3));
    mailstore_close(s);
    loop_free(loop);
    free(data);
    assert_true(remove_store(dir)); /* nothing else was left behind */
}

static void test_rewritten_header(void **state)
{
    char dir[] = "/tmp/postern-test-XXXXXX";
    struct fault why;
    assert_non_null(mkdtemp(dir));
    struct loop *loop = loop_new_virtual(0);
    struct mailstore *s = mailstore_open(loop, dir, &why);
    struct mail_draft *d = mail_draft_new(s);
    assert_true(mail_draft_add(d, BYTES_LIT("A: 1\r\nFrom: old\r\n folded\r\nB: 2\r\n\r\nFrom: body\r\n")));
    assert_true(mail_draft_set_header(d, "From", "From: new\r\n"));
    uint64_t id = mailstore_keep(s, d, facts(), &why);
    check(s, id, BYTES_LIT("A: 1\r\nFrom: new\r\nB: 2\r\n\r\nFrom: body\r\n"));
    mailstore_clear(s);
    mailstore_close(s);
    loop_free(loop);
    assert_true(remove_store(dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_rewritten_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
