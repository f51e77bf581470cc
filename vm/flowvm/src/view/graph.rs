//! A flow as text, a line per node, with what became of it in a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_bytecode::{Flow, Image, Node, NodeKind, Out, Target, TimeoutWay};
use flow_machine::{Event, EventKind, Settlement, Time};

use super::{paint, style};
use crate::clock::short;

/// What became of a node.
#[derive(Clone, Debug, Default)]
struct Fate {
    done: u32,
    failed: u32,
    other: u32,
    active: u32,
    attempts: u32,
    asked: bool,
    time: i64,
}

/// The lines of a flow, in order of declaration.
pub fn lines(image: &Image, flow: &Flow, events: &[Event], now: Time) -> Vec<String> {
    let fates = fates(events, now);
    let name = |node: &Node| image.str(node.name).to_owned();
    let width = flow
        .nodes
        .iter()
        .map(|node| name(node).chars().count())
        .max()
        .unwrap_or(0)
        + 5;
    let entry: Vec<String> = flow.entry.iter().map(|out| way(image, flow, out)).collect();
    let first = format!(
        "    {:<width$}{:<12}{:>9}  -> {}",
        "start",
        "",
        "",
        entry.join(", ")
    );
    let nodes = flow.nodes.iter().map(|node| {
        let fate = fates.get(image.str(node.name)).cloned().unwrap_or_default();
        let times = if fate.done > 1 {
            format!(" ×{}", fate.done)
        } else {
            String::new()
        };
        let title = format!("{}{times}", name(node));
        let time = if fate.time > 0 {
            short(fate.time)
        } else {
            String::new()
        };
        let retries = if fate.attempts > 1 {
            format!("  ({} attempts)", fate.attempts)
        } else {
            String::new()
        };
        let ways = ways(image, flow, node).join(", ");
        let arrow = if ways.is_empty() { "" } else { "-> " };
        let line = format!(
            "{title:<width$}{:<12}{time:>9}  {arrow}{ways}{retries}",
            kind(node)
        );
        let line = if fate.done + fate.failed + fate.other + fate.active == 0 {
            paint(style::DIM, &line)
        } else {
            line
        };
        format!("  {} {line}", mark(&fate, node))
    });
    std::iter::once(first).chain(nodes).collect()
}

fn fates(events: &[Event], now: Time) -> BTreeMap<Arc<str>, Fate> {
    let mut fates: BTreeMap<Arc<str>, Fate> = BTreeMap::new();
    let mut began: BTreeMap<(Arc<str>, u32), Time> = BTreeMap::new();
    for event in events {
        let Some(node) = &event.node else { continue };
        let fate = fates.entry(node.clone()).or_default();
        match &event.kind {
            EventKind::Planned { index, .. } => {
                began.insert((node.clone(), *index), event.at);
                fate.active += 1;
            }
            EventKind::Dispatched { .. } => fate.attempts += 1,
            EventKind::Interrupted { .. } => fate.asked = true,
            EventKind::RouteDecided { .. } => fate.done += 1,
            EventKind::Settled { index, how } => {
                fate.active = fate.active.saturating_sub(1);
                fate.asked = false;
                fate.time += began
                    .remove(&(node.clone(), *index))
                    .map_or(0, |at| event.at - at);
                match how {
                    Settlement::Done => fate.done += 1,
                    Settlement::Failed | Settlement::TimedOut => fate.failed += 1,
                    Settlement::Skipped | Settlement::Cancelled | Settlement::LeftByError => fate.other += 1,
                }
            }
            _ => {}
        }
    }
    for ((node, _), at) in began {
        fates.entry(node).or_default().time += now - at;
    }
    for fate in fates.values_mut() {
        fate.attempts = fate
            .attempts
            .saturating_sub((fate.done + fate.other).saturating_sub(1));
    }
    fates
}

fn mark(fate: &Fate, node: &Node) -> String {
    match fate {
        Fate {
            asked: true,
            active: 1..,
            ..
        } => paint(style::WAITING, "?"),
        Fate { active: 1.., .. } => paint(style::WAITING, "▸"),
        Fate { failed: 1.., .. } => paint(style::BAD, "✗"),
        Fate { done: 1.., .. } if matches!(node.kind, NodeKind::Route(_)) => paint(style::GOOD, "◇"),
        Fate { done: 1.., .. } => paint(style::GOOD, "✓"),
        Fate { other: 1.., .. } => paint(style::DIM, "-"),
        _ => " ".to_owned(),
    }
}

fn kind(node: &Node) -> &'static str {
    match node.kind {
        NodeKind::Task(_) => "task",
        NodeKind::Agent(_) => "agent",
        NodeKind::Transform => "transform",
        NodeKind::Route(_) => "route",
        NodeKind::Send(_) => "send",
        NodeKind::Subgraph { .. } => "subgraph",
        NodeKind::Interrupt(_) => "interrupt",
        NodeKind::Wait(_) => "wait",
    }
}

/// All ways out of a node, as a reader would write them.
fn ways(image: &Image, flow: &Flow, node: &Node) -> Vec<String> {
    let to = |target: &Target| target_text(image, flow, target);
    let mut ways: Vec<String> = node.outs.iter().map(|out| way(image, flow, out)).collect();
    let decision = match &node.kind {
        NodeKind::Route(decision) => Some(decision),
        _ => node.goto.as_ref(),
    };
    for arm in decision.iter().flat_map(|decision| &decision.arms) {
        ways.push(format!("{} ({})", to(&arm.target), image.str(arm.label)));
    }
    match &node.kind {
        NodeKind::Send(eaches) => ways.extend(
            eaches
                .iter()
                .map(|each| format!("each {}", node_name(image, flow, each.node))),
        ),
        NodeKind::Wait(choices) => {
            let chosen = choices.iter().filter_map(|choice| choice.way.as_ref());
            ways.extend(chosen.map(|TimeoutWay { target, .. }| to(target)));
        }
        _ => {}
    }
    ways.extend(
        node.may_goto
            .iter()
            .map(|target| format!("{} (goto)", to(target))),
    );
    ways.extend(
        node.on_error
            .iter()
            .map(|way| format!("{} (on error)", to(&way.target))),
    );
    ways.extend(
        node.on_timeout
            .iter()
            .map(|way| format!("{} (timeout)", to(&way.target))),
    );
    ways
}

fn way(image: &Image, flow: &Flow, out: &Out) -> String {
    match out {
        Out::To(target) => target_text(image, flow, target),
        Out::Arrive { join, .. } => {
            let join = &flow.joins[join.index()];
            let targets: Vec<String> = join.target.iter().map(|out| way(image, flow, out)).collect();
            format!("{} (join)", targets.join(", "))
        }
    }
}

fn target_text(image: &Image, flow: &Flow, target: &Target) -> String {
    match target {
        Target::Node { node, .. } => node_name(image, flow, *node),
        Target::Many(targets) => targets
            .iter()
            .map(|target| target_text(image, flow, target))
            .collect::<Vec<_>>()
            .join(", "),
        Target::End => "end".to_owned(),
        Target::Halt => "halt".to_owned(),
        Target::Fail(_) => "fail".to_owned(),
        Target::Cancel(_) => "cancel".to_owned(),
        Target::Skip => "skip".to_owned(),
    }
}

fn node_name(image: &Image, flow: &Flow, node: flow_bytecode::NodeId) -> String {
    image.str(flow.nodes[node.index()].name).to_owned()
}
