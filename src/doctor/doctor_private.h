/* doctor/doctor_private.h - how the tables of this room are written, shared by its files.
 *
 * A row is a set of patterns and the finding that belongs to them; tables are read from the top and the first match counts,
 * so sentences stand above numbers and numbers above whole classes. */
#ifndef DOCTOR_DOCTOR_PRIVATE_H
#define DOCTOR_DOCTOR_PRIVATE_H

#include "doctor/finding.h"

#define FIX(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Steps that many rows share. */
#define STEP_SIGN_IN "Sign in again: postern mailbox authorize {mailbox}"
#define STEP_TEST "Then check it: postern mailbox test {mailbox}"
#define STEP_CONNECT \
    "Connect as Exchange administrator: Install-Module ExchangeOnlineManagement; Connect-ExchangeOnline " \
    "-Organization " \
    "{tenant}"
#define STEP_RESUME "Waiting mail goes out by itself once it works; to hurry: postern mailbox resume {mailbox}"
#define STEP_CONSENT \
    "In the Entra admin centre open App registrations > {client-id} > API permissions and press \"Grant admin " \
    "consent\"" \
    " (or: az ad app permission admin-consent --id {client-id})"
#define STEP_SIGN_IN_LOGS \
    "In the Entra admin centre open Sign-in logs, filter by application {client-id}, and read under \"Conditional " \
    "Access\" which policy refused"

enum smtp_when {
    AT_CONNECT = 1,
    AT_AUTH = 2,
    AT_MAIL = 4,
    AT_RCPT = 8,
    AT_DATA = 16,
    AT_BODY = 32,
    AT_SIGN_IN = AT_CONNECT | AT_AUTH,
    AT_MESSAGE = AT_MAIL | AT_RCPT | AT_DATA | AT_BODY,
};

struct smtp_pattern {
    int code;             /* 535; 5: any 5yz; 0: any */
    const char *enhanced; /* "5.7.139", "4.7.500-699"; NULL: any */
    const char *says;     /* part of the stripped sentence, without case; NULL: any */
    unsigned when;        /* set of enum smtp_when; 0: any */
};

struct smtp_row {
    struct smtp_pattern patterns[5]; /* ended by an all-zero one, or full */
    struct finding finding;
};

/* IMAP and POP3: what was going on. LIMIT and the like mean one thing of a sign-in and another of a command. */
enum session_when {
    IN_CONNECT = 1, /* the greeting, STARTTLS, or nothing at all */
    IN_AUTH = 2,
    IN_COMMAND = 4,
    IN_SIGN_IN = IN_CONNECT | IN_AUTH,
};

struct session_pattern {
    const char *code; /* "UNAVAILABLE", "SYS/TEMP": of the bracket, without case; NULL: any */
    const char *says; /* part of the stripped sentence, without case; NULL: any */
    unsigned when;    /* set of enum session_when; 0: any */
};

struct session_row {
    struct session_pattern patterns[6]; /* ended by an all-zero one, or full */
    struct finding finding;
};

struct oauth_row {
    long codes[12];        /* AADSTS numbers, ended by 0; none: a row by `error` */
    const char *errors[6]; /* OAuth `error` values, NULL-ended */
    struct finding finding;
};

extern const struct smtp_row table_smtp_sign_in[], table_smtp_message[], table_smtp_by_code[];
extern const size_t table_smtp_sign_in_count, table_smtp_message_count, table_smtp_by_code_count;
extern const struct session_row table_imap[], table_pop3[];
extern const size_t table_imap_count, table_pop3_count;
extern const struct oauth_row table_oauth_user[], table_oauth_tenant[], table_oauth_app[], table_oauth_by_error[];
extern const size_t table_oauth_user_count, table_oauth_tenant_count, table_oauth_app_count, table_oauth_by_error_count;
extern const struct finding table_upstream[], table_upstream_in[], table_local[], table_handed_in[], table_handoff[],
    table_console[];
extern const size_t table_upstream_count, table_upstream_in_count, table_local_count, table_handed_in_count,
    table_handoff_count, table_console_count;

/* Fills {placeholders} of one step; given. A fact that is unknown, or holds anything but plain address and name characters (it
 * may end up in an administrator's shell), leaves "<name>". */
char *finding_step_fill(const char *step, const struct finding_facts *facts);

#endif
