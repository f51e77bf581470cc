//! `flowvm gc`: drops runs that ended long ago. What is open stays, however old it is.

use serde_json::json;

use super::Place;
use crate::args::{Common, Gc};
use crate::clock::now;
use crate::config::duration;
use crate::error::{Error, Result};
use crate::view::{note, out};

pub(super) fn perform(args: &Gc, common: &Common) -> Result<u8> {
    let age = duration(&args.older_than).ok_or_else(|| {
        Error::usage(format!("`{}` is no duration", args.older_than)).help("--older-than 30d, or 12h")
    })?;
    let place = Place::here(common)?;
    let store = place.open()?;
    let before = now().saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
    let mut runs = store.ended_before(before)?;
    let mut programs = 0;
    if !args.dry_run {
        let mut gone = Vec::new();
        for run in runs {
            if store.delete(&run, before)? {
                gone.push(run);
            }
        }
        runs = gone;
        programs = store.tidy(now())?;
    }
    if common.json {
        out(&json!({"runs": runs, "programs": programs, "dry_run": args.dry_run}).to_string());
        return Ok(0);
    }
    let verb = if args.dry_run { "would go" } else { "gone" };
    for run in &runs {
        out(run);
    }
    note(&format!("{verb}: {} runs, {programs} programs", runs.len()));
    Ok(0)
}
