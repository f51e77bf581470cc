//! What all processes together allow a worker: slots, counted from the live leases of the runs that hold them, and
//! what is known of its health. The rules of rate and breaker stand in `store::health`.

use rusqlite::{Connection, OptionalExtension, params};

use flow_machine::Time;

use super::SqliteStore;
use crate::error::Result;
use crate::store::{Claim, Entry, Health, Learned};

pub(super) fn enter(store: &SqliteStore, claim: &Claim<'_>, now: Time) -> Result<Entry> {
    let (rate, breaker) = (claim.rate, claim.breaker);
    if claim.most.is_none() && rate.is_none() {
        // Nothing to take: as long as the worker is well, looking is enough.
        let mut health = read(&store.db, claim.place).map_err(|error| store.error(&error))?;
        match health.ask(None, breaker, now) {
            Ok(()) if !health.probing => return Ok(Entry::Free),
            Ok(()) => {}
            Err((at, why)) => return Ok(Entry::Later { at, why }),
        }
    }
    let (place, run, call) = (
        claim.place.to_owned(),
        claim.run.to_owned(),
        claim.call.to_owned(),
    );
    let (epoch, most) = (claim.epoch as i64, claim.most.map(|most| most as i64));
    store.write(move |db| {
        if let Some(most) = most
            && live(db, &place, now)? >= most
        {
            return Ok(Entry::Full);
        }
        let mut health = read(db, &place)?;
        if let Err((at, why)) = health.ask(rate, breaker, now) {
            return Ok(Entry::Later { at, why });
        }
        write(db, &place, &health)?;
        if most.is_some() {
            db.prepare_cached(
                "INSERT OR REPLACE INTO slots (place, run, call, epoch) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![place, run, call, epoch])?;
        }
        Ok(Entry::Free)
    })
}

/// Nobody waits for this: whatever is written later by this process comes behind it.
pub(super) fn leave(
    store: &SqliteStore,
    claim: &Claim<'_>,
    learned: Option<Learned>,
    now: Time,
) -> Result<()> {
    let has_slot = claim.most.is_some();
    let known = |learned: Learned| Ok(read(&store.db, claim.place)?.knows(learned));
    let nothing_new = learned
        .map_or(Ok(true), known)
        .map_err(|error: rusqlite::Error| store.error(&error))?;
    if !has_slot && nothing_new {
        return Ok(());
    }
    let (place, run, call) = (
        claim.place.to_owned(),
        claim.run.to_owned(),
        claim.call.to_owned(),
    );
    let (breaker, path) = (claim.breaker, store.path.clone());
    let work = move |db: &Connection| {
        if has_slot {
            db.prepare_cached("DELETE FROM slots WHERE place = ?1 AND run = ?2 AND call = ?3")?
                .execute([&place, &run, &call])?;
        }
        if let Some(learned) = learned.filter(|_| !nothing_new) {
            let mut health = read(db, &place)?;
            health.learn(learned, breaker, now);
            write(db, &place, &health)?;
        }
        Ok(())
    };
    drop(
        store
            .writer()?
            .write_later(move |db| work(db).map_err(|error| super::sql_error(&path, &error))),
    );
    Ok(())
}

/// Slots whose runs are still driven by whom they were when the slot was taken.
pub(super) fn live(db: &Connection, place: &str, now: Time) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "SELECT count(*) FROM slots s JOIN runs r ON r.id = s.run
         WHERE s.place = ?1 AND r.epoch = s.epoch AND r.owner IS NOT NULL AND r.lease_until > ?2",
    )?
    .query_row(params![place, now], |row| row.get(0))
}

pub(super) fn read(db: &Connection, place: &str) -> rusqlite::Result<Health> {
    let found = db
        .prepare_cached(
            "SELECT not_before, even, in_row, failures, open_until, probing FROM places WHERE place = ?1",
        )?
        .query_row([place], |row| {
            Ok(Health {
                rest_until: row.get(0)?,
                even: row.get(1)?,
                in_row: row.get(2)?,
                failures: row.get(3)?,
                open_until: row.get(4)?,
                probing: row.get(5)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

pub(super) fn write(db: &Connection, place: &str, health: &Health) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO places (place, not_before, even, in_row, failures, open_until, probing)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        place,
        health.rest_until,
        health.even,
        health.in_row,
        health.failures,
        health.open_until,
        health.probing
    ])
    .map(drop)
}
