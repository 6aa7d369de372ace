/* proto/pop3/client.h - a POP3 client as a pure engine (RFC 1939, 2449, 2595, 5034): one connection, one command at a time.
 *
 * XOAUTH2 always goes in two lines: Exchange Online ends the connection otherwise. Memory is bounded; bodies stream, dot-unstuffed,
 * with CRLF line ends kept as they came. The bridge uses the engine up to `ready` and then takes over the connection. */
#ifndef PROTO_POP3_CLIENT_H
#define PROTO_POP3_CLIENT_H

#include "base/bytes.h"
#include "base/fault.h"

#define POP3_LINE_LIMIT 4096 /* of an answer; lines of messages may have any length */

struct pop3_client;

enum pop3_client_tls { POP3_CLIENT_NO_TLS, POP3_CLIENT_STLS, POP3_CLIENT_IMPLICIT };
enum pop3_client_sasl {
    POP3_CLIENT_NO_AUTH,
    POP3_CLIENT_XOAUTH2,
    POP3_CLIENT_OAUTHBEARER,
    POP3_CLIENT_PLAIN,
    POP3_CLIENT_LOGIN
};

struct pop3_client_options {
    const char *host; /* theirs, for OAUTHBEARER */
    uint16_t port;
    enum pop3_client_tls tls;
    enum pop3_client_sasl sasl; /* LOGIN: USER and PASS */
};

struct pop3_reply {
    bool is_ok;
    char code[32];    /* "AUTH", "SYS/TEMP", "IN-USE", ...; "" : none */
    const char *text; /* the server's words; lent */
};

struct pop3_client_host {
    void (*send)(void *ctx, struct bytes out);
    void (*send_secret)(void *ctx, struct bytes out);
    void (*start_tls)(void *ctx);
    void (*want_credential)(void *ctx);
    void (*ready)(void *ctx); /* signed in, or a command ended (after `refused` too) */
    void (*auth_refused)(void *ctx, const struct pop3_reply *reply, const char *challenge);
    void (*refused)(void *ctx, const char *command, const struct pop3_reply *reply);
    void (*counted)(void *ctx, uint32_t messages, uint64_t octets); /* STAT */
    void (*unique)(void *ctx, uint32_t number, const char *uidl);   /* a line of UIDL */
    void (*sized)(void *ctx, uint32_t number, uint64_t octets);     /* a line of LIST */
    bool (*body)(void *ctx, uint32_t number, struct bytes chunk);   /* RETR or TOP; false: swallow the rest */
    void (*ended)(void *ctx); /* QUIT was answered: deletions took effect. The connection closes */
    /* As in imap/client.h; ids pop3.stls-missing, pop3.stls-refused, pop3.auth-missing, pop3.not-pop3, pop3.injection, pop3.breach,
     * pop3.credential-unusable. */
    void (*failed)(void *ctx, const char *when, const struct pop3_reply *reply, const struct fault *why);
};

struct pop3_client_caps {
    bool stls, uidl, top, user, pipelining;
    bool auth_xoauth2, auth_oauthbearer, auth_plain, auth_login;
};

struct pop3_client *pop3_client_new(const struct pop3_client_options *options /* lent */,
                                    const struct pop3_client_host *host, void *ctx);
void pop3_client_free(struct pop3_client *c); /* takes NULL */
size_t pop3_client_feed(struct pop3_client *c,
                        struct bytes in); /* octets used; stops behind the answer that signs in */
void pop3_client_tls_done(struct pop3_client *c);
void pop3_client_credential(struct pop3_client *c, const char *user, struct bytes secret);
const struct pop3_client_caps *pop3_client_caps(const struct pop3_client *c);
const char *pop3_client_when(const struct pop3_client *c);
bool pop3_client_is_ready(const struct pop3_client *c);

void pop3_client_stat(struct pop3_client *c);
void pop3_client_uidl(struct pop3_client *c);
void pop3_client_list(struct pop3_client *c);
void pop3_client_top(struct pop3_client *c, uint32_t number); /* header only */
void pop3_client_retrieve(struct pop3_client *c, uint32_t number);
void pop3_client_delete(struct pop3_client *c, uint32_t number);
void pop3_client_noop(struct pop3_client *c);
void pop3_client_quit(struct pop3_client *c);

#endif
