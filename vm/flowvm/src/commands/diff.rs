//! `flowvm diff`: what changed between two checkpoints of a run, or where two runs part.

use serde_json::{Map, Value as Json, json};

use flow_machine::{Checkpoint, Event, course};

use super::state::no_checkpoint;
use super::{Place, find};
use crate::args::{Common, Diff};
use crate::error::{Error, Result, code};
use crate::history::{self, Difference};
use crate::store::{RunRow, SqliteStore, Store};
use crate::view::{out, paint, style};

pub(super) fn perform(args: &Diff, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    match (args.from.parse(), args.to) {
        (Ok(from), Some(to)) => checkpoints(&store, &row, (from, to), common, &place),
        (_, None) => runs(&store, &row, &find(&store, &args.from)?, common),
        (Err(_), Some(_)) => Err(
            Error::usage(format!("`{}` is no number of a checkpoint", args.from))
                .help("flowvm diff RUN 2 5, or flowvm diff RUN OTHER"),
        ),
    }
}

fn checkpoints(
    store: &SqliteStore,
    row: &RunRow,
    (from, to): (u64, u64),
    common: &Common,
    place: &Place,
) -> Result<u8> {
    let state = |id| {
        store
            .state_at(&row.id, id)?
            .ok_or_else(|| no_checkpoint(&row.id, id, place))
    };
    let changes = history::fields(&state(from)?, &state(to)?);
    if common.json {
        let changes: Map<String, Json> = changes
            .into_iter()
            .map(|(name, from, to)| (name, json!({"from": from, "to": to})))
            .collect();
        out(&Json::Object(changes).to_string());
    } else {
        show(&changes);
    }
    Ok(0)
}

/// Where the courses of two runs part first: in the path, or in the state behind a step.
fn runs(store: &SqliteStore, one: &RunRow, other: &RunRow, common: &Common) -> Result<u8> {
    let (first, second) = (line(store, one)?, line(store, other)?);
    let found = history::part(&first, &second);
    let ends = history::fields(&history::fold(&first), &history::fold(&second));
    if common.json {
        out(&json!({"runs": [one.id, other.id], "first": found, "end": ends.iter().map(|(name, from, to)| json!({
            "field": name, "from": from, "to": to})).collect::<Vec<_>>()})
        .to_string());
        return Ok(0);
    }
    let Some(found) = found else {
        out(&format!(
            "{} and {} went the same way to the same state",
            one.id, other.id
        ));
        return Ok(0);
    };
    out(&parting(&found));
    show(&found.fields);
    if !ends.is_empty() {
        out("at the end:");
        show(&ends);
    }
    Ok(0)
}

/// Where two courses part, in words.
pub(super) fn parting(found: &Difference) -> String {
    let at = |number: Option<u64>| {
        number.map_or_else(|| "nothing more".to_owned(), |id| format!("checkpoint {id}"))
    };
    let path = |path: &[std::sync::Arc<str>]| {
        if path.is_empty() {
            "-".to_owned()
        } else {
            path.join(", ")
        }
    };
    format!(
        "the first difference is in step {}: {} ({}) and {} ({})",
        found.step,
        at(found.checkpoints.0),
        path(&found.paths.0),
        at(found.checkpoints.1),
        path(&found.paths.1),
    )
}

/// The checkpoints of the course that a run took.
fn line(store: &SqliteStore, row: &RunRow) -> Result<Vec<Checkpoint>> {
    let points = store.checkpoints(&row.id)?;
    let events: Vec<Event> = course(store.events(&row.id, 0)?);
    let last = history::last_checkpoint(&events)
        .ok_or_else(|| Error::new(code::STORE_DAMAGED, format!("run `{}` has no checkpoint", row.id)))?;
    Ok(history::line_of(&points, last))
}

/// Fields that differ, one below the other.
pub(super) fn show(changes: &[(String, Option<Json>, Option<Json>)]) {
    for (name, from, to) in changes {
        out(name);
        if let Some(value) = from {
            out(&paint(style::BAD, &format!("  - {value}")));
        }
        if let Some(value) = to {
            out(&paint(style::GOOD, &format!("  + {value}")));
        }
    }
}
