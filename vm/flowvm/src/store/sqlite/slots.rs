//! What all processes together allow a worker: slots, counted from the live leases of the runs that hold them; its
//! rate and its breaker.

use rusqlite::{Connection, OptionalExtension, params};

use flow_machine::Time;

use super::SqliteStore;
use crate::error::Result;
use crate::store::{Claim, Entry, Learned};

pub(super) fn enter(store: &SqliteStore, claim: &Claim<'_>, now: Time) -> Result<Entry> {
    let (place, run, call) = (
        claim.place.to_owned(),
        claim.run.to_owned(),
        claim.call.to_owned(),
    );
    let (epoch, most) = (claim.epoch as i64, claim.most.map(|most| most as i64));
    let (rate, breaker) = (claim.rate, claim.breaker);
    store.write(move |db| {
        if let Some(most) = most
            && live(db, &place, now)? >= most
        {
            return Ok(Entry::Full);
        }
        db.prepare_cached("INSERT OR REPLACE INTO slots (place, run, call, epoch) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![place, run, call, epoch])?;
        let mut known = Known::read(db, &place)?;
        let mut from = known.not_before;
        if let Some(breaker) = breaker
            && (known.in_row >= i64::from(breaker.consecutive) || known.failures >= i64::from(breaker.total))
        {
            // The next call is the probe; what follows waits as long again, unless it succeeds.
            from = from.max(now + breaker.cooldown.as_nanos() as i64);
            (known.in_row, known.failures) = ((known.in_row - 1).max(0), 0);
        }
        if let Some(rate) = rate {
            known.not_before = from.max(now) + (rate.per / rate.calls).as_nanos() as i64;
        }
        known.write(db, &place)?;
        Ok(Entry::Free(Some(from).filter(|from| *from > now)))
    })
}

pub(super) fn leave(store: &SqliteStore, claim: &Claim<'_>, learned: Option<Learned>) -> Result<()> {
    let (place, run, call) = (
        claim.place.to_owned(),
        claim.run.to_owned(),
        claim.call.to_owned(),
    );
    store.write(move |db| {
        db.prepare_cached("DELETE FROM slots WHERE place = ?1 AND run = ?2 AND call = ?3")?
            .execute([&place, &run, &call])?;
        let Some(learned) = learned else { return Ok(()) };
        let mut known = Known::read(db, &place)?;
        match learned {
            Learned::Good { rest } => {
                known.in_row = 0;
                known.not_before = known.not_before.max(rest.unwrap_or(0));
            }
            Learned::Bad => {
                known.in_row += 1;
                known.failures += 1;
            }
        }
        known.write(db, &place)
    })
}

/// Slots whose runs are still driven by whom they were when the slot was taken.
fn live(db: &Connection, place: &str, now: Time) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "SELECT count(*) FROM slots s JOIN runs r ON r.id = s.run
         WHERE s.place = ?1 AND r.epoch = s.epoch AND r.owner IS NOT NULL AND r.lease_until > ?2",
    )?
    .query_row(params![place, now], |row| row.get(0))
}

/// What is known of a worker.
#[derive(Default)]
struct Known {
    not_before: Time,
    in_row: i64,
    failures: i64,
}

impl Known {
    fn read(db: &Connection, place: &str) -> rusqlite::Result<Self> {
        let found = db
            .prepare_cached("SELECT not_before, in_row, failures FROM places WHERE place = ?1")?
            .query_row([place], |row| {
                Ok(Self {
                    not_before: row.get(0)?,
                    in_row: row.get(1)?,
                    failures: row.get(2)?,
                })
            })
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    fn write(&self, db: &Connection, place: &str) -> rusqlite::Result<()> {
        db.prepare_cached(
            "INSERT INTO places (place, not_before, in_row, failures) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET not_before = excluded.not_before, in_row = excluded.in_row,
                                       failures = excluded.failures",
        )?
        .execute(params![place, self.not_before, self.in_row, self.failures])
        .map(drop)
    }
}
