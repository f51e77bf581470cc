//! `flowvm state`: the state of a run, now or at a checkpoint.

use serde_json::Value as Json;

use super::{Place, find, replayed};
use crate::args::{Common, State};
use crate::error::{Error, Result, code};
use crate::store::Store;
use crate::view::{out, pretty};

pub(super) fn perform(args: &State, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let state = match args.at {
        None => replayed(&store, &row)?.0.state(),
        Some(id) => store
            .state_at(&row.id, id)?
            .ok_or_else(|| no_checkpoint(&row.id, id, &place))?,
    };
    let state = Json::Object(state);
    out(&if common.json {
        state.to_string()
    } else {
        pretty(&state)
    });
    Ok(0)
}

pub(super) fn no_checkpoint(run: &str, id: u64, place: &Place) -> Error {
    Error::new(code::NOT_OFFERED, format!("run `{run}` has no checkpoint {id}"))
        .help(format!("`flowvm history {run}{}` shows them", place.option))
}
