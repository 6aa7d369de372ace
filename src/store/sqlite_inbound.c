/* Mail that came in, as a whole: places, lists, and what is forgotten. One item is the matter of sqlite_item.c. */
#include "store/sqlite_private.h"

#include <assert.h>
#include <string.h>

/* --- places --- */

static bool find_place(struct store *s, const struct store_place *p, int64_t *place, struct fault *why)
{
    *place = 0;
    return sqlite_number(s, SQL_PLACE_FIND, VALUES(TEXT(p->endpoint), TEXT(p->mailbox), TEXT(p->folder)), 0, place,
                         why);
}

bool store_place_put(struct store *s, const struct store_place *p, struct fault *why)
{
    int64_t mailbox, place;
    assert(s->is_writing);
    if (!sqlite_mailbox(s, p->mailbox, &mailbox, why) || !find_place(s, p, &place, why))
        return false;
    if (place)
        return sqlite_write(
            s, SQL_PLACE_PUT,
            VALUES(NUMBER(place), NUMBER(p->protocol), NUMBER(p->uidvalidity), NUMBER(p->floor), NUMBER(p->began)),
            why);
    return sqlite_write(s, SQL_PLACE_ADD,
                        VALUES(TEXT(p->endpoint), NUMBER(mailbox), TEXT(p->folder), NUMBER(p->protocol),
                               NUMBER(p->uidvalidity), NUMBER(p->floor), NUMBER(p->began)),
                        why);
}

bool store_place_remove(struct store *s, const struct store_place *p, struct fault *why)
{
    int64_t place;
    assert(s->is_writing);
    return find_place(s, p, &place, why) && (!place || sqlite_write(s, SQL_PLACE_LEAVE, VALUES(NUMBER(place)), why));
}

bool store_place_remove_all(struct store *s, const char *endpoint, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_PLACE_LEAVE_ALL, VALUES(TEXT(endpoint)), why);
}

bool store_place_each(struct store *s, store_place_fn *each, void *ctx, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_PLACE_EACH, NO_VALUES, why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE) {
        struct store_place p = {
            .endpoint = sqlite_text(q, 0),
            .mailbox = sqlite_text(q, 1),
            .folder = sqlite_text(q, 2),
            .protocol = (uint32_t)sqlite3_column_int64(q, 3),
            .uidvalidity = (uint64_t)sqlite3_column_int64(q, 4),
            .floor = (uint64_t)sqlite3_column_int64(q, 5),
            .began = sqlite3_column_int64(q, 6),
        };
        each(ctx, &p);
    }
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

/* --- lists --- */

bool store_item_each_open(struct store *s, store_item_each_fn *each, void *ctx, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_ITEM_OPEN, NO_VALUES, why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE) {
        struct store_item i;
        sqlite_item_read(q, &i);
        each(ctx, &i);
    }
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

