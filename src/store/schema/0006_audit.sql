-- Who changed what, and who came in: for people, and never read by the daemon itself. Times are milliseconds since 1970 UTC.

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    who_kind TEXT NOT NULL,
    who TEXT NOT NULL COLLATE NOCASE,
    host TEXT NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL COLLATE NOCASE,
    changes TEXT NOT NULL -- JSON: {"field": [old, new]}, or what else there is to say
);

CREATE INDEX audit_by_time ON audit (time);
CREATE INDEX audit_by_key ON audit (kind, key);
