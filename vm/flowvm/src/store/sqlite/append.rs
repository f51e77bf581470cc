//! The fenced commit: additions to the histories of runs, prepared by those who make them and written by the
//! writer's thread.

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use flow_machine::{Checkpoint, Event, EventKind, Time};
use serde_json::Value as Json;

use super::{sql_error, text, word};
use crate::error::{Error, Result, code};
use crate::store::{Commit, Head, NewRun, OpenInterrupt, Owner};

/// An addition to a run's history, ready to be written by another thread.
pub(super) struct Addition {
    run: String,
    epoch: i64,
    expected: i64,
    events: Vec<Line>,
    points: Vec<Point>,
    snapshot: Option<(i64, String)>,
    head: HeadRow,
    interrupts: Option<Vec<OpenInterrupt>>,
    letters: Vec<(i64, Option<String>)>,
    lease_until: Time,
    program: Option<(String, Vec<u8>)>,
    /// What came from outside, should it come too late.
    received: Vec<String>,
    at: Time,
}

/// A run to be created.
pub(super) struct Creation {
    id: String,
    flow: String,
    program: String,
    image: Vec<u8>,
    parent: Option<(String, i64)>,
    at: Time,
    settings: String,
    owner: String,
}

struct Line {
    seq: i64,
    step: i64,
    node: Option<String>,
    at: Time,
    kind: String,
    body: String,
}

struct Point {
    number: i64,
    parent: Option<i64>,
    step: i64,
    path: String,
    changed: String,
    frontier: String,
}

struct HeadRow {
    status: String,
    steps: i64,
    due: Option<Time>,
    result: Option<String>,
    error: Option<String>,
    at: Time,
}

impl Addition {
    pub(super) fn of(commit: &Commit<'_>) -> Self {
        let last = commit.expected + commit.events.len() as u64;
        assert_eq!(
            commit.events.last().map_or(commit.expected, |event| event.seq),
            last,
            "the log has no gaps"
        );
        Self {
            run: commit.run.to_owned(),
            epoch: commit.epoch as i64,
            expected: commit.expected as i64,
            events: commit.events.iter().map(Line::of).collect(),
            points: commit.checkpoints.iter().map(Point::of).collect(),
            snapshot: commit
                .snapshot
                .map(|(number, state)| (number as i64, text(state))),
            head: HeadRow::of(commit.head),
            interrupts: commit.interrupts.map(<[OpenInterrupt]>::to_vec),
            letters: commit.letters.to_vec(),
            lease_until: commit.lease_until,
            program: commit
                .program
                .map(|(hash, image)| (hash.to_owned(), image.to_vec())),
            received: commit.events.iter().filter_map(outcome).collect(),
            at: commit.head.at,
        }
    }

    /// Appends it if the run is still the writer's; otherwise keeps what it would have recorded as evidence.
    /// Whether the run was the writer's.
    pub(super) fn write(&self, db: &Connection) -> rusqlite::Result<bool> {
        let Some(run) = self.move_head(db)? else {
            self.keep_evidence(db)?;
            return Ok(false);
        };
        self.append(db, run)?;
        if let Some((hash, image)) = &self.program {
            keep_program(db, hash, image, self.at)?;
            db.execute("UPDATE runs SET program = ?1 WHERE n = ?2", params![hash, run])?;
        }
        Ok(true)
    }

    /// The number of the run, if its row was still the writer's.
    fn move_head(&self, db: &Connection) -> rusqlite::Result<Option<i64>> {
        let head = &self.head;
        db.prepare_cached(
            "UPDATE runs SET seq = ?1, status = ?2, updated_at = ?3, steps = ?4, due = ?5, result = ?6, error = ?7,
                             lease_until = ?8
             WHERE id = ?9 AND epoch = ?10 AND seq = ?11 AND owner IS NOT NULL RETURNING n",
        )?
        .query_row(
            params![
                self.expected + self.events.len() as i64,
                head.status,
                head.at,
                head.steps,
                head.due,
                head.result,
                head.error,
                self.lease_until,
                self.run,
                self.epoch,
                self.expected,
            ],
            |row| row.get(0),
        )
        .optional()
    }

