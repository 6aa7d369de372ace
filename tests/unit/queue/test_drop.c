/* The drop directory: taken in once, whatever it is; never deleted unless taken. */
#include "bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/drop.h"

#define NAME "0000019aa0000000abcdefabcdefabcd"

static void drop(struct bench *b, const char *sender, const char *to, const char *body)
{
    struct fault why = { 0 };
    char name[DROP_NAME_SIZE];
    struct submit_recipient r = { .address = to, .orcpt = "" };
    struct drop d = { .sender = sender, .recipients = &r, .recipients_count = 1 };
    int fd = memfd_create("body", 0);
    assert_int_equal(write(fd, body, strlen(body)), strlen(body));
    if (!drop_write(b->conf.sendmail.drop, &d, fd, name, &why))
        fail_msg("%s", why.text);
    assert_true(drop_name_is_valid(name));
    close(fd);
}

static void put(struct bench *b, const char *name, const char *content)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", b->conf.sendmail.drop, name);
    FILE *f = fopen(path, "w");
    fputs(content, f);
    fclose(f);
}

static size_t files(struct bench *b, const char *sub)
{
    char path[256];
    size_t count = 0;
    snprintf(path, sizeof path, "%s%s", b->conf.sendmail.drop, sub);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        count += e->d_name[0] != '.' && strcmp(e->d_name, "bad") != 0;
    if (dir)
        closedir(dir);
    return count;
}

static void test_a_dropped_mail_is_noticed_at_once_and_goes_out(void **state)
{
    struct bench *b = *state;
    bench_turn(b);
    drop(b, SHOP, "a@b.example", "Subject: from cron\n\nline\n.\nlast without end");
    bench_turn(b);
    bench_turn(b);
    assert_int_equal(b->count, 1);
    assert_string_equal(b->attempts[0].to[0], "a@b.example");
    assert_string_equal(b->attempts[0].sender, SHOP);
    assert_true(strncmp(b->attempts[0].body, "Received: by gate.example (Postern, from userid ", 40) == 0);
    assert_non_null(strstr(b->attempts[0].body, "\r\nSubject: from cron\r\n"));
    assert_non_null(strstr(b->attempts[0].body, "\r\n\r\nline\r\n.\r\nlast without end"));
    assert_int_equal(files(b, ""), 0);
}

static void test_mail_dropped_while_nobody_ran_is_found_at_start(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 150; i++)
        drop(b, SHOP, "a@b.example", "Subject: x\n\nbody\n");
    bench_reopen(b);
    for (int i = 0; i < 10; i++)
        bench_advance(b, 1);
    json_t *stats = bench_ask(b, "queue.stats", "");
    assert_int_equal(json_integer_value(json_object_get(stats, "accepted_total")), 150);
    assert_int_equal(files(b, ""), 0);
}

static void test_a_crash_between_commit_and_removal_takes_nothing_twice(void **state)
{
    struct bench *b = *state;
    bench_turn(b);
    put(b, NAME,
        "{\"version\":1,\"sender\":\"" SHOP "\",\"recipients\":[{\"address\":\"a@b.example\"}]}\nSubject: x\n\nx\n");
    bench_advance(b, 10);
    assert_int_equal(b->count, 1);
    assert_int_equal(files(b, ""), 0);
    put(b, NAME,
        "{\"version\":1,\"sender\":\"" SHOP "\",\"recipients\":[{\"address\":\"a@b.example\"}]}\nSubject: x\n\nx\n");
    bench_reopen(b);
    bench_deliver(b, 1); /* the one that was in flight */
    bench_advance(b, 20);
    assert_int_equal(b->count, 2);
    assert_int_equal(files(b, ""), 0);
}

