/* A whole daemon of toy roles: real processes, joined, killed, reloaded and stopped. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/listen.h"
#include "role/files.h"
#include "role/parent.h"
#include "toys.h"

#define PATIENCE_MS 20000

struct daemon {
    char dir[64], conf[96];
    pid_t pid;
    int out; /* what the toys and the parent say */
    int notify_fd;
    char said[262144]; /* so far */
    size_t size, seen; /* seen: expect() goes on behind what it found */
};

static void write_conf(struct daemon *d, const char *listeners, const char *hostname)
{
    char *text = mem_printf("state: %s/state\n"
                            "user: nobody\ngroup: nogroup\n"
                            "hostname: %s\n"
                            "console: { address: none }\n"
                            "listeners:\n%s"
                            "log: { level: debug, events-size: 64K }\n"
                            "limits: { edges: 2 }\n",
                            d->dir, hostname, listeners);
    struct fault why;
    if (!files_replace(d->conf, bytes_of(text), &why))
        fail_msg("%s", why.text);
    free(text);
}

#define ONE_LISTENER "  - { protocol: smtp, address: \"127.0.0.1:0\", tls: none }\n"

static struct daemon *daemon_new(void)
{
    struct daemon *d = mem_alloc(sizeof *d);
    strcpy(d->dir, "/tmp/postern-role-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    assert_int_equal(chmod(d->dir, 0755), 0);
    snprintf(d->conf, sizeof d->conf, "%s/postern.yaml", d->dir);
    d->out = d->notify_fd = -1;
    write_conf(d, ONE_LISTENER, "first");
    return d;
}

static void start(struct daemon *d, const struct role_hooks *const *hooks)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    log_flush();
    d->pid = fork();
    if (d->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        _exit(parent_run(d->conf, hooks));
    }
    close(ends[1]);
    d->out = ends[0];
}

/* False at the end of the output. */
static bool read_more(struct daemon *d)
{
    struct pollfd ready = { .fd = d->out, .events = POLLIN };
    if (poll(&ready, 1, PATIENCE_MS) != 1)
        fail_msg("nothing more was said; so far:\n%s", d->said);
    ssize_t n = read(d->out, d->said + d->size, sizeof d->said - 1 - d->size);
    d->size += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Waits until `text` is said, behind what was expected before. */
static void expect(struct daemon *d, const char *text)
{
    char *at;
    while (!(at = strstr(d->said + d->seen, text)))
        if (!read_more(d))
            fail_msg("never said: %s\nbut:\n%s", text, d->said);
    d->seen = (size_t)(at - d->said) + strlen(text);
}

/* Waits for all of these, in any order, behind what was expected before; goes on behind the last. */
static void expect_all(struct daemon *d, const char *const *texts)
{
    size_t from = d->seen, last = d->seen;
    for (; *texts; texts++) {
        d->seen = from;
        expect(d, *texts);
        last = d->seen > last ? d->seen : last;
    }
    d->seen = last;
}

static int wait_end(struct daemon *d)
{
    int status;
    while (read_more(d))
        ;
    assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
    d->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void daemon_free(struct daemon *d)
{
    if (d->pid > 0) {
        kill(d->pid, SIGTERM);
        assert_int_equal(wait_end(d), 0);
    }
    char *command = mem_printf("rm -rf %s", d->dir);
    assert_int_equal(system(command), 0);
    free(command);
    if (d->out >= 0)
        close(d->out);
    if (d->notify_fd >= 0)
        close(d->notify_fd);
    free(d);
}

static pid_t pid_of(struct daemon *d, const char *role)
{
    write_conf(d, ONE_LISTENER, "ask");
    kill(d->pid, SIGHUP);
    expect(d, "admin0 answer ");
    while (!strchr(d->said + d->seen, '\n'))
        read_more(d);
    char *key = mem_printf("\"role\":\"%s\",\"index\":0,\"pid\":", role);
    const char *at = strstr(d->said + d->seen, key);
    assert_non_null(at);
    pid_t pid = (pid_t)atoi(at + strlen(key));
    free(key);
    assert_true(pid > 1);
    return pid;
}

static void all_roles_start_and_hear_each_other(void **state)
{
    static const char *const heard[] = {
        "edge0 heard hello from queue0",
        "edge1 heard hello from vault0",
        "queue0 heard hello from edge0",
        "queue0 heard hello from edge1",
        "queue0 heard hello from relay0",
        "queue0 heard hello from vault0",
        "queue0 heard hello from admin0",
        "relay0 heard hello from vault0",
        "vault0 heard hello from admin0",
        "admin0 heard hello from relay0",
        NULL,
    };
    struct daemon *d = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    d->seen = 0;
    expect_all(d, heard);
    assert_null(strstr(d->said, "edge0 up relay0"));
    assert_null(strstr(d->said, "edge0 up admin0"));
    if (geteuid() == 0)
        assert_null(strstr(d->said, " user 0\n"));
    daemon_free(d);
}

static void listeners_json_has_the_real_port(void **state)
{
    struct daemon *d = daemon_new();
    struct buf text;
    struct fault why;
    unsigned port = 0;
    start(d, toys);
    expect(d, "postern: ready");
    buf_init(&text, 4096);
    char *path = mem_printf("%s/state/listeners.json", d->dir);
    assert_true(files_read(path, &text, &why));
    const char *at = strstr(buf_str(&text), "\"127.0.0.1:");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"127.0.0.1:%u", &port), 1);
    assert_in_range(port, 1, 65535);
    char *line = mem_printf("edge1 listener 1 127.0.0.1:%u none", port);
    d->seen = 0;
    expect(d, line);
    kill(d->pid, SIGTERM);
    assert_int_equal(wait_end(d), 0);
    assert_int_equal(access(path, F_OK), -1);
    free(line);
    free(path);
    buf_fini(&text);
    daemon_free(d);
}

