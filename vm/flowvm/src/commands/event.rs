//! `flowvm event`: an event into a run's inbox.

use flow_machine::Input;
use serde_json::Value as Json;

use super::{Place, apply_and_follow, find, values};
use crate::args::{Common, Event};
use crate::error::Result;

pub(super) fn perform(args: &Event, common: &Common) -> Result<u8> {
    let data = args
        .data
        .as_deref()
        .map(|text| values::json(text, "what the event carries"))
        .transpose()?;
    let place = Place::here(common)?;
    let run = find(&place.open()?, &args.run)?.id;
    let input = Input::Event {
        name: args.name.clone(),
        data: data.unwrap_or(Json::Null),
    };
    apply_and_follow(common, &place, &run, Some(input), &[])
}
