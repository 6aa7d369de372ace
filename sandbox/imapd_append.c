/* APPEND: a message by literal, straight into a file. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sandbox/imapd_private.h"

struct imapd_append {
    struct mail_draft *draft; /* NULL: refused; what comes is passed over */
    struct mailfolder *folder;
    unsigned flags;
    int64_t received_ms; /* INT64_MIN: now */
    const char *refusal; /* "NO …"; NULL: none */
    bool is_full;
};

void imapd_append_free(struct imapd_session *s)
{
    if (s->append == NULL)
        return;
    mail_draft_free(s->append->draft);
    free(s->append);
    s->append = NULL;
}

/* SP mailbox [SP flags] [SP date-time] SP, up to the literal. False: not yet, or malformed. */
static bool take_head(struct imapd_session *s, struct imapd_in *in, struct imapd_append *a, const char **name)
{
    bool lost = false;
    *name = imapd_take_blank(in) ? imapd_take_mailbox(s, in) : NULL;
    if (*name == NULL || !imapd_take_blank(in))
        return false;
    if (imapd_peek(in) == '(' && (!imapd_take_flags(in, &a->flags, &lost) || !imapd_take_blank(in)))
        return false;
    if (imapd_peek(in) == '"' && (!imapd_take_date_time(in, &a->received_ms) || !imapd_take_blank(in)))
        return false;
    return imapd_is_end(in);
}

static const char *refusal_of(struct imapd_session *s, const struct imapd_append *a, uint64_t size)
{
    if (a->folder == NULL)
        return "[TRYCREATE] The folder doesn't exist.";
    if (size > switches_number(s->sandbox->switches, SWITCH_IMAP_APPEND_SIZE))
        return "Message too large.";
    return NULL;
}

/* The order of commands is looked at before the message is asked for. */
static bool is_welcome(struct imapd_session *s, struct bytes line)
{
    s->verb = "APPEND";
    s->is_uid = false;
    if (!(s->state & (IMAPD_READY | IMAPD_SELECTED))) {
        imapd_bad(s, "Command received in Invalid state.");
        return false;
    }
    return !imapd_injected(s, "append", line) && !imapd_says_expired(s) && imapd_is_connected(s);
}

bool imapd_append_begins(struct imapd_session *s, struct bytes line, const struct imapd_literal *literal)
{
    struct imapd_append a = { .received_ms = INT64_MIN };
    struct imapd_in in = { .rest = bytes_slice(line, 0, literal->at), .arena = s->arena };
    const char *name = "";
    if (!imapd_take_tag(s, &in) || !imapd_take_word(&in, "APPEND"))
        return false;
    struct imapd_in look = in;
    bool is_known = s->who.mailbox != NULL && take_head(s, &look, &a, &name);
    if (!is_known && (s->state & (IMAPD_READY | IMAPD_SELECTED)) && s->who.mailbox != NULL)
        return false; /* a literal of the mailbox's name, or nonsense that the command will be refused for */
    if (!is_welcome(s, line)) {
        if (!literal->is_sync && !s->link.is_over)
            imapd_bye(s, "Connection closed. 14"); /* the message that follows is no command */
        s->input = INPUT_COMMAND;
        imapd_forget_command(s);
        return true;
    }
    a.folder = imapd_find_folder(s, name);
    a.refusal = refusal_of(s, &a, literal->size);
    if (a.refusal != NULL && literal->is_sync) {
        imapd_no(s, "%s", a.refusal);
        imapd_forget_command(s);
        return true;
    }
    s->append = mem_alloc(sizeof *s->append);
    *s->append = a;
    if (a.refusal == NULL)
        s->append->draft = mail_draft_new(s->sandbox->mail);
    if (literal->is_sync)
        link_say(&s->link, "+ Ready for additional command text.");
    imapd_forget_command(s);
    s->literal_left = literal->size;
    s->input = literal->size > 0 ? INPUT_MESSAGE : INPUT_COMMAND;
    return true;
}

void imapd_append_data(struct imapd_session *s, struct bytes data)
{
    struct imapd_append *a = s->append;
    if (a->draft != NULL && !a->is_full)
        a->is_full = !mail_draft_add(a->draft, data);
}

static json_t *message_facts(struct imapd_session *s, const struct imapd_append *a)
{
    json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:o}]}", "server", s->server->links.name,
                              "protocol", "imap", "session", s->link.id, "peer", s->link.peer, "user", s->address,
                              "mechanism", s->who.mechanism, "folders", "mailbox", s->who.mailbox->address, "folder",
                              a->folder->name, "flags", mail_flags_json(a->flags));
    if (a->received_ms != INT64_MIN) {
        char received[32];
        clock_iso(a->received_ms, received, sizeof received);
        json_object_set_new(facts, "received", json_string(received));
    }
    if (s->who.facts != NULL)
        json_object_set(facts, "token", s->who.facts);
    return facts;
}

static void keep(struct imapd_session *s, struct imapd_append *a)
{
    struct fault why;
    uint32_t validity = a->folder->validity, uid = a->folder->next_uid;
    uint64_t id = mailstore_keep(s->sandbox->mail, a->draft, message_facts(s, a), &why);
    a->draft = NULL;
    if (id == 0)
        imapd_no(s, "Server Unavailable. 15");
    else if (imapd_offers(s, "UIDPLUS"))
        imapd_ok_text(s, "[APPENDUID %u %u] APPEND completed.", validity, uid);
    else
        imapd_ok(s);
}

void imapd_append_finish(struct imapd_session *s, struct bytes rest)
{
    struct imapd_append *a = s->append;
    s->verb = "APPEND";
    if (rest.size > 0)
        imapd_bad_arguments(s);
    else if (a->refusal != NULL)
        imapd_no(s, "%s", a->refusal);
    else if (a->is_full || a->folder->is_gone)
        imapd_no(s, "Server Unavailable. 15");
    else if (!imapd_injected(s, "message", BYTES_NONE))
        keep(s, a);
    imapd_append_free(s);
}

/* Without a literal there is no message. */
void imapd_on_append(struct imapd_session *s, struct imapd_in *in)
{
    imapd_bad_arguments(s);
}
