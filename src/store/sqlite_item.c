/* One item of mail that came in, and its body: written or read. Places and lists are in sqlite_inbound.c. */
#include "store/sqlite_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BODY_NONE, BODY_INLINE, BODY_FILE };

static bool refuse_place(struct fault *why, const struct store_item *i)
{
    return fault_set(why, FAULT_REJECT, "inbound.no-place", "endpoint %s does not watch %s of %s (any more)",
                     i->endpoint, i->folder, i->mailbox);
}

static bool find_place(struct store *s, const struct store_item *i, int64_t *place, int64_t *mailbox, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_PLACE_FIND, VALUES(TEXT(i->endpoint), TEXT(i->mailbox), TEXT(i->folder)),
                                   why);
    if (!q)
        return false;
    enum sqlite_row row = sqlite_next(s, q, why);
    *place = sqlite3_column_int64(q, 0);
    *mailbox = sqlite3_column_int64(q, 1);
    sqlite_end(q);
    return row == SQLITE_ROW_THERE || (row == SQLITE_ROW_NONE && refuse_place(why, i));
}

static bool write_row(struct store *s, const struct store_item *i, int64_t place, int64_t mailbox, int body,
                      struct fault *why)
{
    return sqlite_write(s, SQL_ITEM_PUT,
                        VALUES(NUMBER(i->id), NUMBER(place), NUMBER(mailbox), NUMBER(i->uidvalidity), NUMBER(i->uid),
                               TEXT(i->uidl), TEXT(i->fingerprint), TEXT(i->message_id), NUMBER(i->state),
                               NUMBER(i->flags & ~(uint32_t)STORE_I_BODY), NUMBER(i->attempts), NUMBER(i->received),
                               NUMBER(i->seen), NUMBER(i->next), NUMBER(i->finished), NUMBER(i->size), TEXT(i->sender),
                               TEXT(i->recipients), TEXT(i->subject), TEXT(i->in_reply_to), NUMBER(i->queued),
                               TEXT(i->last), TEXT(i->finding), NUMBER(i->keep_until), NUMBER(body)),
                        why);
}

bool sqlite_item_drop_body(struct store *s, uint64_t id, int64_t body, struct fault *why)
{
    if (body == BODY_FILE)
        spool_remove(&s->inbound, id);
    return body != BODY_INLINE || sqlite_write(s, SQL_ITEM_BODY_REMOVE, VALUES(NUMBER(id)), why);
}

/* A body to be kept, looked at before anything is written. */
struct new_body {
    int fd; /* -1: none */
    uint64_t size;
    uint8_t *data; /* of a small one */
};

static bool read_body(int fd, struct new_body *b, struct fault *why)
{
    struct stat st;
    *b = (struct new_body){ .fd = fd };
    if (fd < 0)
        return true;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return fault_set(why, FAULT_LOCAL, "store.body", "the body to keep is not a regular file");
    b->size = (uint64_t)st.st_size;
    if (b->size > STORE_BODY_INLINE)
        return true;
    b->data = mem_alloc(b->size ? b->size : 1);
    return sqlite_read_small(fd, b->size, b->data, why);
}

static bool write_body(struct store *s, uint64_t id, struct new_body *b, struct fault *why)
{
    if (b->data)
        return sqlite_write(s, SQL_ITEM_BODY_ADD, VALUES(NUMBER(id), BYTES(((struct bytes){ b->data, b->size }))), why);
    int fd = b->fd;
    b->fd = -1;
    return spool_add(&s->inbound, id, fd, b->size, why);
}

static bool put(struct store *s, const struct store_item *i, struct new_body *b, struct fault *why)
{
    int64_t place, mailbox, old;
    if (!find_place(s, i, &place, &mailbox, why) ||
        !sqlite_number(s, SQL_ITEM_BODY_KIND, VALUES(NUMBER(i->id)), BODY_NONE, &old, why))
        return false;
    /* An item's body never changes: one that is there already stays, whatever came again. */
    bool is_new = b->fd >= 0 && old == BODY_NONE && i->keep_until > 0;
    int body = i->keep_until == 0 ? BODY_NONE : is_new ? (b->data ? BODY_INLINE : BODY_FILE) : (int)old;
    return write_row(s, i, place, mailbox, body, why) && (!is_new || write_body(s, i->id, b, why)) &&
           (body != BODY_NONE || sqlite_item_drop_body(s, i->id, old, why));
}

bool store_item_put(struct store *s, const struct store_item *i, int fd, struct fault *why)
{
    struct new_body b;
    assert(s->is_writing && i->id > 0 && i->id <= INT64_MAX);
    bool ok = read_body(fd, &b, why) && put(s, i, &b, why);
    if (b.fd >= 0)
        close(b.fd);
    free(b.data);
    return ok;
}

