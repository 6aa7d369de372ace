/* queue/drop.h - mail of programs on this machine while the daemon is away: one file each in the drop directory.
 *
 * `postern sendmail` writes, the queue role takes in: at its start, when a file appears, and every ten seconds. A file is written
 * under a name that begins with a dot, flushed, and renamed to 32 hex digits; the random half of the name makes sure that it is
 * taken in once, whatever crashes in between. Who may write to the
 * directory (console.group) may send mail; nothing else is trusted. The parent makes the directory.
 *
 * Format: one line of JSON, LF, then the message with LF or CRLF line ends (CRLF is what leaves).
 *   {"version":1,"sender":"a@b","recipients":[{"address":"c@d","notify":4,"orcpt":"rfc822;c@d"}],
 *    "ret":0,"envid":"","is_8bit":false,"is_smtputf8":false}
 * `sender` "" is the null sender. All but version, sender and addresses may be left out. */
#ifndef QUEUE_DROP_H
#define QUEUE_DROP_H

#include "base/arena.h"
#include "base/fault.h"
#include "msg/edge_queue.h"

#define DROP_LINE_LIMIT (2u << 20)
#define DROP_NAME_SIZE 33

struct drop {
    const char *sender, *envid; /* NULL is "" */
    uint32_t ret;
    bool is_8bit, is_smtputf8;
    struct submit_recipient *recipients;
    size_t recipients_count;
};

/* `body` is lent: a regular file (or memfd) with the message, read from its start. True: it is on disk under `name`. */
bool drop_write(const char *directory, const struct drop *d, int body, char name[DROP_NAME_SIZE], struct fault *why);

/* Reads the first line, without its LF; every length is checked. Texts live in `arena`. */
bool drop_parse(struct bytes line, struct arena *arena, struct drop *out, struct fault *why);
bool drop_name_is_valid(const char *name);

#endif
