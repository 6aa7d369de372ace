/* The inbox's memory on disk: what is recalled, what is known again, what is forgotten and when, and coming from the first schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "store/sqlite_private.h"
#include "store_folder.h"

#define BOX "box@contoso.example"
#define DAY 86400000ll

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

static struct store_place a_place(uint64_t uidvalidity, uint64_t floor)
{
    return (struct store_place){ .endpoint = "Tickets",
                                 .mailbox = BOX,
                                 .folder = "INBOX",
                                 .protocol = 2,
                                 .uidvalidity = uidvalidity,
                                 .floor = floor,
                                 .began = 5 };
}

static struct store_item an_item(uint64_t id, uint32_t state)
{
    return (struct store_item){ .id = id,
                                .endpoint = "Tickets",
                                .mailbox = BOX,
                                .folder = "INBOX",
                                .uidvalidity = 7,
                                .uid = id,
                                .uidl = "",
                                .fingerprint = "f00d",
                                .message_id = "<1@x>",
                                .state = state,
                                .flags = 1,
                                .size = 3,
                                .sender = "a@b",
                                .recipients = BOX,
                                .subject = "hello",
                                .in_reply_to = "",
                                .last = "",
                                .finding = "" };
}

static void begin(struct fixture *f)
{
    assert_true(store_begin(f->s, NULL));
}

static void commit(struct fixture *f)
{
    assert_true(store_commit(f->s, NULL));
}

static void put_place(struct fixture *f, struct store_place p)
{
    assert_true(store_place_put(f->s, &p, NULL));
}

static void put_item(struct fixture *f, struct store_item i)
{
    struct fault why = { 0 };
    if (!store_item_put(f->s, &i, -1, &why))
        fail_msg("%s", why.text);
}

static int a_file(struct fixture *f, size_t size)
{
    int fd = open(f->dir, O_TMPFILE | O_RDWR, 0600);
    char *data = mem_alloc(size ? size : 1);
    memset(data, 'b', size);
    assert_int_equal(write(fd, data, size), size);
    free(data);
    return fd;
}

static size_t count_files(struct fixture *f)
{
    char path[96];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/inbound", f->dir);
    DIR *dir = opendir(path);
    for (struct dirent *e; (e = readdir(dir));)
        count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* Lists as text: "1:0 2:1 " is items by id and state. */
static void note_item(void *ctx, const struct store_item *i)
{
    snprintf((char *)ctx + strlen(ctx), 40, "%llu:%u ", (unsigned long long)i->id, i->state);
}

static void note_key(void *ctx, uint64_t id, uint64_t uid, const char *uidl)
{
    snprintf((char *)ctx + strlen(ctx), 40, "%llu%s ", (unsigned long long)(uid ? uid : id), uidl);
}

static void note_place(void *ctx, const struct store_place *p)
{
    snprintf((char *)ctx + strlen(ctx), 80, "%s/%s/%s %llu %llu;", p->endpoint, p->mailbox, p->folder,
             (unsigned long long)p->uidvalidity, (unsigned long long)p->floor);
}

static const char *open_items(struct fixture *f)
{
    char *text = arena_alloc(f->a, 4096);
    assert_true(store_item_each_open(f->s, note_item, text, NULL));
    return text;
}

static const char *known(struct fixture *f, struct store_place p)
{
    char *text = arena_alloc(f->a, 4096);
    assert_true(store_item_each_known(f->s, &p, note_key, text, NULL));
    return text;
}

static const char *places(struct fixture *f)
{
    char *text = arena_alloc(f->a, 4096);
    assert_true(store_place_each(f->s, note_place, text, NULL));
    return text;
}

static void test_what_is_unfinished_comes_back_and_what_is_finished_is_known(void **state)
{
    struct fixture *f = *state;
    struct store_item i;
    begin(f);
    put_place(f, a_place(7, 3));
    for (uint64_t id = 1; id <= 6; id++)
        put_item(f, an_item(id, (uint32_t)id - 1));
    commit(f);
    begin(f);
    put_item(f, an_item(9, STORE_I_WAITING));
    store_rollback(f->s);
    reopen(f);
    assert_string_equal(places(f), "Tickets/" BOX "/INBOX 7 3;");
    assert_string_equal(open_items(f), "1:0 2:1 5:4 ");
    assert_string_equal(known(f, a_place(7, 3)), "3 4 6 "); /* from the floor on */
    assert_string_equal(known(f, a_place(7, 4)), "4 6 ");
    assert_string_equal(known(f, a_place(8, 0)), "");
    assert_int_equal(store_item_last_id(f->s), 6);
    assert_true(store_item_get(f->s, 2, f->a, &i, NULL));
    assert_string_equal(i.subject, "hello");
    assert_string_equal(i.mailbox, BOX);
    assert_int_equal(i.flags, 1);
    assert_false(store_item_get(f->s, 9, f->a, &i, NULL));
}

