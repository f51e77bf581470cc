//! The store in one `SQLite` file: opening and its checks, the fenced commit. The only place, with its
//! submodules, that names rusqlite.
//!
//! - `schema`: the tables and how a file comes into being. `read`: everything that only looks.
//! - `lease`: who drives a run. `inbox`: letters to the driver, and memory across runs.

mod inbox;
mod lease;
mod read;
mod schema;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};
use serde::Serialize;

use flow_machine::{Checkpoint, Event, Input, Time};
use serde_json::Value as Json;

use super::{AttemptRow, Commit, NewRun, OpenInterrupt, Owner, RunRow, Store};
use crate::error::{Error, Result, code};

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(10);
/// Files up to this size are checked page by page when they are opened; a larger one when it is read.
const CHECKED_BYTES: u64 = 4 << 20;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What a power loss may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing.
    #[default]
    Full,
    /// The last commits; a process crash loses nothing.
    Normal,
}

/// A store in one file.
#[derive(Debug)]
pub struct SqliteStore {
    db: Connection,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the store, and creates it where there is none.
    pub fn open_or_create(path: &Path, durability: Durability) -> Result<Self> {
        if !path.exists() {
            schema::create(path, durability)?;
        }
        Self::open(path, durability)
    }

    /// Opens a store that is there.
    pub fn open(path: &Path, durability: Durability) -> Result<Self> {
        let bytes = check_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags).and_then(|db| {
            db.busy_timeout(BUSY)?;
            db.set_prepared_statement_cache_capacity(32);
            let synchronous = if durability == Durability::Full {
                "FULL"
            } else {
                "NORMAL"
            };
            db.execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; \
                 PRAGMA cell_size_check = ON;"
            ))?;
            Ok(db)
        });
        let db = opened.map_err(|error| sql_error(path, &error))?;
        let store = Self {
            db,
            path: path.to_owned(),
        };
        store.check_contents(bytes)?;
        Ok(store)
    }

    fn check_contents(&self, bytes: u64) -> Result<()> {
        let pragma = |name: &str| {
            self.db
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .map_err(|error| self.error(&error))
        };
        if pragma("application_id")? != schema::APPLICATION {
            let message = format!(
                "`{}` is an SQLite file, but no store of runs",
                self.path.display()
            );
            return Err(Error::new(code::STORE_UNUSABLE, message).help("name another one with --store"));
        }
        let version = pragma("user_version")?;
        if version > schema::VERSION {
            let message = format!(
                "store `{}` was written by a newer flowvm (schema {version}, this one knows {})",
                self.path.display(),
                schema::VERSION
            );
            return Err(Error::new(code::STORE_NEWER, message).help("update flowvm, or use another store"));
        }
        if bytes <= CHECKED_BYTES {
            let verdict = self
                .db
                .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
                .map_err(|error| self.error(&error))?;
            if verdict != "ok" {
                return Err(damaged(&self.path, &verdict));
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(Transaction<'_>, &Path)> {
        let path = &self.path;
        Transaction::new(&mut self.db, TransactionBehavior::Immediate)
            .map(|tx| (tx, path.as_path()))
            .map_err(|error| sql_error(path, &error))
    }

    fn error(&self, error: &rusqlite::Error) -> Error {
        sql_error(&self.path, error)
    }
}

impl Store for SqliteStore {
    fn create(&mut self, run: &NewRun<'_>, first: &Commit<'_>, owner: &Owner) -> Result<()> {
        assert_eq!(run.id, first.run, "a run is created with its own events");
        assert_eq!(first.expected, 0, "a new run has no events yet");
        let (tx, path) = self.begin()?;
        insert_run(&tx, run, first, owner).map_err(|error| match error {
            rusqlite::Error::SqliteFailure(failure, _) if failure.code == ErrorCode::ConstraintViolation => {
                Error::new(code::RUN_EXISTS, format!("there is a run `{}` already", run.id))
                    .help("choose another --id, or go on with it: --resume-if-exists")
            }
            error => sql_error(path, &error),
        })?;
        append(&tx, first)
            .and_then(|()| tx.commit())
            .map_err(|error| sql_error(path, &error))
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<()> {
        let last = commit.expected + commit.events.len() as u64;
        assert_eq!(
            commit.events.last().map_or(commit.expected, |event| event.seq),
            last,
            "the log has no gaps"
        );
        let (tx, path) = self.begin()?;
        let moved = move_head(&tx, commit).map_err(|error| sql_error(path, &error))?;
        if !moved {
            let message = format!("run `{}` was taken over by another process", commit.run);
            return Err(
                Error::new(code::RUN_LOST, message).help("nothing is lost: the other one goes on with it")
            );
        }
        append(&tx, commit)
            .and_then(|()| tx.commit())
            .map_err(|error| sql_error(path, &error))
    }

    fn acquire(&mut self, run: &str, owner: &Owner, now: Time) -> Result<u64> {
        lease::acquire(self, run, owner, now)
    }

    fn renew(&mut self, run: &str, epoch: u64, until: Time) -> Result<()> {
        lease::renew(self, run, epoch, until)
    }

    fn release(&mut self, run: &str, epoch: u64) -> Result<()> {
        lease::release(self, run, epoch)
    }

    fn runs(&self) -> Result<Vec<RunRow>> {
        read::runs(self)
    }

    fn run(&self, id: &str) -> Result<Option<RunRow>> {
        read::run(self, id)
    }

    fn program(&self, hash: &str) -> Result<Vec<u8>> {
        read::program(self, hash)
    }

    fn events(&self, run: &str, after: u64) -> Result<Vec<Event>> {
        read::events(self, run, after)
    }

    fn checkpoints(&self, run: &str) -> Result<Vec<Checkpoint>> {
        read::checkpoints(self, run)
    }

    fn interrupts(&self, run: &str) -> Result<Vec<OpenInterrupt>> {
        read::interrupts(self, run)
    }

    fn attempts(&self, run: &str) -> Result<Vec<AttemptRow>> {
        read::attempts(self, run)
    }

    fn post(&mut self, run: &str, input: &Input, now: Time) -> Result<i64> {
        inbox::post(self, run, input, now)
    }

    fn inbox(&self, run: &str) -> Result<Vec<(i64, Input)>> {
        inbox::waiting(self, run)
    }

    fn letter(&self, id: i64) -> Result<Option<std::result::Result<(), String>>> {
        inbox::letter(self, id)
    }

    fn memory_get(&self, namespace: &str, key: &str) -> Result<Option<Json>> {
        inbox::memory_get(self, namespace, key)
    }

    fn memory_put(&mut self, namespace: &str, key: &str, value: &Json, now: Time) -> Result<bool> {
        inbox::memory_put(self, namespace, key, value, now)
    }

    fn memory_delete(&mut self, namespace: &str, key: &str) -> Result<bool> {
        inbox::memory_delete(self, namespace, key)
    }

    fn memory_list(&self, namespace: &str) -> Result<Vec<String>> {
        inbox::memory_list(self, namespace)
    }
}

fn insert_run(
    tx: &Transaction<'_>,
    run: &NewRun<'_>,
    first: &Commit<'_>,
    owner: &Owner,
) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO programs (hash, image, stored_at) VALUES (?1, ?2, ?3)")?
        .execute(params![run.program, run.image, run.at])?;
    let head = first.head;
    tx.prepare_cached(
        "INSERT INTO runs (id, flow, program, status, started_at, updated_at, seq, steps, due, result, error,
                           settings, epoch, owner, lease_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(params![
        run.id,
        run.flow,
        run.program,
        word(&head.status),
        run.at,
        head.at,
        first.events.len() as i64,
        head.steps as i64,
        head.due,
        head.result.as_ref().map(text),
        head.error.as_ref().map(text),
        text(run.settings),
        first.epoch as i64,
        text(owner),
        first.lease_until,
    ])?;
    Ok(())
}

/// Whether the run's row was still the writer's.
fn move_head(tx: &Transaction<'_>, commit: &Commit<'_>) -> rusqlite::Result<bool> {
    let head = commit.head;
    let rows = tx
        .prepare_cached(
            "UPDATE runs SET seq = ?1, status = ?2, updated_at = ?3, steps = ?4, due = ?5, result = ?6, error = ?7,
                             lease_until = ?8
             WHERE id = ?9 AND epoch = ?10 AND seq = ?11 AND owner IS NOT NULL",
        )?
        .execute(params![
            (commit.expected + commit.events.len() as u64) as i64,
            word(&head.status),
            head.at,
            head.steps as i64,
            head.due,
            head.result.as_ref().map(text),
            head.error.as_ref().map(text),
            commit.lease_until,
            commit.run,
            commit.epoch as i64,
            commit.expected as i64,
        ])?;
    Ok(rows == 1)
}

fn append(tx: &Transaction<'_>, commit: &Commit<'_>) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO events (run, seq, step, node, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for event in commit.events {
        insert.execute(params![
            commit.run,
            event.seq as i64,
            event.step as i64,
            event.node,
            event.at,
            text(&event.kind)
        ])?;
    }
    let mut insert = tx.prepare_cached(
        "INSERT INTO checkpoints (run, id, parent, step, path, changed, frontier)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for point in commit.checkpoints {
        insert.execute(params![
            commit.run,
            point.id as i64,
            point.parent.map(|id| id as i64),
            point.step as i64,
            text(&point.path),
            text(&point.changed),
            text(&point.frontier),
        ])?;
    }
    if let Some(open) = commit.interrupts {
        replace_interrupts(tx, commit.run, open)?;
    }
    for (letter, refused) in commit.letters {
        let state = if refused.is_some() { "refused" } else { "accepted" };
        tx.prepare_cached("UPDATE inbox SET state = ?1, message = ?2 WHERE id = ?3")?
            .execute(params![state, refused, letter])?;
    }
    Ok(())
}

fn replace_interrupts(tx: &Transaction<'_>, run: &str, open: &[OpenInterrupt]) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM interrupts WHERE run = ?1")?
        .execute([run])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO interrupts (run, name, ask, show, schema, due) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for one in open {
        insert.execute(params![
            run,
            one.name,
            one.ask,
            text(&one.show),
            text(&one.schema),
            one.due
        ])?;
    }
    Ok(())
}

/// What can be said about a file before `SQLite` sees it. A damaged one must not be taken for a new one.
fn check_file(path: &Path) -> Result<u64> {
    let meta = std::fs::metadata(path).map_err(|error| io_error(path, "open", &error))?;
    if meta.is_dir() {
        let message = format!("store `{}` is a folder, not a file", path.display());
        return Err(Error::new(code::STORE_UNUSABLE, message).help("name a file with --store"));
    }
    let mut header = [0; 100];
    let mut file = std::fs::File::open(path).map_err(|error| io_error(path, "open", &error))?;
    if file.read_exact(&mut header).is_err() {
        return Err(damaged(path, &format!("it has only {} bytes", meta.len())));
    }
    if header[..16] != *MAGIC {
        return Err(damaged(path, "it does not begin like a store"));
    }
    let page = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        page => page,
    };
    let pages = u64::from(u32::from_be_bytes([
        header[28], header[29], header[30], header[31],
    ]));
    // While a write-ahead log is there, the header may be older than the file.
    if wal_bytes(path) == 0 && meta.len() < page * pages {
        let message = format!("it has {} bytes of {}", meta.len(), page * pages);
        return Err(damaged(path, &message));
    }
    Ok(meta.len())
}

fn wal_bytes(path: &Path) -> u64 {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::metadata(wal).map_or(0, |meta| meta.len())
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::new(
        code::STORE_DAMAGED,
        format!("store `{}` is damaged: {what}", path.display()),
    )
    .help("nothing was changed; put back a copy, or move the file away to begin a new store")
}

fn io_error(path: &Path, verb: &str, error: &std::io::Error) -> Error {
    let message = format!("cannot {verb} store `{}`: {error}", path.display());
    Error::new(code::STORE_UNUSABLE, message)
        .help("check the path and its permissions, or name another with --store")
}

fn sql_error(path: &Path, error: &rusqlite::Error) -> Error {
    let failure = error.sqlite_error_code();
    match failure {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(path, &error.to_string()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let message = format!(
                "store `{}` is locked by another process for {} s",
                path.display(),
                BUSY.as_secs()
            );
            Error::new(code::STORE_UNUSABLE, message).help("end the program that holds it, then try again")
        }
        Some(ErrorCode::DiskFull) => Error::new(
            code::STORE_UNUSABLE,
            format!("no room left to write store `{}`", path.display()),
        )
        .help("nothing that was recorded is lost; make room and `flowvm resume` the run"),
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::SystemIoFailure,
        ) => {
            let message = format!("cannot write store `{}`: {error}", path.display());
            Error::new(code::STORE_UNUSABLE, message)
                .help("check the permissions of the file and its folder, or name another with --store")
        }
        None if !matches!(error, rusqlite::Error::QueryReturnedNoRows) => damaged(path, &error.to_string()),
        _ if error.to_string().contains("no such table") || error.to_string().contains("malformed") => {
            damaged(path, &error.to_string())
        }
        _ => Error::new(
            code::STORE_UNUSABLE,
            format!("store `{}`: {error}", path.display()),
        ),
    }
}

/// The JSON of a value that has no way not to be JSON.
fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("stored types are JSON: {error}"))
}

/// The bare word of an enum without fields.
fn word(value: &impl Serialize) -> String {
    text(value).trim_matches('"').to_owned()
}
