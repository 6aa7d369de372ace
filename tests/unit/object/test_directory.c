/* The directory: what is found under which name, and which changes would leave a reference dangling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "object/directory.h"

/* The tables are written with ' for ". */
static json_t *json_of(const char *text)
{
    if (!text)
        return NULL;
    char *copy = mem_strdup(text);
    for (char *at = copy; *at; at++) {
        if (*at == '\'')
            *at = '"';
    }
    json_t *json = json_loads(copy, 0, NULL);
    if (!json)
        fail_msg("not JSON: %s", copy);
    free(copy);
    return json;
}

static bool apply(struct directory *d, enum object_kind kind, const char *key, const char *text, struct fault *why)
{
    json_t *json = json_of(text);
    bool is_good = directory_apply(d, kind, key, json, why);
    json_decref(json);
    return is_good;
}

static void must(struct directory *d, enum object_kind kind, const char *key, const char *text)
{
    struct fault why = { 0 };
    if (!apply(d, kind, key, text, &why))
        fail_msg("%s: %s", key, why.text);
}

static struct directory *filled(void)
{
    struct directory *d = directory_new();
    must(d, OBJECT_PROVIDER, "own",
         "{'name':'own','smtp':{'host':'smtp.own.example','sasl':'plain'},'limits':{'connections':7}}");
    must(d, OBJECT_REGISTRATION, "main", "{'name':'main','provider':'microsoft365','tenant':'t','client_id':'c'}");
    must(d, OBJECT_REGISTRATION, "open",
         "{'name':'open','provider':'microsoft365','tenant':'common','client_id':'c','credential':'none'}");
    must(d, OBJECT_REGISTRATION, "goo", "{'name':'goo','provider':'google','client_id':'c'}");
    must(d, OBJECT_MAILBOX, "box@example.org",
         "{'address':'box@example.org','registration':'main','aliases':['alias@example.org'],"
         "'shared':['info@example.org'],'smtp':{'port':2587},'limits':{'connections':1}}");
    must(d, OBJECT_MAILBOX, "old@own.example", "{'address':'old@own.example','provider':'own','grant':'basic'}");
    must(d, OBJECT_APP, "scanner",
         "{'name':'scanner','mailboxes':['box@example.org'],'from':['10.1.0.0/16'],'allow':['smtp']}");
    must(d, OBJECT_APP, "printer", "{'name':'printer','mailboxes':['box@example.org'],'from':['10.1.2.0/24','::1']}");
    must(d, OBJECT_REGISTRATION, "in", "{'name':'in','provider':'microsoft365','tenant':'t','client_id':'c'}");
    must(d, OBJECT_MAILBOX, "pop@example.org",
         "{'address':'pop@example.org','registration':'in','protocols':['pop3','smtp']}");
    must(d, OBJECT_MAILBOX, "watched@example.org", "{'address':'watched@example.org','registration':'in'}");
    must(d, OBJECT_ENDPOINT, "Watcher", "{'name':'watcher','mailbox':'watched@example.org'}");
    return d;
}

static void test_lookups_ignore_case(void **state)
{
    struct directory *d = filled();
    assert_non_null(directory_mailbox(d, "BOX@Example.ORG"));
    assert_non_null(directory_registration(d, "Main"));
    assert_non_null(directory_app(d, "SCANNER"));
    assert_non_null(directory_provider(d, "Microsoft365"));
    assert_null(directory_mailbox(d, "alias@example.org"));
    assert_string_equal(directory_endpoint(d, "WATCHER")->mailbox, "watched@example.org");
    assert_int_equal(directory_watch_of(d, directory_endpoint(d, "watcher")), OBJECT_IMAP);
    assert_null(directory_app(d, "nobody"));
    assert_null(directory_app(d, NULL));
    directory_free(d);
    directory_free(NULL);
}

