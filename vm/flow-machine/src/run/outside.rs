//! What comes from outside: checked, logged, and given to those whom it concerns.

use serde_json::{Map, Value as Json};

use super::activation::{ActId, Answer, Foreign, Phase, Via};
use super::child::ChildId;
use super::{Life, Run};
use crate::event::{EventKind, Status};
use crate::input::{Input, LimitChange, Outcome, Refusal, Time};
use crate::interp::Update;
use crate::machine::Output;

/// What an input does, once it is known to be acceptable.
pub(super) enum Accepted {
    Outcome,
    Looked(ActId),
    Locked(ActId, bool),
    Verified(ActId),
    Decided(ActId),
    /// It is for the run of a subgraph.
    Inner(ChildId, Box<Accepted>),
    Late,
    Answer(ActId, crate::value::Value),
    Tick,
    Inject(Vec<Foreign>),
    Event,
    Cancel,
    Retry(Vec<ActId>),
    Resume(LimitChange),
}

impl Run {
    /// Takes an input. What settles in the same instant is decided together, by the next `take`.
    pub(crate) fn apply(&mut self, input: &Input, at: Time) -> Result<(), Refusal> {
        let known = match input {
            Input::Settled { .. } => true,
            Input::Looked { activation, .. }
            | Input::Locked { activation, .. }
            | Input::Verified { activation, .. } => self.owes(activation),
            _ => false,
        };
        if !known || at > self.now {
            self.advance();
        }
        let before = self.now;
        self.now = before.max(at);
        match self.accept_input(input) {
            Ok(accepted) => {
                self.resting_said = false;
                let step = self.begun;
                self.event(
                    step,
                    None,
                    EventKind::Received {
                        received: input.clone(),
                    },
                );
                self.perform(accepted, input);
                Ok(())
            }
            Err(refusal) => {
                self.now = before;
                Err(refusal)
            }
        }
    }

    /// Moves the run as far as it goes, and hands out what came of it.
    pub(crate) fn take(&mut self) -> Output {
        self.advance();
        std::mem::take(&mut self.out)
    }

    fn accept_input(&mut self, input: &Input) -> Result<Accepted, Refusal> {
        let finished = matches!(self.life, Life::Finished(_));
        let asks = matches!(input, Input::Answer { .. } | Input::Decide { .. });
        if !(finished && asks)
            && let Some(inner) = self.accept_inner(input)
        {
            return inner;
        }
        match input {
            Input::Settled { attempt, .. } if self.attempts.contains_key(attempt) => Ok(Accepted::Outcome),
            Input::Settled { attempt, .. } if self.knew(attempt) => Ok(Accepted::Late),
            Input::Settled { attempt, .. } => Err(Refusal {
                code: "F2406",
                message: format!("no attempt `{attempt}` was ever sent"),
            }),
            Input::Looked { activation, .. } => self.errand(activation).map(Accepted::Looked),
            Input::Locked { activation, held } => {
                self.errand(activation).map(|id| Accepted::Locked(id, *held))
            }
            Input::Verified { activation, .. } => self.errand(activation).map(Accepted::Verified),
            Input::Tick => Ok(Accepted::Tick),
            Input::Retry { node } => self.retryable(node.as_deref()).map(Accepted::Retry),
            Input::Resume { limits } => self.resumable().map(|()| Accepted::Resume(*limits)),
            _ if finished => Err(Refusal {
                code: "F2407",
                message: "the run has ended".into(),
            }),
            Input::Answer { interrupt, value } => self
                .answer(interrupt, value)
                .map(|(id, value)| Accepted::Answer(id, value)),
            Input::Inject { updates } => self.check_injection(updates).map(Accepted::Inject),
            Input::Decide { interrupt, decision } => {
                self.decidable(interrupt, decision).map(Accepted::Decided)
            }
            Input::Event { name, data } => self.check_event(name, data).map(|()| Accepted::Event),
            Input::Cancel { .. } => Ok(Accepted::Cancel),
        }
    }

