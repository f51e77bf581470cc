//! How nodes can settle, and where that leads, straight from the flow.

use std::collections::BTreeSet;

use flow_bytecode::Schedule;
use flow_compiler::hir::flow::{Decision, Flow, Node, NodeKind, Source, Stmt, Target, TargetKind};
use flow_compiler::hir::{FieldRef, NodeRef};

use super::joins;

/// Where a way leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Node(usize),
    Join(usize, usize),
    End,
    Halt,
    Stop,
}

/// A way: whether it makes the node's updates, and where it leads.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    pub(super) updates: bool,
    pub(super) succeeds: bool,
    /// By the node's arrows, which are the group's for an item.
    pub(super) arrows: bool,
    pub(super) targets: Vec<To>,
    pub(super) items: Option<Vec<(usize, usize)>>,
    /// A join takes the failure: the join and its source.
    pub(super) fails: Option<(usize, usize)>,
}

/// All ways of a flow.
pub(super) struct Ways {
    pub(super) start: Vec<To>,
    pub(super) arrows: Vec<Vec<To>>,
    pub(super) of: Vec<Vec<Way>>,
    /// By join: where its passing leads, and its `else`.
    pub(super) passing: Vec<Vec<To>>,
    pub(super) otherwise: Vec<Option<Vec<To>>>,
}

impl Ways {
    pub(super) fn of(flow: &Flow, field: FieldRef) -> Self {
        let from = |from: Option<usize>| {
            let arrows = flow
                .arrows
                .iter()
                .filter(|arrow| arrow.from == from.map(|n| NodeRef(n as u32)));
            arrows.flat_map(|arrow| targets(&arrow.to)).collect::<Vec<_>>()
        };
        let nodes = 0..flow.nodes.len();
        let arrows = nodes.clone().map(|node| {
            if flow.nodes[node].goto.is_some() {
                return Vec::new();
            }
            let mut out = from(Some(node));
            out.extend(arrivals(flow, Source::Node(NodeRef(node as u32))));
            out
        });
        let passing = flow.joins.iter().enumerate().map(|(number, join)| {
            let mut out: Vec<To> = join.target.iter().flat_map(targets).collect();
            out.extend(arrivals(flow, Source::Join(number as u32)));
            out
        });
        let mut ways = Self {
            start: from(None),
            arrows: arrows.collect(),
            of: Vec::new(),
            passing: passing.collect(),
            otherwise: flow
                .joins
                .iter()
                .map(|join| join.otherwise.as_ref().map(targets))
                .collect(),
        };
        ways.of = nodes.clone().map(|node| own(flow, node, field)).collect();
        let takes = flow_takes(&ways, flow);
        for node in nodes.clone().filter(|node| takes[*node]) {
            ways.of[node].extend(flow.on_error.as_ref().map(|way| failing(&way.target)));
        }
        for node in nodes {
            let taken = flow.nodes[node].on_error.is_some() || takes[node];
            if let (false, Some(fails)) = (taken, joins::absorber(&ways, flow, node)) {
                ways.of[node].push(Way {
                    fails: Some(fails),
                    ..Way::default()
                });
            }
        }
        ways
    }

    /// Nodes that something leads to.
    pub(super) fn led_to(&self) -> BTreeSet<usize> {
        let ways = self.of.iter().flatten();
        let items = ways
            .clone()
            .flat_map(|way| way.items.iter().flatten())
            .map(|(node, _)| *node);
        let all = ways
            .flat_map(|way| &way.targets)
            .chain(self.arrows.iter().flatten());
        let all = all
            .chain(&self.start)
            .chain(self.passing.iter().flatten())
            .chain(self.otherwise.iter().flatten().flatten());
        all.filter_map(|to| {
            if let To::Node(node) = to {
                Some(*node)
            } else {
                None
            }
        })
        .chain(items)
        .collect()
    }
}

/// Of the sends into a node, those with `until`: whether they withdraw the rest.
pub(super) fn untils(flow: &Flow, node: usize) -> Vec<bool> {
    let sends = flow.nodes.iter().filter_map(|node| {
        if let NodeKind::Send(groups) = &node.kind {
            Some(groups)
        } else {
            None
        }
    });
    let into = sends
        .flatten()
        .filter(|each| each.node.index() == node && each.until.is_some());
    into.map(|each| each.cancel_rest).collect()
}

/// By node: whether the flow's `on error` stands for it. It does for what can run although the nodes
/// that it leads to never do, if those have no way of their own and are of the right kind.
fn flow_takes(ways: &Ways, flow: &Flow) -> Vec<bool> {
    let mut takes = vec![false; flow.nodes.len()];
    let Some(way) = &flow.on_error else {
        return takes;
    };
    let handlers = targets(&way.target);
    let led_to = ways.led_to();
    let unasked = |node: &usize| flow.nodes[*node].schedule == Schedule::Deferred && !led_to.contains(node);
    let mut open = ways.start.clone();
    open.extend((0..takes.len()).filter(unasked).map(To::Node));
    let mut seen = Vec::new();
    while let Some(to) = open.pop() {
        // All sources of a join are one place.
        let to = if let To::Join(join, _) = to {
            To::Join(join, 0)
        } else {
            to
        };
        if seen.contains(&to) || handlers.contains(&to) {
            continue;
        }
        seen.push(to);
        match to {
            To::Node(node) => {
                let hir = &flow.nodes[node];
                let waits = matches!(hir.kind, NodeKind::Interrupt { .. } | NodeKind::Wait(_));
                takes[node] = !waits && hir.on_error.is_none() && hir.schedule != Schedule::Finally;
                open.extend(&ways.arrows[node]);
                for way in &ways.of[node] {
                    open.extend(&way.targets);
                    open.extend(way.items.iter().flatten().map(|(item, _)| To::Node(*item)));
                }
            }
            To::Join(join, _) => {
                open.extend(&ways.passing[join]);
                open.extend(ways.otherwise[join].iter().flatten());
            }
            To::End | To::Halt | To::Stop => {}
        }
    }
    takes
}