static void test_uidls_are_known_by_their_items(void **state)
{
    struct fixture *f = *state;
    struct store_place p = a_place(0, 12);
    begin(f);
    put_place(f, p);
    for (uint64_t id = 11; id <= 13; id++) {
        struct store_item i = an_item(id, STORE_I_DONE);
        i.uid = i.uidvalidity = 0;
        i.uidl = "u";
        put_item(f, i);
    }
    commit(f);
    assert_string_equal(known(f, p), "12u 13u ");
}

static void test_an_item_of_a_place_that_is_gone_is_refused(void **state)
{
    struct fixture *f = *state;
    struct fault why = { 0 };
    struct store_item i = an_item(1, STORE_I_WAITING);
    begin(f);
    assert_false(store_item_put(f->s, &i, a_file(f, 10), &why));
    assert_string_equal(why.id, "inbound.no-place");
    put_place(f, a_place(7, 0));
    put_item(f, i);
    assert_true(store_place_remove_all(f->s, "tickets", NULL)); /* by any spelling */
    assert_false(store_item_put(f->s, &i, -1, &why));
    commit(f);
    assert_string_equal(open_items(f), "");
    assert_string_equal(places(f), "");
    assert_false(store_item_get(f->s, 1, f->a, &i, NULL));
}

static void test_a_new_endpoint_of_the_same_name_knows_nothing(void **state)
{
    struct fixture *f = *state;
    bool is_known, is_more;
    uint64_t cursor = 0;
    begin(f);
    put_place(f, a_place(7, 0));
    for (uint64_t id = 1; id <= 5; id++)
        put_item(f, an_item(id, STORE_I_DONE));
    struct store_place p = a_place(7, 0);
    assert_true(store_place_remove(f->s, &p, NULL));
    put_place(f, p);
    assert_string_equal(known(f, a_place(7, 0)), "");
    assert_true(store_item_was_seen(f->s, &p, "f00d", "", &is_known, NULL));
    assert_false(is_known);
    put_item(f, an_item(6, STORE_I_WAITING));
    /* In steps, however many there are. */
    size_t steps = 0;
    do
        assert_true(store_inbound_prune(f->s, 0, 0, 2, &cursor, &is_more, NULL));
    while (is_more && ++steps < 20);
    assert_in_range(steps, 3, 10);
    commit(f);
    int64_t left = 0;
    assert_true(sqlite_number(f->s, SQL_PLACE_GONE, NO_VALUES, 0, &left, NULL));
    assert_int_equal(left, 0);
    assert_string_equal(open_items(f), "6:0 ");
}

static void test_another_mailbox_is_another_place(void **state)
{
    struct fixture *f = *state;
    struct store_place p = a_place(7, 0);
    begin(f);
    put_place(f, p);
    put_item(f, an_item(1, STORE_I_DONE));
    put_item(f, an_item(2, STORE_I_PARKED));
    p.mailbox = "other@contoso.example";
    put_place(f, p);
    commit(f);
    reopen(f);
    assert_string_equal(known(f, p), "");
    assert_string_equal(places(f), "Tickets/" BOX "/INBOX 7 0;Tickets/other@contoso.example/INBOX 7 0;");

    /* What lies in the one before stays, and is changed there. */
    bool is_known;
    struct store_item i = an_item(2, STORE_I_PARKED);
    assert_string_equal(open_items(f), "2:4 ");
    assert_true(store_item_was_seen(f->s, &p, i.fingerprint, "", &is_known, NULL));
    assert_false(is_known);
    begin(f);
    i.state = STORE_I_WAITING;
    i.mailbox = "Box@Contoso.example";
    put_item(f, i);
    assert_true(store_place_remove(f->s, &p, NULL));
    commit(f);
    assert_string_equal(open_items(f), "2:0 ");
    assert_string_equal(known(f, a_place(7, 0)), "1 ");
    assert_string_equal(places(f), "Tickets/" BOX "/INBOX 7 0;");
}

