/* The sealed store: what survives, what is refused, and what a machine that stops in the middle leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "vault/seal.h"
#include "vault/vault.h"

static char state[64], vault_path[96], key_path[96];

static int set_up(void **unused)
{
    snprintf(state, sizeof state, "/tmp/test-vault-XXXXXX");
    assert_non_null(mkdtemp(state));
    snprintf(vault_path, sizeof vault_path, "%s/vault", state);
    snprintf(key_path, sizeof key_path, "%s/master.key", state);
    return 0;
}

static int tear_down(void **unused)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", state);
    return system(command);
}

static struct vault *open_vault(struct fault *why)
{
    struct master_key *key = master_key_read("file", key_path, vault_path, why);
    return key ? vault_open(vault_path, key, why) : NULL;
}

static void put(struct vault *v, const char *kind, const char *name, const char *value)
{
    assert_true(vault_put(v, kind, name, bytes_of(value), NULL));
}

static void expect(struct vault *v, const char *kind, const char *name, const char *value)
{
    struct secret *found;
    struct fault why = { 0 };
    if (!vault_get(v, kind, name, &found, &why))
        fail_msg("%s", why.text);
    if (!value)
        assert_null(found);
    else
        assert_string_equal((const char *)secret_bytes(found).data, value);
    secret_free(found);
}

/* The only file in the current generation that starts with `prefix`. */
static void find_file(const char *prefix, char out[512])
{
    char current[128], generation[17] = "", directory[160];
    snprintf(current, sizeof current, "%s/current", vault_path);
    FILE *f = fopen(current, "r");
    assert_non_null(f);
    assert_int_equal(fread(generation, 1, 16, f), 16);
    fclose(f);
    snprintf(directory, sizeof directory, "%s/%s", vault_path, generation);
    DIR *d = opendir(directory);
    out[0] = '\0';
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
            snprintf(out, 512, "%s/%s", directory, e->d_name);
    }
    closedir(d);
    assert_string_not_equal(out, "");
}

static void flip(const char *path, off_t at)
{
    int fd = open(path, O_RDWR);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_keeps_records_over_a_restart(void **unused)
{
    char long_name[321];
    memset(long_name, 'a', 320);
    long_name[320] = '\0';
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "info@example.org", "one");
    put(v, VAULT_GRANT, "info@example.org", "two");
    put(v, VAULT_GRANT, "..", "dots");
    put(v, VAULT_GRANT, "a/../b", "slashes");
    put(v, VAULT_GRANT, long_name, "long");
    put(v, VAULT_GRANT, "gr\xc3\xbc\xc3\x9f@example.org", "utf8");
    put(v, VAULT_APP_PASSWORD, "info@example.org", "");
    vault_free(v);
    v = open_vault(NULL);
    expect(v, VAULT_GRANT, "info@example.org", "two");
    expect(v, VAULT_GRANT, "..", "dots");
    expect(v, VAULT_GRANT, "a/../b", "slashes");
    expect(v, VAULT_GRANT, long_name, "long");
    expect(v, VAULT_GRANT, "gr\xc3\xbc\xc3\x9f@example.org", "utf8");
    expect(v, VAULT_APP_PASSWORD, "info@example.org", "");
    expect(v, VAULT_GRANT, "nobody@example.org", NULL);
    assert_true(vault_remove(v, VAULT_GRANT, "info@example.org", NULL));
    assert_true(vault_remove(v, VAULT_GRANT, "info@example.org", NULL));
    expect(v, VAULT_GRANT, "info@example.org", NULL);
    vault_free(v);
}

static void count_record(void *ctx, const char *name, const struct secret *plain, const struct fault *bad)
{
    int *counts = ctx;
    counts[plain ? 0 : 1]++;
    assert_true((plain != NULL) != (bad != NULL));
}

static void test_a_damaged_record_is_refused_alone(void **unused)
{
    char path[512];
    struct secret *plain;
    struct fault why = { 0 };
    for (off_t at = 0; at < SEAL_OVERHEAD + 7; at++) {
        struct vault *v = open_vault(NULL);
        put(v, VAULT_GRANT, "bad@example.org", "secret");
        put(v, VAULT_GRANT, "good@example.org", "fine");
        find_file("grant-bad", path);
        flip(path, at);
        assert_false(vault_get(v, VAULT_GRANT, "bad@example.org", &plain, &why));
        assert_null(plain);
        assert_string_equal(why.id, "vault.damaged");
        assert_non_null(strstr(why.text, "grant-bad@example.org"));
        expect(v, VAULT_GRANT, "good@example.org", "fine");
        int counts[2] = { 0, 0 };
        assert_true(vault_each(v, VAULT_GRANT, count_record, counts, NULL));
        assert_int_equal(counts[0], 1);
        assert_int_equal(counts[1], 1);
        vault_free(v);
    }
}

static void test_a_cut_record_is_refused(void **unused)
{
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "cut@example.org", "secret");
    char path[512];
    find_file("grant-cut", path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    for (off_t size = st.st_size - 1; size >= 0; size--) {
        struct secret *plain;
        struct fault why = { 0 };
        assert_int_equal(truncate(path, size), 0);
        assert_false(vault_get(v, VAULT_GRANT, "cut@example.org", &plain, &why));
        assert_string_equal(why.id, "vault.damaged");
    }
    vault_free(v);
}

