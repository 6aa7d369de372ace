/* sandbox/actions.h - switches that do something at once: revoke, roll keys, upload, inject, reset. */
#ifndef SANDBOX_ACTIONS_H
#define SANDBOX_ACTIONS_H

#include "sandbox/switches.h"

/* A switches_action_fn; `sandbox` is a struct sandbox. */
bool sandbox_action(void *sandbox, enum switch_id id, const char *value, uint64_t uses, struct fault *why);

#endif
