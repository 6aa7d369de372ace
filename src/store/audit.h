/* store/audit.h - who changed what and who came in, newest first. Part of store/store.h: its transactions, faults and ownership hold
 * here too. A line stands in the transaction of the change that it tells of. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "store/store.h"

struct store_audit {
    uint64_t id; /* set by the store; in order of writing */
    int64_t time;
    const char *who_kind, *who, *host; /* "operator", "anna", "192.0.2.7" */
    const char *action, *kind, *key;   /* "patch", "mailbox", "info@example.org" */
    const char *changes;               /* JSON */
};

struct store_audit_filter {
    uint64_t before;              /* only lines older than this one; 0: all */
    int64_t since;                /* only those of this time on */
    const char *who, *kind, *key; /* "" : any */
    uint32_t limit;
};

bool store_audit_add(struct store *s, const struct store_audit *line, struct fault *why);
typedef void store_audit_fn(void *ctx, const struct store_audit *line); /* lent for the call */
bool store_audit_list(struct store *s, const struct store_audit_filter *filter, store_audit_fn *each, void *ctx,
                      struct fault *why);
bool store_audit_prune(struct store *s, int64_t before, uint32_t most, size_t *removed, struct fault *why);

#endif