    fn append(&self, db: &Connection, run: i64) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT INTO log (id, step, node, at, kind, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for line in &self.events {
            insert.execute(params![
                key(run, line.seq),
                line.step,
                line.node,
                line.at,
                line.kind,
                line.body
            ])?;
        }
        let mut insert = db.prepare_cached(
            "INSERT INTO points (id, parent, step, path, changed, frontier) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for point in &self.points {
            insert.execute(params![
                key(run, point.number),
                point.parent,
                point.step,
                point.path,
                point.changed,
                point.frontier,
            ])?;
        }
        if let Some((number, state)) = &self.snapshot {
            db.prepare_cached("INSERT OR IGNORE INTO snapshots (id, state) VALUES (?1, ?2)")?
                .execute(params![key(run, *number), state])?;
        }
        if let Some(open) = &self.interrupts {
            self.replace_interrupts(db, open)?;
        }
        for (letter, refused) in &self.letters {
            let state = if refused.is_some() { "refused" } else { "accepted" };
            db.prepare_cached("UPDATE inbox SET state = ?1, message = ?2 WHERE id = ?3")?
                .execute(params![state, refused, letter])?;
        }
        Ok(())
    }

    fn replace_interrupts(&self, db: &Connection, open: &[OpenInterrupt]) -> rusqlite::Result<()> {
        db.prepare_cached("DELETE FROM interrupts WHERE run = ?1")?
            .execute([&self.run])?;
        let mut insert = db.prepare_cached(
            "INSERT INTO interrupts (run, name, ask, show, schema, due, place) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for (place, one) in open.iter().enumerate() {
            insert.execute(params![
                self.run,
                one.name,
                one.ask,
                text(&one.show),
                text(&one.schema),
                one.due,
                place as i64
            ])?;
        }
        Ok(())
    }

    /// L-48, L-60: what comes too late changes nothing, and is not lost either.
    fn keep_evidence(&self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT INTO refused (run, epoch, at, input)
             SELECT id, ?2, ?3, ?4 FROM runs WHERE id = ?1",
        )?;
        for input in &self.received {
            insert.execute(params![self.run, self.epoch, self.at, input])?;
        }
        Ok(())
    }
}

impl Creation {
    pub(super) fn of(run: &NewRun<'_>, owner: &Owner) -> Self {
        Self {
            id: run.id.to_owned(),
            flow: run.flow.to_owned(),
            program: run.program.to_owned(),
            image: run.image.to_vec(),
            parent: run
                .parent
                .map(|(id, checkpoint)| (id.to_owned(), checkpoint as i64)),
            at: run.at,
            settings: text(run.settings),
            owner: text(owner),
        }
    }

    /// Makes the run and its first events: all of it, or nothing.
    pub(super) fn write(&self, db: &Connection, first: &Addition, path: &std::path::Path) -> Result<()> {
        let run = self.insert(db, first).map_err(|error| match error {
            rusqlite::Error::SqliteFailure(failure, _) if failure.code == ErrorCode::ConstraintViolation => {
                Error::new(code::RUN_EXISTS, format!("there is a run `{}` already", self.id))
                    .help("choose another --id, or go on with it: --resume-if-exists")
            }
            error => sql_error(path, &error),
        })?;
        first.append(db, run).map_err(|error| sql_error(path, &error))
    }

    fn insert(&self, db: &Connection, first: &Addition) -> rusqlite::Result<i64> {
        keep_program(db, &self.program, &self.image, self.at)?;
        let head = &first.head;
        db.prepare_cached(
            "INSERT INTO runs (id, flow, program, parent, forked_at, status, started_at, updated_at, seq, steps, due,
                               result, error, settings, epoch, owner, lease_until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) RETURNING n",
        )?
        .query_row(
            params![
                self.id,
                self.flow,
                self.program,
                self.parent.as_ref().map(|(id, _)| id),
                self.parent.as_ref().map(|(_, checkpoint)| checkpoint),
                head.status,
                self.at,
                head.at,
                first.events.len() as i64,
                head.steps,
                head.due,
                head.result,
                head.error,
                self.settings,
                first.epoch,
                self.owner,
                first.lease_until,
            ],
            |row| row.get(0),
        )
    }
}

