//! `flowvm replay`: lets a run go on from an earlier checkpoint, on a new branch of its history; what it did since
//! stays. Against another program, nothing goes on: it is only said what would have been different.

use flow_machine::Branch;

use super::{Place, find, follow, fork, load, program_of};
use crate::args::{Common, Replay};
use crate::error::Result;
use crate::host::Host;

pub(super) fn perform(args: &Replay, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let branch = Branch {
        checkpoint: args.at.unwrap_or(0),
        updates: fork::replaced(&args.sets, &program_of(&store, &row)?, &row.flow)?,
        run: row.id,
    };
    let run = branch.run.clone();
    let host = Host::go_back(store, &branch, &load)
        .map_err(|error| error.or_help(format!("flowvm history {run}{}", place.option)))?;
    follow(host, common, &place, &args.stream)
}
