/* Objects from JSON and YAML and back: what is taken, what is refused, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "object/object.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!json)
        fail_msg("not JSON: %s", text);
    return json;
}

static void *object_of(enum object_kind kind, const char *text, struct arena *arena, struct fault *why)
{
    json_t *json = json_of(text);
    void *object = object_from_json(kind, json, arena, why);
    json_decref(json);
    return object;
}

static const struct {
    enum object_kind kind;
    const char *json;
} round_trips[] = {
    { OBJECT_PROVIDER, "{'name':'example','smtp':{'host':'smtp.example.org','sasl':'plain'}}" },
    { OBJECT_PROVIDER, "{'name':'x','issuer':'https://login.example.org/{tenant}/v2.0','ca_file':'/etc/ca.pem',"
                       "'imap':{'host':'imap.example.org','port':1993,'tls':'implicit','sasl':'oauthbearer',"
                       "'initial_response':true},'limits':{'connections':3,'size_mb':35}}" },
    { OBJECT_REGISTRATION, "{'name':'main','provider':'microsoft365','tenant':'example.org','client_id':'11-22',"
                           "'credential':'certificate','secret_expires':'2027-05-01'}" },
    { OBJECT_MAILBOX, "{'address':'Box@Example.org','registration':'main','grant':'device','user':'me@x.org',"
                      "'aliases':['Other@example.org'],'shared':['info@example.org'],'protocols':['smtp'],"
                      "'smtp':{'host':'127.0.0.1','port':2587,'tls':'starttls'},'is_paused':true}" },
    { OBJECT_APP, "{'name':'scanner','mailboxes':['box@example.org'],'allow':['smtp','http'],"
                  "'from':['10.1.0.0/16','::1'],'has_password':false,'force_sender':'box@example.org'}" },
    { OBJECT_ENDPOINT, "{'name':'tickets','mailbox':'Box@example.org','folder':'Tickets/\xc3\x9c','watch':'poll',"
                       "'poll_s':30,'include_old':true,'filter':{'header':'List-Id: *.example.org','larger_kb':1},"
                       "'kind':'webhook','webhook':{'url':'https://app.example.org/mail','inline_kb':64},"
                       "'after':'move','move_to':'Done','patience_h':5,'keep_days':3}" },
    { OBJECT_ENDPOINT, "{'name':'run','mailbox':'a@b','kind':'command','after':'leave','watch':'pop3',"
                       "'command':{'path':'/usr/bin/x','arguments':['-a','b c'],'timeout_s':5}}" },
};

/* The tables are written with ' for ": */
static const char *quoted(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *at = copy; *at; at++) {
        if (*at == '\'')
            *at = '"';
    }
    return copy;
}

static void test_round_trip(void **state)
{
    for (size_t i = 0; i < COUNT(round_trips); i++) {
        struct arena *arena = arena_new();
        struct fault why = { 0 };
        void *object = object_of(round_trips[i].kind, quoted(arena, round_trips[i].json), arena, &why);
        assert_string_equal(why.text, "");
        assert_non_null(object);
        json_t *once = object_to_json(round_trips[i].kind, object);
        void *again = object_from_json(round_trips[i].kind, once, arena, &why);
        assert_non_null(again);
        json_t *twice = object_to_json(round_trips[i].kind, again);
        assert_true(json_equal(once, twice));
        json_decref(once);
        json_decref(twice);
        arena_free(arena);
    }
}

static void test_mailbox_is_read_whole(void **state)
{
    struct arena *arena = arena_new();
    struct fault why = { 0 };
    const struct mailbox *m = object_of(OBJECT_MAILBOX, quoted(arena, round_trips[3].json), arena, &why);
    assert_string_equal(m->address, "box@example.org"); /* the key is folded, aliases stay as written */
    assert_string_equal(object_key(OBJECT_MAILBOX, m), m->address);
    assert_string_equal(m->registration, "main");
    assert_string_equal(m->provider, "");
    assert_int_equal(m->grant, OBJECT_GRANT_DEVICE);
    assert_int_equal(m->aliases_count, 1);
    assert_string_equal(m->aliases[0], "Other@example.org");
    assert_int_equal(m->protocols, OBJECT_SMTP);
    assert_int_equal(m->smtp.port, 2587);
    assert_int_equal(m->smtp.tls, OBJECT_TLS_STARTTLS);
    assert_int_equal(m->smtp.sasl, OBJECT_SASL_DEFAULT);
    assert_string_equal(m->imap.host, "");
    assert_true(m->is_paused);
    arena_free(arena);
}

