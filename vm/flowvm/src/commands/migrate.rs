//! `flowvm migrate`: moves a run to another version of its program. It goes on there only if the new version, given
//! what the run received, stands exactly where the run stands; otherwise it is said what does not fit.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use flow_bytecode::{Flow, Image};
use flow_machine::{Event, EventKind, Machine, Program, course};

use super::{Place, against, diff, find, program_of};
use crate::args::{Common, Migrate};
use crate::clock::now;
use crate::error::{Error, Result, code};
use crate::history;
use crate::host::{self, hex};
use crate::program::{self, Loaded};
use crate::schema;
use crate::store::{RunRow, SqliteStore, Store};
use crate::view::{hint, note, out};

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
                format!("run `{}` cannot be moved to `{}`", row.id, args.to.display()),
            )
            .help("let it end where it is, or fork it at a checkpoint where both agree")),
        };
    }
    host::migrate(store, &row, &loaded.program, &loaded.image)?;
    if common.json {
        out(&json!({"run": row.id, "program": hex(loaded.program.hash()), "verdict": verdict}).to_string());
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
    let events = store.events(&row.id, 0)?;
    let moved = Machine::migrate(loaded.program.clone(), events.clone(), now());
    let Err(error) = moved else {
        return Ok((Verdict::Safe, Vec::new()));
    };
    let old = program_of(store, row)?;
    let events = course(events);
    let mut reasons = misfits(&old, &loaded.program, row, &events);
    if !reasons.is_empty() {
        return Ok((Verdict::Stuck, reasons));
    }
    reasons.push(error.to_string());
    let last = history::last_checkpoint(&events).unwrap_or(0);
    let line = history::line_of(&store.checkpoints(&row.id)?, last);
    let found = against::feed(&loaded.program, &events, &line)?;
    reasons.extend(found.first.as_ref().map(diff::parting));
    Ok((Verdict::NeedsMigration, reasons))
}

/// Channels, nodes of the frontier and joins that the new program does not have as the run needs them.
fn misfits(old: &Program, new: &Arc<Program>, row: &RunRow, events: &[Event]) -> Vec<String> {
    let (Ok(was), Ok(is)) = (
        program::flow(old, Some(&row.flow)),
        program::flow(new, Some(&row.flow)),
    ) else {
        return vec![format!("it has no flow `{}`", row.flow)];
    };
    let (old, new) = (old.image(), new.image());
    let mut reasons = Vec::new();
    for field in &was.fields {
        let name = old.str(field.name);
        match is.fields.iter().find(|one| new.str(one.name) == name) {
            None => reasons.push(format!("channel `{name}` is gone")),
            Some(one) if schema::of(old, field.ty) != schema::of(new, one.ty) => {
                reasons.push(format!("channel `{name}` has another type"));
            }
            Some(one) if field.reducer != one.reducer => {
                reasons.push(format!("channel `{name}` is merged in another way"));
            }
            Some(_) => {}
        }
    }
    for name in frontier(events) {
        let kind = |image: &Image, flow: &Flow| {
            let node = flow.nodes.iter().find(|node| image.str(node.name) == name)?;
            Some((std::mem::discriminant(&node.kind), node.params.len()))
        };
        match (kind(old, was), kind(new, is)) {
            (_, None) => reasons.push(format!("node `{name}`, at which the run stands, is gone")),
            (was, is) if was != is => reasons.push(format!(
                "node `{name}`, at which the run stands, is of another kind or takes other parameters"
            )),
            _ => {}
        }
    }
    if was.joins.len() > is.joins.len() {
        reasons.push("a join is gone".to_owned());
    }
    for (at, (one, other)) in was.joins.iter().zip(&is.joins).enumerate() {
        if one.policy != other.policy || one.sources.len() != other.sources.len() {
            reasons.push(format!("join {at} has other sources or another policy"));
        }
    }
    reasons
}

/// The nodes that were planned and have not settled.
fn frontier(events: &[Event]) -> Vec<String> {
    let mut open: Vec<(String, u32)> = Vec::new();
    for event in events {
        let Some(node) = &event.node else { continue };
        match &event.kind {
            EventKind::Planned { index, .. } => open.push((node.to_string(), *index)),
            EventKind::Settled { index, .. } => {
                if let Some(at) = open.iter().position(|one| one.0 == **node && one.1 == *index) {
                    open.remove(at);
                }
            }
            _ => {}
        }
    }
    let mut names: Vec<String> = open.into_iter().map(|(name, _)| name).collect();
    names.dedup();
    names
}
