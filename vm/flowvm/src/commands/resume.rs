//! `flowvm resume`: goes on after a crash, a breakpoint or a limit.

use flow_machine::{Input, LimitChange, Status};

use super::{Place, apply_and_follow, exit_code, find, replayed, report, values};
use crate::args::{Common, Resume};
use crate::error::{Error, Result, code};
use crate::store::{SqliteStore, Store};

pub(super) fn perform(args: &Resume, common: &Common) -> Result<u8> {
    let limits = values::limits(&args.limits)?;
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    if matches!(row.head.status, Status::Done | Status::Failed | Status::Cancelled) {
        if row.head.status == Status::Failed {
            return Err(Error::new(
                code::RUN_REFUSES,
                format!("run `{}` has failed: there is nothing to resume", row.id),
            )
            .help(format!(
                "`flowvm retry {}{}` runs what failed again",
                row.id, place.option
            )));
        }
        // It has ended; saying how is all that is left.
        report(&replayed(&store, &row)?.0, row.head.at, common, &place);
        return Ok(exit_code(row.head.status));
    }
    let input = input(&store, &row.id, limits)?;
    drop(store);
    apply_and_follow(common, &place, &row.id, input, &args.stream)
}

/// What must be said to a run so that it goes on; after a crash, nothing.
pub(super) fn input(store: &SqliteStore, run: &str, limits: LimitChange) -> Result<Option<Input>> {
    let Some(row) = store.run(run)? else {
        return Ok(None);
    };
    let is_asking = !store.interrupts(run)?.is_empty();
    Ok(match row.head.status {
        Status::Limit => Some(Input::Resume { limits }),
        Status::Interrupted if !is_asking => Some(Input::Resume { limits }),
        _ if limits != LimitChange::default() => Some(Input::Resume { limits }),
        _ => None,
    })
}
