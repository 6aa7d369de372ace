/* Switches that do something at once instead of keeping a value. */
#include "sandbox/actions.h"

#include <stdio.h>
#include <string.h>

#include "sandbox/exchange.h"
#include "sandbox/imapd.h"
#include "sandbox/pop3d.h"
#include "sandbox/sandbox_private.h"

static const char *user_oid(const char *address, bool *is_good)
{
    const struct user *u = user_find(address);
    bool is_all = strcmp(address, "all") == 0;
    *is_good = is_all || u != NULL;
    return is_all || u == NULL ? NULL : u->oid;
}

static bool upload_certificate(struct sandbox *sb, const char *value, struct fault *why)
{
    char client_id[64];
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals - value >= (long)sizeof client_id)
        return fault_set(why, FAULT_REJECT, "", "a certificate is uploaded by CLIENT-ID=@FILE.pem");
    snprintf(client_id, sizeof client_id, "%.*s", (int)(equals - value), value);
    if (strcmp(equals + 1, "none") != 0)
        return entra_certificates_add(sb->certificates, client_id, equals + 1, why);
    entra_certificates_forget(sb->certificates, client_id);
    return true;
}

static bool roll_keys(struct sandbox *sb, const char *value, struct fault *why)
{
    if (strcmp(value, "keep") != 0 && strcmp(value, "drop") != 0)
        return fault_set(why, FAULT_REJECT, "", "jwks.rollover takes keep or drop");
    return entra_keyring_roll(sb->keyring, strcmp(value, "keep") == 0, why);
}

static bool reset(struct sandbox *sb, const char *value, struct fault *why)
{
    if (strcmp(value, "all") != 0)
        return fault_set(why, FAULT_REJECT, "", "reset takes all");
    switches_reset(sb->switches);
    exchange_server_reset(sb->smtp);
    exchange_server_reset(sb->google_smtp);
    imapd_server_reset(sb->imap);
    imapd_server_reset(sb->google_imap);
    pop3d_server_reset(sb->pop3);
    pop3d_server_reset(sb->google_pop3);
    entra_certificates_forget(sb->certificates, NULL);
    return true;
}

/* "shop@contoso.example" or "shop@contoso.example/Archive/2026" */
static bool renumber(struct sandbox *sb, const char *value, struct fault *why)
{
    char address[320];
    const char *slash = strchr(value, '/');
    snprintf(address, sizeof address, "%.*s", slash != NULL ? (int)(slash - value) : (int)strlen(value), value);
    const struct user *u = user_find(address);
    struct mailfolder *f =
        u != NULL ? mailfolder_find(mailstore_boxes(sb->mail), u->address, slash != NULL ? slash + 1 : "INBOX") : NULL;
    if (f == NULL)
        return fault_set(why, FAULT_REJECT, "", "there is no folder \"%.200s\"; it is named by ADDRESS[/FOLDER]",
                         value);
    mailfolder_renumber(f);
    return true;
}

bool sandbox_action(void *ctx, enum switch_id id, const char *value, uint64_t uses, struct fault *why)
{
    struct sandbox *sb = ctx;
    bool is_good = true;
    switch (id) {
    case SWITCH_REVOKE:
    case SWITCH_CONSENT_REMOVE: {
        const char *oid = user_oid(value, &is_good);
        if (!is_good)
            return fault_set(why, FAULT_REJECT, "", "there is no user \"%.80s\"; name an address, or all", value);
        if (id == SWITCH_REVOKE)
            grants_revoke(sb->grants, oid, loop_wall_ms(sb->loop) + 1);
        else
            grants_consent_remove(sb->grants, oid);
        return true;
    }
    case SWITCH_CERTIFICATE:
        return upload_certificate(sb, value, why);
    case SWITCH_JWKS_ROLLOVER:
        return roll_keys(sb, value, why);
    case SWITCH_RESET:
        return reset(sb, value, why);
    case SWITCH_IMAP_INJECT:
        return imapd_server_inject(sb->imap, value, uses, why) &&
               imapd_server_inject(sb->google_imap, value, uses, why);
    case SWITCH_POP3_INJECT:
        return pop3d_server_inject(sb->pop3, value, uses, why) &&
               pop3d_server_inject(sb->google_pop3, value, uses, why);
    case SWITCH_MAILBOX_RENUMBER:
        return renumber(sb, value, why);
    case SWITCH_SMTP_INJECT:
        return exchange_server_inject(sb->smtp, value, uses, why) &&
               exchange_server_inject(sb->google_smtp, value, uses, why);
    default:
        return fault_set(why, FAULT_REJECT, "", "this switch does nothing");
    }
}
