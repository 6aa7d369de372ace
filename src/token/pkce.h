/* token/pkce.h - RFC 7636 with S256, and the other random words of a sign-in. */
#ifndef TOKEN_PKCE_H
#define TOKEN_PKCE_H

#include "base/secret.h"

#define PKCE_WORD_SIZE 44 /* 256 random bits in base64url (43 letters), and a NUL */
#define PKCE_ID_SIZE 33   /* 128 random bits in hexadecimal, and a NUL */

void pkce_word(char out[PKCE_WORD_SIZE]); /* state, nonce, verifier */
void pkce_id(char out[PKCE_ID_SIZE]);
/* base64url(SHA-256(verifier)) */
void pkce_challenge(const char *verifier, char out[PKCE_WORD_SIZE]);

#endif
