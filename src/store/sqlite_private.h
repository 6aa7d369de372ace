/* store/sqlite_private.h - what the SQLite files of the store share. Nobody outside this room includes it. */
#ifndef STORE_SQLITE_PRIVATE_H
#define STORE_SQLITE_PRIVATE_H

#include <sqlite3.h>

#include "base/map.h"
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
    SQL_SENT_EACH,
    SQL_SENT_ADD,
    SQL_SENT_PRUNE,
    SQL_FACT_GET,
    SQL_FACT_PUT,
    SQL_DROP_FIND,
    SQL_DROP_ADD,
    SQL_DROP_PRUNE,
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
    struct spool spool;
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

#endif
