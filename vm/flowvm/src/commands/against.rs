//! Recorded replies for another program: what a run received is fed to it, and the first place is looked for where its
//! path or state is another. Nothing is called, and nothing is written.

use std::sync::Arc;

use serde::Serialize;

use flow_machine::{Checkpoint, Event, EventKind, Input, Machine, Program};

use crate::error::{Error, Result, code};
use crate::history::{self, Difference};

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// The first place where path or state differ.
    pub(super) first: Option<Difference>,
    /// An input that the other program does not take, and why.
    pub(super) refused: Option<String>,
    /// Calls that the other program makes and that were not recorded.
    pub(super) unknown: Vec<String>,
    /// Calls whose arguments are others.
    pub(super) arguments: Vec<String>,
}

impl Found {
    /// Whether the other program does just the same.
    pub(super) fn is_same(&self) -> bool {
        self.first.is_none() && self.refused.is_none() && self.unknown.is_empty() && self.arguments.is_empty()
    }
}

/// Feeds a recorded course to a program.
pub(super) fn feed(program: &Arc<Program>, course: &[Event], line: &[Checkpoint]) -> Result<Found> {
    let Some(EventKind::Created { start, .. }) = course.first().map(|event| &event.kind) else {
        return Err(Error::new(
            code::STORE_DAMAGED,
            "the log does not begin with the run's creation",
        ));
    };
    let mut found = Found {
        first: None,
        refused: None,
        unknown: Vec::new(),
        arguments: Vec::new(),
    };
    let mut machine = match Machine::start(program.clone(), (**start).clone(), course[0].at) {
        Ok(machine) => machine,
        Err(refusal) => {
            found.refused = Some(format!("it does not start: {}", refusal.message));
            return Ok(found);
        }
    };
    let begun = machine.take();
    compare_calls(&begun.events, course, &mut found);
    let mut made = begun.checkpoints;
    for (at, event) in course.iter().enumerate() {
        let input = match &event.kind {
            EventKind::Received { received } => received.clone(),
            EventKind::Branched { updates, .. } if !updates.is_empty() => {
                return Err(Error::new(
                    code::RUN_REFUSES,
                    "the run went on from a checkpoint with other values: its replies do not fit another program",
                )
                .help("fork it at a checkpoint before that"));
            }
            _ => continue,
        };
        if let Err(refusal) = machine.apply(input.clone(), event.at) {
            found.refused = Some(format!("{}: {}", name(&input), refusal.message));
            break;
        }
        // What came together is decided together.
        let together = matches!((&input, course.get(at + 1)), (Input::Settled { .. }, Some(next))
            if next.at == event.at && matches!(next.kind, EventKind::Received { .. }));
        if !together {
            let out = machine.take();
            made.extend(out.checkpoints);
            compare_calls(&out.events, course, &mut found);
        }
    }
    let out = machine.take();
    made.extend(out.checkpoints);
    found.first = differs(line, &made);
    let recorded = |attempt: &str| {
        course
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Dispatched { attempt: one, .. } if one == attempt))
    };
    for call in machine
        .in_flight()
        .into_iter()
        .filter(|call| !recorded(&call.attempt))
    {
        found.unknown.push(call.attempt);
    }
    Ok(found)
}

/// Numbers of checkpoints may differ: only what they say counts.
fn differs(line: &[Checkpoint], made: &[Checkpoint]) -> Option<Difference> {
    history::part(line, made)
}

/// Calls that are made with other arguments than were recorded.
fn compare_calls(events: &[Event], course: &[Event], found: &mut Found) {
    for event in events {
        let EventKind::Dispatched { attempt, args, .. } = &event.kind else {
            continue;
        };
        let recorded = course.iter().find_map(|event| match &event.kind {
            EventKind::Dispatched {
                attempt: one, args, ..
            } if one == attempt => Some(args),
            _ => None,
        });
        if recorded.is_some_and(|recorded| recorded != args) {
            found.arguments.push(attempt.clone());
        }
    }
}

fn name(input: &Input) -> String {
    match input {
        Input::Settled { attempt, .. } => format!("the outcome of `{attempt}`"),
        Input::Answer { interrupt, .. } => format!("the answer to `{interrupt}`"),
        Input::Decide { interrupt, .. } => format!("the decision about `{interrupt}`"),
        Input::Looked { activation, .. } => format!("what was kept for `{activation}`"),
        Input::Locked { activation, .. } => format!("the locks of `{activation}`"),
        Input::Verified { activation, .. } => format!("the checks of `{activation}`"),
        Input::Event { name, .. } => format!("the event `{name}`"),
        Input::Inject { .. } => "an injection".to_owned(),
        Input::Tick => "a timer".to_owned(),
        Input::Cancel { .. } => "the cancellation".to_owned(),
        Input::Retry { .. } => "a retry".to_owned(),
        Input::Resume { .. } => "a resume".to_owned(),
    }
}
