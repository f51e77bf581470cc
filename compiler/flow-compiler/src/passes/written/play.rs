//! Shows the play in which a field is read before it is written.

use std::collections::{BTreeMap, VecDeque};

use flow_diagnostics::{Diagnostic, Span, codes};

use super::super::Facts;
use super::super::graph_view::{Edge, GraphView, START, Vertex, WayKind};
use super::super::site;
use super::Written;
use crate::hir::{FieldRef, NodeRef};

pub(super) fn report(
    facts: &Facts<'_>,
    written: &Written<'_, '_>,
    field: FieldRef,
    reader: Vertex,
    read: Span,
) -> Diagnostic {
    let name = &facts.flow.fields[field.index()].name.text;
    let play = find(written, field, reader);
    let by = facts.view.name(reader);
    let report = Diagnostic::error(
        codes::state::READ_BEFORE_WRITTEN,
        format!("`{by}` may read `{name}` before anything has written it"),
    )
    .primary(read, "has no value here in some plays");
    explain(
        facts,
        report,
        field,
        &play,
        &format!("{} reads it", shown(&facts.view, &play, reader)),
    )
}

pub(super) fn report_result(
    facts: &Facts<'_>,
    written: &Written<'_, '_>,
    field: FieldRef,
    read: Span,
) -> Diagnostic {
    let name = &facts.flow.fields[field.index()].name.text;
    let halts = facts
        .view
        .ins(facts.view.halt())
        .find(|edge| !written.carries(edge, field));
    let play = match halts {
        Some(edge) => {
            let mut play = find(written, field, edge.from);
            play.push(*edge);
            play
        }
        None => ending(written, field),
    };
    let report = Diagnostic::error(
        codes::state::READ_BEFORE_WRITTEN,
        format!("`return` may read `{name}` although nothing has written it"),
    )
    .primary(read, "has no value here in some plays");
    let last = play.last().map_or(START, |edge| edge.to);
    let shown = shown(&facts.view, &play, last);
    explain(
        facts,
        report,
        field,
        &play,
        &format!("{shown} ends the run without it"),
    )
}

/// Says the play, where the update is missing, and what to do.
fn explain(
    facts: &Facts<'_>,
    mut report: Diagnostic,
    field: FieldRef,
    play: &[Edge],
    shown: &str,
) -> Diagnostic {
    let decl = &facts.flow.fields[field.index()].name;
    let writers = facts.flow.nodes.iter().enumerate().filter_map(|(index, node)| {
        let write = site::writes(node)
            .into_iter()
            .find(|write| write.field == field)?;
        Some((facts.view.node(NodeRef(index as u32)), write))
    });
    let writers: Vec<_> = writers.collect();
    let left = play
        .iter()
        .find(|edge| writers.iter().any(|(vertex, _)| *vertex == edge.from));
    if let Some(edge) = left {
        let how = match facts.view.kind(edge) {
            WayKind::Error => "on its error way, without the update",
            WayKind::Timeout => "when it times out, without the update",
            _ => "without the update being certain",
        };
        report = report.label(
            edge.span,
            format!("`{}` is left here {how}", facts.view.name(edge.from)),
        );
    } else if let Some((vertex, write)) = writers.first() {
        let name = facts.view.name(*vertex);
        let when = if play.last().is_some_and(|edge| edge.to == *vertex) {
            format!("`{name}` writes it itself, after it has read it")
        } else {
            format!("written by `{name}`, which this play does not wait for")
        };
        report = report.label(write.span, when);
    }
    let cure = format!(
        "give `{}` a start value (`= …`), make it `T?`, or write it on every way to the read",
        decl.text
    );
    report
        .label(decl.span, "has no start value")
        .help(format!("in this play: {shown}; {cure}"))
}

/// `start -> a -> b`
fn shown(view: &GraphView<'_>, play: &[Edge], last: Vertex) -> String {
    let mut names = Vec::new();
    let vertices = play.iter().map(|edge| edge.from).chain([last]);
    for vertex in vertices.filter(|v| view.as_join(*v).is_none()) {
        names.push(view.name(vertex));
    }
    names.join(" -> ")
}

/// The shortest way from `start` on which the field is nowhere surely written.
fn find(written: &Written<'_, '_>, field: FieldRef, to: Vertex) -> Vec<Edge> {
    let view = written.view;
    let mut came: BTreeMap<Vertex, Edge> = BTreeMap::new();
    let mut open = VecDeque::from([START]);
    while let Some(vertex) = open.pop_front() {
        if vertex == to {
            break;
        }
        for edge in view.outs(vertex) {
            let goes =
                !written.carries(edge, field) && edge.to < view.end() && written.misses(edge.to, field);
            if goes && edge.to != START && !came.contains_key(&edge.to) {
                came.insert(edge.to, *edge);
                open.push_back(edge.to);
            }
        }
    }
    back(&came, to)
}

/// A way from `start` to an `end` on which nothing has to write the field.
fn ending(written: &Written<'_, '_>, field: FieldRef) -> Vec<Edge> {
    let view = written.view;
    let avoids = |v: Vertex| super::has(&written.avoided[v as usize], field);
    let mut came: BTreeMap<Vertex, Edge> = BTreeMap::new();
    let mut open = VecDeque::from([START]);
    while let Some(vertex) = open.pop_front() {
        if vertex == view.end() {
            return back(&came, vertex);
        }
        for way in view.ways_out(vertex) {
            let edges = view.edges_of(way);
            let free = edges.iter().all(|edge| avoids(edge.to)) || way.kind == WayKind::Every;
            if !free
                || edges
                    .first()
                    .is_some_and(|edge| super::has(&written.updates[edge.way as usize], field))
            {
                continue;
            }
            for edge in edges.iter().filter(|edge| avoids(edge.to)) {
                if edge.to != START && !came.contains_key(&edge.to) {
                    came.insert(edge.to, *edge);
                    open.push_back(edge.to);
                }
            }
        }
    }
    Vec::new()
}

fn back(came: &BTreeMap<Vertex, Edge>, to: Vertex) -> Vec<Edge> {
    let mut play = Vec::new();
    let mut at = to;
    while let Some(edge) = came.get(&at) {
        play.push(*edge);
        at = edge.from;
        if at == START {
            break;
        }
    }
    play.reverse();
    play
}
