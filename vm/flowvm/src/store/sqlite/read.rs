//! Everything that only looks. A row that cannot be understood means a damaged store, and says which row.

use rusqlite::{OptionalExtension, Row};
use serde::de::DeserializeOwned;

use flow_machine::{Checkpoint, Event, EventKind};
use serde_json::{Map, Value as Json};

use super::append::join_kind;
use super::{SqliteStore, damaged};
use crate::error::Result;
use crate::store::{AttemptRow, Head, OpenInterrupt, RunRow};

const RUN: &str = "SELECT id, flow, program, status, started_at, updated_at, seq, steps, due, result, error,
                          settings, owner, lease_until, parent, forked_at FROM runs";

pub(super) fn runs(store: &SqliteStore) -> Result<Vec<RunRow>> {
    let raw = || -> rusqlite::Result<Vec<RawRun>> {
        store
            .db
            .prepare(&format!("{RUN} ORDER BY started_at DESC, id DESC"))?
            .query_map([], RawRun::read)?
            .collect()
    };
    let raw = raw().map_err(|error| store.error(&error))?;
    raw.into_iter().map(|raw| raw.parse(store)).collect()
}

pub(super) fn newest(store: &SqliteStore, status: Option<&str>, last: usize) -> Result<Vec<RunRow>> {
    let raw = || -> rusqlite::Result<Vec<RawRun>> {
        store
            .db
            .prepare(&format!(
                "{RUN} WHERE ?1 IS NULL OR status = ?1 ORDER BY started_at DESC, id DESC LIMIT ?2"
            ))?
            .query_map(rusqlite::params![status, last as i64], RawRun::read)?
            .collect()
    };
    let raw = raw().map_err(|error| store.error(&error))?;
    raw.into_iter().map(|raw| raw.parse(store)).collect()
}

pub(super) fn run(store: &SqliteStore, id: &str) -> Result<Option<RunRow>> {
    let raw = store
        .db
        .query_row(&format!("{RUN} WHERE id = ?1"), [id], RawRun::read)
        .optional()
        .map_err(|error| store.error(&error))?;
    raw.map(|raw| raw.parse(store)).transpose()
}

pub(super) fn program(store: &SqliteStore, hash: &str) -> Result<Vec<u8>> {
    store
        .db
        .query_row("SELECT image FROM programs WHERE hash = ?1", [hash], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|error| store.error(&error))?
        .ok_or_else(|| damaged(&store.path, &format!("program {hash} is missing")))
}

pub(super) fn events(store: &SqliteStore, run: &str, after: u64) -> Result<Vec<Event>> {
    let mut expected = after;
    let raw = || -> rusqlite::Result<Vec<RawEvent>> {
        store
            .db
            .prepare_cached(
                "SELECT l.seq, l.step, l.node, l.at, l.kind, l.body FROM runs r
                 JOIN log l ON l.id BETWEEN (r.n << 32) + ?2 + 1 AND (r.n << 32) + 0xffffffff
                 WHERE r.id = ?1 ORDER BY l.id",
            )?
            .query_map(rusqlite::params![run, after as i64], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            })?
            .collect()
    };
    let raw = raw().map_err(|error| store.error(&error))?;
    raw.into_iter()
        .map(|(seq, step, node, at, kind, body)| {
            expected += 1;
            let place = || format!("event {expected} of run `{run}`");
            if seq as u64 != expected {
                return Err(damaged(&store.path, &format!("{} is missing", place())));
            }
            let kind: EventKind = parse(store, &join_kind(&kind, &body), place)?;
            Ok(Event {
                seq: expected,
                step: step as u64,
                node: node.map(Into::into),
                at,
                kind,
            })
        })
        .collect()
}

pub(super) fn checkpoints(store: &SqliteStore, run: &str) -> Result<Vec<Checkpoint>> {
    let raw = || -> rusqlite::Result<Vec<RawCheckpoint>> {
        store
            .db
            .prepare(
                "SELECT p.number, p.parent, p.step, p.path, p.changed, p.frontier FROM runs r
                 JOIN points p ON p.id BETWEEN r.n << 32 AND (r.n << 32) + 0xffffffff
                 WHERE r.id = ?1 ORDER BY p.id",
            )?
            .query_map([run], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            })?
            .collect()
    };
    let raw = raw().map_err(|error| store.error(&error))?;
    raw.into_iter()
        .map(|(id, parent, step, path, changed, frontier)| {
            let place = || format!("checkpoint {id} of run `{run}`");
            Ok(Checkpoint {
                id: id as u64,
                parent: parent.map(|parent| parent as u64),
                step: step as u64,
                path: parse(store, &path, place)?,
                changed: parse(store, &changed, place)?,
                frontier: parse(store, &frontier, place)?,
            })
        })
        .collect()
}

