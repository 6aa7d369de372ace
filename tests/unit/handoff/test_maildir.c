/* One file per message: whole, once, and on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handoff_fixture.h"

static int open_maildir(void **state)
{
    stage_open_virtual(state);
    stage.endpoint.kind = ENDPOINT_MAILDIR;
    stage.endpoint.maildir = stage_path("mail");
    return 0;
}

/* How many are in a folder, and the name of the last one. */
static int count(const char *folder, char name[256])
{
    int files = 0;
    DIR *all = opendir(stage_path(folder));
    assert_non_null(all);
    for (struct dirent *e = readdir(all); e; e = readdir(all)) {
        if (e->d_name[0] == '.')
            continue;
        files++;
        if (name)
            snprintf(name, 256, "%s", e->d_name);
    }
    closedir(all);
    return files;
}

static void test_a_message_is_filed(void **state)
{
    char name[256], path[300];
    stage_run();
    stage_expect(HANDOFF_DONE, "", "/mail/new/");
    assert_int_equal(count("mail/new", name), 1);
    assert_int_equal(count("mail/tmp", NULL) + count("mail/cur", NULL), 0);
    snprintf(path, sizeof path, "mail/new/%s", name);
    assert_string_equal(stage_read(path),
                        "Delivered-To: box@corp.example\nReturn-Path: <joe@example.org>\nFrom: Joe "
                        "<joe@example.org>\nTo: box@corp.example\nSubject: Hello\nMessage-ID: <1@example.org>\n\nline "
                        "one\n.\nend\n");
    assert_non_null(strstr(name, ".gate.example"));
}

static void test_octets_survive(void **state)
{
    char name[256], path[300];
    stage_octets(BYTES_LIT("Subject: x\r\n\r\na\rb\r\r\nc\nd\xff\r"));
    stage_run();
    count("mail/new", name);
    snprintf(path, sizeof path, "mail/new/%s", name);
    assert_string_equal(stage_read(path), "Delivered-To: box@corp.example\nSubject: x\n\na\rb\r\nc\nd\xff\r");
}

static void test_a_large_message(void **state)
{
    struct buf text;
    struct stat s;
    char name[256], path[300];
    size_t lines = 200000;
    buf_init(&text, 32 << 20);
    for (size_t i = 0; i < lines; i++)
        buf_add_str(&text, "0123456789012345678901234567890123456789\r\n");
    stage_octets(buf_bytes(&text));
    stage_run();
    count("mail/new", name);
    snprintf(path, sizeof path, "mail/new/%s", name);
    assert_int_equal(stat(stage_path(path), &s), 0);
    assert_int_equal(s.st_size, lines * 41 + strlen("Delivered-To: box@corp.example\n"));
    assert_int_equal(s.st_mode & 0777, 0600);
    buf_fini(&text);
}

/* Killed after the file was moved, before the inbox knew: the attempt that follows finds it. */
static void test_a_repeat_makes_no_second_copy(void **state)
{
    stage_run();
    stage.job.attempt = 2;
    stage_run();
    stage_expect(HANDOFF_DONE, "", "an attempt before");
    assert_int_equal(count("mail/new", NULL), 1);
}

static void test_a_repeat_knows_what_was_read_since(void **state)
{
    char name[256], from[300], to[300];
    stage_run();
    count("mail/new", name);
    snprintf(from, sizeof from, "mail/new/%s", name);
    snprintf(to, sizeof to, "mail/cur/%s:2,FS", name);
    assert_int_equal(rename(stage_path(from), stage_path(to)), 0);
    stage.job.attempt = 2;
    stage_run();
    assert_int_equal(count("mail/new", NULL), 0);
    assert_int_equal(count("mail/cur", NULL), 1);
}

/* The item is older than this process, so that the first attempt known here need not be the first. */
static void test_a_repeat_after_a_death(void **state)
{
    char name[256], from[300], to[300];
    stage.job.id = (uint64_t)(loop_wall_ms(stage.loop) - 5000) << 20;
    stage_run();
    count("mail/new", name);
    snprintf(from, sizeof from, "mail/new/%s", name);
    snprintf(to, sizeof to, "mail/cur/%s:2,S", name);
    assert_int_equal(rename(stage_path(from), stage_path(to)), 0);
    stage_run();
    stage_expect(HANDOFF_DONE, "", "an attempt before");
    assert_int_equal(count("mail/new", NULL), 0);
}

