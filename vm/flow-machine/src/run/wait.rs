//! Waits: for time, for events, for the first of several. The inbox of events that none has used.

use std::sync::Arc;

use flow_bytecode::{ErrorClass, NodeKind, WaitFor, WaitKind};
use serde_json::Value as Json;

use super::Run;
use super::activation::{ActId, Answer, Failure, Phase, Waiting, Ways};
use super::child::ChildId;
use crate::Fault;
use crate::event::{EventKind, Settlement};
use crate::input::{Refusal, Time};
use crate::value::Value;

impl Run {
    /// Opens a wait; one whose event has come already settles at once. Always open or settled.
    pub(super) fn begin_wait(&mut self, id: ActId, choices: &[WaitFor]) -> bool {
        match self.dues_of(id, choices) {
            Ok(dues) => self.open_wait(id, dues),
            Err(fault) => self.fail(id, &Failure::from(fault)),
        }
        true
    }

    fn dues_of(&mut self, id: ActId, choices: &[WaitFor]) -> Result<Vec<Option<Time>>, Fault> {
        let act = &self.acts[&id];
        let (step, sight, params) = (act.step, self.sight_of(act), act.params.clone());
        let mut dues = Vec::with_capacity(choices.len());
        for choice in choices {
            dues.push(match choice.what {
                WaitKind::For(chunk) => match self.value(chunk, &params, step, &sight)? {
                    Value::Duration(nanos) => Some(self.now.saturating_add(nanos.max(0))),
                    other => return Err(super::eval::bad_code(format!("a wait for {}", other.kind()))),
                },
                WaitKind::Until(chunk) => match self.value(chunk, &params, step, &sight)? {
                    Value::Time(at) => Some(at.max(self.now)),
                    other => return Err(super::eval::bad_code(format!("a wait until {}", other.kind()))),
                },
                WaitKind::Event { .. } => None,
            });
        }
        Ok(dues)
    }

    fn open_wait(&mut self, id: ActId, dues: Vec<Option<Time>>) {
        self.openings += 1;
        let timeout = self
            .node(id.node)
            .timeout
            .map(|timeout| self.now.saturating_add(timeout));
        let step = self.acts[&id].step;
        for due in dues.iter().copied().flatten().chain(timeout) {
            self.event(step, Some(id.node), EventKind::TimerSet { due });
        }
        self.set_phase(
            id,
            Phase::Waiting(Waiting {
                opened: self.openings,
                dues,
                timeout,
            }),
        );
        self.leave_step(id);
        self.offer_inbox(id);
        self.fire_timer(id);
    }

    /// Gives a wait that opens the oldest kept event that fits.
    fn offer_inbox(&mut self, id: ActId) {
        for at in 0..self.inbox.len() {
            let (name, data) = self.inbox[at].clone();
            if let Some((choice, value)) = self.fitting(id, &name, &data, false) {
                self.inbox.remove(at);
                return self.take_choice(id, choice, value);
            }
        }
    }

    /// The choice of an open wait that an event fits.
    fn fitting(&mut self, id: ActId, name: &str, data: &Json, fresh: bool) -> Option<(usize, Value)> {
        let (event, value) = self.event_here(name, data).ok()?;
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[id.node.index()];
        let NodeKind::Wait(choices) = &node.kind else {
            return None;
        };
        let act = &self.acts[&id];
        let (sight, mut regs) = (self.sight_of(act), act.params.to_vec());
        regs.push(value.clone());
        let step = self.next_own_step();
        let fits = choices.iter().position(|choice| match choice.what {
            WaitKind::Event {
                event: wanted,
                filter,
                transient,
            } if wanted == event && (fresh || !transient) => match filter {
                Some(filter) => self.test(filter, &regs, step, &sight).unwrap_or(false),
                None => true,
            },
            _ => false,
        });
        fits.map(|choice| (choice, value))
    }

    /// Checks an event against the declarations of the flow, or of a flow that runs as a subgraph of it.
    pub(super) fn check_event(&mut self, name: &str, data: &Json) -> Result<(), Refusal> {
        let Err(refusal) = self.event_here(name, data) else {
            return Ok(());
        };
        let inner: Vec<_> = self.children.keys().copied().collect();
        let fits = inner.into_iter().any(|child| {
            let checked = self.with_child(child, |inner| {
                !inner.is_finished() && inner.check_event(name, data).is_ok()
            });
            checked == Some(true)
        });
        if fits { Ok(()) } else { Err(refusal) }
    }

