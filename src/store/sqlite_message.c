/* Messages, recipients, attempts and bodies: one row changed or read at a time. Lists over many messages are in sqlite_list.c. */
#include "store/sqlite_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool sqlite_mailbox(struct store *s, const char *address, int64_t *number, struct fault *why)
{
    *number = (intptr_t)map_get(s->mailboxes, address);
    if (*number)
        return true;
    if (!sqlite_number(s, SQL_MAILBOX_FIND, VALUES(TEXT(address)), 0, number, why))
        return false;
    if (*number == 0) {
        if (!sqlite_write(s, SQL_MAILBOX_ADD, VALUES(TEXT(address)), why))
            return false;
        *number = sqlite3_last_insert_rowid(s->db);
    }
    map_put(s->mailboxes, address, (void *)(intptr_t)*number);
    return true;
}

uint64_t store_message_last_id(struct store *s)
{
    int64_t id = 0;
    sqlite_number(s, SQL_MESSAGE_LAST, NO_VALUES, 0, &id, NULL);
    return (uint64_t)id;
}

static bool add_row(struct store *s, const struct store_message *m, uint32_t flags, struct fault *why)
{
    int64_t mailbox;
    return sqlite_mailbox(s, m->mailbox, &mailbox, why) &&
           sqlite_write(s, SQL_MESSAGE_ADD,
                        VALUES(NUMBER(m->id), NUMBER(mailbox), NUMBER(m->state), NUMBER(flags), NUMBER(m->accepted),
                               NUMBER(m->expires), NUMBER(m->next_attempt), NUMBER(m->finished), NUMBER(m->attempts),
                               NUMBER(m->size), NUMBER(m->ret), TEXT(m->app), TEXT(m->sender), TEXT(m->peer),
                               TEXT(m->session), TEXT(m->envid), TEXT(m->message_id), TEXT(m->subject)),
                        why);
}

static bool add_recipients(struct store *s, uint64_t id, const struct store_recipient *r, size_t count,
                           struct fault *why)
{
    for (size_t i = 0; i < count; i++)
        if (!sqlite_write(s, SQL_RECIPIENT_ADD,
                          VALUES(NUMBER(id), NUMBER(r[i].number), NUMBER(r[i].next_attempt), NUMBER(r[i].notify),
                                 TEXT(r[i].address), TEXT(r[i].orcpt)),
                          why))
            return false;
    return true;
}

bool sqlite_read_small(int fd, uint64_t size, uint8_t *out, struct fault *why)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size &&
        pread(fd, out, size, 0) == (ssize_t)size)
        return true;
    return fault_set(why, FAULT_LOCAL, "store.body",
                     "the message's body is not a file of the %llu bytes that were promised", (unsigned long long)size);
}

static bool add_rows(struct store *s, const struct store_message *m, uint32_t flags, const struct store_recipient *r,
                     size_t count, struct bytes body, struct fault *why)
{
    return add_row(s, m, flags, why) && add_recipients(s, m->id, r, count, why) &&
           ((flags & STORE_SPOOLED) || sqlite_write(s, SQL_BODY_ADD, VALUES(NUMBER(m->id), BYTES(body)), why));
}

bool store_message_add(struct store *s, const struct store_message *m, const struct store_recipient *r, size_t count,
                       struct bytes body, int fd, struct fault *why)
{
    assert(s->is_writing && m->id > 0 && m->id <= INT64_MAX && count > 0);
    uint32_t flags = m->flags & ~(uint32_t)STORE_SPOOLED;
    if (fd < 0)
        return add_rows(s, m, flags, r, count, body, why);
    if (m->size > STORE_BODY_INLINE)
        return spool_add(&s->spool, m->id, fd, m->size, why) &&
               add_rows(s, m, flags | STORE_SPOOLED, r, count, body, why);
    uint8_t *data = mem_alloc(m->size);
    bool ok = sqlite_read_small(fd, m->size, data, why);
    close(fd);
    ok = ok && add_rows(s, m, flags, r, count, (struct bytes){ data, m->size }, why);
    free(data);
    return ok;
}

bool store_message_put(struct store *s, const struct store_message *m, struct fault *why)
{
    assert(s->is_writing);
    if (!sqlite_write(s, SQL_MESSAGE_PUT,
                      VALUES(NUMBER(m->id), NUMBER(m->state), NUMBER(m->flags), NUMBER(m->expires),
                             NUMBER(m->next_attempt), NUMBER(m->finished), NUMBER(m->attempts)),
                      why))
        return false;
    if (m->state == STORE_OPEN)
        return true;
    if (m->flags & STORE_SPOOLED) {
        spool_remove(&s->spool, m->id);
        return true;
    }
    return sqlite_write(s, SQL_BODY_REMOVE, VALUES(NUMBER(m->id)), why);
}

bool store_recipient_put(struct store *s, uint64_t id, const struct store_recipient *r, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_RECIPIENT_PUT,
                        VALUES(NUMBER(id), NUMBER(r->number), NUMBER(r->state), NUMBER(r->attempts),
                               NUMBER(r->next_attempt), NUMBER(r->code), TEXT(r->enhanced), TEXT(r->last),
                               TEXT(r->finding)),
                        why);
}

bool store_attempt_add(struct store *s, uint64_t id, const struct store_attempt *a, struct fault *why)
{
    assert(s->is_writing);
    if (!sqlite_write(
            s, SQL_ATTEMPT_ADD,
            VALUES(NUMBER(id), NUMBER(a->number), NUMBER(a->time), TEXT(a->host), TEXT(a->outcome), TEXT(a->dialogue)),
            why))
        return false;
    if (a->number <= STORE_ATTEMPTS_KEPT)
        return true;
    return sqlite_write(s, SQL_ATTEMPT_TRIM, VALUES(NUMBER(id), NUMBER(a->number - STORE_ATTEMPTS_KEPT + 1)), why);
}

bool store_message_next(struct store *s, uint64_t id, int64_t *next, struct fault *why)
{
    return sqlite_number(s, SQL_RECIPIENT_NEXT, VALUES(NUMBER(id)), 0, next, why);
}

bool store_recipient_due_all(struct store *s, uint64_t id, int64_t due, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_RECIPIENT_DUE_ALL, VALUES(NUMBER(id), NUMBER(due)), why);
}

bool store_body_get(struct store *s, uint64_t id, struct arena *arena, struct bytes *body, int *fd, struct fault *why)
{
    *body = BYTES_NONE;
    *fd = -1;
    sqlite3_stmt *q = sqlite_query(s, SQL_BODY_GET, VALUES(NUMBER(id)), why);
    if (!q)
        return false;
    enum sqlite_row row = sqlite_next(s, q, why);
    if (row == SQLITE_ROW_THERE) {
        struct bytes data = { sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0) };
        *body = arena_bytes(arena, data);
    }
    sqlite_end(q);
    if (row == SQLITE_ROW_NONE)
        *fd = spool_read(&s->spool, id, why);
    return row == SQLITE_ROW_THERE || *fd >= 0;
}
