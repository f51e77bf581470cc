//! Lints about clauses of tasks: attempts without a time-out, an undo that is missing.

use flow_bytecode::Schedule;
use flow_diagnostics::{Diagnostic, codes};

use super::Facts;
use crate::hir::flow::{Call, Node, NodeKind};

/// Nodes that try again and again something that may never come back.
pub(super) fn no_timeout(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for node in &facts.flow.nodes {
        let (Some(call), Some(retry)) = (call(node), &node.retry) else {
            continue;
        };
        let worker = &facts.program.workers[call.worker.index()];
        let turn = matches!(&node.kind, NodeKind::Agent(agent) if agent.turn_timeout.is_some());
        if retry.attempts < 2 || node.timeout.is_some() || worker.timeout.is_some() || turn {
            continue;
        }
        found.push(
            Diagnostic::warning(
                codes::lints::NO_TIMEOUT,
                format!(
                    "`{}` has attempts and no timeout, so an attempt that hangs is never tried again",
                    node.name.text
                ),
            )
            .primary(retry.span, "only failures are tried again")
            .label(worker.name.span, "has no timeout either")
            .help("add `timeout 30s` to the node or to the worker"),
        );
    }
}

/// Tasks without undo in a flow where another has one. What runs `finally` runs after all undoing.
pub(super) fn undo_missing(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let Some(other) = facts.flow.nodes.iter().find(|node| node.undo.is_some()) else {
        return;
    };
    for node in &facts.flow.nodes {
        let NodeKind::Task(call) = &node.kind else {
            continue;
        };
        let is_last = node.schedule == Schedule::Finally;
        if node.undo.is_some() || is_last || facts.program.workers[call.worker.index()].readonly {
            continue;
        }
        found.push(
            Diagnostic::warning(
                codes::lints::UNDO_MISSING,
                format!("`{}` would not be undone when the run fails", node.name.text),
            )
            .primary(node.head, "has no `undo`")
            .label(other.head, "is undone")
            .help("add `undo W(…)`, or mark the worker `readonly` if it changes nothing"),
        );
    }
}

fn call(node: &Node) -> Option<&Call> {
    match &node.kind {
        NodeKind::Task(call) => Some(call),
        NodeKind::Agent(agent) => Some(&agent.call),
        _ => None,
    }
}
