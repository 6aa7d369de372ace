/* The SQLite store itself: opening, transactions, checkpoints, and the few calls that the other files make to SQLite.
 *
 * One connection, one process, write-ahead log, every commit flushed. The exclusive lock keeps a second daemon out, and the
 * log's index in memory. */
#include "store/sqlite_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

enum {
    WAL_PAGES = 12000,        /* then the log is moved even while people wait: tens of milliseconds */
    WAL_SIZE_KEPT = 64 << 20, /* bytes; a log that once grew past this is cut back */
    BUSY_MS = 2000,           /* a predecessor that is still dying */
};

static bool execute(struct store *s, const char *sql, struct fault *why)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    return sqlite_fault(s, why, "the store cannot be set up");
}

static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct store *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

/* SQLite would make it readable by all. */
static bool make_file(const char *path, struct fault *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "the store %s cannot be opened", path);
    close(fd);
    return true;
}

static bool connect_file(struct store *s, struct fault *why)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK)
        return sqlite_fault(s, why, "the store cannot be opened");
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return execute(s, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;", why);
}

/* Only once the file is known to be ours: this writes to it. */
static bool set_durable(struct store *s, struct fault *why)
{
    char *limit = sqlite3_mprintf("PRAGMA journal_size_limit = %d", WAL_SIZE_KEPT);
    bool ok = execute(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;", why) &&
              execute(s, "PRAGMA cache_size = -8000;", why) && execute(s, limit, why);
    sqlite3_free(limit);
    sqlite3_wal_hook(s->db, on_wal, s);
    return ok;
}

struct store *store_open(const char *state, struct fault *why)
{
    struct store *s = mem_alloc(sizeof *s);
    s->path = mem_printf("%s/postern.db", state);
    s->mailboxes = map_new();
    spool_init(&s->spool);
    spool_init(&s->inbound);
    if (make_file(s->path, why) && connect_file(s, why) && sqlite_recognise(s, why) && set_durable(s, why) &&
        sqlite_migrate(s, why) && spool_open(&s->spool, state, "spool", why) &&
        spool_open(&s->inbound, state, "inbound", why))
        return s;
    store_close(s);
    return NULL;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_rollback(s);
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    spool_fini(&s->spool);
    spool_fini(&s->inbound);
    map_free(s->mailboxes);
    free(s->path);
    free(s);
}

static const char *fault_id(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return "store.full";
    case SQLITE_CORRUPT:
        return "store.corrupt";
    case SQLITE_NOTADB:
        return "store.foreign";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "store.busy";
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return "store.permission";
    default:
        return "store.io";
    }
}

static const char *fault_fix(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return "the disk is full: make room, mail is accepted again by itself";
    case SQLITE_CORRUPT:
        return "the file is damaged; nothing was deleted: stop Postern, copy it away, and bring back a copy that was "
               "good";
    case SQLITE_NOTADB:
        return "this file is not a Postern store; nothing was changed: move it away or name another state directory";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another process holds it: is a second Postern running on the same state directory?";
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return "Postern's user may not write there: mend the owner of the state directory";
    default:
        return "the disk or file system failed: see the system's log";
    }
}

bool sqlite_fault(struct store *s, struct fault *why, const char *what)
{
    int code = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_CANTOPEN;
    const char *said = s->db ? sqlite3_errmsg(s->db) : "no memory";
    return fault_set(why, FAULT_LOCAL, fault_id(code), "%s: %s: %s (%d); %s", s->path, what, said, code,
                     fault_fix(code));
}

/* --- statements --- */

static bool bind(sqlite3_stmt *q, const struct sqlite_value *values)
{
    int rc = SQLITE_OK;
    for (int i = 1; values->type != SQLITE_VALUE_END && rc == SQLITE_OK; i++, values++) {
        if (values->type == SQLITE_VALUE_NUMBER)
            rc = sqlite3_bind_int64(q, i, values->number);
        else if (values->type == SQLITE_VALUE_TEXT)
            rc = sqlite3_bind_text(q, i, values->text ? values->text : "", -1, SQLITE_STATIC);
        else
            rc = sqlite3_bind_blob64(q, i, values->bytes.size ? (const void *)values->bytes.data : "",
                                     values->bytes.size, SQLITE_STATIC);
    }
    return rc == SQLITE_OK;
}

