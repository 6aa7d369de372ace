/* admin/send.h - POST /messages, from its first octet to the queue role: what the files that do it share.
 *
 * A message comes whole (send_raw.c), as JSON (send_json.c) or as a form (send_form.c). The last two are drafts: contents of parts are
 * laid aside as they come, in a file once they are large, and the message is composed at the end (send_draft.c). However it
 * came, its octets then pass send_message.c into the upload that the queue role gets. Nothing of a size that the sender chooses
 * is held in memory. */
#ifndef ADMIN_SEND_H
#define ADMIN_SEND_H

#include <openssl/evp.h>

#include "admin/admin_private.h"
#include "compose/compose.h"
#include "proto/json/cut.h"
#include "proto/mime/form.h"
#include "proto/mime/header.h"
#include "proto/mime/rewrite.h"
#include "proto/smtp/data.h"
#include "route/route.h"

enum send_kind { SEND_RAW, SEND_JSON, SEND_FORM };

/* A content that was laid aside. */
struct send_content {
    const char *where; /* JSON pointer, or the part's name */
    uint64_t at, size; /* in submission.contents */
};

#define SEND_HEADERS 200
#define SEND_PARTS 3000                   /* of a form */
#define SEND_CONTENTS (COMPOSE_PARTS + 3) /* and text, html and calendar */

/* Addresses as they were given. */
struct send_list {
    struct compose_texts texts;
    bool is_array; /* JSON: each has a pointer of its own */
};

struct send_draft {
    const char *from, *reply_to, *subject, *mailbox, *notify, *ret, *envid, *method;
    struct send_list to, cc, bcc;
    struct compose_field *headers;
    const char **headers_where;
    size_t headers_count;
    struct compose_part *parts;
    const char **parts_where;
    size_t parts_count;
    const struct send_content *text, *html, *calendar; /* NULL: none */
};

struct submission {
    struct request *request;
    enum send_kind kind;
    struct submit message;
    struct route route;
    const char *wanted; /* mailbox, as far as it is known before there is a route; NULL: none */
    bool is_trusted;    /* a local program: From is its own matter, as with sendmail */
    bool is_answered;
    uint64_t received; /* octets of the body so far */
    struct fault why;
    const char *where;  /* what in the body the fault is about; NULL: nothing in particular */
    EVP_MD_CTX *digest; /* with an Idempotency-Key; else NULL */

    /* send_message.c */
    struct mime_rewrite *rewrite;
    struct mime_rewrite_plan plan;
    struct mime_scan *scan;  /* NULL: the header is over */
    struct smtp_data octets; /* what must not stand in a message that leaves by SMTP */
    uint64_t size;

    /* of drafts */
    struct send_draft draft;
    struct upload aside;
    struct send_content *contents;
    size_t contents_count;
    struct text_utf8 utf8;
    struct base64_reader base64;
    bool is_base64; /* the content that comes now is */

    struct json_cut cut;
    struct form *form;
    struct send_part *part; /* the form's part that comes now */
    size_t fields_size, form_parts;
};

/* send.c: faults that say what in the body they are about; false. */
bool send_refuse(struct submission *s, const char *where, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Octets that make the body what it is, for Idempotency-Key. */
void send_digest(struct submission *s, struct bytes in);

/* send_raw.c: sender, recipients and wishes in header fields. */
bool send_raw_begin(struct submission *s);
/* "SUCCESS,FAILURE", "FULL", an id: "" for none. `names` are how refusals call the three. */
bool send_take_reports(struct submission *s, const char *notify, const char *ret, const char *envid,
                       const char *const names[3]);

/* send_message.c */
/* Who sends decides by which mailbox; `mailbox` is the wanted one, "" : by the sender. */
bool send_find_route(struct submission *s, const char *mailbox);
void send_message_begin(struct submission *s);
bool send_message_add(void *submission, struct bytes octets);
bool send_message_end(struct submission *s);

/* send_draft.c */
/* A content is laid aside: begin, any number of pieces, end. */
bool send_content_begin(struct submission *s, const char *where, bool is_base64);
bool send_content_add(struct submission *s, struct bytes in);
bool send_content_end(struct submission *s);
const struct send_content *send_content_find(const struct submission *s, const char *where); /* NULL: there is none */
bool send_draft_end(struct submission *s);                                                   /* composes it */

/* send_json.c and send_form.c */
void send_json_begin(struct submission *s);
bool send_json_add(struct submission *s, struct bytes in);
bool send_json_read(struct submission *s); /* into the draft */
bool send_json_end(struct submission *s);
bool send_form_begin(struct submission *s);
bool send_form_add(struct submission *s, struct bytes in);
bool send_form_end(struct submission *s);
void send_form_fini(struct submission *s);

#endif
