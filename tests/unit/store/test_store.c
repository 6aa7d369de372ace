/* The store's promises: what a commit holds, what a rollback leaves, what a damaged or strange file brings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "store/store.h"
#include "store_folder.h"

struct fixture {
    char dir[STORE_FOLDER_SIZE];
    struct store *s;
    struct arena *a;
};

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    f->a = arena_new();
    f->s = store_folder_open(f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    int status = store_folder_close(f->s, f->dir);
    arena_free(f->a);
    free(f);
    return status;
}

static void reopen(struct fixture *f)
{
    struct fault why = { 0 };
    store_close(f->s);
    f->s = store_open(f->dir, &why);
    if (!f->s)
        fail_msg("%s", why.text);
}

static struct store_message a_message(uint64_t id, size_t size)
{
    return (struct store_message){ .id = id,
                                   .mailbox = "shop@contoso.example",
                                   .app = "crm",
                                   .sender = "shop@contoso.example",
                                   .peer = "[127.0.0.1]",
                                   .session = "s1",
                                   .envid = "",
                                   .subject = "Say Hello",
                                   .size = size,
                                   .accepted = 1000,
                                   .expires = 9000,
                                   .next_attempt = 1000 };
}

static bool add(struct store *s, uint64_t id, struct bytes body, int fd, struct fault *why)
{
    struct store_message m = a_message(id, body.size);
    struct store_recipient r[] = {
        { .number = 0, .address = "a@b.example", .orcpt = "", .next_attempt = 1000 },
        { .number = 1, .address = "C@d.example", .orcpt = "rfc822;x", .notify = 4, .next_attempt = 1000 }
    };
    return store_message_add(s, &m, r, 2, fd < 0 ? body : BYTES_NONE, fd, why);
}

static int nameless(const char *dir, struct bytes data)
{
    int fd = open(dir, O_TMPFILE | O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data.data, data.size), data.size);
    return fd;
}

static size_t count_files(struct fixture *f)
{
    char path[96];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/spool", f->dir);
    DIR *dir = opendir(path);
    for (struct dirent *e; (e = readdir(dir));)
        count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void test_a_commit_survives_and_a_rollback_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct store_message m;
    struct store_recipient *r;
    struct bytes body;
    size_t count;
    int fd;

    assert_true(store_begin(f->s, &why) && add(f->s, 7, BYTES_LIT("Subject: x\r\n\r\nhello\r\n"), -1, &why));
    assert_true(store_commit(f->s, &why));
    assert_true(store_begin(f->s, &why) && add(f->s, 8, BYTES_LIT("lost"), -1, &why));
    store_rollback(f->s);
    reopen(f);

    assert_true(store_message_get(f->s, 7, f->a, &m, &why));
    assert_string_equal(m.mailbox, "shop@contoso.example");
    assert_string_equal(m.app, "crm");
    assert_int_equal(m.expires, 9000);
    assert_true(store_recipient_list(f->s, 7, f->a, &r, &count, &why));
    assert_int_equal(count, 2);
    assert_string_equal(r[1].address, "C@d.example");
    assert_int_equal(r[1].notify, 4);
    assert_true(store_body_get(f->s, 7, f->a, &body, &fd, &why));
    assert_int_equal(fd, -1);
    assert_true(bytes_equal(body, BYTES_LIT("Subject: x\r\n\r\nhello\r\n")));
    assert_false(store_message_get(f->s, 8, f->a, &m, &why));
    assert_int_equal(why.kind, FAULT_REJECT);
    assert_int_equal(store_message_last_id(f->s), 7);
}

static void test_a_large_body_is_a_file_that_goes_with_its_message(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct bytes large = { mem_alloc(400000), 400000 }, body;
    char spool[96], probe[6] = "";
    int fd;
    memset((uint8_t *)large.data, 'x', large.size);
    snprintf(spool, sizeof spool, "%s/spool", f->dir);

    assert_true(store_begin(f->s, &why) && add(f->s, 1, large, nameless(spool, large), &why));
    assert_true(store_begin(f->s, &why) &&
                add(f->s, 2, large, nameless("/tmp", large), &why)); /* maybe another device */
    assert_true(store_commit(f->s, &why));
    assert_true(store_begin(f->s, &why) && add(f->s, 3, large, nameless(spool, large), &why));
    assert_int_equal(count_files(f), 3);
    store_rollback(f->s);
    assert_int_equal(count_files(f), 2);

    assert_true(store_body_get(f->s, 2, f->a, &body, &fd, &why));
    assert_int_equal(pread(fd, probe, 5, 399995), 5);
    assert_string_equal(probe, "xxxxx");
    assert_int_equal(write(fd, "y", 1), -1);
    close(fd);

    struct store_message m = a_message(1, large.size);
    m.state = STORE_DELIVERED;
    m.flags = STORE_SPOOLED;
    m.finished = 5000;
    assert_true(store_begin(f->s, &why) && store_message_put(f->s, &m, &why));
    assert_int_equal(count_files(f), 2);
    assert_true(store_commit(f->s, &why));
    assert_int_equal(count_files(f), 1);
    free((void *)large.data);
}

