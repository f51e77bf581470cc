//! Plays a small flow in every way it can go, by the definitions alone: activations, what each waits
//! for, and joins that are judged when nothing can reach them any more. It shares nothing with the
//! analyses but the graph. Laps are cut off where a node would run for the third time.

use std::collections::{BTreeMap, BTreeSet};

use flow_bytecode::Policy;
use flow_compiler::hir::flow::{Flow, NodeKind, Source, Stmt, Target, TargetKind};
use flow_compiler::hir::{FieldRef, NodeRef};

/// How often a node may run in one play.
const LAPS: usize = 2;
/// States after which a play is given up: the graph is then too large for this.
const MOST_STATES: usize = 60_000;

/// What is true in some play.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Pairs of nodes that ran at the same time, smaller first.
    pub(crate) together: BTreeSet<(usize, usize)>,
    /// Nodes that began before the field was written.
    pub(crate) unwritten: BTreeSet<usize>,
    /// The run was done, and the field never written.
    pub(crate) ends_unwritten: bool,
    /// All plays were looked at.
    pub(crate) complete: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Activation {
    node: usize,
    /// Indices of the activations that it waits for.
    waits: BTreeSet<usize>,
    /// Whether one of them updated the field, counting only arrivals and triggers.
    written: bool,
    settled: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
struct State {
    all: Vec<Activation>,
    /// By join, by source: arrivals, as indices of activations, with whether the field was written.
    queues: BTreeMap<usize, Vec<Vec<(usize, bool)>>>,
    any_update: bool,
}

/// A way: whether it makes the node's updates, and where it leads.
struct Way {
    updates: bool,
    targets: Vec<To>,
}

#[derive(Clone, Copy)]
enum To {
    Node(usize),
    Join(usize, usize),
    End,
}

/// Plays the flow.
pub(crate) fn play(flow: &Flow, field: FieldRef) -> Seen {
    let mut player = Player {
        flow,
        field,
        seen: Seen {
            complete: true,
            ..Seen::default()
        },
        known: BTreeSet::new(),
    };
    let mut first = State::default();
    for (number, join) in flow.joins.iter().enumerate() {
        first.queues.insert(number, vec![Vec::new(); join.sources.len()]);
    }
    let starts = flow.arrows.iter().filter(|arrow| arrow.from.is_none());
    let mut ok = true;
    for arrow in starts {
        for node in nodes_of(&arrow.to) {
            ok &= player.start(&mut first, node, BTreeSet::new(), false);
        }
    }
    assert!(ok);
    player.go(first);
    player.seen
}

struct Player<'f> {
    flow: &'f Flow,
    field: FieldRef,
    seen: Seen,
    known: BTreeSet<State>,
}

