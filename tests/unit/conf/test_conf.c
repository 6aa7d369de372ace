/* The configuration file: what it may say, and where exactly a mistake stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "conf/conf.h"

#define FILE_NAME "/etc/postern/p.yaml"

static struct conf parsed(struct arena *arena, const char *yaml)
{
    struct conf c;
    struct fault why = { 0 };
    if (!conf_parse(bytes_of(yaml), FILE_NAME, arena, &c, NULL, NULL, &why))
        fail_msg("%s", why.text);
    return c;
}

static void test_defaults_are_safe(void **state)
{
    struct arena *arena = arena_new();
    struct conf c = parsed(arena, "state: /srv/p\n");
    assert_int_equal(c.listeners_count, 1);
    assert_string_equal(c.listeners[0].address, "127.0.0.1:2525");
    assert_string_equal(c.listeners[0].protocol, "smtp");
    assert_int_equal(c.listeners[0].tls, CONF_TLS_NONE);
    assert_string_equal(c.console.socket, "/srv/p/admin.sock");
    assert_string_equal(c.log.events, "/srv/p/events.jsonl");
    assert_string_equal(c.master_key.file, "/srv/p/master.key");
    assert_string_equal(c.sendmail.drop, "/srv/p/drop");
    assert_int_equal(c.queue.lifetime_s, 5 * 86400);
    assert_int_equal(c.limits.message_size, 150ull * 1024 * 1024);
    assert_int_equal(c.token.refresh_before_s, 600);
    assert_true(c.log.is_stderr);
    assert_true(c.hostname[0] != '\0');
    arena_free(arena);
}

/* As it is promised to people, but for the protocols that come later. */
static void test_the_promised_example(void **state)
{
    struct arena *arena = arena_new();
    struct conf c = parsed(arena,
                           "state: /var/lib/postern\n"
                           "store: sqlite                        # or a postgresql:// URL\n"
                           "listeners:\n"
                           "  - { protocol: smtp, address: \"127.0.0.1:2525\", tls: none }\n"
                           "  - { protocol: smtp, address: \"0.0.0.0:587\",  tls: starttls, certificate: "
                           "/etc/postern/tls.pem, key: tls.key }\n"
                           "console: { address: \"127.0.0.1:8025\", public-url: \"https://mail.example.org/\" }\n");
    assert_int_equal(c.listeners_count, 2);
    assert_true(c.listeners[0].auth_without_tls);
    assert_int_equal(c.listeners[1].tls, CONF_TLS_STARTTLS);
    assert_false(c.listeners[1].auth_without_tls);
    assert_string_equal(c.listeners[1].certificate, "/etc/postern/tls.pem");
    assert_string_equal(c.listeners[1].key, "/etc/postern/tls.key"); /* beside the file */
    assert_int_equal(c.listeners[1].line, 5);
    assert_string_equal(c.console.public_url, "https://mail.example.org/");
    arena_free(arena);
}

static void test_lists(void **state)
{
    struct arena *arena = arena_new();
    struct conf c = parsed(arena, "console: { address: \"0.0.0.0:80\", proxy: [10.0.0.1, \"fd00::/8\"] }\n");
    assert_int_equal(c.console.proxy.count, 2);
    assert_string_equal(c.console.proxy.items[1], "fd00::/8");
    assert_true(conf_console_is_open(&c));
    c = parsed(arena, "console: { address: none, proxy: 10.0.0.0/8 }\n");
    assert_int_equal(c.console.proxy.count, 1);
    assert_false(conf_console_is_open(&c));
    json_t *json = conf_to_json(&c);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "console"), "proxy")), 1);
    json_decref(json);
    c = parsed(arena, "console: { certificate: /c, key: /k }\n");
    char *url = conf_console_url(&c, "127.0.0.1:4711");
    assert_string_equal(url, "https://127.0.0.1:4711");
    free(url);
    arena_free(arena);
}

static void test_values_with_units(void **state)
{
    struct arena *arena = arena_new();
    struct conf c = parsed(arena, "queue: { lifetime: 2d, delay-notice: 0, retry-first: 90s, commit-wait-us: 500 }\n"
                                  "limits:\n  message-size: 10M\n  sessions: 10\n"
                                  "log:\n  level: debug\n  stderr: false\n  events: sub/e.jsonl\n"
                                  "token:\n");
    assert_int_equal(c.queue.lifetime_s, 2 * 86400);
    assert_int_equal(c.queue.delay_notice_s, 0);
    assert_int_equal(c.queue.retry_first_s, 90);
    assert_int_equal(c.queue.commit_wait_us, 500);
    assert_int_equal(c.limits.message_size, 10 * 1024 * 1024);
    assert_int_equal(c.limits.sessions, 10);
    assert_string_equal(c.log.level, "debug");
    assert_false(c.log.is_stderr);
    assert_string_equal(c.log.events, "/etc/postern/sub/e.jsonl");
    assert_int_equal(c.token.timeout_s, 30); /* an empty group says nothing */
    arena_free(arena);
}