static bool finish(struct store *s, uint64_t id, bool is_soft)
{
    struct fault why;
    struct store_message m = a_message(id, 400000);
    m.state = STORE_DELIVERED;
    m.flags = STORE_SPOOLED;
    m.finished = 5000;
    return (is_soft ? store_begin_soft(s, &why) : store_begin(s, &why)) && store_message_put(s, &m, &why) &&
           store_commit(s, &why);
}

/* After a power cut the message may be open again, and then needs its body. */
static void test_a_soft_commit_keeps_files_until_the_disk_knows(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct bytes large = { mem_alloc(400000), 400000 };
    struct store_message m;
    for (uint64_t id = 1; id <= 3; id++)
        assert_true(store_begin(f->s, &why) && add(f->s, id, large, nameless("/tmp", large), &why) &&
                    store_commit(f->s, &why));

    assert_true(finish(f->s, 1, true));
    assert_true(store_message_get(f->s, 1, f->a, &m, &why));
    assert_int_equal(m.state, STORE_DELIVERED);
    assert_int_equal(count_files(f), 3);
    assert_true(store_begin(f->s, &why) && add(f->s, 4, large, nameless("/tmp", large), &why));
    store_rollback(f->s);
    assert_int_equal(count_files(f), 3);
    assert_true(finish(f->s, 2, false));
    assert_int_equal(count_files(f), 1);
    assert_true(finish(f->s, 3, true));
    store_checkpoint(f->s, true);
    assert_int_equal(count_files(f), 0);
    free((void *)large.data);
}

static void test_a_descriptor_must_keep_its_word(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct bytes small = BYTES_LIT("ten bytes!"), body;
    int pipes[2], fd;

    assert_true(store_begin(f->s, &why) && add(f->s, 1, small, nameless("/tmp", small), &why));
    assert_true(store_commit(f->s, &why));
    assert_true(store_body_get(f->s, 1, f->a, &body, &fd, &why));
    assert_true(bytes_equal(body, small));

    assert_int_equal(pipe(pipes), 0);
    assert_true(store_begin(f->s, &why));
    assert_false(add(f->s, 2, small, pipes[0], &why));
    store_rollback(f->s);
    close(pipes[1]);
    assert_true(store_begin(f->s, &why));
    assert_false(add(f->s, 3, (struct bytes){ small.data, 70000 }, nameless("/tmp", small), &why));
    assert_string_equal(why.id, "store.body");
    store_rollback(f->s);
    assert_int_equal(count_files(f), 0);
}

