//! Ways in and out of nodes: what is unreachable, what leads nowhere, and arrows that stand where
//! none can. Cycles are in `cycles`, joins in `joins`.

use std::collections::BTreeMap;

use flow_bytecode::Schedule;
use flow_diagnostics::{Diagnostic, Span, codes};

use super::Facts;
use super::graph_view::{Edge, GraphView, Vertex, WayKind};
use super::shape::Components;
use crate::hir::flow::{NodeKind, Source, Target, TargetKind};
use crate::hir::{NodeRef, Param};
use crate::start::is_nullable;

/// Nodes that nothing leads to; of a cycle without entrance, its first.
pub(super) fn unreachable(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if facts.broken {
        return;
    }
    let view = &facts.view;
    let lost =
        |v: Vertex| !facts.reached[v as usize] && (view.as_node(v).is_some() || view.as_join(v).is_some());
    let regions = Components::new(view, lost);
    for (number, members) in regions.members.iter().enumerate() {
        let inside = |edge: &Edge| regions.of[edge.from as usize] == number as u32;
        if members.iter().any(|v| view.ins(*v).any(|edge| !inside(edge))) {
            continue;
        }
        let Some(node) = members.iter().find_map(|v| view.hir(*v)) else {
            continue;
        };
        let name = &node.name.text;
        let message = if members.len() > 1 {
            format!("nothing leads into the cycle that begins with `{name}`")
        } else {
            format!("nothing leads to `{name}`")
        };
        found.push(
            Diagnostic::error(codes::graph::UNREACHABLE, message)
                .primary(node.head, "can never run")
                .help(format!(
                    "write an arrow to it, such as `start -> {name}`, or remove it"
                )),
        );
    }
}

/// Nodes that nothing follows.
pub(super) fn no_way_out(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let view = &facts.view;
    for (index, node) in facts.flow.nodes.iter().enumerate() {
        let vertex = view.node(NodeRef(index as u32));
        let mut ways = view.ways_out(vertex).iter();
        let leaves = ways.any(|way| match way.kind {
            WayKind::Error | WayKind::Timeout => false,
            WayKind::Goto => node.goto.is_some(), // of a `may goto` the worker may say nothing
            _ => true,
        });
        let left_out = view.ins(vertex).next().is_none(); // nothing leads to it either, and that is said
        if leaves || left_out || view.runs_unasked(vertex) || node.schedule == Schedule::Standing {
            continue;
        }
        if matches!(
            node.kind,
            NodeKind::Error | NodeKind::Route(_) | NodeKind::Send(_)
        ) {
            continue;
        }
        let name = &node.name.text;
        let commands = if node.may_goto.is_empty() {
            ""
        } else {
            "; `may goto` needs it for when the worker says nothing"
        };
        found.push(
            Diagnostic::error(codes::graph::NO_WAY_OUT, format!("nothing follows `{name}`"))
                .primary(node.head, "has no way out")
                .help(format!(
                    "write an arrow out of it, such as `{name} -> end`{commands}"
                )),
        );
    }
}

/// Arrows out of routes and sends.
pub(super) fn from_route(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for arrow in &facts.flow.arrows {
        if let Some(from) = arrow.from {
            report_decider(facts, from, arrow.span, found);
        }
    }
    for join in &facts.flow.joins {
        for (source, span) in &join.sources {
            if let Source::Node(node) = source {
                report_decider(facts, *node, *span, found);
            }
        }
    }
}

fn report_decider(facts: &Facts<'_>, from: NodeRef, span: Span, found: &mut Vec<Diagnostic>) {
    let node = &facts.flow.nodes[from.index()];
    let name = &node.name.text;
    let (what, why) = match node.kind {
        NodeKind::Route(_) => ("route", "its arms say where it leads"),
        NodeKind::Send(_) => ("send", "its items lead on"),
        _ => return,
    };
    let view = &facts.view;
    let mut targets: Vec<_> = view
        .outs(view.node(from))
        .filter_map(|edge| view.hir(edge.to))
        .map(|n| n.name.text.as_str())
        .collect();
    targets.sort_unstable();
    targets.dedup();
    let help = match targets.as_slice() {
        [] => format!("{why}; write the arrow behind a target of it"),
        [one] => format!("{why}: write `{one} -> …` instead"),
        several => format!(
            "{why}: write the arrow behind its targets, `[{}] -> …` or one of them",
            several.join(", ")
        ),
    };
    found.push(
        Diagnostic::error(
            codes::graph::ARROW_FROM_ROUTE,
            format!("an arrow cannot leave the {what} `{name}`"),
        )
        .primary(span, "this arrow would never be taken")
        .label(node.head, format!("`{name}` is a {what}"))
        .help(help),
    );
}

/// Arrows into and out of `finally` nodes.
pub(super) fn at_finally(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let view = &facts.view;
    for (index, node) in facts.flow.nodes.iter().enumerate() {
        if node.schedule != Schedule::Finally {
            continue;
        }
        let vertex = view.node(NodeRef(index as u32));
        let outs = view
            .outs(vertex)
            .filter(|edge| view.kind(edge) == WayKind::Arrows);
        for edge in view.ins(vertex).chain(outs) {
            let name = &node.name.text;
            found.push(
                Diagnostic::error(
                    codes::graph::ARROW_AT_FINALLY,
                    format!("`{name}` is `finally`: no arrow leads to it or from it"),
                )
                .primary(edge.span, "remove this")
                .label(node.head, "runs once, however the run ends")
                .help(
                    "a `finally` node needs no arrow; for work inside the run use a node without `finally`",
                ),
            );
        }
    }
}

