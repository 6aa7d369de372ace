/* token/verbs_private.h - shared by the files that hold verbs. */
#ifndef TOKEN_VERBS_PRIVATE_H
#define TOKEN_VERBS_PRIVATE_H

#include "token/verbs.h"

struct verbs {
    struct verbs_parts parts;
    verbs_answer_fn *answer;
    void *ctx;
};

struct asked {
    struct verbs *v;
    uint64_t tag;
    const json_t *json;
    struct bytes secret;
};

typedef void verb_fn(const struct asked *a);

struct verb {
    const char *name, *needs; /* the key that must be there */
    verb_fn *run;
};

void verbs_answer(struct verbs *v, uint64_t tag, uint32_t status, json_t *json /* taken; NULL: {} */,
                  struct bytes secret);
/* With the finding of that fault; `address` is the mailbox it is about, or "". */
void verbs_refuse(struct verbs *v, uint64_t tag, const char *address, const struct fault *why);
void verbs_mistaken(const struct asked *a, const char *text);
void verbs_conclude(const struct asked *a, bool ok, const struct fault *why);
const char *asked_text(const struct asked *a, const char *key); /* "" if absent */

/* verbs_authorize.c: a person signs a mailbox in */
verb_fn authorize_start_asked, authorize_finish_asked, authorize_wait_asked, authorize_land_asked, owner_link_asked,
    owner_look_asked;
void verbs_on_authorized(void *ctx, uint64_t tag, const char *address, const json_t *result, const struct fault *why);

/* verbs_people.c: who may come in */
verb_fn oidc_start_asked, oidc_finish_asked;
verb_fn operator_check, operator_password, operator_list, operator_forget, key_new, key_check, key_forget, app_check;

#endif
