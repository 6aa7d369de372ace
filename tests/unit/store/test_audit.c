/* The audit as it is kept: newest first, filtered, page by page, forgotten in time, and never half. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/audit.h"
#include "store_folder.h"

struct fixture {
    char dir[STORE_FOLDER_SIZE];
    struct store *s;
    char seen[4096]; /* the keys that were listed, each with a blank behind it */
    uint64_t last;
};

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    f->s = store_folder_open(f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    int status = store_folder_close(f->s, f->dir);
    free(f);
    return status;
}

static struct store_audit a_line(int64_t time, const char *who, const char *kind, const char *key)
{
    return (struct store_audit){ .time = time,
                                 .who_kind = "operator",
                                 .who = who,
                                 .host = "192.0.2.7",
                                 .action = "change",
                                 .kind = kind,
                                 .key = key,
                                 .changes = "{\"is_paused\":[false,true]}" };
}

static void add(struct fixture *f, int64_t time, const char *who, const char *kind, const char *key)
{
    struct store_audit line = a_line(time, who, kind, key);
    assert_true(store_begin(f->s, NULL));
    assert_true(store_audit_add(f->s, &line, NULL));
    assert_true(store_commit(f->s, NULL));
}

static void see(void *ctx, const struct store_audit *l)
{
    struct fixture *f = ctx;
    size_t size = strlen(f->seen);
    snprintf(f->seen + size, sizeof f->seen - size, "%s ", l->key);
    f->last = l->id;
    assert_string_equal(l->who_kind, "operator");
    assert_string_equal(l->host, "192.0.2.7");
    assert_string_equal(l->action, "change");
    assert_string_equal(l->changes, "{\"is_paused\":[false,true]}");
}

static const char *listed(struct fixture *f, struct store_audit_filter filter)
{
    filter.who = filter.who ? filter.who : "";
    filter.kind = filter.kind ? filter.kind : "";
    filter.key = filter.key ? filter.key : "";
    filter.limit = filter.limit ? filter.limit : 100;
    f->seen[0] = '\0';
    assert_true(store_audit_list(f->s, &filter, see, f, NULL));
    return f->seen;
}

static void lines_come_newest_first_and_filtered(void **state)
{
    struct fixture *f = *state;
    add(f, 1000, "anna", "mailbox", "a@x");
    add(f, 2000, "bert", "mailbox", "b@x");
    add(f, 3000, "anna", "app", "erp");
    add(f, 2500, "anna", "app", "crm"); /* the clock went back: the order of writing counts */
    assert_string_equal(listed(f, (struct store_audit_filter){ 0 }), "crm erp b@x a@x ");
    assert_string_equal(listed(f, (struct store_audit_filter){ .who = "ANNA" }), "crm erp a@x ");
    assert_string_equal(listed(f, (struct store_audit_filter){ .kind = "mailbox", .key = "B@X" }), "b@x ");
    assert_string_equal(listed(f, (struct store_audit_filter){ .since = 2500 }), "crm erp ");
    assert_string_equal(listed(f, (struct store_audit_filter){ .who = "anna", .kind = "app", .key = "erp" }), "erp ");
    assert_string_equal(listed(f, (struct store_audit_filter){ .key = "%" }), "");
    assert_string_equal(listed(f, (struct store_audit_filter){ .who = "' OR 1=1 --" }), "");
}

static void a_page_goes_on_where_the_last_ended(void **state)
{
    struct fixture *f = *state;
    char key[16], all[128] = "";
    for (int i = 0; i < 7; i++) {
        snprintf(key, sizeof key, "k%d", i);
        add(f, 1000 + i, "anna", "app", key);
    }
    f->last = 0;
    for (int page = 0; page < 4; page++)
        strcat(all, listed(f, (struct store_audit_filter){ .before = f->last, .limit = 2 }));
    assert_string_equal(all, "k6 k5 k4 k3 k2 k1 k0 ");
    assert_string_equal(listed(f, (struct store_audit_filter){ .before = f->last }), "");
}

static size_t prune(struct fixture *f, int64_t before, uint32_t most)
{
    size_t removed = 999;
    assert_true(store_begin(f->s, NULL));
    assert_true(store_audit_prune(f->s, before, most, &removed, NULL));
    assert_true(store_commit(f->s, NULL));
    return removed;
}

static void the_old_ones_are_forgotten_in_portions(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++)
        add(f, 1000 * (i + 1), "anna", "app", i < 8 ? "old" : "new");
    assert_int_equal(prune(f, 9000, 5), 5);
    assert_int_equal(prune(f, 9000, 5), 3);
    assert_int_equal(prune(f, 9000, 5), 0);
    assert_string_equal(listed(f, (struct store_audit_filter){ 0 }), "new new ");
    /* Ids go on: a cursor from before the pruning means no other line. */
    add(f, 11000, "anna", "app", "newest");
    assert_string_equal(listed(f, (struct store_audit_filter){ 0 }), "newest new new ");
}

static void a_line_goes_with_its_transaction(void **state)
{
    struct fixture *f = *state;
    struct store_audit line = a_line(1000, "anna", "app", "erp");
    assert_true(store_begin(f->s, NULL));
    assert_true(store_audit_add(f->s, &line, NULL));
    store_rollback(f->s);
    assert_string_equal(listed(f, (struct store_audit_filter){ 0 }), "");
    add(f, 1000, "anna", "app", "erp");
    store_close(f->s);
    f->s = store_open(f->dir, NULL);
    assert_non_null(f->s);
    assert_string_equal(listed(f, (struct store_audit_filter){ 0 }), "erp ");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(lines_come_newest_first_and_filtered),
        CASE(a_page_goes_on_where_the_last_ended),
        CASE(the_old_ones_are_forgotten_in_portions),
        CASE(a_line_goes_with_its_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
