/* MAIL and RCPT: paths, parameters, and the limits that are looked at before DATA. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/exchange_private.h"

#define PATH_MAX_BYTES 320
#define MINUTE_MS 60000

/* "<" path ">" at the start of `in`; `rest` is what follows. An empty path is allowed. */
static bool take_path(struct bytes in, struct arena *arena, const char **path, struct bytes *rest)
{
    in = bytes_trim(in);
    size_t close = bytes_find(in, BYTES_LIT(">"));
    if (in.size < 2 || in.data[0] != '<' || close == SIZE_MAX || close > PATH_MAX_BYTES)
        return false;
    *path = arena_strndup(arena, in.data + 1, close - 1);
    *rest = bytes_slice(in, close + 1, in.size);
    return rest->size == 0 || rest->data[0] == ' ';
}

static bool is_address(struct exchange_session *s, const char *path)
{
    const char *at = strrchr(path, '@');
    if (at == NULL || at == path || at[1] == 0 || strpbrk(path, " \t<>") != NULL)
        return false;
    return s->envelope.is_smtputf8 ? text_is_utf8(bytes_of(path)) : text_is_ascii(bytes_of(path));
}

/* One "KEYWORD=VALUE" of MAIL or RCPT. */
struct parameter {
    const char *name, *capability;
    bool (*take)(struct exchange_session *s, struct exchange_recipient *r, const char *value);
};

static bool take_size(struct exchange_session *s, struct exchange_recipient *r, const char *value)
{
    return text_to_u64(value, UINT64_MAX, &s->envelope.size);
}

static bool take_body(struct exchange_session *s, struct exchange_recipient *r, const char *value)
{
    static const char *const known[] = { "7BIT", "8BITMIME", "BINARYMIME" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (text_equal_nocase(value, known[i])) {
            s->envelope.body = known[i];
            return exchange_offers(s->server, i == 2 ? "BINARYMIME" : "8BITMIME");
        }
    }
    return false;
}

static bool take_smtputf8(struct exchange_session *s, struct exchange_recipient *r, const char *value)
{
    s->envelope.is_smtputf8 = true;
    return *value == 0;
}

static bool take_ret(struct exchange_session *s, struct exchange_recipient *r, const char *value)
{
    s->envelope.ret = value;
    return text_equal_nocase(value, "FULL") || text_equal_nocase(value, "HDRS");
}

static bool take_envid(struct exchange_session *s, struct exchange_recipient *r, const char *value)
{
    s->envelope.envid = value;
    return *value != 0 && strlen(value) <= 100;
}

static bool take_auth(struct exchange_session *s, struct exchange_recipient *r, const char *value)
{
    return true;
}

static bool take_notify(struct exchange_session *s, struct exchange_recipient *r, const char *value)
{
    r->notify = value;
    return *value != 0;
}

static bool take_orcpt(struct exchange_session *s, struct exchange_recipient *r, const char *value)
{
    r->orcpt = value;
    return strchr(value, ';') != NULL;
}

static const struct parameter mail_parameters[] = {
    { "SIZE", "SIZE", take_size }, { "BODY", "", take_body },      { "SMTPUTF8", "SMTPUTF8", take_smtputf8 },
    { "RET", "DSN", take_ret },    { "ENVID", "DSN", take_envid }, { "AUTH", "", take_auth },
};

static const struct parameter rcpt_parameters[] = {
    { "NOTIFY", "DSN", take_notify },
    { "ORCPT", "DSN", take_orcpt },
};

static bool take_parameter(struct exchange_session *s, struct exchange_recipient *r, const struct parameter *table,
                           size_t count, char *word)
{
    char *value = strchr(word, '=');
    if (value != NULL)
        *value++ = 0;
    for (size_t i = 0; i < count; i++) {
        if (text_equal_nocase(table[i].name, word))
            return (*table[i].capability == 0 || exchange_offers(s->server, table[i].capability)) &&
                   table[i].take(s, r, value != NULL ? value : "");
    }
    return false;
}