static void test_what_a_death_left_in_tmp_is_written_over(void **state)
{
    char name[256], from[300], to[300];
    stage_run();
    count("mail/new", name);
    snprintf(from, sizeof from, "mail/new/%s", name);
    snprintf(to, sizeof to, "mail/tmp/%s", name);
    assert_int_equal(unlink(stage_path(from)), 0);
    stage_file(to, "half", 0600);
    stage.job.attempt = 2;
    stage_run();
    assert_int_equal(count("mail/new", NULL), 1);
    assert_int_equal(count("mail/tmp", NULL), 0);
    assert_non_null(strstr(stage_read(from), "line one"));
}

static void test_other_messages_are_others(void **state)
{
    stage_run();
    stage.job.id++;
    stage_run();
    stage.job.is_test = true;
    stage_run();
    loop_advance(stage.loop, 1500);
    stage_run();
    assert_int_equal(count("mail/new", NULL), 4);
}

static void test_a_missing_folder_above(void **state)
{
    stage.endpoint.maildir = stage_path("no/such/mail");
    stage_run();
    stage_expect(HANDOFF_RETRY, "maildir.missing", "No such file");
}

static void test_a_file_in_its_place(void **state)
{
    stage_file("mail", "", 0600);
    stage_run();
    stage_expect(HANDOFF_RETRY, "maildir.missing", "Not a directory");
}

static void test_no_right_to_write(void **state)
{
    if (geteuid() == 0)
        skip(); /* root may everything */
    chmod(stage.dir, 0500);
    stage_run();
    stage_expect(HANDOFF_RETRY, "maildir.permission", "Permission denied");
}

/* A limit on the size of files stands for the disk: what can't be written whole leaves nothing behind. */
static void test_no_room(void **state)
{
    struct buf text;
    struct rlimit before, small = { 4096, 0 };
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    buf_init(&text, 1 << 20);
    while (text.size < 100000)
        buf_add_str(&text, "0123456789012345678901234567890123456789\r\n");
    stage_octets(buf_bytes(&text));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    stage_run();
    setrlimit(RLIMIT_FSIZE, &before);
    stage_expect(HANDOFF_RETRY, "maildir.full", "File too large");
    assert_int_equal(count("mail/new", NULL) + count("mail/tmp", NULL), 0);
    stage.job.attempt = 2;
    stage_run();
    stage_expect(HANDOFF_DONE, "", "/new/");
    buf_fini(&text);
}

static void test_the_group_of_the_folder_may_read(void **state)
{
    char name[256], path[300];
    struct stat s;
    mkdir(stage_path("mail"), 0700);
    chmod(stage_path("mail"), 02770);
    stage_run();
    count("mail/new", name);
    snprintf(path, sizeof path, "mail/new/%s", name);
    assert_int_equal(stat(stage_path(path), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0660);
}

static void test_a_file_that_shrank(void **state)
{
    assert_int_equal(ftruncate(stage.job.fd, 10), 0);
    stage_run();
    stage_expect(HANDOFF_RETRY, "spool.failed", "shorter");
}

static void test_cancelled_runs_say_nothing(void **state)
{
    stage_start();
    handoff_cancel(stage.run);
    for (int i = 0; i < 5; i++)
        stage_turn();
    assert_int_equal(stage.outcomes, 0);
    stage_start(); /* and one that is under way when all ends */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_a_message_is_filed, open_maildir),
        STAGE_TEST(test_octets_survive, open_maildir),
        STAGE_TEST(test_a_large_message, open_maildir),
        STAGE_TEST(test_a_repeat_makes_no_second_copy, open_maildir),
        STAGE_TEST(test_a_repeat_knows_what_was_read_since, open_maildir),
        STAGE_TEST(test_a_repeat_after_a_death, open_maildir),
        STAGE_TEST(test_what_a_death_left_in_tmp_is_written_over, open_maildir),
        STAGE_TEST(test_other_messages_are_others, open_maildir),
        STAGE_TEST(test_a_missing_folder_above, open_maildir),
        STAGE_TEST(test_a_file_in_its_place, open_maildir),
        STAGE_TEST(test_no_right_to_write, open_maildir),
        STAGE_TEST(test_no_room, open_maildir),
        STAGE_TEST(test_the_group_of_the_folder_may_read, open_maildir),
        STAGE_TEST(test_a_file_that_shrank, open_maildir),
        STAGE_TEST(test_cancelled_runs_say_nothing, open_maildir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
