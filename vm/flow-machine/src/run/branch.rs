//! Branches: which lines of a log lead to where a run is, and how a run goes on from a checkpoint that it has
//! passed. Nothing of a log is ever taken out of it.

use serde_json::{Map, Value as Json};

use super::activation::{ActId, Foreign, Via};
use super::{Life, Run};
use crate::event::{Event, EventKind};
use crate::input::{Branch, Refusal, Time};
use crate::interp::Update;

/// The lines that lead to where a run is now: what came behind a checkpoint to which it went back is left out.
///
/// Of a log without branches that is all of it.
pub fn course(mut events: Vec<Event>) -> Vec<Event> {
    let mut parts = Vec::new();
    let mut end = events.len();
    while let Some(at) = events[..end].iter().rposition(is_branch) {
        parts.push(at..end);
        let EventKind::Branched { checkpoint, .. } = &events[at].kind else {
            break;
        };
        // A log that names a checkpoint it does not have is refused by who reads it.
        end = commit_of(&events[..at], *checkpoint).map_or(0, |commit| commit + 1);
    }
    if parts.is_empty() {
        return events;
    }
    parts.push(0..end);
    let mut kept = Vec::new();
    for part in parts.into_iter().rev() {
        kept.extend_from_slice(&events[part]);
    }
    events.clear();
    kept
}

/// The lines that lead to a checkpoint, its own commit included. None: there is no such checkpoint.
pub fn course_to(events: &[Event], checkpoint: u64) -> Option<Vec<Event>> {
    let commit = commit_of(events, checkpoint)?;
    Some(course(events[..=commit].to_vec()))
}

fn is_branch(event: &Event) -> bool {
    matches!(event.kind, EventKind::Branched { .. })
}

fn commit_of(events: &[Event], wanted: u64) -> Option<usize> {
    let is_it =
        |event: &Event| matches!(event.kind, EventKind::Committed { checkpoint } if checkpoint == wanted);
    events.iter().position(is_it)
}

/// The checkpoint at which the lines from here on first go back; none: they do not.
pub(super) fn next_stop(events: &[Event]) -> Option<u64> {
    events.iter().find_map(|event| match &event.kind {
        EventKind::Branched { checkpoint, .. } => Some(*checkpoint),
        _ => None,
    })
}

impl Run {
    /// Goes on from where it was stopped. `unsaid` is what the commit of the checkpoint led to in the same move.
    pub(super) fn branch(
        &mut self,
        said: &EventKind,
        seq: u64,
        at: Time,
        unsaid: impl Iterator<Item = Event>,
    ) -> Result<(), Refusal> {
        let EventKind::Branched {
            branch,
            next,
            from,
            run,
            updates,
            ..
        } = said
        else {
            unreachable!("only lines about branches make branches")
        };
        let updates = self.check_overwrites(updates)?;
        if !updates.is_empty() && self.begun > self.committed {
            return Err(Refusal {
                code: "F2411",
                message: format!(
                    "what came behind checkpoint {} had begun before it was whole, with the old values",
                    self.checkpoint
                ),
            });
        }
        self.stop_at = None;
        self.finish_checkpoint();
        self.out = crate::machine::Output::default();
        self.paused = false;
        self.checkpoints = *next;
        self.seq = seq - 1;
        self.skip_time(at);
        self.id = run.as_str().into();
        self.start.run.clone_from(run);
        self.calls_as = match from {
            Some(_) => self.id.clone(),
            None => format!("{run}~{branch}").into(),
        };
        self.rename_calls();
        self.rename_children();
        self.event(self.committed, None, said.clone());
        for event in unsaid.filter(|event| !matches!(event.kind, EventKind::Paused { .. })) {
            self.seq += 1;
            self.out.events.push(Event {
                seq: self.seq,
                at: self.now,
                ..event
            });
        }
        if !updates.is_empty() {
            let by = ActId {
                step: self.committed,
                node: flow_bytecode::NodeId(0),
                via: Via::Ending,
                index: 0,
            };
            self.commit_outside(self.committed, by, &updates, true);
        }
        Ok(())
    }

    /// The time between a checkpoint and the branch from it is nobody's: no limit counts it.
    fn skip_time(&mut self, at: Time) {
        let gap = (at - self.now).max(0);
        self.now += gap;
        self.created += gap;
        if let Some(since) = &mut self.working_since {
            *since += gap;
        }
        if matches!(self.life, Life::Running) {
            self.working_since.get_or_insert(self.now);
        }
    }

    fn check_overwrites(&mut self, updates: &Map<String, Json>) -> Result<Vec<Update>, Refusal> {
        let mut check = |(name, json): (&String, &Json)| {
            let refuse = |why: String| Refusal {
                code: "F2408",
                message: format!("`{name}`: {why}"),
            };
            let field = self
                .find_field(name)
                .ok_or_else(|| refuse("the flow has no such field".into()))?;
            let value = self
                .checked_update(field, json, true)
                .map_err(|fault| refuse(fault.to_string()))?;
            Ok(Update::from(Foreign {
                field,
                value,
                overwrite: true,
            }))
        };
        updates.iter().map(&mut check).collect()
    }

    /// Whether the run stands at the checkpoint from which it is to go another way.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop_at
            .is_some_and(|checkpoint| self.checkpoint == checkpoint)
    }
}

/// The line that begins a branch of this log.
pub(super) fn line(events: &[Event], branch: &Branch) -> EventKind {
    let committed = |event: &Event| match event.kind {
        EventKind::Committed { checkpoint } => Some(checkpoint),
        _ => None,
    };
    let last = events.iter().filter_map(committed).max();
    let known = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Branched { run, .. } => Some(run.clone()),
        EventKind::Created { start, .. } => Some(start.run.clone()),
        _ => None,
    });
    let from = known.filter(|known| *known != branch.run);
    // A fork has only what led to the checkpoint, and numbers on from there.
    let next = match &from {
        Some(_) => branch.checkpoint + 1,
        None => last.map_or(0, |last| last + 1),
    };
    let number = events.iter().filter(|event| is_branch(event)).count() + 1;
    EventKind::Branched {
        branch: number as u64,
        checkpoint: branch.checkpoint,
        next,
        from,
        run: branch.run.clone(),
        updates: branch.updates.clone(),
    }
}
