//! Variants of enums: as values with and without fields, and which enum a bare name belongs to. As patterns they
//! are in `patterns`.

use flow_diagnostics::codes::{names as name_codes, types as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Arg};

use super::args::Callee;
use super::{Cx, Lower};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::{ConstValue, Name, Param};
use crate::names::{Space, Symbol, nearest};
use crate::types::{Ty, TyKind};

impl Lower<'_> {
    /// The variant of an enum as a value, where it needs no fields.
    pub(super) fn variant_value(&mut self, enum_ty: Ty, name: &str, span: Span) -> Option<Expr> {
        let TyKind::Enum(decl) = self.kind(enum_ty) else {
            return None;
        };
        let (_, fields) = decl.variants.iter().find(|(known, _)| known == name)?;
        let plain = decl.is_plain();
        let missing: Vec<String> = fields
            .iter()
            .filter(|field| field.default.is_none() && !self.is_nullable(field.ty))
            .map(|field| format!("{}: …", field.name))
            .collect();
        if !missing.is_empty() {
            let help = format!("write `{name}({})`", missing.join(", "));
            self.error(
                codes::MISSING_FIELD,
                span,
                format!("the variant `{name}` has fields"),
                "without them",
            )
            .help = Some(help);
            return Some(self.wrong(span));
        }
        let filled = fields
            .iter()
            .map(|field| {
                (
                    field.name.clone(),
                    super::convert::default_of(field.default.as_ref(), field.ty, span),
                )
            })
            .collect();
        let kind = if plain {
            ExprKind::Const(ConstValue::Case(name.to_string()))
        } else {
            ExprKind::Variant(name.to_string(), filled)
        };
        Some(Expr {
            kind,
            ty: enum_ty,
            span,
        })
    }

    /// The enum that a bare variant name belongs to, if it is one that the module knows.
    pub(super) fn variant_owner(&mut self, cx: &Cx, name: &ast::Ident) -> Option<Ty> {
        let owners = self.names.scopes[cx.module].variants.get(&name.name)?.clone();
        let (index, first) = owners.first()?;
        let ty = self.enum_ty(*index);
        for (_, owner) in &owners {
            self.find(cx.module, Space::Types, owner);
        }
        if owners.len() > 1 {
            let list: Vec<String> = owners.iter().map(|(_, owner)| format!("`{owner}`")).collect();
            self.error(
                name_codes::AMBIGUOUS_VARIANT,
                name.span,
                format!("`{name}` is a variant of {}", list.join(" and of ")),
                "which one is meant?",
            )
            .help = Some(format!("write `{first}.{name}`"));
            return Some(self.prim.error);
        }
        Some(ty)
    }

    pub(super) fn bare_variant(&mut self, cx: &Cx, name: &ast::Ident) -> Option<Expr> {
        let owner = self.variant_owner(cx, name)?;
        if owner == self.prim.error {
            return Some(self.wrong(name.span));
        }
        self.variant_value(owner, &name.name, name.span)
    }

    /// Says that an enum has no such variant.
    pub(super) fn unknown_variant(&mut self, owner: &str, known: &[&str], name: &ast::Ident) {
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_VARIANT,
            format!("`{owner}` has no variant `{name}`"),
        )
        .primary(name.span, "unknown");
        diagnostic = if let Some(near) = nearest(&name.name, known.iter().copied()) {
            diagnostic
                .help(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), name.span, near)
        } else {
            let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            diagnostic.help(format!("it has {}", list.join(", ")))
        };
        self.report(diagnostic);
    }

    /// The enum that a name of a module's types stands for.
    pub(super) fn enum_named(&mut self, cx: &Cx, owner: &ast::Ident) -> Option<Ty> {
        match self.find(cx.module, Space::Types, &owner.name)? {
            Symbol::Enum(index) => Some(self.enum_ty(index)),
            _ => None,
        }
    }

    pub(super) fn variant_call(
        &mut self,
        cx: &mut Cx,
        enum_ty: Ty,
        name: &ast::Ident,
        args: &[Arg],
        span: Span,
    ) -> Expr {
        let TyKind::Enum(decl) = self.kind(enum_ty).clone() else {
            return self.wrong(span);
        };
        let Some((_, fields)) = decl.variants.iter().find(|(known, _)| *known == name.name) else {
            let known: Vec<&str> = decl.variants.iter().map(|(name, _)| name.as_str()).collect();
            self.unknown_variant(&decl.name, &known, name);
            return self.wrong(span);
        };
        if fields.is_empty() {
            self.error(
                codes::NOT_CALLABLE,
                span,
                format!("the variant `{name}` has no fields"),
                "",
            )
            .help = Some(format!("write `{name}` alone"));
            return self.wrong(span);
        }
        let params: Vec<Param> = fields
            .iter()
            .map(|field| Param {
                name: Name {
                    text: field.name.clone(),
                    span: decl.span,
                },
                ty: field.ty,
                default: field.default.clone(),
                doc: None,
            })
            .collect();
        let callee = Callee {
            kind: "variant",
            name: &name.name,
            declared: None,
            span,
        };
        let values = self.args(cx, &params, args, &callee);
        if values.iter().any(|(_, value)| value.ty == self.prim.error) {
            return self.wrong(span);
        }
        Expr {
            kind: ExprKind::Variant(name.name.clone(), values),
            ty: enum_ty,
            span,
        }
    }
}
