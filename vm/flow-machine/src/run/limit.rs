//! Limits of a run: when one is met, and what time counts.

use super::activation::{ActId, Phase};
use super::ending::Ending;
use super::{Life, Run, state};
use crate::event::{EventKind, RunError, Status};
use crate::input::Time;
use flow_bytecode::ErrorClass;

impl Run {
    /// The limit, other than that of steps, that forbids beginning anything now.
    pub(super) fn over_limit(&mut self) -> Option<&'static str> {
        if let Some(limit) = self.clock_over() {
            return Some(limit);
        }
        if self.limits.tokens.is_some_and(|most| self.tokens >= most) {
            return Some("tokens");
        }
        let most = self.limits.state?;
        let slots = &self.slots;
        let weight = *self.weight.get_or_insert_with(|| state::weight(slots));
        (weight > most).then_some("state")
    }

    fn clock_over(&self) -> Option<&'static str> {
        if self
            .limits
            .age
            .is_some_and(|most| self.now - self.created >= most)
        {
            return Some("age");
        }
        self.limits
            .time
            .is_some_and(|most| self.working_time() >= most)
            .then_some("time")
    }

    /// Time in which something was queued, running or retrying.
    fn working_time(&self) -> i64 {
        self.worked + self.working_since.map_or(0, |since| self.now - since)
    }

    /// Stops the run at a limit, once what was under way has come to its end.
    pub(super) fn meet_limit(&mut self) -> bool {
        if self.met.is_none() && !self.paused {
            self.met = self
                .clock_over()
                .filter(|limit| !self.acts.is_empty() && (*limit == "age" || self.is_working()));
        }
        let Some(limit) = self.met else { return false };
        if matches!(limit, "time" | "age") {
            self.recall_calls();
        }
        if self.flight() > 0 {
            return false;
        }
        self.event(self.begun, None, EventKind::LimitMet { limit: limit.into() });
        let error = RunError {
            code: "F2501".into(),
            message: format!("the run met its limit of {limit}"),
            node: None,
            class: Some(ErrorClass::Limit),
            span: None,
        };
        self.life = Life::Ending(Ending::new(Status::Limit, Some(error)));
        true
    }

    /// Calls are stopped, and are made again when the run is resumed.
    fn recall_calls(&mut self) {
        let running: Vec<ActId> = self.attempts.values().copied().collect();
        for id in running {
            self.abort(id);
            if let Some(act) = self.acts.get_mut(&id) {
                act.tries -= 1;
            }
            self.set_phase(id, Phase::Queued);
        }
        let inner: Vec<_> = self.children.keys().copied().collect();
        for child in inner {
            self.with_child(child, Run::recall_calls);
        }
    }

    pub(super) fn is_working(&self) -> bool {
        let phases = &self.phases;
        let inner = |child: &Run| !child.is_finished() && child.is_working();
        !self.paused
            && (phases.queued + phases.running + phases.retrying > 0
                || self.children.values().any(|child| inner(child)))
    }

    /// Lets the working time run, or stand still while nothing but answers and events is missing.
    pub(super) fn keep_time(&mut self) {
        let working = !matches!(self.life, Life::Finished(_)) && self.is_working();
        match (working, self.working_since) {
            (true, None) => self.working_since = Some(self.now),
            (false, Some(since)) => {
                self.worked += self.now - since;
                self.working_since = None;
            }
            _ => {}
        }
    }

    /// When the host must come back at the latest.
    pub(crate) fn next_due(&self) -> Option<Time> {
        if matches!(self.life, Life::Finished(_)) {
            return None;
        }
        let timer = self.timers.first().map(|(due, _)| *due);
        let resting = if self.ready.is_empty() {
            None
        } else {
            self.resting.values().min().copied()
        };
        let age = self.limits.age.map(|most| self.created.saturating_add(most));
        let time = match (self.limits.time, self.working_since) {
            (Some(most), Some(since)) => Some(since.saturating_add(most - self.worked)),
            _ => None,
        };
        let inner = self.children.values().filter_map(|child| child.next_due()).min();
        [timer, resting, age, time, inner].into_iter().flatten().min()
    }
}
