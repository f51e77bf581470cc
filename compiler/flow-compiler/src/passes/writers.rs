//! Nodes that can run at the same time and must not: two writers, two overwrites, and a node that
//! is started twice. What can run at the same time is found in `together`.

use std::collections::BTreeMap;

use flow_bytecode::Policy;
use flow_diagnostics::{Diagnostic, Edit, Span, codes};

use super::graph_view::{Edge, WayKind};
use super::site::{self, Write};
use super::{Facts, Verdict};
use crate::hir::flow::Reducer;
use crate::hir::{FieldRef, NodeRef};

/// Two nodes, or a node and itself, that both write one `last_value` field or overwrite one field.
pub(super) fn two_writers(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut plain: BTreeMap<FieldRef, Vec<(NodeRef, Write)>> = BTreeMap::new();
    let mut over: BTreeMap<FieldRef, Vec<(NodeRef, Write)>> = BTreeMap::new();
    for (index, node) in facts.flow.nodes.iter().enumerate() {
        for write in site::writes(node) {
            let last_value = facts.flow.fields[write.field.index()].reducer == Reducer::LastValue;
            let of = if last_value { &mut plain } else { &mut over };
            let writers = of.entry(write.field).or_default();
            let counted = last_value || write.overwrite;
            if counted && writers.last().is_none_or(|(last, _)| last.index() != index) {
                writers.push((NodeRef(index as u32), write));
            }
        }
    }
    for (field, writers) in &plain {
        conflicts(facts, *field, writers, false, found);
    }
    for (field, writers) in &over {
        conflicts(facts, *field, writers, true, found);
    }
}

/// The later of two is reported once, with the first that it meets.
fn conflicts(
    facts: &Facts<'_>,
    field: FieldRef,
    writers: &[(NodeRef, Write)],
    overwrites: bool,
    found: &mut Vec<Diagnostic>,
) {
    let places: BTreeMap<NodeRef, usize> = writers
        .iter()
        .enumerate()
        .map(|(place, (node, _))| (*node, place))
        .collect();
    for (index, (node, write)) in writers.iter().enumerate() {
        let beside = facts.together().beside(facts.view.node(*node));
        let others = beside.filter_map(|vertex| facts.view.as_node(vertex));
        let mut places: Vec<usize> = others
            .filter_map(|other| places.get(&other).copied().filter(|place| *place <= index))
            .collect();
        places.sort_unstable();
        let races = |place: &usize| facts.race(facts.view.node(*node), facts.view.node(writers[*place].0));
        let sure = places.iter().find(|place| races(place) == Verdict::Yes);
        let perhaps = || places.iter().find(|place| races(place) == Verdict::Perhaps);
        if let Some(first) = sure.or_else(perhaps) {
            let (other, first) = &writers[*first];
            let told = conflict(facts, field, (*node, write), (*other, first), overwrites);
            found.push(if sure.is_some() { told } else { untold(told) });
        }
    }
}

/// The same finding, where it is not certain.
pub(super) fn untold(mut found: Diagnostic) -> Diagnostic {
    let message = format!("cannot tell for certain, but it seems that {}", found.message);
    let mut told = Diagnostic::warning(codes::graph::CANNOT_TELL, message);
    told.labels = std::mem::take(&mut found.labels);
    told.help = Some("close each fork by one join, so that the order can be proven".to_owned());
    told
}

fn conflict(
    facts: &Facts<'_>,
    field: FieldRef,
    (node, write): (NodeRef, &Write),
    (other, first): (NodeRef, &Write),
    overwrites: bool,
) -> Diagnostic {
    let flow = facts.flow;
    let name = &flow.fields[field.index()].name.text;
    let (later, earlier) = (
        &flow.nodes[node.index()].name.text,
        &flow.nodes[other.index()].name.text,
    );
    let (code, does) = if overwrites {
        (codes::state::TWO_OVERWRITES, "overwrite")
    } else {
        (codes::state::TWO_WRITERS, "write")
    };
    let help = if overwrites {
        format!("send an update with `{name} <- …` in one of them, or let one wait for the other")
    } else {
        format!(
            "give `{name}` a reducer that can merge both, such as `by append`, or let one wait for the other"
        )
    };
    let declared = flow.fields[field.index()].name.span;
    if node == other {
        return Diagnostic::error(
            code,
            format!("`{later}` can run several times at once, and each would {does} `{name}`"),
        )
        .primary(write.span, format!("every activation of `{later}` {does}s it"))
        .label(declared, "holds one value")
        .help(
            help.replace(" in one of them", "")
                .replace("let one wait for the other", "start it once"),
        );
    }
    Diagnostic::error(
        code,
        format!("`{earlier}` and `{later}` can run at the same time, and both {does} `{name}`"),
    )
    .primary(write.span, format!("`{later}` {does}s it here"))
    .label(first.span, format!("`{earlier}` {does}s it here"))
    .label(declared, "declared here")
    .help(help)
}

