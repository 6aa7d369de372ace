/* store/sqlite_private.h - what the SQLite files of the store share. Nobody outside this room includes it. */
#ifndef STORE_SQLITE_PRIVATE_H
#define STORE_SQLITE_PRIVATE_H

#include <sqlite3.h>

#include "base/map.h"
#include "store/inbound.h"
#include "store/spool.h"
#include "store/store.h"

enum sqlite_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_OBJECTS,
    SQL_OBJECT_PUT,
    SQL_OBJECT_REMOVE,
    SQL_MAILBOX_FIND,
    SQL_MAILBOX_ADD,
    SQL_MESSAGE_LAST,
    SQL_MESSAGE_ADD,
    SQL_MESSAGE_PUT,
    SQL_MESSAGE_GET,
    SQL_MESSAGE_OPEN,
    SQL_MESSAGE_IS_OPEN,
    SQL_MESSAGE_LIST,
    SQL_MESSAGE_LIST_OPEN,
    SQL_RECIPIENT_LIKE,
    SQL_MESSAGE_OLD,
    SQL_MESSAGE_REMOVE,
    SQL_RECIPIENT_ADD,
    SQL_RECIPIENT_PUT,
    SQL_RECIPIENT_LIST,
    SQL_RECIPIENT_DUE,
    SQL_RECIPIENT_DUE_ALL,
    SQL_RECIPIENT_NEXT,
    SQL_ATTEMPT_ADD,
    SQL_ATTEMPT_TRIM,
    SQL_ATTEMPT_LIST,
    SQL_BODY_ADD,
    SQL_BODY_GET,
    SQL_BODY_REMOVE,
    SQL_SEND_FIND,
    SQL_SEND_PUT,
    SQL_SEND_PRUNE,
    SQL_SENT_EACH,
    SQL_SENT_ADD,
    SQL_SENT_PRUNE,
    SQL_HOUR_EACH,
    SQL_HOUR_PUT,
    SQL_HOUR_PRUNE,
    SQL_FACT_GET,
    SQL_FACT_PUT,
    SQL_DROP_FIND,
    SQL_DROP_ADD,
    SQL_DROP_PRUNE,
    SQL_PLACE_FIND,
    SQL_PLACE_ADD,
    SQL_PLACE_PUT,
    SQL_PLACE_LEAVE,
    SQL_PLACE_LEAVE_ALL,
    SQL_PLACE_EACH,
    SQL_PLACE_GONE,
    SQL_PLACE_REMOVE,
    SQL_ITEM_BODY_KIND,
    SQL_ITEM_PUT,
    SQL_ITEM_GET,
    SQL_ITEM_LAST,
    SQL_ITEM_OPEN,
    SQL_ITEM_KNOWN,
    SQL_ITEM_SEEN,
    SQL_ITEM_SEEN_BY_ID,
    SQL_ITEM_LIST,
    SQL_ITEM_LIST_OPEN,
    SQL_ITEM_LIST_KEPT,
    SQL_ITEM_COUNT,
    SQL_ITEM_OF_PLACE,
    SQL_ITEM_WALK,
    SQL_ITEM_REMOVE,
    SQL_ITEM_BODY_NONE,
    SQL_ITEM_BODY_ADD,
    SQL_ITEM_BODY_GET,
    SQL_ITEM_BODY_REMOVE,
    SQL_MESSAGE_ID_NEW,
    SQL_MESSAGE_ID_ADD,
    SQL_MESSAGE_ID_FIND,
    SQL_MESSAGE_ID_TAIL,
    SQL_MESSAGE_ID_REMOVE,
    SQL_BOUNCE_PUT,
    SQL_BOUNCE_COUNT,
    SQL_BOUNCE_LIST,
    SQL_AUDIT_ADD,
    SQL_AUDIT_LIST,
    SQL_AUDIT_PRUNE,
    SQL_COUNT,
};
extern const char *const sqlite_sql[SQL_COUNT];

struct sqlite_migration {
    int number;
    const char *sql;
};
extern const struct sqlite_migration sqlite_migrations[]; /* ends at 0; made from schema/ at build time */

struct store {
    sqlite3 *db;
    char *path;
    struct spool spool, inbound;         /* bodies: of our own mail, and of mail that came in */
    sqlite3_stmt *statements[SQL_COUNT]; /* prepared at first use, kept */
    struct map *mailboxes;               /* address to number, as (void *)(intptr_t) */
    bool is_writing;
    bool is_soft; /* PRAGMA synchronous is NORMAL: commits do not wait */
    int wal_pages;
};

/* Values to bind, in order of the question marks. Lent for the call (or until the query ends). */
struct sqlite_value {
    enum { SQLITE_VALUE_END, SQLITE_VALUE_NUMBER, SQLITE_VALUE_TEXT, SQLITE_VALUE_BYTES } type;
    int64_t number;
    const char *text;
    struct bytes bytes;
};
#define NUMBER(v) ((struct sqlite_value){ .type = SQLITE_VALUE_NUMBER, .number = (int64_t)(v) })
#define TEXT(v) ((struct sqlite_value){ .type = SQLITE_VALUE_TEXT, .text = (v) })
#define BYTES(v) ((struct sqlite_value){ .type = SQLITE_VALUE_BYTES, .bytes = (v) })
#define VALUES(...) ((const struct sqlite_value[]){ __VA_ARGS__, { .type = SQLITE_VALUE_END } })
#define NO_VALUES ((const struct sqlite_value[]){ { .type = SQLITE_VALUE_END } })

/* Fills `why` from the connection's last error; false. `what` says what was being done. */
bool sqlite_fault(struct store *s, struct fault *why, const char *what);
/* Runs a statement that returns no rows. */
bool sqlite_write(struct store *s, enum sqlite_sql which, const struct sqlite_value *values, struct fault *why);
/* A bound statement to step with sqlite_next(), or NULL. End it with sqlite_end(). Not twice at a time. */
sqlite3_stmt *sqlite_query(struct store *s, enum sqlite_sql which, const struct sqlite_value *values,
                           struct fault *why);
enum sqlite_row { SQLITE_ROW_NONE, SQLITE_ROW_THERE, SQLITE_ROW_FAULT };
enum sqlite_row sqlite_next(struct store *s, sqlite3_stmt *q, struct fault *why);
void sqlite_end(sqlite3_stmt *q);
/* One number of one row; `fallback` where there is no row. */
bool sqlite_number(struct store *s, enum sqlite_sql which, const struct sqlite_value *values, int64_t fallback,
                   int64_t *out, struct fault *why);
const char *sqlite_text(sqlite3_stmt *q, int column); /* never NULL; lent until the next step */

/* Is the file new, or ours and not from the future? Changes nothing. */
bool sqlite_recognise(struct store *s, struct fault *why);
bool sqlite_migrate(struct store *s, struct fault *why);
/* The small number that stands for a mailbox's address; made at first use. */
bool sqlite_mailbox(struct store *s, const char *address, int64_t *number, struct fault *why);
/* What a Message-ID is looked up by. */
int64_t sqlite_message_hash(const char *message_id);
/* Reads a file of that size that is small enough for the database. */
bool sqlite_read_small(int fd, uint64_t size, uint8_t *out, struct fault *why);
/* Columns as in ITEM_COLUMNS; texts are the statement's. */
void sqlite_item_read(sqlite3_stmt *q, struct store_item *i);
/* Lets go of a body of that kind; the item's row is the caller's matter. */
bool sqlite_item_drop_body(struct store *s, uint64_t id, int64_t body, struct fault *why);
/* Lower case, cut to `size`. */
void sqlite_lower(const char *text, char *out, size_t size);

#endif
