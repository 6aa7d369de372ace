/* vault/master.h - the master key: where it comes from, and how a new one takes its place.
 *
 * 32 bytes, raw or as base64 text, from a file (made at the first run), a systemd credential (postern.key) or standard input.
 * A file that others may read is refused. A key file is changed by staging "<file>.next" beside it and renaming: whichever
 * moment the machine stops at, one of the two opens the vault, and vault_open() finishes what was begun. */
#ifndef VAULT_MASTER_H
#define VAULT_MASTER_H

#include "base/fault.h"
#include "base/secret.h"
#include "vault/disk.h"

struct master_key {
    struct secret *key;
    struct secret *staged;            /* from "<file>.next", or NULL */
    char *file;                       /* NULL: not a file */
    bool is_rename_owed;              /* the key in force still stands in "<file>.next" */
    char source[FAULT_TEXT_SIZE / 2]; /* for people: "the file /var/lib/postern/master.key" */
};

/* `source` as in conf.master_key.source. `vault` is the vault's directory: a missing key file is made only while that holds no
 * vault. Call before root is dropped. NULL with a fault (id "vault.key") otherwise. */
struct master_key *master_key_read(const char *source, const char *file, const char *vault, struct fault *why);
/* 32 bytes or their base64 text, with white space around it. */
struct secret *master_key_parse(struct bytes text, struct fault *why);
void master_key_free(struct master_key *m); /* takes NULL */

/* For files; the others have nothing to stage and answer true. `next` is lent. Refused while a rename is owed and still fails:
 * the key in force must never be overwritten by the next one. */
bool master_key_stage(struct master_key *m, const struct disk *d, const struct secret *next, struct fault *why);
/* The staged key becomes the key in memory, and in its file. */
bool master_key_commit(struct master_key *m, const struct disk *d, struct fault *why);
bool master_key_unstage(struct master_key *m, const struct disk *d, struct fault *why);

#endif