static void test_seen_before(void **state)
{
    static const struct {
        const char *endpoint, *fingerprint, *message_id;
        bool is_known;
    } cases[] = {
        { "tickets", "f00d", "", true },       { "Tickets", "", "<1@x>", true },
        { "Tickets", "f00d", "<1@x>", true },  { "Tickets", "f00d", "<2@x>", false },
        { "Tickets", "beef", "<1@x>", false }, { "Other", "f00d", "", false },
        { "Tickets", "", "", false },          { "Tickets", "51ced", "", true },
        { "Tickets", "", "<skip@x>", false },
    };
    struct fixture *f = *state;
    struct store_item skipped = an_item(2, STORE_I_SKIPPED);
    skipped.fingerprint = "51ced";
    skipped.message_id = "<skip@x>";
    begin(f);
    put_place(f, a_place(7, 0));
    put_item(f, an_item(1, STORE_I_DONE));
    put_item(f, skipped);
    commit(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool is_known = !cases[i].is_known;
        struct store_place p = a_place(7, 0);
        p.endpoint = cases[i].endpoint;
        assert_true(store_item_was_seen(f->s, &p, cases[i].fingerprint, cases[i].message_id, &is_known, NULL));
        if (is_known != cases[i].is_known)
            fail_msg("case %zu", i);
    }
}

static void test_what_a_person_removed_stays_removed(void **state)
{
    struct fixture *f = *state;
    struct store_item i = an_item(1, STORE_I_REMOVED);
    i.finished = 99;
    begin(f);
    put_place(f, a_place(7, 0));
    put_item(f, i);
    put_item(f, an_item(1, STORE_I_WAITING)); /* an attempt that was under way failed */
    assert_true(store_item_get(f->s, 1, f->a, &i, NULL));
    assert_int_equal(i.state, STORE_I_REMOVED);
    assert_int_equal(i.finished, 99);
    put_item(f, an_item(1, STORE_I_HANDED)); /* or went well */
    assert_true(store_item_get(f->s, 1, f->a, &i, NULL));
    assert_int_equal(i.state, STORE_I_HANDED);
    commit(f);
}

static void keep(struct fixture *f, uint64_t id, size_t size, int64_t until)
{
    struct store_item i = an_item(id, STORE_I_DONE);
    struct fault why = { 0 };
    i.finished = 1;
    i.keep_until = until;
    if (!store_item_put(f->s, &i, a_file(f, size), &why))
        fail_msg("%s", why.text);
}

static size_t body_size(struct fixture *f, uint64_t id)
{
    struct bytes body;
    int fd;
    if (!store_item_body(f->s, id, f->a, &body, &fd, NULL))
        return SIZE_MAX;
    size_t size = fd >= 0 ? (size_t)lseek(fd, 0, SEEK_END) : body.size;
    if (fd >= 0)
        close(fd);
    return size;
}

static void test_bodies_small_and_large_are_kept_until_their_time(void **state)
{
    struct fixture *f = *state;
    struct store_item i;
    bool is_more;
    uint64_t cursor = 0;
    begin(f);
    put_place(f, a_place(7, 100));
    keep(f, 1, 1000, 10 * DAY);
    keep(f, 2, STORE_BODY_INLINE + 1, 10 * DAY);
    keep(f, 3, 0, 10 * DAY);
    keep(f, 4, STORE_BODY_INLINE + 1, 90 * DAY);
    commit(f);
    begin(f);
    keep(f, 5, STORE_BODY_INLINE + 1, 10 * DAY);
    store_rollback(f->s);
    assert_int_equal(count_files(f), 2);
    reopen(f);
    assert_int_equal(body_size(f, 1), 1000);
    assert_int_equal(body_size(f, 2), STORE_BODY_INLINE + 1);
    assert_int_equal(body_size(f, 3), 0);
    assert_true(store_item_get(f->s, 2, f->a, &i, NULL));
    assert_int_equal(i.flags, 1 | STORE_I_BODY);
    begin(f);
    keep(f, 1, 77, 10 * DAY); /* came again: the first one stays */
    assert_true(store_inbound_prune(f->s, 10 * DAY, 20 * DAY, 100, &cursor, &is_more, NULL));
    commit(f);
    assert_int_equal(body_size(f, 1), SIZE_MAX);
    assert_int_equal(body_size(f, 2), SIZE_MAX);
    assert_int_equal(body_size(f, 4), STORE_BODY_INLINE + 1);
    assert_int_equal(count_files(f), 1);
    begin(f);
    i = an_item(4, STORE_I_REMOVED);
    put_item(f, i); /* keep_until 0 lets go of it */
    commit(f);
    assert_int_equal(count_files(f), 0);
}

