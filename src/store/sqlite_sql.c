/* Every statement of the store, in one table. The schema is in schema/. */
#include "store/sqlite_private.h"

#define MESSAGE_COLUMNS \
    "m.id, b.address, m.state, m.flags, m.accepted, m.expires, m.next_attempt, m.finished, m.attempts, m.size, m.ret," \
    " m.app, m.sender, m.peer, m.session, m.envid, m.message_id, m.subject FROM messages m JOIN mailboxes b ON b.id " \
    "= m.mailbox"
#define ITEM_COLUMNS \
    "i.id, p.endpoint, b.address, p.folder, i.uidvalidity, i.uid, i.uidl, i.fingerprint, i.message_id, i.state," \
    " i.flags, i.attempts, i.received, i.seen, i.next, i.finished, i.size, i.sender, i.recipients, i.subject," \
    " i.in_reply_to, i.queued, i.last, i.finding, i.keep_until, i.body"
#define ITEM_FROM " JOIN inbound_places p ON p.id = i.place JOIN mailboxes b ON b.id = i.mailbox"
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
                        " attempts, size, ret, app, sender, peer, session, envid, message_id, subject)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
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
        "SELECT id, message_id FROM messages WHERE accepted <= ?1 AND finished BETWEEN 1 AND ?1 AND id < ?2 LIMIT ?3",
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

    [SQL_SEND_FIND] = "SELECT digest, message, time FROM send_keys WHERE sender = ?1 AND key = ?2",
    [SQL_SEND_PUT] =
        "INSERT OR REPLACE INTO send_keys (sender, key, digest, message, time) VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_SEND_PRUNE] = "DELETE FROM send_keys WHERE time < ?1",

    [SQL_SENT_EACH] = "SELECT b.address, s.slot, s.recipients FROM sent s JOIN mailboxes b ON b.id = s.mailbox"
                      " WHERE s.slot >= ?1",
    [SQL_SENT_ADD] = "INSERT INTO sent (mailbox, slot, recipients) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (mailbox, slot) DO UPDATE SET recipients = recipients + ?3",
    [SQL_SENT_PRUNE] = "DELETE FROM sent WHERE slot < ?1",

    [SQL_HOUR_EACH] = "SELECT b.address, h.hour, h.accepted, h.delivered, h.failed, h.received FROM hours h"
                      " JOIN mailboxes b ON b.id = h.mailbox WHERE h.hour >= ?1",
    [SQL_HOUR_PUT] = "INSERT OR REPLACE INTO hours (mailbox, hour, accepted, delivered, failed, received)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_HOUR_PRUNE] = "DELETE FROM hours WHERE hour < ?1",

    [SQL_FACT_GET] = "SELECT value FROM facts WHERE name = ?1",
    [SQL_FACT_PUT] = "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",

    [SQL_DROP_FIND] = "SELECT 1 FROM drops WHERE name = ?1",
    [SQL_DROP_ADD] = "INSERT OR IGNORE INTO drops (name, time) VALUES (?1, ?2)",
    [SQL_DROP_PRUNE] = "DELETE FROM drops WHERE time < ?1",

    [SQL_PLACE_FIND] =
        "SELECT p.id, p.mailbox FROM inbound_places p JOIN mailboxes b ON b.id = p.mailbox WHERE p.endpoint"
        " = ?1 AND b.address = ?2 COLLATE NOCASE AND p.folder = ?3 AND p.is_gone = 0",
    [SQL_PLACE_ADD] = "INSERT INTO inbound_places (endpoint, mailbox, folder, protocol, uidvalidity, floor, began)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_PLACE_PUT] = "UPDATE inbound_places SET protocol = ?2, uidvalidity = ?3, floor = ?4, began = ?5 WHERE id = ?1",
    [SQL_PLACE_LEAVE] = "UPDATE inbound_places SET is_gone = 1 WHERE id = ?1",
    [SQL_PLACE_LEAVE_ALL] = "UPDATE inbound_places SET is_gone = 1 WHERE endpoint = ?1 AND is_gone = 0",
    [SQL_PLACE_EACH] = "SELECT p.endpoint, b.address, p.folder, p.protocol, p.uidvalidity, p.floor, p.began"
                       " FROM inbound_places p JOIN mailboxes b ON b.id = p.mailbox WHERE p.is_gone = 0",
    [SQL_PLACE_GONE] = "SELECT id FROM inbound_places WHERE is_gone = 1 LIMIT 1",
    [SQL_PLACE_REMOVE] = "DELETE FROM inbound_places WHERE id = ?1",

    [SQL_ITEM_BODY_KIND] = "SELECT body FROM inbound WHERE id = ?1",
    [SQL_ITEM_PUT] =
        "INSERT INTO inbound (id, place, mailbox, uidvalidity, uid, uidl, fingerprint, message_id, state, flags,"
        " attempts, received, seen, next, finished, size, sender, recipients, subject, in_reply_to, queued, last,"
        " finding, keep_until, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
        " ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25) ON CONFLICT (id) DO UPDATE SET uidvalidity = ?4, uid = ?5,"
        " uidl = ?6, fingerprint = ?7, message_id = ?8, flags = ?10, attempts = ?11, received = ?12, seen = ?13,"
        " next = ?14, size = ?16, sender = ?17, recipients = ?18, subject = ?19, in_reply_to = ?20,"
        " queued = iif(?21 = 0, queued, ?21), last = ?22, finding = ?23, keep_until = ?24, body = ?25,"
        " finished = iif(state = 5 AND ?9 IN (0, 4), finished, ?15),"
        " state = iif(state = 5 AND ?9 IN (0, 4), state, ?9) WHERE place = ?2",
    [SQL_ITEM_GET] = "SELECT " ITEM_COLUMNS " FROM inbound i" ITEM_FROM " WHERE i.id = ?1 AND p.is_gone = 0",
    [SQL_ITEM_LAST] = "SELECT max(id) FROM inbound",
    [SQL_ITEM_OPEN] = "SELECT " ITEM_COLUMNS " FROM inbound i INDEXED BY inbound_open" ITEM_FROM
                      " WHERE i.state IN (0, 1, 4) AND p.is_gone = 0 ORDER BY i.id",
    [SQL_ITEM_KNOWN] = "SELECT id, uid, uidl FROM inbound WHERE place = ?1 AND uidvalidity = ?2 AND state IN (2, 3, 5)"
                       " AND iif(uid = 0, id, uid) >= ?3",
    [SQL_ITEM_SEEN] = "SELECT 1 FROM inbound i JOIN inbound_places p ON p.id = i.place JOIN mailboxes b ON b.id ="
                      " p.mailbox WHERE i.fingerprint = ?4 AND p.endpoint = ?1 AND b.address = ?2 COLLATE NOCASE"
                      " AND p.folder = ?3 AND p.is_gone = 0 AND (?5 = '' OR i.message_id = ?5) LIMIT 1",
    [SQL_ITEM_SEEN_BY_ID] = "SELECT 1 FROM inbound i JOIN inbound_places p ON p.id = i.place WHERE i.message_id = ?2"
                            " AND i.message_id <> '' AND i.state <> 3 AND p.endpoint = ?1 AND p.is_gone = 0 LIMIT 1",
    [SQL_ITEM_LIST] = "SELECT " ITEM_COLUMNS " FROM inbound i" ITEM_FROM
                      " WHERE i.id < ?1 AND i.id >= ?2 AND p.is_gone = 0 ORDER BY i.id DESC",
    [SQL_ITEM_LIST_OPEN] = "SELECT " ITEM_COLUMNS " FROM inbound i INDEXED BY inbound_open" ITEM_FROM
                           " WHERE i.state IN (0, 1, 4) AND i.id < ?1 AND i.id >= ?2 AND p.is_gone = 0"
                           " ORDER BY i.id DESC",
    [SQL_ITEM_LIST_KEPT] = "SELECT " ITEM_COLUMNS " FROM inbound i INDEXED BY inbound_kept" ITEM_FROM
                           " WHERE i.body > 0 AND i.id < ?1 AND i.id >= ?2 AND p.is_gone = 0 ORDER BY i.id DESC",
    [SQL_ITEM_COUNT] = "SELECT p.endpoint, i.state, count(*) FROM inbound i INDEXED BY inbound_open"
                       " JOIN inbound_places p ON p.id = i.place WHERE i.state IN (0, 1, 4) AND p.is_gone = 0"
                       " GROUP BY 1, 2",
    [SQL_ITEM_OF_PLACE] = "SELECT id, body FROM inbound WHERE place = ?1 LIMIT ?2",
    [SQL_ITEM_WALK] = "SELECT i.id, i.body, i.keep_until, i.state, i.finished, i.uidvalidity = p.uidvalidity AND"
                      " iif(i.uid = 0, i.id, i.uid) >= p.floor FROM inbound i JOIN inbound_places p ON p.id = i.place"
                      " WHERE i.id > ?1 ORDER BY i.id LIMIT ?2",
    [SQL_ITEM_REMOVE] = "DELETE FROM inbound WHERE id = ?1",
    [SQL_ITEM_BODY_NONE] = "UPDATE inbound SET body = 0 WHERE id = ?1",
    [SQL_ITEM_BODY_ADD] = "INSERT OR REPLACE INTO inbound_bodies (item, data) VALUES (?1, ?2)",
    [SQL_ITEM_BODY_GET] = "SELECT data FROM inbound_bodies WHERE item = ?1",
    [SQL_ITEM_BODY_REMOVE] = "DELETE FROM inbound_bodies WHERE item = ?1",

    [SQL_MESSAGE_ID_NEW] = "SELECT id, message_id FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2",
    [SQL_MESSAGE_ID_ADD] = "INSERT OR IGNORE INTO message_ids (hash, message) VALUES (?1, ?2)",
    [SQL_MESSAGE_ID_FIND] = "SELECT m.id FROM message_ids h JOIN messages m ON m.id = h.message WHERE h.hash = ?1"
                            " AND m.message_id = ?2 ORDER BY h.message DESC LIMIT 1",
    [SQL_MESSAGE_ID_TAIL] = "SELECT id FROM (SELECT id, message_id FROM messages WHERE id > ?1 ORDER BY id DESC"
                            " LIMIT ?3) WHERE message_id = ?2 LIMIT 1",
    [SQL_MESSAGE_ID_REMOVE] = "DELETE FROM message_ids WHERE hash = ?1 AND message = ?2",

    [SQL_BOUNCE_PUT] = "INSERT INTO bounces (message, recipient, time, action, status, diagnostic, host)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (message, recipient) DO UPDATE SET time = ?3,"
                       " action = ?4, status = ?5, diagnostic = ?6, host = ?7"
                       " WHERE action <> 'failed' OR ?4 <> 'delayed'",
    [SQL_BOUNCE_COUNT] = "SELECT count(*) FROM bounces WHERE message = ?1",
    [SQL_BOUNCE_LIST] = "SELECT recipient, time, action, status, diagnostic, host FROM bounces WHERE message = ?1",

    [SQL_AUDIT_ADD] = "INSERT INTO audit (time, who_kind, who, host, action, kind, key, changes)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_AUDIT_LIST] = "SELECT id, time, who_kind, who, host, action, kind, key, changes FROM audit WHERE id < ?1"
                       " AND time >= ?2 AND (?3 = '' OR who = ?3) AND (?4 = '' OR kind = ?4) AND (?5 = '' OR key = ?5)"
                       " ORDER BY id DESC LIMIT ?6",
    [SQL_AUDIT_PRUNE] = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE time < ?1 ORDER BY time LIMIT ?2)",
};
