//! Routes: decisions that spend no step, made on the state behind the step that led to them.

use std::sync::Arc;

use flow_bytecode::{Decision, Node, NodeId, NodeKind, Target};

use super::Run;
use super::activation::{ActId, Aim, Failure};
use super::early::LazyFront;
use super::fire::Cause;
use crate::event::EventKind;
use crate::program::Program;

/// A route that is to be decided.
#[derive(Clone, Debug)]
pub(super) struct PendingRoute {
    pub(super) cause: Cause,
    /// Failed, and kept for `retry`.
    pub(super) failed: bool,
}

impl Run {
    pub(super) fn add_route(&mut self, route: NodeId, cause: &Cause) {
        let step = cause.step.max(self.floor).max(self.committed);
        let index = self.next_index(step, route, cause.via);
        let cause = Cause {
            step,
            ..cause.clone()
        };
        self.routes.insert(
            ActId {
                step,
                node: route,
                via: cause.via,
                index,
            },
            PendingRoute { cause, failed: false },
        );
        self.note_last(route.index(), step);
        self.activate(route);
    }

    /// Decides the routes whose state is final.
    pub(super) fn decide_routes(&mut self) -> bool {
        if self.routes.is_empty() {
            return false;
        }
        let mut front = LazyFront::default();
        let pending = self.routes.iter().filter(|(_, route)| !route.failed);
        let pending: Vec<ActId> = pending.map(|(key, _)| *key).collect();
        let mut moved = false;
        for key in pending {
            if self.may_decide(&mut front, key) {
                self.decide_route(key);
                moved = true;
            }
        }
        moved
    }

    fn decide_route(&mut self, key: ActId) {
        let Some(route) = self.routes.get(&key) else {
            return;
        };
        let cause = route.cause.clone();
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[key.node.index()];
        let NodeKind::Route(decision) = &node.kind else {
            unreachable!("only routes are decided")
        };
        match self.take_arms(decision, &cause, key) {
            Ok(()) => {
                self.routes.remove(&key);
                self.deactivate(key.node);
            }
            Err(failure) => self.route_failed(key, &cause, &failure),
        }
    }

    fn take_arms(&mut self, decision: &Decision, cause: &Cause, key: ActId) -> Result<(), Failure> {
        let sight = self.sight_at(key.step, Some(key.node));
        let picked = self.decide(decision, &[], key.step + 1, &sight)?;
        let mut aims = Vec::new();
        for &arm in &picked {
            aims.extend(self.aims(&decision.arms[arm].target, &[], key.step + 1, &sight)?);
        }
        self.route_event(decision, &picked, key);
        for aim in &aims {
            self.follow(aim, cause, key);
        }
        Ok(())
    }

    /// A line of the log for arms that were taken.
    pub(super) fn route_event(&mut self, decision: &Decision, picked: &[usize], key: ActId) {
        let arms = picked
            .iter()
            .map(|&arm| self.program.text(decision.arms[arm].label).clone())
            .collect();
        let nodes = &self.flow().nodes;
        let targets = picked
            .iter()
            .map(|&arm| target_text(&self.program, nodes, &decision.arms[arm].target))
            .collect();
        self.event(
            key.step,
            Some(key.node),
            EventKind::RouteDecided { arms, targets },
        );
    }

    /// A failed route is a failed activation in the step of what it would have started. A route that
    /// is skipped takes none of its arms.
    fn route_failed(&mut self, key: ActId, cause: &Cause, failure: &Failure) {
        let own;
        let failure = match self.route_error_way(key, failure) {
            Ok(Some(aims)) => {
                self.routes.remove(&key);
                for aim in &aims {
                    self.follow(aim, cause, key);
                }
                return self.deactivate(key.node);
            }
            Ok(None) => failure,
            Err(failed) => {
                own = failed;
                &own
            }
        };
        if self.absorb(
            key.node,
            ActId {
                step: key.step + 1,
                ..key
            },
        ) {
            self.routes.remove(&key);
            return self.deactivate(key.node);
        }
        if let Some(route) = self.routes.get_mut(&key) {
            route.failed = true;
        }
        self.fail_run(key, Some(key.node), failure);
    }

    /// Where the flow's `on error` leads from a failed route; none if it does not stand for it.
    fn route_error_way(&mut self, key: ActId, failure: &Failure) -> Result<Option<Vec<Aim>>, Failure> {
        let program = self.program.clone();
        let way = program.image().flows[self.flow_at].on_error.as_ref();
        let Some(way) = way.filter(|_| self.graph.is_covered(key.node)) else {
            return Ok(None);
        };
        let error = self.error_value(key.node, 1, failure);
        let sight = self.sight_at(key.step + 1, Some(key.node));
        Ok(Some(self.aims(&way.target, &[error], key.step + 1, &sight)?))
    }
}

/// A target as people read it.
pub(super) fn target_text(program: &Program, nodes: &[Node], target: &Target) -> Arc<str> {
    match target {
        Target::Node { node, .. } => program.text(nodes[node.index()].name).clone(),
        Target::Many(targets) => {
            let names: Vec<Arc<str>> = targets
                .iter()
                .map(|target| target_text(program, nodes, target))
                .collect();
            format!("[{}]", names.join(", ")).into()
        }
        Target::End => "end".into(),
        Target::Halt => "halt".into(),
        Target::Fail(_) => "fail".into(),
        Target::Cancel(_) => "cancel".into(),
        Target::Skip => "skip".into(),
    }
}
