/* relay/carry.c - can this server take this message as it is? (RFC 1870 6, 6152 3, 6531 3.4)
 *
 * Changing the message to fit is not an option: it would break signatures, and the sender would never know. */
#include <stdio.h>
#include <unistd.h>

#include "relay/relay_private.h"

static bool has_8bit(struct bytes data)
{
    uint8_t any = 0;

    for (size_t i = 0; i < data.size; i++)
        any |= data.data[i];
    return any & 0x80;
}

static bool file_has_8bit(int fd, uint64_t size, uint8_t *chunk)
{
    for (uint64_t at = 0; at < size;) {
        ssize_t got = pread(fd, chunk, CHUNK, (off_t)at);
        if (got <= 0) /* told when it is sent */
            return false;
        if (has_8bit((struct bytes){ chunk, (size_t)got }))
            return true;
        at += (uint64_t)got;
    }
    return false;
}

static bool has_utf8_address(const struct smtp_envelope *env)
{
    bool found = has_8bit(bytes_of(env->sender));

    for (size_t i = 0; i < env->recipients_count && !found; i++)
        found = has_8bit(bytes_of(env->recipients[i].address));
    return found;
}

/* What was declared counts as long as the server can take it; otherwise only what the bytes really are. A whole file is read for this
 * only where the answer matters. */
static bool is_8bit(const struct smtp_envelope *env, struct bytes body, int fd, uint8_t *chunk, bool is_offered)
{
    if (is_offered)
        return env->is_8bit || (fd < 0 && has_8bit(body));
    return fd < 0 ? has_8bit(body) : file_has_8bit(fd, env->size, chunk);
}

static bool refuse(struct carry_refusal *why, const char *id, const char *enhanced)
{
    why->id = id;
    why->enhanced = enhanced;
    return false;
}

bool carry_check(struct smtp_envelope *env, struct bytes body, int fd, uint8_t *chunk,
                 const struct smtp_client_caps *caps, const char *host, struct carry_refusal *why)
{
    if (caps->size_limit > 0 && env->size > caps->size_limit) {
        snprintf(why->text, sizeof why->text, "the message has %llu bytes and %s takes %llu at most",
                 (unsigned long long)env->size, host, (unsigned long long)caps->size_limit);
        return refuse(why, "smtp.size", "5.3.4");
    }
    env->is_8bit = is_8bit(env, body, fd, chunk, caps->eightbit);
    if (env->is_8bit && !caps->eightbit) {
        snprintf(why->text, sizeof why->text, "the message has 8-bit bytes and %s takes 7-bit messages only", host);
        return refuse(why, "smtp.no-8bit", "5.6.3");
    }
    bool has_address = has_utf8_address(env);
    if (!caps->smtputf8 && (has_address || (env->is_smtputf8 && env->is_8bit))) {
        snprintf(why->text, sizeof why->text, "the message needs SMTPUTF8, which %s does not offer", host);
        return refuse(why, "smtp.no-smtputf8", "5.6.7");
    }
    env->is_smtputf8 = (env->is_smtputf8 || has_address) && caps->smtputf8;
    return true;
}
