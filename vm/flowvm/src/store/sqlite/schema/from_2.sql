-- From schema 2: breakers keep their state, rates have bursts, and workers can be registered.
ALTER TABLE places ADD COLUMN even INTEGER NOT NULL DEFAULT 0;
ALTER TABLE places ADD COLUMN open_until INTEGER;
ALTER TABLE places ADD COLUMN probing INTEGER NOT NULL DEFAULT 0;
CREATE TABLE workers (
  name     TEXT PRIMARY KEY,
  protocol TEXT,
  tags     TEXT NOT NULL CHECK (json_valid(tags)),
  binding  TEXT NOT NULL CHECK (json_valid(binding)),
  added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
