/* sandbox/announce.h - how programs and people learn where the sandbox is: sandbox.json, provider files, printed lines. */
#ifndef SANDBOX_ANNOUNCE_H
#define SANDBOX_ANNOUNCE_H

#include "sandbox/sandbox_private.h"

/* Ports, tenants, users, registrations with their secrets, files; given. */
json_t *announce_state(const struct sandbox *sb);
/* DIR/provider.yaml, DIR/provider-google.yaml, and last, in one step, DIR/sandbox.json. */
bool announce_write(const struct sandbox *sb, struct fault *why);
/* What to paste, on standard output; ends with the line "sandbox ready". */
void announce_print(const struct sandbox *sb);

#endif
