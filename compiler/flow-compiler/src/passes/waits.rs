//! Waits, events and locks: what may keep a run for ever.

use std::collections::BTreeMap;

use flow_bytecode::{Policy, Rest, Schedule};
use flow_diagnostics::{Diagnostic, Span, codes};

use super::Facts;
use super::graph_view::Vertex;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::flow::{Node, NodeKind, WaitKind};
use crate::hir::{ConstValue, FlowRef, NodeRef, Program};

/// Waits for an event that nothing ends if it never comes.
pub(super) fn for_ever(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let raced = in_a_race(facts);
    for (index, node) in facts.flow.nodes.iter().enumerate() {
        let this = NodeRef(index as u32);
        let NodeKind::Wait(choices) = &node.kind else {
            continue;
        };
        let only_events = choices
            .iter()
            .all(|choice| matches!(choice.what, WaitKind::Event { .. }));
        let named = |other: &Node| {
            other
                .cancel
                .iter()
                .chain(&other.finish)
                .any(|(name, _)| *name == this)
        };
        let ends = node.timeout.is_some() || node.on_timeout.is_some() || node.schedule == Schedule::Standing;
        if !only_events || choices.is_empty() || ends || raced[facts.view.node(this) as usize] {
            continue;
        }
        if facts.flow.nodes.iter().any(named) {
            continue;
        }
        let name = &node.name.text;
        found.push(
            Diagnostic::warning(
                codes::graph::WAITS_FOR_EVER,
                format!("`{name}` waits for ever if its event never comes"),
            )
            .primary(node.head, "nothing ends this wait")
            .help("give it a `timeout`, an arm `after …`, or a `cancel` in another branch"),
        );
    }
}

/// By vertex: whether it leads to a `first of` that withdraws the losers.
fn in_a_race(facts: &Facts<'_>) -> Vec<bool> {
    let view = &facts.view;
    let mut seen = vec![false; view.vertices() as usize];
    let races = facts.flow.joins.iter().enumerate();
    let races =
        races.filter(|(_, join)| matches!((join.policy, join.rest), (Policy::First(_), Rest::Cancel)));
    let mut open: Vec<Vertex> = races
        .flat_map(|(number, _)| view.ins(view.join(number as u32)))
        .map(|edge| edge.from)
        .collect();
    while let Some(vertex) = open.pop() {
        if !std::mem::replace(&mut seen[vertex as usize], true) {
            open.extend(view.ins(vertex).map(|edge| edge.from));
        }
    }
    seen
}

/// Events that no wait names.
pub(super) fn unheard(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut heard = vec![false; facts.flow.events.len()];
    for node in &facts.flow.nodes {
        let NodeKind::Wait(choices) = &node.kind else {
            continue;
        };
        for choice in choices {
            if let WaitKind::Event { event, .. } = choice.what
                && let Some(heard) = heard.get_mut(event as usize)
            {
                *heard = true;
            }
        }
    }
    if facts
        .flow
        .nodes
        .iter()
        .any(|node| matches!(node.kind, NodeKind::Error))
    {
        return;
    }
    for (event, heard) in facts.flow.events.iter().zip(heard) {
        if !heard && !heard_below(facts, &event.name.text) {
            let name = &event.name.text;
            found.push(
                Diagnostic::warning(
                    codes::graph::EVENT_UNHEARD,
                    format!("no `wait` names the event `{name}`"),
                )
                .primary(event.name.span, "would be kept and never used")
                .help(format!(
                    "write a `wait` with `for event {name}`, or remove the event"
                )),
            );
        }
    }
}

/// Child runs share the inbox.
fn heard_below(facts: &Facts<'_>, event: &str) -> bool {
    let mut seen = vec![false; facts.program.flows.len()];
    let mut open = children(facts.flow.nodes.iter());
    while let Some(child) = open.pop() {
        if std::mem::replace(&mut seen[child.index()], true) {
            continue;
        }
        let flow = &facts.program.flows[child.index()];
        if flow.events.iter().any(|declared| declared.name.text == event) {
            return true;
        }
        open.extend(children(flow.nodes.iter()));
    }
    false
}

fn children<'p>(nodes: impl Iterator<Item = &'p Node>) -> Vec<FlowRef> {
    let flows = nodes.filter_map(|node| match &node.kind {
        NodeKind::Subgraph { flow, .. } => Some(*flow),
        _ => None,
    });
    flows.collect()
}

/// A lock with a constant key: the key and whether it is shared.
type Key = (String, bool);

/// Two locks of which each is somewhere taken while the other is held. Looks at constant keys, and
/// at what a subgraph's node holds over the nodes of its flow.
pub(super) fn locks_in_both_orders(program: &Program, found: &mut Vec<Diagnostic>) {
    let mut order: BTreeMap<(Key, Key), (Span, Span)> = BTreeMap::new();
    for flow in &program.flows {
        for node in &flow.nodes {
            let NodeKind::Subgraph { flow: child, .. } = &node.kind else {
                continue;
            };
            let mut inner = Vec::new();
            let mut seen = vec![false; program.flows.len()];
            collect(program, *child, &mut seen, &mut inner);
            for (held, held_span) in keys(node) {
                for (taken, taken_span) in &inner {
                    // A lock of the run is another lock in another run, but a child runs in its parent's.
                    order
                        .entry((held.clone(), taken.clone()))
                        .or_insert((held_span, *taken_span));
                }
            }
        }
    }
    for ((held, taken), (outer, inner)) in &order {
        if held >= taken {
            continue;
        }
        let Some((other, _)) = order.get(&(taken.clone(), held.clone())) else {
            continue;
        };
        found.push(
            Diagnostic::warning(
                codes::graph::LOCKS_IN_BOTH_ORDERS,
                format!(
                    "the locks \"{}\" and \"{}\" are taken inside one another in both orders",
                    held.0, taken.0
                ),
            )
            .primary(*inner, "taken while the other is held")
            .label(*outer, "held here")
            .label(*other, "the other way round here")
            .help("take them in one order everywhere, or both at once in one node"),
        );
    }
}

fn collect(program: &Program, flow: FlowRef, seen: &mut [bool], found: &mut Vec<(Key, Span)>) {
    let mut open = vec![flow];
    while let Some(flow) = open.pop() {
        if std::mem::replace(&mut seen[flow.index()], true) {
            continue;
        }
        let nodes = &program.flows[flow.index()].nodes;
        found.extend(nodes.iter().flat_map(keys));
        open.extend(children(nodes.iter()));
    }
}

fn keys(node: &Node) -> Vec<(Key, Span)> {
    let constant = |(key, shared): &(Expr, bool)| match &key.kind {
        ExprKind::Const(ConstValue::Str(text)) => Some(((text.clone(), *shared), key.span)),
        _ => None,
    };
    node.locks.iter().filter_map(constant).collect()
}