static void test_longest_prefix_wins(void **state)
{
    struct directory *d = filled();
    assert_string_equal(directory_app_by_host(d, "10.1.2.3", OBJECT_SMTP)->name, "printer");
    assert_string_equal(directory_app_by_host(d, "10.1.3.3", OBJECT_SMTP)->name, "scanner");
    assert_null(directory_app_by_host(d, "10.1.3.3", OBJECT_IMAP)); /* the scanner may not */
    assert_string_equal(directory_app_by_host(d, "::1", OBJECT_POP3)->name, "printer");
    assert_null(directory_app_by_host(d, "192.0.2.1", OBJECT_SMTP));
    must(d, OBJECT_APP, "printer", NULL);
    assert_string_equal(directory_app_by_host(d, "10.1.2.3", OBJECT_SMTP)->name, "scanner");
    must(d, OBJECT_APP, "strict",
         "{'name':'strict','mailboxes':['box@example.org'],'from':['10.1.2.3'],'only_from':true}");
    assert_string_equal(directory_app_by_host(d, "10.1.2.3", OBJECT_SMTP)->name, "scanner"); /* a password is needed */
    directory_free(d);
}

static void test_overrides_lie_over_the_provider(void **state)
{
    struct directory *d = filled();
    const struct mailbox *box = directory_mailbox(d, "box@example.org");
    struct object_server s = directory_server_of(d, box, OBJECT_SMTP);
    assert_string_equal(s.host, "smtp.office365.com");
    assert_int_equal(s.port, 2587);
    assert_int_equal(s.tls, OBJECT_TLS_STARTTLS);
    assert_int_equal(s.sasl, OBJECT_SASL_XOAUTH2);
    struct object_limits l = directory_limits_of(d, box);
    assert_int_equal(l.connections, 1);
    assert_int_equal(l.messages_per_minute, 25);
    assert_string_equal(directory_provider_of(d, box)->name, "microsoft365");
    directory_free(d);
}

static void test_a_password_is_never_sent_as_a_token(void **state)
{
    struct directory *d = filled();
    must(d, OBJECT_MAILBOX, "p@x", "{'address':'p@x','provider':'google','grant':'basic'}");
    must(d, OBJECT_MAILBOX, "n@x", "{'address':'n@x','provider':'own','grant':'none'}");
    assert_int_equal(directory_server_of(d, directory_mailbox(d, "p@x"), OBJECT_SMTP).sasl, OBJECT_SASL_LOGIN);
    assert_int_equal(directory_server_of(d, directory_mailbox(d, "n@x"), OBJECT_SMTP).sasl, OBJECT_SASL_NONE);
    assert_int_equal(directory_server_of(d, directory_mailbox(d, "old@own.example"), OBJECT_SMTP).sasl,
                     OBJECT_SASL_PLAIN);
    directory_free(d);
}

static void test_builtin_provider_comes_back(void **state)
{
    struct directory *d = directory_new();
    must(d, OBJECT_PROVIDER, "google", "{'name':'google','smtp':{'host':'mine','sasl':'plain'}}");
    assert_string_equal(directory_provider(d, "google")->smtp.host, "mine");
    must(d, OBJECT_PROVIDER, "google", NULL);
    assert_string_equal(directory_provider(d, "google")->smtp.host, "smtp.gmail.com");
    directory_free(d);
}

static void test_a_bad_change_changes_nothing(void **state)
{
    struct directory *d = filled();
    struct fault why = { 0 };
    assert_false(apply(d, OBJECT_APP, "scanner", "{'name':'scanner'}", &why));
    assert_non_null(strstr(why.text, "app scanner: mailboxes is missing"));
    assert_false(apply(d, OBJECT_APP, "scanner", "{'name':'other','mailboxes':['a@b']}", &why));
    assert_int_equal(directory_app(d, "scanner")->mailboxes_count, 1);
    assert_string_equal(directory_app_by_host(d, "10.1.3.3", OBJECT_SMTP)->name, "scanner");
    directory_free(d);
}

