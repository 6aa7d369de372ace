/* Names that are asked for again: the name server is played here, and counts. */
#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/answers.h"
#include "net/resolve.h"

static struct {
    unsigned asked;
    int ttl, alias_ttl; /* alias_ttl 0: there is no alias */
    int status;
} server;

struct heard {
    unsigned times;
    size_t count;
    char first[NET_ADDR_TEXT_SIZE];
};

static struct loop *loop;
static struct resolver *resolver;

static struct ares_addrinfo_node *node(uint16_t port, unsigned last)
{
    struct ares_addrinfo_node *n = calloc(1, sizeof *n);
    struct sockaddr_in *in = calloc(1, sizeof *in);
    *in = (struct sockaddr_in){ .sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(0xC0000200u + last) };
    *n = (struct ares_addrinfo_node){
        .ai_ttl = server.ttl, .ai_family = AF_INET, .ai_addr = (struct sockaddr *)in, .ai_addrlen = sizeof *in
    };
    return n;
}

/* Stands before the library's. Each answer has two addresses, which tell how often was asked. */
void ares_getaddrinfo(ares_channel channel, const char *name, const char *service,
                      const struct ares_addrinfo_hints *hints, ares_addrinfo_callback callback, void *arg)
{
    uint16_t port = (uint16_t)atoi(service ? service : "0");
    server.asked++;
    if (server.status != ARES_SUCCESS) {
        callback(arg, server.status, 0, NULL);
        return;
    }
    struct ares_addrinfo *info = calloc(1, sizeof *info);
    info->nodes = node(port, server.asked);
    info->nodes->ai_next = node(port, 100);
    if (server.alias_ttl) {
        info->cnames = calloc(1, sizeof *info->cnames);
        info->cnames->ttl = server.alias_ttl;
    }
    callback(arg, ARES_SUCCESS, 0, info);
}

static void on_resolved(void *ctx, const struct net_addr *addrs, size_t count, const struct fault *why)
{
    struct heard *h = ctx;
    h->times++;
    h->count = count;
    if (count)
        net_addr_text(&addrs[0], h->first, sizeof h->first);
}

static struct heard ask(const char *host, uint16_t port)
{
    struct heard h = { 0 };
    resolve_start(resolver, host, port, on_resolved, &h);
    assert_int_equal(h.times, 0); /* never from inside */
    loop_turn(loop, 0);
    assert_int_equal(h.times, 1);
    return h;
}

static int open_all(void **state)
{
    memset(&server, 0, sizeof server);
    loop = loop_new_virtual(0);
    resolver = resolver_new(loop);
    return 0;
}

static int close_all(void **state)
{
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

/* From the answer on, `seconds` long; the next question goes to the name server again. */
static void assert_believed(int64_t seconds)
{
    unsigned asked = server.asked;
    ask("mail.example", 993);
    assert_int_equal(server.asked, asked + 1);
    loop_advance(loop, seconds * 1000 - 1);
    struct heard h = ask("mail.example", 993);
    assert_int_equal(server.asked, asked + 1);
    assert_int_equal(h.count, 2);
    loop_advance(loop, 1);
    ask("mail.example", 993);
    assert_int_equal(server.asked, asked + 2);
    loop_advance(loop, 3600 * 1000);
}

static void an_answer_is_believed_as_long_as_it_says(void **state)
{
    server.ttl = 20;
    assert_believed(20);
    server.ttl = 86400;
    assert_believed(60);
    server.ttl = 0;
    assert_believed(1);
    server.ttl = 50;
    server.alias_ttl = 10; /* what the alias stands for may change before the address does */
    assert_believed(10);
}

static void each_name_and_port_has_its_own(void **state)
{
    server.ttl = 60;
    assert_string_equal(ask("mail.example", 993).first, "192.0.2.1:993");
    assert_string_equal(ask("mail.example", 995).first, "192.0.2.2:995");
    assert_string_equal(ask("post.example", 993).first, "192.0.2.3:993");
    assert_string_equal(ask("mail.example", 993).first, "192.0.2.1:993");
    assert_string_equal(ask("mail.example", 995).first, "192.0.2.2:995");
    assert_int_equal(server.asked, 3);
}

static void a_failure_is_not_believed(void **state)
{
    server.ttl = 60;
    server.status = ARES_ETIMEOUT;
    assert_int_equal(ask("mail.example", 993).count, 0);
    server.status = ARES_SUCCESS;
    assert_int_equal(ask("mail.example", 993).count, 2);
    assert_int_equal(server.asked, 2);
}

static void so_many_names_are_remembered_and_no_more(void **state)
{
    struct answers *a = answers_new();
    struct net_addr at = { .size = 1 }, out;
    char name[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "n%d:25", i);
        answers_keep(a, name, &at, 1, 100);
        assert_int_equal(answers_find(a, name, 99, &out, 1), 1);
    }
    unsigned known = 0;
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "n%d:25", i);
        known += answers_find(a, name, 99, &out, 1) == 1;
    }
    assert_in_range(known, 1, 256);
    answers_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_is_believed_as_long_as_it_says, open_all, close_all),
        cmocka_unit_test_setup_teardown(each_name_and_port_has_its_own, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_failure_is_not_believed, open_all, close_all),
        cmocka_unit_test(so_many_names_are_remembered_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
