/* object/object.h - the nouns an administrator sets up: provider, registration, mailbox, app, endpoint;
 * and who may sign in to the console and the API beside the apps: operator (a person), key (a program).
 *
 * Plain data with no secrets in it: secrets live in the vault under the object's name. Each kind has one table of fields
 * (object/fields.c) from which JSON, YAML, validation, help and the manual are made; JSON keys use '_', YAML '-', both are read.
 * Texts are never NULL (absent is ""). Objects are made by object_from_json() in an arena and never change afterwards. */
#ifndef OBJECT_OBJECT_H
#define OBJECT_OBJECT_H

#include <jansson.h>

#include "base/arena.h"
#include "base/fault.h"

/* The numbers stand in the store: new kinds go to the end. */
enum object_kind {
    OBJECT_PROVIDER,
    OBJECT_REGISTRATION,
    OBJECT_MAILBOX,
    OBJECT_APP,
    OBJECT_ENDPOINT,
    OBJECT_OPERATOR,
    OBJECT_KEY,
    OBJECT_KINDS
};
enum object_tls { OBJECT_TLS_DEFAULT, OBJECT_TLS_NONE, OBJECT_TLS_STARTTLS, OBJECT_TLS_IMPLICIT };
enum object_sasl {
    OBJECT_SASL_DEFAULT,
    OBJECT_SASL_XOAUTH2,
    OBJECT_SASL_OAUTHBEARER,
    OBJECT_SASL_PLAIN,
    OBJECT_SASL_LOGIN,
    OBJECT_SASL_NONE, /* a relay that asks for no sign-in */
};
enum object_grant { OBJECT_GRANT_CODE, OBJECT_GRANT_DEVICE, OBJECT_GRANT_APP, OBJECT_GRANT_BASIC, OBJECT_GRANT_NONE };
enum object_credential { OBJECT_CREDENTIAL_SECRET, OBJECT_CREDENTIAL_CERTIFICATE, OBJECT_CREDENTIAL_NONE };
enum object_protocol { OBJECT_SMTP = 1, OBJECT_IMAP = 2, OBJECT_POP3 = 4, OBJECT_HTTP = 8 }; /* a set */

#define OBJECT_LIST_MOST 256 /* entries of any list */

struct object_server {
    const char *host; /* "" in a mailbox: the provider's */
    uint32_t port;    /* 0 likewise */
    enum object_tls tls;
    enum object_sasl sasl;
    bool initial_response; /* send the token with AUTH instead of in the second step */
};

struct object_limits {
    uint32_t connections; /* at one time per mailbox; 0: unlimited, here and below */
    uint32_t messages_per_minute;
    uint32_t recipients_per_day;
    uint32_t recipients_per_message; /* more are split over several transactions */
    uint32_t size_mb;
};

struct provider {
    const char *name, *title;
    bool is_builtin;
    const char *issuer; /* "{tenant}" stands for the registration's tenant, here and in the endpoints */
    /* "" : from discovery at {issuer}/.well-known/openid-configuration */
    const char *authorize, *token, *device, *jwks;
    const char *authorize_extra; /* query text to append, e.g. "access_type=offline&prompt=consent" */
    const char *scope_smtp, *scope_imap, *scope_pop3, *scope_app, *scope_common;
    struct object_server smtp, imap, pop3;
    struct object_limits limits;
    const char *ca_file; /* "" : the system's store */
};

struct registration {
    const char *name, *provider, *tenant, *client_id;
    enum object_credential credential;
    const char *secret_expires; /* "2027-05-01" or "" */
    const char *redirect_uri;   /* "" : http://localhost:{port}/ */
    /* Certificate: public part and facts, filled in by the vault when it made or took the key. */
    const char *certificate_pem, *certificate_sha256, *certificate_expires;
    const char *certificate_sha1; /* as Entra shows it */
};

