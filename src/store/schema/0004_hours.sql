-- What passed through each mailbox, hour by hour (hours since 1970), for a day's picture of it.

CREATE TABLE hours (
    mailbox INTEGER NOT NULL REFERENCES mailboxes (id),
    hour INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (mailbox, hour)
) WITHOUT ROWID;
