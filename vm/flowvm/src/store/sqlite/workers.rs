//! Workers that were registered, and what is known of an address: for `flowvm worker`, and for the runs that call them.

use rusqlite::{Row, params};

use flow_machine::Time;

use super::{SqliteStore, damaged, slots, text};
use crate::config::Registered;
use crate::error::Result;
use crate::store::Health;

impl SqliteStore {
    /// Keeps a worker, in place of one of the same name.
    pub fn register(&mut self, worker: &Registered, now: Time) -> Result<()> {
        let name = worker.name.clone();
        let (tags, binding) = (text(&worker.tags), text(&worker.binding));
        let protocol = worker.protocol.clone();
        self.write(move |db| {
            db.execute(
                "INSERT OR REPLACE INTO workers (name, protocol, tags, binding, added_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![name, protocol, tags, binding, now],
            )
            .map(drop)
        })
    }

    /// Forgets a worker. False if there was none.
    pub fn unregister(&mut self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.write(move |db| {
            db.execute("DELETE FROM workers WHERE name = ?1", [name])
                .map(|gone| gone > 0)
        })
    }

    /// What is known of an address, and how many calls to it are under way, where they are counted.
    pub fn health(&self, place: &str, now: Time) -> Result<(Health, i64)> {
        let read = || Ok((slots::read(&self.db, place)?, slots::live(&self.db, place, now)?));
        read().map_err(|error| self.error(&error))
    }

    /// Closes the breaker of an address; its counts begin anew.
    pub fn reset(&mut self, place: &str) -> Result<()> {
        let place = place.to_owned();
        self.write(move |db| {
            let known = slots::read(db, &place)?;
            let reset = Health {
                rest_until: known.rest_until,
                even: known.even,
                ..Health::default()
            };
            slots::write(db, &place, &reset)
        })
    }
}

pub(super) fn registered(store: &SqliteStore) -> Result<Vec<Registered>> {
    let read = || -> rusqlite::Result<Vec<Raw>> {
        store
            .db
            .prepare_cached("SELECT name, protocol, tags, binding FROM workers ORDER BY name")?
            .query_map([], Raw::read)?
            .collect()
    };
    let rows = read().map_err(|error| store.error(&error))?;
    let parsed = rows.into_iter().map(|raw| {
        let wrong = || damaged(&store.path, &format!("worker `{}` cannot be read", raw.name));
        raw.parse().ok_or_else(wrong)
    });
    parsed.collect()
}

/// A row as it stands there.
struct Raw {
    name: String,
    protocol: Option<String>,
    tags: String,
    binding: String,
}

impl Raw {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            protocol: row.get(1)?,
            tags: row.get(2)?,
            binding: row.get(3)?,
        })
    }

    fn parse(&self) -> Option<Registered> {
        Some(Registered {
            name: self.name.clone(),
            protocol: self.protocol.clone(),
            tags: serde_json::from_str(&self.tags).ok()?,
            binding: serde_json::from_str(&self.binding).ok()?,
        })
    }
}