static void test_endpoint_kinds_that_are_whole(void **state)
{
    static const char *const good[] = {
        "{'name':'e','mailbox':'a@b'}",
        "{'name':'e','mailbox':'a@b','kind':'webhook','webhook':{'url':'http://127.0.0.1:8080/in'}}",
        "{'name':'e','mailbox':'a@b','kind':'maildir','maildir':'/var/mail/x'}",
        "{'name':'e','mailbox':'a@b','kind':'lmtp','lmtp':{'host':'[::1]:24','is_smtp':true}}",
        "{'name':'e','mailbox':'a@b','kind':'lmtp','lmtp':{'host':'mail_1.example.org:24','tls':'starttls'}}",
        "{'name':'e','mailbox':'a@b','kind':'lmtp','lmtp':{'host':'/run/dovecot/lmtp'},'filter':{'header':'X-Flag'}}",
        "{'name':'e','mailbox':'a@b','watch':'pop3','after':'delete','folder':'Inbox'}",
        "{'name':'e','mailbox':'a@b','filter':{'larger_kb':5}}",
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct arena *arena = arena_new();
        struct fault why = { 0 };
        if (!object_of(OBJECT_ENDPOINT, quoted(arena, good[i]), arena, &why))
            fail_msg("%s: %s", good[i], why.text);
        arena_free(arena);
    }
}

static void test_null_gives_the_default(void **state)
{
    struct arena *arena = arena_new();
    struct fault why = { 0 };
    const char *json =
        "{'name':'a','mailboxes':['b@c'],'from':null,'has_password':null,'force_sender':null,'allow':null}";
    const struct app *a = object_of(OBJECT_APP, quoted(arena, json), arena, &why);
    assert_non_null(a);
    assert_true(a->has_password);
    assert_string_equal(a->force_sender, "");
    assert_int_equal(a->from_count, 0);
    assert_int_equal(a->allow, 0);
    arena_free(arena);
}

