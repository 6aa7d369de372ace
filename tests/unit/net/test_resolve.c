/* Names to addresses, as far as a machine without a network knows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/resolve.h"

struct asked {
    struct loop *loop;
    size_t count;
    uint16_t port;
    bool is_loopback;
    struct fault why;
};

static void on_resolved(void *ctx, const struct net_addr *addrs, size_t count, const struct fault *why)
{
    struct asked *a = ctx;
    a->count = count;
    if (count) {
        a->port = net_addr_port(&addrs[0]);
        a->is_loopback = net_addr_is_loopback(&addrs[0]);
    } else {
        a->why = *why;
    }
    loop_stop(a->loop);
}

static struct asked ask(const char *host, uint16_t port)
{
    struct asked a = { .loop = loop_new() };
    struct resolver *r = resolver_new(a.loop);
    resolve_start(r, host, port, on_resolved, &a);
    assert_int_equal(a.count, 0); /* never from inside */
    loop_run(a.loop);
    resolver_free(r);
    loop_free(a.loop);
    return a;
}

static void test_the_hosts_file_is_honoured(void **state)
{
    struct asked a = ask("localhost", 587);
    assert_true(a.count > 0 && a.is_loopback);
    assert_int_equal(a.port, 587);
}

static void test_a_name_can_be_asked_for_without_a_port(void **state)
{
    struct asked a = ask("localhost", 0);
    assert_string_equal(a.why.text, "");
    assert_true(a.count > 0 && a.is_loopback);
    assert_int_equal(a.port, 0);
}

static void test_an_address_is_its_own_answer(void **state)
{
    struct asked a = ask("127.0.0.1", 25);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.port, 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hosts_file_is_honoured),
        cmocka_unit_test(test_a_name_can_be_asked_for_without_a_port),
        cmocka_unit_test(test_an_address_is_its_own_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
