/* proto/imap/client.h - an IMAP client as a pure engine (RFC 3501, 9051, 2177, 4315, 6851, 4959, 2971): one connection, one
 * command at a time, octets of messages streamed and never kept.
 *
 * It tolerates what servers really send: both generations of Exchange Online, Dovecot, Gmail, Courier. Whatever arrives, memory is
 * bounded: lines by IMAP_LINE_LIMIT, literals elsewhere than in a message body by IMAP_LITERAL_LIMIT, and a breach is a fault.
 * The credential is asked for only when it may be sent (after TLS where TLS is set). The bridge uses the engine up to `ready`
 * and then takes over the connection; the inbox uses all of it. Folder names are UTF-8 with levels parted by a slash here, and on the
 * wire modified UTF-7 parted as the server does, which it is asked for when the first such name is used. */
#ifndef PROTO_IMAP_CLIENT_H
#define PROTO_IMAP_CLIENT_H

#include "base/bytes.h"
#include "base/fault.h"

#define IMAP_LINE_LIMIT (64u << 10)
#define IMAP_LITERAL_LIMIT (256u << 10)

struct imap_client;

enum imap_client_tls { IMAP_CLIENT_NO_TLS, IMAP_CLIENT_STARTTLS, IMAP_CLIENT_IMPLICIT };
enum imap_client_sasl {
    IMAP_CLIENT_NO_AUTH,
    IMAP_CLIENT_XOAUTH2,
    IMAP_CLIENT_OAUTHBEARER,
    IMAP_CLIENT_PLAIN,
    IMAP_CLIENT_LOGIN
};

struct imap_client_options {
    const char *host; /* theirs, for OAUTHBEARER */
    uint16_t port;
    enum imap_client_tls tls;
    enum imap_client_sasl sasl; /* LOGIN: AUTHENTICATE LOGIN or the LOGIN command, as offered */
    bool no_initial_response;   /* never use SASL-IR */
    bool wants_capabilities;    /* ask after login if the server did not tell by itself */
};

struct imap_reply { /* a tagged answer, a BYE, or a greeting that is no OK; lent for the call */
    enum { IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_BYE } status;
    char code[64];    /* "AUTHENTICATIONFAILED", "UNAVAILABLE", ...: of the bracket; "" : none */
    const char *text; /* the server's words, bracket removed, on one line */
};

struct imap_folder {
    uint32_t exists;
    uint64_t uidvalidity, uidnext; /* 0: not told */
    bool is_read_only;
};

/* One message of a FETCH; what was not asked for or not told is 0 or "". Lent for the call. */
struct imap_message {
    uint32_t sequence;
    uint64_t uid, size;
    int64_t received_ms; /* INTERNALDATE */
    bool is_seen, is_deleted;
    struct bytes header; /* of BODY.PEEK[HEADER]: whole, up to IMAP_LITERAL_LIMIT (then cut) */
};

struct imap_client_host {
    void (*send)(void *ctx, struct bytes out);
    void (*send_secret)(void *ctx, struct bytes out);
    void (*start_tls)(void *ctx);       /* then imap_client_tls_done() */
    void (*want_credential)(void *ctx); /* answer with imap_client_credential() */
    /* Signed in, or a command ended well: a new command may be given. Also for commands that ended with NO or BAD, after `refused`. */
    void (*ready)(void *ctx);
    /* Sign-in refused; `challenge` as in smtp/client.h. imap_client_credential() may try once more here, or imap_client_logout(). */
    void (*auth_refused)(void *ctx, const struct imap_reply *reply, const char *challenge);
    /* A command was answered with NO or BAD; `command` is "select", "search", "fetch", "store", "move", "append", ... */
    void (*refused)(void *ctx, const char *command, const struct imap_reply *reply);
    void (*selected)(void *ctx, const struct imap_folder *folder);
    void (*found)(void *ctx, const uint64_t *uids,
                  size_t count); /* of a search; several calls, ascending within each */
    /* With the levels as the server parts them. */
    void (*listed)(void *ctx, const char *folder, const char *separator, bool is_selectable);
    void (*message)(void *ctx, const struct imap_message *m); /* FETCH without a body, or after its body ended */
    /* Octets of the one body that imap_client_fetch_body() asked for, as they come. False: no more is wanted (swallowed then). */
    bool (*body)(void *ctx, uint64_t uid, uint64_t size, struct bytes chunk);
    /* While a folder is selected: EXISTS or EXPUNGE came, in IDLE or beside an answer. `exists` is the new count. */
    void (*changed)(void *ctx, uint32_t exists);
    void (*idling)(void *ctx); /* the server waits for DONE */
    /* The connection is of no further use: BYE, a breach, a greeting that is none. `when`: connect, starttls, auth, idle, or the
     * command. `reply` NULL if it was no answer that broke it off. Ids: imap.starttls-missing, imap.starttls-refused, imap.auth-missing,
     * imap.not-imap, imap.injection, imap.breach, imap.credential-unusable; "" where the reply says it all. */
    void (*failed)(void *ctx, const char *when, const struct imap_reply *reply, const struct fault *why);
};

