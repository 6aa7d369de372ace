/* Who may send as whom: tables of senders, apps and mailboxes against ways out and refusals. */
#include "route/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct directory *directory;
static struct arena *arena;

static void put(enum object_kind kind, const char *key, const char *text)
{
    json_error_t error;
    struct fault why = { 0 };
    json_t *json = json_loads(text, 0, &error);
    if (!json || !directory_apply(directory, kind, key, json, &why))
        fail_msg("%s: %s%s", key, json ? "" : error.text, why.text);
    json_decref(json);
}

static int set_up(void **state)
{
    directory = directory_new();
    arena = arena_new();
    put(OBJECT_PROVIDER, "mx",
        "{\"name\":\"mx\",\"smtp\":{\"host\":\"smtp.example\",\"port\":587,\"sasl\":\"login\"},\"limits\":{\"size_mb\":"
        "35}}");
    put(OBJECT_MAILBOX, "shop@a.example",
        "{\"address\":\"shop@a.example\",\"provider\":\"mx\",\"grant\":\"basic\",\"aliases\":[\"store@a.example\"],"
        "\"shared\":[\"info@a.example\",\"both@a.example\"]}");
    put(OBJECT_MAILBOX, "erp@a.example",
        "{\"address\":\"erp@a.example\",\"provider\":\"mx\",\"grant\":\"basic\",\"shared\":[\"both@a.example\"],"
        "\"limits\":{\"size_mb\":10},\"is_paused\":true}");
    put(OBJECT_MAILBOX, "imap@a.example",
        "{\"address\":\"imap@a.example\",\"provider\":\"mx\",\"grant\":\"basic\",\"protocols\":[\"imap\"]}");
    put(OBJECT_MAILBOX, "lost@a.example", "{\"address\":\"lost@a.example\",\"provider\":\"gone\",\"grant\":\"basic\"}");
    put(OBJECT_APP, "web",
        "{\"name\":\"web\",\"mailboxes\":[\"shop@a.example\",\"erp@a.example\",\"imap@a.example\"]}");
    put(OBJECT_APP, "printer",
        "{\"name\":\"printer\",\"mailboxes\":[\"shop@a.example\"],\"force_sender\":\"store@a.example\"}");
    put(OBJECT_APP, "forced-other",
        "{\"name\":\"forced-other\",\"mailboxes\":[\"shop@a.example\",\"erp@a.example\"],\"force_sender\":\"erp@a."
        "example\"}");
    put(OBJECT_APP, "forced-bad",
        "{\"name\":\"forced-bad\",\"mailboxes\":[\"shop@a.example\"],\"force_sender\":\"x@b.example\"}");
    put(OBJECT_APP, "free", "{\"name\":\"free\",\"mailboxes\":[\"shop@a.example\"],\"any_sender\":true}");
    put(OBJECT_APP, "imapper", "{\"name\":\"imapper\",\"mailboxes\":[\"imap@a.example\"]}");
    put(OBJECT_APP, "orphan", "{\"name\":\"orphan\",\"mailboxes\":[\"nobody@a.example\"]}");
    put(OBJECT_APP, "loser", "{\"name\":\"loser\",\"mailboxes\":[\"lost@a.example\"]}");
    return 0;
}

static int tear_down(void **state)
{
    directory_free(directory);
    arena_free(arena);
    return 0;
}

