//! Only the root of a mistake is reported: findings of the passes that may follow from something that could not
//! be lowered are left out. Which findings those are is here; how they are made is in `passes`.

use flow_diagnostics::codes::{graph, names, state, syntax};
use flow_diagnostics::{Code, Diagnostic, Span};
use flow_grammar::ast::{FlowEntry, Item};

use crate::project::Project;

/// Findings that need every expression of a flow to be known.
const NEED_EXPRESSIONS: &[Code] = &[
    state::NEVER_READ,
    state::NEVER_WRITTEN,
    state::EPHEMERAL_MISREAD,
    state::READ_BEFORE_WRITTEN,
    graph::EVENT_UNHEARD,
    graph::STUCK_CYCLE,
];

/// What the passes found, without what may follow from `before`: of a flow whose drawing could not be read
/// nothing, of one with another mistake nothing that needs every expression.
pub(crate) fn of(project: &Project, before: &[Diagnostic], found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let flows = flows_with_mistakes(project, before);
    found
        .into_iter()
        .filter(|finding| {
            let Some(at) = finding.span() else { return true };
            let inside = flows.iter().find(|(flow, _)| flow.contains(at));
            inside.is_none_or(|(_, drawing)| !drawing && !NEED_EXPRESSIONS.contains(&finding.code))
        })
        .collect()
}

/// The flows with errors in them, and whether their drawing is among what could not be read.
fn flows_with_mistakes(project: &Project, before: &[Diagnostic]) -> Vec<(Span, bool)> {
    let mut flows = Vec::new();
    let errors: Vec<(Span, Code)> = before
        .iter()
        .filter(|found| found.is_error())
        .filter_map(|found| Some((found.span()?, found.code)))
        .collect();
    for item in project.modules.iter().flat_map(|module| &module.ast.items) {
        let Item::Flow(flow) = item else { continue };
        let inside: Vec<&(Span, Code)> = errors
            .iter()
            .filter(|(span, _)| flow.span.contains(*span))
            .collect();
        if inside.is_empty() {
            continue;
        }
        let lost = flow
            .entries
            .iter()
            .any(|entry| matches!(entry, FlowEntry::Error(_)));
        let edges: Vec<Span> = flow.edges().map(|chain| chain.span).collect();
        let drawing = inside.iter().any(|(span, code)| {
            let edge = edges
                .iter()
                .any(|edge| edge.contains(*span) || span.contains(*edge));
            *code == names::UNKNOWN_NODE || *code == syntax::ARROW_MISUSE || edge
        });
        flows.push((flow.span, lost || drawing));
    }
    flows
}
