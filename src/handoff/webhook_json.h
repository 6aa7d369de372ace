/* handoff/webhook_json.h - a message as the JSON that postern-webhook(5) promises. */
#ifndef HANDOFF_WEBHOOK_JSON_H
#define HANDOFF_WEBHOOK_JSON_H

#include "handoff/handoff_private.h"

#define WEBHOOK_INLINE_KB 256            /* of one attachment, where the endpoint says nothing */
#define WEBHOOK_INLINE_TOTAL (16u << 20) /* of all attachments of a message, before base64 */
#define WEBHOOK_BODY_LIMIT (48u << 20)   /* never reached: texts and header are bounded by themselves */

/* False: over the buffer's limit. */
bool webhook_json(const struct handoff_run *run, const struct letter *l, struct buf *out);

#endif
