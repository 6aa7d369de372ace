/* sendmail(8): its command line, and what becomes of what a program wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "cli/sendmail_args.h"
#include "cli/sendmail_message.h"
#include "msg/edge_queue.h"

/* ---- command line ---- */

static bool parse(const char *line, struct arena *arena, struct sendmail_args *out, struct fault *why)
{
    char **argv = arena_array(arena, 17, sizeof *argv);
    int argc = 0;
    char *rest = NULL;
    argv[argc++] = arena_strdup(arena, "sendmail");
    for (char *word = strtok_r(arena_strdup(arena, line), " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    return sendmail_args_parse(argc, argv, arena, out, why);
}

static const struct {
    const char *line, *sender, *recipients;
    bool from_headers, ignores_dots;
} lines[] = {
    { "-t", NULL, "", true, false },
    { "-t -i", NULL, "", true, true },
    { "-ti", NULL, "", true, true },
    { "-oi -oem -odb a@b c@d", NULL, "a@b c@d", false, true },
    { "-f me@x a@b", "me@x", "a@b", false, false },
    { "-fme@x -t", "me@x", "", true, false },
    { "-tfme@x", "me@x", "", true, false },
    { "-r me@x a@b", "me@x", "a@b", false, false },
    { "-f <> a@b", "", "a@b", false, false },
    { "-bm -v -n -G -U -m a@b", NULL, "a@b", false, false },
    { "-B 8BITMIME -em -h 3 -L tag -p smtp a@b", NULL, "a@b", false, false },
    { "-O IgnoreDots a@b", NULL, "a@b", false, true },
    { "-i -- -odd@name", NULL, "-odd@name", false, true },
};

static void test_command_lines(void **state)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct arena *arena = arena_new();
        struct sendmail_args a;
        struct fault why = { 0 };
        if (!parse(lines[i].line, arena, &a, &why))
            fail_msg("%s: %s", lines[i].line, why.text);
        const char *recipients = "";
        for (size_t k = 0; k < a.recipients_count; k++)
            recipients = arena_printf(arena, "%s%s%s", recipients, k ? " " : "", a.recipients[k]);
        if (!text_equal(a.sender, lines[i].sender) || !text_equal(recipients, lines[i].recipients) ||
            a.from_headers != lines[i].from_headers || a.ignores_dots != lines[i].ignores_dots ||
            a.mode != SENDMAIL_DELIVER)
            fail_msg("misread: %s", lines[i].line);
        arena_free(arena);
    }
}

