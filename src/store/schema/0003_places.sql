-- An endpoint that is set to another mailbox keeps what it knows of the one before, under the same name of a folder.

DROP INDEX inbound_places_key;
CREATE UNIQUE INDEX inbound_places_key ON inbound_places (endpoint, mailbox, folder) WHERE is_gone = 0;