static void test_finished_items_go_when_they_are_old_and_below_the_floor(void **state)
{
    struct fixture *f = *state;
    struct store_item i;
    bool is_more;
    uint64_t cursor = 0;
    begin(f);
    put_place(f, a_place(7, 4));
    for (uint64_t id = 1; id <= 6; id++) {
        i = an_item(id, id == 2 ? STORE_I_PARKED : STORE_I_DONE);
        i.finished = id == 2 ? 0 : id == 3 ? 50 * DAY : DAY;
        i.uidvalidity = id == 6 ? 6 : 7; /* of another life of the folder */
        put_item(f, i);
    }
    assert_true(store_inbound_prune(f->s, 100 * DAY, 10 * DAY, 100, &cursor, &is_more, NULL));
    assert_false(is_more);
    commit(f);
    static const bool stays[] = { false, false, true, true, true, true, false };
    for (uint64_t id = 1; id <= 6; id++)
        if (store_item_get(f->s, id, f->a, &i, NULL) != stays[id])
            fail_msg("item %d", (int)id);
}

static bool list_some(void *ctx, const struct store_item *i)
{
    note_item(ctx, i);
    return strlen(ctx) < 10;
}

static void test_lists_filter_and_go_on(void **state)
{
    struct fixture *f = *state;
    char text[400] = "";
    uint64_t next;
    begin(f);
    put_place(f, a_place(7, 0));
    struct store_place p = a_place(7, 0);
    p.endpoint = "other";
    put_place(f, p);
    for (uint64_t id = 1; id <= 8; id++) {
        struct store_item i = an_item(id, id % 2 ? STORE_I_DONE : STORE_I_PARKED);
        i.endpoint = id > 6 ? "other" : "Tickets";
        put_item(f, i);
    }
    commit(f);
    struct store_item_filter filter = {
        .endpoint = "TICKETS", .mailbox = "BOX@contoso.example", .state = -1, .scan_max = 100
    };
    assert_true(store_item_each(f->s, &filter, list_some, text, &next, NULL));
    assert_string_equal(text, "6:4 5:2 4:4 ");
    assert_int_equal(next, 5);
    filter.before = next;
    text[0] = '\0';
    filter.state = STORE_I_PARKED;
    filter.only_open = true;
    assert_true(store_item_each(f->s, &filter, list_some, text, &next, NULL));
    assert_string_equal(text, "4:4 2:4 ");
    assert_int_equal(next, 0);
    filter =
        (struct store_item_filter){ .endpoint = "", .mailbox = "", .state = -1, .only_kept = true, .scan_max = 100 };
    text[0] = '\0';
    assert_true(store_item_each(f->s, &filter, list_some, text, &next, NULL));
    assert_string_equal(text, "");
}

/* --- our own mail, afterwards --- */

static void add_message(struct fixture *f, uint64_t id, const char *message_id)
{
    struct store_message m = { .id = id,
                               .mailbox = BOX,
                               .app = "",
                               .sender = BOX,
                               .peer = "",
                               .session = "",
                               .envid = "",
                               .size = 1,
                               .message_id = message_id };
    struct store_recipient r = { .address = "c@d.example", .orcpt = "" };
    assert_true(store_message_add(f->s, &m, &r, 1, BYTES_LIT("x"), -1, NULL));
}

static uint64_t find_message(struct fixture *f, const char *message_id)
{
    uint64_t id = 99;
    assert_true(store_message_by_id(f->s, message_id, &id, NULL));
    return id;
}