/// The fold from the nearest whole state on the way back.
pub(super) fn state_at(store: &SqliteStore, run: &str, checkpoint: u64) -> Result<Option<Map<String, Json>>> {
    let steps = || -> rusqlite::Result<Vec<(i64, String, Option<String>)>> {
        store
            .db
            .prepare_cached(
                "WITH RECURSIVE way (id, parent, changed, state) AS (
                   SELECT p.id, p.parent, p.changed, s.state
                   FROM runs r JOIN points p ON p.id = (r.n << 32) + ?2 LEFT JOIN snapshots s ON s.id = p.id
                   WHERE r.id = ?1
                   UNION ALL
                   SELECT p.id, p.parent, p.changed, s.state
                   FROM way w JOIN points p ON p.id = ((w.id >> 32) << 32) + w.parent
                   LEFT JOIN snapshots s ON s.id = p.id
                   WHERE w.state IS NULL AND p.id < w.id)
                 SELECT id & 0xffffffff, changed, state FROM way",
            )?
            .query_map(rusqlite::params![run, checkpoint as i64], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect()
    };
    let steps = steps().map_err(|error| store.error(&error))?;
    if steps.is_empty() {
        return Ok(None);
    }
    let mut state = Map::new();
    for (number, changed, whole) in steps.into_iter().rev() {
        let place = || format!("checkpoint {number} of run `{run}`");
        match whole {
            Some(whole) => state = parse(store, &whole, place)?,
            None => crate::history::advance(&mut state, parse::<Vec<_>>(store, &changed, place)?),
        }
    }
    Ok(Some(state))
}

pub(super) fn interrupts(store: &SqliteStore, run: &str) -> Result<Vec<OpenInterrupt>> {
    let raw = || -> rusqlite::Result<Vec<RawInterrupt>> {
        store
            .db
            .prepare("SELECT name, ask, show, schema, due FROM interrupts WHERE run = ?1 ORDER BY place")?
            .query_map([run], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?
            .collect()
    };
    let raw = raw().map_err(|error| store.error(&error))?;
    raw.into_iter()
        .map(|(name, ask, show, schema, due)| {
            let place = || format!("interrupt `{name}` of run `{run}`");
            let (show, schema) = (parse(store, &show, place)?, parse(store, &schema, place)?);
            Ok(OpenInterrupt {
                name,
                ask,
                show,
                schema,
                due,
            })
        })
        .collect()
}

pub(super) fn attempts(store: &SqliteStore, run: &str) -> Result<Vec<AttemptRow>> {
    let rows = || -> rusqlite::Result<Vec<AttemptRow>> {
        store
            .db
            .prepare(
                "SELECT attempt, node, step, worker, number, key, started_at, ended_at, outcome, class, message
                 FROM attempts WHERE run = ?1 ORDER BY seq",
            )?
            .query_map([run], |row| {
                Ok(AttemptRow {
                    attempt: row.get(0)?,
                    node: row.get(1)?,
                    step: row.get::<_, i64>(2)? as u64,
                    worker: row.get(3)?,
                    number: row.get(4)?,
                    key: row.get(5)?,
                    started_at: row.get(6)?,
                    ended_at: row.get(7)?,
                    outcome: row.get(8)?,
                    class: row.get(9)?,
                    message: row.get(10)?,
                })
            })?
            .collect()
    };
    rows().map_err(|error| store.error(&error))
}

/// `seq`, `step`, `node`, `at`, `kind`, `body`.
type RawEvent = (i64, i64, Option<String>, i64, String, String);
/// `id`, `parent`, `step`, `path`, `changed`, `frontier`.
type RawCheckpoint = (i64, Option<i64>, i64, String, String, String);
/// `name`, `ask`, `show`, `schema`, `due`.
type RawInterrupt = (String, String, String, String, Option<i64>);

/// A row of `runs` before its JSON is understood.
struct RawRun {
    id: String,
    flow: String,
    program: String,
    status: String,
    started_at: i64,
    updated_at: i64,
    seq: i64,
    steps: i64,
    due: Option<i64>,
    result: Option<String>,
    error: Option<String>,
    settings: String,
    owner: Option<String>,
    lease_until: Option<i64>,
    parent: Option<String>,
    forked_at: Option<i64>,
}

impl RawRun {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            flow: row.get(1)?,
            program: row.get(2)?,
            status: row.get(3)?,
            started_at: row.get(4)?,
            updated_at: row.get(5)?,
            seq: row.get(6)?,
            steps: row.get(7)?,
            due: row.get(8)?,
            result: row.get(9)?,
            error: row.get(10)?,
            settings: row.get(11)?,
            owner: row.get(12)?,
            lease_until: row.get(13)?,
            parent: row.get(14)?,
            forked_at: row.get(15)?,
        })
    }

    fn parse(self, store: &SqliteStore) -> Result<RunRow> {
        let place = || format!("run `{}`", self.id);
        let head = Head {
            status: parse(store, &format!("\"{}\"", self.status), place)?,
            steps: self.steps as u64,
            due: self.due,
            result: self.result.map(|json| parse(store, &json, place)).transpose()?,
            error: self.error.map(|json| parse(store, &json, place)).transpose()?,
            at: self.updated_at,
        };
        let settings = parse(store, &self.settings, place)?;
        let owner = self.owner.map(|json| parse(store, &json, place)).transpose()?;
        Ok(RunRow {
            head,
            settings,
            owner: owner.zip(self.lease_until),
            parent: self
                .parent
                .zip(self.forked_at.map(|checkpoint| checkpoint as u64)),
            id: self.id,
            flow: self.flow,
            program: self.program,
            started_at: self.started_at,
            seq: self.seq as u64,
        })
    }
}

fn parse<T: DeserializeOwned>(store: &SqliteStore, json: &str, place: impl Fn() -> String) -> Result<T> {
    serde_json::from_str(json).map_err(|error| damaged(&store.path, &format!("{}: {error}", place())))
}
