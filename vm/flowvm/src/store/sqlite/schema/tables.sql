CREATE TABLE programs (
  hash      TEXT PRIMARY KEY,
  image     BLOB NOT NULL,
  stored_at INTEGER NOT NULL
) STRICT;

-- One row a run: what is known of it, and a summary of where it is. Recovery reads nothing of the summary.
CREATE TABLE runs (
  n           INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  flow        TEXT NOT NULL,
  program     TEXT NOT NULL REFERENCES programs (hash),
  parent      TEXT,
  forked_at   INTEGER,
  status      TEXT NOT NULL
              CHECK (status IN ('running', 'interrupted', 'done', 'failed', 'limit', 'cancelled')),
  started_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  steps       INTEGER NOT NULL,
  due         INTEGER,
  result      TEXT CHECK (json_valid(result)),
  error       TEXT CHECK (json_valid(error)),
  settings    TEXT NOT NULL CHECK (json_valid(settings)),
  epoch       INTEGER NOT NULL,
  owner       TEXT CHECK (json_valid(owner)),
  lease_until INTEGER
) STRICT;
CREATE INDEX runs_to_move ON runs (due) WHERE status IN ('running', 'interrupted');

-- The logs. The key holds the run and the number within it, so that a log lies together and needs no index. Only
-- the log of a run that is gone can be deleted.
CREATE TABLE log (
  id   INTEGER PRIMARY KEY,
  run  INTEGER GENERATED ALWAYS AS (id >> 32) VIRTUAL,
  seq  INTEGER GENERATED ALWAYS AS (id & 0xffffffff) VIRTUAL,
  step INTEGER NOT NULL,
  node TEXT,
  at   INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX log_by_attempt ON log (id >> 32, body ->> 'attempt') WHERE kind IN ('succeeded', 'failed');
CREATE TRIGGER log_keep BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER log_stay BEFORE DELETE ON log WHEN EXISTS (SELECT 1 FROM runs WHERE n = OLD.id >> 32)
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE points (
  id       INTEGER PRIMARY KEY,
  run      INTEGER GENERATED ALWAYS AS (id >> 32) VIRTUAL,
  number   INTEGER GENERATED ALWAYS AS (id & 0xffffffff) VIRTUAL,
  parent   INTEGER,
  step     INTEGER NOT NULL,
  path     TEXT NOT NULL CHECK (json_valid(path)),
  changed  TEXT NOT NULL CHECK (json_valid(changed)),
  frontier TEXT NOT NULL CHECK (json_valid(frontier))
) STRICT;
CREATE TRIGGER points_keep BEFORE UPDATE ON points
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
CREATE TRIGGER points_stay BEFORE DELETE ON points WHEN EXISTS (SELECT 1 FROM runs WHERE n = OLD.id >> 32)
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;

-- Whole states at growing distances: they spare the fold, and may be lost.
CREATE TABLE snapshots (
  id    INTEGER PRIMARY KEY,
  state TEXT NOT NULL CHECK (json_valid(state))
) STRICT;

CREATE TABLE interrupts (
  run    TEXT NOT NULL REFERENCES runs (id),
  name   TEXT NOT NULL,
  ask    TEXT NOT NULL,
  show   TEXT NOT NULL CHECK (json_valid(show)),
  schema TEXT NOT NULL CHECK (json_valid(schema)),
  due    INTEGER,
  place  INTEGER NOT NULL,
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox (
  id      INTEGER PRIMARY KEY,
  run     TEXT NOT NULL REFERENCES runs (id),
  at      INTEGER NOT NULL,
  input   TEXT NOT NULL CHECK (json_valid(input)),
  state   TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'accepted', 'refused')),
  message TEXT
) STRICT;
CREATE INDEX inbox_waiting ON inbox (run, id) WHERE state = 'waiting';

-- What a process brought that had lost the run meanwhile. It changed nothing.
CREATE TABLE refused (
  id    INTEGER PRIMARY KEY,
  run   TEXT NOT NULL REFERENCES runs (id),
  epoch INTEGER NOT NULL,
  at    INTEGER NOT NULL,
  input TEXT NOT NULL CHECK (json_valid(input))
) STRICT;
CREATE INDEX refused_by_run ON refused (run);

-- Calls under way, over all processes. A row counts while its run is leased in that epoch.
CREATE TABLE slots (
  place TEXT NOT NULL,
  run   TEXT NOT NULL,
  call  TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  PRIMARY KEY (place, run, call)
) STRICT, WITHOUT ROWID;

-- What all processes know of a worker: until when it wants to be left alone, when its next call were due if all had
-- come evenly spaced, its failures, and its breaker.
CREATE TABLE places (
  place      TEXT PRIMARY KEY,
  not_before INTEGER NOT NULL DEFAULT 0,
  in_row     INTEGER NOT NULL DEFAULT 0,
  failures   INTEGER NOT NULL DEFAULT 0,
  even       INTEGER NOT NULL DEFAULT 0,
  open_until INTEGER,
  probing    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Workers beside those of flow.toml.
CREATE TABLE workers (
  name     TEXT PRIMARY KEY,
  protocol TEXT,
  tags     TEXT NOT NULL CHECK (json_valid(tags)),
  binding  TEXT NOT NULL CHECK (json_valid(binding)),
  added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE memory (
  namespace  TEXT NOT NULL,
  key        TEXT NOT NULL,
  value      TEXT NOT NULL CHECK (json_valid(value)),
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;

-- Replies that are kept for a time.
CREATE TABLE cache (
  hash       TEXT PRIMARY KEY,
  made_of    TEXT NOT NULL CHECK (json_valid(made_of)),
  reply      TEXT NOT NULL CHECK (json_valid(reply)),
  kept_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Locks that runs share, and who waits for some, in order of asking.
CREATE TABLE locks (
  name       TEXT PRIMARY KEY,
  run        TEXT NOT NULL REFERENCES runs (id),
  activation TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE lock_waits (
  id         INTEGER PRIMARY KEY,
  run        TEXT NOT NULL REFERENCES runs (id),
  activation TEXT NOT NULL,
  names      TEXT NOT NULL CHECK (json_valid(names)),
  UNIQUE (run, activation)
) STRICT;

-- For people and tools. Their columns stay as they are.
CREATE VIEW events AS
SELECT r.id AS run, l.seq, l.step, l.node, l.at, l.kind, l.body
FROM log l JOIN runs r ON r.n = l.run;

CREATE VIEW checkpoints AS
SELECT r.id AS run, p.number AS id, p.parent, p.step, p.path, p.changed, p.frontier
FROM points p JOIN runs r ON r.n = p.run;

CREATE VIEW attempts AS
SELECT r.id AS run, d.seq, d.body ->> 'attempt' AS attempt, d.node, d.step,
       d.body ->> 'worker' AS worker, d.body ->> 'number' AS number, d.body ->> 'key' AS key,
       d.at AS started_at, e.at AS ended_at,
       CASE WHEN e.kind IS NOT NULL THEN e.kind
            WHEN r.status = 'running' THEN 'running' ELSE 'withdrawn' END AS outcome,
       e.body ->> 'class' AS class, e.body ->> 'message' AS message
FROM log d JOIN runs r ON r.n = d.run
LEFT JOIN log e ON e.id = (
  SELECT min(o.id) FROM log o
  WHERE o.id >> 32 = d.id >> 32 AND o.body ->> 'attempt' = d.body ->> 'attempt' AND o.id > d.id
    AND o.kind IN ('succeeded', 'failed'))
WHERE d.kind = 'dispatched';
