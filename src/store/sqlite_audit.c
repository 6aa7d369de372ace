#include "store/audit.h"

#include <assert.h>

#include "store/sqlite_private.h"

bool store_audit_add(struct store *s, const struct store_audit *l, struct fault *why)
{
    assert(s->is_writing);
    return sqlite_write(s, SQL_AUDIT_ADD,
                        VALUES(NUMBER(l->time), TEXT(l->who_kind), TEXT(l->who), TEXT(l->host), TEXT(l->action),
                               TEXT(l->kind), TEXT(l->key), TEXT(l->changes)),
                        why);
}

bool store_audit_list(struct store *s, const struct store_audit_filter *f, store_audit_fn *each, void *ctx,
                      struct fault *why)
{
    uint64_t before = f->before ? f->before : INT64_MAX;
    sqlite3_stmt *q = sqlite_query(
        s, SQL_AUDIT_LIST,
        VALUES(NUMBER(before), NUMBER(f->since), TEXT(f->who), TEXT(f->kind), TEXT(f->key), NUMBER(f->limit)), why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE) {
        struct store_audit line = {
            (uint64_t)sqlite3_column_int64(q, 0),
            sqlite3_column_int64(q, 1),
            sqlite_text(q, 2),
            sqlite_text(q, 3),
            sqlite_text(q, 4),
            sqlite_text(q, 5),
            sqlite_text(q, 6),
            sqlite_text(q, 7),
            sqlite_text(q, 8),
        };
        each(ctx, &line);
    }
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

bool store_audit_prune(struct store *s, int64_t before, uint32_t most, size_t *removed, struct fault *why)
{
    assert(s->is_writing);
    bool ok = sqlite_write(s, SQL_AUDIT_PRUNE, VALUES(NUMBER(before), NUMBER(most)), why);
    *removed = ok ? (size_t)sqlite3_changes(s->db) : 0;
    return ok;
}
