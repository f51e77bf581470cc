//! Expressions, patterns and types.

use super::Printer;
use crate::ast::{
    Arg, Entry, Expr, ExprKind, Ident, Key, LitKind, Pattern, PatternKind, StrLit, StrPart, TypeExpr,
    TypeKind,
};

impl Printer {
    /// A labelled expression, if there is one.
    pub(super) fn part(&mut self, label: &str, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.node(expr.span, label, |p| p.expr(expr));
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Literal(literal) => self.line(span, &lit(literal)),
            ExprKind::Str(text) => self.string(text),
            ExprKind::Name(name) => self.line(span, &name.name),
            ExprKind::List(items) => self.node(span, "list", |p| items.iter().for_each(|item| p.expr(item))),
            ExprKind::Record(entries) => {
                self.node(span, "record", |p| entries.iter().for_each(|e| p.entry(e)));
            }
            ExprKind::Field { base, name, optional } => {
                let dot = if *optional { "?." } else { "." };
                self.node(span, &format!("{dot}{name}"), |p| p.expr(base));
            }
            ExprKind::Index { base, index } => self.node(span, "index", |p| {
                p.expr(base);
                p.expr(index);
            }),
            ExprKind::Call { callee, args } => self.node(span, "call", |p| {
                p.expr(callee);
                p.args(args);
            }),
            ExprKind::Unary { op, operand, .. } => self.node(span, op.as_str(), |p| p.expr(operand)),
            ExprKind::Binary { op, left, right, .. } => self.node(span, op.as_str(), |p| {
                p.expr(left);
                p.expr(right);
            }),
            ExprKind::If {
                cond,
                then,
                otherwise,
            } => self.node(span, "if", |p| {
                p.expr(cond);
                p.expr(then);
                p.expr(otherwise);
            }),
            ExprKind::Match { subject, arms } => self.node(span, "match", |p| {
                p.expr(subject);
                for arm in arms {
                    p.node(arm.span, "arm", |p| {
                        p.pattern(&arm.pattern);
                        p.expr(&arm.value);
                    });
                }
            }),
            ExprKind::Lambda { params, body } => {
                let names: Vec<&str> = params.iter().map(|n| n.name.as_str()).collect();
                self.node(span, &format!("lambda ({})", names.join(", ")), |p| p.expr(body));
            }
            ExprKind::As { value, ty } => self.node(span, "as", |p| {
                p.expr(value);
                p.ty(ty);
            }),
            ExprKind::Paren(inner) => self.node(span, "paren", |p| p.expr(inner)),
            ExprKind::Error => self.line(span, "error"),
        }
    }

    pub(super) fn string(&mut self, text: &StrLit) {
        if let Some(plain) = text.plain() {
            self.line(text.span, &format!("{plain:?}"));
            return;
        }
        self.node(text.span, "string", |p| {
            for part in &text.parts {
                match part {
                    StrPart::Text(value, span) => p.line(*span, &format!("{value:?}")),
                    StrPart::Expr(expr) => p.node(expr.span, "$", |p| p.expr(expr)),
                }
            }
        });
    }

    pub(super) fn args(&mut self, args: &[Arg]) {
        for arg in args {
            let name = arg
                .name
                .as_ref()
                .map(|name| format!(" {name}:"))
                .unwrap_or_default();
            self.node(arg.span, &format!("arg{name}"), |p| p.expr(&arg.value));
        }
    }

    fn entry(&mut self, entry: &Entry) {
        let span = entry.span();
        match entry {
            Entry::Spread(value, _) => self.node(span, "...", |p| p.expr(value)),
            Entry::Field { key, value, .. } => {
                let head = match key {
                    Key::Name(name) => format!("{name}:"),
                    Key::Str(text) => format!("{:?}:", text.plain().unwrap_or("…")),
                    Key::Computed(_) => "[]:".to_owned(),
                };
                self.node(span, &head, |p| {
                    match key {
                        Key::Computed(key) => p.expr(key),
                        Key::Str(text) if text.plain().is_none() => p.string(text),
                        _ => {}
                    }
                    if let Some(value) = value {
                        p.expr(value);
                    }
                });
            }
        }
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) {
        let span = pattern.span;
        match &pattern.kind {
            PatternKind::Wildcard => self.line(span, "_"),
            PatternKind::Literal(literal) => self.line(span, &lit(literal)),
            PatternKind::Str(text) => self.string(text),
            PatternKind::Range { from, to } => {
                let end = |end: &Option<crate::ast::Lit>| end.map(|end| lit(&end.kind)).unwrap_or_default();
                self.line(span, &format!("{}..{}", end(from), end(to)));
            }
            PatternKind::Variant { owner, name, fields } => {
                let owner = owner
                    .as_ref()
                    .map(|owner| format!("{owner}."))
                    .unwrap_or_default();
                let fields = fields
                    .as_ref()
                    .map(|fields| format!("({})", join(fields)))
                    .unwrap_or_default();
                self.line(span, &format!("variant {owner}{name}{fields}"));
            }
            PatternKind::Or(choices) => self.node(span, "|", |p| choices.iter().for_each(|c| p.pattern(c))),
            PatternKind::Error => self.line(span, "error"),
        }
    }

    pub(super) fn ty(&mut self, ty: &TypeExpr) {
        let span = ty.span;
        match &ty.kind {
            TypeKind::Named { name, args } => {
                self.node(span, &format!("type {name}"), |p| {
                    for arg in args {
                        p.ty(arg);
                    }
                });
            }
            TypeKind::List(item) => self.node(span, "type []", |p| p.ty(item)),
            TypeKind::Record(fields) => self.node(span, "type {}", |p| {
                for field in fields {
                    p.node(field.span, &format!("field {}", field.name), |p| {
                        p.doc(field.doc.as_ref());
                        p.ty(&field.ty);
                        p.part("default", field.default.as_ref());
                    });
                }
            }),
            TypeKind::Nullable(inner) => self.node(span, "type ?", |p| p.ty(inner)),
            TypeKind::Where(inner, cond) => self.node(span, "type where", |p| {
                p.ty(inner);
                p.expr(cond);
            }),
            TypeKind::Function(params, result) => self.node(span, "type ->", |p| {
                for param in params {
                    p.ty(param);
                }
                p.ty(result);
            }),
            TypeKind::Paren(inner) => self.node(span, "type ()", |p| p.ty(inner)),
            TypeKind::Error => self.line(span, "error"),
        }
    }
}

fn lit(literal: &LitKind) -> String {
    match literal {
        LitKind::Null => "null".to_owned(),
        LitKind::Bool(value) => value.to_string(),
        LitKind::Int(value) => value.to_string(),
        LitKind::Float(value) => format!("{value:?}"),
        LitKind::Duration(nanos) => format!("{nanos}ns"),
        LitKind::Size(bytes) => format!("{bytes}b"),
    }
}

fn join(names: &[Ident]) -> String {
    names
        .iter()
        .map(|n| n.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
