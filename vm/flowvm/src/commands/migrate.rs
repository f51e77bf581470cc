//! `flowvm migrate`: moves a run to another version of its program. It goes on there only if the new version, given
//! what the run received, stands exactly where the run stands; otherwise it is said what does not fit.

mod fits;

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use flow_machine::{Machine, course};

use super::{Place, against, diff, find, program_of};
use crate::args::{Common, Migrate};
use crate::clock::now;
use crate::error::{Error, Result, code};
use crate::history;
use crate::program::{self, Loaded};
use crate::store::{RunRow, SqliteStore, Store};
use crate::view::{hint, note, out};
use crate::{hex, host};
use fits::{Fit, Standing};

/// Whether a run can go on with another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// It stands at the same place in both.
    Safe,
    /// State and frontier fit, but the new program would have come there another way.
    NeedsMigration,
    /// It cannot go on there.
    Stuck,
}

pub(super) fn perform(args: &Migrate, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let loaded = program::load(&args.to)?;
    let (verdict, reasons) = judge(&store, &row, &loaded)?;
    if args.check || verdict != Verdict::Safe {
        say(&row, verdict, &reasons, common);
        return match (args.check, verdict) {
            (_, Verdict::Safe) => Ok(0),
            (true, _) => Ok(1),
            (false, _) => Err(Error::new(
                code::RUN_REFUSES,
                format!(
                    "run `{}` cannot be moved to `{}`: {}",
                    row.id,
                    args.to.display(),
                    if verdict == Verdict::Stuck {
                        "it is stuck there"
                    } else {
                        "it stands elsewhere there, and a state cannot be carried over yet"
                    }
                ),
            )
            .help("let it end where it is, or fork it at a checkpoint where both agree")),
        };
    }
    host::migrate(store, &row, &loaded.program, &loaded.image)?;
    if common.json {
        out(
            &json!({"run": row.id, "program": hex::encode(loaded.program.hash()), "verdict": verdict})
                .to_string(),
        );
    } else {
        out(&row.id);
        note(&hint(&format!("flowvm resume {}{}", row.id, place.option)));
    }
    Ok(0)
}

fn say(row: &RunRow, verdict: Verdict, reasons: &[String], common: &Common) {
    if common.json {
        out(&json!({"run": row.id, "verdict": verdict, "reasons": reasons}).to_string());
        return;
    }
    out(match verdict {
        Verdict::Safe => "safe: the run stands at the same place in both",
        Verdict::NeedsMigration => {
            "needs migration: what the run has and waits for fits, how it came there does not"
        }
        Verdict::Stuck => "stuck: the run cannot go on there",
    });
    for reason in reasons {
        out(&format!("  {reason}"));
    }
}

fn judge(store: &SqliteStore, row: &RunRow, loaded: &Loaded) -> Result<(Verdict, Vec<String>)> {
    let log = store.events(&row.id, 0)?;
    let events = course(log.clone());
    let last = history::last_checkpoint(&events).unwrap_or(0);
    let line = history::line_of(&store.checkpoints(&row.id)?, last);
    let state = history::fold(&line);
    let old = program_of(store, row)?;
    let was = program::flow(&old, Some(&row.flow))?;
    let Ok(is) = program::flow(&loaded.program, Some(&row.flow)) else {
        return Ok((Verdict::Stuck, vec![format!("it has no flow `{}`", row.flow)]));
    };
    let standing = Standing {
        was: (&old, was),
        events: &events,
        state: &state,
        joins: line.last().map_or(&[], |point| &point.frontier.joins),
    };
    let Fit { misfits, changes } = fits::fit(&standing, &loaded.program, is);
    if !misfits.is_empty() {
        return Ok((Verdict::Stuck, [misfits, changes].concat()));
    }
    let mut reasons = changes;
    let here = Machine::replay(Arc::new(old), log.clone());
    match here.and_then(|here| Ok((here, Machine::migrate(loaded.program.clone(), log, now())?))) {
        Ok((here, there)) => {
            // What a log does not say: with which values the channels began, what is not committed yet.
            let others = here.differences(&there);
            if others.is_empty() {
                return Ok((Verdict::Safe, reasons));
            }
            reasons.extend(others);
        }
        Err(error) => {
            reasons.push(error.to_string());
            let found = against::feed(&loaded.program, &events, &line)?;
            reasons.extend(found.first.as_ref().map(diff::parting));
        }
    }
    Ok((Verdict::NeedsMigration, reasons))
}
