/* proto/imap/commands.c - what is done once signed in: how each command is said, and what follows its answer. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/imap/client_private.h"

#define LINE_SIZE 7000 /* of a command with a set of UIDs (RFC 2683 3.2.1.5: 8,000) */

#define ULL(n) ((unsigned long long)(n))

static void start(struct imap_client *c, const char *command, enum imap_step step)
{
    if (c->step == STEP_OVER || c->step == STEP_LOGOUT)
        return;
    assert(c->step == STEP_READY);
    c->command = command;
    imap_client_enter_and_flush(c, step);
}

/* The name is in its form on the wire already, where a slash stands for nothing else (RFC 3501 5.1.3). */
static void part_levels(struct imap_client *c)
{
    for (char *at = c->folder; c->separator && *at; at++)
        *at = *at == '/' ? c->separator : *at;
}

/* A folder that can't be named on the wire is one that no server has. The first one with levels has the separator asked for. */
static void start_in(struct imap_client *c, const char *command, enum imap_step step, const char *folder)
{
    static const struct imap_reply unnamed = { .status = IMAP_NO,
                                               .code = "NONEXISTENT",
                                               .text = "the folder's name is too long, or not UTF-8; nothing was "
                                                       "asked" };
    if (c->step == STEP_OVER || c->step == STEP_LOGOUT)
        return;
    assert(c->step == STEP_READY);
    if (imap_utf7_encode(folder, c->folder, sizeof c->folder)) {
        bool is_asked = !c->knows_separator && strchr(c->folder, '/');
        c->then = step;
        part_levels(c);
        start(c, command, is_asked ? STEP_SEPARATOR : step);
        return;
    }
    c->command = command;
    c->step = step;
    if (c->host.refused)
        c->host.refused(c->ctx, command, &unnamed);
    imap_client_enter_and_flush(c, STEP_READY);
}

/* The line with the folder in quotes at its end. */
static void say_with_folder(struct imap_client *c, const char *what)
{
    char quoted[2 * IMAP_FOLDER_SIZE];
    size_t used = 0;
    for (const char *at = c->folder; *at; at++) {
        if (*at == '"' || *at == '\\')
            quoted[used++] = '\\';
        quoted[used++] = *at;
    }
    quoted[used] = 0;
    imap_client_say(c, "%s \"%s\"", what, quoted);
}

static enum imap_step refused(struct imap_client *c, const struct imap_reply *r)
{
    if (c->host.refused)
        c->host.refused(c->ctx, c->command, r);
    return STEP_READY;
}

enum imap_step imap_heard_command(struct imap_client *c, const struct imap_reply *r)
{
    return r->status == IMAP_OK ? STEP_READY : refused(c, r);
}

void imap_client_list(struct imap_client *c)
{
    start(c, "list", STEP_LIST);
}

void imap_say_list(struct imap_client *c)
{
    imap_client_say(c, "LIST \"\" \"*\"");
}

/* RFC 3501 6.3.8: an empty name asks for the separator alone. */
void imap_say_separator(struct imap_client *c)
{
    imap_client_say(c, "LIST \"\" \"\"");
}

/* Who does not tell it hears the slash, as most have it. */
enum imap_step imap_heard_separator(struct imap_client *c, const struct imap_reply *r)
{
    c->knows_separator = true;
    part_levels(c);
    return c->then;
}

void imap_client_create(struct imap_client *c, const char *folder)
{
    start_in(c, "create", STEP_CREATE, folder);
}

void imap_say_create(struct imap_client *c)
{
    say_with_folder(c, "CREATE");
}

void imap_client_select(struct imap_client *c, const char *folder, bool read_only)
{
    c->is_flag = read_only;
    start_in(c, "select", STEP_SELECT, folder);
}

/* Whatever comes of it, the folder before is left with the question (RFC 3501 6.3.1). */
void imap_say_select(struct imap_client *c)
{
    c->is_selected = false;
    c->selected = (struct imap_folder){ .is_read_only = c->is_flag };
    say_with_folder(c, c->is_flag ? "EXAMINE" : "SELECT");
}

enum imap_step imap_heard_select(struct imap_client *c, const struct imap_reply *r)
{
    if (r->status != IMAP_OK)
        return refused(c, r);
    c->is_selected = true;
    if (c->host.selected)
        c->host.selected(c->ctx, &c->selected);
    return STEP_READY;
}

void imap_client_search(struct imap_client *c, uint64_t first, uint64_t last)
{
    c->uid = first ? first : 1;
    c->last_uid = last;
    start(c, "search", STEP_SEARCH);
}

void imap_say_search(struct imap_client *c)
{
    if (c->last_uid)
        imap_client_say(c, "UID SEARCH UID %llu:%llu UNDELETED", ULL(c->uid), ULL(c->last_uid));
    else
        imap_client_say(c, "UID SEARCH UID %llu:* UNDELETED", ULL(c->uid));
}

/* "3:5,9": neighbours stand for all between them. */
static void add_range(struct buf *set, uint64_t from, uint64_t to)
{
    if (set->size > 0)
        buf_add_byte(set, ',');
    if (from == to)
        buf_addf(set, "%llu", ULL(from));
    else
        buf_addf(set, "%llu:%llu", ULL(from), ULL(to));
}

void imap_client_fetch(struct imap_client *c, const uint64_t *uids, size_t count, bool with_header)
{
    assert(count > 0);
    c->is_flag = with_header;
    buf_clear(&c->set);
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && uids[next] == uids[next - 1] + 1; next++)
            ;
        add_range(&c->set, uids[i], uids[next - 1]);
    }
    start(c, "fetch", STEP_FETCH);
}

