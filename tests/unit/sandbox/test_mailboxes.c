/* sandbox/mailboxes: folders and UIDs, and that a journal brings all of it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/mailboxes.h"

#define SHOP "shop@contoso.example"

static void keep_line(void *ctx, json_t *line)
{
    json_array_append_new(ctx, line);
}

static struct mailboxes *replayed(const json_t *journal, json_t *fresh)
{
    struct mailboxes *b = mailboxes_new(keep_line, fresh);
    size_t i;
    json_t *line;
    json_array_foreach(journal, i, line)
    {
        assert_true(mailboxes_replay(b, line));
    }
    mailboxes_replayed(b);
    return b;
}

static void add(struct mailfolder *f, uint64_t id, unsigned flags)
{
    mailfolder_add(f, (struct mailitem){ .id = id, .size = id * 10, .received_ms = 1795251600000, .flags = flags },
                   true);
}

static void assert_same(struct mailboxes *a, struct mailboxes *b)
{
    LIST_EACH (at, mailboxes_folders(a, SHOP)) {
        struct mailfolder *x = LIST_OF(at, struct mailfolder, node);
        struct mailfolder *y = mailfolder_find(b, SHOP, x->name);
        assert_non_null(y);
        assert_int_equal(x->validity, y->validity);
        assert_int_equal(x->next_uid, y->next_uid);
        assert_int_equal(x->is_subscribed, y->is_subscribed);
        assert_int_equal(x->count, y->count);
        for (size_t i = 0; i < x->count; i++)
            assert_memory_equal(&x->items[i], &y->items[i], sizeof *x->items);
    }
}

static void test_journal(void **state)
{
    json_t *journal = json_array(), *again = json_array();
    struct mailboxes *b = mailboxes_new(keep_line, journal);
    struct mailfolder *inbox = mailfolder_find(b, "Shop@Contoso.Example", "inbox");
    assert_string_equal(inbox->name, "INBOX");
    for (uint64_t id = 1; id <= 5; id++)
        add(inbox, id, id == 2 ? MAIL_SEEN : 0);
    mailfolder_set_flags(inbox, mailfolder_item(inbox, 3), MAIL_FLAGGED | MAIL_MDN_SENT);
    mailfolder_remove(inbox, (uint32_t[]){ 1, 5 }, 2);
    struct mailfolder *deep = mailfolder_ensure(b, SHOP, "a/b/c");
    add(deep, 6, 0);
    assert_true(mailfolder_has_children(mailfolder_find(b, SHOP, "a")));
    assert_true(mailfolder_rename(mailfolder_find(b, SHOP, "a"), "x/y"));
    assert_null(mailfolder_find(b, SHOP, "a/b/c"));
    assert_ptr_equal(mailfolder_find(b, SHOP, "x/y/b/c"), deep);
    mailfolder_subscribe(deep, true);
    mailfolder_ensure(b, SHOP, "gone/too");
    assert_true(mailfolder_delete(mailfolder_find(b, SHOP, "gone")));
    assert_null(mailfolder_find(b, SHOP, "gone/too"));
    uint32_t before = deep->validity;
    mailfolder_renumber(deep);
    assert_true(deep->validity > before);

    struct mailboxes *c = replayed(journal, again);
    assert_same(b, c);
    assert_int_equal(json_array_size(again), 0); /* nothing had to be made */
    add(mailfolder_find(c, SHOP, "INBOX"), 7, 0);
    assert_int_equal(mailfolder_find(c, SHOP, "INBOX")->next_uid, 7);
    mailfolder_ensure(c, SHOP, "gone");
    assert_true(mailfolder_find(c, SHOP, "gone")->validity > deep->validity); /* never an old one */
    mailboxes_free(b);
    mailboxes_free(c);
    json_decref(journal);
    json_decref(again);
}

static void test_limits(void **state)
{
    json_t *journal = json_array();
    struct mailboxes *b = mailboxes_new(keep_line, journal);
    struct mailfolder *inbox = mailfolder_find(b, SHOP, "INBOX");
    add(inbox, 1, 0);
    assert_false(mailfolder_delete(inbox));
    assert_false(mailfolder_delete(mailfolder_find(b, SHOP, "Drafts")));
    assert_false(mailfolder_rename(mailfolder_find(b, SHOP, "Drafts"), "Other"));
    assert_false(mailfolder_rename(mailfolder_ensure(b, SHOP, "one"), "Drafts"));
    assert_false(mailfolder_rename(mailfolder_find(b, SHOP, "one"), "one/below"));
    assert_true(mailfolder_rename(inbox, "old")); /* gives its mail, and stays */
    assert_int_equal(inbox->count, 0);
    assert_int_equal(inbox->next_uid, 2);
    assert_int_equal(mailfolder_find(b, SHOP, "old")->count, 1);
    assert_non_null(mailfolder_find(b, "erin@gmail.example", "[Gmail]/Sent Mail"));
    assert_null(mailfolder_find(b, "erin@gmail.example", "Sent Items"));
    mailboxes_free(b);
    json_decref(journal);
}

static void count(void *ctx)
{
    ++*(int *)ctx;
}

static void test_watches(void **state)
{
    json_t *journal = json_array();
    struct mailboxes *b = mailboxes_new(keep_line, journal);
    struct mailfolder *f = mailfolder_ensure(b, SHOP, "w");
    int told = 0;
    struct mailfolder_watch w = { .fn = count, .ctx = &told };
    mailfolder_unwatch(&w);
    mailfolder_watch(f, &w);
    uint64_t version = f->version;
    add(f, 1, 0);
    mailfolder_set_flags(f, mailfolder_item(f, 1), 0); /* no change */
    assert_int_equal(told, 1);
    assert_true(f->version > version);
    mailfolder_delete(f);
    assert_int_equal(told, 2);
    assert_true(f->is_gone && f->count == 0);
    mailfolder_unwatch(&w);
    mailboxes_free(b);
    json_decref(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_journal), cmocka_unit_test(test_limits),
                                        cmocka_unit_test(test_watches) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