static void a_killed_role_comes_back_and_is_joined_again(void **state)
{
    static const char *const went[] = { "queue0 down relay0", "vault0 down relay0", "admin0 down relay0", NULL };
    static const char *const came[] = { "queue0 up relay0",
                                        "vault0 up relay0",
                                        "admin0 up relay0",
                                        "relay0 heard hello from queue0",
                                        "queue0 heard hello from relay0",
                                        NULL };
    struct daemon *d = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    for (int round = 0; round < 2; round++) {
        kill(pid_of(d, "relay"), SIGKILL);
        expect_all(d, went);
        expect_all(d, came);
    }
    /* And an edge gets its listener again. */
    kill(pid_of(d, "edge"), SIGKILL);
    expect(d, "edge0 listener 1 127.0.0.1:");
    daemon_free(d);
}

static char *proc_text(pid_t pid, const char *name)
{
    char *path = mem_printf("/proc/%d/%s", (int)pid, name);
    struct buf text;
    struct fault why;
    buf_init(&text, 1 << 16);
    if (!files_read(path, &text, &why))
        fail_msg("%s", why.text);
    char *copy = mem_strdup(buf_str(&text));
    buf_fini(&text);
    free(path);
    return copy;
}

static void a_role_keeps_no_privilege_and_no_stray_descriptor(void **state)
{
    struct daemon *d = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    pid_t pid = pid_of(d, "relay");
    char *status = proc_text(pid, "status"), *limits = proc_text(pid, "limits");
    assert_non_null(strstr(status, "Name:\tpostern:relay"));
    assert_non_null(strstr(status, "NoNewPrivs:\t1"));
    assert_non_null(strstr(limits, "Max core file size        0"));
    char *fds = mem_printf("ls -l /proc/%d/fd 2>&1", (int)pid);
    FILE *listing = popen(fds, "r");
    char line[512];
    int sockets = 0;
    while (fgets(line, sizeof line, listing)) {
        /* Files of /proc/PID belong to root while the process is not dumpable, so only root sees any. */
        if (geteuid() != 0)
            assert_non_null(strstr(line, "Permission denied"));
        assert_null(strstr(line, "postern.lock"));
        assert_null(strstr(line, "signalfd"));
        sockets += strstr(line, "socket:") != NULL;
    }
    pclose(listing);
    /* The parent, queue, vault and admin; libevent's own pair is made on use only. */
    assert_true(geteuid() != 0 || sockets == 4);
    free(fds);
    free(status);
    free(limits);
    daemon_free(d);
}

