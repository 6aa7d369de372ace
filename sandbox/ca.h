/* sandbox/ca.h - a throw-away certificate authority and the certificates that the sandbox shows.
 *
 * DIR/ca.pem and DIR/ca.key are made at the first start and used again while they are good for another month; server
 * certificates are made anew at every start. Validity follows the system's clock and not the loop's: TLS libraries compare
 * with the system's. */
#ifndef SANDBOX_CA_H
#define SANDBOX_CA_H

#include <stddef.h>

#include "base/fault.h"

enum ca_kind { CA_GOOD, CA_WRONG_NAME, CA_UNKNOWN, CA_EXPIRED, CA_KINDS };

struct ca_pair {
    char *certificate_pem, *key_pem; /* leaf, then CA */
};

struct sandbox_ca {
    char *ca_pem;
    char *ca_file; /* absolute */
    struct ca_pair servers[CA_KINDS];
};

/* `hosts` are further DNS names for the server certificates, beside localhost, 127.0.0.1 and ::1. */
bool sandbox_ca_open(struct sandbox_ca *ca, const char *dir, const char *const *hosts, size_t hosts_count,
                     struct fault *why);
void sandbox_ca_close(struct sandbox_ca *ca);

#endif
