/* Small scripts, and a clock that is moved: what a command gets, what its end means, and that nothing of it stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handoff_fixture.h"

static void script(const char *body)
{
    char text[4096];
    snprintf(text, sizeof text, "#!/bin/sh\nD=%s\n%s\n", stage.dir, body);
    stage_file("script", text, 0755);
}

static int open_command(void **state)
{
    static const char *arguments[] = { "one word", "$HOME;`x`" };
    stage_open_virtual(state);
    stage.endpoint.kind = ENDPOINT_COMMAND;
    stage.endpoint.command.path = stage_path("script");
    stage.endpoint.command.arguments = arguments;
    stage.endpoint.command.arguments_count = 2;
    return 0;
}

static void test_what_a_command_gets(void **state)
{
    setenv("SECRET_OF_OURS", "1", 1);
    signal(SIGPIPE, SIG_IGN);
    lseek(stage.job.fd, 5, SEEK_SET); /* where others stand in the file is no matter */
    script(
        "cat >$D/message; printf '%s|%s|%s' \"$#\" \"$1\" \"$2\" >$D/arguments; env >$D/env; pwd >$D/pwd\n"
        "ls /proc/self/fd >$D/fds; ulimit -c >$D/limits; ulimit -v >>$D/limits; grep SigIgn /proc/self/status "
        ">$D/signals; grep SigBlk /proc/self/status >>$D/signals; grep NoNewPrivs /proc/self/status >>$D/signals; echo "
        "stored as 7");
    stage_run();
    stage_expect(HANDOFF_DONE, "", "exit 0: stored as 7");
    assert_int_equal(strlen(stage_read("message")), stage.job.size);
    assert_non_null(strstr(stage_read("message"), "Subject: Hello\r\n"));
    assert_string_equal(stage_read("arguments"), "2|one word|$HOME;`x`");
    assert_string_equal(stage_read("pwd"), "/\n");
    /* 0, 1, 2, and what ls opens itself. */
    assert_string_equal(stage_read("fds"), "0\n1\n2\n3\n");
    assert_string_equal(stage_read("limits"), "0\n524288\n");
    assert_string_equal(stage_read("signals"),
                        "SigIgn:\t0000000000000000\nSigBlk:\t0000000000000000\nNoNewPrivs:\t1\n");
    unsetenv("SECRET_OF_OURS");
}

static void expect_line(const char *text, const char *line)
{
    char wanted[300];
    snprintf(wanted, sizeof wanted, "%s\n", line);
    if (!strstr(text, wanted))
        fail_msg("no %s in:\n%s", line, text);
}

static void test_facts_in_the_environment(void **state)
{
    setenv("SECRET_OF_OURS", "1", 1);
    stage.job.attempt = 3;
    stage.job.queued_id = "00000000000000ab";
    stage_message("Return-Path: <>\r\nFrom: a@x\r\nSubject: =?utf-8?Q?two=0Alines=3B=00_=C3=B6?=\r\nMessage-ID: "
                  "<2@x>\r\nIn-Reply-To: <1@x>\r\n\r\n");
    script("env >$D/env");
    stage_run();
    const char *env = stage_read("env");
    expect_line(env, "PATH=/usr/local/bin:/usr/bin:/bin");
    expect_line(env, "POSTERN_MAILBOX=box@corp.example");
    expect_line(env, "POSTERN_FOLDER=INBOX");
    expect_line(env, "POSTERN_ENDPOINT=files");
    expect_line(env, "POSTERN_SENDER=");
    expect_line(env, "POSTERN_FROM=a@x");
    expect_line(env, "POSTERN_MESSAGE_ID=<2@x>");
    expect_line(env, "POSTERN_IN_REPLY_TO=<1@x>");
    expect_line(env, "POSTERN_KIND=automatic");
    expect_line(env, "POSTERN_QUEUED_ID=00000000000000ab");
    expect_line(env, "POSTERN_ATTEMPT=3");
    expect_line(env, "POSTERN_TEST=0");
    expect_line(env, "POSTERN_RECEIVED=2025-11-28T21:00:00.123Z");
    assert_non_null(strstr(env, "POSTERN_SUBJECT=two?lines;"));
    assert_null(strstr(env, "SECRET_OF_OURS"));
    unsetenv("SECRET_OF_OURS");
}

