//! `flowvm retry`: runs failed activations again, and nothing else.

use flow_machine::Input;

use super::{Place, apply_and_follow, find};
use crate::args::{Common, Retry};
use crate::error::Result;

pub(super) fn perform(args: &Retry, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let run = find(&place.open()?, &args.run)?.id;
    apply_and_follow(
        common,
        &place,
        &run,
        Some(Input::Retry {
            node: args.node.clone(),
        }),
        &[],
    )
}
