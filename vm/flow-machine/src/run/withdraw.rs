//! Withdrawing: what `cancel`, `finish`, a lost race or an absorbed failure takes back; what runs on
//! after an early completion; compensation of completed nodes that have lost.

use flow_bytecode::{JoinId, NodeId};

use super::activation::{ActId, Activation, Phase, Role};
use super::decide::Matter;
use super::{Firing, Run};
use crate::event::{EventKind, Settlement};

impl Run {
    /// The `cancel` and `finish` clauses of a node that has succeeded.
    pub(super) fn follow_clauses(&mut self, id: ActId) {
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[id.node.index()];
        for &other in &node.finish {
            self.finish_groups(other);
            self.withdraw_node(id, other, "finish");
        }
        for &other in &node.cancel {
            self.withdraw_node(id, other, "cancel");
        }
    }

    fn withdraw_node(&mut self, by: ActId, node: NodeId, clause: &str) {
        let unsettled = |act: &Activation| act.id != by && act.id.node == node;
        let any = self
            .acts
            .values()
            .any(|act| act.is_withdrawable() && unsettled(act));
        if any || self.held.contains_key(&node) {
            let what = format!("{clause} {}", self.node_name(node));
            self.event(by.step, Some(by.node), EventKind::Decided { what });
        }
        self.withdraw(unsettled);
        self.drop_held(node);
    }

    fn drop_held(&mut self, node: NodeId) {
        if self.held.remove(&node).is_some() {
            self.deactivate(node);
        }
    }

    /// Withdraws the unsettled activations that a test names.
    pub(super) fn withdraw(&mut self, mut which: impl FnMut(&Activation) -> bool) {
        let chosen: Vec<ActId> = self
            .acts
            .values()
            .filter(|act| act.is_withdrawable() && which(act))
            .map(|act| act.id)
            .collect();
        for id in chosen {
            self.withdraw_one(id);
        }
    }

    fn withdraw_one(&mut self, id: ActId) {
        let Some(act) = self.acts.get(&id) else { return };
        let (step, group, inside) = (act.step, act.group, matches!(act.phase, Phase::Inside { .. }));
        // What has left its step, or never began in it, leaves no trace there.
        let gone = act.left
            || act.began.is_none() && matches!(act.phase, Phase::Queued)
            || matches!(act.phase, Phase::Open(_) | Phase::Waiting(_));
        if gone {
            // It could have led on until now.
            let now = self.begun.max(self.committed).max(self.floor);
            self.note_last(id.node.index(), now);
        }
        self.abort(id);
        if inside {
            self.cancel_child(id, "its node was withdrawn");
        }
        self.event(
            step,
            Some(id.node),
            EventKind::Settled {
                index: id.index,
                how: Settlement::Cancelled,
            },
        );
        self.set_phase(id, Phase::Settled(Settlement::Cancelled));
        if let Some(group) = group {
            self.item_settled(group, id);
        } else {
            if let Some(act) = self.acts.get_mut(&id) {
                act.fired = true;
            }
            self.deactivate(id.node);
        }
        if gone {
            self.leave_step(id);
            self.acts.remove(&id);
        }
    }

    /// Withdraws what is under way in a source's branch, whatever form it has: nothing of it leads
    /// on inside the branch any more.
    pub(super) fn withdraw_branch(&mut self, join: JoinId, source: u32, except: Option<ActId>) {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let branch = self.graph.branch(flow, join, source);
        let inner: Vec<JoinId> = (0..flow.joins.len() as u32)
            .map(JoinId)
            .filter(|at| branch[self.graph.vertex(*at)])
            .collect();
        self.deciding.retain(|_, matter| match matter {
            Matter::Arrival {
                join: at,
                source: which,
                ..
            } => (*at, *which) != (join, source) && !inner.contains(at),
            _ => true,
        });
        self.withdraw(|act| branch[act.id.node.index()] && Some(act.id) != except);
        self.reopening.retain(|(_, id)| !branch[id.node.index()]);
        let routes: Vec<ActId> = self
            .routes
            .keys()
            .filter(|key| branch[key.node.index()])
            .copied()
            .collect();
        for key in routes {
            self.routes.remove(&key);
            self.deactivate(key.node);
        }
        for at in 0..flow.nodes.len() as u32 {
            if branch[at as usize] {
                self.drop_held(NodeId(at));
            }
        }
        for at in inner {
            self.clear_join(at);
        }
        self.bar_branch(&branch, (join, source));
    }

    /// What has settled in a branch that is withdrawn still leads out of it, and nowhere inside.
    fn bar_branch(&mut self, branch: &[bool], bar: (JoinId, u32)) {
        for (key, firing) in &self.to_fire {
            if !branch[key.node.index()] {
                continue;
            }
            let barred = match firing {
                Firing::Act => self.acts.get_mut(key).map(|act| &mut act.barred),
                Firing::Group(group) => self.groups.get_mut(group).map(|group| &mut group.barred),
            };
            if let Some(barred) = barred {
                barred.push(bar);
            }
        }
    }

    /// Whether a vertex lies in a branch from which something may not lead on.
    pub(super) fn is_barred(&mut self, barred: &[(JoinId, u32)], vertex: usize) -> bool {
        if barred.is_empty() {
            return false;
        }
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        barred
            .iter()
            .any(|(join, source)| self.graph.branch(flow, *join, *source)[vertex])
    }

    /// Lets what a test names run on outside its step: it holds up nobody, and its outcome settles
    /// in a step of its own.
    pub(super) fn let_run_on(&mut self, mut which: impl FnMut(&Activation) -> bool) {
        let chosen: Vec<ActId> = self
            .acts
            .values()
            .filter(|act| act.role == Role::Normal && act.runs() && which(act))
            .map(|act| act.id)
            .collect();
        for id in chosen {
            self.leave_running(id);
        }
    }

    /// Takes a running activation out of its step.
    pub(super) fn leave_running(&mut self, id: ActId) {
        let Some(act) = self.acts.get_mut(&id).filter(|act| !act.left) else {
            return;
        };
        let step = act.step;
        act.left = true;
        act.leftover = true;
        self.count_live(id.node, step, true, false);
        self.leave_step(id);
    }

    /// Undoes completed calls of nodes that have lost, the latest first.
    pub(super) fn compensate(&mut self, lost: impl Fn(ActId) -> bool, since: u64) {
        let (undone, kept) = std::mem::take(&mut self.undos)
            .into_iter()
            .partition(|entry| entry.number > since && lost(entry.id));
        self.undos = kept;
        self.compensating.extend(undone);
        self.compensating.sort_by_key(|entry| entry.number);
    }

    /// Starts the next compensation that a lost race asks for, one at a time.
    pub(super) fn compensate_next(&mut self) -> bool {
        if self.compensating.is_empty() || self.undoing > 0 || self.has_ending_children() {
            return false;
        }
        match self.compensating.pop() {
            Some(entry) => self.start_undo(entry),
            None => return false,
        }
        true
    }
}
