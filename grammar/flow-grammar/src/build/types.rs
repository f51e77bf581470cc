//! Types.

use flow_diagnostics::Span;

use super::Builder;
use crate::ast::{Ident, TypeExpr, TypeField, TypeKind};
use crate::explain::Place;
use crate::rules::{Children, Node, Rule};

impl Builder<'_> {
    pub(super) fn type_expr(&mut self, node: Node<'_>) -> TypeExpr {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let ty = self.type_core(children.need(Rule::type_core));
        match children.take(Rule::expr) {
            Some(cond) => {
                let cond = self.expr(cond);
                TypeExpr {
                    kind: TypeKind::Where(Box::new(ty), Box::new(cond)),
                    span,
                }
            }
            None => ty,
        }
    }

    pub(super) fn type_core(&mut self, node: Node<'_>) -> TypeExpr {
        let mut children = Children::of(node);
        let mut ty = self.type_atom(children.need_next());
        // `T???…` says no more than `T?`, and is not worth a tree that deep.
        let mut marks: Option<Span> = None;
        while let Some(mark) = children.take(Rule::question) {
            let mark = self.span(&mark);
            marks = Some(marks.map_or(mark, |first| first.to(mark)));
        }
        if let Some(marks) = marks {
            let span = ty.span.to(marks);
            ty = TypeExpr {
                kind: TypeKind::Nullable(Box::new(ty)),
                span,
            };
        }
        ty
    }

    fn type_atom(&mut self, node: Node<'_>) -> TypeExpr {
        let span = self.span(&node);
        if self.in_hole(span) && node.as_rule() == Rule::named_type {
            return TypeExpr {
                kind: TypeKind::Error,
                span,
            };
        }
        let kind = match node.as_rule() {
            Rule::named_type => self.named_type(node),
            Rule::list_type => {
                let item = Children::of(node).need(Rule::type_expr);
                TypeKind::List(Box::new(self.type_expr(item)))
            }
            Rule::record_type => self.record_type(node),
            Rule::paren_type => self.paren_type(node),
            other => unreachable!("{other:?} is no type"),
        };
        TypeExpr { kind, span }
    }

    fn named_type(&mut self, node: Node<'_>) -> TypeKind {
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let args = children
            .take(Rule::type_args)
            .map(|args| self.type_args(args))
            .unwrap_or_default();
        TypeKind::Named { name, args }
    }

    pub(super) fn type_args(&mut self, node: Node<'_>) -> Vec<TypeExpr> {
        let mut children = Children::of(node);
        let mut args = Vec::new();
        while let Some(arg) = children.take(Rule::type_core) {
            args.push(self.type_core(arg));
        }
        args
    }

    fn paren_type(&mut self, node: Node<'_>) -> TypeKind {
        let span = self.span(&node);
        let function = node
            .clone()
            .into_inner()
            .any(|child| child.as_rule() == Rule::arrow);
        let mut children = Children::of(node);
        let mut types = Vec::new();
        while let Some(ty) = children.take(Rule::type_expr) {
            types.push(self.type_expr(ty));
        }
        match (function, types.pop()) {
            (true, Some(result)) => TypeKind::Function(types, Box::new(result)),
            (false, Some(only)) if types.is_empty() => TypeKind::Paren(Box::new(only)),
            _ => {
                self.tuple_habit(span);
                TypeKind::Error
            }
        }
    }

    fn record_type(&mut self, node: Node<'_>) -> TypeKind {
        let mut children = Children::of(node);
        let mut fields = Vec::new();
        while let Some(entry) = children.next() {
            if entry.as_rule() == Rule::bad_type_field {
                self.bad(Place::TypeField, &entry);
            } else {
                fields.push(self.type_field(entry));
            }
        }
        TypeKind::Record(fields)
    }

    fn type_field(&mut self, node: Node<'_>) -> TypeField {
        let span = self.span(&node);
        let doc = self.doc(span);
        let mut children = Children::of(node);
        let name = children.need_next();
        let name = if name.as_rule() == Rule::ident {
            self.ident(&name)
        } else {
            let text = self.string(name);
            let Some(plain) = text.plain() else {
                self.computed_field_name(text.span);
                return TypeField {
                    doc,
                    name: Ident {
                        name: String::new(),
                        span: text.span,
                    },
                    ty: self.error_type(&mut children),
                    default: None,
                    span,
                };
            };
            Ident {
                name: plain.to_owned(),
                span: text.span,
            }
        };
        let ty = self.type_expr(children.need(Rule::type_expr));
        let default = children.take(Rule::expr).map(|value| self.expr(value));
        TypeField {
            doc,
            name,
            ty,
            default,
            span,
        }
    }

    fn error_type(&mut self, children: &mut Children<'_>) -> TypeExpr {
        let ty = self.type_expr(children.need(Rule::type_expr));
        if let Some(default) = children.take(Rule::expr) {
            self.expr(default);
        }
        TypeExpr {
            kind: TypeKind::Error,
            span: ty.span,
        }
    }
}
