/* cli/object_args.h - what all kinds of objects share on the command line: options into JSON, list, show, remove. */
#ifndef CLI_OBJECT_ARGS_H
#define CLI_OBJECT_ARGS_H

#include <jansson.h>

#include "cli/api.h"
#include "object/object.h"

/* Every option given that has a key, at its place ("smtp.host" opens a group). Given; NULL with a fault. */
json_t *object_args_json(const struct options *o, struct fault *why);
/* "/mailboxes/a%40b" */
const char *object_path(struct cli *cli, enum object_kind kind, const char *key);

/* A column of `list`: a title and what stands there. */
struct object_column {
    const char *title;
    const char *(*cell)(struct cli *cli, const json_t *object);
};
int object_list(struct cli *cli, enum object_kind kind, const struct object_column *columns /* ends at a NULL title */);
int object_show(struct cli *cli, enum object_kind kind);   /* the first operand */
int object_remove(struct cli *cli, enum object_kind kind); /* likewise */

/* The steps of `add` and `set`. Each prints its refusal and returns a status. */
int object_create(struct cli *cli, struct api *api, enum object_kind kind, const char *key, const json_t *object,
                  struct api_reply *reply);
/* Takes back what object_create() made, when a later step of the same command was refused. */
void object_undo(struct cli *cli, struct api *api, enum object_kind kind, const char *key);
int object_secret(struct cli *cli, struct api *api, const char *path, const char *member, const struct secret *secret);
int object_patch(struct cli *cli, struct api *api, enum object_kind kind, const json_t *changes /* lent */,
                 struct api_reply *reply);
int object_set(struct cli *cli, enum object_kind kind); /* all of `set`, where options alone say what changes */
/* Has a secret of the first operand made at `leaf` of it ("password"), and prints the answer's `member`: the one time it can be seen.
 * `notice` goes before it, for people. */
int object_secret_once(struct cli *cli, struct api *api, enum object_kind kind, const char *leaf, const char *member,
                       const char *notice);

#endif
