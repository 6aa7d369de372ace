/* Certificates made on the spot: an authority, and servers' certificates signed by it. */
#ifndef TESTS_CERTIFICATES_H
#define TESTS_CERTIFICATES_H

#include "base/bytes.h"

struct test_pem {
    struct buf certificate, key;
};

/* A new authority, or a certificate signed by `authority` for `names` ("DNS:localhost,IP:127.0.0.1"), valid from `from_s` to
 * `to_s` seconds relative to now. */
void test_authority(struct test_pem *out);
void test_certificate(const struct test_pem *authority, const char *names, long from_s, long to_s,
                      struct test_pem *out);
void test_pem_fini(struct test_pem *p);

#endif
