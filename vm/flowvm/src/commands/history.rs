//! `flowvm history`: the checkpoints of a run.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use serde_json::{Value as Json, json};

use flow_machine::{EventKind, Time};

use super::{Place, find};
use crate::args::{Common, History};
use crate::clock::{rfc3339, short};
use crate::error::Result;
use crate::store::Store;
use crate::view::out;

pub(super) fn perform(args: &History, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let points = store.checkpoints(&row.id)?;
    let committed = store
        .events(&row.id, 0)?
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Committed { checkpoint } => Some((checkpoint, event.at)),
            _ => None,
        });
    let times: BTreeMap<u64, Time> = committed.collect();
    let time = |id| times.get(&id).copied().unwrap_or(row.started_at);
    if common.json {
        let all: Vec<Json> = points
            .iter()
            .map(|point| {
                json!({"checkpoint": point.id, "parent": point.parent, "step": point.step, "at": rfc3339(time(point.id)),
                       "path": point.path, "changed": point.changed, "frontier": point.frontier})
            })
            .collect();
        out(&Json::Array(all).to_string());
        return Ok(0);
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["CP", "PARENT", "STEP", "AFTER", "NODES", "CHANGED"]);
    for point in &points {
        let changed: Vec<&str> = point.changed.iter().map(|(field, _)| field.as_str()).collect();
        table.add_row([
            point.id.to_string(),
            point.parent.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            point.step.to_string(),
            short(time(point.id) - row.started_at),
            point.path.join(", "),
            changed.join(", "),
        ]);
    }
    out(&table.to_string());
    Ok(0)
}