static void test_records_cannot_be_swapped(void **unused)
{
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "boss@example.org", "boss");
    put(v, VAULT_GRANT, "temp@example.org", "temp");
    char boss[512], temp[512];
    find_file("grant-boss", boss);
    find_file("grant-temp", temp);
    assert_int_equal(rename(boss, temp), 0);
    struct secret *plain;
    assert_false(vault_get(v, VAULT_GRANT, "temp@example.org", &plain, NULL));
    assert_null(plain);
    vault_free(v);
}

static void test_a_wrong_key_changes_nothing(void **unused)
{
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "a@example.org", "kept");
    vault_free(v);
    char saved[128];
    snprintf(saved, sizeof saved, "%s/saved.key", state);
    assert_int_equal(rename(key_path, saved), 0);

    struct fault why = { 0 };
    assert_null(open_vault(&why)); /* missing: not made anew over a vault */
    assert_string_equal(why.id, "vault.key");
    assert_int_equal(access(key_path, F_OK), -1);

    FILE *f = fopen(key_path, "w");
    fputs("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", f);
    fclose(f);
    chmod(key_path, 0600);
    fault_clear(&why);
    assert_null(open_vault(&why));
    assert_string_equal(why.id, "vault.key");
    assert_non_null(strstr(why.text, key_path));
    assert_non_null(strstr(why.text, "nothing was changed"));

    assert_int_equal(rename(saved, key_path), 0);
    v = open_vault(NULL);
    expect(v, VAULT_GRANT, "a@example.org", "kept");
    vault_free(v);
}

static void test_key_file_checks(void **unused)
{
    static const struct {
        const char *text;
        mode_t mode;
        bool ok;
    } cases[] = {
        { "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", 0600, true },
        { "0123456789abcdef0123456789abcdef", 0400, true }, /* 32 raw bytes */
        { "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", 0640, false },
        { "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", 0604, false },
        { "", 0600, false },
        { "short", 0600, false },
        { "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIz\n", 0600, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unlink(key_path);
        FILE *f = fopen(key_path, "w");
        fputs(cases[i].text, f);
        fclose(f);
        chmod(key_path, cases[i].mode);
        struct fault why = { 0 };
        struct master_key *key = master_key_read("file", key_path, vault_path, &why);
        assert_int_equal(key != NULL, cases[i].ok);
        assert_int_equal(why.id[0] == '\0', cases[i].ok);
        master_key_free(key);
    }
}

static void test_credential_and_its_absence(void **unused)
{
    struct fault why = { 0 };
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_null(master_key_read("credential", "", vault_path, &why));
    assert_string_equal(why.id, "vault.key");
    setenv("CREDENTIALS_DIRECTORY", state, 1);
    assert_null(master_key_read("credential", "", vault_path, NULL));
    char path[128];
    snprintf(path, sizeof path, "%s/postern.key", state);
    FILE *f = fopen(path, "w");
    fputs("0123456789abcdef0123456789abcdef", f);
    fclose(f);
    struct master_key *key = master_key_read("credential", "", vault_path, NULL);
    assert_non_null(key);
    master_key_free(key);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_a_lost_pointer_is_not_a_first_run(void **unused)
{
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "a@example.org", "kept");
    vault_free(v);
    char current[128], saved[128];
    snprintf(current, sizeof current, "%s/current", vault_path);
    snprintf(saved, sizeof saved, "%s/saved", vault_path);
    assert_int_equal(rename(current, saved), 0);
    struct fault why = { 0 };
    assert_null(open_vault(&why));
    assert_string_equal(why.id, "vault.damaged");
    assert_int_equal(rename(saved, current), 0);
    v = open_vault(NULL);
    expect(v, VAULT_GRANT, "a@example.org", "kept");
    vault_free(v);
}

static void test_only_one_process(void **unused)
{
    struct vault *v = open_vault(NULL);
    struct fault why = { 0 };
    assert_null(open_vault(&why));
    assert_string_equal(why.id, "vault.busy");
    vault_free(v);
}

/* Steps until the machine "stops": every later step fails too. */
struct stopper {
    int left;
    bool has_stopped;
};

static bool stop_after(void *ctx, const char *step)
{
    struct stopper *s = ctx;
    s->has_stopped = s->has_stopped || s->left-- == 0;
    return !s->has_stopped;
}

static void test_a_put_that_fails_keeps_the_old_value(void **unused)
{
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "a@example.org", "old");
    int steps = 0;
    for (;; steps++) {
        struct stopper s = { .left = steps };
        vault_on_step(v, stop_after, &s);
        bool ok = vault_put(v, VAULT_GRANT, "a@example.org", bytes_of("new"), NULL);
        vault_on_step(v, NULL, NULL);
        assert_int_equal(ok, !s.has_stopped);
        if (ok)
            break;
        struct secret *plain;
        assert_true(vault_get(v, VAULT_GRANT, "a@example.org", &plain, NULL));
        bool is_old = strcmp((const char *)secret_bytes(plain).data, "old") == 0;
        assert_true(is_old || steps == 4); /* only the directory's sync may fail after the rename */
        secret_free(plain);
        put(v, VAULT_GRANT, "a@example.org", "old");
    }
    assert_int_equal(steps, 5); /* create, write, sync, rename, sync the directory */
    expect(v, VAULT_GRANT, "a@example.org", "new");
    vault_free(v);
}

