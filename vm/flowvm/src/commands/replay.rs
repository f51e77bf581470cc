//! `flowvm replay`: lets a run go on from an earlier checkpoint, on a new branch of its history; what it did since
//! stays. Against another program, nothing goes on: it is only said what would have been different.

use std::path::Path;

use serde_json::json;

use flow_machine::{Branch, course};

use super::{Place, against, diff, find, follow, fork, load, program_of};
use crate::args::{Common, Replay};
use crate::error::Result;
use crate::history;
use crate::host::Host;
use crate::program;
use crate::store::{RunRow, SqliteStore, Store};
use crate::view::out;

pub(super) fn perform(args: &Replay, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    if let Some(file) = &args.against {
        return compare(&store, &row, file, common);
    }
    let branch = Branch {
        checkpoint: args.at.unwrap_or(0),
        updates: fork::replaced(&args.sets, &program_of(&store, &row)?, &row.flow)?,
        run: row.id,
    };
    let run = branch.run.clone();
    let host = Host::go_back(store, &branch, &load).map_err(|error| fork::fork_help(error, &run, &place))?;
    follow(host, common, &place, &args.stream)
}

/// Exit 0 where the other program does the same, 1 where it does not.
fn compare(store: &SqliteStore, row: &RunRow, file: &Path, common: &Common) -> Result<u8> {
    let loaded = program::load(file)?;
    let events = course(store.events(&row.id, 0)?);
    let last = history::last_checkpoint(&events).unwrap_or(0);
    let line = history::line_of(&store.checkpoints(&row.id)?, last);
    let found = against::feed(&loaded.program, &events, &line)?;
    let code = u8::from(!found.is_same());
    if common.json {
        out(&json!({"run": row.id, "against": file, "same": found.is_same(), "found": found}).to_string());
        return Ok(code);
    }
    if found.is_same() {
        out("the same path and the same states");
    }
    if let Some(first) = &found.first {
        out(&diff::parting(first));
        diff::show(&first.fields);
    }
    if let Some(refused) = &found.refused {
        out(&format!("not taken: {refused}"));
    }
    for (what, calls) in [
        ("not recorded", &found.unknown),
        ("other arguments", &found.arguments),
    ] {
        if !calls.is_empty() {
            out(&format!("{what}: {}", calls.join(", ")));
        }
    }
    Ok(code)
}
