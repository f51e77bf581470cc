//! How an activation can settle. What comes of it is in `settle`.

use flow_diagnostics::Span;

use super::super::graph_view::{GraphView, Vertex, Way, WayKind};
use super::super::site;
use super::joins::absorber;
use crate::hir::FieldRef;
use crate::hir::flow::{Decision, Node, NodeKind, Stmt, Target, TargetKind};

/// Arms of an `every` that are taken in all their combinations.
const MOST_ARMS: usize = 6;

/// One way to settle.
#[derive(Clone, Debug)]
pub(super) struct Move {
    /// Whether it makes an update of the field.
    pub(super) updates: bool,
    /// Whether it counts for `cancel` and `finish`.
    pub(super) succeeds: bool,
    pub(super) what: What,
}

/// Where it leads. Edges are indices.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// The node's arrows; for an item they are the group's.
    Arrows,
    /// Edges of its own.
    Edges(Vec<u32>),
    /// Items: how many for each target.
    Items(Vec<(Vertex, u8)>),
    /// Fails, and a join takes it: the join and its source.
    Fails(u32, u32),
}

/// By vertex, all its moves.
pub(super) fn all(view: &GraphView<'_>, field: Option<FieldRef>) -> Vec<Vec<Move>> {
    (0..view.vertices())
        .map(|vertex| of(view, vertex, field))
        .collect()
}

/// The edges of a vertex's arrows.
pub(super) fn arrows(view: &GraphView<'_>, vertex: Vertex) -> Vec<u32> {
    let way = view
        .ways_out(vertex)
        .iter()
        .find(|way| way.kind == WayKind::Arrows);
    way.map_or_else(Vec::new, |way| way.edges.clone().collect())
}

fn of(view: &GraphView<'_>, vertex: Vertex, field: Option<FieldRef>) -> Vec<Move> {
    let Some(node) = view.hir(vertex) else {
        return Vec::new();
    };
    let writes = |body: &[Stmt]| site::updates(body).any(|update| Some(update.field) == field);
    let own = writes(&node.body);
    let mut found = Vec::new();
    let mut decided = matches!(node.kind, NodeKind::Route(_) | NodeKind::Send(_)) || node.goto.is_some();
    let mut takes_failures = false;
    for way in view.ways_out(vertex) {
        let edges = What::Edges(way.edges.clone().collect());
        let mut add = |updates, succeeds, what| {
            found.push(Move {
                updates,
                succeeds,
                what,
            });
        };
        match way.kind {
            WayKind::Arm => add(false, true, edges),
            WayKind::Goto => add(own, true, edges),
            WayKind::Choice(index) => {
                decided = true;
                add(own || writes(choice(node, index)), true, edges);
            }
            WayKind::Timeout => {
                let body = node.on_timeout.as_ref().map_or(&[][..], |way| &way.updates);
                add(writes(body), false, edges);
            }
            WayKind::Error => {
                takes_failures = true;
                add(false, false, edges);
            }
            WayKind::Every => every(view, node, way, own, &mut found),
            WayKind::Send => items(view, node, &mut found),
            WayKind::Arrows | WayKind::Else => {}
        }
    }
    let settles = |updates| Move {
        updates,
        succeeds: true,
        what: What::Arrows,
    };
    if !decided || matches!(node.kind, NodeKind::Wait(_)) && !arrows(view, vertex).is_empty() {
        found.push(settles(own));
    }
    if matches!(node.kind, NodeKind::Interrupt { gate: Some(_), .. }) && node.goto.is_none() {
        found.push(settles(false));
    }
    if view.skips(vertex) {
        takes_failures = true;
        found.push(Move {
            updates: false,
            succeeds: false,
            what: What::Arrows,
        });
    }
    if let (false, Some((join, source))) = (takes_failures, absorber(view, vertex)) {
        let what = What::Fails(join, source);
        found.push(Move {
            updates: false,
            succeeds: false,
            what,
        });
    }
    found
}

fn choice(node: &Node, index: u32) -> &[Stmt] {
    let NodeKind::Wait(choices) = &node.kind else {
        return &[];
    };
    let way = choices.get(index as usize).and_then(|choice| choice.way.as_ref());
    way.map_or(&[], |way| &way.updates)
}

/// Any set of the arms.
fn every(view: &GraphView<'_>, node: &Node, way: &Way, updates: bool, found: &mut Vec<Move>) {
    let ((NodeKind::Route(decision), _) | (_, Some(decision))) = (&node.kind, &node.goto) else {
        return;
    };
    let arms = arms_of(view, decision, way);
    for set in 0..1u32 << arms.len().min(MOST_ARMS) {
        let taken = arms.iter().enumerate().filter(|(arm, _)| set & (1 << arm) != 0);
        let what = What::Edges(taken.flat_map(|(_, edges)| edges.iter().copied()).collect());
        let updates = updates && node.goto.is_some();
        found.push(Move {
            updates,
            succeeds: true,
            what,
        });
    }
}

/// The edges of each arm.
fn arms_of(view: &GraphView<'_>, decision: &Decision, way: &Way) -> Vec<Vec<u32>> {
    let mut next = way.edges.clone();
    let mut arms = Vec::new();
    for arm in &decision.arms {
        let count = leaves(&arm.target);
        arms.push(next.by_ref().take(count).collect());
    }
    debug_assert!(next.next().is_none() && view.edges.len() >= way.edges.end as usize);
    arms
}

fn leaves(target: &Target) -> usize {
    match &target.kind {
        TargetKind::Many(all) => all.iter().map(leaves).sum(),
        _ => 1,
    }
}

/// No, one or two items for each target; those of two `each` into one node are one group.
fn items(view: &GraphView<'_>, node: &Node, found: &mut Vec<Move>) {
    let NodeKind::Send(groups) = &node.kind else {
        return;
    };
    let mut most: Vec<(Vertex, u8)> = Vec::new();
    for each in groups {
        let count = if each.single && each.follow.is_none() {
            1
        } else {
            2
        };
        let target = view.node(each.node);
        match most.iter_mut().find(|(known, _)| *known == target) {
            Some((_, known)) => *known = 2,
            None => most.push((target, count)),
        }
    }
    let mut choices = vec![Vec::new()];
    for (target, most) in most {
        let with = |chosen: &Vec<(Vertex, u8)>, count| [chosen.clone(), vec![(target, count)]].concat();
        choices = choices
            .iter()
            .flat_map(|chosen| (0..=most).map(|count| with(chosen, count)))
            .collect();
    }
    let moves = choices.into_iter().map(|chosen| Move {
        updates: false,
        succeeds: true,
        what: What::Items(chosen),
    });
    found.extend(moves);
}

/// Where the sends into an item node were written: those with `until`, and whether they withdraw.
pub(super) fn untils(view: &GraphView<'_>, item: Vertex) -> Vec<(bool, Span)> {
    let sends = view.flow.nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Send(groups) => Some(groups),
        _ => None,
    });
    let into = sends
        .flatten()
        .filter(|each| view.node(each.node) == item && each.until.is_some());
    into.map(|each| (each.cancel_rest, each.span)).collect()
}