    /// What is for the run of a subgraph is accepted there.
    fn accept_inner(&mut self, input: &Input) -> Option<Result<Accepted, Refusal>> {
        let child = match input {
            Input::Settled { attempt, .. } => self.route(attempt)?,
            Input::Looked { activation, .. }
            | Input::Locked { activation, .. }
            | Input::Verified { activation, .. } => self.route(activation)?,
            Input::Answer { interrupt, .. } | Input::Decide { interrupt, .. } => {
                self.child_asking(interrupt)?
            }
            _ => return None,
        };
        let accepted = self.with_child(child, |inner| inner.accept_input(input))?;
        Some(accepted.map(|accepted| Accepted::Inner(child, Box::new(accepted))))
    }

    fn perform(&mut self, accepted: Accepted, input: &Input) {
        match accepted {
            Accepted::Inner(child, accepted) => {
                self.stirred.insert(child);
                self.with_child(child, |inner| inner.perform(*accepted, input));
            }
            Accepted::Verified(id) => {
                if let Input::Verified { results, .. } = input {
                    self.verified(id, results);
                }
            }
            Accepted::Decided(id) => {
                if let Input::Decide { decision, .. } = input {
                    self.decide_attempt(id, decision);
                }
            }
            Accepted::Outcome => {
                if let Input::Settled { attempt, outcome } = input {
                    self.outcome(attempt, outcome);
                }
            }
            Accepted::Looked(id) => {
                if let Input::Looked { found, .. } = input {
                    self.looked(id, found.as_ref());
                }
            }
            Accepted::Locked(id, held) => self.store_locked(id, held),
            Accepted::Late => {
                if let Input::Settled { attempt, outcome } = input {
                    self.late(attempt, outcome);
                }
            }
            Accepted::Answer(id, value) => self.settle_open(id, Answer::Value(value)),
            Accepted::Tick => self.tick(),
            Accepted::Inject(updates) => self.inject(updates),
            Accepted::Event => {
                if let Input::Event { name, data } = input {
                    self.offer_event(name.as_str().into(), data.clone());
                }
            }
            Accepted::Cancel => {
                if let Input::Cancel { reason } = input {
                    self.cancel_run(reason);
                }
            }
            Accepted::Retry(failed) => self.retry_failed(&failed),
            Accepted::Resume(limits) => self.resume(limits),
        }
    }

    /// Too late: kept in the log, and changes nothing.
    fn late(&mut self, attempt: &str, outcome: &Outcome) {
        if let Outcome::Reply { value } = outcome
            && let Ok(reply) = super::envelope::Reply::read(value)
        {
            self.tokens = self.tokens.saturating_add(reply.tokens);
        }
        let step = self.begun;
        self.event(
            step,
            None,
            EventKind::Late {
                attempt: attempt.into(),
            },
        );
    }

    /// Everything whose time has come, in order.
    fn tick(&mut self) {
        let now = self.now;
        self.resting.retain(|_, until| *until > now);
        let due: Vec<(Time, ActId)> = self
            .timers
            .iter()
            .take_while(|(due, _)| *due <= now)
            .copied()
            .collect();
        for (_, id) in due {
            match self.acts.get(&id).map(|act| &act.phase) {
                Some(Phase::Retrying { due }) if *due <= now => self.set_phase(id, Phase::Queued),
                _ => self.fire_timer(id),
            }
        }
        let due = self.children.iter();
        let due: Vec<ChildId> = due
            .filter(|(_, child)| child.next_due().is_some_and(|due| due <= now))
            .map(|(child, _)| *child)
            .collect();
        for child in due {
            self.stirred.insert(child);
            self.with_child(child, Run::tick);
        }
    }

    fn check_injection(&mut self, updates: &Map<String, Json>) -> Result<Vec<Foreign>, Refusal> {
        let mut checked = Vec::new();
        for (name, json) in updates {
            let refuse = |why: String| Refusal {
                code: "F2408",
                message: format!("`{name}`: {why}"),
            };
            let field = self
                .find_field(name)
                .ok_or_else(|| refuse("the flow has no such field".into()))?;
            let value = self
                .checked_update(field, json, false)
                .map_err(|fault| refuse(fault.to_string()))?;
            checked.push(Foreign {
                field,
                value,
                overwrite: false,
            });
        }
        Ok(checked)
    }