sqlite3_stmt *sqlite_query(struct store *s, enum sqlite_sql which, const struct sqlite_value *values, struct fault *why)
{
    sqlite3_stmt **q = &s->statements[which];
    if (!*q && sqlite3_prepare_v3(s->db, sqlite_sql[which], -1, SQLITE_PREPARE_PERSISTENT, q, NULL) != SQLITE_OK) {
        sqlite_fault(s, why, "a statement cannot be prepared");
        return NULL;
    }
    if (!bind(*q, values)) {
        sqlite_fault(s, why, "a value cannot be bound");
        sqlite_end(*q);
        return NULL;
    }
    return *q;
}

enum sqlite_row sqlite_next(struct store *s, sqlite3_stmt *q, struct fault *why)
{
    switch (sqlite3_step(q)) {
    case SQLITE_ROW:
        return SQLITE_ROW_THERE;
    case SQLITE_DONE:
        return SQLITE_ROW_NONE;
    default:
        sqlite_fault(s, why, "the store refused");
        return SQLITE_ROW_FAULT;
    }
}

void sqlite_end(sqlite3_stmt *q)
{
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
}

bool sqlite_write(struct store *s, enum sqlite_sql which, const struct sqlite_value *values, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, which, values, why);
    if (!q)
        return false;
    bool ok = sqlite_next(s, q, why) == SQLITE_ROW_NONE;
    sqlite_end(q);
    return ok;
}

bool sqlite_number(struct store *s, enum sqlite_sql which, const struct sqlite_value *values, int64_t fallback,
                   int64_t *out, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, which, values, why);
    if (!q)
        return false;
    enum sqlite_row row = sqlite_next(s, q, why);
    *out = row == SQLITE_ROW_THERE ? sqlite3_column_int64(q, 0) : fallback;
    sqlite_end(q);
    return row != SQLITE_ROW_FAULT;
}

const char *sqlite_text(sqlite3_stmt *q, int column)
{
    const unsigned char *text = sqlite3_column_text(q, column);
    return text ? (const char *)text : "";
}

/* --- transactions --- */

bool store_is_writing(const struct store *s)
{
    return s->is_writing;
}

/* SQLite takes this setting between transactions only. */
static bool set_soft(struct store *s, bool is_soft, struct fault *why)
{
    if (s->is_soft == is_soft)
        return true;
    if (!execute(s, is_soft ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", why))
        return false;
    s->is_soft = is_soft;
    return true;
}

static bool begin(struct store *s, bool is_soft, struct fault *why)
{
    if (!s->is_writing)
        s->is_writing = set_soft(s, is_soft, why) && sqlite_write(s, SQL_BEGIN, NO_VALUES, why);
    return s->is_writing;
}

bool store_begin(struct store *s, struct fault *why)
{
    return begin(s, false, why);
}

bool store_begin_soft(struct store *s, struct fault *why)
{
    return begin(s, true, why);
}

static void unlink_bodies(struct store *s)
{
    spool_unlink(&s->spool);
    spool_unlink(&s->inbound);
}

bool store_commit(struct store *s, struct fault *why)
{
    if (!s->is_writing)
        return true;
    if (!spool_sync(&s->spool, why) || !spool_sync(&s->inbound, why) || !sqlite_write(s, SQL_COMMIT, NO_VALUES, why)) {
        store_rollback(s);
        return false;
    }
    s->is_writing = false;
    spool_keep(&s->spool);
    spool_keep(&s->inbound);
    if (!s->is_soft)
        unlink_bodies(s);
    return true;
}

void store_rollback(struct store *s)
{
    if (!s->is_writing)
        return;
    s->is_writing = false;
    /* SQLite has already rolled back by itself after some errors. */
    if (!sqlite3_get_autocommit(s->db) && !sqlite_write(s, SQL_ROLLBACK, NO_VALUES, NULL))
        log_error("store.rollback", LOG_TEXT("text", sqlite3_errmsg(s->db)));
    spool_undo(&s->spool);
    spool_undo(&s->inbound);
    map_clear(s->mailboxes); /* a number that was made in this transaction is gone */
}

void store_checkpoint(struct store *s, bool is_idle)
{
    if (s->is_writing || s->wal_pages == 0 || (!is_idle && s->wal_pages < WAL_PAGES))
        return;
    int moved = 0, pages = 0;
    if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved) == SQLITE_OK &&
        moved == pages) {
        s->wal_pages = 0;
        unlink_bodies(s);
    }
}

bool store_probe(struct store *s, struct fault *why)
{
    uint64_t count = store_fact_get(s, "probe");
    if (store_begin(s, why) && store_fact_put(s, "probe", count + 1, why) && store_commit(s, why))
        return true;
    store_rollback(s);
    return false;
}
