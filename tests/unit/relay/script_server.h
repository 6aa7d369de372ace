/* A mail server that follows a script: each connection plays the next one, on loopback, in the test's own loop.
 *
 *   "S: 250 ok"     says a line            "C: MAIL FROM"  waits for a line that begins like this (the rest is kept)
 *   "TLS"           takes the handshake    "BODY"          reads a message up to its final dot, un-stuffed
 *   "CUT"           resets the connection  "END"           closes it in order (also the end of a script)
 *   "HANG"          reads and says nothing any more        "LATE"   waits for script_server_go() */
#ifndef TESTS_SCRIPT_SERVER_H
#define TESTS_SCRIPT_SERVER_H

#include "base/bytes.h"
#include "loop/loop.h"
#include "net/tls.h"

enum { SCRIPT_CONNECTIONS = 16 };

struct script_server;

/* `scripts` ends with NULL; so does each of them. More connections than scripts play the last one again. */
struct script_server *script_server_new(struct loop *l, const char *const *const *scripts,
                                        struct tls_context *tls /* lent */);
void script_server_free(struct script_server *s);
uint16_t script_server_port(const struct script_server *s);
void script_server_set_tls(struct script_server *s, struct tls_context *tls /* lent */);
void script_server_go(struct script_server *s);
unsigned script_server_connections(const struct script_server *s);
/* All lines that clients said, joined by '\n'; and the last message. */
const char *script_server_heard(const struct script_server *s);
struct bytes script_server_body(const struct script_server *s);
/* The first line that did not fit its script, or NULL. */
const char *script_server_surprise(const struct script_server *s);

#endif