impl Line {
    fn of(event: &Event) -> Self {
        let (kind, body) = split_kind(&text(&event.kind));
        Self {
            seq: event.seq as i64,
            step: event.step as i64,
            node: event.node.as_deref().map(str::to_owned),
            at: event.at,
            kind,
            body,
        }
    }
}

impl Point {
    fn of(point: &Checkpoint) -> Self {
        Self {
            number: point.id as i64,
            parent: point.parent.map(|id| id as i64),
            step: point.step as i64,
            path: text(&point.path),
            changed: text(&point.changed),
            frontier: frontier(&serde_json::to_value(&point.frontier).unwrap_or_default()),
        }
    }
}

impl HeadRow {
    fn of(head: &Head) -> Self {
        Self {
            status: word(&head.status),
            steps: head.steps as i64,
            due: head.due,
            result: head.result.as_ref().map(text),
            error: head.error.as_ref().map(text),
            at: head.at,
        }
    }
}

fn outcome(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::Received { received } => Some(text(received)),
        _ => None,
    }
}

/// A program is stored once, however many runs it has.
fn keep_program(db: &Connection, hash: &str, image: &[u8], at: Time) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO programs (hash, image, stored_at) VALUES (?1, ?2, ?3)")?
        .execute(params![hash, image, at])
        .map(drop)
}

/// Where a line or a checkpoint lies: the run, and its number within the run.
pub(super) fn key(run: i64, number: i64) -> i64 {
    assert!(number >> 32 == 0, "a log has fewer than four billion lines");
    run << 32 | number
}

/// What comes next, without what there is none of.
fn frontier(frontier: &Json) -> String {
    let Json::Object(parts) = frontier else {
        return text(frontier);
    };
    let is_some = |part: &&Json| part.as_array().is_none_or(|list| !list.is_empty());
    let some: std::collections::BTreeMap<&String, &Json> =
        parts.iter().filter(|(_, part)| is_some(part)).collect();
    text(&some)
}

/// The tag of a line and the rest of it: the tag always comes first and needs no escapes.
fn split_kind(line: &str) -> (String, String) {
    let split = || {
        let (kind, rest) = line.strip_prefix("{\"kind\":\"")?.split_once('"')?;
        let rest = rest.strip_prefix(',').unwrap_or(rest);
        if !matches!(kind, "planned" | "settled" | "updated") {
            return Some((kind.to_owned(), format!("{{{rest}")));
        }
        // The index of most activations, and the arguments of most nodes: what is left out is read as that.
        let rest = rest
            .strip_prefix("\"index\":0")
            .map_or(rest, |rest| rest.strip_prefix(',').unwrap_or(rest));
        let rest = rest.strip_suffix("\"args\":null}").map_or_else(
            || rest.to_owned(),
            |rest| format!("{}}}", rest.strip_suffix(',').unwrap_or(rest)),
        );
        Some((kind.to_owned(), format!("{{{rest}")))
    };
    split().unwrap_or_else(|| unreachable!("a line of the log begins with its kind"))
}

/// The whole line again.
pub(super) fn join_kind(kind: &str, body: &str) -> String {
    let rest = body.strip_prefix('{').unwrap_or(body);
    let comma = if rest == "}" { "" } else { "," };
    format!("{{\"kind\":\"{kind}\"{comma}{rest}")
}

/// Refuses a writer that has lost the run.
pub(super) fn lost(run: &str) -> Error {
    Error::new(
        code::RUN_LOST,
        format!("run `{run}` was taken over by another process"),
    )
    .help("nothing is lost: the other one goes on with it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_and_joined() {
        for line in [
            "{\"kind\":\"timer_fired\"}",
            "{\"kind\":\"x\",\"a\":{\"kind\":\"y\"}}",
        ] {
            let (kind, body) = split_kind(line);
            assert_eq!(join_kind(&kind, &body), line);
        }
    }
}
