//! What an activation leads to once it has settled: arrows, arms, commands; planning of what comes.

use std::sync::Arc;

use flow_bytecode::{JoinId, NodeId, NodeKind, Out, Policy, Schedule, Target};

use super::activation::{ActId, Activation, Aim, Failure, GroupId, Role, Via, Ways};
use super::early::LazyFront;
use super::join::Arrival;
use super::send::Tally;
use super::{Firing, Held, Run, eval};
use crate::event::EventKind;
use crate::limits::OPEN_ACTIVATIONS;
use crate::value::Value;
use crate::{Fault, FaultKind};

/// What triggers.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    pub(super) via: Via,
    /// The highest step among what triggered.
    pub(super) step: u64,
    /// Sources that a join took.
    pub(super) arrived: Vec<Arc<str>>,
    /// Branches of joins that have been withdrawn: nothing leads on inside them.
    pub(super) barred: Vec<(JoinId, u32)>,
}

impl Run {
    /// Follows what settled, in order.
    pub(super) fn fire_settled(&mut self) -> bool {
        if self.to_fire.is_empty() {
            return false;
        }
        let mut front = LazyFront::default();
        let all: Vec<(ActId, Firing)> = self.to_fire.iter().map(|(key, firing)| (*key, *firing)).collect();
        let mut refused = None;
        let mut moved = false;
        for (key, firing) in all {
            let place = (key.node, self.firing_step(key, firing));
            if refused != Some(place) && self.may_fire(&mut front, place) {
                self.to_fire.remove(&key);
                match firing {
                    Firing::Act => self.fire_act(key),
                    Firing::Group(group) => self.fire_group(key, group),
                }
                moved = true;
            } else {
                refused = Some(place);
            }
        }
        moved
    }

    /// Whether what a node's activations lead to may be followed: their step is whole, or all of
    /// them have settled.
    fn may_fire(&mut self, front: &mut LazyFront, (node, step): (NodeId, u64)) -> bool {
        step <= self.committed || (self.early && self.is_complete(front, node, step))
    }

