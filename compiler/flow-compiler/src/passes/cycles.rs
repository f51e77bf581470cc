//! Cycles: those without exit, those of routes alone, those whose exits cannot change their mind,
//! and those that nothing but the default limit bounds.

use std::collections::BTreeSet;

use flow_bytecode::Schedule;
use flow_diagnostics::{Diagnostic, codes};

use super::graph_view::{Vertex, WayKind};
use super::shape::Components;
use super::site;
use super::{Facts, Verdict};
use crate::hir::expr::ExprKind;
use crate::hir::flow::{Decision, Node, NodeKind};
use crate::hir::{FieldRef, NodeRef, walk};

/// Cycles that no play leaves.
pub(super) fn without_exit(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if facts.broken {
        return;
    }
    for cycle in cycles(facts) {
        if only_routes(facts, &cycle) || leaves(facts, &cycle) || is_ended(facts, &cycle) {
            continue;
        }
        let Some(first) = first_node(facts, &cycle) else {
            continue;
        };
        found.push(
            Diagnostic::error(
                codes::graph::CYCLE_WITHOUT_EXIT,
                format!("the cycle {} has no exit", show(facts, &cycle)),
            )
            .primary(first.head, "goes round for ever")
            .help("let a route in the cycle lead out of it, or to `end`"),
        );
    }
}

/// Cycles of routes alone: they decide for ever within one step.
pub(super) fn of_routes(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let view = &facts.view;
    let routes = Components::new(view, |v| view.is_route(v));
    for (number, members) in routes.members.iter().enumerate() {
        if !routes.is_cycle(view, number as u32) {
            continue;
        }
        let Some(first) = first_node(facts, members) else {
            continue;
        };
        found.push(
            Diagnostic::error(
                codes::graph::CYCLE_OF_ROUTES,
                format!("the routes {} lead to each other", show(facts, members)),
            )
            .primary(first.head, "would decide for ever")
            .help("nothing changes between two routes: put a node that does something into the cycle"),
        );
    }
}

/// Cycles whose exits read nothing that can change.
pub(super) fn stuck(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if facts.broken {
        return;
    }
    for cycle in cycles(facts) {
        if only_routes(facts, &cycle) || is_ended(facts, &cycle) {
            continue;
        }
        let Some(exits) = route_exits(facts, &cycle) else {
            continue;
        };
        let changing = changing(facts, &cycle);
        if exits.iter().any(|route| can_change(route, &changing)) {
            continue;
        }
        let (Some(first), Some(exit)) = (first_node(facts, &cycle), exits.first()) else {
            continue;
        };
        found.push(
            Diagnostic::warning(
                codes::graph::STUCK_CYCLE,
                format!(
                    "nothing in the cycle {} changes what its exits look at",
                    show(facts, &cycle)
                ),
            )
            .primary(first.head, "once round, always round")
            .label(exit.span, "reads nothing that the cycle writes")
            .help("update a field in the cycle that the route reads, or look at `run.step`"),
        );
    }
}

/// Cycles in flows that set no limit of their own.
pub(super) fn default_limit(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let bounds = ["steps", "time", "age", "tokens"];
    if facts.broken
        || facts
            .flow
            .limits
            .iter()
            .any(|limit| bounds.contains(&limit.name.text.as_str()))
    {
        return;
    }
    for cycle in cycles(facts) {
        if only_routes(facts, &cycle) || !(leaves(facts, &cycle) || is_ended(facts, &cycle)) {
            continue;
        }
        let Some(first) = first_node(facts, &cycle) else {
            continue;
        };
        found.push(
            Diagnostic::warning(
                codes::lints::DEFAULT_LIMIT,
                format!(
                    "only the default limit of 1000 steps bounds the cycle {}",
                    show(facts, &cycle)
                ),
            )
            .primary(first.head, "the cycle begins here")
            .help("say how far it may go: `limit steps 100`, or `limit time`, `age` or `tokens`"),
        );
    }
}

/// Cycles of what can run, each as its vertices in order.
fn cycles<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = Vec<Vertex>> + 'f {
    let components = &facts.components;
    let mut cycles: Vec<_> = (0..components.members.len() as u32)
        .filter(|number| components.is_cycle(&facts.view, *number))
        .map(|number| components.members[number as usize].clone())
        .filter(|members| facts.reached[members[0] as usize])
        .collect();
    cycles.sort();
    cycles.into_iter()
}

fn first_node<'f>(facts: &'f Facts<'_>, cycle: &[Vertex]) -> Option<&'f Node> {
    cycle.iter().find_map(|v| facts.view.hir(*v))
}

fn only_routes(facts: &Facts<'_>, cycle: &[Vertex]) -> bool {
    cycle.iter().all(|v| facts.view.is_route(*v))
}

