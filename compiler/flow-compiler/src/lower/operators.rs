//! Operators: which types they take and what comes out.

use flow_bytecode::{BinaryOp, UnaryOp};
use flow_diagnostics::codes::types as codes;
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, BinaryOp as Written};

use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind};
use crate::types::{Ty, TyKind, with_article};

impl Lower<'_> {
    pub(super) fn unary(
        &mut self,
        cx: &mut Cx,
        op: ast::UnaryOp,
        operand: &ast::Expr,
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        if op == ast::UnaryOp::Not {
            let operand = self.condition(cx, operand);
            return Expr {
                kind: ExprKind::Unary(UnaryOp::Not, Box::new(operand)),
                ty: self.prim.bool,
                span,
            };
        }
        let operand = self.expr(cx, operand, want);
        let ty = self.bare(operand.ty);
        match (self.kind(ty), &operand.kind) {
            (TyKind::Int, ExprKind::Const(ConstValue::Int(n))) if *n != i64::MIN => Expr {
                kind: ExprKind::Const(ConstValue::Int(-n)),
                ty,
                span,
            },
            (TyKind::Float, ExprKind::Const(ConstValue::Float(x))) => Expr {
                kind: ExprKind::Const(ConstValue::Float(-x)),
                ty,
                span,
            },
            (TyKind::Int | TyKind::Float | TyKind::Duration, _) => Expr {
                kind: ExprKind::Unary(UnaryOp::Neg, Box::new(operand)),
                ty,
                span,
            },
            (TyKind::Error, _) => self.wrong(span),
            _ => {
                let shown = self.show(operand.ty);
                self.error(
                    codes::BAD_OPERANDS,
                    span,
                    format!("`-` does not work on `{shown}`"),
                    "",
                );
                self.wrong(span)
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        cx: &mut Cx,
        (op, op_span): (Written, Span),
        left: &ast::Expr,
        right: &ast::Expr,
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        match op {
            Written::And | Written::Or => self.logic(cx, (op == Written::And, op_span), (left, right), span),
            Written::Coalesce => self.coalesce(cx, left, right, want, span),
            Written::Eq | Written::Ne | Written::Lt | Written::Le | Written::Gt | Written::Ge
                if self.broken(op_span) =>
            {
                self.foreign_logic(cx, left, right, span)
            }
            Written::Eq | Written::Ne => self.equality(cx, (op, op_span), left, right, span),
            Written::In => self.contained(cx, left, right, span),
            Written::Lt | Written::Le | Written::Gt | Written::Ge => {
                let left = self.expr(cx, left, None);
                let right = self.expr(cx, right, None);
                self.order(cx, (op, op_span), left, right, span)
            }
            _ => {
                let hint = want.filter(|want| matches!(self.kind(*want), TyKind::List(_)));
                let left = self.expr(cx, left, hint);
                let right = self.expr(cx, right, hint);
                self.arithmetic(cx, (op, op_span), left, right, span)
            }
        }
    }

    /// `a && b`, `a < b < c`: the operator has been reported; what it takes in other languages is the same mistake.
    fn foreign_logic(&mut self, cx: &mut Cx, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        self.expr(cx, left, None);
        self.expr(cx, right, None);
        self.wrong(span)
    }

    fn logic(
        &mut self,
        cx: &mut Cx,
        (and, op_span): (bool, Span),
        (left, right): (&ast::Expr, &ast::Expr),
        span: Span,
    ) -> Expr {
        if self.broken(op_span) {
            return self.foreign_logic(cx, left, right, span);
        }
        let left = Box::new(self.condition(cx, left));
        let mark = cx.facts.len();
        self.learn(cx, &left, and);
        let right = Box::new(self.condition(cx, right));
        cx.facts.truncate(mark);
        let kind = if and {
            ExprKind::And(left, right)
        } else {
            ExprKind::Or(left, right)
        };
        Expr {
            kind,
            ty: self.prim.bool,
            span,
        }
    }

    fn coalesce(
        &mut self,
        cx: &mut Cx,
        left: &ast::Expr,
        right: &ast::Expr,
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        let left_want = want.map(|want| self.nullable(want));
        let left = self.expr(cx, left, left_want);
        let inner = match *self.kind(left.ty) {
            TyKind::Nullable(inner) => inner,
            TyKind::Error | TyKind::Null => left.ty,
            _ => {
                self.error(
                    codes::NEVER_NULL,
                    left.span,
                    "this is never null, so `??` changes nothing",
                    "",
                )
                .help = Some("leave `??` and what stands behind it away".into());
                left.ty
            }
        };
        let right = self.expr(cx, right, want.or(Some(inner)));
        let ty = if left.ty == self.prim.null {
            Some(right.ty)
        } else {
            want.or_else(|| self.common(inner, right.ty))
        };
        let Some(ty) = ty else {
            self.mismatch(right.ty, right.span, inner);
            return self.wrong(span);
        };
        let whole = self.nullable(ty);
        let left = self.fit(cx, left, whole);
        let right = self.fit(cx, right, ty);
        Expr {
            kind: ExprKind::Coalesce(Box::new(left), Box::new(right)),
            ty,
            span,
        }
    }

    fn equality(
        &mut self,
        cx: &mut Cx,
        (op, op_span): (Written, Span),
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Expr {
        if let Some(compared) = self.path_compared(cx, op == Written::Eq, (left, right), span) {
            return compared;
        }
        let first_right = !self.means_value(cx, left) && self.means_value(cx, right);
        let (a, b) = if first_right {
            let right = self.expr(cx, right, None);
            (self.expr(cx, left, Some(right.ty)), right)
        } else {
            let left = self.expr(cx, left, None);
            let hint = Some(left.ty).filter(|ty| *ty != self.prim.null);
            (left, self.expr(cx, right, hint))
        };
        let equal = op == Written::Eq;
        let null = |expr: &Expr| matches!(expr.kind, ExprKind::Const(ConstValue::Null));
        if null(&a) || null(&b) {
            let tested = if null(&a) { b } else { a };
            return self.null_test(tested, equal, span);
        }
        let Some(common) = self.common(a.ty, b.ty) else {
            if self.has_secret(a.ty) || self.has_secret(b.ty) {
                let kind = ExprKind::Binary(
                    if equal { BinaryOp::Eq } else { BinaryOp::Ne },
                    Box::new(a),
                    Box::new(b),
                );
                return Expr {
                    kind,
                    ty: self.prim.bool,
                    span,
                };
            }
            let always = if equal { "equal" } else { "anything but different" };
            let (x, y) = (self.show(a.ty), self.show(b.ty));
            let help = match (self.kind(self.core(a.ty)), self.kind(self.core(b.ty))) {
                (TyKind::Json, _) => Some(format!("narrow it first: `… as {y}`")),
                (_, TyKind::Json) => Some(format!("narrow it first: `… as {x}`")),
                _ => None,
            };
            let mut diagnostic =
                Diagnostic::new(codes::BAD_OPERANDS, format!("`{x}` and `{y}` are never {always}"))
                    .primary(op_span, "")
                    .label(a.span, format!("is `{x}`"))
                    .label(b.span, format!("is `{y}`"));
            diagnostic.help = help;
            self.report(diagnostic);
            return self.wrong_bool(span);
        };
        let (a, b) = (self.fit(cx, a, common), self.fit(cx, b, common));
        let kind = ExprKind::Binary(
            if equal { BinaryOp::Eq } else { BinaryOp::Ne },
            Box::new(a),
            Box::new(b),
        );
        Expr {
            kind,
            ty: self.prim.bool,
            span,
        }
    }

    /// `x == null`, or `x != null`.
    fn null_test(&mut self, tested: Expr, equal: bool, span: Span) -> Expr {
        if !matches!(
            self.kind(tested.ty),
            TyKind::Nullable(_) | TyKind::Null | TyKind::Error | TyKind::Json
        ) {
            let always = if equal { "false" } else { "true" };
            let message = format!("this is always {always}: the value is never null");
            self.error(codes::NEVER_NULL, span, message, "");
        }
        let test = Expr {
            kind: ExprKind::Unary(UnaryOp::IsNull, Box::new(tested)),
            ty: self.prim.bool,
            span,
        };
        if equal {
            return test;
        }
        Expr {
            kind: ExprKind::Unary(UnaryOp::Not, Box::new(test)),
            ty: self.prim.bool,
            span,
        }
    }

    /// Something wrong that would have been a `bool`.
    fn wrong_bool(&self, span: Span) -> Expr {
        self.wrong(span)
    }

    /// Whether an expression has a type without the help of its surroundings.
    fn means_value(&self, cx: &Cx, written: &ast::Expr) -> bool {
        match &written.unparen().kind {
            ast::ExprKind::Name(name) => {
                let flow = cx.flow.as_ref();
                cx.locals.iter().any(|bound| bound.local.name == name.name)
                    || flow.is_some_and(|flow| {
                        flow.fields.contains_key(&name.name) || flow.inputs.contains_key(&name.name)
                    })
                    || self.names.scopes[cx.module].values.contains_key(&name.name)
            }
            ast::ExprKind::List(_) | ast::ExprKind::Record(_) => false,
            ast::ExprKind::Call { callee, .. } => !matches!(callee.kind, ast::ExprKind::Name(_)),
            _ => true,
        }
    }

    fn contained(&mut self, cx: &mut Cx, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let right_first = !self.means_value(cx, left);
        let lowered = if right_first {
            None
        } else {
            Some(self.expr(cx, left, None))
        };
        let hint = lowered.as_ref().map(|left| left.ty).map(|ty| self.list_of(ty));
        let hint = hint.filter(|_| matches!(right.unparen().kind, ast::ExprKind::List(_)));
        let whole = self.expr(cx, right, hint);
        let want = match *self.kind(self.bare(whole.ty)) {
            TyKind::List(item) => item,
            TyKind::Map(_) | TyKind::String => self.prim.string,
            TyKind::Error => self.prim.error,
            TyKind::Nullable(_) => {
                self.error(codes::NULLABLE, whole.span, "this may be null", "")
                    .help = Some("say what stands for null: `… in (… ?? [])`".into());
                self.prim.error
            }
            _ => {
                let shown = self.show(whole.ty);
                self.error(
                    codes::BAD_OPERANDS,
                    whole.span,
                    format!("nothing is `in` {shown_is}", shown_is = with_article(&shown)),
                    "",
                )
                .help = Some("`in` looks into a list, the keys of a map, or a text".into());
                self.prim.error
            }
        };
        let part = match lowered {
            Some(part) => part,
            None => self.expr(cx, left, Some(want)),
        };
        let both = self.common(part.ty, want);
        if both.is_none() && want != self.prim.error {
            self.mismatch(part.ty, part.span, want);
            return self.wrong(span);
        }
        let part = if self.fits(part.ty, want) {
            self.fit(cx, part, want)
        } else {
            part
        };
        Expr {
            kind: ExprKind::Binary(BinaryOp::In, Box::new(part), Box::new(whole)),
            ty: self.prim.bool,
            span,
        }
    }

    fn order(
        &mut self,
        cx: &mut Cx,
        (op, op_span): (Written, Span),
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Expr {
        if left.ty == self.prim.error || right.ty == self.prim.error {
            return self.wrong(span);
        }
        let common = self.common(self.bare(left.ty), self.bare(right.ty));
        let sorted = common.is_some_and(|ty| self.is_ordered(ty));
        let Some(ty) = common.filter(|_| sorted) else {
            self.bad_operands((op, op_span), &left, &right);
            return self.wrong(span);
        };
        let (left, right) = (self.fit(cx, left, ty), self.fit(cx, right, ty));
        let kind = ExprKind::Binary(op_of(op), Box::new(left), Box::new(right));
        Expr {
            kind,
            ty: self.prim.bool,
            span,
        }
    }

    /// Whether `<` works on the type.
    pub(super) fn is_ordered(&self, ty: Ty) -> bool {
        matches!(
            self.kind(self.bare(ty)),
            TyKind::Int | TyKind::Float | TyKind::String | TyKind::Duration | TyKind::Time | TyKind::Never
        )
    }

    fn arithmetic(
        &mut self,
        cx: &mut Cx,
        (op, op_span): (Written, Span),
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Expr {
        let (a, b) = (self.bare(left.ty), self.bare(right.ty));
        if a == self.prim.error || b == self.prim.error {
            return self.wrong(span);
        }
        let prim = self.prim;
        let ty = match (op, self.kind(a), self.kind(b)) {
            (Written::Add, TyKind::Secret, TyKind::String | TyKind::Secret)
            | (Written::Add, TyKind::String, TyKind::Secret) => Some(prim.secret),
            (Written::Add, TyKind::String, TyKind::String) => Some(prim.string),
            (Written::Add, TyKind::List(_), TyKind::List(_)) => {
                let ty = self.common(a, b);
                if let Some(ty) = ty {
                    let (left, right) = (self.fit(cx, left, ty), self.fit(cx, right, ty));
                    return Expr {
                        kind: ExprKind::Binary(BinaryOp::Add, Box::new(left), Box::new(right)),
                        ty,
                        span,
                    };
                }
                None
            }
            (Written::Add | Written::Sub, TyKind::Time, TyKind::Duration) => Some(prim.time),
            (Written::Sub, TyKind::Time, TyKind::Time) => Some(prim.duration),
            (Written::Add | Written::Sub | Written::Rem, TyKind::Duration, TyKind::Duration) => {
                Some(prim.duration)
            }
            (Written::Div, TyKind::Duration, TyKind::Duration) => Some(prim.float),
            (Written::Mul | Written::Div, TyKind::Duration, TyKind::Int | TyKind::Float)
            | (Written::Mul, TyKind::Int | TyKind::Float, TyKind::Duration) => Some(prim.duration),
            (_, TyKind::Int, TyKind::Int) => Some(prim.int),
            (_, TyKind::Int | TyKind::Float, TyKind::Int | TyKind::Float) => {
                let (left, right) = (self.fit(cx, left, prim.float), self.fit(cx, right, prim.float));
                let kind = ExprKind::Binary(op_of(op), Box::new(left), Box::new(right));
                return Expr {
                    kind,
                    ty: prim.float,
                    span,
                };
            }
            _ => None,
        };
        let Some(ty) = ty else {
            self.bad_operands((op, op_span), &left, &right);
            return self.wrong(span);
        };
        Expr {
            kind: ExprKind::Binary(op_of(op), Box::new(left), Box::new(right)),
            ty,
            span,
        }
    }

    fn bad_operands(&mut self, (op, op_span): (Written, Span), left: &Expr, right: &Expr) {
        let (a, b) = (self.show(left.ty), self.show(right.ty));
        let nullable = [left, right]
            .into_iter()
            .find(|side| matches!(self.kind(side.ty), TyKind::Nullable(_)));
        let json = [left, right].into_iter().find(|side| side.ty == self.prim.json);
        let string = matches!(self.kind(self.bare(left.ty)), TyKind::String)
            || matches!(self.kind(self.bare(right.ty)), TyKind::String);
        if let Some(side) = nullable {
            let (shown, ty) = (
                self.project.sources.slice(side.span).to_string(),
                self.show(side.ty),
            );
            self.error(
                codes::NULLABLE,
                side.span,
                format!("`{shown}` may be null, and `{}` needs a value", op.as_str()),
                &format!("is `{ty}`"),
            )
            .help = Some(format!(
                "say what stands for null: `({shown} ?? …)`, or test `{shown} != null` before"
            ));
            return;
        }
        if let Some(side) = json {
            let other = if std::ptr::eq(side, left) { &b } else { &a };
            self.error(
                codes::JSON_AS_VALUE,
                side.span,
                "`json` has to be narrowed before it is used",
                "is `json`",
            )
            .help = Some(format!("write `(… as {other})`"));
            return;
        }
        let help = match op {
            Written::Add if string => Some("show values in a text: \"${…} …\"".to_string()),
            Written::Add | Written::Sub if a == "duration" || b == "duration" => {
                Some("give the number a unit: 10s, 5m, 2h".to_string())
            }
            _ => None,
        };
        let mut diagnostic = Diagnostic::new(
            codes::BAD_OPERANDS,
            format!("`{}` does not work on `{a}` and `{b}`", op.as_str()),
        )
        .primary(op_span, "")
        .label(left.span, format!("is `{a}`"))
        .label(right.span, format!("is `{b}`"));
        diagnostic.help = help;
        self.report(diagnostic);
    }
}

fn op_of(op: Written) -> BinaryOp {
    match op {
        Written::Add => BinaryOp::Add,
        Written::Sub => BinaryOp::Sub,
        Written::Mul => BinaryOp::Mul,
        Written::Div => BinaryOp::Div,
        Written::Rem => BinaryOp::Rem,
        Written::Lt => BinaryOp::Lt,
        Written::Le => BinaryOp::Le,
        Written::Gt => BinaryOp::Gt,
        Written::Ge => BinaryOp::Ge,
        Written::Ne => BinaryOp::Ne,
        Written::In => BinaryOp::In,
        Written::Eq | Written::And | Written::Or | Written::Coalesce => BinaryOp::Eq,
    }
}