/// Arrows to nodes whose parameters only a `send`, a `goto` or an error way can give.
pub(super) fn parameters(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for arrow in &facts.flow.arrows {
        parameters_of(facts, &arrow.to, found);
    }
    for join in &facts.flow.joins {
        join.target
            .iter()
            .chain(&join.otherwise)
            .for_each(|target| parameters_of(facts, target, found));
    }
}

fn parameters_of(facts: &Facts<'_>, target: &Target, found: &mut Vec<Diagnostic>) {
    let (node, args) = match &target.kind {
        TargetKind::Many(all) => return all.iter().for_each(|one| parameters_of(facts, one, found)),
        TargetKind::Node(node, args) => (&facts.flow.nodes[node.index()], args),
        _ => return,
    };
    let types = &facts.program.types;
    let given = |param: &Param| args.iter().any(|(name, _)| *name == param.name.text);
    let needed = |param: &&Param| param.default.is_none() && !is_nullable(types, param.ty) && !given(param);
    let missing: Vec<_> = node
        .params
        .iter()
        .filter(needed)
        .map(|param| format!("`{}`", param.name.text))
        .collect();
    let Some(first) = node.params.iter().find(needed) else {
        return;
    };
    let name = &node.name.text;
    found.push(
        Diagnostic::error(
            codes::graph::PARAMETERS_MISSING,
            format!("an arrow to `{name}` gives it no {}", missing.join(", ")),
        )
        .primary(target.span, format!("starts `{name}` without its parameters"))
        .label(first.name.span, "needed here")
        .help("start it by a `send`, or give the parameter a default"),
    );
}

/// Two plain arrows with the same ends, two joins with the same sources and a common target, the
/// same target twice in one set.
pub(super) fn duplicates(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let view = &facts.view;
    let mut arrows: BTreeMap<(Vertex, Vertex), Span> = BTreeMap::new();
    for way in &view.ways {
        let mut in_set: BTreeMap<Vertex, Span> = BTreeMap::new();
        for edge in view.edges_of(way) {
            let plain = way.kind == WayKind::Arrows
                && view.as_join(edge.from).is_none()
                && view.as_join(edge.to).is_none();
            let first = match way.kind {
                WayKind::Arrows if plain => arrows.get(&(edge.from, edge.to)).copied(),
                WayKind::Goto => in_set.get(&edge.to).copied(),
                _ => continue,
            };
            match first {
                Some(first) => found.push(duplicate(view, edge, first)),
                None if plain => drop(arrows.insert((edge.from, edge.to), edge.span)),
                None => drop(in_set.insert(edge.to, edge.span)),
            }
        }
    }
    same_joins(facts, found);
    for node in &facts.flow.nodes {
        let mut seen = BTreeMap::new();
        for (withdrawn, span) in node.cancel.iter().chain(&node.finish) {
            if let Some(first) = seen.insert(*withdrawn, *span) {
                let name = &facts.flow.nodes[withdrawn.index()].name.text;
                found.push(twice(format!("`{name}` is named twice"), *span, first));
            }
        }
    }
}

fn same_joins(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(Vec<Source>, Vertex), Span> = BTreeMap::new();
    for (index, join) in facts.flow.joins.iter().enumerate() {
        let mut sources: Vec<_> = join.sources.iter().map(|(source, _)| *source).collect();
        sources.sort_unstable();
        for edge in facts.view.outs(facts.view.join(index as u32)) {
            if let Some(first) = seen.insert((sources.clone(), edge.to), join.span) {
                found.push(twice("this join is there already".to_owned(), join.span, first));
                break;
            }
        }
    }
}

fn duplicate(view: &GraphView<'_>, edge: &Edge, first: Span) -> Diagnostic {
    let message = format!(
        "`{} -> {}` is there already",
        view.name(edge.from),
        view.name(edge.to)
    );
    twice(message, edge.span, first)
}

fn twice(message: String, later: Span, first: Span) -> Diagnostic {
    Diagnostic::warning(codes::graph::DUPLICATE_EDGE, message)
        .primary(later, "again here")
        .label(first, "first here")
        .help("remove one of the two")
}

/// Arrows of a node whose `goto` always decides.
pub(super) fn beside_goto(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let flow = facts.flow;
    let arrows = flow
        .arrows
        .iter()
        .filter_map(|arrow| arrow.from.map(|from| (from, arrow.span)));
    let arrivals =
        flow.joins
            .iter()
            .flat_map(|join| &join.sources)
            .filter_map(|(source, span)| match source {
                Source::Node(node) => Some((*node, *span)),
                Source::Join(_) => None,
            });
    for (from, span) in arrows.chain(arrivals) {
        let node = &flow.nodes[from.index()];
        let Some(goto) = &node.goto else { continue };
        found.push(
            Diagnostic::warning(
                codes::graph::ARROWS_OF_GOTO,
                format!("`{}` always leaves by its `goto`", node.name.text),
            )
            .primary(span, "never taken")
            .label(goto.span, "decides where it leads")
            .help("remove the arrow, or make it an arm of the `goto`"),
        );
    }
}
