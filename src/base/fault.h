/* base/fault.h - why something was refused, and what to do next.
 *
 * The kind decides (SMTP code, retry, alarm, colour of a page); the text is for people and keeps the server's own words.
 * `id` names an entry of the doctor's table where one fits, so a fault becomes a finding without guessing from the text.
 * Functions that the world can refuse return bool and fill a `struct fault *` on false. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_RETRY,  /* transient: wait and try again */
    FAULT_HOLD,   /* a person must act (sign in, grant, pay, enable); keep the mail, do not bounce */
    FAULT_REJECT, /* permanent: this request can never succeed as it is */
    FAULT_AUTH,   /* the credential presented to *us* is wrong */
    FAULT_CONFIG, /* our own settings are wrong: the text says which and how to mend it */
    FAULT_LOCAL,  /* this machine failed: disk, memory limit, permissions */
};

#define FAULT_TEXT_SIZE 512
#define FAULT_ID_SIZE 48

struct fault {
    enum fault_kind kind;
    uint32_t retry_after_s; /* 0: no wish was heard */
    char id[FAULT_ID_SIZE]; /* finding id ("smtp.auth.disabled-tenant") or "" */
    char text[FAULT_TEXT_SIZE];
};

const char *fault_kind_name(enum fault_kind kind);
void fault_clear(struct fault *f);
/* Fills `f` (NULL is allowed) and returns false, so that a failing step is one line. Text is cut at a UTF-8 boundary. */
bool fault_set(struct fault *f, enum fault_kind kind, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts "format: " before the text that is there. Returns false. */
bool fault_wrap(struct fault *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends ": <strerror(error)>" to the text. Returns false. */
bool fault_errno(struct fault *f, enum fault_kind kind, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
