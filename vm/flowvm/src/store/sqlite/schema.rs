//! The tables, how a store file comes into being, whole or not at all, and how an older one becomes a new one.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{Durability, io_error, sql_error};
use crate::error::Result;

/// Marks the file as ours: `FLOW`.
pub(super) const APPLICATION: i64 = 0x464c_4f57;
/// The version of the tables below.
pub(super) const VERSION: i64 = 3;

/// Small pages: a commit touches few rows in several tables, and an empty table costs a page.
const PAGE_BYTES: u32 = 1024;

const TABLES: &str = include_str!("schema/tables.sql");

/// How a store of an older schema becomes one of the next: what makes room, and what is copied into the new tables.
const FROM_1: (&str, &str) = (
    include_str!("schema/from_1.sql"),
    include_str!("schema/from_1_copy.sql"),
);
const FROM_2: &str = include_str!("schema/from_2.sql");

/// Makes a new store at `path`: prepared under another name, then put in place in one move. If another
/// process was faster, its store stays. It keeps a log of writes from the start: two processes that open it at once
/// would be in each other's way in making it do so.
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

/// Brings a store of an older schema up to this one, in one transaction.
pub(super) fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    db.execute_batch("PRAGMA foreign_keys = OFF")?;
    let tx = Transaction::new(db, TransactionBehavior::Immediate)?;
    let version: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // Another process may have been faster.
    if version < VERSION {
        if version == 1 {
            let (make_room, copy) = FROM_1;
            tx.execute_batch(make_room)?;
            tx.execute_batch(TABLES)?;
            tx.execute_batch(copy)?;
        } else {
            tx.execute_batch(FROM_2)?;
        }
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()?;
    db.execute_batch("PRAGMA foreign_keys = ON")
}

fn write_tables(draft: &Path, path: &Path) -> Result<()> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let made = Connection::open_with_flags(draft, flags).and_then(|db| {
        db.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {TABLES} \
             PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT; \
             PRAGMA journal_mode = WAL;"
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
