//! Calls in expressions: which of the functions, variants with fields, methods and built-ins is called. Generic
//! functions are in `generics`, functions as values in `function_values`, texts that are read at compile time in
//! `texts`. Calls to workers are no expressions; they are in `clauses`.

use flow_diagnostics::codes::{names as name_codes, types as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Arg, ExprKind as Ast};

use super::args::Callee;
use super::{Cx, Lower};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::{FnRef, Name, Param};
use crate::names::{Space, Symbol, nearest};
use crate::types::{Ty, TyKind, with_article};

impl Lower<'_> {
    pub(super) fn call(
        &mut self,
        cx: &mut Cx,
        callee: &ast::Expr,
        args: &[Arg],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        match &callee.unparen().kind {
            Ast::Error => self.wrong(span),
            Ast::Name(name) => self.named_call(cx, name, args, want, span),
            Ast::Field { base, name, optional } => {
                if let Ast::Name(owner) = &base.kind {
                    let hidden = cx.locals.iter().any(|bound| bound.local.name == owner.name);
                    if let (false, Some(ty)) = (hidden, self.enum_named(cx, owner)) {
                        return self.variant_call(cx, ty, name, args, span);
                    }
                }
                let receiver = self.expr(cx, base, None);
                if *optional {
                    return self.safely(cx, receiver, span, |lower, cx, there| {
                        lower.method(cx, there, name, args, None, span)
                    });
                }
                self.method(cx, receiver, name, args, want, span)
            }
            _ => {
                let value = self.expr(cx, callee, None);
                if value.ty != self.prim.error {
                    self.error(codes::NOT_CALLABLE, callee.span, "this cannot be called", "")
                        .help = Some("functions are called by name".into());
                }
                self.wrong(span)
            }
        }
    }

    fn named_call(
        &mut self,
        cx: &mut Cx,
        name: &ast::Ident,
        args: &[Arg],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        if let Some(found) = self.observed_call(cx, name, args, span) {
            return found;
        }
        if let Some(bound) = cx
            .locals
            .iter_mut()
            .rev()
            .find(|bound| bound.local.name == name.name)
        {
            bound.used = true;
            let (id, ty) = (bound.local.id, bound.local.ty);
            return self.local_call(cx, name, (id, ty), args, span);
        }
        if let Some(TyKind::Enum(decl)) = want.map(|want| self.kind(self.core(want)).clone())
            && decl.variants.iter().any(|(known, _)| *known == name.name)
        {
            let ty = want.map_or(self.prim.error, |want| self.core(want));
            return self.variant_call(cx, ty, name, args, span);
        }
        match name.name.as_str() {
            "hash" | "range" => return self.built_in_call(cx, name, args, span),
            "file" | "template" => return self.text_of_file(cx, name, args, span),
            _ => {}
        }
        match self.find(cx.module, Space::Callables, &name.name) {
            Some(Symbol::Unknown) => self.wrong(span),
            Some(Symbol::Fn(index)) => self.fn_call(cx, index, name, args, want, span),
            Some(Symbol::Worker(_) | Symbol::Flow(_)) => {
                let kind = if matches!(
                    self.find(cx.module, Space::Callables, &name.name),
                    Some(Symbol::Flow(_))
                ) {
                    ("flow", format!("in a subgraph: call {name}(…) as reply"))
                } else {
                    ("worker", format!("in a task: call {name}(…) as reply"))
                };
                self.error(
                    name_codes::WRONG_KIND,
                    name.span,
                    format!("`{name}` is a {}, and expressions call only functions", kind.0),
                    "",
                )
                .help = Some(kind.1);
                self.wrong(span)
            }
            _ => match self.variant_owner(cx, name) {
                Some(owner) if owner == self.prim.error => self.wrong(span),
                Some(owner) => self.variant_call(cx, owner, name, args, span),
                None => self.unknown_function(cx, name, args, span),
            },
        }
    }

    fn unknown_function(&mut self, cx: &mut Cx, name: &ast::Ident, args: &[Arg], span: Span) -> Expr {
        let scope = &self.names.scopes[cx.module];
        let known = scope
            .callables
            .keys()
            .chain(scope.variants.keys())
            .map(String::as_str);
        let near =
            nearest(&name.name, known.chain(["hash", "range", "file", "template"])).map(str::to_string);
        let mut diagnostic = Diagnostic::new(
            name_codes::UNKNOWN_CALLABLE,
            format!("there is no function `{name}`"),
        )
        .primary(name.span, "unknown");
        if let Some(near) = near {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            );
        } else if self.methods.contains_key(name.name.as_str()) {
            diagnostic = diagnostic.help(format!("`{name}` is a method: write `value.{name}(…)`"));
        } else if name.name == "now" {
            diagnostic = diagnostic.help("the time of the run is `run.now`");
        }
        self.report(diagnostic);
        for arg in args {
            if !matches!(arg.value.unparen().kind, Ast::Lambda { .. }) {
                self.expr(cx, &arg.value, Some(self.prim.error));
            }
        }
        self.wrong(span)
    }

    fn fn_call(
        &mut self,
        cx: &mut Cx,
        index: u32,
        name: &ast::Ident,
        args: &[Arg],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        let sig = self.fn_sig(index);
        cx.calls.insert(index);
        let callee = Callee {
            kind: "function",
            name: &name.name,
            declared: Some(sig.span),
            span,
        };
        if self.is_generic(index) {
            return self.generic_call(cx, index, args, want, &callee);
        }
        let args = self.args(cx, &sig.params, args, &callee);
        let values = args.into_iter().map(|(_, value)| value).collect();
        Expr {
            kind: ExprKind::Call(FnRef(index), values),
            ty: sig.result,
            span,
        }
    }

    fn local_call(
        &mut self,
        cx: &mut Cx,
        name: &ast::Ident,
        (id, ty): (crate::hir::expr::LocalId, Ty),
        args: &[Arg],
        span: Span,
    ) -> Expr {
        let TyKind::Fn(params, result) = self.kind(ty).clone() else {
            if ty != self.prim.error {
                let shown = self.show(ty);
                self.error(
                    codes::NOT_CALLABLE,
                    name.span,
                    format!(
                        "`{name}` is {shown_is}, not a function",
                        shown_is = with_article(&shown)
                    ),
                    "",
                );
            }
            return self.wrong(span);
        };
        let params: Vec<Param> = params
            .iter()
            .enumerate()
            .map(|(place, ty)| Param {
                name: Name {
                    text: format!("{}", place + 1),
                    span: name.span,
                },
                ty: *ty,
                default: None,
                doc: None,
            })
            .collect();
        let callee = Callee {
            kind: "function",
            name: &name.name,
            declared: None,
            span,
        };
        let args = self.args(cx, &params, args, &callee);
        Expr {
            kind: ExprKind::CallLocal(id, args.into_iter().map(|(_, value)| value).collect()),
            ty: result,
            span,
        }
    }
}
