//! What a node reads and writes, with places. How the machine's own sets are made is in
//! `codegen::effects`.

use flow_diagnostics::Span;

use crate::hir::FieldRef;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::flow::{Node, NodeKind, Stmt, Update};

/// Calls `visit` for every field that the expression reads.
pub(super) fn reads_of(expr: &Expr, visit: &mut dyn FnMut(FieldRef, Span)) {
    expr.walk(&mut |e| {
        if let ExprKind::Field(field) = e.kind {
            visit(field, e.span);
        }
    });
}

/// Every read of a field in the node, in order.
pub(super) fn reads(node: &Node) -> Vec<(FieldRef, Span)> {
    let mut found = Vec::new();
    node.expressions(&mut |expr| reads_of(expr, &mut |field, span| found.push((field, span))));
    if let NodeKind::Send(groups) = &node.kind {
        let follows = groups
            .iter()
            .filter_map(|each| each.follow.map(|field| (field, each.list.span)));
        found.extend(
            follows
                .filter(|follow| !found.contains(follow))
                .collect::<Vec<_>>(),
        );
    }
    found
}

/// A write of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub(super) field: FieldRef,
    pub(super) overwrite: bool,
    pub(super) span: Span,
}

/// Every write in the node: its updates, those of its ways, and what its worker's command may touch.
pub(super) fn writes(node: &Node) -> Vec<Write> {
    let mut found: Vec<_> = updates(&node.body).map(write).collect();
    if let Some(way) = &node.on_timeout {
        found.extend(updates(&way.updates).map(write));
    }
    if let NodeKind::Wait(choices) = &node.kind {
        let ways = choices.iter().filter_map(|choice| choice.way.as_ref());
        found.extend(ways.flat_map(|way| updates(&way.updates)).map(write));
    }
    let listed = |overwrite| {
        move |(field, span): &(FieldRef, Span)| Write {
            field: *field,
            overwrite,
            span: *span,
        }
    };
    found.extend(node.may_update.iter().map(listed(false)));
    found.extend(node.may_overwrite.iter().map(listed(true)));
    found
}

/// The updates among statements.
pub(super) fn updates(body: &[Stmt]) -> impl Iterator<Item = &Update> {
    body.iter().filter_map(|stmt| match stmt {
        Stmt::Update(update) => Some(update),
        _ => None,
    })
}

fn write(update: &Update) -> Write {
    Write {
        field: update.field,
        overwrite: update.overwrite,
        span: update.span,
    }
}
