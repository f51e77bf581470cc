//! Joins: those that can never pass, those on a cycle that only part of them goes round, and races
//! that are won by who waits longest.

use std::collections::BTreeSet;

use flow_bytecode::Policy;
use flow_diagnostics::{Diagnostic, codes};

use super::graph_view::{GraphView, START, Vertex, WayKind};
use super::shape::dominators;
use super::{Facts, Verdict};
use crate::hir::flow::{Join, NodeKind, Source};

/// How many sources are tried in all their combinations.
const MOST_SOURCES: usize = 12;

/// Joins whose policy asks for more than can ever arrive.
pub(super) fn never_passes(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if facts.broken {
        return;
    }
    let mut idom = None;
    for (number, join) in facts.flow.joins.iter().enumerate() {
        let number = number as u32;
        let vertex = facts.view.join(number);
        let Some(needed) = GraphView::needed(join.policy, join.sources.len()) else {
            continue;
        };
        // Of a fan-out each item counts as a branch, and nobody knows how many there are.
        if !facts.reached[vertex as usize] || join.sources.iter().any(|(source, _)| is_item(facts, *source)) {
            continue;
        }
        // Where nothing arrives, something before it is wrong, and is said there.
        let plays = (needed > 1).then(|| facts.plays()).flatten();
        if plays.is_some_and(|plays| plays.passes(number) || !plays.arrives(number)) {
            continue;
        }
        let idom = idom.get_or_insert_with(|| dominators(&facts.view));
        let most = most_arrivals(facts, idom, vertex, needed);
        if most >= needed && plays.is_none() {
            continue;
        }
        let listed = join.sources.len();
        let why = if needed > listed {
            format!(
                "it has only {listed} {}",
                if listed == 1 { "source" } else { "sources" }
            )
        } else {
            let most = most.min(needed - 1);
            format!("at most {most} of its sources can come in one round")
        };
        found.push(
            Diagnostic::error(codes::graph::JOIN_NEVER_PASSES, format!("this join needs {needed} arrivals, and {why}"))
                .primary(join.span, "can never pass")
                .help("ask for fewer, or list branches that run beside each other rather than instead of each other"),
        );
    }
}

/// Whether a source of a join is a node that a send starts.
fn is_item(facts: &Facts<'_>, source: Source) -> bool {
    let Source::Node(source) = source else {
        return false;
    };
    facts.flow.nodes.iter().any(|node| match &node.kind {
        NodeKind::Send(groups) => groups.iter().any(|each| each.node == source),
        _ => false,
    })
}

/// The largest number of sources that can arrive before the join passes for the first time, as far
/// as it is less than `needed`.
fn most_arrivals(facts: &Facts<'_>, idom: &[Vertex], join: Vertex, needed: usize) -> usize {
    let view = &facts.view;
    let mut sources: Vec<Vertex> = view.ins(join).map(|edge| edge.from).collect();
    sources.sort_unstable();
    sources.dedup();
    sources.retain(|source| facts.reached[*source as usize] && !passes(idom, *source, join));
    if sources.len() < needed || sources.len() > MOST_SOURCES || needed < 2 {
        return sources.len();
    }
    let fits = |a: Vertex, b: Vertex| {
        facts.race(a, b) != Verdict::No || leads(view, a, b, join) || leads(view, b, a, join)
    };
    let together: Vec<u32> = sources
        .iter()
        .map(|a| {
            let others = sources.iter().enumerate();
            others
                .filter(|(_, b)| *b == a || fits(*a, **b))
                .fold(0, |bits, (index, _)| bits | 1 << index)
        })
        .collect();
    let is_clique = |set: &u32| (0..sources.len()).all(|i| set & (1 << i) == 0 || set & !together[i] == 0);
    (1..1u32 << sources.len())
        .filter(is_clique)
        .map(u32::count_ones)
        .max()
        .unwrap_or(0) as usize
}

/// Whether every way to the vertex passes `over`.
fn passes(idom: &[Vertex], mut vertex: Vertex, over: Vertex) -> bool {
    while vertex != over && vertex != START && vertex != u32::MAX {
        vertex = idom[vertex as usize];
    }
    vertex == over
}

fn leads(view: &GraphView<'_>, from: Vertex, to: Vertex, without: Vertex) -> bool {
    let mut seen = BTreeSet::from([from, without]);
    let mut open = vec![from];
    while let Some(vertex) = open.pop() {
        for edge in view.outs(vertex) {
            if edge.to == to {
                return true;
            }
            if seen.insert(edge.to) {
                open.push(edge.to);
            }
        }
    }
    false
}

/// Joins of which some sources, but not all, are run again behind the target.
pub(super) fn past_target(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let view = &facts.view;
    for (number, join) in facts.flow.joins.iter().enumerate() {
        let vertex = view.join(number as u32);
        if join.policy == Policy::Each || join.sources.len() < 2 {
            continue;
        }
        let cycle = facts.components.of[vertex as usize];
        let mut again = Vec::new();
        let mut once = 0;
        for edge in view.ins(vertex) {
            if facts.components.of[edge.from as usize] == cycle {
                again.push(edge);
            } else {
                once += 1;
            }
        }
        let (Some(edge), true) = (again.first(), once > 0) else {
            continue;
        };
        let name = view.name(edge.from);
        found.push(
            Diagnostic::warning(
                codes::graph::SOURCE_PAST_TARGET,
                format!("`{name}` comes round again behind this join, and the other sources do not"),
            )
            .primary(join.span, "waits for all of them in the first round only")
            .label(edge.span, "runs again after the join has passed")
            .help("let the loop lead back before the fork, or to a node behind the join"),
        );
    }
}

/// `first of` over chains that begin with a wait: the wait takes its event although another branch
/// may still win.
pub(super) fn race_of_waits(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (number, join) in facts.flow.joins.iter().enumerate() {
        if !matches!(join.policy, Policy::First(_)) {
            continue;
        }
        let view = &facts.view;
        for arrival in view.ins(view.join(number as u32)) {
            let entry = entry_of(view, arrival.from);
            let Some(node) = view.hir(entry) else { continue };
            if entry == arrival.from || !matches!(node.kind, NodeKind::Wait(_)) {
                continue;
            }
            found.push(race(join, &node.name.text, view.name(arrival.from), node.head));
            break; // one race, one mistake
        }
    }
}

fn race(join: &Join, wait: &str, last: &str, head: flow_diagnostics::Span) -> Diagnostic {
    Diagnostic::warning(
        codes::graph::RACE_OF_WAITS,
        format!("the race is decided after `{last}`, not when `{wait}` has what it waits for"),
    )
    .primary(join.span, "the first branch to end wins")
    .label(head, "takes its event although another branch may still win")
    .help("wait for the first of several things in one `wait` with arms, or put only the waits into the bracket")
}

/// The first node of the chain that ends here.
fn entry_of(view: &GraphView<'_>, last: Vertex) -> Vertex {
    let mut at = last;
    for _ in 0..view.vertices() {
        let mut ins = view.ins(at);
        let (Some(edge), None) = (ins.next(), ins.next()) else {
            return at;
        };
        let alone = view.edges_of(&view.ways[edge.way as usize]).len() == 1;
        if view.kind(edge) != WayKind::Arrows || !alone || view.hir(edge.from).is_none() {
            return at;
        }
        at = edge.from;
    }
    at
}
