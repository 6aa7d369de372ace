/* Every statement of the store, in one table. The schema is in schema/. */
#include "store/sqlite_private.h"

#define MESSAGE_COLUMNS \
    "m.id, b.address, m.state, m.flags, m.accepted, m.expires, m.next_attempt, m.finished, m.attempts, m.size, m.ret," \
    " m.app, m.sender, m.peer, m.session, m.envid FROM messages m JOIN mailboxes b ON b.id = m.mailbox"
#define RECIPIENT_COLUMNS \
    "number, address, orcpt, notify, state, attempts, next_attempt, code, enhanced, last, finding FROM recipients"

const char *const sqlite_sql[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",

    [SQL_OBJECTS] = "SELECT kind, key, json FROM objects ORDER BY kind, key",
    [SQL_OBJECT_PUT] = "INSERT INTO objects (kind, key, version, json) VALUES (?1, ?2, ?3, ?4)"
                       " ON CONFLICT (kind, key) DO UPDATE SET version = ?3, json = ?4",
    [SQL_OBJECT_REMOVE] = "DELETE FROM objects WHERE kind = ?1 AND key = ?2",

    [SQL_MAILBOX_FIND] = "SELECT id FROM mailboxes WHERE address = ?1",
    [SQL_MAILBOX_ADD] = "INSERT INTO mailboxes (address) VALUES (?1)",

    [SQL_MESSAGE_LAST] = "SELECT max(id) FROM messages",
    [SQL_MESSAGE_ADD] = "INSERT INTO messages (id, mailbox, state, flags, accepted, expires, next_attempt, finished,"
                        " attempts, size, ret, app, sender, peer, session, envid)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    [SQL_MESSAGE_PUT] = "UPDATE messages SET state = ?2, flags = ?3, expires = ?4, next_attempt = ?5, finished = ?6,"
                        " attempts = ?7 WHERE id = ?1",
    [SQL_MESSAGE_GET] = "SELECT " MESSAGE_COLUMNS " WHERE m.id = ?1",
    [SQL_MESSAGE_OPEN] = "SELECT m.id, b.address, m.flags, m.accepted, m.expires, m.next_attempt, m.attempts, m.size,"
                         " m.app, sum(r.state = 0), sum(r.state = 1), sum(r.state = 2), sum(r.state = 3),"
                         " sum(r.state = 4) FROM messages m INDEXED BY messages_open"
                         " JOIN mailboxes b ON b.id = m.mailbox JOIN recipients r ON r.message = m.id"
                         " WHERE m.state = 0 GROUP BY m.id ORDER BY m.id",
    [SQL_MESSAGE_IS_OPEN] = "SELECT 1 FROM messages WHERE id = ?1 AND state = 0",
    [SQL_MESSAGE_LIST] = "SELECT " MESSAGE_COLUMNS " WHERE m.id < ?1 AND m.id >= ?2 ORDER BY m.id DESC",
    [SQL_MESSAGE_LIST_OPEN] = "SELECT " MESSAGE_COLUMNS
                              " WHERE m.state = 0 AND m.id < ?1 AND m.id >= ?2 ORDER BY m.id DESC",
    [SQL_RECIPIENT_LIKE] = "SELECT 1 FROM recipients WHERE message = ?1 AND instr(lower(address), ?2)",
    [SQL_MESSAGE_OLD] =
        "SELECT id FROM messages WHERE accepted <= ?1 AND finished BETWEEN 1 AND ?1 AND id < ?2 LIMIT ?3",
    [SQL_MESSAGE_REMOVE] = "DELETE FROM messages WHERE id = ?1",

    [SQL_RECIPIENT_ADD] =
        "INSERT INTO recipients (message, number, state, attempts, next_attempt, notify, code, address,"
        " orcpt, enhanced, last, finding) VALUES (?1, ?2, 0, 0, ?3, ?4, 0, ?5, ?6, '', '', '')",
    [SQL_RECIPIENT_PUT] =
        "UPDATE recipients SET state = ?3, attempts = ?4, next_attempt = ?5, code = ?6, enhanced = ?7,"
        " last = ?8, finding = ?9 WHERE message = ?1 AND number = ?2",
    [SQL_RECIPIENT_LIST] = "SELECT " RECIPIENT_COLUMNS " WHERE message = ?1 ORDER BY number",
    [SQL_RECIPIENT_DUE] = "SELECT " RECIPIENT_COLUMNS " WHERE message = ?1 AND state = 0 AND next_attempt <= ?2"
                          " ORDER BY number LIMIT ?3",
    [SQL_RECIPIENT_DUE_ALL] = "UPDATE recipients SET next_attempt = ?2 WHERE message = ?1 AND state = 0",
    [SQL_RECIPIENT_NEXT] = "SELECT ifnull(min(next_attempt), 0) FROM recipients WHERE message = ?1 AND state = 0",

    [SQL_ATTEMPT_ADD] = "INSERT OR REPLACE INTO attempts (message, number, time, host, outcome, dialogue)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_ATTEMPT_TRIM] = "DELETE FROM attempts WHERE message = ?1 AND number BETWEEN 2 AND ?2",
    [SQL_ATTEMPT_LIST] =
        "SELECT number, time, host, outcome, dialogue FROM attempts WHERE message = ?1 ORDER BY number",

    [SQL_BODY_ADD] = "INSERT INTO bodies (message, data) VALUES (?1, ?2)",
    [SQL_BODY_GET] = "SELECT data FROM bodies WHERE message = ?1",
    [SQL_BODY_REMOVE] = "DELETE FROM bodies WHERE message = ?1",

    [SQL_SENT_EACH] = "SELECT b.address, s.slot, s.recipients FROM sent s JOIN mailboxes b ON b.id = s.mailbox"
                      " WHERE s.slot >= ?1",
    [SQL_SENT_ADD] = "INSERT INTO sent (mailbox, slot, recipients) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (mailbox, slot) DO UPDATE SET recipients = recipients + ?3",
    [SQL_SENT_PRUNE] = "DELETE FROM sent WHERE slot < ?1",

    [SQL_FACT_GET] = "SELECT value FROM facts WHERE name = ?1",
    [SQL_FACT_PUT] = "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",

    [SQL_DROP_FIND] = "SELECT 1 FROM drops WHERE name = ?1",
    [SQL_DROP_ADD] = "INSERT OR IGNORE INTO drops (name, time) VALUES (?1, ?2)",
    [SQL_DROP_PRUNE] = "DELETE FROM drops WHERE time < ?1",
};
