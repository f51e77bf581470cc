//! `flowvm fork`: a new run from any checkpoint of another one, with what had happened until then as its own past.

use serde_json::{Map, Value as Json};

use flow_bytecode::Flow;
use flow_machine::{Branch, Program};

use super::{Place, background, find, follow, load, program_of, run, values};
use crate::args::{Common, Fork};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::program;
use crate::store::Store;

pub(super) fn perform(args: &Fork, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let source = find(&store, &args.run)?;
    let id = run::run_id(args.id.as_deref())?;
    if store.run(&id)?.is_some() {
        return Err(run::exists(&id).help("choose another --id"));
    }
    let program = program_of(&store, &source)?;
    let branch = Branch {
        checkpoint: args.at,
        run: id.clone(),
        updates: replaced(&args.sets, &program, &source.flow)?,
    };
    let host =
        Host::fork(store, &source, &branch, &load).map_err(|error| fork_help(error, &source.id, &place))?;
    if args.detach {
        host.close()?;
        return background::resume(&id, common, &place);
    }
    follow(host, common, &place, &args.stream)
}

/// Where it cannot go on from a checkpoint, from which it can.
pub(super) fn fork_help(error: Error, run: &str, place: &Place) -> Error {
    let shown = format!("`flowvm history {run}{}` shows them", place.option);
    match error.code.as_str() {
        "F2412" => error.help(shown),
        "F2411" => error.help(format!(
            "choose an earlier checkpoint, behind which nothing had begun ({shown}), or leave --set out"
        )),
        _ => error,
    }
}

/// Fields of the state with what they are to be. Misspelt ones are named.
pub(super) fn replaced(pairs: &[String], program: &Program, flow: &str) -> Result<Map<String, Json>> {
    let image = program.image();
    let flow: &Flow = program::flow(program, Some(flow))?;
    let fields: Vec<(&str, flow_bytecode::TypeId)> = flow
        .fields
        .iter()
        .map(|field| (image.str(field.name), field.ty))
        .collect();
    let mut updates = Map::new();
    for pair in pairs {
        values::field(pair, image, &fields, &mut updates).map_err(|error| Error { usage: true, ..error })?;
    }
    Ok(updates)
}