/// Whether some vertex of the cycle has a way of which no edge stays, or one that ends the run.
fn leaves(facts: &Facts<'_>, cycle: &[Vertex]) -> bool {
    let view = &facts.view;
    let stays = |to: Vertex| facts.components.of[to as usize] == facts.components.of[cycle[0] as usize];
    cycle.iter().flat_map(|v| view.ways_out(*v)).any(|way| {
        let edges = view.edges_of(way);
        let some_leave = edges.iter().any(|edge| !stays(edge.to));
        edges.iter().any(|edge| view.ends_run(edge.to))
            || edges.iter().all(|edge| !stays(edge.to))
            || way.kind == WayKind::Every && some_leave
    })
}

/// Whether something beside the cycle can end it: a listener's own end, a `cancel` or `finish` of
/// one of its nodes, or an end of the whole run in what can run at the same time.
fn is_ended(facts: &Facts<'_>, cycle: &[Vertex]) -> bool {
    let view = &facts.view;
    let inside = |v: Vertex| cycle.binary_search(&v).is_ok();
    if cycle
        .iter()
        .filter_map(|v| view.hir(*v))
        .any(|node| node.schedule == Schedule::Standing)
    {
        return true;
    }
    let withdrawn = facts.flow.nodes.iter().enumerate().any(|(index, node)| {
        !inside(view.node(NodeRef(index as u32)))
            && node
                .cancel
                .iter()
                .chain(&node.finish)
                .any(|(named, _)| inside(view.node(*named)))
    });
    withdrawn || {
        let ending = (view.halt()..view.halt() + 3)
            .flat_map(|end| view.ins(end))
            .map(|edge| edge.from);
        let mut ending = ending.filter(|from| !inside(*from)).peekable();
        ending.peek().is_some()
            && ending.any(|from| cycle.iter().any(|v| facts.race(*v, from) != Verdict::No))
    }
}

/// The routes by which the cycle is left; none where it has other exits, or no exit at all.
fn route_exits<'f>(facts: &'f Facts<'_>, cycle: &[Vertex]) -> Option<Vec<&'f Decision>> {
    let view = &facts.view;
    let stays = |to: Vertex| facts.components.of[to as usize] == facts.components.of[cycle[0] as usize];
    let mut exits = Vec::new();
    for vertex in cycle {
        for way in view.ways_out(*vertex) {
            let edges = view.edges_of(way);
            let out =
                edges.iter().all(|edge| !stays(edge.to)) || edges.iter().any(|edge| view.ends_run(edge.to));
            let out = out || way.kind == WayKind::Every && edges.iter().any(|edge| !stays(edge.to));
            if !out {
                continue;
            }
            match view.hir(*vertex).map(|node| &node.kind) {
                Some(NodeKind::Route(route)) => exits.push(route),
                _ => return None,
            }
        }
    }
    (!exits.is_empty()).then_some(exits)
}

/// Fields that can change while the cycle goes round.
fn changing(facts: &Facts<'_>, cycle: &[Vertex]) -> BTreeSet<FieldRef> {
    let view = &facts.view;
    let fields = facts.flow.fields.iter().enumerate();
    let mut changing: BTreeSet<_> = fields
        .filter(|(_, field)| field.ephemeral || field.external)
        .map(|(index, _)| FieldRef(index as u32))
        .collect();
    for (index, node) in facts.flow.nodes.iter().enumerate() {
        let writes = site::writes(node);
        if writes.iter().all(|write| changing.contains(&write.field)) {
            continue;
        }
        let vertex = view.node(NodeRef(index as u32));
        let beside = || cycle.iter().any(|v| facts.race(*v, vertex) != Verdict::No);
        if cycle.binary_search(&vertex).is_ok() || beside() {
            changing.extend(writes.iter().map(|write| write.field));
        }
    }
    changing
}

fn can_change(route: &Decision, changing: &BTreeSet<FieldRef>) -> bool {
    let mut changes = false;
    walk::decision(route, &mut |expr| {
        expr.walk(&mut |e| match &e.kind {
            ExprKind::Run(_) | ExprKind::Error => changes = true,
            ExprKind::Field(field) => changes |= changing.contains(field),
            _ => {}
        });
    });
    changes
}

/// The nodes of a cycle, for people; of long ones the beginning.
fn show(facts: &Facts<'_>, cycle: &[Vertex]) -> String {
    let names: Vec<_> = cycle
        .iter()
        .filter_map(|v| facts.view.hir(*v))
        .map(|node| node.name.text.as_str())
        .collect();
    match names.as_slice() {
        [one] => format!("of `{one}`"),
        [head @ .., last] if names.len() <= 4 => format!("of `{}` and `{last}`", head.join("`, `")),
        _ => format!("of `{}` and {} more", names[..3].join("`, `"), names.len() - 3),
    }
}
