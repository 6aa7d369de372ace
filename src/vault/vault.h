/* vault/vault.h - the sealed record store: what must survive a restart and must not be read by anyone else.
 *
 * One file per record in {state}/vault/<generation>/, named by kind and name. A random data key per generation seals the
 * records and is itself sealed under the master key in key.sealed; the file `current` names the generation in force.
 *
 * Promises: a put is on the disk when it returns true, and the old value is whole if it returns false. A wrong master key,
 * a missing `current` or a damaged key refuses the whole vault (finding "vault.key" or "vault.damaged") and changes nothing;
 * a damaged record refuses itself alone. Nothing here is ever re-initialised over existing records. One process at a time. */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "base/bytes.h"
#include "base/fault.h"
#include "base/secret.h"
#include "vault/disk.h"
#include "vault/master.h"

#define VAULT_RECORD_LIMIT (128u << 10)

/* Kinds in use. Names are object names or addresses, compared as they are: callers lower-case them. */
#define VAULT_REGISTRATION_SECRET "secret"
#define VAULT_REGISTRATION_CERTIFICATE "certificate"
#define VAULT_MAILBOX_PASSWORD "password"
#define VAULT_GRANT "grant"
#define VAULT_APP_GRANT "appgrant"
#define VAULT_APP_PASSWORD "app"
#define VAULT_ENDPOINT_KEY "endpoint"
#define VAULT_LINK_KEY "link"
#define VAULT_OWNER_LINK "owner"
#define VAULT_OPERATOR_PASSWORD "operator"
#define VAULT_API_KEY "apikey"

struct vault;

/* `path` is {state}/vault; made if it is missing. `key` is taken, even on failure. A first open makes the vault; a later one
 * finishes or undoes what a stopped vault_rekey() left. NULL with a fault. */
struct vault *vault_open(const char *path, struct master_key *key, struct fault *why);
void vault_free(struct vault *v); /* takes NULL */

bool vault_put(struct vault *v, const char *kind, const char *name, struct bytes plain, struct fault *why);
/* *plain is given, and NULL when there is no such record. False: the record is there, but refused. */
bool vault_get(struct vault *v, const char *kind, const char *name, struct secret **plain, struct fault *why);
bool vault_remove(struct vault *v, const char *kind, const char *name, struct fault *why); /* missing is done */

/* Every record of a kind, in any order; nothing may be put or removed meanwhile. `plain` is lent, and NULL for a damaged
 * record: then `name` is its file and `bad` says what is wrong with it. */
typedef void vault_each_fn(void *ctx, const char *name, const struct secret *plain, const struct fault *bad);
bool vault_each(struct vault *v, const char *kind, vault_each_fn *each, void *ctx, struct fault *why);

/* Seals every record anew under a fresh data key and `next` (lent; SEAL_KEY_SIZE bytes). The new generation is complete and
 * synced before `current` is switched; the old one is wiped afterwards. Whenever the machine stops, the old or the new key
 * opens everything. A damaged record refuses the change, by name. */
bool vault_rekey(struct vault *v, const struct secret *next, struct fault *why);
const char *vault_key_source(const struct vault *v); /* for people */
bool vault_key_is_file(const struct vault *v);       /* then the new key is written there by vault_rekey() */

/* For tests: asked before every step that touches the disk (vault/disk.h). */
void vault_on_step(struct vault *v, disk_step_fn *step, void *ctx);

#endif
