/* sandbox/mailboxes_private.h - shared by the files that keep mailboxes. */
#ifndef SANDBOX_MAILBOXES_PRIVATE_H
#define SANDBOX_MAILBOXES_PRIVATE_H

#include "sandbox/mailboxes.h"

struct mailboxes {
    mailboxes_journal_fn *journal;
    void *ctx;
    struct map *by_address; /* lower case -> struct list of folders */
    struct list gone;       /* deleted folders, for those who still look at them */
    uint32_t next_validity;
};

/* mailboxes.c */
/* The folders of a mailbox as they are; made empty when `is_new` is not NULL, which then says so. NULL: none. */
struct list *mailboxes_of(struct mailboxes *b, const char *address, bool *is_new);
void mailboxes_make_built_in(struct mailboxes *b, struct list *folders, const char *address);
struct mailfolder *mailfolder_make(struct mailboxes *b, struct list *folders, const char *address, const char *name);
struct mailfolder *mailfolder_find_in(struct list *folders, const char *name);
void mailfolder_tell(struct mailfolder *f, const char *op, json_t *more /* taken */); /* the journal */
void mailfolder_bury(struct mailfolder *f);
void mailfolder_rename_tree(struct mailfolder *f, const char *name);

/* mailfolder.c */
void mailfolder_changed(struct mailfolder *f);
void mailfolder_append(struct mailfolder *f, struct mailitem item);
void mailfolder_take_out(struct mailfolder *f, const uint32_t *uids /* ascending */, size_t count);

#endif
