/* doctor/finding.h - what the doctor says: what was seen, what it means, the exact fix.
 *
 * One table (doctor/table_*.c) knows every refusal of the reference: a pattern over code, enhanced code and sentence,
 * and the id, class, cause, fix and person that belong to it. Everything that sorts an answer (relay, vault, bridge) asks
 * here, so an answer is judged in one place. */
#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

#include <jansson.h>

#include "base/fault.h"

enum finding_who { FINDING_NOBODY, FINDING_ADMIN, FINDING_MAILBOX_OWNER, FINDING_APP_OWNER, FINDING_POSTERN_ADMIN };
enum finding_certainty { FINDING_CERTAIN, FINDING_LIKELY, FINDING_POSSIBLE };

struct finding {
    const char *id;          /* "smtp.auth.disabled-tenant" */
    enum fault_kind kind;    /* what to do next */
    bool renew_token;        /* once, with a fresh token, before it is a fault */
    bool split;              /* the rest of the recipients in a new transaction */
    uint32_t pause_s;        /* how long the mailbox should rest; 0: the ordinary back-off */
    const char *cause;       /* one line */
    const char *const *fix;  /* steps, NULL-ended; {mailbox} {tenant} {client-id} {object-id} are filled in by finding_json() */
    enum finding_who who;
    enum finding_certainty certainty;
};

/* An SMTP refusal of the upstream. `when` is one of: connect, auth, mail, rcpt, data, body. Never NULL: unknown texts are judged by their code. */
const struct finding *finding_of_smtp(const char *when, int code, const char *enhanced, const char *text);
/* A token endpoint's answer: OAuth `error`, first of `error_codes` (0: none), `suberror` ("" none), HTTP status. Never NULL. */
const struct finding *finding_of_oauth(const char *error, long aadsts, const char *suberror, int http_status);
/* By id, for faults made elsewhere ("tls.certificate", "dns.failed", "app.password", ...). NULL if unknown. */
const struct finding *finding_by_id(const char *id);
/* The server's sentence without "[host time id]", "[Hostname=..]" and diagnostic tails, for matching and for reading. */
void finding_strip(const char *text, char *out, size_t size);

struct finding_facts { /* any may be NULL */
    const char *mailbox, *tenant, *client_id, *object_id, *host, *app, *sender;
};
/* {"id","seen","cause","fix":[..],"who","certainty"}; given. */
json_t *finding_json(const struct finding *f, const char *seen, const struct finding_facts *facts);
/* The same from a fault; a fault without a known id becomes a finding of its own text. */
json_t *finding_json_of_fault(const struct fault *why, const struct finding_facts *facts);

/* Every id with its texts, for the manual and the tests. */
size_t finding_count(void);
const struct finding *finding_at(size_t index);

#endif