/* As much of the set as one line carries. */
void imap_say_fetch(struct imap_client *c)
{
    size_t size = c->set.size;
    if (size > LINE_SIZE)
        for (size = LINE_SIZE; c->set.data[size] != ','; size--)
            ;
    imap_client_say(c, "UID FETCH %.*s (UID RFC822.SIZE INTERNALDATE FLAGS%s)", (int)size, buf_str(&c->set),
                    c->is_flag ? " BODY.PEEK[HEADER]" : "");
    buf_consume(&c->set, size < c->set.size ? size + 1 : size);
    if (c->set.size == 0)
        buf_release(&c->set);
}

enum imap_step imap_heard_fetch(struct imap_client *c, const struct imap_reply *r)
{
    if (r->status != IMAP_OK) {
        buf_release(&c->set);
        return refused(c, r);
    }
    return c->set.size > 0 ? STEP_FETCH : STEP_READY;
}

void imap_client_fetch_body(struct imap_client *c, uint64_t uid)
{
    c->uid = uid;
    c->body.was_given = false;
    c->body.is_wanted = true;
    c->body.size = 0;
    start(c, "fetch", STEP_BODY);
}

void imap_say_body(struct imap_client *c)
{
    imap_client_say(c, "UID FETCH %llu (UID BODY.PEEK[])", ULL(c->uid));
}

void imap_client_store_seen(struct imap_client *c, uint64_t uid)
{
    c->uid = uid;
    start(c, "store", STEP_SEEN);
}

void imap_say_seen(struct imap_client *c)
{
    imap_client_say(c, "UID STORE %llu +FLAGS.SILENT (\\Seen)", ULL(c->uid));
}

void imap_client_move(struct imap_client *c, uint64_t uid, const char *folder)
{
    c->uid = uid;
    start_in(c, "move", c->caps.move ? STEP_MOVE : STEP_COPY, folder);
}

void imap_say_move(struct imap_client *c)
{
    char what[48];
    snprintf(what, sizeof what, "UID MOVE %llu", ULL(c->uid));
    say_with_folder(c, what);
}

void imap_say_copy(struct imap_client *c)
{
    char what[48];
    snprintf(what, sizeof what, "UID COPY %llu", ULL(c->uid));
    say_with_folder(c, what);
}

/* What is refused from here on is the deletion: the copy is there. */
enum imap_step imap_heard_copy(struct imap_client *c, const struct imap_reply *r)
{
    if (r->status != IMAP_OK)
        return refused(c, r);
    c->command = "delete";
    return STEP_MARK;
}

void imap_client_delete(struct imap_client *c, uint64_t uid)
{
    c->uid = uid;
    start(c, "delete", STEP_MARK);
}

void imap_say_mark(struct imap_client *c)
{
    imap_client_say(c, "UID STORE %llu +FLAGS.SILENT (\\Deleted)", ULL(c->uid));
}

enum imap_step imap_heard_mark(struct imap_client *c, const struct imap_reply *r)
{
    if (r->status != IMAP_OK)
        return refused(c, r);
    return c->caps.uidplus ? STEP_EXPUNGE : STEP_LOOK;
}

void imap_say_expunge(struct imap_client *c)
{
    imap_client_say(c, "UID EXPUNGE %llu", ULL(c->uid));
}

/* EXPUNGE takes every marked message, so it is only for a folder where no other is marked. */
void imap_say_look(struct imap_client *c)
{
    c->marked_others = 0;
    imap_client_say(c, "UID SEARCH DELETED");
}

enum imap_step imap_heard_look(struct imap_client *c, const struct imap_reply *r)
{
    if (r->status != IMAP_OK)
        return refused(c, r);
    return c->marked_others > 0 ? STEP_READY : STEP_SWEEP;
}

void imap_say_sweep(struct imap_client *c)
{
    imap_client_say(c, "EXPUNGE");
}

void imap_client_noop(struct imap_client *c)
{
    start(c, "noop", STEP_NOOP);
}

void imap_say_noop(struct imap_client *c)
{
    imap_client_say(c, "NOOP");
}

void imap_client_idle(struct imap_client *c)
{
    c->wants_done = false;
    start(c, "idle", STEP_IDLE);
}

void imap_say_idle(struct imap_client *c)
{
    imap_client_say(c, "IDLE");
}

enum imap_step imap_asked_idle(struct imap_client *c, struct bytes text)
{
    return c->wants_done ? STEP_DONE : STEP_IDLING;
}

void imap_say_idling(struct imap_client *c)
{
    if (c->host.idling)
        c->host.idling(c->ctx);
}

/* The server may have ended the idling by itself, or not begun it yet. */
void imap_client_done(struct imap_client *c)
{
    if (c->step == STEP_IDLE)
        c->wants_done = true;
    else if (c->step == STEP_IDLING)
        imap_client_enter_and_flush(c, STEP_DONE);
}

/* No tag: it ends the command that is open. */
void imap_say_done(struct imap_client *c)
{
    buf_add_str(&c->out, "DONE\r\n");
}

void imap_client_logout(struct imap_client *c)
{
    if (c->step == STEP_OVER || c->step == STEP_LOGOUT)
        return;
    imap_client_forget(c);
    c->body.is_wanted = false;
    if (c->step == STEP_GREETING || c->step == STEP_TLS) {
        c->step = STEP_OVER;
        return;
    }
    if (c->step == STEP_IDLING)
        imap_say_done(c);
    imap_client_enter_and_flush(c, STEP_LOGOUT);
}

void imap_say_logout(struct imap_client *c)
{
    imap_client_say(c, "LOGOUT");
}

enum imap_step imap_heard_logout(struct imap_client *c, const struct imap_reply *r)
{
    return STEP_OVER;
}
