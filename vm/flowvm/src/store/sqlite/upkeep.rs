//! The store as a whole: what is to be moved, what is old, whether it is sound, a copy of it.

use std::path::Path;

use rusqlite::{OptionalExtension, params};

use flow_machine::Time;

use super::{SqliteStore, damaged, io_error, read, sql_error};
use crate::error::{Error, Result, code};
use crate::store::{Owner, RunRow};

/// What a run leaves when it goes: rows by its id, rows by its number.
const BY_ID: [&str; 6] = ["interrupts", "inbox", "refused", "slots", "locks", "lock_waits"];
const BY_NUMBER: [&str; 3] = ["log", "points", "snapshots"];

impl SqliteStore {
    /// The newest runs, of one status or of all.
    pub fn newest(&self, status: Option<&str>, last: usize) -> Result<Vec<RunRow>> {
        read::newest(self, status, last)
    }

    /// Runs that nobody drives and that can move by themselves: unfinished ones, and those whose time has come.
    pub fn to_move(&self, now: Time, most: usize) -> Result<Vec<String>> {
        let rows = || -> rusqlite::Result<Vec<(String, Option<String>)>> {
            self.db
                .prepare_cached(
                    "SELECT id, CASE WHEN lease_until > ?1 THEN owner END FROM runs
                     WHERE status IN ('running', 'interrupted') AND (due <= ?1 OR due IS NULL AND status = 'running'
                           OR owner IS NOT NULL AND status = 'running')
                     ORDER BY due LIMIT ?2",
                )?
                .query_map(params![now, most as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        let is_driven = |owner: &str| serde_json::from_str(owner).is_ok_and(|owner: Owner| !owner.is_dead());
        let rows = rows().map_err(|error| self.error(&error))?;
        Ok(rows
            .into_iter()
            .filter(|(_, owner)| !owner.as_deref().is_some_and(is_driven))
            .map(|(id, _)| id)
            .collect())
    }

    /// When the next run is to be moved by time alone; none: no run sleeps.
    pub fn next_due(&self) -> Result<Option<Time>> {
        self.db
            .prepare_cached("SELECT min(due) FROM runs WHERE status IN ('running', 'interrupted')")
            .and_then(|mut select| select.query_row([], |row| row.get(0)))
            .map_err(|error| self.error(&error))
    }

    /// Runs that have ended and whose last event is older.
    pub fn ended_before(&self, time: Time) -> Result<Vec<String>> {
        let ids = || -> rusqlite::Result<Vec<String>> {
            self.db
                .prepare(
                    "SELECT id FROM runs
                     WHERE status IN ('done', 'failed', 'cancelled') AND owner IS NULL AND updated_at < ?1
                     ORDER BY updated_at",
                )?
                .query_map([time], |row| row.get(0))?
                .collect()
        };
        ids().map_err(|error| self.error(&error))
    }

    /// Deletes a run with all that belongs to it, unless it has moved again meanwhile. Whether it is gone.
    pub fn delete(&self, run: &str, before: Time) -> Result<bool> {
        let run = run.to_owned();
        self.write(move |db| {
            let number: Option<i64> = db
                .query_row(
                    "SELECT n FROM runs WHERE id = ?1 AND owner IS NULL AND updated_at < ?2
                       AND status IN ('done', 'failed', 'cancelled')",
                    params![run, before],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(number) = number else { return Ok(false) };
            for table in BY_ID {
                db.execute(&format!("DELETE FROM {table} WHERE run = ?1"), [&run])?;
            }
            db.execute("DELETE FROM runs WHERE n = ?1", [number])?;
            for table in BY_NUMBER {
                db.execute(
                    &format!("DELETE FROM {table} WHERE id BETWEEN ?1 << 32 AND (?1 << 32) + 0xffffffff"),
                    [number],
                )?;
            }
            Ok(true)
        })
    }

    /// Deletes programs that no run has and replies whose time is over, and gives free pages back to the disk.
    pub fn tidy(&self, now: Time) -> Result<usize> {
        let gone = self.write(move |db| {
            db.execute("DELETE FROM cache WHERE kept_until <= ?1", [now])?;
            db.execute(
                "DELETE FROM programs WHERE hash NOT IN (SELECT program FROM runs)",
                [],
            )
        })?;
        // Only possible while nobody else writes; another time then.
        let _ = self.db.execute_batch("VACUUM");
        Ok(gone)
    }

    /// What is wrong with the file, as far as `SQLite` can tell; nothing if it is whole.
    pub fn integrity(&self) -> Result<Vec<String>> {
        let said = || -> rusqlite::Result<Vec<String>> {
            let mut said: Vec<String> = self
                .db
                .prepare("PRAGMA integrity_check(20)")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            said.retain(|line| line != "ok");
            let orphans: i64 = self.db.query_row(
                "SELECT (SELECT count(*) FROM pragma_foreign_key_check)
                      + (SELECT count(*) FROM log WHERE id >> 32 NOT IN (SELECT n FROM runs))
                      + (SELECT count(*) FROM points WHERE id >> 32 NOT IN (SELECT n FROM runs))",
                [],
                |row| row.get(0),
            )?;
            if orphans > 0 {
                said.push(format!("{orphans} rows belong to nothing"));
            }
            Ok(said)
        };
        said().map_err(|error| self.error(&error))
    }

    /// How many outcomes of a run came from processes that had lost it.
    pub fn refused(&self, run: &str) -> Result<u64> {
        self.db
            .prepare_cached("SELECT count(*) FROM refused WHERE run = ?1")
            .and_then(|mut select| select.query_row([run], |row| row.get::<_, i64>(0)))
            .map(|count| count as u64)
            .map_err(|error| self.error(&error))
    }

    /// Writes a copy as of now to `to`, while runs go on: whole, or not at all.
    pub fn backup(&self, to: &Path) -> Result<u64> {
        if to.exists() {
            let message = format!("`{}` exists already", to.display());
            return Err(Error::new(code::STORE_UNUSABLE, message).help("name a new file"));
        }
        let mut draft = to.as_os_str().to_owned();
        draft.push(".new");
        let draft = Path::new(&draft);
        let _ = std::fs::remove_file(draft);
        let copied = self
            .db
            .execute("VACUUM INTO ?1", [draft.to_string_lossy()])
            .map_err(|error| sql_error(to, &error))
            .and_then(|_| {
                let file = std::fs::File::open(draft).map_err(|error| io_error(to, "write", &error))?;
                file.sync_all().map_err(|error| io_error(to, "write", &error))?;
                let bytes = file.metadata().map_or(0, |meta| meta.len());
                // The copy must be one that opens.
                drop(Self::open(draft, self.durability)?);
                std::fs::rename(draft, to).map_err(|error| io_error(to, "create", &error))?;
                Ok(bytes)
            });
        for side in ["", "-wal", "-shm"] {
            let mut left = draft.as_os_str().to_owned();
            left.push(side);
            let _ = std::fs::remove_file(left);
        }
        copied
    }

    /// An error that says where the damage is.
    pub fn damage(&self, what: &str) -> Error {
        damaged(&self.path, what)
    }
}
