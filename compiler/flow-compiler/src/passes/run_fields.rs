//! Properties of `run` that say nothing where they stand: `run.attempt` in what is evaluated once for all
//! attempts, `run.outcome` before there is one. That a property exists is proven where HIR is made.

use flow_bytecode::{RunField, Schedule};
use flow_diagnostics::{Diagnostic, Span, codes};

use super::Facts;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::flow::{Call, Node, NodeKind};
use crate::hir::walk;

/// `run.attempt` and `run.outcome` out of place.
pub(super) fn out_of_place(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for node in &facts.flow.nodes {
        once(node, &mut |expr, what| attempt(expr, what, found));
        if node.schedule != Schedule::Finally {
            node.expressions(&mut |expr| outcome(expr, found));
        }
    }
    if let Some(way) = &facts.flow.on_error {
        walk::target(&way.target, &mut |expr| outcome(expr, found));
    }
    if let Some(result) = &facts.flow.result {
        outcome(result, found);
    }
}

/// Calls `visit` for what a node evaluates once, before its first attempt or after its last, and what that is.
fn once<'p>(node: &'p Node, visit: &mut dyn FnMut(&'p Expr, &'static str)) {
    let call: fn(&Call) -> &[(String, Expr)] = |call| &call.args;
    let args = match &node.kind {
        NodeKind::Task(task) => call(task),
        NodeKind::Agent(agent) => call(&agent.call),
        NodeKind::Subgraph { args, .. } => args,
        _ => &[],
    };
    let next = match &node.kind {
        NodeKind::Agent(agent) => agent.next.as_deref().unwrap_or(&[]),
        _ => &[],
    };
    for (_, value) in args.iter().chain(next) {
        visit(value, "the arguments of a call");
    }
    if let Some((_, Some(by))) = &node.cache {
        visit(by, "the key of a `cache`");
    }
    for (key, _) in &node.locks {
        visit(key, "the name of a `lock`");
    }
    for (_, value) in node.undo.iter().flat_map(call) {
        visit(value, "the arguments of `undo`");
    }
}

fn attempt(expr: &Expr, what: &str, found: &mut Vec<Diagnostic>) {
    for span in places(expr, RunField::Attempt) {
        found.push(
            Diagnostic::new(
                codes::types::RUN_FIELD_PLACE,
                format!("`run.attempt` cannot stand in {what}"),
            )
            .primary(span, "evaluated once for all attempts")
            .help("use it in `ensure` or an update: those are evaluated for each attempt"),
        );
    }
}

fn outcome(expr: &Expr, found: &mut Vec<Diagnostic>) {
    for span in places(expr, RunField::Outcome) {
        found.push(
            Diagnostic::new(
                codes::types::RUN_FIELD_PLACE,
                "`run.outcome` is known only when the run has ended",
            )
            .primary(span, "not known yet")
            .help("read it in a `finally` node, which runs once however the run ends"),
        );
    }
}

fn places(expr: &Expr, wanted: RunField) -> Vec<Span> {
    let mut places = Vec::new();
    expr.walk(&mut |e| match e.kind {
        ExprKind::Run(field) if field == wanted => places.push(e.span),
        _ => {}
    });
    places
}