static const struct {
    enum object_kind kind;
    const char *key, *json; /* NULL: take out */
    const char *text;       /* NULL: allowed */
} checks[] = {
    { OBJECT_PROVIDER, "own", NULL, "provider own is still used by mailbox old@own.example" },
    { OBJECT_PROVIDER, "microsoft365", NULL, NULL },
    { OBJECT_REGISTRATION, "main", NULL, "registration main is still used by mailbox box@example.org" },
    { OBJECT_REGISTRATION, "open", NULL, NULL },
    { OBJECT_MAILBOX, "box@example.org", NULL, "mailbox box@example.org is still used by app" },
    { OBJECT_MAILBOX, "old@own.example", NULL, NULL },
    { OBJECT_APP, "scanner", NULL, NULL },
    { OBJECT_REGISTRATION, "r", "{'name':'r','provider':'nix','client_id':'c'}", "there is no provider nix" },
    { OBJECT_REGISTRATION, "r", "{'name':'r','provider':'microsoft365','client_id':'c'}", "tenant is missing" },
    { OBJECT_REGISTRATION, "r", "{'name':'r','provider':'outlook','client_id':'c'}", NULL },
    { OBJECT_MAILBOX, "a@b", "{'address':'a@b','registration':'nix'}", "there is no registration nix" },
    { OBJECT_MAILBOX, "a@b", "{'address':'a@b','provider':'nix','grant':'none'}", "there is no provider nix" },
    { OBJECT_MAILBOX, "a@b", "{'address':'a@b','registration':'goo','grant':'app'}", "has no app grant" },
    { OBJECT_MAILBOX, "a@b", "{'address':'a@b','registration':'goo','grant':'device'}", "no device codes" },
    { OBJECT_MAILBOX, "a@b", "{'address':'a@b','registration':'open','grant':'app'}", "needs a secret" },
    { OBJECT_MAILBOX, "a@b", "{'address':'a@b','registration':'main','grant':'app'}", NULL },
    { OBJECT_MAILBOX, "alias@example.org", "{'address':'alias@example.org','registration':'main'}",
      "alias@example.org already belongs to mailbox box@example.org" },
    { OBJECT_MAILBOX, "info@example.org", "{'address':'info@example.org','registration':'main'}", NULL },
    { OBJECT_MAILBOX, "box@example.org", "{'address':'box@example.org','registration':'open'}", NULL },
    { OBJECT_APP, "a", "{'name':'a','mailboxes':['no@one']}", "there is no mailbox no@one" },
    { OBJECT_APP, "a", "{'name':'a','mailboxes':['box@example.org'],'force_sender':'x@y'}", "force_sender x@y is no" },
    { OBJECT_APP, "a", "{'name':'a','mailboxes':['box@example.org'],'force_sender':'INFO@example.org'}", NULL },
    { OBJECT_APP, "a", "{'name':'a','mailboxes':['box@example.org'],'from':['10.1.0.0/16']}",
      "10.1.0.0/16 already stands for app scanner" },
    { OBJECT_APP, "a", "{'name':'a','mailboxes':['box@example.org'],'from':['10.1.0.0/16'],'allow':['imap']}", NULL },
    { OBJECT_APP, "scanner", "{'name':'scanner','mailboxes':['box@example.org'],'from':['10.1.0.0/16']}", NULL },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'no@one'}", "there is no mailbox no@one" },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'BOX@example.org'}", NULL },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'old@own.example'}", "neither IMAP nor POP3 switched on" },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'old@own.example','watch':'poll'}", "can't be watched by imap" },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'pop@example.org'}",
      "mailbox pop@example.org has no IMAP: POP3 can't mark" },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'pop@example.org','after':'leave','folder':'X'}", "no folders but" },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'pop@example.org','after':'delete','folder':'inbox'}", NULL },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'watched@example.org','after':'delete','folder':'Inbox'}",
      "endpoint watcher watches INBOX of watched@example.org, too" },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'watched@example.org','after':'delete','folder':'Other'}", NULL },
    { OBJECT_ENDPOINT, "e", "{'name':'e','mailbox':'watched@example.org','after':'delete','filter':{'subject':'x'}}",
      NULL },
    { OBJECT_ENDPOINT, "watcher", "{'name':'watcher','mailbox':'watched@example.org','after':'delete'}", NULL },
    { OBJECT_ENDPOINT, "watcher", NULL, NULL },
    { OBJECT_MAILBOX, "watched@example.org", NULL, "watched@example.org is still used by endpoint watcher" },
    { OBJECT_MAILBOX, "watched@example.org",
      "{'address':'watched@example.org','registration':'in','protocols':['smtp']}", "endpoint watcher watches" },
    { OBJECT_MAILBOX, "watched@example.org",
      "{'address':'watched@example.org','registration':'in','protocols':['imap']}", NULL },
};

