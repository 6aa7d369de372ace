/* proto/sasl/client.c - answers are built in a buffer that never moves, so that one wipe leaves nothing behind. */
#include "proto/sasl/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "proto/sasl/sasl.h"

enum { CRLF_SIZE = 2, CHALLENGE_LIMIT = 768 };

static const struct {
    const char *name, *to_challenge;
} mechanisms[] = {
    [SASL_NONE] = { "", "*" },       [SASL_XOAUTH2] = { "XOAUTH2", "" }, [SASL_OAUTHBEARER] = { "OAUTHBEARER", "AQ==" },
    [SASL_PLAIN] = { "PLAIN", "*" }, [SASL_LOGIN] = { "LOGIN", "*" },    [SASL_COMMAND] = { "", "*" },
};

const char *sasl_name(enum sasl_mechanism m)
{
    return mechanisms[m].name;
}

const char *sasl_to_challenge(enum sasl_mechanism m)
{
    return mechanisms[m].to_challenge;
}

/* Takes `line`, which has room for CRLF behind `size`. */
static struct secret *finish_line(char *line, size_t size)
{
    memcpy(line + size, "\r\n", CRLF_SIZE);
    struct secret *kept = secret_new(line, size + CRLF_SIZE);
    secret_wipe(line, size);
    free(line);
    return kept;
}

struct secret *sasl_line(struct bytes clear)
{
    size_t size = base64_size(clear.size);
    char *line = mem_alloc(size + CRLF_SIZE + 1);
    base64_encode(clear, line, size + 1);
    return finish_line(line, size);
}

struct secret *sasl_command_line(const char *prefix, struct bytes clear)
{
    size_t before = strlen(prefix);
    char *line = mem_alloc(before + clear.size + CRLF_SIZE);
    memcpy(line, prefix, before);
    if (clear.size)
        memcpy(line + before, clear.data, clear.size);
    return finish_line(line, before + clear.size);
}

static bool build(enum sasl_mechanism m, const char *host, uint16_t port, const char *user, struct bytes secret,
                  struct buf *out)
{
    switch (m) {
    case SASL_XOAUTH2:
        return sasl_xoauth2(user, secret, out);
    case SASL_OAUTHBEARER:
        return sasl_oauthbearer(user, host ? host : "", port, secret, out);
    case SASL_PLAIN:
        return sasl_plain(user, secret, out);
    case SASL_LOGIN:
        return buf_add_bytes(out, secret);
    case SASL_NONE:
    case SASL_COMMAND:
        break;
    }
    return false;
}

struct secret *sasl_answer(enum sasl_mechanism m, const char *host, uint16_t port, const char *user,
                           struct bytes secret)
{
    struct buf clear;
    buf_init(&clear, SASL_CLEAR_LIMIT);
    buf_reserve(&clear, SASL_CLEAR_LIMIT);
    struct secret *line = build(m, host, port, user, secret, &clear) ? sasl_line(buf_bytes(&clear)) : NULL;
    secret_wipe(clear.data, clear.size);
    buf_fini(&clear);
    return line;
}

void sasl_challenge_text(struct bytes challenge, char *out, size_t size)
{
    uint8_t clear[CHALLENGE_LIMIT];
    size_t used;
    if (challenge.size / 4 * 3 <= sizeof clear && base64_decode(challenge, clear, sizeof clear, &used))
        challenge = (struct bytes){ clear, used };
    text_sanitize(challenge, out, size);
}
