/* sandbox/mailboxes.h - folders of mailboxes, and what stands in them: UIDs, flags, dates. The bytes are the mailstore's.
 *
 * Everything here is in memory; each change is also told to a journal (one JSON object each), which mailboxes_replay() takes
 * back. Folder names are UTF-8 with '/' between levels; INBOX has no case. A folder's items ascend by UID, and looking one
 * up costs a binary search. A folder that was deleted stays readable (and empty) for those who still hold it. */
#ifndef SANDBOX_MAILBOXES_H
#define SANDBOX_MAILBOXES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "sandbox/tenant.h"

enum mail_flag {
    MAIL_SEEN = 1,
    MAIL_ANSWERED = 2,
    MAIL_FLAGGED = 4,
    MAIL_DELETED = 8,
    MAIL_DRAFT = 16,
    MAIL_MDN_SENT = 32,
};

struct mailboxes;

struct mailitem {
    uint32_t uid;
    unsigned flags;      /* of enum mail_flag */
    uint64_t id, size;   /* the message's number in the mailstore, and its octets */
    int64_t received_ms; /* INTERNALDATE */
};

struct mailfolder {
    struct mailboxes *all;
    struct list node;
    struct list watches;
    char *mailbox, *name; /* the address in lower case */
    uint32_t validity, next_uid, recent_from;
    uint64_t version; /* another number after every change */
    bool is_subscribed, is_gone;
    bool is_built_in; /* can't be deleted or renamed */
    struct mailitem *items;
    size_t count, room;
};

/* Called at every change of the folder, from inside of whatever changed it: take note, and act at the end of the turn. */
typedef void mailfolder_changed_fn(void *ctx);
struct mailfolder_watch {
    struct list node;
    mailfolder_changed_fn *fn;
    void *ctx;
};

typedef void mailboxes_journal_fn(void *ctx, json_t *line /* taken */);
struct mailboxes *mailboxes_new(mailboxes_journal_fn *journal, void *ctx);
void mailboxes_free(struct mailboxes *b); /* takes NULL */
/* A line of the journal; false: none of ours. A message's own line places it by its `folders`. */
bool mailboxes_replay(struct mailboxes *b, const json_t *line);
/* All was replayed: makes what a mailbox of an older journal lacks. */
void mailboxes_replayed(struct mailboxes *b);
/* Tells the journal of every folder as it stands, for a fresh one. */
void mailboxes_rewrite(struct mailboxes *b);
/* Takes out every item; folders and their UIDNEXT stay. */
void mailboxes_clear(struct mailboxes *b);

/* NULL: no such folder. The built-in ones are made when a mailbox is first looked at. */
struct mailfolder *mailfolder_find(struct mailboxes *b, const char *address, const char *name);
/* Makes it, and those above it, if need be. */
struct mailfolder *mailfolder_ensure(struct mailboxes *b, const char *address, const char *name);
/* In the order of making; the list of struct mailfolder.node. Lent until folders change. */
struct list *mailboxes_folders(struct mailboxes *b, const char *address);
bool mailfolder_has_children(struct mailfolder *f);
/* With everything below. False: built in. */
bool mailfolder_delete(struct mailfolder *f);
/* With everything below; INBOX gives its mail and stays. False: built in, or the name is taken. */
bool mailfolder_rename(struct mailfolder *f, const char *name);
void mailfolder_subscribe(struct mailfolder *f, bool on);
/* All UIDs anew, with another UIDVALIDITY: as after a mailbox was moved or restored. */
void mailfolder_renumber(struct mailfolder *f);

/* First index whose UID is `uid` or more; f->count: none. */
size_t mailfolder_index(const struct mailfolder *f, uint32_t uid);
struct mailitem *mailfolder_item(const struct mailfolder *f, uint32_t uid); /* NULL: none; lent until the next change */
/* The next UID without using it up is f->next_uid. `is_told`: whether the journal is told, or has it in another line. */
uint32_t mailfolder_add(struct mailfolder *f, struct mailitem like /* without uid */, bool is_told);
void mailfolder_set_flags(struct mailfolder *f, struct mailitem *item, unsigned flags);
void mailfolder_remove(struct mailfolder *f, const uint32_t *uids, size_t count); /* ascending */

void mailfolder_watch(struct mailfolder *f, struct mailfolder_watch *w);
void mailfolder_unwatch(
    struct mailfolder_watch *w); /* harmless when it watches nothing, but was zeroed or watched once */

/* "\Seen" and so on; 0: none that is kept. */
unsigned mail_flag_of(const char *name, size_t size);
const char *mail_flag_name(unsigned flag); /* one bit; NULL: none */
json_t *mail_flags_json(unsigned flags);   /* given */
unsigned mail_flags_of_json(const json_t *names);

#endif
