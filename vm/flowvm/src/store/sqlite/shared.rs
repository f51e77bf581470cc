//! What runs of one store share: kept replies, and locks. A lock lives as long as its run does not die:
//! what a run had whose process is gone, or whose lease is over, is free.

use flow_machine::locks::{Asked, LockTable};
use flow_machine::{CacheKey, LockWish, Time};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value as Json;

use super::{SqliteStore, damaged, text};
use crate::error::Result;
use crate::store::Owner;

pub(super) fn cache_get(store: &SqliteStore, key: &CacheKey, now: Time) -> Result<Option<Json>> {
    let found: Option<String> = store
        .db
        .prepare_cached("SELECT reply FROM cache WHERE hash = ?1 AND made_of = ?2 AND kept_until > ?3")
        .and_then(|mut select| {
            select
                .query_row(params![key.hash, key.of, now], |row| row.get(0))
                .optional()
        })
        .map_err(|error| store.error(&error))?;
    found
        .map(|reply| {
            serde_json::from_str(&reply)
                .map_err(|error| damaged(&store.path, &format!("a kept reply is no JSON: {error}")))
        })
        .transpose()
}

pub(super) fn cache_put(store: &SqliteStore, key: &CacheKey, reply: &Json, until: Time) -> Result<()> {
    let (key, reply) = (key.clone(), text(reply));
    store.write(move |db| {
        db.prepare_cached(
            "INSERT INTO cache (hash, made_of, reply, kept_until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET made_of = excluded.made_of, reply = excluded.reply,
                                       kept_until = excluded.kept_until",
        )?
        .execute(params![key.hash, key.of, reply, until])
        .map(|_| ())
    })
}

pub(super) fn lock(store: &SqliteStore, run: &str, wish: &LockWish, now: Time) -> Result<Asked> {
    let (run, wish) = (run.to_owned(), wish.clone());
    store.write(move |db| {
        let mut table = table(db, &run, now)?;
        let holder = holder(&run, &wish.activation);
        let asked = table.ask(&holder, &wish.locks);
        match asked {
            Asked::Taken => take(db, &run, &wish.activation, &table.held_by(&holder))?,
            Asked::Waits => {
                db.prepare_cached(
                    "INSERT OR IGNORE INTO lock_waits (run, activation, names) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![run, wish.activation, text(&wish.locks)])?;
            }
            Asked::Deadlock => stop_waiting(db, &run, &wish.activation)?,
        }
        Ok(asked)
    })
}

pub(super) fn unlock(store: &SqliteStore, run: &str, activation: &str) -> Result<()> {
    let (run, activation) = (run.to_owned(), activation.to_owned());
    store.write(move |db| {
        db.execute(
            "DELETE FROM locks WHERE run = ?1 AND activation = ?2",
            [&run, &activation],
        )?;
        stop_waiting(db, &run, &activation)
    })
}

pub(super) fn unlock_others(store: &SqliteStore, run: &str, keep: &[LockWish]) -> Result<()> {
    // Most runs share nothing, and are not to pay for that.
    let any: bool = store
        .db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM locks WHERE run = ?1) OR EXISTS (SELECT 1 FROM lock_waits WHERE run = ?1)",
        )
        .and_then(|mut select| select.query_row([run], |row| row.get(0)))
        .map_err(|error| store.error(&error))?;
    if !any {
        return Ok(());
    }
    let keep: Vec<&str> = keep.iter().map(|wish| wish.activation.as_str()).collect();
    let (run, keep) = (run.to_owned(), text(&keep));
    store.write(move |db| {
        db.execute(
            "DELETE FROM locks WHERE run = ?1 AND activation NOT IN (SELECT value FROM json_each(?2))",
            params![run, keep],
        )?;
        db.execute("DELETE FROM lock_waits WHERE run = ?1", [run])
            .map(|_| ())
    })
}

fn holder(run: &str, activation: &str) -> String {
    format!("{run}/{activation}")
}

fn take(db: &Connection, run: &str, activation: &str, locks: &[&str]) -> rusqlite::Result<()> {
    stop_waiting(db, run, activation)?;
    let mut insert =
        db.prepare_cached("INSERT OR REPLACE INTO locks (name, run, activation) VALUES (?1, ?2, ?3)")?;
    for name in locks {
        insert.execute([name, run, activation])?;
    }
    Ok(())
}

fn stop_waiting(db: &Connection, run: &str, activation: &str) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM lock_waits WHERE run = ?1 AND activation = ?2")?
        .execute([run, activation])
        .map(|_| ())
}

/// The locks and waits of the asking run and of all that live. A run that rests keeps what it has; one
/// that was left in the middle does not.
fn table(db: &Connection, asking: &str, now: Time) -> rusqlite::Result<LockTable> {
    let mut table = LockTable::default();
    let mut held = db.prepare_cached(
        "SELECT l.name, l.run, l.activation, r.owner, r.lease_until FROM locks l JOIN runs r ON r.id = l.run",
    )?;
    let mut rows = held.query([])?;
    while let Some(row) = rows.next()? {
        let (name, run, activation): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if run == asking || lives(row.get(3)?, row.get(4)?, now) != Some(false) {
            table.restore(&name, &holder(&run, &activation));
        }
    }
    let mut waits = db.prepare_cached(
        "SELECT w.names, w.run, w.activation, r.owner, r.lease_until
         FROM lock_waits w JOIN runs r ON r.id = w.run ORDER BY w.id",
    )?;
    let mut rows = waits.query([])?;
    while let Some(row) = rows.next()? {
        let (names, run, activation): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if run == asking || lives(row.get(3)?, row.get(4)?, now) == Some(true) {
            let names: Vec<String> = serde_json::from_str(&names).unwrap_or_default();
            table.restore_waiter(&holder(&run, &activation), &names);
        }
    }
    Ok(table)
}

/// Whether the process that drives a run is alive; none: nobody drives it.
fn lives(owner: Option<String>, until: Option<Time>, now: Time) -> Option<bool> {
    let owner: Owner = serde_json::from_str(&owner?).ok()?;
    Some(until.is_some_and(|until| until > now) && !owner.is_dead())
}
