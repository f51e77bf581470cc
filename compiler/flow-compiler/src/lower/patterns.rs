//! Patterns, and `match` as an expression. What arms cover together is in `cover`.

use std::collections::BTreeMap;

use flow_diagnostics::codes::types as codes;
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, LitKind};

use super::facts::place_of;
use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind, Local, MatchArm, Pattern, PatternKind};
use crate::types::{FieldTy, Ty, TyKind, with_article};

impl Lower<'_> {
    pub(super) fn match_expr(
        &mut self,
        cx: &mut Cx,
        subject: &ast::Expr,
        arms: &[ast::MatchArm],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        let subject = self.expr(cx, subject, None);
        let mut patterns = Vec::new();
        let mut bodies = Vec::new();
        for arm in arms {
            let mark = cx.mark();
            let pattern = self.pattern(cx, &arm.pattern, subject.ty, true);
            self.learn_pattern(cx, &subject, &patterns, &pattern);
            bodies.push(self.expr(cx, &arm.value, want));
            self.close(cx, mark);
            patterns.push(pattern);
        }
        let pairs: Vec<(&Pattern, Span)> = patterns
            .iter()
            .zip(arms)
            .map(|(pattern, arm)| (pattern, arm.span))
            .collect();
        self.check_arms(subject.ty, &pairs, span, "this `match`");
        let (bodies, ty) = self.unified(cx, bodies, want, "arms");
        let arms = patterns
            .into_iter()
            .zip(bodies)
            .map(|(pattern, body)| MatchArm { pattern, body })
            .collect();
        Expr {
            kind: ExprKind::Match(Box::new(subject), arms),
            ty,
            span,
        }
    }

    /// In an arm that does not take null, what is matched is there.
    #[expect(clippy::unused_self, reason = "a method like its neighbours")]
    pub(super) fn learn_pattern(&self, cx: &mut Cx, subject: &Expr, above: &[Pattern], pattern: &Pattern) {
        let Some(place) = place_of(subject) else { return };
        let gone = above.iter().any(|pattern| takes_null(pattern) == Some(true));
        if gone || takes_null(pattern) == Some(false) {
            cx.facts.push(place);
        }
    }

    /// Lowers a pattern for values of a type, and binds its names.
    pub(super) fn pattern(
        &mut self,
        cx: &mut Cx,
        written: &ast::Pattern,
        subject: Ty,
        bind: bool,
    ) -> Pattern {
        let span = written.span;
        let kind = match &written.kind {
            ast::PatternKind::Wildcard => PatternKind::Any,
            ast::PatternKind::Error => PatternKind::Error,
            ast::PatternKind::Or(all) => PatternKind::Or(
                all.iter()
                    .map(|one| self.pattern(cx, one, subject, false))
                    .collect(),
            ),
            ast::PatternKind::Literal(literal) => self.literal_pattern(*literal, subject, span),
            ast::PatternKind::Str(text) => match (text.plain(), self.kind(self.core(subject))) {
                (None, _) => self.bad_pattern(span, "a pattern is a text without `${…}`"),
                (Some(plain), TyKind::String | TyKind::Json | TyKind::Error) => {
                    PatternKind::Value(ConstValue::Str(plain.to_string()))
                }
                (Some(plain), TyKind::Enum(decl)) if decl.variants.iter().any(|(name, _)| name == plain) => {
                    let plain = plain.to_string();
                    self.error(
                        codes::BAD_PATTERN,
                        span,
                        "a variant is written without quotes",
                        "",
                    )
                    .help = Some(format!("write `{plain}`"));
                    PatternKind::Error
                }
                _ => self.other_type(subject, "string", span),
            },
            ast::PatternKind::Range { from, to } => {
                self.range_pattern(from.as_ref(), to.as_ref(), subject, span)
            }
            ast::PatternKind::Variant { owner, name, fields } => {
                self.variant_pattern(cx, owner.as_ref(), name, fields.as_deref(), subject, bind)
            }
        };
        Pattern { kind, span }
    }

    fn bad_pattern(&mut self, span: Span, message: &str) -> PatternKind {
        self.error(codes::BAD_PATTERN, span, message, "");
        PatternKind::Error
    }

    fn other_type(&mut self, subject: Ty, what: &str, span: Span) -> PatternKind {
        if subject != self.prim.error {
            let shown = self.show(subject);
            self.error(
                codes::BAD_PATTERN,
                span,
                format!("{shown_is} is never a `{what}`", shown_is = with_article(&shown)),
                &format!("is a `{what}`"),
            );
        }
        PatternKind::Error
    }

    fn literal_pattern(&mut self, literal: LitKind, subject: Ty, span: Span) -> PatternKind {
        if literal == LitKind::Null {
            if self.is_nullable(subject) || subject == self.prim.json {
                return PatternKind::Value(ConstValue::Null);
            }
            return self.other_type(subject, "null", span);
        }
        match self.literal_value(literal, subject) {
            Ok(value) => PatternKind::Value(value),
            Err(what) => self.other_type(subject, what, span),
        }
    }

    fn literal_value(&self, literal: LitKind, subject: Ty) -> Result<ConstValue, &'static str> {
        let core = self.kind(self.core(subject));
        let json = matches!(core, TyKind::Json | TyKind::Error);
        match (literal, core) {
            (LitKind::Bool(b), TyKind::Bool) => Ok(ConstValue::Bool(b)),
            (LitKind::Int(n) | LitKind::Size(n), TyKind::Int) => Ok(ConstValue::Int(n)),
            (LitKind::Int(n) | LitKind::Size(n), TyKind::Float) => Ok(ConstValue::Float(n as f64)),
            (LitKind::Float(x), TyKind::Float) => Ok(ConstValue::Float(x)),
            (LitKind::Duration(d), TyKind::Duration) => Ok(ConstValue::Duration(d)),
            (LitKind::Bool(b), _) if json => Ok(ConstValue::Bool(b)),
            (LitKind::Int(n) | LitKind::Size(n), _) if json => Ok(ConstValue::Int(n)),
            (LitKind::Float(x), _) if json => Ok(ConstValue::Float(x)),
            (LitKind::Bool(_), _) => Err("bool"),
            (LitKind::Int(_) | LitKind::Size(_), _) => Err("int"),
            (LitKind::Float(_), _) => Err("float"),
            (LitKind::Duration(_), _) => Err("duration"),
            (LitKind::Null, _) => Err("null"),
        }
    }

    fn range_pattern(
        &mut self,
        from: Option<&ast::Lit>,
        to: Option<&ast::Lit>,
        subject: Ty,
        span: Span,
    ) -> PatternKind {
        let ordered = matches!(
            self.kind(self.core(subject)),
            TyKind::Int | TyKind::Float | TyKind::Duration | TyKind::Error
        );
        if !ordered {
            let shown = self.show(subject);
            return self.bad_pattern(
                span,
                &format!("a range does not fit {shown_is}", shown_is = with_article(&shown)),
            );
        }
        let mut ends = [None, None];
        for (end, literal) in ends.iter_mut().zip([from, to]) {
            let Some(literal) = literal else { continue };
            match self.literal_value(literal.kind, subject) {
                Ok(value) => *end = Some(value),
                Err(what) => return self.other_type(subject, what, literal.span),
            }
        }
        let [from, to] = ends;
        if let (Some(a), Some(b)) = (&from, &to)
            && super::eval::compare(a, b).is_some_and(std::cmp::Ordering::is_gt)
        {
            return self.bad_pattern(
                span,
                "a range from the larger to the smaller number takes nothing",
            );
        }
        PatternKind::Range(from, to)
    }

    fn variant_pattern(
        &mut self,
        cx: &mut Cx,
        owner: Option<&ast::Ident>,
        name: &ast::Ident,
        fields: Option<&[ast::Ident]>,
        subject: Ty,
        bind: bool,
    ) -> PatternKind {
        let core = self.core(subject);
        if let Some(owner) = owner {
            match self.enum_named(cx, owner) {
                Some(ty) if ty == core || subject == self.prim.error => {}
                Some(ty) => {
                    let other = self.show(ty);
                    return self.other_type(subject, &other, owner.span.to(name.span));
                }
                None => {
                    self.error(
                        flow_diagnostics::codes::names::UNKNOWN_TYPE,
                        owner.span,
                        format!("there is no enum `{owner}`"),
                        "",
                    );
                    return PatternKind::Error;
                }
            }
        }
        let TyKind::Enum(decl) = self.kind(core).clone() else {
            if subject != self.prim.error {
                let shown = self.show(subject);
                let help = match self.kind(core) {
                    TyKind::String => format!("a text is written in quotes: \"{name}\""),
                    _ => "patterns are literals, ranges, variants and `_`".into(),
                };
                self.error(
                    codes::BAD_PATTERN,
                    name.span,
                    format!(
                        "`{name}` is no pattern for {shown_is}",
                        shown_is = with_article(&shown)
                    ),
                    "",
                )
                .help = Some(help);
            }
            for field in fields.unwrap_or_default() {
                self.bind(cx, field, self.prim.error, false);
            }
            return PatternKind::Error;
        };
        let Some((_, known)) = decl.variants.iter().find(|(known, _)| *known == name.name) else {
            let known: Vec<&str> = decl.variants.iter().map(|(name, _)| name.as_str()).collect();
            self.unknown_variant(&decl.name, &known, name);
            for field in fields.unwrap_or_default() {
                self.bind(cx, field, self.prim.error, false);
            }
            return PatternKind::Error;
        };
        if decl.is_plain() && fields.is_none_or(<[_]>::is_empty) {
            return PatternKind::Value(ConstValue::Case(name.name.clone()));
        }
        match self.bound_fields(cx, fields.unwrap_or_default(), known, core, bind) {
            Some(binds) => PatternKind::Variant(name.name.clone(), binds),
            None => PatternKind::Error,
        }
    }

    /// The names that a pattern binds to the fields of a variant.
    fn bound_fields(
        &mut self,
        cx: &mut Cx,
        fields: &[ast::Ident],
        known: &[FieldTy],
        core: Ty,
        bind: bool,
    ) -> Option<Vec<(String, Local)>> {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut binds = Vec::new();
        for field in fields {
            if let Some(first) = seen.insert(&field.name, field.span) {
                self.report(
                    Diagnostic::new(codes::DUPLICATE_FIELD, format!("`{field}` is bound twice"))
                        .primary(field.span, "again here")
                        .label(first, "first here"),
                );
                continue;
            }
            let ty = match known.iter().find(|known| known.name == field.name) {
                Some(known) => known.ty,
                None if field.name == "_" => continue,
                None => {
                    let names: Vec<&str> = known.iter().map(|field| field.name.as_str()).collect();
                    self.unknown_field(core, &names, field);
                    self.prim.error
                }
            };
            if !bind {
                self.bad_pattern(field.span, "names cannot be bound in one of several patterns");
                return None;
            }
            let local = self.bind(cx, field, ty, false);
            binds.push((field.name.clone(), local));
        }
        Some(binds)
    }
}

/// Whether a pattern takes null: `Some(true)` if it takes only that or that too, `Some(false)` if not, `None` for `_`.
fn takes_null(pattern: &Pattern) -> Option<bool> {
    match &pattern.kind {
        PatternKind::Any | PatternKind::Error => None,
        PatternKind::Value(ConstValue::Null) => Some(true),
        PatternKind::Or(all) => {
            if all.iter().any(|one| takes_null(one) == Some(true)) {
                Some(true)
            } else {
                all.iter()
                    .all(|one| takes_null(one) == Some(false))
                    .then_some(false)
            }
        }
        _ => Some(false),
    }
}