#define L "listeners:\n  - { protocol: smtp, address: \"127.0.0.1:1\", tls: "

static const struct {
    const char *yaml, *text; /* text follows the file name */
} mistakes[] = {
    { "stat: /x\n", ":1:1: stat is not a setting; did you mean state?" },
    { "state: /x\nlistners: []\n", ":2:1: listners is not a setting; did you mean listeners?" },
    { "queue:\n  lifetme: 5d\n", ":2:3: queue.lifetme is not a setting; did you mean queue.lifetime?" },
    { "queue:\n  retry: 5d\n", ":2:3: queue.retry is not a setting" },
    { "qeue: { lifetime: 5d }\n", ":1:1: qeue is not a setting; did you mean queue?" },
    { "queue: 5\n", ":1:8: queue must be a group of settings" },
    { "queue: { lifetime: [5d] }\n", ":1:20: queue.lifetime must be a single value: duration" },
    { "queue: { lifetime: soon }\n", ":1:20: queue.lifetime must be a duration like 90s, 10m, 2h or 5d" },
    { "queue: { lifetime: 90d }\n", ":1:20: queue.lifetime must be within 1m..60d" },
    { "limits: { message-size: 35Q }\n", ":1:25: limits.message-size must be a size like" },
    { "limits: { recipients: 5000 }\n", ":1:23: limits.recipients must be within 1..1000" },
    { "log: { stderr: maybe }\n", ":1:16: log.stderr must be true or false" },
    { "log: { level: loud }\n", ":1:15: log.level must be one of: error, warn, info, debug (not loud)" },
    { "state: /a\nstate: /b\n", ":2:1: state was already given above" },
    { "store: postgresql://db/x\n", ":1:8: store postgresql:// is not built into this version yet; use sqlite" },
    { "store: oracle\n", ":1:8: store must be one of: sqlite (not oracle)" },
    { "listeners: 5\n", ":1:12: listeners must be a list" },
    { "listeners:\n  - smtp\n", ":2:5: a listener is written" },
    { "listeners:\n  - { protocol: imap, address: \"127.0.0.1:1\", mode: queue }\n",
      ":2:5: mode queue is for smtp only" },
    { "listeners:\n  - { protocol: pop3, address: \"127.0.0.1:1\", mode: live }\n",
      "listeners.mode must be one of: queue, through (not live)" },
    { "bridge: { imap-idle: 29m }\n", ":1:22: bridge.imap-idle must be within 30m..24h" },
    { "listeners:\n  - { protocol: ftp, address: \"127.0.0.1:1\" }\n",
      ":2:17: listeners.protocol must be one of: smtp" },
    { "listeners:\n  - { protocol: smtp }\n", ":2:5: listeners.address is missing" },
    { "listeners:\n  - { address: \"127.0.0.1:1\" }\n", ":2:5: listeners.protocol is missing" },
    { "listeners:\n  - { protocol: smtp, address: nowhere }\n", ":2:32: listeners.address: " },
    { L "starttls }\n", ":2:5: certificate is missing" },
    { L "starttls, certificate: /c }\n", ":2:5: key is missing" },
    { L "none, certificate: /c, key: /k }\n", ":2:5: certificate and key are of no use with tls: none" },
    { L "none, port: 25 }\n", "listeners.port is not a setting" },
    { L "none }\n  - { protocol: smtp, address: \"127.0.0.1:1\" }\n",
      ":3:5: 127.0.0.1:1 is already taken by the listener in line 2" },
    { "queue:\n  retry-first: 2h\n", ":2:16: queue.retry-first must not be longer than queue.retry-max" },
    { "console:\n  address: \"0.0.0.0:8025\"\n", ":2:12: 0.0.0.0:8025 can be reached from other machines" },
    { "console: { certificate: /c }\n", ":1:25: console.key is missing" },
    { "console: { proxy: [10.0.0.1, nowhere] }\n", ":1:19: console.proxy: " },
    { "console: { proxy: { a: b } }\n", ":1:19: console.proxy must be a list of words" },
    { "console:\n  public-url: mail.example.org\n", ":2:15: console.public-url must be an address like" },
    { "hostname: \"a b\"\n", ":1:11: hostname must be a host name" },
    { "sendmail: { mailbox: me }\n", ":1:22: sendmail.mailbox must be an address" },
    { "- a\n", ":1:1: the file must be a group of settings" },
    { "state: \"/a\nb: {\n", ":3:1: " },
    { "a: }\n", ":1:4: did not find expected node content" },
    { "state: /a\n? {}\n: 1\n", ":2:3: a setting's name must be a word" },
};

