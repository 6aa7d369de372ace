/* sandbox/switches.h - everything about the sandbox that can be changed while it runs, as one table.
 *
 * `sandbox set`, `--list`, the page, the API and the manual read the same rows. A row with keys ("smtp.auth-mailbox") holds one
 * value per key and one for all the others; it is set by KEY=VALUE, or VALUE for all. A value may be given for a number of
 * uses: after them the row's initial value is back. Rows that stand for an administrator's change obey `propagation`. */
#ifndef SANDBOX_SWITCHES_H
#define SANDBOX_SWITCHES_H

#include <jansson.h>

#include "base/fault.h"
#include "loop/loop.h"

enum switch_id {
    SWITCH_AUTO_CONSENT,
    SWITCH_AUTO_DEVICE,
    SWITCH_AUTO_USER,
    SWITCH_CONSENT_POLICY,
    SWITCH_CONSENT_REMOVE,
    SWITCH_CODE_LIFETIME,
    SWITCH_TOKEN_LIFETIME,
    SWITCH_TOKEN_SIZE,
    SWITCH_REFRESH_LIFETIME,
    SWITCH_REFRESH_ROTATE,
    SWITCH_SCOPE_ECHO,
    SWITCH_DEVICE_LIFETIME,
    SWITCH_DEVICE_INTERVAL,
    SWITCH_DEVICE_SLOW_DOWN,
    SWITCH_REVOKE,
    SWITCH_USER_STATE,
    SWITCH_CLIENT_STATE,
    SWITCH_CLIENT_SECRET,
    SWITCH_CLIENT_ROLES,
    SWITCH_CERTIFICATE,
    SWITCH_CERTIFICATE_AUTO,
    SWITCH_JWKS_ROLLOVER,
    SWITCH_ID_TOKEN_LIE,
    SWITCH_ID_TOKEN_GROUPS,
    SWITCH_IDP_FAULT,
    SWITCH_IDP_FAULT_AT,
    SWITCH_IDP_RETRY_AFTER,
    SWITCH_IDP_DELAY,
    SWITCH_TOKEN_ERROR,
    SWITCH_TOKEN_CLAIMS,
    SWITCH_ERROR_TAIL,
    SWITCH_NUMBERS,
    SWITCH_SMTP_AUTH_TENANT,
    SWITCH_SMTP_AUTH_MAILBOX,
    SWITCH_SMTP_AUTH_ORDER,
    SWITCH_SMTP_LOGIN,
    SWITCH_SMTP_CHALLENGE,
    SWITCH_SMTP_INITIAL_RESPONSE,
    SWITCH_SMTP_AUTH_FAILURES,
    SWITCH_SMTP_LINE,
    SWITCH_SMTP_STARTTLS,
    SWITCH_SMTP_CERTIFICATE,
    SWITCH_SMTP_WITHOUT,
    SWITCH_SMTP_TARPIT,
    SWITCH_SMTP_IDLE,
    SWITCH_SMTP_LIMITS,
    SWITCH_SMTP_CONNECTIONS,
    SWITCH_SMTP_CONNECTIONS_AT,
    SWITCH_SMTP_RATE,
    SWITCH_SMTP_RECIPIENTS,
    SWITCH_SMTP_RECIPIENTS_PER_DAY,
    SWITCH_SMTP_SIZE,
    SWITCH_MAILBOX_SIZE,
    SWITCH_MAILBOX_STATE,
    SWITCH_SMTP_SHARED_USER,
    SWITCH_SEND_AS,
    SWITCH_SEND_AS_REPLY,
    SWITCH_SEND_FROM_ALIAS,
    SWITCH_THROTTLE_AFTER,
    SWITCH_THROTTLE_TIME,
    SWITCH_THROTTLE,
    SWITCH_SERVICE_PRINCIPAL,
    SWITCH_MAILBOX_PERMISSION,
    SWITCH_RBAC,
    SWITCH_SMTP_BARE_LF,
    SWITCH_SMTP_INJECT,
    SWITCH_SENT_ITEMS,
    SWITCH_IMAP_GENERATION,
    SWITCH_IMAP_ENABLED,
    SWITCH_IMAP_STATE,
    SWITCH_IMAP_NOT_CONNECTED,
    SWITCH_IMAP_LOGIN,
    SWITCH_IMAP_CHALLENGE,
    SWITCH_IMAP_PLUS,
    SWITCH_IMAP_EXPIRY,
    SWITCH_IMAP_THROTTLE,
    SWITCH_IMAP_CONNECTIONS,
    SWITCH_IMAP_AUTH_FAILURES,
    SWITCH_IMAP_BAD_COMMANDS,
    SWITCH_IMAP_IDLE,
    SWITCH_IMAP_SLOW,
    SWITCH_IMAP_CERTIFICATE,
    SWITCH_IMAP_STARTTLS,
    SWITCH_IMAP_WITHOUT,
    SWITCH_IMAP_SIZE,
    SWITCH_IMAP_APPEND_SIZE,
    SWITCH_IMAP_INJECT,
    SWITCH_POP3_GENERATION,
    SWITCH_POP3_ENABLED,
    SWITCH_POP3_STATE,
    SWITCH_POP3_LOGIN,
    SWITCH_POP3_CHALLENGE,
    SWITCH_POP3_BLOB,
    SWITCH_POP3_BLOB_SIZE,
    SWITCH_POP3_EXPIRY,
    SWITCH_POP3_CONNECTIONS,
    SWITCH_POP3_AUTH_FAILURES,
    SWITCH_POP3_BAD_COMMANDS,
    SWITCH_POP3_IDLE,
    SWITCH_POP3_SLOW,
    SWITCH_POP3_CERTIFICATE,
    SWITCH_POP3_STLS,
    SWITCH_POP3_WITHOUT,
    SWITCH_POP3_INJECT,
    SWITCH_MAILBOX_RENUMBER,
    SWITCH_PROPAGATION,
    SWITCH_RESET,
    SWITCH_COUNT
};

