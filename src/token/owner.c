/* token/owner.c - the links by which owners sign their mailboxes in. A token is "ADDRESS.SECRET", both in base64url: the address finds
 * the record without looking at all of them. */
#include "token/owner.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "token/pkce.h"
#include "token/tokens_private.h"

#define TOKEN_LIMIT 1024
#define ADDRESS_LIMIT 400

static void hash_of(struct bytes token, char out[65])
{
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, token.data, token.size, NULL, 0);
    hex_encode((struct bytes){ hash, sizeof hash }, out, 65);
}

static bool keep(struct tokens *t, const char *address, struct bytes token, int64_t ends_ms, struct fault *why)
{
    char hash[65];
    hash_of(token, hash);
    char *record = mem_printf("{\"hash\":\"%s\",\"ends\":%lld}", hash, (long long)ends_ms);
    bool is_kept = vault_put(t->parts.vault, VAULT_OWNER_LINK, address, bytes_of(record), why);
    free(record);
    return is_kept;
}

struct secret *owner_link_new(struct tokens *t, const char *address, int64_t *ends_ms, struct fault *why)
{
    const struct mailbox *m = directory_mailbox(t->parts.directory, address);
    char word[PKCE_WORD_SIZE], name[TOKEN_LIMIT];
    if (!m) {
        fault_set(why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", address);
        return NULL;
    }
    if (m->grant != OBJECT_GRANT_CODE && m->grant != OBJECT_GRANT_DEVICE) {
        fault_set(why, FAULT_CONFIG, "", "nobody has to sign in for %s", m->address);
        return NULL;
    }
    pkce_word(word);
    if (strlen(m->address) > ADDRESS_LIMIT || !base64url_encode(bytes_of(m->address), name, sizeof name)) {
        fault_set(why, FAULT_REJECT, "", "the address is too long for a link");
        return NULL;
    }
    char *text = mem_printf("%s.%s", name, word);
    struct secret *token = secret_new(text, strlen(text));
    secret_wipe(text, strlen(text));
    free(text);
    secret_wipe(word, sizeof word);
    *ends_ms = loop_wall_ms(t->parts.loop) + OWNER_LINK_MS;
    if (!keep(t, m->address, secret_bytes(token), *ends_ms, why)) {
        secret_free(token);
        return NULL;
    }
    log_info("owner.link-made", LOG_TEXT("mailbox", m->address));
    return token;
}

static const struct mailbox *mailbox_in(struct tokens *t, struct bytes token)
{
    char text[TOKEN_LIMIT], address[ADDRESS_LIMIT + 1];
    size_t size = 0, dot = 0;
    while (dot < token.size && token.data[dot] != '.')
        dot++;
    if (dot == token.size || dot >= sizeof text)
        return NULL;
    memcpy(text, token.data, dot);
    text[dot] = '\0';
    if (!base64url_decode(bytes_of(text), (uint8_t *)address, ADDRESS_LIMIT, &size) || memchr(address, '\0', size))
        return NULL;
    address[size] = '\0';
    return directory_mailbox(t->parts.directory, address);
}

/* Says what the record holds: false if there is none, or it is damaged. */
static bool read_record(struct tokens *t, const char *address, char hash[65], int64_t *ends_ms)
{
    struct fault why = { 0 };
    struct secret *plain = NULL;
    if (!vault_get(t->parts.vault, VAULT_OWNER_LINK, address, &plain, &why) || !plain)
        return false;
    struct bytes text = secret_bytes(plain);
    json_t *record = json_loadb((const char *)text.data, text.size, 0, NULL);
    const char *kept = json_string_value(json_object_get(record, "hash"));
    bool is_whole = kept && strlen(kept) == 64;
    if (is_whole)
        memcpy(hash, kept, 65);
    *ends_ms = json_integer_value(json_object_get(record, "ends"));
    json_decref(record);
    secret_free(plain);
    return is_whole;
}

const struct mailbox *owner_link_find(struct tokens *t, struct bytes token, int64_t *ends_ms, struct fault *why)
{
    char kept[65], shown[65];
    const struct mailbox *m = mailbox_in(t, token);
    hash_of(token, shown);
    if (m && read_record(t, m->address, kept, ends_ms) && sodium_memcmp(kept, shown, 64) == 0 &&
        loop_wall_ms(t->parts.loop) < *ends_ms)
        return m;
    fault_set(why, FAULT_REJECT, "owner.link", "the link is not, or no longer, in force");
    return NULL;
}

void owner_link_end(struct tokens *t, const char *address)
{
    struct fault why = { 0 };
    if (!vault_remove(t->parts.vault, VAULT_OWNER_LINK, address, &why))
        log_warn("owner.link-kept", LOG_TEXT("mailbox", address), LOG_FAULT(&why));
}
