-- What a message is about, for people who look for it; and the keys by which a send that a program repeats is known again.
ALTER TABLE messages ADD COLUMN subject TEXT NOT NULL DEFAULT '';

CREATE TABLE send_keys (
    sender TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    message INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (sender, key)
) WITHOUT ROWID;

CREATE INDEX send_keys_by_time ON send_keys (time);
