//! Values that have to be known at compile time: constants, defaults, limits, durations of clauses.

use flow_diagnostics::codes::{names as name_codes, types as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast;

use super::eval::{MAX_CALLS, Stop};
use super::{Cx, Lower, name};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::{ConstItem, ConstValue};
use crate::types::Ty;

/// How far a constant is.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Waiting,
    Open,
    Done(Ty, Option<ConstValue>),
}

impl Lower<'_> {
    /// Evaluates a declared constant when it is first needed.
    pub(super) fn const_value(&mut self, index: u32) -> Option<(Ty, ConstValue)> {
        let item = self.names.consts[index as usize];
        match &self.const_slots[index as usize] {
            Slot::Done(ty, value) => return value.clone().map(|value| (*ty, value)),
            Slot::Open => {
                let span = item.decl.name.span;
                let message = format!("the value of `{}` needs itself", item.decl.name);
                self.error(name_codes::RECURSIVE_CONST, span, message, "would never be known");
                return None;
            }
            Slot::Waiting => {}
        }
        if self.depth >= MAX_CALLS {
            self.too_deep.get_or_insert(item.decl.name.span);
            return None;
        }
        self.depth += 1;
        self.const_slots[index as usize] = Slot::Open;
        let cx = Cx::new(item.module);
        let ty = self.ty(&cx, &item.decl.ty);
        let value = self.constant(&cx, &item.decl.value, ty);
        self.depth -= 1;
        self.const_slots[index as usize] = Slot::Done(ty, value.clone());
        self.program.consts.push(ConstItem {
            name: name(&item.decl.name),
            ty,
            value: value.clone(),
        });
        value.map(|value| (ty, value))
    }

    /// Of an evaluation that was given up, says so; of a circle of functions that is said already.
    pub(super) fn report_depth(&mut self) {
        if let (Some(span), false) = (self.too_deep, self.recursive) {
            let message = format!("constants and functions need each other more than {MAX_CALLS} deep");
            self.error(codes::CONST_FAULT, span, message, "given up here");
        }
    }

    /// A constant where it is read.
    pub(super) fn const_expr(&mut self, index: u32, span: Span) -> Expr {
        match self.const_value(index) {
            Some((ty, value)) => Expr {
                kind: ExprKind::Const(value),
                ty,
                span,
            },
            None => self.wrong(span),
        }
    }

    /// The value of an expression that has to be known at compile time, of the given type.
    pub(super) fn constant(&mut self, cx: &Cx, written: &ast::Expr, ty: Ty) -> Option<ConstValue> {
        let mut inner = Cx::new(cx.module);
        inner.type_params = std::rc::Rc::clone(&cx.type_params);
        let before = self.out.len();
        let value = self.check(&mut inner, written, ty);
        self.known_later(before, |name| {
            let local = cx.locals.iter().any(|bound| bound.local.name == name);
            let flow = cx.flow.as_ref();
            local || flow.is_some_and(|flow| flow.declared.contains_key(name))
        });
        self.known_value(&value)
    }

    /// Of names that nobody knows at compile time but that are known when it runs, says that.
    pub(super) fn known_later(&mut self, from: usize, known: impl Fn(&str) -> bool) {
        let project = self.project;
        for found in &mut self.out[from..] {
            let Some(at) = found.span() else { continue };
            let name = project.sources.slice(at);
            if found.code == name_codes::UNKNOWN_NAME && known(name) {
                *found = Diagnostic::new(
                    codes::NOT_CONSTANT,
                    format!("this has to be known at compile time, and `{name}` is only known when it runs"),
                )
                .primary(at, "")
                .help(format!(
                    "write a value or a constant here; a field gets what is in `{name}` in the first node, with `field <- {name}`"
                ));
            }
        }
    }

    /// The value of a lowered expression; says why there is none.
    pub(super) fn known_value(&mut self, value: &Expr) -> Option<ConstValue> {
        match self.eval(value) {
            Ok(known) => Some(known),
            Err(Stop::Silent) => None,
            Err(Stop::Fault(message, span)) => {
                self.error(
                    codes::CONST_FAULT,
                    span,
                    message,
                    "while computing this at compile time",
                );
                None
            }
            Err(Stop::Unknown(what, span)) => {
                self.error(
                    codes::NOT_CONSTANT,
                    span,
                    format!("this has to be known at compile time, and {what}"),
                    "",
                );
                None
            }
        }
    }

    /// A duration that has to be known and positive, in nanoseconds.
    pub(super) fn known_duration(&mut self, cx: &Cx, written: &ast::Expr) -> Option<i64> {
        match self.constant(cx, written, self.prim.duration)? {
            ConstValue::Duration(nanos) if nanos > 0 => Some(nanos),
            _ => {
                self.error(
                    codes::REFINEMENT,
                    written.span,
                    "a duration longer than nothing belongs here",
                    "",
                );
                None
            }
        }
    }

    /// A count that has to be known and positive.
    pub(super) fn known_count(&mut self, cx: &Cx, written: &ast::Expr) -> Option<i64> {
        match self.constant(cx, written, self.prim.int)? {
            ConstValue::Int(n) if n > 0 => Some(n),
            ConstValue::Int(n) => {
                self.error(
                    codes::REFINEMENT,
                    written.span,
                    format!("{n} is too small"),
                    "1 is the least",
                );
                None
            }
            _ => None,
        }
    }
}
