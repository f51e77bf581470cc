//! Types, patterns and parameters.

use flow_grammar::ast::{Ident, Param, Pattern, PatternKind, TypeExpr, TypeField, TypeKind};

use super::Formatter;
use super::align::Tab;
use super::doc::{Doc, DocId, cat};
use super::sequence::{Row, Style};

impl Formatter<'_> {
    pub(super) fn type_expr(&mut self, ty: &TypeExpr) -> DocId {
        match &ty.kind {
            TypeKind::Named { name, args } => {
                let args = self.type_args(args);
                cat!(self; self.source(name.span), args)
            }
            TypeKind::List(item) => cat!(self; "[", self.type_expr(item), "]"),
            TypeKind::Record(fields) => {
                let rows = fields.iter().map(|field| self.type_field(field)).collect();
                self.bracketed(ty.span.start, Style::Entries, rows)
            }
            TypeKind::Nullable(inner) => cat!(self; self.type_expr(inner), "?"),
            TypeKind::Where(base, cond) => {
                let base = self.type_expr(base);
                let cond = cat!(self; Doc::Line, "where ", self.expr(cond));
                let cond = self.docs.indent(cond);
                let all = self.docs.concat(&[base, cond]);
                self.docs.group(all)
            }
            TypeKind::Function(params, result) => {
                let rows = params
                    .iter()
                    .map(|param| Row::new(param.span, self.type_expr(param)))
                    .collect();
                cat!(self; self.bracketed(ty.span.start, Style::Arguments, rows), " -> ", self.type_expr(result))
            }
            TypeKind::Paren(inner) => cat!(self; "(", self.type_expr(inner), ")"),
            TypeKind::Error => self.verbatim(ty.span),
        }
    }

    /// `<T, U>`, or nothing. Such a list does not break.
    pub(super) fn type_args(&mut self, args: &[TypeExpr]) -> Option<DocId> {
        let mut parts = Vec::new();
        for (at, arg) in args.iter().enumerate() {
            parts.push(self.docs.text(if at == 0 { "<" } else { ", " }));
            parts.push(self.type_expr(arg));
        }
        self.close_angle(parts)
    }

    /// `<T, U>` where it declares names, or nothing.
    pub(super) fn type_params(&mut self, params: &[Ident]) -> Option<DocId> {
        let mut parts = Vec::new();
        for (at, param) in params.iter().enumerate() {
            parts.push(self.docs.text(if at == 0 { "<" } else { ", " }));
            parts.push(self.verbatim(param.span));
        }
        self.close_angle(parts)
    }

    fn close_angle(&mut self, mut parts: Vec<DocId>) -> Option<DocId> {
        if parts.is_empty() {
            return None;
        }
        parts.push(self.docs.text(">"));
        Some(self.docs.concat(&parts))
    }

    fn type_field(&mut self, field: &TypeField) -> Row {
        let mut cells = vec![
            (Tab::Start, cat!(self; self.source(field.name.span), ":")),
            (Tab::Type, self.type_expr(&field.ty)),
        ];
        if let Some(default) = &field.default {
            cells.push((Tab::Default, cat!(self; "= ", self.expr(default))));
        }
        Row::cells(field.span, cells)
    }

    /// The parameters in brackets; nothing where there are none.
    pub(super) fn some_params(&mut self, name: &Ident, params: &[Param]) -> Option<DocId> {
        (!params.is_empty()).then(|| self.params(name, params))
    }

    /// The parameters in brackets, behind a name.
    pub(super) fn params(&mut self, name: &Ident, params: &[Param]) -> DocId {
        let rows = params.iter().map(|param| self.param(param)).collect();
        self.bracketed(name.span.end, Style::Arguments, rows)
    }

    fn param(&mut self, param: &Param) -> Row {
        let mut doc = cat!(self; self.source(param.name.span), ": ", self.type_expr(&param.ty));
        if let Some(default) = &param.default {
            doc = cat!(self; doc, " = ", self.expr(default));
        }
        Row::new(param.span, doc)
    }

    /// A parameter that has a line for itself: a value of `config`.
    pub(super) fn config_field(&mut self, param: &Param) -> Row {
        let mut cells = vec![
            (Tab::Start, cat!(self; self.source(param.name.span), ":")),
            (Tab::Type, self.type_expr(&param.ty)),
        ];
        if let Some(default) = &param.default {
            cells.push((Tab::Default, cat!(self; "= ", self.expr(default))));
        }
        Row::cells(param.span, cells)
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) -> DocId {
        match &pattern.kind {
            PatternKind::Wildcard | PatternKind::Literal(_) | PatternKind::Error => {
                self.literal(pattern.span)
            }
            PatternKind::Str(text) => self.string(text),
            PatternKind::Range { from, to } => {
                let from = from.map(|lit| self.literal(lit.span));
                let to = to.map(|lit| self.literal(lit.span));
                cat!(self; from, "..", to)
            }
            PatternKind::Variant { owner, name, fields } => {
                let owner = owner
                    .as_ref()
                    .map(|owner| cat!(self; self.source(owner.span), "."));
                let fields = fields.as_ref().map(|fields| {
                    let rows = fields
                        .iter()
                        .map(|field| Row::new(field.span, self.verbatim(field.span)))
                        .collect();
                    self.bracketed(name.span.end, Style::Arguments, rows)
                });
                cat!(self; owner, self.source(name.span), fields)
            }
            PatternKind::Or(patterns) => {
                let mut parts = Vec::new();
                for (at, pattern) in patterns.iter().enumerate() {
                    let pattern = self.pattern(pattern);
                    if at == 0 {
                        parts.push(pattern);
                        continue;
                    }
                    let fill = self.docs.fill(pattern, 2, 2);
                    parts.push(cat!(self; fill, "| ", pattern));
                }
                let all = self.docs.concat(&parts);
                self.docs.group(all)
            }
        }
    }

    /// A literal; a sign stands directly before it.
    fn literal(&mut self, span: flow_diagnostics::Span) -> DocId {
        let source = self.source(span);
        match source.strip_prefix('-') {
            Some(number) => cat!(self; "-", number.trim_start()),
            None => self.docs.verbatim(source),
        }
    }
}
