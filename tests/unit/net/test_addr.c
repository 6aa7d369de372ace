/* Addresses and ranges: what is read, what is refused, and what is written back. */
#include "net/addr.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void addresses_are_read_and_written(void **state)
{
    static const struct {
        const char *text, *again, *host;
        uint16_t port;
        bool is_loopback;
    } cases[] = {
        { "127.0.0.1:2525", "127.0.0.1:2525", "127.0.0.1", 2525, true },
        { "127.9.9.9:1", "127.9.9.9:1", "127.9.9.9", 1, true },
        { "192.0.2.7:0", "192.0.2.7:0", "192.0.2.7", 0, false },
        { "[::1]:2525", "[::1]:2525", "::1", 2525, true },
        { "[2001:db8::1]:65535", "[2001:db8::1]:65535", "2001:db8::1", 65535, false },
        { "[::ffff:127.0.0.1]:25", "127.0.0.1:25", "127.0.0.1", 25, true },
        { "[::ffff:10.0.0.1]:25", "10.0.0.1:25", "10.0.0.1", 25, false },
        { "*:25", "[::]:25", "::", 25, false },
        { "unix:/run/x.sock", "unix:/run/x.sock", "unix:/run/x.sock", 0, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct net_addr a;
        struct fault why;
        char text[NET_ADDR_TEXT_SIZE];
        assert_true(net_addr_parse(cases[i].text, &a, &why));
        net_addr_text(&a, text, sizeof text);
        assert_string_equal(text, cases[i].again);
        net_addr_host_text(&a, text, sizeof text);
        assert_string_equal(text, cases[i].host);
        assert_int_equal(net_addr_port(&a), cases[i].port);
        assert_int_equal(net_addr_is_loopback(&a), cases[i].is_loopback);
    }
}

static void other_text_is_refused_with_the_right_form(void **state)
{
    static const char *const cases[] = {
        "",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:x",
        "localhost:25",
        ":25",
        "::1:25",
        "[::1]",
        "[::1:25",
        "::1]:25",
        "[]:25",
        "[127.0.0.1:25",
        "256.0.0.1:1",
        "1.2.3:25",
        "unix:relative",
        "unix:",
        "127.0.0.1:+5",
        "127.0.0.1: 5",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct net_addr a;
        struct fault why = { 0 };
        assert_false(net_addr_parse(cases[i], &a, &why));
        assert_int_equal(why.kind, FAULT_CONFIG);
        assert_true(strstr(why.text, "127.0.0.1:2525") || strstr(why.text, "[::1]:2525") || strstr(why.text, "path"));
    }
    char path[256] = "unix:/";
    memset(path + 6, 'p', 200);
    struct net_addr a;
    assert_false(net_addr_parse(path, &a, NULL));
}

static void ranges_hold_what_they_say(void **state)
{
    static const struct {
        const char *range, *inside, *outside;
    } cases[] = {
        { "192.0.2.7", "192.0.2.7", "192.0.2.8" },
        { "10.1.0.0/16", "10.1.255.255", "10.2.0.0" },
        { "10.1.0.0/16", "::ffff:10.1.2.3", "::ffff:10.2.2.3" },
        { "10.1.2.128/25", "10.1.2.129", "10.1.2.127" },
        { "0.0.0.0/0", "203.0.113.9", "2001:db8::1" },
        { "::1", "::1", "::2" },
        { "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
        { "::/0", "2001:db8::1", "nonsense" },
        { "::ffff:0:0/96", "10.0.0.1", "2001:db8::1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct net_range r;
        struct fault why;
        assert_true(net_range_parse(cases[i].range, &r, &why));
        assert_true(net_range_has_text(&r, cases[i].inside));
        assert_false(net_range_has_text(&r, cases[i].outside));
    }
}

static void ranges_take_socket_addresses(void **state)
{
    struct net_range r;
    struct net_addr a;
    assert_true(net_range_parse("10.0.0.0/8", &r, NULL));
    assert_true(net_addr_parse("10.9.8.7:25", &a, NULL));
    assert_true(net_range_has(&r, &a));
    assert_true(net_addr_parse("[::ffff:10.9.8.7]:25", &a, NULL));
    assert_true(net_range_has(&r, &a));
    assert_true(net_addr_parse("11.9.8.7:25", &a, NULL));
    assert_false(net_range_has(&r, &a));
    assert_true(net_addr_parse("unix:/run/x", &a, NULL));
    assert_false(net_range_has(&r, &a));
}

static void bad_ranges_are_refused(void **state)
{
    static const char *const cases[] = { "",     "10.1.0.0/33",    "10.1.0.1/16", "10.1.0.0/",   "::1/129",
                                         "host", "2001:db8::1/64", "10.1.0.0/-1", "10.1.0.0/8/", "/8" };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct net_range r;
        struct fault why = { 0 };
        assert_false(net_range_parse(cases[i], &r, &why));
        assert_int_equal(why.kind, FAULT_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written), cmocka_unit_test(other_text_is_refused_with_the_right_form),
        cmocka_unit_test(ranges_hold_what_they_say),      cmocka_unit_test(ranges_take_socket_addresses),
        cmocka_unit_test(bad_ranges_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