static void test_orphans_are_tidied_and_owned_files_stay(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct bytes large = { mem_alloc(400000), 400000 };
    char path[160];
    assert_true(store_begin(f->s, &why) && add(f->s, 1, large, nameless("/tmp", large), &why) &&
                store_commit(f->s, &why));
    const char *names[] = { "00000000000000ff", "not-ours", "00000000000000fg" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/spool/%s", f->dir, names[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    store_spool_tidy(f->s, 3600000);
    assert_int_equal(count_files(f), 4);
    store_spool_tidy(f->s, 0);
    assert_int_equal(count_files(f), 3);
    free((void *)large.data);
}

static void test_recipients_change_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct store_recipient *r;
    size_t count;
    int64_t next;
    assert_true(store_begin(f->s, &why) && add(f->s, 1, BYTES_LIT("x"), -1, &why));
    struct store_recipient done = { .number = 0, .state = STORE_R_DELIVERED, .attempts = 1, .code = 250, .last = "OK" };
    struct store_recipient later = { .number = 1,
                                     .attempts = 1,
                                     .next_attempt = 5000,
                                     .code = 451,
                                     .enhanced = "4.7.0",
                                     .last = "busy",
                                     .finding = "smtp.busy" };
    assert_true(store_recipient_put(f->s, 1, &done, &why) && store_recipient_put(f->s, 1, &later, &why));
    assert_true(store_recipient_due(f->s, 1, 4999, 10, f->a, &r, &count, &why));
    assert_int_equal(count, 0);
    assert_true(store_recipient_due(f->s, 1, 5000, 10, f->a, &r, &count, &why));
    assert_int_equal(count, 1);
    assert_string_equal(r[0].last, "busy");
    assert_true(store_message_next(f->s, 1, &next, &why));
    assert_int_equal(next, 5000);
    assert_true(store_recipient_due_all(f->s, 1, 10, &why) && store_message_next(f->s, 1, &next, &why));
    assert_int_equal(next, 10);
    assert_true(store_commit(f->s, &why));
}

static void test_attempts_keep_the_first_and_the_newest(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct store_attempt *list = NULL;
    size_t count = 0;
    assert_true(store_begin(f->s, &why) && add(f->s, 1, BYTES_LIT("x"), -1, &why));
    for (uint32_t i = 1; i <= 30; i++) {
        struct store_attempt a = { .number = i, .time = i, .host = "h", .outcome = "retry", .dialogue = "d" };
        assert_true(store_attempt_add(f->s, 1, &a, &why));
    }
    assert_true(store_commit(f->s, &why) && store_attempt_list(f->s, 1, f->a, &list, &count, &why));
    assert_int_equal(count, STORE_ATTEMPTS_KEPT);
    assert_int_equal(list[0].number, 1);
    assert_int_equal(list[count - 1].number, 30);
}

static void count_open(void *ctx, const struct store_open_message *m)
{
    *(unsigned *)ctx += m->recipients[STORE_R_WAITING];
    assert_string_equal(m->message.mailbox, "shop@contoso.example");
}

static void test_open_messages_are_found_and_history_is_pruned(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    unsigned waiting = 0;
    size_t removed = 99;
    assert_true(store_begin(f->s, &why));
    for (uint64_t i = 1; i <= 5; i++)
        assert_true(add(f->s, i << 20, BYTES_LIT("x"), -1, &why));
    struct store_message m = a_message(2 << 20, 1);
    m.state = STORE_BOUNCED;
    m.finished = 2000;
    assert_true(store_message_put(f->s, &m, &why) && store_commit(f->s, &why));
    assert_true(store_open_each(f->s, count_open, &waiting, &why));
    assert_int_equal(waiting, 8);
    assert_true(store_begin(f->s, &why) && store_history_prune(f->s, 1999, 100, &removed, &why));
    assert_int_equal(removed, 0);
    assert_true(store_history_prune(f->s, 2000, 100, &removed, &why) && store_commit(f->s, &why));
    assert_int_equal(removed, 1);
    assert_false(store_message_get(f->s, 2 << 20, f->a, &m, NULL));
}

static bool remember(void *ctx, const struct store_message *m)
{
    uint64_t **at = ctx;
    *(*at)++ = m->id;
    return true;
}

