/* sandbox/bearer.h - the two ways of carrying a token (reference 5.1), taken apart. Pure. */
#ifndef SANDBOX_BEARER_H
#define SANDBOX_BEARER_H

#include "base/bytes.h"

/* "user=" NAME ^A "auth=Bearer " TOKEN ^A ^A. `token` is lent from `clear`. */
bool bearer_xoauth2(struct bytes clear, char *user, size_t user_size, struct bytes *token);
/* "n,a=" NAME "," ^A … "auth=Bearer " TOKEN ^A ^A (RFC 7628, 3.1) */
bool bearer_oauthbearer(struct bytes clear, char *user, size_t user_size, struct bytes *token);
/* What Google and RFC 7628 servers say of a refused token, in base64 (5.2); static. */
const char *bearer_challenge(bool is_oauthbearer);

#endif
