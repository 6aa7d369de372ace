-- Objects, the queue with its history, and what counts against a mailbox's limits.
-- Times are milliseconds since 1970 UTC; numbers of states and flags are those of store.h.

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE objects (
    kind INTEGER NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- Addresses that ever sent, as small numbers. Not the objects: history outlives those.
CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE
);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL REFERENCES mailboxes (id),
    state INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    size INTEGER NOT NULL,
    ret INTEGER NOT NULL,
    app TEXT NOT NULL,
    sender TEXT NOT NULL,
    peer TEXT NOT NULL,
    session TEXT NOT NULL,
    envid TEXT NOT NULL
);

-- Finds the open ones among the history at start; costs one small entry while a message is open.
CREATE INDEX messages_open ON messages (id) WHERE state = 0;

CREATE TABLE recipients (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    notify INTEGER NOT NULL,
    code INTEGER NOT NULL,
    address TEXT NOT NULL,
    orcpt TEXT NOT NULL,
    enhanced TEXT NOT NULL,
    last TEXT NOT NULL,
    finding TEXT NOT NULL,
    PRIMARY KEY (message, number)
) WITHOUT ROWID;

CREATE TABLE bodies (
    message INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    data BLOB NOT NULL
);

CREATE TABLE attempts (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    time INTEGER NOT NULL,
    host TEXT NOT NULL,
    outcome TEXT NOT NULL,
    dialogue TEXT NOT NULL,
    PRIMARY KEY (message, number)
) WITHOUT ROWID;

CREATE TABLE sent (
    mailbox INTEGER NOT NULL REFERENCES mailboxes (id),
    slot INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    PRIMARY KEY (mailbox, slot)
) WITHOUT ROWID;

CREATE TABLE drops (
    name TEXT PRIMARY KEY,
    time INTEGER NOT NULL
) WITHOUT ROWID;
