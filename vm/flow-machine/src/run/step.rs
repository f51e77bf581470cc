//! Steps: when one is whole, what its commit does, checkpoints.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_bytecode::FieldId;
use serde_json::json;

use super::activation::{ActId, Failure, Phase, Role};
use super::state::{self, Merging, Sent};
use super::{Life, Run};
use crate::border;
use crate::event::{Checkpoint, EventKind, Frontier, Settlement};
use crate::interp::Update;

impl Run {
    /// Commits the first step if it is whole and nothing of an earlier one is undecided: what it
    /// leads to is then followed over the committed state.
    pub(super) fn commit_whole(&mut self) -> bool {
        if !self.early || !self.routes.is_empty() || !self.waiting.is_empty() {
            return false;
        }
        let Some(&step) = self.steps.keys().next() else {
            return false;
        };
        let whole = self.live.keys().next().is_none_or(|first| *first > step);
        whole
            && self
                .to_fire
                .iter()
                .all(|(key, firing)| self.firing_step(*key, *firing) >= step)
            && self.commit_next()
    }

    /// Commits the first step if it is whole.
    pub(super) fn commit_next(&mut self) -> bool {
        let Some(&step) = self.steps.keys().next() else {
            return false;
        };
        let held_back = self.live.keys().next().is_some_and(|first| *first <= step);
        if held_back || self.stuck.is_some() {
            return false;
        }
        assert!(step > self.committed, "steps commit in order");
        if self.early && matches!(self.life, Life::Ending(_)) && !self.nothing_is_missing(step) {
            return false;
        }
        let members: Vec<ActId> = self.steps[&step].iter().copied().collect();
        let settled = self.take_updates(&members);
        if !self.merge(step, &settled, false) {
            self.stuck = Some(step);
            for (id, updates) in settled {
                if let Some(act) = self.acts.get_mut(&id) {
                    act.updates = updates;
                }
            }
            return true;
        }
        self.committed = step;
        self.forget_committed_views();
        self.steps.remove(&step);
        self.numbers.retain(|(numbered, ..), _| *numbered >= step);
        self.note_path(&members);
        self.break_after(step, &members);
        for id in members {
            if self.acts.get(&id).is_some_and(|act| act.fired) {
                self.acts.remove(&id);
            }
        }
        self.after_commit();
        true
    }

    /// Takes from the activations of a step what they send to the state.
    fn take_updates(&mut self, members: &[ActId]) -> Vec<(ActId, Vec<Update>)> {
        let mut taken = Vec::new();
        for id in members {
            if let Some(act) = self.acts.get_mut(id)
                && matches!(act.phase, Phase::Settled(_))
                && !act.updates.is_empty()
            {
                taken.push((*id, std::mem::take(&mut act.updates)));
            }
        }
        taken
    }

    /// Applies updates that belong to no step of the run's course: an injection, a `finally`. If it `goes_on`, what
    /// the step before wrote to ephemeral fields is still to be seen by what comes next.
    pub(super) fn commit_outside(&mut self, step: u64, by: ActId, updates: &[Update], goes_on: bool) {
        if self.merge(step, &[(by, updates.to_vec())], goes_on) {
            // While a run ends, steps that failed are left behind, for `retry`.
            if self.steps.keys().next().is_none_or(|first| *first > step) {
                self.committed = self.committed.max(step);
            }
            self.views.clear();
            self.after_commit();
        }
    }

    /// What waits for the state to change.
    fn after_commit(&mut self) {
        self.offer_kept();
        self.grow_groups();
        self.retest_groups();
    }

    /// Merges the updates of a step into the state, and makes the checkpoint. On failure the state
    /// is as it was, and the run fails.
    fn merge(&mut self, step: u64, sent: &[(ActId, Vec<Update>)], goes_on: bool) -> bool {
        self.see(&self.sight_at(step, None));
        let all = sent.iter().map(|(by, updates)| Sent { by: *by, updates });
        let all: Vec<Sent<'_>> = all.collect();
        let mut merging = Merging {
            program: &self.program,
            flow: &self.program.image().flows[self.flow_at],
            input: &self.input,
            config: &self.config,
            view: &self.seen,
            interp: &mut self.interp,
            goes_on,
        };
        match merging.step(&self.slots, &all) {
            Ok(changes) => {
                self.finish_checkpoint();
                for (by, updates) in sent {
                    self.updated(step, *by, updates);
                }
                let updates = sent.iter().flat_map(|(_, updates)| updates);
                let overwritten = updates
                    .filter(|update| update.overwrite)
                    .map(|update| update.field);
                self.checkpoint(step, changes, &overwritten.collect());
                true
            }
            Err(fault) => {
                let key = sent.first().map_or(
                    ActId {
                        step,
                        node: flow_bytecode::NodeId(0),
                        via: super::Via::Ending,
                        index: 0,
                    },
                    |(by, _)| *by,
                );
                let node = sent.last().map(|(by, _)| by.node);
                self.fail_run(key, node, &Failure::from(fault));
                false
            }
        }
    }