static bool take_parameters(struct exchange_session *s, struct exchange_recipient *r, const struct parameter *table,
                            size_t count, struct bytes text)
{
    if (!text_is_utf8(text))
        return false;
    char *rest = arena_strndup(s->mail, text.data, text.size);
    for (char *word = strtok_r(rest, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (!take_parameter(s, r, table, count, word))
            return false;
    }
    return true;
}

bool exchange_is_too_large(struct exchange_session *s, uint64_t size)
{
    bool is_google = s->server->kind == EXCHANGE_GOOGLE;
    uint64_t limit = is_google ? 35882577 : switches_number(s->server->sandbox->switches, SWITCH_SMTP_SIZE);
    return limit > 0 && size > limit;
}

static bool is_too_fast(struct exchange_session *s)
{
    uint64_t limit = exchange_limit(s->server, SWITCH_SMTP_RATE);
    struct exchange_mailbox *m = exchange_mailbox_of(s->server, s->who.mailbox);
    return limit > 0 && window_sum(&m->messages, loop_wall_ms(s->server->sandbox->loop), MINUTE_MS) >= limit;
}

void exchange_on_mail(struct exchange_session *s, struct bytes args)
{
    const char *path = "";
    struct bytes rest;
    exchange_reset(s);
    s->envelope.body = s->envelope.ret = s->envelope.envid = "";
    if (!bytes_starts_nocase(args, "FROM:") || !take_path(bytes_slice(args, 5, args.size), s->mail, &path, &rest) ||
        !take_parameters(s, NULL, mail_parameters, sizeof mail_parameters / sizeof *mail_parameters, rest)) {
        exchange_refuse(s, "501 5.5.4 Invalid arguments");
    } else if (*path != 0 && !is_address(s, path)) {
        exchange_refuse(s, "501 5.1.7 Invalid address");
    } else if (exchange_is_too_large(s, s->envelope.size)) {
        exchange_refuse(s, "552 5.3.4 Message size exceeds fixed maximum message size");
    } else if (is_too_fast(s)) {
        exchange_refuse(s, "421 4.4.2 Message submission rate for this client has exceeded the configured limit");
        s->ends_after = true;
    } else {
        s->envelope.sender = path;
        s->state = SESSION_MAIL;
        exchange_say(s, "%s", s->server->dialect->mail_ok);
    }
}

static struct exchange_recipient *next_recipient(struct exchange_session *s)
{
    struct exchange_envelope *e = &s->envelope;
    if (e->count == e->room) {
        size_t room = e->room > 0 ? e->room * 2 : 8;
        struct exchange_recipient *bigger = arena_array(s->mail, room, sizeof *bigger);
        if (e->count > 0)
            memcpy(bigger, e->recipients, e->count * sizeof *bigger);
        e->recipients = bigger;
        e->room = room;
    }
    struct exchange_recipient *r = &e->recipients[e->count];
    *r = (struct exchange_recipient){ "", "", "" };
    return r;
}

void exchange_on_rcpt(struct exchange_session *s, struct bytes args)
{
    uint64_t limit = exchange_limit(s->server, SWITCH_SMTP_RECIPIENTS);
    struct exchange_recipient *r = next_recipient(s);
    struct bytes rest;
    if (!bytes_starts_nocase(args, "TO:") || !take_path(bytes_slice(args, 3, args.size), s->mail, &r->address, &rest) ||
        !take_parameters(s, r, rcpt_parameters, sizeof rcpt_parameters / sizeof *rcpt_parameters, rest)) {
        exchange_refuse(s, "501 5.5.4 Invalid arguments");
    } else if (!is_address(s, r->address)) {
        exchange_refuse(s, "501 5.1.3 Invalid address");
    } else if (limit > 0 && s->envelope.count >= limit) {
        exchange_refuse(s, "452 4.5.3 Too many recipients");
    } else {
        s->envelope.count++;
        s->state = SESSION_RCPT;
        exchange_say(s, "%s", s->server->dialect->rcpt_ok);
    }
}

void exchange_reset(struct exchange_session *s)
{
    mail_draft_free(s->draft);
    s->draft = NULL;
    arena_reset(s->mail);
    s->envelope = (struct exchange_envelope){ .sender = NULL };
    s->dots = (struct dots){ .state = DOTS_LINE };
    s->is_too_large = s->is_disk_full = false;
    if (s->state != SESSION_FRESH)
        s->state = SESSION_READY;
}
