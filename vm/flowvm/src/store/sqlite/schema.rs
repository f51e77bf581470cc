//! The tables, and how a store file comes into being: whole, or not at all.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{Durability, io_error, sql_error};
use crate::error::Result;

/// Marks the file as ours: `FLOW`.
pub(super) const APPLICATION: i64 = 0x464c_4f57;
/// The version of the tables below.
pub(super) const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE programs (
  hash      TEXT PRIMARY KEY,
  image     BLOB NOT NULL,
  stored_at INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
  id          TEXT PRIMARY KEY,
  flow        TEXT NOT NULL,
  program     TEXT NOT NULL REFERENCES programs (hash),
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

CREATE TABLE events (
  run     TEXT NOT NULL REFERENCES runs (id),
  seq     INTEGER NOT NULL CHECK (seq > 0),
  step    INTEGER NOT NULL,
  node    TEXT,
  at      INTEGER NOT NULL,
  body    TEXT NOT NULL,
  kind    TEXT NOT NULL GENERATED ALWAYS AS (body ->> 'kind') STORED,
  attempt TEXT GENERATED ALWAYS AS (body ->> 'attempt') STORED,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_attempt ON events (run, attempt, kind) WHERE attempt IS NOT NULL;
CREATE TRIGGER events_keep BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE checkpoints (
  run      TEXT NOT NULL REFERENCES runs (id),
  id       INTEGER NOT NULL,
  parent   INTEGER,
  step     INTEGER NOT NULL,
  path     TEXT NOT NULL CHECK (json_valid(path)),
  changed  TEXT NOT NULL CHECK (json_valid(changed)),
  frontier TEXT NOT NULL CHECK (json_valid(frontier)),
  PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER checkpoints_keep BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
CREATE TRIGGER checkpoints_stay BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;

CREATE TABLE interrupts (
  run    TEXT NOT NULL REFERENCES runs (id),
  name   TEXT NOT NULL,
  ask    TEXT NOT NULL,
  show   TEXT NOT NULL CHECK (json_valid(show)),
  schema TEXT NOT NULL CHECK (json_valid(schema)),
  due    INTEGER,
  PRIMARY KEY (run, name)
) STRICT;

CREATE TABLE inbox (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  run     TEXT NOT NULL REFERENCES runs (id),
  at      INTEGER NOT NULL,
  input   TEXT NOT NULL CHECK (json_valid(input)),
  state   TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'accepted', 'refused')),
  message TEXT
) STRICT;
CREATE INDEX inbox_waiting ON inbox (run, id) WHERE state = 'waiting';

CREATE TABLE memory (
  namespace  TEXT NOT NULL,
  key        TEXT NOT NULL,
  value      TEXT NOT NULL CHECK (json_valid(value)),
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;

CREATE VIEW attempts AS
SELECT d.run, d.seq, d.attempt, d.node, d.step,
       d.body ->> 'worker' AS worker, d.body ->> 'number' AS number, d.body ->> 'key' AS key,
       d.at AS started_at, e.at AS ended_at,
       CASE WHEN e.kind IS NOT NULL THEN e.kind
            WHEN r.status = 'running' THEN 'running' ELSE 'withdrawn' END AS outcome,
       e.body ->> 'class' AS class, e.body ->> 'message' AS message
FROM events d JOIN runs r ON r.id = d.run
LEFT JOIN events e ON e.run = d.run AND e.attempt = d.attempt AND e.kind IN ('succeeded', 'failed')
WHERE d.kind = 'dispatched';
";

/// Makes a new store at `path`: prepared under another name, then put in place in one move. If another
/// process was faster, its store stays.
pub(super) fn create(path: &Path, durability: Durability) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(|error| io_error(path, "create the folder of", &error))?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".new-{}", uuid::Uuid::now_v7().simple()));
    let draft = Path::new(&draft);
    let _ = std::fs::remove_file(draft);
    let made = write_tables(draft, path).and_then(|()| put_in_place(draft, path, folder, durability));
    let _ = std::fs::remove_file(draft);
    made
}

fn write_tables(draft: &Path, path: &Path) -> Result<()> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let made = Connection::open_with_flags(draft, flags).and_then(|db| {
        db.execute_batch(&format!(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {TABLES} \
             PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
        ))
    });
    made.map_err(|error| sql_error(path, &error))
}

fn put_in_place(draft: &Path, path: &Path, folder: Option<&Path>, durability: Durability) -> Result<()> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    if durability == Durability::Full {
        sync(draft).map_err(|error| io_error(path, "write", &error))?;
    }
    match std::fs::hard_link(draft, path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(io_error(path, "create", &error));
        }
        _ => {}
    }
    if durability == Durability::Full {
        sync(folder.unwrap_or(Path::new("."))).map_err(|error| io_error(path, "write", &error))?;
    }
    Ok(())
}
