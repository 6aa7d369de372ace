/* object/directory.h - a role's copy of all objects, kept by messages from the queue role (which owns the store).
 *
 * Look-ups are by name or address without case. Pointers are lent until the next directory_apply(). */
#ifndef OBJECT_DIRECTORY_H
#define OBJECT_DIRECTORY_H

#include "object/object.h"

struct directory;

struct directory *directory_new(void); /* holds the built-in providers */
void directory_free(struct directory *d);
/* Takes one object in (replacing one of the same key), or out when `json` is NULL. A built-in provider comes back when its
 * replacement is taken out. False leaves the directory as it was. Checks the object alone, not its references. */
bool directory_apply(struct directory *d, enum object_kind kind, const char *key, const json_t *json,
                     struct fault *why);
/* The same with an object as another role's message brings it: a number that may be no kind, a text that may be no JSON. NULL
 * takes it out. */
bool directory_apply_text(struct directory *d, uint32_t kind, const char *key, const char *json, struct fault *why);
/* Would this change leave every reference whole (registration's provider, mailbox's registration, app's mailboxes, endpoint's
 * mailbox, key's mailboxes; nothing still refers to what is removed)? The fault says what to do first. */
bool directory_check(const struct directory *d, enum object_kind kind, const char *key, const json_t *json,
                     struct fault *why);

const struct provider *directory_provider(const struct directory *d, const char *name);
const struct registration *directory_registration(const struct directory *d, const char *name);
const struct mailbox *directory_mailbox(const struct directory *d, const char *address); /* by its own address only */
const struct app *directory_app(const struct directory *d, const char *name);
const struct endpoint *directory_endpoint(const struct directory *d, const char *name);
const struct console_operator *directory_operator(const struct directory *d, const char *name);
const struct console_operator *directory_operator_by_entra(const struct directory *d, const char *user);
const struct api_key *directory_key(const struct directory *d, const char *name);
/* The object of that kind and key, NULL if there is none. */
const void *directory_find(const struct directory *d, enum object_kind kind, const char *key);
/* The app whose range holds this host (the longest prefix wins), or NULL. */
const struct app *directory_app_by_host(const struct directory *d, const char *host, uint32_t protocol);
/* The provider of a mailbox, through its registration or its own; NULL if that is gone. */
const struct provider *directory_provider_of(const struct directory *d, const struct mailbox *m);
/* Provider's values with the mailbox's overrides laid over. */
struct object_server directory_server_of(const struct directory *d, const struct mailbox *m, uint32_t protocol);
struct object_limits directory_limits_of(const struct directory *d, const struct mailbox *m);

/* By which protocol the endpoint's folder is watched: OBJECT_IMAP or OBJECT_POP3. 0: its mailbox is gone, or has that one switched off. */
uint32_t directory_watch_of(const struct directory *d, const struct endpoint *e);

typedef bool directory_each_fn(void *ctx, const void *object); /* false stops */
void directory_each(const struct directory *d, enum object_kind kind, directory_each_fn *fn, void *ctx);

#endif