/// Nodes with two arrows that fire in activations of which neither waits for the other.
pub(super) fn started_twice(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let view = &facts.view;
    for (index, node) in facts.flow.nodes.iter().enumerate() {
        let vertex = view.node(NodeRef(index as u32));
        if view.is_deferred(vertex) {
            continue;
        }
        let arrows: Vec<&Edge> = view.ins(vertex).filter(|edge| is_plain(facts, edge)).collect();
        let meet = |a: &Edge, b: &Edge| a.from != b.from && facts.race(a.from, b.from) == Verdict::Yes;
        let pairs = arrows
            .iter()
            .enumerate()
            .skip(1)
            .find_map(|(later, b)| arrows[..later].iter().find(|a| meet(a, b)).map(|a| (*a, *b)));
        let Some((first, second)) = pairs else { continue };
        let name = &node.name.text;
        let sources: Vec<_> = [first, second].iter().map(|edge| view.name(edge.from)).collect();
        let list = sources.join(", ");
        let mut report = Diagnostic::warning(codes::graph::STARTED_TWICE, format!("`{name}` is started twice, after `{}` and after `{}`", sources[0], sources[1]))
            .primary(node.head, "runs once per arrow")
            .label(first.span, "starts it")
            .label(second.span, "starts it as well, at the same time")
            .help(format!("write `[{list}] -> {name}` to run it once, after both, or `each of [{list}] -> {name}` if twice is meant"));
        if let Some(edits) = rewrite(facts, first, second, &format!("[{list}] -> {name}")) {
            report = report.fix_all(format!("wait for both: `[{list}] -> {name}`"), edits);
        }
        found.push(report);
    }
}

fn is_plain(facts: &Facts<'_>, edge: &Edge) -> bool {
    let view = &facts.view;
    let each = |join: u32| facts.flow.joins[join as usize].policy == Policy::Each;
    view.kind(edge) == WayKind::Arrows && !view.as_join(edge.from).is_some_and(each)
}

/// Takes the first arrow away and puts the join where the second stood; what leads up to them, and
/// what goes on behind, stays. Only where neither is in a bracket, so that nothing else hangs on the
/// text.
fn rewrite(facts: &Facts<'_>, first: &Edge, second: &Edge, join: &str) -> Option<Vec<Edit>> {
    let (away, kept) = (plain_arrow(facts, first)?, plain_arrow(facts, second)?);
    let (source, target) = (facts.view.name(first.from), facts.view.name(first.to));
    let text = match (away.led_to, away.goes_on) {
        (true, true) => format!("{source}\n  {target}"),
        (true, false) => source.to_owned(),
        (false, true) => target.to_owned(),
        (false, false) => String::new(),
    };
    let joined = if kept.led_to {
        format!("{}\n  {join}", facts.view.name(second.from))
    } else {
        join.to_owned()
    };
    let (first, second) = (first.span, second.span);
    Some(vec![
        Edit { span: first, text },
        Edit {
            span: second,
            text: joined,
        },
    ])
}

/// How an arrow stands in its chain.
struct InChain {
    /// Another arrow leads to its source.
    led_to: bool,
    /// Another arrow leaves its target.
    goes_on: bool,
}

/// How the arrow stands; none where it cannot be taken out.
fn plain_arrow(facts: &Facts<'_>, edge: &Edge) -> Option<InChain> {
    let flow = facts.flow;
    facts.view.as_node(edge.from)?;
    let arrow = flow.arrows.iter().find(|arrow| arrow.span == edge.span)?;
    let shares = |span: Span| span != arrow.span && span.file == arrow.span.file;
    let others = || {
        flow.arrows
            .iter()
            .map(|other| other.span)
            .filter(|span| shares(*span))
    };
    let target = arrow.to.span;
    let goes_on = others().any(|other| other.start == target.start);
    let in_bracket = flow.joins.iter().any(|join| join.bracket.contains(arrow.span));
    let forked = others().any(|other| other.contains(arrow.span));
    let overlaps =
        |other: Span| shares(other) && other.start < arrow.span.start && arrow.span.start < other.end;
    let led_to = others().any(overlaps) || flow.joins.iter().any(|join| overlaps(join.span));
    (!in_bracket && !forked).then_some(InChain { led_to, goes_on })
}

/// Flows of which not everything that runs together could be looked at.
pub(super) fn cannot_tell(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if facts.asked_together() && !facts.together().is_complete() {
        found.push(
            Diagnostic::warning(
                codes::graph::CANNOT_TELL,
                format!(
                    "`{}` runs too much at the same time to look at all of it",
                    facts.flow.name.text
                ),
            )
            .primary(
                facts.flow.name.span,
                "two writers or a second start may go unseen here",
            )
            .help("start many items by a `send`, or split the flow into subgraphs"),
        );
    }
}