    fn fire_act(&mut self, id: ActId) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        act.fired = true;
        let cause = Cause {
            via: Via::Node(id.node),
            step: act.step,
            arrived: Vec::new(),
            barred: std::mem::take(&mut act.barred),
        };
        let ways = act.ways.clone();
        if act.step <= self.committed {
            self.acts.remove(&id);
        }
        match ways {
            Ways::None => {}
            Ways::Arrows => self.fire_arrows(id, &cause, None),
            Ways::Aims(aims) => aims.iter().for_each(|aim| self.follow(aim, &cause, id)),
        }
        self.deactivate(id.node);
    }

    fn fire_group(&mut self, key: ActId, group: GroupId) {
        let cause = Cause {
            via: Via::Node(group.node),
            step: key.step,
            arrived: Vec::new(),
            barred: self
                .groups
                .get_mut(&group)
                .map(|group| std::mem::take(&mut group.barred))
                .unwrap_or_default(),
        };
        if self.group_fires(group) {
            self.fire_arrows(key, &cause, self.tally(group));
        }
        self.groups.remove(&group);
        self.deactivate(group.node);
    }

    /// The arrows of a node. What ends the run along them has been decided already.
    fn fire_arrows(&mut self, key: ActId, cause: &Cause, tally: Option<Tally>) {
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[key.node.index()];
        for out in &node.outs {
            match out {
                Out::To(target) => self.follow_target(target, cause, key, Some(key.node)),
                Out::Arrive { join, source } => {
                    let policy = program.image().flows[self.flow_at].joins[join.index()].policy;
                    let raced = matches!(policy, Policy::First(_));
                    // At a race it has arrived when it was recorded.
                    if !raced && !self.is_barred(&cause.barred, self.graph.vertex(*join)) {
                        let key = ActId {
                            step: cause.step,
                            ..key
                        };
                        let arrival = Arrival {
                            tally,
                            ..Arrival::one(key, true)
                        };
                        self.arrive(*join, *source, arrival);
                    }
                }
            }
        }
    }

    /// Starts what a target names, its arguments evaluated behind the cause's step; by `node`, if it is one's arrow.
    pub(super) fn follow_target(&mut self, target: &Target, cause: &Cause, key: ActId, node: Option<NodeId>) {
        // Most arrows have nothing to evaluate.
        if let Target::Node { node, args: None } = target {
            return self.follow(&Aim::Node(*node, None), cause, key);
        }
        let sight = self.sight_at(cause.step, node);
        match self.aims(target, &[], cause.step + 1, &sight) {
            Ok(aims) => aims.iter().for_each(|aim| self.follow(aim, cause, key)),
            Err(fault) => self.fail_run(key, node, &Failure::from(fault)),
        }
    }

    /// Starts what an aim names. `key` orders what is decided.
    pub(super) fn follow(&mut self, aim: &Aim, cause: &Cause, key: ActId) {
        match aim {
            Aim::Node(node, _) if self.is_barred(&cause.barred, node.index()) => {}
            Aim::Node(node, params) => {
                if matches!(self.node(*node).kind, NodeKind::Route(_)) {
                    self.add_route(*node, cause);
                } else {
                    self.trigger(*node, params.clone(), cause, key);
                }
            }
            Aim::End | Aim::Skip => {}
            Aim::Stop(stop) => self.record_verdict(key, super::Verdict::Stop(stop.clone())),
        }
    }

    fn trigger(&mut self, node: NodeId, params: Option<Arc<[Value]>>, cause: &Cause, key: ActId) {
        let program = self.program.clone();
        let declared = &program.image().flows[self.flow_at].nodes[node.index()];
        let params = match params {
            Some(params) => params,
            None if declared.params.is_empty() => Arc::default(),
            None => match eval::arrange(&program, &declared.params, None) {
                Ok(params) => params.into(),
                Err(fault) => return self.fail_run(key, Some(node), &Failure::from(fault)),
            },
        };
        if let Err(fault) = self.make_room(1) {
            return self.fail_run(key, Some(node), &Failure::from(fault));
        }
        if declared.schedule == Schedule::Deferred {
            let by = (cause.step, key);
            let first = self.held.get(&node).is_none_or(|held| by < held.by);
            if first {
                let arrived = cause.arrived.clone();
                let held = Held { params, arrived, by };
                if self.held.insert(node, held).is_none() {
                    self.activate(node);
                }
            }
            return;
        }
        self.plan(node, params, cause);
    }

    /// Whether so many more activations may be open. Arrows that double what is open end here, too.
    pub(super) fn make_room(&self, more: usize) -> Result<(), Fault> {
        if self.acts.len() + more <= OPEN_ACTIVATIONS {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::TooLarge,
            format!("more than {OPEN_ACTIVATIONS} activations at the same time"),
        ))
    }

    /// Plans an activation in the step behind its cause.
    pub(super) fn plan(&mut self, node: NodeId, params: Arc<[Value]>, cause: &Cause) {
        let step = cause.step.max(self.floor).max(self.committed) + 1;
        let index = self.next_index(step, node, cause.via);
        let mut act = Activation::new(
            ActId {
                step,
                node,
                via: cause.via,
                index,
            },
            Role::Normal,
            params,
        );
        act.arrived.clone_from(&cause.arrived);
        self.add_planned(act);
    }

    /// Numbers what the same thing triggers in the same step.
    pub(super) fn next_index(&mut self, step: u64, node: NodeId, via: Via) -> u32 {
        let next = self.numbers.or_default((step, node, via));
        *next += 1;
        *next - 1
    }

    pub(super) fn add_planned(&mut self, act: Activation) {
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[act.id.node.index()];
        let args = eval::params_json(&program, &node.params, &act.params);
        self.event(
            act.step,
            Some(act.id.node),
            EventKind::Planned {
                index: act.id.index,
                args,
            },
        );
        self.insert(act);
    }

    /// Lets held nodes go when nothing else moves, all in one step.
    pub(super) fn release_held(&mut self) -> bool {
        if self.held.is_empty() || self.paused || self.met.is_some() || !self.is_quiet() {
            return false;
        }
        let step = self.begun.max(self.committed).max(self.floor);
        for (node, held) in std::mem::take(&mut self.held) {
            self.deactivate(node);
            let cause = Cause {
                via: Via::Held,
                step,
                arrived: held.arrived,
                barred: Vec::new(),
            };
            self.plan(node, held.params, &cause);
        }
        true
    }

    /// Whether nothing but held nodes can move the run.
    pub(super) fn is_quiet(&self) -> bool {
        !self.has_children()
            && self.live.is_empty()
            && self.to_fire.is_empty()
            && self.routes.is_empty()
            && self.acts.len() == self.listening.len()
            && self.compensating.is_empty()
    }

    /// What ends the run directly behind a node's arrows counts as soon as its outcome is recorded.
    pub(super) fn stop_along(&mut self, id: ActId) {
        let Some(act) = self.acts.get(&id) else { return };
        let stop = match &act.ways {
            Ways::None => None,
            Ways::Aims(aims) => aims.iter().find_map(|aim| match aim {
                Aim::Stop(stop) => Some(stop.clone()),
                _ => None,
            }),
            Ways::Arrows if act.group.is_some() => None,
            Ways::Arrows => self.node(id.node).outs.iter().find_map(|out| match out {
                Out::To(target) => stop_in(target),
                Out::Arrive { .. } => None,
            }),
        };
        if let Some(stop) = stop {
            self.record_verdict(id, super::Verdict::Stop(stop));
        }
    }
}

fn stop_in(target: &Target) -> Option<super::Stop> {
    match target {
        Target::Halt => Some(super::Stop::Halt),
        Target::Fail(chunk) => Some(super::Stop::Fail(*chunk, Vec::new())),
        Target::Cancel(chunk) => Some(super::Stop::Cancel(*chunk, Vec::new())),
        Target::Many(targets) => targets.iter().find_map(stop_in),
        _ => None,
    }
}