struct mailbox {
    const char *address, *registration, *provider; /* registration "" with basic and none */
    enum object_grant grant;
    const char *user;     /* who signs in; "" : the address. With a shared mailbox: the delegate */
    const char **aliases; /* own other addresses; may be sent as */
    size_t aliases_count;
    const char **shared; /* others' addresses that this sign-in holds SendAs on */
    size_t shared_count;
    uint32_t protocols;                    /* of enum object_protocol; 0: smtp, imap and pop3 */
    struct object_server smtp, imap, pop3; /* overrides */
    struct object_limits limits;           /* overrides where not 0 */
    bool is_paused;
};

struct app {
    const char *name;
    const char **mailboxes; /* at least one; the first is the default way out */
    size_t mailboxes_count;
    uint32_t allow;    /* of enum object_protocol; 0: all */
    const char **from; /* CIDR ranges known without a sign-in */
    size_t from_count;
    bool only_from;    /* ranges let nobody in by themselves: the password is needed, and works from there only */
    bool has_password; /* false: by address alone */
    const char *force_sender; /* "" or an address of the mailbox: envelope and From are rewritten to it */
    bool any_sender;          /* may use any sender; Microsoft decides (discouraged) */
};

/* How a folder is watched. */
enum endpoint_watch {
    ENDPOINT_WATCH_DEFAULT, /* idle, or pop3 where the mailbox has no IMAP */
    ENDPOINT_WATCH_IDLE,    /* IMAP IDLE, with polling as safety net */
    ENDPOINT_WATCH_POLL,    /* IMAP, every poll_s seconds */
    ENDPOINT_WATCH_POP3,    /* POP3, every poll_s seconds; the folder is the inbox */
};
enum endpoint_kind { ENDPOINT_KEEP, ENDPOINT_WEBHOOK, ENDPOINT_COMMAND, ENDPOINT_MAILDIR, ENDPOINT_LMTP };
/* What becomes of the message at the provider once it was handed over. */
enum endpoint_after { ENDPOINT_AFTER_SEEN, ENDPOINT_AFTER_MOVE, ENDPOINT_AFTER_DELETE, ENDPOINT_AFTER_LEAVE };

struct endpoint {
    const char *name, *mailbox;
    const char *folder; /* in UTF-8, levels parted by "/"; "" : INBOX */
    enum endpoint_watch watch;
    uint32_t poll_s;      /* between looks; 0: 60 */
    bool include_old;     /* mail that is there at the first start is handed over too */
    bool drop_duplicates; /* a Message-ID that was handed over before is not handed over again */
    bool is_paused;
    struct {
        const char *sender, *recipient, *subject; /* any part, without case; "*" stands for anything; "" : all */
        const char *header;                       /* "List-Id: *.example.org", or "X-Flag" alone: it is there */
        uint32_t larger_kb, smaller_kb;           /* 0: no bound */
    } filter;
    enum endpoint_kind kind;
    struct {
        const char *url, *ca_file; /* "" : the system's store */
        uint32_t inline_kb;        /* attachments up to this stand in the JSON; larger ones by reference. 0: 256 */
    } webhook;
    struct {
        const char *path; /* absolute; never through a shell */
        const char **arguments;
        size_t arguments_count;
        uint32_t timeout_s, memory_mb; /* 0: 60 s, 512 MB */
    } command;
    const char *maildir; /* absolute */
    struct {
        const char *host;      /* "host:port", or "/path" of a socket */
        bool is_smtp;          /* SMTP instead of LMTP */
        enum object_tls tls;   /* default: none on this machine, else starttls */
        const char *recipient; /* "" : the mailbox's address */
        const char *ca_file;
    } lmtp;
    enum endpoint_after after; /* with POP3: leave or delete only */
    const char *move_to;       /* folder, made if it is missing */
    uint32_t patience_h;       /* failures are retried this long, then the mail is parked. 0: 72 */
    uint32_t keep_days;        /* how long kept mail, and the raw mail behind a webhook's link, stays. 0: 7 */
};

enum operator_role { OPERATOR_OPERATOR, OPERATOR_ADMINISTRATOR };

/* A person at the console. The password, if there is one, lies in the vault. */
struct console_operator {
    const char *name;
    enum operator_role role; /* operator: may look, and no more */
    const char *entra_user;  /* user name (UPN) at Entra that signs in as this one; "" : none */
    bool is_disabled;
};

