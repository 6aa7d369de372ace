/* cli/steps.h - a test that is told step by step as it happens. Private to the room. */
#ifndef CLI_STEPS_H
#define CLI_STEPS_H

#include <jansson.h>

#include "cli/api.h"

/* Posts to `path` and shows each step; returns a status, refused where the last line says so. `body` lent, may be NULL. */
int steps_run(struct cli *cli, struct api *api, const char *path, const json_t *body);

#endif
