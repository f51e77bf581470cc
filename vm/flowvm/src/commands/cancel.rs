//! `flowvm cancel`: stops a run. What its flow says must happen then, happens.

use flow_machine::Input;

use super::{Place, apply_and_follow, find};
use crate::args::{Cancel, Common};
use crate::error::Result;

pub(super) fn perform(args: &Cancel, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let run = find(&place.open()?, &args.run)?.id;
    match apply_and_follow(
        common,
        &place,
        &run,
        Some(Input::Cancel {
            reason: args.reason.clone(),
        }),
        &[],
    )? {
        // Cancelled is what was wanted.
        130 => Ok(0),
        other => Ok(other),
    }
}
