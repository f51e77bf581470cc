//! What is known about null: after `x != null`, `x` is there, as long as `x` is a name.

use flow_bytecode::UnaryOp;

use super::{Cx, Lower};
use crate::hir::FieldRef;
use crate::hir::expr::{Expr, ExprKind, LocalId};

/// A name whose value may be known not to be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Local(LocalId),
    Field(FieldRef),
    Input(u32),
    Config(u32),
}

impl Lower<'_> {
    /// Adds to the context what holds where a condition turned out as `truth`.
    #[expect(clippy::self_only_used_in_recursion, reason = "a method like its neighbours")]
    pub(super) fn learn(&self, cx: &mut Cx, cond: &Expr, truth: bool) {
        match &cond.kind {
            ExprKind::Unary(UnaryOp::Not, inner) => self.learn(cx, inner, !truth),
            ExprKind::Unary(UnaryOp::IsNull, inner) if !truth => {
                if let Some(place) = place_of(inner) {
                    cx.facts.push(place);
                }
            }
            ExprKind::And(a, b) if truth => {
                self.learn(cx, a, true);
                self.learn(cx, b, true);
            }
            ExprKind::Or(a, b) if !truth => {
                self.learn(cx, a, false);
                self.learn(cx, b, false);
            }
            _ => {}
        }
    }
}

/// The name that an expression is, if it is one.
pub(crate) fn place_of(expr: &Expr) -> Option<Place> {
    match expr.kind {
        ExprKind::Local(id) => Some(Place::Local(id)),
        ExprKind::Field(field) => Some(Place::Field(field)),
        ExprKind::Input(index) => Some(Place::Input(index)),
        ExprKind::Config(index) => Some(Place::Config(index)),
        _ => None,
    }
}