static struct secret *some_key(uint8_t fill)
{
    uint8_t key[SEAL_KEY_SIZE];
    memset(key, fill, sizeof key);
    return secret_new(key, sizeof key);
}

static size_t count_generations(void)
{
    size_t count = 0;
    DIR *d = opendir(vault_path);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        count += strlen(e->d_name) == 16;
    closedir(d);
    return count;
}

static void test_rekey_survives_a_stop_at_every_step(void **unused)
{
    struct vault *v = open_vault(NULL);
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "m%d@example.org", i);
        put(v, VAULT_GRANT, name, name);
    }
    vault_free(v);
    int steps = 0, refused = 0, changed = 0;
    for (bool done = false; !done; steps++) {
        v = open_vault(NULL);
        assert_non_null(v);
        struct stopper s = { .left = steps };
        vault_on_step(v, stop_after, &s);
        struct secret *next = some_key((uint8_t)(steps + 1));
        if (vault_rekey(v, next, NULL))
            changed++;
        else
            refused++;
        done = !s.has_stopped;
        expect(v, VAULT_GRANT, "m3@example.org", "m3@example.org"); /* it goes on working either way */
        secret_free(next);
        vault_free(v);

        struct fault why = { 0 };
        v = open_vault(&why);
        if (!v)
            fail_msg("after step %d: %s", steps, why.text);
        for (int i = 0; i < 5; i++) {
            char name[32];
            snprintf(name, sizeof name, "m%d@example.org", i);
            expect(v, VAULT_GRANT, name, name);
        }
        assert_int_equal(count_generations(), 1);
        char staged[128];
        snprintf(staged, sizeof staged, "%s.next", key_path);
        assert_int_equal(access(staged, F_OK), -1);
        vault_free(v);
    }
    assert_true(refused > 20);
    assert_true(changed > 3); /* those that stopped only after the switch, and the whole one */
}

static void test_rekey_after_a_rename_that_failed(void **unused)
{
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "a@example.org", "kept");
    for (int steps = 0; steps < 60; steps++) {
        struct stopper s = { .left = steps };
        struct secret *next = some_key((uint8_t)steps), *after = some_key((uint8_t)(100 + steps));
        vault_on_step(v, stop_after, &s);
        vault_rekey(v, next, NULL);
        vault_on_step(v, NULL, NULL); /* the disk has recovered: change the key once more, stopping nowhere */
        struct stopper again = { .left = steps };
        vault_on_step(v, stop_after, &again);
        vault_rekey(v, after, NULL);
        vault_free(v);
        v = open_vault(NULL);
        assert_non_null(v);
        expect(v, VAULT_GRANT, "a@example.org", "kept");
        secret_free(next);
        secret_free(after);
    }
    vault_free(v);
}

static void test_rekey_refuses_a_damaged_record(void **unused)
{
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "bad@example.org", "bad");
    put(v, VAULT_GRANT, "good@example.org", "good");
    char path[512];
    find_file("grant-bad", path);
    flip(path, 40);
    struct secret *next = some_key(7);
    struct fault why = { 0 };
    assert_false(vault_rekey(v, next, &why));
    assert_non_null(strstr(why.text, "grant-bad"));
    expect(v, VAULT_GRANT, "good@example.org", "good");
    vault_free(v);
    v = open_vault(NULL);
    expect(v, VAULT_GRANT, "good@example.org", "good");
    vault_free(v);
    secret_free(next);
}

static void test_nothing_plain_on_the_disk(void **unused)
{
    struct vault *v = open_vault(NULL);
    put(v, VAULT_GRANT, "a@example.org", "the-refresh-token");
    vault_free(v);
    char command[160];
    snprintf(command, sizeof command, "grep -rq the-refresh-token %s", state);
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "test -z \"$(find %s -perm /077 -type f)\"", vault_path);
    assert_int_equal(system(command), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keeps_records_over_a_restart),
        TEST(test_a_damaged_record_is_refused_alone),
        TEST(test_a_cut_record_is_refused),
        TEST(test_records_cannot_be_swapped),
        TEST(test_a_wrong_key_changes_nothing),
        TEST(test_key_file_checks),
        TEST(test_credential_and_its_absence),
        TEST(test_a_lost_pointer_is_not_a_first_run),
        TEST(test_only_one_process),
        TEST(test_a_put_that_fails_keeps_the_old_value),
        TEST(test_rekey_survives_a_stop_at_every_step),
        TEST(test_rekey_after_a_rename_that_failed),
        TEST(test_rekey_refuses_a_damaged_record),
        TEST(test_nothing_plain_on_the_disk),
    };
    log_to_stderr(false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