static void test_notification_options(void **state)
{
    struct arena *arena = arena_new();
    struct sendmail_args a;
    struct fault why = { 0 };
    assert_true(parse("-N success,DELAY -R hdrs -V id17 -F Me a@b", arena, &a, &why));
    assert_int_equal(a.notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
    assert_int_equal(a.ret, RET_HDRS);
    assert_string_equal(a.envid, "id17");
    assert_string_equal(a.full_name, "Me");
    assert_true(parse("-N never a@b", arena, &a, &why));
    assert_int_equal(a.notify, NOTIFY_NEVER);
    arena_free(arena);
}

static void test_refused_command_lines(void **state)
{
    static const char *const bad[] = { "-y", "-f", "-N never,delay", "-N sometimes", "-R half", "-bs", "-bd", "-tz" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct arena *arena = arena_new();
        struct sendmail_args a;
        struct fault why = { 0 };
        if (parse(bad[i], arena, &a, &why))
            fail_msg("taken: %s", bad[i]);
        assert_true(why.text[0] != '\0');
        arena_free(arena);
    }
}

static void test_other_modes(void **state)
{
    struct arena *arena = arena_new();
    struct sendmail_args a;
    struct fault why = { 0 };
    assert_true(parse("-bp", arena, &a, &why) && a.mode == SENDMAIL_LIST);
    assert_true(parse("-bi", arena, &a, &why) && a.mode == SENDMAIL_NOTHING);
    assert_true(parse("-q", arena, &a, &why) && a.mode == SENDMAIL_NOTHING);
    assert_true(parse("-q15m", arena, &a, &why) && a.mode == SENDMAIL_NOTHING);
    arena_free(arena);
}

/* ---- the message ---- */

static const struct sendmail_rules plain_rules = {
    .sender = "me@host.example", .full_name = "", .hostname = "host.example", .now_ms = 1795251600000
};

static int file_of(const void *data, size_t size)
{
    int fd = memfd_create("in", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* What comes out, as text in the arena. */
static const char *copied(const char *in, size_t size, const struct sendmail_rules *rules, struct arena *arena,
                          struct sendmail_result *result)
{
    struct fault why = { 0 };
    int from = file_of(in, size), to = memfd_create("out", MFD_CLOEXEC);
    if (!sendmail_message_copy(from, to, rules, arena, result, &why))
        fail_msg("%s", why.text);
    off_t length = lseek(to, 0, SEEK_END);
    char *text = arena_alloc(arena, (size_t)length + 1);
    assert_int_equal(pread(to, text, (size_t)length, 0), length);
    close(from);
    close(to);
    return text;
}

#define OWN "From: a@b\nDate: x\nMessage-ID: <1@b>\n"
#define OWN_CRLF "From: a@b\r\nDate: x\r\nMessage-ID: <1@b>\r\n"

static const struct {
    const char *in, *out;
    bool ignores_dots;
} messages[] = {
    { OWN "\nhello\n", OWN_CRLF "\r\nhello\r\n", false },
    { OWN_CRLF "\r\nhello\r\n", OWN_CRLF "\r\nhello\r\n", false },
    { OWN "\nno end", OWN_CRLF "\r\nno end\r\n", false },
    { OWN "\n", OWN_CRLF "\r\n", false },
    { OWN, OWN_CRLF "\r\n", false },
    { OWN "\na\n.\nb\n", OWN_CRLF "\r\na\r\n", false },
    { OWN "\na\n.\nb\n", OWN_CRLF "\r\na\r\n.\r\nb\r\n", true },
    { OWN "\na\n..\n.x\n", OWN_CRLF "\r\na\r\n..\r\n.x\r\n", false },
    { OWN ".\nlost\n", OWN_CRLF "\r\n", false },
    { "Bcc: secret@x,\n\tmore@x\n" OWN "bcc: again@x\n\nBcc: stays\n", OWN_CRLF "\r\nBcc: stays\r\n", false },
    { "From me Sat Nov 21 09:00:00 2026\n" OWN "\nx\n", OWN_CRLF "\r\nx\r\n", false },
    { OWN "just text\n", OWN_CRLF "\r\njust text\r\n", false },
    { OWN "Subject: folded\n and more\n\nx\n", OWN_CRLF "Subject: folded\r\n and more\r\n\r\nx\r\n", false },
    { OWN "\nbare\rcr\n", OWN_CRLF "\r\nbare\r\ncr\r\n", false },
};

static void test_messages(void **state)
{
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct arena *arena = arena_new();
        struct sendmail_result result;
        struct sendmail_rules rules = plain_rules;
        rules.ignores_dots = messages[i].ignores_dots;
        assert_string_equal(copied(messages[i].in, strlen(messages[i].in), &rules, arena, &result), messages[i].out);
        arena_free(arena);
    }
}

static void test_missing_fields_are_added(void **state)
{
    struct arena *arena = arena_new();
    struct sendmail_result result;
    struct sendmail_rules rules = plain_rules;
    rules.full_name = "Cron \"Daemon\"";
    const char *out = copied("text alone\n", 11, &rules, arena, &result);
    assert_non_null(strstr(out, "From: \"Cron \\\"Daemon\\\"\" <me@host.example>\r\n"));
    assert_non_null(strstr(out, "Date: Sat, 21 Nov 2026 "));
    assert_non_null(strstr(out, "Message-ID: <"));
    assert_non_null(strstr(out, "@host.example>\r\n\r\ntext alone\r\n"));
    arena_free(arena);
}

static const struct {
    const char *header, *recipients;
} gathered[] = {
    { "To: a@b\n", "a@b" },
    { "To: A <a@b>, c@d\nCc: e@f\nBcc: g@h\n", "a@b c@d e@f g@h" },
    { "To: a@b\nCc: A@B\n", "a@b" },
    { "To: friends: a@b, c@d;\n", "a@b c@d" },
    { "To: undisclosed-recipients:;\nBcc: a@b\n", "a@b" },
    { "To: \"Doe, John\"\n <a@b>\n", "a@b" },
    { "To: root\n", "root@host.example" },
    { "To: root, admin\n", "root@host.example admin@host.example" },
    { "To: a@b\nResent-To: c@d\n", "c@d" },
    { "Subject: none\n", "" },
};

static void test_recipients_from_the_header(void **state)
{
    for (size_t i = 0; i < sizeof gathered / sizeof gathered[0]; i++) {
        struct arena *arena = arena_new();
        struct sendmail_result result;
        struct sendmail_rules rules = plain_rules;
        rules.from_headers = true;
        copied(gathered[i].header, strlen(gathered[i].header), &rules, arena, &result);
        const char *list = "";
        for (size_t k = 0; k < result.recipients.count; k++)
            list = arena_printf(arena, "%s%s%s", list, k ? " " : "", result.recipients.items[k]);
        if (!text_equal(list, gathered[i].recipients))
            fail_msg("%s gives \"%s\"", gathered[i].header, list);
        arena_free(arena);
    }
}

/* A line longer than every buffer on its way, with a CR at each place a boundary could split. */
static void test_a_very_long_line_stays_whole(void **state)
{
    struct arena *arena = arena_new();
    struct sendmail_result result;
    size_t size = 300000;
    char *in = arena_alloc(arena, size + 64);
    size_t at = strlen(OWN "\n");
    memcpy(in, OWN "\n", at);
    memset(in + at, 'x', size);
    memcpy(in + at + size, "end\n", 4);
    const char *out = copied(in, at + size + 4, &plain_rules, arena, &result);
    const char *body = strstr(out, "\r\n\r\n") + 4;
    assert_int_equal(strlen(body), size + 5);
    assert_int_equal(strspn(body, "x"), size);
    assert_string_equal(body + size, "end\r\n");
    arena_free(arena);
}

static void test_what_the_bytes_are(void **state)
{
    struct arena *arena = arena_new();
    struct sendmail_result result;
    copied(OWN "\nplain\n", strlen(OWN "\nplain\n"), &plain_rules, arena, &result);
    assert_false(result.is_8bit || result.has_utf8_header);
    copied(OWN "\n\xc3\xa9\n", strlen(OWN "\n\xc3\xa9\n"), &plain_rules, arena, &result);
    assert_true(result.is_8bit && !result.has_utf8_header);
    copied(OWN "Subject: \xc3\xa9\n\nx\n", strlen(OWN "Subject: \xc3\xa9\n\nx\n"), &plain_rules, arena, &result);
    assert_true(result.has_utf8_header);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_lines),
        cmocka_unit_test(test_notification_options),
        cmocka_unit_test(test_refused_command_lines),
        cmocka_unit_test(test_other_modes),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_missing_fields_are_added),
        cmocka_unit_test(test_recipients_from_the_header),
        cmocka_unit_test(test_a_very_long_line_stays_whole),
        cmocka_unit_test(test_what_the_bytes_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
