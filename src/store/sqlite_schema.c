/* The schema's number in the file against the migrations in the program: forward in one transaction, never back. */
#include "store/sqlite_private.h"

#define APPLICATION_ID 0x5073746e /* "Pstn", so that file(1) and we know our own */

static bool pragma(struct store *s, const char *sql, int64_t *out, struct fault *why)
{
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW;
    if (ok)
        *out = sqlite3_column_int64(q, 0);
    else
        sqlite_fault(s, why, "the store cannot be read");
    sqlite3_finalize(q);
    return ok;
}

static int newest(void)
{
    int number = 0;
    for (const struct sqlite_migration *m = sqlite_migrations; m->number; m++)
        number = m->number;
    return number;
}

static bool run_from(struct store *s, int64_t version, struct fault *why)
{
    for (const struct sqlite_migration *m = sqlite_migrations; m->number; m++)
        if (m->number > version && sqlite3_exec(s->db, m->sql, NULL, NULL, NULL) != SQLITE_OK)
            return sqlite_fault(s, why, "the schema cannot be brought up to date; nothing was changed");
    char *sql = sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, newest());
    bool ok = sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_free(sql);
    return ok || sqlite_fault(s, why, "the schema's number cannot be written; nothing was changed");
}

bool sqlite_recognise(struct store *s, struct fault *why)
{
    int64_t application = 0, version = 0, tables = 0;
    if (!pragma(s, "PRAGMA application_id", &application, why) || !pragma(s, "PRAGMA user_version", &version, why) ||
        !pragma(s, "SELECT count(*) FROM sqlite_schema", &tables, why))
        return false;
    if (tables > 0 && application != APPLICATION_ID)
        return fault_set(
            why, FAULT_LOCAL, "store.foreign",
            "%s is some other program's database; nothing was changed: move it away or name another state directory",
            s->path);
    if (version > newest())
        return fault_set(
            why, FAULT_LOCAL, "store.newer",
            "%s has schema %lld, this program knows up to %d: it was used by a newer Postern; run that one, or"
            " bring back the copy made before the upgrade",
            s->path, (long long)version, newest());
    return true;
}

bool sqlite_migrate(struct store *s, struct fault *why)
{
    int64_t version = 0;
    if (!pragma(s, "PRAGMA user_version", &version, why))
        return false;
    if (version == newest())
        return true;
    if (!store_begin(s, why))
        return false;
    if (run_from(s, version, why) && store_commit(s, why))
        return true;
    store_rollback(s);
    return false;
}
