//! Random graphs without any order in them: every kind of node, way, join and command, of which each
//! graph may use only some, so that what remains is met often.

use flow_bytecode::{Policy, Rest, Schedule};
use flow_compiler::hir::flow::NodeKind;
use flow_compiler::hir::{FieldRef, NodeRef};

use crate::build::{Build, To};
use crate::random::Random;

/// What a graph may contain.
#[derive(Clone, Copy)]
enum Feature {
    Routes,
    Every,
    Sends,
    Until,
    Gates,
    Choices,
    Commands,
    MayGoto,
    Standing,
    Deferred,
    Errors,
    Timeouts,
    Cancels,
    Finishes,
    Tolerant,
    First,
    KeepRest,
    EachOf,
    Back,
    Halts,
    FlowError,
}

struct Graph<'r> {
    build: Build,
    random: &'r mut Random,
    features: u64,
    nodes: usize,
}

/// A graph of three to eight nodes.
pub(crate) fn graph(random: &mut Random) -> Build {
    let nodes = 3 + random.below(4) as usize + 2 * usize::from(random.below(8) == 0);
    let features = (0..21).map(|bit| u64::from(random.below(4) == 0) << bit).sum();
    let mut graph = Graph {
        build: Build::new(),
        random,
        features,
        nodes,
    };
    for node in 0..nodes {
        graph.node(node);
    }
    graph.build.arrow(None, To::Node(0));
    if graph.one_in(4) {
        graph.build.arrow(None, To::Node(1));
    }
    for node in 0..nodes {
        graph.arrows(node);
    }
    if graph.has(Feature::FlowError) {
        let from = graph.random.below(nodes as u64) as usize;
        let to = if graph.one_in(3) { To::Skip } else { graph.to(from) };
        graph.build.flow_on_error(to);
    }
    let joins = graph.random.below(3) as usize;
    for _ in 0..joins {
        graph.join();
    }
    graph.build
}

