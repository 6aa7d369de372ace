/* proto/sasl/sasl.h - the bytes of the mechanisms (RFC 4616, 7628; XOAUTH2 as Microsoft and Google describe it).
 * Clear bytes, no base64 here: protocols differ in how they wrap them. Results are appended to buffers that the caller wipes. */
#ifndef PROTO_SASL_SASL_H
#define PROTO_SASL_SASL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"

bool sasl_xoauth2(const char *user, struct bytes token, struct buf *out);
bool sasl_oauthbearer(const char *user, const char *host, uint16_t port, struct bytes token, struct buf *out);
bool sasl_plain(const char *user, struct bytes password, struct buf *out);

/* Server side: "authzid NUL authcid NUL password"; views into `in`. An authzid is allowed if empty or equal to authcid. */
bool sasl_plain_parse(struct bytes in, struct bytes *user, struct bytes *password, struct fault *why);
bool sasl_xoauth2_parse(struct bytes in, struct bytes *user, struct bytes *token, struct fault *why);
bool sasl_oauthbearer_parse(struct bytes in, struct arena *arena, const char **user, struct bytes *token, struct fault *why);

#endif
