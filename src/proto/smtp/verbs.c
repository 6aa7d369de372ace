/* proto/smtp/verbs.c - the table of commands: when each may come, what it needs, how long it may be, who runs it. */
#include "base/text.h"
#include "proto/smtp/server_private.h"

enum { NOTHING = 0, NEEDS_TLS = 1, NEEDS_LOGIN = 2, ONLY_PLAIN = 4, NEEDS_AUTH_OFFER = 8 };

#define ANY (SMTP_START | SMTP_READY | SMTP_MAIL | SMTP_RCPT | SMTP_BDAT)
#define OPEN (SMTP_MAIL | SMTP_RCPT)
#define SHORT SMTP_COMMAND_LIMIT
#define LONG SMTP_ENVELOPE_LIMIT

struct verb {
    const char *name;
    unsigned when;  /* set of enum smtp_state */
    unsigned needs; /* what the listener's policy asks for; refusal_by_need() waives it for trusted addresses */
    size_t limit;   /* of the line with its CRLF */
    void (*run)(struct smtp_server *s, struct bytes args);
};

/* clang-format off */
static const struct verb verbs[] = {
    /* verb        when                    needs                         limit            run */
    { "EHLO",      ANY,                    NOTHING,                      SHORT,           smtp_on_ehlo     },
    { "HELO",      ANY,                    NOTHING,                      SHORT,           smtp_on_helo     },
    { "STARTTLS",  SMTP_READY,             ONLY_PLAIN,                   SHORT,           smtp_on_starttls },
    { "AUTH",      SMTP_READY,             NEEDS_AUTH_OFFER | NEEDS_TLS, SMTP_AUTH_LIMIT, smtp_on_auth     },
    { "MAIL",      SMTP_READY,             NEEDS_LOGIN,                  LONG,            smtp_on_mail     },
    { "RCPT",      OPEN,                   NOTHING,                      LONG,            smtp_on_rcpt     },
    { "DATA",      SMTP_RCPT,              NOTHING,                      SHORT,           smtp_on_data     },
    { "BDAT",      SMTP_RCPT | SMTP_BDAT,  NOTHING,                      SHORT,           smtp_on_bdat     },
    { "RSET",      ANY,                    NOTHING,                      SHORT,           smtp_on_rset     },
    { "NOOP",      ANY,                    NOTHING,                      SHORT,           smtp_on_noop     },
    { "QUIT",      ANY,                    NOTHING,                      SHORT,           smtp_on_quit     },
    { "VRFY",      ANY,                    NOTHING,                      LONG,            smtp_on_vrfy     },
    { "EXPN",      ANY,                    NOTHING,                      LONG,            smtp_on_expn     },
    { "HELP",      ANY,                    NOTHING,                      SHORT,           smtp_on_help     },
    { "GET",       ANY,                    NOTHING,                      SMTP_AUTH_LIMIT, smtp_on_http     },
    { "POST",      ANY,                    NOTHING,                      SMTP_AUTH_LIMIT, smtp_on_http     },
    { "PUT",       ANY,                    NOTHING,                      SMTP_AUTH_LIMIT, smtp_on_http     },
    { "HEAD",      ANY,                    NOTHING,                      SMTP_AUTH_LIMIT, smtp_on_http     },
    { "CONNECT",   ANY,                    NOTHING,                      SMTP_AUTH_LIMIT, smtp_on_http     },
    { "OPTIONS",   ANY,                    NOTHING,                      SMTP_AUTH_LIMIT, smtp_on_http     },
};
/* clang-format on */

static const struct verb *find_verb(struct bytes name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (bytes_equal_nocase(name, bytes_of(verbs[i].name)))
            return &verbs[i];
    return NULL;
}

static const char *refusal_by_order(const struct smtp_server *s, const struct verb *v)
{
    if (v->when & s->state)
        return NULL;
    switch (s->state) {
    case SMTP_START:
        return "503 5.5.1 Say EHLO first";
    case SMTP_READY:
        return "503 5.5.1 MAIL comes first";
    case SMTP_BDAT:
        return "503 5.5.1 After BDAT comes BDAT until LAST, or RSET";
    case SMTP_RCPT:
        return "503 5.5.1 A message is under way: RCPT, DATA or RSET may follow";
    default:
        if (v->when & SMTP_READY)
            return "503 5.5.1 A message is under way: RCPT or RSET may follow";
        return s->recipients_refused ? "554 5.5.1 No valid recipients" : "503 5.5.1 RCPT comes first";
    }
}

static const char *refusal_by_need(const struct smtp_server *s, unsigned needs)
{
    const struct smtp_server_policy *p = s->policy;
    bool is_exposed = p->needs_tls_for_auth && !s->is_secure;
    if (needs & NEEDS_AUTH_OFFER && !p->offers_auth)
        return "502 5.5.1 AUTH is not offered on this port";
    if (needs & NEEDS_TLS && is_exposed)
        return "538 5.7.11 Encryption is needed before AUTH: STARTTLS first";
    if (needs & NEEDS_LOGIN && p->needs_auth && !s->is_signed_in && !s->is_trusted)
        return is_exposed ? "530 5.7.0 STARTTLS first, then AUTH" : "530 5.7.0 Authentication required";
    if (needs & ONLY_PLAIN && s->is_secure)
        return "503 5.5.1 TLS is already on";
    if (needs & ONLY_PLAIN && !p->offers_starttls)
        return "502 5.5.1 STARTTLS is not offered on this port";
    return NULL;
}

static bool has_control(struct bytes line)
{
    for (size_t i = 0; i < line.size; i++)
        if ((line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7f)
            return true;
    return false;
}

/* The verb ends at the first blank; what follows is trimmed. */
static struct bytes split_verb(struct bytes line, struct bytes *args)
{
    size_t size = 0;
    while (size < line.size && line.data[size] != ' ' && line.data[size] != '\t')
        size++;
    *args = bytes_trim(bytes_slice(line, size, line.size));
    return bytes_slice(line, 0, size);
}

void smtp_server_command(struct smtp_server *s, struct bytes line)
{
    if (has_control(line)) {
        smtp_refuse(s, "500 5.5.2 Control characters in a command (a bare CR or a NUL, perhaps)");
        return;
    }
    struct bytes args;
    const struct verb *v = find_verb(split_verb(line, &args));
    size_t limit = v ? v->limit : SHORT;
    const char *refusal = line.size + 2 > limit ? "500 5.5.2 Line too long" : !v ? "500 5.5.1 Unknown command" : NULL;
    if (refusal) {
        smtp_refuse(s, refusal);
        return;
    }
    refusal = refusal_by_order(s, v);
    if (!refusal)
        refusal = refusal_by_need(s, v->needs);
    if (!refusal)
        v->run(s, args);
    else if (v->run == smtp_on_bdat)
        smtp_bdat_refused_by_order(s, args, refusal);
    else
        smtp_refuse(s, refusal);
}