    /// Updates from outside take a step of their own; while the run stands still before a step,
    /// that step sees them.
    fn inject(&mut self, updates: Vec<Foreign>) {
        let updates: Vec<Update> = updates.into_iter().map(Update::from).collect();
        self.injected.push(updates);
    }

    pub(super) fn retryable(&self, node: Option<&str>) -> Result<Vec<ActId>, Refusal> {
        let named = |id: ActId| node.is_none_or(|name| *self.node_name(id.node) == *name);
        let failed: Vec<ActId> = self
            .acts
            .values()
            .filter(|act| matches!(act.phase, Phase::Failed))
            .map(|act| act.id)
            .collect();
        let routes = self
            .routes
            .iter()
            .filter(|(_, route)| route.failed)
            .map(|(key, _)| *key);
        let all: Vec<ActId> = failed.into_iter().chain(routes).filter(|id| named(*id)).collect();
        let stopped = matches!(self.life, Life::Finished(Status::Failed));
        if !stopped || all.is_empty() {
            let message = if stopped {
                "no failed activation can be run again; fork the run, or migrate it to a changed program"
            } else {
                "the run has not failed"
            };
            return Err(Refusal {
                code: "F2409",
                message: message.into(),
            });
        }
        Ok(all)
    }

    /// Runs failed activations again; what succeeded beside them is kept.
    pub(super) fn retry_failed(&mut self, failed: &[ActId]) {
        self.reopen();
        self.remake_undone();
        for id in failed {
            if let Some(route) = self.routes.get_mut(id) {
                route.failed = false;
                continue;
            }
            let now = self.now;
            let timeout = self.node(id.node).timeout;
            if let Some(act) = self.acts.get_mut(id) {
                act.tries = 0;
                act.began = None;
                if let Some(talk) = &mut act.talk {
                    talk.deadline = timeout.map(|timeout| now.saturating_add(timeout));
                }
            }
            if matches!(self.node(id.node).kind, flow_bytecode::NodeKind::Subgraph { .. })
                && self.retry_child(*id)
            {
                continue;
            }
            self.set_phase(*id, Phase::Queued);
        }
    }

    fn resumable(&self) -> Result<(), Refusal> {
        if self.paused || matches!(self.life, Life::Finished(Status::Limit)) {
            return Ok(());
        }
        Err(Refusal {
            code: "F2410",
            message: "the run stands neither at a breakpoint nor at a limit".into(),
        })
    }

    fn resume(&mut self, limits: LimitChange) {
        self.apply_limits(limits);
        self.paused = false;
        self.met = None;
        if matches!(self.life, Life::Finished(_)) {
            self.reopen();
        }
    }

    /// A run that had ended goes on.
    fn reopen(&mut self) {
        self.life = Life::Running;
        self.result = None;
        self.error = None;
        self.working_since = Some(self.now);
    }

    /// Applies injections when nothing of an earlier step is missing.
    pub(super) fn apply_injected(&mut self) -> bool {
        if self.injected.is_empty() || !self.live_before_injection() {
            return false;
        }
        let updates = self.injected.remove(0);
        let standing_still = self.steps.keys().next().is_some_and(|first| *first > self.begun);
        let step = if standing_still {
            self.committed
        } else {
            self.next_own_step()
        };
        if !standing_still {
            self.begun = step;
            self.floor = self.floor.max(step);
        }
        let by = ActId {
            step,
            node: flow_bytecode::NodeId(0),
            via: Via::Ending,
            index: 0,
        };
        self.commit_outside(step, by, &updates, true);
        true
    }

    /// Whether all steps that have begun are whole.
    fn live_before_injection(&self) -> bool {
        self.steps.keys().next().is_none_or(|first| *first > self.begun)
    }
}
