/* doctor/finding.h - what the doctor says: what was seen, what it means, the exact fix.
 *
 * One set of tables (doctor/table_*.c) knows every refusal that we have read of: a pattern over code, enhanced code and
 * sentence, and the id, class, cause, fix and person that belong to it. Everything that sorts an answer (relay, vault,
 * bridge) asks here, so an answer is judged in one place. */
#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

#include <jansson.h>

#include "base/fault.h"

enum finding_who { FINDING_NOBODY, FINDING_ADMIN, FINDING_MAILBOX_OWNER, FINDING_APP_OWNER, FINDING_POSTERN_ADMIN };
enum finding_certainty { FINDING_CERTAIN, FINDING_LIKELY, FINDING_POSSIBLE };

struct finding {
    const char *id;       /* "smtp.auth.disabled-tenant" */
    enum fault_kind kind; /* what to do next: FAULT_RETRY, FAULT_HOLD or FAULT_REJECT for what the world answered */
    bool renew_token;     /* once, with a fresh token (or client assertion), before it is a fault */
    bool split;           /* the rest of the recipients in a new transaction */
    uint32_t
        tries_before_hold; /* FAULT_RETRY that becomes FAULT_HOLD after so many in a row for one mailbox; 0: never */
    uint32_t
        pause_s; /* how long the mailbox should rest; 0: the ordinary back-off. With FAULT_HOLD: the block lapses by
                                * itself, so try one message again after that long */
    const char *cause;      /* one line */
    const char *const *fix; /* steps, NULL-ended; {mailbox} {tenant} {client-id} {object-id} {host} {app} {sender}
                                * {endpoint} are
                                * filled in by finding_json() */
    enum finding_who who;
    enum finding_certainty certainty;
};

/* An SMTP refusal of the upstream. `when` is one of: connect, starttls, auth, mail, rcpt, data, body, idle. `enhanced` and `text` may be NULL.
 * Never NULL: unknown texts are judged by their code. */
const struct finding *finding_of_smtp(const char *when, int code, const char *enhanced, const char *text);
/* The same for IMAP (NO, BAD, BYE, a greeting that is no OK) and POP3 (-ERR). `when`: connect, starttls, auth, idle, or the command
 * ("select"); `code`: the bracket's word ("UNAVAILABLE", "SYS/TEMP"). Any may be NULL. Never NULL. Where the server wishes for a
 * pause (finding_backoff_s()) that counts, if it is longer than pause_s. */
const struct finding *finding_of_imap(const char *when, const char *code, const char *text);
const struct finding *finding_of_pop3(const char *when, const char *code, const char *text);
/* What `f` is where the mailbox signs in with a password: servers refuse both in the same words, and some findings speak of tokens. */
const struct finding *finding_for_password(const struct finding *f);
/* A token endpoint's answer: OAuth `error` ("" or NULL: the body had none), first of `error_codes` (0: none), `suberror` ("" or
 * NULL none), HTTP status (0: no answer came). Never NULL. */
const struct finding *finding_of_oauth(const char *error, long aadsts, const char *suberror, int http_status);
/* By id, for faults made elsewhere ("tls.certificate", "dns.failed", "app.password", ...). NULL if unknown. */
const struct finding *finding_by_id(const char *id);
/* The server's sentence without "[host time id]", "[Hostname=..]" and diagnostic tails, on one line, for matching and for
 * reading. `out` is always NUL-ended. */
void finding_strip(const char *text, char *out, size_t size);
/* The server's own wish in seconds ("Suggested Backoff Time: 92415 milliseconds" gives 93), or 0. */
uint32_t finding_backoff_s(const char *text);

struct finding_facts { /* any may be NULL */
    const char *mailbox, *tenant, *client_id, *object_id, *host, *app, *sender, *endpoint;
};
/* {"id","seen","cause","fix":[..],"who","certainty"}; given. */
json_t *finding_json(const struct finding *f, const char *seen, const struct finding_facts *facts);
/* The same from a fault; a fault without a known id becomes a finding of its own text. */
json_t *finding_json_of_fault(const struct fault *why, const struct finding_facts *facts);
const char *finding_who_name(enum finding_who who);                   /* "mailbox-owner" */
const char *finding_certainty_name(enum finding_certainty certainty); /* "likely" */

/* Every finding with its texts, for the manual and the tests. An id may stand on several rows. */
size_t finding_count(void);
const struct finding *finding_at(size_t index);

#endif