static const struct {
    enum object_kind kind;
    const char *json; /* without the outer braces */
    const char *text;
} refusals[] = {
    { OBJECT_MAILBOX, "'registration':'r'", "address is missing" },
    { OBJECT_MAILBOX, "'address':'a@b','registraton':'r'",
      "registraton is not known here; did you mean registration?" },
    { OBJECT_MAILBOX, "'address':'a@b','smtp':{'hots':'x'}", "smtp.hots is not known here; did you mean smtp.host?" },
    { OBJECT_MAILBOX, "'address':'a@b','xyzzy\\u0007':1", "xyzzy\\x07 is not known here" },
    { OBJECT_MAILBOX, "'address':'a@b','grant':'cod'", "grant must be one of: code, device, app, basic, none" },
    { OBJECT_MAILBOX, "'address':'a@b','smtp':{'port':70000}", "smtp.port must be a whole number from 0 to 65535" },
    { OBJECT_MAILBOX, "'address':'a@b','smtp':'host'", "smtp must be a group of settings" },
    { OBJECT_MAILBOX, "'address':'a@b','is_paused':'yes'", "is_paused must be true or false" },
    { OBJECT_MAILBOX, "'address':'a@b','aliases':['no address']", "aliases must be an address like box@example.org" },
    { OBJECT_MAILBOX, "'address':'a@b','user':'a\\nb'", "user must be one line of text" },
    { OBJECT_MAILBOX, "'address':'a@b','registration':'r','provider':'google'", "exclude each other" },
    { OBJECT_MAILBOX, "'address':'a@b'", "registration is missing" },
    { OBJECT_MAILBOX, "'address':'a@b','grant':'basic'", "provider is missing" },
    { OBJECT_REGISTRATION, "'name':'r','provider':'p'", "client_id is missing" },
    { OBJECT_REGISTRATION, "'name':'a b','provider':'p','client_id':'c'", "name must be a name of letters" },
    { OBJECT_REGISTRATION, "'name':'r','provider':'p','client_id':'c','secret_expires':'soon'",
      "a date like 2027-05-01" },
    { OBJECT_REGISTRATION, "'name':'r','provider':'p','client_id':'c','secret':'hush'", "secret is not known here" },
    { OBJECT_APP, "'name':'a@b','mailboxes':['b@c']", "name must be a name of letters" },
    { OBJECT_APP, "'name':'a%b','mailboxes':['b@c']", "name must be a name of letters" },
    { OBJECT_APP, "'name':'a','mailboxes':[]", "mailboxes needs at least one entry" },
    { OBJECT_APP, "'name':'a'", "mailboxes is missing" },
    { OBJECT_APP, "'name':'a','mailboxes':['b@c'],'from':['10.0.0.0/33']", "from must be an address range" },
    { OBJECT_APP, "'name':'a','mailboxes':['b@c'],'allow':['ftp']", "allow must be one of: smtp, imap, pop3, http" },
    { OBJECT_APP, "'name':'a','mailboxes':['b@c'],'has_password':false", "nobody could use it" },
    { OBJECT_APP, "'name':'a','mailboxes':['b@c'],'only_from':true", "only_from needs at least one address range" },
    { OBJECT_APP, "'name':'a','mailboxes':['b@c'],'from':['::1'],'only_from':true,'has_password':false",
      "only_from asks for a password and an address" },
    { OBJECT_APP, "'name':'a','mailboxes':['b@c'],'any_sender':true,'force_sender':'a@b'", "exclude each other" },
    { OBJECT_PROVIDER, "'name':'p'", "no server is given" },
    { OBJECT_PROVIDER, "'name':'p','smtp':{'host':'h'}", "needs issuer" },
    { OBJECT_PROVIDER, "'name':'p','smtp':{'host':'h','sasl':'plain','tls':'none'}", "without TLS" },
    { OBJECT_PROVIDER, "'name':'p','smtp':{'host':'h'},'endpoints':{'token':'http://h/t'}",
      "endpoints.token must be an https" },
    { OBJECT_PROVIDER, "'name':'p','smtp':{'host':'h'},'issuer':'http://localhost.evil.example/'",
      "issuer must be an https" },
    { OBJECT_PROVIDER, "'name':'p','smtp':{'host':'h'},'issuer':'https://login.microsoftonline.de/x'",
      "closed in October 2021" },
    { OBJECT_PROVIDER, "'name':'p','smtp':{'host':'h','sasl':'plain'},'ca_file':'ca.pem'",
      "a file's path beginning with /" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'webhook'", "webhook.url is missing" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'webhook','webhook':{'url':'http://app.example.org/'}",
      "webhook.url must be an https" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','webhook':{'url':'https://app.example.org/'}",
      "webhook.url is of no use to kind keep" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'command','command':{'path':'bin/x'}",
      "command.path must be a file's path beginning with /" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'command','command':{'path':'/x'},'maildir':'/m'",
      "maildir is of no use to kind command" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'maildir'", "maildir is missing" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'lmtp'", "lmtp.host is missing" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'lmtp','lmtp':{'host':'here'}",
      "lmtp.host must be HOST:PORT" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'lmtp','lmtp':{'host':'::1:24'}",
      "lmtp.host must be HOST:PORT" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'lmtp','lmtp':{'host':'[::1]:0'}",
      "lmtp.host must be HOST:PORT" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','kind':'lmtp','lmtp':{'host':'/run/lmtp','tls':'starttls'}",
      "lmtp.tls is of no use on a socket" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','after':'move'", "move_to is missing" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','move_to':'Done'", "move_to needs after: move" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','after':'move','move_to':'inbox'", "mail would arrive there again" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','watch':'pop3'", "POP3 can't mark or move" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','watch':'pop3','after':'leave','folder':'X'",
      "POP3 knows no folders" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','filter':{'header':': x'}", "filter.header must be a field's name" },
    { OBJECT_ENDPOINT, "'name':'e','mailbox':'a@b','filter':{'larger_kb':5,'smaller_kb':5}",
      "leave nothing between them" },
};

static void test_refusals(void **state)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct arena *arena = arena_new();
        struct fault why = { 0 };
        const char *json = quoted(arena, arena_printf(arena, "{%s}", refusals[i].json));
        if (object_of(refusals[i].kind, json, arena, &why))
            fail_msg("taken: %s", json);
        assert_int_equal(why.kind, FAULT_CONFIG);
        if (!strstr(why.text, refusals[i].text))
            fail_msg("%s\n  said: %s\n  want: %s", json, why.text, refusals[i].text);
        arena_free(arena);
    }
}