    fn updated(&mut self, step: u64, by: ActId, updates: &[Update]) {
        let fields = &self.flow().fields;
        let named = updates.iter().map(|update| {
            let value = border::to_json(&update.value);
            let value = if update.overwrite {
                json!({ "$set": value })
            } else {
                value
            };
            let name = fields[update.field.index()].name;
            (self.program.text(name).clone(), value)
        });
        let kind = EventKind::Updated {
            index: by.index,
            updates: named.collect(),
        };
        let node = (by.via != super::Via::Ending || by.step != step).then_some(by.node);
        self.event(step, node, kind);
    }

    fn checkpoint(&mut self, step: u64, changes: state::Changes, overwritten: &BTreeSet<FieldId>) {
        let fields = &self.program.image().flows[self.flow_at].fields;
        let mut changed = Vec::with_capacity(changes.len());
        for (id, new) in changes {
            let (field, slot) = (&fields[id.index()], &mut self.slots[id.index()]);
            let overwritten = overwritten.contains(&id);
            if let Some(change) = state::change(field, overwritten, slot.as_ref(), new.as_ref()) {
                changed.push((self.program.text(field.name).clone(), change));
            }
            *slot = new;
        }
        let id = self.checkpoints;
        let parent = std::mem::replace(&mut self.checkpoint, id);
        self.checkpoints += 1;
        self.unfinished_checkpoint = Some(Checkpoint {
            id,
            parent: Some(parent),
            step,
            path: Vec::new(),
            changed,
            frontier: Frontier::default(),
        });
        let said = self.committed_as(id);
        self.event(step, None, said);
        self.changes += 1;
        self.weight = None;
    }

    /// Adds what settled as done to the path.
    fn note_path(&mut self, members: &[ActId]) {
        let done = members.iter().filter(|id| {
            self.acts.get(id).is_some_and(|act| {
                act.role == Role::Normal && !act.lost && matches!(act.phase, Phase::Settled(Settlement::Done))
            })
        });
        let names: Vec<Arc<str>> = done.map(|id| self.node_name(id.node)).collect();
        self.path.extend_from_slice(&names);
        if let Some(checkpoint) = &mut self.unfinished_checkpoint {
            checkpoint.path = names;
        }
    }

    fn break_after(&mut self, step: u64, members: &[ActId]) {
        let breaks = members.iter().copied().find(|id| {
            let name = self.node_name(id.node);
            self.start
                .breakpoints
                .iter()
                .any(|(node, before)| !before && **node == *name)
        });
        if let Some(id) = breaks {
            self.paused = true;
            self.event(step, Some(id.node), EventKind::Paused { before: false });
        }
    }

    /// Hands out the last checkpoint, now that it is known what comes next.
    pub(super) fn finish_checkpoint(&mut self) -> bool {
        let Some(mut checkpoint) = self.unfinished_checkpoint.take() else {
            return false;
        };
        checkpoint.frontier = self.frontier(checkpoint.step);
        self.passings.retain(|(_, _, until)| *until > checkpoint.step);
        if !self.is_child() {
            self.out.checkpoints.push(checkpoint);
        }
        true
    }

    /// What the log says of a checkpoint.
    pub(super) fn committed_as(&self, checkpoint: u64) -> EventKind {
        if self.is_child() {
            EventKind::ChildCommitted { checkpoint }
        } else {
            EventKind::Committed { checkpoint }
        }
    }

    /// The state that a step sees, with what came from outside and is not applied yet.
    pub(super) fn with_injected(&mut self, step: u64, by: ActId) -> state::Slots {
        let mut slots = self.slots_at(step);
        self.see(&self.sight_at(step, None));
        let updates: Vec<Vec<Update>> = self.injected.clone();
        let mut merging = Merging {
            program: &self.program,
            flow: &self.program.image().flows[self.flow_at],
            input: &self.input,
            config: &self.config,
            view: &self.seen,
            interp: &mut self.interp,
            goes_on: true,
        };
        for updates in &updates {
            // Each is applied in a step of its own.
            merging.known(&mut slots, &[Sent { by, updates }], &mut BTreeSet::new());
        }
        slots
    }

    /// What comes behind a step. What has begun or settled ahead of the commits is shown as it was
    /// planned.
    fn frontier(&self, step: u64) -> Frontier {
        let mut next = Vec::new();
        let mut open = Vec::new();
        for act in self.acts.values().filter(|act| act.role == Role::Normal) {
            let ahead = self.early && act.step > step;
            match &act.phase {
                _ if ahead && act.step == step + 1 => next.push(self.act_name(act)),
                _ if ahead => {}
                Phase::Settled(_) => {}
                Phase::Open(_) | Phase::Waiting(_) => open.push(self.act_name(act)),
                _ => next.push(self.act_name(act)),
            }
        }
        let held = self
            .held
            .iter()
            .filter(|(_, held)| held.by.0 <= step)
            .map(|(node, _)| self.node_name(*node))
            .collect();
        let passes_later = |at: usize| {
            let mut passings = self.passings.iter();
            passings.any(|(join, from, until)| *join == at && *from <= step && *until > step)
        };
        let joins = (0..self.joins.len())
            .filter(|at| self.joins[*at].waits_by(step) || passes_later(*at))
            .collect();
        Frontier {
            next,
            open,
            held,
            joins,
        }
    }
}