/// The way of a failure that is taken.
fn failing(target: &Target) -> Way {
    match target.kind {
        TargetKind::Skip => Way {
            arrows: true,
            ..Way::default()
        },
        _ => Way {
            targets: targets(target),
            ..Way::default()
        },
    }
}

fn arrivals(flow: &Flow, this: Source) -> Vec<To> {
    let mut out = Vec::new();
    for (number, join) in flow.joins.iter().enumerate() {
        for (position, (source, _)) in join.sources.iter().enumerate() {
            if *source == this {
                out.push(To::Join(number, position));
            }
        }
    }
    out
}

fn own(flow: &Flow, index: usize, field: FieldRef) -> Vec<Way> {
    let node = &flow.nodes[index];
    let mut ways = Vec::new();
    let done = |updates, targets| Way {
        updates,
        succeeds: true,
        targets,
        ..Way::default()
    };
    let mut settles = false;
    let writes = writes(&node.body, field);
    match &node.kind {
        NodeKind::Route(route) => ways.extend(decided(route).into_iter().map(|to| done(false, to))),
        NodeKind::Send(_) => ways.extend(sent(node)),
        NodeKind::Wait(choices) if choices.iter().any(|choice| choice.way.is_some()) => {
            for way in choices.iter().filter_map(|choice| choice.way.as_ref()) {
                ways.push(done(
                    writes || self::writes(&way.updates, field),
                    targets(&way.target),
                ));
            }
        }
        _ => settles = true,
    }
    if let Some(goto) = &node.goto {
        ways.extend(decided(goto).into_iter().map(|to| done(writes, to)));
        settles = false;
    }
    ways.extend(node.may_goto.iter().map(|to| done(writes, targets(to))));
    let arrows = |updates, succeeds| Way {
        updates,
        succeeds,
        arrows: true,
        ..Way::default()
    };
    if settles {
        ways.push(arrows(writes, true));
        if matches!(node.kind, NodeKind::Interrupt { gate: Some(_), .. }) {
            ways.push(arrows(false, true));
        }
    }
    if let Some(way) = &node.on_timeout {
        ways.push(Way {
            updates: self::writes(&way.updates, field),
            targets: targets(&way.target),
            ..Way::default()
        });
    }
    ways.extend(node.on_error.as_ref().map(|way| failing(&way.target)));
    ways
}

/// One arm; of `every`, any set of arms.
fn decided(decision: &Decision) -> Vec<Vec<To>> {
    let arms: Vec<Vec<To>> = decision.arms.iter().map(|arm| targets(&arm.target)).collect();
    if !decision.every {
        return arms;
    }
    let mut sets = vec![Vec::new()];
    for arm in arms {
        let with: Vec<Vec<To>> = sets
            .iter()
            .map(|set: &Vec<To>| [set.clone(), arm.clone()].concat())
            .collect();
        sets.extend(with);
    }
    sets
}

/// No, one or two items of each list; two lists into one node are one group.
fn sent(node: &Node) -> Vec<Way> {
    let NodeKind::Send(groups) = &node.kind else {
        return Vec::new();
    };
    let mut all: Vec<Vec<(usize, usize)>> = vec![Vec::new()];
    for each in groups {
        let most = if each.single { 1 } else { 2 };
        let target = each.node.index();
        let mut next = Vec::new();
        for chosen in &all {
            for count in 0..=most {
                let mut chosen = chosen.clone();
                match chosen.iter_mut().find(|(node, _)| *node == target) {
                    Some((_, sum)) => *sum = (*sum + count).min(2),
                    None => chosen.push((target, count)),
                }
                next.push(chosen);
            }
        }
        all = next;
    }
    let way = |items| Way {
        succeeds: true,
        items: Some(items),
        ..Way::default()
    };
    all.into_iter().map(way).collect()
}

fn writes(body: &[Stmt], field: FieldRef) -> bool {
    body.iter()
        .any(|stmt| matches!(stmt, Stmt::Update(update) if update.field == field))
}

fn targets(target: &Target) -> Vec<To> {
    match &target.kind {
        TargetKind::Node(node, _) => vec![To::Node(node.index())],
        TargetKind::Many(all) => all.iter().flat_map(targets).collect(),
        TargetKind::Halt => vec![To::Halt],
        TargetKind::Fail(_) | TargetKind::Cancel(_) => vec![To::Stop],
        _ => vec![To::End],
    }
}
