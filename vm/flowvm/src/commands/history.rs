//! `flowvm history`: the checkpoints of a run, branch by branch.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Table, presets};
use serde_json::{Value as Json, json};

use flow_machine::{Event, EventKind, Time, course};

use super::{Place, find};
use crate::args::{Common, History};
use crate::clock::{rfc3339, short};
use crate::error::Result;
use crate::history::{self, line_of};
use crate::store::Store;
use crate::view::out;

/// How a checkpoint came to be.
struct Made {
    at: Time,
    /// The branch of the history: 0 is the first.
    branch: u64,
}

pub(super) fn perform(args: &History, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let points = store.checkpoints(&row.id)?;
    let events = store.events(&row.id, 0)?;
    let made = made(&events);
    let last = history::last_checkpoint(&course(events));
    let current: BTreeSet<u64> = line_of(&points, last.unwrap_or(0))
        .iter()
        .map(|point| point.id)
        .collect();
    let time = |id| made.get(&id).map_or(row.started_at, |made| made.at);
    let branch = |id| made.get(&id).map_or(0, |made| made.branch);
    if common.json {
        let all: Vec<Json> = points
            .iter()
            .map(|point| {
                json!({"checkpoint": point.id, "parent": point.parent, "step": point.step, "at": rfc3339(time(point.id)),
                       "branch": branch(point.id), "current": current.contains(&point.id),
                       "path": point.path, "changed": point.changed, "frontier": point.frontier})
            })
            .collect();
        out(&Json::Array(all).to_string());
        return Ok(0);
    }
    if let Some((parent, checkpoint)) = &row.parent {
        out(&format!("forked from {parent} at checkpoint {checkpoint}"));
    }
    let has_branches = made.values().any(|made| made.branch > 0);
    let mut table = Table::new();
    let mut titles = vec!["CP", "PARENT", "STEP", "AFTER", "NODES", "CHANGED"];
    titles.extend(has_branches.then_some("BRANCH"));
    table.load_style(presets::NOTHING).set_header(titles);
    for point in &points {
        let changed: Vec<&str> = point.changed.iter().map(|(field, _)| &**field).collect();
        let left = if current.contains(&point.id) { "" } else { ", left" };
        let mut cells = vec![
            point.id.to_string(),
            point.parent.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            point.step.to_string(),
            short(time(point.id) - row.started_at),
            point.path.join(", "),
            changed.join(", "),
        ];
        cells.extend(has_branches.then(|| format!("{}{left}", branch(point.id))));
        table.add_row(cells);
    }
    out(&table.to_string());
    if has_branches {
        let line: Vec<String> = current.iter().map(u64::to_string).collect();
        out(&format!("the run went {}", line.join(" → ")));
    }
    Ok(0)
}

/// When each checkpoint was made, and on which branch.
fn made(events: &[Event]) -> BTreeMap<u64, Made> {
    let (mut made, mut branch) = (BTreeMap::new(), 0);
    for event in events {
        match event.kind {
            EventKind::Branched { branch: number, .. } => branch = number,
            EventKind::Committed { checkpoint } => {
                made.insert(checkpoint, Made { at: event.at, branch });
            }
            _ => {}
        }
    }
    made
}
