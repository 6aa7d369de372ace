/* proto/smtp/cmd_mail.c - MAIL and RCPT: syntax and parameters here, permission by the host. */
#include <string.h>

#include "base/text.h"
#include "proto/smtp/path.h"
#include "proto/smtp/server_private.h"

#define ENVID_LIMIT 100 /* RFC 3461 4.4 */
#define ORCPT_LIMIT 500 /* RFC 3461 4.2 */
#define RECIPIENTS_FIRST 4

/* Each takes one parameter's value. Returns NULL or the reply that refuses. */
typedef const char *param_fn(struct smtp_server *s, struct bytes value);

struct param {
    const char *name;
    bool needs_value;
    param_fn *take;
};

static const char *take_size(struct smtp_server *s, struct bytes value)
{
    char digits[21];
    if (value.size >= sizeof digits)
        return "501 5.5.4 SIZE is a number of at most 20 digits";
    memcpy(digits, value.data, value.size);
    digits[value.size] = 0;
    if (!text_to_u64(digits, UINT64_MAX, &s->env.size))
        return "501 5.5.4 SIZE is a number of octets";
    if (s->policy->size_limit && s->env.size > s->policy->size_limit) {
        smtp_notice(s, "smtp.client.too-large", "the client announced %s octets; this listener takes %llu", digits,
                    (unsigned long long)s->policy->size_limit);
        return arena_printf(s->mail, "552 5.3.4 The message is too large: at most %llu octets are taken",
                            (unsigned long long)s->policy->size_limit);
    }
    return NULL;
}

static const char *take_body(struct smtp_server *s, struct bytes value)
{
    s->env.is_8bit = bytes_equal_nocase(value, BYTES_LIT("8BITMIME"));
    if (s->env.is_8bit || bytes_equal_nocase(value, BYTES_LIT("7BIT")))
        return NULL;
    return "501 5.5.4 BODY is 7BIT or 8BITMIME here";
}

static const char *take_smtputf8(struct smtp_server *s, struct bytes value)
{
    s->env.is_smtputf8 = true;
    return NULL;
}

static const char *take_ret(struct smtp_server *s, struct bytes value)
{
    bool is_full = bytes_equal_nocase(value, BYTES_LIT("FULL"));
    s->env.ret = is_full ? RET_FULL : RET_HDRS;
    return is_full || bytes_equal_nocase(value, BYTES_LIT("HDRS")) ? NULL : "501 5.5.4 RET is FULL or HDRS";
}

static const char *take_envid(struct smtp_server *s, struct bytes value)
{
    if (value.size > ENVID_LIMIT || !smtp_is_xtext(value))
        return "501 5.5.4 ENVID is at most 100 octets of xtext";
    s->env.envid = arena_strndup(s->mail, value.data, value.size);
    return NULL;
}

/* Who the sender says to be has no weight next to who signed in (RFC 4954 5). */
static const char *take_auth(struct smtp_server *s, struct bytes value)
{
    return NULL;
}

static const char *take_notify(struct smtp_server *s, struct bytes value)
{
    static const struct {
        const char *name;
        unsigned bit;
    } wishes[] = { { "NEVER", NOTIFY_NEVER },
                   { "SUCCESS", NOTIFY_SUCCESS },
                   { "FAILURE", NOTIFY_FAILURE },
                   { "DELAY", NOTIFY_DELAY } };
    const char *refusal = "501 5.5.4 NOTIFY is NEVER, or any of SUCCESS,FAILURE,DELAY";
    for (size_t at = 0; at <= value.size;) {
        const uint8_t *comma = at < value.size ? memchr(value.data + at, ',', value.size - at) : NULL;
        size_t end = comma ? (size_t)(comma - value.data) : value.size;
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++)
            if (bytes_equal_nocase(bytes_slice(value, at, end), bytes_of(wishes[i].name)))
                bit = wishes[i].bit;
        if (bit == 0)
            return refusal;
        s->rcpt.notify |= bit;
        at = end + 1;
    }
    bool is_mixed = s->rcpt.notify & NOTIFY_NEVER && s->rcpt.notify != NOTIFY_NEVER;
    return is_mixed ? refusal : NULL;
}

/* addr-type ";" xtext; with SMTPUTF8 the type utf-8 may hold UTF-8 as it is (RFC 6533 3). */
static const char *take_orcpt(struct smtp_server *s, struct bytes value)
{
    const char *refusal = "501 5.5.4 ORCPT is type;address in xtext, at most 500 octets";
    const uint8_t *semicolon = memchr(value.data, ';', value.size);
    if (!semicolon || semicolon == value.data || value.size > ORCPT_LIMIT)
        return refusal;
    struct bytes type = bytes_slice(value, 0, (size_t)(semicolon - value.data));
    struct bytes address = bytes_slice(value, type.size + 1, value.size);
    for (size_t i = 0; i < type.size; i++)
        if (type.data[i] <= ' ' || type.data[i] >= 0x7f || type.data[i] == '+' || type.data[i] == '=')
            return refusal;
    bool may_be_utf8 = s->env.is_smtputf8 && bytes_equal_nocase(type, BYTES_LIT("utf-8"));
    if (!smtp_is_xtext(address) && !(may_be_utf8 && text_is_utf8(address)))
        return refusal;
    s->rcpt.orcpt = arena_strndup(s->mail, value.data, value.size);
    return NULL;
}