    /// An event as the flow declares it.
    fn event_here(&mut self, name: &str, data: &Json) -> Result<(u32, Value), Refusal> {
        let program = self.program.clone();
        let events = &program.image().flows[self.flow_at].events;
        let found = events
            .iter()
            .position(|(declared, _)| program.image().str(*declared) == name);
        let Some(at) = found else {
            let names: Vec<&str> = events
                .iter()
                .map(|(declared, _)| program.image().str(*declared))
                .collect();
            return Err(Refusal {
                code: "F2404",
                message: format!("the flow has no event `{name}` (it has: {})", names.join(", ")),
            });
        };
        let value = match events[at].1 {
            Some(ty) => self.check(ty, data).map_err(|fault| Refusal {
                code: "F2405",
                message: format!("event `{name}`: {fault}"),
            })?,
            None => Value::Null,
        };
        Ok((at as u32, value))
    }

    /// Gives an event to the open wait that it fits and that opened first, or keeps it.
    pub(super) fn offer_event(&mut self, name: Arc<str>, data: Json) {
        let mut open = Vec::new();
        self.list_waits(&mut Vec::new(), &mut open);
        open.sort();
        for (_, way, id) in open {
            if self.give(&way, id, &name, &data) {
                return;
            }
        }
        self.inbox.push((name, data));
    }

    /// The open waits of this run and those within it: order of opening, the way to the run, the wait.
    fn list_waits(&self, way: &mut Vec<ChildId>, open: &mut Vec<(u64, Vec<ChildId>, ActId)>) {
        open.extend(self.waits.iter().map(|(opened, id)| (*opened, way.clone(), *id)));
        for (child, inner) in &self.children {
            way.push(*child);
            inner.list_waits(way, open);
            way.pop();
        }
    }

    /// Gives an event to a wait, if it fits.
    fn give(&mut self, way: &[ChildId], id: ActId, name: &str, data: &Json) -> bool {
        if let Some((child, rest)) = way.split_first() {
            self.stirred.insert(*child);
            return self.with_child(*child, |inner| inner.give(rest, id, name, data)) == Some(true);
        }
        match self.fitting(id, name, data, true) {
            Some((choice, value)) => {
                self.take_choice(id, choice, value);
                true
            }
            None => false,
        }
    }

    /// Offers what the inbox keeps again, because the state has changed.
    pub(super) fn offer_kept(&mut self) {
        if self.inbox.is_empty() {
            return;
        }
        for (name, data) in std::mem::take(&mut self.inbox) {
            self.offer_event(name, data);
        }
    }

    fn take_choice(&mut self, id: ActId, choice: usize, value: Value) {
        self.settle_open(id, Answer::Choice(choice, value));
    }

    /// The time of an open wait or interrupt has come.
    pub(super) fn fire_timer(&mut self, id: ActId) {
        let now = self.now;
        let Some(act) = self.acts.get(&id) else { return };
        let (step, node) = (act.step, id.node);
        let answer = match &act.phase {
            Phase::Inside { deadline } if deadline.is_some_and(|due| due <= now) => {
                return self.overdue(id, true);
            }
            Phase::Acting { due } if due.is_some_and(|due| due <= now) => return self.overdue(id, false),
            Phase::Proving { due } if *due <= now => return self.ask_for_proof(id),
            Phase::Open(question) if question.due.is_some_and(|due| due <= now) => Answer::TimedOut,
            Phase::Waiting(waiting) => {
                let due = |due: &Option<Time>| due.is_some_and(|due| due <= now);
                // Of several that are due, the earliest; of equals, the first in order of writing.
                let first = waiting
                    .dues
                    .iter()
                    .enumerate()
                    .filter(|(_, at)| due(at))
                    .min_by_key(|(choice, at)| (**at, *choice));
                match first {
                    Some((choice, _)) => Answer::Choice(choice, Value::Null),
                    None if due(&waiting.timeout) => Answer::TimedOut,
                    None => return,
                }
            }
            _ => return,
        };
        self.event(step, Some(node), EventKind::TimerFired);
        self.settle_open(id, answer);
    }

    /// The time of a subgraph, or of a whole conversation, is over.
    fn overdue(&mut self, id: ActId, inside: bool) {
        let step = self.acts[&id].step;
        self.event(step, Some(id.node), EventKind::TimerFired);
        let message = format!("`{}` came to no end in time", self.node_name(id.node));
        let failure = Failure::new(ErrorClass::Timeout, message);
        if inside {
            self.cancel_child(id, "its time was over");
            let attempt = self.attempt_id(&self.acts[&id]);
            self.attempt_failed(id, &attempt, &failure);
        } else {
            self.fail(id, &failure);
        }
    }

    /// A wait settles: by its only choice, or along the way of the one that came first.
    pub(super) fn settle_choice(&mut self, id: ActId, choice: usize, value: Value) {
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[id.node.index()];
        let NodeKind::Wait(choices) = &node.kind else {
            return;
        };
        match choices.get(choice).and_then(|choice| choice.way.as_ref()) {
            None => self.succeed(id, Some(value)),
            Some(way) => match self.take_way(id, way, Some(value)) {
                Ok((updates, aims)) => self.finish(id, Settlement::Done, updates, Ways::Aims(aims)),
                Err(failure) => self.fail(id, &failure),
            },
        }
    }
}