enum switch_type {
    SWITCH_CHOICE,   /* one of `values`, separated by '|' */
    SWITCH_CHOICES,  /* any of `values`, separated by ',', or "none" */
    SWITCH_NUMBER,   /* within "LOW..HIGH" */
    SWITCH_DURATION, /* "90d", "10m", "30" (seconds) */
    SWITCH_SIZE,     /* "35M" */
    SWITCH_TEXT,
    SWITCH_ACTION, /* done at once, keeps no value */
};

enum { SWITCH_KEYED = 1, SWITCH_PROPAGATES = 2, SWITCH_COUNTED = 4 /* may be set for a number of uses */ };

struct switch_row {
    const char *name;
    enum switch_type type;
    unsigned flags;
    const char *values; /* per type; for SWITCH_TEXT and SWITCH_ACTION a description */
    const char *initial;
    const char *text; /* one sentence */
};

extern const struct switch_row switch_rows[SWITCH_COUNT];

struct switches;

struct switches *switches_new(struct loop *loop /* lent */);
void switches_free(struct switches *s); /* takes NULL */

/* The value now in force; lent until the next change. */
const char *switches_text(struct switches *s, enum switch_id id);
bool switches_is(struct switches *s, enum switch_id id, const char *value);
uint64_t switches_number(struct switches *s, enum switch_id id); /* durations in seconds, sizes in bytes */
/* For keyed rows: the key's own value, else the one for all. Keys compare without case. */
const char *switches_keyed(struct switches *s, enum switch_id id, const char *key);
/* As switches_text(), and counts one use of a value that was given for a number of uses. */
const char *switches_take(struct switches *s, enum switch_id id);

/* Called for SWITCH_ACTION rows, and for injections, instead of keeping a value. May refuse. */
typedef bool switches_action_fn(void *ctx, enum switch_id id, const char *value, uint64_t uses, struct fault *why);
void switches_on_action(struct switches *s, switches_action_fn *fn, void *ctx);

/* `uses` 0: until changed; otherwise for SWITCH_COUNTED rows only. The fault names the switches or values that come near. */
bool switches_set(struct switches *s, const char *name, const char *value, uint64_t uses, struct fault *why);
/* Every value as at the start, at once. */
void switches_reset(struct switches *s);
/* Index into switch_rows, or SWITCH_COUNT with a fault that names those that come near. */
enum switch_id switches_find(const char *name, struct fault *why);
/* {name, value, initial, values, text, keys: {…}, uses?, pending?} ; given */
json_t *switches_json(struct switches *s, enum switch_id id);
/* Is `value` one that the row allows? Pure; for tests and for `set`. */
bool switch_allows(const struct switch_row *row, const char *value, struct fault *why);

#endif