bool store_item_each_known(struct store *s, const struct store_place *p, store_item_key_fn *each, void *ctx,
                           struct fault *why)
{
    int64_t place;
    if (!find_place(s, p, &place, why))
        return false;
    sqlite3_stmt *q = sqlite_query(s, SQL_ITEM_KNOWN, VALUES(NUMBER(place), NUMBER(p->uidvalidity), NUMBER(p->floor)),
                                   why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE)
        each(ctx, (uint64_t)sqlite3_column_int64(q, 0), (uint64_t)sqlite3_column_int64(q, 1), sqlite_text(q, 2));
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

static bool matches(const struct store_item *i, const struct store_item_filter *f, const char *endpoint,
                    const char *mailbox)
{
    char lowered[321];
    sqlite_lower(i->endpoint, lowered, sizeof lowered);
    return (f->state < 0 || (int)i->state == f->state) && (!*mailbox || strcmp(i->mailbox, mailbox) == 0) &&
           (!*endpoint || strcmp(lowered, endpoint) == 0);
}

bool store_item_each(struct store *s, const struct store_item_filter *f, store_item_list_fn *each, void *ctx,
                     uint64_t *stopped_at, struct fault *why)
{
    char endpoint[321], mailbox[321];
    sqlite_lower(f->endpoint, endpoint, sizeof endpoint);
    sqlite_lower(f->mailbox, mailbox, sizeof mailbox);
    int64_t before = f->before ? (int64_t)f->before : INT64_MAX;
    int64_t oldest = f->since > 0 && f->since < INT64_MAX >> 20 ? f->since << 20 : 0;
    enum sqlite_sql sql = f->only_kept ? SQL_ITEM_LIST_KEPT : f->only_open ? SQL_ITEM_LIST_OPEN : SQL_ITEM_LIST;
    sqlite3_stmt *q = sqlite_query(s, sql, VALUES(NUMBER(before), NUMBER(oldest)), why);
    struct store_item i = { .id = f->before };
    enum sqlite_row row = SQLITE_ROW_FAULT;
    *stopped_at = 0;
    for (size_t scanned = 0; q && (row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE; scanned++) {
        uint64_t last = i.id;
        sqlite_item_read(q, &i);
        if (scanned == f->scan_max || (matches(&i, f, endpoint, mailbox) && !each(ctx, &i))) {
            *stopped_at = last;
            break;
        }
    }
    if (q)
        sqlite_end(q);
    return row != SQLITE_ROW_FAULT;
}

bool store_item_count(struct store *s, store_item_count_fn *each, void *ctx, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_ITEM_COUNT, NO_VALUES, why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE)
        each(ctx, sqlite_text(q, 0), (uint32_t)sqlite3_column_int64(q, 1), (uint64_t)sqlite3_column_int64(q, 2));
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

/* --- forgetting --- */

enum { WALKED = 2000, DOOMED = 500 };

struct doomed {
    struct {
        uint64_t id;
        int64_t body;
        bool only_body;
    } items[DOOMED];
    size_t count;
};

static bool forget(struct store *s, const struct doomed *d, struct fault *why)
{
    for (size_t i = 0; i < d->count; i++) {
        uint64_t id = d->items[i].id;
        if (!sqlite_item_drop_body(s, id, d->items[i].body, why) ||
            !sqlite_write(s, d->items[i].only_body ? SQL_ITEM_BODY_NONE : SQL_ITEM_REMOVE, VALUES(NUMBER(id)), why))
            return false;
    }
    return true;
}

static bool prune_gone(struct store *s, size_t max, bool *is_more, struct fault *why)
{
    int64_t place = 0;
    struct doomed d = { .count = 0 };
    if (!sqlite_number(s, SQL_PLACE_GONE, NO_VALUES, 0, &place, why) || !place)
        return !place;
    sqlite3_stmt *q = sqlite_query(s, SQL_ITEM_OF_PLACE, VALUES(NUMBER(place), NUMBER(max)), why);
    if (!q)
        return false;
    enum sqlite_row row;
    for (; (row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE && d.count < max; d.count++) {
        d.items[d.count].id = (uint64_t)sqlite3_column_int64(q, 0);
        d.items[d.count].body = sqlite3_column_int64(q, 1);
        d.items[d.count].only_body = false;
    }
    sqlite_end(q);
    *is_more = true; /* there may be another such place */
    return row != SQLITE_ROW_FAULT && forget(s, &d, why) &&
           (d.count == max || sqlite_write(s, SQL_PLACE_REMOVE, VALUES(NUMBER(place)), why));
}

/* Is the row in hand doomed? Columns as in SQL_ITEM_WALK. */
static void judge(sqlite3_stmt *q, int64_t now, int64_t before, struct doomed *d)
{
    int64_t body = sqlite3_column_int64(q, 1), keep_until = sqlite3_column_int64(q, 2);
    int64_t finished = sqlite3_column_int64(q, 4);
    bool is_known_by = sqlite3_column_int(q, 5);
    bool is_over = !store_inbound_is_open((uint32_t)sqlite3_column_int64(q, 3)) && finished > 0 && finished < before;
    bool is_kept = body && keep_until > now;
    if ((body && !is_kept) || (is_over && !is_known_by && !is_kept)) {
        d->items[d->count].id = (uint64_t)sqlite3_column_int64(q, 0);
        d->items[d->count].body = body;
        d->items[d->count++].only_body = !is_over || is_known_by;
    }
}

static bool prune_old(struct store *s, int64_t now, int64_t before, size_t max, uint64_t *cursor, bool *is_more,
                      struct fault *why)
{
    struct doomed d = { .count = 0 };
    size_t walked = 0;
    sqlite3_stmt *q = sqlite_query(s, SQL_ITEM_WALK, VALUES(NUMBER(*cursor), NUMBER(WALKED)), why);
    if (!q)
        return false;
    enum sqlite_row row = SQLITE_ROW_NONE;
    while (d.count < max && (row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE) {
        *cursor = (uint64_t)sqlite3_column_int64(q, 0);
        walked++;
        judge(q, now, before, &d);
    }
    sqlite_end(q);
    if (row == SQLITE_ROW_NONE && walked < WALKED)
        *cursor = 0;
    *is_more = *is_more || d.count == max;
    return row != SQLITE_ROW_FAULT && forget(s, &d, why);
}

bool store_inbound_prune(struct store *s, int64_t now, int64_t before, size_t max, uint64_t *cursor, bool *is_more,
                         struct fault *why)
{
    assert(s->is_writing);
    size_t most = max < DOOMED ? max : DOOMED;
    *is_more = false;
    return prune_gone(s, most, is_more, why) && prune_old(s, now, before, most, cursor, is_more, why);
}

static bool is_owned(void *ctx, uint64_t id)
{
    int64_t body = 1; /* a store that can't answer keeps every file */
    return !sqlite_number(ctx, SQL_ITEM_BODY_KIND, VALUES(NUMBER(id)), 0, &body, NULL) || body;
}

void store_inbound_tidy(struct store *s, int64_t grace_ms)
{
    spool_tidy(&s->inbound, grace_ms, is_owned, s);
}
