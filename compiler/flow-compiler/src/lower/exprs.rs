//! Expressions: names, fields, indices, conditions, casts. Literals, operators, calls and methods have
//! files of their own.

use flow_diagnostics::codes::{lints, names as name_codes, types as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, ExprKind as Ast, LitKind};

use super::facts::Place;
use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind};
use crate::names::{Space, Symbol, nearest};
use crate::types::{Ty, TyKind, with_article};

impl Lower<'_> {
    /// Lowers an expression. `want` is what the surroundings expect; the result may still be of another type.
    pub(super) fn expr(&mut self, cx: &mut Cx, written: &ast::Expr, want: Option<Ty>) -> Expr {
        let span = written.span;
        match &written.kind {
            Ast::Error => self.wrong(span),
            Ast::Paren(inner) => Expr {
                span,
                ..self.expr(cx, inner, want)
            },
            Ast::Literal(literal) => self.literal(*literal, span),
            Ast::Str(text) => self.string(cx, text),
            Ast::Name(name) => self.name_expr(cx, name, want),
            Ast::List(items) => self.list(cx, items, want, span),
            Ast::Record(entries) => self.braces(cx, entries, want, span),
            Ast::Field { base, name, optional } => self.field(cx, base, name, *optional, span),
            Ast::Index { base, index } => self.index(cx, base, index, span),
            Ast::Call { callee, args } => self.call(cx, callee, args, want, span),
            Ast::Unary { op, operand, .. } => self.unary(cx, *op, operand, want, span),
            Ast::Binary {
                op,
                op_span,
                left,
                right,
            } => self.binary(cx, (*op, *op_span), left, right, want, span),
            Ast::If {
                cond,
                then,
                otherwise,
            } => self.if_expr(cx, (cond, then, otherwise), want, span),
            Ast::Match { subject, arms } => self.match_expr(cx, subject, arms, want, span),
            Ast::Lambda { .. } => {
                self.error(codes::LAMBDA, span, "a function cannot be a value here", "")
                    .help = Some(
                    "`x => …` stands only as an argument of a method or of a parameter typed `(T) -> U`"
                        .into(),
                );
                self.wrong(span)
            }
            Ast::As { value, ty } => self.cast(cx, value, ty, span),
        }
    }

    /// A condition: a `bool`.
    pub(super) fn condition(&mut self, cx: &mut Cx, written: &ast::Expr) -> Expr {
        let cond = self.expr(cx, written, Some(self.prim.bool));
        if let TyKind::Nullable(_) = self.kind(cond.ty) {
            let text = self.project.sources.slice(written.span).to_string();
            self.error(
                codes::MISMATCH,
                written.span,
                "a condition is a `bool`, and this may be null",
                "",
            )
            .help = Some(format!("write what is meant: `{text} != null`"));
            return self.wrong(written.span);
        }
        self.fit(cx, cond, self.prim.bool)
    }

    fn literal(&self, literal: LitKind, span: Span) -> Expr {
        let (value, ty) = match literal {
            LitKind::Null => (ConstValue::Null, self.prim.null),
            LitKind::Bool(b) => (ConstValue::Bool(b), self.prim.bool),
            LitKind::Int(n) | LitKind::Size(n) => (ConstValue::Int(n), self.prim.int),
            LitKind::Float(x) => (ConstValue::Float(x), self.prim.float),
            LitKind::Duration(d) => (ConstValue::Duration(d), self.prim.duration),
        };
        Expr {
            kind: ExprKind::Const(value),
            ty,
            span,
        }
    }

    fn name_expr(&mut self, cx: &mut Cx, name: &ast::Ident, want: Option<Ty>) -> Expr {
        if let Some(want) = want {
            let core = self.core(want);
            if let Some(found) = self.variant_value(core, &name.name, name.span) {
                self.maybe_meant_value(cx, name, core);
                return found;
            }
        }
        if let Some(found) = self.value(cx, name) {
            return found;
        }
        match self.bare_variant(cx, name) {
            Some(found) => found,
            None => self.unknown_name(cx, name, want),
        }
    }

    /// A local, a field, a parameter of the flow or a constant of this name.
    fn value(&mut self, cx: &mut Cx, name: &ast::Ident) -> Option<Expr> {
        let span = name.span;
        if let Some(bound) = cx
            .locals
            .iter_mut()
            .rev()
            .find(|bound| bound.local.name == name.name)
        {
            bound.used = true;
            let (id, ty) = (bound.local.id, bound.local.ty);
            return Some(self.known(cx, ExprKind::Local(id), Place::Local(id), ty, span));
        }
        if let Some(flow) = cx.flow.clone() {
            if let Some((field, ty)) = flow.fields.get(&name.name).copied() {
                return Some(self.known(cx, ExprKind::Field(field), Place::Field(field), ty, span));
            }
            if let Some((index, ty)) = flow.inputs.get(&name.name).copied() {
                return Some(self.known(cx, ExprKind::Input(index), Place::Input(index), ty, span));
            }
        }
        match self.find(cx.module, Space::Values, &name.name)? {
            Symbol::Const(index) => Some(self.const_expr(index, span)),
            _ => Some(self.wrong(span)),
        }
    }

    /// A name, without its `?` where it is known to be there.
    pub(super) fn known(&self, cx: &Cx, kind: ExprKind, place: Place, ty: Ty, span: Span) -> Expr {
        let ty = match self.kind(ty) {
            TyKind::Nullable(inner) if cx.facts.contains(&place) => *inner,
            _ => ty,
        };
        Expr { kind, ty, span }
    }

    fn unknown_name(&mut self, cx: &Cx, name: &ast::Ident, want: Option<Ty>) -> Expr {
        let span = name.span;
        match name.name.as_str() {
            "it" => {
                self.error(name_codes::UNKNOWN_NAME, span, "there is no `it` here", "")
                    .help = Some("`it` is the value that a type's `where` is about".into());
                return self.wrong(span);
            }
            "run" | "config" | "secret" | "state" => {
                self.error(
                    name_codes::WRONG_KIND,
                    span,
                    format!("`{name}` is not a value by itself"),
                    "",
                )
                .help = Some(format!("name what you want of it: `{name}.…`"));
                return self.wrong(span);
            }
            _ => {}
        }
        if let Some(symbol) = self.find(cx.module, Space::Callables, &name.name) {
            if symbol != Symbol::Unknown {
                self.error(
                    name_codes::WRONG_KIND,
                    span,
                    format!("`{name}` is called, not read"),
                    "",
                )
                .help = Some(match symbol {
                    Symbol::Fn(_) => format!("write `{name}(…)`"),
                    _ => format!("in a task: call {name}(…) as reply"),
                });
            }
            return self.wrong(span);
        }
        if let Some(TyKind::Enum(decl)) = want.map(|want| self.kind(self.core(want)).clone()) {
            let known: Vec<&str> = decl.variants.iter().map(|(name, _)| name.as_str()).collect();
            self.unknown_variant(&decl.name, &known, name);
            return self.wrong(span);
        }
        if cx.hidden.contains(&name.name) {
            let message = format!("there is no `{name}` here");
            self.error(name_codes::UNKNOWN_NAME, span, message, "is bound inside the node").help = Some(
                "this clause sees parameters of the node, fields, inputs and constants, but no `let` and no reply of the node".into(),
            );
            return self.wrong(span);
        }
        let known = self.visible(cx);
        let foreign = match name.name.as_str() {
            "True" | "TRUE" => Some("true"),
            "False" | "FALSE" => Some("false"),
            "None" | "nil" | "undefined" | "NULL" | "Null" => Some("null"),
            _ => None,
        };
        let near = foreign.or_else(|| nearest(&name.name, known.iter().map(String::as_str)));
        let near = near.map(str::to_string);
        let mut diagnostic = Diagnostic::new(name_codes::UNKNOWN_NAME, format!("there is no `{name}` here"))
            .primary(span, "unknown");
        if let Some(near) = near {
            diagnostic =
                diagnostic
                    .help(format!("did you mean `{near}`?"))
                    .fix(format!("write `{near}`"), span, near);
        } else if self.names.scopes[cx.module].types.contains_key(&name.name) {
            diagnostic = diagnostic.help(format!("`{name}` is a type, not a value"));
        }
        self.report(diagnostic);
        self.wrong(span)
    }

    fn visible(&self, cx: &Cx) -> Vec<String> {
        let mut all: Vec<String> = cx
            .locals
            .iter()
            .rev()
            .map(|bound| bound.local.name.clone())
            .collect();
        if let Some(flow) = &cx.flow {
            all.extend(flow.fields.keys().chain(flow.inputs.keys()).cloned());
        }
        let scope = &self.names.scopes[cx.module];
        all.extend(
            scope
                .values
                .keys()
                .chain(scope.variants.keys())
                .chain(scope.callables.keys())
                .cloned(),
        );
        all
    }

    /// Says so when a bare name is a variant because one is expected, but also names a value.
    fn maybe_meant_value(&mut self, cx: &Cx, name: &ast::Ident, enum_ty: Ty) {
        let local = cx.locals.iter().rev().find(|bound| bound.local.name == name.name);
        let ty = match (local, &cx.flow) {
            (Some(bound), _) => Some(bound.local.ty),
            (None, Some(flow)) => {
                let field = flow.fields.get(&name.name).map(|(_, ty)| *ty);
                field.or_else(|| flow.inputs.get(&name.name).map(|(_, ty)| *ty))
            }
            _ => None,
        };
        if ty.is_some_and(|ty| self.core(ty) == enum_ty) {
            let owner = self.show(enum_ty);
            self.error(
                lints::VARIANT_OR_VALUE,
                name.span,
                format!("`{name}` is the variant of `{owner}` here, not the value of that name"),
                "",
            )
            .help = Some(format!(
                "write `{owner}.{name}` to show that the variant is meant"
            ));
        }
    }

    fn field(
        &mut self,
        cx: &mut Cx,
        base: &ast::Expr,
        name: &ast::Ident,
        optional: bool,
        span: Span,
    ) -> Expr {
        if let Ast::Name(owner) = &base.kind
            && let Some(found) = self.special_field(cx, owner, name, span)
        {
            return found;
        }
        let base = self.expr(cx, base, None);
        if !optional {
            return self.access(base, name, span);
        }
        self.safely(cx, base, span, |lower, _, there| lower.access(there, name, span))
    }

    /// `receiver?.rest`.
    pub(super) fn safely(
        &mut self,
        cx: &mut Cx,
        receiver: Expr,
        span: Span,
        rest: impl FnOnce(&mut Self, &mut Cx, Expr) -> Expr,
    ) -> Expr {
        let TyKind::Nullable(inner) = *self.kind(receiver.ty) else {
            if !matches!(self.kind(receiver.ty), TyKind::Error | TyKind::Null) {
                self.error(codes::NEVER_NULL, receiver.span, "this is never null", "")
                    .help = Some("write `.` instead of `?.`".into());
            }
            return rest(self, cx, receiver);
        };
        let local = cx.fresh(inner, receiver.span);
        let there = Expr {
            kind: ExprKind::Local(local.id),
            ty: inner,
            span: receiver.span,
        };
        let rest = rest(self, cx, there);
        let ty = self.nullable(rest.ty);
        Expr {
            kind: ExprKind::Safe {
                receiver: Box::new(receiver),
                local,
                rest: Box::new(rest),
            },
            ty,
            span,
        }
    }

    fn index(&mut self, cx: &mut Cx, base: &ast::Expr, index: &ast::Expr, span: Span) -> Expr {
        let base = self.expr(cx, base, None);
        let (want, ty) = match *self.kind(self.bare(base.ty)) {
            TyKind::List(item) => (self.prim.int, item),
            TyKind::Map(value) => (self.prim.string, self.nullable(value)),
            TyKind::Error => {
                self.expr(cx, index, None);
                return self.wrong(span);
            }
            TyKind::Nullable(_) => {
                self.error(
                    codes::NULLABLE,
                    base.span,
                    "this may be null",
                    &format!("is `{}`", self.show(base.ty)),
                )
                .help = Some("say what stands for null: `(… ?? [])[…]`".into());
                return self.wrong(span);
            }
            _ => {
                let shown = self.show(base.ty);
                self.error(
                    codes::NOT_INDEXABLE,
                    base.span,
                    format!("`{shown}` has no elements to index"),
                    "",
                )
                .help = Some("lists are indexed by position, maps by key; of a text use `slice`".into());
                return self.wrong(span);
            }
        };
        let index = self.check(cx, index, want);
        Expr {
            kind: ExprKind::Index(Box::new(base), Box::new(index)),
            ty,
            span,
        }
    }

    fn if_expr(
        &mut self,
        cx: &mut Cx,
        (cond, then, otherwise): (&ast::Expr, &ast::Expr, &ast::Expr),
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        let cond = self.condition(cx, cond);
        let mark = cx.facts.len();
        self.learn(cx, &cond, true);
        let then = self.expr(cx, then, want);
        cx.facts.truncate(mark);
        self.learn(cx, &cond, false);
        let otherwise = self.expr(cx, otherwise, want);
        cx.facts.truncate(mark);
        let (mut both, ty) = self.unified(cx, vec![then, otherwise], want, "branches");
        let (Some(otherwise), Some(then)) = (both.pop(), both.pop()) else {
            return self.wrong(span);
        };
        Expr {
            kind: ExprKind::If(Box::new(cond), Box::new(then), Box::new(otherwise)),
            ty,
            span,
        }
    }

    /// Makes several values of one type: the wanted one, else one that takes all of them.
    pub(super) fn unified(
        &mut self,
        cx: &mut Cx,
        values: Vec<Expr>,
        want: Option<Ty>,
        what: &str,
    ) -> (Vec<Expr>, Ty) {
        if let Some(want) = want {
            let values = values
                .into_iter()
                .map(|value| self.fit(cx, value, want))
                .collect();
            return (values, want);
        }
        let mut ty = self.prim.never;
        let mut first: Option<Span> = None;
        for value in &values {
            if let Some(both) = self.common(ty, value.ty) {
                ty = both;
                first = first.or(Some(value.span));
            } else {
                let (a, b) = (self.show(ty), self.show(value.ty));
                let mut diagnostic = Diagnostic::new(
                    codes::NO_COMMON_TYPE,
                    format!("{what} of different types: `{a}` and `{b}`"),
                )
                .primary(value.span, format!("is `{b}`"));
                if let Some(first) = first {
                    diagnostic = diagnostic.label(first, format!("is `{a}`"));
                }
                self.report(diagnostic);
                return (values, self.prim.error);
            }
        }
        let values = values.into_iter().map(|value| self.fit(cx, value, ty)).collect();
        (values, ty)
    }

    fn cast(&mut self, cx: &mut Cx, value: &ast::Expr, ty: &ast::TypeExpr, span: Span) -> Expr {
        let want = self.ty(cx, ty);
        let value = self.expr(cx, value, Some(want));
        if value.ty == self.prim.error || want == self.prim.error {
            return self.wrong(span);
        }
        if self.has_secret(value.ty) {
            self.mismatch(value.ty, value.span, want);
            return self.wrong(span);
        }
        let value = match self.convert(cx, value, want) {
            Ok(value) => return Expr { span, ..value },
            Err(value) => value,
        };
        let (from, to) = (self.core(value.ty), self.core(want));
        let possible = matches!(self.kind(from), TyKind::Json)
            || self.fits(from, to)
            || matches!((self.kind(from), self.kind(to)), (TyKind::String, TyKind::Enum(decl)) if decl.is_plain());
        if !possible {
            let (a, b) = (self.show(value.ty), self.show(want));
            let help = self.mismatch_help_for_cast(from, to);
            self.error(
                codes::BAD_CAST,
                span,
                format!(
                    "{a_is} is never {b_is}",
                    a_is = with_article(&a),
                    b_is = with_article(&b)
                ),
                "",
            )
            .help = Some(help);
            return self.wrong(span);
        }
        Expr {
            kind: ExprKind::Cast(Box::new(value)),
            ty: want,
            span,
        }
    }

    fn mismatch_help_for_cast(&self, from: Ty, to: Ty) -> String {
        match (self.kind(from), self.kind(to)) {
            (TyKind::String, TyKind::Int) => "`to_int()` reads a number from a text".into(),
            (TyKind::String, TyKind::Float) => "`to_float()` reads a number from a text".into(),
            (TyKind::Float, TyKind::Int) => "`round()`, `floor()` or `ceil()`".into(),
            (_, TyKind::String) => "show it in a text: \"${…}\"".into(),
            (TyKind::String, _) => "`parse_json()` first makes JSON of a text".into(),
            _ => "`as` narrows `json`, and `T?` to `T`".into(),
        }
    }
}
