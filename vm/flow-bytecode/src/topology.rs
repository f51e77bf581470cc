//! Who leads to whom in a flow, over every way that there is: arrows, joins, arms, gotos, errors,
//! time-outs, waits and sends. For joins, which must know when nothing can arrive any more, and for
//! early starts, which must know how far away a writer is.

use std::collections::VecDeque;

use crate::flow::{Decision, Flow, Join, Node, NodeKind, Out, Target};
use crate::ids::{FieldId, NodeId};

/// The distance of what cannot be reached.
pub const UNREACHABLE: u32 = u32::MAX;

/// The ways of a flow. Made once, asked often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    successors: Vec<Vec<NodeId>>,
    predecessors: Vec<Vec<NodeId>>,
    entry: Vec<NodeId>,
    /// Whether a node is decided without spending a step.
    free: Vec<bool>,
}

impl Topology {
    /// The ways of a flow, which has been verified.
    pub fn of(flow: &Flow) -> Topology {
        let mut entry = Vec::new();
        flow.entry.iter().for_each(|out| follow(flow, out, &mut entry));
        entry.sort_unstable();
        entry.dedup();
        let successors = flow.nodes.iter().map(|node| own_successors(flow, node)).collect();
        let free = flow
            .nodes
            .iter()
            .map(|node| matches!(node.kind, NodeKind::Route(_)))
            .collect();
        let mut topology = Topology {
            successors,
            predecessors: Vec::new(),
            entry,
            free,
        };
        topology.add_error_way(flow);
        topology.predecessors = vec![Vec::new(); flow.nodes.len()];
        for (at, successors) in (0..).zip(&topology.successors) {
            for successor in successors {
                topology.predecessors[successor.index()].push(NodeId(at));
            }
        }
        topology
    }

    /// What `start` leads to.
    pub fn entry(&self) -> &[NodeId] {
        &self.entry
    }

    /// What an activation of this node may start directly, sorted.
    pub fn successors(&self, node: NodeId) -> &[NodeId] {
        &self.successors[node.index()]
    }

    /// What may start this node directly, sorted. `start` is not among them.
    pub fn predecessors(&self, node: NodeId) -> &[NodeId] {
        &self.predecessors[node.index()]
    }

    /// Whether an activation of one of `from` is or may lead to one of `to`, without passing through
    /// `avoiding`. A node of `from` that is to be avoided does not count.
    pub fn reaches(&self, from: &[NodeId], to: NodeId, avoiding: &[NodeId]) -> bool {
        self.reachable(from, avoiding)[to.index()]
    }

    /// For every node, whether it is one of `from` or can be reached from there without passing
    /// through `avoiding`.
    pub fn reachable(&self, from: &[NodeId], avoiding: &[NodeId]) -> Vec<bool> {
        Self::walk(&self.successors, from, avoiding)
    }

    /// For every node, whether one of `to` is it or can be reached from it without passing through
    /// `avoiding`.
    pub fn reaching(&self, to: &[NodeId], avoiding: &[NodeId]) -> Vec<bool> {
        Self::walk(&self.predecessors, to, avoiding)
    }

    /// For every node, the fewest steps from an activation of it to one of a writer of the field: 0
    /// if it is one, [`UNREACHABLE`] if it leads to none. Routes and joins cost nothing.
    pub fn distance_to_writers(&self, flow: &Flow, field: FieldId) -> Vec<u32> {
        let mut distance = vec![UNREACHABLE; self.successors.len()];
        let mut queue = VecDeque::new();
        for (at, node) in (0..).zip(&flow.nodes) {
            if node.writes.contains(&field) {
                distance[at as usize] = 0;
                queue.push_back(NodeId(at));
            }
        }
        // Breadth first over edges of cost 0 and 1: the free ones go to the front.
        while let Some(node) = queue.pop_front() {
            let step = u32::from(!self.free[node.index()]);
            let far = distance[node.index()] + step;
            for before in self.predecessors(node) {
                if far < distance[before.index()] {
                    distance[before.index()] = far;
                    if step == 0 {
                        queue.push_front(*before);
                    } else {
                        queue.push_back(*before);
                    }
                }
            }
        }
        distance
    }

