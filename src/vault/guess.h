/* vault/guess.h - is what was typed the password behind one of these hashes? One line for all who sign in with a password.
 *
 * Seen before: answered at once. Else the Argon2id work is done one hash at a time beside the loop (hasher.h), in a bounded line. A name that nobody
 * has costs the same work and gets the same answer as a wrong password. Wrong ones are counted per name and address, and per
 * address: past a limit new ones are not looked at for a while; one that is known to be right always passes. */
#ifndef VAULT_GUESS_H
#define VAULT_GUESS_H

#include "base/list.h"
#include "loop/loop.h"
#include "vault/password.h"

#define GUESS_HASHES 16
#define GUESS_RETRY_S 300 /* after that half of the wrong ones are forgotten */

struct guesses;
struct guess;

enum guess_outcome { GUESS_RIGHT, GUESS_WRONG, GUESS_THROTTLED, GUESS_BUSY };

struct guess_end {
    enum guess_outcome outcome;
    size_t which;      /* right: of those that hashes() gave last */
    uint32_t delay_ms; /* wrong: answer the client only after this long */
};

/* Whose passwords they are. */
struct guess_owner {
    void *self;
    enum password_cost cost; /* of the work for a name that nobody has */
    /* The hashes it may be, as things stand now; returns how many. NULL in their place: no password is stored, so it is wrong. */
    size_t (*hashes)(void *self, const struct guess *g, const char *out[GUESS_HASHES]);
    void (*ended)(void *self, const struct guess *g, const struct guess_end *end); /* once; then it is freed */
};

/* Must stand first in a block of its own from mem_alloc(), which is taken. All texts are taken, too. */
struct guess {
    struct list node;
    const struct guess_owner *owner; /* lent */
    char *user;                      /* who it says to be, one spelling for all; names of several owners must differ */
    char *host;                      /* where it comes from */
    struct secret *typed;
    const void *asker; /* and */
    uint64_t tag;      /* which of its questions */
};

struct guesses *guesses_new(struct loop *l);
void guesses_free(struct guesses *all); /* takes NULL; open ones are dropped */
void guesses_ask(struct guesses *all, struct guess *g);
void guesses_cancel(struct guesses *all, const void *asker, uint64_t tag); /* that one is dropped */
void guesses_forget_asker(struct guesses *all, const void *asker);
void guesses_forget_owner(struct guesses *all, const struct guess_owner *owner);

#endif
