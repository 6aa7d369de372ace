/* Listening: what is accepted, and how a refusal to bind reads. */
#include "net/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ends.h"

struct door {
    struct listener *listener;
    unsigned count;
    struct net_addr peer;
    bool closes_itself;
};

static void on_accepted(void *ctx, int fd, const struct net_addr *peer)
{
    struct door *d = ctx;
    d->count++;
    d->peer = *peer;
    close(fd);
    if (d->closes_itself)
        listener_free(d->listener);
}

static int open_any(struct net_addr *at)
{
    struct fault why;
    assert_true(net_addr_parse("127.0.0.1:0", at, NULL));
    int fd = net_listen_open(at, 16, &why);
    assert_true(fd >= 0);
    at->size = sizeof at->storage;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at->storage, &at->size), 0);
    return fd;
}

static int knock(const struct net_addr *at)
{
    int fd = socket(at->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at->storage, at->size), 0);
    return fd;
}

static void connections_are_handed_over(void **state)
{
    struct loop *l = loop_new();
    struct net_addr at;
    struct door d = { 0 };
    d.listener = listener_new(l, open_any(&at), on_accepted, &d);
    int a = knock(&at), b = knock(&at);
    TEST_UNTIL(l, d.count == 2);
    assert_true(net_addr_is_loopback(&d.peer));
    close(a);
    close(b);
    listener_free(d.listener);
    loop_free(l);
}

static void a_paused_listener_lets_them_wait(void **state)
{
    struct loop *l = loop_new();
    struct net_addr at;
    struct door d = { 0 };
    d.listener = listener_new(l, open_any(&at), on_accepted, &d);
    listener_pause(d.listener);
    int a = knock(&at);
    for (int i = 0; i < 5; i++)
        loop_turn(l, 1);
    assert_int_equal(d.count, 0);
    listener_resume(d.listener);
    TEST_UNTIL(l, d.count == 1);
    close(a);
    listener_free(d.listener);
    loop_free(l);
}

static void a_listener_may_end_inside_its_call(void **state)
{
    struct loop *l = loop_new();
    struct net_addr at;
    struct door d = { .closes_itself = true };
    d.listener = listener_new(l, open_any(&at), on_accepted, &d);
    int a = knock(&at), b = knock(&at);
    TEST_UNTIL(l, d.count == 1);
    loop_turn(l, 0);
    assert_int_equal(d.count, 1);
    close(a);
    close(b);
    loop_free(l);
}

static void without_descriptors_it_rests_and_then_goes_on(void **state)
{
    struct loop *l = loop_new_virtual(0);
    struct net_addr at;
    struct door d = { 0 };
    struct rlimit before;
    d.listener = listener_new(l, open_any(&at), on_accepted, &d);
    int a = knock(&at), next = dup(a);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ (rlim_t)next, before.rlim_max });
    for (int i = 0; i < 3; i++)
        loop_turn(l, 0);
    setrlimit(RLIMIT_NOFILE, &before);
    loop_turn(l, 0);
    assert_int_equal(d.count, 0);
    loop_advance(l, 100);
    TEST_UNTIL(l, d.count == 1);
    close(a);
    listener_free(d.listener);
    loop_free(l);
}

static void a_taken_port_is_named(void **state)
{
    struct net_addr at;
    struct fault why;
    char text[NET_ADDR_TEXT_SIZE];
    int fd = open_any(&at);
    net_addr_text(&at, text, sizeof text);
    assert_int_equal(net_listen_open(&at, 16, &why), -1);
    assert_int_equal(why.kind, FAULT_CONFIG);
    assert_string_equal(why.id, "net.listen");
    assert_non_null(strstr(why.text, text));
    assert_non_null(strstr(why.text, "another program listens there"));
    close(fd);
}

static void a_socket_left_behind_is_replaced_but_a_live_one_is_not(void **state)
{
    char path[64], text[80];
    snprintf(path, sizeof path, "/tmp/postern-test-listen-%d", (int)getpid());
    snprintf(text, sizeof text, "unix:%s", path);
    struct net_addr at;
    struct fault why;
    assert_true(net_addr_parse(text, &at, NULL));
    int first = net_listen_open(&at, 4, &why);
    assert_true(first >= 0);
    assert_int_equal(net_listen_open(&at, 4, &why), -1);
    close(first);
    int second = net_listen_open(&at, 4, &why);
    assert_true(second >= 0);
    close(second);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_handed_over),
        cmocka_unit_test(a_paused_listener_lets_them_wait),
        cmocka_unit_test(a_listener_may_end_inside_its_call),
        cmocka_unit_test(without_descriptors_it_rests_and_then_goes_on),
        cmocka_unit_test(a_taken_port_is_named),
        cmocka_unit_test(a_socket_left_behind_is_replaced_but_a_live_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
