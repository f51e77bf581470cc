//! Patterns → tests and bindings. What is done with a match lives in `expr` and `target`.

use flow_bytecode::{BinaryOp, Op, Reg};
use flow_diagnostics::Span;

use super::code::{Code, Jump};
use crate::hir::ConstValue;
use crate::hir::expr::{Local, Pattern, PatternKind};
use crate::types::{Ty, TyKind};

impl Code<'_, '_> {
    /// Tests `value` and binds the names of the pattern. The jumps are taken where it does not fit.
    pub(super) fn test(&mut self, pattern: &Pattern, value: Reg, ty: Ty) -> Vec<Jump> {
        let span = pattern.span;
        match &pattern.kind {
            PatternKind::Error | PatternKind::Any => Vec::new(),
            PatternKind::Value(ConstValue::Null) => vec![self.test_null(value, span)],
            PatternKind::Value(ConstValue::Case(case)) => vec![self.test_case(case, value, span)],
            PatternKind::Value(ConstValue::Variant(case, fields)) if fields.is_empty() => {
                vec![self.test_case(case, value, span)]
            }
            PatternKind::Value(other) => vec![self.compare(BinaryOp::Eq, value, other, span)],
            PatternKind::Range(low, high) => self.test_range(low.as_ref(), high.as_ref(), value, span),
            PatternKind::Variant(case, fields) => {
                let miss = self.test_case(case, value, span);
                self.bind_fields(case, fields, value, ty);
                vec![miss]
            }
            PatternKind::Or(choices) => self.test_any(choices, value, ty, span),
        }
    }

    fn test_null(&mut self, value: Reg, span: Span) -> Jump {
        let is_null = self.jump_if_null(value, span);
        let miss = self.jump(span);
        self.land(is_null);
        miss
    }

    fn test_case(&mut self, case: &str, value: Reg, span: Span) -> Jump {
        let dst = self.alloc();
        let name = self.generator.text(case);
        // A null is no case of anything; `IsVariant` says false for it.
        self.emit(Op::IsVariant { dst, a: value, name }, span);
        self.jump_if_not(dst, span)
    }

    /// A comparison with null would fail, so that a null misses before it is compared.
    fn test_range(
        &mut self,
        low: Option<&ConstValue>,
        high: Option<&ConstValue>,
        value: Reg,
        span: Span,
    ) -> Vec<Jump> {
        let mut misses = vec![self.jump_if_null(value, span)];
        if let Some(low) = low {
            misses.push(self.compare(BinaryOp::Ge, value, low, span));
        }
        if let Some(high) = high {
            misses.push(self.compare(BinaryOp::Le, value, high, span));
        }
        misses
    }

    fn compare(&mut self, op: BinaryOp, value: Reg, with: &ConstValue, span: Span) -> Jump {
        let b = self.alloc();
        self.load(with, b, span);
        self.emit(
            Op::Binary {
                op,
                dst: b,
                a: value,
                b,
            },
            span,
        );
        self.jump_if_not(b, span)
    }

    /// Each choice but the last jumps to the body when it fits.
    fn test_any(&mut self, choices: &[Pattern], value: Reg, ty: Ty, span: Span) -> Vec<Jump> {
        let Some((last, others)) = choices.split_last() else {
            return Vec::new();
        };
        let mut fits = Vec::new();
        for choice in others {
            let misses = self.test(choice, value, ty);
            fits.push(self.jump(span));
            self.land_all(misses);
        }
        let misses = self.test(last, value, ty);
        self.land_all(fits);
        misses
    }

    fn bind_fields(&mut self, case: &str, fields: &[(String, Local)], value: Reg, ty: Ty) {
        for (field, local) in fields {
            // The choices of an `a(x) | b(x)` bind the same name in the same register.
            let dst = self
                .locals
                .get(&local.id)
                .copied()
                .unwrap_or_else(|| self.alloc());
            let name = self.generator.text(field);
            let hint = self.case_position(ty, case, field);
            self.emit(
                Op::Field {
                    dst,
                    base: value,
                    name,
                    hint,
                },
                local.span,
            );
            self.locals.insert(local.id, dst);
        }
    }

    fn case_position(&self, ty: Ty, case: &str, field: &str) -> u16 {
        let types = &self.generator.program.types;
        let mut ty = crate::start::unrefined(types, ty);
        if let TyKind::Nullable(inner) = types.kind(ty) {
            ty = crate::start::unrefined(types, *inner);
        }
        let TyKind::Enum(declared) = types.kind(ty) else {
            return 0;
        };
        let fields = declared
            .variants
            .iter()
            .find(|(name, _)| name == case)
            .map(|(_, fields)| fields);
        fields
            .and_then(|all| all.iter().position(|f| f.name == field))
            .unwrap_or(0) as u16
    }
}