    fn walk(edges: &[Vec<NodeId>], from: &[NodeId], avoiding: &[NodeId]) -> Vec<bool> {
        let mut seen = vec![false; edges.len()];
        let mut barred = vec![false; edges.len()];
        for node in avoiding {
            barred[node.index()] = true;
        }
        let mut open = from.to_vec();
        while let Some(node) = open.pop() {
            if !barred[node.index()] && !std::mem::replace(&mut seen[node.index()], true) {
                open.extend(&edges[node.index()]);
            }
        }
        seen
    }

    /// The flow's `on error` stands for every node that has none of its own, except its own target
    /// and what only that leads to.
    fn add_error_way(&mut self, flow: &Flow) {
        let Some(way) = &flow.on_error else { return };
        let mut handlers = Vec::new();
        aim(&way.target, &mut handlers);
        let started = self.reachable(&self.entry, &[]);
        let handling = self.reachable(&handlers, &[]);
        for (at, node) in flow.nodes.iter().enumerate() {
            let handled = matches!(
                node.kind,
                NodeKind::Task(_)
                    | NodeKind::Agent(_)
                    | NodeKind::Transform
                    | NodeKind::Subgraph { .. }
                    | NodeKind::Send(_)
                    | NodeKind::Route(_)
            );
            let is_handler = handlers.contains(&NodeId(at as u32)) || (handling[at] && !started[at]);
            if handled && node.on_error.is_none() && !is_handler {
                self.successors[at].extend(&handlers);
                self.successors[at].sort_unstable();
                self.successors[at].dedup();
            }
        }
    }
}

/// The nodes that are meant by a target itself.
pub fn aim(target: &Target, into: &mut Vec<NodeId>) {
    match target {
        Target::Node { node, .. } => into.push(*node),
        Target::Many(targets) => targets.iter().for_each(|target| aim(target, into)),
        Target::End | Target::Halt | Target::Fail(_) | Target::Cancel(_) | Target::Skip => {}
    }
}

fn own_successors(flow: &Flow, node: &Node) -> Vec<NodeId> {
    let mut found = Vec::new();
    node.outs.iter().for_each(|out| follow(flow, out, &mut found));
    match &node.kind {
        NodeKind::Route(decision) => decide(decision, &mut found),
        NodeKind::Send(items) => found.extend(items.iter().map(|each| each.node)),
        NodeKind::Wait(choices) => {
            let ways = choices.iter().filter_map(|choice| choice.way.as_ref());
            ways.for_each(|way| aim(&way.target, &mut found));
        }
        _ => {}
    }
    if let Some(decision) = &node.goto {
        decide(decision, &mut found);
    }
    node.may_goto.iter().for_each(|target| aim(target, &mut found));
    if let Some(way) = &node.on_timeout {
        aim(&way.target, &mut found);
    }
    if let Some(way) = &node.on_error {
        aim(&way.target, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn decide(decision: &Decision, into: &mut Vec<NodeId>) {
    decision.arms.iter().for_each(|arm| aim(&arm.target, into));
}

/// The nodes that an arrow leads to, through as many joins as there are.
fn follow(flow: &Flow, out: &Out, into: &mut Vec<NodeId>) {
    let mut passed = vec![false; flow.joins.len()];
    let mut open = vec![out];
    while let Some(out) = open.pop() {
        match out {
            Out::To(target) => aim(target, into),
            Out::Arrive { join, .. } => {
                if !std::mem::replace(&mut passed[join.index()], true) {
                    let Join {
                        target, otherwise, ..
                    } = &flow.joins[join.index()];
                    open.extend(target);
                    if let Some(target) = otherwise {
                        aim(target, into);
                    }
                }
            }
        }
    }
}