static void test_lists_filter(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    assert_true(store_begin(f->s, &why));
    for (uint64_t i = 1; i <= 3; i++)
        assert_true(add(f->s, i << 20, BYTES_LIT("x"), -1, &why));
    assert_true(store_commit(f->s, &why));
    struct {
        struct store_filter filter;
        size_t count;
        uint64_t first, stopped_at;
    } cases[] = {
        { { .state = -1 }, 3, 3, 0 },
        { { .state = -1, .before = 3 << 20 }, 2, 2, 0 },
        { { .state = -1, .mailbox = "Shop@Contoso.example" }, 3, 3, 0 },
        { { .state = -1, .mailbox = "other@contoso.example" }, 0, 0, 0 },
        { { .state = -1, .sender = "SHOP" }, 3, 3, 0 },
        { { .state = -1, .recipient = "c@D" }, 3, 3, 0 },
        { { .state = -1, .recipient = "nobody" }, 0, 0, 0 },
        { { .state = -1, .subject = "HELLO" }, 3, 3, 0 },
        { { .state = -1, .subject = "bye" }, 0, 0, 0 },
        { { .state = -1, .any = "hello" }, 3, 3, 0 },
        { { .state = -1, .any = "c@d" }, 3, 3, 0 },
        { { .state = -1, .any = "0000000000200" }, 1, 2, 0 },
        { { .state = -1, .any = "nowhere" }, 0, 0, 0 },
        { { .state = -1, .until = 3 }, 2, 2, 0 },
        { { .state = -1, .since = 2, .until = 3 }, 1, 2, 0 },
        { { .state = -1, .app = "nobody" }, 0, 0, 0 },
        { { .state = -1, .mailboxes = (const char *const[]){ "a@b", "SHOP@contoso.example" }, .mailboxes_count = 2 },
          3,
          3,
          0 },
        { { .state = -1, .mailboxes = (const char *const[]){ "a@b" }, .mailboxes_count = 1 }, 0, 0, 0 },
        { { .state = STORE_DELIVERED }, 0, 0, 0 },
        { { .state = -1, .only_open = true }, 3, 3, 0 },
        { { .state = -1, .since = 2 }, 2, 3, 0 },
        { { .state = -1, .scan_max = 2 }, 2, 3, 2 },
        { { .state = -1, .scan_max = 2, .recipient = "nobody" }, 0, 0, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t ids[8] = { 0 }, *at = ids, stopped_at;
        cases[i].filter.scan_max = cases[i].filter.scan_max ? cases[i].filter.scan_max : 100;
        assert_true(store_message_each(f->s, &cases[i].filter, remember, &at, &stopped_at, &why));
        assert_int_equal(at - ids, cases[i].count);
        assert_int_equal(ids[0] >> 20, cases[i].first);
        assert_int_equal(stopped_at >> 20, cases[i].stopped_at);
    }
}

static bool one_object(void *ctx, uint32_t kind, const char *key, const char *json)
{
    char *out = ctx;
    sprintf(out + strlen(out), "%u %s %s;", kind, key, json);
    return true;
}

static void test_sends_are_known_again(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct arena *arena = arena_new();
    struct store_send found;
    assert_true(store_begin(f->s, &why));
    assert_true(store_send_put(f->s, &(struct store_send){ "key:a", "17", "d1", 5, 1000 }, &why));
    assert_true(store_send_put(f->s, &(struct store_send){ "key:b", "17", "d2", 6, 2000 }, &why));
    assert_true(store_send_find(f->s, "key:a", "17", arena, &found, &why)); /* in the same transaction already */
    assert_int_equal(found.message, 5);
    assert_true(store_commit(f->s, &why));
    reopen(f);
    assert_true(store_send_find(f->s, "key:b", "17", arena, &found, &why));
    assert_int_equal(found.message, 6);
    assert_int_equal(found.time, 2000);
    assert_string_equal(found.digest, "d2");
    assert_true(store_send_find(f->s, "key:c", "17", arena, &found, &why));
    assert_int_equal(found.message, 0);
    assert_true(store_begin(f->s, &why) && store_send_prune(f->s, 2000, &why) && store_commit(f->s, &why));
    assert_true(store_send_find(f->s, "key:a", "17", arena, &found, &why));
    assert_int_equal(found.message, 0);
    assert_true(store_send_find(f->s, "key:b", "17", arena, &found, &why));
    assert_int_equal(found.message, 6);
    arena_free(arena);
}

static void test_objects_counters_facts_and_drops(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    char text[256] = "";
    bool is_known;
    assert_true(store_begin(f->s, &why));
    assert_true(store_object_put(f->s, 2, "k", "{}", &why) && store_object_put(f->s, 1, "j", "[]", &why));
    assert_true(store_object_put(f->s, 2, "k", "{1}", &why) && store_object_remove(f->s, 1, "j", &why));
    assert_true(store_drop_find(f->s, "abc", &is_known, &why));
    assert_false(is_known);
    assert_true(store_drop_add(f->s, "abc", 5, &why) && store_drop_add(f->s, "abc", 6, &why));
    assert_true(store_drop_find(f->s, "abc", &is_known, &why));
    assert_true(is_known);
    assert_true(store_sent_add(f->s, "a@b", 3, 4, &why) && store_sent_add(f->s, "a@b", 3, 5, &why));
    assert_true(store_commit(f->s, &why));
    reopen(f);
    assert_true(store_object_each(f->s, one_object, text, &why));
    assert_string_equal(text, "2 k {1};");
    assert_int_equal(store_object_version(f->s), 4);
    assert_true(store_probe(f->s, &why));
}

static void write_file(struct fixture *f, const char *content)
{
    char path[96];
    snprintf(path, sizeof path, "%s/postern.db", f->dir);
    FILE *out = fopen(path, "w");
    fputs(content, out);
    fclose(out);
}

static void run_sql(struct fixture *f, const char *sql)
{
    char path[96];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/postern.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void refused(struct fixture *f, const char *id)
{
    struct fault why = { 0 };
    assert_null(store_open(f->dir, &why));
    assert_string_equal(why.id, id);
    assert_int_equal(why.kind, FAULT_LOCAL);
}

static void test_strange_files_are_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char path[96];
    snprintf(path, sizeof path, "%s/postern.db", f->dir);
    store_close(f->s);
    f->s = NULL;
    run_sql(f, "PRAGMA user_version = 99");
    refused(f, "store.newer");
    run_sql(f, "PRAGMA user_version = 1; PRAGMA application_id = 5");
    refused(f, "store.foreign");
    const char *text =
        "this is somebody's diary, which is not a database at all, and long enough to look at........................";
    write_file(f, text);
    refused(f, "store.foreign");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, strlen(text));
}

