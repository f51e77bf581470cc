//! Fields that nobody writes or reads, and ephemeral ones that are looked at too late. Order of
//! reads and writes is in `written`.

use std::collections::{BTreeMap, BTreeSet};

use flow_diagnostics::{Diagnostic, Span, codes};

use super::Facts;
use super::graph_view::{Edge, START, Vertex, WayKind};
use super::site;
use crate::hir::flow::{NodeKind, Reducer};
use crate::hir::{FieldRef, NodeRef, walk};
use crate::start::start_value;

/// Fields without a writer, and fields without a reader.
pub(super) fn unused(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let flow = facts.flow;
    let (reads, writes) = touched(facts);
    for (index, field) in flow.fields.iter().enumerate() {
        let this = FieldRef(index as u32);
        let name = &field.name.text;
        let (read, wrote) = (reads.contains(&this), writes.contains(&this));
        // Without a start value the read itself is an error, and says all there is to say.
        let told = read && start_value(&facts.program.types, field).is_none() && !facts.broken;
        if !wrote && field.start.is_none() && !field.external && !told {
            found.push(
                Diagnostic::warning(
                    codes::state::NEVER_WRITTEN,
                    format!("nothing ever writes `{name}`"),
                )
                .primary(field.name.span, "keeps what it starts from")
                .help("update it in a node, remove it, or mark it `external` if it is set from outside"),
            );
        }
        let counter = matches!(field.reducer, Reducer::Add | Reducer::Min | Reducer::Max);
        if !read && wrote && flow.result.is_some() && !counter {
            found.push(
                Diagnostic::warning(codes::state::NEVER_READ, format!("nothing ever reads `{name}`"))
                    .primary(field.name.span, "written, and never looked at")
                    .help("return it, use it in a node, or remove it and its updates"),
            );
        }
    }
}

fn touched(facts: &Facts<'_>) -> (BTreeSet<FieldRef>, BTreeSet<FieldRef>) {
    let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
    for node in &facts.flow.nodes {
        reads.extend(site::reads(node).into_iter().map(|(field, _)| field));
        writes.extend(site::writes(node).into_iter().map(|write| write.field));
    }
    let mut note = |field: FieldRef, _: Span| {
        reads.insert(field);
    };
    if let Some(way) = &facts.flow.on_error {
        walk::target(&way.target, &mut |e| site::reads_of(e, &mut note));
    }
    if let Some(result) = &facts.flow.result {
        site::reads_of(result, &mut note);
    }
    let tests = facts.program.tests.iter();
    for test in
        tests.filter(|test| std::ptr::eq(&raw const facts.program.flows[test.flow.index()], facts.flow))
    {
        test.conditions(&mut |cond| site::reads_of(cond, &mut note));
    }
    (reads, writes)
}

/// Ephemeral fields that a node reads although, in some play, nothing that triggered it wrote them.
pub(super) fn ephemeral(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if facts.broken || facts.flow.fields.iter().all(|field| !field.ephemeral) {
        return;
    }
    for (index, node) in facts.flow.nodes.iter().enumerate() {
        let vertex = facts.view.node(NodeRef(index as u32));
        let mut reads = BTreeMap::new();
        for (field, span) in site::reads(node) {
            let declared = &facts.flow.fields[field.index()];
            if declared.ephemeral && !declared.external {
                reads.entry(field).or_insert(span);
            }
        }
        for (field, span) in reads {
            let trigger = facts.reached[vertex as usize]
                .then(|| silent_trigger(facts, vertex, field))
                .flatten();
            if let Some(trigger) = trigger {
                found.push(misread(facts, vertex, field, span, &trigger));
            }
        }
    }
}

fn misread(facts: &Facts<'_>, reader: Vertex, field: FieldRef, read: Span, trigger: &Edge) -> Diagnostic {
    let view = &facts.view;
    let declared = &facts.flow.fields[field.index()].name;
    let (name, by, from) = (&declared.text, view.name(reader), view.name(trigger.from));
    Diagnostic::warning(
        codes::state::EPHEMERAL_MISREAD,
        format!("`{by}` reads `{name}`, which is gone unless what comes right before it wrote it"),
    )
    .primary(read, "only visible in the step after the update")
    .label(
        trigger.span,
        format!("comes from `{from}`, which need not write it"),
    )
    .label(declared.span, "ephemeral")
    .help(format!(
        "update `{name}` in `{from}`, or make the field last by removing `ephemeral`"
    ))
}

/// An edge that triggers the vertex, through routes and joins, and brings no update of the field.
fn silent_trigger(facts: &Facts<'_>, vertex: Vertex, field: FieldRef) -> Option<Edge> {
    let view = &facts.view;
    let mut seen = BTreeSet::from([vertex]);
    let mut open = vec![vertex];
    while let Some(at) = open.pop() {
        for edge in view.ins(at).filter(|edge| facts.reached[edge.from as usize]) {
            if view.is_route(edge.from) || view.as_join(edge.from).is_some() {
                if seen.insert(edge.from) {
                    open.push(edge.from);
                }
            } else if edge.from == START || !brings(facts, edge, field) {
                return Some(*edge);
            }
        }
    }
    None
}

fn brings(facts: &Facts<'_>, edge: &Edge, field: FieldRef) -> bool {
    let Some(node) = facts.view.hir(edge.from) else {
        return false;
    };
    let in_body = site::updates(&node.body).any(|update| update.field == field);
    match facts.view.kind(edge) {
        WayKind::Error => false,
        WayKind::Timeout => node
            .on_timeout
            .iter()
            .flat_map(|way| site::updates(&way.updates))
            .any(|update| update.field == field),
        WayKind::Choice(index) => {
            let NodeKind::Wait(choices) = &node.kind else {
                return in_body;
            };
            let way = choices[index as usize].way.iter();
            in_body
                || way
                    .flat_map(|way| site::updates(&way.updates))
                    .any(|update| update.field == field)
        }
        _ => in_body && !matches!(node.kind, NodeKind::Interrupt { gate: Some(_), .. }),
    }
}
