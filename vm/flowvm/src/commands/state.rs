//! `flowvm state`: the state of a run, now or at a checkpoint.

use serde_json::Value as Json;

use super::{Place, find, replayed};
use crate::args::{Common, State};
use crate::error::{Error, Result, code};
use crate::history::state_at;
use crate::store::Store;
use crate::view::{out, pretty};

pub(super) fn perform(args: &State, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let state = match args.at {
        None => replayed(&store, &row)?.0.state(),
        Some(id) => {
            let points = store.checkpoints(&row.id)?;
            state_at(&points, id).ok_or_else(|| no_checkpoint(&row.id, id, points.len(), &place))?
        }
    };
    let state = Json::Object(state);
    out(&if common.json {
        state.to_string()
    } else {
        pretty(&state)
    });
    Ok(0)
}

pub(super) fn no_checkpoint(run: &str, id: u64, count: usize, place: &Place) -> Error {
    Error::new(code::NOT_OFFERED, format!("run `{run}` has no checkpoint {id}")).help(format!(
        "it has {count}; `flowvm history {run}{}` shows them",
        place.option
    ))
}