/* As it is promised to people, all keys. */
static const char provider_file[] =
    "name: example\n"
    "issuer: https://login.example.org/tenant/v2.0      # discovery, or the endpoints one by one:\n"
    "endpoints: { authorize: \"https://a/1\", token: \"https://a/2\", device: \"https://a/3\", jwks: \"https://a/4\" "
    "}\n"
    "scopes: { smtp: s, imap: i, pop3: p, app: a, common: \"openid offline_access\" }\n"
    "smtp: { host: smtp.example.org, port: 587, tls: starttls, sasl: xoauth2 }\n"
    "imap: { host: imap.example.org, port: 993, tls: implicit, sasl: xoauth2 }\n"
    "pop3: { host: pop.example.org, port: 995, tls: implicit, sasl: xoauth2 }\n"
    "limits: { connections: 3, messages-per-minute: 30, recipients-per-day: 10000, recipients-per-message: 500,\n"
    "          size-mb: 35 }\n"
    "ca-file: /path/ca.pem                               # only if not the system's\n";

static void test_provider_file(void **state)
{
    struct arena *arena = arena_new();
    struct fault why = { 0 };
    json_t *json = object_json_from_yaml(bytes_of(provider_file), &why);
    assert_non_null(json);
    const struct provider *p = object_from_json(OBJECT_PROVIDER, json, arena, &why);
    assert_string_equal(why.text, "");
    assert_non_null(p);
    assert_string_equal(p->issuer, "https://login.example.org/tenant/v2.0");
    assert_string_equal(p->device, "https://a/3");
    assert_string_equal(p->scope_pop3, "p");
    assert_string_equal(p->scope_common, "openid offline_access");
    assert_string_equal(p->pop3.host, "pop.example.org");
    assert_int_equal(p->pop3.port, 995);
    assert_int_equal(p->pop3.tls, OBJECT_TLS_IMPLICIT);
    assert_int_equal(p->limits.recipients_per_day, 10000);
    assert_int_equal(p->limits.size_mb, 35);
    assert_string_equal(p->ca_file, "/path/ca.pem");
    assert_false(p->is_builtin);
    json_decref(json);
    arena_free(arena);
}

static void test_servers_are_completed(void **state)
{
    struct arena *arena = arena_new();
    struct fault why = { 0 };
    const char *json = "{'name':'p','issuer':'https://i','smtp':{'host':'h'},'imap':{'host':'h'},"
                       "'pop3':{'host':'h','tls':'starttls'}}";
    const struct provider *p = object_of(OBJECT_PROVIDER, quoted(arena, json), arena, &why);
    assert_non_null(p);
    assert_int_equal(p->smtp.port, 587);
    assert_int_equal(p->smtp.tls, OBJECT_TLS_STARTTLS);
    assert_int_equal(p->smtp.sasl, OBJECT_SASL_XOAUTH2);
    assert_int_equal(p->imap.port, 993);
    assert_int_equal(p->pop3.port, 110);
    arena_free(arena);
}

#define TEN(x) x "," x "," x "," x "," x "," x "," x "," x "," x "," x

