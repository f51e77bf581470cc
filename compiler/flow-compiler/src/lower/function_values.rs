//! Functions as values: lambdas, names of functions, and parameters of function type, where a method or a parameter
//! takes one. Calls are in `calls` and `methods`.

use std::rc::Rc;

use flow_diagnostics::codes::types as codes;
use flow_grammar::ast::{self, ExprKind as Ast};

use super::methods::count;
use super::{Cx, Lower};
use crate::hir::FnRef;
use crate::hir::expr::{Expr, ExprKind, Local};
use crate::names::{Space, Symbol};
use crate::types::{Ty, TyKind};

/// A function that has a name: what it takes and gives, and its call.
struct Named {
    params: Vec<Ty>,
    result: Ty,
    call: Box<dyn FnOnce(Vec<Expr>) -> ExprKind>,
}

impl Lower<'_> {
    /// A function value: a lambda, a function's name, or a parameter of function type.
    pub(super) fn lambda(
        &mut self,
        cx: &mut Cx,
        written: &ast::Expr,
        params: &[Ty],
        want: Option<Ty>,
    ) -> Expr {
        let span = written.span;
        let Ast::Lambda { params: names, body } = &written.unparen().kind else {
            return self.named_function(cx, written, params, want);
        };
        if names.len() != params.len() {
            let help = match params.len() {
                1 => "write `x => …`",
                _ => "write `(a, b) => …`",
            };
            self.error(
                codes::LAMBDA,
                span,
                format!(
                    "this function gets {}, not {}",
                    count(params.len(), "value"),
                    names.len()
                ),
                "",
            )
            .help = Some(help.into());
            return self.wrong(span);
        }
        let mark = cx.mark();
        let locals = names
            .iter()
            .zip(params)
            .map(|(name, ty)| self.bind(cx, name, *ty, false))
            .collect();
        let mut body = self.expr(cx, body, want);
        if let Some(want) = want {
            body = self.fit(cx, body, want);
        }
        self.close(cx, mark);
        let ty = self.fn_of(params.to_vec(), body.ty);
        Expr {
            kind: ExprKind::Lambda(locals, Box::new(body)),
            ty,
            span,
        }
    }

    /// A function's name, or a parameter of function type, as a function value.
    fn named_function(&mut self, cx: &mut Cx, written: &ast::Expr, params: &[Ty], want: Option<Ty>) -> Expr {
        let span = written.span;
        let Ast::Name(name) = &written.unparen().kind else {
            return self.no_function(span);
        };
        let Some(named) = self.function_named(cx, name, params, want) else {
            let said = self.out.len();
            let value = self.expr(cx, written, None);
            if value.ty != self.prim.error && self.out.len() == said {
                self.no_function(span);
            }
            return self.wrong(span);
        };
        if named.params.len() != params.len() {
            let text = count(named.params.len(), "argument");
            self.error(
                codes::LAMBDA,
                span,
                format!("`{name}` takes {text}, and {} come here", params.len()),
                "",
            );
            return self.wrong(span);
        }
        let locals: Vec<Local> = params.iter().map(|ty| cx.fresh(*ty, span)).collect();
        let mut args = Vec::new();
        for (local, want) in locals.iter().zip(&named.params) {
            let value = Expr {
                kind: ExprKind::Local(local.id),
                ty: local.ty,
                span,
            };
            args.push(self.fit(cx, value, *want));
        }
        let mut body = Expr {
            kind: (named.call)(args),
            ty: named.result,
            span,
        };
        if let Some(want) = want {
            body = self.fit(cx, body, want);
        }
        let ty = self.fn_of(params.to_vec(), body.ty);
        Expr {
            kind: ExprKind::Lambda(locals, Box::new(body)),
            ty,
            span,
        }
    }

    fn function_named(
        &mut self,
        cx: &mut Cx,
        name: &ast::Ident,
        params: &[Ty],
        want: Option<Ty>,
    ) -> Option<Named> {
        let bound = cx
            .locals
            .iter_mut()
            .rev()
            .find(|bound| bound.local.name == name.name);
        if let Some(bound) = bound {
            bound.used = true;
            let (id, ty) = (bound.local.id, bound.local.ty);
            let TyKind::Fn(params, result) = self.kind(ty).clone() else {
                return None;
            };
            let call = Box::new(move |args| ExprKind::CallLocal(id, args));
            return Some(Named { params, result, call });
        }
        let Some(Symbol::Fn(index)) = self.find(cx.module, Space::Callables, &name.name) else {
            return None;
        };
        cx.calls.insert(index);
        let mut sig = self.fn_sig(index);
        let mut function = FnRef(index);
        if self.is_generic(index) && sig.params.len() == params.len() {
            let (instance, instance_sig) = self.instance_for(index, params, want, name.span)?;
            (function, sig) = (instance, Rc::clone(&instance_sig));
        }
        Some(Named {
            params: sig.params.iter().map(|param| param.ty).collect(),
            result: sig.result,
            call: Box::new(move |args| ExprKind::Call(function, args)),
        })
    }

    fn no_function(&mut self, span: flow_diagnostics::Span) -> Expr {
        self.error(codes::LAMBDA, span, "a function belongs here", "")
            .help = Some("write `x => …`".into());
        self.wrong(span)
    }
}