static void test_mistakes_have_a_place(void **state)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct arena *arena = arena_new();
        struct conf c;
        struct fault why = { 0 };
        if (conf_parse(bytes_of(mistakes[i].yaml), FILE_NAME, arena, &c, NULL, NULL, &why))
            fail_msg("taken: %s", mistakes[i].yaml);
        assert_int_equal(why.kind, FAULT_CONFIG);
        if (strncmp(why.text, FILE_NAME ":", strlen(FILE_NAME ":")) != 0 || !strstr(why.text, mistakes[i].text))
            fail_msg("%s\n  said: %s\n  want: %s", mistakes[i].yaml, why.text, mistakes[i].text);
        arena_free(arena);
    }
}

static void count_mistake(void *ctx, const struct fault *mistake)
{
    *(unsigned *)ctx += 1;
}

static void test_all_mistakes_are_told(void **state)
{
    struct arena *arena = arena_new();
    struct conf c;
    struct fault why = { 0 };
    unsigned count = 0;
    const char *yaml = "stat: 1\nqueue: { lifetime: soon, histry: 2d }\nlog: { level: loud }\n";
    assert_false(conf_parse(bytes_of(yaml), FILE_NAME, arena, &c, count_mistake, &count, &why));
    assert_int_equal(count, 4);
    assert_non_null(strstr(why.text, ":1:1: stat ")); /* the first of them */
    arena_free(arena);
}

static void test_json_reads_back(void **state)
{
    struct arena *arena = arena_new();
    struct conf c = parsed(
        arena, "state: /srv/p\nhostname: mx.example.org\nqueue: { lifetime: 90s, bounce-lifetime: 2d }\n"
               "limits: { message-size: 12345 }\n"
               "listeners:\n  - { protocol: smtp, address: \"[::1]:25\", tls: implicit, certificate: /c, key: /k }\n");
    json_t *once = conf_to_json(&c);
    char *text = json_dumps(once, JSON_INDENT(1)); /* JSON is YAML */
    struct conf again = parsed(arena, text);
    json_t *twice = conf_to_json(&again);
    assert_true(json_equal(once, twice));
    assert_string_equal(json_string_value(json_object_get(json_object_get(once, "queue"), "lifetime")), "90s");
    free(text);
    json_decref(once);
    json_decref(twice);
    arena_free(arena);
}

static void test_what_a_reload_may_change(void **state)
{
    struct arena *arena = arena_new();
    struct fault why = { 0 };
    struct conf now = parsed(arena, "state: /a\n");
    struct conf fine = parsed(arena, "state: /a\nqueue: { lifetime: 1d }\nlisteners: []\n");
    struct conf moved = parsed(arena, "state: /b\n");
    assert_true(conf_may_reload(&now, &fine, &why));
    assert_false(conf_may_reload(&now, &moved, &why));
    assert_non_null(strstr(why.text, "state can't be changed while running"));
    arena_free(arena);
}

static void test_every_setting_explains_itself(void **state)
{
    struct conf_setting s;
    size_t count = 0;
    for (; conf_setting_at(count, &s); count++) {
        size_t size = strlen(s.text);
        assert_true(s.name[0] && s.type[0] && size > 10);
        if (s.text[size - 1] != '.')
            fail_msg("%s: no full stop", s.name);
    }
    assert_true(count > 40);
}

static void test_finding_the_file(void **state)
{
    struct arena *arena = arena_new();
    struct conf c;
    struct fault why = { 0 };
    char path[] = "/tmp/postern-conf-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char *text = "state: rel\nhostname: here.example\n";
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    setenv("POSTERN_CONFIG", path, 1);
    assert_true(conf_load(NULL, arena, &c, NULL, NULL, &why));
    assert_string_equal(c.hostname, "here.example");
    assert_string_equal(c.file, path);
    assert_string_equal(c.state, "/tmp/rel");
    assert_false(conf_load("/nonexistent/postern.yaml", arena, &c, NULL, NULL, &why)); /* named: no way around */
    assert_non_null(strstr(why.text, "/nonexistent/postern.yaml can't be opened"));
    unsetenv("POSTERN_CONFIG");
    unlink(path);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_safe),
        cmocka_unit_test(test_the_promised_example),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_values_with_units),
        cmocka_unit_test(test_mistakes_have_a_place),
        cmocka_unit_test(test_all_mistakes_are_told),
        cmocka_unit_test(test_json_reads_back),
        cmocka_unit_test(test_what_a_reload_may_change),
        cmocka_unit_test(test_every_setting_explains_itself),
        cmocka_unit_test(test_finding_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
