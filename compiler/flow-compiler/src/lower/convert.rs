//! What fits where: whether a value of one type may stand for another, and the code that makes it so. The
//! language converts by itself only `int` to `float`, `T` to `T?` and to `json`, and records with fields that
//! may be left out; everything else here is looking through names and refinements.

use flow_diagnostics::codes::{secrets, types as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast;

use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind};
use crate::types::{RecordTy, Ty, TyKind, with_article};
use flow_bytecode::Method;

/// How deep types are compared; deeper ones (they are recursive) are taken to be equal.
const DEPTH: u32 = 12;

impl Lower<'_> {
    /// Lowers an expression that must be of a type.
    pub(super) fn check(&mut self, cx: &mut Cx, written: &ast::Expr, want: Ty) -> Expr {
        let value = self.expr(cx, written, Some(want));
        self.fit(cx, value, want)
    }

    /// Makes a value one of the wanted type, or says that it cannot be.
    pub(super) fn fit(&mut self, cx: &mut Cx, value: Expr, want: Ty) -> Expr {
        let span = value.span;
        match self.convert(cx, value, want) {
            Ok(value) => value,
            Err(value) => {
                self.mismatch(value.ty, span, want);
                self.wrong(span)
            }
        }
    }

    /// Makes a value one of the wanted type where the language does so by itself; else gives it back.
    pub(super) fn convert(&mut self, cx: &mut Cx, mut value: Expr, want: Ty) -> Result<Expr, Expr> {
        if !self.fits(value.ty, want) {
            return Err(value);
        }
        if self.is_sub(value.ty, want, DEPTH) {
            value.ty = if value.ty == self.prim.error {
                value.ty
            } else {
                want
            };
            return Ok(value);
        }
        let constant = matches!(value.kind, ExprKind::Const(_));
        let mut converted = self.converted(cx, value, want);
        if constant
            && !matches!(
                converted.kind,
                ExprKind::Const(_) | ExprKind::Error | ExprKind::Refine(_)
            )
            && let Ok(value) = self.eval(&converted)
        {
            converted.kind = ExprKind::Const(value);
        }
        Ok(converted)
    }

    /// The code of a conversion that is known to be possible.
    fn converted(&mut self, cx: &mut Cx, value: Expr, want: Ty) -> Expr {
        let span = value.span;
        let kind = |kind, ty| Expr { kind, ty, span };
        if self.is_sub(value.ty, want, DEPTH) {
            return kind(value.kind, want);
        }
        match (
            self.program.types.kind(value.ty).clone(),
            self.program.types.kind(want).clone(),
        ) {
            (from, TyKind::Nullable(inner)) => {
                let TyKind::Nullable(from) = from else {
                    return Expr {
                        ty: want,
                        ..self.converted(cx, value, inner)
                    };
                };
                let local = cx.fresh(from, span);
                let there = kind(ExprKind::Local(local.id), from);
                let rest = Box::new(self.converted(cx, there, inner));
                kind(
                    ExprKind::Safe {
                        receiver: Box::new(value),
                        local,
                        rest,
                    },
                    want,
                )
            }
            (TyKind::Refined(refined), _) => self.converted(cx, kind(value.kind, refined.base), want),
            (_, TyKind::Refined(refined)) => {
                let inner = self.converted(cx, value, refined.base);
                self.refine(inner, want)
            }
            (TyKind::Int, TyKind::Float) => match value.kind {
                ExprKind::Const(ConstValue::Int(n)) => {
                    kind(ExprKind::Const(ConstValue::Float(n as f64)), want)
                }
                other => kind(ExprKind::Widen(Box::new(kind(other, value.ty))), want),
            },
            (_, TyKind::Json) => match value.kind {
                ExprKind::List(items) => {
                    let items = items
                        .into_iter()
                        .map(|item| self.converted(cx, item, want))
                        .collect();
                    kind(ExprKind::List(items), want)
                }
                other => kind(ExprKind::Cast(Box::new(kind(other, value.ty))), want),
            },
            (TyKind::List(from), TyKind::List(to)) => match value.kind {
                ExprKind::List(items) => {
                    let items = items
                        .into_iter()
                        .map(|item| self.converted(cx, item, to))
                        .collect();
                    kind(ExprKind::List(items), want)
                }
                _ => self.mapped(cx, Method::Map, value, (from, to), want),
            },
            (TyKind::Map(from), TyKind::Map(to)) => {
                self.mapped(cx, Method::MapValues, value, (from, to), want)
            }
            (TyKind::Record(from), TyKind::Record(to)) => self.rebuilt(cx, value, &from, &to, want),
            _ => kind(value.kind, want),
        }
    }

    fn mapped(&mut self, cx: &mut Cx, method: Method, value: Expr, (from, to): (Ty, Ty), want: Ty) -> Expr {
        let span = value.span;
        let item = cx.fresh(from, span);
        let body = self.converted(
            cx,
            Expr {
                kind: ExprKind::Local(item.id),
                ty: from,
                span,
            },
            to,
        );
        let ty = self.fn_of(vec![from], to);
        let lambda = Expr {
            kind: ExprKind::Lambda(vec![item], Box::new(body)),
            ty,
            span,
        };
        Expr {
            kind: ExprKind::Method(method, vec![value, lambda]),
            ty: want,
            span,
        }
    }

    /// A record with the fields of another, in the order of the wanted type, what is left out filled in.
    fn rebuilt(&mut self, cx: &mut Cx, value: Expr, from: &RecordTy, to: &RecordTy, want: Ty) -> Expr {
        let span = value.span;
        if let ExprKind::Record(mut given) = value.kind {
            let mut fields = Vec::new();
            for field in &to.fields {
                let at = given.iter().position(|(name, _)| *name == field.name);
                let part = match at {
                    Some(at) => given.swap_remove(at).1,
                    None => default_of(field.default.as_ref(), field.ty, span),
                };
                fields.push((field.name.clone(), self.converted(cx, part, field.ty)));
            }
            return Expr {
                kind: ExprKind::Record(fields),
                ty: want,
                span,
            };
        }
        let whole = cx.fresh(value.ty, span);
        let mut fields = Vec::new();
        for field in &to.fields {
            let part = match from.fields.iter().find(|known| known.name == field.name) {
                Some(known) => {
                    let base = Box::new(Expr {
                        kind: ExprKind::Local(whole.id),
                        ty: value.ty,
                        span,
                    });
                    Expr {
                        kind: ExprKind::Access(base, field.name.clone()),
                        ty: known.ty,
                        span,
                    }
                }
                None => default_of(field.default.as_ref(), field.ty, span),
            };
            fields.push((field.name.clone(), self.converted(cx, part, field.ty)));
        }
        let record = Expr {
            kind: ExprKind::Record(fields),
            ty: want,
            span,
        };
        Expr {
            kind: ExprKind::Let(whole, Box::new(value), Box::new(record)),
            ty: want,
            span,
        }
    }

    /// Checks a refinement now if the value is known, else when it runs.
    fn refine(&mut self, value: Expr, want: Ty) -> Expr {
        let span = value.span;
        let TyKind::Refined(refined) = self.program.types.kind(want).clone() else {
            return value;
        };
        if let ExprKind::Const(known) = &value.kind {
            match self.holds(&refined.cond, known) {
                Some(true) => return Expr { ty: want, ..value },
                Some(false) => {
                    let name = self.show(want);
                    let text = self.project.sources.slice(span).to_string();
                    self.report(
                        Diagnostic::new(
                            codes::REFINEMENT,
                            format!("`{text}` is not {name_is}", name_is = with_article(&name)),
                        )
                        .primary(span, format!("`{}` does not hold", refined.text))
                        .label(refined.cond.span, "required here"),
                    );
                    return self.wrong(span);
                }
                None => {}
            }
        }
        Expr {
            kind: ExprKind::Refine(Box::new(value)),
            ty: want,
            span,
        }
    }

    /// Whether a value of one type can become one of another by itself.
    pub(super) fn fits(&self, from: Ty, want: Ty) -> bool {
        self.fits_in(from, want, DEPTH)
    }

    fn fits_in(&self, from: Ty, want: Ty, depth: u32) -> bool {
        if from == want || depth == 0 {
            return true;
        }
        let deeper = depth - 1;
        match (self.program.types.kind(from), self.program.types.kind(want)) {
            (TyKind::Error | TyKind::Never, _) | (_, TyKind::Error) => true,
            (_, TyKind::Param(name)) if name.starts_with('?') => true,
            (TyKind::Int, TyKind::Float) | (TyKind::Null, TyKind::Nullable(_)) => true,
            (TyKind::Nullable(from), TyKind::Nullable(want)) => self.fits_in(*from, *want, deeper),
            (_, TyKind::Nullable(want)) => self.fits_in(from, *want, deeper),
            (_, TyKind::Json) => self.is_data(from, deeper),
            (TyKind::Refined(refined), _) if !self.is_sub(from, want, deeper) => {
                self.fits_in(refined.base, want, deeper)
            }
            (_, TyKind::Refined(refined)) => {
                self.is_sub(from, want, deeper) || self.fits_in(from, refined.base, deeper)
            }
            (TyKind::List(from), TyKind::List(want)) | (TyKind::Map(from), TyKind::Map(want)) => {
                self.fits_in(*from, *want, deeper)
            }
            (TyKind::Record(from), TyKind::Record(want)) => {
                let have = |name: &str| from.fields.iter().find(|field| field.name == name);
                want.fields.iter().all(|field| match have(&field.name) {
                    Some(given) => self.fits_in(given.ty, field.ty, deeper),
                    None => field.default.is_some() || self.is_nullable(field.ty),
                }) && from
                    .fields
                    .iter()
                    .all(|given| want.fields.iter().any(|field| field.name == given.name))
            }
            _ => self.is_sub(from, want, depth),
        }
    }

    /// Whether every value of one type is one of the other as it is.
    fn is_sub(&self, from: Ty, want: Ty, depth: u32) -> bool {
        if from == want || depth == 0 {
            return true;
        }
        let deeper = depth - 1;
        match (self.program.types.kind(from), self.program.types.kind(want)) {
            (TyKind::Error | TyKind::Never, _) | (_, TyKind::Error) => true,
            (TyKind::Null, TyKind::Nullable(_)) => true,
            (TyKind::Nullable(from), TyKind::Nullable(want)) => self.is_sub(*from, *want, deeper),
            (_, TyKind::Nullable(want)) => self.is_sub(from, *want, deeper),
            (_, TyKind::Json) => self.is_plain_json(from, deeper),
            (TyKind::Refined(a), TyKind::Refined(b)) => {
                (a.text == b.text && self.is_sub(a.base, b.base, deeper)) || self.is_sub(a.base, want, deeper)
            }
            (TyKind::Refined(a), _) => self.is_sub(a.base, want, deeper),
            (TyKind::List(from), TyKind::List(want)) | (TyKind::Map(from), TyKind::Map(want)) => {
                self.is_sub(*from, *want, deeper)
            }
            (TyKind::Record(from), TyKind::Record(want)) => {
                from.fields.len() == want.fields.len()
                    && from
                        .fields
                        .iter()
                        .zip(&want.fields)
                        .all(|(a, b)| a.name == b.name && self.is_sub(a.ty, b.ty, deeper))
            }
            (TyKind::Fn(a, x), TyKind::Fn(b, y)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|(a, b)| self.is_sub(*b, *a, deeper))
                    && self.is_sub(*x, *y, deeper)
            }
            _ => false,
        }
    }

    /// Whether values of the type look the same as JSON.
    fn is_plain_json(&self, ty: Ty, depth: u32) -> bool {
        match self.program.types.kind(ty) {
            TyKind::Error | TyKind::Never | TyKind::Null | TyKind::Json => true,
            TyKind::Bool | TyKind::Int | TyKind::Float | TyKind::String => true,
            TyKind::Enum(decl) => decl.is_plain(),
            TyKind::List(inner) | TyKind::Map(inner) | TyKind::Nullable(inner) => {
                depth > 0 && self.is_plain_json(*inner, depth - 1)
            }
            TyKind::Refined(refined) => self.is_plain_json(refined.base, depth),
            TyKind::Record(record) => {
                depth > 0
                    && record
                        .fields
                        .iter()
                        .all(|field| self.is_plain_json(field.ty, depth - 1))
            }
            _ => false,
        }
    }

    /// Whether the type has a JSON form at all: no secrets and no functions inside.
    pub(super) fn is_data(&self, ty: Ty, depth: u32) -> bool {
        if depth == 0 {
            return true;
        }
        match self.program.types.kind(ty) {
            TyKind::Secret | TyKind::Fn(..) => false,
            TyKind::List(inner) | TyKind::Map(inner) | TyKind::Nullable(inner) => {
                self.is_data(*inner, depth - 1)
            }
            TyKind::Refined(refined) => self.is_data(refined.base, depth - 1),
            TyKind::Record(record) => record
                .fields
                .iter()
                .all(|field| self.is_data(field.ty, depth - 1)),
            TyKind::Enum(decl) => decl
                .variants
                .iter()
                .all(|(_, fields)| fields.iter().all(|field| self.is_data(field.ty, depth - 1))),
            _ => true,
        }
    }

    /// Whether a secret stands somewhere in the type.
    pub(super) fn has_secret(&self, ty: Ty) -> bool {
        fn inside(types: &crate::types::Types, ty: Ty, depth: u32) -> bool {
            depth > 0
                && match types.kind(ty) {
                    TyKind::Secret => true,
                    TyKind::List(inner) | TyKind::Map(inner) | TyKind::Nullable(inner) => {
                        inside(types, *inner, depth - 1)
                    }
                    TyKind::Refined(refined) => inside(types, refined.base, depth - 1),
                    TyKind::Record(record) => record
                        .fields
                        .iter()
                        .any(|field| inside(types, field.ty, depth - 1)),
                    _ => false,
                }
        }
        inside(&self.program.types, ty, DEPTH)
    }

    pub(super) fn is_nullable(&self, ty: Ty) -> bool {
        match self.program.types.kind(ty) {
            TyKind::Nullable(_) | TyKind::Null | TyKind::Error => true,
            TyKind::Refined(refined) => self.is_nullable(refined.base),
            _ => false,
        }
    }

    /// The type behind refinements.
    pub(super) fn bare(&self, ty: Ty) -> Ty {
        match self.program.types.kind(ty) {
            TyKind::Refined(refined) => self.bare(refined.base),
            _ => ty,
        }
    }

    /// The type behind refinements and `?`.
    pub(super) fn core(&self, ty: Ty) -> Ty {
        match self.program.types.kind(ty) {
            TyKind::Refined(refined) => self.core(refined.base),
            TyKind::Nullable(inner) => self.core(*inner),
            _ => ty,
        }
    }

    pub(super) fn kind(&self, ty: Ty) -> &TyKind {
        self.program.types.kind(ty)
    }

    /// A type that takes values of both, if there is one.
    pub(super) fn common(&mut self, a: Ty, b: Ty) -> Option<Ty> {
        if matches!(self.kind(a), TyKind::Never | TyKind::Error) {
            return Some(b);
        }
        if matches!(self.kind(b), TyKind::Never)
            || self.fits(b, a) && !matches!(self.kind(a), TyKind::Refined(_))
        {
            return Some(a);
        }
        if self.fits(a, b) && !matches!(self.kind(b), TyKind::Refined(_)) {
            return Some(b);
        }
        match (self.kind(a).clone(), self.kind(b).clone()) {
            (TyKind::Refined(x), _) => self.common(x.base, b),
            (_, TyKind::Refined(x)) => self.common(a, x.base),
            (TyKind::Null, _) => Some(self.nullable(b)),
            (_, TyKind::Null) => Some(self.nullable(a)),
            (TyKind::Nullable(x), TyKind::Nullable(y)) => self.common(x, y).map(|ty| self.nullable(ty)),
            (TyKind::Nullable(x), _) => self.common(x, b).map(|ty| self.nullable(ty)),
            (_, TyKind::Nullable(y)) => self.common(a, y).map(|ty| self.nullable(ty)),
            (TyKind::List(x), TyKind::List(y)) => self.common(x, y).map(|ty| self.list_of(ty)),
            (TyKind::Map(x), TyKind::Map(y)) => self.common(x, y).map(|ty| self.map_of(ty)),
            _ => None,
        }
    }

    /// Says that a value has another type than its place.
    pub(super) fn mismatch(&mut self, found: Ty, span: Span, want: Ty) {
        let (has, wants) = (self.show(found), self.show(want));
        let text = self.project.sources.slice(span).to_string();
        let short = text.len() <= 40 && !text.contains('\n');
        if self.has_secret(found) && !self.has_secret(want) {
            self.error(secrets::SECRET_LEAK, span, "a secret cannot stand here", "would leave its place").help =
                Some("a secret may stand in the body of a worker, and as an argument for a parameter of type `secret`".into());
            return;
        }
        if let TyKind::Nullable(inner) = *self.kind(found)
            && self.fits(inner, want)
        {
            let name = if short {
                format!("`{text}`")
            } else {
                "this".to_string()
            };
            self.error(
                codes::NULLABLE,
                span,
                format!("{name} may be null, and `{wants}` belongs here"),
                &format!("is `{has}`"),
            )
            .help = Some(
                "say what stands for null with `?? …`, or test it before: `if x != null then … else …`"
                    .into(),
            );
            return;
        }
        if matches!(self.kind(found), TyKind::Json) {
            let diagnostic = self.error(
                codes::JSON_AS_VALUE,
                span,
                format!(
                    "`json` has to be narrowed before it is {wants_is}",
                    wants_is = with_article(&wants)
                ),
                "is `json`",
            );
            diagnostic.help = Some(format!("write `… as {wants}`; it is checked when it runs"));
            if short && !wants.contains(" where ") {
                let fix = flow_diagnostics::Fix {
                    title: format!("narrow it: `as {wants}`"),
                    edits: vec![flow_diagnostics::Edit {
                        span: span.after(),
                        text: format!(" as {wants}"),
                    }],
                };
                diagnostic.fixes.push(fix);
            }
            return;
        }
        let help = self.mismatch_help(found, want, short.then_some(text.as_str()));
        self.error(
            codes::MISMATCH,
            span,
            format!("`{wants}` belongs here, and this is `{has}`"),
            &format!("is `{has}`"),
        )
        .help = help;
    }

    fn mismatch_help(&self, found: Ty, want: Ty, text: Option<&str>) -> Option<String> {
        let text = text.unwrap_or("…");
        match (self.kind(self.bare(found)), self.kind(self.core(want))) {
            (TyKind::Float, TyKind::Int) => {
                Some("`round`, `floor` and `ceil` make an `int` of a `float`".into())
            }
            (
                TyKind::Int | TyKind::Float | TyKind::Bool | TyKind::Duration | TyKind::Time,
                TyKind::String,
            ) => Some(format!("show it in a text: \"${{{text}}}\"")),
            (TyKind::String, _) if unquoted(text).is_some() => {
                unquoted(text).map(|value| format!("without quotes it is a value of its own: `{value}`"))
            }
            (TyKind::String, TyKind::Int | TyKind::Float) if text.starts_with('"') => None,
            (TyKind::String, TyKind::Int) => Some("`to_int()` gives an `int?`".into()),
            (TyKind::String, TyKind::Float) => Some("`to_float()` gives a `float?`".into()),
            (TyKind::Int | TyKind::Float, TyKind::Duration) => {
                Some("give it a unit: 500ms, 10s, 5m, 2h, 7d".into())
            }
            (TyKind::Record(from), TyKind::Record(to)) => {
                let missing: Vec<String> = to
                    .fields
                    .iter()
                    .filter(|field| field.default.is_none() && !self.is_nullable(field.ty))
                    .filter(|field| !from.fields.iter().any(|given| given.name == field.name))
                    .map(|field| format!("`{}`", field.name))
                    .collect();
                let extra: Vec<String> = from
                    .fields
                    .iter()
                    .filter(|given| !to.fields.iter().any(|field| field.name == given.name))
                    .map(|field| format!("`{}`", field.name))
                    .collect();
                match (missing.is_empty(), extra.is_empty()) {
                    (false, _) => Some(format!("it has no {}", missing.join(", "))),
                    (true, false) => Some(format!("it has more than that: {}", extra.join(", "))),
                    _ => None,
                }
            }
            (inner, TyKind::List(item)) if !matches!(inner, TyKind::List(_)) && self.fits(found, *item) => {
                Some(format!("a list of one is written `[{text}]`"))
            }
            _ => None,
        }
    }
}

/// What stands where a field or argument is left out.
pub(super) fn default_of(default: Option<&ConstValue>, ty: Ty, span: Span) -> Expr {
    Expr {
        kind: ExprKind::Const(default.cloned().unwrap_or(ConstValue::Null)),
        ty,
        span,
    }
}

/// What stands between quotes, if it is a number, a duration, `true`, `false` or `null`.
fn unquoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let word = matches!(inner, "true" | "false" | "null");
    let number = inner.strip_prefix('-').unwrap_or(inner);
    let number = number.starts_with(|c: char| c.is_ascii_digit())
        && number
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
    (word || number).then_some(inner)
}
