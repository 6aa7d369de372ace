/* token/trouble.c - what came behind a good sign-in: the provider takes the token and then does not open the mailbox.
 *
 * Kept in memory only: the next session tells it again. It holds no mail, as sending is another matter. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "token/tokens_private.h"

void tokens_trouble(struct tokens *t, const char *mailbox, uint32_t protocol, const struct fault *why)
{
    const struct mailbox *m = directory_mailbox(t->parts.directory, mailbox);
    struct trouble *known = m ? map_get(t->troubles, m->address) : NULL;
    if (!m || (!why && (!known || known->protocol != protocol)))
        return;
    if (!why) {
        free(map_remove(t->troubles, m->address));
        log_info("mailbox.readable", LOG_TEXT("mailbox", m->address));
        return;
    }
    if (!known) {
        known = mem_alloc(sizeof *known);
        known->since_ms = loop_wall_ms(t->parts.loop);
        map_put(t->troubles, m->address, known);
    }
    known->protocol = protocol;
    known->why = *why;
}

const struct trouble *trouble_of(const struct tokens *t, const struct mailbox *m)
{
    return map_get(t->troubles, m->address);
}

void trouble_forget(struct tokens *t, const char *address)
{
    free(map_remove(t->troubles, address));
}
