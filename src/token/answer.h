/* token/answer.h - what a token endpoint said, sorted by what to do next (Microsoft reference 2.2, 2.11, 2.12).
 *
 * Only a well-formed OAuth error may cost anything. Everything else that is not a whole success - no answer, HTML, 5xx, a 200
 * without an access token - is trouble on the way and FAULT_RETRY. */
#ifndef TOKEN_ANSWER_H
#define TOKEN_ANSWER_H

#include "base/secret.h"
#include "http/http.h"

#define ANSWER_TOKEN_LIMIT 16384

struct answer {
    struct secret *access, *refresh, *id_token; /* refresh and id_token may be NULL */
    int64_t expires_in_s;
    char *scope;    /* "" if the answer named none */
    char error[64]; /* the OAuth error of a refusal, else "" */
};

struct device_answer {
    struct secret *device_code;
    char *user_code, *verification_uri, *message;
    int64_t expires_in_s, interval_s;
};

/* False: `why` has kind, finding id and the server's words; `out` holds only the error. answer_fini() either way. */
bool answer_read(const struct http_answer *a, struct answer *out, struct fault *why);
void answer_fini(struct answer *a);
bool device_answer_read(const struct http_answer *a, struct device_answer *out, struct fault *why);
void device_answer_fini(struct device_answer *a);

/* An OAuth error that came by redirect instead: ?error=..&error_description=.. */
void answer_fault_of_error(const char *error, const char *description, struct fault *why);

#endif