static void test_references(void **state)
{
    struct directory *d = filled();
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        struct fault why = { 0 };
        json_t *json = json_of(checks[i].json);
        bool is_allowed = directory_check(d, checks[i].kind, checks[i].key, json, &why);
        json_decref(json);
        if (is_allowed != !checks[i].text || (checks[i].text && !strstr(why.text, checks[i].text)))
            fail_msg("%s %s\n  said: %s\n  want: %s", checks[i].key, checks[i].json ? checks[i].json : "removal",
                     why.text, checks[i].text ? checks[i].text : "(allowed)");
    }
    directory_free(d);
}

static bool count(void *ctx, const void *object)
{
    *(size_t *)ctx += 1;
    return true;
}

static bool stop(void *ctx, const void *object)
{
    count(ctx, object);
    return false;
}

static void test_each(void **state)
{
    struct directory *d = filled();
    size_t providers = 0, apps = 0, once = 0;
    directory_each(d, OBJECT_PROVIDER, count, &providers);
    directory_each(d, OBJECT_APP, count, &apps);
    directory_each(d, OBJECT_APP, stop, &once);
    assert_int_equal(providers, 7);
    assert_int_equal(apps, 2);
    assert_int_equal(once, 1);
    directory_free(d);
}

static void test_a_message_may_hold_anything(void **state)
{
    static const struct {
        uint32_t kind;
        const char *key, *json;
        bool is_taken;
    } cases[] = {
        { OBJECT_APP, "new", "{\"name\":\"new\",\"mailboxes\":[\"box@example.org\"]}", true },
        { OBJECT_KINDS, "new", "{\"name\":\"new\"}", false },
        { UINT32_MAX, "new", NULL, false },
        { OBJECT_APP, "scanner", "{\"name\":", false },
        { OBJECT_APP, "scanner", "", false },
        { OBJECT_APP, "scanner", "{\"name\":\"scanner\",\"name\":\"other\"}", false },
    };
    struct directory *d = filled();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault why = { 0 };
        assert_int_equal(directory_apply_text(d, cases[i].kind, cases[i].key, cases[i].json, &why), cases[i].is_taken);
        assert_int_equal(why.text[0] == '\0', cases[i].is_taken);
    }
    assert_non_null(directory_app(d, "new"));
    assert_non_null(directory_app(d, "scanner"));
    assert_true(directory_apply_text(d, OBJECT_APP, "scanner", NULL, NULL));
    assert_null(directory_app(d, "scanner"));
    directory_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups_ignore_case),
        cmocka_unit_test(test_longest_prefix_wins),
        cmocka_unit_test(test_overrides_lie_over_the_provider),
        cmocka_unit_test(test_a_password_is_never_sent_as_a_token),
        cmocka_unit_test(test_builtin_provider_comes_back),
        cmocka_unit_test(test_a_bad_change_changes_nothing),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_a_message_may_hold_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
