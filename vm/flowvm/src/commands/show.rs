//! `flowvm show`: one run at a glance.

use serde_json::json;

use flow_machine::Status;

use super::{Place, find, replayed};
use crate::args::{Common, Show};
use crate::clock::{now, rfc3339, short};
use crate::error::Result;
use crate::program;
use crate::store::{AttemptRow, Store};
use crate::view::{graph, hint, out, paint, pretty, status_word, style, summary};

pub(super) fn perform(args: &Show, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let (machine, events) = replayed(&store, &row)?;
    let attempts = store.attempts(&row.id)?;
    if common.json {
        let mut all = summary(&machine);
        if let Some(all) = all.as_object_mut() {
            all.insert("flow".to_owned(), json!(row.flow));
            all.insert("program".to_owned(), json!(row.program));
            all.insert("started".to_owned(), json!(rfc3339(row.started_at)));
            all.insert("updated".to_owned(), json!(rfc3339(row.head.at)));
            all.insert("due".to_owned(), json!(row.head.due.map(rfc3339)));
            all.insert("tokens".to_owned(), json!(machine.tokens()));
            all.insert("attempts".to_owned(), json!(attempts));
        }
        out(&all.to_string());
        return Ok(0);
    }
    let running = row.head.status == Status::Running;
    let until = if running { now() } else { row.head.at };
    let mut facts = vec![
        format!("run      {}", paint(style::STRONG, &row.id)),
        format!("flow     {}", row.flow),
        format!("status   {}", status_word(row.head.status)),
        format!(
            "started  {}, {} in {} steps",
            rfc3339(row.started_at),
            short(until - row.started_at),
            row.head.steps
        ),
    ];
    match &row.owner {
        Some((owner, _)) if !owner.is_dead() => {
            facts.push(format!("driven   by process {} on {}", owner.pid, owner.name));
        }
        _ if running => facts.push(format!(
            "driven   by nobody: flowvm resume {}{}",
            row.id, place.option
        )),
        _ => {}
    }
    if let Some(due) = row.head.due {
        facts.push(format!("due      {}", rfc3339(due)));
    }
    if machine.tokens() > 0 {
        facts.push(format!("tokens   {}", machine.tokens()));
    }
    if let Some(error) = machine.error() {
        facts.push(format!("error    [{}] {}", error.code, error.message));
    }
    for fact in &facts {
        out(fact);
    }
    out("");
    let flow = program::flow(machine.program(), Some(&row.flow))?;
    for line in graph::lines(machine.image(), flow, &events, until) {
        out(&line);
    }
    show_attempts(&attempts);
    for one in store.interrupts(&row.id)? {
        out(&format!(
            "\n{} asks: {}",
            paint(style::STRONG, &one.name),
            one.ask
        ));
        if !one.show.is_null() {
            out(&pretty(&one.show));
        }
        out(&hint(&format!(
            "flowvm answer {}{} {} JSON",
            row.id, place.option, one.name
        )));
    }
    Ok(0)
}

/// What is under way, and what failed.
fn show_attempts(attempts: &[AttemptRow]) {
    let notable: Vec<&AttemptRow> = attempts.iter().filter(|one| one.outcome != "succeeded").collect();
    if notable.is_empty() {
        return;
    }
    out("\nattempts");
    for one in notable {
        let message = one
            .message
            .as_deref()
            .and_then(|message| message.lines().next())
            .unwrap_or_default();
        let class = one.class.as_deref().unwrap_or_default();
        out(&format!(
            "  {} of {}: {} {class} {message}",
            one.attempt, one.worker, one.outcome
        ));
    }
}
