/* vault/vault_private.h - shared by the files of this room. */
#ifndef VAULT_VAULT_PRIVATE_H
#define VAULT_VAULT_PRIVATE_H

#include <limits.h>

#include "vault/vault.h"

#define GENERATION_SIZE 17 /* 16 hexadecimal digits and a NUL */

struct vault {
    char *path;
    int root;      /* {state}/vault; locked */
    int directory; /* the generation's */
    char generation[GENERATION_SIZE];
    struct secret *data_key;
    struct master_key *master;
    struct disk disk;
};

/* A generation that is being written; not in force yet. */
struct generation {
    char id[GENERATION_SIZE];
    int directory;
    struct secret *data_key;
};

bool generation_make(struct vault *v, const struct secret *master, struct generation *g, struct fault *why);
/* Makes it the vault's own once `current` names it. Takes what `g` holds when true. */
bool generation_switch(struct vault *v, struct generation *g, struct fault *why);
void generation_close(struct generation *g);
/* Wipes a generation's directory; the key first, so that a stop in between leaves nothing readable. */
bool generation_wipe(struct vault *v, const char *id, struct fault *why);
bool generation_is_name(const char *name);
/* Reads `current`; id is "" when there is none. */
bool generation_current(struct vault *v, char id[GENERATION_SIZE], struct fault *why);

bool record_is_file(const char *file); /* ends in .sealed and is not the key */
bool record_read(int directory, const char *file, struct buf *sealed, bool *is_there, struct fault *why);

#endif
