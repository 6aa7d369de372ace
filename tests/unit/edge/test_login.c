/* Signing in: the vault's word, its absence, and ranges that need none. */
#include "../net/ends.h"
#include "base/clock.h"
#include "world.h"

#include <unistd.h>

#define WRONG ">AUTH PLAIN AHdlYgBiYWQ="

static void a_password_goes_to_the_vault(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    world_sign_in(&w, fd);
    assert_string_equal(w.user, "web");
    assert_string_equal(w.password, "secret");
    assert_string_equal(w.host, "127.0.0.1");
    TALK(&w, fd, ">MAIL FROM:<shop@a.example>", "<250 ");
    close(fd);
    world_close(&w);
}

static void auth_login_works_too(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ", ">AUTH LOGIN", "<334 ", ">d2Vi", "<334 ", ">c2VjcmV0", "<235 ");
    assert_string_equal(w.user, "web");
    close(fd);
    world_close(&w);
}

static void a_wrong_password_waits_for_its_tarpit(void **state)
{
    struct world w;
    char got;
    world_open(&w, &(struct world_options){ .is_virtual = true });
    w.delay_ms = 2000;
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ", WRONG);
    TEST_UNTIL(w.loop, w.asked == 1);
    world_turns(&w, 5);
    loop_advance(w.loop, 1999);
    assert_int_equal(read(fd, &got, 1), -1);
    loop_advance(w.loop, 1);
    TALK(&w, fd, "<535 5.7.8*That password is not one of ours", ">MAIL FROM:<shop@a.example>", "<530 ",
         ">AUTH PLAIN AHdlYgBzZWNyZXQ=", "<235 ");
    close(fd);
    world_close(&w);
}

static void without_a_vault_it_is_try_again(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ");
    world_vault_dies(&w);
    TALK(&w, fd, ">AUTH PLAIN AHdlYgBzZWNyZXQ=", "<454 4.7.0");
    close(fd);
    world_close(&w);
}

static void a_vault_that_dies_in_the_middle_is_no_hang(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    w.vault_does = VAULT_SILENT;
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ", ">AUTH PLAIN AHdlYgBzZWNyZXQ=");
    TEST_UNTIL(w.loop, w.asked == 1);
    world_vault_dies(&w);
    TALK(&w, fd, "<454 4.7.0", ">NOOP", "<250 ");
    close(fd);
    world_close(&w);
}

static void a_vault_that_is_silent_is_given_up(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ .is_virtual = true });
    w.vault_does = VAULT_SILENT;
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ", ">AUTH PLAIN AHdlYgBzZWNyZXQ=");
    TEST_UNTIL(w.loop, w.asked == 1);
    loop_advance(w.loop, 30000);
    TALK(&w, fd, "<454 4.7.0");
    close(fd);
    world_close(&w);
}

static void a_client_may_leave_while_the_vault_thinks(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ .is_virtual = true });
    w.vault_does = VAULT_SILENT;
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ", ">AUTH PLAIN AHdlYgBzZWNyZXQ=");
    TEST_UNTIL(w.loop, w.asked == 1);
    close(fd);
    loop_advance(w.loop, 30000);
    TEST_UNTIL(w.loop, edge_sessions(w.edge) == 0);
    world_close(&w);
}

static void a_known_address_needs_no_password(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ .trusts = true });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ", ">MAIL FROM:<shop@a.example>", "<250 ", ">RCPT TO:<x@b.example>", "<250 ",
         ">DATA", "<354 ", ">Subject: x", ">", ">.", "<250 ");
    assert_string_equal(w.submit.app, "scanner");
    close(fd);
    world_close(&w);
}

static void other_addresses_do(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ", ">MAIL FROM:<shop@a.example>", "<530 ");
    close(fd);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_goes_to_the_vault),
        cmocka_unit_test(auth_login_works_too),
        cmocka_unit_test(a_wrong_password_waits_for_its_tarpit),
        cmocka_unit_test(without_a_vault_it_is_try_again),
        cmocka_unit_test(a_vault_that_dies_in_the_middle_is_no_hang),
        cmocka_unit_test(a_vault_that_is_silent_is_given_up),
        cmocka_unit_test(a_client_may_leave_while_the_vault_thinks),
        cmocka_unit_test(a_known_address_needs_no_password),
        cmocka_unit_test(other_addresses_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