struct imap_client_caps {
    bool starttls, sasl_ir, idle, uidplus, move, literal_plus, id, unselect, logindisabled, special_use;
    bool auth_xoauth2, auth_oauthbearer, auth_plain, auth_login;
};

/* The host is copied, NULL members allowed but for send, start_tls, ready and failed. Not to be freed inside a callback. */
struct imap_client *imap_client_new(const struct imap_client_options *options /* lent */,
                                    const struct imap_client_host *host, void *ctx);
void imap_client_free(struct imap_client *c); /* takes NULL */
/* Returns the octets used: everything, until `ready` after sign-in is called, where it stops at the line's end (the rest is the
 * session's, for the bridge; feed it again to go on). */
size_t imap_client_feed(struct imap_client *c, struct bytes in);
void imap_client_tls_done(struct imap_client *c);
void imap_client_credential(struct imap_client *c, const char *user, struct bytes secret);
const struct imap_client_caps *imap_client_caps(const struct imap_client *c);
const char *
imap_client_capabilities(const struct imap_client *c); /* the list as last told, blanks between; "" : not told */
const char *imap_client_when(const struct imap_client *c);
bool imap_client_is_ready(const struct imap_client *c);

/* Commands, one at a time, each in state ready. UIDs always. */
void imap_client_list(struct imap_client *c);
void imap_client_select(struct imap_client *c, const char *folder, bool read_only);
void imap_client_create(struct imap_client *c, const char *folder);
/* UIDs from `first` (1: all) to `last` (0: to the end), that are not deleted. */
void imap_client_search(struct imap_client *c, uint64_t first, uint64_t last);
/* UID, size, date, flags and, if wanted, header of these UIDs. */
void imap_client_fetch(struct imap_client *c, const uint64_t *uids, size_t count, bool with_header);
void imap_client_fetch_body(struct imap_client *c, uint64_t uid); /* BODY.PEEK[]; streams; marks nothing */
void imap_client_store_seen(struct imap_client *c, uint64_t uid);
/* MOVE, or COPY, STORE \Deleted and UID EXPUNGE where that is not offered (never a plain EXPUNGE while others are marked: then it
 * stays marked). A missing folder is `refused` with code TRYCREATE where the server says so. Refused as "delete": the copy was made,
 * and the message still stands here. */
void imap_client_move(struct imap_client *c, uint64_t uid, const char *folder);
void imap_client_delete(struct imap_client *c,
                        uint64_t uid); /* STORE \Deleted and UID EXPUNGE, or EXPUNGE if only it is marked */
void imap_client_idle(struct imap_client *c);
void imap_client_done(struct imap_client *c); /* ends IDLE; `ready` follows */
void imap_client_noop(struct imap_client *c);
void imap_client_logout(struct imap_client *c);

/* Modified UTF-7 (RFC 3501 5.1.3). False: over `size`, or not of that form. */
bool imap_utf7_encode(const char *utf8, char *out, size_t size);
bool imap_utf7_decode(const char *utf7, char *out, size_t size);

#endif