static const struct {
    const char *yaml, *text;
} yaml_mistakes[] = {
    { "", "line 1, column 1: there is nothing in it" },
    { "a: 1\nb: [1, 2\nc: 3\n", "line 3, column 2:" },
    { "a: 1\nb: 2\na: 3\n", "line 3, column 1: this setting was already given above" },
    { "? [x]\n: 1\n", "line 1, column 3: a setting's name must be a word" },
    { "a: \"x\\0y\"\n", "line 1, column 4: a NUL" },
    { "a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", "too large or too deep" },
    /* A few lines that would grow to a hundred thousand values. */
    { "a: &a [" TEN("x") "]\nb: &b [" TEN("*a") "]\nc: &c [" TEN("*b") "]\nd: &d [" TEN("*c") "]\ne: [" TEN("*d") "]\n",
      "too large or too deep" },
};

static void test_yaml_mistakes(void **state)
{
    for (size_t i = 0; i < COUNT(yaml_mistakes); i++) {
        struct fault why = { 0 };
        assert_null(object_json_from_yaml(bytes_of(yaml_mistakes[i].yaml), &why));
        if (!strstr(why.text, yaml_mistakes[i].text))
            fail_msg("%s\n  said: %s", yaml_mistakes[i].yaml, why.text);
    }
}

static void test_yaml_scalars(void **state)
{
    struct fault why = { 0 };
    json_t *json = object_json_from_yaml(bytes_of("[12, 007, '12', true, \"true\", ~, null, 2027-05-01, -5, '']"),
                                         &why);
    json_t *want = json_of("[12, \"007\", \"12\", true, \"true\", null, null, \"2027-05-01\", \"-5\", \"\"]");
    assert_true(json_equal(json, want));
    json_decref(json);
    json_decref(want);
}

static const char *const good_addresses[] = {
    "a@b", "first.last+tag@sub.example.org", "o'neil@example.org", "a-b@c-d.example", "jos\xc3\xa9@ex\xc3\xa4mple.org",
};
static const char *const bad_addresses[] = {
    "",     "@b",     "a@",   "a",     ".a@b",    "a.@b",  "a b@c",   "a@b c",     "a@b.",
    "a@.b", "a@b..c", "a@-b", "a@b@c", "a\r\n@b", "<a@b>", "a\xff@b", "\"a b\"@c",
};

static void test_addresses(void **state)
{
    for (size_t i = 0; i < COUNT(good_addresses); i++) {
        if (!object_address_is_valid(good_addresses[i]))
            fail_msg("refused: %s", good_addresses[i]);
    }
    for (size_t i = 0; i < COUNT(bad_addresses); i++) {
        if (object_address_is_valid(bad_addresses[i]))
            fail_msg("taken: %s", bad_addresses[i]);
    }
    assert_false(object_address_is_valid(NULL));
    assert_true(object_address_equal("A@Example.org", "a@example.ORG"));
    assert_false(object_address_equal("a@b", "a@c"));
}

static void test_builtin_providers_pass_their_own_rules(void **state)
{
    for (const struct provider *p = object_builtin_providers; p->name; p++) {
        struct arena *arena = arena_new();
        struct fault why = { 0 };
        json_t *json = object_to_json(OBJECT_PROVIDER, p);
        if (!object_from_json(OBJECT_PROVIDER, json, arena, &why))
            fail_msg("%s: %s", p->name, why.text);
        assert_true(json_is_true(json_object_get(json, "is_builtin")));
        json_decref(json);
        arena_free(arena);
    }
}

static bool count_field(void *ctx, const struct object_field *f)
{
    assert_true(f->help[0] && f->type[0]);
    *(size_t *)ctx += 1;
    return true;
}

static void test_every_field_has_help(void **state)
{
    for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
        size_t count = 0;
        enum object_kind back;
        object_each_field((enum object_kind)kind, count_field, &count);
        assert_true(count >= 4);
        assert_true(object_kind_from_name(object_kind_name((enum object_kind)kind), &back));
        assert_int_equal(back, kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_mailbox_is_read_whole),
        cmocka_unit_test(test_endpoint_kinds_that_are_whole),
        cmocka_unit_test(test_null_gives_the_default),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_provider_file),
        cmocka_unit_test(test_servers_are_completed),
        cmocka_unit_test(test_yaml_mistakes),
        cmocka_unit_test(test_yaml_scalars),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_builtin_providers_pass_their_own_rules),
        cmocka_unit_test(test_every_field_has_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
