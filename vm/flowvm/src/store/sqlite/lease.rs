//! Leases: who drives a run. The epoch that grows with each taking is the fencing token of the commit.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use flow_machine::Time;

use super::{SqliteStore, sql_error, text};
use crate::error::{Error, Result, code};
use crate::limits::LEASE_NS;
use crate::store::Owner;

pub(super) fn acquire(store: &SqliteStore, run: &str, owner: &Owner, now: Time) -> Result<u64> {
    let (run, owner, path) = (run.to_owned(), owner.clone(), store.path.clone());
    store
        .writer()?
        .write(move |db| take(db, &run, &owner, now, &path))
}

fn take(db: &Connection, run: &str, owner: &Owner, now: Time, path: &Path) -> Result<u64> {
    let found = db
        .query_row(
            "SELECT epoch, owner, lease_until FROM runs WHERE id = ?1",
            [run],
            |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, Option<String>>(1)?,
                    row.get::<_, Option<i64>>(2)?,
                ))
            },
        )
        .optional()
        .map_err(|error| sql_error(path, &error))?;
    let Some((epoch, holder, until)) = found else {
        return Err(no_run(run));
    };
    let holder: Option<Owner> = holder.and_then(|holder| serde_json::from_str(&holder).ok());
    if let Some(holder) = holder.filter(|holder| until.is_some_and(|until| until > now) && !holder.is_dead())
    {
        let message = format!(
            "run `{run}` is driven by process {} on {}",
            holder.pid, holder.name
        );
        return Err(
            Error::new(code::RUN_BUSY, message).help(format!("watch it: flowvm events {run} --follow"))
        );
    }
    let epoch = epoch + 1;
    db.execute(
        "UPDATE runs SET epoch = ?1, owner = ?2, lease_until = ?3 WHERE id = ?4",
        params![epoch, text(owner), now + LEASE_NS, run],
    )
    .map_err(|error| sql_error(path, &error))?;
    Ok(epoch as u64)
}

pub(super) fn renew(store: &SqliteStore, run: &str, epoch: u64, until: Time) -> Result<()> {
    let id = run.to_owned();
    let rows = store.write(move |db| {
        db.prepare_cached(
            "UPDATE runs SET lease_until = ?1 WHERE id = ?2 AND epoch = ?3 AND owner IS NOT NULL",
        )?
        .execute(params![until, id, epoch as i64])
    })?;
    if rows == 1 {
        Ok(())
    } else {
        Err(super::append::lost(run))
    }
}

pub(super) fn release(store: &SqliteStore, run: &str, epoch: u64) -> Result<()> {
    let run = run.to_owned();
    store.write(move |db| {
        db.prepare_cached("UPDATE runs SET owner = NULL, lease_until = NULL WHERE id = ?1 AND epoch = ?2")?
            .execute(params![run, epoch as i64])?;
        db.prepare_cached("DELETE FROM slots WHERE run = ?1 AND epoch <= ?2")?
            .execute(params![run, epoch as i64])
            .map(drop)
    })
}

pub(super) fn no_run(run: &str) -> Error {
    Error::new(code::NO_RUN, format!("there is no run `{run}` in this store"))
        .help("`flowvm list` shows what there is; --store names another store")
}
