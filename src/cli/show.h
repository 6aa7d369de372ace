/* cli/show.h - what people see: aligned tables, one object's fields, refusals with cause and fix. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "base/fault.h"
#include "cli/api.h"

/* Aligns columns; texts are sanitised and copied. */
struct table;
struct table *table_new(const char *const *titles /* NULL-ended; NULL: no head */);
void table_row(struct table *t, const char *const *cells, size_t count);
void table_print(const struct table *t, FILE *out);
void table_free(struct table *t);

void show_json(const json_t *json); /* on standard output */
/* "key: value" for each field that says something; groups opened as "smtp.host". */
void show_fields(const json_t *object);
/* One text for a cell: text, number, yes/no, or a list joined by ", ". Lives in the arena. */
const char *show_value(struct cli *cli, const json_t *value);
const char *show_member(struct cli *cli, const json_t *object, const char *key); /* "" if absent */
/* "2026-11-21T09:15:00.123Z" as "3m ago" or "in 2h"; "" stays "". */
const char *show_when(struct cli *cli, const char *time);

/* A server's words without its "[host time id]", which tells nobody anything. Lives in the arena. */
const char *show_said(struct cli *cli, const char *text);
/* Columns of the terminal that `out` is; SIZE_MAX if it is none. */
size_t show_width(FILE *out);
/* At most `room` columns of `text`, made harmless; "..." ends what was cut. */
void show_cut(FILE *out, const char *text, size_t room);
/* Tells a person what was done and what comes next; scripts with --json are told by the answer alone. */
void show_done(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each of a list of findings: what was seen, the cause, numbered steps. */
void show_findings(FILE *out, const json_t *findings);
/* A refusal; returns CLI_REFUSED. With --json the document itself goes to standard output. */
int show_refusal(struct cli *cli, const struct api_reply *reply);
int show_fault(struct cli *cli, const struct fault *why); /* likewise */
/* After a call: prints the fault or the refusal, or is CLI_DONE. */
int show_outcome(struct cli *cli, bool is_reached, const struct api_reply *reply, const struct fault *why);
/* The call and its outcome; `reply` is the caller's to api_reply_fini() either way. `body` may be NULL. */
int show_call(struct cli *cli, struct api *api, const char *method, const char *path, const json_t *body,
              struct api_reply *reply);
/* POSTs the operands as "ids" to `path`, and says how many it was done to and who was refused why. */
int show_change(struct cli *cli, const char *path);

#endif