static void two_that_lost_each_other_are_joined_again(void **state)
{
    struct daemon *d = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    write_conf(d, ONE_LISTENER, "break-relay");
    kill(d->pid, SIGHUP);
    expect(d, "was not expected");
    expect(d, "queue0 down relay0");
    expect(d, "queue0 up relay0");
    expect(d, "queue0 heard hello from relay0");
    assert_null(strstr(d->said, "role.ended"));
    daemon_free(d);
}

static void a_reload_changes_what_changed_and_nothing_else(void **state)
{
    struct daemon *d = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    write_conf(d, ONE_LISTENER "  - { protocol: smtp, address: \"[::1]:0\", tls: none }\n", "second");
    kill(d->pid, SIGHUP);
    expect(d, "edge0 reload second");
    expect(d, "edge0 listener 2 [::1]:");

    /* The first goes, the second stays. */
    write_conf(d, "  - { protocol: smtp, address: \"[::1]:0\", tls: none }\n", "third");
    kill(d->pid, SIGHUP);
    expect(d, "edge0 reload third");
    expect(d, "edge0 end 1");
    assert_null(strstr(d->said, "listener 3"));

    /* Its rules change: the same socket under a new number. */
    char *port = mem_strndup(strstr(d->said, "[::1]:") + 6, 5);
    port[strcspn(port, " ")] = 0;
    write_conf(d, "  - { protocol: smtp, address: \"[::1]:0\", tls: none, auth-without-tls: false }\n", "fourth");
    kill(d->pid, SIGHUP);
    expect(d, "edge0 end 2");
    char *line = mem_printf("edge0 listener 3 [::1]:%s none", port);
    expect(d, line);
    free(line);
    free(port);
    daemon_free(d);
}

static void a_bad_file_changes_nothing(void **state)
{
    struct daemon *d = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    write_conf(d, "  - { protocol: gopher, address: \"127.0.0.1:0\" }\n", "bad");
    kill(d->pid, SIGHUP);
    expect(d, "conf.refused");
    write_conf(d,
               "  - { protocol: smtp, address: \"127.0.0.1:0\", tls: starttls, certificate: /nowhere.pem, key: "
               "/nowhere.key }\n",
               "bad");
    kill(d->pid, SIGHUP);
    expect(d, "conf.refused");
    expect(d, "/nowhere.pem");
    write_conf(d, ONE_LISTENER, "good");
    kill(d->pid, SIGHUP);
    expect(d, "edge0 reload good");
    assert_null(strstr(d->said, "reload bad"));
    assert_null(strstr(d->said, "edge0 end"));
    daemon_free(d);
}

static void a_grown_event_file_is_put_aside_for_all(void **state)
{
    struct daemon *d = daemon_new();
    struct buf text;
    struct fault why;
    static char grown[70000];
    char *events = mem_printf("%s/state/events.jsonl", d->dir), *older = mem_printf("%s.1", events);
    start(d, toys);
    expect(d, "postern: ready");
    int fd = open(events, O_WRONLY | O_APPEND);
    memset(grown, '\n', sizeof grown);
    assert_int_equal(write(fd, grown, sizeof grown), sizeof grown);
    close(fd);
    expect(d, "log.rotated");
    assert_int_equal(access(older, F_OK), 0);
    /* A role writes to the new one. */
    kill(pid_of(d, "relay"), SIGKILL);
    expect(d, "queue0 up relay0");
    buf_init(&text, 1 << 20);
    assert_true(files_read(events, &text, &why));
    assert_non_null(strstr(buf_str(&text), "\"role\":\"queue\",\"event\":\"channel.closed\""));
    buf_fini(&text);
    free(events);
    free(older);
    daemon_free(d);
}

static void a_directory_of_others_is_not_taken(void **state)
{
    struct daemon *d = daemon_new();
    struct fault why;
    struct stat st;
    char *dir = mem_printf("%s/state", d->dir), *file = mem_printf("%s/precious", dir);
    assert_int_equal(mkdir(dir, 0755), 0);
    assert_true(files_replace(file, BYTES_LIT("x"), &why));
    start(d, toys);
    expect(d, "files that are not Postern's");
    assert_int_equal(wait_end(d), 1);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    free(dir);
    free(file);
    daemon_free(d);
}

