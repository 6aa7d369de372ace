/* Objects, small facts, counters and the names of dropped files: the store's simple tables. */
#include "store/sqlite_private.h"

#include <assert.h>

bool store_object_each(struct store *s, store_object_fn *each, void *ctx, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_OBJECTS, NO_VALUES, why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE)
        if (!each(ctx, (uint32_t)sqlite3_column_int64(q, 0), sqlite_text(q, 1), sqlite_text(q, 2)))
            break;
    sqlite_end(q);
    return row != SQLITE_ROW_FAULT;
}

uint64_t store_object_version(struct store *s)
{
    return store_fact_get(s, "object_version");
}

static bool next_version(struct store *s, uint64_t *version, struct fault *why)
{
    *version = store_object_version(s) + 1;
    return store_fact_put(s, "object_version", *version, why);
}

bool store_object_put(struct store *s, uint32_t kind, const char *key, const char *json, struct fault *why)
{
    uint64_t version;
    assert(s->is_writing);
    return next_version(s, &version, why) &&
           sqlite_write(s, SQL_OBJECT_PUT, VALUES(NUMBER(kind), TEXT(key), NUMBER(version), TEXT(json)), why);
}

bool store_object_remove(struct store *s, uint32_t kind, const char *key, struct fault *why)
{
    uint64_t version;
    assert(s->is_writing);
    return next_version(s, &version, why) && sqlite_write(s, SQL_OBJECT_REMOVE, VALUES(NUMBER(kind), TEXT(key)), why);
}

uint64_t store_fact_get(struct store *s, const char *name)
{
    int64_t value = 0;
    sqlite_number(s, SQL_FACT_GET, VALUES(TEXT(name)), 0, &value, NULL);
    return (uint64_t)value;
}

bool store_fact_put(struct store *s, const char *name, uint64_t value, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_FACT_PUT, VALUES(TEXT(name), NUMBER(value)), why);
}

bool store_sent_each(struct store *s, int64_t since_slot, store_sent_fn *each, void *ctx, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_SENT_EACH, VALUES(NUMBER(since_slot)), why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE)
        each(ctx, sqlite_text(q, 0), sqlite3_column_int64(q, 1), (uint32_t)sqlite3_column_int64(q, 2));
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

bool store_sent_add(struct store *s, const char *mailbox, int64_t slot, uint32_t recipients, struct fault *why)
{
    int64_t number;
    assert(s->is_writing);
    return sqlite_mailbox(s, mailbox, &number, why) &&
           sqlite_write(s, SQL_SENT_ADD, VALUES(NUMBER(number), NUMBER(slot), NUMBER(recipients)), why);
}

bool store_sent_prune(struct store *s, int64_t before_slot, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_SENT_PRUNE, VALUES(NUMBER(before_slot)), why);
}

bool store_hour_each(struct store *s, int64_t since_hour, store_hour_fn *each, void *ctx, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_HOUR_EACH, VALUES(NUMBER(since_hour)), why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE) {
        struct store_hour h = { .mailbox = sqlite_text(q, 0),
                                .hour = sqlite3_column_int64(q, 1),
                                .accepted = (uint32_t)sqlite3_column_int64(q, 2),
                                .delivered = (uint32_t)sqlite3_column_int64(q, 3),
                                .failed = (uint32_t)sqlite3_column_int64(q, 4),
                                .received = (uint32_t)sqlite3_column_int64(q, 5) };
        each(ctx, &h);
    }
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

bool store_hour_put(struct store *s, const struct store_hour *h, struct fault *why)
{
    int64_t number;
    assert(s->is_writing);
    return sqlite_mailbox(s, h->mailbox, &number, why) &&
           sqlite_write(s, SQL_HOUR_PUT,
                        VALUES(NUMBER(number), NUMBER(h->hour), NUMBER(h->accepted), NUMBER(h->delivered),
                               NUMBER(h->failed), NUMBER(h->received)),
                        why);
}

bool store_hour_prune(struct store *s, int64_t before_hour, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_HOUR_PRUNE, VALUES(NUMBER(before_hour)), why);
}

bool store_drop_find(struct store *s, const char *name, bool *is_known, struct fault *why)
{
    int64_t found = 0;
    bool ok = sqlite_number(s, SQL_DROP_FIND, VALUES(TEXT(name)), 0, &found, why);
    *is_known = ok && found;
    return ok;
}

bool store_drop_add(struct store *s, const char *name, int64_t time, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_DROP_ADD, VALUES(TEXT(name), NUMBER(time)), why);
}

bool store_drop_prune(struct store *s, int64_t before, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_DROP_PRUNE, VALUES(NUMBER(before)), why);
}