impl Player<'_> {
    fn go(&mut self, first: State) {
        let mut open = vec![first];
        while let Some(state) = open.pop() {
            if self.known.len() > MOST_STATES {
                self.seen.complete = false;
                return;
            }
            if !self.known.insert(state.clone()) {
                continue;
            }
            if let Some(join) = self.ready_join(&state) {
                open.extend(self.pass(state, join));
                continue;
            }
            let unsettled: Vec<usize> = (0..state.all.len()).filter(|i| !state.all[*i].settled).collect();
            if unsettled.is_empty() {
                self.seen.ends_unwritten |= !state.any_update;
            }
            for index in unsettled {
                for way in self.ways(state.all[index].node) {
                    open.extend(self.take(state.clone(), index, &way));
                }
            }
        }
    }

    /// Settles an activation by one of its ways. None where a lap too many would begin.
    fn take(&mut self, mut state: State, index: usize, way: &Way) -> Option<State> {
        let node = state.all[index].node;
        let updates = way.updates && self.updates(node);
        state.any_update |= updates;
        state.all[index].settled = true;
        let written = state.all[index].written || updates;
        let mut waits = state.all[index].waits.clone();
        waits.insert(index);
        for to in &way.targets {
            match to {
                To::End => {}
                To::Node(next) => {
                    if !self.start(&mut state, *next, waits.clone(), written) {
                        return None;
                    }
                }
                To::Join(join, source) => state.queues.get_mut(join)?[*source].push((index, written)),
            }
        }
        Some(state)
    }

    fn start(&mut self, state: &mut State, node: usize, waits: BTreeSet<usize>, written: bool) -> bool {
        if state.all.iter().filter(|a| a.node == node).count() >= LAPS {
            return false;
        }
        if !written {
            self.seen.unwritten.insert(node);
        }
        for (index, other) in state.all.iter().enumerate() {
            if !waits.contains(&index) {
                self.seen
                    .together
                    .insert((node.min(other.node), node.max(other.node)));
            }
        }
        state.all.push(Activation {
            node,
            waits,
            written,
            settled: false,
        });
        true
    }

    /// A join of which every source has arrived or is dead, and one has arrived.
    fn ready_join(&self, state: &State) -> Option<usize> {
        (0..self.flow.joins.len()).find(|join| {
            let queues = &state.queues[join];
            let arrived = queues.iter().any(|queue| !queue.is_empty());
            arrived
                && queues
                    .iter()
                    .enumerate()
                    .all(|(source, queue)| !queue.is_empty() || self.dead(state, *join, source))
        })
    }

    fn dead(&self, state: &State, join: usize, source: usize) -> bool {
        let Source::Node(wanted) = self.flow.joins[join].sources[source].0 else {
            return true;
        };
        let alive = state.all.iter().filter(|a| !a.settled).map(|a| a.node);
        let pending = state
            .queues
            .iter()
            .filter(|(other, queues)| **other != join && queues.iter().any(|q| !q.is_empty()));
        let behind = pending.flat_map(|(other, _)| self.flow.joins[*other].target.iter().flat_map(nodes_of));
        !alive
            .chain(behind)
            .any(|node| self.reaches(node, wanted.index(), join))
    }

    /// Whether the node leads to another without passing the join.
    fn reaches(&self, from: usize, to: usize, without: usize) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            if node == to {
                return true;
            }
            for way in self.ways(node) {
                for target in way.targets {
                    let next: Vec<usize> = match target {
                        To::Node(next) => vec![next],
                        To::Join(join, _) if join != without => {
                            self.flow.joins[join].target.iter().flat_map(nodes_of).collect()
                        }
                        _ => Vec::new(),
                    };
                    open.extend(next.into_iter().filter(|n| seen.insert(*n)));
                }
            }
        }
        false
    }

    /// One passing. What stood before the join and has settled is waited for, too.
    fn pass(&mut self, mut state: State, join: usize) -> Option<State> {
        let hir = &self.flow.joins[join];
        assert_eq!(hir.policy, Policy::All, "the player knows only `all of`");
        let mut waits = BTreeSet::new();
        let mut written = false;
        for queue in state.queues.get_mut(&join)? {
            if queue.is_empty() {
                continue;
            }
            let (index, wrote) = queue.remove(0);
            waits.insert(index);
            waits.extend(state.all[index].waits.iter().copied());
            written |= wrote;
        }
        for (index, activation) in state.all.iter().enumerate() {
            let before = hir.sources.iter().any(|(source, _)| {
                matches!(source, Source::Node(node) if self.reaches(activation.node, node.index(), join))
            });
            if activation.settled && before {
                waits.insert(index);
            }
        }
        for node in hir.target.iter().flat_map(nodes_of) {
            if !self.start(&mut state, node, waits.clone(), written) {
                return None;
            }
        }
        Some(state)
    }

    fn ways(&self, index: usize) -> Vec<Way> {
        let node = &self.flow.nodes[index];
        if let NodeKind::Route(route) = &node.kind {
            let arm = |target| Way {
                updates: false,
                targets: targets(target),
            };
            return route.arms.iter().map(|arm_| arm(&arm_.target)).collect();
        }
        let this = NodeRef(index as u32);
        let arrows = self.flow.arrows.iter().filter(|arrow| arrow.from == Some(this));
        let mut out: Vec<To> = arrows.flat_map(|arrow| targets(&arrow.to)).collect();
        for (number, join) in self.flow.joins.iter().enumerate() {
            let sources = join.sources.iter().enumerate();
            let own = sources.filter(|(_, (source, _))| *source == Source::Node(this));
            out.extend(own.map(|(position, _)| To::Join(number, position)));
        }
        let mut ways = Vec::new();
        if let Some(error) = &node.on_error {
            match error.target.kind {
                TargetKind::Skip => ways.push(Way {
                    updates: false,
                    targets: out.clone(),
                }),
                _ => ways.push(Way {
                    updates: false,
                    targets: targets(&error.target),
                }),
            }
        }
        ways.push(Way {
            updates: true,
            targets: out,
        });
        ways
    }

    fn updates(&self, node: usize) -> bool {
        let body = &self.flow.nodes[node].body;
        body.iter()
            .any(|stmt| matches!(stmt, Stmt::Update(update) if update.field == self.field))
    }
}

fn targets(target: &Target) -> Vec<To> {
    match &target.kind {
        TargetKind::Node(node, _) => vec![To::Node(node.index())],
        TargetKind::Many(all) => all.iter().flat_map(targets).collect(),
        _ => vec![To::End],
    }
}

fn nodes_of(target: &Target) -> Vec<usize> {
    let nodes = targets(target).into_iter().filter_map(|to| match to {
        To::Node(node) => Some(node),
        _ => None,
    });
    nodes.collect()
}
