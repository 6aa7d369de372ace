/* Sends and their keys: a send that is repeated is answered with the message that it became the first time. */
#include <assert.h>

#include "store/sqlite_private.h"

bool store_send_find(struct store *s, const char *sender, const char *key, struct arena *arena, struct store_send *out,
                     struct fault *why)
{
    *out = (struct store_send){ .sender = sender, .key = key, .digest = "" };
    sqlite3_stmt *q = sqlite_query(s, SQL_SEND_FIND, VALUES(TEXT(sender), TEXT(key)), why);
    if (!q)
        return false;
    enum sqlite_row row = sqlite_next(s, q, why);
    if (row == SQLITE_ROW_THERE) {
        out->digest = arena_strdup(arena, sqlite_text(q, 0));
        out->message = (uint64_t)sqlite3_column_int64(q, 1);
        out->time = sqlite3_column_int64(q, 2);
    }
    sqlite_end(q);
    return row != SQLITE_ROW_FAULT;
}

bool store_send_put(struct store *s, const struct store_send *send, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(
        s, SQL_SEND_PUT,
        VALUES(TEXT(send->sender), TEXT(send->key), TEXT(send->digest), NUMBER(send->message), NUMBER(send->time)),
        why);
}

bool store_send_prune(struct store *s, int64_t before, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_SEND_PRUNE, VALUES(NUMBER(before)), why);
}