static void roles_stop_in_an_order_that_loses_nothing(void **state)
{
    struct daemon *d = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    kill(d->pid, SIGTERM);
    static const char *const edges[] = { "edge0 stop", "edge1 stop", NULL };
    expect_all(d, edges);
    expect(d, "relay0 stop");
    expect(d, "queue0 stop");
    expect(d, "vault0 stop");
    expect(d, "admin0 stop");
    assert_int_equal(wait_end(d), 0);
    daemon_free(d);
}

static void roles_die_with_their_parent(void **state)
{
    struct daemon *d = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    kill(d->pid, SIGKILL);
    assert_int_equal(wait_end(d), -1); /* the pipe ends when the last role is gone */
    daemon_free(d);
}

static void a_second_daemon_is_refused_by_name(void **state)
{
    struct daemon *d = daemon_new(), *second = daemon_new();
    start(d, toys);
    expect(d, "postern: ready");
    strcpy(second->conf, d->conf);
    start(second, toys);
    char *says = mem_printf("another Postern (process %d) already serves %s/state", (int)d->pid, d->dir);
    expect(second, says);
    assert_int_equal(wait_end(second), 1);
    free(says);
    daemon_free(second);
    daemon_free(d);
}

static void a_role_that_can_not_start_ends_the_daemon(void **state)
{
    struct daemon *d = daemon_new();
    start(d, broken_toys);
    expect(d, "the key does not fit");
    assert_int_equal(wait_end(d), 1);
    daemon_free(d);
}

static void a_taken_address_ends_the_daemon_by_name(void **state)
{
    struct net_addr at;
    struct fault why;
    char host[NET_ADDR_TEXT_SIZE];
    assert_true(net_addr_parse("127.0.0.1:0", &at, &why));
    int fd = net_listen_open(&at, 1, &why);
    at.size = sizeof at.storage;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at.storage, &at.size), 0);
    net_addr_text(&at, host, sizeof host);
    struct daemon *d = daemon_new();
    char *listener = mem_printf("  - { protocol: smtp, address: \"%s\", tls: none }\n", host);
    write_conf(d, listener, "first");
    start(d, toys);
    expect(d, host);
    assert_int_equal(wait_end(d), 1);
    free(listener);
    close(fd);
    daemon_free(d);
}

static void expect_notice(struct daemon *d, const char *text)
{
    char notice[512];
    struct pollfd ready = { .fd = d->notify_fd, .events = POLLIN };
    do {
        if (poll(&ready, 1, PATIENCE_MS) != 1)
            fail_msg("systemd was never told %s", text);
        ssize_t n = recv(d->notify_fd, notice, sizeof notice - 1, 0);
        notice[n > 0 ? n : 0] = 0;
    } while (!strstr(notice, text));
}

static void systemd_is_told(void **state)
{
    struct daemon *d = daemon_new();
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", d->dir);
    d->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(d->notify_fd, (struct sockaddr *)&at, sizeof at), 0);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    setenv("WATCHDOG_USEC", "20000", 1);
    start(d, toys);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    expect_notice(d, "READY=1");
    expect_notice(d, "WATCHDOG=1");
    kill(d->pid, SIGHUP);
    expect_notice(d, "RELOADING=1");
    expect_notice(d, "READY=1");
    kill(d->pid, SIGTERM);
    expect_notice(d, "STOPPING=1");
    assert_int_equal(wait_end(d), 0);
    daemon_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_roles_start_and_hear_each_other),
        cmocka_unit_test(listeners_json_has_the_real_port),
        cmocka_unit_test(a_killed_role_comes_back_and_is_joined_again),
        cmocka_unit_test(a_role_keeps_no_privilege_and_no_stray_descriptor),
        cmocka_unit_test(two_that_lost_each_other_are_joined_again),
        cmocka_unit_test(a_reload_changes_what_changed_and_nothing_else),
        cmocka_unit_test(a_bad_file_changes_nothing),
        cmocka_unit_test(a_grown_event_file_is_put_aside_for_all),
        cmocka_unit_test(a_directory_of_others_is_not_taken),
        cmocka_unit_test(roles_stop_in_an_order_that_loses_nothing),
        cmocka_unit_test(roles_die_with_their_parent),
        cmocka_unit_test(a_second_daemon_is_refused_by_name),
        cmocka_unit_test(a_role_that_can_not_start_ends_the_daemon),
        cmocka_unit_test(a_taken_address_ends_the_daemon_by_name),
        cmocka_unit_test(systemd_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
