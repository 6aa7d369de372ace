-- Mail in: folders that are watched, what was seen in them, bodies that are kept; and what was heard of our own mail afterwards.
-- Numbers of states and flags are those of msg/queue_inbox.h.

-- A folder as an endpoint knows it. One that is gone keeps its number until its items went.
CREATE TABLE inbound_places (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL COLLATE NOCASE,
    mailbox INTEGER NOT NULL REFERENCES mailboxes (id),
    folder TEXT NOT NULL,
    protocol INTEGER NOT NULL,
    uidvalidity INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    began INTEGER NOT NULL,
    is_gone INTEGER NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX inbound_places_key ON inbound_places (endpoint, folder) WHERE is_gone = 0;

CREATE TABLE inbound (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL REFERENCES inbound_places (id),
    mailbox INTEGER NOT NULL REFERENCES mailboxes (id),
    uidvalidity INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    uidl TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    message_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    received INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    next INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    in_reply_to TEXT NOT NULL,
    queued INTEGER NOT NULL,
    last TEXT NOT NULL,
    finding TEXT NOT NULL,
    keep_until INTEGER NOT NULL,
    body INTEGER NOT NULL -- 0: none, 1: in inbound_bodies, 2: a file
);

CREATE INDEX inbound_by_place ON inbound (place, id);
CREATE INDEX inbound_open ON inbound (id) WHERE state IN (0, 1, 4);
CREATE INDEX inbound_kept ON inbound (id) WHERE body > 0;
CREATE INDEX inbound_by_fingerprint ON inbound (fingerprint, place);
CREATE INDEX inbound_by_message_id ON inbound (message_id, place) WHERE message_id <> '';

CREATE TABLE inbound_bodies (
    item INTEGER PRIMARY KEY REFERENCES inbound (id) ON DELETE CASCADE,
    data BLOB NOT NULL
);

-- What a reply or a bounce says it belongs to. Filled a while after a message was accepted: accepting is not to wait for it.
ALTER TABLE messages ADD COLUMN message_id TEXT NOT NULL DEFAULT '';

CREATE TABLE message_ids (
    hash INTEGER NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (hash, message)
) WITHOUT ROWID;

-- Reports by others that came back after the provider had taken the message.
CREATE TABLE bounces (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    recipient TEXT NOT NULL COLLATE NOCASE,
    time INTEGER NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    diagnostic TEXT NOT NULL,
    host TEXT NOT NULL,
    PRIMARY KEY (message, recipient)
) WITHOUT ROWID;