static const struct param mail_params[] = {
    { "SIZE", true, take_size }, { "BODY", true, take_body },   { "SMTPUTF8", false, take_smtputf8 },
    { "RET", true, take_ret },   { "ENVID", true, take_envid }, { "AUTH", true, take_auth },
};
static const struct param rcpt_params[] = { { "NOTIFY", true, take_notify }, { "ORCPT", true, take_orcpt } };

static const char *take_params(struct smtp_server *s, struct bytes rest, const struct param *known, size_t count)
{
    unsigned seen = 0;
    for (;;) {
        struct smtp_param p;
        bool is_end;
        const char *refusal = smtp_param_take(&rest, &p, &is_end);
        if (refusal || is_end)
            return refusal;
        size_t i = 0;
        while (i < count && !bytes_equal_nocase(p.name, bytes_of(known[i].name)))
            i++;
        if (i == count)
            return arena_printf(s->mail, "555 5.5.4 The parameter %.*s is not known here",
                                (int)(p.name.size < 40 ? p.name.size : 40), (const char *)p.name.data);
        if (seen & 1u << i || p.has_value != known[i].needs_value)
            return arena_printf(s->mail, "501 5.5.4 %s is given once, %s", known[i].name,
                                known[i].needs_value ? "with a value" : "without a value");
        seen |= 1u << i;
        refusal = known[i].take(s, p.value);
        if (refusal)
            return refusal;
    }
}

static const char *parse_mail(struct smtp_server *s, struct bytes args)
{
    if (!bytes_starts_nocase(args, "FROM:"))
        return "501 5.5.4 MAIL FROM:<address> is needed";
    struct bytes rest = bytes_slice(args, strlen("FROM:"), args.size), address;
    const char *refusal = smtp_path_take(&rest, SMTP_PATH_REVERSE, &address);
    if (refusal)
        return refusal;
    s->env.sender = arena_strndup(s->mail, address.data, address.size);
    refusal = take_params(s, rest, mail_params, sizeof mail_params / sizeof mail_params[0]);
    if (!refusal && !s->env.is_smtputf8 && !text_is_ascii(address))
        return "553 5.6.7 An address beyond ASCII needs SMTPUTF8 with MAIL";
    return refusal;
}

void smtp_on_mail(struct smtp_server *s, struct bytes args)
{
    const char *refusal = parse_mail(s, args);
    if (refusal) {
        smtp_refuse(s, refusal);
        smtp_server_end_transaction(s);
        return;
    }
    s->in_transaction = true;
    s->wait = WAIT_MAIL;
    s->host.mail(s->ctx, &s->env);
}

void smtp_mail_decided(struct smtp_server *s, const struct smtp_verdict *v)
{
    if (v->code == 0) {
        smtp_reply(s, "250 2.1.0 Sender OK");
        smtp_server_enter(s, SMTP_MAIL);
        return;
    }
    smtp_reply(s, smtp_verdict_line(s, v));
    if (v->code == 421) {
        smtp_server_quit(s);
        return;
    }
    smtp_server_end_transaction(s);
    smtp_count_error(s);
}

static const char *parse_rcpt(struct smtp_server *s, struct bytes args)
{
    if (!bytes_starts_nocase(args, "TO:"))
        return "501 5.5.4 RCPT TO:<address> is needed";
    struct bytes rest = bytes_slice(args, strlen("TO:"), args.size), address;
    const char *refusal = smtp_path_take(&rest, SMTP_PATH_FORWARD, &address);
    if (refusal)
        return refusal;
    s->rcpt = (struct smtp_recipient){ .address = arena_strndup(s->mail, address.data, address.size), .orcpt = "" };
    refusal = take_params(s, rest, rcpt_params, sizeof rcpt_params / sizeof rcpt_params[0]);
    if (!refusal && !s->env.is_smtputf8 && !text_is_ascii(address))
        return "553 5.6.7 An address beyond ASCII needs SMTPUTF8 with MAIL";
    return refusal;
}

void smtp_on_rcpt(struct smtp_server *s, struct bytes args)
{
    const char *refusal = parse_rcpt(s, args);
    if (refusal) {
        s->recipients_refused++;
        smtp_refuse(s, refusal);
    } else if (s->env.recipients_count >= s->policy->recipients_limit) {
        smtp_reply(s, "452 4.5.3 Too many recipients for one message; send the rest in another");
    } else {
        s->wait = WAIT_RCPT;
        s->host.rcpt(s->ctx, &s->env, &s->rcpt);
    }
}

static void add_recipient(struct smtp_server *s)
{
    struct smtp_envelope *env = &s->env;
    if (env->recipients_count == s->recipients_room) {
        s->recipients_room = s->recipients_room ? s->recipients_room * 2 : RECIPIENTS_FIRST;
        struct smtp_recipient *larger = arena_array(s->mail, s->recipients_room, sizeof *larger);
        if (env->recipients_count)
            memcpy(larger, env->recipients, env->recipients_count * sizeof *larger);
        env->recipients = larger;
    }
    env->recipients[env->recipients_count++] = s->rcpt;
}

/* A refused recipient is no error of the client's: a list holds dead addresses. */
void smtp_rcpt_decided(struct smtp_server *s, const struct smtp_verdict *v)
{
    if (v->code == 0) {
        add_recipient(s);
        smtp_reply(s, "250 2.1.5 Recipient OK");
        smtp_server_enter(s, SMTP_RCPT);
        return;
    }
    smtp_reply(s, smtp_verdict_line(s, v));
    s->recipients_refused++;
    if (v->code == 421)
        smtp_server_quit(s);
}
