/* A relay in the test's own loop, with a vault and a queue that the test plays. Time stands still unless moved. */
#ifndef TESTS_RELAY_FIXTURE_H
#define TESTS_RELAY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../net/certificates.h"
#include "base/arena.h"
#include "base/fault.h"
#include "loop/loop.h"
#include "object/object.h"
#include "relay/relay.h"
#include "script_server.h"

#define BOX "shop@contoso.example"
#define SCRIPT(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SCRIPTS(...) ((const char *const *const[]){ __VA_ARGS__, NULL })

/* Usual passages of scripts. */
#define HELLO \
    "S: 220 test ready", "C: EHLO", "S: 250-test", "S: 250-SIZE 1000000", "S: 250-8BITMIME", "S: 250 PIPELINING"
#define ACCEPT \
    "C: MAIL FROM", "S: 250 ok", "C: RCPT TO", "S: 250 ok", "C: DATA", "S: 354 go", "BODY", "S: 250 2.0.0 taken"
#define BYE "C: QUIT", "S: 221 bye"
#define STARTTLS_HELLO \
    "S: 220 test ready", "C: EHLO", "S: 250-test", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "TLS", "C: EHLO", \
        "S: 250-test", "S: 250-AUTH LOGIN XOAUTH2", "S: 250 PIPELINING"
#define AUTH_ASK "C: AUTH XOAUTH2", "S: 334 ", "C: "
#define AUTH_OK AUTH_ASK, "S: 235 2.7.0 ok"

enum { DONE_MAX = 64, RECIPIENTS_MAX = 16, ASKS_MAX = 16 };

struct outcome {
    unsigned class;
    unsigned code, retry_after_s;
    char enhanced[16], text[1024], id[48];
};

struct heard_done {
    uint64_t tag;
    struct outcome results[RECIPIENTS_MAX];
    size_t count;
    bool is_mailbox_fault, is_uncertain, dsn_relayed;
    char host[300];
    char *dialogue;
};

/* What the vault says to one question. */
struct vault_says {
    const char *token; /* NULL: refused with the fault below */
    uint64_t serial;
    int64_t expires_ms;
    enum fault_kind kind;
    const char *id;
    enum object_sasl sasl;
};

struct fixture {
    struct loop *loop;
    struct resolver *resolver;
    struct relay *relay;
    struct script_server *server;
    struct test_pem authority, certificate;
    struct tls_context *server_tls;
    char ca_file[64];

    const struct vault_says *vault; /* one per question; the last again and again */
    bool vault_is_down;
    unsigned vault_answers; /* so many questions; then it is silent */
    struct token_ask asks[ASKS_MAX];
    unsigned asks_count, asks_answered;

    struct heard_done done[DONE_MAX];
    unsigned done_count;
    char *progress[32];
    unsigned progress_count;
    char *answer;
    unsigned answer_status;
    bool is_stopped;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Starts the server with these scripts, and a mailbox BOX that leads to it. */
void fixture_plain(struct fixture *f, const char *const *const *scripts); /* without TLS and sign-in */
void fixture_oauth(struct fixture *f, const char *const *const *scripts); /* STARTTLS and XOAUTH2 */
void fixture_object(struct fixture *f, unsigned kind, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void fixture_provider(struct fixture *f, const char *tls, const char *sasl);

/* One message to these recipients ("a@x" ... NULL; NULL: to one), its tag given back by the outcome. */
void fixture_attempt(struct fixture *f, uint64_t tag, const char *const *recipients, const char *body);
void fixture_attempt_with(struct fixture *f, struct attempt a);
void fixture_turns(struct fixture *f);                      /* lets everything happen that can happen without waiting */
void fixture_until_done(struct fixture *f, unsigned count); /* fails after ten seconds */
void fixture_until(struct fixture *f, bool (*is_so)(struct fixture *f));

#endif
