/* sandbox/entra_error.h - refusals of the token endpoint, as Entra words them (reference 2.11, 6.6). */
#ifndef SANDBOX_ENTRA_ERROR_H
#define SANDBOX_ENTRA_ERROR_H

#include "sandbox/web.h"

struct aadsts {
    unsigned code;
    const char *error;    /* "invalid_grant" */
    const char *suberror; /* or NULL */
    const char *text;     /* {0}, {1}, {2} stand for arguments */
};

/* NULL if the table does not have it. */
const struct aadsts *aadsts_find(unsigned code);
const struct aadsts *aadsts_rows(size_t *count);
#define REFUSAL_ARGS 3

/* What a handler says when it refuses. */
struct entra_refusal {
    const struct aadsts *row;
    const char *error, *suberror; /* instead of the row's, where the place decides; or NULL */
    const char *args[REFUSAL_ARGS];
    const char *claims; /* a claims challenge, or NULL */
};

void entra_refusal_set(struct entra_refusal *r, unsigned code, const char *a, const char *b, const char *c);
/* Fills `r` and returns false, so that a failing step is one line. Arguments are lent until the reply was made; unused ones
 * are NULL. Inline, for whoever proves things about the code: it never returns true. */
static inline bool entra_refuse(struct entra_refusal *r, unsigned code, const char *a, const char *b, const char *c)
{
    entra_refusal_set(r, code, a, b, c);
    return false;
}
/* "AADSTS70008: … Trace ID: …": the whole error_description. `tail` is "\r\n" or " ". */
char *entra_refusal_text(const struct entra_refusal *r, struct arena *arena, const char *tail, const char *trace,
                         const char *correlation, const char *timestamp);
const char *entra_refusal_error(const struct entra_refusal *r);
/* 401 for invalid_client, 503 for temporarily_unavailable, 400 for the rest. */
int entra_refusal_status(const struct entra_refusal *r);

#endif
