//! Literals: texts with what is shown in them, lists, records and maps (the expected type decides which), and
//! the variants of enums.

use std::collections::BTreeMap;

use flow_bytecode::Method;
use flow_diagnostics::codes::types as codes;
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Entry, Key, StrPart};

use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind, Local};
use crate::types::{RecordTy, Ty, TyKind};

impl Lower<'_> {
    /// A text; one with a secret in it is a secret.
    pub(super) fn string(&mut self, cx: &mut Cx, text: &ast::StrLit) -> Expr {
        if let Some(plain) = text.plain() {
            let kind = ExprKind::Const(ConstValue::Str(plain.to_string()));
            return Expr {
                kind,
                ty: self.prim.string,
                span: text.span,
            };
        }
        let mut ty = self.prim.string;
        let mut parts = Vec::new();
        for part in &text.parts {
            match part {
                StrPart::Text(text, span) => {
                    let kind = ExprKind::Const(ConstValue::Str(text.clone()));
                    parts.push(Expr {
                        kind,
                        ty: self.prim.string,
                        span: *span,
                    });
                }
                StrPart::Expr(written) => {
                    let part = self.expr(cx, written, None);
                    if self.has_secret(part.ty) {
                        ty = self.prim.secret;
                    }
                    if let TyKind::Fn(..) = self.kind(part.ty) {
                        self.error(
                            codes::MISMATCH,
                            part.span,
                            "a function cannot be shown in a text",
                            "",
                        );
                    }
                    parts.push(part);
                }
            }
        }
        Expr {
            kind: ExprKind::Interpolate(parts),
            ty,
            span: text.span,
        }
    }

    pub(super) fn list(&mut self, cx: &mut Cx, items: &[ast::Expr], want: Option<Ty>, span: Span) -> Expr {
        let wanted = want.map(|want| self.kind(self.core(want)).clone());
        let as_json = matches!(wanted, Some(TyKind::Json));
        let item_want = match wanted {
            Some(TyKind::List(item)) => Some(item),
            Some(TyKind::Json) => Some(self.prim.json),
            _ => None,
        };
        let values: Vec<Expr> = items.iter().map(|item| self.expr(cx, item, item_want)).collect();
        let (values, item) = self.unified(cx, values, item_want, "elements");
        let ty = if item == self.prim.error {
            item
        } else {
            self.list_of(item)
        };
        // Where a `json` is wanted, the list is one; where a `[json]` is, it is a list of them.
        if as_json {
