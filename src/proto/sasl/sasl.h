/* proto/sasl/sasl.h - the bytes of the mechanisms (RFC 4616, 7628; XOAUTH2 as Microsoft and Google describe it).
 * Clear bytes, no base64 here: protocols differ in how they wrap them. */
#ifndef PROTO_SASL_SASL_H
#define PROTO_SASL_SASL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"

/* Client side. Appended to a buffer that the caller wipes. False: over the buffer's limit, or a name or credential that the
 * mechanism can't carry (a control character). */
bool sasl_xoauth2(const char *user, struct bytes token, struct buf *out);
bool sasl_oauthbearer(const char *user, const char *host, uint16_t port, struct bytes token, struct buf *out);
bool sasl_plain(const char *user, struct bytes password, struct buf *out);

/* Server side. Results are views into `in`, so that a credential is not copied. Refusals are REJECT: the bytes are malformed.
 * PLAIN is "authzid NUL authcid NUL password"; an authzid is allowed if empty or equal to authcid. */
bool sasl_plain_parse(struct bytes in, struct bytes *user, struct bytes *password, struct fault *why);
bool sasl_xoauth2_parse(struct bytes in, struct bytes *user, struct bytes *token, struct fault *why);
/* The name is copied, for its '=2C' and '=3D' are undone. */
bool sasl_oauthbearer_parse(struct bytes in, struct arena *arena, const char **user, struct bytes *token,
                            struct fault *why);

#endif