void sqlite_item_read(sqlite3_stmt *q, struct store_item *i)
{
    *i = (struct store_item){
        .id = (uint64_t)sqlite3_column_int64(q, 0),
        .endpoint = sqlite_text(q, 1),
        .mailbox = sqlite_text(q, 2),
        .folder = sqlite_text(q, 3),
        .uidvalidity = (uint64_t)sqlite3_column_int64(q, 4),
        .uid = (uint64_t)sqlite3_column_int64(q, 5),
        .uidl = sqlite_text(q, 6),
        .fingerprint = sqlite_text(q, 7),
        .message_id = sqlite_text(q, 8),
        .state = (uint32_t)sqlite3_column_int64(q, 9),
        .flags = (uint32_t)sqlite3_column_int64(q, 10) | (sqlite3_column_int(q, 25) ? STORE_I_BODY : 0),
        .attempts = (uint32_t)sqlite3_column_int64(q, 11),
        .received = sqlite3_column_int64(q, 12),
        .seen = sqlite3_column_int64(q, 13),
        .next = sqlite3_column_int64(q, 14),
        .finished = sqlite3_column_int64(q, 15),
        .size = (uint64_t)sqlite3_column_int64(q, 16),
        .sender = sqlite_text(q, 17),
        .recipients = sqlite_text(q, 18),
        .subject = sqlite_text(q, 19),
        .in_reply_to = sqlite_text(q, 20),
        .queued = (uint64_t)sqlite3_column_int64(q, 21),
        .last = sqlite_text(q, 22),
        .finding = sqlite_text(q, 23),
        .keep_until = sqlite3_column_int64(q, 24),
    };
}

static void copy_texts(struct store_item *i, struct arena *arena)
{
    const char **texts[] = { &i->endpoint,    &i->mailbox,     &i->folder, &i->uidl,
                             &i->fingerprint, &i->message_id,  &i->sender, &i->recipients,
                             &i->subject,     &i->in_reply_to, &i->last,   &i->finding };
    for (size_t at = 0; at < sizeof texts / sizeof *texts; at++)
        *texts[at] = arena_strdup(arena, *texts[at]);
}

bool store_item_get(struct store *s, uint64_t id, struct arena *arena, struct store_item *out, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_ITEM_GET, VALUES(NUMBER(id)), why);
    if (!q)
        return false;
    enum sqlite_row row = sqlite_next(s, q, why);
    if (row == SQLITE_ROW_THERE) {
        sqlite_item_read(q, out);
        copy_texts(out, arena);
    }
    sqlite_end(q);
    if (row == SQLITE_ROW_NONE)
        fault_set(why, FAULT_REJECT, "inbound.unknown",
                  "there is no incoming mail %016llx; finished mail is forgotten after a while",
                  (unsigned long long)id);
    return row == SQLITE_ROW_THERE;
}

static bool read_inline(struct store *s, uint64_t id, struct arena *arena, struct bytes *body, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_ITEM_BODY_GET, VALUES(NUMBER(id)), why);
    if (!q)
        return false;
    enum sqlite_row row = sqlite_next(s, q, why);
    if (row == SQLITE_ROW_THERE)
        *body = arena_bytes(arena, (struct bytes){ sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0) });
    sqlite_end(q);
    return row == SQLITE_ROW_THERE;
}

bool store_item_body(struct store *s, uint64_t id, struct arena *arena, struct bytes *body, int *fd, struct fault *why)
{
    int64_t kind;
    *body = BYTES_NONE;
    *fd = -1;
    if (!sqlite_number(s, SQL_ITEM_BODY_KIND, VALUES(NUMBER(id)), BODY_NONE, &kind, why))
        return false;
    if (kind == BODY_NONE)
        return fault_set(why, FAULT_REJECT, "inbound.no-body", "the content of %016llx is not kept (any more)",
                         (unsigned long long)id);
    if (kind == BODY_INLINE)
        return read_inline(s, id, arena, body, why);
    *fd = spool_read(&s->inbound, id, why);
    return *fd >= 0;
}

uint64_t store_item_last_id(struct store *s)
{
    int64_t id = 0;
    sqlite_number(s, SQL_ITEM_LAST, NO_VALUES, 0, &id, NULL);
    return (uint64_t)id;
}

bool store_item_was_seen(struct store *s, const struct store_place *p, const char *fingerprint, const char *message_id,
                         bool *is_known, struct fault *why)
{
    int64_t found = 0;
    bool ok = true;
    if (fingerprint[0])
        ok = sqlite_number(
            s, SQL_ITEM_SEEN,
            VALUES(TEXT(p->endpoint), TEXT(p->mailbox), TEXT(p->folder), TEXT(fingerprint), TEXT(message_id)), 0,
            &found, why);
    else if (message_id[0])
        ok = sqlite_number(s, SQL_ITEM_SEEN_BY_ID, VALUES(TEXT(p->endpoint), TEXT(message_id)), 0, &found, why);
    *is_known = found != 0;
    return ok;
}
