/* cli/api.h - the commands' side of doc/internal-api.md: HTTP over the daemon's Unix socket.
 *
 * A call either reaches the daemon and has a status, or fails with a fault that names the socket and says how to start the
 * daemon. A refusal (4xx, 5xx) is a problem document in `json`; cli/show.h prints it. */
#ifndef CLI_API_H
#define CLI_API_H

#include <jansson.h>

#include "base/fault.h"
#include "base/secret.h"
#include "cli/command.h"

struct api;

/* Of the configured daemon; NULL after the configuration's mistakes were printed. Nothing is connected yet. */
struct api *api_open(struct cli *cli);
void api_close(struct api *api); /* takes NULL */

void api_set_timeout(struct api *api, uint64_t seconds); /* of every later call; 0: none, as at first */

struct api_reply {
    long status;
    json_t *json;  /* given; NULL where there was no JSON */
    char etag[40]; /* with its quotation marks; "" : none */
};

bool api_is_good(const struct api_reply *reply); /* 2xx */
void api_reply_fini(struct api_reply *reply);

/* `path` follows /api/v1; `body` lent, may be NULL. */
bool api_call(struct api *api, const char *method, const char *path, const json_t *body, struct api_reply *reply,
              struct fault *why);
/* The same, for something that must not be there yet: 409 otherwise. */
bool api_create(struct api *api, const char *path, const json_t *body, struct api_reply *reply, struct fault *why);
/* The same, if the object is still as it was at that mark: 412 otherwise. */
bool api_call_if(struct api *api, const char *method, const char *path, const json_t *body, const char *etag,
                 struct api_reply *reply, struct fault *why);
/* {"member": secret} and nothing else; the text is wiped afterwards. */
bool api_call_secret(struct api *api, const char *method, const char *path, const char *member,
                     const struct secret *secret, struct api_reply *reply, struct fault *why);

/* Newline-separated JSON as it comes; `line` is lent, false stops. A refusal is in `reply` as ever. */
typedef bool api_line_fn(void *ctx, json_t *line);
bool api_stream(struct api *api, const char *method, const char *path, const json_t *body, api_line_fn *each, void *ctx,
                struct api_reply *reply, struct fault *why);

/* A document of that media type, written to `fd` (lent) as it comes; a refusal is in `reply`. */
bool api_download(struct api *api, const char *path, const char *type, int fd, struct api_reply *reply,
                  struct fault *why);

/* Mail on its way in: an envelope and a file to read from its beginning. */
struct api_message {
    const char *sender;
    const char *const *recipients;
    size_t recipients_count;
    const char *mailbox;              /* "" : by the sender */
    const char *notify, *ret, *envid; /* as in RFC 3461; "" : not given */
    bool is_smtputf8;
    int fd;
};
bool api_submit(struct api *api, const struct api_message *m, struct api_reply *reply, struct fault *why);

/* A key as one segment of a path; lives in the arena. */
const char *api_segment(struct cli *cli, const char *key);

#endif
