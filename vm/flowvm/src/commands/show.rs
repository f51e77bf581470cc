//! `flowvm show`: one run at a glance.

use serde_json::{Value as Json, json};

use flow_machine::{Machine, Status, Time};

use super::{Place, find, replayed};
use crate::args::{Common, Show};
use crate::clock::{now, rfc3339, short};
use crate::error::Result;
use crate::program;
use crate::store::{AttemptRow, RunRow, Store};
use crate::view::{answer_command, graph, hint, out, paint, pretty, status_word, steps_text, style, summary};

pub(super) fn perform(args: &Show, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let (machine, events) = replayed(&store, &row)?;
    let attempts = store.attempts(&row.id)?;
    if common.json {
        out(&whole(&row, &machine, &attempts).to_string());
        return Ok(0);
    }
    let is_open = matches!(row.head.status, Status::Running | Status::Interrupted);
    let until = if is_open { now() } else { row.head.at };
    for fact in facts(&row, &machine, until, &place) {
        out(&fact);
    }
    out("");
    let flow = program::flow(machine.program(), Some(&row.flow))?;
    for line in graph::lines(machine.image(), flow, &events, until) {
        out(&line);
    }
    show_attempts(&attempts);
    let open = store.interrupts(&row.id)?;
    for one in &open {
        out(&format!(
            "\n{} asks: {}",
            paint(style::STRONG, &one.name),
            one.ask
        ));
        if !one.show.is_null() {
            out(&pretty(&one.show));
        }
        out(&hint(&answer_command(
            &row.id,
            &place.option,
            one,
            open.len() > 1,
        )));
    }
    Ok(0)
}

fn whole(row: &RunRow, machine: &Machine, attempts: &[AttemptRow]) -> Json {
    let mut all = summary(machine);
    let more = [
        ("flow", json!(row.flow)),
        ("program", json!(row.program)),
        ("started", json!(rfc3339(row.started_at))),
        ("updated", json!(rfc3339(row.head.at))),
        ("due", json!(row.head.due.map(rfc3339))),
        ("tokens", json!(machine.tokens())),
        ("attempts", json!(attempts)),
    ];
    for (name, value) in more {
        all[name] = value;
    }
    all
}

fn facts(row: &RunRow, machine: &Machine, until: Time, place: &Place) -> Vec<String> {
    let mut facts = vec![
        format!("run      {}", paint(style::STRONG, &row.id)),
        format!("flow     {}", row.flow),
        format!("status   {}", status_word(row.head.status)),
        format!(
            "started  {}, {} in {}",
            rfc3339(row.started_at),
            short(until - row.started_at),
            steps_text(row.head.steps)
        ),
    ];
    match &row.owner {
        Some((owner, _)) if !owner.is_dead() => {
            facts.push(format!("driven   by process {} on {}", owner.pid, owner.name));
        }
        _ if row.head.status == Status::Running => facts.push(format!(
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
    facts
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