static void test_a_message_is_found_by_its_message_id_before_and_after_it_is_indexed(void **state)
{
    struct fixture *f = *state;
    bool is_more;
    size_t removed;
    begin(f);
    add_message(f, 1, "<a@x>");
    add_message(f, 2, "");
    add_message(f, 3, "<a@x>");
    add_message(f, 4, "<b@x>");
    commit(f);
    assert_int_equal(find_message(f, "<a@x>"), 3); /* not indexed yet; the newest */
    begin(f);
    assert_true(store_message_index(f->s, 2, &is_more, NULL));
    assert_true(is_more);
    assert_true(store_message_index(f->s, 100, &is_more, NULL));
    assert_false(is_more);
    commit(f);
    assert_int_equal(find_message(f, "<a@x>"), 3);
    assert_int_equal(find_message(f, "<b@x>"), 4);
    assert_int_equal(find_message(f, "<c@x>"), 0);
    assert_int_equal(find_message(f, ""), 0);
    begin(f);
    struct store_message m = { .id = 3, .state = STORE_DELIVERED, .finished = 1 };
    assert_true(store_message_put(f->s, &m, NULL));
    assert_true(store_history_prune(f->s, 5, 10, &removed, NULL));
    commit(f);
    assert_int_equal(removed, 1);
    assert_int_equal(find_message(f, "<a@x>"), 1);
}

static void note_bounce(void *ctx, const struct store_bounce *b)
{
    snprintf((char *)ctx + strlen(ctx), 200, "%s %s %s;", b->recipient, b->action, b->status);
}

static void test_a_failure_is_not_taken_back_by_a_delay(void **state)
{
    static const char *const actions[][2] = { { "delayed", "4.4.1" }, { "failed", "5.1.1" }, { "delayed", "4.4.2" } };
    struct fixture *f = *state;
    char text[400] = "";
    begin(f);
    add_message(f, 1, "<a@x>");
    for (size_t i = 0; i < 3; i++) {
        struct store_bounce b = { .recipient = i ? "C@d.example" : "c@d.example",
                                  .time = (int64_t)i,
                                  .action = actions[i][0],
                                  .status = actions[i][1],
                                  .diagnostic = "",
                                  .host = "" };
        assert_true(store_bounce_put(f->s, 1, &b, NULL));
    }
    commit(f);
    assert_true(store_bounce_each(f->s, 1, note_bounce, text, NULL));
    assert_string_equal(text, "c@d.example failed 5.1.1;");
}

/* A store as the first version left it. */
static void test_the_first_schema_is_brought_up_to_date(void **state)
{
    struct fixture *f = *state;
    char path[96];
    sqlite3 *db;
    struct store_message m;
    store_close(f->s);
    f->s = NULL;
    snprintf(path, sizeof path, "%s/postern.db", f->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sqlite_migrations[0].sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "INSERT INTO mailboxes VALUES (1, 'box@contoso.example');"
                     "INSERT INTO messages VALUES (5, 1, 0, 0, 1, 2, 3, 0, 0, 1, 0, 'crm', 's', 'p', 'x', '');"
                     "INSERT INTO recipients VALUES (5, 0, 0, 0, 3, 0, 0, 'a@b', '', '', '', '');"
                     "PRAGMA application_id = 0x5073746e; PRAGMA user_version = 1",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    f->s = store_open(f->dir, NULL);
    assert_non_null(f->s);
    assert_true(store_message_get(f->s, 5, f->a, &m, NULL));
    assert_string_equal(m.app, "crm");
    assert_string_equal(m.message_id, "");
    begin(f);
    put_place(f, a_place(1, 0));
    add_message(f, 6, "<new@x>");
    commit(f);
    assert_int_equal(find_message(f, "<new@x>"), 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_unfinished_comes_back_and_what_is_finished_is_known),
        TEST(test_uidls_are_known_by_their_items),
        TEST(test_an_item_of_a_place_that_is_gone_is_refused),
        TEST(test_a_new_endpoint_of_the_same_name_knows_nothing),
        TEST(test_another_mailbox_is_another_place),
        TEST(test_seen_before),
        TEST(test_what_a_person_removed_stays_removed),
        TEST(test_bodies_small_and_large_are_kept_until_their_time),
        TEST(test_finished_items_go_when_they_are_old_and_below_the_floor),
        TEST(test_lists_filter_and_go_on),
        TEST(test_a_message_is_found_by_its_message_id_before_and_after_it_is_indexed),
        TEST(test_a_failure_is_not_taken_back_by_a_delay),
        TEST(test_the_first_schema_is_brought_up_to_date),
    };
    log_to_stderr(false);
    return cmocka_run_group_tests_name("inbound", tests, NULL, NULL);
}
