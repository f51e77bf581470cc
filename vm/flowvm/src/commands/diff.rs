//! `flowvm diff`: what changed between two checkpoints of a run.

use serde_json::{Map, Value as Json, json};

use super::state::no_checkpoint;
use super::{Place, find};
use crate::args::{Common, Diff};
use crate::error::Result;
use crate::history::state_at;
use crate::store::Store;
use crate::view::{out, paint, style};

pub(super) fn perform(args: &Diff, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let points = store.checkpoints(&row.id)?;
    let state = |id| state_at(&points, id).ok_or_else(|| no_checkpoint(&row.id, id, points.len(), &place));
    let (from, to) = (state(args.from)?, state(args.to)?);
    let mut names: Vec<&String> = from
        .keys()
        .chain(to.keys().filter(|name| !from.contains_key(*name)))
        .collect();
    names.retain(|name| from.get(*name) != to.get(*name));
    if common.json {
        let changes: Map<String, Json> = names
            .iter()
            .map(|name| {
                (
                    (*name).clone(),
                    json!({"from": from.get(*name), "to": to.get(*name)}),
                )
            })
            .collect();
        out(&Json::Object(changes).to_string());
        return Ok(0);
    }
    for name in names {
        out(name);
        if let Some(value) = from.get(name) {
            out(&paint(style::BAD, &format!("  - {value}")));
        }
        if let Some(value) = to.get(name) {
            out(&paint(style::GOOD, &format!("  + {value}")));
        }
    }
    Ok(0)
}
