//! `flowvm events`: the log of a run, as it is or as it grows.

use std::time::Duration;

use flow_machine::{Event, Status};
use serde_json::Value as Json;

use super::{Place, find};
use crate::args::{Common, Events};
use crate::clock::rfc3339;
use crate::error::Result;
use crate::store::Store;
use crate::view::{hint, note, out};

/// How often a follower looks again.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn perform(args: &Events, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let run = find(&store, &args.run)?.id;
    let mut after = args.after;
    loop {
        // Read before the events: what is written meanwhile is not missed.
        let row = find(&store, &run)?;
        for event in store.events(&run, after)? {
            after = event.seq;
            print(&event, common.json);
        }
        if !args.follow || row.head.status != Status::Running {
            return Ok(0);
        }
        if row.owner.is_none_or(|(owner, _)| owner.is_dead()) {
            note(&format!("nobody drives run {run} any more"));
            note(&hint(&format!("flowvm resume {run}{}", place.option)));
            return Ok(0);
        }
        std::thread::sleep(LOOK);
    }
}

fn print(event: &Event, json: bool) {
    let whole = serde_json::to_value(event).unwrap_or(Json::Null);
    if json {
        out(&whole.to_string());
        return;
    }
    let mut rest = whole.as_object().cloned().unwrap_or_default();
    for known in ["seq", "step", "node", "at", "kind"] {
        rest.shift_remove(known);
    }
    let kind = whole.get("kind").and_then(Json::as_str).unwrap_or_default();
    let node = event.node.as_deref().unwrap_or("-");
    let rest = if rest.is_empty() {
        String::new()
    } else {
        Json::Object(rest).to_string()
    };
    out(&format!(
        "{:>6}  {}  step {:<4} {kind:<14} {node:<20} {rest}",
        event.seq,
        rfc3339(event.at),
        event.step
    ));
}
