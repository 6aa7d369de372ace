/* cli/landing.h - the page on this machine that a browser is sent back to after signing in.
 *
 * Listens on a free port of 127.0.0.1 for one redirect with `code` or `error` in it. Anything else (a favicon) is not found. */
#ifndef CLI_LANDING_H
#define CLI_LANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct landing;

/* LANDING_STRANGER: the address belongs to no sign-in of ours (any page in the browser can call this port): go on waiting. */
enum landing_verdict { LANDING_GOOD, LANDING_REFUSED, LANDING_STRANGER };

/* Hands over the whole address the browser was sent to (lent). If it is not good, `text` becomes what went wrong, for the page. */
typedef enum landing_verdict landing_fn(void *ctx, const char *address, char *text, unsigned text_size);

struct landing *landing_open(landing_fn *on_redirect, void *ctx, struct fault *why);
uint16_t landing_port(const struct landing *l);
/* Until a redirect came and its page is on its way, or the time is over (false). */
bool landing_wait(struct landing *l, int64_t timeout_ms);
void landing_close(struct landing *l); /* takes NULL */

#endif
