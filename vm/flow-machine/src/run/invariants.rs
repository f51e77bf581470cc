//! What must hold between two moves of a run. Cheap parts are asserted always; the whole is a list
//! of what is wrong, for tests and tools.

use std::collections::BTreeMap;

use super::Run;
use super::activation::{Activation, Phase, Role};
use super::phases::Phases;

impl Run {
    /// What must hold whenever the run rests.
    pub(super) fn check_invariants(&self) {
        assert_eq!(
            self.attempts.len() as u64,
            self.in_flight,
            "every attempt belongs to one running activation"
        );
        if let Some(parallel) = self.limits.parallel {
            assert!(self.flight() <= parallel, "no more calls than the limit allows");
        }
        if cfg!(debug_assertions) {
            let broken = self.broken_invariants();
            assert!(broken.is_empty(), "{}", broken.join("\n"));
        }
    }

    /// What does not hold that must; looks at everything there is.
    pub(crate) fn broken_invariants(&self) -> Vec<String> {
        let mut broken = Vec::new();
        self.check_attempts(&mut broken);
        self.check_deadlines(&mut broken);
        self.check_counts(&mut broken);
        broken
    }

    /// A running activation has exactly one attempt, others have none; no two that are active share
    /// a key; there are no more of them than the limits allow.
    fn check_attempts(&self, broken: &mut Vec<String>) {
        let mut keys: BTreeMap<&str, usize> = BTreeMap::new();
        for act in self.acts.values() {
            let named = self.attempts.get(&self.attempt_id(act)) == Some(&act.id);
            let runs = matches!(act.phase, Phase::Running { .. });
            if named != runs {
                broken.push(format!(
                    "{}: its attempt does not fit its phase",
                    self.act_name(act)
                ));
            }
            if let (false, Some(call)) = (matches!(act.phase, Phase::Settled(_)), &act.call) {
                *keys.entry(&call.key).or_default() += 1;
            }
        }
        broken.extend(
            keys.iter()
                .filter(|(_, count)| **count > 1)
                .map(|(key, _)| format!("two active calls have the key {key}")),
        );
        if self.attempts.len() as u64 != self.in_flight {
            broken.push("calls in flight are not counted".into());
        }
        if self.limits.parallel.is_some_and(|most| self.in_flight > most) {
            broken.push("more calls than the limit allows".into());
        }
        for (group, open) in &self.groups {
            if open.overfull() {
                broken.push(format!("{:?}: more calls than its window", group.node));
            }
        }
    }

    /// Whatever is not over is moved by somebody: by its turn, its host, a timer or from outside.
    fn check_deadlines(&self, broken: &mut Vec<String>) {
        for act in self.acts.values() {
            let moved = match &act.phase {
                Phase::Queued => self.ready.contains(&act.id) || self.is_in_lane(act),
                Phase::Answered(_) => self.ready.contains(&act.id),
                Phase::Running { .. } => true,
                Phase::Retrying { due } => self.timers.contains(&(*due, act.id)),
                Phase::Open(question) => question
                    .due
                    .is_none_or(|due| self.timers.contains(&(due, act.id))),
                Phase::Waiting(waiting) => {
                    let timers = waiting.dues.iter().copied().flatten().chain(waiting.timeout);
                    timers.into_iter().all(|due| self.timers.contains(&(due, act.id)))
                }
                Phase::Looking | Phase::Locking { .. } => self.errands.contains_key(&self.full_name(act)),
                Phase::Proving { due } => self.timers.contains(&(*due, act.id)),
                Phase::Acting { due } => due.is_none_or(|due| self.timers.contains(&(due, act.id))),
                Phase::Inside { .. } => self.children.contains_key(&(act.id, act.attempts)),
                Phase::Failed | Phase::Settled(_) => true,
            };
            if !moved {
                broken.push(format!("{}: nothing moves it", self.act_name(act)));
            }
        }
        for (_, id) in self.timers.iter() {
            if !self.acts.contains_key(id) {
                broken.push(format!("a timer of nobody: {id:?}"));
            }
        }
        for id in self.ready.iter() {
            if !self.acts.contains_key(id) {
                broken.push(format!("nobody is ready: {id:?}"));
            }
        }
    }

    /// What is counted on the way equals what is there.
    fn check_counts(&self, broken: &mut Vec<String>) {
        let mut phases = Phases::default();
        self.acts
            .values()
            .for_each(|act| phases.change(None, Some(&act.phase)));
        if phases != self.phases {
            broken.push(format!("phases are miscounted: {:?} for {phases:?}", self.phases));
        }
        let live: usize = self.live.values().sum();
        let holds = |act: &Activation| act.role == Role::Normal && act.is_unsettled();
        if live != self.acts.values().filter(|act| holds(act)).count() {
            broken.push("what holds steps back is miscounted".into());
        }
        if self
            .live
            .keys()
            .next()
            .is_some_and(|first| *first <= self.committed)
        {
            broken.push("something holds a committed step back".into());
        }
        let waiting = (0..self.joins.len()).filter(|at| self.joins[*at].is_waiting());
        if !waiting.eq(self.waiting.iter().map(|join| join.index())) {
            broken.push("joins that wait are not noted".into());
        }
    }
}