static void apps_find_their_way_out(void **state)
{
    static const struct {
        const char *app, *picked, *sender; /* asked */
        const char *mailbox, *as, *from;   /* answered */
        uint64_t size_mb;
    } cases[] = {
        { "web", "", "shop@a.example", "shop@a.example", "shop@a.example", "", 35 },
        { "web", "", "SHOP@A.Example", "shop@a.example", "SHOP@A.Example", "", 35 },
        { "web", "", "store@a.example", "shop@a.example", "store@a.example", "", 35 },
        { "web", "", "info@a.example", "shop@a.example", "info@a.example", "", 35 },
        { "web", "", "erp@a.example", "erp@a.example", "erp@a.example", "", 10 }, /* paused, and still taken */
        { "web", "erp@a.example", "info@a.example", "shop@a.example", "info@a.example", "", 35 },
        { "web", "", "both@a.example", "shop@a.example", "both@a.example", "", 35 },
        { "web", "erp@a.example", "both@a.example", "erp@a.example", "both@a.example", "", 10 },
        { "web", "", "", "shop@a.example", "", "", 35 },
        { "web", "erp@a.example", "", "erp@a.example", "", "", 10 },
        { "printer", "", "scanner@local", "shop@a.example", "store@a.example", "store@a.example", 35 },
        { "printer", "", "", "shop@a.example", "", "store@a.example", 35 },
        { "forced-other", "", "whoever", "erp@a.example", "erp@a.example", "erp@a.example", 10 },
        { "free", "", "anybody@b.example", "shop@a.example", "anybody@b.example", "", 35 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route r;
        struct fault why;
        if (!route_app(directory, cases[i].app, cases[i].picked, cases[i].sender, arena, &r, &why))
            fail_msg("case %zu: %s", i, why.text);
        assert_string_equal(r.mailbox, cases[i].mailbox);
        assert_string_equal(r.sender, cases[i].as);
        assert_string_equal(r.from, cases[i].from);
        assert_int_equal(r.size_limit, cases[i].size_mb << 20);
    }
}

static void other_senders_are_refused_with_the_fix(void **state)
{
    static const struct {
        const char *app, *picked, *sender;
        enum fault_kind kind;
        const char *id, *says;
    } cases[] = {
        { "web", "", "x@b.example", FAULT_REJECT, "route.sender",
          "app 'web' may not send as x@b.example; it may send as shop@a.example, store@a.example, info@a.example, "
          "both@a.example and others; add it with: postern mailbox set shop@a.example --shared x@b.example "
          "info@a.example "
          "both@a.example" },
        { "web", "", "imap@a.example", FAULT_REJECT, "route.sender", "may not send as imap@a.example" },
        { "web", "", "shop@a.example.evil", FAULT_REJECT, "route.sender", "may not send as" },
        { "web", "lost@a.example", "lost@a.example", FAULT_REJECT, "route.sender",
          "may not use mailbox lost@a.example" },
        { "nobody", "", "shop@a.example", FAULT_REJECT, "route.sender", "app 'nobody' was removed" },
        { "imapper", "", "imap@a.example", FAULT_CONFIG, "mailbox.protocol",
          "not switched on for SMTP: postern mailbox set imap@a.example --protocols smtp imap" },
        { "orphan", "", "nobody@a.example", FAULT_CONFIG, "route.mailbox", "does not exist" },
        { "loser", "", "lost@a.example", FAULT_CONFIG, "route.mailbox", "lost its registration or provider" },
        { "forced-bad", "", "shop@a.example", FAULT_CONFIG, "route.mailbox", "is set to send as x@b.example" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route r;
        struct fault why = { 0 };
        assert_false(route_app(directory, cases[i].app, cases[i].picked, cases[i].sender, arena, &r, &why));
        assert_int_equal(why.kind, cases[i].kind);
        assert_string_equal(why.id, cases[i].id);
        if (!strstr(why.text, cases[i].says))
            fail_msg("case %zu says: %s", i, why.text);
    }
}

static void a_limited_key_keeps_to_its_mailboxes(void **state)
{
    static const char *const mailboxes[] = { "erp@a.example", "shop@a.example" };
    struct route r;
    struct fault why = { 0 };
    assert_true(route_limited(directory, "key:k", mailboxes, 2, "", "info@a.example", arena, &r, &why));
    assert_string_equal(r.mailbox, "shop@a.example");
    assert_true(route_limited(directory, "key:k", mailboxes, 2, "", "", arena, &r, &why));
    assert_string_equal(r.mailbox, "erp@a.example");
    assert_false(route_limited(directory, "key:k", mailboxes, 1, "", "shop@a.example", arena, &r, &why));
    assert_string_equal(why.id, "route.sender");
    assert_non_null(strstr(why.text, "key 'k' may not send as shop@a.example"));
    assert_false(route_limited(directory, "key:k", mailboxes, 1, "shop@a.example", "erp@a.example", arena, &r, &why));
    assert_non_null(strstr(why.text, "key 'k' may not use mailbox shop@a.example"));
}

static void a_hostile_sender_is_not_echoed_raw(void **state)
{
    struct route r;
    struct fault why = { 0 };
    char sender[600];
    memset(sender, 'x', sizeof sender);
    memcpy(sender + 10, "\r\n250 ok", 8);
    sender[599] = '\0';
    assert_false(route_app(directory, "web", "", sender, arena, &r, &why));
    assert_null(strpbrk(why.text, "\r\n"));
    assert_non_null(strstr(why.text, "postern mailbox set"));
}

static void local_programs_find_a_mailbox(void **state)
{
    static const struct {
        const char *fallback, *sender;
        const char *mailbox, *as, *from; /* mailbox NULL: refused */
    } cases[] = {
        { "", "info@a.example", "shop@a.example", "info@a.example", "" },
        { "erp@a.example", "info@a.example", "shop@a.example", "info@a.example", "" },
        { "erp@a.example", "root@host", "erp@a.example", "erp@a.example", "erp@a.example" },
        { "erp@a.example", "", "erp@a.example", "", "erp@a.example" },
        { "", "root@host", NULL, NULL, NULL },
        { "imap@a.example", "root@host", NULL, NULL, NULL },
        { "nobody@a.example", "root@host", NULL, NULL, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route r;
        struct fault why = { 0 };
        bool ok = route_local(directory, cases[i].fallback, cases[i].sender, arena, &r, &why);
        assert_int_equal(ok, cases[i].mailbox != NULL);
        if (!ok) {
            bool is_off = strstr(cases[i].fallback, "imap@") != NULL;
            assert_string_equal(why.id, is_off ? "mailbox.protocol" : "route.mailbox");
            continue;
        }
        assert_string_equal(r.mailbox, cases[i].mailbox);
        assert_string_equal(r.sender, cases[i].as);
        assert_string_equal(r.from, cases[i].from);
    }
}

static void the_only_mailbox_needs_no_setting(void **state)
{
    struct directory *d = directory;
    struct route r;
    struct fault why = { 0 };
    directory = directory_new();
    assert_false(route_local(directory, "", "root@host", arena, &r, &why));
    assert_non_null(strstr(why.text, "postern mailbox add"));
    put(OBJECT_PROVIDER, "mx",
        "{\"name\":\"mx\",\"smtp\":{\"host\":\"smtp.example\",\"port\":587,\"sasl\":\"login\"}}");
    put(OBJECT_MAILBOX, "one@a.example", "{\"address\":\"one@a.example\",\"provider\":\"mx\",\"grant\":\"basic\"}");
    assert_true(route_local(directory, "", "root@host", arena, &r, &why));
    assert_string_equal(r.mailbox, "one@a.example");
    assert_string_equal(r.from, "one@a.example");
    directory_free(directory);
    directory = d;
}

static void the_from_field_is_judged(void **state)
{
    static const struct {
        const char *app, *sender; /* of the envelope */
        unsigned fields;
        bool is_readable;
        const char *from[2];
        const char *id; /* NULL: passes */
    } cases[] = {
        { "web", "shop@a.example", 1, true, { "shop@a.example" }, NULL },
        { "web", "shop@a.example", 1, true, { "Info@a.example", "store@a.example" }, NULL },
        { "web", "shop@a.example", 1, true, { "shop@a.example", "x@b.example" }, "route.sender" },
        { "web", "shop@a.example", 1, true, { "erp@a.example" }, "route.sender" }, /* the other mailbox's */
        { "web", "", 1, true, { "mailer-daemon@host" }, "route.sender" },
        { "web", "shop@a.example", 0, true, { NULL }, NULL },
        { "web", "shop@a.example", 2, true, { "shop@a.example" }, "route.header" },
        { "web", "shop@a.example", 1, false, { NULL }, "route.header" },
        { "printer", "x", 2, false, { "whoever@b.example" }, NULL },
        { "free", "x@b.example", 1, true, { "y@b.example" }, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route r;
        struct fault why = { 0 };
        struct mime_address items[2] = { { .address = cases[i].from[0] }, { .address = cases[i].from[1] } };
        struct mime_header h = { .from_fields = cases[i].fields,
                                 .is_from_readable = cases[i].is_readable,
                                 .from = { items, (size_t)(cases[i].from[0] != NULL) + (cases[i].from[1] != NULL) } };
        assert_true(route_app(directory, cases[i].app, "", cases[i].sender, arena, &r, &why));
        bool ok = route_header(directory, cases[i].app, &r, &h, &why);
        if (ok != (cases[i].id == NULL))
            fail_msg("case %zu: %s", i, why.text);
        if (!ok) {
            assert_int_equal(why.kind, FAULT_REJECT);
            assert_string_equal(why.id, cases[i].id);
        }
    }
}

static void the_identity_follows_grant_and_protocol(void **state)
{
    static const struct {
        enum object_grant grant;
        const char *user, *smtp, *imap;
    } cases[] = {
        { OBJECT_GRANT_CODE, "", "info@a.example", "info@a.example" },
        { OBJECT_GRANT_CODE, "delegate@a.example", "delegate@a.example", "info@a.example" },
        { OBJECT_GRANT_DEVICE, "delegate@a.example", "delegate@a.example", "info@a.example" },
        { OBJECT_GRANT_APP, "", "info@a.example", "info@a.example" },
        { OBJECT_GRANT_APP, "stale@a.example", "info@a.example", "info@a.example" },
        { OBJECT_GRANT_BASIC, "", "info@a.example", "info@a.example" },
        { OBJECT_GRANT_BASIC, "info", "info", "info" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct mailbox m = { .address = "info@a.example", .grant = cases[i].grant, .user = cases[i].user };
        assert_string_equal(route_identity(&m, OBJECT_SMTP), cases[i].smtp);
        assert_string_equal(route_identity(&m, OBJECT_IMAP), cases[i].imap);
        assert_string_equal(route_identity(&m, OBJECT_POP3), cases[i].imap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(apps_find_their_way_out),
        cmocka_unit_test(other_senders_are_refused_with_the_fix),
        cmocka_unit_test(a_limited_key_keeps_to_its_mailboxes),
        cmocka_unit_test(a_hostile_sender_is_not_echoed_raw),
        cmocka_unit_test(local_programs_find_a_mailbox),
        cmocka_unit_test(the_only_mailbox_needs_no_setting),
        cmocka_unit_test(the_from_field_is_judged),
        cmocka_unit_test(the_identity_follows_grant_and_protocol),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