/* What a key's holder may do; a set. */
enum key_scope {
    KEY_SEND = 1 << 0,
    KEY_INBOX = 1 << 1,
    KEY_READ = 1 << 2,
    KEY_CONTENT = 1 << 3,
    KEY_OPERATE = 1 << 4,
    KEY_ADMIN = 1 << 5,
};

/* A program at the API. The key itself lies in the vault, as a hash. */
struct api_key {
    const char *name;
    uint32_t scopes;        /* of enum key_scope; at least one */
    const char **mailboxes; /* the only ones it may touch */
    size_t mailboxes_count; /* 0: all */
    const char *expires;    /* the last day, "2027-05-01"; or a time. "" : never */
    bool is_disabled;
};

bool key_has_expired(const struct api_key *k, int64_t now_ms);

const char *endpoint_folder(const struct endpoint *e); /* "INBOX" where none, or any spelling of it, is given */
/* Can it be watched by POP3? There are no folders and no marks there. */
bool endpoint_suits_pop3(const struct endpoint *e, struct fault *why);

const char *object_kind_name(enum object_kind kind);                  /* "provider" */
const char *object_kind_plural(enum object_kind kind);                /* "providers" */
bool object_kind_from_name(const char *name, enum object_kind *kind); /* either form */

/* Checks every field; unknown keys are refused by name. The result lives in `arena` and is a struct of that kind. The object's
 * key (name or lower-cased address) is in its first field. */
void *object_from_json(enum object_kind kind, const json_t *json, struct arena *arena, struct fault *why);
json_t *object_to_json(enum object_kind kind, const void *object); /* given; every field, defaults included */
/* The same without what reading it again fills in by itself: for people. Given. */
json_t *object_to_short_json(enum object_kind kind, const void *object);
const char *object_key(enum object_kind kind, const void *object);
const char *object_key_name(enum object_kind kind); /* of that field: "name" or "address" */
/* Differs where any field does: names the state of an object that somebody looked at before changing it. */
struct object_etag {
    char text[17];
};
struct object_etag object_etag(enum object_kind kind, const void *object);
struct object_etag object_etag_of_json(const json_t *json);
/* A tenant of Entra that stands for all: people of any organization, or of none, sign in there. The issuer may have it in its path, or
 * leave the place open ("{tenantid}"), as the description of such a one does. */
bool object_tenant_is_anybody(const char *tenant);
bool object_issuer_is_anybody(const char *issuer);
/* The built-in providers, complete, ending at a NULL name. */
extern const struct provider object_builtin_providers[];

/* One row per field, groups opened ("smtp.port"), for help and the manual. False stops. */
struct object_field {
    const char *key, *type;
    const char *range; /* what it may hold */
    bool is_required, is_read_only;
    const char *help; /* one sentence */
};
typedef bool object_field_fn(void *ctx, const struct object_field *field); /* all lent for the call */
void object_each_field(enum object_kind kind, object_field_fn *each, void *ctx);

/* JSON Schema (draft 2020-12) of a kind's fields, groups within; an object by itself. Given. */
enum object_schema {
    OBJECT_SCHEMA_SHOWN, /* as object_to_json() writes it: every field is there */
    OBJECT_SCHEMA_PUT,   /* whole, where its key is known: what else must be given is required, the rest may be null */
    OBJECT_SCHEMA_CHANGES, /* likewise, but nothing is required */
};
json_t *object_schema(enum object_kind kind, enum object_schema use);

/* YAML document (a provider file, or one object) to JSON; the fault has line and column. */
json_t *object_json_from_yaml(struct bytes text, struct fault *why);
/* The other way, which reads back as the same; keys get their '-'. Added to `out`; false where that is full. */
bool object_yaml_from_json(const json_t *json, struct buf *out);

/* Address syntax: local@domain, lower-cased domain compared without case. Local parts compare without case too, as Exchange does. */
bool object_address_is_valid(const char *address);
bool object_address_equal(const char *a, const char *b);

#endif