static void test_malformed_files_are_set_aside(void **state)
{
    static const char *const cases[] = {
        "",
        "no json\nbody",
        "{}\nSubject: x\n\n",
        "{\"version\":2,\"sender\":\"\",\"recipients\":[{\"address\":\"a@b.example\"}]}\nx",
        "{\"version\":1,\"sender\":\"\",\"recipients\":[]}\nx",
        "{\"version\":1,\"sender\":5,\"recipients\":[{\"address\":\"a@b.example\"}]}\nx",
        "{\"version\":1,\"sender\":\"\",\"recipients\":[{\"address\":\"a@b\\r\\nRCPT TO:<x>\"}]}\nx",
        "{\"version\":1,\"sender\":\"\",\"recipients\":[{\"address\":\"a@b.example\",\"notify\":99}]}\nx",
        "{\"version\":1,\"sender\":\"\",\"recipients\":[{\"address\":\"a@b.example\"}]}",
    };
    struct bench *b = *state;
    bench_turn(b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[DROP_NAME_SIZE];
        snprintf(name, sizeof name, "%032zx", i);
        put(b, name, cases[i]);
    }
    put(b, "strange name", "x");
    bench_advance(b, 10);
    assert_int_equal(b->count, 0);
    assert_int_equal(files(b, ""), 0);
    assert_int_equal(files(b, "/bad"), sizeof cases / sizeof *cases + 1);
}

static void test_links_and_special_files_are_not_followed(void **state)
{
    struct bench *b = *state;
    char path[256], target[256];
    bench_turn(b);
    put(b, ".hidden", "{\"version\":1,\"sender\":\"\",\"recipients\":[{\"address\":\"a@b.example\"}]}\nSubject: x\n\n");
    snprintf(target, sizeof target, "%s/.hidden", b->conf.sendmail.drop);
    snprintf(path, sizeof path, "%s/%032x", b->conf.sendmail.drop, 1);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof path, "%s/%032x", b->conf.sendmail.drop, 2);
    assert_int_equal(link(target, path), 0);
    snprintf(path, sizeof path, "%s/%032x", b->conf.sendmail.drop, 3);
    assert_int_equal(mkfifo(path, 0600), 0);
    bench_advance(b, 10);
    assert_int_equal(b->count, 0);
    assert_int_equal(files(b, "/bad"), 3);
}

static void test_mail_without_a_way_out_stays(void **state)
{
    struct bench *b = *state;
    bench_turn(b);
    drop(b, "root@localhost", "a@b.example", "Subject: x\n\nx\n"); /* two mailboxes, none of them root's */
    bench_advance(b, 30);
    assert_int_equal(b->count, 0);
    assert_int_equal(files(b, ""), 1);
    b->conf.sendmail.mailbox = DESK;
    bench_advance(b, 10);
    assert_int_equal(b->count, 1);
    assert_string_equal(b->attempts[0].mailbox, DESK);
    assert_string_equal(b->attempts[0].sender, DESK);
    assert_int_equal(files(b, ""), 0);
}

static void test_too_large_a_mail_is_set_aside(void **state)
{
    struct bench *b = *state;
    char *body = mem_alloc(400001);
    memset(body, 'x', 400000);
    memcpy(body, "Subject: x\n\n", 12);
    b->conf.limits.message_size = 100000;
    bench_turn(b);
    drop(b, SHOP, "a@b.example", body);
    bench_advance(b, 10);
    assert_int_equal(files(b, "/bad"), 1);
    b->conf.limits.message_size = 500000;
    drop(b, SHOP, "a@b.example", body);
    bench_advance(b, 10);
    assert_int_equal(b->count, 1);
    assert_true(b->attempts[0].has_fd && b->attempts[0].size > 400000);
    free(body);
}

static void test_a_failing_disk_leaves_the_file_for_later(void **state)
{
    struct bench *b = *state;
    bench_turn(b);
    drop(b, SHOP, "a@b.example", "Subject: x\n\nx\n");
    bench_disk_fails(13);
    bench_advance(b, 30);
    assert_int_equal(b->count, 0);
    assert_int_equal(files(b, ""), 1);
    bench_disk_fails(0);
    bench_advance(b, 30);
    assert_int_equal(b->count, 1);
    assert_int_equal(files(b, ""), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_dropped_mail_is_noticed_at_once_and_goes_out),
        TEST(test_mail_dropped_while_nobody_ran_is_found_at_start),
        TEST(test_a_crash_between_commit_and_removal_takes_nothing_twice),
        TEST(test_malformed_files_are_set_aside),
        TEST(test_links_and_special_files_are_not_followed),
        TEST(test_mail_without_a_way_out_stays),
        TEST(test_too_large_a_mail_is_set_aside),
        TEST(test_a_failing_disk_leaves_the_file_for_later),
    };
    return cmocka_run_group_tests_name("queue-drop", tests, NULL, NULL);
}