impl Graph<'_> {
    fn has(&self, feature: Feature) -> bool {
        self.features & (1 << feature as u64) != 0
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.random.below(bound) == 0
    }

    fn rarely(&mut self, feature: Feature, bound: u64) -> bool {
        self.has(feature) && self.one_in(bound)
    }

    fn node(&mut self, node: usize) {
        if node > 0 && self.rarely(Feature::Routes, 3) {
            let arms = [self.to(node), self.to(node)];
            let mut decision = self.build.decision(&arms, false);
            decision.every = self.rarely(Feature::Every, 2);
            self.build.add(NodeKind::Route(decision));
            return;
        }
        if self.rarely(Feature::Sends, 3) && node + 1 < self.nodes {
            let mut groups = Vec::new();
            for _ in 0..=self.random.below(2) {
                let to = node + 1 + self.random.below((self.nodes - node - 1) as u64) as usize;
                let until = self.rarely(Feature::Until, 2).then(|| self.one_in(2));
                let single = self.one_in(3);
                groups.push(self.build.each(to, single, until));
            }
            self.build.add(NodeKind::Send(groups));
            return;
        }
        let kind = self.kind(node);
        let this = self.build.add(kind);
        if self.one_in(3) {
            self.build.writes(this, FieldRef(0));
        }
        if self.rarely(Feature::Errors, 3) {
            let to = if self.one_in(3) { To::Skip } else { self.to(node) };
            self.build.on_error(this, to);
        }
        if self.rarely(Feature::Timeouts, 3) {
            let (to, writes) = (self.to(node), self.one_in(2));
            self.build.on_timeout(this, to, writes);
        }
        if node > 0 && !self.is_item(this) && self.rarely(Feature::Deferred, 4) {
            self.build.flow.nodes[this].schedule = Schedule::Deferred;
        }
        self.commands(this);
    }

    fn is_item(&self, node: usize) -> bool {
        self.build.flow.nodes.iter().any(|send| match &send.kind {
            NodeKind::Send(groups) => groups.iter().any(|each| each.node.index() == node),
            _ => false,
        })
    }

    fn kind(&mut self, node: usize) -> NodeKind {
        if self.rarely(Feature::Gates, 3) {
            let gate = Some(self.build.one());
            let (ask, show, answer) = (None, None, None);
            return NodeKind::Interrupt {
                gate,
                ask,
                show,
                answer,
            };
        }
        if self.rarely(Feature::Choices, 3) {
            let choices = [0; 2].map(|_| {
                let (to, writes) = (self.to(node), self.one_in(2));
                self.build.choice(to, writes)
            });
            return NodeKind::Wait(choices.into());
        }
        NodeKind::Transform
    }

    fn commands(&mut self, this: usize) {
        let other = NodeRef(self.random.below(self.nodes as u64) as u32);
        let span = self.build.flow.nodes[this].span;
        if self.rarely(Feature::Cancels, 3) {
            self.build.flow.nodes[this].cancel.push((other, span));
        }
        if self.rarely(Feature::Finishes, 3) {
            self.build.flow.nodes[this].finish.push((other, span));
        }
        let plain = matches!(self.build.flow.nodes[this].kind, NodeKind::Transform);
        if plain && self.rarely(Feature::Commands, 3) {
            let arms = [self.to(this), self.to(this)];
            let mut goto = self.build.decision(&arms, false);
            goto.every = self.rarely(Feature::Every, 3);
            self.build.flow.nodes[this].goto = Some(goto);
        } else if plain && self.rarely(Feature::MayGoto, 3) {
            let to = self.to(this);
            let target = self.build.target(to);
            self.build.flow.nodes[this].may_goto.push(target);
        } else if plain && this > 0 && self.rarely(Feature::Standing, 4) {
            self.build.flow.nodes[this].schedule = Schedule::Standing;
        }
    }

    fn arrows(&mut self, node: usize) {
        let hir = &self.build.flow.nodes[node];
        if hir.goto.is_some()
            || matches!(
                hir.kind,
                NodeKind::Route(_) | NodeKind::Send(_) | NodeKind::Wait(_)
            )
        {
            return;
        }
        let mut taken = Vec::new();
        for _ in 0..self.random.below(3) {
            let to = self.to(node);
            let nodes = match &to {
                To::Node(one) => vec![*one],
                To::Many(all) => all.clone(),
                _ => Vec::new(),
            };
            if nodes.iter().all(|one| !taken.contains(one)) {
                taken.extend(nodes);
                self.build.arrow(Some(node), to);
            }
        }
    }

    fn join(&mut self) {
        let plain = |node: &usize| {
            let hir = &self.build.flow.nodes[*node];
            !matches!(
                hir.kind,
                NodeKind::Route(_) | NodeKind::Send(_) | NodeKind::Wait(_)
            ) && hir.goto.is_none()
        };
        let mut sources: Vec<usize> = (0..self.nodes).filter(plain).collect();
        while sources.len() > 3 || sources.len() > 2 && self.one_in(2) {
            let at = self.random.below(sources.len() as u64) as usize;
            sources.remove(at);
        }
        if sources.len() < 2 {
            return;
        }
        let policy = match self.random.below(4) {
            0 if self.has(Feature::Tolerant) => Policy::Any,
            1 if self.has(Feature::Tolerant) => Policy::AtLeast(2),
            0 | 1 if self.has(Feature::First) => Policy::First(1),
            2 if self.has(Feature::First) => Policy::First(2),
            3 if self.has(Feature::EachOf) => Policy::Each,
            2 if self.has(Feature::Tolerant) => Policy::Majority,
            _ => Policy::All,
        };
        let last = *sources.last().unwrap_or(&0);
        let to = self.to(last);
        self.build.join(policy, &sources, to);
        let rest = match self.random.below(3) {
            0 if self.has(Feature::KeepRest) => Rest::Keep,
            1 if self.has(Feature::KeepRest) => Rest::Block,
            _ => Rest::Cancel,
        };
        let otherwise = if self.one_in(3) { Some(self.to(last)) } else { None };
        self.build.last_join(rest, otherwise);
    }

    /// Mostly forward.
    fn to(&mut self, node: usize) -> To {
        if self.rarely(Feature::Halts, 6) {
            return if self.one_in(3) { To::Fail } else { To::Halt };
        }
        if self.rarely(Feature::Back, 4) {
            return To::Node(self.random.below(self.nodes as u64) as usize);
        }
        let ahead = self.nodes - node - 1;
        if ahead == 0 || self.one_in(5) {
            return To::End;
        }
        let pick = |graph: &mut Self| node + 1 + graph.random.below(ahead.min(3) as u64) as usize;
        let first = pick(self);
        if self.one_in(6) {
            let second = pick(self);
            if second != first {
                return To::Many(vec![first, second]);
            }
        }
        To::Node(first)
    }
}
