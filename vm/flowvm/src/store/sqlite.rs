//! The store in one `SQLite` file: opening and its checks, the fenced commit. The only place, with its
//! submodules, that names rusqlite.
//!
//! - `schema`: the tables and how a file comes into being. `read`: everything that only looks.
//! - `writer`: the thread that writes, for many runs at once. `append`: the fenced commit.
//! - `shared`: kept replies and locks. `lease`: who drives a run. `slots`: what workers bear, `workers`: those that were registered. `inbox`: letters to the
//!   driver, and memory across runs. `upkeep`: the whole of it.

mod append;
mod inbox;
mod lease;
mod read;
mod schema;
mod shared;
mod slots;
#[cfg(test)]
mod tests;
mod upkeep;
mod workers;
mod writer;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use serde::Serialize;

use flow_machine::locks::Asked;
use flow_machine::{CacheKey, Checkpoint, Event, Input, LockWish, Time};
use serde_json::{Map, Value as Json};

use super::{
    AttemptRow, Claim, Commit, Entry, Learned, NewRun, OpenInterrupt, Owner, Pending, RunRow, Store,
};
use crate::config::Registered;
use crate::error::{Error, Result, code};
use append::{Addition, Creation};
use writer::Writer;

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(10);
/// Files up to this size are checked page by page when they are opened; a larger one when it is read.
const CHECKED_BYTES: u64 = 4 << 20;
/// The same where the last process that had it open did not close it, or still has it open.
const UNCLEAN_BYTES: u64 = 64 << 20;
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

/// A store in one file: a connection to read with, and the thread that writes, which several handles of one
/// process share.
#[derive(Debug)]
pub struct SqliteStore {
    db: Connection,
    path: PathBuf,
    durability: Durability,
    writer: Arc<Mutex<Option<Arc<Writer>>>>,
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
        let unclean = wal_bytes(path) > 0;
        let mut store = Self {
            db: connect(path, durability)?,
            path: path.to_owned(),
            durability,
            writer: Arc::default(),
        };
        store.check_contents(bytes, unclean)?;
        Ok(store)
    }

    /// Another handle on the same store, for another run of this process: what both write is flushed together.
    pub fn another(&self) -> Result<Self> {
        Ok(Self {
            db: connect(&self.path, self.durability)?,
            path: self.path.clone(),
            durability: self.durability,
            writer: self.writer.clone(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The thread that writes; the first who writes starts it.
    fn writer(&self) -> Result<Arc<Writer>> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = &*writer {
            return Ok(writer.clone());
        }
        let db = connect(&self.path, self.durability)?;
        let started = Arc::new(Writer::start(db, self.path.clone())?);
        *writer = Some(started.clone());
        Ok(started)
    }

    /// Writes by way of the thread, and waits until it is durable.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.path.clone();
        self.writer()?
            .write(move |db| work(db).map_err(|error| sql_error(&path, &error)))
    }

    fn check_contents(&mut self, bytes: u64, unclean: bool) -> Result<()> {
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
        if version < schema::VERSION {
            schema::migrate(&mut self.db).map_err(|error| sql_error(&self.path, &error))?;
        }
        if bytes <= CHECKED_BYTES || unclean && bytes <= UNCLEAN_BYTES {
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

    fn error(&self, error: &rusqlite::Error) -> Error {
        sql_error(&self.path, error)
    }
}

impl Store for SqliteStore {
    fn create(&mut self, run: &NewRun<'_>, first: &Commit<'_>, owner: &Owner) -> Result<()> {
        assert_eq!(run.id, first.run, "a run is created with its own events");
        assert_eq!(first.expected, 0, "a new run has no events yet");
        let (creation, first) = (Creation::of(run, owner), Addition::of(first));
        let path = self.path.clone();
        self.writer()?.write(move |db| creation.write(db, &first, &path))
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<()> {
        let addition = Addition::of(commit);
        if self.write(move |db| addition.write(db))? {
            Ok(())
        } else {
            Err(append::lost(commit.run))
        }
    }

    fn submit(&mut self, commit: &Commit<'_>) -> Pending {
        let (addition, run, path) = (Addition::of(commit), commit.run.to_owned(), self.path.clone());
        let writer = match self.writer() {
            Ok(writer) => writer,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let written =
            writer.write_later(move |db| addition.write(db).map_err(|error| sql_error(&path, &error)));
        Box::pin(async move {
            if written.await? {
                Ok(())
            } else {
                Err(append::lost(&run))
            }
        })
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

    fn enter(&mut self, claim: &Claim<'_>, now: Time) -> Result<Entry> {
        slots::enter(self, claim, now)
    }

    fn leave(&mut self, claim: &Claim<'_>, learned: Option<Learned>, now: Time) -> Result<()> {
        slots::leave(self, claim, learned, now)
    }

    fn registered(&self) -> Result<Vec<Registered>> {
        workers::registered(self)
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

    fn state_at(&self, run: &str, checkpoint: u64) -> Result<Option<Map<String, Json>>> {
        read::state_at(self, run, checkpoint)
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

    fn cache_get(&self, key: &CacheKey, now: Time) -> Result<Option<Json>> {
        shared::cache_get(self, key, now)
    }

    fn cache_put(&mut self, key: &CacheKey, reply: &Json, until: Time) -> Result<()> {
        shared::cache_put(self, key, reply, until)
    }

    fn lock(&mut self, run: &str, wish: &LockWish, now: Time) -> Result<Asked> {
        shared::lock(self, run, wish, now)
    }

    fn unlock(&mut self, run: &str, activation: &str) -> Result<()> {
        shared::unlock(self, run, activation)
    }

    fn unlock_others(&mut self, run: &str, keep: &[LockWish]) -> Result<()> {
        shared::unlock_others(self, run, keep)
    }
}

fn connect(path: &Path, durability: Durability) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|db| {
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(64);
        let synchronous = if durability == Durability::Full {
            "FULL"
        } else {
            "NORMAL"
        };
        db.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; \
             PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = 4000;"
        ))?;
        Ok(db)
    });
    opened.map_err(|error| sql_error(path, &error))
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
