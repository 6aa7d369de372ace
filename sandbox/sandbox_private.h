/* sandbox/sandbox_private.h - what the sandbox's parts share: one struct for the whole tenant. */
#ifndef SANDBOX_SANDBOX_PRIVATE_H
#define SANDBOX_SANDBOX_PRIVATE_H

#include "loop/loop.h"
#include "sandbox/activity.h"
#include "sandbox/ca.h"
#include "sandbox/entra_certificate.h"
#include "sandbox/entra_jwt.h"
#include "sandbox/grants.h"
#include "sandbox/mailstore.h"
#include "sandbox/switches.h"
#include "sandbox/tenant.h"

struct exchange_server;
struct imapd_server;
struct pop3d_server;

struct sandbox {
    struct loop *loop;
    char *dir;                 /* absolute */
    char *https_url, *web_url; /* "https://localhost:44001", without a slash at the end */
    uint16_t smtp_port, google_smtp_port;
    uint16_t imap_port, imap_starttls_port, google_imap_port;
    uint16_t pop3_port, pop3_stls_port, google_pop3_port;
    struct sandbox_ca ca;
    struct switches *switches;
    struct entra_keyring *keyring;
    struct entra_certificates *certificates;
    struct grants *grants;
    struct activity *activity;
    struct mailstore *mail;
    struct exchange_server *smtp, *google_smtp;
    struct imapd_server *imap, *google_imap;
    struct pop3d_server *pop3, *google_pop3;
};

/* "2026-11-20 19:00:00Z", as Entra writes times; `out` holds 24 bytes. */
void sandbox_entra_time(int64_t wall_ms, char *out);
/* A random version 4 GUID; `out` holds 37 bytes. */
void sandbox_guid(char *out);
/* `size` characters of the base64url alphabet and a NUL. */
void sandbox_random_text(char *out, size_t size);

#endif
