/* What comes back for our own mail: finding a message by its Message-ID, and the reports of others.
 *
 * Accepting a message writes its Message-ID into the row and no more. The index is filled later, many at a time, because replies
 * take a while and a random page of an index per message would cost accepting mail dearly. */
#include "store/sqlite_private.h"

#include <assert.h>

#define INDEXED "message_ids" /* the fact: messages up to this id can be found by the index */

enum { INDEX_STEP = 500, TAIL = 5000, CAUGHT_UP = 2000 };

/* FNV-1a; the text itself is compared, too. */
int64_t sqlite_message_hash(const char *message_id)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *message_id; message_id++)
        hash = (hash ^ (uint8_t)*message_id) * 0x100000001b3;
    return (int64_t)(hash & INT64_MAX);
}

struct new_id {
    int64_t id, hash;
    bool has_id;
};

static bool read_new(struct store *s, uint64_t from, size_t max, struct new_id *ids, size_t *count, struct fault *why)
{
    *count = 0;
    sqlite3_stmt *q = sqlite_query(s, SQL_MESSAGE_ID_NEW, VALUES(NUMBER(from), NUMBER(max)), why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE && *count < max) {
        const char *text = sqlite_text(q, 1);
        ids[(*count)++] = (struct new_id){ sqlite3_column_int64(q, 0), sqlite_message_hash(text), text[0] != '\0' };
    }
    sqlite_end(q);
    return row != SQLITE_ROW_FAULT;
}

static bool index_step(struct store *s, size_t max, size_t *count, struct fault *why)
{
    struct new_id ids[INDEX_STEP];
    if (!read_new(s, store_fact_get(s, INDEXED), max < INDEX_STEP ? max : INDEX_STEP, ids, count, why))
        return false;
    for (size_t i = 0; i < *count; i++)
        if (ids[i].has_id && !sqlite_write(s, SQL_MESSAGE_ID_ADD, VALUES(NUMBER(ids[i].hash), NUMBER(ids[i].id)), why))
            return false;
    return *count == 0 || store_fact_put(s, INDEXED, (uint64_t)ids[*count - 1].id, why);
}

bool store_message_index(struct store *s, size_t max, bool *is_more, struct fault *why)
{
    size_t count = 0, total = 0;
    assert(s->is_writing);
    do {
        if (!index_step(s, max - total, &count, why))
            return false;
        total += count;
    } while (count == INDEX_STEP && total < max);
    *is_more = total == max;
    return true;
}

bool store_message_by_id(struct store *s, const char *message_id, uint64_t *id, struct fault *why)
{
    int64_t found = 0;
    bool is_more;
    *id = 0;
    if (!message_id[0])
        return true;
    if (s->is_writing && !store_message_index(s, CAUGHT_UP, &is_more, why))
        return false;
    if (!sqlite_number(s, SQL_MESSAGE_ID_TAIL,
                       VALUES(NUMBER(store_fact_get(s, INDEXED)), TEXT(message_id), NUMBER(TAIL)), 0, &found, why))
        return false;
    if (!found && !sqlite_number(s, SQL_MESSAGE_ID_FIND,
                                 VALUES(NUMBER(sqlite_message_hash(message_id)), TEXT(message_id)), 0, &found, why))
        return false;
    *id = (uint64_t)found;
    return true;
}

bool store_bounce_put(struct store *s, uint64_t message, const struct store_bounce *b, struct fault *why)
{
    int64_t count = 0;
    assert(s->is_writing);
    if (!sqlite_number(s, SQL_BOUNCE_COUNT, VALUES(NUMBER(message)), 0, &count, why))
        return false;
    return count >= STORE_BOUNCES_MOST ||
           sqlite_write(s, SQL_BOUNCE_PUT,
                        VALUES(NUMBER(message), TEXT(b->recipient), NUMBER(b->time), TEXT(b->action), TEXT(b->status),
                               TEXT(b->diagnostic), TEXT(b->host)),
                        why);
}

bool store_bounce_each(struct store *s, uint64_t message, store_bounce_fn *each, void *ctx, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_BOUNCE_LIST, VALUES(NUMBER(message)), why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE) {
        struct store_bounce b = { .recipient = sqlite_text(q, 0),
                                  .time = sqlite3_column_int64(q, 1),
                                  .action = sqlite_text(q, 2),
                                  .status = sqlite_text(q, 3),
                                  .diagnostic = sqlite_text(q, 4),
                                  .host = sqlite_text(q, 5) };
        each(ctx, &b);
    }
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}