static void test_a_second_process_is_kept_out(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork();
    if (child == 0) {
        struct fault why = { 0 };
        struct store *second = store_open(f->dir, &why);
        _exit(!second && strcmp(why.id, "store.busy") == 0 ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void test_what_was_committed_survives_a_kill(void **state)
{
    struct fixture *f = *state;
    struct store_message m;
    store_close(f->s);
    pid_t child = fork();
    if (child == 0) {
        struct store *s = store_open(f->dir, NULL);
        if (store_begin(s, NULL) && add(s, 1, BYTES_LIT("kept"), -1, NULL) && store_commit(s, NULL) &&
            store_begin(s, NULL))
            add(s, 2, BYTES_LIT("not promised"), -1, NULL);
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    f->s = store_open(f->dir, NULL);
    assert_non_null(f->s);
    assert_true(store_message_get(f->s, 1, f->a, &m, NULL));
    assert_false(store_message_get(f->s, 2, f->a, &m, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_commit_survives_and_a_rollback_leaves_nothing),
        TEST(test_a_large_body_is_a_file_that_goes_with_its_message),
        TEST(test_a_soft_commit_keeps_files_until_the_disk_knows),
        TEST(test_a_descriptor_must_keep_its_word),
        TEST(test_orphans_are_tidied_and_owned_files_stay),
        TEST(test_recipients_change_one_by_one),
        TEST(test_attempts_keep_the_first_and_the_newest),
        TEST(test_open_messages_are_found_and_history_is_pruned),
        TEST(test_lists_filter),
        TEST(test_sends_are_known_again),
        TEST(test_objects_counters_facts_and_drops),
        TEST(test_strange_files_are_refused_and_left_alone),
        TEST(test_a_second_process_is_kept_out),
        TEST(test_what_was_committed_survives_a_kill),
    };
    log_to_stderr(false);
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
