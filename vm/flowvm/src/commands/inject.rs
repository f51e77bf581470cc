//! `flowvm inject`: updates of a run's state from outside.

use flow_machine::Input;

use super::{Place, apply_and_follow, find, values};
use crate::args::{Common, Inject};
use crate::error::Result;

pub(super) fn perform(args: &Inject, common: &Common) -> Result<u8> {
    let updates = values::updates(&args.updates)?;
    let place = Place::here(common)?;
    let run = find(&place.open()?, &args.run)?.id;
    match apply_and_follow(common, &place, &run, Some(Input::Inject { updates }), &[])? {
        // The update was taken; that the run still waits is no failure of this command.
        3 => Ok(0),
        other => Ok(other),
    }
}