static void test_exit_codes(void **state)
{
    static const struct {
        int code;
        enum handoff_result result;
        const char *finding, *text;
    } cases[] = {
        { 0, HANDOFF_DONE, "", "exit 0" },
        { 1, HANDOFF_RETRY, "command.failed", "exit 1" },
        { 64, HANDOFF_RETRY, "command.failed", "EX_USAGE" },
        { 65, HANDOFF_PARK, "command.refused", "EX_DATAERR" },
        { 67, HANDOFF_PARK, "command.refused", "EX_NOUSER" },
        { 68, HANDOFF_PARK, "command.refused", "EX_NOHOST" },
        { 69, HANDOFF_RETRY, "", "EX_UNAVAILABLE" },
        { 71, HANDOFF_RETRY, "command.failed", "EX_OSERR" },
        { 74, HANDOFF_RETRY, "command.failed", "EX_IOERR" },
        { 75, HANDOFF_RETRY, "", "exit 75 (EX_TEMPFAIL): disk full maybe" },
        { 126, HANDOFF_RETRY, "command.missing", "exit 126" },
        { 127, HANDOFF_RETRY, "command.missing", "exit 127" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[100];
        snprintf(body, sizeof body, "printf 'disk full\\nmaybe\\n' >&2; exit %d", cases[i].code);
        script(body);
        stage_run();
        stage_expect(cases[i].result, cases[i].finding, cases[i].text);
    }
}

static void test_signals(void **state)
{
    script("kill -SEGV $$");
    stage_run();
    stage_expect(HANDOFF_RETRY, "command.killed", "signal 11");
}

static void test_what_cannot_run(void **state)
{
    stage_run();
    stage_expect(HANDOFF_RETRY, "command.missing", "No such file");
    stage_file("script", "#!/no/such/shell\n", 0755);
    stage_run();
    stage_expect(HANDOFF_RETRY, "command.missing", "exit 127 (it was not found): No such file");
    stage_file("plain", "no program", 0755);
    stage.endpoint.command.path = stage_path("plain");
    stage_run();
    stage_expect(HANDOFF_RETRY, "command.missing", "exit 126 (it could not be run): Exec format error");
    stage.endpoint.command.path = stage.dir;
    stage_run();
    stage_expect(HANDOFF_RETRY, "command.missing", "it is no file");
}

static void test_a_flood_of_words_is_cut(void **state)
{
    script("i=0; while [ $i -lt 3000 ]; do echo 'a rather long line of words \033[1m that says nothing'; i=$((i+1)); "
           "done; exit 75");
    stage_run();
    stage_expect(HANDOFF_RETRY, "", "a rather long line of words \\x1b[1m");
    assert_true(strlen(stage.text) < 600);
}

static void turn_until_there(const char *name)
{
    for (int i = 0; i < 5000 && !stage_read(name); i++)
        stage_turn();
    assert_non_null(stage_read(name));
}

static pid_t pid_in(const char *name)
{
    pid_t pid = (pid_t)atoi(stage_read(name));
    assert_true(pid > 1);
    return pid;
}

/* Gone, or a zombie that its new parent has not looked at yet. */
static bool is_gone(pid_t pid)
{
    char path[40], text[200] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return true;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n <= 0 || strstr(text, ") Z");
}

static void turn_until_gone(pid_t pid)
{
    for (int i = 0; i < 5000 && !is_gone(pid); i++)
        stage_turn();
    assert_true(is_gone(pid));
}

static void test_time_is_limited(void **state)
{
    stage.endpoint.command.timeout_s = 30;
    script("echo $$ >$D/pid.; mv $D/pid. $D/pid; while :; do sleep 1000; done");
    stage_start();
    turn_until_there("pid");
    loop_advance(stage.loop, 29000);
    stage_turn();
    assert_int_equal(stage.outcomes, 0);
    loop_advance(stage.loop, 1500);
    stage_wait();
    stage_expect(HANDOFF_RETRY, "command.timeout", "was ended");
    turn_until_gone(pid_in("pid"));
}

/* Who does not listen is killed, and all that it started with it. */
static void test_who_does_not_listen_is_killed(void **state)
{
    script(
        "trap '' TERM; (trap '' TERM; while :; do sleep 1000; done) & echo $! >$D/pid.; mv $D/pid. $D/pid; while :; do "
        "sleep 1000; done");
    stage_start();
    turn_until_there("pid");
    pid_t background = pid_in("pid");
    loop_advance(stage.loop, 60001);
    for (int i = 0; i < 20; i++)
        stage_turn();
    assert_int_equal(stage.outcomes, 0);
    loop_advance(stage.loop, 5001);
    stage_wait();
    stage_expect(HANDOFF_RETRY, "command.timeout", "was killed");
    turn_until_gone(background);
}

static void test_the_background_ends_with_it(void **state)
{
    script("(while :; do sleep 1000; done) & echo $! >$D/pid.; mv $D/pid. $D/pid; echo done");
    stage_run();
    stage_expect(HANDOFF_DONE, "", "done");
    turn_until_gone(pid_in("pid"));
}

static void test_cancelled_commands_are_killed(void **state)
{
    script("echo $$ >$D/pid.; mv $D/pid. $D/pid; while :; do sleep 1000; done");
    stage_start();
    turn_until_there("pid");
    handoff_cancel(stage.run);
    turn_until_gone(pid_in("pid"));
    assert_int_equal(stage.outcomes, 0);
}

static void test_memory_is_limited(void **state)
{
    if (access("/usr/bin/python3", X_OK) < 0)
        skip();
    stage.endpoint.command.memory_mb = 200;
    stage_file("script", "#!/usr/bin/python3\nx = 'y' * (300 << 20)\n", 0755);
    stage_run();
    stage_expect(HANDOFF_RETRY, "command.failed", "MemoryError");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_what_a_command_gets, open_command),
        STAGE_TEST(test_facts_in_the_environment, open_command),
        STAGE_TEST(test_exit_codes, open_command),
        STAGE_TEST(test_signals, open_command),
        STAGE_TEST(test_what_cannot_run, open_command),
        STAGE_TEST(test_a_flood_of_words_is_cut, open_command),
        STAGE_TEST(test_time_is_limited, open_command),
        STAGE_TEST(test_who_does_not_listen_is_killed, open_command),
        STAGE_TEST(test_the_background_ends_with_it, open_command),
        STAGE_TEST(test_cancelled_commands_are_killed, open_command),
        STAGE_TEST(test_memory_is_limited, open_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
