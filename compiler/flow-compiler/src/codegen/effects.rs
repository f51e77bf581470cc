//! What a node reads before and when it settles, and what it may write in any way: by these sets
//! the machine knows what holds up what.

use std::collections::BTreeSet;

use flow_bytecode::FieldId;

use crate::hir::expr::{Expr, ExprKind};
use crate::hir::flow::{Each, Flow, Node, NodeKind, Stmt, WaitFor};
use crate::hir::walk;

/// Fields that the node reads: arguments, conditions, updates, targets and their arguments, and what
/// the flow's own error way reads where that takes the node's failures.
pub(super) fn reads(flow: &Flow, node: &Node) -> Vec<FieldId> {
    let mut found = BTreeSet::new();
    let mut gather = |expr: &Expr| {
        expr.walk(&mut |e| {
            if let ExprKind::Field(field) = e.kind {
                found.insert(FieldId(field.0));
            }
        });
    };
    node.expressions(&mut |expr| gather(expr));
    if node.on_error.is_none()
        && let Some(way) = &flow.on_error
    {
        walk::target(&way.target, &mut |expr| gather(expr));
    }
    if let NodeKind::Send(groups) = &node.kind {
        found.extend(
            groups
                .iter()
                .filter_map(|Each { follow, .. }| follow.map(|field| FieldId(field.0))),
        );
    }
    found.into_iter().collect()
}

/// Fields that the node may write: its updates, those of its time-out way and its choices, and
/// those that its worker's command may touch.
pub(super) fn writes(node: &Node) -> Vec<FieldId> {
    let mut found = BTreeSet::new();
    let mut gather = |body: &[Stmt]| {
        found.extend(body.iter().filter_map(|stmt| match stmt {
            Stmt::Update(update) => Some(FieldId(update.field.0)),
            _ => None,
        }));
    };
    gather(&node.body);
    if let Some(way) = &node.on_timeout {
        gather(&way.updates);
    }
    if let NodeKind::Wait(choices) = &node.kind {
        choices
            .iter()
            .filter_map(|WaitFor { way, .. }| way.as_ref())
            .for_each(|way| gather(&way.updates));
    }
    let listed = node.may_update.iter().chain(&node.may_overwrite);
    found.extend(listed.map(|(field, _)| FieldId(field.0)));
    found.into_iter().collect()
}
