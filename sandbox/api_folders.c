/* Folders over HTTP: what is in them, and messages put straight into one - many at once, for tests. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "sandbox/api_private.h"

#define COPIES_MAX 200000
#define NUMBERED_MAX (1024 * 1024)

static const char *param(struct api_call *c, const char *name, const char *otherwise)
{
    const char *text = web_params_text(&c->rq->query, name);
    return *text != 0 ? text : otherwise;
}

/* "Seen,Flagged": without their backslashes, as a query has it more easily. NULL: one is unknown. */
static json_t *flags_of(const char *names)
{
    unsigned flags = 0;
    while (*names != 0) {
        char name[32];
        size_t size = strcspn(names, ",");
        snprintf(name, sizeof name, "\\%.*s", (int)(size < 20 ? size : 20), names);
        unsigned flag = mail_flag_of(name, strlen(name)) | mail_flag_of(name + 1, strlen(name + 1));
        if (flag == 0)
            return NULL;
        flags |= flag;
        names += size + (names[size] != 0);
    }
    return mail_flags_json(flags);
}

/* The message with its number in the place of each "{n}". */
static void add_numbered(struct mail_draft *d, struct bytes message, uint64_t number, bool *is_good)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    for (;;) {
        size_t at = bytes_find(message, BYTES_LIT("{n}"));
        *is_good &= mail_draft_add(d, bytes_slice(message, 0, at));
        if (at == SIZE_MAX)
            return;
        *is_good &= mail_draft_add(d, bytes_of(text));
        message = bytes_slice(message, at + 3, message.size);
    }
}

struct put {
    const char *mailbox, *folder, *received;
    json_t *flags; /* lent to each message */
    uint64_t copies;
};

static uint64_t put_one(struct api_call *c, const struct put *p, uint64_t number, struct fault *why)
{
    struct mail_draft *d = mail_draft_new(c->sandbox->mail);
    bool is_good = true;
    if (p->copies > 1 && c->rq->body.size <= NUMBERED_MAX)
        add_numbered(d, c->rq->body, number, &is_good);
    else
        is_good = mail_draft_add(d, c->rq->body);
    json_t *facts = json_pack("{s:s, s:[{s:s, s:s, s:O}], s:s*}", "server", "api", "folders", "mailbox", p->mailbox,
                              "folder", p->folder, "flags", p->flags, "received", p->received);
    if (is_good)
        return mailstore_keep(c->sandbox->mail, d, facts, why);
    mail_draft_free(d);
    json_decref(facts);
    fault_set(why, FAULT_LOCAL, "", "the disk refused the message");
    return 0;
}

static void put_all(struct api_call *c, const struct put *p)
{
    struct mailfolder *f = mailfolder_ensure(mailstore_boxes(c->sandbox->mail), p->mailbox, p->folder);
    uint32_t first_uid = f->next_uid;
    uint64_t first = 0, id = 0;
    struct fault why;
    for (uint64_t i = 1; i <= p->copies; i++) {
        id = put_one(c, p, i, &why);
        if (id == 0) {
            api_refuse(c, 500, why.text);
            return;
        }
        first = first == 0 ? id : first;
    }
    web_reply_json(c->re, 200,
                   json_pack("{s:I, s:I, s:I, s:I, s:I}", "id", (json_int_t)first, "last_id", (json_int_t)id, "uid",
                             (json_int_t)first_uid, "last_uid", (json_int_t)f->next_uid - 1, "validity",
                             (json_int_t)f->validity));
}

/* ?mailbox=ADDRESS[&folder=NAME][&flags=Seen,Flagged][&received=TIME][&count=N], the body is the message */
void api_put_message(struct api_call *c)
{
    int64_t when;
    const struct user *u = user_find(param(c, "mailbox", ""));
    struct put p = { .mailbox = u != NULL ? u->address : "",
                     .folder = param(c, "folder", "INBOX"),
                     .received = param(c, "received", NULL),
                     .flags = flags_of(param(c, "flags", "")),
                     .copies = api_number(c, "count", 1) };
    if (u == NULL)
        api_refuse(c, 404, "there is no such mailbox");
    else if (p.flags == NULL)
        api_refuse(c, 400, "flags are some of Seen, Answered, Flagged, Deleted, Draft, $MDNSent with commas between");
    else if (p.received != NULL && !clock_parse(p.received, &when))
        api_refuse(c, 400, "received is a time such as 2026-11-21T09:15:00Z");
    else if (p.copies < 1 || p.copies > COPIES_MAX || !text_is_line(p.folder) || *p.folder == '/')
        api_refuse(c, 400, "count goes from 1 to 200000, and a folder's name is a line of text");
    else
        put_all(c, &p);
    json_decref(p.flags);
}

static json_t *folder_json(struct mailfolder *f)
{
    size_t unseen = 0;
    for (size_t i = 0; i < f->count; i++)
        unseen += !(f->items[i].flags & MAIL_SEEN);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "mailbox", f->mailbox, "folder", f->name, "validity",
                     (json_int_t)f->validity, "next_uid", (json_int_t)f->next_uid, "count", (json_int_t)f->count,
                     "unseen", (json_int_t)unseen, "subscribed", f->is_subscribed);
}

static json_t *items_json(const struct mailfolder *f)
{
    json_t *items = json_array();
    for (size_t i = 0; i < f->count; i++) {
        const struct mailitem *item = &f->items[i];
        char received[32];
        clock_iso(item->received_ms, received, sizeof received);
        json_array_append_new(items, json_pack("{s:I, s:I, s:I, s:s, s:o}", "uid", (json_int_t)item->uid, "id",
                                               (json_int_t)item->id, "size", (json_int_t)item->size, "received",
                                               received, "flags", mail_flags_json(item->flags)));
    }
    return items;
}

/* ?mailbox=ADDRESS: its folders; with &folder=NAME that one, and what is in it. */
void api_list_folders(struct api_call *c)
{
    struct mailboxes *boxes = mailstore_boxes(c->sandbox->mail);
    const struct user *u = user_find(param(c, "mailbox", ""));
    const char *name = param(c, "folder", NULL);
    struct mailfolder *one = u != NULL && name != NULL ? mailfolder_find(boxes, u->address, name) : NULL;
    if (u == NULL || (name != NULL && one == NULL)) {
        api_refuse(c, 404, u == NULL ? "there is no such mailbox" : "there is no such folder");
        return;
    }
    if (one != NULL) {
        json_t *json = folder_json(one);
        json_object_set_new(json, "items", items_json(one));
        web_reply_json(c->re, 200, json);
        return;
    }
    json_t *list = json_array();
    LIST_EACH (at, mailboxes_folders(boxes, u->address))
        json_array_append_new(list, folder_json(LIST_OF(at, struct mailfolder, node)));
    web_reply_json(c->re, 200, json_pack("{s:o}", "items", list));
}
